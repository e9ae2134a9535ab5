"""Solver schedules of equally many steps as arrays: one row each, one column a decision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.diffusion.accelerate import SolverSchedule
from sampkit.diffusion.schedules import NoiseSchedule

__all__ = ["Population", "Terms", "joined"]

FloatArray = npt.NDArray[np.float64]

GAP = 0.02  # of a node's distance from the end: how close the next node may come
CLOSEST = 1e-6  # of the grid's length: how close to the end a node may come


@dataclass(frozen=True)
class Terms:
    """What all schedules of a search share: the ends of the grid, and what they allow."""

    grids: FloatArray  # that the search starts from, the first one before all others
    lowest: float  # time of a node before the last one
    starts_empty: bool  # no data at the first node
    ends_clean: bool  # no noise at the last node
    max_order: int = 3
    search_grid: bool = True
    first_output: Any = "network"

    @classmethod
    def on(cls, schedule: NoiseSchedule, grids: npt.ArrayLike, **rest: Any) -> Terms:
        every = np.atleast_2d(np.asarray(grids, dtype=np.float64))
        start, end = every[0, [0, -1]].tolist()
        empty, clean = float(schedule.alpha(start)) == 0, float(schedule.sigma(end)) == 0
        return cls(every, max(float(schedule.t_min), end), empty, clean, **rest)

    @property
    def grid(self) -> FloatArray:
        """The first of the grids."""
        first: FloatArray = self.grids[0]
        return first

    @property
    def n_steps(self) -> int:
        return self.grids.shape[1] - 1

    @property
    def histories(self) -> npt.NDArray[np.int64]:
        """How many outputs each step can interpolate."""
        held = np.maximum(np.arange(1, self.n_steps + 1) - self.starts_empty, 1)
        if self.ends_clean:
            held[-1] = 1
        return held


@dataclass(frozen=True)
class Population:
    """P schedules of n steps.

    Parameters
    ----------
    grids : ndarray of float64 of shape (P, n + 1)
        Strictly falling times.
    orders, points : ndarray of int64 of shape (P, n)
        Orders, and outputs that estimate the first derivative.
    noise : ndarray of bool of shape (P, n)
        Whether the noise prediction is interpolated.
    relaxations : ndarray of float64 of shape (P, n)
        As in `SolverSchedule`.
    correctors : ndarray of bool of shape (P, n)
        As in `SolverSchedule`.
    """

    grids: FloatArray
    orders: npt.NDArray[np.int64]
    points: npt.NDArray[np.int64]
    noise: npt.NDArray[np.bool_]
    relaxations: FloatArray
    correctors: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.grids)

    def __getitem__(self, rows: Any) -> Population:
        return Population(*(getattr(self, each.name)[rows] for each in fields(self)))

    @classmethod
    def of(cls, schedules: Iterable[SolverSchedule]) -> Population:
        """The arrays of schedules."""
        given = list(schedules)
        return cls(
            np.array([s.grid for s in given], dtype=np.float64),
            np.array([s.orders for s in given], dtype=np.int64),
            np.array([s.first_derivative_points for s in given], dtype=np.int64),
            np.array([[p == "eps" for p in s.predictions] for s in given], dtype=bool),
            np.array([s.relaxations for s in given], dtype=np.float64),
            np.array([s.correctors for s in given], dtype=bool),
        )

    def schedules(self, first_output: Any = "network") -> list[SolverSchedule]:
        """The schedules of the arrays."""
        words = np.where(self.noise, "eps", "x0")
        parts = (self.grids, self.orders, words, self.points, self.relaxations, self.correctors)
        rows: Iterable[tuple[Any, ...]] = zip(*(part.tolist() for part in parts), strict=True)
        names = [each.name for each in fields(SolverSchedule)]
        return [
            SolverSchedule(**dict(zip(names, (*row, first_output), strict=True))) for row in rows
        ]

    def settled(self, terms: Terms) -> Population:
        """The same schedules with what has no effect in one form, and with grids that are valid."""
        held = terms.histories
        orders = np.minimum(self.orders, held)
        points = np.minimum(self.points, np.maximum(held - 1, 1))
        correctors = self.correctors.copy()
        correctors[:, -1] = False
        noise = self.noise.copy()
        if terms.ends_clean:
            noise[:, -1] = False
        if terms.starts_empty:
            correctors[:, 0] = noise[:, 0] = False
        first = orders == 1
        # at order 1 both predictions say the same, unless the state was corrected after its call
        corrected = np.zeros_like(correctors)
        corrected[:, 1:] = correctors[:, :-1]
        noise &= correctors | corrected | ~first
        return Population(
            self._grids(terms), orders, np.where(first, 1, points),
            noise, np.where(first, 0.0, self.relaxations), correctors,
        )  # fmt: skip

    def _grids(self, terms: Terms) -> FloatArray:
        """Nodes in order, apart from each other, between the ends that all share."""
        start, end = terms.grid[0], terms.grid[-1]
        if not terms.search_grid or self.grids.shape[1] < 3:
            return np.broadcast_to(terms.grid, self.grids.shape).copy()
        u = -np.sort(-(self.grids[:, 1:-1] - end) / (start - end), axis=1)
        closest = max(CLOSEST, (terms.lowest - end) / (start - end) * (1 + 1e-9))
        n = u.shape[1]
        for i in range(n - 1, -1, -1):
            u[:, i] = np.maximum(u[:, i], closest if i == n - 1 else u[:, i + 1] / (1 - GAP))
        for i in range(n):
            u[:, i] = np.minimum(u[:, i], (1 - GAP) * (u[:, i - 1] if i else 1.0))
        nodes = end + (start - end) * u
        whole = np.ones((len(u), 1))
        return np.hstack([start * whole, nodes, end * whole])

    def keys(self) -> list[bytes]:
        """What tells settled schedules apart; differences that only rounding makes do not."""
        span = self.grids[:, :1] - self.grids[:, -1:]
        grids = np.rint((self.grids - self.grids[:, -1:]) / span * 1e9)
        relaxations = np.rint(self.relaxations * 1e9)
        parts = (grids, self.orders, self.points, self.noise, relaxations, self.correctors)
        table = np.hstack([part.astype(np.int64) for part in parts])
        return [row.tobytes() for row in table]

    def features(self) -> FloatArray:
        """All decisions as numbers, for a regressor: (P, n - 1 + 5 n)."""
        times = self.grids[:, 1:-1] / np.abs(self.grids[:, :1])
        rest = (self.orders, self.noise, self.points, self.relaxations, self.correctors)
        return np.hstack([times, *(part.astype(np.float64) for part in rest)])


def joined(populations: Sequence[Population]) -> Population:
    """All rows of several populations."""
    names = [each.name for each in fields(Population)]
    return Population(*(np.concatenate([getattr(p, name) for p in populations]) for name in names))
