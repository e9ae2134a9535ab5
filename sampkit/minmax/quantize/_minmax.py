"""Codes with a small worst output: the dense engine on the calibration rows themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._chunks import CALL_BYTES, chunks
from sampkit.minmax._descend import Columns, Descent
from sampkit.minmax._levels import Levels
from sampkit.minmax._polish import (
    Counters,
    best_move,
    largest_cost,
    steps_of,
    unit_moves,
    worst_rows,
)
from sampkit.minmax._rows import Rows
from sampkit.minmax._steps import Steps, steps_on

from ._grids import Codes, Grid

Floats = npt.NDArray[Any]
DTYPE = np.float32

SCHEDULE = (4, 8, 16, 32)
VERIFIED = 2000  # moves at most, for one step of the polish
PASSES = 6  # for one p below 32: what later ones add is lost on other rows
BUFFERS = 6  # arrays of the size of the residuals that a descent holds


def schedule_of(p: int | None) -> tuple[int, ...]:
    """The powers up to p; all of them for None, none for 2."""
    return SCHEDULE if p is None else tuple(q for q in (*SCHEDULE, 64, 128) if q <= p)


class RowProblem:
    """Rows of weights on shared calibration rows.

    Parameters
    ----------
    X : ndarray of shape (m, n)
        Calibration rows.
    D : ndarray of shape (m, k) or None
        What the outputs of the real weights lack to the targets.
    W : ndarray of shape (k, n)
        Real weights.
    grid : Grid
        Of their rows.
    kept : ndarray of bool of shape (k, n) or None
        Weights that stay.
    """

    def __init__(
        self,
        X: Floats,
        D: Floats | None,
        W: Floats,
        grid: Grid,
        kept: npt.NDArray[np.bool_] | None,
    ) -> None:
        self.columns = Columns.of(np, X, DTYPE)
        self.D = None if D is None else np.ascontiguousarray(D.T, dtype=DTYPE)
        self.W, self.grid, self.kept = W, grid, kept
        m = X.shape[0]
        fits = int(CALL_BYTES // (BUFFERS * 4 * m))
        self.batch = max(min(fits, X.shape[1] // 3), 16)  # no more memory than A itself takes

    def descend(
        self,
        starts: list[Codes],
        p: int | None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Codes:
        """The best of the descents from some codes (k, n), row by row.

        Best is the smallest ``sum |r|^p`` where the descents ended, for ``p=None`` the smallest
        maximum on their way.
        """
        k = len(self.W)
        result = starts[0].copy()
        for rows in chunks(k, max(self.batch // len(starts), 1)):
            target = np.tile(np.arange(rows.start, rows.stop), len(starts))
            index = np.concatenate([codes[rows] for codes in starts]).astype(np.int32)
            best, cost = self._batch(index, target, p, stop)
            ranked = cost.reshape(len(starts), -1).argmin(axis=0)
            chosen = best.reshape(len(starts), -1, best.shape[1])
            result[rows] = chosen[ranked, np.arange(len(ranked))]
            if stop():
                break
        return result

    def _batch(
        self,
        index: npt.NDArray[Any],
        target: npt.NDArray[np.intp],
        p: int | None,
        stop: Callable[[], bool],
    ) -> tuple[npt.NDArray[Any], Floats]:
        def residual(of_states: npt.NDArray[Any], states: npt.NDArray[np.intp]) -> Floats:
            return self._residual(of_states, target[states])

        engine = Descent(np, self.columns, Rows(), residual)
        if p is not None:
            engine = replace(engine, last=True, passes=PASSES)
        found, cost = engine.descend(index, self._steps(target), schedule_of(p), Counters(), stop)
        if p is not None:
            R = np.abs(self._residual(found, target))
            top = R.max(axis=1, keepdims=True)
            powers = np.divide(R, top, out=np.zeros_like(R), where=top > 0) ** p
            cost = np.log(np.maximum(powers.sum(axis=1), 1e-30)) + p * np.log(
                np.maximum(top[:, 0], 1e-30)
            )
        return found, cost

    def _error(self, codes: npt.NDArray[Any], rows: npt.NDArray[np.intp]) -> Floats:
        grid = self._grid(rows)
        error = grid.values(codes) - self.W[rows]
        return error if self.kept is None else np.where(self.kept[rows], 0.0, error)

    def _grid(self, rows: npt.NDArray[np.intp]) -> Grid:
        grid = self.grid
        table = None if grid.table is None else grid.table[rows]
        return Grid(grid.base[rows], grid.step[rows], grid.group, grid.n_levels, table)

    def _steps(self, target: npt.NDArray[np.intp]) -> Steps:
        n, grid = self.W.shape[1], self._grid(target)
        if grid.table is not None:
            counts = np.full((len(target), 1), grid.table.shape[1], dtype=np.int64)
            levels = Levels(grid.table[:, None, :], counts, n)
            frozen = None if self.kept is None else self.kept[target]
            return steps_on(np, levels, frozen, np.arange(len(target)), DTYPE)
        shape = (len(target), n)
        step = np.broadcast_to(grid.spread(grid.step, n), shape).astype(DTYPE)
        top = np.where(step > 0, np.int32(grid.n_levels - 1), np.int32(0))
        if self.kept is not None:
            top = np.where(self.kept[target], np.int32(0), top)
        return Steps(top, even=step)

    def polish(
        self, codes: Codes, stop: Callable[[], bool] = lambda: False, worst_rows_kept: int = 64
    ) -> Codes:
        """Steepest descent on the maximum itself over single moves and pairs, row by row."""
        result = codes.copy()
        rows_cost = Rows()
        for i in range(len(codes)):
            one = np.array([i])
            index = codes[i].astype(np.int64)
            levels, counts = self._level_table(i)
            r = self._residual(index[None], one)[0]
            while r.any() and not stop():
                up, down = (self._movable(i, d) for d in steps_of(levels, counts, index))
                moves = unit_moves(self.columns.AT, up, down)
                worst = worst_rows(r, rows_cost, worst_rows_kept)
                cost = largest_cost(r, rows_cost, worst)
                found = best_move(r, moves, worst, cost, Counters(), cap=VERIFIED)
                if found is None:
                    break
                for move in (found.i, found.j):
                    index[moves.source[move]] += moves.sign[move]
                r = self._residual(index[None], one)[0]
            result[i] = index
            if stop():
                break
        return result

    def _residual(self, index: npt.NDArray[Any], target: npt.NDArray[np.intp]) -> Floats:
        R = self._error(index, target).astype(DTYPE) @ self.columns.AT
        if self.D is not None:
            R -= self.D[target]
        return np.asarray(R)

    def _movable(self, i: int, distance: Floats) -> Floats:
        return distance if self.kept is None else np.where(self.kept[i], 0.0, distance)

    def _level_table(self, i: int) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Values (n or 1, L), NaN behind the last one, and their counts."""
        levels = self.grid.levels(slice(i, i + 1), self.W.shape[1])[0]
        return levels, (~np.isnan(levels)).sum(axis=1)
