"""scikit-learn's and imbalanced-learn's own checks; nothing is skipped.

An excuse is a check with its reason; it has to fail, or it is no excuse.
"""

from __future__ import annotations

import pytest
import scipy
from imblearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    estimator_checks_generator,
)
from sklearn.base import clone
from sklearn.utils._testing import SkipTest
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.fixes import parse_version

from sampkit.diversity import GreedyMaximumEntropySampler

SAMPLERS = [
    GreedyMaximumEntropySampler(n_select=5),
    GreedyMaximumEntropySampler(n_select=8, selector="sum", order=2.0, missing="category"),
    GreedyMaximumEntropySampler(n_select=3, candidates=4, random_state=0),
]


def excuses_before_sklearn():
    excuses = {}
    if parse_version(scipy.__version__) < parse_version("1.14"):
        excuses["check_array_api_input"] = "scikit-learn dispatches from SciPy 1.14 on"
    return excuses


EXCUSES_BEFORE_IMBLEARN = {
    "check_target_type": "it does not look at y, which may be of any type",
    "check_samplers_one_label": "one class is as good as none",
    "check_samplers_fit": "it is told a number of items and has no sampling_strategy_",
    "check_samplers_sparse": "a sparse matrix holds counts, the check's is of normal numbers",
}


@pytest.mark.filterwarnings("ignore:n_select=:UserWarning")
@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_scikit_learns_checks(sampler):
    excuses = excuses_before_sklearn()
    results = check_estimator(
        clone(sampler), expected_failed_checks=excuses, on_skip=None, on_fail=None
    )
    assert {r["check_name"]: str(r["exception"]) for r in results if r["status"] != "passed"} == {
        r["check_name"]: str(r["exception"]) for r in results if r["status"] == "xfail"
    }
    assert {r["check_name"] for r in results if r["status"] == "xfail"} == set(excuses)
    assert len(results) >= 40
    assert "check_array_api_input" in {r["check_name"] for r in results}


def imblearn_checks():
    for sampler in SAMPLERS[:1]:
        for estimator, check in estimator_checks_generator(sampler):
            name = check.func.__name__
            why = EXCUSES_BEFORE_IMBLEARN.get(name)
            marks = [] if why is None else [pytest.mark.xfail(reason=why)]
            yield pytest.param(estimator, check, id=name, marks=marks)


@pytest.mark.filterwarnings("ignore:n_select=:UserWarning")
@pytest.mark.parametrize(("estimator", "check"), list(imblearn_checks()))
def test_imbalanced_learns_checks(estimator, check):
    try:
        check(estimator)
    except SkipTest as reason:
        pytest.fail(f"skipped: {reason}")


@pytest.mark.filterwarnings("ignore:n_select=:UserWarning")
@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_imbalanced_learns_check_of_parameters(sampler):
    check_param_validation(type(sampler).__name__, clone(sampler))


class WithoutPartialFit(GreedyMaximumEntropySampler):
    """The peer's check trips over its own variable where there is partial_fit, but no predict."""

    partial_fit = property()


def test_imbalanced_learns_check_of_column_names():
    sampler = WithoutPartialFit(n_select=5)
    check_dataframe_column_names_consistency(type(sampler).__name__, sampler)
