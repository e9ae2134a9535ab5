"""Accelerators: plans made into better plans, with the same number of calls and no training."""

from __future__ import annotations

from sampkit.diffusion.accelerate.compensation import DynamicCompensation
from sampkit.diffusion.accelerate.compensation_regressor import CompensationRegressor
from sampkit.diffusion.accelerate.dualfast import DualFast
from sampkit.diffusion.accelerate.solver_schedule import SolverSchedule

__all__ = ["CompensationRegressor", "DualFast", "DynamicCompensation", "SolverSchedule"]
