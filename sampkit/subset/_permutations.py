"""One permutation of 0 ... n - 1 an epoch, each from the seed and the epoch's number alone."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sampkit.subset._arguments import child_of, generator_at
from sampkit.subset._feistel import LARGEST, N_KEYS, permuted

Rows = npt.NDArray[Any]

# Beyond the caches, sorting random keys takes a third of the time of Fisher and Yates' jumps.
SORTED_FROM = 1 << 22


class Permutations(Protocol):
    """Parts of the permutation of an epoch."""

    n: int

    def part(self, epoch: int, start: int, stop: int) -> Rows:
        """Values at positions start ... stop - 1; not to be written to."""
        ...


class Shuffled:
    """Uniform permutations; that of the last epoch asked for is kept, 4 bytes a row."""

    def __init__(self, n: int, root: np.random.SeedSequence) -> None:
        self.n, self.root = n, root
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def part(self, epoch: int, start: int, stop: int) -> Rows:
        if epoch != self._epoch:
            self._order = np.empty(0, dtype=np.int64)  # two at a time are never needed
            self._order = shuffled(self.n, generator_at(self.root, epoch))
            self._epoch = epoch
        return self._order[start:stop]


class Computed:
    """Feistel permutations: nothing is kept, any part costs what it holds."""

    def __init__(self, n: int, root: np.random.SeedSequence) -> None:
        if n > LARGEST:
            raise ValueError(f"n_samples must be <= 2**62, got {n}.")
        self.n, self.root = n, root

    def part(self, epoch: int, start: int, stop: int) -> Rows:
        keys = child_of(self.root, epoch).generate_state(N_KEYS, np.uint64)
        return permuted(self.n, keys.astype(np.uint64, copy=False), start, stop)


PERMUTATIONS: dict[str, type[Shuffled] | type[Computed]] = {
    "shuffle": Shuffled,
    "feistel": Computed,
}


def shuffled(n: int, rng: np.random.Generator) -> Rows:
    """A uniform permutation of ``range(n)``, uint32 where that is enough."""
    dtype = np.dtype(np.uint32 if n <= 2**32 else np.int64)
    if n < SORTED_FROM:
        return rng.permutation(n).astype(dtype)
    return _by_sorting(n, rng).astype(dtype, copy=False)


def _by_sorting(n: int, rng: np.random.Generator) -> Rows:
    """A uniform permutation: rows ordered by random keys, equal keys ordered by a new draw.

    A key stands in the high bits of a word, its row in the low ones, so that one sort of whole
    words moves both.
    """
    bits = np.uint64((n - 1).bit_length())
    words = rng.integers(0, 2**64 - 1, n, dtype=np.uint64, endpoint=True)
    words >>= bits
    words <<= bits
    words |= np.arange(n, dtype=np.uint64)
    words.sort()
    keys = words >> bits
    equal = keys[1:] == keys[:-1]
    words &= (np.uint64(1) << bits) - np.uint64(1)
    if equal.any():
        _reorder_ties(words, keys, equal, rng)
    return words


def _reorder_ties(words: Rows, keys: Rows, equal: Rows, rng: np.random.Generator) -> None:
    """Shuffle, in place, the rows of every run of equal keys."""
    tied = np.zeros(words.size, dtype=bool)
    tied[1:] = equal
    tied[:-1] |= equal
    at = np.flatnonzero(tied)
    words[at] = words[at[np.lexsort((rng.permutation(at.size), keys[at]))]]
