"""Orthonormal bases of row spaces from d x d matrices alone, on a ladder of growing care.

1. Cholesky of the equilibrated Gram matrix: enough while its condition is below 1e6.
2. The same again on the rows in that basis (Cholesky QR twice): up to 1e13.
3. R of a blocked QR, its singular values for the rank, and one Cholesky pass to remove rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from sampkit.coreset._basis import Basis
from sampkit.coreset._blocks import DenseRows, MappedRows, Rows
from sampkit.coreset._input import rows_of
from sampkit.coreset._whiten_limits import GOOD, GOOD_SINGLE, USABLE, USABLE_SINGLE

Matrix = npt.NDArray[np.float64]
TINY, HUGE = 1e-280, 1e280  # sums of squares outside may have lost terms


def whitener(X: Any, *, sample_weight: Any = None, fit_intercept: bool = False) -> Basis:
    """Basis of the weighted rows of X: ``whitener(X).apply(block)`` whitens a block of rows.

    With an intercept the basis is that of ``[1, X]``, and blocks must have the column of ones.
    """
    rows = rows_of(X, sample_weight=sample_weight, fit_intercept=fit_intercept)
    return row_space_basis(rows)


def basis_of(rows: Rows) -> Basis:
    """A basis in which all rows together are orthonormal columns; found once."""
    if rows.kept_basis is None:
        wide = rows.n < rows.d
        rows.kept_basis = _basis_of_few(rows) if wide else row_space_basis(rows)
    return rows.kept_basis


def _basis_of_few(rows: Rows) -> Basis:
    """Basis of fewer rows than columns, without a matrix of columns by columns."""
    largest = max(rows.column_max().max(), np.finfo(float).tiny)
    basis = svd_basis(rows.dense() / largest, default_rtol(rows))
    return Basis(basis.matrix / largest, basis.rank)


def row_space_basis(
    rows: Rows, *, ridge: float = 0.0, method: str = "auto", rtol: float | None = None
) -> Basis:
    """The ladder: B with ``Bᵀ(AᵀA + ridge I)B = I``."""
    with np.errstate(over="ignore", invalid="ignore"):  # seen, and answered, right below
        if method == "auto" and rtol is None:
            single = _single_precision_basis(rows, ridge)
            if single is not None:
                return single
        gram = rows.gram()
    diagonal = gram.diagonal()
    if not (np.isfinite(gram).all() and diagonal.min() > TINY and diagonal.max() < HUGE):
        scaled = _rescaled(rows, diagonal)
        if scaled is not None:
            unit = scaled.transform
            inner = _ladder(scaled, scaled.gram(), ridge * unit * unit, method, rtol)
            return Basis(unit[:, None] * inner.matrix, inner.rank, inner.triangular, inner.rcond)
    return _ladder(rows, gram, np.full(rows.d, ridge), method, rtol)


def _single_precision_basis(rows: Rows, ridge: float) -> Basis | None:
    """Basis of float32 rows from products in float32, where that costs no accuracy; else None.

    Their sums over blocks are added up in float64: with columns that are hardly correlated the
    scores are as good as from products in float64, whose rows in the basis are float32, too.
    """
    if not isinstance(rows, DenseRows) or rows.dtype == np.float64 or rows.n < 20 * rows.d:
        return None
    run = np.arange(-(-rows.d // 4))  # eight runs of rows: a mapped file is read at eight places
    starts = np.linspace(0, rows.n - len(run), 8).astype(np.intp)
    probe = rows.take((starts[:, None] + run).ravel()).astype(np.float32)
    first = cholesky_basis((probe.T @ probe).astype(np.float64) + ridge * np.eye(rows.d))
    if first is None or first.rcond < GOOD_SINGLE / 4:
        return None
    gram = rows.single_precision_gram()
    size = np.sqrt(gram.diagonal() / rows.n)
    if not np.isfinite(gram).all() or size.min() < 1e-12 or size.max() > 1e12:
        return None
    basis = cholesky_basis(gram + ridge * np.eye(rows.d))
    return basis if basis is not None and basis.rcond >= GOOD_SINGLE else None


def _rescaled(rows: Rows, diagonal: Matrix) -> MappedRows | None:
    """The rows with columns of size 1, where their squares leave the range of float64."""
    largest = rows.column_max()
    empty = largest == 0
    if (diagonal[~empty] > TINY).all() and (diagonal[~empty] < HUGE).all():
        return None
    return MappedRows(rows, 1.0 / np.where(empty, 1.0, largest))


def _ladder(rows: Rows, gram: Matrix, ridge: Matrix, method: str, rtol: float | None) -> Basis:
    basis = cholesky_basis(gram + np.diag(ridge)) if method in ("auto", "cholesky") else None
    if method == "cholesky":
        if basis is None:
            raise ValueError(
                "method must be 'auto', 'qr' or 'svd' for this X, got 'cholesky': its Gram matrix "
                "is singular to working precision."
            )
        return basis
    if basis is not None and _full_rank(rows, basis, rtol):
        better = basis if basis.rcond >= GOOD else _refined(rows, basis, ridge)
        if better is not None:
            return better
    return _from_triangular(rows, gram.diagonal() + ridge, ridge, rtol)


def _full_rank(rows: Rows, basis: Basis, rtol: float | None) -> bool:
    """Whether the condition leaves no doubt that all singular values count."""
    return basis.rcond >= usable(rows) and (rtol is None or basis.rcond > rows.d * rtol**2)


def cholesky_basis(gram: Matrix) -> Basis | None:
    """Triangular basis from a Gram matrix, columns scaled to unit length; None if singular."""
    diagonal = gram.diagonal()
    live = diagonal > 0
    scale = np.where(live, 1.0 / np.sqrt(np.where(live, diagonal, 1.0)), 0.0)
    equal = gram * scale * scale[:, None]
    equal[np.diag_indices(len(gram))] = 1.0
    factor, info = lapack.dpotrf(equal, lower=1, clean=1)
    if info:
        return None
    rcond, _ = lapack.dpocon(factor, np.abs(equal).sum(axis=0).max(), uplo="L")
    inverse, info = lapack.dtrtri(factor, lower=1)
    if info:
        return None
    inverse *= scale
    inverse[~live] = 0.0
    return Basis(np.asfortranarray(inverse.T), int(live.sum()), True, float(rcond))


def _refined(rows: Rows, basis: Basis, ridge: Matrix) -> Basis | None:
    """The basis after a second Cholesky pass, on the rows in the first basis."""
    B = basis.B
    second = cholesky_basis(rows.gram(basis=basis) + (B.T * ridge) @ B)
    if second is None:
        return None
    triangular = basis.triangular and B.shape[1] == basis.matrix.shape[1]
    product = np.asfortranarray(B @ second.matrix)
    return Basis(product, second.rank, triangular, basis.rcond)


def _from_triangular(rows: Rows, squares: Matrix, ridge: Matrix, rtol: float | None) -> Basis:
    """Step 3: rank and basis from the singular values of R."""
    live = squares > 0
    scale = np.where(live, 1.0 / np.sqrt(np.where(live, squares, 1.0)), 0.0)
    start = np.diag(np.sqrt(ridge) * scale) if ridge.any() else None
    R = rows.triangular(scale, start)
    basis = svd_basis(R, default_rtol(rows) if rtol is None else rtol)
    basis = Basis(scale[:, None] * basis.matrix, basis.rank)
    if not basis.rank:
        return basis
    return _refined(rows, basis, ridge) or basis


def svd_basis(R: Matrix, rtol: float) -> Basis:
    """``V / s`` over the singular values of R above ``rtol`` times the largest."""
    _, s, Vt = np.linalg.svd(R, full_matrices=False)
    rank = int((s > rtol * s.max(initial=0.0)).sum())
    return Basis(Vt[:rank].T / s[:rank], rank)


def usable(rows: Rows) -> float:
    """Smallest reciprocal condition at which a Cholesky factor stands for the whole rank."""
    return USABLE if rows.dtype == np.float64 else USABLE_SINGLE


def default_rtol(rows: Rows) -> float:
    """Relative size below which singular values are rounding: of the sums, or of float32 rows."""
    rtol = 4 * max(np.sqrt(rows.n), rows.d) * float(np.finfo(np.float64).eps)
    return rtol if rows.dtype == np.float64 else max(rtol, 4 * float(np.finfo(np.float32).eps))
