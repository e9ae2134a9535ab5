"""Rates as they arrive in the estimator."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from sklearn.base import is_regressor
from sklearn.linear_model import (
    PassiveAggressiveClassifier,
    PassiveAggressiveRegressor,
    Perceptron,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier

from sampkit.subset import RepeatedSubsetClassifier, RepeatedSubsetRegressor

X = np.random.default_rng(0).normal(size=(100, 4))
Y = (X[:, 0] > 0).astype(int)
S = np.arange(8) / 8


def decay(s):
    return math.exp(-3 * s)


def warm_up(s):
    return 0.1 + s


SCHEDULES = {
    "cosine": (1 + np.cos(np.pi * S)) / 2,
    "linear": 1 - S,
    decay: np.exp(-3 * S),
    warm_up: 0.1 + S,
}


def rates(estimator, schedule, read, **options):
    """What `read` finds before every ``partial_fit``."""
    seen = []

    class Spy(type(estimator)):
        def partial_fit(self, *args, **kwargs):
            out = super().partial_fit(*args, **kwargs)
            seen.append(read(self))
            return out

    spied = Spy(**estimator.get_params())
    kind = RepeatedSubsetRegressor if is_regressor(spied) else RepeatedSubsetClassifier
    kind(spied, 0.2, 8, lr_schedule=schedule, random_state=0, **options).fit(X, Y)
    return np.array(seen)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: getattr(s, "__name__", s))
@pytest.mark.parametrize(
    "estimator",
    [
        SGDClassifier(learning_rate="constant", eta0=0.3),
        SGDClassifier(learning_rate="pa1", eta0=0.3, penalty=None),
        SGDRegressor(learning_rate="constant", eta0=0.3),
        Perceptron(eta0=0.3),
    ],
    ids=str,
)
def test_eta0(estimator, schedule):
    found = rates(estimator, schedule, lambda e: e.eta0)
    np.testing.assert_allclose(found, 0.3 * SCHEDULES[schedule])


@pytest.mark.parametrize("kind", [PassiveAggressiveClassifier, PassiveAggressiveRegressor])
def test_aggressiveness_is_the_bound_of_a_step(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        found = rates(kind(C=0.3), "linear", lambda e: (e.C, e.eta0))
    np.testing.assert_allclose(found, np.outer(0.3 * SCHEDULES["linear"], [1, 1]))


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: getattr(s, "__name__", s))
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_network(solver, schedule):
    network = MLPClassifier(5, solver=solver, learning_rate_init=0.3)
    found = rates(network, schedule, lambda e: e._optimizer.learning_rate_init)
    np.testing.assert_allclose(found, 0.3 * SCHEDULES[schedule])


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_rate_of_zero_stops_a_network(solver):
    # Adam computes its rate from learning_rate_init: to set only learning_rate changes nothing
    network = MLPClassifier(5, solver=solver, learning_rate_init=0.3)
    weights = rates(network, lambda s: float(s < 0.5), lambda e: e.coefs_[0].sum())
    if solver == "sgd":  # momentum goes on by itself
        assert abs(weights[7] - weights[6]) < abs(weights[1] - weights[0])
    else:
        assert np.ptp(weights[3:]) == 0
    assert np.ptp(weights[:4]) > 0


def test_network_keeps_its_parameter():
    model = RepeatedSubsetClassifier(
        MLPClassifier(5, learning_rate_init=0.3), 0.2, 4, lr_schedule=lambda s: 0.5, random_state=0
    ).fit(X, Y)
    assert model.estimator_.learning_rate_init == 0.3
    assert model.estimator_._optimizer.learning_rate_init == 0.15


def test_own_way(kit):
    seen = []

    def set_lr(estimator, multiplier):
        seen.append(multiplier)
        estimator.rate = multiplier

    model = RepeatedSubsetClassifier(
        kit.Recorder(), 0.2, 8, lr_schedule="cosine", set_lr=set_lr, random_state=0
    ).fit(X, Y)
    np.testing.assert_allclose(seen, SCHEDULES["cosine"])
    assert model.estimator_.rate == seen[-1]
    assert model.estimator.rate == 0.5


def test_without_a_schedule_nothing_is_set(kit):
    def refuse(estimator, multiplier):
        raise AssertionError

    RepeatedSubsetClassifier(kit.Recorder(), 0.2, 3, set_lr=refuse).fit(X, Y)
    assert set(rates(SGDClassifier(), None, lambda e: e.eta0)) == {0.01}


@pytest.mark.parametrize(
    ("estimator", "options", "message"),
    [
        (SGDClassifier(), {"lr_schedule": "cosine"}, "learning_rate='constant'.*got.*'optimal'"),
        (SGDClassifier(learning_rate="adaptive"), {"lr_schedule": "linear"}, "schedule of its own"),
        (GaussianNB(), {"lr_schedule": "cosine"}, "GaussianNB: give set_lr"),
        (SGDClassifier(), {"lr_schedule": "step"}, r"lr_schedule must be None, one of \['cosine'"),
        (SGDClassifier(), {"lr_schedule": 0.5}, "or a callable, got 0.5"),
        (GaussianNB(), {"lr_schedule": "cosine", "set_lr": 1}, "set_lr must be None or a callable"),
        (Perceptron(), {"lr_schedule": lambda s: -1}, "finite numbers >= 0, got -1 at s=0"),
        (Perceptron(), {"lr_schedule": lambda s: "x"}, "finite numbers >= 0, got 'x'"),
        (Perceptron(), {"lr_schedule": lambda s: float("nan")}, "got nan"),
    ],
)
def test_bad_input(estimator, options, message):
    with pytest.raises(ValueError, match=message):
        RepeatedSubsetClassifier(estimator, **options).fit(X, Y)
