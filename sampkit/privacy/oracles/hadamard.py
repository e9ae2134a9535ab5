"""Hadamard response: one row of a Hadamard matrix per value, a biased coin per sign."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from sampkit.privacy._exact import (
    GRID,
    Entropy,
    bernoulli,
    exp_down,
    grid_floor,
    uniform,
    uniform_one,
)
from sampkit.privacy._protocol import Array, Counts, Floats, Oracle, Protocol, require_signal


@dataclass(frozen=True)
class HadamardResponse(Oracle):
    """y in [K], K a power of two above k, that has even parity with v + 1 more often than not.

    Parameters
    ----------
    k : int
        Number of categories.
    even : int
        Numerator of the probability of even parity.
    """

    even: int
    counted: ClassVar = "histogram"

    @property
    def n_reports(self) -> int:
        return 1 << self.k.bit_length()  # K = 2^ceil(log2(k + 1))

    @property
    def p(self) -> Any:
        return Fraction(self.even, GRID)

    @property
    def q(self) -> Any:
        return Fraction(1, 2)

    @property
    def ratio(self) -> Fraction:
        return Fraction(self.even, GRID - self.even)

    def channel(self) -> Floats:
        y = np.arange(self.n_reports)
        odd = np.bitwise_count((np.arange(self.k)[:, None] + 1) & y) & 1
        return np.where(odd, (GRID - self.even) / GRID, self.even / GRID) / (self.n_reports / 2)

    @property
    def widths(self) -> tuple[int, ...]:
        return (self.k.bit_length(),)

    def randomize(self, codes: Array, entropy: Entropy) -> Array:
        even = bernoulli(entropy, self.even, codes.size)
        y = uniform(entropy, self.n_reports, codes.size)
        row = codes.astype(np.uint32) + np.uint32(1)
        wrong = (np.bitwise_count(row & y) & 1) == even
        # the lowest set bit of the row is in every parity sum: flipping it swaps the two halves
        y ^= (row & -row) * wrong
        return y

    def randomize_one(self, code: int, words: Iterator[int]) -> int:
        even = next(words) < self.even
        y = uniform_one(self.n_reports, words)
        row = code + 1
        wrong = ((row & y).bit_count() & 1) == even
        return y ^ ((row & -row) * wrong)

    def histogram(self, symbols: Array) -> Counts:
        """How often every y was reported, shape (K,)."""
        return np.bincount(symbols.astype(np.int64, copy=False), minlength=self.n_reports)

    def support(self, histogram: Counts) -> Counts:
        """C_v from a histogram, by a fast Walsh-Hadamard transform."""
        n = histogram.sum()
        return (n + walsh_hadamard(histogram)[1 : self.k + 1]) // 2

    def tally(self, symbols: Array) -> Counts:
        return self.support(self.histogram(symbols))


def walsh_hadamard(values: Array) -> Array:
    """The unnormalised transform of a vector whose length is a power of two: O(K log K)."""
    out, half = values.copy(), 1
    while half < out.size:
        pairs = out.reshape(-1, 2, half)
        out = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1).ravel()
        half *= 2
    return out


def _biased(k: int, epsilon: float) -> HadamardResponse:
    odds = exp_down(epsilon)
    even = grid_floor(odds / (odds + 1))
    require_signal(even, GRID // 2, epsilon)
    return HadamardResponse(k, even)


PROTOCOLS = (Protocol("hr", HadamardResponse, _biased),)
