"""`propagate`: what one value per row of the input is worth in the resampled rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sampkit.combine import SMOTEENN, SMOTEUnder
from sampkit.over_sampling import SMOTE, SMOTEN, SMOTENC, RandomOverSampler
from sampkit.testing import imbalanced_datasets
from sampkit.under_sampling import EditedNearestNeighbours, RandomUnderSampler


@pytest.fixture(scope="module")
def fitted(overlapping):
    sampler = SMOTE(random_state=0)
    sampler.fit_resample(*overlapping)
    return sampler


def interpolated(sampler, values):
    seed, neighbor, gap = sampler.provenance_
    return values[seed] + gap * (values[neighbor] - values[seed])


@settings(max_examples=30)
@given(data=imbalanced_datasets(dtypes=["float64"]))
def test_a_column_is_carried_as_the_row_was(data):
    """Interpolating a column by itself gives that column of the new rows."""
    X, y = data
    for sampler in (SMOTE(random_state=0), SMOTEUnder(random_state=0), SMOTEENN(random_state=0)):
        X_res, _ = sampler.fit_resample(X, y)
        np.testing.assert_array_equal(sampler.propagate(X[:, 0]), X_res[:, 0])
        np.testing.assert_array_equal(sampler.propagate(X), X_res)
        assert (sampler.propagate(y) == y[sampler.provenance_.seed]).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_interpolated_in_their_precision(fitted, dtype):
    values = np.random.default_rng(0).random(400).astype(dtype)
    out = fitted.propagate(values)
    assert out.dtype == dtype
    assert out[:400].tobytes() == values.tobytes()  # rows of the input: bitwise
    exact = interpolated(fitted, values.astype(float))
    np.testing.assert_allclose(out, exact, rtol=8 * np.finfo(dtype).eps)
    assert (fitted.propagate(values, how="seed") == values[fitted.provenance_.seed]).all()


@pytest.mark.parametrize(
    "values",
    [
        np.arange(400),
        np.arange(400) % 2 == 0,
        np.array([f"group {i}" for i in range(400)]),
        np.arange(400).astype("datetime64[D]"),
        np.array([None, "a"] * 200, dtype=object),
        np.arange(400) * 1j,
    ],
    ids=lambda v: str(v.dtype),
)
def test_other_dtypes_take_the_seeds_value(fitted, values):
    out = fitted.propagate(values)
    assert out.dtype == values.dtype
    assert (out == values[fitted.provenance_.seed]).all()


WEIGHTS = np.random.default_rng(0).uniform(1, 2, 400)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(WEIGHTS, name="w", index=np.arange(400) + 7),
        pd.Series(WEIGHTS, name="w", dtype="float32"),
        pd.Series(WEIGHTS, name="w", dtype="Float64"),
        pd.Series(WEIGHTS, name="w", dtype="double[pyarrow]"),
        pl.Series("w", WEIGHTS),
        pl.Series("w", WEIGHTS, dtype=pl.Float32),
    ],
    ids=lambda v: f"{type(v).__module__.split('.')[0]}-{v.dtype}",
)
def test_series_come_back_as_series(fitted, values):
    for how in ("interpolate", "seed"):
        out = fitted.propagate(values, how=how)
        assert type(out) is type(values)
        assert (out.dtype, out.name) == (values.dtype, "w")
        exact = (
            interpolated(fitted, WEIGHTS)
            if how == "interpolate"
            else WEIGHTS[fitted.provenance_.seed]
        )
        np.testing.assert_allclose(out.to_numpy().astype(float), exact, rtol=1e-6)
        if isinstance(out, pd.Series):
            assert out.index.equals(pd.RangeIndex(len(out)))


def test_lists_come_back_as_lists(fitted):
    out = fitted.propagate(WEIGHTS.tolist())
    assert isinstance(out, list)
    assert all(type(v) is float for v in out)
    np.testing.assert_array_equal(out, interpolated(fitted, WEIGHTS))
    names = fitted.propagate([f"row {i}" for i in range(400)])
    assert names == [f"row {i}" for i in fitted.provenance_.seed]


@pytest.mark.parametrize(
    "sampler", [SMOTE(gap="feature"), SMOTEN(k_neighbors=3)], ids=["by value", "nominal"]
)
def test_without_one_gap_it_is_the_seeds_value(sampler, overlapping):
    X, y = overlapping
    sampler = clone(sampler).set_params(random_state=0)
    sampler.fit_resample(np.rint(X), y)
    assert np.isnan(sampler.provenance_.gap[400:]).all()
    assert (sampler.propagate(WEIGHTS) == WEIGHTS[sampler.provenance_.seed]).all()


def test_nominal_columns_leave_the_gap_of_the_others(overlapping):
    X, y = np.hstack([np.rint(overlapping[0][:, :1]), overlapping[0][:, 1:]]), overlapping[1]
    sampler = SMOTENC([0], random_state=0)
    X_res, _ = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(sampler.propagate(X[:, 1:]), X_res[:, 1:])


@pytest.mark.parametrize(
    "sampler",
    [
        RandomUnderSampler(),
        EditedNearestNeighbours(),
        RandomOverSampler(),
        RandomOverSampler(shrinkage=1),
    ],
    ids=str,
)
def test_selectors_pick(sampler, overlapping):
    sampler = clone(sampler)
    sampler.fit_resample(*overlapping)
    rows = sampler.sample_indices_
    assert (sampler.propagate(WEIGHTS) == WEIGHTS[rows]).all()
    series = pd.Series(WEIGHTS, index=np.arange(400) + 7)
    labels = sampler.propagate(series).index
    expected = (rows + 7) if len(rows) <= 400 else np.arange(len(rows))
    assert (labels == expected).all()


def test_a_missing_value_spreads_to_the_rows_made_from_it_alone(fitted):
    values = WEIGHTS.copy()
    values[fitted.provenance_.seed[400]] = np.nan
    seed, neighbor, gap = fitted.provenance_
    touched = np.isnan(values[seed]) | (np.isnan(values[neighbor]) & (gap > 0))
    assert (np.isnan(fitted.propagate(values)) == touched).all()


@pytest.mark.parametrize(
    ("values", "how", "message"),
    [
        (WEIGHTS[:-1], "seed", "one entry for each of the 400 rows seen by fit_resample, got 399"),
        ([1.0] * 401, "interpolate", "one entry for each of the 400 rows .* got 401"),
        (WEIGHTS, "linear", "how must be 'interpolate' or 'seed', got 'linear'"),
    ],
)
def test_errors(fitted, values, how, message):
    with pytest.raises(ValueError, match=message):
        fitted.propagate(values, how=how)


@pytest.mark.parametrize("sampler", [SMOTE(), RandomUnderSampler(), SMOTEENN()], ids=str)
def test_fit_alone_has_no_rows_to_carry_to(sampler, overlapping):
    sampler = clone(sampler)
    with pytest.raises(NotFittedError):
        sampler.propagate(WEIGHTS)
    with pytest.raises(NotFittedError):
        sampler.fit(*overlapping).propagate(WEIGHTS)
