"""What can be asked about a point without searching: its violation, every single move from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from sampkit._array import namespace
from sampkit._chunks import chunks, rows_per_chunk
from sampkit.minmax._problem import as_problem, checked_matrix


def max_violation(
    A: Any,
    x: Any,
    b: Any,
    *,
    row_weight: Any = None,
    tolerance: Any = None,
    side: str = "both",
) -> Any:
    """Largest violation ``max_k w_k (s(a_k x - b_k) - h_k)`` of a point, in float64.

    Parameters
    ----------
    A : array-like, SciPy sparse matrix or CuPy array of shape (m, n)
        One requirement a row.
    x : array-like of shape (n,) or (k, n)
        Values; for several targets one row each.
    b : array-like of shape (m,) or (m, k)
        Right-hand sides.
    row_weight : float or array-like of shape (m,), optional
        Weights w > 0.
    tolerance : float or array-like of shape (m,), optional
        Tolerances h >= 0.
    side : {"both", "upper", "lower"}, default="both"
        Which residuals hurt.

    Returns
    -------
    float or array of shape (k,)

    Raises
    ------
    ValueError, TypeError
        As for `minmax_search`, and for x of another shape.

    Examples
    --------
    >>> from sampkit.minmax import max_violation
    >>> max_violation([[1, 2], [3, 4]], [1, 1], [3, 5])
    2.0
    """
    problem = as_problem(A, b, [0.0], row_weight=row_weight, tolerance=tolerance, side=side)
    xp = problem.xp
    point = xp.asarray(x)
    expected = (problem.n,) if problem.single else (problem.k, problem.n)
    if point.dtype.kind not in "biuf" or point.shape not in ((problem.n,), expected):
        raise ValueError(
            f"x must be real numbers of shape {expected}, got {point.dtype} of shape {point.shape}."
        )
    if not bool(xp.isfinite(point).all()):
        raise ValueError("x must be finite, got NaN or infinity.")
    point = xp.broadcast_to(point, (problem.k, problem.n))
    objective = problem.objective(problem.residual(point))
    return float(objective[0]) if problem.single else objective


def improving_intervals(A: Any, r: Any, t: float | None = None) -> tuple[Any, Any]:
    """For every variable, the changes of it alone that bring ``max |r|`` below t.

    Parameters
    ----------
    A : array-like, SciPy sparse matrix or CuPy array of shape (m, n)
        One requirement a row.
    r : array-like of shape (m,)
        Residuals.
    t : float, optional
        What to get below; ``max |r|`` by default.

    Returns
    -------
    low, high : arrays of shape (n,)
        Variable j may change by any d with ``low[j] < d < high[j]``; both are 0 where none helps.
        If t is ``max |r|``, one of the two is 0.

    Raises
    ------
    ValueError
        Shapes that do not fit, values that are not finite, t < 0.

    Notes
    -----
    One pass over A, O(m n), in chunks of rows: with a = a_kj, row k allows
    ``(-t sign(a) - r_k) / a < d < (t sign(a) - r_k) / a``, and no d at all where a = 0 and
    ``|r_k| >= t``.

    Examples
    --------
    >>> from sampkit.minmax import improving_intervals
    >>> low, high = improving_intervals([[1, 2], [-1, 1], [0.5, -2]], [1, -0.5, 0.8])
    >>> print(low.round(6), high)
    [-1.5 -0.1] [0. 0.]
    """
    A, r = _matrix_and_residual(A, r)
    xp = namespace(r)
    limit = float(xp.abs(r).max()) if t is None else t
    if not limit >= 0:
        raise ValueError(f"t must be >= 0, got {t}.")
    m, n = A.shape
    low, high = xp.full(n, -np.inf), xp.full(n, np.inf)
    for at in chunks(m, rows_per_chunk(8 * 4 * n)):
        a = _rows_of(A, at)
        size, sign, here = xp.abs(a), xp.sign(a), r[at, None]
        # rows without the variable: they forbid everything or nothing
        with np.errstate(divide="ignore", invalid="ignore"):
            centre, half = -here * sign / size, limit / size
        barred = xp.where(xp.abs(here) >= limit, 0.0, np.inf)
        none = size == 0
        low = xp.maximum(low, xp.where(none, -barred, centre - half).max(axis=0))
        high = xp.minimum(high, xp.where(none, barred, centre + half).min(axis=0))
    empty = low >= high
    return xp.where(empty, 0.0, low), xp.where(empty, 0.0, high)


def move_table(A: Any, r: Any, deltas: Any) -> Any:
    """``max |r|`` after changing one variable: exact, for every variable and some changes of it.

    Parameters
    ----------
    A : array-like, SciPy sparse matrix or CuPy array of shape (m, n)
        One requirement a row.
    r : array-like of shape (m,)
        Residuals.
    deltas : array-like of shape (D,) or (n, D)
        Changes to try, the same for all variables or its own for each.

    Returns
    -------
    array of shape (n, D)
        ``max_k |r_k + deltas[j, i] a_kj|``.

    Raises
    ------
    ValueError
        Shapes that do not fit, values that are not finite.

    Notes
    -----
    O(m n D), in chunks of rows and of variables.

    Examples
    --------
    >>> from sampkit.minmax import move_table
    >>> move_table([[1, 2], [-1, 1]], [1.0, -0.5], [-1, 1])
    array([[0.5, 2. ],
           [1.5, 3. ]])
    """
    A, r = _matrix_and_residual(A, r)
    xp = namespace(r)
    m, n = A.shape
    moves = xp.asarray(deltas)
    if moves.dtype.kind not in "biuf" or moves.ndim not in (1, 2) or moves.size == 0:
        raise ValueError(
            f"deltas must be real numbers of shape (D,) or ({n}, D), got {moves.dtype} of shape "
            f"{moves.shape}."
        )
    if moves.ndim == 2 and len(moves) != n:
        raise ValueError(f"deltas must be of shape (D,) or ({n}, D), got {moves.shape}.")
    if not bool(xp.isfinite(moves).all()):
        raise ValueError("deltas must be finite, got NaN or infinity.")
    moves = xp.broadcast_to(moves.astype(np.float64), (n, moves.shape[-1]))
    out = xp.zeros(moves.shape)
    for at in chunks(m, rows_per_chunk(8 * 3 * n)):
        a, here = _rows_of(A, at), r[at, None]
        for i in range(moves.shape[1]):
            change = a * moves[:, i]
            change += here
            xp.maximum(out[:, i], xp.abs(change, out=change).max(axis=0), out=out[:, i])
    return out


def _matrix_and_residual(A: Any, r: Any) -> tuple[Any, Any]:
    A = checked_matrix(A)
    if sp.issparse(A):
        A = A.tocsr()
    xp = namespace(A)
    if namespace(r) is not xp:
        raise TypeError("A and r must be in the same place, got one on the GPU and one in memory.")
    r = xp.asarray(r)
    if r.dtype.kind not in "biuf" or r.shape != (A.shape[0],):
        raise ValueError(
            f"r must be real numbers of shape ({A.shape[0]},), got {r.dtype} of shape {r.shape}."
        )
    if not bool(xp.isfinite(r).all()):
        raise ValueError("r must be finite, got NaN or infinity.")
    return A, r.astype(np.float64)


def _rows_of(A: Any, at: slice) -> Any:
    rows = A[at]
    return (rows.toarray() if sp.issparse(rows) else rows).astype(np.float64, copy=False)
