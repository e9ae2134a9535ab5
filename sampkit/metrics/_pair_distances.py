"""Squared distances between all rows of two samples, a block at a time.

One GEMM gives a block as ``|a|^2 - 2 ab + |b|^2``.  What that form loses are pairs that lie much
closer to each other than to the origin; these few are computed again from their difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from sampkit._chunks import WORK_BYTES, chunks

FloatArray = npt.NDArray[np.float64]

FEW_COLUMNS = 16  # up to here differences cost no more than a GEMM and its repairs
LOST = 1e-5  # below this share of |a|^2 + |b|^2 a distance has lost five of its sixteen digits
SIDE = int((WORK_BYTES // 2 // 8) ** 0.5)  # of a square block


class Block(NamedTuple):
    """Squared distances between some rows of A and some of B."""

    rows: slice
    columns: slice
    squares: FloatArray


def blocks(A: FloatArray, B: FloatArray | None = None) -> Iterator[Block]:
    """All pairs of rows; within one sample (B None) those on and above the diagonal of blocks.

    Time O(n m d), memory of a block. A block on the diagonal is whole and has zeros there.
    """
    within = B is None
    shift = A.mean(axis=0)
    A = A - shift
    B = A if B is None else B - shift
    near = A.shape[1] > FEW_COLUMNS
    norms_a = np.einsum("ij,ij->i", A, A) if near else None
    norms_b = np.einsum("ij,ij->i", B, B) if near else None
    for rows in chunks(len(A), SIDE):
        for columns in chunks(len(B), SIDE):
            if within and columns.start < rows.start:
                continue
            if norms_a is None or norms_b is None:
                squares = cdist(A[rows], B[columns], "sqeuclidean")
            else:
                squares = _by_gemm(A[rows], B[columns], norms_a[rows], norms_b[columns])
            if within and columns == rows:
                np.fill_diagonal(squares, 0.0)
            yield Block(rows, columns, squares)


def _by_gemm(A: FloatArray, B: FloatArray, norms_a: FloatArray, norms_b: FloatArray) -> FloatArray:
    scale = norms_a[:, None] + norms_b
    squares = A @ B.T
    squares *= -2
    squares += scale
    scale *= LOST
    i, j = np.nonzero(squares <= scale)
    for part in chunks(len(i), max(WORK_BYTES // 8 // A.shape[1], 1)):
        difference = A[i[part]] - B[j[part]]
        squares[i[part], j[part]] = np.einsum("ij,ij->i", difference, difference)
    return squares


def sum_over_pairs(
    A: FloatArray, B: FloatArray | None, function: Callable[[FloatArray], FloatArray]
) -> float:
    """Sum of ``function(squared distance)`` over all ordered pairs of different places.

    Within one sample a row is not paired with itself, and every other pair counts twice.
    """
    total = 0.0
    for rows, columns, squares in blocks(A, B):
        values = function(squares)
        if B is not None:
            total += float(values.sum())
        elif rows == columns:
            total += float(values.sum() - np.trace(values))
        else:
            total += 2.0 * float(values.sum())
    return total
