"""What is maximised: entropies of every order, selectors and fixed-point tables, all of it as data.

An order q turns pooled counts c_e into the sum F = sum_e f(c_e) and, with their total T, into

    H = total * log T + slope * F / T        (q = 1: f(x) = x log x; Shannon)
    H = total * log T + slope * log F        (other q: f(x) = x**q; Renyi, f(x) = [x > 0] for q = 0)

A selector turns the entropies of all variables into one number that is to become small: the sum of
factor * (origin - H) ** power, from utopia (origin log |V|, power 2, of which the root is taken) or
from 0 (power 1). The engines know these numbers, and no order or selector by its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.diversity._log import log

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

BITS = 40  # of a fraction, at most
LARGEST_BITS = 61  # of a sum
TIE = 1e10  # scores are compared after rounding to 1 / TIE
EPOCH = 16  # for q > 1 the table is made anew whenever totals have grown that much


@dataclass(frozen=True)
class Order:
    """Entropy of one order as numbers."""

    q: float
    total: float  # coefficient of log T
    slope: float  # coefficient of F / T, or of log F
    linear: bool  # F / T, or log F
    sign: int  # +1: a sum that is too small flatters its item, -1: one that is too large

    @classmethod
    def of(cls, q: float) -> Order:
        """The Renyi entropy of order q, Shannon's for q = 1."""
        if q == 1:
            return cls(1.0, 1.0, -1.0, True, 1)
        return cls(q, q / (q - 1), 1 / (1 - q), False, 1 if q > 1 else -1)

    def f(self, x: Integers) -> Floats:
        """The function that is summed over categories, at whole numbers."""
        if self.q == 1:
            return x * log(np.maximum(x, 1))
        if self.q == 0:
            return (x > 0).astype(np.float64)
        return np.power(x.astype(np.float64), self.q)

    def bits(self, total: int) -> int:
        """Bits of fraction with which sums of counts of this total stay below 2**61."""
        size = max(total, 1)
        log2 = np.log2(size * np.log(size + 1)) if self.q == 1 else max(self.q, 1) * np.log2(size)
        return min(BITS, LARGEST_BITS - int(np.ceil(log2)))

    def capacity(self, total: int, grand_total: int) -> int:
        """The largest total that a table made at this total has to serve.

        Powers above 1 leave no bits for the fractions of small totals, if they must also hold the
        largest; so their tables grow in steps that depend on the total alone.
        """
        if self.q <= 1:
            return max(grand_total, 1)
        step = EPOCH
        while step < total:
            step *= EPOCH
        return step


@dataclass(frozen=True)
class FixedPoint:
    """f at 0, 1, ... as whole multiples of 2**-bits: sums are exact in whatever order."""

    table: Integers
    bits: int
    capacity: int

    @classmethod
    def of(cls, order: Order, total: int, grand_total: int, largest: int) -> FixedPoint:
        """The table for selections of up to `total` (or more), counts up to `largest`."""
        capacity = order.capacity(total, grand_total)
        bits = order.bits(capacity)
        x = np.arange(min(largest, capacity) + 1)
        return cls(np.rint(np.ldexp(order.f(x), bits)).astype(np.int64), bits, capacity)

    @cached_property
    def unit(self) -> float:
        """2**-bits."""
        return float(np.ldexp(1.0, -self.bits))

    @property
    def steepest(self) -> int:
        """Largest growth of f from one count to the next: f is convex or concave."""
        if len(self.table) < 2:
            return 0
        return int(max(self.table[-1] - self.table[-2], self.table[1] - self.table[0]))


@dataclass(frozen=True)
class Selector:
    """How entropies become one number."""

    from_utopia: bool  # deviations are measured from log |V|, or from 0
    power: int  # 1 or 2; with 2 the root is taken


SELECTORS = {"dutopia": Selector(True, 2), "sum": Selector(False, 1)}


@dataclass(frozen=True)
class Objective:
    """Order, selector and the numbers of every variable: the function that is minimised."""

    order: Order
    selector: Selector
    utopia: Floats  # u_v = log |V_v|
    weights: Floats  # w_v
    scale: Floats  # z_v
    decimals: int | None

    @classmethod
    def of(
        cls,
        n_categories: npt.ArrayLike,
        *,
        selector: str = "dutopia",
        order: float = 1.0,
        weights: Floats | None = None,
        normalize: bool = False,
        decimals: int | None = None,
    ) -> Objective:
        """The objective of variables with so many categories each; arguments are checked."""
        utopia = log(np.maximum(np.asarray(n_categories), 1))
        ones = np.ones(len(utopia))
        scale = np.where(utopia > 0, utopia, 1.0) if normalize else ones
        weights = ones if weights is None else weights
        return cls(Order.of(order), SELECTORS[selector], utopia, weights, scale, decimals)

    @cached_property
    def origin(self) -> Floats:
        """Where deviations are measured from."""
        return self.utopia if self.selector.from_utopia else np.zeros(len(self.utopia))

    @cached_property
    def factor(self) -> Floats:
        """Weights over z**power; 0 where there is one category, whose entropy is always 0."""
        factor = self.weights / self.scale**self.selector.power
        return np.where(self.utopia > 0, factor, 0.0)

    def root(self, value: Any) -> Any:
        """A sum of powers as a score."""
        return np.sqrt(value) if self.selector.power == 2 else value

    def rounded(self, score: Any) -> Any:
        """What is compared: scores to 1e-10, or as they are where entropies have been rounded."""
        return np.rint(score * TIE) if self.decimals is None else score

    def highest_tie(self, value: float, power: int) -> float:
        """No value (score**power) above this one can tie with the given, smallest one."""
        score = np.sqrt(value) if power == 2 else value
        if self.decimals is None:
            limit = (np.rint(score * TIE) + 0.51) / TIE
        else:
            limit = score + 1e-14 * abs(score)
        return float(limit * limit if power == 2 else limit)

    def score(self, entropies: Floats) -> float:
        """The number that is minimised, of one selection."""
        return float(self.scores(entropies))

    def scores(self, entropies: Floats) -> Floats:
        """The number that is minimised, of entropies of shape (..., n_variables)."""
        deviations = self.origin - entropies
        powers = np.sum(self.factor * deviations**self.selector.power, axis=-1)
        return np.asarray(self.root(powers))

    def distance(self, entropies: Floats) -> Floats:
        """Weighted distance to utopia of entropies of shape (..., n_variables)."""
        deviations = (self.utopia - entropies) / self.scale
        return np.asarray(np.sqrt(np.sum(self.weights * deviations**2, axis=-1)))
