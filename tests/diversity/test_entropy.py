"""The objective: entropies from sums in fixed point, for every order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sampkit.diversity import greedy_max_entropy
from sampkit.diversity._counts import read_counts
from sampkit.diversity._entropy import FixedPoint, Objective, Order
from sampkit.diversity._pool import Pool

ORDERS = (0.0, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0)


def pooled_entropy(counts, order):
    matrix = read_counts(np.atleast_2d(counts))
    objective = Objective.of(matrix.reach.present, order=order)
    start = np.asarray(matrix.matrices[0].sum(axis=0)).ravel()
    return Pool(objective, matrix.reach, matrix.offsets, start).entropies()[0]


@pytest.mark.parametrize("order", ORDERS)
@given(counts=hnp.arrays(np.int64, st.integers(1, 12), elements=st.integers(0, 500)))
def test_entropy_is_that_of_the_shares(kit, order, counts):
    assert pooled_entropy(counts, order) == pytest.approx(kit.entropy(counts, order), abs=1e-9)


@given(hnp.arrays(np.int64, 6, elements=st.integers(1, 50)))
def test_orders_fall_and_are_bounded_by_the_number_of_categories(counts):
    found = [pooled_entropy(counts, order) for order in ORDERS]
    assert found[0] == pytest.approx(np.log(6), abs=1e-12)
    assert (np.diff(found) <= 1e-9).all()


@pytest.mark.parametrize(
    ("selected", "item", "expected"),
    [
        ([0, 0, 1, 2, 0], [0, 1, 1, 1, 1], 1.27703),
        ([0, 0, 1, 2, 0], [0, 1, 1, 0, 0], 1.05492),
        ([0, 2, 1, 0, 0], [0, 1, 1, 0, 0], 0.67301),
    ],
)
def test_unit_tests_of_the_reference(selected, item, expected):
    """idiap/gme-sampler, v0.1.0: entropies with one more item, to five decimals."""
    counts = np.array([selected, item])
    _, path, _ = greedy_max_entropy(counts, 1, initial=[0], decimals=5)
    assert path[0, 0] == expected


def test_bits_leave_room_for_the_largest_sum():
    for total in (1, 10, 1000, 10**6, 10**9):
        for q in (0.0, 0.5, 1.0):
            order = Order.of(q)
            largest = total * np.log(total + 1) if q == 1 else float(total)
            assert largest * 2.0 ** order.bits(total) <= 2.0**61
            assert 0 <= order.bits(total) <= 40


def test_fixed_point_is_within_half_a_unit():
    for q in ORDERS:
        order = Order.of(q)
        fixed = FixedPoint.of(order, 200, 5000, 100)
        assert fixed.capacity >= 200
        assert np.abs(fixed.table * fixed.unit - order.f(np.arange(101))).max() <= 0.5 * fixed.unit


@given(st.integers(1, 10**6), st.integers(0, 10**4))
def test_tables_of_high_orders_depend_on_the_total_alone(total, more):
    order = Order.of(2.5)
    assert order.capacity(total, total + more) == order.capacity(total, 10**9) >= total
    assert order.capacity(total + more, 10**9) >= order.capacity(total, 10**9)


def test_scores_of_both_selectors():
    utopia = np.log([4, 2])
    h = np.array([1.0, 0.5])
    w = np.array([2.0, 0.5])
    far = Objective.of([4, 2], weights=w, normalize=True)
    assert far.score(h) == pytest.approx(np.sqrt(np.sum(w * ((utopia - h) / utopia) ** 2)))
    assert far.distance(h) == pytest.approx(far.score(h))
    total = Objective.of([4, 2], selector="sum", weights=w)
    assert total.score(h) == pytest.approx(-np.sum(w * h))
    assert total.distance(h) == pytest.approx(np.sqrt(np.sum(w * (utopia - h) ** 2)))
