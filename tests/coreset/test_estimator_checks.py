"""scikit-learn's, imbalanced-learn's and sampkit's own checks on the row samplers; none skipped."""

from __future__ import annotations

import numpy as np
import pytest
import scipy
from imblearn.utils.estimator_checks import estimator_checks_generator
from sklearn.base import clone
from sklearn.utils._testing import SkipTest
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.fixes import parse_version

from sampkit.coreset import (
    LeverageScoreSampler,
    LewisWeightSampler,
    LpSensitivitySampler,
    RootLeverageSampler,
    UniformRowSampler,
)
from sampkit.testing import check_sampler

SAMPLERS = [  # 20 rows: no fewer than the columns of the checks' tables, which would be warned of
    UniformRowSampler(n_samples=20, random_state=0),
    LeverageScoreSampler(n_samples=20, random_state=0),
    LewisWeightSampler(n_samples=20, random_state=0),
    LpSensitivitySampler(p=3.0, n_samples=20, random_state=0),
    RootLeverageSampler(n_samples=20, random_state=0),
]
EXCUSES = {  # of imbalanced-learn's list, which is written for samplers that balance classes
    "check_target_type": "y is not looked at: continuous targets are what these are for",
    "check_samplers_one_label": "one class, or none, is as good as many",
    "check_samplers_fit": "there is no sampling_strategy_",
}


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
def test_scikit_learns_checks(sampler):
    excuses = {}
    if parse_version(scipy.__version__) < parse_version("1.14"):
        excuses["check_array_api_input"] = "scikit-learn dispatches from SciPy 1.14 on"
    results = check_estimator(
        clone(sampler), expected_failed_checks=excuses, on_skip=None, on_fail=None
    )
    assert {r["check_name"]: str(r["exception"]) for r in results if r["status"] != "passed"} == {
        r["check_name"]: str(r["exception"]) for r in results if r["status"] == "xfail"
    }
    assert len(results) >= 45
    assert "check_sample_weights_pandas_series" in {r["check_name"] for r in results}


def imblearn_checks():
    for sampler in SAMPLERS:
        for estimator, check in estimator_checks_generator(sampler):
            name = check.func.__name__
            why = [pytest.mark.xfail(reason=EXCUSES[name])] if name in EXCUSES else []
            yield pytest.param(estimator, check, id=f"{type(estimator).__name__}-{name}", marks=why)


@pytest.mark.parametrize(("estimator", "check"), list(imblearn_checks()))
def test_imbalanced_learns_checks(estimator, check):
    try:
        check(estimator)
    except SkipTest as reason:
        pytest.fail(f"skipped: {reason}")


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
def test_checks_of_this_package(sampler):
    report = check_sampler(sampler)
    assert set(report.not_applicable) == {"exact_counts"}
    assert "weights" in report.passed


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
def test_weights_are_requested_unless_one_says_no(sampler):
    request = sampler.get_metadata_routing().fit.requests
    assert request == {"sample_weight": True}
    assert np.isfinite(sampler.n_samples)
