"""Primitives against brute force."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sampkit.minmax import (
    improving_intervals,
    lll_reduce,
    max_violation,
    move_table,
    round_to_levels,
)
from sampkit.minmax._levels import as_levels

seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, m=st.integers(1, 30), n=st.integers(1, 6), zeros=st.booleans())
def test_improving_intervals_are_those_of_brute_force(seed, m, n, zeros):
    rng = np.random.default_rng(seed)
    A = rng.integers(-2, 3, (m, n)).astype(float) if zeros else rng.standard_normal((m, n))
    r = rng.standard_normal(m)
    t = np.abs(r).max()
    low, high = improving_intervals(A, r)
    steps = np.concatenate([s * np.geomspace(1e-3, 3, 25) for s in (1, -1)])
    new = np.abs(r[:, None, None] + A[:, :, None] * steps).max(axis=0)
    inside = (low[:, None] < steps) & (steps < high[:, None])
    clear = np.abs(new - t) > 1e-12  # not on an end of the interval
    assert_array_equal((new < t)[clear], inside[clear])
    assert ((low == 0) | (high == 0)).all()  # at most one direction helps
    assert_allclose(move_table(A, r, steps), new, rtol=1e-12)


@given(seed=seeds, t=st.floats(0.1, 3))
def test_improving_intervals_below_any_limit(seed, t):
    rng = np.random.default_rng(seed)
    A, r = rng.standard_normal((12, 4)), rng.standard_normal(12)
    low, high = improving_intervals(A, r, t)
    for j in range(4):
        if low[j] < high[j]:
            middle = (low[j] + high[j]) / 2
            assert np.abs(r + middle * A[:, j]).max() < t
            for end, out in ((low[j], -1e-6), (high[j], 1e-6)):
                assert np.abs(r + end * A[:, j]).max() == pytest.approx(t, rel=1e-9)
                assert np.abs(r + (end + out) * A[:, j]).max() >= t
        else:
            # no d helps: the smallest maximum over a fine grid stays above t
            d = np.linspace(-20, 20, 4001)
            assert np.abs(r[:, None] + A[:, [j]] * d).max(axis=0).min() >= t * (1 - 1e-9)


def test_a_column_of_zeros_helps_nothing():
    low, high = improving_intervals([[0.0, 1.0], [0.0, 2.0]], [1.0, 0.5])
    assert low[0] == high[0] == 0
    assert low[1] < 0
    assert move_table([[0.0], [0.0]], [1.0, 0.5], [3.0]) == 1


def test_chunks_of_rows_change_nothing(monkeypatch):
    from sampkit.minmax import _primitives

    rng = np.random.default_rng(0)
    A, r = rng.standard_normal((50, 4)), rng.standard_normal(50)
    whole = [*improving_intervals(A, r), move_table(A, r, [0.1, -0.4])]
    monkeypatch.setattr(_primitives, "rows_per_chunk", lambda *_: 7)
    for a, b in zip(
        whole, [*improving_intervals(A, r), move_table(A, r, [0.1, -0.4])], strict=True
    ):
        assert_array_equal(a, b)


@pytest.mark.parametrize("as_type", [sp.csr_array, sp.csc_matrix, list, np.float32])
def test_matrices_of_any_kind(as_type):
    rng = np.random.default_rng(0)
    A, r = rng.integers(-3, 4, (9, 4)).astype(float), rng.integers(-3, 4, 9).astype(float)
    other = A.astype(as_type) if as_type is np.float32 else as_type(A)
    for a, b in zip(improving_intervals(A, r), improving_intervals(other, r), strict=True):
        assert_allclose(a, b)
    assert_allclose(move_table(A, r, [1, -1]), move_table(other, r, [1, -1]))
    x = np.array([1, 0, -1, 2.0])
    assert max_violation(other, x, r) == np.abs(A @ x - r).max()


@given(seed=seeds, side=st.sampled_from(["both", "upper", "lower"]))
def test_max_violation_is_its_definition(seed, side):
    rng = np.random.default_rng(seed)
    A, x, b = rng.standard_normal((9, 3)), rng.standard_normal(3), rng.standard_normal(9)
    w, h = rng.uniform(0.1, 2, 9), rng.uniform(0, 1, 9)
    r = A @ x - b
    s = {"both": np.abs(r), "upper": r, "lower": -r}[side]
    value = max_violation(A, x, b, row_weight=w, tolerance=h, side=side)
    assert value == pytest.approx((w * (s - h)).max(), rel=1e-12, abs=1e-12)


def test_max_violation_of_several_targets():
    A, B = np.eye(3), np.arange(6.0).reshape(3, 2)
    assert_array_equal(max_violation(A, np.zeros((2, 3)), B), [4, 5])
    assert_array_equal(max_violation(A, np.zeros(3), B), [4, 5])


@given(
    seed=seeds,
    k=st.integers(1, 3),
    n=st.integers(1, 4),
    n_levels=st.integers(1, 6),
    shared=st.booleans(),
)
def test_rounding_goes_to_the_nearest_level(seed, k, n, n_levels, shared):
    rng = np.random.default_rng(seed)
    shape = (n_levels,) if shared else (k, n, n_levels)
    levels = np.cumsum(rng.uniform(0.1, 1, shape), axis=-1)
    v = rng.uniform(-1, 5, (k, n))
    index, value = round_to_levels(v, levels)
    table = np.broadcast_to(levels, (k, n, n_levels))
    distance = np.abs(table - v[..., None])
    assert_array_equal(np.take_along_axis(table, index[..., None], 2)[..., 0], value)
    assert_allclose(np.abs(value - v), distance.min(axis=2), rtol=1e-12)


def test_ties_go_to_the_lower_level():
    index, value = round_to_levels([0.5, 1.5, -9, 9], [0, 1, 2])
    assert index.tolist() == [0, 1, 0, 2]
    assert value.tolist() == [0, 1, 0, 2]
    assert index.dtype == np.int64


def test_ragged_levels_and_many_levels():
    index, value = round_to_levels([2.6, 2.6], [[0, 1], [0, 1, 2, 3]])
    assert index.tolist() == [1, 3]
    assert value.tolist() == [1, 3]
    padded = np.array([[0, 1, np.nan, np.nan], [np.nan, 0, 2, 3]])
    assert round_to_levels([2.6, 2.6], padded)[1].tolist() == [1, 3]
    many = np.stack([np.arange(3000.0), np.arange(3000.0) * 2])
    assert round_to_levels([10.4, 11.2], many)[0].tolist() == [10, 6]


def test_even_levels_are_recognised():
    assert as_levels(np.linspace(-1, 1, 8), 3, 1).step == pytest.approx(2 / 7)
    assert as_levels([0, 1, 3], 3, 1).step is None
    assert as_levels([[0, 1, np.nan], [5, 7, 9]], 2, 1).step.tolist() == [[1, 2]]
    assert as_levels([4.0], 2, 1).step.tolist() == [[0]]
    # levels far from 0, evenly spaced as far as float64 can tell
    assert as_levels(1e6 + np.linspace(0, 1, 5), 1, 1).step == pytest.approx(0.25)


@given(seed=seeds, d=st.integers(1, 8), extra=st.integers(0, 4), delta=st.sampled_from([0.5, 0.99]))
def test_lll_keeps_the_lattice_and_obeys_its_conditions(seed, d, extra, delta):
    rng = np.random.default_rng(seed)
    B = rng.integers(-30, 31, (d + extra, d)).astype(float)
    if np.linalg.matrix_rank(B) < d:
        return
    reduced, U = lll_reduce(B, delta)
    assert U.dtype == np.int64
    assert abs(round(np.linalg.det(U.astype(float)))) == 1
    assert_array_equal(B @ U, reduced)
    R = np.linalg.qr(reduced, mode="r")
    diagonal = np.abs(np.diag(R))
    mu = R / np.diag(R)[:, None]
    assert (np.abs(np.triu(mu, 1)) <= 0.5 + 1e-8).all()
    lovasz = diagonal[1:] ** 2 - (delta - np.diag(mu, 1) ** 2) * diagonal[:-1] ** 2
    assert (lovasz >= -1e-8 * diagonal[:-1] ** 2).all()


def test_lll_shortens_an_ill_conditioned_basis():
    n = 12
    B = 1 / (np.arange(n)[:, None] + np.arange(n) + 1.0)  # Hilbert's matrix, cond 1.6e16
    B = np.vstack([B, 1e-8 * np.eye(n)])
    reduced, _ = lll_reduce(B)
    assert np.linalg.norm(reduced, axis=0).max() < 1e-3 * np.linalg.norm(B, axis=0).max()
