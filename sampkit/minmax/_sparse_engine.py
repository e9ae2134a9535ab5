"""Search with the sparse engine: descents along the columns of a CSC matrix, then kicks."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._array import on_host
from sampkit.minmax._dense import KICKED, Options
from sampkit.minmax._device_sparse import DeviceCSC
from sampkit.minmax._incumbent import Incumbents
from sampkit.minmax._jacobi import JacobiDescent
from sampkit.minmax._polish import Counters
from sampkit.minmax._problem import Problem
from sampkit.minmax._sparse import SparseDescent

Array = npt.NDArray[Any]


class SparseEngine:
    """One target after the other, each with its share of the time left.

    Parameters
    ----------
    problem : Problem
        A in CSC.
    options : Options
    incumbents : Incumbents
        Which has the rounded start of every target.
    counters : Counters
        Added to.
    """

    def __init__(
        self, problem: Problem, options: Options, incumbents: Incumbents, counters: Counters
    ):
        self.problem, self.options = problem, options
        self.incumbents, self.counters = incumbents, counters

    def run(self, rngs: Sequence[np.random.Generator]) -> None:
        """Descend from every rounded start, then from kicked incumbents."""
        watch = self.incumbents.watch
        for target in self.incumbents.open():
            if watch():
                return
            until = watch.seconds + watch.left / (self.problem.k - target)
            self._descend(
                target, self.incumbents.index[target].copy(), self.options.schedule, until
            )
            number = 0
            while not watch() and watch.seconds < until and not self.incumbents.done(target):
                limit = self.options.max_iter
                if limit == number or (limit is None and not np.isfinite(watch.deadline)):
                    break
                number += 1
                self._descend(target, self._kicked(target, rngs[target]), KICKED, until)

    def _descend(self, target: int, index: Array, schedule: Sequence[int], until: float) -> None:
        """Lower the potentials one after the other; where each ends is offered."""
        watch, rows = self.incumbents.watch, self.problem.rows
        state = self._state(target, index, perf_counter() + until - watch.seconds)
        try:
            for p in schedule:
                worst = state.worst
                if not worst > 0 or watch():
                    break
                state.descend(p, worst, on_sweep=lambda _: watch())
                state.residual[:] = rows.centred(state.residual)
                self.incumbents.offer(target, on_host(state.index).copy())
        finally:
            self.counters.rounds += state.n_sweeps
            self.counters.accepted += state.n_accepted
            self.counters.verified += state.n_verified
            self.incumbents.offer(target, on_host(state.index).copy())

    def _state(self, target: int, index: Array, deadline: float) -> SparseDescent | JacobiDescent:
        one, rows = self.problem.of_targets(slice(target, target + 1)), self.problem.rows
        xp, levels = one.xp, one.levels.values[0]
        residual = one.residual(one.levels.value(index[None]))[0]
        frozen = None if one.frozen is None else one.frozen[0]
        if isinstance(one.A, DeviceCSC):
            return JacobiDescent(
                xp,
                one.A,
                residual,
                xp.asarray(index),
                levels,
                frozen=None if frozen is None else xp.asarray(frozen),
                bounds=None if rows.plain else (rows.high, -rows.low),
                deadline=deadline,
            )
        violation = None if rows.plain else self._violation
        return SparseDescent(
            one.A, residual, index, levels, frozen=frozen, violation=violation, deadline=deadline
        )

    def _violation(self, residual: Array, at: Any) -> Array:
        return np.maximum(self.problem.rows.at(at).violation(residual), 0.0)

    def _kicked(self, target: int, rng: np.random.Generator) -> Array:
        index = self.incumbents.index[target].copy()
        frozen = self.problem.frozen
        still = np.zeros(len(index), dtype=bool)
        if frozen is not None:
            still = frozen[target % len(frozen)]
        free = np.flatnonzero(~still)
        count = min(max(2, round(self.options.kick * len(free))), len(free))
        chosen = rng.choice(free, size=count, replace=False)
        index[chosen] += rng.choice([-1, 1], size=count)
        return np.clip(index, 0, self.problem.levels.of_target(target).counts[0] - 1)
