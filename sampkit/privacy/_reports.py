"""Report layout v1: fields of bits in rows of bytes, most significant bit first.

SPL and RS+FD: the fields of all attributes in schema order, bit after bit, zero bits up to whole
bytes. SMP: for every sampled attribute, ascending, its index (one byte, or two above 256
attributes) and its field, padded to the longest field's whole bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.privacy._protocol import Array, Oracle
from sampkit.privacy._solutions import Attribute

Rows = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Layout:
    """Where the fields of a report lie.

    Parameters
    ----------
    offsets, widths : tuple of int
        First bit and number of bits of every attribute's field; for SMP within one pair of index
        and field.
    index_bits : int
        Bits of an SMP pair's index; 0 for the other solutions.
    pair_bytes : int
        Bytes of a pair; of the whole report for the other solutions.
    n_pairs : int
        Pairs in a report; 1 for the other solutions.
    """

    offsets: tuple[int, ...]
    widths: tuple[int, ...]
    index_bits: int
    pair_bytes: int
    n_pairs: int

    @classmethod
    def of(cls, attributes: Sequence[Attribute], solution: str, n_sampled: int) -> Layout:
        """The layout of resolved attributes."""
        widths = tuple(sum(attribute.oracle.widths) for attribute in attributes)
        if solution == "smp":
            index_bits = 8 if len(widths) <= 256 else 16
            offsets = (index_bits,) * len(widths)
            n_bits = index_bits + max(widths)
        else:
            index_bits = 0
            ends = np.cumsum((0, *widths)).tolist()
            offsets, n_bits = tuple(ends[:-1]), ends[-1]
        pairs = n_sampled if solution == "smp" else 1
        return cls(offsets, widths, index_bits, -(-n_bits // 8), pairs)

    @property
    def n_bytes(self) -> int:
        """Bytes of a report."""
        return self.pair_bytes * self.n_pairs


# --- writing ------------------------------------------------------------------------------------


def write_field(rows: Rows, offset: int, oracle: Oracle, symbols: Array) -> None:
    """Write one field into zeroed rows (n, n_bytes)."""
    if oracle.packed:
        write_bits(rows, offset, symbols)
        return
    columns = [symbols] if symbols.ndim == 1 else list(symbols.T)
    for column, width in zip(columns, oracle.widths, strict=True):
        write_integers(rows, offset, width, column)
        offset += width


def write_bits(rows: Rows, offset: int, bits: Rows) -> None:
    """Write packed bits, whose last byte is padded by zeros, from a bit offset on."""
    first, shift = divmod(offset, 8)
    last = min(first + bits.shape[1], rows.shape[1])
    if shift == 0:
        rows[:, first:last] |= bits[:, : last - first]
        return
    rows[:, first:last] |= bits[:, : last - first] >> np.uint8(shift)
    end = min(first + 1 + bits.shape[1], rows.shape[1])
    rows[:, first + 1 : end] |= bits[:, : end - first - 1] << np.uint8(8 - shift)


def write_integers(rows: Rows, offset: int, width: int, values: Array) -> None:
    """Write integers of a width of at most 64 bits, byte by byte."""
    end = offset + width
    for byte in range(offset // 8, -(-end // 8)):
        shift = end - 8 * (byte + 1)  # of the value, so that its bits meet this byte
        if shift >= 0:
            piece = values >> values.dtype.type(shift) if shift else values
        else:
            piece = values << values.dtype.type(-shift)
        rows[:, byte] |= piece.astype(np.uint8)  # what is above the byte falls off


def write_neighbours(rows: Rows, fields: Sequence[tuple[int, int, Array]]) -> None:
    """Write many fields (offset, width, values): those side by side are one integer first."""
    at = 0
    while at < len(fields):
        offset, width, values = fields[at]
        after = at + 1
        while (
            after < len(fields)
            and fields[after][0] == offset + width
            and width + fields[after][1] <= 64
        ):
            width += fields[after][1]
            after += 1
        if after > at + 1:
            values = values.astype(np.min_scalar_type((1 << width) - 1))
            for _, more, following in fields[at + 1 : after]:
                values <<= values.dtype.type(more)
                values |= following
        write_integers(rows, offset, width, values)
        at = after


# --- reading ------------------------------------------------------------------------------------


def read_field(rows: Rows, offset: int, oracle: Oracle) -> Array:
    """The symbols of one field."""
    if oracle.packed:
        return read_bits(rows, offset, oracle.widths[0])
    columns: list[Any] = []
    for width in oracle.widths:
        columns.append(read_integers(rows, offset, width))
        offset += width
    return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)


def read_bits(rows: Rows, offset: int, width: int) -> Rows:
    """Packed bits from a bit offset on, the last byte padded by zeros."""
    first, shift = divmod(offset, 8)
    n_bytes = -(-width // 8)
    bits = rows[:, first : first + n_bytes] << np.uint8(shift)
    if shift:
        following = rows[:, first + 1 : first + n_bytes + 1] >> np.uint8(8 - shift)
        bits[:, : following.shape[1]] |= following
    if width % 8:
        bits[:, -1] &= np.uint8(0xFF << (8 - width % 8) & 0xFF)
    return bits


def read_integers(rows: Rows, offset: int, width: int) -> npt.NDArray[np.uint64]:
    """Integers of a width of at most 64 bits."""
    end = offset + width
    values = np.zeros(len(rows), dtype=np.uint64)
    for byte in range(offset // 8, -(-end // 8)):
        column = rows[:, byte].astype(np.uint64)
        shift = end - 8 * (byte + 1)
        values |= column << np.uint64(shift) if shift >= 0 else column >> np.uint64(-shift)
    return values & np.uint64((1 << width) - 1)


def padding_is_clear(rows: Rows, end: int) -> npt.NDArray[np.bool_]:
    """Whether all bits from an offset on are zero, row by row."""
    first, shift = divmod(end, 8)
    if first >= rows.shape[1]:
        return np.ones(len(rows), dtype=bool)
    clear = (rows[:, first] & np.uint8(0xFF >> shift)) == 0
    if first + 1 < rows.shape[1]:
        clear &= ~rows[:, first + 1 :].any(axis=1)
    return clear
