"""Every refusal names the parameter, shows the value, and stays short."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from sampkit.privacy import (
    BudgetExceededError,
    FrequencyOracle,
    LDPAggregator,
    LDPClient,
    LDPSchema,
    PrivacyAccountant,
    iterative_bayesian_update,
    project_simplex,
    rsfd_epsilon,
    symmetric_channel_mle,
)

PRIOR = [[0.5, 0.5], [0.2, 0.3, 0.5]]


def schema(domain=(2, 3), epsilon=1.0, **options):
    return LDPSchema(list(domain) if isinstance(domain, tuple) else domain, epsilon, **options)


def named(**options):
    domain = {"colour": ["red", "blue"], "size": [1, 2, 3]}
    return LDPSchema(domain, 1.0, **options)


def aggregator():
    return LDPAggregator(named(solution="spl", protocol="grr")).partial_fit(bytes(5))


CASES = [
    *(
        (lambda e=e, make=make: make(e), ValueError, "epsilon")
        for e in (0, -1.0, math.nan, math.inf, True, "1", None, 1j, [1.0])
        for make in (
            lambda e: schema(epsilon=e),
            lambda e: FrequencyOracle("grr", 3, e),
            lambda e: rsfd_epsilon([2, 3], e, "grr"),
            lambda e: PrivacyAccountant(e),
        )
    ),
    # too small for the grid
    *(
        (lambda p=p: FrequencyOracle(p, 4, 1e-11), ValueError, "epsilon")
        for p in ("grr", "sue", "oue", "olh", "ss", "hr", "the", "hr-block")
    ),
    # domains
    (lambda: schema({}), ValueError, "domain"),
    (lambda: schema([]), ValueError, "domain"),
    (lambda: schema("ab"), ValueError, "domain"),
    (lambda: schema(5), ValueError, "domain"),
    (lambda: schema([1, 3]), ValueError, "x0.*at least 2"),
    (lambda: schema([0, 3]), ValueError, "at least 2"),
    (lambda: schema([-4, 3]), ValueError, "at least 2"),
    (lambda: schema([True, 3]), ValueError, "x0"),
    (lambda: schema([["a"], 3]), ValueError, "at least 2"),
    (lambda: schema(["ab", 3]), ValueError, "x0"),
    (lambda: schema([["a", "b", "a"], 3]), ValueError, "'a' twice"),
    (lambda: schema([[1, True], 3]), ValueError, "True twice"),
    (lambda: schema([[1.0, math.nan], 3]), ValueError, "nan.*missing"),
    (lambda: schema([["a", None], 3]), ValueError, "None.*missing"),
    (lambda: schema([["a", ("b",)], 3]), ValueError, "category"),
    (lambda: schema({1: ["a", "b"], 2: 3}), ValueError, "attributes by str"),
    (lambda: schema((5,)), ValueError, "at least 2 attributes"),
    # choices
    (lambda: schema(solution="rappor"), ValueError, "'rappor'"),
    (lambda: schema(solution=None), ValueError, "solution"),
    (lambda: schema(protocol="oue"), ValueError, "protocol.*'oue'"),
    (lambda: schema(solution="spl", protocol="oue-z"), ValueError, "protocol.*'oue-z'"),
    (lambda: schema(solution="spl", protocol="she"), ValueError, "protocol"),
    (lambda: schema(solution="smp", protocol="hr-block"), ValueError, "protocol"),
    (lambda: schema(solution="auto", protocol="nothing"), ValueError, "protocol"),
    (lambda: schema(privacy_unit="user"), ValueError, "privacy_unit"),
    (lambda: schema(calibration="exactly"), ValueError, "calibration"),
    # options
    (lambda: schema(protocol="matched"), ValueError, "prior"),
    (lambda: schema(protocol="oue-z", prior=PRIOR), ValueError, "prior"),
    (lambda: schema(protocol="adaptive", prior=PRIOR), ValueError, "prior"),
    (lambda: schema(solution="spl", protocol="grr", prior=PRIOR), ValueError, "prior"),
    (lambda: schema(protocol="grr", prior=PRIOR[:1]), ValueError, "prior"),
    (lambda: schema(protocol="grr", prior=[[1.0], PRIOR[1]]), ValueError, r"prior\[0\]"),
    (lambda: schema(protocol="grr", prior=[[0.0, 1.0], PRIOR[1]]), ValueError, "positive"),
    (lambda: schema(protocol="grr", prior=[[-0.5, 1.5], PRIOR[1]]), ValueError, "positive"),
    (lambda: schema(protocol="grr", prior=[[0.5, 0.4], PRIOR[1]]), ValueError, "sum to 1"),
    (lambda: schema(protocol="grr", prior=[[math.nan, 1], PRIOR[1]]), ValueError, "positive"),
    (lambda: schema(weights=[1, 2]), ValueError, "weights"),
    (lambda: schema(solution="spl", weights=[1]), ValueError, "weights"),
    (lambda: schema(solution="spl", weights=[1, 0]), ValueError, "weights"),
    (lambda: schema(solution="spl", weights=[1, math.inf]), ValueError, "weights"),
    (
        lambda: schema(solution="spl", weights=[1, 2], privacy_unit="attribute"),
        ValueError,
        "weights.*tuple",
    ),
    (lambda: schema(sampling_probabilities=[0.5, 0.5]), ValueError, "sampling_probabilities"),
    *(
        (
            lambda w=w: schema(solution="smp", sampling_probabilities=w),
            ValueError,
            "sampling_probabilities",
        )
        for w in ([1.0], [0.0, 1.0], [0.5, 0.6], [-1, 2])
    ),
    (lambda: schema(n_sampled=2), ValueError, "n_sampled"),
    *(
        (lambda m=m: schema(solution="smp", n_sampled=m), ValueError, "n_sampled")
        for m in (0, 3, -1, 1.5, True, "2")
    ),
    (
        lambda: schema(solution="smp", n_sampled=2, sampling_probabilities=[0.5, 0.5]),
        ValueError,
        "n_sampled",
    ),
    # predictions
    *(
        (lambda n=n: schema().variance(n), ValueError, "n must")
        for n in (0, -1, math.inf, "5", True)
    ),
    (lambda: schema().variance(5, target="users"), ValueError, "target"),
    (lambda: schema().variance(5, [[0.5, 0.5]]), ValueError, "frequencies"),
    (lambda: schema().variance(5, [[0.5, 0.5], [0.5, 0.6, 0.0]]), ValueError, "sum to 1"),
    (lambda: schema().expected_mse(5, [[0.5, 0.5], [1.0]]), ValueError, "frequencies"),
    # one attribute
    (lambda: FrequencyOracle("rappor", 3, 1.0), ValueError, "protocol"),
    *(
        (lambda k=k: FrequencyOracle("grr", k, 1.0), ValueError, "n_categories")
        for k in (1, 0, 2.5)
    ),
    (lambda: FrequencyOracle("grr", 3, 1.0).privatize([0, 3]), ValueError, "3"),
    (lambda: FrequencyOracle("grr", 3, 1.0).privatize([-1]), ValueError, "-1"),
    (lambda: FrequencyOracle("grr", 3, 1.0).privatize([[1]]), ValueError, "one-dim"),
    (lambda: FrequencyOracle("grr", 3, 1.0).privatize([0.5]), TypeError, "integer"),
    (lambda: FrequencyOracle("grr", 3, 1.0).privatize(["a"]), TypeError, "integer"),
    (lambda: FrequencyOracle("grr", 3, 1.0).privatize([1], -5), ValueError, "random_state"),
    (lambda: FrequencyOracle("grr", 3, 1.0).support_counts([3]), ValueError, "reports"),
    (lambda: FrequencyOracle("hr", 3, 1.0).support_counts([4]), ValueError, "reports"),
    (lambda: FrequencyOracle("grr", 3, 1.0).support_counts([0.5]), ValueError, "reports"),
    (lambda: FrequencyOracle("oue", 3, 1.0).support_counts([[0, 1, 2]]), ValueError, "reports"),
    (lambda: FrequencyOracle("oue", 3, 1.0).support_counts([[0, 1]]), ValueError, "reports"),
    (lambda: FrequencyOracle("ss", 3, 1.0).support_counts([[1, 1, 1]]), ValueError, "ones"),
    (lambda: FrequencyOracle("olh", 3, 1.0).support_counts([[1, 9]]), ValueError, "hashes"),
    (lambda: FrequencyOracle("olh", 3, 1.0).support_counts([1, 2]), ValueError, "reports"),
    (lambda: FrequencyOracle("she", 3, 1.0).support_counts([[1.0]]), ValueError, "reports"),
    (lambda: FrequencyOracle("she", 2, 1.0).support_counts([[1, 0.3]]), ValueError, r"0\.3"),
    (lambda: FrequencyOracle("she", 2, 1.0).support_counts([[1, 1e300]]), ValueError, r"1e\+300"),
    (lambda: FrequencyOracle("she", 2, 1e-10), ValueError, "epsilon"),
    (lambda: FrequencyOracle("grr", 3, 1.0).estimate([1, 2], 3), ValueError, "counts"),
    (lambda: FrequencyOracle("grr", 3, 1.0).estimate([1, 2, 3], 0), ValueError, "n must"),
    (lambda: FrequencyOracle("grr", 3, 1.0).variance(0), ValueError, "n must"),
    (lambda: FrequencyOracle("grr", 3, 1.0).variance(5, 1.5), ValueError, "frequency"),
    (lambda: FrequencyOracle("grr", 3, 1.0).variance(5, 0.5, "all"), ValueError, "target"),
    (lambda: FrequencyOracle("oue", 30, 1.0).channel(), ValueError, r"2\*\*20"),
    # records
    (lambda: LDPClient("schema"), TypeError, "schema"),
    (lambda: LDPClient(named(), "seed"), ValueError, "random_state"),
    *(
        (lambda r=r: LDPClient(named()).privatize(r), TypeError, "record")
        for r in ("ab", b"ab", 5, None, {1, 2}, 1.5)
    ),
    (lambda: LDPClient(named()).privatize(["red"]), ValueError, "2 categories"),
    (lambda: LDPClient(named()).privatize({"colour": "red"}), ValueError, "'size'"),
    (lambda: LDPClient(named()).privatize(["red", 4]), ValueError, "'size' has no category 4"),
    (lambda: LDPClient(named()).privatize(["red", None]), ValueError, "'size'.*None.*missing"),
    (lambda: LDPClient(named()).privatize(["green", 1]), ValueError, "'colour'.*'green'"),
    (lambda: LDPClient(named()).privatize([["red"], 1]), ValueError, "'colour'"),
    *(
        (lambda X=X: LDPClient(named()).privatize_many(X), TypeError, "X must")
        for X in ("ab", 5, None, {"colour": ["red"]}, [1, 2], ["ab"], [{"colour": "red"}])
    ),
    (lambda: LDPClient(named()).privatize_many([["red"]]), ValueError, "shape"),
    (lambda: LDPClient(named()).privatize_many([["red", 1], ["red"]]), ValueError, "equal length"),
    (lambda: LDPClient(named()).privatize_many([["red", 1], ["red", 9]]), ValueError, "'size'.*9"),
    (
        lambda: LDPClient(named()).privatize_many(pd.DataFrame({"colour": ["red"]})),
        ValueError,
        "'size'",
    ),
    (
        lambda: LDPClient(named()).privatize_many(pd.DataFrame({"colour": [None], "size": [1]})),
        ValueError,
        "'colour'.*missing",
    ),
    (lambda: LDPClient(schema()).privatize_many(np.array([[0, 3]])), ValueError, "'x1'.*3"),
    (lambda: LDPClient(schema()).privatize_many(np.array([[0, -1]])), ValueError, "'x1'.*-1"),
    (lambda: LDPClient(schema()).privatize_many(np.array([[0, 0.5]])), ValueError, "'x1'.*0.5"),
    (
        lambda: LDPClient(schema()).privatize_many(np.array([[0, math.nan]])),
        ValueError,
        "'x1'.*nan",
    ),
    # counts and estimates
    (lambda: LDPAggregator(named()).estimate(), ValueError, "no reports"),
    (lambda: aggregator().partial_fit(b"", on_error="ignore"), ValueError, "on_error"),
    (lambda: aggregator().estimate(postprocess="round"), ValueError, "postprocess"),
    (lambda: aggregator().estimate(interval="wald"), ValueError, "interval"),
    (lambda: aggregator().estimate(target="users"), ValueError, "target"),
    *(
        (lambda c=c: aggregator().estimate(confidence_level=c), ValueError, "confidence_level")
        for c in (0, 1, -0.1, 1.5, math.nan, True)
    ),
    # functions
    (lambda: project_simplex([]), ValueError, "f must"),
    (lambda: project_simplex([[1.0]]), ValueError, "f must"),
    (lambda: project_simplex([math.nan]), ValueError, "f must"),
    (lambda: symmetric_channel_mle([0, 0], 0.6, 0.4), ValueError, "counts"),
    (lambda: symmetric_channel_mle([1, -1], 0.6, 0.4), ValueError, "counts"),
    (lambda: symmetric_channel_mle([1, 1], 0.4, 0.6), ValueError, "p and q"),
    (lambda: iterative_bayesian_update([[0.5, 0.4]], [1, 1]), ValueError, "sum to 1"),
    (lambda: iterative_bayesian_update([0.5, 0.5], [1, 1]), ValueError, "channel"),
    (lambda: iterative_bayesian_update([[0.5, 0.5]], [1]), ValueError, "report_counts"),
    (lambda: iterative_bayesian_update([[0.5, 0.5]], [0, 0]), ValueError, "report_counts"),
    (lambda: iterative_bayesian_update([[1.0, 0.0]], [1, 1]), ValueError, "never"),
    (lambda: iterative_bayesian_update([[0.5, 0.5]], [1, 1], n_iter=0), ValueError, "n_iter"),
    (lambda: rsfd_epsilon([2], 1.0, "grr"), ValueError, "domain_sizes"),
    (lambda: rsfd_epsilon([2, 1], 1.0, "grr"), ValueError, "domain_sizes"),
    (lambda: rsfd_epsilon([2, 3], 1.0, "oue"), ValueError, "protocols"),
    (lambda: rsfd_epsilon([2, 3], 1.0, ["grr"]), ValueError, "protocols"),
    (lambda: rsfd_epsilon([2, 3], 1.0, "grr", n_changed=3), ValueError, "n_changed"),
    (lambda: rsfd_epsilon([2, 3], 1.0, "grr", prior=[[0.5, 0.5]]), ValueError, "prior"),
    # the ledger
    (lambda: PrivacyAccountant(1.0, unit="day"), ValueError, "unit"),
    (lambda: PrivacyAccountant.from_json("{}"), ValueError, "accountant"),
    (lambda: PrivacyAccountant.from_json("nothing"), ValueError, "accountant"),
]


@pytest.mark.parametrize(("call", "error", "pattern"), CASES, ids=range(len(CASES)))
def test_refusals(call, error, pattern):
    with pytest.raises(error, match=pattern) as caught:
        call()
    assert len(str(caught.value)) < 400


def test_errors_echo_the_one_value_and_nothing_else():
    """A report of a crash must not carry the record."""
    client = LDPClient(LDPSchema({"a": ["secret", "b"], "c": ["hidden", "d"]}, 1.0))
    for call in (
        lambda: client.privatize({"a": "secret", "c": "wrong"}),
        lambda: client.privatize(["secret", "wrong"]),
        lambda: client.privatize_many([["secret", "wrong"]]),
        lambda: client.privatize_many(np.array([["secret", "wrong"]])),
        lambda: client.privatize_many(pd.DataFrame({"a": ["secret"], "c": ["wrong"]})),
    ):
        with pytest.raises(ValueError, match="'c' has no category 'wrong'") as caught:
            call()
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is None


# --- the ledger ---------------------------------------------------------------------------------


def test_accountant_books_and_refuses():
    spl = LDPSchema({"a": 2, "b": 3}, 0.3, solution="spl", protocol="grr")
    accountant = PrivacyAccountant(0.9)
    for label in ("first", None, "third"):  # 3 * 0.3 is 0.9 but for a rounding error
        accountant.spend(spl, label)
    assert accountant.remaining == pytest.approx(0, abs=1e-12)
    with pytest.raises(BudgetExceededError, match=r"0\.3 is more than"):
        accountant.spend(spl)
    assert len(accountant.log) == 3
    assert accountant.log["label"].tolist() == ["first", None, "third"]
    back = PrivacyAccountant.from_json(accountant.to_json())
    assert back.remaining == accountant.remaining
    assert back.log.equals(accountant.log)


def test_accountant_by_attribute():
    one = LDPSchema({"a": 2, "b": 3}, 0.6, solution="spl", privacy_unit="attribute")
    two = LDPSchema({"b": 3, "c": 3}, 0.6, solution="spl", privacy_unit="attribute")
    accountant = PrivacyAccountant(1.0, unit="attribute")
    accountant.spend(one)
    with pytest.raises(BudgetExceededError, match="'b'"):
        accountant.spend(two)
    assert accountant.remaining == {"a": 0.4, "b": 0.4}
    assert json.loads(accountant.to_json())["unit"] == "attribute"
