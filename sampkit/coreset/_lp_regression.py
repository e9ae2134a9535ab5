"""Linear regression in the lp norm, 1 <= p < infinity, and of quantiles, with a certificate."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch, assert_all_finite, column_or_1d

from sampkit._array import on_host
from sampkit._chunks import CALL_BYTES, rows_per_chunk
from sampkit.coreset._basis import Basis
from sampkit.coreset._blocks import Rows
from sampkit.coreset._damped_newton import damped_newton
from sampkit.coreset._input import (
    checked_integer,
    checked_number,
    checked_power,
    checked_weight,
    rows_of,
)
from sampkit.coreset._interior_point import Solution
from sampkit.coreset._quasi_newton import quasi_newton
from sampkit.coreset._screening import screened
from sampkit.coreset._whiten import whitener

__all__ = ["LpProblem", "lp_regression", "solve"]

Vector = npt.NDArray[np.float64]
SECANT = (1.1, 12.0)  # p between which the Hessian changes little enough for updates
SLOW = 1.1  # below this p > 1 the last digits of the gap may be out of reach: no warning


def lp_regression(
    X: Any,
    y: npt.ArrayLike,
    p: float,
    *,
    sample_weight: npt.ArrayLike | None = None,
    quantile: float | None = None,
    tol: float = 1e-8,
    max_iter: int = 100,
) -> Bunch:
    """Minimise ``sum c_i |y_i - x_i.beta|^p`` and prove how close the minimum is.

    Parameters
    ----------
    X : {array-like, sparse matrix, data frame, dask collection} of shape (n, d)
        Rows; put a column of ones into X for an intercept.
    y : array-like of shape (n,)
        Targets.
    p : float, 1 <= p < infinity
        Exponent.
    sample_weight : array-like of shape (n,) or None, default=None
        Weights c >= 0 of the losses; rows of weight 0 are left out.
    quantile : float in (0, 1) or None, default=None
        With p = 1: minimise the check loss ``max(q r, (q - 1) r)`` of this quantile instead.
    tol : float > 0, default=1e-8
        Relative gap at which to stop.
    max_iter : int >= 1, default=100
        Most iterations.

    Returns
    -------
    result : Bunch
        ``x`` (d,), the coefficients, 0 in directions that X does not have; ``objective``, the loss
        there; ``dual_bound``, a number that no loss can fall below; ``n_iter``.

    Raises
    ------
    ValueError
        `p` or `quantile` out of range, a quantile with p > 1; X, `y` or `sample_weight` of wrong
        shape or not finite; weights all zero.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        The gap was not reached in `max_iter` iterations (p < 1.1 stops silently).

    Notes
    -----
    Columns are whitened first, so that collinear ones do no harm.  p = 1 and quantiles: Mehrotra's
    primal-dual interior point method, 11 to 17 iterations, from about 500 d rows on over those
    alone whose side of the fit a coreset leaves in doubt [1]_.  p > 1: secant updates of the
    Hessian, 4 n d flops an iteration, and a Hessian, n d² flops, where those are slow; Newton's
    method, a Hessian an iteration, for p < 1.1 and p > 12.  One whitened copy of X.  Dual:
    ``max bᵀz`` over ``Aᵀz = 0`` and a unit ball of the dual norm.

    References
    ----------
    .. [1] S. Portnoy and R. Koenker, "The Gaussian hare and the Laplacian tortoise", Statistical
       Science 12(4), 1997.

    Examples
    --------
    >>> from sampkit.coreset import lp_regression
    >>> fit = lp_regression([[1.0]] * 5, [1.0, 2.0, 3.0, 4.0, 100.0], p=1)
    >>> fit.x.round(6).tolist(), round(fit.objective, 6)
    ([3.0], 101.0)
    >>> bool(fit.objective - fit.dual_bound < 1e-5)
    True
    """
    problem = LpProblem.checked(p, quantile, tol, max_iter)
    target = checked_target(y)
    coefficients, solution = solve(problem, X, target, sample_weight, fit_intercept=False)
    return Bunch(
        x=coefficients,
        objective=solution.objective,
        dual_bound=solution.dual_bound,
        n_iter=solution.n_iter,
    )


class LpProblem(NamedTuple):
    """What is to be minimised, and how well."""

    p: float
    quantile: float | None
    tol: float
    max_iter: int

    @classmethod
    def checked(cls, p: Any, quantile: Any, tol: Any, max_iter: Any) -> LpProblem:
        """The problem, or a ValueError that names the parameter."""
        power = checked_power(p, low=1.0)
        if quantile is not None:
            accepted = "None or a number strictly between 0 and 1"
            quantile = checked_number(quantile, "quantile", accepted, 0.0, 1.0)
            if not 0 < quantile < 1:
                raise ValueError(f"quantile must be {accepted}, got {quantile!r}.")
            if power != 1:
                raise ValueError(f"quantile must be None unless p = 1, got {quantile!r}, p={p!r}.")
        tol = checked_number(tol, "tol", "a finite number > 0", np.nextafter(0, 1))
        return cls(power, quantile, tol, checked_integer(max_iter, "max_iter", 1))


def checked_target(y: Any) -> Vector:
    """One-dimensional finite numbers."""
    values = getattr(y, "compute", lambda: y)()
    target = column_or_1d(on_host(values), warn=True)
    if target.dtype.kind not in "biuf":
        try:
            target = target.astype(np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"y must hold numbers, got dtype {target.dtype}.") from None
    assert_all_finite(target, input_name="y")
    return target.astype(np.float64, copy=False)


def solve(
    problem: LpProblem, X: Any, y: Vector, sample_weight: Any, *, fit_intercept: bool
) -> tuple[Vector, Solution]:
    """Coefficients (of the intercept first) in the columns of X, and the solver's word on them."""
    rows = rows_of(X, fit_intercept=fit_intercept)
    if rows.n != len(y):
        raise ValueError(f"X and y must have the same number of rows, got {rows.n} and {len(y)}.")
    weight = checked_weight(sample_weight, rows.n)
    basis = whitener(X, sample_weight=weight, fit_intercept=fit_intercept)
    A = whitened(rows, basis)
    c = np.ones(rows.n) if weight is None else weight
    if not c.all():
        counts = c > 0
        if not counts.any():
            raise ValueError("sample_weight must not be all zero.")
        A, y, c = A[counts], y[counts], c[counts]
    solution = _solution(problem, A, y, c)
    if not solution.converged and not 1 < problem.p < SLOW:
        warnings.warn(
            f"The relative gap did not fall to tol={problem.tol:g} in {solution.n_iter} "
            "iterations; dual_bound says how far the objective may be above the minimum.",
            ConvergenceWarning,
            stacklevel=3,
        )
    return np.asarray(basis.B @ solution.x), solution


def _solution(problem: LpProblem, A: Vector, y: Vector, c: Vector) -> Solution:
    p, quantile, tol, max_iter = problem
    if A.shape[1] == 0:  # nothing to fit: every coefficient is 0
        objective = float(_loss(y, c, p, quantile))
        return Solution(np.zeros(0), objective, objective, 0, True)
    if p == 1:
        return screened(A, y, c, quantile, tol, max_iter)
    return _smooth_solution(A, y, c, p, tol, max_iter)


def _smooth_solution(
    A: Vector, y: Vector, c: Vector, p: float, tol: float, max_iter: int
) -> Solution:
    """Secant updates where they are sooner; Newton's method near p = 1, for large p, and after."""
    if not SECANT[0] <= p <= SECANT[1]:
        return damped_newton(A, y, c, p, tol, max_iter)
    first = quasi_newton(A, y, c, p, tol, (3 * max_iter + 3) // 4)
    left = max_iter - first.n_iter
    if first.converged or left <= 0:
        return first
    then = damped_newton(A, y, c, p, tol, left, start=first.x)
    bound = max(first.dual_bound, then.dual_bound)
    sure = then.converged or then.objective - bound <= tol * then.objective
    return then._replace(dual_bound=bound, n_iter=first.n_iter + then.n_iter, converged=sure)


def _loss(r: Vector, c: Vector, p: float, quantile: float | None) -> Any:
    if quantile is not None:
        return c @ np.maximum(quantile * r, (quantile - 1) * r)
    with np.errstate(over="ignore"):
        return c @ np.abs(r) ** p


def whitened(rows: Rows, basis: Basis) -> Vector:
    """All rows in a basis, made block by block."""
    out = np.empty((rows.n, basis.rank))
    for at, block in rows.blocks(rows_per_chunk(8 * rows.d, CALL_BYTES // 12), np.float64):
        out[at] = basis.apply(block)
    return out
