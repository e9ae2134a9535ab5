"""Weights on their way to ``partial_fit``."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sampkit.subset import RepeatedSubsetClassifier, iter_random_subsets

X = np.random.default_rng(0).normal(size=(50, 3))
Y = np.arange(50) % 2
W = np.random.default_rng(1).uniform(0.5, 2, 50)


def seen(model):
    return [call["weight"] for call in model.estimator_.calls_]


def assert_rows_of(model):
    subsets = iter_random_subsets(50, 0.2, 4, random_state=0)
    for weights, rows in zip(seen(model), subsets, strict=True):
        np.testing.assert_array_equal(weights, W[rows])


def test_without_routing(kit):
    model = RepeatedSubsetClassifier(kit.Recorder(), 0.2, 4, random_state=0)
    assert_rows_of(model.fit(X, Y, sample_weight=W))
    assert_rows_of(model.fit(X, Y, W.tolist()))
    assert seen(model.fit(X, Y)) == [None] * 4


def test_a_round_of_weights_of_zero_teaches_nothing(kit):
    weights = np.zeros(50)
    first, second = (rows for rows in iter_random_subsets(50, 0.2, 2, random_state=0))
    weights[second] = 1
    model = RepeatedSubsetClassifier(kit.Recorder(), 0.2, 2, random_state=0)
    model.fit(X, Y, sample_weight=weights)
    assert len(model.estimator_.calls_) == 1
    assert model.estimator_.calls_[0]["classes"].tolist() == [0, 1]
    assert model.n_rounds_ == 2
    assert first.size == 10


@pytest.mark.usefixtures("routing")
def test_the_estimator_is_asked(kit):
    asks = kit.Recorder().set_partial_fit_request(sample_weight=True)
    model = RepeatedSubsetClassifier(asks, 0.2, 4, random_state=0)
    assert_rows_of(model.fit(X, Y, sample_weight=W))
    refuses = kit.Recorder().set_partial_fit_request(sample_weight=False)
    model = RepeatedSubsetClassifier(refuses, 0.2, 4, random_state=0)
    with pytest.raises(TypeError, match="sample_weight"):
        model.fit(X, Y, sample_weight=W)
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        RepeatedSubsetClassifier(kit.Recorder(), 0.2, 4).fit(X, Y, sample_weight=W)
    assert not hasattr(RepeatedSubsetClassifier, "set_partial_fit_request")


@pytest.mark.usefixtures("routing")
def test_through_a_pipeline_and_a_search():
    line = SGDClassifier(random_state=0).set_partial_fit_request(sample_weight=True)
    model = make_pipeline(
        StandardScaler().set_fit_request(sample_weight=False),
        RepeatedSubsetClassifier(line, 0.5, 4, random_state=0),
    )
    weighted = model.fit(X, Y, sample_weight=np.where(Y == 1, 50.0, 1.0)).predict(X).mean()
    assert weighted > model.fit(X, Y).predict(X).mean()
    name = "repeatedsubsetclassifier__subset_size"
    scorer = get_scorer("accuracy").set_score_request(sample_weight=False)
    search = GridSearchCV(
        model, {name: [0.2, 0.5]}, scoring=scorer, cv=3, error_score="raise"
    )  # fmt: skip
    search.fit(X, Y, sample_weight=W)


@pytest.mark.usefixtures("routing")
def test_an_eval_set_is_asked_for_by_oneself(kit):
    model = RepeatedSubsetClassifier(kit.Recorder(), 0.2, 2, random_state=0)
    asks = make_pipeline(model.set_fit_request(eval_set=True))
    asks.fit(X, Y, eval_set=(X, Y))
    assert asks[-1].history_[0]["eval_score"] == 0.5
