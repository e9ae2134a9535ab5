"""Least absolute deviations and quantile regression by a primal-dual interior point method."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from sampkit._chunks import chunks

__all__ = [
    "EXACT",
    "Path",
    "Solution",
    "box",
    "central_path",
    "certified",
    "check_loss",
    "fits",
    "interior_point",
    "least_squares",
    "proved",
    "solve_definite",
    "weighted_gram",
]

Vector = npt.NDArray[np.float64]
BLOCK = 4096  # rows of the scaled copy that the normal matrix is made from
TO_BOUNDARY = 0.9995  # share of the way to the boundary that a step goes
JITTER = (1e-15, 1e-13, 1e-10)  # of the mean eigenvalue; more only when the factorisation fails
SMALL_RESIDUAL = 1e-6  # share of y below which the fit may be exact, but for rounding
LOOSE = 100  # times the gap wanted: what making z feasible may cost at the end of the path
ROOM = 1e-6  # product of the distances to both sides of the box, in squares of its width
EXACT = 32 * float(np.finfo(np.float64).eps)  # what an exact fit leaves of y is rounding


class Solution(NamedTuple):
    """A minimiser and its certificate."""

    x: Vector
    objective: float
    dual_bound: float
    n_iter: int
    converged: bool


def least_squares(A: Vector, b: Vector, c: Vector) -> tuple[Vector, Vector]:
    """Weighted least squares and its residual, where ``Aᵀ diag(c) A = I`` but for rounding."""
    x = A.T @ (c * b)
    residual = b - A @ x
    if float(c @ np.abs(residual)) <= SMALL_RESIDUAL * float(c @ np.abs(b)):
        for _ in range(2):  # remove what rounding has left
            x = x + A.T @ (c * residual)
            residual = b - A @ x
    return x, residual


def weighted_gram(A: Vector, weight: Vector) -> Vector:
    """``Aᵀ diag(weight) A``, weights >= 0, by blocks of rows."""
    root = np.sqrt(weight)
    total = np.zeros((A.shape[1], A.shape[1]))
    for part in chunks(len(A), BLOCK):
        scaled = A[part] * root[part, None]
        total += scaled.T @ scaled
    return total


def solve_definite(H: Vector) -> Vector:
    """Upper Cholesky factor of a matrix that is positive definite but for rounding."""
    for share in JITTER:
        shifted = H + share * np.trace(H) / len(H) * np.eye(len(H))
        factor, info = lapack.dpotrf(shifted, lower=0, clean=1)
        if info == 0:
            return np.asarray(factor)
    # rounding has made it indefinite: the same with its spectrum lifted
    value, basis = np.linalg.eigh(H)
    root = np.sqrt(np.maximum(value, JITTER[-1] * max(value[-1], np.finfo(float).tiny)))
    return np.asarray(np.linalg.qr(root[:, None] * basis.T, mode="r"))


def interior_point(
    A: Vector, b: Vector, c: Vector, quantile: float | None, tol: float, max_iter: int
) -> Solution:
    """Minimise ``sum c |r|``, or the check loss of a quantile, over r = b - A x.

    Parameters
    ----------
    A : ndarray of shape (n, d)
        Rows in a basis with ``Aᵀ diag(c) A = I``.
    b, c : ndarray of shape (n,)
        Targets, and weights > 0.
    quantile : float in (0, 1) or None
        None is the absolute value, which is twice the check loss of 1/2.
    tol : float
        Gap, relative to the objective, at which to stop.
    max_iter : int
        Most iterations.

    Notes
    -----
    Mehrotra's predictor-corrector method on the dual ``max bᵀz, Aᵀz = 0, -low <= z <= high``; one
    factorisation an iteration, used twice.  The centring target of a row is in proportion to its
    weight, so that a weight k and k copies of a row take the same path.
    """
    high, low = box(c, quantile)
    x, residual = least_squares(A, b, c)
    if fits(A, b, c, 1.0, x, residual):
        return Solution(x, check_loss(residual, high, low), 0.0, 0, True)
    # from there on residuals alone: what all of y has in common would round them away
    floor = EXACT * float(c @ np.abs(residual))
    found = central_path(A, residual, c, quantile, np.zeros_like(x), tol, max_iter, floor)
    rounding = EXACT * float(c @ np.abs(b))
    return proved(A, residual, c, quantile, found, tol, rounding)._replace(x=x + found.x)


def fits(A: Vector, b: Vector, c: Vector, p: float, x: Vector, residual: Vector) -> bool:
    """Whether the residuals are what rounding leaves, in the norm in which they count."""
    if float(c @ np.abs(residual)) > EXACT * float(c @ np.abs(b)):
        return False
    if p == 1:
        return True
    # rows of small weight may be long in this basis
    terms = np.abs(b) + np.linalg.norm(A, axis=1) * float(np.linalg.norm(x))
    return _norm(residual, c, p) <= EXACT * _norm(terms, c, p)


def _norm(values: Vector, c: Vector, p: float) -> float:
    largest = float(np.abs(values).max())
    if largest == 0:
        return 0.0
    return largest * float(c @ (np.abs(values) / largest) ** p) ** (1 / p)


def proved(
    A: Vector,
    b: Vector,
    c: Vector,
    quantile: float | None,
    found: Path,
    tol: float,
    rounding: float,
) -> Solution:
    """Where a path has come to, with a bound, which has the last word on whether that is near."""
    high, low = box(c, quantile)
    objective = check_loss(b - A @ found.x, high, low)
    bound = certified(A, b, c, found.z, high, low, objective * (1 - tol))
    missing = objective - bound - rounding
    converged = missing <= (LOOSE if found.converged else 1) * tol * objective
    return Solution(found.x, objective, bound, found.n_iter, converged)


class Path(NamedTuple):
    """Where the interior point method has come to: the primal and the dual solution."""

    x: Vector
    z: Vector
    n_iter: int
    converged: bool


def central_path(
    A: Vector,
    b: Vector,
    c: Vector,
    quantile: float | None,
    x: Vector,
    tol: float,
    max_iter: int,
    floor: float,
) -> Path:
    """Follow the path from x, for columns of any kind, to a gap of `tol` or `floor`."""
    high, low = box(c, quantile)
    residual = b - A @ x
    shift = float(c @ np.abs(residual)) / (2 * c.sum())
    state = _State(A, b, c / (2 * c.sum()), x, residual, shift, high, low)
    converged = False
    n_iter = 0
    while not converged and n_iter < max_iter:
        with np.errstate(all="ignore"):  # a step that rounding has spoilt is not taken
            moved = state.step()
        if not moved:
            break
        n_iter += 1
        primal = check_loss(state.u - state.v, high, low)
        converged = primal - float(b @ state.z) <= tol * primal + floor
    return Path(state.x, state.z, n_iter, converged)


def box(c: Vector, quantile: float | None) -> tuple[Vector, Vector]:
    """Slopes of the loss of positive and of negative residuals."""
    return (c, c) if quantile is None else (quantile * c, (1 - quantile) * c)


def check_loss(residual: Vector, high: Vector, low: Vector) -> float:
    """Sum of the losses."""
    return float(high @ np.maximum(residual, 0) + low @ np.maximum(-residual, 0))


def certified(
    A: Vector, b: Vector, c: Vector, z: Vector, high: Vector, low: Vector, enough: float
) -> float:
    """A bound below the minimum: z projected onto ``Aᵀz = 0``, then shrunk into the box.

    What z lacks is taken from the entries with room to both sides, so that little is left to
    shrink; ``Aᵀ diag(c) A = I`` lets all of them take the rest.
    """
    exact = z.copy()
    room = (high - z) * (low + z) / c
    inside = np.flatnonzero(room > ROOM * c)
    if len(inside):
        rows, weight = A[inside], room[inside]
        factor = solve_definite(weighted_gram(rows, weight))
        exact[inside] -= weight * (rows @ lapack.dpotrs(factor, A.T @ z, lower=0)[0])
    best = 0.0
    for start in (exact, z):
        moved = start - c * (A @ (A.T @ start))
        moved -= c * (A @ (A.T @ moved))
        shrink = max(1.0, float((moved / high).max()), float((-moved / low).max()))
        best = max(best, float(b @ moved) / shrink)
        if best >= enough:
            break
    return best


class _State:
    """An interior point and its Newton steps."""

    def __init__(
        self,
        A: Vector,
        b: Vector,
        share: Vector,
        x: Vector,
        residual: Vector,
        shift: float,
        high: Vector,
        low: Vector,
    ):
        self.A, self.b, self.share, self.x, self.high, self.low = A, b, share, x, high, low
        self.z = np.zeros(len(b))
        self.u = np.maximum(residual, 0) + shift
        self.v = np.maximum(-residual, 0) + shift

    def step(self) -> bool:
        """One predictor and one corrector step; False where rounding leaves nothing to do."""
        u, v = self.u, self.v
        self.above, self.below = self.high - self.z, self.low + self.z
        self.u_slope, self.v_slope = u / self.above, v / self.below
        self.theta = 1.0 / (self.u_slope + self.v_slope)
        H = weighted_gram(self.A, self.theta)
        if not np.isfinite(H).all():
            return False
        self.factor = solve_definite(H)
        gap = float(u @ self.above + v @ self.below)

        zero = np.zeros(1)
        dx, dz, du, dv = self._direction(zero, zero)
        primal, dual = self._lengths(dz, du, dv)
        left = (u + primal * du) @ (self.above - dual * dz)
        left += (v + primal * dv) @ (self.below + dual * dz)
        target = (left / gap) ** 3 * gap * self.share
        bend = du * dz
        cu = (target + bend) / self.above
        np.multiply(dv, dz, out=bend)
        cv = (target - bend) / self.below
        dx, dz, du, dv = self._direction(cu, cv)
        primal, dual = self._lengths(dz, du, dv)
        if not (np.isfinite(dx).all() and max(primal, dual) > 1e-12):
            return False
        self.x = self.x + primal * dx
        self.u = u + primal * du
        self.v = v + primal * dv
        self.z = self.z + dual * dz
        return True

    def _direction(self, cu: Vector, cv: Vector) -> tuple[Vector, Vector, Vector, Vector]:
        xi = cu - cv
        right = self.A.T @ (self.theta * (self.b - xi) + self.z)
        x_new = lapack.dpotrs(self.factor, right, lower=0)[0]
        dz = self.theta * (self.b - self.A @ x_new - xi)
        du = cu - self.u + self.u_slope * dz
        dv = cv - self.v - self.v_slope * dz
        return x_new - self.x, dz, du, dv

    def _lengths(self, dz: Vector, du: Vector, dv: Vector) -> tuple[float, float]:
        """How far the primal and the dual step may go."""
        primal = max(_to_zero(self.u, du), _to_zero(self.v, dv))
        dual = max(_to_zero(self.above, -dz), _to_zero(self.below, dz))
        return _share(primal), _share(dual)


def _share(rate: float) -> float:
    return min(1.0, TO_BOUNDARY / rate) if rate > 0 else 1.0


def _to_zero(value: Vector, change: Vector) -> float:
    """One over the step at which the first of the positive values becomes zero."""
    return float((-change / value).max())
