"""The affine map from counts to frequencies, and its variance, the same for every solution.

A report of one attribute supports v with probability ``delta = [q + f (p - q) + (d - 1) phi] / d``
(d = 1 and no phi for SPL and SMP), so that ``f = (d delta - q - (d - 1) phi) / (p - q)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sampkit.privacy._protocol import Floats
from sampkit.privacy._solutions import Attribute


class AffineMap(NamedTuple):
    """``frequency = slope * support + intercept``, elementwise over k categories."""

    slope: Floats
    intercept: Floats

    def frequency(self, support: Any) -> Floats:
        return self.slope * support + self.intercept

    def support(self, frequency: Any) -> Floats:
        return (frequency - self.intercept) / self.slope


def affine_map(attribute: Attribute, d: int) -> AffineMap:
    """The map of one attribute among d that share a report by fake data."""
    p, q, phi = attribute.probabilities
    k = attribute.oracle.k
    mixed, floor = (1, q) if phi is None else (d, q + (d - 1) * phi)
    ones = np.ones(k)
    return AffineMap(mixed / (p - q) * ones, -floor / (p - q) * ones)


def predicted_variance(
    attribute: Attribute, d: int, n: float, share: float, frequency: Any, target: str
) -> Floats:
    """Variance of one attribute's estimates from n users of whom a share reports on it."""
    to = affine_map(attribute, d)
    f = np.asarray(frequency, dtype=np.float64)
    support = to.support(f)
    variance = to.slope**2 * support * (1 - support) / (n * share)
    return variance - f * (1 - f) / n if target == "sample" else variance


def mean_squared_error(
    attributes: Sequence[Attribute], n: float, shares: Sequence[float], frequencies: Any = None
) -> float:
    """Mean over attributes of the mean over categories of the variance, target 'sample'."""
    d = len(attributes)
    errors = []
    for j, attribute in enumerate(attributes):
        f = 1 / attribute.oracle.k if frequencies is None else frequencies[j]
        errors.append(predicted_variance(attribute, d, n, shares[j], f, "sample").mean())
    return float(np.mean(errors))
