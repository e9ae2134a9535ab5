"""Scores of solver schedules: many candidates in one run, hopeless ones stopped half-way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sampkit._chunks import CACHE_BYTES, chunks, rows_per_chunk
from sampkit.diffusion._executor import sample
from sampkit.diffusion._stacked import sample_stacked
from sampkit.diffusion._teacher import teacher_trajectory
from sampkit.diffusion._torch import torch
from sampkit.diffusion.accelerate import SolverSchedule
from sampkit.diffusion.coefficients import lagrange_basis
from sampkit.diffusion.grids import time_grid
from sampkit.diffusion.models import Model
from sampkit.diffusion.solvers import DPMSolver

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Scorer", "Scores"]

FloatArray = npt.NDArray[np.float64]

TEACHER_STEPS = 200  # of DPM-Solver++(2M), even in the log-SNR: nearer to the flow than 999 of DDIM
DEVICE_BYTES = 64 * 1024 * 1024  # of the states of a chunk, where wide calls are what is fast
HALF_WAY_BYTES = 64 * 1024 * 1024  # of the teacher's states in the middle
HALF_WAY_NODES = 17
NEAR = 4  # nodes that a state between them is interpolated from


class Scores(NamedTuple):
    """What is known of candidates.

    Parameters
    ----------
    scores : ndarray of float64 of shape (P,)
        Lower is better; inf where the samples are not finite or the run was stopped.
    half_way : ndarray of float64 of shape (P,)
        Error after half the steps, relative to the size of noisy data; NaN where it is not known.
    stopped : ndarray of bool of shape (P,)
        Whether the run was stopped there.
    """

    scores: FloatArray
    half_way: FloatArray
    stopped: npt.NDArray[np.bool_]


class Scorer:
    """The objective on one set of noises.

    Parameters
    ----------
    model : DiffusionModel or wrapper
        The network with its schedule.
    x : tensor of shape (B, ...)
        States at the start of every grid.
    grid : ndarray of float64 of shape (n_steps + 1,)
        Its ends are those of every candidate, its middle is where half the steps are done.
    cond : object, default=None
        Condition of the B rows.
    objective : "trajectory" or callable, default="trajectory"
        Mean squared difference from a fine run, or a function of the samples.
    candidates : int or None, default=None
        How many run together; None: what fits a memory budget.
    """

    def __init__(
        self,
        model: Model,
        x: Tensor,
        grid: FloatArray,
        *,
        cond: Any = None,
        objective: str | Callable[[Tensor], Any] = "trajectory",
        candidates: int | None = None,
    ):
        self.model, self.x, self.cond, self.grid = model, x, cond, grid
        self.objective = objective
        self.calls = 0  # of the network, on B rows each
        self.half = (len(grid) - 1) // 2
        budget = CACHE_BYTES if x.device.type == "cpu" else DEVICE_BYTES
        together = rows_per_chunk(x.numel() * x.element_size(), budget)
        self.candidates = together if candidates is None else candidates
        self.first: Tensor | None = None
        self.reference: Tensor | None = None
        self.middle: tuple[FloatArray, Tensor] | None = None
        if not callable(objective):
            with torch.no_grad():
                self._follow()

    # --- the teacher ------------------------------------------------------------------------------

    def _follow(self) -> None:
        """The end of the fine run, and states where candidates have done half their steps."""
        schedule, ends = self.model.schedule, self.grid[[0, -1]]
        middles = self._middles()
        if np.isfinite(schedule.lam(ends)).all():
            fine = time_grid(schedule, TEACHER_STEPS, t_start=ends[0], t_end=ends[1])
            fine = np.union1d(fine, middles)[::-1]
            kept: list[Tensor] = []

            def keep(i: int, t: float, state: Tensor, x0: Tensor) -> None:
                if fine[i + 1] in middles:
                    kept.append(state.clone())

            self.reference = sample(
                self.model, self.x, DPMSolver(2), fine, cond=self.cond, callback=keep
            )
            self.calls += len(fine) - 1
        else:
            nodes = np.concatenate([ends[:1], middles, ends[1:]])
            states = teacher_trajectory(self.model, self.x, nodes, cond=self.cond)
            kept, self.reference = states[1:-1], states[-1]
            self.calls += 999 + len(middles)
        if len(middles):
            self.middle = middles, torch.stack(kept)

    def _middles(self) -> FloatArray:
        """Falling times around the middle of the grid, as many as memory allows."""
        state = self.x.numel() * max(self.x.element_size(), 4)
        n = min(HALF_WAY_NODES, HALF_WAY_BYTES // max(state, 1))
        if self.half < 1 or n < NEAR:
            return np.empty(0)
        low, high = self.grid[self.half + 1], self.grid[self.half - 1]
        span = high - low
        lam = np.asarray(self.model.schedule.lam(np.array([high - span / 50, low + span / 50])))
        return np.array(self.model.schedule.t_from_lam(np.linspace(lam[0], lam[1], n)))

    # --- candidates -------------------------------------------------------------------------------

    def __call__(self, candidates: Sequence[SolverSchedule], limit: float = np.inf) -> Scores:
        """Score candidates, which share the ends of their grids and their first output.

        Parameters
        ----------
        candidates : sequence of SolverSchedule
            P of them.
        limit : float, default=inf
            Runs whose error half-way is larger are stopped there.

        Returns
        -------
        Scores
        """
        plans = [candidate.plan(self.model.schedule) for candidate in candidates]
        found = Scores(
            np.full(len(plans), np.inf), np.full(len(plans), np.nan), np.zeros(len(plans), bool)
        )
        with torch.no_grad():
            if self.first is None and not plans[0].first_is_given:
                call = self.model.call_at(float(self.grid[0]), self.x)
                # a network may write its next output over this one
                self.first = self.model._output(self.x, call, self.cond).clone()
                self.calls += 1
            for part in chunks(len(plans), self.candidates):
                self._score(plans[part], limit, *(each[part] for each in found))
        return found

    def _score(self, plans: Any, limit: float, scores: Any, half_way: Any, stopped: Any) -> None:
        """One run; fills in slices of the result."""

        def select(i: int, states: Tensor) -> Tensor | None:
            if i + 1 != self.half or self.middle is None:
                return None
            half_way[:] = self._errors_half_way(plans, states)
            stopped[:] = half_way > limit
            if not stopped.any() or stopped.all():
                return None
            return torch.from_numpy(np.flatnonzero(~stopped)).to(states.device)

        ends = sample_stacked(
            self.model, self.x, plans, cond=self.cond, first=self.first, select=select
        )
        went_on = np.flatnonzero(~stopped) if len(ends) < len(plans) else np.arange(len(plans))
        stopped[went_on] = False
        called = len(plans[0].rows) - 1
        self.calls += called * len(went_on) + (self.half - 1) * (len(plans) - len(went_on))
        scores[went_on] = self._objective(ends)

    def _objective(self, ends: Tensor) -> FloatArray:
        if self.reference is not None:
            values = (ends - self.reference).float().square().flatten(1).mean(1)
            found = values.to(torch.float64).cpu().numpy()
        else:
            assert callable(self.objective)
            found = np.array([float(self.objective(each)) for each in ends])
        return np.where(np.isfinite(found), found, np.inf)

    def _errors_half_way(self, plans: Any, states: Tensor) -> FloatArray:
        """Mean squared distance from the teacher, in units of noisy data of variance 1."""
        assert self.middle is not None
        times, kept = self.middle
        schedule = self.model.schedule
        mine = np.array([plan.rows[self.half].t for plan in plans])
        lam, at = np.asarray(schedule.lam(times)), np.asarray(schedule.lam(mine))
        weights = np.full((len(plans), len(times)), np.nan)
        for k in np.flatnonzero((lam[0] <= at) & (at <= lam[-1])).tolist():
            begin = int(np.clip(np.searchsorted(lam, at[k]) - NEAR // 2, 0, len(lam) - NEAR))
            near = slice(begin, begin + NEAR)
            weights[k] = 0
            weights[k, near] = lagrange_basis(lam[near], at[k : k + 1])[:, 0]
        there = torch.tensordot(states.new_tensor(weights), kept.to(states.dtype), dims=1)
        total = schedule.alpha(mine) ** 2 + schedule.sigma(mine) ** 2
        errors = (states - there).square().flatten(1).mean(1).double().cpu().numpy() / total
        return np.asarray(errors)
