"""Sparse engine: descent on a p-norm potential by single moves, column by column.

The potential is ``sum_k (v_k / scale)^p`` with the violations v of the rows (|r| in the standard
form), plus a prior on the level indices if there is one. A sweep screens all columns at once (the
exact change for one level up and one level down, gathered along the columns of a CSC matrix), then
walks the improving ones in order of their gain and evaluates each again on its own rows before it
is moved: what is accepted is exact, so the potential falls with every move.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from time import perf_counter
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._chunks import CACHE_BYTES, chunks

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

RELATIVE_GAIN = 1e-9  # of the potential: smaller ones are rounding
CHECK_EVERY = 512  # moves between two looks at the clock
HOPEFUL = 16  # one column in so many is screened again before the next full sweep


class Prior(Protocol):
    """A sum over groups of variables, of their level indices."""

    def value(self, index: Indices) -> float: ...
    def changes(self, index: Indices) -> tuple[Floats, Floats]: ...
    def change(self, index: list[int], j: int, step: int) -> float: ...


class SparseDescent:
    """State of the descent: level indices, residuals, and how a move changes the potential.

    Parameters
    ----------
    A : csc_array of shape (m, n)
        Matrix, weights folded in.
    residual : ndarray of shape (m,)
        ``A x - b`` at the start; copied.
    index : ndarray of shape (n,)
        Level indices at the start; copied.
    levels : ndarray of shape (L,) or (n, L)
        Ascending values; rows of a table end in NaN where a variable has fewer.
    frozen : ndarray of bool of shape (n,), optional
        Variables that keep their level.
    violation : callable, optional
        Residuals of some rows, and those rows, to violations >= 0; None takes ``|r|``.
    deadline : float
        On the clock of `perf_counter`; the descent stops there with what it has.
    """

    def __init__(
        self,
        A: sp.csc_array,
        residual: Floats,
        index: Indices,
        levels: Floats,
        *,
        frozen: npt.NDArray[np.bool_] | None = None,
        violation: Callable[[Floats, Any], Floats] | None = None,
        deadline: float = np.inf,
    ) -> None:
        self.A, self.violation, self.deadline = A, violation, deadline
        self.residual = np.array(residual, dtype=np.float64)
        self.index = np.array(index, dtype=np.int64)
        gaps = np.diff(np.atleast_2d(levels), axis=1)
        self.gaps = np.hstack([gaps, np.full((len(gaps), 1), np.nan)])  # NaN: no such level
        self.frozen = frozen
        self.n_accepted = self.n_verified = self.n_sweeps = 0

    @property
    def worst(self) -> float:
        """Largest violation."""
        return float(self._violations(self.residual, slice(None)).max())

    def _violations(self, residual: Floats, rows: Any) -> Floats:
        return np.abs(residual) if self.violation is None else self.violation(residual, rows)

    def _powers(self, residual: Floats, rows: Any, p: int, scale: float) -> Floats:
        """``(v / scale)^p`` of some rows, by squaring; the array given is used up."""
        z = residual if self.violation is None else self.violation(residual, rows)
        z *= 1 / scale
        while p > 1:
            z *= z
            p //= 2
        return z

    def steps(self) -> tuple[Floats, Floats]:
        """Distance to the next level up and to the next one down (negative); NaN where none is."""
        own = np.arange(len(self.index)) if len(self.gaps) > 1 else 0
        up, down = self.gaps[own, self.index], -self.gaps[own, self.index - 1]
        if self.frozen is not None:
            up, down = (np.where(self.frozen, np.nan, step) for step in (up, down))
        return up, down

    def descend(
        self,
        p: int,
        scale: float,
        prior: Prior | None = None,
        *,
        on_sweep: Callable[[float], bool] | None = None,
        max_sweeps: int = 1000,
    ) -> float:
        """Sweeps until a full one finds nothing; the potential that is left.

        Between two full sweeps those columns that came closest to a gain are screened alone until
        none of them moves. `on_sweep` gets the potential after every sweep, and stops the descent
        by returning True.
        """
        n = self.A.shape[1]
        columns, A, full = np.arange(n), self.A, True
        with np.errstate(over="ignore", invalid="ignore"):  # an infinite power is a rejected move
            row = self._powers(self.residual.copy(), slice(None), p, scale)
            total = float(row.sum()) + (prior.value(self.index) if prior else 0.0)
            for _ in range(max_sweeps):
                gains, direction = self.screen(A, columns, (p, scale), row, prior)
                least = RELATIVE_GAIN * total
                improving = np.flatnonzero(gains < -least)
                order = improving[np.argsort(gains[improving], kind="stable")]
                before = self.n_accepted
                moves = columns[order].tolist(), direction[order].tolist()
                self._walk(moves, (p, scale, least), row, prior)
                self.n_sweeps += 1
                moved = self.n_accepted > before
                if moved:
                    total = float(row.sum()) + (prior.value(self.index) if prior else 0.0)
                stop = on_sweep is not None and on_sweep(total)
                if stop or (full and not moved) or perf_counter() >= self.deadline:
                    break
                if full:  # go on with the hopeful
                    hopeful = max(n // HOPEFUL, 1)
                    columns = np.sort(np.argpartition(gains, hopeful - 1)[:hopeful])
                    A, full = self.A[:, columns], False
                elif not moved:
                    columns, A, full = np.arange(n), self.A, True
        return total

    def changes(self, p: int, scale: float, prior: Prior | None = None) -> Floats:
        """Smallest change of the potential by moving each variable one level; inf where none is."""
        with np.errstate(over="ignore", invalid="ignore"):
            row = self._powers(self.residual.copy(), slice(None), p, scale)
            every = np.arange(self.A.shape[1])
            return self.screen(self.A, every, (p, scale), row, prior)[0]

    def screen(
        self,
        A: sp.csc_array,
        columns: npt.NDArray[np.intp],
        potential: tuple[int, float],
        row: Floats,
        prior: Prior | None,
    ) -> tuple[Floats, npt.NDArray[np.int8]]:
        """Best change of the potential by one level, and its direction, for each of `columns`.

        `A` holds these columns, `row` the present powers of all rows.
        """
        best, direction = np.empty(len(columns)), np.empty(len(columns), dtype=np.int8)
        priors = prior.changes(self.index) if prior else None
        steps = [step[columns] for step in self.steps()]
        for piece in _column_pieces(A.indptr):
            pointers = A.indptr[piece.start : piece.stop + 1]
            span, counts = slice(pointers[0], pointers[-1]), np.diff(pointers)
            rows, a = A.indices[span], A.data[span]
            here, powers = self.residual[rows], _column_sums(row[rows], pointers)
            change = np.empty((2, len(counts)))
            for side, step in enumerate(steps):
                moved = np.repeat(step[piece], counts)
                moved *= a
                moved += here
                change[side] = _column_sums(self._powers(moved, rows, *potential), pointers)
                change[side] -= powers
                change[side][np.isnan(step[piece])] = np.inf
                if priors is not None:
                    change[side] += priors[side][columns[piece]]
            change[np.isnan(change)] = np.inf
            np.minimum(change[0], change[1], out=best[piece])
            direction[piece] = np.where(change[0] <= change[1], 1, -1)
        return best, direction

    def _walk(
        self,
        moves: tuple[list[int], list[int]],
        potential: tuple[int, float, float],
        row: Floats,
        prior: Prior | None,
    ) -> None:
        """Move these columns in these directions, in turn, where that still helps."""
        p, scale, least = potential
        A, residual, levels = self.A, self.residual, self.index.tolist()
        up, down = self.steps()
        try:
            for piece in chunks(len(moves[0]), CHECK_EVERY):
                for j, side in zip(moves[0][piece], moves[1][piece], strict=True):
                    span = slice(A.indptr[j], A.indptr[j + 1])
                    rows = A.indices[span]
                    new = A.data[span] * (up[j] if side > 0 else down[j])
                    new += residual[rows]
                    powers = self._powers(new.copy(), rows, p, scale)
                    gain = float((powers - row[rows]).sum())
                    if prior is not None:
                        gain += prior.change(levels, j, side)
                    if gain < -least:
                        levels[j] += side
                        residual[rows], row[rows] = new, powers
                        self.n_accepted += 1
                self.n_verified += piece.stop - piece.start
                if perf_counter() >= self.deadline:
                    break
        finally:  # an interrupt keeps what was reached
            self.index[:] = levels


def _column_pieces(pointers: npt.NDArray[Any]) -> list[slice]:
    """Slices of columns whose entries stay in the cache together."""
    most, n = CACHE_BYTES // 16, len(pointers) - 1
    cuts = [0]
    while cuts[-1] < n:
        end = int(np.searchsorted(pointers, pointers[cuts[-1]] + most, side="right")) - 1
        cuts.append(min(max(end, cuts[-1] + 1), n))
    return [slice(a, b) for a, b in pairwise(cuts)]


def _column_sums(values: Floats, pointers: npt.NDArray[Any]) -> Floats:
    """Sums over consecutive segments; `reduceat` would give an empty one its neighbour's value."""
    starts, filled = pointers[:-1] - pointers[0], np.diff(pointers) > 0
    sums = np.zeros(len(starts))
    if filled.any():
        sums[filled] = np.add.reduceat(values, starts[filled])
    return sums
