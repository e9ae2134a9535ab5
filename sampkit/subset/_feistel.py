"""A pseudo-random permutation of 0 ... n - 1 that is computed, not stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._chunks import chunks

Words = npt.NDArray[np.uint64]

LARGEST = 2**62
N_KEYS = 4
CHUNK = 1 << 15  # positions at a time: a handful of work arrays that stay in the cache
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93))
_SHIFT = np.uint64(32)


def permuted(n: int, keys: Words, start: int, stop: int) -> npt.NDArray[Any]:
    """The values at positions start ... stop - 1 of the permutation of ``range(n)`` under `keys`.

    A balanced Feistel network of four rounds permutes the numbers of b bits, the smallest even b
    with 2^b >= n; a value >= n is put in again until it is below n (cycle walking), at most four
    times on average.

    O(stop - start) time and memory, whatever n. int64.
    """
    half = np.uint64(max((n - 1).bit_length() + 1, 2) // 2)
    out = np.empty(stop - start, dtype=np.int64)
    for part in chunks(stop - start, CHUNK):
        values = np.arange(start + part.start, start + part.stop, dtype=np.uint64)
        values = _network(values, keys, half)
        outside = np.flatnonzero(values >= n)
        while outside.size:
            walked = _network(values[outside], keys, half)
            values[outside] = walked
            outside = outside[walked >= n]
        out[part] = values
    return out


def _network(values: Words, keys: Words, half: np.uint64) -> Words:
    """Four Feistel rounds: (left, right) -> (right, left xor f(right, key))."""
    mask = np.uint64((1 << int(half)) - 1)
    left, right = values >> half, values & mask
    for key in keys:
        mixed = (right ^ key) * _MIX[0]
        mixed ^= mixed >> _SHIFT
        mixed *= _MIX[1]
        mixed >>= np.uint64(64) - half
        mixed ^= left
        left, right = right, mixed
    return (left << half) | right
