"""The one loop: it runs any plan on any model, and knows no method by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.diffusion._run import first_output_of, run_of
from sampkit.diffusion._torch import torch
from sampkit.diffusion.models import Model
from sampkit.diffusion.plan import Plan
from sampkit.diffusion.schedules import NoiseSchedule
from sampkit.diffusion.solvers._solver import check_model

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["initial_noise", "sample"]

Generators = Any  # torch.Generator, a sequence of them, or None


def initial_noise(
    schedule: NoiseSchedule,
    grid: Any,
    shape: Sequence[int],
    generator: Generators = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """States at the start of a grid: normal noise of the size that belongs there.

    Parameters
    ----------
    schedule : NoiseSchedule
        What the times mean.
    grid : array-like of shape (n_steps + 1,)
        Its first node is the start.
    shape : sequence of int
        (B, ...).
    generator : torch.Generator, a list of B of them, or None, default=None
        Source of the noise; with a list every sample has its own, and does not depend on the batch.
    dtype : torch.dtype or None, default=None
        None: PyTorch's default.
    device : torch.device or None, default=None
        None: PyTorch's default.

    Returns
    -------
    tensor of the given shape
        Standard normal where the schedule preserves variance, otherwise sigma(grid[0]) times that.

    Raises
    ------
    ValueError
        A list of generators that is not as long as the batch.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import VESchedule, initial_noise
    >>> noise = initial_noise(VESchedule(), [80.0, 0.0], (500, 2), torch.Generator().manual_seed(0))
    >>> bool(60 < noise.std() < 100)
    True
    """
    like = torch.empty(0, dtype=dtype, device=device)
    noise = normal_noise(tuple(shape), like, generator)
    factor = start_factor(schedule, float(np.asarray(grid, dtype=np.float64).ravel()[0]))
    return noise if factor == 1 else noise * factor


def start_factor(schedule: NoiseSchedule, start: float) -> float:
    """Standard deviation of the states at a start: 1 where the schedule preserves variance."""
    sigma = float(schedule.sigma(start))
    total = sigma**2 + float(schedule.alpha(start)) ** 2
    return 1.0 if abs(total - 1) < 1e-9 else sigma


def normal_noise(shape: tuple[int, ...], like: Tensor, generator: Generators) -> Tensor:
    """Standard normal noise from one generator, or row by row from one for each sample."""
    if generator is None or isinstance(generator, torch.Generator):
        device = like.device if generator is None else generator.device
        noise = torch.randn(shape, dtype=like.dtype, device=device, generator=generator)
        return noise.to(like.device)
    generators = list(generator)
    if len(generators) != shape[0]:
        raise ValueError(
            f"generator must be one generator or one for each of the {shape[0]} samples, got "
            f"{len(generators)}."
        )
    rows = [normal_noise(shape[1:], like, each) for each in generators]
    return torch.stack(rows)


def sample(
    model: Model,
    x: Tensor,
    solver_or_plan: Any,
    grid: Any = None,
    *,
    cond: Any = None,
    generator: Generators = None,
    noise: Any = None,
    postprocess: Callable[[Tensor], Tensor] | None = None,
    callback: Callable[[int, float, Tensor, Tensor], Any] | None = None,
    return_trajectory: bool = False,
    progress: bool = False,
    inplace: bool | str = "auto",
    dtype: Any = None,
    check_finite: bool = False,
) -> Any:
    """Run a solver or a plan on a model.

    Parameters
    ----------
    model : DiffusionModel or wrapper
        The network with its schedule.
    x : tensor of shape (B, ...)
        States at ``grid[0]``, see `initial_noise`; never modified.
    solver_or_plan : Solver, Plan or TimeShift
        What to run: a plan, anything with ``plan(schedule, grid)``, or a `TimeShift`.
    grid : array-like of shape (n_steps + 1,) or None, default=None
        Strictly falling times; None only for a plan or a `SolverSchedule`, which have their own.
    cond : object, default=None
        Condition, handed to the network.
    generator : torch.Generator, a list of B of them, or None, default=None
        Source of the noise of stochastic rows. With a list every sample has its own, and does not
        depend on the batch it is in.
    noise : list of tensors, callable or None, default=None
        The noises themselves: entry i, or ``noise(i)``, is used by row i if that row draws any.
    postprocess : callable or None, default=None
        Applied to every data prediction (`DynamicThreshold`, `Clip`); the noise prediction follows.
    callback : callable or None, default=None
        ``callback(step, t, x, x0)`` after every row: its number, the time of the state it led to,
        that state, and the data prediction it used. A true result stops the run there.
    return_trajectory : bool, default=False
        Return the states of all calls, each after its corrector, and the end.
    progress : bool, default=False
        Show a bar of tqdm.
    inplace : {"auto", True, False}, default="auto"
        Write into buffers of the executor's own. "auto": unless gradients flow.
    dtype : torch.dtype or None, default=None
        Of the states; None: that of x, float32 for half precision (the network still gets the
        dtype of x, or its `model_dtype`).
    check_finite : bool, default=False
        Raise FloatingPointError at the first state that is not finite; waits for the device at
        every step.

    Returns
    -------
    x_end : tensor of shape (B, ...)
        States at the end of the grid, of the dtype of x unless `dtype` says otherwise.
    trajectory : list of tensors
        Only with `return_trajectory`.

    Raises
    ------
    ValueError
        A grid missing or too many, a plan of another schedule, too few noises, a network output or
        a first output of another shape, a start without data under noise prediction.
    FloatingPointError
        With `check_finite`.

    Notes
    -----
    Coefficients are Python floats and times are put on the device once: nothing in the loop waits
    for the device. Memory: the states and outputs that later rows look at, and one more.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import (
    ...     DiffusionModel,
    ...     UniPC,
    ...     VPLinearSchedule,
    ...     initial_noise,
    ...     sample,
    ...     time_grid,
    ... )
    >>> schedule = VPLinearSchedule()
    >>> model = DiffusionModel(lambda x, t: torch.zeros_like(x) + 3, schedule, prediction="x0")
    >>> grid = time_grid(schedule, 5, final="zero")
    >>> noise = initial_noise(schedule, grid, (2, 2), torch.Generator().manual_seed(0))
    >>> sample(model, noise, UniPC(), grid)
    tensor([[3., 3.],
            [3., 3.]])
    """
    if not isinstance(model, Model):
        raise TypeError(f"model must be a DiffusionModel, got {type(model).__name__}.")
    if inplace not in ("auto", True, False):
        raise ValueError(f"inplace must be 'auto', True or False, got {inplace!r}.")
    run = _run_of(
        model, x, solver_or_plan, grid, postprocess=postprocess, inplace=inplace, dtype=dtype,
        shows_x0=callback is not None,
    )  # fmt: skip
    plan, calls = run.plan, run.calls
    check_model(solver_or_plan, model, plan.grid)
    half = x.dtype in (torch.float16, torch.bfloat16)
    noises = _Noises(plan, run.states[0], generator, noise)
    trajectory: list[Tensor] = []
    first = first_output_of(plan, x, run.dtype)
    for i in steps(len(plan.rows), progress):
        if first is not None and i == 0:
            y = first
        else:
            state = run.states[i].to(x.dtype) if half else run.states[i]
            y = model._output(state, calls[i], cond)
            y = y.to(run.dtype) if half else y
        x0 = run.receive(i, y)
        if return_trajectory:
            trajectory.append(run.states[i].clone())
        run.advance(i, noises(i))
        if check_finite and not bool(torch.isfinite(run.states[i + 1]).all()):
            raise FloatingPointError(
                f"the state after step {i} (t = {plan.times[i + 1]:.6g}) is not finite."
            )
        if callback is not None:
            shown: Any = x0
            if callback(i, float(plan.times[i + 1]), run.states[i + 1], shown):
                break
    end = run.states[i + 1].to(x.dtype if dtype is None else dtype)
    if not return_trajectory:
        return end
    return end, [*trajectory, end.clone()]


def _run_of(model: Model, x: Tensor, solver_or_plan: Any, grid: Any, **settings: Any) -> Any:
    """The run of a plan, or of what decides its numbers by the states and so makes its own."""
    own = getattr(solver_or_plan, "_run", None)
    if own is not None:
        if grid is None:
            raise ValueError(f"grid must be given for {type(solver_or_plan).__name__}, got None.")
        return own(model, x, grid, **settings)
    return run_of(model, x, plan_of(solver_or_plan, model.schedule, grid), **settings)


def plan_of(solver_or_plan: Any, schedule: NoiseSchedule, grid: Any) -> Plan:
    """The plan to run, checked against the model's schedule."""
    if isinstance(solver_or_plan, Plan):
        if grid is not None:
            raise ValueError("grid must be None beside a Plan, which has its own.")
        if solver_or_plan.schedule != schedule:
            raise ValueError(
                f"the plan is made for {solver_or_plan.schedule}, the model for {schedule}."
            )
        return solver_or_plan
    if not hasattr(solver_or_plan, "plan"):
        raise ValueError(
            "solver_or_plan must be a Plan or have a method plan(schedule, grid), got "
            f"{type(solver_or_plan).__name__}."
        )
    if grid is None:
        grid = getattr(solver_or_plan, "grid", None)  # of a SolverSchedule
    if grid is None:
        raise ValueError(f"grid must be given for {type(solver_or_plan).__name__}, got None.")
    plan = solver_or_plan.plan(schedule, grid)
    if not isinstance(plan, Plan):
        raise ValueError(f"plan(schedule, grid) must return a Plan, got {type(plan).__name__}.")
    return plan


def steps(n: int, progress: bool, desc: str = "sampling", unit: str = "call") -> Iterable[int]:
    """Numbers below n, with a bar if that is wanted."""
    if not progress:
        return range(n)
    from tqdm.auto import tqdm

    return tqdm(range(n), desc=desc, unit=unit)


def check_states(model: Any, x: Any) -> None:
    """Refuse what is no model, and states that are none."""
    if not isinstance(model, Model):
        raise TypeError(f"model must be a DiffusionModel, got {type(model).__name__}.")
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"x must be a tensor, got {type(x).__name__}.")
    if x.ndim == 0 or x.numel() == 0:
        raise ValueError(f"x must hold states, of shape (B, ...), got shape {tuple(x.shape)}.")


class _Noises:
    """Where the noise of a row comes from."""

    def __init__(self, plan: Plan, like: Tensor, generator: Generators, noise: Any):
        if noise is not None and not callable(noise) and len(noise) != len(plan.rows):
            raise ValueError(
                f"noise must hold one tensor for each of the {len(plan.rows)} calls, got "
                f"{len(noise)}."
            )
        self.rows, self.generator, self.noise = plan.rows, generator, noise
        self.shape, self.like = tuple(like.shape), like

    def __call__(self, i: int) -> Tensor | None:
        if not self.rows[i].noise:
            return None
        if self.noise is None:
            return normal_noise(self.shape, self.like, self.generator)
        drawn = self.noise(i) if callable(self.noise) else self.noise[i]
        if tuple(drawn.shape) != self.shape:
            raise ValueError(
                f"noise of row {i} must be of shape {self.shape}, got {tuple(drawn.shape)}."
            )
        return drawn.to(self.like)
