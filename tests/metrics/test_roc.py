"""ROC areas, hull and operating point. Known answers: section "Checks" of the family's spec."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sampkit.metrics import optimal_operating_point, roc_auc_points, roc_convex_hull

FPR = [0.1, 0.2, 0.3, 0.6, 0.5]
TPR = [0.5, 0.6, 0.85, 0.8, 0.9]

rate = st.one_of(st.floats(0, 1, allow_subnormal=False), st.integers(0, 8).map(lambda k: k / 8))
points = st.lists(st.tuples(rate, rate), min_size=1, max_size=40).map(
    lambda p: tuple(np.array(p).T)
)


def test_hull_of_the_example():
    hull = roc_convex_hull(FPR, TPR)
    assert_array_equal(hull.indices, [-1, 0, 2, 4, -1])
    assert_allclose(hull.fpr, [0, 0.1, 0.3, 0.5, 1])
    assert_allclose(hull.tpr, [0, 0.5, 0.85, 0.9, 1])
    assert hull.auc == pytest.approx(0.81, abs=1e-12)


def test_area_of_the_example():
    assert roc_auc_points(FPR, TPR) == pytest.approx(0.7725, abs=1e-12)
    # Without (0, 0) the triangle left of the first point, 0.1 * 0.5 / 2, is missing.
    assert roc_auc_points(FPR, TPR, anchor=False) == pytest.approx(0.7475, abs=1e-12)


@pytest.mark.parametrize(
    ("prevalence", "cost_fn", "index", "cost"),
    [(0.1, 1, -1, 0.1), (0.1, 20, 2, 0.57), (0.5, 5, 4, 0.5)],
)
def test_operating_points_of_the_example(prevalence, cost_fn, index, cost):
    found = optimal_operating_point(FPR, TPR, prevalence=prevalence, cost_fn=cost_fn)
    assert found[0] == index
    assert found[1] == pytest.approx(cost, abs=1e-12)


def test_area_equals_scikit_learn():
    from sklearn.metrics import roc_auc_score, roc_curve

    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    score = y + rng.normal(size=200)
    fpr, tpr, _ = roc_curve(y, score)
    assert roc_auc_points(fpr, tpr) == pytest.approx(roc_auc_score(y, score), abs=1e-12)


def test_points_on_a_straight_edge_are_left_out():
    assert_array_equal(roc_convex_hull([0.1, 0.2, 0.3], [0.3, 0.6, 0.9]).indices, [-1, 2, -1])
    assert_array_equal(roc_convex_hull([0.3, 0.6], [0.3, 0.6]).indices, [-1, -1])


def test_of_equal_points_the_first_counts():
    hull = roc_convex_hull([0.2, 0.2, 0.0, 1.0], [0.8, 0.8, 0.0, 1.0])
    assert_array_equal(hull.indices, [2, 0, 3])


def test_without_anchors_only_given_points():
    hull = roc_convex_hull(FPR, TPR, anchor=False)
    assert_array_equal(hull.indices, [0, 2, 4, 3])
    assert_array_equal(roc_convex_hull([0.4, 0.4], [0.3, 0.7], anchor=False).indices, [1])


def test_a_steep_fall_does_not_hide_a_corner():
    # The smallest positive rate: a cross product with it is 0.
    assert_array_equal(roc_convex_hull([0.0, 5e-324], [0.5, 0.0]).indices, [-1, 0, -1])


def test_series_and_lists_alike():
    frame = pd.DataFrame({"fpr": FPR, "tpr": TPR}, index=list("abcde"))
    assert_array_equal(
        roc_convex_hull(frame["fpr"], frame["tpr"]).indices, roc_convex_hull(FPR, TPR).indices
    )


@given(points, st.randoms(use_true_random=False))
def test_hull_is_concave_above_every_point_and_blind_to_order(rates, random):
    fpr, tpr = rates
    hull = roc_convex_hull(fpr, tpr)
    assert hull.auc >= roc_auc_points(fpr, tpr) - 1e-12
    assert (hull.fpr[0], hull.tpr[0]) == (0, 0)
    assert (hull.fpr[-1], hull.tpr[-1]) == (1, 1)
    dx, dy = np.diff(hull.fpr), np.diff(hull.tpr)
    assert (dx[1:] > 0).all()
    assert (dy >= 0).all()
    assert (dx[:-1] * dy[1:] - dy[:-1] * dx[1:] <= 0).all()
    own = hull.indices >= 0
    assert_array_equal(hull.fpr[own], fpr[hull.indices[own]])
    assert_array_equal(hull.tpr[own], tpr[hull.indices[own]])
    steep = dx == 0
    above = np.interp(fpr, hull.fpr[int(steep[0]) :], hull.tpr[int(steep[0]) :])
    assert (tpr <= above + 1e-12).all()
    order = random.sample(range(fpr.size), fpr.size)
    again = roc_convex_hull(fpr[order], tpr[order])
    assert_array_equal(again.fpr, hull.fpr)
    assert_array_equal(again.tpr, hull.tpr)


@given(points, st.floats(0, 1, allow_subnormal=False), st.floats(0, 0.999))
def test_points_below_the_hull_change_nothing(rates, at, share):
    fpr, tpr = rates
    hull = roc_convex_hull(fpr, tpr)
    start = int(hull.fpr[1] == 0)
    height = np.interp(at, hull.fpr[start:], hull.tpr[start:])
    again = roc_convex_hull(np.append(fpr, at), np.append(tpr, height * share))
    assert again.auc == pytest.approx(hull.auc, abs=1e-12)


@given(points, st.floats(0, 1), st.floats(0, 100), st.floats(0, 100))
def test_no_point_is_cheaper_than_the_optimum(rates, prevalence, cost_fp, cost_fn):
    fpr, tpr = rates
    index, cost = optimal_operating_point(
        fpr, tpr, prevalence=prevalence, cost_fp=cost_fp, cost_fn=cost_fn
    )
    every = prevalence * cost_fn * (1 - tpr) + (1 - prevalence) * cost_fp * fpr
    assert cost <= every.min() + 1e-9
    assert cost <= min(prevalence * cost_fn, (1 - prevalence) * cost_fp) + 1e-9
    if index >= 0:
        assert cost == pytest.approx(every[index])


def test_many_points_take_a_moment():
    angle = np.linspace(0, np.pi / 2, 200_000)
    hull = roc_convex_hull(1 - np.cos(angle), np.sin(angle))
    assert hull.auc == pytest.approx(np.pi / 4, abs=1e-9)


@pytest.mark.parametrize(
    ("fpr", "tpr", "message"),
    [
        ([0.1, 1.5], [0.2, 0.3], "fpr must be in .0, 1., got 1.5 at position 1"),
        ([0.1, 0.2], [0.2, float("nan")], "tpr must be in .0, 1., got nan at position 1"),
        ([0.1], [-0.2], "tpr must be in .0, 1., got -0.2"),
        ([0.1, 0.2], [0.2], "equal lengths, got 2 and 1"),
        ([], [], "fpr must be one-dimensional with at least one value"),
        ([[0.1]], [0.2], r"fpr must be one-dimensional .* got shape \(1, 1\)"),
    ],
)
@pytest.mark.parametrize("function", [roc_convex_hull, roc_auc_points])
def test_bad_rates(function, fpr, tpr, message):
    with pytest.raises(ValueError, match=message):
        function(fpr, tpr)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"prevalence": 1.2}, "prevalence must be in .0, 1., got 1.2"),
        ({"prevalence": float("nan")}, "prevalence must be in .0, 1., got nan"),
        ({"prevalence": 0.1, "cost_fp": -1}, "cost_fp must be a finite number >= 0, got -1"),
        ({"prevalence": 0.1, "cost_fn": float("inf")}, "cost_fn must be a finite number"),
    ],
)
def test_bad_costs(parameters, message):
    with pytest.raises(ValueError, match=message):
        optimal_operating_point(FPR, TPR, **parameters)
