"""Pruning is exact: the pruned search for the best move equals brute force over all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampkit.minmax._costs import PowerSum
from sampkit.minmax._polish import (
    IMPROVED,
    Counters,
    Moves,
    best_move,
    largest_cost,
    unit_moves,
    worst_rows,
)
from sampkit.minmax._rows import Rows

KINDS = ("both", "tolerance", "upper", "lower", "slack", "free", "weighted free")


def rows_of(kind, m, rng):
    h = rng.uniform(0, 0.5, m)
    none = np.full(m, np.inf)
    return {
        "both": Rows(),
        "tolerance": Rows(-h, h),
        "upper": Rows(-none, h),
        "lower": Rows(-h, none),
        "slack": Rows(h, -h),  # tolerances that a shift has made negative
        "free": Rows(free=np.ones(m)),
        "weighted free": Rows(free=rng.uniform(0.5, 2, m)),
    }[kind]


def objective(r, rows):
    """The definition; the intercept of a weighted maximum by a fine search of its own."""
    if rows.free is None:
        if rows.plain:
            return np.abs(r).max()
        return np.maximum(r - rows.high, rows.low - r).max()
    u, w = r / rows.free, rows.free
    i, j = np.triu_indices(len(r), 1)
    # the two rows that decide: |u_i - u_j| w_i w_j / (w_i + w_j)
    return (np.abs(u[i] - u[j]) * w[i] * w[j] / (w[i] + w[j])).max()


def brute_force(r, AT, up, down, rows):
    """Smallest objective over all single levels and pairs of two variables."""
    moves = [(j, up[j]) for j in np.flatnonzero(up)] + [(j, -down[j]) for j in np.flatnonzero(down)]
    best = min((objective(r + d * AT[j], rows) for j, d in moves), default=np.inf)
    for at, (i, d) in enumerate(moves):
        for j, e in moves[at + 1 :]:
            if i != j:
                best = min(best, objective(r + d * AT[i] + e * AT[j], rows))
    return best


@pytest.mark.parametrize("kind", KINDS)
@given(
    seed=st.integers(0, 2**32 - 1),
    m=st.integers(3, 40),
    n=st.integers(1, 8),
    count=st.integers(1, 12),
    size=st.sampled_from([0.05, 0.3, 1.0]),
    whole=st.booleans(),
)
def test_best_move_is_that_of_brute_force(kind, seed, m, n, count, size, whole):
    rng = np.random.default_rng(seed)
    AT = rng.integers(-2, 3, (n, m)).astype(float) if whole else rng.standard_normal((n, m))
    rows = rows_of(kind, m, rng)
    r = rows.centred(rng.standard_normal(m))
    up, down = (rng.uniform(0.5, 1, n) * size * (rng.random(n) < 0.8) for _ in range(2))
    worst = worst_rows(r, rows, count)
    cost = largest_cost(r, rows, worst)
    if not cost.limit > 0:
        return
    found = best_move(r, unit_moves(AT, up, down), worst, cost, Counters())
    best = brute_force(r, AT, up, down, rows)
    if best < cost.limit * (IMPROVED - 1e-9):
        assert found is not None
    if found is not None:
        assert found.cost == pytest.approx(best, rel=1e-9, abs=1e-12)
        assert objective(found.residual, rows) == pytest.approx(found.cost, rel=1e-9)
    else:
        assert best >= cost.limit * (IMPROVED - 1e-9)


@given(seed=st.integers(0, 2**32 - 1), p=st.sampled_from([2, 8, 32]), count=st.integers(1, 9))
def test_best_move_of_a_potential(seed, p, count):
    rng = np.random.default_rng(seed)
    n, m = 5, 20
    AT, r = rng.standard_normal((n, m)), rng.standard_normal(m)
    step = np.full(n, 0.3)
    worst = worst_rows(r, Rows(), count)
    cost = PowerSum(r, Rows(), worst, p)
    found = best_move(r, unit_moves(AT, step, step), worst, cost, Counters())
    t = np.abs(r).max()
    singles = [s * 0.3 * AT[j] for j in range(n) for s in (1, -1)]
    pairs = [
        a * 0.3 * AT[i] + b * 0.3 * AT[j]
        for i in range(n)
        for j in range(i)
        for a in (1, -1)
        for b in (1, -1)
    ]
    best = min(((r + d) / t) ** p @ np.ones(m) for d in singles + pairs)
    if found is None:
        assert best >= cost.limit * (IMPROVED - 1e-9)
    else:
        assert found.cost == pytest.approx(best, rel=1e-9)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 9))
def test_generators_may_be_taken_twice(seed, count):
    rng = np.random.default_rng(seed)
    g, n, m = 4, 3, 15
    A, vectors = rng.standard_normal((m, n)), rng.integers(-1, 2, (g, n))
    responses = vectors @ A.T * 0.2
    source = np.concatenate([np.arange(g), np.arange(g), [0]])
    sign = np.repeat([1, -1, 0], [g, g, 1])
    moves = Moves(responses, vectors, source, sign, sign.astype(float), twice=True)
    r = rng.standard_normal(m)
    worst = worst_rows(r, Rows(), count)
    cost = largest_cost(r, Rows(), worst)
    found = best_move(r, moves, worst, cost, Counters())
    signed = np.concatenate([responses, -responses, np.zeros((1, m))])
    best = np.abs(r + signed[:, None] + signed[None]).max(axis=2).min()
    if found is None:
        assert best >= cost.limit * (IMPROVED - 1e-9)
    else:
        assert found.cost == pytest.approx(best, rel=1e-12)
        change = moves.step(np.array([found.i]), np.array([found.j]))[0]
        np.testing.assert_allclose(found.residual, r + 0.2 * A @ change, atol=1e-12)


def test_every_pair_is_either_pruned_or_a_survivor():
    rng = np.random.default_rng(0)
    AT, r = rng.standard_normal((12, 60)), rng.standard_normal(60)
    step = np.full(12, 0.1)
    counters = Counters()
    moves = unit_moves(AT, step, step)
    worst = worst_rows(r, Rows(), 16)
    best_move(r, moves, worst, largest_cost(r, Rows(), worst), counters)
    s = len(moves.source)
    assert 0 < counters.verified < s * (s - 1) // 2 - counters.pruned + 1
    assert counters.pruned > 0.7 * s * (s - 1) // 2


def test_weighted_intercept_is_the_best_one():
    rng = np.random.default_rng(1)
    for m in (2, 3, 17):
        rows = Rows(free=rng.uniform(0.2, 3, m))
        R = rng.standard_normal((5, m)) * rows.free
        centred = rows.centred(R)
        for r, c in zip(R, centred, strict=True):
            assert np.abs(c).max() == pytest.approx(objective(r, rows), rel=1e-12)
