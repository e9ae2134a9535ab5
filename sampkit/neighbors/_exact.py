"""What a neighbour search answers with: distances by differences, ties broken by row number.

Every engine ends here, so an answer does not depend on the engine, its blocks or its threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._chunks import CACHE_BYTES, chunks, rows_per_chunk

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

UNIT = 2.0**-53  # unit roundoff of float64


@dataclass(frozen=True)
class Queries:
    """Rows to find neighbours for: ``points[rows]`` (all of them for ``rows=None``).

    ``exclude[i]`` is the row of X that query i must not get, -1 for none.
    """

    points: Any
    rows: Index | None
    exclude: Index

    def __len__(self) -> int:
        return len(self.exclude)

    def __getitem__(self, at: slice | Index) -> Any:
        return self.points[at] if self.rows is None else self.points[self.rows[at]]

    def subset(self, at: Index) -> Queries:
        """The queries numbered `at`."""
        rows = at if self.rows is None else self.rows[at]
        return Queries(self.points, rows, self.exclude[at])


@dataclass(frozen=True)
class Answer:
    """The k best rows found for every query, and whether they are certain to be the right ones.

    ``squared`` holds squared distances, ascending; where `certain` is False its last column is
    still an upper bound, since k real rows are at most that far.
    """

    index: Index
    squared: Floats
    certain: npt.NDArray[np.bool_]

    @classmethod
    def empty(cls, n_queries: int, k: int) -> Answer:
        """Room for the answers to `n_queries` queries."""
        return cls(
            np.empty((n_queries, k), dtype=np.intp),
            np.empty((n_queries, k)),
            np.zeros(n_queries, dtype=np.bool_),
        )


def squared_distances(X: Any, index: Index, points: Any) -> Floats:
    """Squared distances (q, c) of ``points[i]`` to ``X[index[i]]``, by differences in float64.

    Both are dense or both CSR. The figure for a pair does not depend on the pairs beside it.
    """
    q, c = index.shape
    out = np.empty((q, c))
    for at in chunks(q, rows_per_chunk(c * _row_bytes(X), CACHE_BYTES)):
        if sp.issparse(X):
            gaps = X[index[at].ravel()] - points[np.repeat(np.arange(q)[at], c)]
            out[at] = squared_norms(gaps).reshape(-1, c)
        else:
            rows = X.take(index[at].ravel(), axis=0).reshape(-1, c, X.shape[1])
            gaps = np.subtract(rows, points[at, None, :], dtype=np.float64)
            out[at] = squared_norms(gaps.reshape(-1, X.shape[1])).reshape(-1, c)
    return out


def squared_norms(rows: Any) -> Floats:
    """Sums of squares of float64 rows, dense or CSR."""
    if sp.issparse(rows):
        squares = sp.csr_array((rows.data**2, rows.indices, rows.indptr), shape=rows.shape)
        return squares @ np.ones(rows.shape[1])
    return np.einsum("ij,ij->i", rows, rows)


def row_hashes(X: Any) -> npt.NDArray[np.uint64]:
    """A number for every row, the same for equal rows, dense or CSR."""
    odd = np.random.default_rng(0).integers(2**63, size=X.shape[1], dtype=np.uint64) * 2 + 1
    out = np.zeros(X.shape[0], dtype=np.uint64)
    if sp.issparse(X):
        stored = np.flatnonzero(np.diff(X.indptr))
        if len(stored):
            out[stored] = np.add.reduceat(_bits(X.data) * odd[X.indices], X.indptr[stored])
        return out
    for at in chunks(len(X), rows_per_chunk(24 * X.shape[1])):
        out[at] = _bits(X[at]) @ odd
    return out


def _bits(values: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    bits = (values.astype(np.float64) + 0.0).view(np.uint64)  # + 0.0: -0 equals 0
    return bits ^ (bits >> np.uint64(29))


def _row_bytes(X: Any) -> float:
    return 24 * X.nnz / X.shape[0] + 24 if sp.issparse(X) else 8 * X.shape[1]


def first_k(index: Index, squared: Floats, k: int) -> tuple[Index, Floats]:
    """The k nearest of every row's candidates, ordered by (distance, row number)."""
    order = np.lexsort((index, squared), axis=-1)[:, :k]
    return np.take_along_axis(index, order, axis=1), np.take_along_axis(squared, order, axis=1)


def radius_of(squared: Floats, d: int) -> Floats:
    """Raise squared distances by what rounding can have taken from those that compare equal."""
    return squared * (1.0 + 8 * (d + 8) * UNIT)


def mask_excluded(scores: npt.NDArray[Any], exclude: Index, rows: slice) -> None:
    """Take the excluded rows out of a block *before* anything is selected from it."""
    if exclude.max() < rows.start or exclude.min() >= rows.stop:
        return
    here = np.flatnonzero((exclude >= rows.start) & (exclude < rows.stop))
    scores[here, exclude[here] - rows.start] = -np.inf


def settle(answer: Answer, at: Any, X: Any, points: Any, index: Index, barred: Any) -> None:
    """Rank candidates by their exact distances and write the k nearest into the answer.

    `barred` marks the candidates (q, c) that do not count; k of each query must be left.
    """
    squared = squared_distances(X, index, points)
    squared[barred] = np.inf
    k = answer.index.shape[1]
    answer.index[at], answer.squared[at] = first_k(index, squared, k)
