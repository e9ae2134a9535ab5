"""Plans: every number that a sampler needs, worked out before the first network call.

A network output, whatever the network predicts, is turned into a data prediction and a noise
prediction. Every solver here is then a fixed linear programme: one row a call, whose numbers depend
on schedule and grid alone. Rows are data; the executor runs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.diffusion.grids import check_grid
from sampkit.diffusion.schedules import NoiseSchedule, schedule_from_dict

__all__ = ["Plan", "Row", "Update"]

Weights = tuple[float, ...]


def first_call(schedule: NoiseSchedule, grid: npt.NDArray[np.float64]) -> float:
    """Where the first call is made: at the start, or beside it where no network was trained.

    A rising grid may start at the data themselves; the nearest time of the model stands for it.
    """
    clean = schedule.zero_node is not None and grid[0] == schedule.zero_node
    return schedule.t_min if clean and grid[0] < schedule.t_min else float(grid[0])


def _floats(weights: Sequence[float]) -> Weights:
    """As Python floats; zeros at the end say nothing."""
    values = [float(weight) for weight in weights]
    while values and values[-1] == 0:
        values.pop()
    return tuple(values)


@dataclass(frozen=True)
class Update:
    """A linear update: a state times `a`, plus weighted outputs.

    Parameters
    ----------
    a : float
        Factor of the state.
    w_x0, w_eps : tuple of float, default=()
        Weights of the data and of the noise predictions, newest first; zeros at the end may be
        left out.

    Examples
    --------
    >>> from sampkit.diffusion import Update
    >>> Update(0.5, (0.25, 0.0)).w_x0
    (0.25,)
    """

    a: float
    w_x0: Weights = ()
    w_eps: Weights = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "a", float(self.a))
        object.__setattr__(self, "w_x0", _floats(self.w_x0))
        object.__setattr__(self, "w_eps", _floats(self.w_eps))
        if not np.isfinite([self.a, *self.w_x0, *self.w_eps]).all():
            raise ValueError(f"the numbers of an update must be finite, got {self}.")

    @property
    def depth(self) -> int:
        """How many outputs are looked at."""
        return max(len(self.w_x0), len(self.w_eps))


@dataclass(frozen=True)
class Row:
    """What happens at one network call, and the state it leads to.

    Parameters
    ----------
    t : float
        Time of the call; the state of the call before leads here.
    a : float
        Factor of the anchor state.
    w_x0, w_eps : tuple of float, default=()
        Weights of the data and of the noise predictions, newest (this call) first.
    noise : float, default=0
        Factor of fresh standard normal noise, >= 0.
    anchor : int or None, default=None
        Index of the state that `a` multiplies; None: this call's.
    corrector : Update or None, default=None
        Replaces the state that this row leads to, once the next call has been made: `a` times this
        call's state plus weights of the outputs next call, this call, ...
    mix : tuple of float or None, default=None
        Weights, summing to 1, of the outputs this call, the call before, ...: their sum takes the
        place of this call's output.

    Examples
    --------
    >>> from sampkit.diffusion import Row
    >>> Row(0.5, 0.8, w_x0=(0.2,)).noise
    0.0
    """

    t: float
    a: float
    w_x0: Weights = ()
    w_eps: Weights = ()
    noise: float = 0.0
    anchor: int | None = None
    corrector: Update | None = None
    mix: Weights | None = None

    def __post_init__(self) -> None:
        update = self.update  # brings the numbers into their form, and checks them
        given: dict[str, Any] = {"t": float(self.t), "noise": float(self.noise)}
        given |= {"a": update.a, "w_x0": update.w_x0, "w_eps": update.w_eps}
        given["anchor"] = None if self.anchor is None else int(self.anchor)
        given["mix"] = None if self.mix is None else tuple(float(weight) for weight in self.mix)
        for name, value in given.items():
            object.__setattr__(self, name, value)
        if not (np.isfinite(self.t) and 0 <= self.noise < np.inf):
            raise ValueError(f"t must be finite and noise >= 0, got {self.t!r}, {self.noise!r}.")

    @property
    def update(self) -> Update:
        """The update on its own."""
        return Update(self.a, self.w_x0, self.w_eps)

    @property
    def depth(self) -> int:
        """How many outputs are looked at."""
        return max(len(self.w_x0), len(self.w_eps))

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Row:
        """A row as `dataclasses.asdict` wrote it.

        Parameters
        ----------
        state : dict
            Fields that are left out keep their default.

        Returns
        -------
        Row
        """
        corrector = state.get("corrector")
        return cls(**{**state, "corrector": None if corrector is None else Update(**corrector)})


@dataclass(frozen=True, eq=False)
class Plan:
    """A solver on a grid: one row for each network call.

    Parameters
    ----------
    schedule : NoiseSchedule
        What the times mean.
    grid : array-like of shape (n_steps + 1,)
        The nodes, strictly falling (or rising: inversion); the last one is where the sample ends.
    rows : sequence of Row
        In the order of the calls.
    first_output : {"network", "zero"} or array-like, default="network"
        Data prediction of the first row: the network's, or without a call zero or a given mean, of
        the shape of a sample or one that broadcasts to it.

    Raises
    ------
    ValueError
        A bad grid, no rows, a first call away from the grid's start, an anchor or a weight of
        something that is not there yet, a mix that does not sum to 1, an unknown first output.

    Examples
    --------
    >>> from sampkit.diffusion import DDIM, VPLinearSchedule, time_grid
    >>> schedule = VPLinearSchedule()
    >>> plan = DDIM().plan(schedule, time_grid(schedule, 5))
    >>> plan.n_evals
    5
    """

    schedule: NoiseSchedule
    grid: npt.NDArray[np.float64]
    rows: tuple[Row, ...]
    first_output: Any = "network"

    def __post_init__(self) -> None:
        object.__setattr__(self, "first_output", given_output(self.first_output))
        grid = check_grid(self.schedule, self.grid, may_rise=True)
        grid.setflags(write=False)
        object.__setattr__(self, "grid", grid)
        object.__setattr__(self, "rows", tuple(self.rows))
        if not self.rows:
            raise ValueError("rows must hold at least one row, got none.")
        start = first_call(self.schedule, grid)
        if self.rows[0].t != start:
            raise ValueError(
                f"rows must begin at the grid's start {start!r}, got {self.rows[0].t!r}."
            )
        for i, row in enumerate(self.rows):
            if row.anchor is not None and not 0 <= row.anchor <= i:
                raise ValueError(f"rows[{i}].anchor must be in [0, {i}], got {row.anchor}.")
            if row.depth > i + 1 or (row.mix is not None and len(row.mix) > i + 1):
                raise ValueError(f"rows[{i}] weighs more outputs than the {i + 1} there are.")
            if row.corrector is not None and row.corrector.depth > i + 2:
                raise ValueError(f"rows[{i}].corrector weighs outputs that are not there.")
            if row.mix is not None and abs(sum(row.mix) - 1) > 1e-9:
                raise ValueError(f"rows[{i}].mix must sum to 1, got {sum(row.mix)!r}.")
        if self.rows[-1].corrector is not None:
            raise ValueError("the last row has no call after it and can have no corrector.")

    @property
    def n_evals(self) -> int:
        """Number of network calls: one for each row, but for a first output that is given."""
        return len(self.rows) - self.first_is_given

    @property
    def first_is_given(self) -> bool:
        """Whether the first row makes no network call."""
        return not (isinstance(self.first_output, str) and self.first_output == "network")

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Times of the calls, which are those of their states, and of the end."""
        return np.array([*(row.t for row in self.rows), float(self.grid[-1])])

    @cached_property
    def levels(self) -> tuple[tuple[float, float], ...]:
        """Alpha and sigma of every call."""
        times = self.times[:-1]
        parts = (self.schedule.alpha(times), self.schedule.sigma(times))
        return tuple(zip(*(part.tolist() for part in parts), strict=True))

    @cached_property
    def _compiled(self) -> dict[Any, Any]:
        """What executors make of the plan, which cannot change, to use it again."""
        return {}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Plan):
            return NotImplemented
        same = np.array_equal(self.grid, other.grid) and self.rows == other.rows
        same = same and np.array_equal(self.first_output, other.first_output)
        return same and self.schedule == other.schedule

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON can hold it, the schedule included.

        Returns
        -------
        dict

        Raises
        ------
        ValueError
            The schedule is made of functions.
        """
        state = {
            "schedule": self.schedule.to_dict(),
            "grid": self.grid.tolist(),
            "rows": [_stated(row) for row in self.rows],
        }
        if self.first_is_given:
            first = self.first_output
            state["first_output"] = first if isinstance(first, str) else first.tolist()
        return state

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Plan:
        """The plan that `to_dict` described.

        Parameters
        ----------
        state : dict
            As read from JSON.

        Returns
        -------
        Plan
            Equal to the one stored: JSON keeps every digit of a float.
        """
        missing = sorted({"schedule", "grid", "rows"} - set(state))
        if missing:
            raise ValueError(f"a stored plan must have schedule, grid and rows; {missing} missing.")
        rows = tuple(Row.from_dict(row) for row in state["rows"])
        schedule, grid = schedule_from_dict(state["schedule"]), np.array(state["grid"])
        return cls(schedule, grid, rows, state.get("first_output", "network"))


def given_output(value: Any) -> str | npt.NDArray[np.float64]:
    """A first output in its form: a word, or float64 numbers that nobody can change."""
    if isinstance(value, str):
        if value not in ("network", "zero"):
            raise ValueError(f"first_output must be 'network', 'zero' or a mean, got {value!r}.")
        return value
    plain = value.tolist() if hasattr(value, "tolist") else value
    try:
        mean = np.array(plain, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"first_output must be numbers, got {str(value)[:60]!r}.") from error
    if mean.size == 0 or not np.isfinite(mean).all():
        raise ValueError(f"first_output must hold finite numbers, got shape {mean.shape}.")
    mean.setflags(write=False)
    return mean


def _stated(row: Row) -> dict[str, Any]:
    """The fields of a row that differ from their defaults."""
    defaults = {f.name: f.default for f in fields(Row)}
    return {name: value for name, value in asdict(row).items() if value != defaults[name]}
