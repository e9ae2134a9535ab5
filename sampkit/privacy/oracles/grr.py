"""Generalised randomised response: keep the truth, else report any category."""

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
    weighted_one,
)
from sampkit.privacy._lookup import chances
from sampkit.privacy._protocol import Array, Counts, Floats, Oracle, Protocol, require_signal


@dataclass(frozen=True)
class KeptCategory(Oracle):
    """The truth with probability ``keep / 2**32``, else a category, the truth included.

    Parameters
    ----------
    k : int
        Number of categories.
    keep : int
        Numerator of the probability that the truth is kept.
    noise : tuple of int, optional
        Numerators of the other categories' law; None is uniform.
    """

    keep: int
    noise: tuple[int, ...] | None = None
    counted: ClassVar = "histogram"

    @property
    def p(self) -> Any:
        return Fraction(self.keep, GRID) + self.q

    @property
    def q(self) -> Any:
        lost = Fraction(GRID - self.keep, GRID)
        if self.noise is None:
            return lost / self.k
        return np.array([lost * Fraction(n, GRID) for n in self.noise])

    @property
    def ratio(self) -> Fraction:
        rarest = Fraction(1, self.k) if self.noise is None else Fraction(min(self.noise), GRID)
        return 1 + Fraction(self.keep, GRID - self.keep) / rarest

    def channel(self) -> Floats:
        channel = np.tile(np.array(self.q, dtype=np.float64), (self.k, 1))
        channel = np.broadcast_to(channel, (self.k, self.k)).copy()
        channel[np.diag_indices(self.k)] += self.keep / GRID
        return channel

    @property
    def widths(self) -> tuple[int, ...]:
        return ((self.k - 1).bit_length(),)

    def valid(self, symbols: Array) -> Any:
        return None if self.k == 1 << self.widths[0] else symbols < self.k

    def randomize(self, codes: Array, entropy: Entropy) -> Array:
        kept = bernoulli(entropy, self.keep, codes.size)
        if self.noise is None:
            drawn = uniform(entropy, self.k, codes.size)
        else:
            drawn = chances(self.noise).draw(entropy, codes.size)
        np.copyto(drawn, codes, where=kept, casting="unsafe")
        return drawn

    def randomize_one(self, code: int, words: Iterator[int]) -> int:
        kept = next(words) < self.keep  # both words are drawn always: time tells nothing
        if self.noise is None:
            drawn = uniform_one(self.k, words)
        else:
            drawn = weighted_one(self.noise, words)
        return code if kept else drawn

    def tally(self, symbols: Array) -> Counts:
        return np.bincount(symbols.astype(np.int64, copy=False), minlength=self.k)


def _calibrated(k: int, epsilon: float) -> KeptCategory:
    odds = exp_down(epsilon)
    keep = grid_floor((odds - 1) / (odds + k - 1))
    require_signal(keep, 0, epsilon)
    return KeptCategory(k, keep)


PROTOCOLS = (Protocol("grr", KeptCategory, _calibrated),)
