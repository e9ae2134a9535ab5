"""The pictures: the numbers that they show, and what is on the axes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression, LogisticRegression

from sampkit.coreset import (
    CoefficientErrorDisplay,
    DistortionDisplay,
    LeverageDisplay,
    LeverageScoreSampler,
    LewisWeightSampler,
    UniformRowSampler,
    leverage_scores,
    subspace_distortion,
)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_t(3, size=(300, 3))
    return X, X @ [1.0, 2.0, 3.0] + rng.normal(size=300)


def test_distortion_against_rows(data):
    X, y = data
    samplers = {
        "uniform": UniformRowSampler(),
        "lewis": LewisWeightSampler(p=1),
    }
    display = DistortionDisplay.from_samplers(samplers, X, y, sizes=[30, 120], p=1, n_draws=2)
    assert set(display.values) == {"uniform", "lewis"}
    assert display.values["lewis"].shape == (2, 2)
    assert np.median(display.values["lewis"][1]) < np.median(display.values["lewis"][0])
    assert [t.get_text() for t in display.ax_.get_legend().get_texts()] == ["uniform", "lewis"]
    assert display.ax_.get_xscale() == "log"
    again = DistortionDisplay.from_samplers(samplers, X, y, sizes=[30, 120], p=1, n_draws=2)
    assert_array_equal(again.values["lewis"], display.values["lewis"])
    one = DistortionDisplay.from_samplers(
        {"all": LeverageScoreSampler(target="Xy")}, X, y, sizes=[300], n_draws=1
    )
    assert one.values["all"].max() < 1e-9


def test_coefficient_error_against_rows(data):
    X, y = data
    samplers = {"leverage": LeverageScoreSampler(target="Xy")}
    display = CoefficientErrorDisplay.from_estimator(
        LinearRegression(), samplers, X, y, sizes=[30, 300], n_draws=2
    )
    assert_allclose(display.values["leverage"][1], 0, atol=1e-12)
    assert (display.values["leverage"][0] > 1e-3).all()
    classes = {"uniform": UniformRowSampler(stratify=True)}
    logistic = CoefficientErrorDisplay.from_estimator(
        LogisticRegression(), classes, X, (y > 0).astype(int), sizes=[100], n_draws=1
    )
    assert logistic.values["uniform"].shape == (1, 1)


def test_which_rows_were_taken(data):
    X, _ = data
    figure, ax = plt.subplots()
    display = LeverageDisplay.from_estimator(
        LeverageScoreSampler(n_samples=60, random_state=0), X, ax=ax
    )
    assert display.figure_ is figure
    assert_allclose(display.scores, leverage_scores(X, fit_intercept=True))
    dots = display.ax_.collections[0].get_offsets()
    assert len(dots) == 60
    assert_allclose(np.sort(dots[:, 1]), np.sort(display.scores[display.indices]))
    assert "60 of 300 rows taken" in display.ax_.get_legend().get_texts()[0].get_text()
    ones = np.c_[np.ones(300), X]
    assert subspace_distortion(ones, display.indices, display.sample_weight).distortion < 1


def test_errors(data):
    X, y = data
    with pytest.raises(ValueError, match="sizes must be an int >= 1, got 0"):
        DistortionDisplay.from_samplers({"u": UniformRowSampler()}, X, sizes=[0])
    with pytest.raises(ValueError, match="p must be a finite number >= 1"):
        DistortionDisplay.from_samplers({"u": UniformRowSampler()}, X, sizes=[9], p=0)
    with pytest.raises(ValueError, match="n_draws must be an int >= 1"):
        CoefficientErrorDisplay.from_estimator(
            LinearRegression(), {"u": UniformRowSampler()}, X, y, sizes=[9], n_draws=0
        )
    with pytest.raises(ValueError, match="samplers must be a dict of at least one"):
        CoefficientErrorDisplay.from_estimator(LinearRegression(), {}, X, y, sizes=[9])
