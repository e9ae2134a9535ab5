"""How often every bit position is set in many rows: carry-save adders on 64-bit words."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

BLOCK_BYTES = 1 << 19  # rows added together; with their sums and carries they stay in the cache
UNIT = 8  # rows that move together, so that every piece of memory is whole 64-bit words


def positional_popcount(rows: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Number of ones in every bit column of packed rows.

    Parameters
    ----------
    rows : ndarray of uint8 of shape (n, n_bytes)

    Returns
    -------
    ndarray of int64 of shape (8 * n_bytes,)
        Position 0 is the most significant bit of byte 0.

    Notes
    -----
    Three rows are added at once, bit by bit: ``x ^ y ^ z`` is their sum, and the carry, which
    counts double, is ``(x & y) | ((x ^ y) & z)``. About five word operations per 64 bits; only the
    few rows that are left at each weight are unpacked.
    """
    n, n_bytes = rows.shape
    counts = np.zeros(8 * n_bytes, dtype=np.int64)
    if n_bytes == 0:
        return counts
    step = max(BLOCK_BYTES // n_bytes // UNIT, 3) * UNIT
    levels: list[npt.NDArray[np.uint64]] = []  # at weight 2^i: units of 8 rows, flat
    whole = n - n % UNIT
    for start in range(0, whole, step):
        block = np.ascontiguousarray(rows[start : min(start + step, whole)])
        _add(levels, 0, block.reshape(-1).view(np.uint64), n_bytes)
    counts += _unpacked(rows[whole:])
    for weight, words in enumerate(levels):
        counts += _unpacked(words.view(np.uint8).reshape(-1, n_bytes)) << weight
    return counts


def _unpacked(rows: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    return np.unpackbits(rows, axis=1).sum(axis=0, dtype=np.int64)


def _add(levels: list[Any], weight: int, words: Any, unit: int) -> None:
    """Add units of words at a weight: what comes in threes becomes a sum and a carry."""
    while words.size:
        if weight == len(levels):
            levels.append(words[:0])
        if levels[weight].size:
            words = np.concatenate([levels[weight], words])
        carries = []
        while words.size >= 3 * unit:
            third = words.size // (3 * unit) * unit
            x, y, z = words[:third], words[third : 2 * third], words[2 * third : 3 * third]
            half = x ^ y
            carry = x & y
            rest = words[3 * third :]
            carry |= half & z
            half ^= z
            carries.append(carry)
            words = np.concatenate([half, rest]) if rest.size else half
        levels[weight] = words.copy()
        words = np.concatenate(carries) if carries else words[:0]
        weight += 1
