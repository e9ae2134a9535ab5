"""Rankings: known answers, the definition, and what may not change them."""

from __future__ import annotations

import math
from importlib.util import find_spec

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from sampkit.diversity import _greedy as greedy
from sampkit.diversity import greedy_max_entropy

ENGINES = ["numpy", *(["numba"] if find_spec("numba") else [])]
SELECTORS = ["dutopia", "sum"]
both_engines = pytest.mark.parametrize("engine", ENGINES)
both_selectors = pytest.mark.parametrize("selector", SELECTORS)


@pytest.fixture(scope="module")
def digits():
    pixels, labels = load_digits(return_X_y=True)
    return pixels, np.eye(10, dtype=np.int64)[labels]


# --- known answers --------------------------------------------------------------------------------
# Computed from the definition on scikit-learn's digits, each pixel's value as a count of it.


@both_engines
def test_digits_one_variable(digits, engine):
    pixels, _ = digits
    ranking, path, distance = greedy_max_entropy(pixels, engine=engine)
    assert ranking[:12].tolist() == [
        768, 988, 163, 1176, 673, 629, 1657, 1572, 1078, 756, 586, 447,
    ]  # fmt: skip
    np.testing.assert_allclose(path[[0, 4, 11], 0], [3.556525, 3.84219, 3.863729], atol=5e-7)
    assert path[-1, 0] == pytest.approx(3.702845, abs=5e-7)
    assert 1 + path[:, 0].argmax() == 20
    np.testing.assert_allclose(distance, math.log(61) - path[:, 0], atol=1e-12)
    assert sorted(ranking.tolist()) == list(range(1797))


@both_engines
@both_selectors
def test_digits_two_variables(digits, engine, selector):
    ranking, path, _ = greedy_max_entropy(list(digits), 12, selector=selector, engine=engine)
    assert ranking.tolist() == [768, 988, 163, 1176, 673, 629, 1493, 218, 1375, 103, 447, 756]
    np.testing.assert_allclose(path[-1], [3.850512, 2.253858], atol=5e-7)


def test_digits_two_variables_are_farthest_at_26(digits):
    _, _, distance = greedy_max_entropy(list(digits), 60)
    assert 1 + distance.argmin() == 26


@both_engines
@pytest.mark.parametrize(
    ("order", "expected", "last"),
    [
        (0, [505, 757, 1273, 502, 1264, 66, 800, 0], 4.110874),
        (0.5, [505, 732, 1017, 988, 1176, 163, 599, 673], 3.928114),
        (2, [491, 1754, 163, 1572, 599, 889, 767, 1024], 3.774669),
        (3, [491, 1754, 811, 1296, 767, 1078, 673, 1195], 3.718783),
    ],
)
def test_digits_other_orders(digits, engine, order, expected, last):
    ranking, path, _ = greedy_max_entropy(digits[0], 8, order=order, engine=engine)
    assert ranking.tolist() == expected
    assert path[-1, 0] == pytest.approx(last, abs=5e-7)


def test_chance_of_candidates_to_hold_one_of_the_best():
    """The shares that the reference's documentation prints for 25,000 of 130,000."""
    L, m = 130_000, 25_000
    log_choose = lambda n: math.lgamma(n + 1) - math.lgamma(m + 1) - math.lgamma(n - m + 1)  # noqa: E731
    shares = [100 * (1 - math.exp(log_choose(L - n) - log_choose(L))) for n in (10, 20, 50)]
    np.testing.assert_allclose(shares, [88.19, 98.60, 99.99], atol=0.01)


# --- the definition -------------------------------------------------------------------------------

options = st.fixed_dictionaries(
    {"selector": st.sampled_from(SELECTORS), "normalize": st.booleans()},
    optional={
        "order": st.sampled_from([0.0, 0.5, 1.5, 2.0, 3.0]),
        "decimals": st.just(5),
    },
)


@both_engines
@settings(max_examples=60)
@given(options=options, data=st.data())
def test_both_engines_are_the_definition(kit, engine, options, data):
    counts = data.draw(kit.count_lists())
    n = len(counts[0])
    positions = st.lists(st.integers(0, n - 1), max_size=n, unique=True)
    if data.draw(st.booleans()):
        options["initial"] = data.draw(positions)
        options["exclude"] = data.draw(positions)
    if data.draw(st.booleans()):
        options["weights"] = data.draw(
            st.lists(st.integers(0, 3), min_size=len(counts), max_size=len(counts))
        )
    if data.draw(st.booleans()):
        options["costs"] = data.draw(
            st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=n, max_size=n)
        )
    if data.draw(st.booleans()):
        options["strata"] = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
        options["quotas"] = data.draw(st.integers(0, 3))
    k = data.draw(st.integers(0, n))
    expected, entropies = kit.brute_force(counts, k, **options)
    ranking, path, _ = greedy_max_entropy(counts, k, engine=engine, **options)
    assert ranking.tolist() == expected.tolist()
    np.testing.assert_allclose(path, entropies, atol=1e-9)


@both_selectors
def test_classes_gathering_and_compaction_agree(kit, monkeypatch, selector):
    """The ways of measuring are chosen by size; here each of them is forced."""
    counts = kit.random_counts(150, (30, 60), rate=2)
    expected = greedy_max_entropy(counts, selector=selector, engine="numpy")
    for name, value in (("CLASS_SIZE", 1), ("COMPACT", 1), ("COMPACT", 10**9), ("EXACT", 1)):
        monkeypatch.setattr(greedy, name, value)
        found = greedy_max_entropy(counts, selector=selector, engine="numpy")
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)
        monkeypatch.undo()


@pytest.mark.parametrize("options", [{}, {"decimals": 5}, {"selector": "sum", "order": 1.5}])
def test_hundreds_of_items_are_the_definition(kit, options):
    counts = kit.random_counts(120, (25, 50))
    expected, _ = kit.brute_force([c.toarray() for c in counts], 60, **options)
    assert greedy_max_entropy(counts, 60, **options)[0].tolist() == expected.tolist()


# --- invariants -----------------------------------------------------------------------------------


def rank(counts, n_select=None, **options):
    return greedy_max_entropy(counts, n_select, **options)


@both_selectors
@settings(max_examples=40)
@given(data=st.data())
def test_permutation_prefix_and_last_row(kit, selector, data):
    counts = data.draw(kit.count_lists())
    ranking, path, distance = rank(counts, selector=selector)
    n = len(counts[0])
    assert sorted(ranking.tolist()) == list(range(n))
    for k in (0, 1, n // 2):
        short, start, near = rank(counts, k, selector=selector)
        np.testing.assert_array_equal(short, ranking[:k])
        np.testing.assert_array_equal(start, path[:k])
        np.testing.assert_array_equal(near, distance[:k])
    whole = [kit.entropy(c.sum(axis=0)) for c in counts]
    np.testing.assert_allclose(path[-1], whole, atol=1e-9)


@both_engines
@pytest.mark.parametrize("order", [0.0, 0.5, 1.5, 2.5])
def test_prefixes_of_other_orders(kit, engine, order):
    """Also where the table of powers is made anew as totals grow."""
    counts = kit.random_counts(150)
    ranking, path, _ = rank(counts, order=order, engine=engine)
    for k in (5, 40, 100):
        short, start, _ = rank(counts, k, order=order, engine=engine)
        np.testing.assert_array_equal(short, ranking[:k])
        np.testing.assert_array_equal(start, path[:k])
    whole = [kit.entropy(c.sum(axis=0), order) for c in counts]
    np.testing.assert_allclose(path[-1], whole, atol=1e-8)


@both_selectors
@settings(max_examples=25)
@given(seed=st.integers(0, 99), times=st.integers(2, 5), data=st.data())
def test_relabelling_scaling_and_an_inert_variable(kit, selector, seed, times, data):
    counts = data.draw(kit.count_lists())
    rng = np.random.default_rng(seed)
    ranking, path, _ = rank(counts, selector=selector)
    mixed = [c[:, rng.permutation(c.shape[1])] for c in counts]
    np.testing.assert_array_equal(rank(mixed, selector=selector)[0], ranking)
    scaled = [times * c for c in counts]
    found = rank(scaled, selector=selector)
    np.testing.assert_array_equal(found[0], ranking)
    np.testing.assert_allclose(found[1], path, atol=1e-12)
    one = rng.integers(0, 4, size=(len(ranking), 1))
    for options in ({}, {"normalize": True}):
        plain = rank(counts, selector=selector, **options)
        wider = rank([*counts, one], selector=selector, **options)
        np.testing.assert_array_equal(wider[0], plain[0])
        np.testing.assert_array_equal(wider[1][:, -1], 0.0)


@both_selectors
@settings(max_examples=40)
@given(data=st.data())
def test_initial_items_continue_the_ranking(kit, selector, data):
    counts = data.draw(kit.count_lists())
    ranking, path, _ = rank(counts, selector=selector)
    k = data.draw(st.integers(0, len(ranking)))
    rest, end, _ = rank(counts, len(ranking) - k, selector=selector, initial=ranking[:k])
    np.testing.assert_array_equal(rest, ranking[k:])
    np.testing.assert_array_equal(end, path[k:])


@given(data=st.data())
def test_selectors_agree_on_one_variable(kit, data):
    counts = data.draw(kit.count_lists(max_variables=1))
    np.testing.assert_array_equal(rank(counts)[0], rank(counts, selector="sum")[0])


@given(st.integers(1, 30))
def test_disjoint_singletons_keep_their_order(n):
    np.testing.assert_array_equal(rank(np.eye(n, dtype=int))[0], np.arange(n))


@given(data=st.data())
def test_first_pick_is_the_best_single_item(kit, data):
    counts = data.draw(kit.count_lists())
    ranking, _, distance = rank(counts, 1)
    utopia = np.log([max((c.sum(axis=0) > 0).sum(), 1) for c in counts])
    alone = [
        np.linalg.norm(utopia - [kit.entropy(c[d]) for c in counts]) for d in range(len(counts[0]))
    ]
    assert distance[0] == pytest.approx(min(alone), abs=1e-9)
    assert alone[ranking[0]] == pytest.approx(min(alone), abs=1e-9)


@given(data=st.data())
def test_order_zero_of_one_variable_is_maximum_coverage(kit, data):
    """Greedy covers at least 1 - 1/e of what the best set of its size does."""
    counts = data.draw(kit.count_lists(max_variables=1))
    from itertools import combinations

    counts[0][:, 0] = np.maximum(counts[0][:, 0], 1)  # H = 0 for none and for one category
    n = len(counts[0])
    k = data.draw(st.integers(1, min(n, 3)))
    ranking, _, _ = rank(counts, k, order=0)
    shown = lambda items: (counts[0][list(items)].sum(axis=0) > 0).sum()  # noqa: E731
    best = max(shown(items) for items in combinations(range(n), k))
    assert shown(ranking) >= (1 - 1 / np.e) * best - 1e-9


def test_rows_without_counts_stay_eligible_and_change_nothing():
    counts = np.array([[0, 0], [1, 0], [0, 1], [0, 0]])
    ranking, path, _ = rank(counts)
    assert ranking.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(path[:, 0], [0, 0, np.log(2), np.log(2)])


def test_entropy_can_fall():
    _, path, _ = rank(np.array([[1, 1, 0], [0, 0, 1], [5, 0, 0]]))
    assert path[-1, 0] < path[-2, 0]


def test_categories_without_a_count_do_not_exist():
    counts = np.array([[1, 0, 1], [1, 0, 0]])
    np.testing.assert_allclose(rank(counts)[2][0], 0.0, atol=1e-12)
    _, path, distance = rank(counts, n_categories=5)
    np.testing.assert_allclose(distance, np.log(5) - path[:, 0], atol=1e-12)


# --- restrictions ---------------------------------------------------------------------------------


@both_engines
def test_quotas_of_some_strata(kit, engine):
    counts = kit.random_counts(90)
    strata = np.array(["a", "b", "c"])[np.arange(90) % 3]
    ranking, _, _ = rank(counts, strata=strata, quotas={"a": 2, "b": 0}, engine=engine)
    picked = strata[ranking]
    assert [(picked == s).sum() for s in "abc"] == [2, 0, 30]
    free, _, _ = rank(counts, exclude=np.flatnonzero(strata == "b"), engine=engine)
    assert ranking[:5].tolist() == [i for i in free if i in set(ranking[:5])][:5]


def test_equal_costs_change_nothing_and_high_costs_come_late(kit):
    counts = kit.random_counts(60)
    plain = rank(counts, 20)[0]
    np.testing.assert_array_equal(rank(counts, 20, costs=np.full(60, 3.0))[0], plain)
    costs = np.ones(60)
    costs[plain[0]] = 1000.0
    assert rank(counts, 20, costs=costs)[0][0] != plain[0]


def test_candidates(kit):
    counts = kit.random_counts(80)
    full = rank(counts, 30)
    np.testing.assert_array_equal(rank(counts, 30, candidates=80, random_state=0)[0], full[0])
    few = rank(counts, 30, candidates=5, random_state=1)
    np.testing.assert_array_equal(few[0], rank(counts, 30, candidates=5, random_state=1)[0])
    assert len(set(few[0].tolist())) == 30
    assert few[0].tolist() != full[0].tolist()
    assert few[2][-1] > full[2][-1]
    # one candidate is a random order: each item comes first with probability 1/80
    first = [rank(counts, 1, candidates=1, random_state=s)[0][0] for s in range(200)]
    assert len(set(first)) > 50


def test_candidates_do_not_depend_on_the_layout(kit, monkeypatch):
    counts = kit.random_counts(80)
    expected = rank(counts, 60, candidates=7, random_state=3)[0]
    monkeypatch.setattr(greedy, "COMPACT", 1)
    np.testing.assert_array_equal(rank(counts, 60, candidates=7, random_state=3)[0], expected)


# --- what comes in --------------------------------------------------------------------------------


def test_every_container_of_counts(kit):
    sparse = kit.random_counts(40)
    expected = rank(sparse)[0]
    for convert in (
        lambda c: c.toarray(),
        lambda c: c.toarray().astype(np.float32),
        lambda c: c.tocsc(),
        lambda c: sp.csr_matrix(c).astype(np.float64),
        lambda c: sp.coo_array(c),
        lambda c: c.astype(np.uint8),
    ):
        np.testing.assert_array_equal(rank([convert(c) for c in sparse])[0], expected)
        np.testing.assert_array_equal(rank(tuple(convert(c) for c in sparse))[0], expected)
    np.testing.assert_array_equal(
        rank(np.array([[True, False], [True, True]]))[0], rank(np.array([[1, 0], [1, 1]]))[0]
    )


def test_explicit_zeros_and_duplicates_are_read_and_left_alone():
    given = sp.csr_matrix(
        (np.array([1, 1, 0, 2]), np.array([0, 0, 1, 1]), np.array([0, 3, 4])), shape=(2, 2)
    )
    before = given.data.copy(), given.indices.copy(), given.indptr.copy()
    ranking, path, _ = rank(given)
    np.testing.assert_allclose(path[:, 0], [0.0, np.log(2)])
    assert ranking.tolist() == [0, 1]
    for kept, now in zip(before, (given.data, given.indices, given.indptr), strict=True):
        np.testing.assert_array_equal(kept, now)


def test_results_have_fixed_types(kit):
    ranking, path, distance = rank(kit.random_counts(20), 0)
    assert (ranking.dtype, ranking.shape) == (np.int64, (0,))
    assert (path.dtype, path.shape) == (np.float64, (0, 2))
    assert (distance.dtype, distance.shape) == (np.float64, (0,))


def test_too_many_are_all_with_a_warning(kit):
    with pytest.warns(UserWarning, match="n_select=50 is larger than .* all 20"):
        ranking, _, _ = rank(kit.random_counts(20), 50)
    assert len(ranking) == 20


def test_rounded_entropies_make_their_own_ties(kit):
    counts = kit.random_counts(300, (60, 150), rate=4)
    exact, rounded = rank(counts)[0], rank(counts, decimals=5)
    assert (exact[:20] == rounded[0][:20]).all()
    assert (exact != rounded[0]).any()
    np.testing.assert_array_equal(rounded[1], np.round(rounded[1], 5))
