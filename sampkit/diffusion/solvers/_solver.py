"""What a solver is: its parameters, and a function from a grid to rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.diffusion.grids import check_grid, rises
from sampkit.diffusion.plan import Plan, Row
from sampkit.diffusion.schedules import NoiseSchedule

FloatArray = npt.NDArray[np.float64]

_KINDS: dict[str, type[Solver]] = {}


class Solver(ABC):
    """Base of all solvers: frozen dataclasses that plan and never touch a tensor."""

    def __init_subclass__(cls) -> None:
        _KINDS[cls.__name__] = cls

    def plan(self, schedule: NoiseSchedule, grid: npt.ArrayLike) -> Plan:
        """Work out all rows on a grid.

        Parameters
        ----------
        schedule : NoiseSchedule
            What the times mean.
        grid : array-like of shape (n_steps + 1,)
            Strictly falling times, as `time_grid` makes them; `DDIM` without noise takes rising
            ones as well.

        Returns
        -------
        Plan
            One row for each network call.

        Raises
        ------
        ValueError
            A bad grid, or one that this solver cannot run on.
        """
        if not self._inverts:
            refuse_rising(grid, self)
        nodes = check_grid(schedule, grid, may_rise=self._inverts)
        return Plan(schedule, nodes, tuple(self._rows(Nodes.of(schedule, nodes))))

    @property
    def _inverts(self) -> bool:
        """Whether rising grids, from data to noise, have rows as well."""
        return False

    @abstractmethod
    def _rows(self, nodes: Nodes) -> list[Row]:
        """The rows of a checked grid."""

    def n_evals(self, n_steps: int) -> int:
        """Number of network calls on a grid of `n_steps` steps.

        Parameters
        ----------
        n_steps : int
            Steps of the grid, >= 1.

        Returns
        -------
        int
        """
        return n_steps

    def to_dict(self) -> dict[str, Any]:
        """Name and parameters, as JSON can hold them.

        Returns
        -------
        dict
        """
        state: dict[str, Any] = {"name": type(self).__name__}
        for each in fields(self):  # type: ignore[arg-type]
            value = getattr(self, each.name)
            value = value.item() if isinstance(value, np.generic) else value
            state[each.name] = value.to_dict() if isinstance(value, Solver) else value
        return state


def solver_from_dict(state: dict[str, Any]) -> Solver:
    """The solver that its `to_dict` described.

    Parameters
    ----------
    state : dict
        As read from JSON.

    Returns
    -------
    Solver

    Raises
    ------
    ValueError
        An unknown name, or parameters that the solver refuses.

    Examples
    --------
    >>> from sampkit.diffusion import UniPC, solver_from_dict
    >>> solver_from_dict(UniPC(3).to_dict()) == UniPC(3)
    True
    """
    parameters = dict(state)
    name = parameters.pop("name", None)
    if name not in _KINDS:
        raise ValueError(f"name must be one of {sorted(_KINDS)}, got {name!r}.")
    for key, value in parameters.items():
        if isinstance(value, dict):
            parameters[key] = solver_from_dict(value)
        elif isinstance(value, list):  # JSON knows no tuples
            parameters[key] = tuple(value)
    return _KINDS[name](**parameters)


@dataclass(frozen=True)
class Nodes:
    """The grid's nodes with everything that rows are made of."""

    schedule: NoiseSchedule
    t: FloatArray
    alpha: FloatArray
    sigma: FloatArray
    lam: FloatArray

    @classmethod
    def of(cls, schedule: NoiseSchedule, times: FloatArray) -> Nodes:
        return cls(
            schedule,
            times,
            *(np.asarray(part(times)) for part in (schedule.alpha, schedule.sigma, schedule.lam)),
        )

    @property
    def n_steps(self) -> int:
        return len(self.t) - 1

    @property
    def starts_empty(self) -> bool:
        """Whether no data is left at the first node: it must not enter an interpolation."""
        return bool(np.isneginf(self.lam[0]))

    @property
    def rising(self) -> bool:
        """Whether the nodes run from data to noise."""
        return bool(self.t[0] < self.t[-1])

    @property
    def ends_clean(self) -> bool:
        """Whether no noise is left at the last node."""
        return bool(self.sigma[-1] == 0)

    @property
    def rho(self) -> FloatArray:
        """Noise over signal; +inf where no data is left."""
        with np.errstate(divide="ignore"):
            return self.sigma / self.alpha

    def history(self, n: int) -> int:
        """How many outputs a step from node n can interpolate."""
        return max(n + 1 - self.starts_empty, 1)


def check_model(solver: Any, model: Any, grid: Any) -> None:
    """Let a solver warn of a model; what merely plans has nothing to say."""
    check = getattr(solver, "check_model", None)
    if check is not None:
        check(model, grid)


def refuse_rising(grid: Any, solver: Any) -> None:
    """Refuse a grid from data to noise."""
    if rises(grid):
        raise ValueError(
            "grid must be strictly descending: only DDIM(eta=0) runs up a grid, to the "
            f"noise, got a rising one for {solver!r}."
        )


def check_choice(name: str, value: Any, accepted: tuple[Any, ...]) -> None:
    """Refuse a value that is none of those accepted."""
    if value not in accepted:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, accepted))}, got {value!r}.")


def check_int(name: str, value: Any, low: int, high: int) -> None:
    """Refuse what is no int in [low, high]."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or not low <= int(value) <= high:
        raise ValueError(f"{name} must be an int in [{low}, {high}], got {value!r}.")


def check_eta(eta: Any) -> None:
    """Refuse a stochasticity that is no finite number >= 0."""
    if isinstance(eta, bool) or not isinstance(eta, Real) or not 0 <= float(eta) < np.inf:
        raise ValueError(f"eta must be a finite number >= 0, got {eta!r}.")
