"""l1 sensitivities: a primal-dual interior point method for a batch of rows.

``1/σ = max{t : Aᵀz = t a, |z| <= 1} = min{‖Ax‖₁ : a·x = 1}``: every feasible z bounds σ from above
by 1/t, every x from below. Mehrotra's predictor and corrector; names are those of the equations.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.coreset._products import RowProducts

Vector = npt.NDArray[np.float64]
TO_BOUNDARY = 0.9995
NEAR = 1e-3  # relative gap from which on the optimal vertex can be guessed
NONE = np.empty(0, dtype=np.intp)


@dataclass
class _State:
    """Iterates of a batch: z, t dual, x (as y = Ax), u, v primal with y = u − v."""

    a: Vector  # (b, d) targets
    z: Vector  # (b, n)
    t: Vector  # (b,)
    y: Vector  # (b, n)
    u: Vector  # (b, n)
    v: Vector  # (b, n)

    def kept(self, keep: npt.NDArray[Any]) -> _State:
        return _State(*(getattr(self, f.name)[keep] for f in fields(self)))


def interior_point_bounds(
    A: Vector,
    products: RowProducts,
    targets: Vector,
    start: Vector,
    lewis: Vector,
    tol: float,
    max_iter: int,
) -> tuple[Vector, Vector]:
    """Logarithms of a lower and an upper bound on σ for each of the targets.

    Parameters
    ----------
    A : ndarray of shape (n, d)
        Rows of the denominator, none of them zero, with orthonormal columns.
    products : RowProducts
        Of A.
    targets : ndarray of shape (b, d)
        Rows a, of unit length.
    start : ndarray of shape (b, d)
        Lewis points: ``x = M⁻¹a / aᵀM⁻¹a`` with ``M = Aᵀ diag(1 / lewis) A``.
    lewis : ndarray of shape (n,)
        Lewis weights of A.
    tol, max_iter
        As in `lp_sensitivities`.

    Returns
    -------
    lower, upper : ndarray of shape (b,)
    """
    state = _start(A, targets, start, lewis)
    low = np.full(len(targets), 0.0)
    high = np.full(len(targets), np.inf)
    live = np.arange(len(targets))
    for iteration in range(max_iter + 1):
        low[live] = np.fmax(low[live], 1.0 / np.abs(state.y).sum(axis=1))
        high[live] = np.fmin(high[live], 1.0 / state.t)
        gap = high[live] / low[live] - 1
        near = np.flatnonzero((gap > tol) & (gap < NEAR)) if tol < NEAR / 10 else NONE
        if len(near):
            bounds = _vertex_bounds(A, state.kept(near))
            low[live[near]] = np.fmax(low[live[near]], bounds[0])
            high[live[near]] = np.fmin(high[live[near]], bounds[1])
        keep = high[live] > low[live] * (1 + tol)
        if iteration:
            keep &= np.isfinite(state.t) & (state.t > 0)
        if not keep.any() or iteration == max_iter:
            break
        if not keep.all():
            live, state = live[keep], state.kept(keep)
        with np.errstate(all="ignore"):  # rows that have reached the floor of rounding are stopped
            _step(A, products, state)
            _project(A, state)
    with np.errstate(divide="ignore"):
        return np.log(low), np.log(np.maximum(high, low))


def _start(A: Vector, targets: Vector, start: Vector, lewis: Vector) -> _State:
    y = start @ A.T
    z = y / lewis
    z *= (0.9 / np.abs(z).max(axis=1))[:, None]
    t = np.einsum("ij,ij->i", z @ A, targets)  # targets have unit length
    mean = np.abs(y).mean(axis=1, keepdims=True)
    state = _State(targets, z, t, y, np.maximum(y, 0) + mean / 2, np.maximum(-y, 0) + mean / 2)
    _project(A, state)
    return state


def _step(A: Vector, products: RowProducts, s: _State) -> None:
    """One predictor and corrector step, in place."""
    om, op = 1.0 - s.z, 1.0 + s.z
    u_om, v_op = s.u / om, s.v / op
    theta = 1.0 / (u_om + v_op)
    d = A.shape[1]
    hessian = products.grams(theta)
    trace = np.trace(hessian, axis1=1, axis2=2)
    hessian[:, np.arange(d), np.arange(d)] += (1e-14 * trace / d)[:, None]
    ok = np.isfinite(hessian).all(axis=(1, 2))
    hessian[~ok] = np.eye(d)
    inverse = np.linalg.inv(hessian)
    h1 = np.einsum("bij,bj->bi", inverse, s.a)
    a_h1 = np.einsum("bi,bi->b", s.a, h1)
    az = s.z @ A

    def direction(cu: Vector | None, cv: Vector | None) -> tuple[Vector, ...]:
        xi = None if cu is None or cv is None else cu - cv
        g = -az if xi is None else (theta * xi) @ A - az
        h2 = np.einsum("bij,bj->bi", inverse, g)
        t = (1.0 - np.einsum("bi,bi->b", s.a, h2)) / a_h1
        y = (h2 + t[:, None] * h1) @ A.T
        dz = theta * (y if xi is None else y - xi)
        du = u_om * dz - s.u if cu is None else cu - s.u + u_om * dz
        dv = -v_op * dz - s.v if cv is None else cv - s.v - v_op * dz
        return t, y, dz, du, dv

    gap = np.einsum("ij,ij->i", s.u, om) + np.einsum("ij,ij->i", s.v, op)
    t, y, dz, du, dv = direction(None, None)
    dual, primal = _dual_step(dz, om, op), _primal_step(du, dv, s)
    u1, v1 = s.u + primal[:, None] * du, s.v + primal[:, None] * dv
    moved = dual[:, None] * dz
    gap_affine = np.einsum("ij,ij->i", u1, om - moved) + np.einsum("ij,ij->i", v1, op + moved)
    mu = (gap_affine / gap) ** 3 * gap / (2 * len(A))
    cu, cv = (mu[:, None] + du * dz) / om, (mu[:, None] - dv * dz) / op
    t, y, dz, du, dv = direction(cu, cv)
    dual, primal = _dual_step(dz, om, op), _primal_step(du, dv, s)
    s.z += dual[:, None] * dz
    s.t += dual * (t - s.t)
    s.y += primal[:, None] * (y - s.y)
    s.u += primal[:, None] * du
    s.v += primal[:, None] * dv
    s.t[~ok] = np.nan


def _vertex_bounds(A: Vector, s: _State) -> tuple[Vector, Vector]:
    """Bounds at the vertex that the iterates point at: d − 1 residuals are zero there.

    The vertex is exact where the interior ends at the rounding of its ill-conditioned Hessians. A
    wrong guess gives worse bounds, or none (NaN), and no false ones.
    """
    d = A.shape[1]
    with np.errstate(all="ignore"):
        theta = 1.0 / (s.u / (1.0 - s.z) + s.v / (1.0 + s.z))
        theta = np.nan_to_num(theta, nan=0.0, posinf=np.finfo(float).max)
        zero = np.argpartition(-theta, d - 1, axis=1)[:, : d - 1]
        system = np.concatenate([A[zero], -s.a[:, None, :]], axis=1)
        sign = np.sign(s.y)
        np.put_along_axis(sign, zero, 0.0, axis=1)
        unit = np.zeros((len(zero), d, 1))
        unit[:, -1] = -1.0
        x = _solved_each(system, unit)
        inside = _solved_each(system.transpose(0, 2, 1), -(sign @ A)[:, :, None])
        y = x @ A.T
        low = np.abs(np.einsum("ij,ij->i", x, s.a)) / np.abs(y).sum(axis=1)
        np.put_along_axis(sign, zero, inside[:, :-1], axis=1)
        guess = _State(s.a, sign, inside[:, -1].copy(), y, s.u, s.v)
        _project(A, guess)
        high = np.where(guess.t > 0, 1.0 / guess.t, np.nan)
        return np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)


def _solved_each(systems: Vector, right: Vector) -> Vector:
    """Solutions of square systems; NaN for residuals that hang on one another: no vertex."""
    try:
        return np.asarray(np.linalg.solve(systems, right)[:, :, 0], dtype=np.float64)
    except np.linalg.LinAlgError:
        out = np.full(right.shape[:2], np.nan)
        for k, system in enumerate(systems):  # rare: an exactly singular system spoils its batch
            with contextlib.suppress(np.linalg.LinAlgError):
                out[k] = np.linalg.solve(system, right[k])[:, 0]
        return out


def _dual_step(dz: Vector, om: Vector, op: Vector) -> Vector:
    """Longest step that keeps |z| < 1, at most 1."""
    speed = np.maximum((dz / om).max(axis=1), (-dz / op).max(axis=1))
    return _reach(speed)


def _primal_step(du: Vector, dv: Vector, s: _State) -> Vector:
    """Longest step that keeps u, v > 0, at most 1."""
    speed = np.maximum((-du / s.u).max(axis=1), (-dv / s.v).max(axis=1))
    return _reach(speed)


def _reach(speed: Vector) -> Vector:
    safe = np.where(speed > 0, speed, 1.0)
    return np.where(speed > 0, np.minimum(1.0, TO_BOUNDARY / safe), 1.0)


def _project(A: Vector, s: _State) -> None:
    """Put ``Aᵀz = t a`` right to the last digit: else 1/t would be no bound."""
    s.z -= (s.z @ A - s.t[:, None] * s.a) @ A.T
    largest = np.maximum(np.abs(s.z).max(axis=1), 1.0)
    # strictly inside: a coordinate on the boundary would divide by zero
    shrink = np.where(largest > 1.0, (1.0 - 1e-15) / largest, 1.0)
    s.z *= shrink[:, None]
    s.t *= shrink
