"""Thresholded histogram encoding: Laplace noise, cut by the device itself into bits."""

from __future__ import annotations

import math

from sampkit.privacy._exact import LARGEST_EPSILON, grid_ceil, grid_floor
from sampkit.privacy._protocol import Protocol, require_signal
from sampkit.privacy.oracles.unary import UnaryBits


def threshold_probabilities(epsilon: float, threshold: float) -> tuple[float, float]:
    """Give p and q of a one-hot row with Laplace(2/epsilon) noise, cut at a threshold."""
    return (
        1 - 0.5 * math.exp(epsilon * (threshold - 1) / 2),
        0.5 * math.exp(-epsilon * threshold / 2),
    )


def best_threshold(epsilon: float) -> float:
    """The threshold with the smallest variance ``q (1 - q) / (p - q)**2``."""
    from scipy.optimize import minimize_scalar

    def variance(threshold: float) -> float:
        p, q = threshold_probabilities(epsilon, threshold)
        return q * (1 - q) / (p - q) ** 2

    found = minimize_scalar(variance, bounds=(0.5, 1.0), method="bounded", options={"xatol": 1e-12})
    return float(found.x)


def _thresholded(k: int, epsilon: float) -> UnaryBits:
    epsilon = min(epsilon, LARGEST_EPSILON)
    p, q = threshold_probabilities(epsilon, best_threshold(epsilon))
    hot, cold = grid_floor(p), grid_ceil(q)
    require_signal(hot, cold, epsilon)
    return UnaryBits(k, hot, cold)


PROTOCOLS = (Protocol("the", UnaryBits, _thresholded),)
