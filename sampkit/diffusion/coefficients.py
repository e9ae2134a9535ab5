r"""The numbers behind every exponential integrator, in float64.

Over a step of length h in half log-SNR, network outputs are interpolated by a polynomial in
:math:`r = (\lambda - \lambda_s) / h` and integrated exactly against the exponential kernel. Its
moments and a Vandermonde solve are all there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import hyp1f1

__all__ = ["exact_weights", "exp_moments", "lagrange_integral_weights"]

FloatArray = npt.NDArray[np.float64]


def exp_moments(H: npt.ArrayLike, k: npt.ArrayLike) -> Any:
    r"""Moments :math:`M_k(H) = H \int_0^1 e^{-H (1 - r)} r^k \, dr`.

    Parameters
    ----------
    H : float or array-like
        Length of the step times one plus the stochasticity; negative for noise prediction, +inf
        for a step to the node without noise.
    k : int or array-like of int
        Order, >= 0; broadcast against H.

    Returns
    -------
    float64 or ndarray of float64

    Notes
    -----
    :math:`H / (k + 1) \; {}_1F_1(1; k + 2; -H)`; the recursion in k would lose all digits for
    small H.

    Examples
    --------
    >>> from sampkit.diffusion import exp_moments
    >>> exp_moments(1.0, [0, 1, 2]).round(12).tolist()
    [0.632120558829, 0.367879441171, 0.264241117657]
    """
    H, k = np.asarray(H, dtype=np.float64), np.asarray(k)
    finite = np.where(np.isposinf(H), 1.0, H)
    moments = finite / (k + 1) * hyp1f1(1.0, k + 2.0, -finite)
    return np.where(np.isposinf(H), 1.0, moments)[()]


def exact_weights(r: npt.ArrayLike, H: npt.ArrayLike) -> FloatArray:
    """Weights of outputs at the places `r` that integrate polynomials against the kernel exactly.

    Parameters
    ----------
    r : array-like of shape (..., p)
        Distinct places in units of the step: 0 for its start, 1 for its end, negative for older
        outputs.
    H : float or array-like of shape (...)
        As in `exp_moments`.

    Returns
    -------
    ndarray of float64 of shape (..., p)
        In the order of `r`; they sum to ``exp_moments(H, 0)``.

    Examples
    --------
    >>> from sampkit.diffusion import exact_weights
    >>> exact_weights([0.0], 1.0).round(6)
    array([0.632121])
    """
    places = np.asarray(r, dtype=np.float64)
    powers = np.arange(places.shape[-1])
    vandermonde = places[..., None, :] ** powers[:, None]
    moments = exp_moments(np.asarray(H, dtype=np.float64)[..., None], powers)
    return np.linalg.solve(vandermonde, np.broadcast_to(moments, places.shape)[..., None])[..., 0]


def lagrange_integral_weights(
    nodes: npt.ArrayLike, s: float, t: float, weight: Callable[[FloatArray], FloatArray]
) -> FloatArray:
    r"""Integrals :math:`\int_s^t \ell_j(\tau) w(\tau) \, d\tau` of the Lagrange basis.

    Parameters
    ----------
    nodes : array-like of shape (p,)
        Distinct nodes of the basis.
    s, t : float
        Ends of the integral.
    weight : callable
        The weight w, of an array of times.

    Returns
    -------
    ndarray of float64 of shape (p,)

    Notes
    -----
    Gauss and Legendre's rule with 40 points: exact for ``w`` a polynomial of degree 80 - p.

    Examples
    --------
    >>> from sampkit.diffusion import lagrange_integral_weights
    >>> lagrange_integral_weights([0.0, 1.0], 0.0, 1.0, lambda t: 1 + 0 * t).round(12)
    array([0.5, 0.5])
    """
    points, masses = np.polynomial.legendre.leggauss(40)
    half = (t - s) / 2
    times = s + half * (points + 1)
    return half * (lagrange_basis(nodes, times) @ (masses * np.asarray(weight(times))))


def lagrange_basis(nodes: npt.ArrayLike, x: FloatArray) -> FloatArray:
    """Values (p, len(x)) of the Lagrange polynomials on `nodes`."""
    nodes = np.asarray(nodes, dtype=np.float64)
    p = len(nodes)
    values = np.ones((p, len(x)))
    for j in range(p):
        for other in range(p):
            if other != j:
                values[j] *= (x - nodes[other]) / (nodes[j] - nodes[other])
    return values


def lagrange_slopes(nodes: npt.ArrayLike, x: FloatArray) -> FloatArray:
    """Derivatives (p, len(x)) of the Lagrange polynomials on `nodes`."""
    nodes = np.asarray(nodes, dtype=np.float64)
    p = len(nodes)
    slopes = np.zeros((p, len(x)))
    for j in range(p):
        for dropped in range(p):
            if dropped == j:
                continue
            term = np.full(len(x), 1 / (nodes[j] - nodes[dropped]))
            for other in range(p):
                if other not in (j, dropped):
                    term *= (x - nodes[other]) / (nodes[j] - nodes[other])
            slopes[j] += term
    return slopes
