"""Exact draws from finite laws: 16 random bits looked up in a table, and what the table leaves."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.privacy._exact import GRID, Bytes, Entropy, words16, words64

PLACES = 1 << 16
# Beyond this share of unowned places, up to that many outcomes, what is left has a table, too.
OFTEN, TABLED = PLACES >> 6, 1 << 14


class Lookup:
    """Draw outcomes whose probabilities are ratios of integers, exactly.

    Outcome i of weight ``w_i`` out of D owns ``floor(2**16 w_i / D)`` of 2^16 places; a 16-bit
    draw is a place. The places that nobody owns lead to a second draw, from what the floors left
    over: ``2**16 w_i mod D``. Together every outcome has the probability ``w_i / D`` exactly. Equal
    weights leave equal rests, so their second draw is the first one again; a rest that is drawn
    often has a table of its own; of any other, 64 random bits (more on a tie) are compared with
    the cumulative weights.

    Parameters
    ----------
    weights : sequence of int
        Not negative, not all 0.
    values : ndarray of shape (len(weights),), optional
        What is drawn for each; None is the smallest unsigned integers ``0, 1, ...``.
    tables : int
        How many tables may follow one another.
    """

    def __init__(
        self, weights: Sequence[int], values: npt.NDArray[Any] | None = None, tables: int = 2
    ):
        total = sum(weights)
        if values is None:
            values = np.arange(len(weights), dtype=np.min_scalar_type(max(len(weights) - 1, 0)))
        shares = [divmod(weight << 16, total) for weight in weights]
        table = np.repeat(values, [places for places, _ in shares])
        self.values = values
        self.owned = table.size
        self.table = np.concatenate([table, np.zeros(PLACES - table.size, table.dtype)])
        self._cells: Any = memoryview(self.table)  # type: ignore[arg-type]  # cells are Python ints
        unowned = PLACES - self.owned
        self._ends = list(accumulate(rest for _, rest in shares))
        self._rest: Lookup | None = None
        if not unowned:
            return
        if len(set(weights)) == 1:
            self._rest = self
        elif unowned > OFTEN and len(weights) <= TABLED and tables > 1:
            self._rest = Lookup([rest for _, rest in shares], values, tables - 1)
        else:
            over = self._ends[-1]
            coarse = [(end << 64) // over for end in self._ends[:-1]]
            self._coarse = np.array([min(c, (1 << 64) - 1) for c in coarse], dtype=np.uint64)

    def draw(self, entropy: Entropy, n: int) -> npt.NDArray[Any]:
        """Outcomes (n,)."""
        place = words16(entropy, n)
        drawn = self.table.take(place)
        if self.owned < PLACES:
            loose = np.flatnonzero(place >= self.owned)
            if loose.size:
                drawn[loose] = self._again(entropy, loose.size)
        return drawn

    def one(self, place: int, entropy: Entropy) -> int:
        """The outcome of one 16-bit draw that was made already."""
        if place < self.owned:
            return self._cells[place]
        return int(self._again(entropy, 1)[0])

    def _again(self, entropy: Entropy, n: int) -> npt.NDArray[Any]:
        """Outcomes (n,) for places that nobody owns."""
        return self._compared(entropy, n) if self._rest is None else self._rest.draw(entropy, n)

    def _compared(self, entropy: Entropy, n: int) -> npt.NDArray[Any]:
        """Outcomes (n,) in proportion to the rests: where a number of [0, 1) falls."""
        first = words64(entropy, n)
        drawn = np.searchsorted(self._coarse, first, side="right")
        below = np.searchsorted(self._coarse, first, side="left")
        for i in np.flatnonzero(drawn != below).tolist():  # about once in 2^64 / len(weights)
            drawn[i] = self._resolved(int(first[i]), entropy)
        return self.values.take(drawn)

    def _resolved(self, number: int, entropy: Entropy) -> int:
        """Which outcome a number lies in, whose first 64 bits are those of a threshold."""
        bits, over = 64, self._ends[-1]
        while True:
            low, high = number * over >> bits, ((number + 1) * over - 1) >> bits
            outcome = bisect_right(self._ends, low)
            if outcome == bisect_right(self._ends, high):
                return outcome
            number = number << 64 | int.from_bytes(bytes(entropy(8)), "little")
            bits += 64


# --- independent bits of one probability --------------------------------------------------------


class NoiseBits:
    """Independent bits, each 1 with probability ``numerator / 2**32`` exactly.

    A group of bits B has the weight ``q**ones * (1 - q)**zeros``. Single records look up eight
    bits at a time, many records twelve: 4/3 random bits per bit, the lowest that a table of 2^16
    places gives without many a second draw.
    """

    def __init__(self, numerator: int):
        self.numerator = numerator
        self.eight = self._table(8)
        self._twelve: Lookup | None = None

    def __reduce__(self) -> Any:
        return noise_bits, (self.numerator,)

    def _table(self, n_bits: int) -> Lookup:
        q = self.numerator
        weight = [q**ones * (GRID - q) ** (n_bits - ones) for ones in range(n_bits + 1)]
        values = np.arange(1 << n_bits, dtype=np.uint8 if n_bits == 8 else np.uint16)
        return Lookup([weight[value.bit_count()] for value in range(1 << n_bits)], values)

    def draw(self, entropy: Entropy, n_bytes: int) -> Bytes:
        """Bytes (n_bytes,) of such bits."""
        if self._twelve is None:
            self._twelve = self._table(12)
        m = -(-n_bytes // 6)
        a, b, c, d = self._twelve.draw(entropy, 4 * m).reshape(4, m)
        words = np.empty((3, m), dtype="<u2")
        # three times twelve bits, filled up by the three nibbles of the fourth
        for word, low, shift in zip(words, (a, b, c), (12, 8, 4), strict=True):
            np.left_shift(d, np.uint16(shift), out=word)
            word &= np.uint16(0xF000)
            word |= low
        return words.reshape(-1).view(np.uint8)[:n_bytes]

    def draw_few(self, entropy: Entropy, n_bytes: int) -> int:
        """8 n_bytes such bits, as one integer: for one record."""
        return self.few(words16(entropy, n_bytes).tolist(), entropy)

    def few(self, places: Sequence[int], entropy: Entropy) -> int:
        """Eight such bits for every 16-bit draw, as one integer."""
        eight = self.eight
        if max(places) < eight.owned:
            return int.from_bytes(bytes(map(eight._cells.__getitem__, places)), "big")
        return int.from_bytes(bytes(eight.one(place, entropy) for place in places), "big")


@lru_cache(maxsize=64)
def noise_bits(numerator: int) -> NoiseBits:
    """The tables of a probability, made once: 64 KB, 256 KB more once many records are made."""
    return NoiseBits(numerator)


@lru_cache(maxsize=64)
def equal_chances(sizes: tuple[int, ...]) -> Lookup:
    """Independent uniform categories of some attributes as one draw: their fields side by side."""
    fields = np.zeros(1, dtype=np.uint32)
    for k in sizes:
        shifted = fields[:, None] << np.uint32((k - 1).bit_length())
        fields = (shifted | np.arange(k, dtype=np.uint32)).reshape(-1)
    values = fields.astype(np.min_scalar_type(int(fields[-1])))
    return Lookup([1] * values.size, values)


@lru_cache(maxsize=64)
def chances(numerators: tuple[int, ...]) -> Lookup:
    """Categories of a law in numerators over 2^32."""
    return Lookup(numerators)
