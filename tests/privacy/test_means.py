"""Means of numbers: the published variances, exact losses, unbiasedness."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampkit.privacy import MeanOracle
from sampkit.privacy._exact import GRID, exp_down
from sampkit.privacy._means import MECHANISMS, Window, window

BUDGETS = [0.1, 0.5, 0.7, 1.0, 2.0, 4.0]


def published(mechanism: str, epsilon: float, x: float) -> float:
    """Variances of one report: Duchi 2018; Wang et al. 2019, lemma 1 and equation 15."""
    e, root = math.exp(epsilon), math.exp(epsilon / 2)
    duchi = ((e + 1) / (e - 1)) ** 2 - x**2
    piecewise = x**2 / (root - 1) + (root + 3) / (3 * (root - 1) ** 2)
    share = 1 - math.exp(-epsilon / 2) if epsilon > 0.61 else 0.0
    hybrid = share * piecewise + (1 - share) * duchi
    return {"duchi": duchi, "piecewise": piecewise, "hybrid": hybrid}[mechanism]


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("epsilon", BUDGETS)
def test_variances_are_the_published_ones(mechanism, epsilon):
    oracle = MeanOracle(mechanism, epsilon)
    for x in (-1.0, -0.3, 0.0, 0.5, 1.0):
        assert oracle.variance(x, 1) == pytest.approx(published(mechanism, epsilon, x), rel=1e-6)
    assert oracle.variance(0.5, 100) == pytest.approx(oracle.variance(0.5, 1) / 100)
    assert oracle.variance([0.0, 0.5], 3).shape == (2,)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("epsilon", BUDGETS)
def test_mean_and_spread_of_reports(mechanism, epsilon):
    # 18 tests x 2 values, each 4.5 standard errors two-sided: false alarm < 3e-4 in all, seed fixed
    oracle, n = MeanOracle(mechanism, epsilon), 200_000
    for seed, x in enumerate((0.35, -0.9)):
        reports = oracle.privatize(np.full(n, x), random_state=seed)
        variance = oracle.variance(x, 1)
        assert abs(oracle.estimate(reports) - x) < 4.5 * math.sqrt(variance / n)
        fourth = np.mean((reports - reports.mean()) ** 4)
        error = math.sqrt(max(fourth - variance**2, 0) / n) + 1e-9
        assert abs(reports.var() - variance) < 5 * error + 25 * variance / n


@given(cells=st.integers(2, 40), width=st.integers(1, 39), epsilon=st.floats(0.01, 8))
@settings(max_examples=200, deadline=None)
def test_enumerated_window_is_private_and_unbiased(cells, width, epsilon):
    width = min(width, cells - 1)
    mechanism = window(cells, width, epsilon)
    inside = Fraction(mechanism.inside, GRID)
    laws = []
    for start in range(cells - width + 1):
        law = [(1 - inside) / (cells - width)] * cells
        law[start : start + width] = [inside / width] * width
        assert sum(law) == 1
        laws.append(law)
    loss = max(max(c) / min(c) for c in zip(*laws, strict=True))
    assert mechanism.ratio == loss if cells > width and len(laws) > 1 else loss >= 1
    assert loss <= exp_down(epsilon)
    # nothing wasted: the grid costs at most a few 2^-32 / (1 - inside) of the loss
    assert math.log(loss) >= epsilon - 8 * cells * math.exp(epsilon) / GRID
    reports = (np.arange(cells) + (1 - cells) / 2) * mechanism.step
    for start, law in enumerate(laws):
        x = 2 * start / (cells - width) - 1
        weights = np.array(law, dtype=float)
        assert weights @ reports == pytest.approx(x, abs=1e-7 / epsilon)
        spread = weights @ reports**2 - x**2
        assert mechanism.variance(x) == pytest.approx(spread, rel=1e-6)


def test_drawn_cells_follow_the_window():
    # chi-square over 7 cells, false alarm 1e-4, seed fixed
    from scipy.stats import chi2

    from sampkit.privacy._exact import entropy_of

    mechanism, n = window(7, 3, 1.5), 70_000
    reports = mechanism.draw(np.full(n, 0.5), entropy_of(3))  # the window starts at cell 3
    drawn = np.bincount(np.rint(reports / mechanism.step + 3).astype(int), minlength=7)
    inside = mechanism.inside / GRID
    law = np.full(7, (1 - inside) / 4)
    law[3:6] = inside / 3
    assert ((drawn - n * law) ** 2 / (n * law)).sum() < chi2.isf(1e-4, 6)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("epsilon", [0.05, 1.0, 3.0])
def test_real_loss_stays_below_the_budget_and_near_it(mechanism, epsilon):
    effective = MeanOracle(mechanism, epsilon).epsilon_effective
    assert epsilon - 1e-6 < effective <= epsilon


def test_hybrid_is_duchi_at_small_budgets_and_never_worse_at_its_worst():
    assert MeanOracle("hybrid", 0.6)._parts == MeanOracle("duchi", 0.6)._parts
    x = np.linspace(-1, 1, 41)
    for epsilon in BUDGETS:
        worst = {m: MeanOracle(m, epsilon).variance(x, 1).max() for m in MECHANISMS}
        assert worst["hybrid"] <= min(worst["duchi"], worst["piecewise"]) * (1 + 1e-6)


def test_reports_stay_in_the_published_range():
    for epsilon in BUDGETS:
        bound = (math.exp(epsilon / 2) + 1) / (math.exp(epsilon / 2) - 1)
        x = np.linspace(-1, 1, 5000).reshape(50, 100)
        reports = MeanOracle("piecewise", epsilon).privatize(x, random_state=0)
        assert reports.shape == (50, 100)
        assert np.abs(reports).max() <= bound


def test_the_same_seed_gives_the_same_reports_and_none_does_not():
    oracle, x = MeanOracle("hybrid", 1.0), np.linspace(-1, 1, 50)
    same = [oracle.privatize(x, random_state=7) for _ in range(2)]
    np.testing.assert_array_equal(*same)
    fresh = [oracle.privatize(x) for _ in range(2)]
    assert not np.array_equal(*fresh)
    assert oracle.privatize(0.25, random_state=0).shape == ()


def test_budgets_too_large_for_a_float_are_the_truth():
    for mechanism in MECHANISMS:
        reports = MeanOracle(mechanism, 5000.0).privatize([1.0, -1.0], random_state=0)
        np.testing.assert_allclose(reports, [1.0, -1.0], atol=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: MeanOracle("laplace", 1.0), ("mechanism", "'laplace'", "'hybrid'")),
        (lambda: MeanOracle("duchi", 0.0), ("epsilon", "> 0", "0.0")),
        (lambda: MeanOracle("duchi", True), ("epsilon", "> 0", "True")),
        (lambda: MeanOracle("duchi", math.inf), ("epsilon", "finite", "inf")),
        (lambda: MeanOracle("duchi", 1e-12), ("epsilon", "too small", "1e-12")),
        (lambda: MeanOracle("duchi", 1.0).privatize([0.0, 1.5]), ("x", "[-1, 1]", "1.5")),
        (lambda: MeanOracle("duchi", 1.0).privatize(math.nan), ("x", "[-1, 1]", "nan")),
        (lambda: MeanOracle("duchi", 1.0).variance(2.0, 1), ("x", "[-1, 1]", "2.0")),
        (lambda: MeanOracle("duchi", 1.0).variance(0.0, 0), ("n", "> 0", "0")),
        (lambda: MeanOracle("duchi", 1.0).estimate([]), ("reports", "empty")),
        (lambda: MeanOracle("duchi", 1.0).estimate([9.0]), ("reports", "2.16", "9.0")),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        call()
    assert all(word in str(error.value) for word in words), error.value


def test_window_is_data():
    assert window(2, 1, 1.0) == Window(2, 1, window(2, 1, 1.0).inside)
