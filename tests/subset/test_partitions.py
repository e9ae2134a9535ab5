"""Whole partitions of Dask collections."""

from __future__ import annotations

import threading
from itertools import islice

import numpy as np
import pandas as pd
import pytest

dask = pytest.importorskip("dask")
import dask.array as da  # noqa: E402
import dask.dataframe as dd  # noqa: E402

from sampkit.subset import iter_partition_subsets  # noqa: E402

FRAME = pd.DataFrame({"a": np.arange(100), "b": np.arange(100) / 7}, index=np.arange(100) + 5)


def watched(seen, lengths=(10,) * 10):
    """The frame in partitions that note their number when they are computed."""
    ends = np.cumsum(lengths).tolist()
    bounds = list(zip(range(len(ends)), [0, *ends[:-1]], ends, strict=True))

    def read(at):
        seen.append(at[0])
        return FRAME.iloc[at[1] : at[2]]

    return dd.from_map(read, bounds, meta=FRAME.iloc[:0], enforce_metadata=False)


def test_every_partition_once_before_any_again():
    seen = []
    rounds = list(iter_partition_subsets(watched(seen), 0.3, n_rounds=10, random_state=0))
    assert [len(frame) for frame in rounds] == [30] * 10
    assert sorted(seen) == sorted([*range(10)] * 3)  # each read once for a round
    for frame in rounds:
        assert isinstance(frame, pd.DataFrame)
        assert len(set(frame["a"] // 10)) == 3
        pd.testing.assert_frame_equal(frame.sort_index(), FRAME.loc[sorted(frame.index)])
    assert not rounds[0]["a"].is_monotonic_increasing
    counts = np.bincount(np.concatenate([frame["a"] for frame in rounds]), minlength=100)
    assert set(counts) == {3}


def test_the_next_round_comes_while_this_one_is_used():
    begun = threading.Event()

    def block(i):
        if len(order) == 1:
            begun.set()
        order.append(i)
        return np.full((2, 3), i, dtype=float)

    order: list[int] = []
    parts = [da.from_delayed(dask.delayed(block)(i), (2, 3), float) for i in range(4)]
    rounds = iter_partition_subsets(da.concatenate(parts), 1, n_rounds=4, random_state=0)
    first = next(rounds)
    assert begun.wait(30)
    rest = list(rounds)
    assert order == [int(part[0, 0]) for part in [first, *rest]]


def test_arrays_series_and_unequal_partitions():
    X = np.arange(60.0).reshape(20, 3)
    array = da.from_array(X, chunks=((4, 6, 10), (1, 2)))
    rounds = list(iter_partition_subsets(array, 1, n_rounds=3, random_state=0))
    assert sorted(map(len, rounds)) == [4, 6, 10]
    np.testing.assert_array_equal(np.sort(np.concatenate(rounds), axis=0), X)
    series = watched([], (50, 30, 20))["b"]
    (whole,) = iter_partition_subsets(series, 1.0, n_rounds=1, random_state=0)
    pd.testing.assert_series_equal(whole.sort_index(), FRAME["b"])


def test_repeats_with_the_seed_and_goes_on_without_end():
    ddf = dd.from_pandas(FRAME, npartitions=5)
    streams = (iter_partition_subsets(ddf, 0.4, random_state=3) for _ in range(2))
    for a, b in islice(zip(*streams, strict=True), 7):
        pd.testing.assert_frame_equal(a, b)


@pytest.mark.parametrize(
    ("ddf", "options", "error", "message"),
    [
        (FRAME, {}, TypeError, "must be a dask DataFrame, Series or Array, got DataFrame"),
        (None, {}, TypeError, "got NoneType"),
        ("ddf", {"subset_size": 11}, ValueError, r"int in \[1, 10\] \(rows\), got 11"),
        ("ddf", {"subset_size": 0.0}, ValueError, "got 0.0"),
        ("ddf", {"n_rounds": 0}, ValueError, "n_rounds must be an int >= 1, got 0"),
        ("ddf", {"random_state": "x"}, ValueError, "random_state must be"),
    ],
)
def test_bad_input(ddf, options, error, message):
    ddf = watched([]) if isinstance(ddf, str) else ddf
    with pytest.raises(error, match=message):
        iter_partition_subsets(ddf, **({"subset_size": 0.5} | options))
