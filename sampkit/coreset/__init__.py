"""Fewer rows that still tell the truth: leverage, Lewis and lp-sensitivity sampling of rows.

:class:`CoresetClassifier` and :class:`CoresetRegressor` are meta-estimators and live in
:mod:`sampkit.compose`; they are handed on from here without importing that module before use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampkit.coreset._distortion import subspace_distortion
from sampkit.coreset._draw import sample_rows
from sampkit.coreset._factor import RowSpaceFactor
from sampkit.coreset._feature_leverage import feature_leverage_scores
from sampkit.coreset._glm_sampler import GLMSampler
from sampkit.coreset._inclusion import inclusion_probabilities
from sampkit.coreset._leverage import leverage_scores
from sampkit.coreset._leverage_sampler import LeverageScoreSampler
from sampkit.coreset._lewis import lewis_weights
from sampkit.coreset._lewis_sampler import LewisWeightSampler
from sampkit.coreset._lp_regression import lp_regression
from sampkit.coreset._lp_regressor import LpRegressor
from sampkit.coreset._nystroem import RidgeLeverageNystroem
from sampkit.coreset._root_leverage_sampler import RootLeverageSampler
from sampkit.coreset._row_display import LeverageDisplay
from sampkit.coreset._sensitivity import lp_sensitivities, total_lp_sensitivity
from sampkit.coreset._sensitivity_sampler import LpSensitivitySampler
from sampkit.coreset._size_displays import CoefficientErrorDisplay, DistortionDisplay
from sampkit.coreset._spatial_order import spatial_order
from sampkit.coreset._stream import CoresetStream
from sampkit.coreset._uniform_sampler import UniformRowSampler

if TYPE_CHECKING:
    from sampkit.compose._coreset import CoresetClassifier, CoresetRegressor

__all__ = [
    "CoefficientErrorDisplay",
    "CoresetClassifier",
    "CoresetRegressor",
    "CoresetStream",
    "DistortionDisplay",
    "GLMSampler",
    "LeverageDisplay",
    "LeverageScoreSampler",
    "LewisWeightSampler",
    "LpRegressor",
    "LpSensitivitySampler",
    "RidgeLeverageNystroem",
    "RootLeverageSampler",
    "RowSpaceFactor",
    "UniformRowSampler",
    "feature_leverage_scores",
    "inclusion_probabilities",
    "leverage_scores",
    "lewis_weights",
    "lp_regression",
    "lp_sensitivities",
    "sample_rows",
    "spatial_order",
    "subspace_distortion",
    "total_lp_sensitivity",
]


def __getattr__(name: str) -> Any:
    if name in ("CoresetClassifier", "CoresetRegressor"):
        from sampkit.compose import _coreset

        return getattr(_coreset, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
