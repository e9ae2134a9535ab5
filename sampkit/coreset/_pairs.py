"""Sums over the pairs of non-zeros of every sparse row: compiled where numba is, else in groups.

Both forms add the same products in the same order, so that their results are equal bit for bit.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._chunks import WORK_BYTES, chunks, rows_per_chunk

MANY_PAIRS = 5e6  # fewer are done in NumPy before a compiler has started
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[Any]


def pair_gram(data: Vector, indices: Index, indptr: Index, n_columns: int) -> Vector:
    """``XᵀX`` of CSR rows as a dense array."""
    loops = _loops_for(indptr)
    if loops is not None:
        return loops[0](data, indices, indptr, n_columns)
    X = sp.csr_array((data, indices, indptr), shape=(len(indptr) - 1, n_columns))
    return (X.T @ X).toarray()


def pair_scores(data: Vector, indices: Index, indptr: Index, precision: Vector) -> Vector:
    """``x_iᵀ P x_i`` of CSR rows."""
    loops = _loops_for(indptr)
    if loops is not None:
        return loops[1](data, indices, indptr, np.ascontiguousarray(precision))
    return grouped_scores(data, indices, indptr, precision)


def grouped_scores(data: Vector, indices: Index, indptr: Index, precision: Vector) -> Vector:
    """`pair_scores` in NumPy: rows with equally many non-zeros together."""
    lengths = np.diff(indptr)
    out = np.zeros(len(lengths))
    for size in np.unique(lengths[lengths > 0]).tolist():
        rows = np.flatnonzero(lengths == size)
        for at in chunks(len(rows), rows_per_chunk(8 * size * (size + 3), WORK_BYTES)):
            cells = indptr[rows[at], None] + np.arange(size)
            column, value = indices[cells], data[cells]
            block = precision[column[:, :, None], column[:, None, :]]
            inner = np.zeros((len(column), size))
            for k in range(size - 1):  # each pair of different non-zeros once
                inner[:, k + 1 :] += block[:, k + 1 :, k] * value[:, k, None]
            total = np.zeros(len(column))
            for j in range(size):
                total += value[:, j] * (inner[:, j] + 0.5 * block[:, j, j] * value[:, j])
            out[rows[at]] = 2.0 * total
    return out


def _loops_for(indptr: Index) -> tuple[Any, Any] | None:
    pairs = float((np.diff(indptr).astype(np.float64) ** 2).sum())
    return compiled() if pairs >= MANY_PAIRS else None


@cache
def compiled() -> tuple[Any, Any] | None:
    """The two loops compiled, or None without numba."""
    try:
        from numba import njit
    except ImportError:
        return None

    unsigned, one = np.uint64, np.uint64(1)  # signed indices would be tested for wrapping around

    def gram(data: Any, indices: Any, indptr: Any, n_columns: Any) -> Any:
        width = unsigned(n_columns)
        out = np.zeros(n_columns * n_columns)
        for i in range(len(indptr) - 1):
            first, last = unsigned(indptr[i]), unsigned(indptr[i + 1])
            for a in range(first, last):
                row, value = unsigned(indices[a]) * width, data[a]
                for b in range(first, a + one):
                    out[row + unsigned(indices[b])] += value * data[b]
        square = out.reshape(n_columns, n_columns)
        for j in range(n_columns):
            for k in range(j):
                square[k, j] = square[j, k]
        return square

    def scores(data: Any, indices: Any, indptr: Any, precision: Any) -> Any:
        width, flat = unsigned(precision.shape[0]), precision.ravel()
        out = np.zeros(len(indptr) - 1)
        for i in range(len(out)):
            first, last = unsigned(indptr[i]), unsigned(indptr[i + 1])
            total = 0.0
            for a in range(first, last):
                row, inner = unsigned(indices[a]) * width, 0.0
                for b in range(first, a):
                    inner += flat[row + unsigned(indices[b])] * data[b]
                diagonal = flat[row + unsigned(indices[a])]
                total += data[a] * (inner + 0.5 * diagonal * data[a])
            out[i] = 2.0 * total
        return out

    return njit(cache=False)(gram), njit(cache=False)(scores)
