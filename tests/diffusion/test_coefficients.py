"""Moments and weights: known answers, quadrature, exactness on polynomials."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad

from sampkit.diffusion import exact_weights, exp_moments, lagrange_integral_weights
from sampkit.diffusion.coefficients import lagrange_basis, lagrange_slopes


def test_known_moments():  # notes on the solvers, section 2
    expected = [0.632120558829, 0.367879441171, 0.264241117657, 0.207276647029]
    assert_allclose(exp_moments(1.0, np.arange(4)), expected, atol=6e-13)
    expected = [-0.6487212707, -0.2974425414, -0.189770165601, -0.138620993606]
    assert_allclose(exp_moments(-0.5, np.arange(4)), expected, atol=6e-11)


@given(st.floats(-8, 60).filter(lambda h: abs(h) > 1e-6), st.integers(0, 5))
def test_moments_are_the_integral(H, k):
    found = H * quad(lambda r: np.exp(-H * (1 - r)) * r**k, 0, 1, epsabs=0, epsrel=1e-12)[0]
    assert_allclose(exp_moments(H, k), found, rtol=1e-9)


@pytest.mark.parametrize("H", [1e-10, -1e-10, 1e-3, -1e-3])
def test_moments_of_short_steps(H):
    # series: H (1/(k+1) - H/((k+1)(k+2)) + H^2/((k+1)(k+2)(k+3)) - ...)
    k = np.arange(6)
    series = H * (1 / (k + 1) - H / ((k + 1) * (k + 2)) + H * H / ((k + 1) * (k + 2) * (k + 3)))
    assert_allclose(exp_moments(H, k), series, rtol=1e-9 if abs(H) > 1e-6 else 1e-14)


def test_moments_of_a_step_without_end():
    assert exp_moments(np.inf, [0, 3]).tolist() == [1.0, 1.0]
    assert exp_moments([0.5, np.inf], 0).shape == (2,)


@given(
    st.floats(-3, 5).filter(lambda h: abs(h) > 1e-2),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_polynomials_are_integrated_exactly(H, p, random):
    r = np.sort([random.uniform(-3, 1) + 0.3 * j for j in range(p)])[::-1]
    weights = exact_weights(r, H)
    for k in range(p):
        assert_allclose(weights @ r**k, exp_moments(H, k), rtol=1e-7, atol=1e-7)


def test_weights_of_many_steps_at_once():
    r = np.array([[0.0, -1.0], [0.0, -0.5]])
    together = exact_weights(r, [0.4, 0.7])
    assert_allclose(together, [exact_weights(r[0], 0.4), exact_weights(r[1], 0.7)], rtol=1e-14)


def test_lagrange():
    nodes = np.array([0.9, 0.4, 0.1])
    assert_allclose(lagrange_basis(nodes, nodes), np.eye(3), atol=1e-15)
    x = np.array([0.2, 0.7])
    numeric = (lagrange_basis(nodes, x + 1e-6) - lagrange_basis(nodes, x - 1e-6)) / 2e-6
    assert_allclose(lagrange_slopes(nodes, x), numeric, rtol=1e-8)
    weights = lagrange_integral_weights(nodes, 0.9, 0.2, lambda t: np.exp(t))
    assert_allclose(weights.sum(), np.exp(0.2) - np.exp(0.9), rtol=1e-13)
    assert_allclose(weights @ nodes, (0.2 - 1) * np.exp(0.2) - (0.9 - 1) * np.exp(0.9), rtol=1e-13)
