"""Blocks of consecutive rows as the units that are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from sampkit.subset._arguments import count_of, root_of, rounds_of, rows_of
from sampkit.subset._units import unit_rounds


def iter_block_subsets(
    n_rows: int,
    subset_size: float,
    block_rows: int,
    *,
    n_rounds: int | None = None,
    replacement: bool = False,
    random_state: Any = None,
) -> Iterator[list[slice]]:
    """Random subsets made of blocks of consecutive rows, to be read without jumps.

    Parameters
    ----------
    n_rows : int >= 1
        Rows of the file.
    subset_size : float in (0, 1] or int in [1, n_rows]
        Rows of a round, k: a share of all, or their number.
    block_rows : int >= 1
        Rows of a block; the last one may be short. Take ``max(chunk_bytes, 64 KiB) / row_bytes``,
        rounded up, or a multiple of the rows of a chunk: see `read_cost`.
    n_rounds : int >= 1 or None, default=None
        Rounds; None goes on without end.
    replacement : bool, default=False
        Whether blocks may come back before all others have been read.
    random_state : None, int, SeedSequence, Generator or RandomState, default=None
        Seed.

    Returns
    -------
    iterator of list of slice
        The blocks of each round in ascending order. They hold k rows or more, by less than one
        block.

    Raises
    ------
    ValueError
        A parameter out of range.

    See Also
    --------
    block_correlation : What blocks cost in variance: rows that lie together are often alike.
    read_cost : What single rows would cost in pages.

    Notes
    -----
    A cluster sample: unbiased whatever the order of the file (a short last block aside, whose
    chance of an independent round differs from the others' by a share of 1 / number of blocks),
    with the variance of a mean 1 + (B - 1) rho times that of as many single rows. Shuffle the rows
    of a round in memory before training on them. O(number of blocks) a round.

    Examples
    --------
    >>> from sampkit.subset import iter_block_subsets
    >>> for blocks in iter_block_subsets(10, 4, 2, n_rounds=2, random_state=0):
    ...     print(blocks)
    [slice(0, 2, None), slice(6, 8, None)]
    [slice(2, 4, None), slice(4, 6, None)]
    """
    n, step = count_of(n_rows, "n_rows"), count_of(block_rows, "block_rows")
    k, n_rounds = rows_of(subset_size, n), rounds_of(n_rounds)
    sizes = np.full(-(-n // step), step, dtype=np.int64)
    sizes[-1] = n - step * (sizes.size - 1)
    rounds = unit_rounds(sizes, k, root_of(random_state), replacement)
    return islice((_slices(np.sort(units), step, n) for units in rounds), n_rounds)


def _slices(blocks: Any, step: int, n: int) -> list[slice]:
    starts = (blocks * step).tolist()
    return [slice(start, min(start + step, n)) for start in starts]
