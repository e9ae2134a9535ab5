"""Fewer rows that still tell the truth: leverage, Lewis and lp-sensitivity sampling of rows."""

from __future__ import annotations

from sampkit.coreset._factor import RowSpaceFactor
from sampkit.coreset._leverage import leverage_scores

__all__ = ["RowSpaceFactor", "leverage_scores"]
