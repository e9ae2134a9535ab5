"""The one loop: it runs any plan on any model, and knows no method by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.diffusion._liveness import Liveness
from sampkit.diffusion._torch import torch
from sampkit.diffusion.models import Call, Levels, Model
from sampkit.diffusion.plan import Plan, Update
from sampkit.diffusion.schedules import NoiseSchedule

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
    noise = _normal(tuple(shape), like, generator)
    start = float(np.asarray(grid, dtype=np.float64).ravel()[0])
    sigma = float(schedule.sigma(start))
    total = sigma**2 + float(schedule.alpha(start)) ** 2
    return noise if abs(total - 1) < 1e-9 else noise * sigma


def _normal(shape: tuple[int, ...], like: Tensor, generator: Generators) -> Tensor:
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
    rows = [_normal(shape[1:], like, each) for each in generators]
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
    solver_or_plan : Solver or Plan
        What to run: a plan, or anything with ``plan(schedule, grid)``.
    grid : array-like of shape (n_steps + 1,) or None, default=None
        Strictly falling times; None only for a plan, which has its own.
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
        A grid missing or too many, a plan of another schedule, too few noises, a network output of
        another shape, a start without data under noise prediction.
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
    plan = plan_of(solver_or_plan, model.schedule, grid)
    run = _Run(model, x, plan, cond, postprocess, inplace, dtype)
    noises = _Noises(plan, run.state(0), generator, noise)
    trajectory: list[Tensor] = []
    for i in _steps(plan.n_evals, progress):
        x0 = run.call(i, keep_x0=callback is not None)
        if return_trajectory:
            trajectory.append(run.state(i).clone())
        run.advance(i, noises(i))
        if check_finite and not bool(torch.isfinite(run.state(i + 1)).all()):
            raise FloatingPointError(
                f"the state after step {i} (t = {plan.times[i + 1]:.6g}) is not finite."
            )
        if callback is not None and callback(i, float(plan.times[i + 1]), run.state(i + 1), x0):
            break
    end = run.state(i + 1).to(x.dtype if dtype is None else dtype)
    if not return_trajectory:
        return end
    return end, [*trajectory, end.clone()]


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
        raise ValueError(f"grid must be given for {type(solver_or_plan).__name__}, got None.")
    plan = solver_or_plan.plan(schedule, grid)
    if not isinstance(plan, Plan):
        raise ValueError(f"plan(schedule, grid) must return a Plan, got {type(plan).__name__}.")
    return plan


def _steps(n: int, progress: bool) -> Iterable[int]:
    if not progress:
        return range(n)
    from tqdm.auto import tqdm

    return tqdm(range(n), desc="sampling", unit="call")


class _Noises:
    """Where the noise of a row comes from."""

    def __init__(self, plan: Plan, like: Tensor, generator: Generators, noise: Any):
        if noise is not None and not callable(noise) and len(noise) != plan.n_evals:
            raise ValueError(
                f"noise must hold one tensor for each of the {plan.n_evals} calls, got "
                f"{len(noise)}."
            )
        self.rows, self.generator, self.noise = plan.rows, generator, noise
        self.shape, self.like = tuple(like.shape), like

    def __call__(self, i: int) -> Tensor | None:
        if not self.rows[i].noise:
            return None
        if self.noise is None:
            return _normal(self.shape, self.like, self.generator)
        drawn = self.noise(i) if callable(self.noise) else self.noise[i]
        if tuple(drawn.shape) != self.shape:
            raise ValueError(
                f"noise of row {i} must be of shape {self.shape}, got {tuple(drawn.shape)}."
            )
        return drawn.to(self.like)


class _Run:
    """States and outputs of one run, in as few buffers as the plan allows."""

    def __init__(
        self,
        model: Model,
        x: Tensor,
        plan: Plan,
        cond: Any,
        postprocess: Callable[[Tensor], Tensor] | None,
        inplace: bool | str,
        dtype: Any,
    ):
        half = x.dtype in (torch.float16, torch.bfloat16)
        self.dtype = dtype or (torch.float32 if half else x.dtype)
        self.network_dtype = x.dtype if half else None
        self.model, self.plan, self.cond, self.postprocess = model, plan, cond, postprocess
        self.functional = inplace is False or (
            inplace == "auto" and torch.is_grad_enabled() and x.requires_grad
        )
        self.may_switch = inplace == "auto"
        self.live = Liveness(plan)
        self.states: dict[int, Tensor] = {0: x.to(self.dtype)}
        self.outputs: dict[str, dict[int, Tensor]] = {"x0": {}, "eps": {}}
        self.free: list[Tensor] = []
        self.mine: dict[int, Tensor] = {}  # the buffers made here, which may be written to
        self.calls = self._calls(x)

    def _calls(self, x: Tensor) -> list[Call]:
        wide = torch.float64 if self.dtype == torch.float64 else torch.float32
        numbers = [row.t for row in self.plan.rows]
        times = torch.tensor(numbers, dtype=torch.float64, device=x.device)
        model_times = self.model._model_times(times).to(wide)
        times = times.to(wide)
        n = x.shape[0]
        return [
            Call(t, times[i].expand(n), model_times[i].expand(n)) for i, t in enumerate(numbers)
        ]

    def state(self, i: int) -> Tensor:
        return self.states[i]

    # --- one call --------------------------------------------------------------------------------

    def call(self, i: int, keep_x0: bool) -> Tensor:
        """Call the network at state i, predict, correct the state, mix; returns what x0 is."""
        row, x = self.plan.rows[i], self.states[i]
        y = self._network(x, i)
        self.functional = self.functional or (self.may_switch and y.requires_grad)
        x0 = self._predict(i, row.t, x, y, keep_x0)
        if i and (corrector := self.plan.rows[i - 1].corrector) is not None:
            corrected = self._update(corrector, i - 1, i, 2 * i)
            self._drop_state(i)
            self.states[i] = corrected
        if row.mix is not None:
            x0 = x0.clone() if keep_x0 else x0
            self._mix(row.mix, i)
        self._release(2 * i, i)
        return x0

    def _network(self, x: Tensor, i: int) -> Tensor:
        given = x if self.network_dtype is None else x.to(self.network_dtype)
        return self.model._output(given, self.calls[i], self.cond).to(self.dtype)

    def _predict(self, i: int, t: float, x: Tensor, y: Tensor, keep_x0: bool) -> Tensor:
        s = self.plan.schedule
        levels = Levels(float(s.alpha(t)), float(s.sigma(t)))
        p, q = self.model._shares(t, levels)
        alpha, sigma = levels
        det = alpha * q - sigma * p
        if det == 0:
            raise ValueError(
                f"at t = {t:.6g} no data is left (alpha = 0), where noise prediction says nothing: "
                "start later, or use a model that predicts x0, v or the flow."
            )
        wants_x0, wants_eps = self.live.wants("x0", i), self.live.wants("eps", i)
        x0 = x
        if self.postprocess is not None:
            x0 = self.postprocess((x * (q / det)).add(y, alpha=-sigma / det))
        elif wants_x0:
            x0 = self._combined(q / det, x, -sigma / det, y)
        elif keep_x0:
            x0 = (x * (q / det)).add(y, alpha=-sigma / det)
        if wants_eps and self.postprocess is None:
            self.outputs["eps"][i] = self._combined(-p / det, x, alpha / det, y)
        elif wants_eps:
            self.outputs["eps"][i] = self._combined(1 / sigma, x, -alpha / sigma, x0)
        if wants_x0:
            self.outputs["x0"][i] = x0
        return x0

    def _mix(self, weights: tuple[float, ...], i: int) -> None:
        for outputs in self.outputs.values():
            if i not in outputs:
                continue
            mixed = self._scaled(outputs.pop(i), weights[0], last_use=True)
            for age, weight in enumerate(weights):
                if age and weight:
                    mixed = self._add(mixed, outputs[i - age], weight)
            outputs[i] = mixed

    # --- updates ---------------------------------------------------------------------------------

    def advance(self, i: int, noise: Tensor | None) -> None:
        """Apply row i."""
        row = self.plan.rows[i]
        anchor = i if row.anchor is None else row.anchor
        following = self._update(row.update, anchor, i, 2 * i + 1)
        if noise is not None:
            following = self._add(following, noise, row.noise)
        self.states[i + 1] = following
        self._release(2 * i + 1, i + 1)

    def _update(self, update: Update, anchor: int, newest: int, moment: int) -> Tensor:
        last_use = self.live.state(anchor) <= moment
        base = self.states.pop(anchor) if last_use else self.states[anchor]
        total = self._scaled(base, update.a, last_use)
        for kind, weights in (("x0", update.w_x0), ("eps", update.w_eps)):
            for age, weight in enumerate(weights):
                if weight:
                    total = self._add(total, self.outputs[kind][newest - age], weight)
        return total

    def _scaled(self, base: Tensor, a: float, last_use: bool) -> Tensor:
        if self.functional:
            return base * a
        if last_use and id(base) in self.mine:
            return base.mul_(a)
        return torch.mul(base, a, out=self._buffer(base))

    def _add(self, total: Tensor, other: Tensor, weight: float) -> Tensor:
        if self.functional:
            return total.add(other, alpha=weight)
        return total.add_(other, alpha=weight)

    def _combined(self, a: float, x: Tensor, b: float, y: Tensor) -> Tensor:
        """``a x + b y`` in a buffer of its own."""
        return self._add(self._scaled(x, a, last_use=False), y, b)

    # --- buffers ---------------------------------------------------------------------------------

    def _buffer(self, like: Tensor) -> Tensor:
        if self.free:
            return self.free.pop()
        buffer = torch.empty_like(like)
        self.mine[id(buffer)] = buffer
        return buffer

    def _give_back(self, tensor: Tensor) -> None:
        if not self.functional and id(tensor) in self.mine:
            self.free.append(tensor)

    def _drop_state(self, i: int) -> None:
        if i in self.states:
            self._give_back(self.states.pop(i))

    def _release(self, moment: int, current: int) -> None:
        """Forget what no later moment reads; the current state is still shown to the caller."""
        for k in [k for k in self.states if k != current and self.live.state(k) <= moment]:
            self._drop_state(k)
        for kind, outputs in self.outputs.items():
            for k in [k for k in outputs if self.live.output(kind, k) <= moment]:
                self._give_back(outputs.pop(k))
