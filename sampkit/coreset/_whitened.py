"""Whitened rows of any storage, and the k-d order of rows that a draw goes along."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.coreset._blocks import GRAM_BLOCK, Rows
from sampkit.coreset._spatial_order import spatial_order
from sampkit.coreset._whiten import basis_of

Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


def whitened_rows(rows: Rows, index: Index) -> npt.NDArray[Any]:
    """Some rows in the basis of all of them, in float32: enough to compare directions by."""
    basis = basis_of(rows)
    out = np.empty((len(index), basis.rank), dtype=np.float32)
    if len(index) < rows.n // 2:
        for start in range(0, len(index), GRAM_BLOCK):
            at = slice(start, start + GRAM_BLOCK)
            out[at] = basis.apply(rows.take(index[at]))
        return out
    wanted = np.zeros(rows.n, dtype=bool)
    wanted[index] = True
    place = 0
    for at, block in rows.blocks(GRAM_BLOCK, np.float64):
        some = wanted[at]
        if some.any():
            found = basis.apply(block[some])
            out[place : place + len(found)] = found
            place += len(found)
    return out


def row_order(rows: Rows, q: Vector, codes: Index | None) -> Index:
    """Permutation of all rows: those that a draw decides on along a k-d tree, class by class."""
    undecided = (q > 0) & (q < 1)
    groups = [np.flatnonzero(undecided)]
    if codes is not None:
        groups = [np.flatnonzero(undecided & (codes == k)) for k in range(int(codes.max()) + 1)]
    ordered = []
    for index in groups:
        if len(index) > 2 and basis_of(rows).rank:
            points = whitened_rows(rows, index)
            index = index[spatial_order(points, q[index], fold_signs=_sides(rows, points))]
        ordered.append(index)
    return np.concatenate([*ordered, np.flatnonzero(~undecided)])


def _sides(rows: Rows, points: npt.NDArray[Any]) -> bool | npt.NDArray[Any]:
    """The side of the least squares fit on which each row lies; True where there is no one target.

    ``BBᵀ`` is the inverse Gram matrix, whose column of y times a row is the residual of that.
    Turned to one side, rows next to each other pull a fit the same way: halves are cut apart only
    at residual 0, where nothing pulls.
    """
    if rows.n_targets != 1:
        return True
    of_target = basis_of(rows).B[-1]
    largest = np.abs(of_target).max()
    return True if largest == 0 else points @ (of_target / largest).astype(points.dtype)
