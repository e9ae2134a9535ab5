from __future__ import annotations

import subprocess
import sys

import pytest
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from sampkit._compat import _as_it_is, _SilentMixin
from sampkit.compose import ResampledClassifier
from sampkit.under_sampling import RandomUnderSampler


class Log:
    """Writes down every hook; goes into sub-estimators as deep as they are."""

    max_propagation_depth = None

    def __init__(self):
        self.lines = []

    def setup(self, estimator, context):
        self.lines.append(("setup", context.estimator_name))

    def teardown(self, estimator, context):
        self.lines.append(("teardown", context.estimator_name))

    def on_fit_task_begin(self, estimator, context, *, X=None):
        self.note("begin", context, X)

    def on_fit_task_end(self, estimator, context, *, X=None):
        self.note("end", context, X)

    def note(self, hook, context, X):
        rows = None if X is None else len(X)
        self.lines.append((hook, context.estimator_name, context.task_name, rows))


def of_model(log):
    """What the meta-estimator itself reported, without the estimator's own tasks."""
    return [line for line in log.lines if line[1] == "ResampledClassifier"]


@pytest.fixture
def model():
    return ResampledClassifier(LogisticRegression(), RandomUnderSampler(random_state=0))


def test_two_tasks_below_the_fit(model, data):
    X, y, _ = data
    log = Log()
    model.set_callbacks(log).fit(X, y)
    assert of_model(log) == [
        ("setup", "ResampledClassifier"),
        ("begin", "ResampledClassifier", "fit", 600),
        ("begin", "ResampledClassifier", "resample", 600),
        ("end", "ResampledClassifier", "resample", 122),
        # the task "fit" is one with the root of the estimator: it speaks for both
        ("end", "ResampledClassifier", "fit", 600),
        ("teardown", "ResampledClassifier"),
    ]
    inner = [line for line in log.lines if line[1] == "LogisticRegression"]
    assert inner[0] == ("begin", "LogisticRegression", "fit", 122)
    assert inner[-1] == ("end", "LogisticRegression", "fit", 122)


def test_a_failing_fit_is_torn_down(model, data):
    X, y, _ = data
    log = Log()
    model.set_params(sampler__sampling_strategy={0: 10**6}).set_callbacks(log)
    with pytest.raises(ValueError, match=r"10_?00_?000"):
        model.fit(X, y)
    assert log.lines[-1] == ("teardown", "ResampledClassifier")
    assert not hasattr(model, "_callback_fit_ctx")


def test_scoring_monitor_sees_the_fitted_model(model, data):
    X, y, _ = data
    monitor = ScoringMonitor(scoring="accuracy")
    model.set_callbacks(monitor).fit(X, y)
    assert monitor.get_logs().data[-1]["accuracy"] == model.score(X, y)


def test_progress_bars_are_nested(model, data, capsys):
    pytest.importorskip("rich")
    X, y, _ = data
    search = GridSearchCV(model, {"estimator__C": [0.1, 1.0]}, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    out = capsys.readouterr().out
    assert "ResampledClassifier - fit | LogisticRegression - fit" in out


def test_sampler_that_reports_is_listened_to(data):
    from sklearn.callback import CallbackSupportMixin, with_callbacks

    class Reports(CallbackSupportMixin, RandomUnderSampler):
        @with_callbacks
        def fit_resample(self, X, y):
            context = self._init_callback_context(task_name="pick")
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
            out = super().fit_resample(X, y)
            context.call_on_fit_task_end(estimator=self, X=X, y=y)
            return out

    X, y, _ = data
    log = Log()
    ResampledClassifier(LogisticRegression(), Reports(random_state=0)).set_callbacks(log).fit(X, y)
    assert ("begin", "Reports", "pick", 600) in log.lines
    assert ("end", "Reports", "pick", 600) in log.lines


# --- the stand-in ---------------------------------------------------------------------------------


def test_stand_in_is_mute():
    context = _SilentMixin()._init_callback_context(max_subtasks=None)
    task = context.subcontext(task_name="round")
    assert task.call_on_fit_task_begin(estimator=None, X=1) is task
    with task.propagate_callback_context(None):
        assert task.call_on_fit_task_end(estimator=None) is False
    assert not hasattr(_SilentMixin, "set_callbacks")
    assert _as_it_is(len) is len


def test_fits_without_the_callback_module():
    code = """
import sys
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
sys.modules["sklearn.callback"] = None  # what an import finds once the experiment is gone
from sampkit.compose import ResampledClassifier
from sampkit.over_sampling import SMOTE
model = ResampledClassifier(LogisticRegression(), SMOTE(random_state=0))
X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 4 == 0
assert model.fit(X, y).n_samples_resampled_ == 90
assert not hasattr(model, "set_callbacks")
"""
    subprocess.run([sys.executable, "-c", code], check=True)
