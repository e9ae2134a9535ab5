"""The search for DC-Solver's ratios: one number after another, without gradients.

Everything between two network calls is linear in the outputs, and a compensated output is a
polynomial in its ratio. So the state that a call leads to is a polynomial as well, known from as
many states as it has coefficients; where no further call follows, its distance to the teacher has
an exact minimum. Where a corrector needs the next call, a bounded scalar search makes a dozen.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sampkit.diffusion._executor import check_states, steps
from sampkit.diffusion._program import Step
from sampkit.diffusion._run import Run, first_output_of, run_of
from sampkit.diffusion._teacher import teacher_trajectory
from sampkit.diffusion._torch import torch
from sampkit.diffusion.accelerate._transform import base_plan, check_solver
from sampkit.diffusion.accelerate.compensation import compensated, moving_weights
from sampkit.diffusion.guidance import Wrapper
from sampkit.diffusion.models import Call, Model
from sampkit.diffusion.plan import Plan
from sampkit.diffusion.search._ratios import best_of_polynomial, best_of_search
from sampkit.diffusion.solvers._solver import check_choice, check_int, check_model

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CompensationResult", "search_compensation"]

Weights = dict[int, tuple[float, ...]]  # of the mix at a call
FloatArray = npt.NDArray[np.float64]
Report = Callable[[int, float, float], Any]

MAX_CALLS = 20  # for one ratio
PLACEHOLDER = 0.5  # a ratio whose weights are all different from 0


@dataclass(frozen=True, eq=False)
class CompensationResult:
    """Ratios of a dynamic compensation, and what they gain.

    Parameters
    ----------
    ratios : ndarray of float64 of shape (n_steps,)
        For `DynamicCompensation`; all 1 if those found were not accepted.
    losses : ndarray of float64 of shape (n_steps,)
        Mean squared difference from the teacher, over all elements, of the state that each call
        leads to; the last one is that of the samples.
    base_losses : ndarray of float64 of shape (n_steps,)
        The same with the ratio of that call at 1 and those before it as found: never smaller.
    n_model_calls : int
        Calls of the model: teacher, search and comparison.
    base_error : float
        Last loss with all ratios 1; NaN with ``accept="always"``, which does not ask, and where
        the comparison was interrupted.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.diffusion import CompensationResult
    >>> found = CompensationResult(np.array([1, 1, 1.2]), np.zeros(3), np.ones(3), 12)
    >>> found.ratios.tolist()
    [1.0, 1.0, 1.2]
    """

    ratios: FloatArray
    losses: FloatArray
    base_losses: FloatArray
    n_model_calls: int
    base_error: float = np.nan


def search_compensation(
    model: Model,
    solver: Any,
    grid: Any,
    x: Tensor,
    *,
    cond: Any = None,
    order: int = 2,
    target: Sequence[Tensor] | None = None,
    n_teacher_steps: int = 999,
    bounds: tuple[float, float] = (-0.5, 2.5),
    tol: float = 1e-3,
    objective: str = "corrected",
    accept: str = "end_to_end",
    callback: Report | None = None,
    progress: bool = False,
) -> CompensationResult:
    """Find the ratios with which `DynamicCompensation` stays closest to a fine trajectory.

    Parameters
    ----------
    model : DiffusionModel or wrapper
        The network with its schedule, with the guidance it will be used with.
    solver : Solver
        Calls once a step and draws no noise; `DualFast` included.
    grid : array-like of shape (n_steps + 1,)
        Strictly falling times.
    x : tensor of shape (B, ...)
        States at ``grid[0]``; about ten are enough. Never modified.
    cond : object, default=None
        Their conditions.
    order : int, default=2
        Degree of the polynomial through the outputs, 1 to 4; the first `order` ratios are 1.
    target : sequence of n_steps + 1 tensors of the shape of x, or None, default=None
        States at the nodes of the grid to stay close to. None: `teacher_trajectory`.
    n_teacher_steps : int, default=999
        Steps of the teacher, >= 1.
    bounds : (float, float), default=(-0.5, 2.5)
        Between which ratios are sought; 1 is tried as well.
    tol : float, default=1e-3
        Accuracy of a ratio, > 0, where it is found by trying.
    objective : {"corrected", "predicted"}, default="corrected"
        Whether a ratio is judged by the state after the corrector, which takes network calls, or
        before, which takes none.
    accept : {"end_to_end", "always"}, default="end_to_end"
        Whether the ratios found have to beat all ones at the end of the grid; ratio by ratio
        better can be worse in the end, above all under strong guidance.
    callback : callable or None, default=None
        ``callback(i, ratio, loss)`` after every searched call; a true result ends the search, and
        the ratios that are left stay 1. Ctrl-C does so too, with a warning.
    progress : bool, default=False
        Show a bar of tqdm.

    Returns
    -------
    CompensationResult

    Raises
    ------
    ValueError
        A parameter out of range, a solver of several calls a step or one that draws noise, a
        target of other states than the grid has.
    TypeError
        A model or an x that is none.
    RuntimeError
        Whatever the ratio, the states are not finite.

    Notes
    -----
    Without gradients, so any network will do, in any precision, and nothing random.
    Calls: those of the teacher; one for each step; at most 20 for each ratio judged after a
    corrector; and one for each step again with ``accept="end_to_end"``. One of the 20 is the one
    that the step needs anyway. The publication back-propagates 40 times through every call.

    References
    ----------
    Zhao et al., "DC-Solver: improving predictor-corrector diffusion sampler via dynamic
    compensation", ECCV 2024, section 3.2.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import (
    ...     DynamicCompensation,
    ...     GaussianMixture,
    ...     UniPC,
    ...     VPLinearSchedule,
    ...     sample,
    ...     search_compensation,
    ...     time_grid,
    ... )
    >>> schedule = VPLinearSchedule()
    >>> model = GaussianMixture([[-1.0, 0.0], [1.0, 0.0]], 0.05).model(schedule)
    >>> noise = torch.randn(12, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> grid = time_grid(schedule, 6)
    >>> found = search_compensation(model, UniPC(2), grid, noise[:10], n_teacher_steps=200)
    >>> bool(found.losses[-1] < found.base_error)
    True
    >>> samples = sample(model, noise, DynamicCompensation(UniPC(2), found.ratios), grid)
    """
    check_states(model, x)
    _check(n_teacher_steps, bounds, tol, objective, accept)
    plan, weights = _plan(model, solver, grid, order)
    counted = _Counted(model, x)
    with torch.no_grad():
        start = x.to(counted.carried)
        if target is None:
            target = teacher_trajectory(counted, start, plan.grid, n_teacher_steps, cond=cond)
        targets = _targets(target, plan, x)
        walk = _Walk(counted, start, plan, weights, targets, cond, bounds, tol, objective)
        found = walk.search(order, callback, progress)
        if accept == "end_to_end":
            searched = bool((found.ratios != 1).any())
            try:
                base = walk.search(len(plan.rows), None, False) if searched else found
            except KeyboardInterrupt:
                warnings.warn("interrupted: the ratios found were not compared.", stacklevel=2)
                return replace(found, n_model_calls=counted.n_calls)
            better = found if found.losses[-1] < base.losses[-1] else base
            if not np.isfinite(better.losses[-1]):
                raise RuntimeError("whatever the ratios, the states are not finite.")
            found = replace(better, base_error=float(base.losses[-1]))
    return replace(found, n_model_calls=counted.n_calls)


def _check(n_teacher_steps: Any, bounds: Any, tol: Any, objective: Any, accept: Any) -> None:
    check_int("n_teacher_steps", n_teacher_steps, 1, 10**9)
    ends = np.asarray(bounds, dtype=np.float64)
    if ends.shape != (2,) or not np.isfinite(ends).all() or not ends[0] < ends[1]:
        raise ValueError(f"bounds must be two finite numbers, lower < upper, got {bounds!r}.")
    if not 0 < tol < np.inf:
        raise ValueError(f"tol must be a number > 0, got {tol!r}.")
    check_choice("objective", objective, ("corrected", "predicted"))
    check_choice("accept", accept, ("end_to_end", "always"))


def _plan(model: Model, solver: Any, grid: Any, order: int) -> tuple[Plan, Weights]:
    """A compensated plan with placeholders for the ratios, and the weights they stand for."""
    check_int("order", order, 1, 4)
    check_solver(solver)
    base = base_plan(solver, model.schedule, grid, "search_compensation")
    n = len(base.rows)
    ratios = [1.0] * min(order, n) + [PLACEHOLDER] * (n - order)
    plan = compensated(base, ratios, order)
    if any(row.noise for row in plan.rows):
        raise ValueError(f"solver must draw no noise, got {solver!r}.")
    check_model(solver, model, plan.grid)
    mixes = {i: row.mix for i, row in enumerate(plan.rows) if row.mix is not None}
    return plan, mixes


def _targets(target: Any, plan: Plan, x: Tensor) -> list[Tensor]:
    if not np.iterable(target):
        raise ValueError(f"target must be a sequence of states, got {target!r}.")
    states = list(target)
    if len(states) != len(plan.grid):
        raise ValueError(
            f"target must hold a state for each of the {len(plan.grid)} nodes of grid, got "
            f"{len(states)}."
        )
    for i, state in enumerate(states):
        if not isinstance(state, torch.Tensor) or state.shape != x.shape:
            shape = tuple(state.shape) if hasattr(state, "shape") else type(state).__name__
            raise ValueError(
                f"target[{i}] must be a tensor of the shape of x, {tuple(x.shape)}, got {shape}."
            )
    return [state.detach().to(x.device, torch.float64).ravel() for state in states]


class _Counted(Wrapper):
    """A model that counts its calls, and is handed states of the dtype of x."""

    def __init__(self, model: Model, x: Tensor):
        super().__init__(model)
        self.n_calls, self.given = 0, x.dtype
        half = x.dtype in (torch.float16, torch.bfloat16)
        self.carried = torch.float32 if half else x.dtype

    def _output(self, x: Tensor, call: Call, cond: Any = None) -> Tensor:
        self.n_calls += 1
        y = self.model._output(x.to(self.given), call, cond)
        return y.to(self.carried, copy=True)  # a network may write its next output over this one


class _Walk:
    """Along the trajectory of a plan, ratio by ratio."""

    def __init__(
        self, model: _Counted, x: Tensor, plan: Plan, weights: Weights,
        targets: list[Tensor], cond: Any, bounds: tuple[float, float], tol: float, objective: str,
    ):  # fmt: skip
        self.model, self.x, self.plan, self.weights = model, x, plan, weights
        self.targets, self.cond, self.objective = targets, cond, objective
        self.bounds, self.tol = (float(bounds[0]), float(bounds[1])), float(tol)
        # mixes are made here, of several ratios, and what they read has to stay until then
        run = run_of(model, x, plan, inplace=False)
        self.calls, self.first = run.calls, first_output_of(plan, x, run.dtype)
        self.mixes = [step.mixes for step in run.steps]
        self.steps = tuple(_mixed_late(step) for step in run.steps)

    def search(self, first: int, callback: Report | None, progress: bool) -> CompensationResult:
        """Search the ratios from call `first` on; those before are 1."""
        n = len(self.plan.rows)
        ratios, losses, base_losses = np.ones(n), np.zeros(n), np.zeros(n)
        run = Run(self.model, self.x, self.plan, inplace=False)
        run.steps = self.steps
        self._receive(run, 0)
        for i in steps(n, progress, "searching", "step"):
            if i < first:
                run, losses[i] = self._moved(run, i, 1.0)
                base_losses[i] = losses[i]
                continue
            try:
                best = self._best(run, i)
            except KeyboardInterrupt:
                warnings.warn(f"interrupted: the ratios from call {i} on are 1.", stacklevel=3)
                first = n
                run, losses[i] = self._moved(run, i, 1.0)
                base_losses[i] = losses[i]
                continue
            run, ratios[i], losses[i], base_losses[i] = best
            if callback is not None and callback(i, float(ratios[i]), float(losses[i])):
                first = n
        return CompensationResult(ratios, losses, base_losses, 0)

    def _best(self, run: Run, i: int) -> tuple[Run, float, float, float]:
        """The run on with the best ratio at call i; that ratio, its loss, the loss without."""
        last = i + 1 == len(self.plan.rows)
        if last or self.objective == "predicted" or self.plan.rows[i].corrector is None:
            ratio, base_loss = best_of_polynomial(*self._polynomial(run, i), self.bounds)
            moved, loss = self._moved(run, i, ratio)
            return moved, ratio, loss, loss if ratio == 1 else max(base_loss, loss)
        tried: list[tuple[float, float, Run | None]] = []  # the run of the best alone is kept
        apart = torch.empty(MAX_CALLS, self.x.numel(), dtype=torch.float64, device=self.x.device)

        def products(ratio: float) -> list[float]:
            moved = self._updated(run, i, ratio)
            self._receive(moved, i + 1)
            k = len(tried)
            apart[k] = self._apart(moved, i + 1)
            found: list[float] = (apart[: k + 1] @ apart[k] / self.x.numel()).tolist()
            loss = found[-1] if np.isfinite(found[-1]) else np.inf
            best = not tried or loss < min(each[1] for each in tried)
            tried.append((ratio, loss, moved if best else None))
            return found

        best_of_search(products, self.bounds, self.tol, MAX_CALLS)
        ratio, loss, best = min(tried, key=lambda each: each[1])
        assert best is not None
        return best, ratio, loss, tried[0][1]

    def _moved(self, run: Run, i: int, ratio: float) -> tuple[Run, float]:
        """The run after the next call, if there is one, and its loss."""
        moved = self._updated(run, i, ratio)
        loss = self._loss(moved, i + 1) if self.objective == "predicted" else None
        if i + 1 < len(self.plan.rows):
            self._receive(moved, i + 1)
        return moved, self._loss(moved, i + 1) if loss is None else loss

    def _updated(self, run: Run, i: int, ratio: float) -> Run:
        """The run after row i, with a ratio of its own."""
        moved = run.fork()
        if ratio != 1:
            old = self.weights[i]
            new = moving_weights(self.plan.times, i, len(old) - 1, np.array([ratio]))[0].tolist()
            for mix in self.mixes[i]:
                moved.mix(mix.reweighted(old, new))
        moved.advance(i, None)
        return moved

    def _receive(self, run: Run, i: int) -> None:
        given = self.first if i == 0 else None
        if given is None:
            given = self.model._output(run.states[i], self.calls[i], self.cond)
        run.receive(i, given)

    def _apart(self, run: Run, k: int) -> Tensor:
        return run.states[k].double().ravel() - self.targets[k]

    def _loss(self, run: Run, k: int) -> float:
        """Mean squared distance of state k from the teacher's; infinite if it is not finite."""
        loss = float(self._apart(run, k).square().mean())
        return loss if np.isfinite(loss) else np.inf

    def _polynomial(self, run: Run, i: int) -> tuple[FloatArray, FloatArray]:
        """Ratios as many as state i + 1 has coefficients, and products of its distances there."""
        degree = len(self.weights[i]) - 1
        spread = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
        ratios = self.bounds[0] + (self.bounds[1] - self.bounds[0]) * (1 + spread) / 2
        runs = [self._updated(run, i, float(ratio)) for ratio in ratios]
        flat = torch.stack([self._apart(each, i + 1) for each in runs])
        return ratios, (flat @ flat.T / flat.shape[1]).cpu().numpy()


def _mixed_late(step: Step) -> Step:
    spent = step.spent_at_call + step.spent_at_update
    return step._replace(mixes=(), spent_at_call=(), spent_at_update=spent)
