"""Schemas: calibration, what they cost, their JSON, their predictions."""

from __future__ import annotations

import json
import math
import pickle
import warnings

import numpy as np
import pytest

from sampkit.privacy import LDPSchema, PrivacyWarning, exact_epsilon, rsfd_epsilon
from sampkit.privacy._exact import GRID, grid_weights

ADULT = [7, 16, 7, 14, 6, 5, 2, 41, 2]
NURSERY = [3, 5, 4, 4, 3, 2, 3, 3, 5]
PRIOR = [[0.3, 0.7], [0.2, 0.3, 0.5]]


def published(domain, epsilon, protocol):
    with pytest.warns(PrivacyWarning):
        return LDPSchema(domain, epsilon, protocol=protocol, calibration="paper")


# --- calibration --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("epsilon", "local"), [(math.log(2), 2.302585), (1.0, 2.801213), (math.log(7), 4.007333)]
)
def test_published_budget(epsilon, local):
    schema = published(ADULT, epsilon, "grr")
    assert schema.epsilon_local == pytest.approx(math.log(9 * math.expm1(epsilon) + 1), abs=1e-12)
    # the specification's 2.801213 for epsilon = 1 is ln(9 (e - 1) + 1) = 2.801209 to 4e-6
    assert schema.epsilon_local == pytest.approx(local, abs=5e-6)
    assert schema.epsilon_tuple == schema.epsilon_local


def test_known_closed_form():
    local = math.log(2 * (math.e - 1) + 1)
    assert rsfd_epsilon([2, 100], local, "grr") == pytest.approx(1.249707, abs=1e-6)


@pytest.mark.parametrize(
    ("domain", "protocol", "local"),
    [
        (ADULT, "grr", 2.2639),
        (ADULT, "oue-z", 2.8012),
        (ADULT, "oue-r", 1.7904),
        (NURSERY, "grr", 2.5552),
        (NURSERY, "oue-z", 2.8012),
        (NURSERY, "sue-r", 2.1297),
    ],
)
def test_exact_calibration_for_one_attribute(domain, protocol, local):
    schema = LDPSchema(domain, 1.0, protocol=protocol, privacy_unit="attribute")
    assert schema.epsilon_local == pytest.approx(local, abs=5e-5)
    assert 1 - 1e-12 < schema.epsilon_attribute <= 1


@pytest.mark.parametrize(
    ("domain", "protocol", "attribute"),
    [
        (ADULT, "oue-z", 1.0),
        (ADULT, "grr", 1.5345),
        (ADULT, "oue-r", 2.2176),
        (NURSERY, "grr", 1.1850),
        (NURSERY, "oue-r", 1.6082),
    ],
)
def test_what_the_published_budget_really_costs(domain, protocol, attribute):
    schema = published(domain, 1.0, protocol)
    assert schema.epsilon_tuple == pytest.approx(2.8012, abs=5e-5)
    assert schema.epsilon_attribute == pytest.approx(attribute, abs=5e-5)


def test_paper_warning_names_both_costs():
    with pytest.warns(PrivacyWarning, match=r"2\.80121 .*1\.53\d+") as caught:
        LDPSchema(ADULT, 1.0, protocol="grr", calibration="paper")
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_published_table_where_frequencies_do_not_matter():
    # mean squared errors of arXiv 2109.07269's experiment on Adult (n = 45222), by the formulas
    table = {
        math.log(2): [7.759e-4, 1.247e-3, 1.446e-3, 9.602e-4, 1.479e-3, 7.291e-4],
        math.log(4): [3.652e-4, 5.502e-4, 7.490e-4, 3.508e-4, 8.699e-4, 3.422e-4],
        math.log(7): [2.936e-4, 3.583e-4, 5.571e-4, 2.108e-4, 7.299e-4, 2.093e-4],
    }
    names = ["grr", "sue-z", "sue-r", "oue-z", "oue-r", "adaptive"]
    for epsilon, row in table.items():
        for name, value in zip(names, row, strict=True):
            mse = published(ADULT, epsilon, name).expected_mse(45222)
            assert mse == pytest.approx(value, rel=1e-3)


def test_adaptive_keeps_the_best_pattern_it_has_seen():
    schema = LDPSchema(ADULT, 1.0, privacy_unit="attribute")
    assert set(schema.protocols) == {"oue-z"}
    assert schema.expected_mse(45222) == pytest.approx(5.69e-4, rel=2e-3)
    assert schema.epsilon_attribute <= 1
    low = LDPSchema(ADULT, 0.5, privacy_unit="attribute")
    assert low.expected_mse(45222) == pytest.approx(1.305e-3, rel=2e-3)


def test_errors_at_equal_exact_guarantee():
    def mse(solution, protocol="adaptive", unit="tuple"):
        schema = LDPSchema(ADULT, 1.0, solution=solution, protocol=protocol, privacy_unit=unit)
        return schema.expected_mse(45222)

    assert mse("spl") == pytest.approx(5.92e-3, rel=2e-3)
    assert mse("rsfd") == pytest.approx(4.97e-3, rel=2e-3)
    assert mse("rsfd", "grr") == pytest.approx(8.03e-3, rel=2e-3)
    assert mse("rsfd", "oue-z") == pytest.approx(6.67e-3, rel=2e-3)
    assert mse("spl", unit="attribute") == pytest.approx(5.91e-5, rel=2e-3)
    assert mse("rsfd", "grr", "attribute") == pytest.approx(8.10e-4, rel=2e-3)
    assert LDPSchema(ADULT, 1.0, solution="auto").solution == "smp"
    assert LDPSchema(ADULT, 1.0, solution="auto", privacy_unit="attribute").solution == "spl"


def test_auto_takes_only_what_knows_the_protocol_and_the_options():
    assert LDPSchema(ADULT, 1.0, solution="auto", protocol="oue-z").solution == "rsfd"
    assert LDPSchema([5], 1.0, solution="auto").solution in ("spl", "smp")
    with_prior = LDPSchema([2, 3], 1.0, solution="auto", protocol="matched", prior=PRIOR)
    assert with_prior.solution == "rsfd"
    weighted = LDPSchema([2, 3], 1.0, solution="auto", weights=[1, 2])
    assert weighted.solution == "spl"
    with pytest.raises(ValueError, match=r"no solution knows"):
        LDPSchema([5], 1.0, solution="auto", protocol="oue-z")


# --- accounting ---------------------------------------------------------------------------------


def test_costs_of_split_and_sampled_budgets():
    split = LDPSchema(ADULT, 1.8, solution="spl")
    assert (split.epsilon_local, split.epsilon_tuple) == (pytest.approx(0.2), 1.8)
    assert split.epsilon_attribute == split.epsilon_local
    each = LDPSchema(ADULT, 0.5, solution="spl", privacy_unit="attribute")
    assert (each.epsilon_local, each.epsilon_tuple, each.epsilon_attribute) == (0.5, 4.5, 0.5)
    shares = LDPSchema([2, 3], 1.0, solution="spl", weights=[1, 3])
    assert shares.epsilon_local.tolist() == [0.25, 0.75]
    assert (shares.epsilon_tuple, shares.epsilon_attribute) == (1.0, 0.75)
    sampled = LDPSchema(ADULT, 1.2, solution="smp", n_sampled=3)
    assert sampled.epsilon_local == pytest.approx(0.4)
    assert (sampled.epsilon_tuple, sampled.epsilon_attribute) == (1.2, pytest.approx(0.4))
    by_attribute = LDPSchema(ADULT, 1.0, solution="smp", n_sampled=3, privacy_unit="attribute")
    assert (by_attribute.epsilon_local, by_attribute.epsilon_tuple) == (1.0, 3.0)


def test_rsfd_epsilon_grows_with_what_changes():
    values = [
        rsfd_epsilon([2, 7, 4, 3], 2.0, ["grr", "oue-z", "sue-r", "sue-z"], n_changed=t)
        for t in (1, 2, 3, 4)
    ]
    assert values == sorted(values)
    assert values[-1] == 2.0


def test_matched_hides_nothing_but_its_own_gain():
    schema = LDPSchema([2, 3], 1.0, protocol="matched", prior=PRIOR)
    assert schema.epsilon_tuple == 1.0
    (p, q, phi), _ = schema.probabilities
    gain = 0.3 * (math.e - 1) / (1 + 0.3 * (math.e - 1))
    assert np.allclose(p - q, gain, atol=1e-8)
    assert np.allclose(phi, PRIOR[0])
    assert np.allclose(q, (1 - gain) * np.array(PRIOR[0]), atol=1e-8)


def test_probabilities_of_fake_data():
    d = [3, 4]
    for protocol, expected in [
        ("grr", lambda p, q, k: 1 / k),
        ("oue-z", lambda p, q, k: q),
        ("sue-z", lambda p, q, k: q),
        ("oue-r", lambda p, q, k: (p + (k - 1) * q) / k),
    ]:
        for (p, q, phi), k in zip(
            LDPSchema(d, 1.0, protocol=protocol).probabilities, d, strict=True
        ):
            assert phi == pytest.approx(expected(p, q, k), abs=1e-12)
    assert LDPSchema(d, 1.0, solution="spl").probabilities[0][2] is None


def test_priors_on_the_grid():
    rng = np.random.default_rng(0)
    for _ in range(200):
        weights = rng.dirichlet(np.full(rng.integers(2, 30), 0.05)) + 1e-300
        numerators = grid_weights((weights / weights.sum()).tolist())
        assert sum(numerators) == GRID
        assert min(numerators) >= 1
        assert np.abs(np.array(numerators) / GRID - weights).max() < 64 / GRID


# --- text ---------------------------------------------------------------------------------------

SCHEMAS = {
    "spl": {"solution": "spl", "protocol": "olh"},
    "weights": {"solution": "spl", "protocol": "ss", "weights": [1, 2]},
    "smp": {"solution": "smp", "protocol": "hr", "sampling_probabilities": [0.25, 0.75]},
    "several": {"solution": "smp", "protocol": "the", "n_sampled": 2},
    "grr": {"protocol": "grr", "prior": PRIOR},
    "matched": {"protocol": "matched", "prior": PRIOR, "privacy_unit": "attribute"},
    "adaptive": {"privacy_unit": "attribute"},
    "paper": {"protocol": "sue-r", "calibration": "paper"},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_json_round_trip(name):
    domain = {"smoker": [True, False], "size": ["s", 1.5, 7]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)
        schema = LDPSchema(domain, 1.0, **SCHEMAS[name])
        again = LDPSchema(domain, 1.0, **SCHEMAS[name])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # reading back warns nobody a second time
        back = LDPSchema.from_json(schema.to_json())
    assert schema.to_json() == again.to_json() == back.to_json()
    assert schema == back
    assert hash(schema) == hash(back)
    assert len(schema.fingerprint) == 64
    assert schema.fingerprint == back.fingerprint == pickle.loads(pickle.dumps(schema)).fingerprint
    assert back.protocols == schema.protocols
    assert np.array_equal(back.epsilon_local, schema.epsilon_local)
    assert back.epsilon_tuple == schema.epsilon_tuple
    assert back.epsilon_attribute == schema.epsilon_attribute
    assert [type(c) for a in back.attributes for c in a.categories] == [bool, bool, str, float, int]
    assert np.array_equal(back.channel(), schema.channel())
    assert str(schema) == str(back)


def test_equal_domains_written_differently():
    a = LDPSchema([2, 3], 1.0)
    b = LDPSchema({"x0": np.arange(2), "x1": [np.int8(0), 1, 2]}, 1.0)
    assert a == b
    assert a != LDPSchema([2, 3], 1.1)
    assert a != LDPSchema([[False, True], 3], 1.0)
    assert LDPSchema([2, 3], 1.0, protocol=a.protocols[0]) == a


def tampered(change) -> str:
    state = json.loads(LDPSchema([2, 3], 1.0, protocol="oue-z").to_json())
    change(state)
    return json.dumps(state)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.update(layout=2),
        lambda s: s.update(solution="none"),
        lambda s: s.update(epsilon=-1),
        lambda s: s.update(epsilon_local=5.0),
        lambda s: s.pop("attributes"),
        lambda s: s.update(attributes=s["attributes"][:1]),
        lambda s: s["attributes"][0].update(protocol="oue"),
        lambda s: s["attributes"][0]["integers"].update(cold=1),
        lambda s: s["attributes"][0]["integers"].update(cold=1 << 32),
        lambda s: s["attributes"][0]["integers"].update(cold=0.5),
        lambda s: s["attributes"][0]["integers"].update(hot=3, cold=4),
        lambda s: s["attributes"][0]["integers"].update(surplus=4),
        lambda s: s["attributes"][0].update(prior=[1, 2]),
        lambda s: s["attributes"][1].update(name="x0"),
        lambda s: s.update(n_sampled=2),
    ],
    ids=range(15),
)
def test_tampered_json_is_refused(change):
    with pytest.raises(ValueError, match=r"."):
        LDPSchema.from_json(tampered(change))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "5", '{"layout": 1}'])
def test_foreign_json_is_refused(text):
    with pytest.raises(ValueError, match=r"JSON|layout"):
        LDPSchema.from_json(text)


# --- predictions --------------------------------------------------------------------------------


def test_variance_targets_differ_by_the_draw_of_users():
    f = [np.array([0.2, 0.8]), np.array([0.5, 0.5, 0.0])]
    for options in SCHEMAS.values():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PrivacyWarning)
            schema = LDPSchema([2, 3], 1.0, **options)
        population, sample = schema.variance(10, f, "population"), schema.variance(10, f)
        for a, b, f_j in zip(population, sample, f, strict=True):
            assert np.allclose(a - b, f_j * (1 - f_j) / 10)


def test_uniform_fake_data_make_the_error_independent_of_frequencies():
    schema = LDPSchema([4, 4], 1.0, protocol="grr")
    skewed = [np.array([0.7, 0.1, 0.1, 0.1])] * 2
    uniform = schema.expected_mse(100)
    total = schema.expected_mse(100, skewed)
    # linear in f for target 'sample', so that the mean over categories is the same
    assert total == pytest.approx(uniform, rel=1e-12)


def test_smp_variance_counts_only_its_own_reports():
    schema = LDPSchema([2, 3], 1.0, solution="smp", protocol="grr")
    whole = LDPSchema([2, 3], 1.0, solution="spl", protocol="grr", privacy_unit="attribute")
    f = schema._frequencies(None)
    for a, b, f_j in zip(schema.variance(100), whole.variance(50), f, strict=True):
        assert np.allclose(a, b + f_j * (1 - f_j) * (1 / 50 - 1 / 100))


# --- enumeration --------------------------------------------------------------------------------


def test_exact_epsilon_of_the_published_calibration():
    schema = published([2, 2], 1.0, "grr")
    found = exact_epsilon(schema)
    assert found[2] == pytest.approx(1.48988, abs=1e-5)
    assert found[1] == pytest.approx(1.0, abs=1e-8)


def test_channel_refuses_what_is_too_large():
    with pytest.raises(ValueError, match=r"2\*\*20"):
        LDPSchema(ADULT, 1.0).channel()
