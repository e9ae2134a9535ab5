"""Brute force to compare with, and the data on which float32 distances or indices fail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

HARD_CASES = (
    "gaussian", "offset", "clusters", "outlier", "one wide column", "repeated", "grid", "constant",
    "two values", "scale 1e-30", "scale 1e25", "nested clusters",
)  # fmt: skip


def make_case(name: str, n: int, d: int, dtype: type = np.float64) -> np.ndarray:
    rng = np.random.default_rng(len(name))
    base = rng.standard_normal((n, d))
    row = np.arange(n)[:, None]
    X = {
        "gaussian": lambda: base,
        "offset": lambda: base + 1e6,
        "clusters": lambda: 1e-6 * base + 1e3 * (row % 2),
        "outlier": lambda: np.where(row == n // 2, 1e6, base),
        "one wide column": lambda: base * np.r_[1e5, np.ones(d - 1)],
        "repeated": lambda: base[np.arange(n) // 30],
        "grid": lambda: np.rint(2 * base),
        "constant": lambda: np.full((n, d), 0.1),
        "two values": lambda: (base > 1.5) * 1.0,
        "scale 1e-30": lambda: base * 1e-30,
        "scale 1e25": lambda: base * 1e25,
        "nested clusters": lambda: 1e3 * (row % 2) + (row % 3) + 1e-5 * (row % 5) + 1e-9 * base,
    }[name]()
    return X.astype(dtype)


def brute_force(
    X: np.ndarray, k: int, points: np.ndarray | None = None, exclude: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Distances and rows by differences in float64, ordered by (distance, row)."""
    X = X.astype(np.float64)
    if points is None:
        points, exclude = X, np.arange(len(X))
    if exclude is None:
        exclude = np.full(len(points), -1)
    found = []
    for point, itself in zip(points.astype(np.float64), exclude, strict=True):
        gaps = X - point
        squared = np.einsum("ij,ij->i", gaps, gaps)
        if itself >= 0:
            squared[itself] = np.inf
        nearest = np.lexsort((np.arange(len(X)), squared))[:k]
        found.append((np.sqrt(squared[nearest]), nearest))
    return tuple(map(np.array, zip(*found, strict=True)))


@pytest.fixture(name="brute_force", scope="session")
def brute_force_fixture() -> Callable:
    return brute_force


@pytest.fixture(name="make_case", scope="session")
def make_case_fixture() -> Callable:
    return make_case


@pytest.fixture(params=HARD_CASES)
def case(request: pytest.FixtureRequest) -> str:
    """Name of a case for `make_case`."""
    return request.param
