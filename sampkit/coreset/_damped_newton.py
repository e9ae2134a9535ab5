"""Regression in the p-norm, 1 < p < infinity, by Newton's method with the step that suits p."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from sampkit.coreset._interior_point import (
    Solution,
    fits,
    least_squares,
    solve_definite,
    weighted_gram,
)
from sampkit.coreset._powers import powered

__all__ = ["damped_newton"]

Vector = npt.NDArray[np.float64]
FLOOR = 1e-9  # of the typical residual: where |r|^(p-2) is cut
DECREASE = 1e-10  # of the objective, relative: no more to gain
DONE = 1e-12  # gap that leaves nothing to gain, either
NEAR = 1e-2  # decrease from which on the dual bound is worth computing
LONGEST = 1.8  # step for p < 2, where 1 / (p - 1) may overshoot


def damped_newton(
    A: Vector,
    b: Vector,
    c: Vector,
    p: float,
    tol: float,
    max_iter: int,
    start: Vector | None = None,
) -> Solution:
    """Minimise ``sum c |b - A x|^p``.

    Parameters
    ----------
    A : ndarray of shape (n, d)
        Rows in a basis with ``Aᵀ diag(c) A = I``.
    b, c : ndarray of shape (n,)
        Targets, and weights > 0.
    p : float in (1, inf)
        Exponent.
    tol : float
        Gap, relative to the objective, at which to stop.
    max_iter : int
        Most iterations.
    start : ndarray of shape (d,) or None, default=None
        Where to begin; None: at least squares.

    Notes
    -----
    The Newton step is 1/(p-1) times the step of iteratively re-weighted least squares.  That
    step's own residual, times the weights, is dual feasible: a bound at no cost.
    """
    least, residual = least_squares(A, b, c)
    if fits(A, b, c, p, least, residual):
        return Solution(least, float(c @ np.abs(residual) ** p), 0.0, 0, True)
    # from there on residuals alone: what all of y has in common would round them away
    b, x = residual, np.zeros_like(least)
    if start is not None:
        x = start - least
        residual = b - A @ x
    # powers of residuals of size 1 neither over- nor underflow
    unit = float(np.abs(residual).max())
    b, x, residual = b / unit, x / unit, residual / unit
    step = 1 / (p - 1) if p >= 2 else min(1 / (p - 1), LONGEST)
    log_f, bound, converged, n_iter = _log_objective(residual, c, p), -np.inf, False, 0
    decrease = 0.0
    while not converged and n_iter < max_iter:
        n_iter += 1
        peak = float(np.abs(residual).max())
        typical = np.exp((log_f - np.log(c.sum())) / p)
        weight = c * powered((np.abs(residual) + FLOOR * typical) / peak, p - 2)
        factor = solve_definite(weighted_gram(A, weight))
        dx = lapack.dpotrs(factor, A.T @ (weight * residual), lower=0)[0]
        change = A @ dx
        if decrease < NEAR:  # before, no bound would be close
            bound = max(bound, _log_bound(b, c, weight * (residual - change), A, p))
        t, moved, log_new = _line_search(residual, change, c, p, log_f, step)
        decrease = log_f - log_new
        if t:
            x, residual, log_f = x + t * dx, moved, log_new
        if log_f == -np.inf:  # nothing is left to lower
            converged = True
            break
        gap = -np.expm1(bound - log_f)
        converged = gap <= tol and (decrease <= DECREASE or gap <= DONE)
        if t == 0 and not converged:
            break
    log_unit = p * np.log(unit)
    with np.errstate(over="ignore"):
        objective, dual = np.exp(log_f + log_unit), np.exp(min(bound, log_f) + log_unit)
    return Solution(least + x * unit, float(objective), float(dual), n_iter, converged)


def _log_objective(residual: Vector, c: Vector, p: float) -> float:
    """Logarithm of ``sum c |r|^p``."""
    size = np.abs(residual)
    peak = float(size.max())
    if peak == 0:
        return -np.inf
    return float(p * np.log(peak) + np.log(c @ powered(size / peak, p)))


def _line_search(
    residual: Vector, change: Vector, c: Vector, p: float, log_f: float, step: float
) -> tuple[float, Vector, float]:
    """The first of the halved steps under which the objective does not rise; 0 if none."""
    t = step
    for _ in range(40):
        moved = residual - t * change
        log_new = _log_objective(moved, c, p)
        if log_new <= log_f:
            return t, moved, log_new
        t /= 2
    return 0.0, residual, log_f


def _log_bound(b: Vector, c: Vector, z: Vector, A: Vector, p: float) -> float:
    """Logarithm of ``(bᵀz)^p / (sum c^(1-q) |z|^q)^(p-1)``, below the minimum for ``Aᵀz = 0``."""
    z = z - c * (A @ (A.T @ z))  # rounding of the normal equations
    value = float(b @ z)
    peak = float((np.abs(z) / c).max())
    if value <= 0 or peak == 0:
        return -np.inf
    q = p / (p - 1)
    # c^(1-q) |z|^q = c (|z| / c)^q
    norm = (p - 1) * (q * np.log(peak) + np.log(c @ (np.abs(z) / c / peak) ** q))
    return float(p * np.log(value) - norm)
