"""Rankings with ``decimals=5`` beside those of the published implementation, value by value.

`python -m benchmarks diversity_reference` needs that implementation, idiap/gme-sampler, as the
importable package ``gme``; without it, it only says so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import chdir
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from sampkit.diversity import GreedyMaximumEntropySampler

HOME = "https://github.com/idiap/gme-sampler"
COLUMNS = ["organism", "structure"]


def tables() -> Iterator[tuple[int, Any]]:
    """Small tables with repeated rows and ties."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        organism, structure = rng.zipf(1.5, 180) % 40, rng.zipf(1.4, 180) % 90
        yield (
            seed,
            pd.DataFrame(
                {
                    "doi": [f"d{i}" for i in rng.integers(45, size=180)],
                    "organism": [f"o{i}" for i in organism],
                    "structure": [f"s{i}" for i in structure],
                }
            ),
        )


def compared(frame: Any, selector: str, binarize: bool) -> tuple[bool, float, float]:
    """Whether full rankings and all entropies are equal, and both times."""
    from gme.gme import GreedyMaximumEntropySampler as Published

    silent = logging.getLogger("gme, not listened to")
    silent.setLevel(logging.CRITICAL + 1)
    began = perf_counter()
    with TemporaryDirectory() as elsewhere, chdir(elsewhere):  # it always opens a log file
        published = Published(selector=selector, binarised=binarize, logger=silent)
        theirs = published.sample(
            data=frame, N=frame["doi"].nunique(), item_column="doi", on_columns=COLUMNS
        )
    between = perf_counter()
    ours = GreedyMaximumEntropySampler(
        item="doi", on=COLUMNS, selector=selector, binarize=binarize, missing="category", decimals=5
    ).sample(frame)
    done = perf_counter()
    same = theirs["doi"].tolist() == ours["doi"].tolist() and np.array_equal(
        theirs[COLUMNS].to_numpy(float), ours[COLUMNS].to_numpy(float)
    )
    return same, between - began, done - between


def main(argv: Sequence[str] | None = None) -> None:
    """Print whether they are equal, table by table."""
    if find_spec("gme") is None:
        print(f"diversity_reference: the package gme is not installed, see {HOME}")
        return
    for seed, frame in tables():
        for selector in ("dutopia", "sum"):
            for binarize in (False, True):
                same, theirs, ours = compared(frame, selector, binarize)
                print(
                    f"table {seed}, {selector}, binarize={binarize}: "
                    f"{'equal' if same else 'DIFFERENT'}; {theirs:.2f} s against {ours:.4f} s"
                )
