"""The compiled engine finds what the NumPy engine finds, whatever its tree looks like."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from sampkit.diversity import _tree as tree
from sampkit.diversity import greedy_max_entropy
from sampkit.diversity._counts import read_counts

CASES = {
    "dutopia": {},
    "sum": {"selector": "sum"},
    "weights": {"weights": [0.3, 2.0], "normalize": True},
    "one weight": {"weights": [1.0, 0.0]},
    "decimals": {"decimals": 5},
    "decimals, sum": {"decimals": 3, "selector": "sum"},
    "order 0": {"order": 0},
    "order 0.5": {"order": 0.5},
    "order 1.7": {"order": 1.7, "selector": "sum"},
    "order 2": {"order": 2},
    "order 2.5": {"order": 2.5},
}


def equal(counts, n_select=None, **options):
    found = [
        greedy_max_entropy(counts, n_select, engine=engine, **options)
        for engine in ("numpy", "numba")
    ]
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
    return found[0]


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_full_rankings_are_equal_to_the_last_bit(kit, options):
    equal(kit.random_counts(400, (60, 150)), **options)


def test_missing_values_in_one_variable(kit):
    a, b = kit.random_counts(200)
    lacking = np.random.default_rng(0).random(200) < 0.4
    b = b.multiply(~lacking[:, None]).tocsr().astype(np.int64)
    equal([a, b])
    equal([a, b], order=0.5)


def test_rebuilding_often_changes_nothing(kit, monkeypatch):
    counts = kit.random_counts(150)
    expected = equal(counts)[0]
    monkeypatch.setattr(tree, "REBUILD", 0)
    np.testing.assert_array_equal(equal(counts)[0], expected)


def test_with_restrictions(kit):
    counts = kit.random_counts(200)
    strata = np.arange(200) % 7
    equal(counts, 60, initial=[3, 5], exclude=[0, 1, 199], strata=strata, quotas=6)
    equal(counts, 40, costs=np.linspace(1, 2, 200))
    equal(counts, 40, candidates=10, random_state=0)


def test_auto_takes_it_for_long_rankings(kit, monkeypatch):
    made = []
    monkeypatch.setattr("sampkit.diversity._rank.LONG", 10)
    monkeypatch.setattr(
        tree.TreeEngine, "__init__", _noting(tree.TreeEngine.__init__, made), raising=True
    )
    counts = kit.random_counts(30)
    greedy_max_entropy(counts, 10)
    assert not made
    greedy_max_entropy(counts, 11)
    assert made == [True]


def _noting(original, made):
    def wrapped(self, problem):
        made.append(True)
        original(self, problem)

    return wrapped


def test_spatial_order_is_a_permutation_sorted_by_size(kit):
    counts = read_counts(kit.random_counts(300))
    order = tree.spatial_order(counts, np.arange(300))
    assert sorted(order.tolist()) == list(range(300))
    sizes = counts.sizes[:, order]
    assert (np.diff(sizes[0]) >= 0).all()
    same = np.diff(sizes[0]) == 0
    assert (np.diff(sizes[1])[same] >= 0).all()


def test_search_visits_few_items(kit):
    """The bounds are worth their while: the leaves met are a small share of all."""
    counts = read_counts(kit.random_counts(2000, (300, 900)))
    from sampkit.diversity._entropy import Objective
    from sampkit.diversity._problem import Problem

    objective = Objective.of(counts.reach.present)
    start = np.zeros(int(counts.offsets[-1]), dtype=np.int64)
    engine = tree.TreeEngine(Problem(counts, objective, start, np.arange(2000)))
    visited = []
    for _ in range(300):
        before = engine.visits
        item = engine.best()[1]
        visited.append(engine.visits - before)
        engine.drop(np.array([item]))
        engine.add(counts.row(item))
    assert np.mean(visited) < 0.5 * 2000
