"""Losses of generalised linear models and their weighted fit on few rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack
from scipy.special import expit, log_ndtr

from sampkit.coreset._interior_point import solve_definite

__all__ = ["FAMILIES", "Family", "fit_glm"]

Vector = npt.NDArray[np.float64]
MAX_ITER = 50
DECREASE = 1e-8  # of the loss, relative: a pilot need not be exact
LARGEST = 30.0  # linear predictor of an exponential mean


@dataclass(frozen=True)
class Family:
    """A loss of the linear predictor η and the response y, its slope, its expected curvature."""

    loss: Callable[[Vector, Vector], Vector]
    slope: Callable[[Vector, Vector], Vector]
    curvature: Callable[[Vector, Vector], Vector]
    classes: bool  # whether y is 0 or 1


def _log_density(eta: Vector) -> Vector:
    return -0.5 * eta**2 - 0.5 * np.log(2 * np.pi)


def _probit_slope(eta: Vector, y: Vector) -> Vector:
    sign = 2 * y - 1
    return np.asarray(-sign * np.exp(_log_density(eta) - log_ndtr(sign * eta)))


def _probit_curvature(eta: Vector, y: Vector) -> Vector:
    return np.asarray(np.exp(2 * _log_density(eta) - log_ndtr(eta) - log_ndtr(-eta)))


def _mean(eta: Vector) -> Vector:
    return np.asarray(np.exp(np.minimum(eta, LARGEST)))


def _logistic_curvature(eta: Vector, y: Vector) -> Vector:
    return np.asarray(expit(eta) * expit(-eta))


FAMILIES: dict[str, Family] = {
    "logistic": Family(
        lambda eta, y: np.logaddexp(0.0, eta) - y * eta,
        lambda eta, y: expit(eta) - y,
        _logistic_curvature,
        classes=True,
    ),
    "probit": Family(
        lambda eta, y: -log_ndtr((2 * y - 1) * eta), _probit_slope, _probit_curvature, classes=True
    ),
    "poisson": Family(
        lambda eta, y: _mean(eta) - y * eta,
        lambda eta, y: _mean(eta) - y,
        lambda eta, y: _mean(eta),
        classes=False,
    ),
}


def fit_glm(
    family: Family, A: Vector, y: Vector, weight: Vector, C: float
) -> tuple[Vector, Vector]:
    """Coefficients that minimise ``sum w loss(A x, y) + |x|² / 2C``, and the factor of its Hessian.

    Parameters
    ----------
    family : Family
        The loss.
    A : ndarray of shape (m, d)
        Rows.
    y, weight : ndarray of shape (m,)
        Responses, weights >= 0.
    C : float > 0
        Inverse penalty: keeps separable samples finite.

    Returns
    -------
    x : ndarray of shape (d,)
        Coefficients.
    factor : ndarray of shape (d, d)
        Upper Cholesky factor of the Hessian there.

    Notes
    -----
    Fisher scoring with halved steps.
    """

    def objective(x: Vector) -> float:
        return float(weight @ family.loss(A @ x, y) + x @ x / (2 * C))

    x = np.zeros(A.shape[1])
    value = objective(x)
    for _ in range(MAX_ITER):
        eta = A @ x
        factor = _hessian_factor(family, A, eta, y, weight, C)
        gradient = A.T @ (weight * family.slope(eta, y)) + x / C
        step = -lapack.dpotrs(factor, gradient, lower=0)[0]
        t = 1.0
        while (new := objective(x + t * step)) > value and t > 1e-8:
            t /= 2
        if not new < value:
            break
        x, before, value = x + t * step, value, new
        if before - value <= DECREASE * abs(before):
            break
    return x, _hessian_factor(family, A, A @ x, y, weight, C)


def _hessian_factor(
    family: Family, A: Vector, eta: Vector, y: Vector, weight: Vector, C: float
) -> Vector:
    H = (A.T * (weight * family.curvature(eta, y))) @ A
    H[np.diag_indices(len(H))] += 1 / C
    return solve_definite(H)
