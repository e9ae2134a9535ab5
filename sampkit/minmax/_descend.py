"""Dense engine: block coordinate descent on sum |r|^p for a batch of states, p rising.

For every state of the batch the best single step of a block of variables is found from the first
two terms of the potential (two matrix products for the whole batch), then tried exactly. A state
that accepted nothing in all blocks of a pass waits for the next p. Which variables make up a block,
and in what order blocks come, depends on the number of the pass alone, never on the other states.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sampkit.minmax._kernels import (
    batch,
    has_kernels,
    powers,
    quiet,
    screen,
    screen_matrix,
    try_move,
)
from sampkit.minmax._polish import Counters
from sampkit.minmax._rows import Rows
from sampkit.minmax._steps import Steps

BLOCK = 96  # variables that are screened together
DEVICE_BLOCK = 256  # the same where a matrix product costs next to nothing beside a pass
PASSES = 40
ENOUGH = 1e-5  # a move has to lower the potential by this share


@dataclass(frozen=True)
class Columns:
    """The columns of A as rows, contiguous; for the screen, their squares too."""

    AT: Any  # (n, m)
    screen: Any
    squared: Any

    @classmethod
    def of(
        cls, xp: Any, A: Any, dtype: Any, screen_dtype: Any = None, scale: float = 1.0
    ) -> Columns:
        """Copy A (m, n) times a number."""
        AT = xp.array(A.T, dtype=dtype, order="C")
        if scale != 1:
            AT *= AT.dtype.type(scale)
        probe = batch(xp, AT[:1, :1], screen_dtype=screen_dtype)
        return cls(AT, screen_matrix(xp, probe, AT), screen_matrix(xp, probe, AT * AT))


@dataclass(frozen=True)
class Descent:
    """What `descend` works on besides the states.

    Parameters
    ----------
    xp : module
        Namespace of all arrays.
    columns : Columns
    rows : Rows
        What residuals cost, in the dtype of the columns.
    residual : callable
        ``residual(index, states)`` -> residuals (len(states), m) for `index` (len(states), n).
    """

    xp: Any
    columns: Columns
    rows: Rows
    residual: Callable[[Any, Any], Any]
    screen_dtype: Any = None
    block: int | None = None  # variables that are screened together; None suits the place
    salt: int = 0  # another order of the blocks
    on_interrupt: Callable[[], None] | None = None  # told of Ctrl-C, which then ends the descent
    passes: int = PASSES  # at most, for one p
    last: bool = False  # return where a state ended, not the best place on its way

    @property
    def width(self) -> int:
        """Variables that are screened together."""
        if self.block is not None:
            return self.block
        return DEVICE_BLOCK if has_kernels(self.xp) else BLOCK

    def descend(
        self,
        index: Any,
        steps: Steps,
        schedule: Sequence[int],
        counters: Counters,
        stop: Callable[[], bool] = lambda: False,
    ) -> tuple[Any, Any]:
        """Lower the potentials of all states, one p after the other.

        Parameters
        ----------
        index : integer array of shape (states, n)
            Where they start.
        steps : Steps
            Of the same states.
        schedule : sequence of int
            The powers p.
        counters : Counters
            Added to.
        stop : callable
            Asked before every block; True ends the descent where it is.

        Returns
        -------
        best : integer array of shape (states, n)
            The index with the smallest largest violation on the way of each state.
        smallest : array of shape (states,)
            That violation.
        """
        xp = self.xp
        everyone = xp.arange(index.shape[0])
        smallest = self.rows.objective(self.residual(index, everyone))
        best = index
        for stage, p in enumerate(schedule):
            alive = xp.flatnonzero(smallest > 0)
            run = _Run(self, index, best, smallest, steps, alive, p)
            try:
                for number in range(self.passes):
                    order = np.random.default_rng((self.salt, stage, number))
                    if run.done or run.one_pass(order, counters, stop):
                        break
                    run.drop_finished()
            except KeyboardInterrupt:  # what was reached is kept
                if self.on_interrupt is None:
                    raise
                self.on_interrupt()
                return run.collected()[1:]
            index, best, smallest = run.collected()
            if stop():
                break
        return (index if self.last else best), smallest


class _Run:
    """The states that still move for one p; the others lie ready in whole arrays."""

    def __init__(
        self, task: Descent, index: Any, best: Any, smallest: Any, steps: Steps, alive: Any, p: int
    ):
        self.task, self.p = task, p
        self._all = index, best, smallest, steps
        self.alive = alive
        self.index, self.best = index.take(alive, axis=0), best.take(alive, axis=0)
        self.smallest = smallest.take(alive)
        self.steps = steps.of_states(alive)
        residuals = task.residual(self.index, alive)
        self.top = task.rows.objective(residuals)
        self.state = batch(task.xp, residuals, screen_dtype=task.screen_dtype)
        bounds = (task.rows.high, -task.rows.low) if not task.rows.plain else None
        self.bounds = bounds
        self.moved = alive < 0
        self.done = not alive.shape[0]

    @quiet
    def one_pass(self, order: np.random.Generator, counters: Counters, stop: Any) -> bool:
        """All blocks once; True if told to stop."""
        xp, n = self.task.xp, self.index.shape[1]
        # a state may reach a violation of 0 in mid-pass: its powers are then 0 and nothing moves
        invt = (1 / xp.where(self.top > 0, self.top, 1)).astype(self.state.R.dtype)
        phi = powers(xp, self.state, invt, self.p, bounds=self.bounds)
        self.moved = self.top < 0
        for block in _blocks(n, self.task.width, order):
            if stop():
                return True
            phi = self._round(block, phi, invt)
            counters.rounds += 1
        return False

    def _round(self, block: slice, phi: Any, invt: Any) -> Any:
        xp, p, columns = self.task.xp, self.p, self.task.columns
        index = self.index[:, block]
        up, down = self.steps.of_block(xp, index, block)
        G, H = screen(xp, self.state, columns.screen[block], columns.squared[block])
        G, H = G * p, H * (p * (p - 1) / 2)
        scale = invt[:, None]
        s = up * scale
        rise = xp.where(up > 0, (H * s + G) * s, np.inf)
        s = down * scale
        fall = xp.where(down > 0, (H * s - G) * s, np.inf)
        change = xp.minimum(rise, fall)
        j = change.argmin(axis=1)
        here = (j[:, None] == xp.arange(change.shape[1])) & (change < 0)
        sign = xp.where(rise <= fall, 1, -1)
        delta = xp.where(here, xp.where(rise <= fall, up, -down), 0).sum(axis=1)
        phi_new, top = try_move(
            xp, self.state, columns.AT, j + block.start, delta, invt, p, bounds=self.bounds
        )
        tried = delta != 0
        accepted = tried & (phi_new < phi * (1 - ENOUGH))
        self.state = self.state.accept(xp, accepted)
        self.index[:, block] = index + xp.where(here & accepted[:, None], sign, 0)
        self.moved = self.moved | accepted
        if self.task.rows.free is not None:
            return self._recentred(invt)
        powers(xp, self.state, invt, p, todo=tried & ~accepted, bounds=self.bounds)
        self._note(xp.where(accepted, top, self.top))
        return xp.where(accepted, phi_new, phi)

    def _note(self, top: Any) -> None:
        """Keep what is better than all before."""
        xp = self.task.xp
        self.top = top
        better = top < self.smallest
        self.smallest = xp.where(better, top, self.smallest)
        self.best = xp.where(better[:, None], self.index, self.best)

    def _recentred(self, invt: Any) -> Any:
        """The best intercept again, after the residuals have changed."""
        xp, rows = self.task.xp, self.task.rows
        residuals = rows.centred(self.state.residuals(xp))
        self.state = batch(xp, residuals, screen_dtype=self.task.screen_dtype)
        self._note(rows.objective(residuals))
        return powers(xp, self.state, invt, self.p, bounds=self.bounds)

    def drop_finished(self) -> None:
        """Put states that accepted nothing in the last pass away: the one look at the device."""
        xp = self.task.xp
        left = xp.flatnonzero(self.moved & (self.top > 0))
        if left.shape[0] == self.alive.shape[0]:
            return
        self._put_away()
        self.alive, self.top = self.alive.take(left), self.top.take(left)
        self.index, self.best = self.index.take(left, axis=0), self.best.take(left, axis=0)
        self.smallest, self.steps = self.smallest.take(left), self.steps.of_states(left)
        self.done = not left.shape[0]
        self.state = self.state.select(xp, left)

    def _put_away(self) -> None:
        index, best, smallest, steps = self._all
        index, best, smallest = index.copy(), best.copy(), smallest.copy()
        index[self.alive], best[self.alive] = self.index, self.best
        smallest[self.alive] = self.smallest
        self._all = index, best, smallest, steps

    def collected(self) -> tuple[Any, Any, Any]:
        """Index, best index and its violation of all states."""
        self._put_away()
        return self._all[:3]


def _blocks(n: int, size: int, order: np.random.Generator) -> list[slice]:
    """Runs of at most `size` variables that cover all of them, in random order and phase."""
    size = min(size, n)
    offset = int(order.integers(size)) if n > size else 0
    edges = [0, *range(offset, n, size), n] if offset else [*range(0, n, size), n]
    runs = [slice(a, b) for a, b in itertools.pairwise(edges) if b > a]
    return [runs[at] for at in order.permutation(len(runs)).tolist()]
