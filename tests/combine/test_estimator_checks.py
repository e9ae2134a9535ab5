"""scikit-learn's and imbalanced-learn's own checks on every sampler; nothing is skipped.

An excuse is a check with its reason; it has to fail (`xfail_strict`), or it is no excuse.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import scipy
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling.base import BaseCleaningSampler, BaseUnderSampler
from imblearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    estimator_checks_generator,
)
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils._testing import SkipTest
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.fixes import parse_version

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
from sampkit.under_sampling import EditedNearestNeighbours, RandomUnderSampler, TomekLinks

# Without this the peer's isinstance branches are passed over in silence. One by one: a parent
# would take its children along. The combined samplers derive from none of the three there either.
BASES = {
    BaseOverSampler: [
        SMOTE, SMOTENC, SMOTEN, BorderlineSMOTE, SVMSMOTE, KMeansSMOTE, ADASYN, RandomOverSampler,
    ],
    BaseUnderSampler: [RandomUnderSampler],
    BaseCleaningSampler: [EditedNearestNeighbours, TomekLinks],
}  # fmt: skip
for base, classes in BASES.items():
    for cls in classes:
        base.register(cls)

SAMPLERS = [
    SMOTE(random_state=0),
    SMOTENC([0], random_state=0),
    SMOTEN(random_state=0),
    BorderlineSMOTE(random_state=0),
    SVMSMOTE(random_state=0),
    KMeansSMOTE(kmeans_estimator=12, random_state=0),  # as the peer checks its own
    ADASYN(random_state=0),
    RandomOverSampler(random_state=0),
    RandomOverSampler(shrinkage=0.5, random_state=0),
    RandomUnderSampler(random_state=0),
    EditedNearestNeighbours(),
    TomekLinks(),
    SMOTEENN(random_state=0),
    SMOTETomek(random_state=0),
    SMOTEUnder(random_state=0),
]

# The checks hand over such tables on purpose, and do not ask for silence.
column_y_and_sparse_smoten_warn = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.DataConversionWarning"
)


def excuses_before_sklearn(sampler):
    excuses = {}
    if parse_version(scipy.__version__) < parse_version("1.14"):
        excuses["check_array_api_input"] = "scikit-learn dispatches from SciPy 1.14 on"
    if isinstance(sampler, SMOTENC):
        excuses["check_estimators_nan_inf"] = "NaN in the nominal column is a level of its own"
    return excuses


def excuses_before_imblearn(sampler):
    if isinstance(sampler, SMOTENC):
        return {"check_samplers_string": "its table has one column: purely nominal, no SMOTE-NC"}
    if isinstance(sampler, SMOTEUnder):
        return {"check_samplers_fit": "it is told percentages and has no sampling_strategy_"}
    return {}


@column_y_and_sparse_smoten_warn
@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_scikit_learns_checks(sampler):
    excuses = excuses_before_sklearn(sampler)
    results = check_estimator(
        clone(sampler), expected_failed_checks=excuses, on_skip=None, on_fail=None
    )
    assert {r["check_name"]: str(r["exception"]) for r in results if r["status"] != "passed"} == {
        r["check_name"]: str(r["exception"]) for r in results if r["status"] == "xfail"
    }
    assert {r["check_name"] for r in results if r["status"] == "xfail"} == set(excuses)
    assert len(results) >= 41
    # passed over unless SCIPY_ARRAY_API=1 was set before SciPy was imported
    assert "check_array_api_input" in {r["check_name"] for r in results}


def imblearn_checks():
    """What its `parametrize_with_checks` runs; pytest 9 wants a list, there it is a generator."""
    for sampler in SAMPLERS:
        excuses = excuses_before_imblearn(sampler)
        for estimator, check in estimator_checks_generator(sampler):
            name = check.func.__name__
            why = [pytest.mark.xfail(reason=excuses[name])] if name in excuses else []
            yield pytest.param(estimator, check, id=f"{estimator}-{name}", marks=why)


@column_y_and_sparse_smoten_warn
@pytest.mark.parametrize(("estimator", "check"), list(imblearn_checks()))
def test_imbalanced_learns_checks(estimator, check):
    try:
        check(estimator)
    except SkipTest as reason:
        pytest.fail(f"skipped: {reason}")


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
@pytest.mark.parametrize(
    "check", [check_param_validation, check_dataframe_column_names_consistency]
)
def test_imbalanced_learns_checks_outside_its_list(sampler, check):
    check(type(sampler).__name__, clone(sampler))


def test_registration_makes_nothing_what_it_is_not():
    for sampler in SAMPLERS:
        for base, classes in BASES.items():
            assert isinstance(sampler, base) == (type(sampler) in classes)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_in_the_peers_pipeline_as_by_hand(sampler, overlapping):
    """The step resamples at fit and is passed over at predict."""
    X, y = overlapping
    model = make_pipeline(StandardScaler(), clone(sampler), LogisticRegression()).fit(X, y)
    scaler = StandardScaler().fit(X)
    X_res, y_res = clone(sampler).fit_resample(scaler.transform(X), y)
    by_hand = LogisticRegression().fit(X_res, y_res)
    np.testing.assert_array_equal(model[-1].coef_, by_hand.coef_)
    assert (model.predict(X) == by_hand.predict(scaler.transform(X))).all()


def test_the_package_never_imports_the_peer():
    """Every sampler runs in a process of its own."""
    program = """
import sys
import numpy as np
from sklearn.utils._metadata_requests import METHODS
before = list(METHODS)
from sampkit import combine, over_sampling, under_sampling
X, y = np.random.default_rng(0).normal(size=(90, 3)), np.repeat([0, 1], [60, 30])
X[:, 0] = np.rint(X[:, 0])
for family in (combine, over_sampling, under_sampling):
    for name in family.__all__:
        cls = getattr(family, name)
        if hasattr(cls, "fit_resample"):
            sampler = cls([0]) if name == "SMOTENC" else cls()
            if "random_state" in sampler.get_params():
                sampler.set_params(random_state=0)  # K-means finds no rare cluster now and then
            sampler.fit_resample(X, y)
assert METHODS == before
print([name for name in sys.modules if name.split(".")[0] in ("imblearn", "matplotlib", "torch")])
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (result.stdout.strip(), result.returncode) == ("[]", 0), result.stderr[-2000:]
