"""Whole partitions of a Dask collection, the next round's on their way while this one is used."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import numpy as np

from sampkit._library import root_module
from sampkit.subset._arguments import generator_at, root_of, rounds_of, rows_of
from sampkit.subset._rounds import row_rounds


def iter_partition_subsets(
    ddf: Any, subset_size: float, *, n_rounds: int | None = None, random_state: Any = None
) -> Iterator[Any]:
    """Random subsets made of whole partitions of a Dask collection.

    Every partition is read once before any is read again, and once for a round. While a round is
    in use, the next one is being computed by a thread (by the cluster, where a
    ``distributed.Client`` is the default scheduler).

    Parameters
    ----------
    ddf : dask.dataframe.DataFrame, Series or dask.array.Array
        An array is partitioned along its first axis.
    subset_size : float in (0, 1] or int in [1, npartitions]
        Partitions of a round: a share of them, or their number.
    n_rounds : int >= 1 or None, default=None
        Rounds; None goes on without end.
    random_state : None, int, SeedSequence, Generator or RandomState, default=None
        Seed.

    Returns
    -------
    iterator of DataFrame, Series or ndarray
        Rows of each round in random order, in memory.

    Raises
    ------
    TypeError
        Not such a collection.
    ValueError
        A parameter out of range.

    Notes
    -----
    Memory: two rounds. Partitions of unequal length make rounds of unequal length. As with blocks,
    rows of one partition should not be alike: shuffle once (``ddf.shuffle``, or when writing).

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> import pandas as pd
    >>> from sampkit.subset import iter_partition_subsets
    >>> ddf = dd.from_pandas(pd.DataFrame({"a": range(100)}), npartitions=10)
    >>> rounds = list(iter_partition_subsets(ddf, 0.2, n_rounds=5, random_state=0))
    >>> [len(frame) for frame in rounds]
    [20, 20, 20, 20, 20]
    >>> sorted(a for frame in rounds for a in frame["a"]) == list(range(100))
    True
    """
    parts = _partitions(ddf)
    k, n_rounds = rows_of(subset_size, len(parts)), rounds_of(n_rounds)
    root = root_of(random_state)
    rounds = row_rounds(len(parts), k, root)

    def fetch(t: int) -> Any:
        import dask

        chosen = np.sort(rounds.round(t)).tolist()
        return _mixed(dask.compute(*(parts[i] for i in chosen)), generator_at(root, 1, t))

    return _prefetched(fetch, n_rounds)


def _partitions(ddf: Any) -> list[Any]:
    """Lazy partitions of a collection."""
    if root_module(ddf) == "dask" and hasattr(ddf, "npartitions"):
        if hasattr(ddf, "chunks"):
            whole = ddf if ddf.ndim < 2 else ddf.rechunk(dict.fromkeys(range(1, ddf.ndim), -1))
            return [whole.blocks[i] for i in range(whole.numblocks[0])]
        if hasattr(ddf, "partitions"):
            return [ddf.partitions[i] for i in range(ddf.npartitions)]
    raise TypeError(
        f"ddf must be a dask DataFrame, Series or Array, got {type(ddf).__name__}; for rows in "
        "memory or in a file use iter_random_subsets or iter_block_subsets."
    )


def _mixed(parts: tuple[Any, ...], rng: np.random.Generator) -> Any:
    """The parts as one, rows in random order."""
    if isinstance(parts[0], np.ndarray):
        return rng.permutation(np.concatenate(parts))
    import pandas as pd

    whole = pd.concat(parts)
    return whole.iloc[rng.permutation(len(whole))]


def _prefetched(fetch: Any, n_rounds: int | None) -> Iterator[Any]:
    """Results of ``fetch(0)``, ``fetch(1)``, ..., always one ahead."""
    with ThreadPoolExecutor(1, thread_name_prefix="sampkit-partitions") as pool:
        coming = pool.submit(fetch, 0)
        for t in count(1):
            current = coming.result()
            if t == n_rounds:
                yield current
                return
            coming = pool.submit(fetch, t)
            yield current
