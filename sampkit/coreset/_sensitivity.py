"""lp sensitivities: certified, from a coreset, or in proportion to Lewis weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import Bunch

from sampkit._random_state import check_generator
from sampkit.coreset._blocks import DenseRows, Rows
from sampkit.coreset._denominator import Denominator
from sampkit.coreset._draw import sample_rows
from sampkit.coreset._inclusion import inclusion_probabilities
from sampkit.coreset._input import (
    checked_choice,
    checked_integer,
    checked_number,
    checked_power,
    rows_of,
)
from sampkit.coreset._leverage import like_input, row_scores, wide_triangular
from sampkit.coreset._lewis import lewis_of_rows
from sampkit.coreset._spatial_order import spatial_order
from sampkit.coreset._whiten import basis_of

Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
METHODS = ("auto", "exact", "compressed", "lewis")
EXACT_UP_TO = 5e10  # n |rows| d² multiplications for which "auto" is exact: about ten seconds
ROWS_PER_COLUMN = 40  # of the coreset of "compressed"


def lp_sensitivities(
    X: Any,
    p: float,
    *,
    rows: Any = None,
    sample_weight: Any = None,
    fit_intercept: bool = False,
    method: str = "auto",
    tol: float = 1e-2,
    return_bounds: bool = False,
    coreset_size: int | None = None,
    max_iter: int = 100,
    random_state: Any = None,
    callback: Callable[[int, int], Any] | None = None,
) -> Any:
    """The largest share that a row can have of ``‖Xx‖_p^p``, over all x.

    ``σ_i = max_x |a_i·x|^p / ‖Xx‖_p^p``, in [0, 1]; p = 2 gives the leverage scores.

    Parameters
    ----------
    X : {array-like, sparse matrix, data frame, dask collection} of shape (n, d)
        The rows. "exact" holds them as n d numbers, and products of them in a fixed budget.
    p : float
        Power of the norm, >= 1.
    rows : array-like of int of shape (m,), default=None
        Rows wanted, in [0, n), in any order; None: all.
    sample_weight : array-like of shape (n,), default=None
        Observation weights c >= 0 of the loss ``Σ c |a·x|^p``; scores of the rows ``c^(1/p) a``.
    fit_intercept : bool, default=False
        Put a column of ones before X.
    method : {"auto", "exact", "compressed", "lewis"}, default="auto"
        "exact": an optimisation problem for each row, with certified bounds. "compressed": the same
        with a coreset of X in the denominator, usually within 10 % (p <= 3) of the exact value.
        "lewis": Lewis weights times the mean ratio of a few exact rows, within a factor of a few.
        "auto": exact up to n m d² = 5e10 (about ten seconds; p = 1 a minute), else compressed.
    tol : float, default=1e-2
        Largest relative gap of the bounds, > 0.
    return_bounds : bool, default=False
        Return ``(lower, upper)``; "exact" only.
    coreset_size : int or None, default=None
        Rows of the coreset of "compressed", >= d; None: 40 d.
    max_iter : int, default=100
        Iterations at most.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness of "compressed" and "lewis".
    callback : callable or None, default=None
        ``callback(done, total)`` after every batch of rows that "exact" or "compressed" has
        solved; True stops.

    Returns
    -------
    sensitivities : ndarray of shape (m,)
        Geometric mean of the bounds; float32 for float32 X, else float64. NaN (bounds 0 and 1) for
        rows that the callback or Ctrl-C has come before.
    lower, upper : ndarray of shape (m,)
        Instead, with `return_bounds`; ``upper / lower - 1 <= tol``.

    Raises
    ------
    ValueError
        X not two-dimensional, empty, with NaN or infinity; a parameter out of its range;
        `return_bounds` with an approximate method.

    Warns
    -----
    ConvergenceWarning
        Some rows missed `tol` in `max_iter` iterations (p = 1 with degenerate solutions: the gap
        has a floor of about 1e-6); their best bounds are returned. Or the callback or Ctrl-C has
        stopped the work: what is done is returned.

    Notes
    -----
    Rows are solved in batches whose Hessians come from one matrix product: n d² flops for a row
    and an iteration, 1 to 7 iterations. Newton's method for p > 1, an interior point method for
    p = 1; both start at the minimiser of the Lewis norm.

    References
    ----------
    .. [1] D. P. Woodruff, T. Yasuda, "Sharper bounds for lp sensitivity sampling", ICML 2023,
       arXiv:2306.00732.
    .. [2] S. Padmanabhan, D. P. Woodruff, Q. Zhang, "Computing approximate lp sensitivities",
       NeurIPS 2023, arXiv:2311.04158.

    Examples
    --------
    >>> from sampkit.coreset import lp_sensitivities
    >>> X = [[1.0, 0.0], [-0.5, 0.75**0.5], [-0.5, -(0.75**0.5)]]
    >>> lp_sensitivities(X, p=4, tol=1e-6).round(4)
    array([0.8889, 0.8889, 0.8889])
    """
    p = checked_power(p, low=1.0)
    checked_choice(method, "method", METHODS)
    tol = checked_number(tol, "tol", "a number > 0", np.nextafter(0, 1))
    max_iter = checked_integer(max_iter, "max_iter", 1)
    if return_bounds and method in ("compressed", "lewis"):
        raise ValueError(f"return_bounds must be False for method={method!r}, got True.")
    source = rows_of(X, sample_weight=sample_weight, p=p, fit_intercept=fit_intercept)
    size = _coreset_size(coreset_size, source)
    wanted = _wanted(rows, source.n)
    method = "exact" if return_bounds else _resolved(method, source, len(wanted), p)
    bounds = sensitivities_of_rows(
        source, p, wanted, method=method, tol=tol, max_iter=max_iter, coreset_size=size,
        rng=check_generator(random_state), watch=callback or _go_on,
    )  # fmt: skip
    if return_bounds:
        return tuple(like_input(bound, source) for bound in bounds)
    return like_input(_middle(*bounds), source)


def _go_on(done: int, total: int) -> bool:
    """Nobody listens; Ctrl-C still leaves what is done."""
    return False


def _middle(low: Vector, high: Vector) -> Vector:
    """Geometric mean of the bounds; NaN where they say nothing."""
    return np.where((low == 0) & (high == 1), np.nan, np.sqrt(low * high))


def _wanted(rows: Any, n: int) -> Index:
    if rows is None:
        return np.arange(n)
    index = np.asarray(rows)
    if index.ndim != 1 or (index.size and index.dtype.kind not in "iu"):
        raise ValueError(f"rows must be a list of integers in [0, {n}), got {str(rows)[:80]}.")
    if index.size and not (index.min() >= 0 and index.max() < n):
        raise ValueError(f"rows must lie in [0, {n}), got {index.min()} to {index.max()}.")
    return index.astype(np.intp, copy=False)


def _coreset_size(coreset_size: Any, rows: Rows) -> int:
    if coreset_size is None:
        return ROWS_PER_COLUMN * rows.d
    return checked_integer(coreset_size, "coreset_size", min(rows.n, rows.d))


def sensitivities_of_rows(
    rows: Rows,
    p: float,
    wanted: Index,
    *,
    method: str,
    tol: float,
    max_iter: int,
    coreset_size: int,
    rng: np.random.Generator,
    watch: Callable[[int, int], Any] | None = None,
) -> tuple[Vector, Vector]:
    """Lower and upper bounds (equal for the approximate methods) of the wanted rows."""
    if p == 2.0:
        scores = row_scores(rows).astype(np.float64)[wanted]
        return scores, scores
    if rows.n < rows.d:
        rows = DenseRows(np.ascontiguousarray(wide_triangular(rows).T))
    if method == "exact":
        return Denominator(_dense_of(rows), p).bounds(rows, wanted, tol, max_iter, watch)
    if method == "lewis":
        values = _from_lewis(rows, p, tol, max_iter, rng)[wanted]
        return values, values
    return _compressed(rows, p, wanted, tol, max_iter, coreset_size, rng, watch)


def row_sensitivities(
    rows: Rows, p: float, *, method: str, tol: float, rng: np.random.Generator
) -> Vector:
    """Sensitivities of all rows of any kind, without bounds."""
    bounds = sensitivities_of_rows(
        rows,
        p,
        np.arange(rows.n),
        method=_resolved(method, rows, rows.n, p),
        tol=tol,
        max_iter=100,
        coreset_size=ROWS_PER_COLUMN * rows.d,
        rng=rng,
    )
    return np.sqrt(bounds[0] * bounds[1])


def _resolved(method: str, rows: Rows, n_wanted: int, p: float) -> str:
    if method != "auto":
        return method
    cheap = rows.n * n_wanted * float(rows.d) ** 2 <= EXACT_UP_TO
    return "exact" if cheap or p == 2.0 else "compressed"


def _dense_of(rows: Rows) -> Vector:
    if hasattr(rows, "xp"):
        raise TypeError(
            "X must be in host memory for lp sensitivities with p != 2, got a CuPy array: pass "
            "cupy.asnumpy(X)."
        )
    return rows.dense()


def _compressed(
    rows: Rows, p: float, wanted: Index, tol: float, max_iter: int, size: int, rng: Any, watch: Any
) -> tuple[Vector, Vector]:
    """Sensitivities against a Lewis coreset, drawn along a k-d order of whitened rows."""
    weights = lewis_of_rows(rows, p, tol=1e-2).weights
    q = inclusion_probabilities(weights, size) if weights.any() else weights
    candidates = np.flatnonzero(q > 0)
    order = None
    if (q[candidates] < 1).any():
        whitened = basis_of(rows).apply(_taken(rows, candidates))
        order = spatial_order(whitened, q[candidates])
    drawn, factor = sample_rows(q[candidates], order=order, random_state=rng)
    chosen = candidates[drawn]
    coreset = _taken(rows, chosen) * factor[:, None] ** (1.0 / p)
    low, high = Denominator(coreset, p).bounds(rows, wanted, tol, max_iter, watch)
    values = np.minimum(_middle(low, high), 1.0)
    return values, values


def _taken(rows: Rows, index: Index) -> Vector:
    if hasattr(rows, "xp"):
        _dense_of(rows)  # refuses
    return rows.take(index)


def _from_lewis(rows: Rows, p: float, tol: float, max_iter: int, rng: Any) -> Vector:
    """Lewis weights times the mean of σ / w over a few rows drawn in proportion to w."""
    weights = lewis_of_rows(rows, p, tol=1e-2).weights
    total = weights.sum()
    if total == 0:
        return weights
    n_rows = 10 * int(np.ceil(rows.d ** abs(1 - p / 2)))
    ratio = _drawn_ratios(rows, p, weights, n_rows, tol, max_iter, rng).mean()
    return np.minimum(ratio * weights, 1.0)


def _drawn_ratios(
    rows: Rows, p: float, weights: Vector, n_rows: int, tol: float, max_iter: int, rng: Any
) -> Vector:
    """σ / w of rows drawn with probability in proportion to w."""
    drawn = rng.choice(rows.n, size=n_rows, p=weights / weights.sum())
    distinct, back = np.unique(drawn, return_inverse=True)
    low, high = Denominator(_dense_of(rows), p).bounds(rows, distinct, tol, max_iter)
    return (np.sqrt(low * high) / weights[distinct])[back]


def total_lp_sensitivity(
    X: Any, p: float, *, n_evaluations: int | None = None, random_state: Any = None
) -> Bunch:
    """Estimate the sum of all lp sensitivities from the exact values of a few rows.

    Parameters
    ----------
    X : {array-like, sparse matrix, data frame, dask collection} of shape (n, d)
        The rows.
    p : float
        Power of the norm, >= 1.
    n_evaluations : int or None, default=None
        Rows drawn, >= 2, with probability in proportion to their Lewis weights; None:
        ``20 ⌈d^|1 − p/2|⌉``. For n or more, all rows are solved and the sum is exact.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness.

    Returns
    -------
    Bunch
        ``estimate``, unbiased, and ``standard_error``.

    Raises
    ------
    ValueError
        X not two-dimensional, empty, with NaN or infinity; a parameter out of its range.

    Notes
    -----
    The mean of ``r σ / w`` (r the rank); its relative variance is at most ``d^|1 − p/2|`` over the
    number of rows, because σ / w varies by no more than that factor.

    References
    ----------
    .. [1] S. Padmanabhan, D. P. Woodruff, Q. Zhang, "Computing approximate lp sensitivities",
       NeurIPS 2023, arXiv:2311.04158.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.coreset import total_lp_sensitivity
    >>> X = np.random.default_rng(0).normal(size=(500, 4))
    >>> total = total_lp_sensitivity(X, p=1, random_state=0)
    >>> 2 < total.estimate < 4
    True
    """
    p = checked_power(p, low=1.0)
    rows = rows_of(X)
    if n_evaluations is None:
        n_evaluations = 20 * int(np.ceil(rows.d ** abs(1 - p / 2)))
    n_evaluations = checked_integer(n_evaluations, "n_evaluations", 2)
    rng = check_generator(random_state)
    if p == 2.0:
        return Bunch(estimate=float(row_scores(rows).sum()), standard_error=0.0)
    if rows.n < rows.d:
        rows = DenseRows(np.ascontiguousarray(wide_triangular(rows).T))
    if n_evaluations >= rows.n:
        low, high = Denominator(_dense_of(rows), p).bounds(rows, np.arange(rows.n), 1e-3, 100)
        return Bunch(estimate=float(np.sqrt(low * high).sum()), standard_error=0.0)
    weights = lewis_of_rows(rows, p, tol=1e-3).weights
    total = weights.sum()
    if total == 0:
        return Bunch(estimate=0.0, standard_error=0.0)
    values = total * _drawn_ratios(rows, p, weights, n_evaluations, 1e-3, 100, rng)
    error = values.std(ddof=1) / np.sqrt(len(values))
    return Bunch(estimate=float(values.mean()), standard_error=float(error))
