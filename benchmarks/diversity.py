"""Greedy maximum entropy against re-evaluating every item from a dense vector in every step.

The naive peers pool counts, add an item's to a dense copy and compute both entropies from it, with
``scipy.stats.entropy`` as the published implementation does, or with the shortest NumPy formula.
Their cost is the same in every step, so they are timed on some of a ranking's evaluations, at the
selection that greedy has after half of its picks, and scaled to all of them.

Tables are synthetic, of the shape of a literature database: documents with up to 20 relations, each
between one of many structures and one of fewer organisms, whose frequencies fall as in Zipf's law.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.stats import entropy as scipy_entropy

from benchmarks._measure import Case
from sampkit.diversity import (
    GreedyMaximumEntropySampler,
    greedy_max_entropy,
    greedy_max_entropy_sharded,
)

PICKS = 500
EVALUATIONS = 2000  # that a naive peer is timed on


def literature(n_items: int, seed: int = 0) -> list[sp.csr_array]:
    """Counts of organisms and of structures in documents.

    4.4 to 4.5 relations a document: about 8.8k rows for 2,000 items, 90k for 20,000, 583k for
    130,000; about a fifth as many organisms and nine tenths as many structures as documents.
    """
    rng = np.random.default_rng(seed)
    relations = np.minimum(rng.geometric(0.22, size=n_items), 20)
    item = np.repeat(np.arange(n_items), relations)
    found = []
    for share, exponent in ((0.24, 0.9), (1.55, 0.8)):
        universe = int(share * n_items)
        weights = np.arange(1, universe + 1) ** -exponent
        category = rng.choice(universe, size=len(item), p=weights / weights.sum())
        ones = np.ones(len(item), dtype=np.int64)
        matrix = sp.csr_array((ones, (item, category)), shape=(n_items, universe))
        matrix = matrix[:, np.unique(category)]
        matrix.sum_duplicates()
        found.append(matrix)
    return found


def by_scipy(counts: np.ndarray) -> float:
    """Entropy in nats as the published implementation computes it."""
    return float(scipy_entropy(counts))


def by_numpy(counts: np.ndarray) -> float:
    """Entropy in nats by the shortest formula."""
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum())


def naive(
    counts: list[Any], entropy: Callable[[np.ndarray], float], n_items: int
) -> tuple[Callable[[], int], float]:
    """A share of a naive ranking's evaluations, and how large a share that is."""
    n = counts[0].shape[0]
    picked = greedy_max_entropy(counts, PICKS // 2)[0]
    pooled = [np.asarray(c[picked].sum(axis=0)).ravel().astype(float) for c in counts]
    rest = np.setdiff1d(np.arange(n), picked)[:n_items]
    rows = [[(c[[d]].indices, c[[d]].data) for c in counts] for d in rest]
    utopia = [np.log(c.shape[1]) for c in counts]

    def step() -> int:
        best, winner = np.inf, -1
        for d, own in enumerate(rows):
            distance = 0.0
            for base, (categories, m), u in zip(pooled, own, utopia, strict=True):
                dense = base.copy()
                dense[categories] += m
                distance += (u - entropy(dense)) ** 2
            if distance < best:
                best, winner = distance, d
        return winner

    evaluations = PICKS * n - PICKS * (PICKS - 1) // 2
    return step, len(rows) / evaluations


def against_naive() -> list[Case]:
    """500 picks, end to end from the sparse counts."""
    cases = []
    for n, target in ((2000, 1000), (20_000, 5000)):
        counts = literature(n)
        for name, entropy, wanted in (
            ("dense, scipy.stats.entropy", by_scipy, target),
            ("dense, NumPy formula", by_numpy, None),
        ):
            step, share = naive(counts, entropy, EVALUATIONS)
            cases.append(
                Case(
                    f"{n} items, {PICKS} picks, numpy engine",
                    lambda counts=counts: greedy_max_entropy(counts, PICKS, engine="numpy"),  # type: ignore[misc]
                    step,
                    f"{name}, {EVALUATIONS} evaluations scaled",
                    wanted,
                    peer_share=share,
                )
            )
    return cases


def growth(engine: str, picks: int | None, sizes: tuple[int, ...]) -> list[Case]:
    """The same request for more and more items."""
    what = "full ranking" if picks is None else f"{picks} picks"
    cases = []
    for n in sizes:
        counts = literature(n)
        cases.append(
            Case(
                f"{n} items, {what}, {engine} engine",
                lambda counts=counts: greedy_max_entropy(counts, picks, engine=engine),  # type: ignore[misc]
                rounds=3 if n < 100_000 else 1,
                size=n,
            )
        )
    return cases


def table(n_items: int) -> Any:
    """The same data as rows of a data frame."""
    import pandas as pd

    counts = literature(n_items)
    columns = {}
    for name, matrix in zip(("organism", "structure"), counts, strict=True):
        cells = matrix.tocoo()
        order = np.argsort(np.repeat(cells.row, cells.data), kind="stable")
        columns[name] = np.repeat(cells.col, cells.data)[order]
        columns["doi"] = np.repeat(cells.row, cells.data)[order]
    frame = pd.DataFrame(columns)
    return frame.assign(doi="10.1/" + frame["doi"].astype(str))


def others() -> list[Case]:
    """Tables, other options and shards."""
    counts = literature(20_000)
    frame = table(130_000)
    shards = [[c[i::4] for c in counts] for i in range(4)]
    sampler = GreedyMaximumEntropySampler(PICKS, item="doi")
    calls: dict[str, Callable[[], Any]] = {
        "130000 items, 583k rows of a frame, 500 picks": lambda: sampler.fit_resample(frame),
        "20000 items, 500 picks, sum": lambda: greedy_max_entropy(counts, PICKS, selector="sum"),
        "20000 items, 500 picks, order 2": lambda: greedy_max_entropy(counts, PICKS, order=2),
        "20000 items, 500 picks, candidates=1000": lambda: greedy_max_entropy(
            counts, PICKS, candidates=1000, random_state=0
        ),
        "20000 items, 4 shards here, exact": lambda: greedy_max_entropy_sharded(shards, PICKS),
        "20000 items, 4 shards here, two-round": lambda: greedy_max_entropy_sharded(
            shards, PICKS, method="two-round"
        ),
    }
    return [Case(name, call, rounds=3) for name, call in calls.items()]


def cases() -> dict[str, list[Case]]:
    """Tables of this family."""
    found = {
        "500 picks against naive re-evaluation": against_naive(),
        "Growth of 500 picks": growth("numpy", PICKS, (2000, 20_000, 130_000)),
        "Growth of full rankings, numpy engine": growth("numpy", None, (2000, 20_000)),
    }
    if find_spec("numba") is not None:
        found["Growth of full rankings, numba engine"] = growth(
            "numba", None, (2000, 20_000, 130_000)
        )
    return found | {"Other requests": others()}
