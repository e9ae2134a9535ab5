"""The mixed-integer programme, by HiGHS through SciPy, and lower bounds on their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit.minmax._incumbent import Incumbents, Watch
from sampkit.minmax._levels import Levels
from sampkit.minmax._polish import Counters
from sampkit.minmax._problem import Problem, as_problem, as_start, fixed
from sampkit.minmax._relaxation import (
    Box,
    least_squares,
    linear_programme,
    mirror_ascent,
    programme,
    quadratic_bound,
)
from sampkit.minmax._result import MinMaxResult
from sampkit.minmax._search import as_result, checked_time

Array = npt.NDArray[Any]

METHODS = ("lp", "dual", "l2")


def minmax_exact(
    A: Any,
    b: Any,
    levels: Any,
    *,
    start: Any = None,
    row_weight: Any = None,
    tolerance: Any = None,
    side: str = "both",
    frozen: Any = None,
    time_limit: float | None = 60.0,
) -> MinMaxResult:
    """Solve a discrete min-max problem to proven optimality, as a mixed-integer programme.

    Parameters
    ----------
    A : array-like or SciPy sparse matrix of shape (m, n)
        One requirement a row.
    b : array-like of shape (m,)
        Right-hand side.
    levels : array-like of shape (L,) or (n, L), or list of n array-likes
        Allowed values, ascending; NaN pads variables that have fewer. Evenly spaced ones take one
        integer variable each, others one binary variable for every level.
    start : array-like of shape (n,), optional
        Values of frozen variables; an answer to fall back on if time is too short for any.
    row_weight : float or array-like of shape (m,), optional
        Weights > 0.
    tolerance : float or array-like of shape (m,), optional
        How far a row may be off without hurting, >= 0.
    side : {"both", "upper", "lower"}, default="both"
        Which residuals hurt.
    frozen : array-like of bool of shape (n,), optional
        Variables that keep their value of `start`.
    time_limit : float or None, default=60.0
        Seconds.

    Returns
    -------
    MinMaxResult
        With status "optimal", or "time_limit": the best found, and a lower bound.

    Raises
    ------
    ValueError, TypeError
        As for `minmax_search`; also for several targets, or data on a GPU.

    See Also
    --------
    minmax_search : For more than some 20 variables of many values.

    Notes
    -----
    Time is exponential in the number of variables; some 20 with many values are the limit. Rows are
    scaled together so that an integer step has size one; the objective is computed anew from the
    rounded solution, so the solver's tolerance is in neither of the two numbers that are compared.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.minmax import minmax_exact
    >>> A = np.random.default_rng(0).standard_normal((20, 6))
    >>> result = minmax_exact(A, A @ np.full(6, 0.3), [-1, 0, 1])
    >>> result.status, round(result.gap, 9)
    ('optimal', 0.0)
    """
    checked_time(time_limit)
    problem = _one_target(
        as_problem(
            A, b, levels, row_weight=row_weight, tolerance=tolerance, side=side, frozen=frozen
        )
    )
    return exact(problem, as_start(start, problem), time_limit)


def exact(problem: Problem, start: Array | None, time_limit: float | None) -> MinMaxResult:
    """`minmax_exact` of a checked problem with one target."""
    watch, counters = Watch(time_limit), Counters()
    work = fixed(problem, start)
    x = least_squares(work) if start is None else start
    incumbents = Incumbents(work, watch, minimize_slack=True)
    index = work.levels.nearest(x)
    residual = work.residual(work.levels.value(index))
    incumbents.begin(index, work.objective(residual), residual)
    box = Box.of(work, work.levels.value(index)[0])
    found, bound, status = _branch_and_bound(box, work, index[0], time_limit)
    if found is not None:
        incumbents.offer(0, found)
    incumbents.bound[0] = bound
    return as_result(problem, start, incumbents, counters, "exact", None, status)


def minmax_lower_bound(A: Any, b: Any, levels: Any, *, method: str = "lp") -> Any:
    """A number below which no choice of levels can bring ``max |A x - b|``.

    Parameters
    ----------
    A : array-like or SciPy sparse matrix of shape (m, n)
        One requirement a row.
    b : array-like of shape (m,) or (m, k)
        Right-hand sides.
    levels : array-like of shape (L,), (n, L) or (k, n, L), or list of n array-likes
        As for `minmax_search`.
    method : {"lp", "dual", "l2"}, default="lp"
        "lp": the relaxation to values between the lowest and the highest level, solved by HiGHS;
        "dual": a dual solution of the same by 500 first-order steps of O(m n), for large problems;
        "l2": ``max |r| >= |r|_2 / sqrt(m)``, with the rounding that the least squares solution
        needs at least; it knows the levels between the outer ones, and is exact for Hadamard
        matrices.

    Returns
    -------
    float or ndarray of shape (k,)
        0 at least. The first two are evaluated by weak duality in float64, less a bound of the
        rounding error.

    Raises
    ------
    ValueError
        An unknown method, or data as for `minmax_search`.

    Examples
    --------
    >>> from scipy.linalg import hadamard
    >>> from sampkit.minmax import minmax_lower_bound
    >>> print(round(minmax_lower_bound(hadamard(16), [0] * 16, [-1, 1], method="l2"), 6))
    4.0
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, METHODS))}, got {method!r}.")
    problem = as_problem(A, b, levels)
    if problem.xp is not np:
        raise ValueError("A must be in memory, got an array on a GPU.")
    bounds = [_bound(problem.of_targets(slice(i, i + 1)), method) for i in range(problem.k)]
    return bounds[0] if problem.single else np.array(bounds)


def _bound(problem: Problem, method: str) -> float:
    box = Box.of(problem)
    if method == "l2":
        return max(quadratic_bound(box, problem.levels), 0.0)
    if method == "dual":
        return max(mirror_ascent(box), 0.0)
    return max(linear_programme(box, least_squares(problem)[0])[1], 0.0)


def _one_target(problem: Problem) -> Problem:
    if problem.k > 1:
        raise ValueError(f"b must be of shape (m,), one target, got {problem.k} columns.")
    if problem.xp is not np:
        raise ValueError("A must be in memory, got an array on a GPU.")
    return problem


def _branch_and_bound(
    box: Box, problem: Problem, index: Array, time_limit: float | None
) -> tuple[Array | None, float, str]:
    """Index, lower bound and status of HiGHS."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    levels, n = problem.levels, problem.n
    still = np.zeros(n, dtype=bool) if problem.frozen is None else problem.frozen[0]
    constraints, limits, upper = programme(box, np.arange(problem.m))
    coded = _integers if levels.step is not None else _one_hot
    columns, base, integer, low, high, equal = coded(levels, n, index, still)
    # x = columns q + base: substitute, the intercept and t stay
    A, rest = sp.csr_array(constraints[:, :n]), constraints[:, n:]
    upper = upper - A @ base
    A = sp.csr_array(A @ columns)
    # where nothing can move the right sides are what there is to measure by
    scale = float(abs(A).max()) or float(np.abs(upper).max()) or 1.0
    table = sp.hstack([A / scale, rest], format="csr")
    free = len(limits) - n  # intercept and t; both are measured in units of the scale
    low, high = np.append(low, limits[n:, 0]), np.append(high, limits[n:, 1])
    rules = [LinearConstraint(table, -np.inf, upper / scale)]
    if equal is not None:
        padded = sp.hstack([equal, sp.csr_array((equal.shape[0], free))], format="csr")
        rules.append(LinearConstraint(padded, 1, 1))
    # with it HiGHS 1.12 called 4 of 1500 small one-hot programmes solved that were not
    options = {"mip_rel_gap": 0.0, "presolve": False}
    if time_limit is not None:
        options["time_limit"] = time_limit
    cost = np.zeros(len(low))
    cost[-1] = 1
    solved = milp(
        cost,
        integrality=np.append(np.full(len(integer), 1), np.zeros(free)),
        bounds=Bounds(low, high),
        constraints=rules,
        options=options,
    )
    bound = -np.inf if solved.mip_dual_bound is None else float(solved.mip_dual_bound) * scale
    if problem.rows.plain:
        bound = max(bound, 0.0)
    status = "optimal" if solved.status == 0 else "time_limit"
    if solved.x is None:
        return None, bound, status
    q = np.rint(solved.x[: len(integer)])
    return levels.nearest((columns @ q + base)[None])[0], bound, status


def _integers(levels: Levels, n: int, index: Array, still: Array) -> tuple[Any, ...]:
    """x_j = lowest level + step q_j."""
    assert levels.step is not None
    step = np.broadcast_to(levels.step[0], (n,))
    top = np.broadcast_to(levels.counts[0] - 1, (n,)).astype(float)
    low, high = np.where(still, index, 0), np.where(still, index, top)
    return sp.diags_array(step, format="csr"), levels.low[0], np.arange(n), low, high, None


def _one_hot(levels: Levels, n: int, index: Array, still: Array) -> tuple[Any, ...]:
    """x_j = sum of levels times binary variables of sum 1."""
    values = np.broadcast_to(levels.values[0], (n, levels.values.shape[2]))
    real = ~np.isnan(values)
    variable, level = np.nonzero(real)
    number = np.arange(len(variable))
    columns = sp.csr_array((values[real], (variable, number)), shape=(n, len(number)))
    equal = sp.csr_array((np.ones(len(number)), (variable, number)), shape=(n, len(number)))
    fixed_at = still[variable]
    chosen = (level == index[variable]).astype(float)
    low, high = np.where(fixed_at, chosen, 0.0), np.where(fixed_at, chosen, 1.0)
    return columns, np.zeros(n), number, low, high, equal
