"""Many plans at once: one network call for all of them, their numbers side by side in tensors.

Each plan is compiled as if it ran alone; the programs are then laid over each other. What a plan
does not read gets the weight 0 and what it does not correct stays, so every plan gets the numbers
that it would get alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sampkit.diffusion._program import Kept, Mix, Step, Sum, program_of
from sampkit.diffusion._run import Run, first_output_of, shares_of
from sampkit.diffusion._torch import torch
from sampkit.diffusion.models import Call, Model
from sampkit.diffusion.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["StackedRun", "sample_stacked"]

FloatArray = npt.NDArray[np.float64]
Numbers = Any  # one float for each plan: an array of shape (P,), later a tensor (P, 1, ...)


class _Stack(NamedTuple):
    """The programs laid over each other, and which plans correct no state at a call."""

    steps: tuple[Step, ...]
    uncorrected: tuple[Numbers, ...]


# --- programs over each other ---------------------------------------------------------------------


def _stack(programs: Sequence[tuple[Step, ...]]) -> _Stack:
    if len({len(program) for program in programs}) != 1:
        raise ValueError("plans must make equally many calls to run together.")
    steps, uncorrected = [], []
    for together in zip(*programs, strict=True):
        if any(step.noise for step in together):
            raise ValueError("plans must be deterministic to run together.")
        correctors = [step.corrector for step in together]
        steps.append(
            Step(
                x0=(0.0, 0.0),  # nobody looks at it
                kept=_kept([step.kept for step in together]),
                corrector=_sum(correctors),
                mixes=_mixes([step.mixes for step in together]),
                update=_sum([step.update for step in together]),  # type: ignore[arg-type]
                noise=0.0,
                spent_at_call=(),
                spent_at_update=(),
                drops_state=False,
            )
        )
        without = np.array([each is None for each in correctors])
        uncorrected.append(without.astype(np.float64) if without.any() else None)
    return _Stack(_with_last_reads(steps), tuple(uncorrected))


def _kept(all_kept: list[tuple[Kept, ...]]) -> tuple[Kept, ...]:
    """What any plan keeps, as ``u x + v y`` with pairs (u, v); y itself where all keep that."""
    ratios = [{kept.place: kept.ratio for kept in each} for each in all_kept]
    merged = []
    for place in sorted({place for each in ratios for place in each}):
        given = [each[place] for each in ratios if place in each]
        if all(ratio is None for ratio in given):
            merged.append(Kept(place, None))
            continue
        pairs = [
            (0.0, 1.0) if each.get(place, 0.0) is None else (1.0, each.get(place, 0.0))
            for each in ratios
        ]
        u, v = (np.array(part, dtype=np.float64) for part in zip(*pairs, strict=True))
        merged.append(Kept(place, (None if (u == 1).all() else u, v)))  # type: ignore[arg-type]
    return tuple(merged)


def _sum(sums: list[Sum | None]) -> Sum | None:
    given = [each for each in sums if each is not None]
    if not given:
        return None
    if len({each.base for each in given}) != 1:
        raise ValueError("plans must step from the same states to run together.")
    weights = [{} if each is None else dict(each.terms) for each in sums]
    # every plan adds its terms in its own order: data predictions first, newest first
    places = sorted({p for each in weights for p in each}, key=lambda place: (place % 2, -place))
    terms = tuple((p, np.array([each.get(p, 0.0) for each in weights])) for p in places)
    a = np.array([0.0 if each is None else each.a for each in sums])
    of_y = np.array([0.0 if each is None else each.of_y or 0.0 for each in sums])
    return Sum(given[0].base, False, a, of_y if of_y.any() else None, terms)  # type: ignore[arg-type]


def _mixes(all_mixes: list[tuple[Mix, ...]]) -> tuple[Mix, ...]:
    by_place = [{mix.place: mix for mix in mixes} for mixes in all_mixes]
    merged = []
    for place in sorted({place for each in by_place for place in each}):
        mixes = [each.get(place, Mix(place, 1.0, ())) for each in by_place]
        weights = [dict(mix.terms) for mix in mixes]
        olds = sorted({old for each in weights for old in each}, reverse=True)
        terms = tuple((old, np.array([each.get(old, 0.0) for each in weights])) for old in olds)
        merged.append(Mix(place, np.array([mix.a for mix in mixes]), terms))  # type: ignore[arg-type]
    return tuple(merged)


def _with_last_reads(steps: list[Step]) -> tuple[Step, ...]:
    """When states and outputs are read for the last time by any plan; moments as in `Liveness`."""
    states = {i: 2 * i for i in range(len(steps))}
    outputs: dict[int, int] = {}
    for i, step in enumerate(steps):
        for total, moment in ((step.corrector, 2 * i), (step.update, 2 * i + 1)):
            if total is not None:
                states[total.base] = max(states[total.base], moment)
                outputs |= dict.fromkeys((place for place, _ in total.terms), moment)
        for mix in step.mixes:
            for place in (mix.place, *(old for old, _ in mix.terms)):
                outputs[place] = max(outputs.get(place, 0), 2 * i)
    marked = []
    for i, step in enumerate(steps):
        at = {m: tuple(p for p, last in outputs.items() if last == m) for m in (2 * i, 2 * i + 1)}
        corrector = step.corrector
        if corrector is not None:
            corrector = corrector._replace(last_use=states[corrector.base] <= 2 * i)
        marked.append(
            step._replace(
                kept=tuple(kept for kept in step.kept if kept.place in outputs),
                corrector=corrector,
                update=step.update._replace(last_use=states[step.update.base] <= 2 * i + 1),
                spent_at_call=at[2 * i],
                spent_at_update=at[2 * i + 1],
                drops_state=states[i] == 2 * i,
            )
        )
    return tuple(marked)


# --- numbers to the device ------------------------------------------------------------------------


class _Table:
    """All arrays of a stack, side by side: one copy to the device, one selection of plans."""

    def __init__(self) -> None:
        self.columns: list[FloatArray] = []
        self.tensors: tuple[Any, ...] = ()

    def map(self, value: Any) -> Any:
        """The value with each array in it replaced by its place here, or the place by a tensor."""
        if isinstance(value, np.ndarray):
            self.columns.append(value)
            return _Column(len(self.columns) - 1)
        if isinstance(value, _Column):
            return self.tensors[value.place]
        if isinstance(value, tuple):
            parts = [self.map(part) for part in value]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        return value


class _Column(NamedTuple):
    place: int


class StackedRun(Run):
    """One run of P plans from the same start: states of shape (P, B, ...).

    Parameters
    ----------
    model : DiffusionModel or wrapper
        The network with its schedule.
    x : tensor of shape (B, ...)
        The start of every plan.
    plans : sequence of Plan
        Deterministic, with equally many rows, each of which steps from its own call's state.

    Raises
    ------
    ValueError
        Plans that cannot run together.
    """

    def __init__(self, model: Model, x: Tensor, plans: Sequence[Plan]):
        super().__init__(model, x, plans[0], inplace=not torch.is_grad_enabled())
        programs = [program_of(plan, shares_of(model, plan), False) for plan in plans]
        self._dims = (1,) * x.ndim
        table = _Table()
        self._symbolic = table.map(_stack(programs))
        self._numbers = torch.from_numpy(np.stack(table.columns)).to(x.device, self.dtype)
        self.states = {0: x.to(self.dtype).expand(len(plans), *x.shape)}
        self._bind()

    def _bind(self) -> None:
        table = _Table()
        table.tensors = self._numbers.reshape(*self._numbers.shape, *self._dims).unbind()
        stack = table.map(self._symbolic)
        self.steps, self._uncorrected = stack.steps, stack.uncorrected

    def select(self, plans: Tensor) -> None:
        """Go on with some of the plans, by their numbers."""
        self._numbers = self._numbers[:, plans]
        self.free, self.mine = [], {}
        for held in (self.states, self.outputs):
            for place, tensor in held.items():
                held[place] = tensor[plans]
                self.mine[id(held[place])] = held[place]
        self._bind()

    def receive(self, i: int, y: Tensor) -> Tensor | None:
        """Keep the outputs at state i, correct the states of the plans that do, mix."""
        predicted, without = self.states[i], self._uncorrected[i]
        x0 = super().receive(i, y)
        if without is not None and self.steps[i].corrector is not None:
            # its buffer is free by now, but nothing was written there since
            self.states[i] = self._add(self.states[i], predicted, without)
        return x0

    # --- arithmetic with one number for each plan ------------------------------------------------

    def _kept(self, kept: Kept, x: Tensor, y: Tensor, x0: Tensor | None) -> Tensor:
        if kept.ratio is None:
            return super()._kept(kept, x, y, x0)
        pair: Any = kept.ratio
        u, v = pair
        base = x if u is None else x * u
        if self.functional:
            return base.addcmul(y, v)
        return torch.addcmul(base, y, v, out=self._buffer(x))

    def _add(self, total: Tensor, other: Tensor, weight: Any) -> Tensor:
        return total.addcmul(other, weight) if self.functional else total.addcmul_(other, weight)


def sample_stacked(
    model: Model,
    x: Tensor,
    plans: Sequence[Plan],
    *,
    cond: Any = None,
    first: Tensor | None = None,
    select: Callable[[int, Tensor], Tensor | None] | None = None,
) -> Tensor:
    """Run plans side by side from one start, with one network call for all of them.

    Parameters
    ----------
    model : DiffusionModel or wrapper
        The network with its schedule.
    x : tensor of shape (B, ...)
        States at every grid's start; not modified.
    plans : sequence of P Plan
        As `StackedRun` takes them.
    cond : object, default=None
        Condition of the B rows; tensors in it of B rows are repeated for every plan.
    first : tensor of shape (B, ...) or None, default=None
        The network's output at the start, which is the same for all plans; None: it is called.
    select : callable or None, default=None
        ``select(i, states)`` after every row but the last, with states of shape (P, B, ...): the
        numbers of the plans to go on with, or None for all.

    Returns
    -------
    tensor of shape (P, B, ...)
        States at the ends, in the order of the plans that went on, of the dtype that `sample`
        gives.

    Raises
    ------
    ValueError
        Plans that cannot run together.
    """
    run = StackedRun(model, x, plans)
    half = x.dtype in (torch.float16, torch.bfloat16)
    n_rows = len(plans[0].rows)
    times = np.array([[row.t for row in plan.rows] for plan in plans])
    calls = _Calls(model, times, x, run.dtype)
    given = first_output_of(plans[0], x, run.dtype)
    given = first if given is None else given
    conds, wide = _side_by_side(model, cond, x.shape[0], len(plans))
    for i in range(n_rows):
        state = run.states[i]
        if i == 0 and given is not None:
            y = given.to(run.dtype).expand(state.shape)
        else:
            flat = state.flatten(0, 1).to(x.dtype) if half else state.flatten(0, 1)
            y = wide._output(flat, calls(i), conds)
            y = y.to(run.dtype).unflatten(0, (-1, x.shape[0]))
        run.receive(i, y)
        run.advance(i, None)
        if select is None or i == n_rows - 1:
            continue
        left = select(i, run.states[i + 1])
        if left is not None:
            run.select(left)
            calls.select(left)
            conds, wide = _side_by_side(model, cond, x.shape[0], len(left))
    return run.states[n_rows].to(x.dtype)


class _Calls:
    """The times of all plans at every row, put on the device once."""

    def __init__(self, model: Model, times: FloatArray, x: Tensor, dtype: Any):
        wide = torch.float64 if dtype == torch.float64 else torch.float32
        self.rows, self.same = x.shape[0], (times == times[0]).all(axis=0).tolist()
        self.numbers = times[0].tolist()
        flat = torch.from_numpy(times.T.reshape(-1)).to(x.device)
        shape = times.T.shape
        self.tables = [part.to(wide).reshape(shape) for part in (flat, model._model_times(flat))]

    def __call__(self, i: int) -> Call:
        time, model_time = (table[i].repeat_interleave(self.rows) for table in self.tables)
        return Call(self.numbers[i] if self.same[i] else float("nan"), time, model_time)

    def select(self, plans: Tensor) -> None:
        self.tables = [table[:, plans] for table in self.tables]


def _side_by_side(model: Model, cond: Any, n_rows: int, times: int) -> tuple[Any, Model]:
    """Condition and model for several copies of the rows: guidance has a condition of its own."""
    return repeated(cond, n_rows, times), model._for_rows(lambda c: repeated(c, n_rows, times))


def repeated(cond: Any, n_rows: int, times: int) -> Any:
    """A condition of `n_rows` rows for several copies of these rows, one after another."""
    return rows_of(cond, n_rows, torch.arange(n_rows).repeat(times))


def rows_of(cond: Any, n_rows: int, rows: Tensor) -> Any:
    """Some rows of a condition: of every tensor in it that has `n_rows`; the rest as it is."""
    if isinstance(cond, torch.Tensor):
        whole = cond.ndim > 0 and cond.shape[0] == n_rows
        return cond[rows.to(cond.device)] if whole else cond
    if isinstance(cond, dict):
        return {key: rows_of(value, n_rows, rows) for key, value in cond.items()}
    if isinstance(cond, (list, tuple)):
        return type(cond)(rows_of(value, n_rows, rows) for value in cond)
    return cond
