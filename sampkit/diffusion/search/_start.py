"""Where a search starts: what all candidates share, and the first of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sampkit.diffusion.accelerate import SolverSchedule
from sampkit.diffusion.grids import check_grid, time_grid
from sampkit.diffusion.schedules import DiscreteVPSchedule, NoiseSchedule, VESchedule
from sampkit.diffusion.search._evolution import fixed_solvers, random_schedules
from sampkit.diffusion.search._population import Population, Terms, joined

__all__ = ["first_generation", "terms_of"]

FloatArray = npt.NDArray[np.float64]

SPACINGS = ("logsnr", "karras", "time")
SAME = 0.01  # of the grid's length: how far apart grids are that are worth trying both


def first_generation(
    terms: Terms, initial: Sequence[SolverSchedule] | None, size: int, rng: np.random.Generator
) -> tuple[Population, npt.NDArray[np.str_]]:
    """The initial set: what was given, all fixed solvers, and random schedules."""
    parts = [("fixed", fixed_solvers(terms))]
    if initial is not None:
        parts.insert(0, ("initial", Population.of(initial).settled(terms)))
    missing = max(size - sum(len(part) for _, part in parts), size // 4)
    parts.append(("random", random_schedules(terms, missing, rng)))
    origins = np.concatenate([np.full(len(part), name) for name, part in parts])
    return joined([part for _, part in parts]), origins


def terms_of(
    schedule: NoiseSchedule,
    n_steps: int,
    initial: Sequence[SolverSchedule] | None,
    search_grid: bool,
    max_order: int,
) -> Terms:
    """What all candidates share; refuses initial schedules that do not share it."""
    if initial is None:
        spacing = {DiscreteVPSchedule: "linspace", VESchedule: "karras"}
        grid = time_grid(schedule, n_steps, spacing.get(type(schedule), "time"))
        grids = _grids(schedule, grid) if search_grid else [grid]
        return Terms.on(schedule, grids, max_order=max_order, search_grid=search_grid)
    given = list(initial)
    if not given or not all(isinstance(each, SolverSchedule) for each in given):
        raise ValueError(f"initial must hold SolverSchedules, got {str(initial)[:60]}.")
    if wrong := [len(each.grid) - 1 for each in given if len(each.grid) != n_steps + 1]:
        raise ValueError(f"initial must hold schedules of {n_steps} steps, got one of {wrong[0]}.")
    grid = check_grid(schedule, given[0].grid)
    for each in given[1:]:
        if (each.grid[0], each.grid[-1]) != (grid[0], grid[-1]):
            raise ValueError(
                f"initial schedules must share the ends {grid[0]:g} and {grid[-1]:g} of their "
                f"grids, got {each.grid[0]:g} and {each.grid[-1]:g}."
            )
        if each.first_output != given[0].first_output:
            raise ValueError("initial schedules must share their first_output.")
        if not search_grid and each.grid != given[0].grid:
            raise ValueError("initial schedules must share one grid with search_grid=False.")
    largest = max(max(each.orders) for each in given)
    if largest > max_order:
        raise ValueError(f"initial must hold orders <= max_order = {max_order}, got {largest}.")
    grids = _grids(schedule, grid) if search_grid else [grid]
    return Terms.on(
        schedule, grids, max_order=max_order, search_grid=search_grid,
        first_output=given[0].first_output,
    )  # fmt: skip


def _grids(schedule: NoiseSchedule, grid: FloatArray) -> list[FloatArray]:
    """The grid, and others between its ends: which spacing serves a network is not known."""
    clean = float(schedule.sigma(grid[-1])) == 0
    start, end = float(grid[0]), float(schedule.t_min if clean else grid[-1])
    n_steps = len(grid) - 1 - clean
    grids = [grid]
    if n_steps < 1 or not np.isfinite(schedule.lam(np.array([start, end]))).all():
        return grids
    for spacing in SPACINGS:
        nodes = time_grid(schedule, n_steps, spacing, t_start=start, t_end=end)
        nodes = np.append(nodes, grid[-1]) if clean else nodes
        if all(np.abs(nodes - each).max() > SAME * (start - end) for each in grids):
            grids.append(nodes)
    return grids
