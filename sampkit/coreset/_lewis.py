"""lp Lewis weights by a fixed-point iteration on their logarithms."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch

from sampkit.coreset._basis import Basis
from sampkit.coreset._blocks import DenseRows, MappedRows, Rows
from sampkit.coreset._input import checked_integer, checked_number, checked_power, rows_of
from sampkit.coreset._leverage import like_input, row_scores, wide_triangular
from sampkit.coreset._whiten import basis_of, cholesky_basis
from sampkit.coreset._whiten_limits import GOOD

Vector = npt.NDArray[np.float64]


def lewis_weights(
    X: Any,
    p: float,
    *,
    sample_weight: Any = None,
    fit_intercept: bool = False,
    tol: float = 1e-4,
    max_iter: int | None = None,
    init: Any = None,
    return_info: bool = False,
) -> Any:
    """The weights whose leverage scores they are: importance of every row for lp losses.

    The unique w with ``w_i = τ_i(W^(1/2 − 1/p) X)``, that is ``w_i = (a_iᵀM⁻¹a_i)^(p/2)`` for
    ``M = Xᵀ W^(1 − 2/p) X``. They sum to the rank; rows of zeros get 0.

    Parameters
    ----------
    X : {array-like, sparse matrix, data frame, dask collection} of shape (n, d)
        The rows.
    p : float
        Power of the norm, > 0; p = 2 gives the leverage scores.
    sample_weight : array-like of shape (n,), default=None
        Observation weights c >= 0; the weights are those of the rows ``c^(1/p) a``.
    fit_intercept : bool, default=False
        Put a column of ones before X.
    tol : float, default=1e-4
        The iteration ends when no logarithm moves by more, > 0. The error of ``log w`` is then at
        most ``2 tol / p`` for p <= 2 and ``2 tol / (4 − p)`` for p in [2, 4).
    max_iter : int or None, default=None
        Evaluations of the fixed-point map; None: what the rate asks for, and 20 more.
    init : array-like of shape (n,) or (d, d), default=None
        Weights to start from, or the ``quadratic_form`` of similar rows (of a subsample, say).
    return_info : bool, default=False
        Return what is known about the iteration as well.

    Returns
    -------
    w : ndarray of shape (n,)
        float32 for float32 X, else float64. On the device for a CuPy array.
    info : Bunch
        With ``return_info``: ``n_iter``, ``residual`` (largest move of the last step) and
        ``quadratic_form``, M of shape (d, d).

    Raises
    ------
    ValueError
        X not two-dimensional, empty, with NaN or infinity; a parameter out of its range.

    Warns
    -----
    ConvergenceWarning
        `tol` was not reached in `max_iter` evaluations; the last weights are returned.

    Notes
    -----
    ``log w ← log w + β (T − log w)`` with ``T_i = (p/2) log a_iᵀM⁻¹a_i`` and ``β = 4 / (p + 2)``.
    The published iteration has β = 1 and rate ``|p/2 − 1|``, which diverges for p >= 4; the
    eigenvalues of the map's derivative lie in ``[0, 1] (1 − p/2)``, so that this β balances both
    ends and converges for every p at rate ``|p − 2| / (p + 2)``. An evaluation costs about 1.3
    passes of `leverage_scores`, memory beside X is n + d² numbers.

    References
    ----------
    .. [1] M. B. Cohen, R. Peng, "Lp row sampling by Lewis weights", STOC 2015.
    .. [2] M. Fazel, Y. T. Lee, S. Padmanabhan, A. Sidford, "Computing Lewis weights to high
       precision", SODA 2022.

    Examples
    --------
    >>> from sampkit.coreset import lewis_weights
    >>> lewis_weights([[1, 2, 3], [5, 0, 0], [1, 0, 0]], p=1).round(4)
    array([1.    , 0.8333, 0.1667])
    """
    p = checked_power(p, low=0.0, open_below=True)
    tol = checked_number(tol, "tol", "a number > 0", np.nextafter(0, 1))
    if max_iter is not None:
        max_iter = checked_integer(max_iter, "max_iter", 1)
    rows = rows_of(X, sample_weight=sample_weight, p=p, fit_intercept=fit_intercept)
    start = None if init is None else _checked_init(init, rows)
    found = lewis_of_rows(rows, p, tol=tol, max_iter=max_iter, init=start)
    weights = like_input(found.weights, rows)
    if not return_info:
        return weights
    return weights, Bunch(
        n_iter=found.n_iter, residual=found.residual, quadratic_form=found.quadratic_form
    )


@dataclass(frozen=True)
class LewisWeights:
    """Weights and how they were found."""

    weights: Vector
    quadratic_form: Vector  # M, (d, d)
    n_iter: int
    residual: float


def _checked_init(init: Any, rows: Rows) -> Vector:
    start = np.asarray(init, dtype=np.float64)
    if start.shape not in ((rows.n,), (rows.d, rows.d)):
        raise ValueError(
            f"init must have shape ({rows.n},) or ({rows.d}, {rows.d}), got {start.shape}."
        )
    if not np.isfinite(start).all() or (start.ndim == 1 and (start < 0).any()):
        raise ValueError(
            f"init must hold finite numbers, as weights >= 0, got {start.min()} to {start.max()}."
        )
    return start


def lewis_of_rows(
    rows: Rows,
    p: float,
    *,
    tol: float = 1e-4,
    max_iter: int | None = None,
    init: Vector | None = None,
) -> LewisWeights:
    """`lewis_weights` of rows of any kind."""
    if rows.n < rows.d:
        start = init if init is not None and init.ndim == 1 else None
        few = lewis_of_rows(_as_many_columns(rows), p, tol=tol, max_iter=max_iter, init=start)
        weight = np.where(few.weights > 0, few.weights, 1.0) ** (1 - 2 / p) * (few.weights > 0)
        return LewisWeights(few.weights, rows.gram(weight), few.n_iter, few.residual)
    if p == 2.0:
        scores = row_scores(rows).astype(np.float64, copy=False)
        return LewisWeights(scores, rows.gram(), 1, 0.0)
    basis = basis_of(rows)
    size = np.abs(basis.matrix).max(axis=1, initial=0.0)
    in_range = ((size > 1e-100) & (size < 1e100)).all()  # so that powers of the rows are, too
    if basis.triangular and basis.rcond >= GOOD and basis.rank == rows.d and in_range:
        return _Iteration(rows, p, basis).run(tol, max_iter, init)
    # apply the basis to every block first: all matrices are then well-conditioned at the start
    inner = MappedRows(rows, basis.B)
    start = None
    if init is not None:
        start = basis.B.T @ init @ basis.B if init.ndim == 2 else init
    flat = Basis(np.eye(basis.rank), basis.rank, True, 1.0)
    found = _Iteration(inner, p, flat).run(tol, max_iter, start)
    # back to the columns of X: M = (B⁺)ᵀ M_B B⁺
    back = np.linalg.pinv(basis.B)
    with np.errstate(over="ignore"):
        form = back.T @ found.quadratic_form @ back
    return LewisWeights(found.weights, form, found.n_iter, found.residual)


def _as_many_columns(rows: Rows) -> Rows:
    """Few rows of many columns, rotated onto as many columns as there are rows."""
    return DenseRows(np.ascontiguousarray(wide_triangular(rows).T))


class _Iteration:
    """The state of the fixed-point iteration: log-weights and the quadratic form."""

    def __init__(self, rows: Rows, p: float, basis: Basis):
        self.rows, self.p, self.basis = rows, p, basis
        self.power = 1.0 - 2.0 / p
        self.log_w = np.full(rows.n, np.log(max(basis.rank, 1) / rows.n))
        self.dead = np.zeros(rows.n, dtype=bool)
        # the first form is the Gram matrix times a power of the common weight
        scale = np.exp(-0.5 * self.power * self.log_w[0])
        self.inverse = Basis(basis.matrix * scale, basis.rank, basis.triangular, basis.rcond)

    def run(self, tol: float, max_iter: int | None, init: Vector | None) -> LewisWeights:
        rate = abs(self.p - 2.0) / (self.p + 2.0)
        limit = max_iter
        if limit is None:
            limit = int(np.ceil(np.log(min(tol, 0.5) / 10) / np.log(max(rate, 1e-3)))) + 20
        if init is not None:
            self._start_from(init)
        step, before, risen, n_iter = 4.0 / (self.p + 2.0), np.inf, 0, 0
        form = np.zeros((self.rows.d, self.rows.d))
        while n_iter < limit:
            residual, form = self._evaluate(step)
            n_iter += 1
            if residual <= tol:
                break
            risen = risen + 1 if residual > before else 0
            if risen == 2:
                step, risen = step / 2, 0
            before = residual
            self.inverse = self._inverse_of(form)
        else:
            warnings.warn(
                f"Lewis weights for p={self.p:g} have not converged after {limit} evaluations: the "
                f"largest move is {residual:.1e}, tol={tol:g}. Raise max_iter or tol.",
                ConvergenceWarning,
                stacklevel=4,
            )
        weights = np.where(self.dead, 0.0, np.minimum(np.exp(self.log_w), 1.0))
        return LewisWeights(weights, form, n_iter, residual)

    def _evaluate(self, step: float) -> tuple[float, Vector]:
        """One damped step of all log-weights; returns the largest move and the new form."""
        moves = [0.0]

        def weight_of(at: slice, squares: Vector) -> Vector:
            dead = self.dead[at] = squares <= 0.0
            target = 0.5 * self.p * np.log(np.where(dead, 1.0, squares))
            move = np.where(dead, 0.0, target - self.log_w[at])
            moves.append(float(np.abs(move).max(initial=0.0)))
            self.log_w[at] += step * move
            return np.where(dead, 0.0, np.exp(self.power * self.log_w[at]))

        form = self.rows.reweighted_gram(self.inverse, weight_of)
        return max(moves), form

    def _inverse_of(self, form: Vector) -> Basis:
        basis = cholesky_basis(form)
        relative = 1e-15
        while basis is None and relative < 1e-3:  # weights far apart can exhaust the digits
            basis = cholesky_basis(form + np.diag(relative * form.diagonal()))
            relative *= 10
        if basis is None:
            raise ValueError(
                f"p must be nearer to 2 for this X, got {self.p:g}: the weighted Gram matrix is "
                "singular to working precision."
            )
        return basis

    def _start_from(self, init: Vector) -> None:
        if init.ndim == 1:
            self.log_w = np.log(np.where(init > 0, init, init[init > 0].min(initial=1.0)))
        else:
            norms = self.rows.squared_norms(self._inverse_of(init))
            self.dead = norms <= 0
            self.log_w = 0.5 * self.p * np.log(np.where(self.dead, 1.0, norms.astype(float)))
        weight = np.where(self.dead, 0.0, np.exp(self.power * self.log_w))
        self.inverse = self._inverse_of(self.rows.gram(weight))
