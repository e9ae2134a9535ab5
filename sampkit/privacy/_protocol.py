"""What a protocol is: frozen integers, and the little that follows from them.

A `Protocol` is a name and a rule that turns a number of categories and a budget into an `Oracle`.
An `Oracle` is a frozen dataclass of integers with five duties: say its probabilities (`p`, `q`,
`ratio`, `channel`), its report (`widths`, `packed`, `valid`), randomise codes (`randomize`, and
`randomize_one` for a device), and tell which codes reports support (`tally`). One client, one
aggregator and one estimator serve all of them; a new protocol is a new small file in `oracles/`.

Inside the family reports are *symbols*, the form that is fastest to make, pack and count:

===========================  ====================================================================
``packed=False``             unsigned integers, (n,), or (n, len(widths)) when there are several
``packed=True``              rows of bits, (n, ceil(k / 8)) bytes, most significant bit first
===========================  ====================================================================

`public` and `symbols` translate to and from what `FrequencyOracle` shows its users.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from sampkit.privacy._exact import Entropy

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


class PrivacyWarning(UserWarning):
    """Something is weaker than it looks: the message says what, and by how much.

    Examples
    --------
    >>> import warnings
    >>> from sampkit.privacy import LDPSchema, PrivacyWarning
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     schema = LDPSchema([3, 4], epsilon=1.0, calibration="paper")
    >>> issubclass(caught[0].category, PrivacyWarning)
    True
    """


@dataclass(frozen=True)
class Oracle(ABC):
    """A protocol at a number of categories and a budget.

    Parameters
    ----------
    k : int
        Number of categories; codes are ``0..k-1``.
    """

    k: int
    packed: ClassVar[bool] = False
    # How the server may count: 'bits' are summed column by column, a 'histogram' of the field's
    # integer is enough, or the 'symbols' themselves are needed.
    counted: ClassVar[Literal["bits", "histogram", "symbols"]] = "symbols"

    # --- probabilities ---

    @property
    @abstractmethod
    def p(self) -> Any:
        """P(report supports the true value), an exact Fraction, or k of them."""

    @property
    @abstractmethod
    def q(self) -> Any:
        """P(report supports a given other value), an exact Fraction, or k of them."""

    @property
    @abstractmethod
    def ratio(self) -> Fraction:
        """Largest ratio of the probabilities of one report under two values."""

    @abstractmethod
    def channel(self) -> Floats:
        """P(report | value), shape (k, number of reports), for small report spaces."""

    @property
    def n_reports(self) -> int:
        """Columns of `channel`, known before it is made."""
        return self.k

    @property
    def n_inputs(self) -> int:
        """Rows of `channel`: the values, except where only their hash is reported."""
        return self.k

    # --- reports ---

    @property
    @abstractmethod
    def widths(self) -> tuple[int, ...]:
        """Bits of the parts of a report, in order."""

    def valid(self, symbols: Array) -> npt.NDArray[np.bool_] | None:
        """Which symbols (n,) the client can have sent; None when all of them."""
        return None

    def public(self, symbols: Array) -> Array:
        """Symbols as `FrequencyOracle.privatize` returns them."""
        return symbols.astype(np.int64)

    def symbols(self, reports: Any) -> Array:
        """What `public` returns, back as symbols; ValueError for what no client can have sent."""
        values = np.asarray(reports)
        if values.ndim != 1 or values.dtype.kind not in "iu":
            raise ValueError(
                f"reports must be integers of shape (n,), got {values.dtype} {values.shape}."
            )
        if values.size and (int(values.min()) < 0 or int(values.max()) >= self.n_reports):
            raise ValueError(
                f"reports must lie in [0, {self.n_reports}), got values from {values.min()} to "
                f"{values.max()}."
            )
        return values

    # --- the randomiser and its counterpart ---

    @abstractmethod
    def randomize(self, codes: Array, entropy: Entropy) -> Array:
        """Symbols for the codes (n,)."""

    @abstractmethod
    def randomize_one(self, code: int, words: Iterator[int]) -> int:
        """The field of one code, all parts as one integer of ``sum(widths)`` bits."""

    @abstractmethod
    def tally(self, symbols: Array) -> Counts:
        """C_v, the number of symbols that support v, shape (k,)."""

    def support(self, histogram: Counts) -> Counts:
        """C_v from how often every report occurred, where `counted` is 'histogram'."""
        return histogram[: self.k]

    # --- estimation, the same for every protocol with p and q ---

    def estimate(self, counts: Any, n: int) -> Floats:
        """Unbiased frequencies (k,) from support counts of n reports."""
        p, q = float(self.p), float(self.q)
        return (np.asarray(counts, dtype=np.float64) / n - q) / (p - q)

    def variance(self, n: float, frequency: Any, target: str) -> Any:
        """Variance of `estimate` where the true frequency is `frequency`."""
        p, q = float(self.p), float(self.q)
        f = np.asarray(frequency, dtype=np.float64)
        support = q + f * (p - q)
        variance = support * (1 - support) / (n * (p - q) ** 2)
        return variance - f * (1 - f) / n if target == "sample" else variance

    @property
    def epsilon_effective(self) -> float:
        """What the rounded probabilities cost: the logarithm of `ratio`."""
        ratio = self.ratio
        return math.log(ratio.numerator) - math.log(ratio.denominator)


@dataclass(frozen=True)
class Protocol:
    """A protocol's name, its oracle's type, and the rule from a budget to the oracle's integers."""

    name: str
    oracle: type[Oracle]
    calibrated: Callable[[int, float], Oracle]  # (k, epsilon)
    deployable: bool = True  # whether schemas know it; else it lives in `FrequencyOracle` alone

    def __call__(self, k: int, epsilon: float) -> Oracle:
        """The oracle at k categories and a budget."""
        return self.calibrated(k, epsilon)


def require_signal(more: Any, less: Any, epsilon: float) -> None:
    """Refuse a budget so small that the rounded probabilities tell nothing any more."""
    if not more > less:
        raise ValueError(
            f"epsilon is too small for probabilities over 2**32: with {epsilon!r} a report would "
            "not depend on the value at all."
        )
