"""What must hold of every result of a search, whatever the engine."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sampkit.minmax import max_violation, minmax_exact, minmax_search, round_to_levels
from sampkit.minmax._gram import successive_rounding
from sampkit.minmax._levels import as_levels

ENGINES = ("dense", "small", "sparse")
seeds = st.integers(0, 2**32 - 1)


def problem(seed, m=24, n=6, scale=1.0):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, n)) * scale
    return rng, A, A @ rng.uniform(-1, 1, n)


def levels_of(kind, rng, n):
    return {
        "even": np.linspace(-1, 1, 5),
        "uneven": np.array([-1, -0.3, 0.1, 0.25, 1]),
        "own": np.sort(rng.uniform(-1, 1, (n, 4)), axis=1),
        "ragged": [np.linspace(-1, 1, 2 + j % 4) for j in range(n)],
        "signs": np.array([-1.0, 1.0]),
    }[kind]


KINDS = ("even", "uneven", "own", "ragged", "signs")


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=30)
@given(
    seed=seeds,
    kind=st.sampled_from(KINDS),
    side=st.sampled_from(["both", "upper", "lower"]),
    weighted=st.booleans(),
    tolerant=st.booleans(),
)
def test_result_is_what_it_says(engine, seed, kind, side, weighted, tolerant):
    rng, A, b = problem(seed)
    levels = levels_of(kind, rng, 6)
    w = rng.uniform(0.3, 3, 24) if weighted else None
    h = rng.uniform(0, 0.3, 24) if tolerant else None
    start = rng.uniform(-1, 1, 6)
    cost = {"row_weight": w, "tolerance": h, "side": side}
    found = minmax_search(
        A, b, levels, start=start, engine=engine, rng=0, population=3, max_iter=1, **cost
    )
    assert found.engine == engine
    # values are levels, the objective is theirs, in float64
    index, value = round_to_levels(found.x, levels)
    assert_array_equal(value, found.x)
    assert_array_equal(index, found.index)
    again = max_violation(A, found.x, b, **cost)
    assert found.objective == pytest.approx(again, rel=1e-12, abs=1e-13)
    assert found.objective_per_row.max() == found.objective
    assert_allclose(found.residual, A @ found.x - b, atol=1e-12)
    assert found.l2_norm == pytest.approx(np.linalg.norm(A @ found.x - b), rel=1e-9)
    # never worse than the rounded start, never better than the bound
    rounded = max_violation(A, round_to_levels(start, levels)[1], b, **cost)
    assert found.objective <= rounded + 1e-12
    assert found.lower_bound <= found.objective
    times, objectives = zip(*found.history, strict=True)
    assert (np.diff(objectives) < 0).all()
    assert (np.diff(times) >= 0).all()
    assert objectives[-1] == pytest.approx(found.objective, rel=1e-9, abs=1e-12)
    if found.status == "feasible":
        assert found.objective <= 0
    else:
        assert found.objective > 0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("c", [1e-9, 1.0, 1e9])
def test_scaling_the_data_scales_the_objective(engine, c):
    _, A, b = problem(3, m=60, n=10)
    levels = np.linspace(-1, 1, 4)
    # a power of two near c: every operation is then exact up to the exponent
    c = 2.0 ** round(np.log2(c))
    one = minmax_search(A, b, levels, engine=engine, rng=1, max_iter=2)
    other = minmax_search(A * c, b * c, levels, engine=engine, rng=1, max_iter=2)
    assert_array_equal(one.index, other.index)
    assert other.objective == pytest.approx(c * one.objective, rel=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("c", [1e-9, 1e9])
def test_scaling_the_levels_changes_nothing(engine, c):
    _, A, b = problem(4, m=60, n=10)
    c = 2.0 ** round(np.log2(c))
    one = minmax_search(A, b, np.linspace(-1, 1, 4), engine=engine, rng=1, max_iter=2)
    other = minmax_search(A / c, b, c * np.linspace(-1, 1, 4), engine=engine, rng=1, max_iter=2)
    assert_array_equal(one.index, other.index)


@pytest.mark.parametrize("engine", ENGINES)
def test_weight_two_is_the_row_twice_as_large(engine):
    rng, A, b = problem(5)
    w = 2.0 ** rng.integers(-1, 2, 24)
    levels = np.linspace(-1, 1, 4)
    one = minmax_search(A, b, levels, row_weight=w, engine=engine, rng=0)
    two = minmax_search(A * w[:, None], b * w, levels, engine=engine, rng=0)
    assert_array_equal(one.index, two.index)
    assert one.objective == two.objective


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=15)
@given(seed=seeds, shift=st.floats(-3, 3))
def test_frozen_variables_stay_and_only_shift_b(engine, seed, shift):
    rng, A, b = problem(seed)
    frozen = np.array([True, False, False, True, False, False])
    start = rng.uniform(-1, 1, 6)  # frozen values need not be levels
    levels = np.linspace(-1, 1, 4)
    common = {"engine": engine, "rng": 0, "frozen": frozen, "start": start}
    one = minmax_search(A, b, levels, **common)
    assert_array_equal(one.x[frozen], start[frozen])
    assert np.isin(one.x[~frozen], levels).all()
    # a multiple of a frozen column on both sides
    moved = start.copy()
    moved[0] += shift
    two = minmax_search(A, b + shift * A[:, 0], levels, **common | {"start": moved})
    assert two.objective == pytest.approx(one.objective, rel=1e-6)
    with_levels = np.where(frozen, one.x, round_to_levels(one.x, levels)[1])
    assert one.objective == pytest.approx(np.abs(A @ with_levels - b).max(), rel=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", [21, 24, 26, 46])
def test_the_search_never_counts_on_moving_what_is_frozen(engine, seed):
    rng, A, b = problem(seed, m=3, n=4)
    frozen = rng.random(4) < 0.6
    start = rng.uniform(-2, 2, 4)
    common = {"frozen": frozen, "start": start, "side": "lower"}
    found = minmax_search(A, b, [-1, 0, 1], engine=engine, rng=0, max_iter=4, **common)
    assert_array_equal(found.index[frozen], round_to_levels(start, [-1, 0, 1])[0][frozen])
    assert found.history[-1][1] == pytest.approx(found.objective, rel=1e-9)
    assert (found.status == "feasible") == (found.objective <= 0)


def test_successive_rounding_leaves_the_frozen_alone():
    rng, A, _ = problem(0, m=40, n=30)
    X, frozen = rng.uniform(-1, 1, (3, 30)), rng.random((3, 30)) < 0.4
    for levels in (as_levels([-1, 0, 1], 30, 3), as_levels([-1, 0, 0.3, 1], 30, 3)):
        index = successive_rounding(A.T @ A, X, levels, frozen=frozen)
        assert_array_equal(index[frozen], levels.nearest(X)[frozen])
        assert (index != levels.nearest(X)).any()


def test_one_sided_optimum_is_below_the_two_sided():
    for seed in range(5):
        _, A, b = problem(seed, m=20, n=5)
        levels = np.linspace(-1, 1, 3)
        both = minmax_exact(A, b, levels)
        upper = minmax_exact(A, b, levels, side="upper")
        assert upper.objective <= both.objective + 1e-9
        found = minmax_search(A, b, levels, side="upper", rng=0)
        if upper.objective <= 0:
            assert found.objective <= 0
        else:
            assert found.objective >= upper.objective - 1e-9


def test_feasible_ends_the_search_unless_slack_is_asked_for():
    _, A, b = problem(6, m=30, n=8)
    levels = np.linspace(-1, 1, 5)
    options = {"tolerance": 1.5, "rng": 0, "max_iter": 20}
    enough = minmax_search(A, b, levels, **options)
    assert enough.status == "feasible"
    assert enough.objective <= 0
    assert enough.gap == 0
    for engine in ENGINES:
        more = minmax_search(A, b, levels, minimize_slack=True, engine=engine, **options)
        assert more.objective <= enough.objective + 1e-12
    best = minmax_search(A, b, levels, rng=0, max_iter=20)
    small = minmax_search(A, b, levels, minimize_slack=True, engine="small", **options)
    assert small.objective == pytest.approx(best.objective - 1.5, rel=1e-9)


@pytest.mark.parametrize("side", ["upper", "lower"])
def test_slack_of_one_sided_rows(side):
    _, A, b = problem(7, m=30, n=6)
    levels = np.linspace(-1, 1, 3)
    more = minmax_search(A, b, levels, side=side, minimize_slack=True, rng=0, max_iter=30)
    best = minmax_exact(A, b, levels, side=side)
    assert more.objective == pytest.approx(best.objective, rel=1e-9)


def test_an_interval_is_a_centre_and_a_tolerance():
    _, A, b = problem(8, m=30, n=8)
    low, high = b - 0.9, b + 0.7
    levels = np.linspace(-1, 1, 5)
    found = minmax_search(
        A, (low + high) / 2, levels, tolerance=(high - low) / 2, rng=0, max_iter=20
    )
    worst = np.maximum(A @ found.x - high, low - A @ found.x).max()
    assert found.objective == pytest.approx(worst, rel=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_targets_together_get_what_they_get_alone(engine):
    rng = np.random.default_rng(9)
    A = rng.standard_normal((50, 12))
    B = A @ rng.uniform(-1, 1, (12, 4))
    levels = np.linspace(-1, 1, 4)
    options = {"engine": engine, "max_iter": 2, "population": 5}
    together = minmax_search(A, B, levels, rng=[1, 2, 3, 4], **options)
    assert together.x.shape == (4, 12)
    assert together.objective.shape == (4,)
    assert together.residual.shape == (50, 4)
    for i in range(4):
        alone = minmax_search(A, B[:, i], levels, rng=[i + 1], **options)
        assert_array_equal(alone.index, together.index[i])
        assert alone.objective == pytest.approx(together.objective[i], rel=1e-12)


def test_levels_of_every_target():
    rng = np.random.default_rng(10)
    A = rng.standard_normal((40, 8))
    B = A @ rng.uniform(-1, 1, (8, 3))
    levels = np.sort(rng.uniform(-1, 1, (3, 8, 4)), axis=2)
    found = minmax_search(A, B, levels, rng=0)
    for i in range(3):
        assert (found.x[i][:, None] == levels[i]).any(axis=1).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_seed_gives_the_same_answer(engine):
    _, A, b = problem(11, m=60, n=12)
    options = {"engine": engine, "max_iter": 3}
    one, two = (minmax_search(A, b, np.linspace(-1, 1, 4), rng=5, **options) for _ in range(2))
    assert_array_equal(one.index, two.index)
    assert one.n_verified == two.n_verified


def test_chunks_of_states_change_nothing(monkeypatch):
    from sampkit.minmax import _dense

    rng = np.random.default_rng(12)
    A = rng.standard_normal((80, 10))
    B = A @ rng.uniform(-1, 1, (10, 5))
    options = {"rng": 0, "max_iter": 2, "population": 6}
    one = minmax_search(A, B, np.linspace(-1, 1, 4), **options)
    for states in (1, 4, 13):
        monkeypatch.setattr(_dense, "rows_per_chunk", lambda *_, most=states: most)
        two = minmax_search(A, B, np.linspace(-1, 1, 4), **options)
        assert_array_equal(one.index, two.index)


@pytest.mark.parametrize("as_type", [np.float32, sp.csr_matrix, sp.coo_array, list])
def test_inputs_of_any_kind_are_left_alone(as_type):
    rng = np.random.default_rng(13)
    A, x = rng.integers(-2, 3, (20, 6)).astype(float), rng.integers(-1, 2, 6)
    b = (A @ x).astype(int)
    given_A = A.astype(as_type) if as_type is np.float32 else as_type(A)
    before = given_A.copy() if hasattr(given_A, "copy") else [*given_A]
    found = minmax_search(given_A, b, [-1, 0, 1], rng=0, max_iter=50, row_weight=2.0)
    assert found.objective == 0  # the planted solution, exact in every precision
    same = given_A == before if isinstance(given_A, list) else abs(given_A - before).sum() == 0
    assert same
    assert found.engine == ("sparse" if sp.issparse(given_A) else "small")


def test_float64_where_float32_would_not_do():
    # the objective is 1e-7 of b: in float32 all residuals would be rounding
    rng = np.random.default_rng(14)
    A = rng.standard_normal((60, 20))
    x = rng.integers(-3, 4, 20)
    b = A @ (x * 1.0) + 1e-7 * rng.uniform(-1, 1, 60)
    found = minmax_search(A, b, range(-3, 4), engine="dense", start=x + 0.4, rng=0)
    assert found.objective <= 1e-7
    assert_array_equal(found.x, x)


@pytest.mark.parametrize("engine", ENGINES)
def test_degenerate_problems(engine):
    options = {"engine": engine, "rng": 0, "max_iter": 2}
    zero = minmax_search(np.zeros((3, 2)), [1.0, -2.0, 0.0], [0, 1], **options)
    assert zero.objective == 2
    one = minmax_search([[2.0]], [3.0], [1.5], **options)
    assert one.objective == 0
    assert one.status == "feasible"
    single = minmax_search(np.eye(3), [0.4, 0.6, 2], [1], **options)
    assert single.x.tolist() == [1, 1, 1]
    empty_column = minmax_search([[1.0, 0], [2.0, 0]], [1.0, 2.0], [0, 1], **options)
    assert empty_column.objective == 0
    all_frozen = minmax_search(
        np.eye(2), [0.4, 0.6], [0, 1], frozen=[True, True], start=[0.3, 0.3], **options
    )
    assert all_frozen.x.tolist() == [0.3, 0.3]
    assert all_frozen.objective == pytest.approx(0.3)


# --- stopping ------------------------------------------------------------------------------------


def hard(m=400, n=60):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((m, n))
    return A, A @ rng.uniform(-1, 1, n), np.linspace(-1, 1, 8)


@pytest.mark.parametrize("engine", ENGINES)
def test_time_limit_ends_the_search(engine):
    A, b, levels = hard()
    found = minmax_search(A, b, levels, time_limit=0.3, engine=engine, rng=0)
    assert found.status == "time_limit"
    assert found.history[-1][0] <= found.seconds
    assert np.isfinite(found.objective)


@pytest.mark.parametrize("engine", ENGINES)
def test_callback_ends_the_search(engine):
    A, b, levels = hard()
    seen = []

    def callback(seconds, objective):
        seen.append((seconds, objective))
        return len(seen) >= 4

    found = minmax_search(A, b, levels, time_limit=60, callback=callback, engine=engine, rng=0)
    assert found.status == "interrupted"
    assert len(seen) == 4
    assert found.objective <= seen[-1][1] + 1e-12
    assert found.seconds < 60


@pytest.mark.parametrize("engine", ENGINES)
def test_ctrl_c_returns_the_incumbent(engine):
    A, b, levels = hard()
    nearest = max_violation(A, minmax_search(A, b, levels, max_iter=0, rng=0).x * 0, b)

    def press():
        time.sleep(0.7)
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        presser.start()
        found = minmax_search(A, b, levels, time_limit=60, engine=engine, rng=0)
    finally:
        presser.join()
        signal.signal(signal.SIGINT, handler)
    assert found.status == "interrupted"
    assert found.seconds < 60
    assert found.objective < nearest
