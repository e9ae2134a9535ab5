"""Least absolute deviations and quantiles of many rows from the few whose side is in doubt.

A row that lies far above the fit counts by its slope alone, and so do all of them together as one
row. A coreset tells which ones those are; what it tells wrong shows in the certificate.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sampkit.coreset._interior_point import (
    EXACT,
    Path,
    Solution,
    box,
    central_path,
    check_loss,
    fits,
    interior_point,
    least_squares,
    proved,
)

__all__ = ["screened"]

Vector = npt.NDArray[np.float64]
WORTHWHILE = 6  # times the rows of the coreset that there must be
WIDTH = 3.0  # of the doubt, in standard errors of the coreset's fit
ROUGH = 1e-4  # gap to which the coreset is solved
ROUNDS = 3  # of doubt, before all rows are taken


def screened(
    A: Vector, b: Vector, c: Vector, quantile: float | None, tol: float, max_iter: int
) -> Solution:
    """What `interior_point` finds, sooner where there are many more rows than columns.

    Notes
    -----
    With m rows in the coreset the fit is off by about ``√(d / m)`` of a typical residual, so that
    about ``n √(d / m)`` rows are in doubt; the sum of both is least at m of order ``(n √d)^(2/3)``.
    """
    n, d = A.shape
    m = int((WIDTH * n * np.sqrt(d) / 2) ** (2 / 3))
    if n < WORTHWHILE * m:
        return interior_point(A, b, c, quantile, tol, max_iter)
    least, residual = least_squares(A, b, c)
    if fits(A, b, c, 1.0, least, residual):
        return interior_point(A, b, c, quantile, tol, max_iter)
    rounding = EXACT * float(c @ np.abs(b))
    b = residual  # what all of y has in common would round them away
    floor = EXACT * float(c @ np.abs(b))
    square = np.einsum("ij,ij->i", A, A)
    x = _fit_of_coreset(A, b, c, quantile, np.zeros_like(least), square, m, max_iter)
    residual = b - A @ x
    distance = np.abs(residual) / np.sqrt(square + d * np.finfo(float).tiny)
    doubtful = np.zeros(n, dtype=bool)
    doubtful[np.argpartition(distance, 2 * m)[: 2 * m]] = True
    high, low = box(c, quantile)
    for _ in range(ROUNDS):
        above = residual > 0
        found = _fit_of_doubtful(A, b, c, quantile, x, doubtful, above, tol, max_iter, floor)
        residual = b - A @ found.x
        objective = check_loss(residual, high, low)
        if not found.converged:
            break
        if objective - float(b @ found.z) <= 2 * (tol * objective + floor):
            solved = proved(A, b, c, quantile, found, tol, rounding)
            if not solved.converged:
                break
            return solved._replace(x=least + solved.x)
        wrong = ~doubtful & (above != (residual > 0))
        doubtful |= wrong
        x = found.x
    fallback = interior_point(A, b, c, quantile, tol, max_iter)
    return fallback._replace(x=least + fallback.x)


def _fit_of_coreset(
    A: Vector,
    b: Vector,
    c: Vector,
    quantile: float | None,
    x: Vector,
    square: Vector,
    m: int,
    max_iter: int,
) -> Vector:
    """The fit of m rows drawn by leverage and weight; the same ones every time."""
    score = c * square
    score *= 1 / score.sum()
    score += c / c.sum()
    q = np.minimum(m / 2 * score, 1.0)
    drawn = np.flatnonzero(np.random.default_rng(0).random(len(b)) < q)
    weight = c[drawn] / q[drawn]
    return central_path(A[drawn], b[drawn], weight, quantile, x, ROUGH, max_iter, 0.0).x


def _fit_of_doubtful(
    A: Vector,
    b: Vector,
    c: Vector,
    quantile: float | None,
    x: Vector,
    doubtful: npt.NDArray[np.bool_],
    above: npt.NDArray[np.bool_],
    tol: float,
    max_iter: int,
    floor: float,
) -> Path:
    """The fit of the rows in doubt beside the means of those above and of those below."""
    sides = [np.flatnonzero(~doubtful & side) for side in (above, ~above)]
    sides = [side for side in sides if len(side)]
    kept = np.flatnonzero(doubtful)
    weights = [c[side] for side in sides]
    totals = [float(weight.sum()) for weight in weights]
    share = [
        np.bincount(side, weight / total, minlength=len(b))
        for side, weight, total in zip(sides, weights, totals, strict=True)
    ]
    rows = np.concatenate([A[kept], np.array([part @ A for part in share]).reshape(-1, A.shape[1])])
    targets = np.concatenate([b[kept], [float(part @ b) for part in share]])
    found = central_path(
        rows, targets, np.concatenate([c[kept], totals]), quantile, x, tol, max_iter, floor
    )
    z = np.zeros(len(b))
    z[kept] = found.z[: len(kept)]
    for part, slope in zip(share, found.z[len(kept) :], strict=True):
        z += slope * part
    return found._replace(z=z)
