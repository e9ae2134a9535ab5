"""Two rounds of noise: what is memoised once per value, and the fresh noise of every report.

With budgets eps_inf of the memoised value and eps_1 of a first report, a = e^eps_inf, b = e^eps_1,
the first round has probabilities (p1, q1) and the second (p2, q2); together they report the truth
with ``p = p1 p2 + (1 - p1) q2`` and anything else with ``q = q1 p2 + (1 - q1) q2``. A protocol is a
row of `CALIBRATIONS`. Formulas are divided by their largest term, so that no budget overflows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sampkit.privacy._exact import GRID, LARGEST_EPSILON, exp_down, grid_ceil, grid_floor
from sampkit.privacy._protocol import Oracle, require_signal
from sampkit.privacy._validation import check_choice, check_epsilon, check_integer, shown
from sampkit.privacy.oracles import PROTOCOLS
from sampkit.privacy.oracles.grr import KeptCategory
from sampkit.privacy.oracles.hashing import LocalHash
from sampkit.privacy.oracles.unary import UnaryBits

Rounds = tuple[float, float, float, float]  # p1, q1, p2, q2


def _exp(epsilon: float) -> float:
    return math.exp(min(epsilon, LARGEST_EPSILON))


# --- nominal probabilities ----------------------------------------------------------------------


def _kept(permanent: float, first: float, m: int) -> Rounds:
    """GRR twice on m values; together it is exactly GRR at eps_1."""
    inverse = math.exp(-permanent)
    odds = _exp(first) * (1 + (m - 2) * inverse) - (m - 1) * inverse
    odds /= -math.expm1(first - permanent)
    p1, p2 = 1 / (1 + (m - 1) * inverse), 1 / (1 + (m - 1) / odds)
    return p1, (1 - p1) / (m - 1), p2, (1 - p2) / (m - 1)


def _symmetric(permanent: float) -> tuple[float, float]:
    q = 1 / (_exp(permanent / 2) + 1)
    return 1 - q, q


def _optimized(permanent: float) -> tuple[float, float]:
    return 0.5, 1 / (_exp(permanent) + 1)


def _flipped(permanent: float, first: float) -> tuple[float, float]:
    """Second round that turns odds of e^permanent between bits into e^first."""
    b = _exp(first)
    p2 = (b - math.exp(-permanent)) / (-math.expm1(-permanent) * (b + 1))
    return p2, 1 - p2


def _sue(permanent: float, first: float, k: int) -> Rounds:
    return *_symmetric(permanent), *_flipped(permanent / 2, first / 2)


def _osue(permanent: float, first: float, k: int) -> Rounds:
    return *_optimized(permanent), *_flipped(permanent, first)


def _half(name: str, square: float, linear: float, constant: float) -> tuple[float, float]:
    """p2 = 1/2 and q2 = s/2 with the smaller root s; no negative constant has one in [0, 1]."""
    if constant < 0:
        raise ValueError(
            f"protocol {name!r} needs a smaller epsilon_first for this epsilon_permanent: "
            + {"l-oue": "3 b <= 2 a + 1", "l-soue": "b (sqrt(a) + 2) <= 2 a + sqrt(a)"}[name]
            + " with a = exp(epsilon_permanent), b = exp(epsilon_first)."
        )
    s = 2 * constant / (-linear + math.sqrt(linear**2 - 4 * square * constant))
    return 0.5, s / 2


def _oue(permanent: float, first: float, k: int) -> Rounds:
    a, b = math.exp(-permanent), math.exp(-first)  # inverses: the equation is divided by a b
    second = _half("l-oue", 1 - b, (1 + a) * b - (3 - a), (2 + a) * b - 3 * a)
    return *_optimized(permanent), *second


def _soue(permanent: float, first: float, k: int) -> Rounds:
    r, b = math.exp(-permanent / 2), math.exp(-first)  # inverses: the equation is divided by r^2 b
    linear = (2 * r + r**2 - 1) * b - (1 + 2 * r - r**2)
    second = _half("l-soue", (1 - b) * r, linear, (2 + r) * b - (r + 2 * r**2))
    return *_symmetric(permanent), *second


def hash_size(protocol: str, first: float) -> int:
    """Size of the hash, LOLOHA's g."""
    return 2 if protocol == "l-blh" else min(round(float(exp_down(first))) + 1, 1 << 16)


def _olh(permanent: float, first: float, k: int) -> Rounds:
    return _kept(permanent, first, hash_size("l-olh", first))


def _blh(permanent: float, first: float, k: int) -> Rounds:
    return _kept(permanent, first, 2)


CALIBRATIONS: dict[str, Callable[[float, float, int], Rounds]] = {
    "l-grr": _kept,
    "l-sue": _sue,
    "l-osue": _osue,
    "l-oue": _oue,
    "l-soue": _soue,
    "l-olh": _olh,
    "l-blh": _blh,
}
FIRST_ROUND = {"l-sue": "sue", "l-osue": "oue", "l-oue": "oue", "l-soue": "sue"}  # of bits
NEEDS_SIZE = ("l-grr", "l-adaptive")
NAMES = (*CALIBRATIONS, "l-adaptive")


def composite(rounds: Rounds) -> tuple[float, float]:
    """(p, q) of both rounds together."""
    p1, q1, p2, q2 = rounds
    return p1 * p2 + (1 - p1) * q2, q1 * p2 + (1 - q1) * q2


def resolve(protocol: str, permanent: float, first: float, k: int) -> str:
    """'l-adaptive' as the one of l-grr and l-osue with less variance at frequency 0."""
    if protocol != "l-adaptive":
        return protocol

    def variance(name: str) -> float:
        p, q = composite(CALIBRATIONS[name](permanent, first, k))
        return q * (1 - q) / (p - q) ** 2

    return min(("l-grr", "l-osue"), key=variance)


# --- the rounded probabilities that devices use -------------------------------------------------


@dataclass(frozen=True)
class TwoRounds:
    """A longitudinal protocol, resolved.

    Parameters
    ----------
    first : Oracle
        Makes the memoised field of a value.
    second : Oracle or None
        Makes a report of the field; None sends the field itself.
    server : Oracle
        Both together as the server sees them: numerators are fractions here.
    """

    first: Oracle
    second: Oracle | None
    server: Oracle


def two_rounds(protocol: str, permanent: float, first: float, k: int) -> TwoRounds:
    """Integers of both rounds, such that no rounding exceeds either budget."""
    if protocol in FIRST_ROUND:
        return _bits(protocol, permanent, first, k)
    m = k if protocol == "l-grr" else hash_size(protocol, first)
    memo = PROTOCOLS["grr"](m, permanent)
    assert isinstance(memo, KeptCategory)
    b = exp_down(first)
    # truth survives both rounds with the product of the two shares, as in GRR at eps_1
    again = grid_floor((b - 1) / (b + m - 1) * GRID / memo.keep)
    require_signal(again, 0, first)
    kept: Any = Fraction(memo.keep * again, GRID)
    server = KeptCategory(k, kept) if protocol == "l-grr" else LocalHash(k, m, kept)
    return TwoRounds(memo, KeptCategory(m, again), server)


def _bits(protocol: str, permanent: float, first: float, k: int) -> TwoRounds:
    memo = PROTOCOLS[FIRST_ROUND[protocol]](k, permanent)
    assert isinstance(memo, UnaryBits)
    p2, q2 = CALIBRATIONS[protocol](permanent, first, k)[2:]
    hot, cold = grid_floor(p2), grid_ceil(q2)
    while True:
        require_signal(hot, cold, first)
        share = Fraction(hot - cold, GRID)
        p: Any = memo.hot * share + cold
        q: Any = memo.cold * share + cold
        server = UnaryBits(k, p, q)
        if server.ratio <= exp_down(first):
            return TwoRounds(memo, UnaryBits(k, hot, cold), server)
        cold += 1  # the formulas above were a float's last digit too generous


def bit_flip(n_bits: int, permanent: float) -> TwoRounds:
    """dBitFlip: one round of SUE on the device's own buckets."""
    memo = PROTOCOLS["sue"](n_bits, permanent)
    return TwoRounds(memo, None, memo)


# --- what client and server agree on ------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """A longitudinal collection: its parameters, checked, and the rounds they resolve to.

    Parameters
    ----------
    protocol : str
        Resolved: never 'l-adaptive'.
    k : int
        Number of categories.
    permanent : float
        Budget of a memoised value.
    first : float or None
        Budget of a first report; None for 'dbitflip'.
    n_buckets : int or None
        Buckets of 'dbitflip'.
    n_bits : int
        Buckets that a device of 'dbitflip' answers for.
    rounds : TwoRounds
    """

    protocol: str
    k: int
    permanent: float
    first: float | None
    n_buckets: int | None
    n_bits: int
    rounds: TwoRounds

    @property
    def header(self) -> tuple[int, ...]:
        """Bits of the public parts that a device keeps for life: its seed, or its buckets."""
        if self.protocol == "dbitflip":
            return (32,) * self.n_bits
        return self.rounds.server.widths[:-1]

    @property
    def field_bits(self) -> int:
        """Bits of a report after the header."""
        return self.rounds.server.widths[-1]

    @property
    def n_bytes(self) -> int:
        """Bytes of a report."""
        return -(-self.n_bits_in_all // 8)

    @property
    def n_bits_in_all(self) -> int:
        """Bits of a report before padding."""
        return sum(self.header) + self.field_bits

    def buckets(self, header: int) -> list[int]:
        """The buckets of 'dbitflip' that a header names."""
        return [header >> 32 * i & 0xFFFFFFFF for i in reversed(range(self.n_bits))]

    def parameters(self) -> dict[str, Any]:
        """What two sides compare."""
        return {
            "protocol": self.protocol,
            "n_categories": self.k,
            "epsilon_permanent": self.permanent,
            "epsilon_first": self.first,
            "n_buckets": self.n_buckets,
            "n_bits": self.n_bits,
        }


def read_budgets(permanent: Any, first: Any) -> tuple[float, float]:
    """Both budgets, the first report's below the memoised value's."""
    outer = check_epsilon(permanent, "epsilon_permanent")
    inner = check_epsilon(first, "epsilon_first")
    if inner >= outer:
        raise ValueError(
            f"epsilon_first must be < epsilon_permanent, got {shown(first)} and {shown(permanent)}."
        )
    return outer, inner


def read_plan(
    protocol: Any, n_categories: Any, permanent: Any, first: Any, n_buckets: Any, n_bits: Any
) -> Plan:
    """Check what a user gave, and resolve it."""
    check_choice("protocol", protocol, (*NAMES, "dbitflip"))
    k = check_integer("n_categories", n_categories, 2)
    if protocol == "dbitflip":
        if first is not None:
            raise ValueError(f"protocol 'dbitflip' has no epsilon_first, got {shown(first)}.")
        outer = check_epsilon(permanent, "epsilon_permanent")
        buckets = check_integer("n_buckets", n_buckets, 2, k)
        bits = check_integer("n_bits", n_bits, 1, buckets)
        return Plan(protocol, k, outer, None, buckets, bits, bit_flip(bits, outer))
    for name, given, default in (("n_buckets", n_buckets, None), ("n_bits", n_bits, 1)):
        if given != default:
            raise ValueError(f"{name} belongs to protocol 'dbitflip', got {shown(given)}.")
    outer, inner = read_budgets(permanent, first)
    resolved = resolve(protocol, outer, inner, k)
    return Plan(resolved, k, outer, inner, None, 1, two_rounds(resolved, outer, inner, k))
