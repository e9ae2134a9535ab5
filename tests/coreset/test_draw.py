from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sampkit.coreset._draw import SCHEMES, pivotal, sample_rows
from sampkit.coreset._inclusion import inclusion_probabilities

PROBABILITIES = arrays(
    np.float64,
    st.integers(1, 60),
    elements=st.one_of(st.sampled_from([0.0, 1.0, 0.5]), st.floats(0, 1)),
)
FIXED_SIZE = ("pivotal", "systematic")


class Scripted:
    """A generator whose uniform numbers are given beforehand."""

    def __init__(self, numbers):
        self.numbers = list(numbers)

    def random(self, n=None):
        if n is None:
            return self.numbers.pop(0)
        return np.array([self.numbers.pop(0) for _ in range(n)])


@given(PROBABILITIES, st.sampled_from(sorted(SCHEMES)), st.integers(0, 2**20), st.booleans())
def test_rows_are_sorted_unique_and_possible(q, scheme, seed, along_an_order):
    order = np.random.default_rng(seed).permutation(q.size) if along_an_order else None
    rows, weights = sample_rows(q, scheme=scheme, order=order, random_state=seed)
    assert (np.diff(rows) > 0).all()
    assert (q[rows] > 0).all()
    assert rows.shape == weights.shape
    if scheme != "multinomial":
        np.testing.assert_array_equal(weights, 1 / q[rows])
        assert set(np.flatnonzero(q == 1)) <= set(rows)
    again = sample_rows(q, scheme=scheme, order=order, random_state=seed)
    np.testing.assert_array_equal(rows, again[0])
    np.testing.assert_array_equal(weights, again[1])


@given(PROBABILITIES, st.sampled_from(FIXED_SIZE), st.integers(0, 2**20))
def test_size_is_the_sum_rounded_down_or_up(q, scheme, seed):
    rows, _ = sample_rows(q, scheme=scheme, random_state=seed)
    assert np.floor(q.sum() + 1e-9) - 1e-6 <= rows.size <= np.ceil(q.sum() - 1e-9) + 1e-6


@given(
    arrays(np.float64, st.integers(1, 300), elements=st.floats(1e-3, 1e3)),
    st.integers(1, 300),
    st.sampled_from(FIXED_SIZE),
    st.integers(0, 2**20),
)
def test_size_is_exact_for_a_whole_sum(scores, m, scheme, seed):
    q = inclusion_probabilities(scores, m)
    rows, _ = sample_rows(q, scheme=scheme, random_state=seed)
    assert rows.size == min(m, scores.size)


@pytest.mark.parametrize(
    "q",
    [
        (1 / 2, 3 / 4, 3 / 4),  # first pair: (1 - 3/4) / (2 - 5/4) = 1/3
        (1 / 4, 1 / 4, 1 / 2),
        (1 / 2, 1 / 2, 1 / 2),  # sum no integer: the last row stays open
        (1 / 4, 3 / 4, 1 / 3),  # a pair that sums to one
    ],
)
def test_pivotal_probabilities_by_enumeration(q):
    # every threshold is a multiple of 1/12: on the midpoints of 12 cells the shares are exact
    q = np.array(q)
    grid = (np.arange(12) + 0.5) / 12
    count = np.zeros(3)
    for numbers in itertools.product(grid, grid, grid):
        rows, _ = pivotal(q, None, Scripted(numbers))
        count[rows] += 1
    np.testing.assert_allclose(count / 12**3, q, atol=1e-14)


def test_systematic_probabilities_by_enumeration():
    q = np.array([0.25, 0.5, 0.75, 1.0, 0.05, 0.45])
    count = np.zeros(6)
    for u in (np.arange(100) + 0.5) / 100:
        rows, _ = SCHEMES["systematic"](q, None, Scripted([u]))
        assert rows.size == 3
        count[rows] += 1
    np.testing.assert_allclose(count / 100, q, atol=1e-14)


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_inclusion_probabilities_and_unbiased_totals(scheme):
    # 20000 draws of 50 rows, and one total; each within 5 sd: false alarm below 51 * 6e-7 = 3e-5
    rng = np.random.default_rng(7)
    n, n_draws = 50, 20_000
    scores = rng.gamma(0.5, size=n)
    q = inclusion_probabilities(scores, 12)
    order = rng.permutation(n)
    values = rng.standard_normal(n) + 1
    count, totals = np.zeros(n), np.zeros(n_draws)
    for k in range(n_draws):
        rows, weights = sample_rows(q, scheme=scheme, order=order, random_state=rng)
        count[rows] += 1 if scheme != "multinomial" else weights * q[rows]
        totals[k] = weights @ values[rows]
    sd = np.sqrt(np.maximum(q * (1 - q), 0) / n_draws)
    if scheme == "multinomial":
        sd = np.sqrt(q * (1 - q / 12) / n_draws)
    np.testing.assert_array_less(np.abs(count / n_draws - q), 5 * sd + 1e-12)
    assert abs(totals.mean() - values.sum()) <= 5 * totals.std() / np.sqrt(n_draws) + 1e-9


def test_neighbours_exclude_each_other():
    # pairs of 1/2: exactly one row of each pair, whatever the seed
    q = np.full(64, 0.5)
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(64)
        rows, _ = sample_rows(q, order=order, random_state=seed)
        place = np.argsort(order)[rows] // 2
        assert np.unique(place).size == 32


@given(PROBABILITIES.filter(lambda q: q.sum() > 0.5), st.integers(0, 2**20))
def test_multinomial_counts_draws(q, seed):
    rows, weights = sample_rows(q, scheme="multinomial", random_state=seed)
    m = round(q.sum())
    draws = weights * m * q[rows] / q.sum()
    np.testing.assert_allclose(draws, np.round(draws), atol=1e-9)
    assert round(draws.sum()) == m


def test_nothing_possible_draws_nothing():
    for scheme in SCHEMES:
        rows, weights = sample_rows(np.zeros(4), scheme=scheme, random_state=0)
        assert rows.size == weights.size == 0


def test_input_is_left_alone():
    q = np.linspace(0.1, 0.9, 9)
    order = np.arange(9)[::-1].copy()
    q.flags.writeable = order.flags.writeable = False
    for scheme in SCHEMES:
        sample_rows(q, scheme=scheme, order=order, random_state=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"scheme": "srs"}, r"scheme must be one of \['multinomial', .*got 'srs'"),
        ({"scheme": None}, "scheme must be one of"),
        ({"q": [0.5, 1.5]}, "q must lie between 0 and 1, got 1.5"),
        ({"q": [0.5, -0.1]}, "q must lie between 0 and 1, got -0.1"),
        ({"q": [0.5, np.nan]}, "q must lie between 0 and 1, got nan"),
        ({"q": [[0.5]]}, r"q must be one-dimensional, got shape \(1, 1\)"),
        ({"order": [0, 0]}, "order must be a permutation of 0, ..., 1"),
        ({"order": [0, 2]}, "order must be a permutation"),
        ({"order": [-1, 0]}, "order must be a permutation"),
        ({"order": [0]}, "order must be a permutation"),
        ({"order": [0.0, 1.0]}, "order must be a permutation"),
        ({"order": "kd"}, "order must be a permutation"),
        ({"random_state": -1}, "random_state must be"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        sample_rows(**{"q": [0.5, 0.5], **call})
