"""`check_sampler` passes what is right and names what is wrong."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from sampkit.combine import SMOTEENN, SMOTETomek, SMOTEUnder
from sampkit.over_sampling import (
    ADASYN,
    SMOTE,
    SMOTEN,
    SMOTENC,
    SVMSMOTE,
    BorderlineSMOTE,
    KMeansSMOTE,
    RandomOverSampler,
)
from sampkit.testing import SamplerReport, check_sampler, imbalanced_datasets
from sampkit.testing._check_sampler import CHECKS
from sampkit.under_sampling import EditedNearestNeighbours, RandomUnderSampler, TomekLinks

ROUNDED = {"exact_counts": "the numbers of rows are met up to rounding"}
CLEANED = {"exact_counts": "the cleaning that follows drops rows"}
OURS = [
    (SMOTE(), {}),
    (SMOTE(gap="feature"), {}),
    (SMOTE(allocation="random", k_neighbors="auto"), {}),
    (SMOTE(constraints={0: "non-negative"}), {}),
    (BorderlineSMOTE(), {}),
    (BorderlineSMOTE(kind="borderline-2"), {}),
    (SVMSMOTE(), {}),
    (KMeansSMOTE(kmeans_estimator=4), {}),
    (ADASYN(), ROUNDED),
    (SMOTENC([0]), {}),
    (SMOTEN(), {}),
    (RandomOverSampler(), {}),
    (RandomOverSampler(shrinkage=1.0), {}),
    (SMOTEENN(), CLEANED),
    (SMOTETomek(), CLEANED),
    (SMOTEUnder(over=150, under=80), {}),
    (RandomUnderSampler(), {}),
    (RandomUnderSampler(replacement=True), {}),
    (EditedNearestNeighbours(), {}),
    (TomekLinks(), {}),
]


@pytest.mark.parametrize(("sampler", "skip"), OURS, ids=lambda p: str(p)[:40] if p else "")
def test_every_sampler_keeps_its_promises(sampler, skip):
    with threadpool_limits(1, user_api="openmp"):  # for k-means of 90 rows threads only wait
        report = check_sampler(sampler, skip=skip)
    idle = set(report.not_applicable) - set(skip) - {"weights"}  # no weighted selector so far
    excuses = {
        SMOTEUnder: {"exact_counts"},  # it has no sampling_strategy_
        RandomOverSampler: {"rows_follow_origin"} if sampler.get_params().get("shrinkage") else (),
    }
    assert idle == set(excuses.get(type(sampler), ()))
    assert set(report.passed) | set(report.not_applicable) == set(CHECKS)


@pytest.mark.parametrize(
    ("X", "sampler"),
    [
        (
            pd.DataFrame({"a": np.linspace(0, 1, 12), "b": pd.Categorical(list("xyz" * 4))}),
            SMOTENC("auto", k_neighbors=2),
        ),
        (np.array([["a", "b"], ["c", "d"]] * 6, dtype=object), SMOTEN(k_neighbors=2)),
        (np.array([["a", None], ["c", np.nan]] * 6, dtype=object), RandomUnderSampler()),
        (sp.csc_array(np.cos(np.arange(60)).reshape(12, 5).clip(0)), SMOTE(k_neighbors=2)),
        (np.arange(24).reshape(12, 2), SMOTE(k_neighbors=2)),
    ],
    ids=["frame", "strings", "missing", "csc", "integers"],
)
def test_tables_of_your_own(X, sampler):
    report = check_sampler(sampler, X=X, y=[0] * 8 + [1] * 4)
    assert {"container_kept", "rows_follow_origin", "exact_counts"} <= set(report.passed)


@settings(max_examples=10, deadline=None)
@given(imbalanced_datasets(labels=["str", "bool"]))
def test_tables_that_hypothesis_makes(data):
    X, y = data
    check_sampler(RandomUnderSampler(), X=X, y=y)
    check_sampler(SMOTE(), X=X, y=y, skip={"container_csr": "ties may be told apart otherwise"})


def test_a_sampler_that_drops_everything():
    X = np.arange(12.0).reshape(12, 1)
    report = check_sampler(EditedNearestNeighbours(sampling_strategy="all"), X=X, y=[0, 1] * 6)
    assert "rows_follow_origin" in report.passed


def test_a_sampler_without_labels():
    class FirstHalf:
        def fit_resample(self, X, y=None):
            rows = np.arange(X.shape[0] // 2)
            self.sample_indices_, self.sample_weight_ = rows, np.full(len(rows), 2.0)
            return X[rows], y

    report = check_sampler(FirstHalf(), X=np.random.default_rng(0).normal(size=(10, 2)))
    assert {"weights", "rows_follow_origin"} <= set(report.passed)
    assert report.not_applicable["known_labels"] == "there is no y"
    assert report.not_applicable["fit_only"] == "FirstHalf has no fit"


IMBLEARN_EXCUSES = {"container_polars": "imbalanced-learn returns arrays for polars frames"}
PICKS_BLINDLY = {"mismatched_lengths": "imbalanced-learn's random samplers do not compare lengths"}


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("over_sampling", "SMOTE"),
        ("over_sampling", "RandomOverSampler"),
        ("under_sampling", "RandomUnderSampler"),
        ("under_sampling", "TomekLinks"),
        ("under_sampling", "NearMiss"),
    ],
)
def test_samplers_of_imbalanced_learn_pass(module, name):
    peer = getattr(pytest.importorskip(f"imblearn.{module}"), name)()
    excuses = IMBLEARN_EXCUSES | (PICKS_BLINDLY if name.startswith("Random") else {})
    report = check_sampler(peer, skip=excuses)
    assert {"exact_counts", "repeatable", "container_csr", "container_pandas"} <= set(report.passed)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: check_sampler(SVC()), TypeError, "sampler must have fit_resample, SVC has not"),
        (lambda: check_sampler(SMOTE(), skip={"x": ""}), ValueError, "no check 'x'"),
        (lambda: check_sampler(SMOTE(), y=[0, 1]), ValueError, "y must be None when X is None"),
    ],
    ids=["object", "skip", "y"],
)
def test_bad_calls(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_report_reads_as_text():
    report = SamplerReport("Mine", ("protocol", "pickle"), {"weights": "Mine sets none"})
    assert str(report).splitlines() == [
        "Mine: 2 checks passed, 1 did not apply",
        "  passed: protocol, pickle",
        "  weights: Mine sets none",
    ]


def test_hypothesis_is_imported_on_use_only():
    code = """
import sys
import sampkit.testing as t
t.check_sampler
assert "hypothesis" not in sys.modules
sys.modules["hypothesis"] = None
for make in (t.imbalanced_datasets, t.imbalanced_labels, t.count_tables):
    try:
        make()
    except ImportError as error:
        assert "pip install sampkit[test]" in str(error)
    else:
        raise SystemExit(f"{make.__name__} does not need hypothesis")
for make in (t.mixed_frames, t.sample_weights):
    try:
        make(5)
    except ImportError as error:
        assert "pip install sampkit[test]" in str(error)
    else:
        raise SystemExit(f"{make.__name__} does not need hypothesis")
"""
    subprocess.run([sys.executable, "-c", code], check=True)
