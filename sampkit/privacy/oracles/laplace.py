"""Summation with histogram encoding: a one-hot row plus Laplace noise, for simulation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from sampkit.privacy._exact import Entropy, GeneratorEntropy
from sampkit.privacy._protocol import Array, Counts, Floats, Oracle, Protocol


@dataclass(frozen=True)
class LaplaceHistogram(Oracle):
    """The one-hot row of a value with Laplace(2/epsilon) noise in every cell.

    Floats leak through their low bits (Mironov 2012), so that this protocol simulates only.

    Parameters
    ----------
    k : int
        Number of categories.
    epsilon : float
        The budget.
    """

    epsilon: float

    @property
    def p(self) -> Any:
        return math.nan

    @property
    def q(self) -> Any:
        return math.nan

    @property
    def ratio(self) -> Fraction:
        return Fraction(math.exp(self.epsilon))

    @property
    def epsilon_effective(self) -> float:
        return self.epsilon

    def channel(self) -> Floats:
        raise ValueError("protocol 'she' reports real numbers: its channel is not a matrix.")

    @property
    def widths(self) -> tuple[int, ...]:
        raise ValueError("protocol 'she' is simulation only: it has no report of bits.")

    def public(self, symbols: Array) -> Array:
        return symbols

    def symbols(self, reports: Any) -> Array:
        rows = np.asarray(reports, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.k or not np.isfinite(rows).all():
            raise ValueError(f"reports must be finite, of shape (n, {self.k}), got {rows.shape}.")
        return rows

    def randomize(self, codes: Array, entropy: Entropy) -> Array:
        if not isinstance(entropy, GeneratorEntropy):
            raise ValueError(
                "protocol 'she' adds floating-point noise, which is not safe on a device: give a "
                "random_state to simulate it."
            )
        rows = entropy.generator.laplace(scale=2 / self.epsilon, size=(codes.size, self.k))
        rows[np.arange(codes.size), codes] += 1
        return rows

    def randomize_one(self, code: int, words: Iterator[int]) -> int:
        raise ValueError("protocol 'she' is simulation only.")

    def tally(self, symbols: Array) -> Counts:
        return symbols.sum(axis=0)

    def estimate(self, counts: Any, n: int) -> Floats:
        return np.asarray(counts, dtype=np.float64) / n

    def variance(self, n: float, frequency: Any, target: str) -> Any:
        f = np.asarray(frequency, dtype=np.float64)
        noise = 8 / (n * self.epsilon**2)
        return np.full(f.shape, noise)[()] if target == "sample" else noise + f * (1 - f) / n


PROTOCOLS = (Protocol("she", LaplaceHistogram, LaplaceHistogram, deployable=False),)
