"""Fewer rows that still tell the truth: leverage, Lewis and lp-sensitivity sampling of rows."""

from __future__ import annotations

from sampkit.coreset._distortion import subspace_distortion
from sampkit.coreset._draw import sample_rows
from sampkit.coreset._factor import RowSpaceFactor
from sampkit.coreset._inclusion import inclusion_probabilities
from sampkit.coreset._leverage import leverage_scores
from sampkit.coreset._lewis import lewis_weights
from sampkit.coreset._lp_regression import lp_regression
from sampkit.coreset._lp_regressor import LpRegressor
from sampkit.coreset._nystroem import RidgeLeverageNystroem
from sampkit.coreset._spatial_order import spatial_order

__all__ = [
    "LpRegressor",
    "RidgeLeverageNystroem",
    "RowSpaceFactor",
    "inclusion_probabilities",
    "leverage_scores",
    "lewis_weights",
    "lp_regression",
    "sample_rows",
    "spatial_order",
    "subspace_distortion",
]
