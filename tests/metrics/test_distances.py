"""Distances between samples: known answers, their mathematics, the pieces they are made of."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance as energy_distance_on_the_line
from scipy.stats import ortho_group, wasserstein_distance

from sampkit.metrics import (
    _median,
    _pair_distances,
    _wasserstein,
    energy_distance,
    frechet_distance,
    gaussian_frechet,
    mmd2,
    sliced_wasserstein,
    trajectory_mse,
    wasserstein_1d,
)

A = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
B = np.array([[2.0, 0.0], [0.0, 2.0]])
numbers = st.floats(-100, 100, allow_subnormal=False).map(lambda v: round(v, 3))


def samples(d: int, most: int = 8):
    return st.integers(2, most).flatmap(lambda n: arrays(np.float64, (n, d), elements=numbers))


# --- known answers (section 7 of the diffusion core's notes; by hand where a comment says so) -----


def test_frechet_of_two_normal_laws():
    # |m|^2 = 25, and (1 - 2)^2 + (2 - 1)^2 = 2 of the standard deviations
    distance = gaussian_frechet([0, 0], np.diag([1, 4]), [3, 4], np.diag([4, 1]))
    assert_allclose(distance, 27.0, rtol=1e-14)


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (energy_distance(A, B, unbiased=False), 1.317784297655),
        (energy_distance(A, B), -0.475786327204),
        (mmd2(A, B, gamma=0.5), -0.004004735294),
        (mmd2(A, B, gamma=0.5, unbiased=False), 0.644510694084),
        (wasserstein_1d([0, 1], [0, 0, 3]), 5 / 6),
        (wasserstein_1d([0, 0], [3, 4], p=2), np.sqrt(12.5)),  # by hand
        (wasserstein_1d([0, 1], [0, 0, 3], p=2), np.sqrt(1 / 6 + 4 / 3)),  # by hand
    ],
)
def test_known_answers(distance, expected):
    assert isinstance(distance, float)
    assert_allclose(distance, expected, atol=1e-12)


def test_median_width():
    # squared distances of the pooled five points, by hand: 1 1 4 4 | 2 1 5 | 5 1 | 8 -> median 3
    assert_allclose(mmd2(A, B), mmd2(A, B, gamma=1 / 3), rtol=1e-14)


def test_trajectories():
    assert trajectory_mse([A, A], [A, A + 2]).tolist() == [0.0, 4.0]


# --- peers ----------------------------------------------------------------------------------------


@given(samples(1), samples(1))
def test_on_the_line_as_scipy(a, b):
    ours, theirs = wasserstein_1d(a, b), wasserstein_distance(a[:, 0], b[:, 0])
    assert_allclose(ours, theirs, atol=1e-11)
    # scipy's is the root of 2 int (F - G)^2, which is the V-statistic
    theirs = energy_distance_on_the_line(a[:, 0], b[:, 0]) ** 2
    assert_allclose(energy_distance(a, b, unbiased=False), theirs, atol=1e-9)
    ours = sliced_wasserstein(a, b, 3, p=1, random_state=0)  # two directions on a line, both one
    assert_allclose(ours, wasserstein_1d(a, b), atol=1e-11)


# --- what has to hold -----------------------------------------------------------------------------


@given(samples(3), samples(3), st.integers(0, 2**32 - 1))
def test_invariances(a, b, seed):
    turn = ortho_group.rvs(3, random_state=seed)
    moved = (a @ turn + 1.5, b @ turn + 1.5)
    for distance in (frechet_distance, energy_distance, lambda x, y: mmd2(x, y, 1e-3)):
        value = distance(a, b)
        assert_allclose(distance(b, a), value, rtol=1e-7, atol=1e-7)
        assert_allclose(distance(*moved), value, rtol=1e-7, atol=1e-6)
        assert_allclose(distance(a[::-1], b), value, rtol=1e-7, atol=1e-7)
    assert_allclose(energy_distance(2 * a, 2 * b), 2 * energy_distance(a, b), atol=1e-8)
    assert_allclose(frechet_distance(2 * a, 2 * b), 4 * frechet_distance(a, b), atol=1e-6)


@given(samples(2), st.sampled_from([1, 1.5, 2, 4]))
def test_a_shift_along_the_line(a, p):
    assert_allclose(wasserstein_1d(a[:, 0], a[:, 0] + 3, p=p), 3.0, rtol=1e-9)
    assert wasserstein_1d(a[:, 0], a[:, 0], p=p) == 0.0
    assert sliced_wasserstein(a, a, 5, p=p, random_state=0) == 0.0
    assert frechet_distance(a, a + np.array([3.0, 0.0])) == pytest.approx(9.0, abs=1e-6)


@given(samples(2), samples(2))
def test_v_statistics_are_distances(a, b):
    assert energy_distance(a, b, unbiased=False) >= -1e-10
    assert mmd2(a, b, gamma=0.1, unbiased=False) >= -1e-12
    assert_allclose(energy_distance(a, a, unbiased=False), 0.0, atol=1e-10)


@given(samples(1), samples(1), samples(1), st.sampled_from([1, 2, 3]))
def test_triangle(a, b, c, p):
    direct = wasserstein_1d(a, c, p=p)
    assert direct <= wasserstein_1d(a, b, p=p) + wasserstein_1d(b, c, p=p) + 1e-9


@pytest.mark.parametrize("distance", [energy_distance, lambda a, b: mmd2(a, b, gamma=0.3)])
def test_u_statistics_are_unbiased(distance):
    # Exact: the mean over all ordered samples of three and two, with replacement, of two
    # populations of three points is the value for the populations, whose V-statistic it is.
    first, second = np.array([[0.0], [1.0], [3.0]]), np.array([[0.5], [2.0], [2.0]])
    values = [
        distance(first[list(i)], second[list(j)])
        for i in product(range(3), repeat=3)
        for j in product(range(3), repeat=2)
    ]
    population = (
        energy_distance(first, second, unbiased=False)
        if distance is energy_distance
        else mmd2(first, second, gamma=0.3, unbiased=False)
    )
    assert_allclose(np.mean(values), population, rtol=1e-12)


@given(st.integers(1, 12), st.integers(1, 12))
def test_the_coupling_has_the_right_margins(n, m):
    plan = _wasserstein.coupling(n, m)
    assert_allclose(np.bincount(plan.first, plan.mass, minlength=n), 1 / n)
    assert_allclose(np.bincount(plan.second, plan.mass, minlength=m), 1 / m)
    assert (np.diff(plan.first) >= 0).all()
    assert (np.diff(plan.second) >= 0).all()


def test_a_sample_of_a_normal_law_is_near_it():
    # 4 standard errors of the estimate's spread over 20 draws: false alarm below 1e-4
    rng = np.random.default_rng(0)
    C = np.array([[2.0, 0.6], [0.6, 1.0]])
    draws = [
        frechet_distance(
            rng.multivariate_normal([0, 0], np.eye(2), 4000),
            rng.multivariate_normal([1, 2], C, 4000),
        )
        for _ in range(20)
    ]
    exact = gaussian_frechet([0, 0], np.eye(2), [1, 2], C)
    assert abs(np.mean(draws) - exact) < 4 * np.std(draws) / np.sqrt(20) + 1e-2


# --- the engine behind them -----------------------------------------------------------------------


@pytest.mark.parametrize("d", [2, 16, 17, 40])
def test_squared_distances_of_pairs_far_from_the_origin(d, monkeypatch):
    monkeypatch.setattr(_pair_distances, "SIDE", 37)
    rng = np.random.default_rng(d)
    A = rng.normal(size=(90, d))
    A[40:] = A[:50] + 1e-7 * rng.normal(size=(50, d))
    A += 1e4
    B = A[rng.permutation(90)[:70]] + 1e-6
    for other in (None, B):
        got = np.full((len(A), len(A if other is None else other)), np.nan)
        for rows, columns, squares in _pair_distances.blocks(A, other):
            got[rows, columns] = squares
            if other is None:
                got[columns, rows] = squares.T
        # the inputs themselves hold 1e4 to 2e-12, so a difference of 1e-7 to 2e-5 of itself
        assert_allclose(got, cdist(A, A if other is None else other, "sqeuclidean"), rtol=1e-4)
        apart = got > 1e-3
        exact = cdist(A, A if other is None else other, "sqeuclidean")
        assert_allclose(got[apart], exact[apart], rtol=1e-9)


@pytest.mark.parametrize("n", [2, 3, 40, 41, 60])
def test_the_median_in_pieces_is_the_median(n, monkeypatch):
    sample = np.random.default_rng(n).normal(size=(n, 3)).round(1)
    whole = _median.median_of_pairs(sample)
    pairs = cdist(sample, sample, "sqeuclidean")[np.triu_indices(n, 1)]
    assert whole == pytest.approx(np.median(pairs), rel=1e-12)
    monkeypatch.setattr(_median, "HELD", 5)
    monkeypatch.setattr(_pair_distances, "SIDE", 11)
    assert _median.median_of_pairs(sample) == pytest.approx(whole, rel=1e-12)


def test_the_median_of_many_equal_distances(monkeypatch):
    monkeypatch.setattr(_median, "HELD", 3)
    sample = np.repeat([[0.0], [2.0]], 6, axis=0)  # 30 pairs at 0, 36 at 4
    assert _median.median_of_pairs(sample) == 4.0


def test_results_do_not_depend_on_the_chunk(monkeypatch):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(60, 20)), rng.normal(size=(45, 20))
    before = energy_distance(a, b), sliced_wasserstein(a, b, 30, random_state=1)
    monkeypatch.setattr(_pair_distances, "SIDE", 7)
    monkeypatch.setattr(_wasserstein, "WORK_BYTES", 20_000)
    after = energy_distance(a, b), sliced_wasserstein(a, b, 30, random_state=1)
    assert_allclose(after, before, rtol=1e-12)


def test_fewer_rows_than_columns():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(9, 30)), rng.normal(size=(12, 30)) + 1
    moments = [(s.mean(axis=0), np.cov(s, rowvar=False)) for s in (a, b)]
    exact = gaussian_frechet(*moments[0], *moments[1])
    assert_allclose(frechet_distance(a, b), exact, rtol=1e-7)
    assert_allclose(frechet_distance(a[:, :5], b[:, :5]), frechet_distance(b[:, :5], a[:, :5]))


def test_principal_components_and_features():
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(50, 2)) @ ortho_group.rvs(6, random_state=0)[:2]
    a, b = plane[:20] + 0.5, plane[20:]
    shift = a - a.mean(axis=0) + b.mean(axis=0)  # differs from b inside its plane alone
    assert_allclose(frechet_distance(shift, b, n_components=2), frechet_distance(shift, b))
    assert frechet_distance(a, b, n_components=1) <= frechet_distance(a, b)
    assert frechet_distance(a, b, features=lambda x: x[:, :1]) == pytest.approx(
        frechet_distance(a[:, :1], b[:, :1])
    )


# --- containers -----------------------------------------------------------------------------------

KINDS = {
    "list": lambda x: x.tolist(),
    "float32": lambda x: x.astype(np.float32),
    "int": lambda x: x.astype(np.int16),
    "frame": lambda x: pd.DataFrame(x),
    "nullable": lambda x: pd.DataFrame(x).astype("Float64"),
    "sparse": sp.csr_array,
    "images": lambda x: x.reshape(len(x), 1, 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_containers(kind):
    a, b = KINDS[kind](A), KINDS[kind](B)
    for distance in (frechet_distance, energy_distance, mmd2):
        assert distance(a, b) == pytest.approx(distance(A, B), rel=1e-12)
    assert sliced_wasserstein(a, b, 9, random_state=0) == pytest.approx(
        sliced_wasserstein(A, B, 9, random_state=0)
    )


def test_tensors_and_series():
    torch = pytest.importorskip("torch")
    a, b = torch.tensor(A, requires_grad=True), torch.tensor(B)
    assert energy_distance(a, b) == pytest.approx(energy_distance(A, B))
    assert trajectory_mse([a], [a + 1]).tolist() == [1.0]
    assert wasserstein_1d(pd.Series([0, 1]), pd.DataFrame([0, 0, 3])) == pytest.approx(5 / 6)


@settings(max_examples=10)
@given(samples(2), samples(2))
def test_inputs_are_left_as_they_are(a, b):
    before = a.copy(), b.copy()
    frechet_distance(a, b)
    energy_distance(a, b)
    mmd2(a, b, gamma=1.0)
    sliced_wasserstein(a, b, 2, random_state=0)
    wasserstein_1d(a[:, 0], b[:, 0])
    assert (a == before[0]).all()
    assert (b == before[1]).all()


# --- bad input ------------------------------------------------------------------------------------

TWO = [[0.0, 1.0], [1.0, 0.0]]
NAN = [[0.0, np.nan], [1.0, 0.0]]
LAW = ([0, 0], np.eye(2))
BAD = [
    (frechet_distance, (TWO, [[1.0], [2.0]]), "A and B must have as many columns"),
    (energy_distance, (TWO, [[1.0, 2.0]]), r"B must have at least 2 rows.*shape \(1, 2\)"),
    (mmd2, ([1.0, 2.0], TWO), r"A must be of shape \(n, d\).*shape \(2,\)"),
    (sliced_wasserstein, (TWO, NAN), "B must be finite, got NaN or infinity"),
    (energy_distance, ([["a", "b"], ["c", "d"]], TWO), "A must hold real numbers"),
    (energy_distance, (np.ones((2, 2), complex), TWO), "A must hold real numbers"),
    (energy_distance, (np.ones((3, 0)), np.ones((3, 0))), "at least 2 rows and 1 column"),
    (mmd2, (TWO, TWO, 0.0), "gamma must be a number > 0 or None, got 0.0"),
    (mmd2, (TWO, TWO, True), "gamma must be a number > 0 or None, got True"),
    (mmd2, (np.ones((3, 1)), np.ones((3, 1))), "gamma=None needs a median"),
    (sliced_wasserstein, (TWO, TWO, 0), "n_projections must be an int >= 1, got 0"),
    (sliced_wasserstein, (TWO, TWO, 2.5), "n_projections must be an int >= 1, got 2.5"),
    (sliced_wasserstein, (TWO, TWO, 5, 0.5), "p must be a finite number >= 1, got 0.5"),
    (wasserstein_1d, ([0, 1], [2, 3], np.inf), "p must be a finite number >= 1, got inf"),
    (wasserstein_1d, ([0], [2, 3]), r"a must be of shape \(n,\) with at least 2 numbers"),
    (wasserstein_1d, ([0, 1], TWO), r"b must be of shape \(n,\)"),
    (frechet_distance, (TWO, TWO, None, 3), r"n_components must be an int in \[1, 2\].*got 3"),
    (gaussian_frechet, (*LAW, [0], [[1]]), "m1 and m2 must have one length, got 2 and 1"),
    (gaussian_frechet, ([0, 0], [1, 1], *LAW), r"C1 must be of shape \(2, 2\)"),
    (gaussian_frechet, (*LAW, [0, 0], [[1, 1], [0, 1]]), "C2 must be symmetric"),
    (gaussian_frechet, (*LAW, [0, 0], [[1, 0], [0, -1]]), "C2 must be positive semi-definite"),
    (gaussian_frechet, ([[0]], [[1]], *LAW), r"m1 must be of shape \(d,\)"),
    (trajectory_mse, ([A], [A, A]), "lengths 1 and 2"),
    (trajectory_mse, ([], []), "lengths 0 and 0"),
    (trajectory_mse, ([A], [B]), r"states\[0\] and reference\[0\] must be of one shape"),
    (trajectory_mse, ([NAN], [TWO]), r"states\[0\] must be finite"),
]


@pytest.mark.parametrize(("call", "arguments", "message"), BAD)
def test_bad_input(call, arguments, message):
    with pytest.raises(ValueError, match=message):
        call(*arguments)


def test_features_that_cannot_be_called():
    with pytest.raises(TypeError, match="features must be callable or None, got str"):
        frechet_distance(TWO, TWO, features="inception")
