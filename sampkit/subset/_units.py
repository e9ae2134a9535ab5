"""Rounds of whole units: groups of rows, blocks of a file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from sampkit.subset._arguments import generator_at
from sampkit.subset._permutations import Rows, shuffled


def unit_rounds(
    sizes: npt.NDArray[np.integer], k: int, root: np.random.SeedSequence, replacement: bool
) -> Iterator[Rows]:
    """Unit numbers, round by round, units taken in random order until they hold k rows or more.

    Parameters
    ----------
    sizes : ndarray of shape (n_units,)
        Rows of every unit, all >= 1.
    k : int
        Rows that a round has at least; it has fewer than k + max(sizes).
    root : SeedSequence
        Round t, or epoch e, draws from its child.
    replacement : bool
        False: every unit once before any comes back; a round that runs over the end of a
        permutation goes on with units it does not hold yet, and those passed over keep their turn.

    Yields
    ------
    ndarray
        Distinct unit numbers. O(n_units) a round.
    """
    n_units, epoch = len(sizes), 0
    order = np.empty(0, dtype=np.intp)
    while True:
        if replacement or not order.size:
            order, epoch = shuffled(n_units, generator_at(root, epoch)).astype(np.intp), epoch + 1
        held = np.cumsum(sizes[order])
        if held[-1] >= k:
            stop = int(np.searchsorted(held, k)) + 1
            yield order[:stop]
            order = order[stop:]
            continue
        fresh, epoch = shuffled(n_units, generator_at(root, epoch)).astype(np.intp), epoch + 1
        free = np.flatnonzero(~np.isin(fresh, order))
        stop = int(np.searchsorted(np.cumsum(sizes[fresh[free]]), k - held[-1])) + 1
        yield np.concatenate([order, fresh[free[:stop]]])
        order = np.delete(fresh, free[:stop])
