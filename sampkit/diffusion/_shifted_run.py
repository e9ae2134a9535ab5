"""A run whose calls are made at times of the samples' own, from tables made before the loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sampkit.diffusion._program import pairs_of
from sampkit.diffusion._run import calls_of, dtype_of
from sampkit.diffusion._torch import torch
from sampkit.diffusion.models import Call, Levels, Model
from sampkit.diffusion.plan import Plan
from sampkit.diffusion.solvers._steps import transfer
from sampkit.diffusion.solvers.ddim import data_weights, old_noise
from sampkit.diffusion.solvers.deis import ADAMS

if TYPE_CHECKING:
    from torch import Tensor

    from sampkit.diffusion.timeshift import TimeShift

__all__ = ["ShiftedRun", "candidates"]

FloatArray = npt.NDArray[np.float64]


def candidates(plan: Plan, shift: TimeShift, i: int) -> FloatArray:
    """Times at which call i may be made: its own, then those of the window by distance from it."""
    own = plan.rows[i].t
    if i == 0 or plan.rows[i - 1].t <= shift.cutoff:
        return np.array([own])
    half = shift.window // 2
    times = own + np.array(sorted(range(-half, half + 1), key=abs), dtype=np.float64)
    return times[(times >= plan.schedule.t_min) & (times <= plan.schedule.t_max)]


class Numbers(NamedTuple):
    """What makes a step of a state x and an output y: pairs of floats, tensors or arrays.

    The data prediction is ``x0[0] x + x0[1] y``, the noise prediction ``eps[0] x + eps[1] y`` (x0
    instead of y where x0 is limited), the next state ``step[0] x + step[1] prediction``.
    """

    x0: Any
    eps: Any
    step: Any


def _numbers(
    model: Model, plan: Plan, i: int, times: FloatArray, to_model: bool, limited: bool
) -> Numbers:
    """The numbers of call i at every candidate."""
    row, schedule = plan.rows[i], plan.schedule
    start: tuple[Any, Any] = (np.asarray(schedule.alpha(times)), np.asarray(schedule.sigma(times)))
    levels = Levels(*(torch.from_numpy(level) for level in start))
    shares = model._shares(torch.from_numpy(times), levels)
    pairs = pairs_of(row.t, start, [np.asarray(share) for share in shares])
    x0, eps = pairs["x0"], pairs["eps"]
    if to_model and len(times) > 1:  # noise as it is seen there, in a state as it is here
        start = plan.levels[i]
        x0 = ((1 - start[1] * eps[0]) / start[0], -start[1] * eps[1] / start[0])
    if limited:
        eps = (1 / start[1], -start[0] / start[1])
    end = [float(part(plan.grid[i + 1])) for part in (schedule.alpha, schedule.sigma)]
    if row.w_x0:
        return Numbers(x0, eps, data_weights(start, (end[0], old_noise(end[1], row.noise))))
    return Numbers(x0, eps, transfer(start, end))


class _Window(NamedTuple):
    """The candidates of a moved call, as tensors of their number on the device."""

    time: Tensor
    model_time: Tensor
    signal: Tensor  # alpha^2

    @classmethod
    def of(cls, model: Model, plan: Plan, times: FloatArray, like: Tensor) -> _Window:
        wide = torch.float64 if like.dtype == torch.float64 else torch.float32
        given = torch.tensor(times.tolist(), dtype=torch.float64, device=like.device)
        signal = np.square(plan.schedule.alpha(times)).tolist()
        return cls(
            given.to(wide),
            model._model_times(given).to(wide),
            torch.tensor(signal, dtype=like.dtype, device=like.device),
        )


class ShiftedRun:
    """One run of `TimeShift`: to `sample` what `Run` is for a plan."""

    def __init__(
        self,
        model: Model,
        x: Tensor,
        plan: Plan,
        shift: TimeShift,
        *,
        postprocess: Callable[[Tensor], Tensor] | None = None,
        inplace: bool | str = "auto",
        dtype: Any = None,
        shows_x0: bool = False,
    ):
        self.plan, self.shift, self.postprocess = plan, shift, postprocess
        self.dtype = dtype_of(x, dtype)
        self.states: dict[int, Tensor] = {0: x.to(self.dtype)}
        self.calls = calls_of(model, plan, self.states[0])
        self.wants_x0 = shows_x0 or postprocess is not None or shift.target == "estimate"
        self.place: Tensor | None = None  # which candidate each sample's call is made at, (B,)
        self.x0: Tensor | None = None
        self.eps: list[Tensor] = []  # newest first
        self.windows: list[_Window | None] = []
        self.tables: list[Any] = []
        for i in range(plan.n_evals):
            times = candidates(plan, shift, i)
            to_model, limited = shift.apply_to == "model", postprocess is not None
            numbers = _numbers(model, plan, i, times, to_model, limited)
            self.tables.append(self._table(numbers, len(times)))
            like, moved = self.states[0], len(times) > 1
            self.windows.append(_Window.of(model, plan, times, like) if moved else None)

    def _table(self, numbers: Numbers, n: int) -> Any:
        """Six floats for a call of one time, otherwise a tensor (6, n) on the device."""
        flat = [np.broadcast_to(value, n).tolist() for pair in numbers for value in pair]
        if n == 1:
            return [value for (value,) in flat]
        return torch.tensor(flat, dtype=self.dtype, device=self.states[0].device)

    def receive(self, i: int, y: Tensor) -> Tensor | None:
        """Make predictions of the output at state i; the data prediction, if wanted."""
        x, table = self.states[i], self.tables[i]
        if self.place is not None:
            shape = (6, x.shape[0]) + (1,) * (x.ndim - 1)
            table = table.index_select(1, self.place).reshape(shape).unbind()
        self.numbers = numbers = Numbers(*zip(table[::2], table[1::2], strict=True))
        self.x0, data = None, bool(self.plan.rows[i].w_x0)
        if self.wants_x0 or data:
            self.x0 = x * numbers.x0[0] + y * numbers.x0[1]
            if self.postprocess is not None:
                self.x0 = self.postprocess(self.x0)
        if not data:
            source = y if self.postprocess is None else self.x0
            newest = x * numbers.eps[0] + source * numbers.eps[1]
            self.eps = [newest, *self.eps[: len(ADAMS) - 1]]
        return self.x0

    def advance(self, i: int, noise: Tensor | None) -> None:
        """Make the step of call i, and choose the times of the next call."""
        row, (a, weight) = self.plan.rows[i], self.numbers.step
        prediction = self.x0
        if not row.w_x0:
            weights = ADAMS[len(row.w_eps) - 1]
            prediction = sum(w * eps for w, eps in zip(weights, self.eps, strict=False))
        following = self.states.pop(i) * a + prediction * weight
        if noise is not None:
            following = following.add(noise, alpha=row.noise)
        self.states[i + 1], self.place = following, None
        window = self.windows[i + 1] if i + 1 < self.plan.n_evals else None
        if window is not None:
            self._choose(i + 1, window)

    def _choose(self, i: int, window: _Window) -> None:
        data: Any = 0.0
        if self.shift.target == "marginal":
            data = self.shift.data_variance
        elif self.shift.target == "estimate":
            data = self._variance(self.x0)[:, None]
        # sigma^2 + alpha^2 v, so that v = 1 gives the same at all times, to the bit
        expected = 1 + window.signal * (data - 1)
        place = (self._variance(self.states[i])[:, None] - expected).abs().argmin(1)
        self.place = place = place.expand(self.states[i].shape[0])
        time, model_time = (part.index_select(0, place) for part in window[:2])
        self.calls[i] = Call(float("nan"), time, model_time)

    def _variance(self, x: Any) -> Tensor:
        """Of each sample over its elements, (B,); pooled, their mean, (1,)."""
        variance: Tensor = x.flatten(1).var(1)
        return variance.mean(0, keepdim=True) if self.shift.pool == "batch" else variance
