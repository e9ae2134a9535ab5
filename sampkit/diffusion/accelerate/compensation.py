"""DC-Solver: outputs moved in time before they are reused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.diffusion.accelerate._transform import base_plan, check_solver
from sampkit.diffusion.coefficients import lagrange_basis
from sampkit.diffusion.plan import Plan
from sampkit.diffusion.schedules import NoiseSchedule
from sampkit.diffusion.solvers._solver import Solver, check_int, check_model

__all__ = ["DynamicCompensation"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DynamicCompensation(Solver):
    """Dynamic compensation of a multistep solver's outputs.

    In a predictor-corrector the stored outputs belong to predicted states, which were then
    corrected. Each is replaced by the value that a polynomial through it and the ones before takes
    at a time moved by a ratio, found by a search once and for all.

    Parameters
    ----------
    solver : Solver
        Calls once a step.
    ratios : sequence of float
        One for each call; 1 leaves the output as it is, and the first `order` must be 1.
    order : int, default=2
        Degree of the polynomial, 1 to 4.

    Raises
    ------
    ValueError
        A parameter out of range, or a plan of another number of calls than ratios.

    References
    ----------
    Zhao et al., "DC-Solver: improving predictor-corrector diffusion sampler via dynamic
    compensation", ECCV 2024.

    Examples
    --------
    >>> from sampkit.diffusion import DynamicCompensation, UniPC, VPLinearSchedule
    >>> solver = DynamicCompensation(UniPC(2), [1, 1, 1.2, 1])
    >>> plan = solver.plan(VPLinearSchedule(), [0.9, 0.7, 0.5, 0.3, 0.1])
    >>> [round(weight, 6) for weight in plan.rows[2].mix]
    [1.32, -0.44, 0.12]
    """

    solver: Any
    ratios: tuple[float, ...]
    order: int = 2

    def __post_init__(self) -> None:
        check_solver(self.solver)
        check_int("order", self.order, 1, 4)
        ratios = np.asarray(self.ratios, dtype=np.float64)
        if ratios.ndim != 1 or not np.isfinite(ratios).all():
            raise ValueError(f"ratios must be finite numbers, one for each call, got {ratios}.")
        if (ratios[: self.order] != 1).any():
            raise ValueError(
                f"the first {self.order} ratios must be 1, for want of a history, got "
                f"{ratios[: self.order].tolist()}."
            )
        object.__setattr__(self, "ratios", tuple(ratios.tolist()))

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
        return self.solver.n_evals(n_steps)

    def check_model(self, model: Any, grid: npt.ArrayLike) -> None:
        """Warn if the compensated solver and a model do not go together.

        Parameters
        ----------
        model : DiffusionModel or wrapper
            What it is about to run on.
        grid : array-like of shape (n_steps + 1,)
            Strictly falling times.

        Returns
        -------
        None
        """
        check_model(self.solver, model, grid)

    def plan(self, schedule: NoiseSchedule, grid: npt.ArrayLike) -> Plan:
        """Work out all rows on a grid.

        Parameters
        ----------
        schedule : NoiseSchedule
            What the times mean.
        grid : array-like of shape (n_steps + 1,)
            Strictly falling times.

        Returns
        -------
        Plan
            The solver's, with compensated outputs.

        Raises
        ------
        ValueError
            A bad grid, a solver of several calls a step, or as many ratios as there are no calls.
        """
        plan = base_plan(self.solver, schedule, grid, "DynamicCompensation")
        if len(self.ratios) != len(plan.rows):
            raise ValueError(
                f"ratios must hold one number for each of the {len(plan.rows)} calls, got "
                f"{len(self.ratios)}."
            )
        return compensated(plan, self.ratios, self.order)

    def _rows(self, nodes: Any) -> list[Any]:
        return list(self.plan(nodes.schedule, nodes.t).rows)


def compensated(plan: Plan, ratios: Sequence[float], order: int) -> Plan:
    """A plan whose outputs are moved in time before they are reused."""
    rows = list(plan.rows)
    for i, ratio in enumerate(ratios):
        if ratio == 1:
            continue
        if rows[i].mix is not None:
            raise ValueError("solver mixes outputs already: compensate it before that.")
        weights = moving_weights(plan.times, i, order, np.array([ratio]))[0]
        rows[i] = replace(rows[i], mix=tuple(weights.tolist()))
    return replace(plan, rows=tuple(rows))


def moving_weights(times: FloatArray, i: int, order: int, ratios: FloatArray) -> FloatArray:
    """Weights of the outputs of calls i, i - 1, ..., one row for each ratio at call i."""
    moved = ratios * times[i] + (1 - ratios) * times[i - 1]
    return lagrange_basis(times[i - np.arange(order + 1)], moved).T
