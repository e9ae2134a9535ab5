"""Shards: the same ranking as one machine, in this process and on a cluster."""

from __future__ import annotations

from itertools import pairwise

import dask
import numpy as np
import pytest
from distributed import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from sampkit.diversity import greedy_max_entropy, greedy_max_entropy_sharded

OPTIONS = (
    {},
    {"selector": "sum"},
    {"order": 2.0},
    {"order": 0.5, "normalize": True},
    {"decimals": 5, "weights": [1.0, 2.0]},
)


def cut(counts, bounds):
    """Every matrix in the same pieces."""
    ends = [0, *sorted(bounds), counts[0].shape[0]]
    return [[c[a:b] for c in counts] for a, b in pairwise(ends)]


def assert_equal(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_exact_is_one_machine(kit, options):
    counts = kit.random_counts(120)
    expected = greedy_max_entropy(counts, **options)
    for bounds in ([60], [1, 2, 100], [0, 50, 120]):
        assert_equal(greedy_max_entropy_sharded(cut(counts, bounds), **options), expected)


@settings(max_examples=30)
@given(data=st.data())
def test_exact_is_one_machine_on_small_tables_full_of_ties(kit, data):
    counts = data.draw(kit.count_lists())
    n = len(counts[0])
    bounds = data.draw(st.lists(st.integers(0, n), max_size=3))
    options = data.draw(st.sampled_from(OPTIONS[:4]))
    expected = greedy_max_entropy(counts, **options)
    assert_equal(greedy_max_entropy_sharded(cut(counts, bounds), **options), expected)


def test_common_divisors_are_those_of_all_shards(kit):
    counts = [4 * c for c in kit.random_counts(40)]
    counts[1] = counts[1].toarray()
    counts[1][39, 0] = 6  # of one shard the divisor is 4, of the other, and of both, 2
    assert_equal(greedy_max_entropy_sharded(cut(counts, [20])), greedy_max_entropy(counts))


def test_two_rounds(kit):
    counts = kit.random_counts(400, (60, 150))
    full = greedy_max_entropy(counts, 40)
    shards = cut(counts, [100, 200, 300])
    found = greedy_max_entropy_sharded(shards, 40, method="two-round")
    assert len(set(found[0].tolist())) == 40
    # every shard's own first 40 meet in the second round, with the |V| of all
    alone = [
        greedy_max_entropy(s, 40, n_categories=[(c.sum(axis=0) > 0).sum() for c in counts])
        for s in shards
    ]
    firsts = [0, 100, 200, 300]
    union = np.sort(np.concatenate([f + a[0] for f, a in zip(firsts, alone, strict=True)]))
    assert set(found[0]) <= set(union)
    expected = greedy_max_entropy(
        [c[union] for c in counts], 40, n_categories=[(c.sum(axis=0) > 0).sum() for c in counts]
    )
    np.testing.assert_array_equal(found[0], union[expected[0]])
    np.testing.assert_array_equal(found[1], expected[1])
    random = [
        greedy_max_entropy([c[r] for c in counts], 40)[1][-1]
        for r in [np.random.default_rng(s).choice(400, 40, replace=False) for s in range(5)]
    ]
    assert full[2][-1] <= found[2][-1] + 1e-9
    assert found[1][-1].sum() > np.max([h.sum() for h in random])


def test_two_rounds_of_one_shard_is_one_machine(kit):
    counts = kit.random_counts(60)
    found = greedy_max_entropy_sharded([counts], 20, method="two-round")
    assert_equal(found, greedy_max_entropy(counts, 20))
    few = greedy_max_entropy_sharded(cut(counts, [30]), 20, method="two-round", k_per_shard=5)
    assert len(few[0]) == 10


def test_one_matrix_for_a_shard_and_more_categories(kit):
    counts = kit.random_counts(40)[:1]
    shards = [counts[0][:10], counts[0][10:].toarray()]
    expected = greedy_max_entropy(counts, 5, n_categories=1000)
    assert_equal(greedy_max_entropy_sharded(shards, 5, n_categories=1000), expected)
    assert_equal(greedy_max_entropy_sharded([counts[0]], 0), greedy_max_entropy(counts, 0))


def test_delayed_without_a_client(kit):
    counts = kit.random_counts(40)
    shards = [dask.delayed(s) for s in cut(counts, [15])]
    assert_equal(greedy_max_entropy_sharded(shards, 8), greedy_max_entropy(counts, 8))


def test_too_many_warn(kit):
    with pytest.warns(UserWarning, match="n_select=99 .* all 40"):
        found = greedy_max_entropy_sharded(cut(kit.random_counts(40), [15]), 99)
    assert len(found[0]) == 40


@pytest.fixture(scope="module")
def client(two_workers):
    with Client(two_workers) as client:
        yield client


def test_on_a_cluster_of_processes(client, kit):
    counts = kit.random_counts(90)
    expected = greedy_max_entropy(counts, 10)
    here = cut(counts, [20, 50])
    assert_equal(greedy_max_entropy_sharded(here, 10, client=client), expected)
    delayed = [dask.delayed(s) for s in here]
    assert_equal(greedy_max_entropy_sharded(delayed, 10, client=client), expected)
    futures = [client.compute(d) for d in delayed]
    assert_equal(greedy_max_entropy_sharded(futures, 10, client=client), expected)
    assert_equal(
        greedy_max_entropy_sharded(futures, 10, method="two-round", client=client),
        greedy_max_entropy_sharded(here, 10, method="two-round"),
    )
