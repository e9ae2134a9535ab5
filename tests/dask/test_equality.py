"""What Dask computes is what NumPy and pandas get, bit for bit, however the rows are cut."""

from __future__ import annotations

from itertools import permutations

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sampkit.combine import SMOTEUnder
from sampkit.over_sampling import SMOTE, SMOTEN, SMOTENC, RandomOverSampler
from sampkit.over_sampling._nominal import encode
from sampkit.testing import mixed_frames
from sampkit.under_sampling import RandomUnderSampler

N = 40
Y = np.random.default_rng(3).permutation(np.repeat(["b", "a", "c"], [25, 9, 6]))

SELECTORS = [
    RandomUnderSampler(random_state=0),
    RandomUnderSampler(random_state=0, replacement=True),
    RandomOverSampler(random_state=0),
]
NUMERIC = [
    SMOTE(random_state=0, k_neighbors=3),
    SMOTE(random_state=0, k_neighbors="auto", gap="feature", constraints={0: (-0.5, 0.5)}),
    SMOTE(random_state=0, allocation="random", sampling_strategy={"c": 30}),
    SMOTEUnder(over=150, under=90, random_state=0),
    RandomOverSampler(random_state=0, shrinkage=0.7),
]
FEW = settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])


def name(sampler):
    return type(sampler).__name__


@pytest.mark.parametrize("sampler", [*SELECTORS, *NUMERIC], ids=name)
@FEW
@given(data=st.data())
def test_arrays(sampler, tools, data):
    dtype = data.draw(st.sampled_from(["f8", "f4", "i8", "i2"]))
    X = (10 * np.random.default_rng(0).normal(size=(N, 3))).astype(dtype)
    rows, columns = (data.draw(tools.array_chunks(n)) for n in (N, 3))
    lazy_X = da.from_array(X, chunks=(rows, columns))
    lazy_y = da.from_array(Y, chunks=(data.draw(tools.array_chunks(N)),))
    X_res, y_res = sampler.fit_resample(X, Y)
    X_out, y_out = sampler.fit_resample(lazy_X, lazy_y)
    tools.assert_same(X_out, X_res)
    tools.assert_same(y_out, y_res)
    assert y_out.chunks[0] == X_out.chunks[0]
    # labels in memory stay there
    assert np.array_equal(sampler.fit_resample(lazy_X, Y.tolist())[1], y_res.tolist())


@pytest.mark.parametrize("sampler", SELECTORS, ids=name)
@FEW
@given(frame=mixed_frames(N, names=("text", "numbers"), missing=True), data=st.data())
def test_any_frame_is_picked_from(sampler, tools, frame, data):
    check_frames(sampler, tools, frame, data)


@pytest.mark.parametrize("sampler", NUMERIC, ids=name)
@FEW
@given(frame=mixed_frames(N, kinds="numeric", names=("text", "numbers")), data=st.data())
def test_numeric_frames(sampler, tools, frame, data):
    check_frames(sampler, tools, frame, data)


@FEW
@given(frame=mixed_frames(N, kinds="nominal", missing=True), data=st.data())
def test_smoten(tools, frame, data):
    check_frames(SMOTEN(random_state=0, k_neighbors=3), tools, frame, data)


@FEW
@given(
    numbers=mixed_frames(N, kinds="numeric", index=False),
    words=mixed_frames(N, kinds="nominal", missing=True, index=False),
    data=st.data(),
)
def test_smotenc(tools, numbers, words, data):
    words.columns = [f"word {c}" for c in words.columns]
    frame = pd.concat([words, numbers], axis=1)
    sampler = SMOTENC(list(words.columns), random_state=0, k_neighbors=3)
    check_frames(sampler, tools, frame, data)


def check_frames(sampler, tools, frame, data):
    y = pd.Series(Y, frame.index, name="class")
    lengths = data.draw(tools.array_chunks(N, least=0))
    alike = data.draw(st.booleans())
    lazy_X = tools.partitioned(frame, lengths)
    lazy_y = tools.partitioned(y, lengths if alike else data.draw(tools.array_chunks(N)))
    if not alike and lazy_y.npartitions == lazy_X.npartitions:
        lazy_y = lazy_y.repartition(npartitions=1)
    X_res, y_res = sampler.fit_resample(frame, y)
    X_out, y_out = sampler.fit_resample(lazy_X, lazy_y)
    tools.assert_same(X_out, X_res)
    tools.assert_same(y_out, y_res)
    if sampler._adds_rows:
        assert X_out.known_divisions
        assert y_out.divisions == X_out.divisions


def test_smoten_on_arrays_of_two_and_three_classes(tools):
    X = np.random.default_rng(0).integers(0, 4, size=(N, 3))
    for y in (Y, Y == "b"):
        sampler = SMOTEN(random_state=0, k_neighbors=3)
        X_out, y_out = sampler.fit_resample(
            da.from_array(X, chunks=(7, 2)), da.from_array(y, chunks=11)
        )
        X_res, y_res = sampler.fit_resample(X, y)
        tools.assert_same(X_out, X_res)
        tools.assert_same(y_out, y_res)


def test_smotenc_on_arrays_of_objects(tools):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=N), rng.choice(list("pqr"), N)]).astype(object)
    X[:, 0] = X[:, 0].astype(float)
    sampler = SMOTENC([1], random_state=0, k_neighbors=3)
    X_out, _ = sampler.fit_resample(da.from_array(X, chunks=(7, 2)), Y)
    tools.assert_same(X_out, sampler.fit_resample(X, Y)[0])


def test_levels_stand_in_one_order_whichever_rows_come_first():
    # ties between neighbours are broken by sums over levels, in the order in which they stand
    for cells in (["b", np.nan, "a"], [2.5, None, 1.0, np.nan], ["x", 3, None, 2.0, True]):
        cells = np.array(cells, dtype=object)
        (levels,) = encode([cells])[1]
        for order in permutations(range(len(cells))):
            codes, (again,) = encode([cells[list(order)]])
            assert [str(v) for v in again[:-1]] == [str(v) for v in levels[:-1]]
            assert pd.isna(again[-1])
            assert codes.max() == len(levels) - 1


def test_provenance_propagation_and_seed_weights(tools, table):
    X, y = table
    weights = np.random.default_rng(0).random(len(y))
    here, lazy = SMOTE(random_state=0), SMOTE(random_state=0)
    X_res, _ = here.fit_resample(X, y, seed_weights=weights)
    X_out, _ = lazy.fit_resample(da.from_array(X, chunks=77), y, seed_weights=weights)
    tools.assert_same(X_out, X_res)
    for a, b in zip(here.provenance_, lazy.provenance_, strict=True):
        np.testing.assert_array_equal(a, b)
    expected = here.propagate(weights)
    np.testing.assert_array_equal(lazy.propagate(weights), expected)
    tools.assert_same(lazy.propagate(da.from_array(weights, chunks=77)), expected)
    series = pd.Series(weights, name="weight")
    costs = lazy.propagate(dd.from_pandas(series, npartitions=3))
    tools.assert_same(costs, here.propagate(series))


@pytest.mark.parametrize("gap", ["sample", "feature"])
def test_iter_synthetic(gap, table):
    X, y = table
    sampler = SMOTE(random_state=0, gap=gap)
    X_res, y_res = sampler.fit_resample(X, y)
    lazy = da.from_array(X, chunks=90), da.from_array(y, chunks=100)
    batches = list(sampler.iter_synthetic(*lazy, batch=150))
    assert [len(X_new) for X_new, _ in batches] == [150, 150, 40]
    joined, labels = (da.concatenate(part).compute() for part in zip(*batches, strict=True))
    np.testing.assert_array_equal(joined, X_res[len(X) :])
    np.testing.assert_array_equal(labels, y_res[len(X) :])


def test_iter_synthetic_of_frames(table):
    X, y = table
    frame, labels = pd.DataFrame(X, columns=list("abcd")), pd.Series(y)
    sampler = SMOTE(random_state=0)
    X_res, _ = sampler.fit_resample(frame, labels)
    lazy = dd.from_pandas(frame, npartitions=3), dd.from_pandas(labels, npartitions=3)
    batches = [X_new.compute() for X_new, _ in sampler.iter_synthetic(*lazy, batch=150)]
    joined = pd.concat(batches, ignore_index=True)
    pd.testing.assert_frame_equal(joined, X_res[len(X) :].reset_index(drop=True))


def test_nothing_to_add(tools, table):
    X, y = table
    keep = SMOTE(sampling_strategy={1: 30})
    X_out, y_out = keep.fit_resample(da.from_array(X, chunks=90), da.from_array(y, chunks=100))
    tools.assert_same(X_out, X)
    tools.assert_same(y_out, y)
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["e"] = "x"
    keep = SMOTENC(["e"], sampling_strategy={1: 30})
    X_out, _ = keep.fit_resample(tools.partitioned(frame, (100, 0, 300)), y)
    tools.assert_same(X_out, frame)
    assert [len(levels) for levels in keep.categories_] == [0]


def test_columns_of_objects_stay_objects(tools, table):
    _, y = table
    frame = pd.DataFrame({"o": np.array(["a", 1, None, "b"] * 100, dtype=object)})
    for sampler in (RandomUnderSampler(random_state=0), SMOTEN(random_state=0)):
        X_out, _ = sampler.fit_resample(tools.partitioned(frame, (100, 300)), y)
        tools.assert_same(X_out, sampler.fit_resample(frame, y)[0])


@pytest.mark.parametrize("sampler", [SMOTE(random_state=0), RandomUnderSampler(random_state=0)])
def test_columns_of_one_parquet_table(sampler, table, tools, tmp_path):
    # left to itself, Dask reads several files of few columns as one partition: other ones for y
    X, y = table
    frame = pd.DataFrame(X, columns=list("abcd")).assign(y=y)
    for i in range(8):
        frame[50 * i : 50 * (i + 1)].to_parquet(tmp_path / f"part.{i}.parquet")
    lazy = dd.read_parquet(tmp_path)
    expected = sampler.fit_resample(frame[list("abc")], frame["y"])
    for labels in (lazy["y"], frame["y"]):
        X_out, _ = sampler.fit_resample(lazy[list("abc")], labels)
        tools.assert_same(X_out, expected[0])
    tools.assert_same(sampler.fit_resample(lazy[list("abc")], lazy["y"])[1], expected[1])
    late = lazy[lazy["a"] > 0].assign(e=lambda table: 2 * table["b"])
    early = frame[frame["a"] > 0].assign(e=lambda table: 2 * table["b"])
    X_out, _ = sampler.fit_resample(late[["a", "e"]], late["y"])
    tools.assert_same(X_out, sampler.fit_resample(early[["a", "e"]], early["y"])[0])


def test_kept_labels_keep_known_divisions(table):
    X, y = table
    frame = pd.DataFrame(X, index=np.arange(400) * 10).rename(columns=str)
    lazy = dd.from_pandas(frame, npartitions=4), dd.from_pandas(pd.Series(y), npartitions=4)
    X_out, _ = RandomUnderSampler(random_state=0).fit_resample(*lazy)
    assert X_out.known_divisions
    assert X_out.get_partition(1).index.compute().isin(X_out.index.compute()).all()
    assert set(X_out.loc[400:590].compute().index) >= set(range(400, 600, 10))
