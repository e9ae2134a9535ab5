"""One run of a plan: its states and outputs, in as few buffers as the plan allows."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any

from sampkit.diffusion._program import Kept, Mix, Sum, program_of
from sampkit.diffusion._torch import torch
from sampkit.diffusion.models import Call, Levels, Model
from sampkit.diffusion.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Run"]


class Run:
    """States and outputs of one run.

    `receive` takes the network's output at state i, `advance` makes state i + 1 of it. A state may
    be replaced in `states` before its call; it is never written to. `calls`, set by who calls the
    network, says when it is called.
    """

    calls: list[Call]

    def __init__(
        self,
        model: Model,
        x: Tensor,
        plan: Plan,
        *,
        postprocess: Callable[[Tensor], Tensor] | None = None,
        inplace: bool | str = "auto",
        dtype: Any = None,
        shows_x0: bool = False,
    ):
        self.plan, self.dtype = plan, dtype_of(x, dtype)
        self.postprocess, self.shows_x0 = postprocess, shows_x0
        self.functional = inplace is False or (
            inplace == "auto" and torch.is_grad_enabled() and x.requires_grad
        )
        self.may_switch = inplace == "auto"
        self.steps = program_of(plan, shares_of(model, plan), postprocess is not None)
        self.states: dict[int, Tensor] = {0: x.to(self.dtype)}
        self.outputs: dict[int, Tensor] = {}
        self.free: list[Tensor] = []
        self.mine: dict[int, Tensor] = {}  # the buffers made here, which may be written to
        self.y: Tensor | None = None

    def receive(self, i: int, y: Tensor) -> Tensor | None:
        """Keep the output at state i, correct the state, mix; the data prediction, if shown."""
        step, x = self.steps[i], self.states[i]
        if self.may_switch and y.requires_grad:
            self.functional = True
        x0 = None
        if self.postprocess is not None or self.shows_x0:
            c, d = step.x0
            x0 = (x * c).add(y, alpha=d)
            if self.postprocess is not None:
                x0 = self.postprocess(x0)
        for kept in step.kept:
            self.outputs[kept.place] = self._kept(kept, x, y, x0)
        if step.corrector is not None:
            corrected = self._sum(step.corrector, y)
            self._give_back(self.states[i])
            self.states[i] = corrected
        for mix in step.mixes:
            self.mix(mix)
        for place in step.spent_at_call:
            self._give_back(self.outputs.pop(place))
        self.y = y
        return x0

    def advance(self, i: int, noise: Tensor | None) -> None:
        """Apply row i."""
        step = self.steps[i]
        following = self._sum(step.update, self.y)
        self.y = None
        if noise is not None:
            following = self._add(following, noise, step.noise)
        self.states[i + 1] = following
        for place in step.spent_at_update:
            self._give_back(self.outputs.pop(place))
        if step.drops_state:
            self._give_back(self.states.pop(i))

    def mix(self, mix: Mix) -> None:
        """Replace an output by a mix of it and older ones."""
        mixed = self._scaled(self.outputs.pop(mix.place), mix.a, last_use=True)
        for place, weight in mix.terms:
            mixed = self._add(mixed, self.outputs[place], weight)
        self.outputs[mix.place] = mixed

    def hand_out(self, i: int) -> Tensor:
        """State i, for good: it is never written to again."""
        state = self.states[i]
        self.mine.pop(id(state), None)
        return state

    def fork(self) -> Run:
        """A run that goes its own way from here; neither may write into what both hold."""
        if not self.functional:
            raise ValueError("a run that writes into its buffers cannot be forked.")
        other = copy(self)
        other.states, other.outputs = dict(self.states), dict(self.outputs)
        return other

    def clear(self) -> None:
        """Let go of everything."""
        for kept in (self.states, self.outputs, self.free, self.mine):
            kept.clear()

    # --- arithmetic ------------------------------------------------------------------------------

    def _kept(self, kept: Kept, x: Tensor, y: Tensor, x0: Tensor | None) -> Tensor:
        if self.postprocess is not None:
            assert x0 is not None
            if kept.ratio is None:
                return x0
            y = x0
        if kept.ratio is None:  # the network may write its next output into the same memory
            if self.functional:
                return y if y.requires_grad else y.clone()
            return self._buffer(x).copy_(y)
        if self.functional:
            return x.add(y, alpha=kept.ratio)
        return torch.add(x, y, alpha=kept.ratio, out=self._buffer(x))

    def _sum(self, wanted: Sum, y: Tensor | None) -> Tensor:
        base = self.states.pop(wanted.base) if wanted.last_use else self.states[wanted.base]
        total = self._scaled(base, wanted.a, wanted.last_use)
        if y is not None and wanted.of_y is not None:
            total = self._add(total, y, wanted.of_y)
        for place, weight in wanted.terms:
            total = self._add(total, self.outputs[place], weight)
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


def run_of(model: Model, x: Tensor, plan: Plan, **settings: Any) -> Run:
    """The run of a plan, with its calls."""
    run = Run(model, x, plan, **settings)
    run.calls = calls_of(model, plan, run.states[0])
    return run


def dtype_of(x: Tensor, dtype: Any = None) -> Any:
    """Of the states: as asked, or as x is, but single for half precision."""
    half = x.dtype in (torch.float16, torch.bfloat16)
    return dtype or (torch.float32 if half else x.dtype)


def calls_of(model: Model, plan: Plan, x: Tensor) -> list[Call]:
    """The times of all calls, put on the device once."""
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    numbers = [row.t for row in plan.rows]
    times = torch.tensor(numbers, dtype=torch.float64, device=x.device)
    model_times = model._model_times(times).to(wide)
    expanded = (each[:, None].expand(-1, x.shape[0]) for each in (times.to(wide), model_times))
    rows = (each.unbind() for each in expanded)
    return [Call(*numbers_and_rows) for numbers_and_rows in zip(numbers, *rows, strict=True)]


def shares_of(model: Model, plan: Plan) -> list[tuple[float, float]]:
    """P and q of ``output = p x0 + q eps`` in every row; a given first output is data."""
    given = int(plan.first_is_given)
    rest = zip(plan.rows[given:], plan.levels[given:], strict=True)
    return [(1.0, 0.0)] * given + [model._shares(row.t, Levels(*levels)) for row, levels in rest]


def first_output_of(plan: Plan, x: Tensor, dtype: Any) -> Tensor | None:
    """What stands in for the network's output in the first row; None: that row calls it."""
    if not plan.first_is_given:
        return None
    given = 0.0 if isinstance(plan.first_output, str) else plan.first_output.tolist()
    mean = torch.tensor(given, dtype=dtype, device=x.device)
    try:
        return mean.expand(x.shape)
    except RuntimeError as error:
        raise ValueError(
            f"first_output must broadcast to the shape {tuple(x.shape[1:])} of a sample, got "
            f"{tuple(mean.shape)}."
        ) from error
