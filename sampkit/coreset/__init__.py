"""Fewer rows that still tell the truth: leverage, Lewis and lp-sensitivity sampling of rows."""

from __future__ import annotations

from sampkit.coreset._factor import RowSpaceFactor
from sampkit.coreset._leverage import leverage_scores
from sampkit.coreset._leverage_sampler import LeverageScoreSampler
from sampkit.coreset._lewis import lewis_weights
from sampkit.coreset._lewis_sampler import LewisWeightSampler
from sampkit.coreset._root_leverage_sampler import RootLeverageSampler
from sampkit.coreset._sensitivity import lp_sensitivities, total_lp_sensitivity
from sampkit.coreset._sensitivity_sampler import LpSensitivitySampler
from sampkit.coreset._uniform_sampler import UniformRowSampler

__all__ = [
    "LeverageScoreSampler",
    "LewisWeightSampler",
    "LpSensitivitySampler",
    "RootLeverageSampler",
    "RowSpaceFactor",
    "UniformRowSampler",
    "leverage_scores",
    "lewis_weights",
    "lp_sensitivities",
    "total_lp_sensitivity",
]
