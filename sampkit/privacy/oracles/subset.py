"""Subset selection: a random set of categories, with or without the true one."""

from __future__ import annotations

import itertools
import math
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
from sampkit.privacy._popcount import positional_popcount
from sampkit.privacy._protocol import Array, Counts, Floats, Oracle, Protocol, require_signal
from sampkit.privacy.oracles.unary import packed_bits


@dataclass(frozen=True)
class Subset(Oracle):
    """A subset of fixed size that holds the truth with a given probability, else is uniform.

    Parameters
    ----------
    k : int
        Number of categories.
    size : int
        Size of the reported subset.
    include : int
        Numerator of the probability that the truth is in it.
    """

    size: int
    include: int
    packed: ClassVar[bool] = True
    counted: ClassVar = "bits"

    @property
    def p(self) -> Any:
        return Fraction(self.include, GRID)

    @property
    def q(self) -> Any:
        others = self.p * (self.size - 1) + (1 - self.p) * self.size
        return others / (self.k - 1)

    @property
    def ratio(self) -> Fraction:
        return self.p * (self.k - self.size) / ((1 - self.p) * self.size)

    @property
    def n_reports(self) -> int:
        return math.comb(self.k, self.size)

    def channel(self) -> Floats:
        with_truth = float(self.p / math.comb(self.k - 1, self.size - 1))
        without = float((1 - self.p) / math.comb(self.k - 1, self.size))
        channel = np.full((self.k, self.n_reports), without)
        for column, subset in enumerate(itertools.combinations(range(self.k), self.size)):
            channel[list(subset), column] = with_truth
        return channel

    @property
    def widths(self) -> tuple[int, ...]:
        return (self.k,)

    def valid(self, symbols: Array) -> Any:
        return np.bitwise_count(symbols).sum(axis=1, dtype=np.int64) == self.size

    def public(self, symbols: Array) -> Array:
        return np.unpackbits(symbols, axis=1, count=self.k)

    def symbols(self, reports: Any) -> Array:
        rows = packed_bits(reports, self.k)
        if not np.all(self.valid(rows)):
            raise ValueError(f"reports must have {self.size} ones in every row.")
        return rows

    def randomize(self, codes: Array, entropy: Entropy) -> Array:
        n = codes.size
        codes = codes.astype(np.int64)
        truth = bernoulli(entropy, self.include, n)
        chosen = np.zeros((n, self.k), dtype=np.uint8)
        for included in (True, False):
            at = np.flatnonzero(truth == included)
            # Floyd: among the k - 1 others, numbered 0..k-2 past the truth
            for last in range(self.k - 1 - (self.size - included), self.k - 1):
                pick = uniform(entropy, last + 1, at.size).astype(np.int64)
                taken = chosen[at, pick + (pick >= codes[at])]
                pick[taken > 0] = last
                chosen[at, pick + (pick >= codes[at])] = 1
        chosen[np.arange(n), codes] = truth
        return np.packbits(chosen, axis=1)

    def randomize_one(self, code: int, words: Iterator[int]) -> int:
        truth = next(words) < self.include
        chosen: set[int] = set()
        for last in range(self.k - 1 - (self.size - truth), self.k - 1):
            pick = uniform_one(last + 1, words)
            chosen.add(last if pick in chosen else pick)
        field = truth << (self.k - 1 - code)
        for pick in chosen:
            field |= 1 << (self.k - 1 - (pick + (pick >= code)))
        return field

    def tally(self, symbols: Array) -> Counts:
        return positional_popcount(symbols)[: self.k]


def _selected(k: int, epsilon: float) -> Subset:
    odds = exp_down(epsilon)
    size = max(1, round(k / (float(odds) + 1)))
    include = grid_floor(size * odds / (size * odds + k - size))
    oracle = Subset(k, size, include)
    require_signal(oracle.p, oracle.q, epsilon)
    return oracle


PROTOCOLS = (Protocol("ss", Subset, _selected),)
