"""The strategies give what their docstrings say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import Phase, given, settings
from hypothesis import find as hypothesis_find
from hypothesis import strategies as st

from sampkit.testing import (
    count_tables,
    imbalanced_datasets,
    imbalanced_labels,
    mixed_frames,
    sample_weights,
)
from sampkit.testing._frames import column_kinds

few = settings(max_examples=30, deadline=None)
unshrunk = settings(phases=[Phase.generate], max_examples=200, deadline=None, database=None)


def find(strategy, condition):
    return hypothesis_find(strategy, condition, settings=unshrunk)


@few
@given(imbalanced_datasets(counts=[(4, 9), (3, 3), (1, 2)], n_features=(2, 3)))
def test_datasets_have_the_sizes_asked_for(data):
    X, y = data
    counts = sorted(np.unique(y, return_counts=True)[1])
    assert counts[0] in (1, 2)
    assert 3 in counts
    assert X.shape[0] == len(y)
    assert X.shape[1] in (2, 3)
    assert X.dtype in (np.float32, np.float64, np.int64)
    assert np.isfinite(X).all()


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint16", "int64"])
def test_datasets_have_the_dtype_asked_for(dtype):
    X, _ = find(imbalanced_datasets(dtypes=[dtype]), lambda data: True)
    assert X.dtype == dtype


@pytest.mark.parametrize(
    ("quirk", "shows"),
    [
        ("duplicates", lambda X: len(np.unique(X, axis=0)) < len(X)),
        ("ties", lambda X: (np.rint(X) == X).all()),
        ("constant", lambda X: (np.ptp(X, axis=0) == 0).any()),
        ("scales", lambda X: X.std(axis=0).max() > 1e3 * X.std(axis=0).min()),
    ],
)
def test_quirks_happen_when_allowed_and_only_then(quirk, shows):
    wide = {"n_features": (4, 5), "dtypes": ["float64"]}
    assert shows(find(imbalanced_datasets(quirks=[quirk], **wide), lambda d: shows(d[0]))[0])

    @few
    @given(imbalanced_datasets(quirks=[], **wide))
    def never(data):
        assert not shows(data[0])

    never()


@few
@given(imbalanced_labels(counts=[(5, 8), (2, 4)], labels=["bool"]))
def test_labels_of_truth(y):
    assert y.dtype == bool
    assert 2 <= y.sum() <= 4


@few
@given(count_tables(n_items=(2, 5), n_categories=(3, 4), max_count=7))
def test_count_tables(table):
    assert table.dtype.kind == "i"
    assert 2 <= table.shape[0] <= 5
    assert 3 <= table.shape[1] <= 4
    dense = table.toarray() if sp.issparse(table) else table
    assert dense.min() >= 0
    assert dense.max() <= 7


@few
@given(st.integers(1, 20).flatmap(lambda n: st.tuples(st.just(n), sample_weights(n))))
def test_weights(drawn):
    n, w = drawn
    assert w.shape == (n,)
    assert w.dtype == np.float64
    assert (w >= 0).all()
    assert w.any()
    assert w.max() <= 1e3


@pytest.mark.parametrize("kind", column_kinds("any", "pandas"))
def test_every_kind_of_pandas_column(kind):
    frame = find(mixed_frames(12, kinds=[kind]), lambda f: True)
    dtype = frame.dtypes.iloc[0]
    expected = {
        "category": pd.CategoricalDtype(["c", "a", "b", "d"]),
        "ordered": pd.CategoricalDtype(["c", "a", "b", "d"], ordered=True),
        "sparse": pd.SparseDtype(float, 0.0),
        "datetime": np.dtype("M8[ns]"),
        "timedelta": np.dtype("m8[ns]"),
    }
    assert dtype == expected.get(kind, kind)
    if isinstance(dtype, pd.CategoricalDtype):
        assert list(dtype.categories) == ["c", "a", "b", "d"]
        assert not (frame.iloc[:, 0] == "d").any()


@pytest.mark.parametrize("kind", column_kinds("any", "polars"))
def test_every_kind_of_polars_column(kind):
    pytest.importorskip("polars")
    frame = find(mixed_frames(12, backend="polars", kinds=[kind]), lambda f: True)
    assert frame.shape[0] == 12


@pytest.mark.parametrize(
    ("backend", "gaps"),
    [
        ("pandas", lambda f: f.isna().any(axis=None)),
        ("polars", lambda f: f.null_count().sum_horizontal().sum() > 0),
    ],
)
def test_cells_are_missing_only_when_asked_for(backend, gaps):
    pytest.importorskip(backend)
    assert gaps(find(mixed_frames(20, backend=backend, missing=True), gaps))

    @few
    @given(mixed_frames(20, backend=backend))
    def never(frame):
        assert not gaps(frame)

    never()


@pytest.mark.parametrize(
    ("names", "shows"),
    [
        ("numbers", lambda c: c.dtype.kind == "i"),
        ("duplicates", lambda c: not c.is_unique),
        ("levels", lambda c: c.nlevels == 2),
    ],
)
def test_column_names(names, shows):
    assert find(mixed_frames(3, names=[names]), lambda f: shows(f.columns)) is not None


@pytest.mark.parametrize(
    "shows",
    [lambda i: i.name == "shifted", lambda i: not i.is_unique, lambda i: i.dtype.kind == "M"],
    ids=["shifted", "repeated", "dates"],
)
def test_row_labels(shows):
    assert find(mixed_frames(5), lambda f: shows(f.index)) is not None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: imbalanced_datasets(counts=[(3, 2)]), r"counts must be a pair .* got \(3, 2\)"),
        (lambda: imbalanced_datasets(counts=[5]), r"counts must be a pair .* got 5"),
        (lambda: imbalanced_datasets(n_features=(0, 2)), r"n_features must be .* got \(0, 2\)"),
        (lambda: imbalanced_datasets(dtypes=["U3"]), "dtypes must be floats or integers, got 'U3'"),
        (lambda: imbalanced_datasets(quirks=["odd"]), r"quirks must be .* got \['odd'\]"),
        (lambda: imbalanced_labels(labels="int"), "labels must be a sequence .* got int"),
        (lambda: imbalanced_labels(counts=[(1, 2)] * 3, labels=["bool"]), "counts has 3"),
        (lambda: count_tables(max_count=0), "max_count must be >= 1, got 0"),
        (lambda: count_tables(density=2.0), r"density must be in \(0, 1\], got 2.0"),
        (lambda: count_tables(formats=["coo"]), r"formats must be .* got \['coo'\]"),
        (lambda: sample_weights(0), "n must be >= 1, got 0"),
        (lambda: sample_weights(3, scale=(0, 1)), r"scale must be .* got \(0, 1\)"),
        (lambda: mixed_frames(0), "n_rows must be >= 1, got 0"),
        (lambda: mixed_frames(3, backend="R"), "backend must be 'pandas' or 'polars', got 'R'"),
        (lambda: mixed_frames(3, kinds="odd"), "kinds must be one of .* got 'odd'"),
        (lambda: mixed_frames(3, kinds=["odd"]), r"kinds: \['odd'\] are not among"),
        (lambda: mixed_frames(3, kinds=["sparse"], backend="polars"), "can be had with polars"),
        (lambda: mixed_frames(3, names="text"), "names must be a sequence .* got text"),
        (lambda: mixed_frames(3, n_columns=(2, 1)), r"n_columns must be .* got \(2, 1\)"),
    ],
)
def test_bad_calls(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert len(str(error.value)) < 400
