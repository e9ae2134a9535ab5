"""What `sample` is asked to run: a plan made once, or what makes its numbers as it goes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sampkit.diffusion._executor import plan_of, sample
from sampkit.diffusion.grids import check_grid
from sampkit.diffusion.models import Model
from sampkit.diffusion.plan import Plan
from sampkit.diffusion.schedules import NoiseSchedule

__all__ = ["Task", "task_of"]


class Task(NamedTuple):
    """A solver on a grid."""

    what: Any  # a Plan, or what has a run of its own
    grid: npt.NDArray[np.float64]
    n_evals: int
    schedule: NoiseSchedule

    def run(self, model: Model, x: Any, **options: Any) -> Any:
        """`sample` of it."""
        return sample(model, x, self.what, None if self._planned else self.grid, **options)

    def stated(self) -> dict[str, Any]:
        """Everything that its samples depend on beside model and noise, as JSON can hold it."""
        if self._planned:
            try:
                return self.what.to_dict()
            except ValueError:  # a schedule made of functions; what it gives is in the rows
                return {"grid": self.grid.tolist(), "rows": [asdict(row) for row in self.what.rows]}
        stated: dict[str, Any] = {"solver": repr(self.what), "grid": self.grid.tolist()}
        with suppress(ValueError):  # functions; what has no plan refuses them when it is run
            stated["schedule"] = self.schedule.to_dict()
        return stated

    @property
    def _planned(self) -> bool:
        return isinstance(self.what, Plan)


def task_of(solver_or_plan: Any, schedule: NoiseSchedule, grid: Any) -> Task:
    """A task, its plan made and checked; what has a run of its own is checked when it is run."""
    if not hasattr(solver_or_plan, "_run"):
        plan = plan_of(solver_or_plan, schedule, grid)
        return Task(plan, plan.grid, plan.n_evals, schedule)
    if grid is None:
        raise ValueError(f"grid must be given for {type(solver_or_plan).__name__}, got None.")
    nodes = check_grid(schedule, grid)
    n_evals = solver_or_plan.n_evals(len(nodes) - 1)
    return Task(solver_or_plan, nodes, n_evals, schedule)
