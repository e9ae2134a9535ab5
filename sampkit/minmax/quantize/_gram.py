"""Quantizers that see the calibration rows only through their Gram matrix: GPTQ and its polish."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._chunks import chunks
from sampkit.minmax._gram import inverse_factor, rounded_in_turn

from ._grids import Codes, Grid

Floats = npt.NDArray[np.float64]

BLOCK = 128  # columns whose effect on the others is applied at once
MAX_PASSES = 60
CLOSER = 1 - 1e-9  # a move has to bring a weight closer to its minimiser by more than rounding


@dataclass(frozen=True)
class Gram:
    """``X' X`` with damping; inputs that are always 0 are `dead`.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        Damped: ``X' X + damp * mean(diag) * I``.
    dead : ndarray of bool of shape (n,)
        Inputs with a zero column; their diagonal is 1.
    """

    matrix: Floats
    dead: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, XtX: Floats, damp: float) -> Gram:
        """Damp the Gram matrix of some rows; the argument is not changed."""
        dead = np.diag(XtX) == 0
        matrix = XtX + np.diag(np.where(dead, 1.0, damp * np.diag(XtX).mean()))
        return cls(matrix, dead)

    def order(self, act_order: bool) -> npt.NDArray[np.intp]:
        """Inputs as they are, or those with the largest activations first."""
        if not act_order:
            return np.arange(len(self.matrix))
        return np.argsort(-np.diag(self.matrix), kind="stable")

    def inverse_factor(self, order: npt.NDArray[np.intp]) -> Floats:
        """Upper U with ``U' U`` the inverse of the permuted matrix."""
        try:
            return inverse_factor(self.matrix[np.ix_(order, order)])
        except np.linalg.LinAlgError:
            raise ValueError(
                "damp must be larger: the Gram matrix of the calibration rows is singular."
            ) from None

    @cached_property
    def leverage_root(self) -> Floats:
        """U with ``|x U'|^2 = x H^-1 x'`` for a row x."""
        return self.inverse_factor(np.arange(len(self.matrix)))


def nearest(W: Floats, grid: Grid, kept: npt.NDArray[np.bool_] | None = None) -> Codes:
    """Round to nearest (RTN), every weight by itself."""
    codes = grid.nearest_all(W)
    return codes if kept is None else np.where(kept, 0, codes).astype(np.uint8)


def gptq(
    W: Floats,
    grid: Grid,
    gram: Gram,
    act_order: bool = True,
    kept: npt.NDArray[np.bool_] | None = None,
) -> Codes:
    """Codes (k, n) by successive rounding with error feedback, all rows of W (k, n) at once.

    Frantar et al. 2022, which is Babai's nearest plane on the lattice of the Gram matrix. Weights
    that are `kept` make no error.
    """
    order = gram.order(act_order)
    U = gram.inverse_factor(order)

    def nearest(values: Floats, j: int) -> tuple[Codes, Floats]:
        code = grid.nearest(values, j)
        return code, grid.value(code, j)

    exempt = np.broadcast_to(gram.dead, W.shape)
    if kept is not None:
        exempt = exempt | kept
    codes = rounded_in_turn(U, order, W, nearest, exempt if exempt.any() else None)
    return codes if kept is None else np.where(kept, 0, codes).astype(np.uint8)


def coordinate_descent(
    W: Floats,
    codes: Codes,
    grid: Grid,
    gram: Gram,
    kept: npt.NDArray[np.bool_] | None = None,
) -> Codes:
    """Codes moved one weight at a time until no move lowers ``(w - q) H (w - q)'``.

    The gradient is kept for all rows together, so the cost does not depend on how many calibration
    rows there were.
    """
    H, diagonal = gram.matrix, np.diag(gram.matrix)
    codes = codes.copy()
    values = np.ascontiguousarray(grid.values(codes).T)
    target = np.ascontiguousarray(W.T)
    if kept is not None:
        values = np.where(kept.T, target, values)
    active = np.arange(W.shape[0])  # rows that moved in the last pass
    for _ in range(MAX_PASSES):
        moved = np.zeros(len(active), dtype=bool)
        some = _Rows(grid, active)
        now = values[:, active]
        error = now - target[:, active]
        gradient = H @ error
        for block in chunks(len(H), BLOCK):
            steps = np.zeros((block.stop - block.start, len(active)))
            inner = gradient[block]
            for i, j in enumerate(range(block.start, block.stop)):
                if gram.dead[j]:
                    continue
                aim = now[j] - inner[i] / diagonal[j]
                code = some.nearest(aim, j)
                new = some.value(code, j)
                better = np.abs(new - aim) < np.abs(now[j] - aim) * CLOSER
                if kept is not None:
                    better &= ~kept[active, j]
                if not better.any():
                    continue
                step = np.where(better, new - now[j], 0.0)
                now[j] += step
                codes[active[better], j] = code[better]
                steps[i] = step
                inner[i + 1 :] += H[i + 1 + block.start : block.stop, j, None] * step
                moved |= better
            if steps.any():
                gradient[block.stop :] += H[block.stop :, block] @ steps
        values[:, active] = now
        active = active[moved]
        if not len(active):
            break
    return codes


class _Rows:
    """Some rows of a grid."""

    def __init__(self, grid: Grid, rows: npt.NDArray[np.intp]) -> None:
        table = None if grid.table is None else grid.table[rows]
        self._grid = Grid(grid.base[rows], grid.step[rows], grid.group, grid.n_levels, table)

    def nearest(self, v: Any, j: int) -> Codes:
        return self._grid.nearest(v, j)

    def value(self, codes: Codes, j: int) -> Any:
        return self._grid.value(codes, j)
