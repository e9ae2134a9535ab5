"""Which plan a scheduler steps through: for a list of times, and for what is left of one."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.diffusion.grids import check_grid
from sampkit.diffusion.plan import Plan, Row
from sampkit.diffusion.schedules import NoiseSchedule
from sampkit.diffusion.solvers._steps import falls_at_the_end

__all__ = ["grid_of", "numbers", "place_of", "rest_of", "settled"]

FloatArray = npt.NDArray[np.float64]


def numbers(values: Any) -> FloatArray:
    """Numbers of a tensor, an array or a list."""
    plain = values.tolist() if hasattr(values, "tolist") else values
    return np.asarray(plain, dtype=np.float64)


def grid_of(schedule: NoiseSchedule, timesteps: Any, sigmas: Any, end: float) -> FloatArray:
    """The grid of nodes given as times, or as sigma / alpha; the end is added where it lacks."""
    if timesteps is not None:
        nodes = numbers(timesteps)
    else:
        with np.errstate(divide="ignore"):
            nodes = np.asarray(schedule.t_from_lam(-np.log(numbers(sigmas))))
    if nodes.ndim != 1 or nodes.size == 0:
        raise ValueError(f"timesteps must be a list of times, got shape {nodes.shape}.")
    if nodes[-1] > end:
        nodes = np.append(nodes, end)
    return check_grid(schedule, nodes)


def settled(solver: Any, n_steps: int) -> Any:
    """The solver with "auto" decided for the steps asked for, not for those that are left."""
    if not is_dataclass(solver):
        return solver
    changed: dict[str, Any] = {}
    for each in fields(solver):
        value = getattr(solver, each.name)
        if each.name == "lower_order_final" and value == "auto":
            changed[each.name] = falls_at_the_end(value, n_steps)
        elif hasattr(value, "plan"):
            changed[each.name] = settled(value, n_steps)
    return replace(solver, **changed) if changed else solver  # type: ignore[type-var]


def rest_of(plan: Plan, solver: Any, begin: int) -> Plan:
    """The plan from a call on, worked out anew on what is left of the grid.

    Raises
    ------
    ValueError
        The solver cannot begin there.
    """
    if begin == 0:
        return plan
    left = plan.times[begin:-1]
    reason: Exception | None = None
    try:
        if left[0] in plan.grid:
            nodes = plan.grid[plan.grid <= left[0]]
            again: Plan = settled(solver, len(plan.grid) - 1).plan(plan.schedule, nodes)
            if np.array_equal(again.times[:-1], left):
                return again
        # steps of several calls: what is left begins with a whole one, or cannot begin here
        rows = tuple(_shifted(row, begin) for row in plan.rows[begin:])
        return Plan(plan.schedule, np.append(left[0], plan.grid[plan.grid < left[0]]), rows)
    except ValueError as error:
        reason = error
    raise ValueError(
        f"{type(solver).__name__} cannot begin at entry {begin} of timesteps: it would look back "
        "on calls before it. Begin where one of its steps does, or take a multistep solver with "
        "one call a step."
    ) from reason


def place_of(plan: Plan, timestep: Any) -> int:
    """The call at a time: one that begins a step before a stage inside one."""
    wanted = float(timestep)
    near = np.abs(plan.times[:-1] - wanted) <= 1e-3
    if not near.any():
        raise ValueError(f"timestep must be one of the scheduler's timesteps, got {wanted!r}.")
    places = np.flatnonzero(near).tolist()
    return next((i for i in places if plan.rows[i].anchor is None), places[0])


def _shifted(row: Row, begin: int) -> Row:
    return row if row.anchor is None else replace(row, anchor=row.anchor - begin)
