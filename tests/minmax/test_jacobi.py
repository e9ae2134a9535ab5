"""The sparse engine's form for a device against the one that walks the columns in turn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from sampkit.minmax._device_sparse import DeviceCSC, least_squares_of
from sampkit.minmax._jacobi import JacobiDescent
from sampkit.minmax._smoothness import NeighbourPrior
from sampkit.minmax._sparse import SparseDescent

GREY = np.array([0.0, 0.4, 1.0])


def rays(m=150, n=100, per_column=6, seed=0):
    """Random rays through a picture, a noisy measurement of it, and a start that is off."""
    rng = np.random.default_rng(seed)
    rows = np.argsort(rng.random((n, m)), axis=1)[:, :per_column].ravel()
    values = rng.uniform(0.2, 1, len(rows))
    A = sp.csc_array((values, (rows, np.repeat(np.arange(n), per_column))), shape=(m, n))
    side = int(np.sqrt(n))
    y, x = np.ogrid[:side, :side]
    truth = ((x - 5) ** 2 + (y - 5) ** 2 < 12).astype(int).ravel() * 2
    b = A @ GREY[truth] + rng.uniform(-0.2, 0.2, m)
    start = np.clip(truth + rng.integers(-1, 2, n), 0, 2)
    return A, b, start


def violation_of(bounds):
    if bounds is None:
        return None
    hi, lo = bounds
    return lambda r, at: np.maximum(np.maximum(r - hi[at], -r - lo[at]), 0)


BOUNDS = {
    "two-sided": lambda m: None,
    "tolerances": lambda m: (np.full(m, 0.1), np.full(m, 0.1)),
    "one-sided": lambda m: (np.full(m, 0.05), np.full(m, np.inf)),
}


@pytest.mark.parametrize("kind", BOUNDS)
@pytest.mark.parametrize("p", [2, 4, 8])
def test_the_screen_is_that_of_the_other_form(p, kind):
    A, b, start = rays()
    bounds = BOUNDS[kind](len(b))
    given = (A, A @ GREY[start] - b, start, GREY)
    frozen = np.arange(len(start)) % 7 == 0
    turns = SparseDescent(*given, frozen=frozen, violation=violation_of(bounds))
    together = JacobiDescent(np, *given, frozen=frozen, bounds=bounds)
    scale = turns.worst
    assert together.worst == pytest.approx(scale)
    with np.errstate(invalid="ignore"):
        row = turns._powers(turns.residual.copy(), slice(None), p, scale)
    gain, sign, step = together.screen(p, scale, row)
    assert_allclose(gain, turns.changes(p, scale), rtol=1e-9, atol=1e-12)
    able = np.isfinite(gain)
    assert not able[frozen].any()
    moved = start + np.where(able, sign, 0)
    assert_allclose(step[able], (GREY[moved] - GREY[start])[able])


@pytest.mark.parametrize("kind", BOUNDS)
def test_it_ends_about_as_low_where_no_column_improves(kind):
    """Both end in some local optimum; over 48 descents theirs are within 8 % in the p-norm."""
    ratios = []
    for seed, p, smooth in itertools.product(range(12), (2, 8), (0.0, 0.02)):
        A, b, start = rays(seed=seed)
        bounds = BOUNDS[kind](len(b))
        given = (A, A @ GREY[start] - b, start, GREY)
        prior = NeighbourPrior((10, 10), smooth) if smooth else None
        turns = SparseDescent(*given, violation=violation_of(bounds))
        together = JacobiDescent(np, *given, bounds=bounds)
        scale = turns.worst
        ends = [form.descend(p, scale, prior) for form in (turns, together)]
        ratios.append((ends[1] / ends[0]) ** (1 / p))
        assert_allclose(together.residual, A @ GREY[together.index] - b, atol=1e-10)
        turns.index[:], turns.residual[:] = together.index, together.residual
        assert turns.changes(p, scale, prior).min() > -1e-8 * ends[1]
    assert np.exp(np.log(ratios).mean()) < 1.08


def test_columns_without_entries_and_one_level_stay():
    A = sp.csc_array(np.array([[1.0, 0, 2], [0, 0, 1]]))
    levels = np.array([[0, 1.0], [0, 1.0], [0.5, np.nan]])
    state = JacobiDescent(np, A, np.array([-1.0, 0.3]), np.array([0, 0, 0]), levels)
    assert state.descend(2, 1.0) == pytest.approx(0.09)
    assert_array_equal(state.index, [1, 0, 0])


def test_the_potential_falls_at_every_sweep_and_a_stop_is_obeyed():
    A, b, start = rays()
    state = JacobiDescent(np, A, A @ GREY[start] - b, start, GREY)
    seen = []
    state.descend(4, state.worst, on_sweep=lambda total: seen.append(total) or len(seen) == 3)
    assert len(seen) == 3
    assert (np.diff(seen) < 0).all()


@pytest.mark.parametrize("kind", BOUNDS)
def test_a_device_goes_the_same_way(glass, kind):
    A, b, start = rays()
    bounds = BOUNDS[kind](len(b))
    residual = A @ GREY[start] - b
    host = JacobiDescent(np, A, residual, start, GREY, bounds=bounds)
    device = JacobiDescent(
        glass,
        A,
        *(glass.asarray(a) for a in (residual, start, GREY)),
        bounds=bounds and tuple(glass.asarray(side) for side in bounds),
    )
    prior = NeighbourPrior((10, 10), 0.01)
    scale = host.worst
    before = glass.transfers
    assert device.descend(4, scale, prior) == pytest.approx(host.descend(4, scale, prior))
    assert_array_equal(device.index.get(), host.index)
    # a count a sweep; of each trial the potential, the prior, what was promised, how many moved
    assert glass.transfers - before <= device.n_sweeps + 4 * device.n_verified + 3


def test_the_matrix_of_a_device_computes_as_scipys():
    A, b, _ = rays()
    rng = np.random.default_rng(0)
    mine = DeviceCSC.of(np, A)
    x, r = rng.standard_normal((A.shape[1], 2)), rng.standard_normal(A.shape[0])
    assert (mine.shape, mine.nnz, mine.dtype) == (A.shape, A.nnz, A.dtype)
    assert_allclose(mine @ x, A @ x, atol=1e-12)
    assert_allclose(mine.transposed(r), A.T @ r, atol=1e-12)
    assert_allclose(mine.scaled(r).toarray(), A.toarray() * r[:, None])
    positive = (mine - mine.scaled(np.full(A.shape[0], 2.0))).maximum(0)
    assert positive.toarray().max() == 0
    assert mine.astype(np.float32).dtype == np.float32
    damped = np.linalg.solve(A.T @ A + 1e-2 * np.eye(A.shape[1]), A.T @ b)
    assert_allclose(least_squares_of(mine, b, 0.1, n_iter=300), damped, atol=1e-6)


def test_an_empty_matrix():
    mine = DeviceCSC.of(np, sp.csc_array((3, 2)))
    assert_array_equal(mine @ np.ones(2), np.zeros(3))
    assert_array_equal(mine.toarray(), np.zeros((3, 2)))
    assert_array_equal(least_squares_of(mine, np.ones(3), 1.0), np.zeros(2))
