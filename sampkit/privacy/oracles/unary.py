"""Unary encodings: one bit per category, each flipped by its own coin."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from sampkit.privacy._exact import (
    GRID,
    Entropy,
    bernoulli,
    exp_down,
    grid_ceil,
)
from sampkit.privacy._lookup import NoiseBits, noise_bits
from sampkit.privacy._popcount import positional_popcount
from sampkit.privacy._protocol import Array, Counts, Floats, Oracle, Protocol, require_signal


@dataclass(frozen=True)
class UnaryBits(Oracle):
    """k independent bits: the true category's is 1 with probability p, any other's with q.

    The true bit replaces the noise of its place; to OR them would break the guarantee.

    Parameters
    ----------
    k : int
        Number of categories.
    hot, cold : int
        Numerators of p and q over 2^32.
    """

    hot: int
    cold: int
    packed: ClassVar[bool] = True
    counted: ClassVar = "bits"

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
    def n_reports(self) -> int:
        return 1 << self.k

    def channel(self) -> Floats:
        return self._laws(np.eye(self.k, dtype=bool))

    def blank(self) -> Floats:
        """P(report | no value at all), shape (2**k,)."""
        return self._laws(np.zeros((1, self.k), dtype=bool))[0]

    def _laws(self, ones: Array) -> Floats:
        """P(report) for rows of bits (m, k), reports as `itertools.product` lists them."""
        law = np.ones((len(ones), 1))
        for column in ones.T:
            one = np.where(column, self.hot / GRID, self.cold / GRID)
            law = np.stack([law * (1 - one)[:, None], law * one[:, None]], axis=2)
            law = law.reshape(len(ones), -1)
        return law

    @property
    def widths(self) -> tuple[int, ...]:
        return (self.k,)

    def public(self, symbols: Array) -> Array:
        return np.unpackbits(symbols, axis=1, count=self.k)

    def symbols(self, reports: Any) -> Array:
        return packed_bits(reports, self.k)

    @cached_property
    def noise(self) -> NoiseBits:
        """Independent bits of probability q."""
        return noise_bits(self.cold)

    def randomize(self, codes: Array, entropy: Entropy) -> Array:
        """Rows of bits; a negative code has no true bit (the fake report of UE-z)."""
        n_bytes = -(-self.k // 8)
        rows = self.noise.draw(entropy, codes.size * n_bytes).reshape(-1, n_bytes)
        if self.k % 8:
            rows[:, -1] &= np.uint8(0xFF << (8 - self.k % 8) & 0xFF)
        true = np.flatnonzero(codes >= 0)
        set_bits(rows, true, codes[true], bernoulli(entropy, self.hot, true.size))
        return rows

    def randomize_one(self, code: int, words: Iterator[int]) -> int:
        field = self.noise.draw_few(_bytes_of(words), -(-self.k // 8)) >> (-self.k % 8)
        if code < 0:
            return field
        place = self.k - 1 - code
        return field & ~(1 << place) | (next(words) < self.hot) << place

    def tally(self, symbols: Array) -> Counts:
        return positional_popcount(symbols)[: self.k]


def set_bits(rows: Array, at: Array, position: Array, bits: Array) -> None:
    """Write one bit into each of the rows `at`; positions count from the most significant bit."""
    flat = rows.reshape(-1)  # a view: rows lie one after another
    place = at * rows.shape[1]
    place += position >> 3
    shift = 7 - (position & 7).astype(np.uint8)
    byte = flat[place]
    byte &= ~(np.uint8(1) << shift)
    byte |= bits.astype(np.uint8, copy=False) << shift
    flat[place] = byte


def packed_bits(reports: Any, k: int) -> Array:
    """Bits (n, k), checked and packed."""
    bits = np.asarray(reports)
    if bits.ndim != 2 or bits.shape[1] != k or bits.dtype.kind not in "biu":
        raise ValueError(f"reports must be bits of shape (n, {k}), got {bits.dtype} {bits.shape}.")
    if bits.size and (bits.min() < 0 or bits.max() > 1):
        raise ValueError(f"reports must be 0 or 1, got values up to {bits.max()}.")
    return np.packbits(bits.astype(bool, copy=False), axis=1)


def _bytes_of(words: Iterator[int]) -> Entropy:
    def entropy(n_bytes: int) -> bytes:
        n = -(-n_bytes // 4)
        return b"".join(next(words).to_bytes(4, "little") for _ in range(n))[:n_bytes]

    return entropy


def _symmetric(k: int, epsilon: float) -> UnaryBits:
    # sqrt and exp are off by less than the two units that nextafter takes away
    root = Fraction(math.nextafter(math.sqrt(float(exp_down(epsilon))), 0.0))
    cold = grid_ceil(1 / (root + 1))
    require_signal(GRID - cold, cold, epsilon)
    return UnaryBits(k, GRID - cold, cold)


def _optimized(k: int, epsilon: float) -> UnaryBits:
    cold = grid_ceil(1 / (exp_down(epsilon) + 1))
    require_signal(GRID // 2, cold, epsilon)
    return UnaryBits(k, GRID // 2, cold)


PROTOCOLS = (
    Protocol("sue", UnaryBits, _symmetric),
    Protocol("oue", UnaryBits, _optimized),
)
