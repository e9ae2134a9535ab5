"""The comparison table: every row keeps the guarantee, and the published ranking at it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampkit.privacy import LDPSchema, compare_solutions

MARGINALS = json.loads((Path(__file__).parent / "adult_marginals.json").read_text())
ADULT = [np.array(m) / sum(m) for m in list(MARGINALS.values())[1:]]
COLUMNS = ["solution", "protocol", "epsilon_local", "epsilon_tuple", "epsilon_attribute",
           "expected_mse"]  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "solution", "protocol", "mse"),
    [  # section 2.3, item 3 of the family's specification: Adult, epsilon = 1
        ("tuple", "smp", "adaptive", 5.49e-4),
        ("tuple", "spl", "adaptive", 5.92e-3),
        ("tuple", "rsfd", "adaptive", 4.97e-3),
        ("tuple", "rsfd", "grr", 8.03e-3),
        ("tuple", "rsfd", "oue-z", 6.67e-3),
        ("attribute", "spl", "adaptive", 5.91e-5),
        ("attribute", "smp", "adaptive", 5.49e-4),
        ("attribute", "rsfd", "oue-z", 5.69e-4),
        ("attribute", "rsfd", "grr", 8.10e-4),
    ],
)
def test_adult_at_equal_exact_guarantee(unit, solution, protocol, mse):
    table = compare_solutions([len(f) for f in ADULT], 1.0, 45222, ADULT, unit)
    row = table[(table["solution"] == solution) & (table["protocol"] == protocol)]
    assert row["expected_mse"].item() == pytest.approx(mse, rel=0.6e-2)


@given(
    sizes=st.lists(st.integers(2, 12), min_size=1, max_size=4),
    epsilon=st.floats(0.1, 4),
    unit=st.sampled_from(["tuple", "attribute"]),
)
@settings(max_examples=15, deadline=None)
def test_every_row_keeps_the_guarantee_and_the_order(sizes, epsilon, unit):
    table = compare_solutions(sizes, epsilon, 1000, privacy_unit=unit)
    assert list(table.columns) == COLUMNS
    assert (table[f"epsilon_{unit}"] <= epsilon * (1 + 1e-12)).all()
    assert table["expected_mse"].is_monotonic_increasing
    assert set(table["solution"]) == {"spl", "smp"} | ({"rsfd"} if len(sizes) > 1 else set())
    best = LDPSchema(sizes, epsilon, solution="auto", protocol="adaptive", privacy_unit=unit)
    adaptive = table[table["protocol"] == "adaptive"]["expected_mse"].min()
    assert best.expected_mse(1000) == pytest.approx(adaptive)


def test_frequencies_are_read_as_given():
    domain = {"a": ["x", "y"], "b": [1, 2, 3]}
    skewed = [[0.9, 0.1], [0.8, 0.1, 0.1]]
    table = compare_solutions(domain, 1.0, 100, frequencies=skewed)
    schema = LDPSchema(domain, 1.0, solution="smp", protocol="oue")
    row = table[(table["solution"] == "smp") & (table["protocol"] == "oue")]
    assert row["expected_mse"].item() == schema.expected_mse(100, skewed)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([2, 3], -1.0, 100), ("epsilon", "-1.0")),
        (([2, 1], 1.0, 100), ("domain", "2")),
        (([2, 3], 1.0, 0), ("n", "> 0")),
        (([2, 3], 1.0, 100, [[0.5, 0.5]]), ("frequencies", "2")),
        (([2, 3], 1.0, 100, None, "user"), ("privacy_unit", "'user'")),
    ],
)
def test_bad_input_is_named(arguments, words):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        compare_solutions(*arguments)
    assert all(word in str(error.value) for word in words), error.value
