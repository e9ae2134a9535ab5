"""Optima that are known: proved by HiGHS, by enumeration or by theory; sources beside each."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.linalg import hadamard
from sklearn.datasets import load_diabetes

from sampkit.minmax import (
    improving_intervals,
    lll_reduce,
    max_violation,
    minmax_exact,
    minmax_lower_bound,
    minmax_search,
    move_table,
    round_to_levels,
)

SECONDS = 30  # generous: what is asserted is the value, and the search stops when it has it

# A = default_rng(seed).standard_normal((m, n)), b = A w with w uniform in (-1, 1) from the same
# generator, L levels in [-1, 1]: nearest rounding, optimum and its index, proved by HiGHS 1.9
# through SciPy 1.17 (the first one by enumeration of all 4^6 choices, too).
PROVED = [
    (0, 20, 6, 4, None, 0.9026582685, "3 2 1 1 3 0"),
    (0, 40, 12, 4, 1.6262037258, 1.3545354062, "2 2 2 1 2 3 2 3 0 3 3 1"),
    (1, 60, 16, 4, 1.7799549978, 1.4971549384, "1 0 1 2 1 1 2 1 2 2 1 1 2 1 1 0"),
    (2, 100, 14, 8, 0.7691763293, 0.6845936315, "0 1 6 5 6 5 5 6 7 2 6 7 1 3"),
    (3, 30, 20, 2, 6.0089062693, 3.8444927506, "1 0 0 1 0 0 1 0 1 1 0 1 1 1 0 1 0 0 0 1"),
    (7, 60, 18, 4, 1.6870785828, 1.5249071084, "3 2 1 2 1 3 0 0 2 1 0 2 1 2 2 2 0 2"),
]


def gaussian(seed, m, n):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, n))
    w = rng.uniform(-1, 1, n)
    return A, w, A @ w


def until(optimum, **options):
    """Options of a search that ends when it has the optimum."""
    goal = optimum + 1e-9 * max(optimum, 1)
    return dict(time_limit=SECONDS, callback=lambda _, objective: objective <= goal, **options)


@pytest.mark.parametrize("rng", [0, 1, 2])
@pytest.mark.parametrize("case", PROVED, ids=lambda case: "-".join(map(str, case[:4])))
def test_search_finds_what_highs_has_proved(case, rng):
    seed, m, n, n_levels, nearest, optimum, index = case
    A, w, b = gaussian(seed, m, n)
    levels = np.linspace(-1, 1, n_levels)
    if nearest is not None:
        assert max_violation(A, round_to_levels(w, levels)[1], b) == pytest.approx(
            nearest, abs=1e-9
        )
    found = minmax_search(A, b, levels, rng=rng, **until(optimum))
    assert found.objective == pytest.approx(optimum, abs=1e-9)
    assert " ".join(map(str, found.index)) == index


@pytest.mark.parametrize("case", PROVED[:2], ids=lambda case: "-".join(map(str, case[:4])))
def test_exact_proves_the_same(case):
    seed, m, n, n_levels, _, optimum, _ = case
    A, _, b = gaussian(seed, m, n)
    found = minmax_exact(A, b, np.linspace(-1, 1, n_levels))
    assert found.status == "optimal"
    assert found.objective == pytest.approx(optimum, abs=1e-9)
    assert found.lower_bound == pytest.approx(optimum, rel=1e-6)


def test_the_first_one_by_enumeration():
    A, _, b = gaussian(0, 20, 6)
    choices = np.array(list(itertools.product(np.linspace(-1, 1, 4), repeat=6)))
    assert np.abs(choices @ A.T - b).max(axis=1).min() == pytest.approx(PROVED[0][5], abs=1e-9)


@pytest.mark.parametrize(("n", "optimum"), [(16, 4), (32, 8), (64, 8)])
def test_hadamard_discrepancy(n, optimum):
    # |A x|_2 = n, so max |A x| >= sqrt(n), which bent functions attain for n = 16, 64; for n = 32
    # the nonlinearity 12 of Boolean functions of five variables (covering radius of RM(1, 5))
    # gives 32 - 2 * 12 = 8.
    found = minmax_search(hadamard(n), np.zeros(n), [-1, 1], rng=0, **until(optimum))
    assert found.objective == optimum
    bound = minmax_lower_bound(hadamard(n), np.zeros(n), [-1, 1], method="l2")
    assert bound == pytest.approx(np.sqrt(n), rel=1e-9)
    assert found.status == ("bound" if n != 32 else "interrupted")


def test_diagonal_matrices_are_solved_variable_by_variable():
    rng = np.random.default_rng(0)
    d, b = rng.uniform(0.1, 3, 30), rng.uniform(-3, 3, 30)
    levels = np.array([-1.0, -0.2, 0.3, 1.5])
    best = (d * np.abs(levels[:, None] - b / d).min(axis=0)).max()
    found = minmax_search(np.diag(d), b, levels, rng=0, **until(best))
    assert found.objective == pytest.approx(best, rel=1e-12)
    dense = minmax_search(np.diag(d), b, levels, rng=0, engine="dense", **until(best))
    assert dense.objective == pytest.approx(best, rel=1e-12)


def test_number_partition():
    numbers = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3])
    assert numbers.sum() % 2 == 0
    found = minmax_search(numbers[None], [numbers.sum() / 2], [0, 1], rng=0, **until(0))
    assert found.objective == 0
    assert found.status == "feasible"
    assert found.gap == 0


@pytest.mark.parametrize("rng", range(4))
def test_diabetes_with_coarse_coefficients(rng):
    # optimum by HiGHS 1.9 through SciPy 1.17; the relaxation's value is its linear programme's
    X, y = load_diabetes(return_X_y=True)
    levels = 100.0 * np.arange(-8, 9)
    found = minmax_search(X, y - y.mean(), levels, rng=rng, **until(130.4659817222))
    assert found.objective == pytest.approx(130.4659817222, abs=1e-9)
    assert found.x.tolist() == [-200, -100, 300, 200, -700, 700, -100, -200, 400, 400]
    assert found.lower_bound == pytest.approx(128.577, abs=1e-3)


def test_half_taps_of_a_low_pass_filter():
    # order 12, 4 bits, edges .4 and 4/7: 0.2071036172 is HiGHS's optimum (SciPy 1.17)
    grid = np.concatenate([np.linspace(0, 0.4, 93), np.linspace(4 / 7, 1, 99)]) * np.pi
    A = np.hstack([2 * np.cos(np.outer(grid, np.arange(6, 0, -1))), np.ones((192, 1))])
    b = (grid < 0.5 * np.pi).astype(float)
    levels = np.arange(-8, 8) / 8
    exact = minmax_exact(A, b, levels)
    assert exact.status == "optimal"
    found = minmax_search(A, b, levels, rng=0, **until(exact.objective))
    assert found.objective == pytest.approx(exact.objective, abs=1e-12)


def test_primitives_on_a_problem_of_three_rows():
    # row 1 forbids x_0 to grow, row 2 bounds it; computed by hand
    A, r = [[1, 2], [-1, 1], [0.5, -2]], [1, -0.5, 0.8]
    low, high = improving_intervals(A, r)
    np.testing.assert_allclose(low, [-1.5, -0.1], atol=1e-15)
    np.testing.assert_array_equal(high, [0, 0])
    np.testing.assert_allclose(move_table(A, r, [-0.5, 0.5]), [[0.55, 1.5], [1.8, 2.0]])


def test_lll_finds_the_shortest_vector_of_three():
    # in three dimensions; by enumeration
    B = np.array([[1, -1, 3], [1, 0, 5], [1, 2, 6]], dtype=float)
    reduced, U = lll_reduce(B)
    coefficients = np.array(list(itertools.product(range(-6, 7), repeat=3)))
    lengths = ((coefficients @ B.T) ** 2).sum(axis=1)
    assert (reduced[:, 0] ** 2).sum() == lengths[lengths > 0].min()
    assert abs(round(np.linalg.det(U))) == 1
