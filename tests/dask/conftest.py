"""Tables cut into Dask chunks and partitions at random places, and chunks that tell when read."""

from __future__ import annotations

from types import SimpleNamespace

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st


def array_chunks(n, least=1):
    """Lengths of chunks that sum to n."""
    cuts = st.lists(st.integers(least, max(n // 2, least)), min_size=1, max_size=8)
    return cuts.map(lambda sizes: _filled(n, sizes))


def _filled(n, sizes):
    ends = [end for end in np.cumsum(sizes).tolist() if end < n]
    return tuple(np.diff([0, *ends, n]).tolist())


def partitioned(frame, lengths):
    """A Dask frame or series of unknown divisions; a partition may be empty."""
    ends = np.cumsum(lengths)
    parts = [
        dask.delayed(frame.iloc[a:b]) for a, b in zip(ends - np.array(lengths), ends, strict=True)
    ]
    with dask.config.set({"dataframe.convert-string": False}):
        return dd.from_delayed(parts, meta=frame.iloc[:0], verify_meta=False)


def watched_array(X, y, chunks, seen):
    """The array, in chunks that note their first row in `seen` when they are computed."""
    starts = np.cumsum((0, *chunks))

    def read(block_id):
        a, b = starts[block_id[0]], starts[block_id[0] + 1]
        seen.append((a, b))
        return X[a:b]

    def block(i):
        value = dask.delayed(read)((i,))
        return da.from_delayed(value, (chunks[i], X.shape[1]), dtype=X.dtype)

    return da.concatenate([block(i) for i in range(len(chunks))])


def watched_frame(frame, lengths, seen):
    """The frame, in partitions that note themselves in `seen` when they are computed."""
    ends = np.cumsum(lengths).tolist()
    bounds = list(zip([0, *ends[:-1]], ends, strict=True))

    def read(at):
        seen.append(at)
        return frame.iloc[slice(*at)]

    return dd.from_map(read, bounds, meta=frame.iloc[:0], enforce_metadata=False)


def assert_same(lazy, expected):
    """What a Dask collection computes to is what was expected, dtypes and labels included."""
    got = lazy.compute()
    assert type(got) is type(expected)
    if isinstance(expected, pd.DataFrame):
        assert list(lazy.dtypes) == list(expected.dtypes)
        pd.testing.assert_frame_equal(got, expected, check_index_type=False)
    elif isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(got, expected, check_index_type=False)
    else:
        assert lazy.dtype == got.dtype == expected.dtype
        assert not np.isnan(lazy.shape).any()
        np.testing.assert_array_equal(got, expected)


@pytest.fixture(scope="session")
def tools():
    return SimpleNamespace(
        array_chunks=array_chunks,
        partitioned=partitioned,
        watched_array=watched_array,
        watched_frame=watched_frame,
        assert_same=assert_same,
    )


@pytest.fixture
def table():
    """400 rows whose rare rows are 40 ... 59 and 250 ... 259."""
    rng = np.random.default_rng(0)
    y = np.zeros(400, dtype=np.int64)
    y[40:60] = y[250:260] = 1
    return rng.normal(size=(400, 4)), y
