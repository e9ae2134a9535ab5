"""Stopped and resumed is the same as not interrupted."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPClassifier

from sampkit.subset import RepeatedSubsetClassifier, RepeatedSubsetRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = (X[:, 0] + 0.3 * RNG.normal(size=120) > 0).astype(int)


class Stops:
    """Ends a fit after some rounds: by its answer, or by an exception."""

    def __init__(self, after, error=None):
        self.after, self.error = after, error

    def setup(self, estimator, context):
        self.rounds = 0

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.rounds += context.task_name == "round"
        if context.task_name == "round" and self.rounds == self.after:
            if self.error is not None:
                raise self.error
            return True
        return False


def weights(model):
    inner = model.estimator_
    parts = getattr(inner, "coefs_", None) or [inner.coef_, inner.intercept_]
    return np.concatenate([np.ravel(part) for part in parts])


def assert_equal(a, b):
    np.testing.assert_array_equal(weights(a), weights(b))
    assert a.n_rounds_ == b.n_rounds_ == len(a.history_)
    assert (a.n_samples_seen_, a.bytes_read_) == (b.n_samples_seen_, b.bytes_read_)
    for one, other in zip(a.history_, b.history_, strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}


ESTIMATORS = {
    "linear": SGDClassifier(learning_rate="constant", eta0=0.1),
    "network": MLPClassifier(3, solver="sgd"),
    "adam": MLPClassifier(3),
}


@settings(max_examples=15)
@given(
    st.sampled_from(sorted(ESTIMATORS)),
    st.lists(st.integers(1, 11), max_size=3),
    st.fixed_dictionaries(
        {
            "subset_size": st.sampled_from([0.1, 0.45, 0.8, 1.0, 7]),
            "replacement": st.booleans(),
            "lr_schedule": st.sampled_from([None, "cosine"]),
        }
    ),
    st.sampled_from([{}, {"stratify": True}, {"block_rows": 7}]),
)
def test_any_stops_leave_no_trace(name, stops, options, kind):
    model = RepeatedSubsetClassifier(
        ESTIMATORS[name], n_rounds=12, warm_start=True, random_state=3, **options, **kind
    )
    whole = clone(model).fit(X, Y, eval_set=(X, Y))
    for stop in sorted(stops):
        # the schedule is that of 12 rounds, so a fit is ended by a callback
        if stop > getattr(model, "n_rounds_", 0):
            model.set_callbacks(Stops(stop - getattr(model, "n_rounds_", 0)))
            model.fit(X, Y, eval_set=(X, Y))
            assert model.n_rounds_ == stop
    model.set_callbacks()
    assert_equal(model.fit(X, Y, eval_set=(X, Y)), whole)


def test_more_rounds_train_further():
    model = RepeatedSubsetClassifier(SGDClassifier(), 0.2, 5, warm_start=True, random_state=0)
    inner = model.fit(X, Y).estimator_
    seconds = model.history_[-1]["seconds"]
    model.set_params(n_rounds=9).fit(X, Y)
    assert model.estimator_ is inner
    assert model.history_[5]["seconds"] > seconds
    assert_equal(model, clone(model).fit(X, Y))
    assert_equal(copy.deepcopy(model).fit(X, Y), model)  # nothing left to do
    assert model.set_params(n_rounds=3).fit(X, Y).n_rounds_ == 9
    assert model.set_params(warm_start=False).fit(X, Y).n_rounds_ == 3


def test_through_a_file():
    model = RepeatedSubsetRegressor(SGDRegressor(), 0.3, 4, warm_start=True, random_state=0)
    stored = pickle.dumps(model.fit(X, X[:, 1]))
    resumed = pickle.loads(stored).set_params(n_rounds=8).fit(X, X[:, 1])
    assert_equal(resumed, clone(model).set_params(n_rounds=8).fit(X, X[:, 1]))


@pytest.mark.parametrize("seed", [None, np.random.default_rng(0), np.random.RandomState(0)])
def test_without_an_int_the_stream_goes_on_all_the_same(seed, kit):
    rows = np.arange(60.0)[:, None]
    model = RepeatedSubsetClassifier(kit.Recorder(), 0.25, 2, warm_start=True, random_state=seed)
    model.fit(rows, np.arange(60) % 2).set_params(n_rounds=4).fit(rows, np.arange(60) % 2)
    seen = np.concatenate([call["X"] for call in model.estimator_.calls_])
    assert np.array_equal(np.sort(seen, axis=None), rows.ravel())


# --- interruptions --------------------------------------------------------------------------------


class StopsHalfway(SGDClassifier):
    """Is interrupted in its fifth call, with half of the work done."""

    def partial_fit(self, X, y, **kwargs):
        self.calls_ = getattr(self, "calls_", 0) + 1
        if self.calls_ == 5 and not getattr(type(self), "patient", False):
            super().partial_fit(X[: len(X) // 2], y[: len(X) // 2], **kwargs)
            raise KeyboardInterrupt
        return super().partial_fit(X, y, **kwargs)


def test_interrupted_in_a_round():
    model = RepeatedSubsetClassifier(StopsHalfway(), 0.2, 9, warm_start=True, random_state=1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, eval_set=(X, Y))
    expected = RepeatedSubsetClassifier(SGDClassifier(), 0.2, 9, random_state=1)
    short = clone(expected).set_params(n_rounds=4).fit(X, Y, eval_set=(X, Y))
    assert_equal(model, short)
    assert model.score(X, Y) == short.score(X, Y)
    StopsHalfway.patient = True
    try:
        assert_equal(model.fit(X, Y, eval_set=(X, Y)), expected.fit(X, Y, eval_set=(X, Y)))
    finally:
        del StopsHalfway.patient


def test_a_network_that_swallows_the_interruption(monkeypatch):
    # MLPClassifier catches KeyboardInterrupt amid an epoch, warns, and returns as if all was well
    model = RepeatedSubsetClassifier(
        MLPClassifier(3, batch_size=5), 0.2, 9, warm_start=True, random_state=1
    )
    whole = clone(model).fit(X, Y)
    original, calls = MLPClassifier._backprop, []

    def interrupted(self, *args, **kwargs):
        calls.append(None)
        if len(calls) == 18:  # five batches a round: within the fourth
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    monkeypatch.setattr(MLPClassifier, "_backprop", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    assert model.n_rounds_ == 3
    assert_equal(model, clone(model).set_params(n_rounds=3).fit(X, Y))
    assert_equal(model.fit(X, Y), whole)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("enough")])
def test_callbacks_that_raise(error):
    model = RepeatedSubsetClassifier(SGDClassifier(), 0.2, 9, random_state=1)
    with pytest.raises(type(error)):
        model.set_callbacks(Stops(4, error)).fit(X, Y)
    assert_equal(model, clone(model).set_params(n_rounds=4).set_callbacks().fit(X, Y))


def test_an_error_in_a_later_round_keeps_those_before(kit):
    bad = X.copy()
    bad[:, 0] = np.where(np.arange(120) == 60, np.nan, bad[:, 0])
    model = RepeatedSubsetClassifier(SGDClassifier(), 6, 20, random_state=0)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(bad, Y)
    assert 0 < model.n_rounds_ == len(model.history_) < 20
    assert_equal(model, clone(model).set_params(n_rounds=model.n_rounds_).fit(X, Y))


def test_interrupted_in_the_first_round(kit):
    model = RepeatedSubsetClassifier(kit.Recorder(stop_after=1), 0.2, 3, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    assert (model.n_rounds_, model.history_, model.n_samples_seen_) == (0, [], 0)
    assert not hasattr(model.estimator_, "calls_")


def test_an_estimator_that_cannot_be_copied_is_trained_all_the_same(kit):
    class Holds(type(kit.Recorder())):
        def __deepcopy__(self, memo):
            raise TypeError("cannot be copied")

    model = RepeatedSubsetClassifier(Holds(), 0.2, 3, random_state=0).fit(X, Y)
    assert len(model.estimator_.calls_) == 3


# --- callbacks ------------------------------------------------------------------------------------


class Log:
    def __init__(self):
        self.lines = []

    def setup(self, estimator, context):
        self.lines.append("setup")

    def teardown(self, estimator, context):
        self.lines.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.lines.append(("begin", context.task_name, context.max_subtasks))

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        score = fitted_estimator.score(X, y)
        self.lines.append(("end", context.task_name, len(X), 0 <= score <= 1))


def test_one_task_a_round():
    log = Log()
    model = RepeatedSubsetClassifier(SGDClassifier(), 0.25, 2, random_state=0).set_callbacks(log)
    model.fit(X, Y)
    round_ = [("begin", "round", 0), ("end", "round", 30, True)]
    assert log.lines == [
        "setup", ("begin", "fit", 2), *round_, *round_, ("end", "fit", 120, True), "teardown",
    ]  # fmt: skip


def test_scikit_learns_own_callbacks(capsys):
    pytest.importorskip("rich")
    monitor = ScoringMonitor(scoring="accuracy")
    model = RepeatedSubsetClassifier(SGDClassifier(), 0.25, 4, random_state=0)
    model.set_callbacks(monitor, ProgressBar()).fit(X, Y)
    assert "RepeatedSubsetClassifier" in capsys.readouterr().out
    assert len(monitor.get_logs().data) == 5  # four rounds and the fit


# --- what cannot go on ----------------------------------------------------------------------------


def test_other_data_are_refused():
    model = RepeatedSubsetClassifier(SGDClassifier(), 0.25, 2, warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="X must have 120 rows, got 60"):
        model.fit(X[:60], Y[:60])
    with pytest.raises(ValueError, match=r"y has also \[2\]"):
        model.fit(X, np.where(np.arange(120) == 0, 2, Y))
    assert model.n_rounds_ == 2
