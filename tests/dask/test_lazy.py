"""What is computed, and when: the rare rows at the call, nothing else before the user asks."""

from __future__ import annotations

import subprocess
import sys

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from dask.callbacks import Callback
from sklearn.exceptions import DataConversionWarning

from sampkit.combine import SMOTEUnder
from sampkit.over_sampling import SMOTE, SMOTEN, SMOTENC, RandomOverSampler
from sampkit.under_sampling import RandomUnderSampler

CHUNKS = (30, 40, 130, 30, 60, 110)  # rare rows are 40 ... 59 and 250 ... 259
RARE = [(30, 70), (230, 290)]


def computed(collection):
    return dask.compute(collection, scheduler="sync")[0]


@pytest.fixture
def frame(table):
    X, y = table
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["e"] = pd.Categorical(np.where(X[:, 0] > 0, "up", "down"))
    return frame, pd.Series(y, name="class")


@pytest.mark.parametrize(
    ("sampler", "wanted"),
    [
        (SMOTE(random_state=0), RARE),
        (SMOTE(random_state=0, gap="feature"), RARE),
        (SMOTEUnder(random_state=0), RARE),
        (RandomOverSampler(random_state=0, shrinkage=1), RARE),
        (RandomOverSampler(random_state=0), []),
        (RandomUnderSampler(random_state=0), []),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_chunks_with_rare_rows_are_computed(sampler, wanted, table, tools):
    X, y = table
    seen = []
    lazy = tools.watched_array(X, y, CHUNKS, seen)
    sampler.fit(lazy, y)
    assert seen == []
    X_out, _ = sampler.fit_resample(lazy, y)
    assert sorted(seen) == wanted
    assert not np.isnan(X_out.shape).any()
    if sampler._adds_rows:
        seen.clear()
        new = computed(X_out[-5:])
        assert set(seen) <= set(RARE)  # at most the rows that are copied again
        np.testing.assert_array_equal(new, sampler.fit_resample(X, y)[0][-5:])


@pytest.mark.parametrize("make", [lambda: SMOTE(random_state=0), lambda: SMOTENC("auto")])
def test_only_partitions_with_rare_rows_are_computed(make, frame, tools):
    X, y = frame
    sampler = make()
    X = X[list("abcd")] if isinstance(sampler, SMOTE) else X
    seen = []
    lazy_X = tools.watched_frame(X, CHUNKS, seen)
    lazy_y = tools.partitioned(y, CHUNKS)
    sampler.fit(lazy_X, lazy_y)
    assert seen == []
    X_out, _ = sampler.fit_resample(lazy_X, lazy_y)
    assert sorted(seen) == RARE
    seen.clear()
    computed(X_out.partitions[len(CHUNKS) :])
    assert seen == []


def test_smoten_counts_every_partition_once_and_holds_no_majority(frame, tools):
    X, y = frame
    seen = []
    lazy_X = tools.watched_frame(X[["e"]], CHUNKS, seen)
    SMOTEN(random_state=0).fit_resample(lazy_X, tools.partitioned(y, CHUNKS))
    ends = np.cumsum(CHUNKS).tolist()
    assert sorted(set(seen)) == list(zip([0, *ends[:-1]], ends, strict=True))
    assert len(seen) == len(CHUNKS) + len(RARE)


def test_tasks_do_not_grow_with_the_majority(table):
    X, y = table
    tasks = []
    for copies in (1, 4):
        tall = np.concatenate([X] + [X[:40]] * (copies * 10))
        labels = np.concatenate([y] + [y[:40]] * (copies * 10))
        n = []
        with Callback(pretask=lambda key, *_, n=n: n.append(key)):
            SMOTE(random_state=0).fit_resample(da.from_array(tall, chunks=(20, 4)), labels)
        tasks.append(len(n))
    assert tasks[0] == tasks[1]


def test_partition_lengths_are_counted_once_when_y_cannot_tell(frame, tools):
    X, y = frame
    seen = []
    lazy = tools.watched_frame(X[list("abcd")], CHUNKS, seen)
    RandomUnderSampler(random_state=0).fit_resample(lazy, y)
    assert len(seen) == len(CHUNKS)


def test_new_rows_come_in_blocks_like_those_of_X(table):
    X, y = table
    lazy = da.from_array(X, chunks=((150, 250), (3, 1)))
    X_out, y_out = SMOTE(random_state=0).fit_resample(lazy, da.from_array(y, chunks=400))
    assert X_out.chunks == ((150, 250, 250, 90), (3, 1))
    assert y_out.chunks == X_out.chunks[:1]


def test_fit_learns_names_without_computing(frame, tools):
    X, y = frame
    seen = []
    sampler = SMOTE().fit(
        tools.watched_frame(X[list("abcd")], CHUNKS, seen), tools.partitioned(y, CHUNKS)
    )
    assert sampler.n_features_in_ == 4
    assert sampler.feature_names_in_.tolist() == list("abcd")
    assert sampler.sampling_strategy_ == {1: 340}
    assert seen == []
    assert SMOTE().fit(da.ones((400, 7)), y).n_features_in_ == 7


def test_input_is_left_alone(table):
    X, y = table
    before = X.copy()
    SMOTE(random_state=0).fit_resample(da.from_array(X, chunks=60), y)[0].compute()
    np.testing.assert_array_equal(X, before)


def test_dask_is_imported_only_for_its_own_collections():
    code = (
        "import sys, numpy as np; from sampkit.over_sampling import SMOTE; "
        "SMOTE().fit_resample(np.random.rand(30, 2), np.repeat([0, 1], [20, 10])); "
        "assert not any(m.split('.')[0] in ('dask', 'distributed') for m in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_label_types_go_out_as_they_came(table, tools):
    X, y = table
    expected = SMOTE(random_state=0).fit_resample(X, y)[1]
    lazy = da.from_array(X, chunks=(60, 4))
    one_hot = np.column_stack([y == 0, y == 1]).astype(np.int64)
    for labels in (y.astype("i2"), one_hot):
        _, y_out = SMOTE(random_state=0).fit_resample(lazy, da.from_array(labels, chunks=90))
        tools.assert_same(y_out, SMOTE(random_state=0).fit_resample(X, labels)[1])
    for column in (
        da.from_array(y[:, None], chunks=90),
        dd.from_pandas(pd.DataFrame({"class": y}), npartitions=3),
    ):
        with pytest.warns(DataConversionWarning, match="column-vector"):
            _, y_out = SMOTE(random_state=0).fit_resample(lazy, column)
        assert type(y_out) is type(column)
        np.testing.assert_array_equal(np.ravel(y_out.compute()), expected)
    # X in memory, labels on Dask
    X_res, y_out = SMOTE(random_state=0).fit_resample(X, da.from_array(y, chunks=90))
    assert isinstance(X_res, np.ndarray)
    tools.assert_same(y_out, expected)
