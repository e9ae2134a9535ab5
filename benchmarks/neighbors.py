"""The exact neighbour search against scikit-learn's, self excluded by both."""

from __future__ import annotations

from typing import Any

import sklearn
from sklearn.neighbors import NearestNeighbors

from benchmarks._measure import Case
from benchmarks.over_sampling import rows
from sampkit.neighbors import knn

PEER = f"NearestNeighbors {sklearn.__version__}"


def case(n: int, d: int, target: float) -> Case:
    """Five neighbours of every one of n rows."""
    X, _ = rows(n, 1, d)

    def theirs() -> Any:
        return NearestNeighbors(n_neighbors=5).fit(X).kneighbors(return_distance=False)

    return Case(f"5 nearest, {n} x {d}", lambda: knn(X, 5), theirs, PEER, target)


def cases() -> dict[str, list[Case]]:
    """Tables of this family."""
    return {"Speed": [case(20_000, 30, 1.6), case(20_000, 15, 6)]}
