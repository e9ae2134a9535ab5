"""What a transform of plans needs to know of the plan it is given."""

from __future__ import annotations

from typing import Any

from sampkit.diffusion.plan import Plan
from sampkit.diffusion.schedules import NoiseSchedule
from sampkit.diffusion.solvers._solver import refuse_rising


def base_plan(solver: Any, schedule: NoiseSchedule, grid: Any, name: str) -> Plan:
    """The plan of the wrapped solver, which has to call once a step."""
    refuse_rising(grid, name)
    plan: Plan = solver.plan(schedule, grid)
    if len(plan.rows) != len(plan.grid) - 1 or any(row.anchor is not None for row in plan.rows):
        raise ValueError(
            f"solver of {name} must call once a step (multistep), got {solver!r}, which makes "
            f"{len(plan.rows)} calls on {len(plan.grid) - 1} steps."
        )
    return plan


def check_solver(solver: Any) -> None:
    """Refuse what cannot plan."""
    if not hasattr(solver, "plan"):
        raise ValueError(f"solver must have a method plan(schedule, grid), got {solver!r}.")
