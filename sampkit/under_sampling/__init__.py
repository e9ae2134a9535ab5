"""Fewer rows of common classes: at random, or those that confuse their neighbours."""

from __future__ import annotations

from sampkit.under_sampling._cleaning import EditedNearestNeighbours, TomekLinks
from sampkit.under_sampling._random import RandomUnderSampler, under_percent

__all__ = ["EditedNearestNeighbours", "RandomUnderSampler", "TomekLinks", "under_percent"]
