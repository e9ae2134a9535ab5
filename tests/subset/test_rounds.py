"""Streams of subsets: what is exact about them is checked exactly, the rest by statistics."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sampkit.subset import iter_random_subsets
from sampkit.subset._arguments import child_of, root_of
from sampkit.subset._permutations import PERMUTATIONS
from sampkit.subset._rounds import row_rounds

ODD_PAIRS = [(10, 3), (50, 6), (7, 7), (100, 99), (1000, 300), (10, 7), (5, 4), (9, 5), (1, 1)]


@st.composite
def n_and_k(draw, largest=60):
    n = draw(st.integers(1, largest))
    return n, draw(st.integers(1, n))


def drawn(n, rounds):
    return np.bincount(np.concatenate(rounds), minlength=n)


def by_hand(n, k, n_rounds, permutation):
    """The carry stream as the definition says it, with lists."""
    epoch, stream, rounds = 0, list(permutation(0)), []
    while len(rounds) < n_rounds:
        if len(stream) >= k:
            rounds.append(stream[:k])
            stream = stream[k:]
            continue
        epoch += 1
        new = list(permutation(epoch))
        head = [row for row in new if row not in stream][: k - len(stream)]
        rounds.append(stream + head)
        stream = [row for row in new if row not in head]
    return rounds


# --- the carry stream ---------------------------------------------------------------------------


@pytest.mark.parametrize("permutation", ["shuffle", "feistel"])
@pytest.mark.parametrize(("n", "k"), ODD_PAIRS)
def test_carry_is_the_definition(n, k, permutation):
    source = PERMUTATIONS[permutation](n, child_of(root_of(3), 0))
    expected = by_hand(n, k, 37, lambda epoch: source.part(epoch, 0, n).tolist())
    found = iter_random_subsets(n, k, 37, permutation=permutation, random_state=3)
    assert [rows.tolist() for rows in found] == expected


@given(n_and_k(), st.integers(1, 40), st.sampled_from(["shuffle", "feistel"]))
def test_carry_is_balanced_and_distinct(pair, n_rounds, permutation):
    n, k = pair
    rounds = list(iter_random_subsets(n, k, n_rounds, permutation=permutation, random_state=0))
    assert all(rows.size == k == np.unique(rows).size for rows in rounds)
    assert set(drawn(n, rounds)) <= {n_rounds * k // n, -(-n_rounds * k // n)}


@given(st.integers(1, 12), st.integers(1, 12))
def test_rounds_of_a_divisor_are_permutations(k, times):
    n = k * times
    rounds = list(iter_random_subsets(n, k, 3 * times, random_state=1))
    for start in (0, times, 2 * times):
        assert np.array_equal(np.sort(np.concatenate(rounds[start : start + times])), np.arange(n))


@given(
    n_and_k(),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["shuffle", "feistel"]),
    st.lists(st.integers(0, 30), min_size=1, max_size=6),
)
def test_any_round_alone_is_that_of_the_stream(pair, stratified, replacement, permutation, order):
    n, k = pair
    codes = np.arange(n) ** 2 % 5 if stratified else None
    codes = None if codes is None else np.unique(codes, return_inverse=True)[1]
    options = {"replacement": replacement, "codes": codes, "permutation": permutation}
    stream = row_rounds(n, k, root_of(5), **options)
    rounds = [stream.round(t).copy() for t in range(31)]
    jumping = row_rounds(n, k, root_of(5), **options)
    for t in order:
        assert np.array_equal(jumping.round(t), rounds[t])


def test_large_permutations_are_sorted_ones(monkeypatch):
    # the other way of shuffling, otherwise from 4 million rows on
    monkeypatch.setattr("sampkit.subset._permutations.SORTED_FROM", 100)
    rounds = list(iter_random_subsets(1000, 300, 37, random_state=0))
    assert set(drawn(1000, rounds)) == {11, 12}


# --- the other remainders -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "size", "lengths"),
    [
        (1000, 0.3, [300, 300, 300, 299] * 3),
        (10, 0.3, [3, 3, 3, 2] * 2),
        (50, 0.12, [6] * 8 + [5] + [6] * 8 + [5]),
        (10, 5, [5, 5, 4] * 3),  # k divides n and has its short round, too
    ],
)
def test_reference_has_its_off_by_one(n, size, lengths):
    rounds = iter_random_subsets(n, size, len(lengths), remainder="reference", random_state=0)
    assert [rows.size for rows in rounds] == lengths


def test_reference_is_unbalanced():
    # the spec's measurement: 5 to 9 draws a row after 20 rounds, exact balance is 6
    rounds = list(iter_random_subsets(1000, 0.3, 20, remainder="reference", random_state=0))
    counts = drawn(1000, rounds)
    assert counts.min() == 5
    assert counts.max() >= 8


@given(n_and_k(), st.integers(1, 25))
def test_reference_is_the_repositorys_loop(pair, n_rounds):
    n, k = pair
    source = PERMUTATIONS["shuffle"](n, child_of(root_of(2), 0))
    epoch = end = 0
    for rows in iter_random_subsets(n, k, n_rounds, remainder="reference", random_state=2):
        order = source.part(epoch, 0, n)
        start, end = end, (end + k) % (n + 1)
        if end >= start:
            assert np.array_equal(rows, order[start:end])
        else:
            assert np.array_equal(rows, np.concatenate([order[start:], order[:end]]))
            epoch, end = epoch + 1, 0


@given(n_and_k(), st.integers(1, 4))
def test_drop_and_short_take_one_permutation_at_a_time(pair, epochs):
    n, k = pair
    whole = n // k
    rounds = list(iter_random_subsets(n, k, whole * epochs, remainder="drop", random_state=0))
    assert {rows.size for rows in rounds} == {k}
    for e in range(epochs):
        assert drawn(n, rounds[e * whole : (e + 1) * whole]).max() == 1
    pieces = -(-n // k)
    rounds = list(iter_random_subsets(n, k, pieces * epochs, remainder="short", random_state=0))
    for e in range(epochs):
        part = rounds[e * pieces : (e + 1) * pieces]
        assert [rows.size for rows in part[:-1]] == [k] * (pieces - 1)
        assert np.array_equal(np.sort(np.concatenate(part)), np.arange(n))


# --- stratified ---------------------------------------------------------------------------------


def test_stratified_counts_of_the_spec():
    y = np.repeat(np.arange(4), [500, 300, 195, 5])
    rounds = list(iter_random_subsets(1000, 20, 200, stratify=y, random_state=0))
    assert np.bincount(y[np.concatenate(rounds)]).tolist() == [2000, 1200, 780, 20]


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=8),
    st.floats(0.01, 1),
    st.booleans(),
    st.integers(0, 100),
)
def test_stratified_guarantees(sizes, share, replacement, seed):
    y = np.repeat([f"class {j}" for j in range(len(sizes))], sizes)
    codes, sizes, n = np.repeat(np.arange(len(sizes)), sizes), np.array(sizes), len(y)
    k = max(1, round(share * n))
    total, counts = np.zeros(len(sizes), dtype=int), np.zeros(n, dtype=int)
    subsets = iter_random_subsets(
        n, k, 40, stratify=y, replacement=replacement, random_state=seed
    )  # fmt: skip
    for t, rows in enumerate(subsets, 1):
        assert rows.size == k == np.unique(rows).size
        total += np.bincount(codes[rows], minlength=len(sizes))
        counts[rows] += 1
        assert (np.abs(total * n - t * k * sizes) < n).all()  # < 1 row, in integers
    if not replacement:  # inside a class the stream is balanced
        assert all(np.ptp(counts[codes == j]) <= 1 for j in range(len(sizes)))


def test_stratified_rounds_are_mixed():
    y = np.repeat([0, 1], 500)
    (rows,) = iter_random_subsets(1000, 200, 1, stratify=y, random_state=0)
    # a random order of two equal halves; the chance of the bounds failing is below 1e-9
    assert 60 < np.count_nonzero(np.diff(y[rows])) < 140


# --- statistics; false alarms at most 1e-6 each -------------------------------------------------


@pytest.mark.parametrize(("permutation", "times"), [("shuffle", 4000), ("feistel", 1000)])
def test_independent_rounds_include_every_row_equally(permutation, times):
    n, k = 100, 10
    rounds = iter_random_subsets(
        n, k, times, replacement=True, permutation=permutation, random_state=0
    )  # fmt: skip
    counts = drawn(n, list(rounds))
    # counts have variance times * p (1 - p) and correlation -1 / (n - 1)
    statistic = ((counts - times * k / n) ** 2).sum() / (times * k / n * (1 - k / n)) * (n - 1) / n
    assert stats.chi2.sf(statistic, n - 1) > 1e-6


def test_means_of_independent_rounds_are_unbiased():
    # four standard errors, 6e-5 two-sided; the seed is fixed
    n, k, times = 500, 25, 4000
    x = np.random.default_rng(0).exponential(size=n)
    rounds = iter_random_subsets(n, k, times, replacement=True, random_state=0)
    means = [x[rows].mean() for rows in rounds]
    error = x.std() / np.sqrt(times * k) * np.sqrt((n - k) / (n - 1))
    assert abs(np.mean(means) - x.mean()) < 4 * error
    assert np.std(means) == pytest.approx(error * np.sqrt(times), rel=0.06)


def test_independent_rounds_overlap_as_they_should():
    n, k = 1000, 100
    rounds = list(iter_random_subsets(n, k, 400, replacement=True, random_state=0))
    overlap = [np.isin(a, b).sum() for a, b in zip(rounds[::2], rounds[1::2], strict=True)]
    law = stats.hypergeom(n, k, k)
    assert abs(np.mean(overlap) - law.mean()) < 5 * law.std() / np.sqrt(len(overlap))


def test_first_round_is_a_uniform_subset():
    # all 20 ordered pairs of 5 rows are equally likely
    pairs = [tuple(next(iter_random_subsets(5, 2, random_state=seed))) for seed in range(4000)]
    _, counts = np.unique(pairs, axis=0, return_counts=True)
    assert counts.size == 20
    assert stats.chisquare(counts).pvalue > 1e-6


# --- the rest of the interface ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "k"), [(0.25, 2), (0.1, 1), (0.001, 1), (1, 1), (1.0, 10), (np.int64(4), 4)]
)
def test_size_of_a_round(size, k):
    assert next(iter_random_subsets(10, size, random_state=0)).size == k


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint32, np.int64])
def test_dtype_and_own_memory(dtype):
    subsets = iter_random_subsets(200, 0.5, dtype=dtype, random_state=0)
    first = next(subsets)
    kept = first.copy()
    assert first.dtype == dtype
    second = next(subsets)
    assert np.array_equal(np.sort(np.concatenate([kept, second])), np.arange(200))
    first[:] = 0  # the stream does not mind what becomes of its rounds
    expected = list(islice(iter_random_subsets(200, 0.5, random_state=0), 4))
    assert np.array_equal(next(subsets), expected[2])


def test_sorted_rounds_hold_the_same_rows():
    mixed = list(iter_random_subsets(50, 7, 9, random_state=0))
    ascending = list(iter_random_subsets(50, 7, 9, shuffle=False, random_state=0))
    assert all(np.array_equal(np.sort(a), b) for a, b in zip(mixed, ascending, strict=True))


@pytest.mark.parametrize("make", [lambda: 7, lambda: np.random.SeedSequence(7)])
def test_equal_seeds_equal_streams(make):
    a, b = (list(iter_random_subsets(30, 4, 20, random_state=make())) for _ in range(2))
    assert all(map(np.array_equal, a, b))
    assert len(a) == 20


def test_generators_move_on():
    for rng in (np.random.default_rng(0), np.random.RandomState(0)):
        first, second = (next(iter_random_subsets(1000, 10, random_state=rng)) for _ in range(2))
        assert not np.array_equal(first, second)


def test_without_a_number_of_rounds_there_is_no_end():
    assert sum(1 for _ in islice(iter_random_subsets(10, 3, random_state=0), 1000)) == 1000


@settings(max_examples=20)
@given(st.integers(2**31, 2**45), st.integers(0, 5))
def test_feistel_needs_no_memory_of_the_size_of_the_data(n, t):
    stream = row_rounds(n, 100, root_of(0), permutation="feistel")
    rows = stream.round(t * 10**6)
    assert rows.size == np.unique(rows).size == 100
    assert 0 <= rows.min() <= rows.max() < n
