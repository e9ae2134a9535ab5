"""Summation with histogram encoding: a one-hot row plus Laplace noise in every cell."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from sampkit.privacy._discrete_laplace import discrete_laplace
from sampkit.privacy._exact import GRID, LARGEST_EPSILON, Entropy
from sampkit.privacy._protocol import Array, Counts, Floats, Oracle, Protocol

FINEST = 1 << 20  # steps of a report's grid per unit
LONGEST = 1 << 31  # scale of the noise in steps


@dataclass(frozen=True)
class LaplaceHistogram(Oracle):
    """The one-hot row of a value, ``steps`` for its 1, plus discrete Laplace noise in every cell.

    Two values differ by `steps` in two cells, so that no report is more than
    ``exp(2 steps / scale)`` times as likely under one as under the other: exactly, because noise
    and sum are integers. Floating-point noise would leak by its low bits (Mironov 2012).

    Parameters
    ----------
    k : int
        Number of categories.
    steps : int
        Steps of the grid per unit, a power of two.
    scale : int
        Scale of the noise in steps.
    """

    steps: int
    scale: int

    @property
    def p(self) -> Any:
        return math.nan

    @property
    def q(self) -> Any:
        return math.nan

    @property
    def ratio(self) -> Fraction:
        return Fraction(math.exp(self.epsilon_effective))

    @property
    def epsilon_effective(self) -> float:
        return 2 * self.steps / self.scale

    def channel(self) -> Floats:
        raise ValueError("protocol 'she' reports any number of steps: its channel is no matrix.")

    @property
    def widths(self) -> tuple[int, ...]:
        raise ValueError("protocol 'she' has no report of a constant number of bits.")

    def public(self, symbols: Array) -> Array:
        return symbols / self.steps  # exact: steps are a power of two

    def symbols(self, reports: Any) -> Array:
        rows = np.asarray(reports, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.k or not np.isfinite(rows).all():
            raise ValueError(f"reports must be finite, of shape (n, {self.k}), got {rows.shape}.")
        steps = rows * self.steps
        off = (np.abs(steps) >= 1 << 53) | (steps != np.floor(steps))
        if off.any():
            raise ValueError(
                f"reports must be multiples of 1/{self.steps} below 2**53 of them, got "
                f"{float(rows[off][0])!r}."
            )
        return steps.astype(np.int64)

    def randomize(self, codes: Array, entropy: Entropy) -> Array:
        rows = discrete_laplace(entropy, self.scale, codes.size * self.k).reshape(-1, self.k)
        rows[np.arange(codes.size), codes] += self.steps
        return rows

    def randomize_one(self, code: int, words: Iterator[int]) -> int:
        raise ValueError("protocol 'she' has no report of a constant number of bits.")

    def tally(self, symbols: Array) -> Counts:
        return symbols.sum(axis=0) / self.steps

    def estimate(self, counts: Any, n: int) -> Floats:
        return np.asarray(counts, dtype=np.float64) / n

    def variance(self, n: float, frequency: Any, target: str) -> Any:
        f = np.asarray(frequency, dtype=np.float64)
        # of exp(-|z| / scale) on the integers; 2 scale^2, up to 1/6
        noise = 0.5 / (math.sinh(0.5 / self.scale) * self.steps) ** 2 / n
        return np.full(f.shape, noise)[()] if target == "sample" else noise + f * (1 - f) / n


def _on_grid(k: int, epsilon: float) -> LaplaceHistogram:
    budget, steps = Fraction(min(epsilon, LARGEST_EPSILON)), FINEST
    while steps > 1 and 2 * steps > LONGEST * budget:
        steps >>= 1
    scale = math.ceil(2 * steps / budget)
    if scale >= GRID:
        raise ValueError(
            f"epsilon is too small for noise of a scale below 2**32 steps, got {epsilon!r}."
        )
    return LaplaceHistogram(k, steps, scale)


PROTOCOLS = (Protocol("she", LaplaceHistogram, _on_grid, deployable=False),)
