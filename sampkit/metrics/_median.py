"""The exact median of all pairwise squared distances in bounded memory.

Non-negative floats are ordered as their bit patterns are, so the median can be found as a number is
looked up in a dictionary: count the leading sixteen bits, descend into the bin that holds the rank,
count the next sixteen, until what is left fits into memory.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from sampkit.metrics._pair_distances import FloatArray, blocks

HELD = 8 * 1024 * 1024  # distances held at once, 64 MB
DIGIT = 16  # bits counted in a pass

Keys = npt.NDArray[np.uint64]


def median_of_pairs(sample: FloatArray) -> float:
    """Median of ``|x_i - x_j|^2`` over i < j; as `numpy.median`, the mean of the middle two."""
    n_pairs = len(sample) * (len(sample) - 1) // 2
    if n_pairs <= HELD:
        return float(np.median(np.concatenate(list(_pairs(sample)))))
    lower, upper = _select(sample, (n_pairs - 1) // 2), _select(sample, n_pairs // 2)
    return (lower + upper) / 2


def _pairs(sample: FloatArray) -> Iterator[FloatArray]:
    """Squared distances of the pairs i < j, block by block."""
    for rows, columns, squares in blocks(sample):
        if rows == columns:
            yield squares[np.triu_indices(len(squares), 1)]
        else:
            yield squares.ravel()


def _select(sample: FloatArray, rank: int) -> float:
    """The distance of a rank, counted from 0."""
    prefix, shift = 0, 64  # the wanted bit pattern begins with `prefix`; its last bits are open
    n_left = len(sample) * (len(sample) - 1) // 2
    while n_left > HELD and shift > 0:
        counts = np.zeros(2**DIGIT, dtype=np.int64)
        for keys in _keys(sample, prefix, shift):
            digit = (keys >> np.uint64(shift - DIGIT)) & np.uint64(2**DIGIT - 1)
            counts += np.bincount(digit.astype(np.int64), minlength=2**DIGIT)
        ends = np.cumsum(counts)
        found = int(np.searchsorted(ends, rank, side="right"))
        rank -= int(ends[found] - counts[found])
        n_left, shift = int(counts[found]), shift - DIGIT
        prefix = (prefix << DIGIT) | found
    if shift == 0:  # all that are left are equal
        return float(np.uint64(prefix).view(np.float64))
    left = np.concatenate(list(_keys(sample, prefix, shift)))
    return float(np.partition(left, rank)[rank].view(np.float64))


def _keys(sample: FloatArray, prefix: int, shift: int) -> Iterator[Keys]:
    """Bit patterns that begin with `prefix`."""
    for squares in _pairs(sample):
        keys = np.ascontiguousarray(squares).view(np.uint64)
        yield keys if shift == 64 else keys[keys >> np.uint64(shift) == np.uint64(prefix)]
