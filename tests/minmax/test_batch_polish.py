"""The polish of a batch in step against the one of a single state, and on devices."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sampkit.minmax._batch_polish import BatchPolish
from sampkit.minmax._levels import as_levels
from sampkit.minmax._polish import Counters, polish, steps_of
from sampkit.minmax._rows import Rows
from sampkit.minmax._steps import steps_on

EVEN = np.linspace(-1, 1, 4)
UNEVEN = np.array([-1, -0.4, 0.1, 1])
FROZEN = np.arange(14) % 5 == 0


def data(states=4, m=60, n=14, seed=0):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, n))
    return A, rng.uniform(-1, 1, (states, n)) @ A.T, rng.integers(0, 4, (states, n))


def rows_of(kind, m):
    if kind == "two-sided":
        return Rows()
    width = np.random.default_rng(1).uniform(0, 0.3, m)
    return Rows(-width, width if kind == "tolerances" else np.full(m, np.inf))


def one_by_one(A, B, index, grid, rows, frozen, count):
    levels = as_levels(grid, A.shape[1], 1)

    def steps(at):
        distances = steps_of(levels.values[0], levels.counts[0], at)
        return distances if frozen is None else [np.where(frozen, 0, d) for d in distances]

    AT, counters = np.ascontiguousarray(A.T), Counters()
    found = [
        polish(AT, at, grid[at] @ A.T - b, steps, rows, counters, count=count)
        for at, b in zip(index, B, strict=True)
    ]
    return np.stack(found), counters


def together(xp, A, B, index, grid, rows, frozen, count):
    states, n = index.shape
    levels = as_levels(grid, n, 1)
    still = None if frozen is None else frozen[None]
    target = np.zeros(states, int)
    rows = Rows(*(v if v is None else xp.asarray(v) for v in (rows.low, rows.high)))
    AT, counters = xp.asarray(np.ascontiguousarray(A.T)), Counters()
    R = xp.asarray((grid[index] @ A.T - B).astype(A.dtype))
    engine = BatchPolish(xp, AT, rows, counters, count=count)

    def steps(at):
        return steps_on(xp, levels, still, target[at], A.dtype)

    return engine.polish(xp.asarray(index), lambda at: R[at], steps), counters


@pytest.mark.parametrize("grid", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("kind", ["two-sided", "tolerances", "one-sided"])
@pytest.mark.parametrize("frozen", [None, FROZEN], ids=["free", "frozen"])
@pytest.mark.parametrize("count", [16, 64])
def test_a_batch_goes_the_way_of_each_state(grid, kind, frozen, count):
    A, B, index = data()
    rows = rows_of(kind, len(A))
    wanted, counters = one_by_one(A, B, index, grid, rows, frozen, count)
    found, counted = together(np, A, B, index, grid, rows, frozen, count)
    assert_array_equal(found, wanted)
    assert counted.accepted == counters.accepted > 0
    if frozen is not None:
        assert_array_equal(found[:, frozen], index[:, frozen])


def test_parts_of_a_batch_are_independent(monkeypatch):
    A, B, index = data()
    given = (np, A, B, index, EVEN, Rows(), None, 16)
    whole, _ = together(*given)
    monkeypatch.setattr("sampkit.minmax._kernels.MAX_BYTES", 1)
    assert_array_equal(together(*given)[0], whole)


def test_no_single_level_and_no_pair_improves_the_end():
    A, B, index = data()
    found, _ = together(np, A, B, index, EVEN, Rows(), None, 8)
    n = A.shape[1]
    unit = np.vstack([np.eye(n, dtype=int), -np.eye(n, dtype=int), np.zeros((1, n), dtype=int)])
    for at, b in zip(found, B, strict=True):
        t = np.abs(EVEN[at] @ A.T - b).max()
        after = at + (unit[:, None] + unit[None]).reshape(-1, n)
        inside = ((after >= 0) & (after <= 3)).all(axis=1) & (np.abs(after - at).max(axis=1) <= 1)
        assert np.abs(EVEN[after[inside]] @ A.T - b).max(axis=1).min() > t * (1 - 1e-6)


@pytest.mark.parametrize("kind", ["two-sided", "one-sided"])
def test_a_device_goes_the_same_way(device, kind):
    A, B, index = data(m=64)
    rows = rows_of(kind, len(A))
    given = (B, index, EVEN, rows, None, 16)
    wanted, _ = together(np, A, *given)
    before = getattr(device, "transfers", 0)
    found, counters = together(device, A, *given)
    taken = getattr(device, "transfers", 0) - before
    assert_array_equal(found.get(), wanted)
    # of each step of a batch: how many survive, how many go on, and one look for each wave
    assert taken < 20 * counters.accepted


def test_a_stop_keeps_what_is_reached():
    A, B, index = data()
    calls = iter([False, False, True])
    levels = as_levels(EVEN, A.shape[1], 1)
    steps = steps_on(np, levels, None, np.zeros(len(B), int), A.dtype)
    R = EVEN[index] @ A.T - B
    engine = BatchPolish(np, np.ascontiguousarray(A.T), Rows(), Counters())
    found = engine.polish(index, lambda at: R[at], lambda at: steps, lambda: next(calls))
    before, after = (np.abs(EVEN[at] @ A.T - B).max(axis=1) for at in (index, found))
    assert (after <= before).all()
    assert_allclose((found != index).any(axis=1).sum(), len(B))
