"""Measures of samples, distances between them, and the classifiers trained on them.

:func:`sampling_roc` trains estimators and therefore lives in :mod:`sampkit.compose`; it is handed
on from here without importing that module before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._frechet import frechet_distance, gaussian_frechet
from ._pairwise_statistics import energy_distance, mmd2
from ._roc import ROCHull, optimal_operating_point, roc_auc_points, roc_convex_hull
from ._roc_display import SamplingROCDisplay
from ._trajectory import trajectory_mse
from ._wasserstein import sliced_wasserstein, wasserstein_1d

if TYPE_CHECKING:
    from sampkit.compose._sampling_roc import sampling_roc

__all__ = [
    "ROCHull",
    "SamplingROCDisplay",
    "energy_distance",
    "frechet_distance",
    "gaussian_frechet",
    "mmd2",
    "optimal_operating_point",
    "roc_auc_points",
    "roc_convex_hull",
    "sampling_roc",
    "sliced_wasserstein",
    "trajectory_mse",
    "wasserstein_1d",
]


def __getattr__(name: str) -> Any:
    if name == "sampling_roc":
        from sampkit.compose import sampling_roc

        return sampling_roc
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
