"""How much likelier reports are under one value than another: the sums of EM and of attacks.

Up to a factor that no value changes, P(report y | value v) is ``low + gain S_v(y)``, where S_v says
whether y supports v; divided by P(y | fake data) it is the ratio r_j(y | v) of RS+FD. `Support`
holds S of many reports in the form that sums over it fastest; it is never written out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from sampkit.privacy._protocol import Array, Floats, Oracle
from sampkit.privacy._solutions import Attribute
from sampkit.privacy.oracles.grr import KeptCategory
from sampkit.privacy.oracles.hadamard import HadamardResponse
from sampkit.privacy.oracles.hashing import LocalHash, hashes
from sampkit.privacy.oracles.subset import Subset
from sampkit.privacy.oracles.unary import UnaryBits

# the eight bits of a byte, most significant first: shape (8, 256)
BITS_OF_BYTES = np.unpackbits(np.arange(256, dtype=np.uint8)[None, :], axis=0).astype(np.float64)


class Support(ABC):
    """S, n reports by k values, as two sums."""

    @abstractmethod
    def dot(self, f: Floats) -> Floats:
        """``sum_v f_v S_v(y_i)``, shape (n,)."""

    @abstractmethod
    def adjoint(self, u: Floats) -> Floats:
        """``sum_i u_i S_v(y_i)``, shape (k,)."""

    @abstractmethod
    def dense(self) -> Floats:
        """S written out, shape (n, k): for few reports at a time."""


@dataclass(frozen=True)
class TableSupport(Support):
    """Reports as columns of small integers, each of which settles some of the values.

    A sum over values is one look-up per column, a sum over reports one weighted histogram per
    column: O(n) per column, so O(n k / 8) for bits, which are never unpacked.

    Parameters
    ----------
    columns : sequence of int arrays (n,)
        Letters.
    tables : sequence of arrays (values, letters), or None
        Which values a letter supports, in order of the values; None: the letter is the value.
    k : int
        Number of values.
    """

    columns: Sequence[Array]
    tables: Sequence[Floats] | None
    k: int

    def dot(self, f: Floats) -> Floats:
        if self.tables is None:
            return f[self.columns[0]]
        total: Any = 0.0
        first = 0
        for column, table in zip(self.columns, self.tables, strict=True):
            total = total + (f[first : first + len(table)] @ table)[column]
            first += len(table)
        return total

    def adjoint(self, u: Floats) -> Any:
        if self.tables is None:
            return np.bincount(self.columns[0], weights=u, minlength=self.k)
        return np.concatenate(
            [
                table @ np.bincount(column, weights=u, minlength=table.shape[1])
                for column, table in zip(self.columns, self.tables, strict=True)
            ]
        )

    def dense(self) -> Floats:
        if self.tables is None:
            return np.eye(self.k)[self.columns[0]]
        return np.hstack(
            [table.T[column] for column, table in zip(self.columns, self.tables, strict=True)]
        )


@dataclass(frozen=True)
class HashSupport(Support):
    """Seeds and hashes: a pass over the reports for every value, O(n k)."""

    oracle: LocalHash
    symbols: Array

    def _supports(self, v: int) -> Array:
        seed, y = self.symbols.T
        return hashes(seed, np.array(v), self.oracle.g) == y

    def dot(self, f: Floats) -> Floats:
        total = np.zeros(len(self.symbols))
        for v, share in enumerate(f.tolist()):
            total += share * self._supports(v)
        return total

    def adjoint(self, u: Floats) -> Floats:
        return np.array([u[self._supports(v)].sum() for v in range(self.oracle.k)])

    def dense(self) -> Floats:
        return np.stack([self._supports(v) for v in range(self.oracle.k)], axis=1).astype(float)


@singledispatch
def support(oracle: Oracle, symbols: Array) -> Support:
    """S of some reports; every type of oracle registers its own."""
    raise ValueError(f"reports of {type(oracle).__name__} have no likelihood in closed form.")


@support.register
def _(oracle: KeptCategory, symbols: Array) -> Support:
    return TableSupport([symbols.astype(np.int64)], None, oracle.k)


@support.register
def _(oracle: HadamardResponse, symbols: Array) -> Support:
    row, y = np.arange(1, oracle.k + 1)[:, None], np.arange(oracle.n_reports)
    even = 1.0 - (np.bitwise_count(row & y) & 1)
    return TableSupport([symbols.astype(np.int64)], [even], oracle.k)


@support.register(UnaryBits)
@support.register(Subset)
def _(oracle: UnaryBits | Subset, symbols: Array) -> Support:
    columns = np.ascontiguousarray(symbols.T)
    tables = [BITS_OF_BYTES[: oracle.k - first] for first in range(0, oracle.k, 8)]
    return TableSupport(list(columns), tables, oracle.k)


@support.register
def _(oracle: LocalHash, symbols: Array) -> Support:
    return HashSupport(oracle, symbols)


@dataclass(frozen=True)
class LikelihoodRatio:
    """``(low + gain S_v(y_i)) / base_i`` for n reports of one attribute.

    Parameters
    ----------
    low, base : float or array (n,)
    gain : float
    support : Support
    """

    low: Any
    gain: float
    base: Any
    support: Support

    def dot(self, f: Floats) -> Floats:
        """The ratio's mean over values with frequencies f (k,) that sum to 1; shape (n,)."""
        return (self.low + self.gain * self.support.dot(f)) / self.base

    def adjoint(self, u: Floats) -> Floats:
        """Sum over reports with weights u (n,); shape (k,)."""
        weights = u / self.base
        return np.sum(weights * self.low) + self.gain * self.support.adjoint(weights)


def likelihood_ratio(attribute: Attribute, symbols: Array) -> LikelihoodRatio:
    """The ratio of one attribute's reports; without fake data up to a factor of each report."""
    oracle, held = attribute.oracle, support(attribute.oracle, symbols)
    if attribute.fake is None:
        return LikelihoodRatio(1.0, float(oracle.ratio - 1), 1.0, held)
    p, q, phi = attribute.probabilities
    if attribute.fake == "category":
        assert isinstance(held, TableSupport)
        y, ones = held.columns[0], np.ones(oracle.k)
        return LikelihoodRatio((q * ones)[y], float(np.max(p - q)), (phi * ones)[y], held)
    low, gain = (1 - p) / (1 - q), p / q - (1 - p) / (1 - q)
    if attribute.fake == "zero":
        return LikelihoodRatio(low, gain, 1.0, held)
    law = (phi - q) / (p - q) * np.ones(oracle.k)
    return LikelihoodRatio(low, gain, low + gain * held.dot(law), held)
