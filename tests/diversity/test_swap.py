from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampkit.diversity import greedy_max_entropy, swap_refine
from sampkit.diversity._counts import read_counts
from sampkit.diversity._entropy import Objective
from sampkit.diversity._greedy import ScanEngine
from sampkit.diversity._problem import Problem


def score(kit, counts, items, selector):
    h = np.array([kit.entropy(c[list(items)].sum(axis=0)) for c in counts])
    if selector == "sum":
        return -h.sum()
    return np.linalg.norm(np.log([max((c.sum(axis=0) > 0).sum(), 1) for c in counts]) - h)


@pytest.mark.parametrize("selector", ["dutopia", "sum"])
@settings(max_examples=40)
@given(data=st.data())
def test_no_exchange_improves_the_outcome(kit, selector, data):
    counts = data.draw(kit.count_lists(max_items=9, min_items=2))
    n = len(counts[0])
    k = data.draw(st.integers(1, n - 1))
    ranking, _, _ = greedy_max_entropy(counts, k, selector=selector)
    refined, path, distance = swap_refine(counts, ranking, selector=selector, max_passes=50)
    found = score(kit, counts, refined, selector)
    assert found <= score(kit, counts, ranking, selector) + 1e-9
    for place in range(k):
        for other in set(range(n)) - set(refined.tolist()):
            changed = refined.copy()
            changed[place] = other
            assert score(kit, counts, changed, selector) >= found - 1e-9
    assert len(set(refined.tolist())) == k
    last = [kit.entropy(c[refined].sum(axis=0)) for c in counts]
    np.testing.assert_allclose(path[-1], last, atol=1e-9)
    assert path.shape == (k, len(counts))
    assert distance.shape == (k,)


def test_it_finds_the_best_set_where_greedy_does_not(kit):
    improved = 0
    for seed in range(12):
        counts = [c.toarray() for c in kit.random_counts(14, (8, 10), rate=2, seed=seed)]
        ranking, _, distance = greedy_max_entropy(counts, 4)
        _, _, closer = swap_refine(counts, ranking)
        best = min(score(kit, counts, s, "dutopia") for s in combinations(range(14), 4))
        assert best - 1e-9 <= closer[-1] <= distance[-1] + 1e-9
        improved += closer[-1] < distance[-1] - 1e-6
    assert improved > 0


def test_initial_and_excluded_items_stay_where_they_are(kit):
    counts = kit.random_counts(50)
    options = {"initial": [0, 1], "exclude": [2, 3]}
    ranking, _, distance = greedy_max_entropy(counts, 10, **options)
    refined, _, closer = swap_refine(counts, ranking, **options)
    assert not set(refined.tolist()) & {0, 1, 2, 3}
    assert closer[-1] <= distance[-1] + 1e-12
    empty, path, _ = swap_refine(counts, [])
    assert (len(empty), path.shape) == (0, (0, 2))


@pytest.mark.parametrize("order", [0.0, 1.0, 1.5, 2.0])
def test_taking_out_is_the_inverse_of_putting_in(kit, order):
    counts = read_counts(kit.random_counts(60))
    objective = Objective.of(counts.reach.present, order=order)
    start = np.zeros(int(counts.offsets[-1]), dtype=np.int64)
    engine = ScanEngine(Problem(counts, objective, start, np.arange(60)))
    for item in (3, 14, 15):
        engine.add(counts.row(item))
    before = [g.copy() for g in engine.sums], engine.pool.counts.copy(), list(engine.pool.sums)
    engine.add(counts.row(9))
    engine.remove(counts.row(9))
    for a, b in zip(before[0], engine.sums, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(engine.pool.counts, before[1])
    assert engine.pool.sums == before[2]
