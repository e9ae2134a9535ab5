"""Search with the dense engine: a population of starts, then children of the best, for all targets.

Every target has its own random stream, and what is done to one never depends on the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._array import on_host
from sampkit._chunks import chunks, rows_per_chunk
from sampkit.minmax._batch_polish import BatchPolish
from sampkit.minmax._descend import Columns, Descent
from sampkit.minmax._gram import gram_of, successive_rounding
from sampkit.minmax._incumbent import Incumbents
from sampkit.minmax._kernels import has_kernels, memory_budget
from sampkit.minmax._polish import Counters, polish, steps_of
from sampkit.minmax._problem import Problem
from sampkit.minmax._steps import steps_on

Array = npt.NDArray[Any]

BUFFERS = 6  # arrays of the size of the residuals that a descent holds
POLISHED = 3  # the best of a population
ELITE = 8  # polished states of a target whose children are tried
CROSSED = (0.2, 0.5)  # share of the variables that a child takes from its second parent
KICKED = (4, 8, 32)  # powers after a kick
SPREAD = 0.5  # of randomised roundings, in steps
_SAME = 1e-7  # relative difference of objectives below which two of the elite are one
_PRECISE = 1e-4  # objective relative to |b| below which float32 has too few digits
_FLOPS = 2e10  # a second, for the guess of how many states a time limit allows
_DEVICE_FLOPS = 2e13  # the same on a device
_PASSES = 30  # of a descent, for the same guess


@dataclass(frozen=True)
class Options:
    """Parameters of a search."""

    schedule: tuple[int, ...] = (4, 8, 16, 32)
    polish_rows: int = 64
    population: int = 16
    kick: float = 0.08
    max_iter: int | None = None
    screen_dtype: str | None = None
    dtype: str | None = None  # of the dense engine; None: as the objectives ask for


class DenseEngine:
    """Descents, polish and kicks for all targets of a problem.

    Parameters
    ----------
    problem : Problem
        A dense, NumPy or CuPy.
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
        self.xp = problem.xp
        self.dtype: Any = np.dtype(options.dtype)
        # a power of two: nothing is rounded, and squares stay within the range of float32
        self._scale = 2.0 ** -np.ceil(np.log2(problem.largest or 1.0))
        self.columns = Columns.of(self.xp, problem.A, self.dtype, options.screen_dtype, self._scale)
        self.rows = problem.rows.scaled(self._scale).as_type(self.dtype)
        self._levels = problem.levels
        self._elite: list[list[tuple[float, Array]]] = [[] for _ in range(problem.k)]

    # --- the course of a search ---------------------------------------------------------------

    def affordable(self) -> int:
        """How many starts of every target a time limit has room for."""
        problem, left = self.problem, self.incumbents.watch.left
        if not np.isfinite(left):
            return self.options.population
        speed = _DEVICE_FLOPS if has_kernels(self.xp) else _FLOPS
        seconds = problem.k * _PASSES * 4.0 * problem.m * problem.n / speed
        return int(np.clip(0.4 * left / seconds, 1, self.options.population))

    def begin(self, start: Array, rngs: Sequence[np.random.Generator]) -> None:
        """Descend from the nearest level, successive rounding and randomised roundings."""
        count = self.affordable()
        starts = [self._levels.nearest(start)[:, None]]
        if count > 2 and self.rows.free is None:
            gram = on_host(gram_of(self.problem.A))
            frozen = self.problem.frozen
            if gram.trace() > 0:
                rounded = successive_rounding(gram, start, self._levels, frozen=frozen)
                starts.append(rounded[:, None])
        random = count - len(starts)
        if random > 0:
            starts.append(self._randomised(start, rngs, random))
        self.improve(np.concatenate(starts, axis=1), self.options.schedule, range(len(start)))

    def iterate(self, rngs: Sequence[np.random.Generator]) -> bool:
        """Children, descent, polish, until time or iterations are up; whether iterations were."""
        limit = self.options.max_iter
        number = 0
        while limit is None or number < limit:
            open_targets = self.incumbents.open()
            if not open_targets or self.incumbents.watch():
                return False
            number += 1
            children = np.stack([self._children(i, rngs[i]) for i in open_targets])
            self.improve(children, KICKED, open_targets, salt=number)
        return True

    def improve(
        self, starts: Array, schedule: Sequence[int], targets: Sequence[int], salt: int = 0
    ) -> None:
        """Descend from `starts` (targets, states, n), polish and offer the best of each target."""
        count, n = starts.shape[1:]
        watch = self.incumbents.watch
        target = np.repeat(np.array(targets), count)
        flat = starts.reshape(-1, n)
        row_bytes = BUFFERS * self.problem.m * np.dtype(self.dtype).itemsize
        most = rows_per_chunk(row_bytes, memory_budget(self.xp))
        step = max(most // count, 1) * count
        for some in chunks(len(flat), step):
            objective = np.full(some.stop - some.start, np.inf)
            for part in chunks(len(objective), most):
                if watch():
                    break
                states = slice(some.start + part.start, some.start + part.stop)
                flat[states], objective[part] = self._descended(
                    flat[states], target[states], schedule, salt
                )
            self._take_best(flat[some], target[some], objective)

    def _take_best(self, index: Array, target: Array, objective: Array) -> None:
        watch, incumbents = self.incumbents.watch, self.incumbents
        order = np.lexsort((objective, target))
        rank = np.arange(len(order)) - np.searchsorted(target[order], target[order])
        # an infinite objective: time was up before the state's turn
        best = order[(rank < POLISHED) & np.isfinite(objective[order])]
        incumbents.offer_all(target[best], index[best])
        if self.xp is not np and self.rows.free is None:
            self._take_best_together(index, target, best)
            return
        for i in np.unique(target).tolist():
            for state in best[target[best] == i].tolist():
                if watch() or incumbents.done(i):
                    break
                self._keep(i, self._polished(index[state], i))

    def _take_best_together(self, index: Array, target: Array, best: Array) -> None:
        """The same on a device: the best of all targets are polished in step."""
        best = best[[not self.incumbents.done(int(i)) for i in target[best]]]
        if not len(best) or self.incumbents.watch():
            return
        xp, of = self.xp, target[best]
        engine = BatchPolish(
            xp, self.columns.AT, self.rows, self.counters, count=self.options.polish_rows
        )
        polished = engine.polish(
            xp.asarray(index[best]),
            lambda at: self._residuals(index[best[at]], of[at]),
            lambda at: steps_on(xp, self._levels, self.problem.frozen, of[at], self.dtype),
            self.incumbents.watch,
        )
        for i, found in zip(of.tolist(), on_host(polished).astype(np.int64), strict=True):
            self._keep(i, found)

    def _keep(self, target: int, index: Array) -> None:
        """Offer a polished state, and keep it if it is one of the best."""
        objective = self.incumbents.offer(target, index)
        elite = self._elite[target]
        if all(abs(objective - known) > _SAME * abs(known) for known, _ in elite):
            elite.append((objective, index))
            elite.sort(key=lambda state: state[0])
            del elite[ELITE:]

    # --- its steps ------------------------------------------------------------------------------

    def _descended(
        self, index: Array, target: Array, schedule: Sequence[int], salt: int
    ) -> tuple[Array, Array]:
        xp = self.xp
        steps = steps_on(xp, self._levels, self.problem.frozen, target, self.dtype)
        task = Descent(
            xp,
            self.columns,
            self.rows,
            lambda of_states, states: self._residuals(of_states, target[on_host(states)]),
            self.options.screen_dtype,
            salt=salt,
            on_interrupt=self.incumbents.watch.interrupted,
        )
        watch = self.incumbents.watch
        best, objective = task.descend(
            xp.asarray(index, dtype=np.int32), steps, schedule, self.counters, watch
        )
        return on_host(best).astype(np.int64), on_host(objective)

    def _residuals(self, index: Any, target: Array) -> Any:
        """Scaled residuals (states, m) in the working precision."""
        xp = self.xp
        few = self._levels.of_targets(target)
        x = xp.asarray(few.value(on_host(index).astype(np.int64)), dtype=self.dtype)
        B = (self.problem.B[xp.asarray(target)] * self._scale).astype(self.dtype)
        R = xp.matmul(x, self.columns.AT)
        R -= B
        return self.rows.centred(R)

    def _polished(self, index: Array, target: int) -> Array:
        levels, frozen = self._levels.of_target(target), self.problem.frozen
        still = None if frozen is None else frozen[target if len(frozen) > 1 else 0]

        def steps(at: Array) -> tuple[Array, Array]:
            distances = steps_of(levels.values[0], levels.counts[0], at)
            if still is None:
                return distances
            up, down = (np.where(still, 0.0, distance) for distance in distances)
            return up, down

        return polish(
            self.columns.AT,
            index,
            self._residuals(index[None], np.array([target]))[0],
            steps,
            self.rows,
            self.counters,
            count=self.options.polish_rows,
            stop=self.incumbents.watch,
        )

    def _randomised(self, start: Array, rngs: Sequence[np.random.Generator], count: int) -> Array:
        """Roundings (k, count, n) of the start moved by up to half a step."""
        gap = gaps(self._levels, self._levels.nearest(start))
        out = np.empty((len(start), count, start.shape[1]), dtype=np.int64)
        for i, rng in enumerate(rngs):
            moved = start[i] + rng.uniform(-SPREAD, SPREAD, (count, start.shape[1])) * gap[i]
            out[i] = self._levels.of_target(i).nearest(moved)
        return self._with_frozen(out, range(len(start)))

    def _children(self, target: int, rng: np.random.Generator) -> Array:
        """States (population, n) that mix two of the elite, with a few variables moved.

        While there are no two yet, copies of the incumbent with more of them moved.
        """
        n, count = self.problem.n, self.options.population
        frozen, elite = self.problem.frozen, self._elite[target]
        still = np.zeros(n, dtype=bool) if frozen is None else frozen[target % len(frozen)]
        free = np.flatnonzero(~still)
        share = self.options.kick
        if len(elite) > 1:
            parents = np.stack([index for _, index in elite])
            first, second = rng.random((count, len(elite))).argsort(axis=1)[:, :2].T
            crossed = rng.random((count, n)) < rng.uniform(*CROSSED, (count, 1))
            out = np.where(crossed, parents[second], parents[first])
            share /= 4
        else:
            out = np.tile(self.incumbents.index[target], (count, 1))
        moved = min(max(2, round(share * len(free))), len(free))
        if not moved:
            return out
        chosen = free[rng.random((count, len(free))).argpartition(moved - 1, axis=1)[:, :moved]]
        sign = rng.choice([-1, 1], size=chosen.shape)
        np.put_along_axis(out, chosen, np.take_along_axis(out, chosen, axis=1) + sign, axis=1)
        return np.clip(out, 0, self._levels.of_target(target).counts - 1)

    def _with_frozen(self, index: Array, targets: Sequence[int]) -> Array:
        frozen = self.problem.frozen
        if frozen is None:
            return index
        kept = self.incumbents.index[list(targets)]
        return np.where(frozen[:, None], kept[:, None], index)


def working_dtype(problem: Problem, objective: Array) -> str:
    """float64 where A is, and the objectives are so small beside b that float32 would lose them."""
    size = float(problem.xp.abs(problem.B).max())
    small = float(objective.min()) + problem.shift < _PRECISE * size
    return "float64" if problem.A.dtype == np.float64 and small else "float32"


def gaps(levels: Any, index: Array) -> Array:
    """The larger distance (k, n) to a neighbouring level."""
    rows = [
        np.maximum(*steps_of(of_one.values[0], of_one.counts[0], index[i]))
        for i, of_one in ((i, levels.of_target(i)) for i in range(len(index)))
    ]
    return np.stack(rows)
