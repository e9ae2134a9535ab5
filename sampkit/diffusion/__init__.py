"""Generated rows: diffusion samplers as plans of numbers.

A solver on a schedule and a grid is a *plan*: every coefficient, in float64, before the first
network call. Plans need NumPy alone; what runs them needs PyTorch.

No submodule is imported before one of its names is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sampkit.diffusion._compare import compare
    from sampkit.diffusion._compare_display import SolverComparisonDisplay
    from sampkit.diffusion._executor import initial_noise, sample
    from sampkit.diffusion._law import (
        GaussianLaw,
        GaussianResponse,
        gaussian_law,
        gaussian_response,
    )
    from sampkit.diffusion._teacher import teacher_trajectory
    from sampkit.diffusion.accelerate import (
        CompensationRegressor,
        DualFast,
        DynamicCompensation,
        SolverSchedule,
    )
    from sampkit.diffusion.adaptive import AdaptiveInfo, AdaptiveStep, adaptive_sample
    from sampkit.diffusion.analytic import EmpiricalDenoiser, GaussianMixture
    from sampkit.diffusion.coefficients import (
        exact_weights,
        exp_moments,
        lagrange_integral_weights,
    )
    from sampkit.diffusion.digits import DigitsDenoiser
    from sampkit.diffusion.grids import time_grid
    from sampkit.diffusion.guidance import (
        ClassifierFreeGuidance,
        ClassifierGuidance,
        Clip,
        DynamicThreshold,
    )
    from sampkit.diffusion.many._sample_many import ManySamples, sample_many
    from sampkit.diffusion.models import DiffusionModel, EDMPrecond
    from sampkit.diffusion.plan import Plan, Row, Update
    from sampkit.diffusion.schedules import (
        CallableSchedule,
        DiscreteVPSchedule,
        FlowSchedule,
        NoiseSchedule,
        VESchedule,
        VPCosineSchedule,
        VPLinearSchedule,
    )
    from sampkit.diffusion.search._compensation import CompensationResult, search_compensation
    from sampkit.diffusion.search._dualfast import tune_dualfast
    from sampkit.diffusion.search._result import SearchResult
    from sampkit.diffusion.search._solver_schedule import search_solver_schedule
    from sampkit.diffusion.solvers import (
        DDIM,
        DDPM,
        DEIS,
        PNDM,
        DPMSolver,
        UniPC,
        ddim_row,
        solver_from_dict,
    )
    from sampkit.diffusion.timeshift import TimeShift
    from sampkit.metrics import (
        energy_distance,
        frechet_distance,
        gaussian_frechet,
        mmd2,
        sliced_wasserstein,
        trajectory_mse,
        wasserstein_1d,
    )

_HOME = {
    "sampkit.diffusion._compare": ("compare",),
    "sampkit.diffusion._compare_display": ("SolverComparisonDisplay",),
    "sampkit.diffusion.many._sample_many": ("ManySamples", "sample_many"),
    "sampkit.diffusion.search._compensation": ("CompensationResult", "search_compensation"),
    "sampkit.diffusion.search._dualfast": ("tune_dualfast",),
    "sampkit.diffusion._executor": ("initial_noise", "sample"),
    "sampkit.diffusion._teacher": ("teacher_trajectory",),
    "sampkit.diffusion.accelerate": (
        "CompensationRegressor",
        "DualFast",
        "DynamicCompensation",
        "SolverSchedule",
    ),
    "sampkit.diffusion.adaptive": ("AdaptiveInfo", "AdaptiveStep", "adaptive_sample"),
    "sampkit.diffusion.analytic": ("EmpiricalDenoiser", "GaussianMixture"),
    "sampkit.diffusion.digits": ("DigitsDenoiser",),
    "sampkit.diffusion.guidance": (
        "ClassifierFreeGuidance",
        "ClassifierGuidance",
        "Clip",
        "DynamicThreshold",
    ),
    "sampkit.diffusion.models": ("DiffusionModel", "EDMPrecond"),
    "sampkit.diffusion.search._result": ("SearchResult",),
    "sampkit.diffusion.search._solver_schedule": ("search_solver_schedule",),
    "sampkit.diffusion._law": (
        "GaussianLaw",
        "GaussianResponse",
        "gaussian_law",
        "gaussian_response",
    ),
    "sampkit.diffusion.coefficients": (
        "exact_weights",
        "exp_moments",
        "lagrange_integral_weights",
    ),
    "sampkit.diffusion.grids": ("time_grid",),
    "sampkit.diffusion.plan": ("Plan", "Row", "Update"),
    "sampkit.diffusion.schedules": (
        "CallableSchedule",
        "DiscreteVPSchedule",
        "FlowSchedule",
        "NoiseSchedule",
        "VESchedule",
        "VPCosineSchedule",
        "VPLinearSchedule",
    ),
    "sampkit.diffusion.timeshift": ("TimeShift",),
    "sampkit.diffusion.solvers": (
        "DDIM",
        "DDPM",
        "DEIS",
        "PNDM",
        "DPMSolver",
        "UniPC",
        "ddim_row",
        "solver_from_dict",
    ),
    "sampkit.metrics": (
        "energy_distance",
        "frechet_distance",
        "gaussian_frechet",
        "mmd2",
        "sliced_wasserstein",
        "trajectory_mse",
        "wasserstein_1d",
    ),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "DDIM",
    "DDPM",
    "DEIS",
    "PNDM",
    "AdaptiveInfo",
    "AdaptiveStep",
    "CallableSchedule",
    "ClassifierFreeGuidance",
    "ClassifierGuidance",
    "Clip",
    "CompensationRegressor",
    "CompensationResult",
    "DPMSolver",
    "DiffusionModel",
    "DigitsDenoiser",
    "DiscreteVPSchedule",
    "DualFast",
    "DynamicCompensation",
    "DynamicThreshold",
    "EDMPrecond",
    "EmpiricalDenoiser",
    "FlowSchedule",
    "GaussianLaw",
    "GaussianMixture",
    "GaussianResponse",
    "ManySamples",
    "NoiseSchedule",
    "Plan",
    "Row",
    "SearchResult",
    "SolverComparisonDisplay",
    "SolverSchedule",
    "TimeShift",
    "UniPC",
    "Update",
    "VESchedule",
    "VPCosineSchedule",
    "VPLinearSchedule",
    "adaptive_sample",
    "compare",
    "ddim_row",
    "energy_distance",
    "exact_weights",
    "exp_moments",
    "frechet_distance",
    "gaussian_frechet",
    "gaussian_law",
    "gaussian_response",
    "initial_noise",
    "lagrange_integral_weights",
    "mmd2",
    "sample",
    "sample_many",
    "search_compensation",
    "search_solver_schedule",
    "sliced_wasserstein",
    "solver_from_dict",
    "teacher_trajectory",
    "time_grid",
    "trajectory_mse",
    "tune_dualfast",
    "wasserstein_1d",
]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(importlib.import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
