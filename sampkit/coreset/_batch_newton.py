"""lp sensitivities, 1 < p < ∞: Newton's method for a batch of rows, every iterate with both bounds.

``1/σ = min ‖Ax‖_p^p subject to a·x = 1``; every such x bounds σ from below, and every z with
``Aᵀz = a`` bounds ``σ^(1/p)`` by ``‖z‖_q`` from above, 1/p + 1/q = 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.coreset._powers import powered
from sampkit.coreset._products import RowProducts

Vector = npt.NDArray[np.float64]
HALVINGS = 40


def newton_bounds(
    A: Vector,
    products: RowProducts,
    targets: Vector,
    start: Vector,
    p: float,
    tol: float,
    max_iter: int,
) -> tuple[Vector, Vector]:
    """Logarithms of a lower and an upper bound on σ for each of the targets.

    Parameters
    ----------
    A : ndarray of shape (n, d)
        Rows of the denominator, with orthonormal columns.
    products : RowProducts
        Of A.
    targets : ndarray of shape (b, d)
        Rows a, of unit length.
    start : ndarray of shape (b, d)
        Points x with a·x = 1.
    p, tol, max_iter
        As in `lp_sensitivities`.

    Returns
    -------
    lower, upper : ndarray of shape (b,)
    """
    low, high = np.full(len(targets), -np.inf), np.full(len(targets), np.inf)
    live = np.arange(len(targets))
    residual = start @ A.T
    size, log_f = _log_norm(residual, p)
    step = 1.0 / (p - 1.0) if p >= 2 else min(1.0 / (p - 1.0), 1.8)
    for _ in range(max_iter):
        weight = _weights(residual, size, log_f, p)
        solution, c = _constrained(products.grams(weight), targets[live])
        ahead = solution @ A.T
        weight *= ahead
        low[live] = np.maximum(low[live], -log_f)
        upper = p * (_log_norm(weight, p / (p - 1.0))[1] * (p - 1.0) / p + np.log(c))
        high[live] = np.fmin(high[live], upper)
        keep = (high[live] - low[live] > np.log1p(tol)) & np.isfinite(upper)
        if not keep.any():
            break
        live, residual, ahead = live[keep], residual[keep], ahead[keep]
        residual, size, log_f = _descended(residual, ahead, log_f[keep], step, p)
        low[live] = np.maximum(low[live], -log_f)
    return low, np.maximum(high, low)


def _log_norm(values: Vector, power: float) -> tuple[Vector, Vector]:
    """Largest absolute value of every row, and ``log Σ |v|^power``, without overflow."""
    size = np.abs(values)
    largest = size.max(axis=1)
    size /= np.where(largest > 0, largest, 1.0)[:, None]
    size = powered(size, power)
    with np.errstate(divide="ignore"):
        return largest, power * np.log(largest) + np.log(size.sum(axis=1))


def _weights(residual: Vector, size: Vector, log_f: Vector, p: float) -> Vector:
    """``(|r| / max|r|)^(p − 2)``, kept away from 0 and infinity."""
    weight = np.abs(residual)
    weight /= size[:, None]
    if p < 2:
        weight += 1e-10 * np.exp(log_f / p - np.log(size))[:, None]
        return powered(weight, p - 2.0)
    weight = powered(weight, p - 2.0)
    weight += 1e-14
    return weight


def _constrained(hessian: Vector, targets: Vector) -> tuple[Vector, Vector]:
    """The x that minimises ``xᵀHx`` with a·x = 1, and ``1 / xᵀHx``."""
    try:
        direction = np.linalg.solve(hessian, targets[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        d = targets.shape[1]
        trace = np.trace(hessian, axis1=1, axis2=2)
        ridged = hessian + (1e-13 * trace / d)[:, None, None] * np.eye(d)
        direction = np.linalg.solve(ridged, targets[:, :, None])[:, :, 0]
    c = np.einsum("ij,ij->i", targets, direction)
    with np.errstate(invalid="ignore", divide="ignore"):
        return direction / c[:, None], np.where(c > 0, c, np.nan)


def _descended(
    residual: Vector, ahead: Vector, log_f: Vector, step: float, p: float
) -> tuple[Vector, Any, Vector]:
    """Residuals after a damped step that lowers the norm, their sizes and log-norms."""
    ahead -= residual
    length = np.full(len(residual), step)
    found = residual + step * ahead
    size, after = _log_norm(found, p)
    for _ in range(HALVINGS):
        rises = ~(after <= log_f)
        if not rises.any():
            break
        length[rises] /= 2
        found[rises] = residual[rises] + length[rises, None] * ahead[rises]
        size[rises], after[rises] = _log_norm(found[rises], p)
    else:
        stuck = ~(after <= log_f)
        found[stuck] = residual[stuck]
        size[stuck], after[stuck] = _log_norm(found[stuck], p)
    return found, size, after
