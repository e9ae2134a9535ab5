"""Small dense engine: iterated steepest descent over sums of two lattice moves.

One target, float64. Moves are the unit vectors and, where the levels are evenly spaced, the columns
of an LLL-reduced basis of the lattice {A diag(step) z}: in wide-band filters and other badly
conditioned problems single steps are long, while some sums of many steps are short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.minmax._costs import Cost, PowerSum
from sampkit.minmax._lattice import lll_reduce
from sampkit.minmax._polish import (
    IMPROVED,
    Counters,
    Moves,
    best_move,
    largest_cost,
    steps_of,
    unit_moves,
    worst_rows,
)
from sampkit.minmax._problem import Problem

Array = npt.NDArray[Any]

ROWS = 48  # the worst rows, on which moves are tried first
STAGES: tuple[tuple[int, ...], ...] = ((8, 32), (32, 128), ())
_CONDITION = 1e12  # beyond it floating-point LLL cannot be trusted
_PATIENCE = (3, 16)  # from .. to: failures before a new start, drawn for each


@dataclass
class State:
    """An index, its residual and its largest violation."""

    index: Array  # (n,) int64
    residual: Array  # (m,)
    objective: float


class SmallEngine:
    """Descent and iterated search for one target.

    Parameters
    ----------
    problem : Problem
        One target, A dense on the host.
    counters : Counters
        Added to.
    """

    def __init__(self, problem: Problem, counters: Counters):
        self.counters = counters
        self.rows = problem.rows.as_type(np.float64)
        self._A = np.asarray(problem.A, dtype=np.float64)
        self._AT = np.ascontiguousarray(self._A.T)
        self._b = problem.B[0]
        levels = problem.levels
        self._values = levels.values[0]
        self._counts = np.broadcast_to(levels.counts[0], (problem.n,))
        frozen = np.zeros(problem.n, dtype=bool) if problem.frozen is None else problem.frozen[0]
        self.free = np.flatnonzero(~frozen & (self._counts > 1))
        self._step = None if levels.step is None else np.broadcast_to(levels.step[0], (problem.n,))
        self._lattice = None if self._step is None else self._lattice_moves()

    def state(self, index: Array) -> State:
        """A state from its index, computed anew."""
        variable = np.arange(len(index)) if len(self._values) > 1 else 0
        residual = self.rows.centred(self._A @ self._values[variable, index] - self._b)
        return State(index, residual, float(self.rows.objective(residual)))

    def descend(
        self, state: State, stages: Iterable[int], stop: Callable[[float], bool] = lambda _: False
    ) -> State:
        """Potentials of the given powers, then the objective itself, until no move helps."""
        for p in (*stages, 0):
            scale, before = state.objective, np.inf
            while state.objective > 0 and not stop(state.objective):
                better = self._improved(state, p)
                if better is None:
                    break
                if p and self.rows.free is not None:
                    # a move lowers the potential, but the new intercept may raise it again
                    after = self._potential(better, p, scale)
                    if after >= before * IMPROVED:
                        break
                    before = after
                state = better
        return self.state(state.index)

    def kicked(self, state: State, rng: np.random.Generator) -> State:
        """A state some random moves away."""
        index = state.index.copy()
        if self._lattice is None:
            chosen = self.free[rng.integers(len(self.free), size=rng.integers(2, 9))]
            np.add.at(index, chosen, rng.choice([-1, 1], size=len(chosen)))
        else:
            vectors = self._lattice.vectors
            chosen = rng.integers(len(vectors), size=rng.integers(2, 9))
            for sign, at in zip(rng.choice([-1, 1], size=len(chosen)), chosen, strict=True):
                # a short vector may have large entries: cut off at a limit it is short no more
                moved = index + sign * vectors[at]
                if ((moved >= 0) & (moved < self._counts)).all():
                    index = moved
        return self.state(np.clip(index, 0, self._counts - 1))

    def iterations(
        self, starts: list[Array], rng: np.random.Generator, stop: Callable[[float], bool]
    ) -> Iterable[State]:
        """Iterated local search without end: every state that an iteration arrives at."""
        current: State | None = None
        failures, best, patience = 0, np.inf, 0
        for number, index in enumerate(self._pool(starts, rng)):
            if current is None or failures >= patience:
                begin, current = self.state(index), None
                patience = int(rng.integers(*_PATIENCE))
            else:
                begin = self.kicked(current, rng)
            first = current is None
            stages = STAGES[0] if number == 0 else STAGES[rng.integers(len(STAGES))]
            found = self.descend(begin, stages, stop)
            self.counters.rounds += 1
            yield found
            if first:
                current, best, failures = found, found.objective, 0
                continue
            failures = 0 if found.objective < best * (1 - 1e-12) else failures + 1
            best = min(best, found.objective)
            if current is None or found.objective <= (1 + 0.1 * rng.random()) * current.objective:
                current = found

    def _pool(self, starts: list[Array], rng: np.random.Generator) -> Iterable[Array]:
        yield starts[0]
        while True:
            yield starts[rng.integers(len(starts))]

    def _improved(self, state: State, p: int) -> State | None:
        worst = worst_rows(state.residual, self.rows, ROWS)
        moves = self._lattice
        allowed = None
        if moves is None:
            up, down = steps_of(self._values, self._counts, state.index)
            up, down = (self._only_free(distance) for distance in (up, down))
            moves = unit_moves(self._AT, up, down)
        else:
            allowed = self._within(state.index, moves)
        cost = self._cost(state.residual, worst, p)
        found = best_move(
            state.residual, moves, worst, cost, self.counters, allowed=allowed, first=p > 0
        )
        if found is None:
            return None
        self.counters.accepted += 1
        index = state.index + self._change(moves, found.i, found.j)
        residual = self.rows.centred(found.residual)
        return State(index, residual, float(self.rows.objective(residual)))

    @np.errstate(over="ignore")
    def _potential(self, state: State, p: int, scale: float) -> float:
        return float(((state.residual / scale) ** p).sum())

    def _cost(self, r: Array, worst: Array, p: int) -> Cost:
        return PowerSum(r, self.rows, worst, p) if p else largest_cost(r, self.rows, worst)

    def _change(self, moves: Moves, i: int, j: int) -> Array:
        if moves.vectors.size:
            return moves.step(np.array([i]), np.array([j]))[0]
        change = np.zeros(len(self._counts), dtype=np.int64)
        for move in (i, j):
            change[moves.source[move]] += moves.sign[move]
        return change

    def _within(self, index: Array, moves: Moves) -> Callable[[Array, Array], Array]:
        def allowed(i: Array, j: Array) -> Array:
            moved = index + moves.step(i, j)
            return np.asarray(((moved >= 0) & (moved < self._counts)).all(axis=1))

        return allowed

    def _only_free(self, distance: Array) -> Array:
        out = np.zeros_like(distance)
        out[self.free] = distance[self.free]
        return out

    def _lattice_moves(self) -> Moves:
        """Unit vectors and short lattice vectors, at most 2 n, each in both directions."""
        assert self._step is not None
        n, _m = self._AT.shape
        vectors = np.zeros((len(self.free), n), dtype=np.int64)
        vectors[np.arange(len(self.free)), self.free] = 1
        short = self._short_vectors()
        known = {row.tobytes() for row in vectors} | {(-row).tobytes() for row in vectors}
        extra = [row for row in short if row.tobytes() not in known]
        vectors = np.concatenate([vectors, *(row[None] for row in extra)])
        responses = np.ascontiguousarray((vectors * self._step) @ self._AT)
        g = len(vectors)
        source = np.concatenate([np.arange(g), np.arange(g), [0]])
        sign = np.repeat([1, -1, 0], [g, g, 1])
        return Moves(responses, vectors, source, sign, sign.astype(np.float64), twice=True)

    def _short_vectors(self) -> Array:
        n, m = self._AT.shape
        none = np.empty((0, n), dtype=np.int64)
        assert self._step is not None
        if m < len(self.free) or not len(self.free) or (self._counts[self.free] <= 2).all():
            return none
        basis = self._A[:, self.free] * self._step[self.free]
        if self.rows.free is not None:  # what the intercept can absorb is no length
            w = self.rows.free[:, None]
            basis = basis - w * ((w * basis).sum(axis=0) / (w * w).sum())
        R = np.linalg.qr(basis, mode="r")
        if not np.isfinite(R).all() or np.linalg.cond(R) > _CONDITION:
            return none
        try:
            _, U = lll_reduce(R)
        except ValueError:
            return none
        vectors = np.zeros((len(self.free), n), dtype=np.int64)
        vectors[:, self.free] = U.T
        return vectors
