"""Samplers inside scikit-learn's own tools: they act at ``fit`` and step aside elsewhere.

:class:`~sampkit.coreset.CoresetClassifier` and :class:`~sampkit.coreset.CoresetRegressor` live
here, too, and are handed on by :mod:`sampkit.coreset`.
"""

from __future__ import annotations

from sampkit.compose._classifier import ResampledClassifier
from sampkit.compose._regressor import ResampledRegressor
from sampkit.compose._sampling_roc import sampling_roc

__all__ = ["ResampledClassifier", "ResampledRegressor", "sampling_roc"]
