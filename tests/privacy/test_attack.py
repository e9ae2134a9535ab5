"""Attacks: closed form against enumeration, the published picture, repeated surveys."""

from __future__ import annotations

import itertools
import json
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from sampkit.privacy import (
    FrequencyOracle,
    LDPClient,
    LDPSchema,
    PrivacyWarning,
    expected_report_accuracy,
    reidentification_rate,
    sampled_attribute_posterior,
)

MARGINALS = json.loads((Path(__file__).parent / "adult_marginals.json").read_text())
ADULT = [np.array(m) / sum(m) for m in list(MARGINALS.values())[1:]]
NURSERY = [
    np.array(m) / 12960
    for m in ([4320] * 3, [2592] * 5, [3240] * 4, [3240] * 4, [4320] * 3, [6480] * 2, [4320] * 3,
              [4320] * 3, [4320, 4266, 2, 4044, 328])
]  # fmt: skip
PROTOCOLS = ("grr", "sue-z", "oue-z", "sue-r", "oue-r")


def published(frequencies, epsilon, protocol, prior=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)
        return LDPSchema(
            [f.size for f in frequencies], epsilon, protocol=protocol, calibration="paper",
            prior=prior,
        )  # fmt: skip


def accuracy(schema, frequencies, n=20000):
    """The attacker's expected accuracy in percent; records need only have the right marginals.

    Its standard deviation is at most 0.35 points, a fourth of the tolerance.
    """
    rng = np.random.default_rng(0)
    X = np.stack([rng.choice(f.size, n, p=f) for f in frequencies], axis=1)
    reports = LDPClient(schema, random_state=1).privatize_many(X)
    return 100 * sampled_attribute_posterior(schema, reports, frequencies).max(axis=1).mean()


@pytest.mark.parametrize(
    ("frequencies", "epsilon", "figures"),
    [  # section 2.4 of the family's specification, within 1.3 points (section 5.7)
        pytest.param(ADULT, 1.0, (28.7, 32.8, 38.0, 26.3, 25.5), id="adult-1"),
        pytest.param(ADULT, 10.0, (43.4, 97.9, 55.8, 43.4, 29.9), id="adult-10"),
        pytest.param(NURSERY, 1.0, (14.6, 27.1, 33.8, 13.6, 12.8), id="nursery-1"),
        pytest.param(NURSERY, 10.0, (15.6, 97.4, 55.6, 15.4, 13.2), id="nursery-10"),
    ],
)
def test_sampled_attribute_of_real_marginals(frequencies, epsilon, figures):
    for protocol, figure in zip(PROTOCOLS, figures, strict=True):
        found = accuracy(published(frequencies, epsilon, protocol), frequencies)
        assert found == pytest.approx(figure, abs=1.3), protocol


@pytest.mark.parametrize(("odds", "figure", "mse"), [(2, 31.6, 5.284e-4), (7, 18.9, 2.085e-4)])
def test_realistic_fake_data(odds, figure, mse):
    # sections 2.4 and 5.7: RS+RFD[GRR] with the true marginals as prior
    schema = published(ADULT, math.log(odds), "grr", prior=ADULT)
    assert accuracy(schema, ADULT) == pytest.approx(figure, abs=1.3)
    assert schema.expected_mse(45222, ADULT) == pytest.approx(mse, rel=6e-4)


@pytest.mark.parametrize(
    ("share", "figure", "mse"), [(1.0, 25.4, 8.1e-4), (0.5, 14.0, 1.36e-3), (0.2, 11.6, 3.37e-3)]
)
def test_matched_fake_data(share, figure, mse):
    # section 6: attribute epsilon 1, prior (1 - share) f + share / k; the prior's entries > 0
    prior = [(1 - share) * f + share / f.size for f in ADULT]
    schema = LDPSchema(
        [f.size for f in ADULT], 1.0, protocol="matched", privacy_unit="attribute", prior=prior
    )
    assert accuracy(schema, ADULT) == pytest.approx(figure, abs=1.3)
    assert schema.expected_mse(45222, ADULT) == pytest.approx(mse, rel=1e-2)


# --- the closed form ----------------------------------------------------------------------------

sizes = st.lists(st.integers(2, 4), min_size=2, max_size=3)


@given(
    sizes=sizes,
    epsilon=st.floats(0.2, 4),
    protocol=st.sampled_from([*PROTOCOLS, "matched"]),
    with_prior=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_posterior_is_bayes_rule_on_the_channels(sizes, epsilon, protocol, with_prior, seed):
    rng = np.random.default_rng(seed)
    prior = None
    if protocol == "matched" or (with_prior and not protocol.endswith("z")):
        prior = [(0.1 + rng.dirichlet(np.ones(k))) / (1 + 0.1 * k) for k in sizes]
        prior = [law / law.sum() for law in prior]
    schema = LDPSchema(sizes, epsilon, protocol=protocol, prior=prior)
    f = [rng.dirichlet(np.ones(k)) for k in sizes]
    X = rng.integers(0, sizes, (40, len(sizes)))
    reports = LDPClient(schema, random_state=seed).privatize_many(X)
    posterior = sampled_attribute_posterior(schema, reports, f)
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    columns = np.stack([_columns_of(schema, reports, j) for j in range(len(sizes))], axis=1)
    expected = np.stack(
        [
            (f[j] @ a.oracle.channel())[columns[:, j]] / a.fake_law()[columns[:, j]]
            for j, a in enumerate(schema.attributes)
        ],
        axis=1,
    )
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(posterior, expected, rtol=1e-9)


def _columns_of(schema, reports, j):
    """Column of the oracle's channel that each report's field is."""
    bits = np.unpackbits(reports, axis=1)
    offset, width = schema.layout.offsets[j], schema.layout.widths[j]
    return bits[:, offset : offset + width] @ (1 << np.arange(width)[::-1])


def test_matched_reports_with_the_true_prior_tell_nothing():
    prior = [[0.5, 0.3, 0.2], [0.1, 0.2, 0.3, 0.4]]
    schema = LDPSchema([3, 4], 2.0, protocol="matched", prior=prior)
    X = np.random.default_rng(0).integers(0, [3, 4], (300, 2))
    reports = LDPClient(schema, random_state=0).privatize_many(X)
    np.testing.assert_allclose(sampled_attribute_posterior(schema, reports, prior), 0.5, atol=1e-8)


def test_rows_in_pieces_and_single_reports_agree():
    schema = LDPSchema([3, 40], 2.0, protocol="oue-r")
    X = np.random.default_rng(0).integers(0, [3, 40], (50, 2))
    client = LDPClient(schema, random_state=0)
    rows = client.privatize_many(X)
    f = [np.full(3, 1 / 3), np.full(40, 1 / 40)]
    whole = sampled_attribute_posterior(schema, rows, f)
    for other in (rows.tobytes(), [rows[:20], rows[20:]], [row.tobytes() for row in rows]):
        np.testing.assert_array_equal(sampled_attribute_posterior(schema, other, f), whole)
    assert sampled_attribute_posterior(schema, rows[:0], f).shape == (0, 2)


# --- repeated surveys ---------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 5, 30])
@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_single_report_accuracy_in_closed_form(k, epsilon):
    e = math.exp(epsilon)
    assert expected_report_accuracy("grr", k, epsilon) == pytest.approx(e / (e + k - 1))
    # section 2.4 of the family's specification
    i = np.arange(1, k + 1)
    oue = (e / (e + 1)) ** (k - 1) / (2 * k)
    oue += np.sum(binom.pmf(i - 1, k - 1, 1 / (e + 1)) / (2 * i))
    assert expected_report_accuracy("oue", k, epsilon) == pytest.approx(oue)


@pytest.mark.parametrize("protocol", ["grr", "sue", "oue", "the", "ss", "hr", "blh", "olh"])
def test_single_report_accuracy_of_guesses(protocol):
    # one binomial per test at 4.5 standard errors, seed fixed; hashes are pairwise independent
    # only, of which the closed form asks for more: 0.01 is allowed
    k, n, epsilon = 6, 20_000, 1.5
    schema = LDPSchema([k], epsilon, solution="smp", protocol=protocol)
    X = np.random.default_rng(0).integers(k, size=(n, 1))
    reports = LDPClient(schema, random_state=0).privatize_many(X)
    from sampkit.privacy._reidentification import _guesses

    ((_, values),) = _guesses(schema, reports, X.T, np.random.default_rng(1))
    expected = expected_report_accuracy(protocol, k, epsilon)
    error = 4.5 * math.sqrt(expected * (1 - expected) / n)
    assert abs(np.mean(values == X[:, 0]) - expected) < max(error, 0.015)


@pytest.mark.parametrize(
    ("solution", "protocol"),
    [("smp", "grr"), ("smp", "oue"), ("smp", "olh"), ("spl", "ss"), ("rsfd", "grr"),
     ("rsfd", "oue-z")],
)  # fmt: skip
def test_more_surveys_find_more_people(solution, protocol):
    rng = np.random.default_rng(2)
    X = rng.integers(8, size=(150, 5))
    schema = LDPSchema([8] * 5, 6.0, solution=solution, protocol=protocol)
    client = LDPClient(schema, random_state=0)
    surveys = [client.privatize_many(X) for _ in range(8)]
    rates = [reidentification_rate(schema, surveys[:m], X, random_state=0) for m in (1, 3, 8)]
    assert rates[0] < rates[1] < rates[2]
    assert rates[2] > 0.05  # of 1 / 150 by chance
    top = reidentification_rate(schema, surveys[:3], X, top_k=10, random_state=0)
    assert top > rates[1]
    assert reidentification_rate(schema, surveys[:1], X, top_k=150, random_state=0) == 1.0


def test_nothing_said_is_a_guess_among_all():
    # at a tiny budget the rate is 1 / N up to chance: at most 5 of 200 by luck
    X = np.random.default_rng(0).integers(5, size=(200, 4))
    schema = LDPSchema([5] * 4, 0.001, solution="smp", protocol="grr")
    client = LDPClient(schema, random_state=0)
    surveys = [client.privatize_many(X) for _ in range(4)]
    assert reidentification_rate(schema, surveys, X, random_state=0) < 0.025


def test_every_sampled_attribute_counts():
    X = np.random.default_rng(0).integers(9, size=(100, 4))
    schema = LDPSchema([9] * 4, 60.0, solution="smp", protocol="grr", n_sampled=3)
    survey = LDPClient(schema, random_state=0).privatize_many(X)
    # three exact values of nine each: about 100 / 729 other records agree by chance
    assert reidentification_rate(schema, [survey], X, random_state=0) > 0.8


# --- bad input ----------------------------------------------------------------------------------

RSFD = LDPSchema([2, 3], 1.0, protocol="grr")
SMP = LDPSchema([2, 3], 1.0, solution="smp", protocol="grr")
ONE = LDPClient(RSFD).privatize([0, 0])
F = [[0.5, 0.5], [0.2, 0.3, 0.5]]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sampled_attribute_posterior(SMP, LDPClient(SMP).privatize([0, 0]), F), ("'smp'",)),
        (lambda: sampled_attribute_posterior(RSFD, ONE, F[:1]), ("2", "1")),
        (lambda: sampled_attribute_posterior(RSFD, ONE, [F[0], [1, 1, 1]]), ("frequencies[1]",)),
        (lambda: sampled_attribute_posterior(RSFD, b"\xff", F), ("malformed",)),
        (lambda: sampled_attribute_posterior(RSFD, np.zeros((1, 2), np.uint8), F), ("1 bytes",)),
        (lambda: expected_report_accuracy("hr-block", 4, 1.0), ("protocol", "'hr-block'")),
        (lambda: expected_report_accuracy("oue", 1, 1.0), ("n_categories", "1")),
        (lambda: reidentification_rate(RSFD, [], [[0, 0]]), ("surveys", "[]")),
        (lambda: reidentification_rate(RSFD, [ONE, ONE * 2], [[0, 0]] * 2), ("surveys", "[1, 2]")),
        (lambda: reidentification_rate(RSFD, [ONE * 2], [[0, 0]]), ("background", "1 ")),
        (lambda: reidentification_rate(RSFD, [ONE], [[0, 7]]), ("'x1'", "7")),
        (lambda: reidentification_rate(RSFD, [ONE], [[0, 0]], top_k=0), ("top_k", "0")),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        call()
    assert all(word in str(error.value) for word in words), error.value


def test_a_schema_is_asked_for():
    with pytest.raises(TypeError, match="LDPSchema"):
        sampled_attribute_posterior("schema", ONE, F)


def test_support_of_every_protocol_is_that_of_the_oracle():
    from sampkit.privacy._exact import entropy_of
    from sampkit.privacy._likelihood_ratio import support

    rng = np.random.default_rng(0)
    for protocol, k in itertools.product(("grr", "sue", "ss", "hr", "olh", "the"), (2, 9, 16)):
        oracle = FrequencyOracle(protocol, k, 1.0)._oracle
        symbols = oracle.randomize(rng.integers(k, size=50), entropy_of(0))
        held = support(oracle, symbols)
        dense, u, f = held.dense(), rng.random(50), rng.random(k)
        np.testing.assert_array_equal(dense.sum(axis=0), oracle.tally(symbols))
        np.testing.assert_allclose(held.dot(f), dense @ f)
        np.testing.assert_allclose(held.adjoint(u), u @ dense)
