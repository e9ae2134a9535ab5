"""The CUDA kernels without a GPU: run on the host thread by thread, against the NumPy twins.

Elements are compared bit by bit: the kernels are compiled without contraction to fused
multiply-adds, so that only sums over rows may differ, by their order.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sampkit.minmax import _cuda
from sampkit.minmax import _kernels as kernels

KINDS = ["none", "both", "upper"]


def bounds_of(kind, m, rng):
    h = rng.uniform(-0.2, 0.5, m)
    return {"none": None, "both": (h, h), "upper": (h, np.full(m, np.inf))}[kind]


def on(xp, bounds):
    return None if bounds is None else tuple(xp.asarray(side) for side in bounds)


def both(xp, R, **how):
    return kernels.batch(np, R), kernels.batch(xp, xp.asarray(R), **how)


def problem(m, dtype, states=5, n=4, seed=0):
    rng = np.random.default_rng(seed)
    R = rng.standard_normal((states, m)).astype(dtype)
    AT = rng.standard_normal((n, m)).astype(dtype)
    j = rng.integers(0, n, states)
    delta = np.array([0.25, 0, -0.25, 0.5, -0.125], dtype)
    return rng, R, AT, j, delta


@pytest.mark.parametrize("p", [2, 4, 32])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("m", "dtype"), [(260, "f4"), (263, "f4"), (260, "f8"), (3, "f8")])
def test_a_round_equals_the_twins(cuda, monkeypatch, m, dtype, kind, p):
    xp = cuda
    monkeypatch.setattr(_cuda, "BLOCKS_WANTED", 2)  # several vectors a thread
    rng, R, AT, j, delta = problem(m, dtype)
    bounds = bounds_of(kind, m, rng)
    bounds = bounds if bounds is None else tuple(side.astype(dtype) for side in bounds)
    invt = (1 / np.abs(R).max(axis=1)).astype(dtype)
    host, device = both(xp, R, screen_dtype="float32")
    D_invt, D_AT, D_j, D_delta = (xp.asarray(a) for a in (invt, AT, j, delta))
    close = {"rtol": 1e-6 if dtype == "f4" else 1e-14}

    phi = kernels.powers(np, host, invt, p, bounds=bounds)
    D_phi = kernels.powers(xp, device, D_invt, p, bounds=on(xp, bounds))
    assert_allclose(D_phi.get(), phi, **close)
    assert_array_equal(device.z1.get(), host.z1)
    assert_array_equal(device.w.get(), host.w)

    phi, top = kernels.try_move(np, host, AT, j, delta, invt, p, bounds=bounds)
    D_phi, D_top = kernels.try_move(
        xp, device, D_AT, D_j, D_delta, D_invt, p, bounds=on(xp, bounds)
    )
    tried = delta != 0
    assert_allclose(D_phi.get()[tried], phi[tried], **close)
    assert_array_equal(D_top.get()[tried], top[tried])
    assert_array_equal(device.z1.get(), host.z1)
    assert_array_equal(device.w.get(), host.w)

    accepted = tried & (np.arange(len(R)) != 2)
    host, device = host.accept(np, accepted), device.accept(xp, xp.asarray(accepted))
    assert_array_equal(device.residuals(xp).get(), host.residuals(np))
    again = tried & ~accepted
    kernels.powers(np, host, invt, p, todo=again, bounds=bounds)
    kernels.powers(xp, device, D_invt, p, todo=xp.asarray(again), bounds=on(xp, bounds))
    assert_array_equal(device.z1.get(), host.z1)

    states = np.array([3, 0])
    part, D_part = host.select(np, states), device.select(xp, xp.asarray(states))
    assert_array_equal(D_part.residuals(xp).get(), part.residuals(np))


def rounded(x):
    """To bfloat16 and back: 8 bits of mantissa, ties to even."""
    mantissa, exponent = np.frexp(x.astype(np.float64))
    return np.ldexp(np.rint(mantissa * 256) / 256, exponent).astype(np.float32)


def test_the_screen_in_bfloat16_rounds_its_factors_only(cuda):
    xp = cuda
    _, R, AT, j, delta = problem(512, "f4")
    invt = (1 / np.abs(R).max(axis=1)).astype("f4")
    host, device = both(xp, R, screen_dtype="bfloat16")
    kernels.powers(np, host, invt, 4)
    kernels.powers(xp, device, xp.asarray(invt), 4)
    matrix = kernels.screen_matrix(xp, device, xp.asarray(AT))
    assert matrix.dtype == device.z1.dtype == np.uint16
    G, H = kernels.screen(xp, device, matrix)
    z1, w, a = rounded(host.z1), rounded(host.w), rounded(AT)
    assert_allclose(G.get(), z1 @ a.T, rtol=1e-4, atol=1e-5)
    assert_allclose(H.get(), w @ rounded(a * a).T, rtol=1e-4, atol=1e-5)
    D_squared = kernels.screen_matrix(xp, device, xp.asarray(AT * AT))
    assert_allclose(kernels.screen(xp, device, matrix, D_squared)[1].get(), w @ rounded(AT * AT).T,
                    rtol=1e-4, atol=1e-5)  # fmt: skip
    # the powers that a trial writes are rounded as well, the residuals are not
    kernels.try_move(np, host, AT, j, delta, invt, 4)
    kernels.try_move(xp, device, *(xp.asarray(a) for a in (AT, j, delta, invt)), 4)
    tried = delta != 0
    assert_array_equal(device.R.get()[1][tried], host.R[1][tried])
    assert_array_equal((device.z1.get().astype("u4") << 16).view("f4"), rounded(host.z1))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "K"), [(45, 64), (33, 70), (12, 1)])
def test_pairs_equal_the_twins(cuda, monkeypatch, n, K, kind, dtype):
    xp = cuda
    rng = np.random.default_rng(3)
    bounds = bounds_of(kind, K, rng)
    bounds = bounds and tuple(np.broadcast_to(side, (2, K)).astype(dtype) for side in bounds)
    RK = np.sort(rng.random((2, K)))[:, ::-1] * rng.choice([-1, 1], (2, K))
    RK, DK = RK.astype(dtype), (0.05 * rng.standard_normal((2, n, K))).astype(dtype)
    DK[0, 3], DK[1, 1] = np.nan, np.inf
    hi, lo = bounds or (0, 0)
    t = np.maximum(RK - hi, -RK - lo).max(axis=1)
    expected = kernels.pair_filter(np, RK, DK, t, apart=5, bounds=bounds)
    assert set(expected[0]) == {0, 1}
    assert len(expected[0]) < n * (n - 1)
    monkeypatch.setattr(_cuda, "FIRST_CAPACITY", 2)  # too few: a second try with room for all
    found = kernels.pair_filter(
        xp, *(xp.asarray(a) for a in (RK, DK, t)), apart=5, bounds=on(xp, bounds)
    )
    for got, wanted in zip(found, expected, strict=True):
        assert_array_equal(got.get(), wanted)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("m", [200, 201])
def test_two_steps_equal_the_twins(cuda, m, kind, dtype):
    xp = cuda
    rng, R, AT, *_ = problem(m, dtype)
    bounds = bounds_of(kind, m, rng)
    bounds = bounds and tuple(side.astype(dtype) for side in bounds)
    state, pair = rng.integers(-1, len(R), 9), rng.integers(0, len(AT), (2, 9))
    step = rng.standard_normal((2, 9)).astype(dtype)
    top, squares = kernels.try_pairs(np, R, AT, state, pair, step, bounds=bounds)
    D_top, D_squares = kernels.try_pairs(
        xp, *(xp.asarray(a) for a in (R, AT, state, pair, step)), bounds=on(xp, bounds)
    )
    real = state >= 0
    assert_array_equal(D_top.get()[real], top[real])
    assert_allclose(D_squares.get()[real], squares[real], rtol=1e-6 if dtype == "f4" else 1e-14)


@pytest.mark.parametrize("screen_dtype", ["float32", "tf32"])
def test_the_screen_in_float32(cuda, screen_dtype):
    xp = cuda
    _, R, AT, *_ = problem(100, "f4")
    host, device = both(xp, R, screen_dtype=screen_dtype)
    assert device.tf32 == (screen_dtype == "tf32")
    assert device.select(xp, xp.asarray(np.array([1]))).tf32 == device.tf32
    invt = np.full(5, 0.5, "f4")
    kernels.powers(np, host, invt, 4)
    kernels.powers(xp, device, xp.asarray(invt), 4)
    matrix = kernels.screen_matrix(xp, device, xp.asarray(AT))
    for got, wanted in zip(
        kernels.screen(xp, device, matrix), kernels.screen(np, host, AT), strict=True
    ):
        # a tensor core keeps 10 bits of each factor, the host all of them
        coarse = 1e-2 if screen_dtype == "tf32" else 1e-5
        assert_allclose(got.get(), wanted, rtol=coarse, atol=coarse * np.abs(wanted).max())


def test_residuals_in_another_order_of_axes(cuda):
    xp = cuda
    _, R, AT, j, delta = problem(64, "f4")
    turned = xp.asarray(np.ascontiguousarray(R.T)).T
    host, device = kernels.batch(np, R), kernels.batch(xp, turned, screen_dtype="float32")
    invt = np.ones(5, "f4")
    kernels.try_move(np, host, AT, j, delta, invt, 4)
    kernels.try_move(xp, device, *(xp.asarray(a) for a in (AT, j, delta, invt)), 4)
    tried = delta != 0
    assert_array_equal(device.z1.get()[tried], host.z1[tried])


def test_nothing_to_do(cuda):
    xp = cuda
    RK, DK = xp.asarray(np.ones((2, 3), "f4")), xp.asarray(np.ones((2, 4, 3), "f4"))
    found = kernels.pair_filter(xp, RK, DK, xp.asarray(np.ones(2, "f4")), apart=2)
    assert [part.shape for part in found] == [(0,)] * 4
    state = kernels.batch(xp, xp.asarray(np.ones((0, 8), "f4")))
    assert kernels.powers(xp, state, xp.asarray(np.ones(0, "f4")), 4).shape == (0,)


def test_a_launch_takes_no_value_to_the_host(kernels_on_host):
    xp = kernels_on_host
    _, R, AT, j, delta = problem(64, "f4")
    device = kernels.batch(xp, xp.asarray(R))
    D = [xp.asarray(a) for a in (AT, j, delta, np.ones(5, "f4"))]
    before = xp.transfers
    kernels.powers(xp, device, D[3], 4)
    kernels.screen(xp, device, D[0])
    kernels.try_move(xp, device, *D, 4)
    device.accept(xp, D[2] != 0)
    assert xp.transfers == before
