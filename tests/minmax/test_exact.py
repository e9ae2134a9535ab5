"""The mixed-integer programme against enumeration, and bounds against both."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from sampkit.minmax import max_violation, minmax_exact, minmax_lower_bound, minmax_search
from sampkit.minmax._problem import as_problem
from sampkit.minmax._relaxation import Box, linear_programme

seeds = st.integers(0, 2**32 - 1)


def enumerated(A, b, levels, **cost):
    """Smallest violation over all choices."""
    return min(max_violation(A, np.array(x), b, **cost) for x in itertools.product(*levels))


def problem(seed, m=9, n=4):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, n))
    return rng, A, A @ rng.uniform(-1, 1, n) + 0.3 * rng.standard_normal(m)


COSTS = list(itertools.product(["both", "upper", "lower"], [False, True], [False, True]))


@pytest.mark.parametrize(("side", "tolerant", "weighted"), COSTS)
@settings(max_examples=12)
@given(seed=seeds, even=st.booleans())
@example(seed=43809, even=True)  # once wrong: the sign of a tolerance
@example(seed=2000, even=False)  # wrong by HiGHS's presolve
def test_exact_equals_enumeration(side, tolerant, weighted, seed, even):
    rng, A, b = problem(seed)
    cost = {
        "side": side,
        "tolerance": rng.uniform(0, 0.2, 9) if tolerant else None,
        "row_weight": rng.uniform(0.5, 2, 9) if weighted else None,
    }
    levels = [-1, 0, 1] if even else [-1, -0.2, 0.7]
    found = minmax_exact(A, b, levels, **cost)
    best = enumerated(A, b, [levels] * 4, **cost)
    assert found.status == ("optimal" if best > 0 or side != "both" else found.status)
    # HiGHS stops within its tolerance of 1e-6 on t
    assert found.objective == pytest.approx(best, abs=2e-6)
    assert found.lower_bound <= found.objective
    assert found.lower_bound >= best - 1e-5
    searched = minmax_search(A, b, levels, rng=0, minimize_slack=True, max_iter=5, **cost)
    assert searched.objective >= best - 1e-12


@pytest.mark.parametrize(("side", "tolerant", "weighted"), COSTS)
@settings(max_examples=5)
@given(seed=seeds)
def test_the_bound_is_the_relaxation_in_full(side, tolerant, weighted, seed):
    rng, A, b = problem(seed)
    t = rng.uniform(0, 0.2, 9) if tolerant else np.zeros(9)
    w = rng.uniform(0.5, 2, 9) if weighted else np.ones(9)
    # min e: w (A x - b - t) <= e and w (b - A x - t) <= e
    above = np.column_stack([w[:, None] * A, -np.ones(9)]), w * (b + t)
    below = np.column_stack([-w[:, None] * A, -np.ones(9)]), w * (t - b)
    use = {"both": [above, below], "upper": [above], "lower": [below]}[side]
    relaxed = linprog(
        [0, 0, 0, 0, 1],
        A_ub=np.concatenate([rows for rows, _ in use]),
        b_ub=np.concatenate([right for _, right in use]),
        bounds=[(-1, 1)] * 4 + [(None, None)],
    )
    cost = {"side": side, "tolerance": t, "row_weight": w}
    bound = linear_programme(Box.of(as_problem(A, b, [-1, 1], **cost)))[1]
    assert bound == pytest.approx(relaxed.fun, abs=1e-7)


@settings(max_examples=8)
@given(seed=seeds)
def test_exact_does_not_depend_on_the_order(seed):
    rng, A, b = problem(seed)
    levels = np.sort(rng.uniform(-1, 1, (4, 3)), axis=1)
    one = minmax_exact(A, b, levels).objective
    rows, columns = rng.permutation(9), rng.permutation(4)
    assert minmax_exact(A[rows], b[rows], levels).objective == pytest.approx(one, abs=2e-6)
    swapped = minmax_exact(A[:, columns], b, levels[columns])
    assert swapped.objective == pytest.approx(one, abs=2e-6)
    twice = minmax_exact(np.vstack([A, A[:3]]), np.append(b, b[:3]), levels)
    assert twice.objective == pytest.approx(one, abs=2e-6)


@pytest.mark.parametrize("c", [1e-9, 1e9])
def test_exact_of_data_in_other_units(c):
    _, A, b = problem(1)
    one = minmax_exact(A, b, [-1, 0, 1])
    other = minmax_exact(A * c, b * c, [-1, 0, 1])
    assert other.objective == pytest.approx(c * one.objective, rel=1e-9)
    assert other.lower_bound == pytest.approx(c * one.lower_bound, rel=1e-5)


def test_frozen_variables_keep_values_that_are_no_levels():
    _, A, b = problem(2)
    frozen, start = np.array([True, False, False, False]), np.array([0.37, 0, 0, 0])
    found = minmax_exact(A, b, [-1, 0, 1], frozen=frozen, start=start)
    assert found.x[0] == 0.37
    best = enumerated(A, b, [[0.37], [-1, 0, 1], [-1, 0, 1], [-1, 0, 1]])
    assert found.objective == pytest.approx(best, abs=2e-6)


@pytest.mark.parametrize("c", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("levels", [[2.0], [-1, 0, 1]])
def test_the_bound_of_what_cannot_move_is_the_objective(c, levels):
    A, b = np.array([[3.0, 1.0], [1.0, -2.0]]) * c, np.array([1.0, 4.0]) * c
    found = minmax_exact(A, b, levels, start=[0.3, 0.2], frozen=[len(levels) > 1] * 2)
    assert found.status == "optimal"
    assert found.lower_bound == pytest.approx(found.objective, rel=1e-9)
    none = minmax_exact(0 * A, b, levels)
    assert none.objective == none.lower_bound == pytest.approx(4 * c)


def test_sparse_matrices_and_levels_of_each_variable():
    _, A, b = problem(3)
    A[np.abs(A) < 0.5] = 0
    levels = [[0, 1], [-1, 0, 1], [0.5], [-1, 1]]
    found = minmax_exact(sp.csr_array(A), b, levels)
    assert found.objective == pytest.approx(enumerated(A, b, levels), abs=2e-6)


def test_time_limit_leaves_a_bound_and_a_choice():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((80, 40))
    b = A @ rng.uniform(-1, 1, 40)
    found = minmax_exact(A, b, np.linspace(-1, 1, 9), time_limit=0.5)
    assert found.status == "time_limit"
    assert 0 <= found.lower_bound <= found.objective
    assert 0 < found.gap <= 1


@settings(max_examples=15)
@given(seed=seeds, far=st.booleans())
def test_bounds_are_below_the_optimum(seed, far):
    rng, A, b = problem(seed)
    b = b + (2 * rng.standard_normal(9) if far else 0)
    levels = [-1, -0.4, 1]
    best = enumerated(A, b, [levels] * 4)
    lp, dual, l2 = (minmax_lower_bound(A, b, levels, method=m) for m in ("lp", "dual", "l2"))
    assert 0 <= dual <= lp + 1e-9
    assert max(lp, l2) <= best + 1e-12
    if lp > 0.1:
        assert dual >= 0.5 * lp


def test_linear_programme_is_that_of_scipy():
    from scipy.optimize import linprog

    rng, A, b = problem(4, m=200, n=10)
    b = b + rng.standard_normal(200)
    ones = np.ones((200, 1))
    whole = linprog(
        np.append(np.zeros(10), 1),
        np.block([[A, -ones], [-A, -ones]]),
        np.concatenate([b, -b]),
        bounds=[(-1, 1)] * 10 + [(0, None)],
    )
    bound = minmax_lower_bound(A, b, [-1, 1])
    assert bound == pytest.approx(whole.fun, rel=1e-8)
    assert bound <= whole.fun * (1 + 1e-12)


def test_bounds_of_several_targets():
    rng = np.random.default_rng(5)
    A, B = rng.standard_normal((12, 3)), 3 * rng.standard_normal((12, 2))
    bounds = minmax_lower_bound(A, B, [-1, 1])
    assert bounds.shape == (2,)
    for i in range(2):
        assert bounds[i] == pytest.approx(minmax_lower_bound(A, B[:, i], [-1, 1]), rel=1e-9)


def test_trivial_bounds_are_zero():
    assert minmax_lower_bound(np.eye(2), [0, 0], [-1, 1]) == 0
    assert minmax_lower_bound(np.zeros((2, 2)), [0, 0], [-1, 1], method="l2") == 0
    assert minmax_lower_bound(np.eye(2), [0, 0], [-1, 1], method="l2") == pytest.approx(1)
