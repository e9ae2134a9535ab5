"""The sparse engine: exact screens, falling potentials, local optima."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from sampkit.minmax._smoothness import NeighbourPrior
from sampkit.minmax._sparse import SparseDescent


def case(seed: int, per_variable: bool = False):
    rng = np.random.default_rng(seed)
    m, n = int(rng.integers(1, 30)), int(rng.integers(1, 15))
    A = sp.csc_array(rng.normal(size=(m, n)) * (rng.random((m, n)) < 0.4))
    A.eliminate_zeros()  # empty rows and columns come with it
    b = rng.normal(size=m)
    levels = np.sort(rng.normal(size=5))
    if per_variable:
        levels = np.sort(rng.normal(size=(n, 5)), axis=1)
        levels[:, 3:][rng.random(n) < 0.5] = np.nan
    index = rng.integers(0, 3, n)
    return A, b, levels, index, rng


def values(levels, index):
    return levels[index] if levels.ndim == 1 else levels[np.arange(len(index)), index]


def potential(A, b, levels, index, p, scale, violation=np.abs):
    return float(((violation(A @ values(levels, index) - b) / scale) ** p).sum())


@given(seed=st.integers(0, 10**6), p=st.sampled_from([2, 4, 8, 32]), table=st.booleans())
@settings(max_examples=40)
def test_screen_is_the_exact_change(seed, p, table):
    A, b, levels, index, _ = case(seed, table)
    state = SparseDescent(A, A @ values(levels, index) - b, index, levels)
    scale = max(state.worst, 1e-3)
    changes = state.changes(p, scale)
    now = potential(A, b, levels, index, p, scale)
    count = (~np.isnan(np.broadcast_to(levels, (len(index), 5)))).sum(axis=1)
    for j in range(len(index)):
        best = np.inf
        for step in (-1, 1):
            if 0 <= index[j] + step < count[j]:
                moved = index.copy()
                moved[j] += step
                best = min(best, potential(A, b, levels, moved, p, scale) - now)
        assert changes[j] == pytest.approx(best, rel=1e-7, abs=1e-8 * max(now, 1))


@given(seed=st.integers(0, 10**6), p=st.sampled_from([2, 8]), table=st.booleans())
@settings(max_examples=40)
def test_descent_ends_in_a_local_optimum(seed, p, table):
    A, b, levels, index, rng = case(seed, table)
    frozen = rng.random(len(index)) < 0.2
    state = SparseDescent(A, A @ values(levels, index) - b, index, levels, frozen=frozen)
    scale = max(state.worst, 1e-3)
    seen = [potential(A, b, levels, index, p, scale)]
    total = state.descend(p, scale, on_sweep=lambda value: seen.append(value) or False)
    assert (np.diff(seen) <= 1e-9 * seen[0]).all()
    assert total == pytest.approx(potential(A, b, levels, state.index, p, scale), rel=1e-9)
    np.testing.assert_allclose(state.residual, A @ values(levels, state.index) - b, atol=1e-10)
    assert (state.index[frozen] == index[frozen]).all()
    assert (state.changes(p, scale) >= -1e-8 * max(total, 1e-300)).all()


def test_many_columns_are_screened_in_pieces():
    rng = np.random.default_rng(0)
    A = sp.random_array((300, 3000), density=0.15, rng=rng, format="csc")
    b = rng.normal(size=300)
    levels = np.array([-1.0, 0.0, 1.0])
    index = rng.integers(0, 3, 3000)
    residual = A @ levels[index] - b
    state = SparseDescent(A, residual, index, levels)
    changes = state.changes(4, 1.0)
    for j in range(0, 3000, 211):
        column = A[:, [j]].toarray()[:, 0]
        steps = [s for s in (-1, 1) if 0 <= index[j] + s < 3]
        rises = [((residual + s * column) ** 4).sum() - (residual**4).sum() for s in steps]
        assert changes[j] == pytest.approx(min(rises), rel=1e-6)


def test_one_sided_violations():
    A, b, levels, index, _ = case(7)

    def upper(residual, rows):
        return np.maximum(residual, 0.0)

    state = SparseDescent(A, A @ values(levels, index) - b, index, levels, violation=upper)
    scale = max(state.worst, 1e-3)
    before = potential(A, b, levels, index, 4, scale, lambda r: np.maximum(r, 0))
    after = state.descend(4, scale)
    assert after <= before
    assert after == pytest.approx(
        potential(A, b, levels, state.index, 4, scale, lambda r: np.maximum(r, 0))
    )


def test_an_infinite_power_is_no_move():
    A = sp.csc_array(np.array([[1e200, 1.0]]))
    state = SparseDescent(A, np.array([-1.0]), np.array([0, 0]), np.array([0.0, 1.0]))
    state.descend(32, 1.0)
    assert state.index.tolist() == [0, 1]


@given(seed=st.integers(0, 1000), axes=st.integers(1, 3))
@settings(max_examples=30)
def test_prior_counts_jumps_between_neighbours(seed, axes):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 5, axes).tolist())
    index = rng.integers(0, 4, shape).ravel()
    prior = NeighbourPrior(shape, 0.7)
    total = 0
    for place in np.ndindex(*shape):
        for axis in range(axes):
            if place[axis] + 1 < shape[axis]:
                beside = tuple(p + (k == axis) for k, p in enumerate(place))
                grid = index.reshape(shape)
                total += abs(grid[place] - grid[beside])
    assert prior.value(index) == pytest.approx(0.7 * total)
    up, down = prior.changes(index)
    for j in range(index.size):
        for step, change in ((1, up[j]), (-1, down[j])):
            moved = index.copy()
            moved[j] += step
            assert change == pytest.approx(prior.value(moved) - prior.value(index))
            assert prior.change(index.tolist(), j, step) == pytest.approx(change)
