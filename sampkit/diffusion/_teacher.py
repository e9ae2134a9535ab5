"""What few calls are judged by: the same flow, followed in many small steps."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.diffusion._executor import plan_of, sample
from sampkit.diffusion._torch import torch
from sampkit.diffusion.grids import check_grid
from sampkit.diffusion.models import Model
from sampkit.diffusion.solvers import DDIM

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["teacher_trajectory"]


def teacher_trajectory(
    model: Model,
    x: Tensor,
    grid: Any,
    n_steps: int = 999,
    solver: Any = None,
    *,
    cond: Any = None,
    postprocess: Callable[[Tensor], Tensor] | None = None,
    progress: bool = False,
) -> list[Tensor]:
    """States of a fine run at the nodes of a coarse grid, from the same start.

    Parameters
    ----------
    model : DiffusionModel or wrapper
        The network.
    x : tensor of shape (B, ...)
        States at ``grid[0]``; not modified.
    grid : array-like of shape (n + 1,)
        Strictly descending times.
    n_steps : int, default=999
        The run visits ``linspace(grid[0], grid[-1], n_steps + 1)`` and every node of the grid.
    solver : solver, default=None
        With one call a step and no corrector; None: ``DDIM()``.
    cond : object, default=None
        Condition, handed to the network.
    postprocess : callable or None, default=None
        As in `sample`.
    progress : bool, default=False
        Show a bar.

    Returns
    -------
    list of n + 1 tensors
        The states at the nodes, without gradients; the first is x, of the last run's dtype.

    Raises
    ------
    ValueError
        n_steps below 1, an invalid grid, a solver with several calls a step.

    Notes
    -----
    Cost: about `n_steps` + n calls; the states at the nodes are kept and no others.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import (
    ...     GaussianMixture,
    ...     VPLinearSchedule,
    ...     teacher_trajectory,
    ...     time_grid,
    ... )
    >>> schedule = VPLinearSchedule()
    >>> model = GaussianMixture([[1.0]], 0.25).model(schedule)
    >>> grid = time_grid(schedule, 4)
    >>> states = teacher_trajectory(model, torch.full((1, 1), 1.5, dtype=torch.float64), grid)
    >>> len(states), round(float(states[-1]), 1)  # the exact flow ends at 1.7468
    (5, 1.7)
    """
    if not isinstance(n_steps, Integral) or isinstance(n_steps, bool) or n_steps < 1:
        raise ValueError(f"n_steps must be an int >= 1, got {n_steps!r}.")
    nodes = check_grid(model.schedule, grid)
    even = np.linspace(nodes[0], nodes[-1], int(n_steps) + 1)
    apart = np.abs(even[:, None] - nodes).min(axis=1) > 1e-9 * (nodes[0] - nodes[-1])
    apart &= np.asarray(model.schedule.alpha(even)) > 0  # only the start may be without data
    fine = np.union1d(even[apart], nodes)[::-1]
    solver = DDIM() if solver is None else solver
    plan = plan_of(solver, model.schedule, fine)
    if plan.n_evals != len(fine) - 1 or any(row.corrector is not None for row in plan.rows):
        raise ValueError(
            "solver must make one call a step and have no corrector, got "
            f"{type(solver).__name__} with {plan.n_evals} calls in {len(fine) - 1} steps."
        )
    places = set(np.flatnonzero(np.isin(fine, nodes)).tolist())
    states = [x.detach().clone()]

    def keep(i: int, t: float, state: Tensor, x0: Tensor) -> bool:
        if i + 1 in places:
            states.append(state.clone())
        return False

    with torch.no_grad():
        sample(model, x, plan, cond=cond, postprocess=postprocess, callback=keep, progress=progress)
    return states
