from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sampkit.coreset import (
    CoresetStream,
    GLMSampler,
    LeverageScoreSampler,
    LewisWeightSampler,
    UniformRowSampler,
    subspace_distortion,
)
from sampkit.under_sampling import RandomUnderSampler


def rows(n=2000, d=4, seed=0):
    return np.random.default_rng(seed).standard_t(3, size=(n, d))


def stream(buffer=500, m=100, **params):
    sampler = LeverageScoreSampler(n_samples=m, random_state=0, **params)
    return CoresetStream(sampler, buffer=buffer)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 2000), max_size=8))
def test_chunks_do_not_matter(cuts):
    X = rows()
    want = stream().partial_fit(X).finalize()
    pieces = stream()
    for part in np.split(X, sorted(cuts)):
        if len(part):
            pieces.partial_fit(part)
    got = pieces.finalize()
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(got[2], want[2])


def test_pickle_in_the_middle():
    X = rows(1777)
    first = stream().partial_fit(X[:1200])
    copy = pickle.loads(pickle.dumps(first))
    a, b = first.partial_fit(X[1200:]).finalize(), copy.partial_fit(X[1200:]).finalize()
    np.testing.assert_array_equal(a[0], b[0])
    np.testing.assert_array_equal(a[2], b[2])


def test_weights_stand_for_all_rows():
    # Horvitz-Thompson totals over 100 streams of 4 levels: unbiased within 5 sd (rate 6e-7 each)
    X = rows(1600, 2)
    totals = []
    for seed in range(100):
        sampler = UniformRowSampler(n_samples=50, order=None, random_state=seed)
        got, _, weight = CoresetStream(sampler, buffer=200).partial_fit(X).finalize()
        assert weight.sum() == pytest.approx(1600)
        totals.append(weight @ got)
    totals = np.array(totals)
    error = np.abs(totals.mean(axis=0) - X.sum(axis=0))
    assert (error < 5 * totals.std(axis=0) / np.sqrt(100)).all()


def test_few_levels_lose_little():
    # merge-and-reduce of 8 leaves against one draw from all rows
    X = np.column_stack([np.ones(8000), rows(8000, 5)])
    sampler = LewisWeightSampler(p=1, n_samples=400, fit_intercept=False, random_state=0)
    got, _, weight = CoresetStream(sampler, buffer=1000).partial_fit(X).finalize()
    assert len(got) == 400
    place = {row.tobytes(): i for i, row in enumerate(X)}
    index = [place[row.tobytes()] for row in got]
    merged = subspace_distortion(X, index, weight, 1, random_state=0).distortion
    once = clone(sampler).fit(X)
    direct = subspace_distortion(
        X, once.sample_indices_, once.sample_weight_, 1, random_state=0
    ).distortion
    assert merged < 3 * direct
    assert merged < 0.4


def test_memory_is_logarithmic():
    made = stream(buffer=100, m=20)
    for part in np.split(rows(6400), 64):
        made.partial_fit(part)
        assert made.n_samples_held_ <= 100 + 20 * 7
    assert made.n_samples_seen_ == 6400


def test_merge():
    X, y = rows(3000), np.arange(3000.0)
    parts = [
        stream().partial_fit(X[a:b], y[a:b]) for a, b in ((0, 1100), (1100, 1900), (1900, 3000))
    ]
    whole = parts[0].merge(parts[1]).merge(parts[2])
    assert whole.n_samples_seen_ == 3000
    got, targets, weight = whole.finalize()
    assert len(got) == len(targets) == len(weight) == 100
    np.testing.assert_array_equal(X[targets.astype(int)], got)
    assert weight.sum() == pytest.approx(3000, rel=0.3)
    assert parts[1].n_samples_seen_ == 800
    # an empty one changes nothing, and an empty one takes over what it is given
    before = whole.finalize()[2]
    np.testing.assert_array_equal(whole.merge(stream()).finalize()[2], before)
    assert stream().merge(parts[1]).n_samples_seen_ == 800


def test_finalize_changes_nothing():
    X = rows(1300)
    made = stream().partial_fit(X[:700])
    made.finalize()
    made.partial_fit(X[700:])
    np.testing.assert_array_equal(made.finalize()[2], stream().partial_fit(X).finalize()[2])


def test_few_rows_stay_as_they_are():
    X = rows(60)
    got, y, weight = stream().partial_fit(X).finalize()
    np.testing.assert_array_equal(got, X)
    np.testing.assert_array_equal(weight, np.ones(60))
    assert y is None


def test_user_weights_enter():
    X = rows(1500)
    weight = np.random.default_rng(1).integers(1, 5, 1500).astype(float)
    _, _, got = stream().partial_fit(X, sample_weight=weight).finalize()
    assert got.sum() == pytest.approx(weight.sum(), rel=0.3)


@pytest.mark.parametrize("kind", ["frame", "polars", "csr", "csc", "list", "float32"])
def test_containers(kind):
    X, y = rows(700), np.arange(700)
    make = {
        "frame": lambda a: pd.DataFrame(a, columns=list("abcd"), index=a[:, 0]),
        "polars": lambda a: pl.DataFrame(a, schema=list("abcd")),
        "csr": sp.csr_array,
        "csc": sp.csc_matrix,
        "list": lambda a: a.tolist(),
        "float32": lambda a: a.astype(np.float32),
    }[kind]
    targets = {
        "frame": lambda v: pd.Series(v, name="t"),
        "polars": lambda v: pl.Series("t", v),
    }.get(kind, np.asarray)
    made = stream()
    for a, b in ((0, 300), (300, 700)):
        made.partial_fit(make(X[a:b]), targets(y[a:b]))
    got, labels, weight = made.finalize()
    assert type(got) is type(make(X))
    assert type(labels) is type(targets(y))
    assert len(weight) == 100
    dense = got.toarray() if sp.issparse(got) else np.asarray(got)
    np.testing.assert_allclose(dense, X[np.asarray(labels)], rtol=1e-6)
    if kind == "frame":
        assert got.index.tolist() == got["a"].tolist()
        assert labels.name == "t"
    if kind == "float32":
        assert got.dtype == np.float32


def test_dask_is_its_blocks():
    da = pytest.importorskip("dask.array")
    X, y = rows(1300), np.arange(1300)
    lazy = da.from_array(X, chunks=(400, -1))
    got = stream().partial_fit(lazy, da.from_array(y, chunks=400)).finalize()
    want = stream().partial_fit(X, y).finalize()
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a, b)


def test_classes_are_kept():
    X, y = rows(2000), (np.arange(2000) % 100 == 7).astype(int)
    sampler = GLMSampler(n_samples=100, random_state=0)
    _, labels, weight = CoresetStream(sampler, buffer=500).partial_fit(X, y).finalize()
    assert (labels == 1).sum() >= 2
    assert weight[labels == 1].sum() == pytest.approx(20, rel=0.5)


def test_fraction_is_one_of_the_buffer():
    sampler = UniformRowSampler(n_samples=0.1, random_state=0)
    assert len(CoresetStream(sampler, buffer=500).partial_fit(rows()).finalize()[2]) == 50


def test_before_the_first_row():
    with pytest.raises(NotFittedError, match="CoresetStream has seen no rows"):
        stream().finalize()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda s: s.partial_fit(rows(5, 3)), ValueError, "X must have the 4 columns seen so far"),
        (lambda s: s.partial_fit(rows(5), np.ones(5)), ValueError, "it was not given before"),
        (lambda s: s.partial_fit(rows(5), np.ones(4)), ValueError, "rows, got 5 and 4"),
        (lambda s: s.partial_fit([[np.nan] * 4]), ValueError, "NaN"),
        (lambda s: s.partial_fit(np.ones(4)), ValueError, "Expected 2D array"),
        (
            lambda s: s.partial_fit(rows(2), sample_weight=[1, -1]),
            ValueError,
            "sample_weight must be >= 0, got -1.0 at row 1",
        ),
        (lambda s: s.merge("x"), TypeError, "other must be a CoresetStream, got str"),
        (
            lambda s: s.merge(stream(buffer=300).partial_fit(rows(5))),
            ValueError,
            "buffer of both must be equal, got 500 and 300",
        ),
        (
            lambda s: s.merge(stream().partial_fit(rows(5, 3))),
            ValueError,
            "X must have the 4 columns seen so far, got 3",
        ),
        (
            lambda s: s.set_params(buffer=1).partial_fit(rows(5)),
            ValueError,
            "buffer must be an int >= 2, got 1",
        ),
        (
            lambda s: s.set_params(buffer=100).partial_fit(rows(5)),
            ValueError,
            "buffer must be larger than n_samples=100 of the sampler, got 100",
        ),
        (
            lambda s: s.set_params(sampler=RandomUnderSampler()).partial_fit(rows(5)),
            TypeError,
            "sampler must be a weighted selector whose fit_resample takes sample_weight",
        ),
    ],
)
def test_bad_input_leaves_the_stream_as_it_was(call, error, message):
    made = stream().partial_fit(rows(50))
    with pytest.raises(error, match=message):
        call(made)
    assert made.n_samples_seen_ == made.n_samples_held_ == 50
