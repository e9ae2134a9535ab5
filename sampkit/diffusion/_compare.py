"""Solvers side by side: how far from a fine run and from the data, at how many calls."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sampkit._random_state import generator_of
from sampkit.diffusion._task import Task, task_of
from sampkit.diffusion._teacher import teacher_trajectory
from sampkit.diffusion._torch import torch
from sampkit.diffusion.grids import SPACINGS, check_grid, time_grid
from sampkit.diffusion.models import Model
from sampkit.diffusion.plan import Plan
from sampkit.diffusion.schedules import NoiseSchedule
from sampkit.metrics import frechet_distance

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

__all__ = ["compare"]

OWN = "own"  # the grid of a plan, which brings it along


class _Entry(NamedTuple):
    """One line of the table, before it is run."""

    solver: str
    grid: str
    task: Task


def compare(
    solvers: Any,
    model: Model,
    x: Tensor,
    grids: Any,
    *,
    spacing: str = "logsnr",
    final: str | None = None,
    cond: Any = None,
    data: Any = None,
    features: Callable[[Any], Any] | None = None,
    teacher: Tensor | None = None,
    n_teacher_steps: int = 999,
    postprocess: Callable[[Tensor], Tensor] | None = None,
    random_state: Any = 0,
    n_repeats: int = 1,
    progress: bool = False,
) -> pd.DataFrame:
    """Run every solver on every grid from the same noise, and say what each is worth.

    Parameters
    ----------
    solvers : Solver, Plan, list of them or dict of {str: Solver or Plan}
        What to run. In a list they are named by what differs from their defaults. A plan, and a
        solver that has a grid of its own, is run on that one only.
    model : DiffusionModel or wrapper
        The network with its schedule.
    x : tensor of shape (B, ...)
        States at the start that all grids share, see `initial_noise`; B >= 2. Not modified.
    grids : int, array, list or dict of {str: int, array or list}
        Numbers of steps, and times of float dtype: ``[5, 10, 20]``, or
        ``{"time": [5, 10], "mine": np.array([1.0, 0.4, 0.001])}``. A name in a dict that is one of
        the spacings of `time_grid` is used for its numbers of steps, whatever `spacing` is.
    spacing : str, default="logsnr"
        Spacing of the grids given as numbers of steps.
    final : {None, "zero"}, default=None
        Where they end, as in `time_grid`.
    cond : object, default=None
        Condition, handed to the network.
    data : array-like or tensor of shape (n, ...) or None, default=None
        What the Fréchet distance is measured to; None: the teacher's samples.
    features : callable or None, default=None
        Applied to samples and data before it, as in `frechet_distance`.
    teacher : tensor like x or None, default=None
        The states that a fine run ends at. None: `teacher_trajectory` is run, once for every end.
    n_teacher_steps : int, default=999
        Its steps, of DDIM.
    postprocess : callable or None, default=None
        Applied to every data prediction, the teacher's too.
    random_state : None, int, SeedSequence, Generator or RandomState, default=0
        Noise of stochastic solvers, the same for all.
    n_repeats : int, default=1
        Runs of which the shortest time is given, >= 1.
    progress : bool, default=False
        Show a bar of tqdm.

    Returns
    -------
    DataFrame
        A row for every solver on every grid: ``solver``, ``grid`` (spacing or name), ``steps``,
        ``calls`` of the network, ``error`` (mean squared difference from the teacher, from the same
        noise), ``frechet``, ``ms`` (of a whole run on all of x, network included). Both distances
        are infinite where samples are not finite. Ctrl-C ends it with a warning and the rows there
        are.

    Raises
    ------
    ValueError
        Nothing to run, two of one name, grids that start at different times, a plan of another
        schedule, a teacher of another shape or not finite, fewer than two states, a parameter out
        of range. All plans are made before the first call of the network.

    See Also
    --------
    SolverComparisonDisplay : The table as a picture.
    teacher_trajectory : The fine run.

    Notes
    -----
    The error says how well a solver follows the flow, and of deterministic solvers only; whether
    the samples are good is said by the Fréchet distance to data, whose bias is the same for all
    rows. The teacher's steps are even in time: on a schedule whose time is the noise level itself
    (`VESchedule`) give a teacher run on a finer grid at the end.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import (
    ...     DDIM,
    ...     GaussianMixture,
    ...     UniPC,
    ...     VPLinearSchedule,
    ...     compare,
    ... )
    >>> model = GaussianMixture([[-1.0], [1.0]], 0.1).model(VPLinearSchedule())
    >>> x = torch.randn(200, 1, generator=torch.Generator().manual_seed(0))
    >>> table = compare([DDIM(), UniPC(order=3)], model, x, [5, 10])
    >>> table[["solver", "grid", "steps", "calls"]]
              solver    grid  steps  calls
    0           DDIM  logsnr      5      5
    1           DDIM  logsnr     10     10
    2  UniPC(order=3) logsnr      5      5
    3  UniPC(order=3) logsnr     10     10
    >>> table.sort_values("error")["solver"].iloc[0]
    'UniPC(order=3)'
    """
    import pandas as pd

    _check(model, x, n_repeats)
    entries = list(_entries(_named(solvers), model.schedule, grids, spacing, final))
    ends = _Teacher(model, x, entries, teacher, n_teacher_steps, cond, postprocess)
    seed = int(generator_of(random_state, "random_state").integers(2**63))

    def run(task: Task) -> tuple[Tensor, float]:
        shortest = np.inf
        for _ in range(n_repeats):
            generator = torch.Generator(x.device).manual_seed(seed)
            begin = _clock(x)
            with torch.no_grad():
                found = task.run(model, x, cond=cond, postprocess=postprocess, generator=generator)
            shortest = min(shortest, _clock(x) - begin)
        return found, 1e3 * shortest

    rows = []
    try:
        for name, grid, task in _watched(entries, progress):
            fine = ends.at(float(task.grid[-1]))
            found, milliseconds = run(task)
            error, distance = _judged(found, fine, data, features)
            steps = len(task.grid) - 1
            rows.append((name, grid, steps, task.n_evals, error, distance, milliseconds))
    except KeyboardInterrupt:
        warnings.warn(
            f"compare was interrupted after {len(rows)} of {len(entries)} rows.", stacklevel=2
        )
    columns = ["solver", "grid", "steps", "calls", "error", "frechet", "ms"]
    return pd.DataFrame(rows, columns=columns)


def _judged(found: Tensor, fine: Tensor, data: Any, features: Any) -> tuple[float, float]:
    """Error and distance, infinite for samples that are not finite."""
    if not bool(torch.isfinite(found).all()):
        return np.inf, np.inf
    error = float((found.double() - fine.double()).square().mean())
    return error, frechet_distance(found, fine if data is None else data, features)


def _check(model: Any, x: Any, n_repeats: Any) -> None:
    if not isinstance(model, Model):
        raise TypeError(f"model must be a DiffusionModel, got {type(model).__name__}.")
    if not isinstance(x, torch.Tensor) or x.ndim < 2 or len(x) < 2:
        shape = tuple(x.shape) if hasattr(x, "shape") else type(x).__name__
        raise ValueError(f"x must be a tensor of shape (B, ...), B >= 2, got {shape}.")
    if not isinstance(n_repeats, Integral) or isinstance(n_repeats, bool) or n_repeats < 1:
        raise ValueError(f"n_repeats must be an int >= 1, got {n_repeats!r}.")


def _clock(x: Tensor) -> float:
    """Seconds, once the device has done what it was asked for."""
    if x.is_cuda:
        torch.cuda.synchronize(x.device)
    return time.perf_counter()


def _watched(entries: list[_Entry], progress: bool) -> Any:
    if not progress:
        return entries
    from tqdm.auto import tqdm

    return tqdm(entries, desc="comparing", unit="run")


class _Teacher:
    """Ends of the fine run, one for every time at which a grid ends."""

    def __init__(
        self,
        model: Model,
        x: Tensor,
        entries: list[_Entry],
        given: Tensor | None,
        n_steps: int,
        cond: Any,
        postprocess: Any,
    ):
        starts = sorted({float(entry.task.grid[0]) for entry in entries})
        if len(starts) > 1:
            raise ValueError(
                f"grids must start at one time, that of x, got {starts[0]:.6g} and "
                f"{starts[-1]:.6g}."
            )
        if given is not None and not isinstance(given, torch.Tensor):
            raise ValueError(f"teacher must be a tensor like x, got {type(given).__name__}.")
        if given is not None and tuple(given.shape) != tuple(x.shape):
            raise ValueError(
                f"teacher must be of the shape of x, {tuple(x.shape)}, got {tuple(given.shape)}."
            )
        if given is not None and not bool(torch.isfinite(given).all()):
            raise ValueError("teacher must be finite, got NaN or infinity.")
        self.start, self.given = starts[0], given
        self.options: dict[str, Any] = {"cond": cond, "postprocess": postprocess}
        self.model, self.x, self.n_steps = model, x, n_steps
        self.known: dict[float, Tensor] = {}

    def at(self, end: float) -> Tensor:
        """States of the fine run at the end of a grid."""
        if self.given is not None:
            return self.given.to(self.x)
        if end not in self.known:
            states = teacher_trajectory(
                self.model, self.x, [self.start, end], self.n_steps, **self.options
            )
            if not bool(torch.isfinite(states[-1]).all()):
                raise ValueError(
                    f"the fine run from x ends at states that are not finite at t = {end:.6g}: "
                    "check the network and x, or give teacher."
                )
            self.known[end] = states[-1]
        return self.known[end]


# --- what there is to run -------------------------------------------------------------------------


def _named(solvers: Any) -> dict[str, Any]:
    """Solvers by name."""
    if isinstance(solvers, Mapping):
        found = {str(name): solver for name, solver in solvers.items()}
    else:
        given = list(solvers) if isinstance(solvers, Sequence) else [solvers]
        names = [_name(solver) for solver in given]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"solvers holds {twice[0]} more than once: name them in a dict.")
        found = dict(zip(names, given, strict=True))
    if not found:
        raise ValueError("solvers must name at least one, got none.")
    return found


def _name(solver: Any) -> str:
    """A solver's class, and its parameters that are not the default."""
    if not is_dataclass(solver) or isinstance(solver, (Plan, type)):
        return type(solver).__name__
    parts = []
    for field in fields(solver):
        value = getattr(solver, field.name)
        if isinstance(value, np.ndarray) or value != field.default:
            text = _name(value) if is_dataclass(value) else repr(value)
            parts.append(f"{field.name}={text if len(text) <= 40 else '...'}")
    return type(solver).__name__ + (f"({', '.join(parts)})" if parts else "")


def _entries(
    solvers: dict[str, Any], schedule: NoiseSchedule, grids: Any, spacing: str, final: str | None
) -> Iterator[_Entry]:
    settings = list(_grids(grids, schedule, spacing, final))
    if not settings:
        raise ValueError("grids must hold at least one, got none.")
    for name, solver in solvers.items():
        own = getattr(solver, "grid", None)
        for label, grid in settings if own is None else [(OWN, own)]:
            try:
                task = task_of(solver, schedule, None if isinstance(solver, Plan) else grid)
            except ValueError as error:
                raise ValueError(f"{name} on {label} of {len(grid) - 1} steps: {error}") from error
            yield _Entry(name, label, task)


def _grids(
    grids: Any, schedule: NoiseSchedule, spacing: str, final: str | None
) -> Iterator[tuple[str, npt.NDArray[np.float64]]]:
    """Every grid with its label."""
    if isinstance(grids, Mapping):
        for name, value in grids.items():
            spaced = name if name in SPACINGS else spacing
            for _, grid in _grids(value, schedule, spaced, final):
                yield str(name), grid
        return
    if _is_times(grids):
        yield "given", check_grid(schedule, grids)
        return
    if isinstance(grids, (str, float)) or not (isinstance(grids, Integral) or np.iterable(grids)):
        raise ValueError(
            f"grids must be a number of steps, times, or a list or dict of them, got {grids!r}."
        )
    for each in [grids] if isinstance(grids, Integral) else grids:
        if isinstance(each, Integral):
            yield spacing, time_grid(schedule, int(each), spacing, final=final)
        else:
            yield "given", check_grid(schedule, each)


def _is_times(value: Any) -> bool:
    """Whether something is one grid: floats, in one dimension."""
    if isinstance(value, Integral):
        return False
    try:
        array = np.asarray(value)
    except ValueError:  # lists of several lengths
        return False
    return array.ndim == 1 and array.size > 0 and array.dtype.kind == "f"
