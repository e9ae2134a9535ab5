"""The NumPy twins of the fused kernels against the formulas they stand for, written plainly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sampkit.minmax import _kernels as kernels

POWERS = [2, 4, 8, 16, 32, 64, 128]


def violation(r, bounds):
    if bounds is None:
        return np.abs(r)
    hi, lo = bounds
    return np.maximum(r - hi, -r - lo)


def excess(r, bounds):
    if bounds is None:
        return r
    hi, lo = bounds
    return np.where(r - hi >= -r - lo, np.maximum(r - hi, 0), -np.maximum(-r - lo, 0))


def bounds_of(kind, m, rng):
    h = rng.uniform(0, 0.5, m)
    none = np.full(m, np.inf)
    slack = h - 0.3  # shifted tolerances may be negative
    return {
        "none": None,
        "both": (h, h),
        "upper": (h, none),
        "lower": (none, h),
        "shifted": (slack, slack),
    }[kind]


KINDS = ["none", "both", "upper", "lower", "shifted"]


def problem(states=7, m=37, n=11, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    R = rng.standard_normal((states, m)).astype(dtype)
    AT = rng.standard_normal((n, m)).astype(dtype)
    j = rng.integers(0, n, states).astype(np.int32)
    delta = (rng.choice([-0.25, 0.0, 0.25], states)).astype(dtype)
    return rng, R, AT, j, delta


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("p", POWERS)
def test_powers_are_those_of_the_excess(kind, p):
    rng, R, *_ = problem()
    bounds = bounds_of(kind, R.shape[1], rng)
    invt = 1 / violation(R, bounds).max(axis=1)
    state = kernels.batch(np, R)
    phi = kernels.powers(np, state, invt, p, bounds=bounds)
    z = excess(R, bounds) * invt[:, None]
    assert_allclose(phi, (z**p).sum(axis=1), rtol=1e-12)
    assert_allclose(state.w, z ** (p - 2), rtol=1e-12)
    assert_allclose(state.z1, z ** (p - 1), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("p", [2, 4, 32])
@pytest.mark.parametrize("block_bytes", [1, 700, 10**9])
def test_a_tried_move_is_the_move(kind, p, block_bytes, monkeypatch):
    monkeypatch.setattr(kernels, "BLOCK_BYTES", block_bytes)
    rng, R, AT, j, delta = problem()
    bounds = bounds_of(kind, R.shape[1], rng)
    invt = 1 / violation(R, bounds).max(axis=1)
    state = kernels.batch(np, R)
    before = kernels.powers(np, state, invt, p, bounds=bounds)
    z1, w = state.z1.copy(), state.w.copy()
    phi, top = kernels.try_move(np, state, AT, j, delta, invt, p, bounds=bounds)
    moved = delta != 0
    after = R + delta[:, None] * AT[j]
    z = excess(after, bounds) * invt[:, None]
    assert_allclose(phi[moved], (z**p).sum(axis=1)[moved], rtol=1e-12)
    assert_allclose(top[moved], violation(after, bounds).max(axis=1)[moved], rtol=1e-12)
    assert_allclose(state.z1[moved], (z ** (p - 1))[moved], rtol=1e-12)
    assert_array_equal(state.z1[~moved], z1[~moved])
    assert_array_equal(state.w[~moved], w[~moved])
    # accept every second move; the others get their powers back
    accepted = moved & (np.arange(len(R)) % 2 == 0)
    state = state.accept(np, accepted)
    assert_allclose(state.residuals(np), np.where(accepted[:, None], after, R), rtol=1e-12)
    again = kernels.powers(np, state, invt, p, todo=moved & ~accepted, bounds=bounds)
    assert_array_equal(again[moved & ~accepted], before[moved & ~accepted])
    assert_array_equal(state.z1[~accepted], z1[~accepted])
    assert_array_equal(state.w[~accepted], w[~accepted])


def test_states_are_selected_with_what_is_theirs():
    _, R, AT, j, delta = problem()
    delta[:] = 0.5
    invt = np.ones(len(R))
    state = kernels.batch(np, R)
    kernels.powers(np, state, invt, 4)
    kernels.try_move(np, state, AT, j, delta, invt, 4)
    state = state.accept(np, np.arange(len(R)) < 3)
    chosen = np.array([5, 1])
    part = state.select(np, chosen)
    assert_array_equal(part.residuals(np), state.residuals(np)[chosen])
    assert_array_equal(part.z1, state.z1[chosen])
    part = part.accept(np, np.array([True, False]))
    assert part.n_states == 2


def test_overflow_is_a_potential_of_infinity_without_a_warning():
    R = np.full((1, 8), 1e4, np.float32)
    state = kernels.batch(np, R)
    assert np.isinf(kernels.powers(np, state, np.ones(1, np.float32), 32))[0]


@pytest.mark.parametrize("p", [2, 4, 8])
def test_the_screen_is_the_taylor_expansion(p):
    _, R, AT, *_ = problem()
    invt = 1 / np.abs(R).max(axis=1)
    state = kernels.batch(np, R)
    phi = kernels.powers(np, state, invt, p)
    G, H = kernels.screen(np, state, kernels.screen_matrix(np, state, AT))
    h = 1e-4
    for b in range(len(R)):
        for i in range(len(AT)):
            exact = [((R[b] + d * AT[i]) * invt[b]) ** p for d in (-h, h)]
            low, high = (e.sum() for e in exact)
            s = h * invt[b]
            assert_allclose(high - low, 2 * p * G[b, i] * s, rtol=1e-5, atol=1e-9)
            second = p * (p - 1) * H[b, i] * s**2
            assert_allclose(high + low - 2 * phi[b], second, rtol=1e-3, atol=1e-9)


def brute_pairs(RK, DK, t, apart, bounds):
    found = []
    for i in range(len(DK)):
        for j in range(i + 1, len(DK)):
            v = violation(RK + DK[i] + DK[j], bounds)
            if j - i != apart and not np.isnan(v).any() and v.max() < t:
                found.append((v.max(), i, j))
    return sorted(found)


@given(
    seed=st.integers(0, 2**32 - 1),
    states=st.integers(1, 3),
    K=st.integers(1, 20),
    n=st.integers(2, 14),
    kind=st.sampled_from(KINDS),
    apart=st.integers(0, 7),
    missing=st.booleans(),
)
def test_pairs_that_survive_are_those_of_brute_force(seed, states, K, n, kind, apart, missing):
    rng = np.random.default_rng(seed)
    bounds = bounds_of(kind, K, rng)
    # quarters: every sum is exact, so that the order of adding does not matter
    RK = rng.integers(-8, 9, (states, K)) / 4
    DK = rng.integers(-4, 5, (states, n, K)) / 4
    if missing:
        DK[0, rng.integers(n)] = np.nan
        DK[-1, rng.integers(n)] = np.inf
    t = violation(RK, bounds).max(axis=1)
    batched = bounds and tuple(np.broadcast_to(side, RK.shape) for side in bounds)
    state, i, j, bound = kernels.pair_filter(np, RK, DK, t, apart=apart, bounds=batched)
    for s in range(states):
        with np.errstate(invalid="ignore"):
            expected = brute_pairs(RK[s], DK[s], t[s], apart, bounds)
        mine = state == s
        found = zip(i[mine], j[mine], strict=True)
        assert list(found) == [(a, b) for _, a, b in expected]
        assert_allclose(bound[mine], [v for v, *_ in expected])
    assert (np.diff(state) >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_two_steps_are_two_steps(kind):
    rng, R, AT, *_ = problem()
    bounds = bounds_of(kind, R.shape[1], rng)
    state = rng.integers(-1, len(R), 40)
    pair, step = rng.integers(0, len(AT), (2, 40)), rng.standard_normal((2, 40))
    top, squares = kernels.try_pairs(np, R, AT, state, pair, step, bounds=bounds)
    real = state >= 0
    after = R[state] + step[0][:, None] * AT[pair[0]] + step[1][:, None] * AT[pair[1]]
    assert_allclose(top[real], violation(after, bounds).max(axis=1)[real], rtol=1e-12)
    assert_allclose(squares[real], (after**2).sum(axis=1)[real], rtol=1e-12)
