"""Local hashing: the value's hash under a hash function of one's own, by randomised response."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from sampkit.privacy._exact import (
    GRID,
    Entropy,
    bernoulli,
    exp_down,
    grid_floor,
    uniform,
    uniform_one,
    words64,
)
from sampkit.privacy._protocol import Array, Counts, Floats, Oracle, Protocol, require_signal

MASK64 = (1 << 64) - 1
BLOCK = 1 << 14  # reports counted together: three arrays of them stay in the cache


@dataclass(frozen=True)
class LocalHash(Oracle):
    """A seed in the open, and the hash of the value in [g], kept or replaced.

    The guarantee rests on the kept hash alone; pairwise independence of the hashes only makes the
    estimates unbiased.

    Parameters
    ----------
    k : int
        Number of categories.
    g : int
        Number of hash values.
    keep : int
        Numerator of the probability that the hash is kept.
    """

    g: int
    keep: int

    @property
    def p(self) -> Any:
        return Fraction(self.keep, GRID) + Fraction(GRID - self.keep, GRID) / self.g

    @property
    def q(self) -> Any:
        return Fraction(1, self.g)  # over the server's view: the hash of another value is uniform

    @property
    def ratio(self) -> Fraction:
        return 1 + self.g * Fraction(self.keep, GRID - self.keep)

    @property
    def n_reports(self) -> int:
        return self.g

    @property
    def n_inputs(self) -> int:
        return self.g

    def channel(self) -> Floats:
        """The channel of the hashed value, (g, g): seeds are public and independent of it."""
        channel = np.full((self.g, self.g), (GRID - self.keep) / GRID / self.g)
        channel[np.diag_indices(self.g)] += self.keep / GRID
        return channel

    @property
    def widths(self) -> tuple[int, ...]:
        return (64, (self.g - 1).bit_length())

    def valid(self, symbols: Array) -> Any:
        return None if self.g == 1 << self.widths[1] else symbols[:, 1] < np.uint64(self.g)

    def public(self, symbols: Array) -> Array:
        return symbols

    def symbols(self, reports: Any) -> Array:
        pairs = np.asarray(reports)
        if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
            raise ValueError(
                f"reports must be integers of shape (n, 2), seed and hash, got {pairs.dtype} "
                f"{pairs.shape}."
            )
        pairs = pairs.astype(np.uint64, copy=False)
        if pairs.size and int(pairs[:, 1].max()) >= self.g:
            raise ValueError(f"hashes must lie in [0, {self.g}), got {pairs[:, 1].max()}.")
        return pairs

    def randomize(self, codes: Array, entropy: Entropy) -> Array:
        symbols = np.empty((codes.size, 2), dtype=np.uint64)
        symbols[:, 0] = words64(entropy, codes.size)
        kept = bernoulli(entropy, self.keep, codes.size)
        drawn = uniform(entropy, self.g, codes.size)
        symbols[:, 1] = np.where(kept, hashes(symbols[:, 0], codes, self.g), drawn)
        return symbols

    def randomize_one(self, code: int, words: Iterator[int]) -> int:
        seed = next(words) << 32 | next(words)
        kept = next(words) < self.keep
        drawn = uniform_one(self.g, words)
        return seed << self.widths[1] | (hash_one(seed, code, self.g) if kept else drawn)

    def tally(self, symbols: Array) -> Counts:
        """Count by one pass per value: H(v) = y says that a running sum lies in an interval."""
        counts = np.zeros(self.k, dtype=np.int64)
        for start in range(0, len(symbols), BLOCK):
            block = symbols[start : start + BLOCK]
            step, offset = _multiplier(block[:, 0])
            low, size = self._interval(block[:, 1])
            offset -= low
            for v in range(self.k):
                counts[v] += np.count_nonzero(offset < size)
                offset += step
        return counts

    def _interval(self, y: Array) -> tuple[Array, Array]:
        """Where ``floor(top * g / 2**32) == y`` for the top half of a 64-bit word: [low, +size)."""
        g, grid = np.uint64(self.g), np.uint64(GRID)
        low = (y * grid + g - np.uint64(1)) // g
        high = ((y + np.uint64(1)) * grid + g - np.uint64(1)) // g
        return low << np.uint64(32), (high - low) << np.uint64(32)


def mix64(x: Array) -> Array:
    """One step of splitmix64, elementwise on 64-bit words."""
    z = x + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _multiplier(seed: Array) -> tuple[Array, Array]:
    step = mix64(seed)
    return step, mix64(step)


def hashes(seed: Array, codes: Array, g: int) -> Array:
    """H_seed(v) in [g]: ``(A v + B) mod 2**64``, its top half scaled to g."""
    step, offset = _multiplier(seed)
    top = (step * codes.astype(np.uint64) + offset) >> np.uint64(32)
    return (top * np.uint64(g)) >> np.uint64(32)


def hash_one(seed: int, code: int, g: int) -> int:
    """`hashes` of one value, in Python's integers."""

    def mix(x: int) -> int:
        z = (x + 0x9E3779B97F4A7C15) & MASK64
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
        return z ^ (z >> 31)

    step = mix(seed)
    return ((((step * code + mix(step)) & MASK64) >> 32) * g) >> 32


def _on(k: int, g: int, epsilon: float) -> LocalHash:
    odds = exp_down(epsilon)
    keep = grid_floor((odds - 1) / (odds + g - 1))
    require_signal(keep, 0, epsilon)
    return LocalHash(k, g, keep)


def _binary(k: int, epsilon: float) -> LocalHash:
    return _on(k, 2, epsilon)


def _optimal(k: int, epsilon: float) -> LocalHash:
    return _on(k, min(round(float(exp_down(epsilon))) + 1, 1 << 16), epsilon)


PROTOCOLS = (
    Protocol("blh", LocalHash, _binary),
    Protocol("olh", LocalHash, _optimal),
)
