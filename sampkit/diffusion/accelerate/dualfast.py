"""DualFast: the network's own error, extrapolated away."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.diffusion.accelerate._transform import base_plan, check_solver
from sampkit.diffusion.plan import Plan, Row, Update
from sampkit.diffusion.schedules import NoiseSchedule
from sampkit.diffusion.solvers._solver import Solver, check_choice, check_model

__all__ = ["DualFast"]

MOST_GUIDANCE = 2.0  # above it high orders get worse, as measured on digits


@dataclass(frozen=True)
class DualFast(Solver):
    """Noise predictions extrapolated away from one made at higher noise.

    ``eps_i`` becomes ``(1 + c_i) eps_i - c_i eps_tau`` in the leading term of every step: the error
    of a network is small at high noise and grows towards the data.

    Parameters
    ----------
    solver : Solver
        Calls once a step.
    c : float, default=0.2
        Strength, >= 0.
    schedule : {"linear", "constant"} or callable, default="linear"
        How the strength grows: ``c i / (n - 1)``, c from the second call on, or ``schedule(i, n)``
        times c. The first call has no other to lean on.
    source : {"first", "previous"}, default="first"
        Which prediction is extrapolated from.
    where : {"first_order", "all"}, default="first_order"
        In the leading term alone, or in the stored output, with all that is made of it later.

    Raises
    ------
    ValueError
        A parameter out of range, or a solver of several calls a step.

    Warns
    -----
    UserWarning
        When run with a base of more than first order on a model guided with a scale above 2.

    Notes
    -----
    The publication's strengths are not known here; the defaults are this library's. It mends the
    model and not the ordinary differential equation, so it is to be judged by distances between
    distributions; with guidance it acts like more of it.

    References
    ----------
    "DualFast: dual-speedup framework for fast sampling of diffusion models", ICCV 2025, arXiv
    2506.13058.

    Examples
    --------
    >>> from sampkit.diffusion import DDIM, DualFast, VPLinearSchedule
    >>> plan = DualFast(DDIM(), c=0.2).plan(VPLinearSchedule(), [0.9, 0.5, 0.1])
    >>> [round(weight, 4) for weight in plan.rows[1].w_eps]
    [-0.5818, 0.5818]
    """

    solver: Any
    c: float = 0.2
    schedule: str | Callable[[int, int], float] = "linear"
    source: str = "first"
    where: str = "first_order"

    def __post_init__(self) -> None:
        check_solver(self.solver)
        if isinstance(self.c, bool) or not 0 <= float(self.c) < np.inf:
            raise ValueError(f"c must be a finite number >= 0, got {self.c!r}.")
        if not callable(self.schedule):
            check_choice("schedule", self.schedule, ("linear", "constant"))
        check_choice("source", self.source, ("first", "previous"))
        check_choice("where", self.where, ("first_order", "all"))

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
        """Warn of a high order under guidance, which the extrapolation strengthens further.

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
        scale = getattr(model, "guidance", 1.0)
        if self.c == 0 or scale <= MOST_GUIDANCE:
            return
        rows = self.solver.plan(model.schedule, grid).rows
        if any(row.depth > 1 or row.corrector is not None for row in rows):
            warnings.warn(
                f"DualFast acts like more guidance: on a model guided with scale {scale:g} and a "
                f"solver of more than first order, here {self.solver!r}, it makes samples worse. "
                "Use DDIM, a smaller c, or the solver as it is.",
                UserWarning,
                stacklevel=4,
            )

    def _strength(self, i: int, n: int) -> float:
        if i == 0:
            return 0.0
        if callable(self.schedule):
            return float(self.c) * float(self.schedule(i, n))
        return float(self.c) * (i / (n - 1) if self.schedule == "linear" else 1.0)

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
            The solver's, with extrapolated outputs.

        Raises
        ------
        ValueError
            A bad grid, or a solver of several calls a step.
        """
        plan = base_plan(self.solver, schedule, grid, "DualFast")
        rows = []
        for i, row in enumerate(plan.rows):
            strength = self._strength(i, len(plan.rows))
            if strength == 0:
                rows.append(row)
            elif self.where == "all":
                rows.append(self._mixed(row, i, strength))
            else:
                rows.append(self._extrapolated(plan, row, i, strength))
        return replace(plan, rows=tuple(rows))

    def _age(self, i: int) -> int:
        return i if self.source == "first" else 1

    def _mixed(self, row: Row, i: int, strength: float) -> Row:
        if row.mix is not None:
            raise ValueError("solver mixes outputs already: extrapolate it before that.")
        mix = np.zeros(self._age(i) + 1)
        mix[0], mix[-1] = 1 + strength, -strength
        return replace(row, mix=tuple(mix.tolist()))

    def _extrapolated(self, plan: Plan, row: Row, i: int, strength: float) -> Row:
        t = float(plan.grid[i])
        ratio = float(plan.schedule.sigma(t)) / float(plan.schedule.alpha(t))
        age = self._age(i)

        def leaning(update: Update, newest: int) -> tuple[float, ...]:
            # the same sum of weights, so the same mean and variance; a change of x0 by -sigma /
            # alpha times that of eps
            size = strength * (sum(update.w_eps) - ratio * sum(update.w_x0))
            weights = np.zeros(max(len(update.w_eps), newest + age + 1))
            weights[: len(update.w_eps)] = update.w_eps
            weights[newest] += size
            weights[newest + age] -= size
            return tuple(weights.tolist())

        corrector = row.corrector
        if corrector is not None:
            corrector = replace(corrector, w_eps=leaning(corrector, 1))
        return replace(row, w_eps=leaning(row.update, 0), corrector=corrector)

    def _rows(self, nodes: Any) -> list[Row]:
        return list(self.plan(nodes.schedule, nodes.t).rows)
