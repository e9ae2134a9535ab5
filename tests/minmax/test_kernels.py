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


def brute_pairs(RK, XK, YK, t, same, bounds):
    found = []
    for i in range(len(XK)):
        for j in range(len(YK)):
            v = violation(RK + XK[i] + YK[j], bounds)
            if (not same or j > i) and not np.isnan(v).any() and v.max() < t:
                found.append((v.max(), i, j))
    return sorted(found)


@given(
    seed=st.integers(0, 2**32 - 1),
    K=st.integers(1, 20),
    n=st.integers(1, 12),
    kind=st.sampled_from(KINDS),
    same=st.booleans(),
    missing=st.booleans(),
)
def test_pairs_that_survive_are_those_of_brute_force(seed, K, n, kind, same, missing):
    rng = np.random.default_rng(seed)
    bounds = bounds_of(kind, K, rng)
    # quarters: every sum is exact, so that the order of adding does not matter
    RK = rng.integers(-8, 9, K) / 4
    RK = RK[np.argsort(-np.abs(RK), kind="stable")]
    XK, YK = (rng.integers(-4, 5, (n, K)) / 4 for _ in range(2))
    if missing:
        XK[rng.integers(n)] = np.nan
        YK[rng.integers(n)] = np.inf
    t = float(violation(RK, bounds).max())
    with np.errstate(invalid="ignore"):
        expected = brute_pairs(RK, XK, YK, t, same, bounds)
    i, j, bound = kernels.pair_filter(np, RK, XK, YK, t, same=same, bounds=bounds)
    assert list(zip(i, j, strict=True)) == [(a, b) for _, a, b in expected]
    assert_allclose(bound, [v for v, *_ in expected])
