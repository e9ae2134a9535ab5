"""Hadamard response in blocks, for large budgets: the value picks a block and a row in it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from sampkit.privacy._exact import GRID, Entropy, bernoulli, exp_down, grid_floor, uniform
from sampkit.privacy._protocol import Array, Counts, Floats, Oracle, Protocol, require_signal


@dataclass(frozen=True)
class BlockHadamard(Oracle):
    """y in [B b]: the +1 places of the value's row in its own block are the likelier ones.

    Its counts are signed sums, its variance depends on all frequencies, so that it has no p and q.

    Parameters
    ----------
    k : int
        Number of categories.
    n_blocks, width : int
        Number of blocks B and their length b, powers of two.
    inside : int
        Numerator of the probability that y is one of the likelier b/2 places.
    """

    n_blocks: int
    width: int
    inside: int

    @property
    def n_reports(self) -> int:
        return self.n_blocks * self.width

    @property
    def p(self) -> Any:
        return math.nan

    @property
    def q(self) -> Any:
        return math.nan

    @property
    def _likely(self) -> Fraction:
        return Fraction(self.inside, GRID) / (self.width // 2)

    @property
    def _unlikely(self) -> Fraction:
        return Fraction(GRID - self.inside, GRID) / (self.n_reports - self.width // 2)

    @property
    def ratio(self) -> Fraction:
        return self._likely / self._unlikely

    @property
    def gain(self) -> float:
        """E[C_v] / n of a value that everybody holds: s (E - 1) / Z."""
        return float((self.width // 2) * (self._likely - self._unlikely))

    def rows(self) -> Array:
        """Row v of the signs: +1 or -1 within the value's block, 0 elsewhere; shape (k, B b)."""
        y, v = np.arange(self.n_reports), np.arange(self.k)[:, None]
        sign = 1 - 2 * (np.bitwise_count((1 + v % (self.width - 1)) & y).astype(np.int64) & 1)
        return np.where(y // self.width == v // (self.width - 1), sign, 0)

    def channel(self) -> Floats:
        return np.where(self.rows() == 1, float(self._likely), float(self._unlikely))

    @property
    def widths(self) -> tuple[int, ...]:
        return ((self.n_reports - 1).bit_length(),)

    def randomize(self, codes: Array, entropy: Entropy) -> Array:
        """Uniform among the likelier places, or among all others by skipping over these."""
        codes, half = codes.astype(np.int64), self.width // 2
        row, block = 1 + codes % (self.width - 1), codes // (self.width - 1)
        inside = bernoulli(entropy, self.inside, codes.size)
        # a pair (c, c ^ lowest bit of the row) holds one +1 place and one -1 place
        pair = uniform(entropy, half, codes.size).astype(np.int64)
        outside = uniform(entropy, self.n_reports - half, codes.size).astype(np.int64)
        other_block = outside >= half
        number = np.where(inside | other_block, pair, outside)
        low = row & -row
        column = ((number & ~(low - 1)) << 1) | (number & (low - 1))
        odd = (np.bitwise_count(column & row) & 1).astype(bool)
        column ^= low * (odd == inside)
        away = outside - half
        away += self.width * (away // self.width >= block)
        return np.where(~inside & other_block, away, block * self.width + column)

    def randomize_one(self, code: int, words: Iterator[int]) -> int:
        raise NotImplementedError("hr-block exists for simulation, in FrequencyOracle")

    def tally(self, symbols: Array) -> Counts:
        return self.rows() @ np.bincount(symbols, minlength=self.n_reports)

    def estimate(self, counts: Any, n: int) -> Floats:
        return np.asarray(counts, dtype=np.float64) / (n * self.gain)

    def variance(self, n: float, frequency: Any, target: str) -> Any:
        f = np.broadcast_to(np.asarray(frequency, dtype=np.float64), (self.k,))
        block = np.arange(self.k) // (self.width - 1)
        share = np.bincount(block, weights=f, minlength=self.n_blocks)[block]
        half, unlikely = self.width // 2, float(self._unlikely)
        own = self.inside / GRID + half * unlikely
        hit = share * own + (1 - share) * self.width * unlikely
        variance = (hit / self.gain**2 - f**2) / n
        return variance - f * (1 - f) / n if target == "sample" else variance


def _blocked(k: int, epsilon: float) -> BlockHadamard:
    odds = exp_down(epsilon)
    n_blocks = 1 << int(math.log2(min(float(odds), 2 * k)))
    width = 1 << math.ceil(math.log2(k / n_blocks + 1))
    half = width // 2
    inside = grid_floor(half * odds / (half * odds + n_blocks * width - half))
    oracle = BlockHadamard(k, n_blocks, width, inside)
    require_signal(oracle.ratio, 1, epsilon)
    return oracle


PROTOCOLS = (Protocol("hr-block", BlockHadamard, _blocked, deployable=False),)
