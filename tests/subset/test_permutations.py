"""Permutations, stored and computed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sampkit.subset._arguments import root_of
from sampkit.subset._feistel import permuted
from sampkit.subset._permutations import Computed, Shuffled, _by_sorting, shuffled

KEYS = st.lists(st.integers(0, 2**64 - 1), min_size=4, max_size=4)


@given(st.integers(1, 3000), KEYS)
def test_feistel_is_a_bijection(n, keys):
    values = permuted(n, np.array(keys, dtype=np.uint64), 0, n)
    assert np.array_equal(np.sort(values), np.arange(n))


@given(st.integers(1, 10**6), st.data())
def test_feistel_parts_are_parts_of_the_whole(n, data):
    start = data.draw(st.integers(0, n))
    stop = data.draw(st.integers(start, min(n, start + 200)))
    wider = data.draw(st.integers(0, start))
    source = Computed(n, root_of(0))
    part = source.part(3, start, stop)
    assert np.array_equal(part, source.part(3, max(wider, start - 50), stop)[-len(part) or stop :])


def test_feistel_looks_random():
    # positions against values in 20 x 20 cells, lag-1 correlation; false alarms 1e-6 each
    n = 100_000
    values = Computed(n, root_of(0)).part(0, 0, n)
    table = np.histogram2d(np.arange(n), values, bins=20)[0]
    assert stats.chi2.sf(((table - n / 400) ** 2).sum() / (n / 400), 19 * 19) > 1e-6
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 4.9 / np.sqrt(n)


def test_feistel_permutations_differ_between_epochs():
    source = Computed(10_000, root_of(0))
    same = np.count_nonzero(source.part(0, 0, 10_000) == source.part(1, 0, 10_000))
    assert same < 15  # Poisson of mean 1: below 1e-12


@given(st.integers(1, 500), st.integers(0, 50))
def test_sorting_gives_permutations(n, seed):
    values = _by_sorting(n, np.random.default_rng(seed))
    assert np.array_equal(np.sort(values), np.arange(n))


class FewKeys:
    """A generator whose keys have two bits, so that almost all are tied."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def integers(self, low, high, n, **options):
        return self.rng.integers(0, 4, n, dtype=np.uint64) << np.uint64(62)

    def permutation(self, n):
        return self.rng.permutation(n)


def test_ties_of_sorting_keys_are_broken_at_random():
    # the 24 permutations of 4 rows, most with ties among their keys; false alarm 1e-6
    seen = [tuple(_by_sorting(4, FewKeys(seed)).tolist()) for seed in range(6000)]
    counts = np.unique(seen, axis=0, return_counts=True)[1]
    assert counts.size == 24
    assert stats.chisquare(counts).pvalue > 1e-6


def test_stored_permutation_is_small_and_kept():
    source = Shuffled(1000, root_of(0))
    assert source.part(0, 0, 10).dtype == np.uint32
    assert np.shares_memory(source.part(0, 0, 10), source.part(0, 0, 20))
    assert not np.array_equal(source.part(0, 0, 10), source.part(1, 0, 10))
    assert np.array_equal(Shuffled(1000, root_of(0)).part(1, 0, 10), source.part(1, 0, 10))


@pytest.mark.parametrize("n", [5, 1 << 22])
def test_both_ways_of_shuffling_give_permutations(n):
    values = shuffled(n, np.random.default_rng(0))
    assert values.dtype == np.uint32
    assert np.array_equal(np.bincount(values), np.ones(n))
