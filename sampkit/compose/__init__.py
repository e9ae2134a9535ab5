"""Samplers inside scikit-learn's own tools: they act at ``fit`` and step aside elsewhere."""

from __future__ import annotations

from sampkit.compose._classifier import ResampledClassifier
from sampkit.compose._coreset import CoresetClassifier, CoresetRegressor
from sampkit.compose._regressor import ResampledRegressor
from sampkit.compose._sampling_roc import sampling_roc

__all__ = [
    "CoresetClassifier",
    "CoresetRegressor",
    "ResampledClassifier",
    "ResampledRegressor",
    "sampling_roc",
]
