from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.linalg
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from sampkit.coreset import (
    inclusion_probabilities,
    leverage_scores,
    sample_rows,
    subspace_distortion,
)

POWERS = [1, 1.2, 1.5, 2, 3, 4, 6]


def ratios(X, index, weight, p, directions):
    kept = weight @ np.abs(X[index] @ directions.T) ** p
    return (kept / (np.abs(X @ directions.T) ** p).sum(axis=0)) ** (1 / p)


def sampled(n, d, m, seed, scheme="pivotal"):
    rng = np.random.default_rng(seed)
    X = rng.standard_t(2, size=(n, d))
    q = inclusion_probabilities(leverage_scores(X), m)
    return X, *sample_rows(q, scheme=scheme, random_state=seed)


@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("seed", range(3))
def test_plane_against_a_dense_scan(p, seed):
    X, index, weight = sampled(80, 2, 12, seed)
    angle = np.linspace(0, np.pi, 50_001)
    scan = ratios(X, index, weight, p, np.column_stack([np.cos(angle), np.sin(angle)]))
    found = subspace_distortion(X, index, weight, p, random_state=0)
    assert found.lower <= scan.min() + 1e-6
    assert found.upper >= scan.max() - 1e-6
    np.testing.assert_allclose([found.lower, found.upper], [scan.min(), scan.max()], atol=1e-4)


@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("seed", range(2))
def test_space_against_random_directions(p, seed):
    X, index, weight = sampled(100, 3, 15, seed, "poisson")
    directions = np.random.default_rng(1).standard_normal((50_000, 3))
    random = ratios(X, index, weight, p, directions)
    found = subspace_distortion(X, index, weight, p, random_state=0)
    assert found.lower <= random.min() + 1e-3
    assert found.upper >= random.max() - 1e-3


@settings(max_examples=40)
@given(
    st.integers(8, 60),
    st.integers(1, 4),
    st.sampled_from(POWERS),
    st.integers(0, 2**20),
)
def test_extremes_are_attained(n, d, p, seed):
    X, index, weight = sampled(n, d, max(n // 2, d + 1), seed)
    found = subspace_distortion(X, index, weight, p, n_starts=4, n_refine=2, random_state=0)
    assert found.lower <= found.upper
    assert found.distortion == max(1 - found.lower, found.upper - 1)
    assert found.exact == (p == 2)
    for value, x in ((found.lower, found.x_lower), (found.upper, found.x_upper)):
        got = ratios(X, index, weight, p, x[None, :])[0]
        assert got == pytest.approx(value, rel=1e-6, abs=1e-7)


@given(st.integers(5, 60), st.integers(1, 5), st.integers(0, 2**20))
def test_two_norm_is_the_generalised_eigenvalue_problem(n, d, seed):
    X, index, weight = sampled(n + d, d, n, seed)
    value = scipy.linalg.eigh((X[index].T * weight) @ X[index], X.T @ X, eigvals_only=True)
    found = subspace_distortion(X, index, weight)
    np.testing.assert_allclose(
        [found.lower**2, found.upper**2], np.maximum(value[[0, -1]], 0), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("p", [1, 1.5, 2, 4])
def test_all_rows_have_no_distortion(p):
    X, *_ = sampled(50, 3, 10, 0)
    found = subspace_distortion(X, np.arange(50), np.ones(50), p, random_state=0)
    assert found.distortion == pytest.approx(0, abs=1e-9)
    # weights scale the norm by their p-th root
    twice = subspace_distortion(X, np.arange(50), np.full(50, 2.0**p), p, random_state=0)
    assert twice.upper == pytest.approx(2)
    assert twice.lower == pytest.approx(2)


@pytest.mark.parametrize("p", [1, 1.5, 2, 4])
def test_lost_rank_is_a_ratio_of_zero(p):
    X = np.vstack([np.random.default_rng(0).standard_normal((40, 3)), np.eye(3)[[0]] * 5])
    X[:40, 0] = 0
    found = subspace_distortion(X, np.arange(40), np.ones(40), p, random_state=0)
    assert found.lower == pytest.approx(0, abs=1e-9)
    assert found.distortion == pytest.approx(1)
    np.testing.assert_allclose(X[:40] @ found.x_lower, 0, atol=1e-9)
    assert abs(X[40] @ found.x_lower) > 1e-3


@pytest.mark.parametrize("p", [1, 2, 3])
def test_rank_deficient_columns_change_nothing(p):
    X, index, weight = sampled(60, 2, 20, 4)
    wide = np.column_stack([X, X[:, 0] - 2 * X[:, 1], np.zeros(60)])
    a = subspace_distortion(X, index, weight, p, random_state=0)
    b = subspace_distortion(wide, index, weight, p, random_state=0)
    np.testing.assert_allclose([a.lower, a.upper], [b.lower, b.upper], rtol=1e-4)
    assert b.x_upper.shape == (4,)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_containers(p):
    X, index, weight = sampled(60, 3, 20, 4)
    a = subspace_distortion(X, index, weight, p, random_state=0)
    for container in (pd.DataFrame(X), sp.csr_array(X), X.astype(np.float32)):
        b = subspace_distortion(container, index, weight, p, random_state=0)
        np.testing.assert_allclose([a.lower, a.upper], [b.lower, b.upper], rtol=1e-5)


def test_dask_blocks():
    da = pytest.importorskip("dask.array")
    X, index, weight = sampled(60, 3, 20, 4)
    for p in (2, 3):
        a = subspace_distortion(X, index, weight, p, random_state=0)
        b = subspace_distortion(da.from_array(X, chunks=(17, -1)), index, weight, p, random_state=0)
        np.testing.assert_allclose([a.lower, a.upper], [b.lower, b.upper], rtol=1e-8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"X": np.ones(3)}, "Expected 2D array"),
        ({"X": [[np.nan], [1.0], [1.0]]}, "NaN"),
        ({"indices": []}, "indices must be a one-dimensional array of at least one integer"),
        ({"indices": [0.0]}, "indices must be a one-dimensional array"),
        ({"indices": [3, 0]}, "indices must lie in 0..2, got 0 to 3"),
        ({"indices": [-1, 0]}, "indices must lie in 0..2, got -1 to 0"),
        ({"sample_weight": [1.0]}, "sample_weight must have one entry for each of the 2 indices"),
        ({"sample_weight": [1.0, -2.0]}, "sample_weight must be finite and >= 0, got -2.0"),
        ({"sample_weight": [1.0, np.inf]}, "sample_weight must be finite and >= 0, got inf"),
        ({"p": 0.5}, "p must be a finite number >= 1, got 0.5"),
        ({"p": np.inf}, "p must be a finite number >= 1, got inf"),
        ({"n_starts": -1}, "n_starts must be an int >= 0, got -1"),
        ({"n_refine": 0}, "n_refine must be an int >= 1, got 0"),
        ({"max_iter": 0}, "max_iter must be an int >= 1, got 0"),
    ],
)
def test_bad_input(call, message):
    given = {"X": np.eye(3), "indices": [0, 1], "sample_weight": [1.0, 1.0], **call}
    with pytest.raises(ValueError, match=message):
        subspace_distortion(**given)
