"""Steepest descent on the objective for a batch of states in step, where the arrays are.

What `sampkit.minmax._polish` does for one state on the host, for a device: the same moves (a level
in one variable or in two), the same exact filter, the same choice. Of each step the host learns how
many pairs survive, how many states still move, and whether another wave of pairs must be verified.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sampkit._chunks import chunks, rows_per_chunk
from sampkit.minmax._kernels import memory_budget, pair_filter, try_pairs
from sampkit.minmax._polish import IMPROVED, Counters
from sampkit.minmax._rows import Rows
from sampkit.minmax._steps import Steps

WAVE = 64  # pairs of a state that are verified together
GROUPS = 4  # times the rows wanted: of so many groups of rows the worst are compared
MOST_STATES = 65535  # layers of a grid of blocks
BUFFERS = 4  # arrays of the size of the residuals that a step holds


@dataclass
class _Best:
    """The best pair verified so far, of every state."""

    cost: Any
    squares: Any
    pair: tuple[Any, Any]  # numbers (states,) of the moves


class BatchPolish:
    """Polish of a batch of states.

    Moves of a state have numbers: variable j goes up by number j, down by number n + 1 + j; number
    n does not exist and 2 n + 1 does nothing. So the two of a variable are n + 1 apart, and no
    others are that are wanted.

    Parameters
    ----------
    xp : module
        Namespace of all arrays.
    AT : array of shape (n, m)
        Columns of A.
    rows : Rows
        Without a free intercept.
    counters : Counters
        Added to.
    count : int
        Worst rows that moves are tried on first.
    cap : int
        Pairs of a state that are verified at most in one step.
    """

    def __init__(
        self, xp: Any, AT: Any, rows: Rows, counters: Counters, count: int = 64, cap: int = 2000
    ):
        self.xp, self.AT, self.rows, self.counters = xp, AT, rows, counters
        self.count, self.cap = min(count, AT.shape[1]), cap
        self.bounds = None if rows.plain else (rows.high, -rows.low)

    def polish(
        self,
        index: Any,
        residuals: Callable[[slice], Any],
        steps: Callable[[slice], Steps],
        stop: Callable[[], bool] = lambda: False,
    ) -> Any:
        """Index (states, n) where no move improves.

        Parameters
        ----------
        index : integer array of shape (states, n)
            Where to start.
        residuals : callable
            ``residuals(some)`` -> (len(some), m): those of some of the states at the start.
        steps : callable
            ``steps(some)`` -> Steps of some of the states.
        stop : callable
            Asked before every step.
        """
        n, m = self.AT.shape
        moves = 2 * n + 2
        row_bytes = (2 * moves * self.count + BUFFERS * m) * self.AT.dtype.itemsize
        size = min(rows_per_chunk(row_bytes, memory_budget(self.xp)), MOST_STATES)
        parts = [
            self._polished(index[some], residuals(some), steps(some), stop)
            for some in chunks(index.shape[0], size)
        ]
        return parts[0] if len(parts) == 1 else self.xp.concatenate(parts)

    def _polished(self, index: Any, R: Any, steps: Steps, stop: Callable[[], bool]) -> Any:
        xp = self.xp
        everything = index.copy()
        left = xp.arange(index.shape[0])
        while left.shape[0] and not stop():
            moved, index, R = self._step(index, R, steps)
            self.counters.accepted += moved.shape[0]
            if moved.shape[0] < left.shape[0]:
                left, steps = left.take(moved), steps.of_states(moved)
                index, R = index.take(moved, axis=0), R.take(moved, axis=0)
            everything[left] = index
        return everything

    def _step(self, index: Any, R: Any, steps: Steps) -> tuple[Any, Any, Any]:
        """Which states moved, and all states after it."""
        xp, n = self.xp, index.shape[1]
        violation = self.rows.violation(R)
        t = violation.max(axis=1)
        changes = self._changes(index, steps, R.dtype)
        worst = self._worst(violation)
        pairs = self._pairs(R, worst, changes, t)
        best = self._verified(R, changes, t, *pairs)
        improved = best.cost < t * IMPROVED
        for number in best.pair:
            number = xp.where(improved, number, 2 * n + 1)
            step, variable, sign = self._move(changes, number)
            R = R + self.AT.take(variable, axis=0) * step[:, None]
            index = index + xp.where(xp.arange(n) == variable[:, None], sign[:, None], 0)
        return xp.flatnonzero(improved), index, R

    def _changes(self, index: Any, steps: Steps, dtype: Any) -> Any:
        """By how much each move (states, 2 n + 2) changes its variable; NaN where it cannot."""
        xp = self.xp
        up, down = steps.of_block(xp, index, slice(0, index.shape[1]))
        none = xp.full_like(up[:, :1], np.nan, dtype=dtype)
        up, down = xp.where(up > 0, up, np.nan), xp.where(down > 0, -down, np.nan)
        return xp.concatenate([up, none, down, xp.zeros_like(none)], axis=1).astype(dtype)

    def _move(self, changes: Any, number: Any) -> tuple[Any, Any, Any]:
        """Change, variable and sign of the moves `number` (states, ...) of every state."""
        xp, n = self.xp, self.AT.shape[0]
        flat = number.reshape(number.shape[0], -1)
        step = xp.take_along_axis(changes, flat, axis=1).reshape(number.shape)
        variable = xp.where(number <= n, number, number - n - 1) % n
        sign = xp.where(number == 2 * n + 1, 0, xp.where(number < n, 1, -1))
        return step, variable, sign

    def _worst(self, violation: Any) -> Any:
        """Rows (states, count) of large violation, the largest first.

        Not the worst of all, which takes a sort: the worst of groups of rows. Which rows they are
        matters to the speed of the filter, never to its truth.
        """
        xp, (states, m) = self.xp, violation.shape
        groups = min(GROUPS * self.count, m)
        depth = m // groups
        # the last rows belong to no group, unless the groups are single rows
        table = violation[:, : depth * groups].reshape(states, depth, groups)
        row = table.argmax(axis=1) * groups + xp.arange(groups)
        order = (-xp.take_along_axis(violation, row, axis=1)).argsort(axis=1)
        return xp.take_along_axis(row, order[:, : self.count], axis=1)

    def _pairs(self, R: Any, worst: Any, changes: Any, t: Any) -> tuple[Any, Any, Any, Any]:
        xp, (states, count) = self.xp, worst.shape
        n = self.AT.shape[0]
        columns = self.AT.take(worst.ravel(), axis=1).reshape(n, states, count)
        columns = columns.transpose(1, 0, 2)
        none = xp.zeros_like(columns[:, :1])
        both = xp.concatenate([columns, none, columns, none], axis=1)
        DK = both * changes[:, :, None]
        RK = xp.take_along_axis(R, worst, axis=1)
        bounds = self.bounds and tuple(
            side.take(worst.ravel()).reshape(worst.shape) for side in self.bounds
        )
        pairs = pair_filter(xp, RK, DK, t, apart=n + 1, bounds=bounds)
        self.counters.pruned += states * (2 * n + 1) * n - pairs[0].shape[0]
        return pairs

    def _verified(
        self, R: Any, changes: Any, t: Any, state: Any, i: Any, j: Any, bound: Any
    ) -> _Best:
        """The best pair of every state, verified in waves until no bound is below it."""
        xp, states, found = self.xp, R.shape[0], state.shape[0]
        everyone = xp.arange(states)
        nothing = xp.full_like(everyone, 2 * self.AT.shape[0] + 1)
        best = _Best(t, xp.full_like(t, np.inf), (nothing, nothing))
        if not found:
            return best
        first = xp.searchsorted(state, everyone)
        last = xp.minimum(xp.searchsorted(state, everyone, side="right"), first + self.cap)
        goal = t * IMPROVED
        for start in range(0, self.cap, WAVE):
            at = first[:, None] + xp.arange(start, start + WAVE)
            place = xp.minimum(at, found - 1)
            open_ = (at < last[:, None]) & (
                bound.take(place) < xp.minimum(best.cost, goal)[:, None]
            )
            wanted = xp.where(open_, everyone[:, None], -1)
            wave = xp.flatnonzero(wanted.ravel() >= 0)
            if not wave.shape[0]:
                break
            self._verify(R, changes, best, wanted, (i.take(place), j.take(place)), wave)
        return best

    def _verify(
        self, R: Any, changes: Any, best: _Best, wanted: Any, pair: tuple[Any, Any], wave: Any
    ) -> None:
        """Exact costs of one wave; `wave` are the places in it that hold a pair."""
        xp = self.xp
        moves = [self._move(changes, number) for number in pair]
        step = xp.stack([move[0].ravel().take(wave) for move in moves])
        variable = xp.stack([move[1].ravel().take(wave) for move in moves])
        top, squares = try_pairs(
            xp, R, self.AT, wanted.ravel().take(wave), variable, step, bounds=self.bounds
        )
        self.counters.verified += wave.shape[0]
        cost, tie = (xp.full_like(R, np.inf, shape=(wanted.size,)) for _ in range(2))
        cost[wave], tie[wave] = top, squares
        cost, tie = cost.reshape(wanted.shape), tie.reshape(wanted.shape)
        smallest = cost.min(axis=1)
        tie = xp.where(cost == smallest[:, None], tie, np.inf)
        chosen = tie.argmin(axis=1)[:, None]
        least = xp.take_along_axis(tie, chosen, axis=1)[:, 0]
        better = (smallest < best.cost) | ((smallest == best.cost) & (least < best.squares))
        best.cost = xp.where(better, smallest, best.cost)
        best.squares = xp.where(better, least, best.squares)
        first, second = (
            xp.where(better, xp.take_along_axis(new, chosen, axis=1)[:, 0], old)
            for new, old in zip(pair, best.pair, strict=True)
        )
        best.pair = first, second
