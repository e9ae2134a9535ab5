"""The clock of a search, and the best choices it knows."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._array import on_host
from sampkit._chunks import chunks, rows_per_chunk
from sampkit.minmax._problem import Problem

_REPORT_EVERY = 0.02  # seconds between two calls of a callback without news
_SAME = 1e-12  # relative difference that counts as none


class Watch:
    """Says when to stop: time is up, the callback or the keyboard said so.

    Parameters
    ----------
    time_limit : float or None
        Seconds from now.
    callback : callable or None
        ``callback(seconds, objective)``; True stops.
    """

    def __init__(
        self, time_limit: float | None = None, callback: Callable[[float, float], Any] | None = None
    ):
        self._begin = perf_counter()
        self.deadline = np.inf if time_limit is None else time_limit
        self._callback = callback
        self._reported = -np.inf
        self.objective = np.inf
        self.history: list[tuple[float, float]] = []
        self.told = False  # to stop, by the callback or the keyboard

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return perf_counter() - self._begin

    @property
    def left(self) -> float:
        """Seconds until the limit."""
        return self.deadline - self.seconds

    def __call__(self) -> bool:
        """Whether to stop."""
        now = self.seconds
        if now - self._reported >= _REPORT_EVERY and np.isfinite(self.objective):
            self._report(now)
        return self.told or now >= self.deadline

    def improved(self, objective: float) -> None:
        """Note a better objective."""
        now = self.seconds
        self.objective = objective
        self.history.append((now, objective))
        self._report(now)

    def interrupted(self) -> None:
        """Note Ctrl-C."""
        self.told = True

    def _report(self, now: float) -> None:
        self._reported = now
        if self._callback is not None and not self.told and self._callback(now, self.objective):
            self.told = True


class Incumbents:
    """The best index of every target, judged in float64.

    Parameters
    ----------
    problem : Problem
    watch : Watch
        Told of every improvement.
    minimize_slack : bool
        Go on where all requirements are met.
    """

    def __init__(self, problem: Problem, watch: Watch, *, minimize_slack: bool = False):
        self.problem, self.watch = problem, watch
        self.index = np.zeros((problem.k, problem.n), dtype=np.int64)
        self.objective = np.full(problem.k, np.inf)
        self.squares = np.full(problem.k, np.inf)
        self.bound = np.full(problem.k, -np.inf)
        self.minimize_slack = minimize_slack

    def begin(self, index: Any, objective: Any, residual: Any) -> None:
        """Rounded starts (k, n) of all targets, with their objectives (k,) and residuals (k, m)."""
        self.index = index.copy()
        self.objective = np.array(objective)
        self.squares = np.array(on_host((residual * residual).sum(axis=1)))
        self.watch.improved(float(self.objective.mean()))

    def offer(self, target: int, index: npt.NDArray[np.int64]) -> float:
        """Take an index (n,) if it is better than the one known; of equal ones the smaller norm.

        Returns its objective.
        """
        return float(self.offer_all(np.array([target]), index[None])[0])

    def offer_all(
        self, targets: npt.NDArray[np.int64], index: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """`offer` for several states (states, n) at once; their objectives."""
        out = np.empty(len(targets))
        for at in chunks(len(targets), rows_per_chunk(8 * 2 * self.problem.m)):
            problem = self.problem.of_targets(targets[at])
            residual = problem.residual(problem.levels.value(index[at]))
            out[at] = on_host(problem.objective(residual))
            squares = on_host((residual * residual).sum(axis=1))
            for i, one, *judged in zip(targets[at], index[at], out[at], squares, strict=True):
                self._judge(int(i), one, *map(float, judged))
        return out

    def _judge(
        self, target: int, index: npt.NDArray[np.int64], objective: float, squares: float
    ) -> None:
        here = self.objective[target]
        level = abs(here) * _SAME if np.isfinite(here) else 0.0
        if objective > here + level or (
            objective >= here - level and squares >= self.squares[target]
        ):
            return
        better = objective < here
        self.index[target] = index
        self.squares[target] = squares
        if better:
            self.objective[target] = objective
            if np.isfinite(self.objective).all():
                mean = float(self.objective.mean())
                if mean < self.watch.objective:
                    self.watch.improved(mean)

    def done(self, target: int) -> bool:
        """Whether nothing better is wanted, or possible."""
        objective, bound = self.objective[target], self.bound[target]
        if not self.minimize_slack and objective <= 0:
            return True
        if not np.isfinite(bound):
            return False
        return bool(objective - bound <= _SAME * max(abs(objective), abs(bound)))

    def open(self) -> list[int]:
        """Targets that are not done."""
        return [i for i in range(self.problem.k) if not self.done(i)]
