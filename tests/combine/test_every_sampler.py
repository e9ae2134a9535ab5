"""What every sampler promises: the protocol, equal numbers from equal tables, row numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from sklearn.base import clone

from sampkit.combine import SMOTEENN, SMOTETomek, SMOTEUnder
from sampkit.over_sampling import ADASYN, RandomOverSampler
from sampkit.testing import check_sampler

FORMS = {
    "list": lambda X: X.tolist(),
    "fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "frame": lambda X: pd.DataFrame(X, columns=list("abcd")),
    "mixed-frame": lambda X: pd.DataFrame(X).astype({0: int, 1: "Int16", 2: "Float64"}),
    "polars": lambda X: pl.DataFrame(X, schema=list("abcd")),
    "csr_array": sp.csr_array,
    "csr_matrix": sp.csr_matrix,
    "csc_array": sp.csc_array,
    "csc_matrix": sp.csc_matrix,
    "coo_array": sp.coo_array,
}


def seeded(sampler, random_state=0):
    sampler = clone(sampler)
    if "random_state" in sampler.get_params():
        sampler.set_params(random_state=random_state)
    return sampler


def origin(sampler):
    return sampler.provenance_.seed if hasattr(sampler, "provenance_") else sampler.sample_indices_


def numbers(X):
    if sp.issparse(X):
        return X.toarray()
    return X.to_numpy().astype(float) if hasattr(X, "to_numpy") else np.asarray(X, dtype=float)


@pytest.mark.filterwarnings("ignore:Passing a sparse matrix to SMOTEN")
def test_the_protocol(sampler, overlapping):
    """All of `sampkit.testing.check_sampler` but the counts of methods that do not promise them."""
    skip = {}
    if isinstance(sampler, ADASYN):
        skip["exact_counts"] = "the rows of every seed are rounded by themselves"
    elif isinstance(sampler, (SMOTEENN, SMOTETomek)):
        skip["exact_counts"] = "cleaning takes rows away again"
    X, y = overlapping
    report = check_sampler(sampler, X=X, y=y, skip=skip)
    idle = set(report.not_applicable) - set(skip) - {"weights"}
    if isinstance(sampler, SMOTEUnder):
        assert idle == {"exact_counts"}  # it has percentages, no strategy
    else:
        assert idle == ({"rows_follow_origin"} if getattr(sampler, "shrinkage", None) else set())


@pytest.mark.filterwarnings("ignore:Passing a sparse matrix to SMOTEN")
@pytest.mark.parametrize("form", FORMS)
def test_equal_numbers_from_equal_tables(sampler, form, overlapping):
    """To 1e-12: sparse rows are summed in another order, and hold whole columns as floats."""
    X, y = overlapping
    given = FORMS[form](X)
    plain, other = seeded(sampler), seeded(sampler)
    expected, y_expected = plain.fit_resample(X, y)
    found, y_found = other.fit_resample(given, y)
    assert type(found) is type(given)
    if form == "mixed-frame":
        if isinstance(sampler, (SMOTEENN, SMOTETomek)):
            return  # what they clean is rounded before, see test_smote_clean.py
        expected = np.hstack([np.rint(expected[:, :2]), expected[:, 2:]])
    np.testing.assert_allclose(numbers(found), expected, rtol=1e-12, atol=1e-12)
    assert (y_found == y_expected).all()
    assert (origin(other) == origin(plain)).all()


@pytest.mark.parametrize(
    "labels",
    [
        lambda y: y.tolist(),
        lambda y: np.array(["no", "yes"])[y],
        lambda y: np.array(["no", "yes"], dtype=object)[y].tolist(),
        lambda y: y.astype(bool),
        lambda y: y.astype(np.float32),
        lambda y: pd.Series(y, name="target"),
        lambda y: pd.Series(np.array(["no", "yes"])[y], dtype="category"),
        lambda y: pd.Series(y, dtype="Int8"),
        lambda y: pl.Series("target", y),
        lambda y: np.eye(2, dtype=int)[y],
        lambda y: sp.csr_array(np.eye(2, dtype=int)[y]),
    ],
    ids=["list", "str", "objects", "bool", "float32", "series", "category", "nullable", "polars",
         "one-hot", "sparse-one-hot"],
)  # fmt: skip
def test_labels_come_back_as_they_were(sampler, labels, overlapping):
    X, y = overlapping
    given = labels(y)
    fitted = seeded(sampler)
    X_res, y_res = fitted.fit_resample(X, given)
    assert type(y_res) is type(given)
    assert getattr(y_res, "dtype", None) == getattr(given, "dtype", None)
    assert getattr(y_res, "name", None) == getattr(given, "name", None)
    rows = origin(fitted)
    expected = [given[i] for i in rows] if isinstance(given, list) else None
    if expected is not None:
        assert y_res == expected
    elif sp.issparse(given):
        assert (y_res.toarray() == given.toarray()[rows]).all()
    else:
        assert (np.asarray(y_res) == np.asarray(given)[rows]).all()
    plain = seeded(sampler)
    assert (plain.fit_resample(X, y)[0] == X_res).all()


def test_the_index_follows_the_rule(sampler, overlapping):
    """Samplers that only drop rows keep labels; others number the rows anew, X and y alike."""
    X, y = overlapping
    index = pd.Index(np.arange(100, 340) * 3, name="id")
    fitted = seeded(sampler)
    X_res, y_res = fitted.fit_resample(pd.DataFrame(X, index=index), pd.Series(y, index=index))
    only_drops = type(fitted).__name__ in (
        "RandomUnderSampler",
        "EditedNearestNeighbours",
        "TomekLinks",
    )
    expected = index[origin(fitted)] if only_drops else pd.RangeIndex(len(X_res))
    assert X_res.index.equals(expected)
    assert y_res.index.equals(X_res.index)


def test_row_numbers_and_nothing_else(sampler, overlapping):
    """`sample_indices_` or `provenance_`, never both; rows that are only dropped keep order."""
    X, y = overlapping
    fitted = seeded(sampler)
    X_res, _ = fitted.fit_resample(X, y)
    selects = fitted.__sklearn_tags__().sampler_tags.sample_indices
    assert hasattr(fitted, "sample_indices_") == selects
    assert hasattr(fitted, "provenance_") != selects
    rows = origin(fitted)
    assert len(rows) == len(X_res)
    if isinstance(fitted, RandomOverSampler):
        old = np.arange(len(y))
        assert (rows[: len(y)] == old).all()
    elif selects:
        old = rows
    else:
        unmoved = fitted.provenance_.seed == fitted.provenance_.neighbor
        old = rows[unmoved]
        assert unmoved[: len(old)].all()  # the old rows come first
    assert (np.diff(old) > 0).all()
    assert (X_res[: len(old)] == X[old]).all()


@pytest.mark.parametrize(
    "state", [np.random.SeedSequence(7), np.random.RandomState(7), np.random.default_rng(7)]
)
def test_any_random_state(sampler, state, overlapping):
    """The same state, copied, gives the same rows."""
    import copy

    X, y = overlapping
    first, second = (seeded(sampler, copy.deepcopy(state)).fit_resample(X, y)[0] for _ in range(2))
    assert (first == second).all()


def test_random_states_that_are_none(sampler, overlapping):
    if "random_state" not in sampler.get_params():
        return
    for bad in (-1, "0", 1.5):
        with pytest.raises(ValueError, match="'random_state' parameter of"):
            seeded(sampler, bad).fit_resample(*overlapping)


def test_fitted_attributes_stay_with_a_clone_of_the_parameters(sampler, overlapping):
    """Nothing that the user passed in is fitted or changed."""
    given = seeded(sampler)
    before = {name: repr(value) for name, value in given.get_params().items()}
    given.fit_resample(*overlapping)
    assert {name: repr(value) for name, value in given.get_params().items()} == before
    if isinstance(given, SMOTEENN):
        assert given.smote_.random_state == 0
