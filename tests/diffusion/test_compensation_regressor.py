"""Cascade polynomial regression: recovered exactly, in the published layout, inside its box."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, cross_val_score

from sampkit.diffusion import (
    CompensationRegressor,
    DynamicCompensation,
    UniPC,
    VPLinearSchedule,
    time_grid,
)
from sampkit.diffusion.accelerate.compensation_regressor import _basis


def configurations(calls=range(5, 15, 2), scales=(1.0, 2.5, 4.0, 5.5, 7.5)):
    return np.array(
        [(n, g, i) for n in calls for g in scales for i in range(3, n + 1)], dtype=float
    )


def published(coef, rows):
    """The publication's formula, power by power."""
    total = 0.0
    N, G, s = rows[:, 0] / 50, rows[:, 1] / 12, rows[:, 2] / rows[:, 0]
    for c, of_step in enumerate(coef):
        for b, of_scale in enumerate(of_step[::-1]):
            for a, value in enumerate(of_scale[::-1]):
                total = total + value * N**a * G**b * s**c
    return total


@pytest.mark.parametrize("degrees", [(2, 2, 3), (1, 0, 2), (0, 0, 0), (3, 1, 2)])
def test_random_coefficients_are_recovered(degrees):
    rng = np.random.default_rng(0)
    coef = rng.normal(size=(degrees[2] + 1, degrees[1] + 1, degrees[0] + 1))
    X = configurations()
    regressor = CompensationRegressor(degrees).fit(X, published(coef, X))
    assert regressor.rank_ == coef.size
    assert_allclose(regressor.to_coefficients(), coef, rtol=1e-7, atol=1e-8)
    if coef.size > 1:  # a constant leaves nothing to explain
        assert_allclose(regressor.score(X, published(coef, X)), 1)
    condition = np.linalg.cond(_basis(X, regressor.coef_.shape, regressor.domains_))
    assert condition < 2e3  # of monomials: 1e6 and more


def test_coefficients_there_and_back():
    rng = np.random.default_rng(1)
    coef = rng.normal(size=(4, 3, 3))
    regressor = CompensationRegressor.from_coefficients(coef.ravel())
    assert_allclose(regressor.to_coefficients(), coef, atol=1e-12)
    for nfe, cfg in ((5, 7.5), (40, 1.0), (1, 3.0), (2, 3.0)):  # no box
        rows = np.array([(nfe, cfg, i + 1) for i in range(nfe)], dtype=float)
        wanted = published(coef, rows)
        wanted[:2] = 1
        assert_allclose(regressor.predict(nfe, cfg), wanted, atol=1e-11)
    other = CompensationRegressor.from_coefficients(coef[:2, :, :1], degrees=(0, 2, 1))
    assert_allclose(other.to_coefficients(), coef[:2, :, :1], atol=1e-13)


def test_a_constant_one_predicts_ones():
    coef = np.zeros((4, 3, 3))
    coef[0, -1, -1] = 1
    assert_allclose(CompensationRegressor.from_coefficients(coef).predict(9, 4.0), 1, rtol=1e-14)


def test_predictions_are_for_a_solver():
    X = configurations()
    regressor = CompensationRegressor().fit(X, 1 + 0.1 * np.sin(X @ (0.1, 0.2, 0.3)))
    ratios = regressor.predict(7, 3.0)
    assert ratios.shape == (7,)
    assert_array_equal(ratios[:2], 1)
    schedule = VPLinearSchedule()
    plan = DynamicCompensation(UniPC(2), ratios).plan(schedule, time_grid(schedule, 7))
    assert plan.rows[3].mix is not None


def test_it_stays_in_its_box():
    X = configurations()
    regressor = CompensationRegressor().fit(X, X[:, 2] / X[:, 0])
    assert_array_equal(regressor.box_, [[5, 1], [13, 7.5]])
    for nfe, cfg, name in ((4, 3, "nfe"), (14, 3, "nfe"), (5, 0.9, "cfg"), (5, 7.6, "cfg")):
        with pytest.raises(ValueError, match=rf"{name} must be in \[.*\], where ratios were"):
            regressor.predict(nfe, cfg)
        steps = np.arange(3, nfe + 1)
        assert_allclose(regressor.predict(nfe, cfg, extrapolate=True)[2:], steps / nfe)
    assert regressor.predict(5, 1).shape == regressor.predict(5, 7.5).shape == (5,)


def test_ridge_shrinks_to_the_mean():
    X = configurations()
    y = 1 + 0.2 * np.cos(X @ (0.3, 0.5, 0.7))
    free, held, none = (CompensationRegressor(alpha=a).fit(X, y) for a in (0.0, 1.0, 1e12))
    sizes = [np.abs(each.coef_.ravel()[1:]).sum() for each in (free, held, none)]
    assert sizes[0] > sizes[1] > sizes[2]
    assert_allclose(none.predict(9, 3.0)[2:], y.mean(), atol=1e-6)
    # the normal equations, with the constant left alone
    table = _basis(X, held.coef_.shape, held.domains_)
    penalty = np.diag([0.0] + [1.0] * 35)
    assert_allclose(
        held.coef_.ravel(), np.linalg.solve(table.T @ table + penalty, table.T @ y), atol=1e-9
    )


def test_few_rows_give_the_solution_of_least_norm():
    X = configurations([5], [3.0])
    y = np.array([0.9, 1.1, 1.3])
    regressor = CompensationRegressor().fit(X, y)
    assert regressor.rank_ == 3
    assert_allclose(regressor.predict(5, 3.0)[2:], y)


def test_validation_leaves_each_configuration_out():
    rng = np.random.default_rng(0)
    X = configurations()
    coef = 0.1 * rng.normal(size=(4, 3, 3))
    y = published(coef, X) + 1
    report = CompensationRegressor().fit(X, y).validate()
    assert len(report) == 25
    assert report["rmse"].max() < 1e-9  # the model is true
    assert report["inside"].sum() == 25  # another one shares every border
    assert_allclose(report["rmse_of_ones"][0], np.sqrt(np.mean((y[:3] - 1) ** 2)))
    y[X[:, 0] == 9] += rng.normal(size=(X[:, 0] == 9).sum())  # noise that no other row tells of
    report = CompensationRegressor().fit(X, y).validate()
    assert report["rmse"][report["nfe"] == 9].mean() > report["rmse"][report["nfe"] == 5].mean()
    first = CompensationRegressor().fit(X[3:], y[3:])
    assert_allclose(
        report["rmse"][0],
        np.sqrt(np.mean((first.predict(5, 1.0, extrapolate=True)[2:] - y[:3]) ** 2)),
    )
    alone = CompensationRegressor().fit(configurations([6, 8], [1.0]), np.ones(10)).validate()
    assert not alone["inside"].any()


def test_scikit_learns_ways():
    X = configurations()
    y = 1 + 0.1 * np.cos(X @ (0.3, 0.5, 0.7))
    regressor = CompensationRegressor((1, 1, 2), alpha=0.1)
    assert clone(regressor).get_params() == {"degrees": (1, 1, 2), "alpha": 0.1}
    frame = pd.DataFrame(X, columns=["nfe", "cfg", "step"])
    fitted = clone(regressor).fit(frame, pd.Series(y))
    assert_array_equal(fitted.feature_names_in_, ["nfe", "cfg", "step"])
    assert_array_equal(fitted.coef_, clone(regressor).fit(X.tolist(), y.tolist()).coef_)
    again = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(again.predict(7, 3.0), fitted.predict(7, 3.0))
    groups = X[:, 0] * 100 + X[:, 1]
    scores = cross_val_score(regressor, X, y, groups=groups, cv=LeaveOneGroupOut())
    assert len(scores) == 25
    search = GridSearchCV(regressor, {"alpha": [0.0, 10.0]}, cv=3).fit(X, y)
    assert search.best_params_["alpha"] in (0.0, 10.0)


def test_input_is_left_alone():
    X, kept = configurations(), configurations()
    y = np.ones(len(X))
    X.setflags(write=False)
    y.setflags(write=False)
    first, second = (CompensationRegressor().fit(X, y) for _ in range(2))
    assert_array_equal(X, kept)
    assert_array_equal(first.coef_, second.coef_)


X = configurations()
Y = np.ones(len(X))
FITTED = CompensationRegressor().fit(X, Y)
CONSTANT = CompensationRegressor.from_coefficients(np.zeros(36))
BAD = [
    (lambda: CompensationRegressor((2, 2)).fit(X, Y), "degrees must be three ints >= 0"),
    (lambda: CompensationRegressor((2, 2, -1)).fit(X, Y), "degrees must be three ints >= 0"),
    (lambda: CompensationRegressor((2, 2, 1.5)).fit(X, Y), "degrees must be three ints >= 0"),
    (lambda: CompensationRegressor(3).fit(X, Y), "degrees must be three ints >= 0, got 3"),
    (lambda: CompensationRegressor(alpha=-1).fit(X, Y), "alpha must be a finite number >= 0"),
    (lambda: CompensationRegressor().fit(X[:, :2], Y), "X must have 3 columns.*got 2"),
    (lambda: CompensationRegressor().fit(X, Y[1:]), "inconsistent numbers of samples"),
    (lambda: CompensationRegressor().fit(X * np.nan, Y), "NaN"),
    (lambda: CompensationRegressor().fit([(0, 1, 1)], [1]), "numbers of calls, ints >= 1, got 0"),
    (lambda: CompensationRegressor().fit([(4.5, 1, 1)], [1]), "numbers of calls, ints >= 1"),
    (lambda: CompensationRegressor().fit([(4, 1, 5)], [1]), "ints from 1 to the number of calls"),
    (lambda: CompensationRegressor().fit([(4, 1, 0)], [1]), "ints from 1 to the number of calls"),
    (lambda: FITTED.predict(0, 3.0), "nfe must be an int >= 1, got 0"),
    (lambda: FITTED.predict(5.0, 3.0), "nfe must be an int >= 1, got 5.0"),
    (lambda: FITTED.predict(5, np.nan), "cfg must be a finite number, got nan"),
    (lambda: CONSTANT.validate(), "made of coefficients has no ratios"),
    (
        lambda: CompensationRegressor().fit(configurations([5], [1.0]), Y[:3]).validate(),
        "at least two configurations",
    ),
    (lambda: CompensationRegressor.from_coefficients(np.zeros(35)), "coef must be of shape"),
    (
        lambda: CompensationRegressor.from_coefficients(np.zeros((3, 3, 4))),
        "coef must be of shape",
    ),
    (lambda: CompensationRegressor.from_coefficients([np.inf] * 36), "coef must be finite"),
    (lambda: CompensationRegressor().predict(5, 1.0), "not fitted"),
    (lambda: CompensationRegressor().to_coefficients(), "not fitted"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises((ValueError, NotFittedError), match=message):
        call()
