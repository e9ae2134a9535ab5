"""Rounds of whole groups and blocks."""

from __future__ import annotations

from itertools import islice

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sampkit.subset import iter_block_subsets
from sampkit.subset._arguments import root_of
from sampkit.subset._units import unit_rounds

SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=20)


@given(SIZES, st.data(), st.booleans())
def test_rounds_hold_enough_and_not_a_unit_more(sizes, data, replacement):
    sizes = np.array(sizes)
    k = data.draw(st.integers(1, int(sizes.sum())))
    for units in islice(unit_rounds(sizes, k, root_of(0), replacement), 20):
        assert np.unique(units).size == units.size
        assert sizes[units].sum() >= k > sizes[units[:-1]].sum()


@given(SIZES, st.data(), st.integers(1, 30))
def test_every_unit_comes_once_before_any_comes_again(sizes, data, n_rounds):
    sizes = np.array(sizes)
    k = data.draw(st.integers(1, int(sizes.sum())))
    rounds = list(islice(unit_rounds(sizes, k, root_of(1), False), n_rounds))
    assert np.ptp(np.bincount(np.concatenate(rounds), minlength=sizes.size)) <= 1


@given(st.integers(1, 200), st.integers(1, 30), st.data(), st.booleans())
def test_blocks(n, block, data, replacement):
    k = data.draw(st.integers(1, n))
    rounds = iter_block_subsets(n, k, block, n_rounds=8, replacement=replacement, random_state=0)
    for blocks in rounds:
        starts = [piece.start for piece in blocks]
        assert starts == sorted(set(starts))
        assert all(start % block == 0 for start in starts)
        assert all(piece.stop == min(piece.start + block, n) for piece in blocks)
        rows = sum(piece.stop - piece.start for piece in blocks)
        assert k <= rows < k + block


def test_independent_block_rounds_are_fair():
    # 40 equal blocks, 10 a round; a binomial count within five standard deviations, 40 times: 2e-5
    rounds = iter_block_subsets(400, 100, 10, n_rounds=2000, replacement=True, random_state=0)
    counts = np.bincount([piece.start // 10 for blocks in rounds for piece in blocks])
    assert np.abs(counts - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)


def test_blocks_go_on_without_end_and_repeat_with_the_seed():
    a, b = (
        list(islice(iter_block_subsets(100, 0.1, 7, random_state=3), 50)) for _ in range(2)
    )  # fmt: skip
    assert a == b
    assert len(a) == 50
