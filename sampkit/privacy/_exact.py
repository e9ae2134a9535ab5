"""Exact arithmetic for randomisers: probabilities over 2^32, entropy, uniform integers, coins.

A probability is an integer numerator over 2^32, rounded to the private side once, when a schema is
made. From there on a client computes with integers only, so what it does is exactly what is
written down, and no low-order bit of a float can tell on the true value.
"""

from __future__ import annotations

import math
import os
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

GRID = 1 << 32
LARGEST_EPSILON = 700.0  # e^700 is still a float; the grid saturates long before

Bytes = npt.NDArray[np.uint8]
Entropy = Callable[[int], Any]  # how many random bytes -> these bytes, as a buffer


# --- probabilities on the grid ------------------------------------------------------------------


def exp_down(epsilon: float) -> Fraction:
    """``e**epsilon`` one unit in the last place down, exactly as that float."""
    return Fraction(math.nextafter(math.exp(min(epsilon, LARGEST_EPSILON)), 0.0))


def grid_floor(probability: Fraction | float) -> int:
    """Largest numerator not above the probability; never the whole grid."""
    return min(math.floor(Fraction(probability) * GRID), GRID - 1)


def grid_ceil(probability: Fraction | float) -> int:
    """Smallest numerator not below the probability; never the whole grid, never 0."""
    return max(min(math.ceil(Fraction(probability) * GRID), GRID - 1), 1)


def grid_weights(weights: Sequence[float]) -> tuple[int, ...]:
    """Positive weights as numerators that sum to 2^32: largest remainders, each at least 1."""
    exact = [Fraction(w) for w in weights]
    total = sum(exact)
    scaled = [w * GRID / total for w in exact]
    numerators = [max(math.floor(s), 1) for s in scaled]
    # entries raised to 1 can make the sum too large by a few: the largest entries give them back
    order = sorted(range(len(scaled)), key=lambda i: numerators[i] - scaled[i])
    missing = GRID - sum(numerators)
    if missing < 0:
        numerators[max(range(len(scaled)), key=lambda i: numerators[i])] += missing
    for i in order[: max(missing, 0)]:
        numerators[i] += 1
    return tuple(numerators)


# --- entropy ------------------------------------------------------------------------------------


def system_entropy(n_bytes: int) -> bytes:
    """Random bytes of the operating system: nothing to seed, pickle or fork."""
    return os.urandom(n_bytes)


class GeneratorEntropy:
    """Random bytes of a NumPy generator, for simulation and tests."""

    def __init__(self, generator: np.random.Generator):
        self.generator = generator

    def __call__(self, n_bytes: int) -> Bytes:
        words = self.generator.integers(
            0, (1 << 64) - 1, size=-(-n_bytes // 8), dtype=np.uint64, endpoint=True
        )
        return words.astype("<u8", copy=False).view(np.uint8)[:n_bytes]


def entropy_of(random_state: Any) -> Entropy:
    """None is the operating system; anything else a generator as everywhere in sampkit."""
    if random_state is None:
        return system_entropy
    from sampkit.base import check_generator  # brings scikit-learn along, so never on a device

    return GeneratorEntropy(check_generator(random_state))


def words16(entropy: Entropy, n: int) -> npt.NDArray[np.uint16]:
    """Random 16-bit words (n,)."""
    return np.frombuffer(entropy(2 * n), dtype="<u2")


def words32(entropy: Entropy, n: int) -> npt.NDArray[np.uint32]:
    """Random 32-bit words (n,)."""
    return np.frombuffer(entropy(4 * n), dtype="<u4")


def words64(entropy: Entropy, n: int) -> npt.NDArray[np.uint64]:
    """Random 64-bit words (n,)."""
    return np.frombuffer(entropy(8 * n), dtype="<u8")


# --- many draws ---------------------------------------------------------------------------------


def bernoulli(entropy: Entropy, numerator: Any, n: int) -> npt.NDArray[np.bool_]:
    """Coins (n,) that show True with probability ``numerator / 2**32``; one or n numerators.

    16 random bits are compared with the numerator's upper half, and its lower half with 16 more
    only on a tie.
    """
    whole = np.asarray(numerator, dtype=np.uint32)
    upper = (whole >> np.uint32(16)).astype(np.uint16)
    word = words16(entropy, n)
    shown = word < upper
    tied = np.flatnonzero(word == upper)
    if tied.size:
        lower = np.broadcast_to(whole, n)[tied] & np.uint32(0xFFFF)
        shown[tied] = words16(entropy, tied.size) < lower
    return shown


def uniform(entropy: Entropy, k: int, n: int) -> npt.NDArray[np.uint32]:
    """Uniform integers of ``[0, k)``, shape (n,): multiply, shift, reject what would tilt.

    Up to 256 outcomes are drawn from 16-bit words: as exact, and half the entropy.
    """
    wide: Any
    bits, narrow, wide = (16, "<u2", np.uint32) if k <= 256 else (32, "<u4", np.uint64)
    tilted = (1 << bits) % k  # so many of the lowest low words occur once too often

    def draw(m: int) -> npt.NDArray[Any]:
        product = np.frombuffer(entropy(m * bits // 8), dtype=narrow).astype(wide)
        return product * wide(k)

    product = draw(n)
    if tilted:
        again = np.flatnonzero((product & wide((1 << bits) - 1)) < tilted)
        while again.size:
            product[again] = draw(again.size)
            again = again[(product[again] & wide((1 << bits) - 1)) < tilted]
    product >>= wide(bits)
    return product.astype(np.uint32, copy=False)


# --- one draw: a device's path, in Python's integers --------------------------------------------


def word_stream(entropy: Entropy, n: int) -> Iterator[int]:
    """32-bit words without end, fetched n at a time."""
    form = f"<{n}I"
    while True:
        yield from struct.unpack(form, entropy(4 * n))


def uniform_one(k: int, words: Iterator[int]) -> int:
    """One uniform integer of ``[0, k)``."""
    product = next(words) * k
    if (product & 0xFFFFFFFF) < k:  # rarely; only then is the exact bound worth its division
        tilted = GRID % k
        while (product & 0xFFFFFFFF) < tilted:
            product = next(words) * k
    return product >> 32


def weighted_one(numerators: Sequence[int], words: Iterator[int]) -> int:
    """One integer that is v with probability ``numerators[v] / 2**32``."""
    return bisect_right(_ends_of(tuple(numerators)), next(words))


@lru_cache(maxsize=1024)
def _ends_of(numerators: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(accumulate(numerators))
