"""Fewer rows that still tell the truth: leverage, Lewis and lp-sensitivity sampling of rows."""

from __future__ import annotations

from sampkit.coreset._factor import RowSpaceFactor
from sampkit.coreset._leverage import leverage_scores
from sampkit.coreset._lewis import lewis_weights
from sampkit.coreset._sensitivity import lp_sensitivities, total_lp_sensitivity

__all__ = [
    "RowSpaceFactor",
    "leverage_scores",
    "lewis_weights",
    "lp_sensitivities",
    "total_lp_sensitivity",
]
