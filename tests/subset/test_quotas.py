"""Class quotas at sizes and rounds that no stream could be drawn for."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sampkit.subset._quotas import cumulative_after


def follow(sizes, k, first, n_rounds):
    """Quotas round by round after `first` rounds, a multiple of n: exactly proportional."""
    used, rng = first // int(sizes.sum()) * k * sizes, np.random.default_rng(0)
    for t in range(first + 1, first + n_rounds + 1):
        after = cumulative_after(used, t, sizes, k, rng)
        yield t, after - used, after
        used = after


@settings(max_examples=60)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=12), st.data())
def test_small_classes_are_never_asked_for_more_than_they_have(sizes, data):
    sizes = np.array(sizes, dtype=np.int64)
    n = int(sizes.sum())
    k = data.draw(st.integers(1, n))
    for t, quota, after in follow(sizes, k, 0, 60):
        assert int(quota.sum()) == k
        assert (quota >= 0).all()
        assert (quota <= sizes).all()
        assert (np.abs(after * n - t * k * sizes) < n).all()


def test_where_proportion_alone_would_ask_a_class_of_two_for_three_rows():
    # sizes (51, 33, 2), k = 66: within one row of proportion, but 3 rows of 2 in round 55
    sizes = np.array([51, 33, 2], dtype=np.int64)
    assert max(int(quota[2]) for _, quota, _ in follow(sizes, 66, 0, 500)) == 2


def test_integers_do_not_overflow():
    sizes = np.array([2**31 - 2**20 - 7, 2**20, 7], dtype=np.int64)
    n = int(sizes.sum())
    first = n * 3  # exactly proportional: 3 k of each n_j
    for t, quota, after in follow(sizes, 10**9, first, 5):
        assert int(quota.sum()) == 10**9
        for size, used in zip(sizes.tolist(), after.tolist(), strict=True):
            assert abs(used * n - t * 10**9 * size) < n
