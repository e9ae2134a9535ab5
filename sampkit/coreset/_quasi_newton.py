"""Regression in the p-norm, 1 < p < infinity, by a quasi-Newton method with few exact Hessians.

A gradient takes two passes over the rows, an exact Hessian as much as d/8 of those; the secant
updates of Broyden, Fletcher, Goldfarb and Shanno take none. So the Hessian is computed where the
updates have been slow for as long as it costs, and kept up to date by them in between.
"""

from __future__ import annotations

from typing import NamedTuple

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

__all__ = ["quasi_newton"]

Vector = npt.NDArray[np.float64]
FLOOR = 1e-9  # of the typical residual: where |r|^(p-2), p < 2, is cut
DECREASE = 1e-12  # of the objective by a step, relative: no more to gain
STALLED = 1e-9  # from which on a Hessian for p < 2 holds as far as there is to go
EXPECTED = 1e-13  # the same, of the next step
PLAIN = 3.0  # p up to which slopes moved by least squares may do
BETWEEN = 5  # steps between two Hessians near the minimum, p < 2
FLAT = 0.9  # share of its slope that a step may leave along its direction, p > 2
FLAT_BELOW = 0.5  # the same for p < 2, where the curvature changes within a step
SLOW = 0.1  # factor of the squared Newton decrement from which on an update has been slow
COLUMNS = 8  # a Hessian costs as much as so many columns times d gradients
BELOW = 30  # steps before a Hessian for p < 2, which holds only near its point
TRIALS = 40  # of a line search
SMALL = 1e-60  # mean loss from which on powers might underflow: residuals are scaled again


class _Point(NamedTuple):
    """Residuals, and what follows from them."""

    residual: Vector
    f: float  # sum c |r|^p
    slope: Vector  # c |r|^(p-1) sign(r)


class _Loss:
    """``sum c |r|^p``, its slope and its curvature."""

    def __init__(self, c: Vector, p: float):
        self.p, self.total = p, float(c.sum())
        self.c = None if (c == 1).all() else c

    def at(self, residual: Vector) -> _Point:
        size = np.abs(residual)
        slope = powered(size, self.p - 1)
        if self.c is not None:
            slope *= self.c
        return _Point(residual, float(slope @ size), np.copysign(slope, residual, out=slope))

    def weight(self, point: _Point) -> Vector:
        """``c |r|^(p-2)``: the Hessian over ``p (p-1)``."""
        size = np.abs(point.residual)
        if self.p < 2:
            size += FLOOR * (point.f / self.total) ** (1 / self.p)
        weight = powered(size, self.p - 2) if self.p != 2 else np.ones_like(size)
        return weight if self.c is None else self.c * weight


def quasi_newton(A: Vector, b: Vector, c: Vector, p: float, tol: float, max_iter: int) -> Solution:
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

    Notes
    -----
    In this basis a multiple of the identity is the Hessian of least squares, and the start.  Steps
    are chosen along the residuals, which needs no rows.  The slopes at the minimum are the dual
    solution; near it, projected onto ``Aᵀz = 0``, they are a bound.
    """
    x, residual = least_squares(A, b, c)
    if fits(A, b, c, p, x, residual):
        return Solution(x, float(c @ np.abs(residual) ** p), 0.0, 0, True)
    # from there on residuals alone: what all of y has in common would round them away
    descent = _Descent(A, residual, c, p, np.zeros_like(x), residual)
    n_iter = 0
    # trial steps may go too far, and what is left of a fit may be 0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        while True:
            gap = descent.gap(tol) if descent.settled() else np.inf
            if gap <= tol or n_iter == max_iter or not descent.step():
                break
            n_iter += 1
        if gap > tol:
            gap = descent.gap(tol, last=True)
        objective = np.exp(descent.log_objective())
    # a gap within rounding of 0 may come out on either side of it
    dual = float(objective * min(1.0 - gap, 1.0))
    return Solution(x + descent.x, float(objective), dual, n_iter, gap <= tol)


class _Descent:
    """An iterate in units of its largest residual, and the inverse Hessian that is kept for it."""

    def __init__(self, A: Vector, b: Vector, c: Vector, p: float, x: Vector, residual: Vector):
        self.A, self.b, self.c, self.p = A, b, c, p
        self.loss = _Loss(c, p)
        d = A.shape[1]
        self.first_wait = BELOW if p < 2 else max(d // (COLUMNS // 2), 1)
        self.wait = BELOW if p < 2 else max(d // COLUMNS, 1)
        self.flat = FLAT_BELOW if p < 2 else FLAT
        self.inverse: Vector | None = None  # of the Hessian over p
        self.since = 0  # steps since a Hessian was computed
        self.exact = False  # whether one ever was
        self.decrease = 1.0  # by the last step since then, relative
        self._place(x, residual)

    def _place(self, x: Vector, residual: Vector) -> None:
        """Go to a point, in units in which no power over- or underflows."""
        self.unit = float(np.abs(residual).max()) or 1.0
        self.scaled_x = x / self.unit
        self.point = self.loss.at(residual / self.unit)
        self.gradient = self.A.T @ self.point.slope  # of minus the objective over p
        self._aim()

    def _aim(self) -> None:
        """The direction of the next step."""
        if self.inverse is None:
            change = self.A @ self.gradient
            bend = (self.p - 1) * float((self.loss.weight(self.point) * change) @ change)
            length = float(self.gradient @ self.gradient) / bend if bend > 0 else 0.0
            self.direction = length * self.gradient
        else:
            self.direction = self.inverse @ self.gradient
        self.decrement = float(self.gradient @ self.direction)

    @property
    def x(self) -> Vector:
        return self.scaled_x * self.unit

    def log_objective(self) -> float:
        return float(np.log(self.point.f) + self.p * np.log(self.unit))

    def expected(self) -> float:
        """Decrease of the next step, relative to the objective, if the Hessian is right."""
        return self.p * self.decrement / (2 * self.point.f)

    def settled(self) -> bool:
        """Whether there is no more to gain; p < 2: by the word of a Hessian of late."""
        if self.point.f == 0 or self.expected() <= EXPECTED:
            return True
        late = self.p >= 2 or (self.exact and self.since <= BETWEEN)
        return late and self.decrease <= DECREASE

    def step(self) -> bool:
        """Go on; False where rounding leaves nowhere to go."""
        change = self.A @ self.direction
        found = self._line_search(change)
        if found is None:
            if self.inverse is None or (self.exact and not self.since):
                return False
            self._compute_hessian()
            change = self.A @ self.direction
            found = self._line_search(change)
            if found is None:
                return False
        t, point = found
        before, decrement = self.gradient, self.decrement
        moved = t * self.direction
        self.scaled_x = self.scaled_x + moved
        if point.f < SMALL * self.loss.total:
            self.inverse, self.exact = None, False
            self._place(self.scaled_x * self.unit, point.residual * self.unit)
            return True
        self.decrease = 1 - point.f / self.point.f
        self.point = point
        self.gradient = self.A.T @ point.slope
        self._update(moved, before - self.gradient)
        self.since += 1
        self._aim()
        slow = self.decrement > SLOW * t * decrement and self.expected() > EXPECTED
        wait = self.wait if self.exact else self.first_wait
        if self.p < 2 and self.decrease <= STALLED:
            wait = BETWEEN
        if slow and self.since >= wait:
            self._compute_hessian()
        return True

    def _line_search(self, change: Vector) -> tuple[float, _Point] | None:
        """A step that leaves little slope and no rise; the objective is convex."""
        start, slope = self.point, -self.decrement
        if not slope < 0:
            return None
        low, high, slope_low, slope_high = 0.0, np.inf, slope, np.nan
        t = 1.0
        for _ in range(TRIALS):
            point = self.loss.at(start.residual - (change if t == 1 else t * change))
            left = -float(point.slope @ change)
            if abs(left) <= -self.flat * slope and (left <= 0 or point.f <= start.f):
                return t, point
            if left < 0:
                low, slope_low = t, left
            else:  # or no number: too far
                high, slope_high = t, left
            if high == np.inf:
                t *= min(max(slope / (slope - slope_low), 1.5), 4.0) if slope_low > slope else 4.0
            else:
                width = high - low
                secant = low - slope_low * width / (slope_high - slope_low)
                inside = secant if np.isfinite(secant) else low
                t = min(max(inside, low + 0.1 * width), high - 0.1 * width)
        return None

    def _update(self, moved: Vector, bent: Vector) -> None:
        """The secant update of the inverse Hessian after a step."""
        curvature = float(moved @ bent)
        if not curvature > 0:
            return
        if self.inverse is None:
            self.inverse = np.eye(len(moved)) * (curvature / float(bent @ bent))
        along = self.inverse @ bent
        share = 0.5 * (1 + float(bent @ along) / curvature) / curvature
        side = np.outer(share * moved - along / curvature, moved)
        self.inverse = self.inverse + side + side.T

    def _compute_hessian(self) -> None:
        weight = self.loss.weight(self.point)
        factor = solve_definite((self.p - 1) * weighted_gram(self.A, weight))
        half = lapack.dpotri(factor, lower=0)[0]
        self.inverse = np.triu(half) + np.triu(half, 1).T
        self.since, self.exact, self.decrease = 0, True, 1.0
        self._aim()

    def gap(self, tol: float, *, last: bool = False) -> float:
        """How far the objective may be above the minimum, relative to it: until below `tol`.

        Where residuals near 0 hold the balance, p near 1, only the weights of the Hessian move
        their slopes as far as needed; for p > 2 these do not move slopes that are near 0.
        """
        if self.point.f == 0:
            return 0.0
        gap = np.inf
        if self.p <= PLAIN:
            gap = self._gap_at(self.point.slope, self.gradient)
            often = self.p < 2 and self.exact and 0 < self.since < BETWEEN
            if gap <= tol or (often and not last):
                return gap
        if self.p < 2 and (self.since or not self.exact):
            self._compute_hessian()
        weight = self.loss.weight(self.point)
        z = self.point.slope - (self.p - 1) * weight * (self.A @ self.direction)
        return min(gap, self._gap_at(z, self.A.T @ z))

    def _gap_at(self, z: Vector, product: Vector) -> float:
        """The gap at slopes z made dual feasible; `product` is ``Aᵀz``.

        ``(bᵀz)^p / (sum c^(1-q) |z|^q)^(p-1)`` lies below the minimum for ``Aᵀz = 0``.
        """
        z = z - self.c * (self.A @ product)
        value = float(self.b @ z) / self.unit
        size = np.abs(z) / self.c
        peak = float(size.max())
        if not (value > 0 and peak > 0):
            return 1.0
        q = self.p / (self.p - 1)
        # c^(1-q) |z|^q = c (|z| / c)^q
        norm = (self.p - 1) * (q * np.log(peak) + np.log(self.c @ (size / peak) ** q))
        return float(-np.expm1(self.p * np.log(value) - norm - np.log(self.point.f)))
