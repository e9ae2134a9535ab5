"""On a cluster of two workers: the same rows, and no worker is sent a chunk without rare rows."""

from __future__ import annotations

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster

from sampkit.over_sampling import SMOTE, SMOTEN, SMOTENC
from sampkit.under_sampling import RandomUnderSampler

CHUNKS = (30, 40, 130, 30, 60, 110)


@pytest.fixture(scope="module", params=["threads", "processes"])
def workers(request):
    """A client of two workers; those in processes get everything pickled."""
    with (
        dask.config.set({"distributed.worker.memory.terminate": False}),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=request.param == "processes",
            dashboard_address=":0",  # any free port: None still means 8787
            memory_limit=None,
        ) as cluster,
        Client(cluster) as client,
    ):
        assert len(client.scheduler_info()["workers"]) == 2
        yield client


def guarded(X, y):
    """Chunks of X of which those without a rare row fail when they are computed."""
    ends = np.cumsum(CHUNKS)

    def read(rows, has_rare):
        if not has_rare:
            raise RuntimeError("a chunk without rare rows was computed")
        return rows

    pieces = [
        da.from_delayed(dask.delayed(read)(X[a:b], bool(y[a:b].any())), (b - a, 4), dtype=X.dtype)
        for a, b in zip(ends - np.array(CHUNKS), ends, strict=True)
    ]
    return da.concatenate(pieces)


def test_smote_never_computes_the_majority(workers, table):
    X, y = table
    X_res, y_res = SMOTE(random_state=0).fit_resample(X, y)
    X_out, y_out = SMOTE(random_state=0).fit_resample(guarded(X, y), da.from_array(y, chunks=90))
    np.testing.assert_array_equal(X_out[400:].compute(), X_res[400:])
    np.testing.assert_array_equal(y_out.compute(), y_res)
    with pytest.raises(RuntimeError, match="without rare rows"):
        X_out[:100].compute()


def test_arrays_and_frames_equal_those_in_memory(workers, table, tools):
    X, y = table
    lazy = da.from_array(X, chunks=(70, 3)), da.from_array(y, chunks=90)
    for sampler in (SMOTE(random_state=0, gap="feature"), RandomUnderSampler(random_state=0)):
        for out, expected in zip(
            sampler.fit_resample(*lazy), sampler.fit_resample(X, y), strict=True
        ):
            tools.assert_same(out, expected)
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["whole"] = np.rint(10 * X[:, 0]).astype(np.int32)
    frame["level"] = pd.Categorical(np.where(X[:, 1] > 0, "up", "down"), ["none", "up", "down"])
    labels = pd.Series(y, name="class")
    mixed = dd.from_pandas(frame, npartitions=4), dd.from_pandas(labels, npartitions=4)
    for sampler, columns in (
        (SMOTENC("auto", random_state=0), list(frame)),
        (SMOTEN(random_state=0), ["whole", "level"]),
    ):
        X_res, y_res = sampler.fit_resample(frame[columns], labels)
        X_out, y_out = sampler.fit_resample(mixed[0][columns], mixed[1])
        tools.assert_same(X_out, X_res)
        tools.assert_same(y_out, y_res)
