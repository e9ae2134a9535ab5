"""The heuristic of the paper that posed the problem, in NumPy, as a peer for the benchmark.

Adaptive large neighbourhood search with the swap local search (its mode for weights), written from
the description of the method, with its constants: destroy rate 0.005, the 100 rows with the largest
residual, absolute thresholds of 0.001, roulette weights 0.7 old + 0.3 score with scores 5, 2, 1,
0.5, hill climbing on the largest residual. One right-hand side, evenly spaced levels.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

RATE = 0.005
TIGHT = 100  # rows in the list of the worst
BIAS = 0.001
CANDIDATES = 100  # swaps that are compared
SCORES = (5.0, 2.0, 1.0, 0.5)  # best, better, accepted, rejected
DECAY = 0.7


@dataclass
class State:
    """Index, residual, its maximum and its squared norm."""

    index: np.ndarray
    residual: np.ndarray
    top: float
    squares: float


class AMVM:
    """Search for one right-hand side.

    Parameters
    ----------
    A : ndarray of shape (m, n)
    b : ndarray of shape (m,)
    base, step : float
        Levels are base + step * (0 .. n_levels - 1).
    n_levels : int
    seed : int
    """

    def __init__(self, A, b, base, step, n_levels, seed=9101):
        self.A, self.AT = A, np.ascontiguousarray(A.T)
        self.b, self.base, self.step, self.n_levels = b, base, step, n_levels
        self.rng = np.random.default_rng(seed)
        self.span = self.AT.max(axis=0) - self.AT.min(axis=0)  # largest change of a row by a swap

    def state(self, index):
        residual = self.A @ (self.base + self.step * index) - self.b
        return self.of(index, residual)

    def of(self, index, residual):
        return State(index, residual, float(np.abs(residual).max()), float(residual @ residual))

    def run(self, index, seconds, callback=None, clock=time.process_time):
        """The best state within some CPU seconds; ``callback(seconds, objective)`` at the best."""
        begin = clock()

        def over():
            return clock() - begin > seconds

        current = best = self.state(index)
        weights = [np.ones(2), np.ones(2)]
        destroy, repair = (self.random_destroy, self.worst_destroy), (self.random, self.greedy)
        while not over():
            d, r = (int(self.rng.choice(2, p=w / w.sum())) for w in weights)
            candidate = repair[r](current, destroy[d](current), over)
            outcome = 3
            if candidate is not None and candidate.top <= current.top:
                outcome = 1 if candidate.top < current.top else 2
                current = candidate
                if candidate.top < best.top:
                    outcome, best = 0, candidate
                    if callback is not None:
                        callback(clock() - begin, best.top)
            for w, chosen in zip(weights, (d, r), strict=True):
                w[chosen] = DECAY * w[chosen] + (1 - DECAY) * SCORES[outcome]
        return best

    # --- destroy ----------------------------------------------------------------------------------

    def random_destroy(self, state):
        n = len(state.index)
        return self.rng.integers(n, size=int(RATE * n))

    def worst_destroy(self, state):
        """Variables that are near the end of what the worst rows allow them."""
        rows = self.tight(state.residual)
        r, a = state.residual[rows], self.AT[:, rows]
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = np.stack([(state.top - r) / a, (-state.top - r) / a])
        distance = np.where(a == 0, np.inf, np.abs(ends).min(axis=0))
        weight = np.exp(-0.3 * distance) @ np.abs(r)
        count = int(np.ceil(RATE * len(state.index)))
        return self.rng.choice(len(weight), size=count, replace=False, p=weight / weight.sum())

    # --- repair -----------------------------------------------------------------------------------

    def random(self, state, removed, over):
        index, residual = state.index.copy(), state.residual.copy()
        for j in removed.tolist():
            change = int(self.rng.integers(-1, 2))
            if 0 <= index[j] + change < self.n_levels:
                index[j] += change
                residual += change * self.step * self.AT[j]
        found = self.swaps(self.of(index, residual), over)
        return found if found.squares < state.squares else None

    def greedy(self, state, removed, over):
        for j in self.rng.permutation(removed).tolist():
            options = []
            for change in (-1, 1):
                if 0 <= state.index[j] + change < self.n_levels:
                    index = state.index.copy()
                    index[j] += change
                    residual = state.residual + change * self.step * self.AT[j]
                    options.append(self.of(index, residual))
            better = min(options, key=lambda option: option.top, default=state)
            if better.top <= state.top:
                state = better
        return self.swaps(state, over)

    # --- local search -----------------------------------------------------------------------------

    def tight(self, residual):
        count = min(TIGHT, len(residual))
        return np.argpartition(np.abs(residual), -count)[-count:]

    def swaps(self, state, over):
        """Exchange the levels of two variables at adjacent levels while that helps."""
        while not over():
            better = self.best_swap(state)
            if better is None:
                break
            state = better
        return state

    def best_swap(self, state):
        rows = self.tight(state.residual)
        room = (state.top - np.abs(state.residual[rows])) / self.step + BIAS
        signed = self.AT[:, rows] * np.sign(state.residual[rows])
        # the rows that any swap can bring to the maximum
        matter = np.flatnonzero(np.abs(state.residual) + self.step * self.span >= state.top)
        found = []
        for level in range(self.n_levels - 1):
            low, high = (np.flatnonzero(state.index == at) for at in (level, level + 1))
            if not len(low) or not len(high):
                continue
            alive = np.ones((len(low), len(high)), dtype=bool)
            for row in range(len(rows)):
                alive &= np.subtract.outer(signed[low, row], signed[high, row]) < room[row]
            i, j = (side[at] for side, at in zip((low, high), np.nonzero(alive), strict=True))
            found += self.verified(state, i, j, matter, CANDIDATES - len(found))
            if len(found) >= CANDIDATES:
                break
        found = [swap for swap in found if self.squares_after(state, *swap[1:]) <= state.squares]
        if not found:
            return None
        _, i, j = min(found)
        index = state.index.copy()
        index[i], index[j] = index[j], index[i]
        return self.of(index, state.residual + self.step * (self.AT[i] - self.AT[j]))

    def verified(self, state, i, j, matter, most):
        """(new maximum, i, j) of at most so many swaps that lower the maximum."""
        out = []
        columns = self.AT[:, matter] * self.step
        here = state.residual[matter]
        for at in range(0, len(i), 64):
            some = slice(at, at + 64)
            top = np.abs(here + columns[i[some]] - columns[j[some]]).max(axis=1)
            good = np.flatnonzero(top < state.top - BIAS)
            out += [(float(top[g]), int(i[some][g]), int(j[some][g])) for g in good]
            if len(out) >= most:
                break
        return out[:most]

    def squares_after(self, state, i, j):
        new = state.residual + self.step * (self.AT[i] - self.AT[j])
        return float(new @ new)
