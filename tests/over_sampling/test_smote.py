"""SMOTE: batches, gaps by value, constraints, dtypes, searchers of the user's own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.neighbors import KNeighborsTransformer, NearestNeighbors

from sampkit.over_sampling import SMOTE, SMOTENC, SVMSMOTE, BorderlineSMOTE, RandomOverSampler
from sampkit.testing import imbalanced_datasets


def joined(batches, like):
    """Batches of one container type, one after the other."""
    tables, labels = zip(*batches, strict=True)
    if isinstance(like, pd.DataFrame):
        return pd.concat(tables, ignore_index=True), np.concatenate(labels)
    if isinstance(like, pl.DataFrame):
        return pl.concat(tables), np.concatenate(labels)
    if sp.issparse(like):
        return sp.vstack(tables, format=like.format), np.concatenate(labels)
    if isinstance(like, list):
        return [row for table in tables for row in table], np.concatenate(labels)
    return np.concatenate(tables), np.concatenate(labels)


@settings(max_examples=40)
@given(
    data=imbalanced_datasets(counts=[(20, 30), (9, 12), (7, 9)]),
    batch=st.integers(1, 50),
    gap=st.sampled_from(["sample", "feature"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_batches_joined_are_the_new_rows(data, batch, gap, seed):
    X, y = data
    sampler = SMOTE(gap=gap, random_state=seed)
    X_res, y_res = sampler.fit_resample(X, y)
    batches = list(sampler.iter_synthetic(X, y, batch=batch))
    assert all(len(X_new) == len(y_new) == batch for X_new, y_new in batches[:-1])
    assert 1 <= len(batches[-1][1]) <= batch
    X_new, y_new = joined(batches, X)
    assert X_new.tobytes() == X_res[len(y) :].tobytes()
    assert (y_new == y_res[len(y) :]).all()


@pytest.mark.parametrize("gap", ["sample", "feature"])
@pytest.mark.parametrize(
    "form",
    [np.asarray, lambda X: X.tolist(), pd.DataFrame, pl.DataFrame, sp.csr_array, sp.csc_matrix,
     lambda X: pd.DataFrame(X).astype({0: "float32", 1: int})],
    ids=["array", "list", "pandas", "polars", "csr", "csc", "mixed"],
)  # fmt: skip
def test_batches_come_in_the_container_of_the_table(form, gap, overlapping):
    X, y = form(overlapping[0]), overlapping[1]
    sampler = SMOTE(gap=gap, random_state=0, constraints={0: "non-negative"})
    X_res, _ = sampler.fit_resample(X, y)
    batches = list(sampler.iter_synthetic(X, y, batch=64))
    assert all(type(X_new) is type(X) for X_new, _ in batches)
    X_new, _ = joined(batches, X)
    tail = X_res[400:]
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_frame_equal(X_new, tail.reset_index(drop=True))
    elif sp.issparse(X):
        assert abs(X_new - X_res.tocsr()[400:]).max() == 0
    elif isinstance(X, pl.DataFrame):
        assert X_new.equals(tail)
    else:
        assert np.array_equal(X_new, tail)


def test_batches_check_at_the_call_and_take_weights(overlapping):
    X, y = overlapping
    for batch in (0, -1, 2.5, True, None):
        with pytest.raises(ValueError, match="batch must be an integer >= 1"):
            SMOTE().iter_synthetic(X, y, batch=batch)
    with pytest.raises(ValueError, match="X has 400 rows, y has 399"):
        SMOTE().iter_synthetic(X, y[:-1], batch=5)
    weights = np.arange(400.0)
    sampler = SMOTE(random_state=0)
    X_res, _ = sampler.fit_resample(X, y, seed_weights=weights)
    batches = sampler.iter_synthetic(X, y, batch=100, seed_weights=weights)
    assert (joined(batches, X)[0] == X_res[400:]).all()
    assert list(SMOTE().iter_synthetic(X[:100], np.arange(100) % 2, batch=5)) == []


def test_gap_per_value_spans_the_box(overlapping):
    """Every value between its pair, and not all of a row at one share of the way."""
    X, y = overlapping
    sampler = SMOTE(gap="feature", random_state=0)
    X_res, _ = sampler.fit_resample(X, y)
    seed, neighbor, gap = (part[400:] for part in sampler.provenance_)
    assert np.isnan(gap).all()
    share = (X_res[400:] - X[seed]) / (X[neighbor] - X[seed])
    assert ((share >= -1e-9) & (share <= 1 + 1e-9)).all()
    assert np.ptp(share, axis=1).min() > 1e-6


# --- constraints ----------------------------------------------------------------------------------


CONSTRAINTS = {0: "integer", 1: "non-negative", 2: (-0.3, 0.4), 3: ["integer", (None, 1.5)]}


@pytest.mark.parametrize(
    "form", [np.asarray, np.float32, pd.DataFrame, pl.DataFrame, sp.csr_array, sp.csc_matrix]
)
def test_constraints_hold_for_new_rows_and_spare_the_old(form, overlapping):
    X, y = form(overlapping[0]), overlapping[1]
    X_res, _ = SMOTE(constraints=CONSTRAINTS, random_state=0).fit_resample(X, y)
    free, _ = SMOTE(random_state=0).fit_resample(X, y)
    rows, plain, old = (T.toarray() if sp.issparse(T) else np.asarray(T) for T in (X_res, free, X))
    assert (rows[:400] == old).all()
    new, plain = rows[400:], plain[400:]
    assert (new[:, 0] == np.rint(plain[:, 0])).all()
    assert (new[:, 1] == np.maximum(plain[:, 1], 0)).all()
    np.testing.assert_allclose(new[:, 2], np.clip(plain[:, 2], -0.3, 0.4), rtol=1e-7)
    assert (new[:, 3] == np.minimum(np.rint(plain[:, 3]), 1)).all()  # the bound has to be whole


@pytest.mark.parametrize(("low", "high"), [(1.0, 2.0), (None, -1.0), (0.5, 0.5)])
def test_sparse_columns_that_may_not_be_zero(low, high, overlapping):
    """Their zeros are moved as well; other columns stay sparse."""
    X = np.where(np.random.default_rng(1).random((400, 4)) < 0.7, 0.0, overlapping[0])
    y, rules = overlapping[1], {2: (low, high)}
    sparse, dense = (
        SMOTE(constraints=rules, random_state=0).fit_resample(form(X), y)[0]
        for form in (sp.csr_array, np.asarray)
    )
    np.testing.assert_allclose(sparse.toarray(), dense, atol=1e-14)
    assert sparse.nnz < 0.75 * dense.size


def test_constraints_by_name(overlapping):
    X = pd.DataFrame(overlapping[0], columns=["a", "b", "c", "d"])
    X_res, _ = SMOTE(constraints={"c": (0, None)}, random_state=0).fit_resample(X, overlapping[1])
    assert X_res["c"].iloc[400:].min() >= 0
    assert X_res["d"].iloc[400:].min() < 0


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ({9: "integer"}, r"constraints: column 9 does not exist, .* \[0, 4\)"),
        ({"a": "integer"}, "constraints: there is no column 'a'"),
        ({0: "whole"}, r"constraints\[0\] must be 'integer', .* got 'whole'"),
        ({0: (1, 2, 3)}, r"constraints\[0\] must be"),
        ({0: (np.nan, 1)}, r"constraints\[0\] must be"),
        ({0: (2, 1)}, r"constraints\[0\] leaves no value: low=2.0, high=1.0"),
        ({0: ["integer", (0.2, 0.8)]}, r"constraints\[0\] leaves no whole number"),
        ("integer", "'constraints' parameter of SMOTE must be"),
    ],
)
def test_constraint_errors_at_fit(constraints, message, overlapping):
    with pytest.raises(ValueError, match=message):
        SMOTE(constraints=constraints).fit(*overlapping)


# --- whole numbers keep within their dtype --------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        lambda X: X.astype(np.uint8),
        lambda X: X.astype(np.uint8).tolist(),
        lambda X: pd.DataFrame(X.astype(np.uint8)),
        lambda X: pd.DataFrame(X).astype("UInt8"),
        lambda X: pd.DataFrame(X).astype("uint8[pyarrow]"),
        lambda X: pl.DataFrame(X.astype(np.uint8)),
        lambda X: sp.csr_array(X.astype(np.uint8)),
    ],
    ids=["array", "list", "pandas", "nullable", "arrow", "polars", "csr"],
)
@pytest.mark.parametrize(
    "sampler", [SVMSMOTE(out_step=1.0), RandomOverSampler(shrinkage=5.0)], ids=str
)
def test_what_leaves_the_range_of_a_dtype_is_clipped(sampler, form):
    """Extrapolation and noise go below 0; an unsigned column would come round at 255."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [150, 40])
    X = np.rint(np.abs(rng.normal(size=(190, 2)) * 4) + 5 * (1 - y)[:, None])
    X_res, _ = clone(sampler).set_params(random_state=0).fit_resample(form(X), y)
    rows = X_res.toarray() if sp.issparse(X_res) else np.asarray(X_res, dtype=float)
    new = rows[190:].astype(float)
    if isinstance(X_res, list):
        assert new.min() < 0  # Python's integers know no range
    else:
        assert new.min() == 0
    assert new.max() < 60
    assert (new == np.rint(new)).all()


def test_sixty_four_bits_are_not_overrun():
    top = np.iinfo(np.int64).max
    X = np.array([[top - 9 + i] for i in range(10)] + [[0]] * 20, dtype=np.int64)
    X_res, _ = SMOTE(random_state=0).fit_resample(X, np.repeat([1, 0], [10, 20]))
    assert (X_res[:30] == X).all()
    assert (X_res[30:] > 2**62).all()


def test_sparse_counts_are_never_made_dense():
    """4000 new rows of 20 000 columns would be 640 MB."""
    rng = np.random.default_rng(0)
    cells = rng.integers(4200, size=84_000), rng.integers(20_000, size=84_000)
    X = sp.csr_array((rng.integers(1, 10, size=84_000), cells), shape=(4200, 20_000))
    y = np.repeat([0, 1], [4100, 100])
    import tracemalloc

    tracemalloc.start()
    X_res, _ = SMOTE(random_state=0).fit_resample(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert X_res.dtype == np.int64
    assert X_res.shape == (8200, 20_000)
    assert (X_res.data != 0).all()
    assert peak < 100e6


# --- searchers ------------------------------------------------------------------------------------


SEARCHERS = {
    "nearest": NearestNeighbors(n_neighbors=6),
    "kd-tree": NearestNeighbors(n_neighbors=6, algorithm="kd_tree"),
    "transformer": KNeighborsTransformer(n_neighbors=6),
    "own": None,
}


@pytest.mark.parametrize("name", SEARCHERS)
@pytest.mark.parametrize(
    "sampler", [SMOTE(), BorderlineSMOTE(kind="borderline-2"), SVMSMOTE(), SMOTENC([0])], ids=str
)
def test_equal_neighbours_give_equal_rows(name, sampler, overlapping, kit):
    """An object's n_neighbors counts the row itself: 6 are the 5 of the default."""
    X, y = overlapping
    X = np.hstack([np.rint(X[:, :1]), X[:, 1:]])
    own = SEARCHERS[name] or kit.RecordingNeighbors(n_neighbors=6)
    plain, given_one = (clone(sampler).set_params(random_state=0) for _ in range(2))
    given_one.set_params(k_neighbors=own)
    assert (plain.fit_resample(X, y)[0] == given_one.fit_resample(X, y)[0]).all()
    assert given_one.nn_k_ is not own
    assert not hasattr(own, "n_samples_fit_")
    assert plain.nn_k_.n_neighbors == given_one.nn_k_.n_neighbors == 6
    if hasattr(plain, "nn_m_"):
        assert plain.nn_m_.n_neighbors == 11


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (NearestNeighbors(n_neighbors=1), "k_neighbors: .* counts the row itself .* got 1 from"),
        (NearestNeighbors(n_neighbors=99), "Expected n_neighbors <= n_samples_fit, .* 99"),
        ("all", "'k_neighbors' parameter of SMOTE must be"),
        (0, "'k_neighbors' parameter of SMOTE must be"),
    ],
)
def test_searchers_that_will_not_do(own, message, overlapping):
    with pytest.raises(ValueError, match=message):
        SMOTE(k_neighbors=own).fit_resample(*overlapping)
