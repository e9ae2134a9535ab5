"""dBitFlip on the server: every report answers for a few buckets of the device's own choice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist
from typing import Any

import numpy as np

from sampkit.privacy._exact import GRID, Entropy
from sampkit.privacy._protocol import Array, Counts, Floats, Oracle


@dataclass(frozen=True)
class BucketBits(Oracle):
    """Numbers of some buckets, and a noisy bit for each.

    Its counts are those of two questions to every bucket: how often its bit was 1, and how often
    there was a bit at all; so k is twice the number of buckets.

    Parameters
    ----------
    k : int
        Twice the number of buckets.
    n_bits : int
        Buckets in a report.
    hot, cold : int
        Numerators of the probability of a 1, for the bucket of the value and for others.
    """

    n_bits: int
    hot: int
    cold: int

    @property
    def n_buckets(self) -> int:
        """Number of buckets."""
        return self.k // 2

    @property
    def p(self) -> Any:
        return Fraction(self.hot, GRID)

    @property
    def q(self) -> Any:
        return Fraction(self.cold, GRID)

    @property
    def ratio(self) -> Fraction:
        return (self.p * (1 - self.q)) / (self.q * (1 - self.p))

    @property
    def widths(self) -> tuple[int, ...]:
        return (32,) * self.n_bits + (1,) * self.n_bits

    def valid(self, symbols: Array) -> Any:
        buckets = np.sort(symbols[:, : self.n_bits], axis=1)
        distinct = (buckets[:, 1:] != buckets[:, :-1]).all(axis=1)
        return distinct & (buckets[:, -1] < self.n_buckets)

    def tally(self, symbols: Array) -> Counts:
        buckets = symbols[:, : self.n_bits].astype(np.int64)
        ones = buckets[symbols[:, self.n_bits :] == 1]
        b = self.n_buckets
        return np.concatenate(
            [np.bincount(ones, minlength=b), np.bincount(buckets.ravel(), minlength=b)]
        )

    def channel(self) -> Floats:
        raise ValueError("protocol 'dbitflip' has no channel: its buckets are public.")

    def randomize(self, codes: Array, entropy: Entropy) -> Array:
        raise ValueError("protocol 'dbitflip' remembers: LongitudinalClient makes its reports.")

    def randomize_one(self, code: int, words: Iterator[int]) -> int:
        raise ValueError("protocol 'dbitflip' remembers: LongitudinalClient makes its reports.")

    def estimate(self, counts: Any, n: int) -> Floats:
        """Unbiased frequencies of the buckets: a sum over all who answered, divided by all."""
        p, q = float(self.p), float(self.q)
        ones, answers = np.split(np.asarray(counts, dtype=np.float64), 2)
        return self.n_buckets / (n * self.n_bits) * (ones - q * answers) / (p - q)

    def _moment(self) -> tuple[float, float]:
        """Second moment of one user's term is ``slope f + level``."""
        p, q = float(self.p), float(self.q)
        share = self.n_buckets / self.n_bits / (p - q) ** 2
        held = p * (1 - q) ** 2 + (1 - p) * q**2
        return share * (held - q * (1 - q)), share * q * (1 - q)

    def variance(self, n: float, frequency: Any, target: str) -> Any:
        f = np.asarray(frequency, dtype=np.float64)
        slope, level = self._moment()
        spread = f * f if target == "population" else f
        return (slope * f + level - spread) / n

    def columns(self, counts: Counts, n: int, kind: str, level: float, target: str) -> Floats:
        """Columns estimate, std_error, ci_low, ci_high, shape (b, 4).

        'wilson' solves ``(f - estimate)**2 = z**2 variance(f)`` for f, which for one probability
        is the score interval; 'normal' takes the variance at the estimate.
        """
        z = NormalDist().inv_cdf(0.5 + level / 2)
        estimate = self.estimate(counts, n)
        inside = np.clip(estimate, 0, 1)
        error = np.sqrt(np.maximum(self.variance(n, inside, target), 0))
        if kind == "normal":
            return np.stack([estimate, error, estimate - z * error, estimate + z * error], axis=1)
        slope, floor = self._moment()
        square, linear = (1.0, slope) if target == "population" else (0.0, slope - 1)
        w = z * z / n
        # (1 + w square) f^2 - (2 estimate + w linear) f + estimate^2 - w level = 0
        half = estimate + w * linear / 2
        root = np.sqrt(np.maximum(half**2 - (1 + w * square) * (estimate**2 - w * floor), 0))
        low, high = ((half + sign * root) / (1 + w * square) for sign in (-1, 1))
        return np.stack([estimate, error, low, high], axis=1)
