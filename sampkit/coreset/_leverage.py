"""Leverage scores: exact on a ladder of growing care, with ridge, of rank k, sketched."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._random_state import check_generator
from sampkit.coreset._basis import Basis
from sampkit.coreset._blocks import GRAM_BLOCK, Rows
from sampkit.coreset._input import checked_choice, checked_integer, checked_number, rows_of
from sampkit.coreset._sparse import SparseRows
from sampkit.coreset._tsqr import stacked_triangular, triangular_of
from sampkit.coreset._whiten import basis_of, default_rtol, row_space_basis, svd_basis

Vector = npt.NDArray[np.float64]
METHODS = ("auto", "cholesky", "qr", "svd", "sketch")
GRAM_SPECTRUM = 1e-3  # singular values down to this share of the largest may come from the Gram


def leverage_scores(
    X: Any,
    *,
    ridge: float | str = 0.0,
    rank: int | None = None,
    sample_weight: Any = None,
    fit_intercept: bool = False,
    method: str = "auto",
    rtol: float | None = None,
    n_components: int = 32,
    sketch_size: int | None = None,
    random_state: Any = None,
) -> Any:
    """How much of the column space of X hangs on every single row.

    The score of row a is ``aᵀ(XᵀX + ridge I)⁺a``, the diagonal of the hat matrix; scores lie in
    [0, 1] and sum to the rank of X (with a ridge: to the effective dimension).

    Parameters
    ----------
    X : {array-like, sparse matrix, data frame, dask collection} of shape (n, d)
        The rows. An array mapped from a file is read once per pass, its pages are given back.
    ridge : float or "tail", default=0.0
        Ridge >= 0, in the scale of X. "tail": ``‖X − X_k‖²_F / k`` with k = `rank`, the ridge
        whose scores keep the projection cost of rank k; their sum is at most 2k.
    rank : int or None, default=None
        k in 1..min(n, d): scores of the k leading left singular vectors.
    sample_weight : array-like of shape (n,), default=None
        Observation weights c >= 0; the scores are those of the rows ``√c a``.
    fit_intercept : bool, default=False
        Put a column of ones before X: needed when the model that is to be fitted has an intercept.
    method : {"auto", "cholesky", "qr", "svd", "sketch"}, default="auto"
        "auto" takes as much care as the condition of X asks for. "cholesky" stops after the first
        step, "qr" begins with the last, "svd" decomposes X as it is (slow; for comparison).
        "sketch" approximates: a relative standard deviation of about ``√(2 / n_components)``.
    rtol : float or None, default=None
        Singular values below this share of the largest (columns scaled to unit length) count as
        zero; None: max(n, d) times the rounding unit, for float32 at least 4 of its own.
    n_components : int, default=32
        Columns of the random projection of "sketch".
    sketch_size : int or None, default=None
        Rows of the CountSketch of "sketch", > d + 1; None: 8 d.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness of "sketch".

    Returns
    -------
    scores : ndarray of shape (n,)
        float32 for float32 X, else float64. A CuPy array or lazy Dask array for such an X.

    Raises
    ------
    ValueError
        X not two-dimensional, empty, with NaN or infinity; a parameter out of its range;
        ``ridge="tail"`` without `rank`; "cholesky" on an X that is singular to working precision.

    Notes
    -----
    2 n d² flops and two passes over X beside d² + 512 d numbers of memory. The condition of the
    Gram matrix decides what follows: Cholesky; Cholesky again on the rows in the first basis
    (condition 1e3 to 3e6); singular values of the triangular factor of a blocked QR. Rows of
    length s of a CSR matrix cost s² and not s d; `numba` makes them faster, not different.
    For n < d the n x n side is used. Rank k is unique only when singular values k and k + 1 differ.

    References
    ----------
    .. [1] P. Drineas, M. Magdon-Ismail, M. W. Mahoney, D. P. Woodruff, "Fast approximation of
       matrix coherence and statistical leverage", JMLR 13, 2012.
    .. [2] M. B. Cohen, C. Musco, C. Musco, "Input sparsity time low-rank approximation via ridge
       leverage score sampling", SODA 2017.

    Examples
    --------
    >>> from sampkit.coreset import leverage_scores
    >>> leverage_scores([[1, 0], [1, 0], [0, 1]]).round(12)
    array([0.5, 0.5, 1. ])
    >>> leverage_scores([[0], [1], [2], [3], [4]], fit_intercept=True).round(12)
    array([0.6, 0.3, 0.2, 0.3, 0.6])
    """
    checked_choice(method, "method", METHODS)
    if rtol is not None:
        rtol = checked_number(rtol, "rtol", "None or a number in [0, 1)", 0.0, 1 - 1e-12)
    rows = rows_of(X, sample_weight=sample_weight, fit_intercept=fit_intercept)
    if rank is not None:
        rank = checked_integer(rank, "rank", 1, min(rows.n, rows.d))
    ridge = _checked_ridge(ridge, rank)
    if method == "sketch":
        k = checked_integer(n_components, "n_components", 1)
        m = 8 * rows.d if sketch_size is None else sketch_size
        m = checked_integer(m, "sketch_size", rows.d + 2)
        if rank is not None:
            raise ValueError(f"rank must be None for method='sketch', got {rank}.")
        scores = sketched_scores(rows, float(ridge), m, k, check_generator(random_state))
        return like_input(scores, rows)
    if rows.n < rows.d or method == "svd":
        return like_input(_spectral_scores(rows, ridge, rank, method, rtol), rows)
    basis = scoring_basis(rows, ridge=ridge, rank=rank, method=method, rtol=rtol)
    if hasattr(rows, "lazy_scores"):
        return rows.lazy_scores(partial(clipped_scores, basis=basis))
    return like_input(clipped_scores(rows, basis), rows)


def _checked_ridge(ridge: float | str, rank: int | None) -> float | str:
    if ridge != "tail":
        return checked_number(ridge, "ridge", "a number >= 0 or 'tail'", 0.0)
    if rank is None:
        raise ValueError("rank must be given for ridge='tail', got None.")
    return ridge


def clipped_scores(rows: Rows, basis: Basis) -> Any:
    """Squared norms in a basis; rounding takes none above 1."""
    scores = rows.squared_norms(basis)
    return np.minimum(scores, 1.0, out=scores)


def like_input(scores: Any, rows: Rows) -> Any:
    """Scores beside their rows: on the device where X is."""
    xp = getattr(rows, "xp", np)
    return xp.asarray(scores.astype(rows.dtype, copy=False))


def row_scores(rows: Rows, *, ridge: float | str = 0.0, rank: int | None = None) -> Any:
    """Leverage scores of rows of any kind, as an array in memory."""
    if rows.n < rows.d:
        return _spectral_scores(rows, ridge, rank, "auto", None)
    plain = rank is None and ridge == 0.0
    basis = basis_of(rows) if plain else scoring_basis(rows, ridge=ridge, rank=rank)
    return clipped_scores(rows, basis)


def scoring_basis(
    rows: Rows,
    *,
    ridge: float | str = 0.0,
    rank: int | None = None,
    method: str = "auto",
    rtol: float | None = None,
) -> Basis:
    """The basis in which leverage scores are squared norms, for n >= d."""
    if ridge == "tail":
        assert rank is not None
        ridge, rank = tail_ridge(_spectrum(rows, rank)[0], rank), None
    if rank is None:
        return row_space_basis(rows, ridge=float(ridge), method=method, rtol=rtol)
    s, V = _spectrum(rows, rank)
    s = s[:rank]
    keep = s > (default_rtol(rows) if rtol is None else rtol) * s.max(initial=0.0)
    return Basis(V[:, :rank][:, keep] / np.sqrt(s[keep] ** 2 + float(ridge)), int(keep.sum()))


def tail_ridge(s: Vector, rank: int) -> float:
    """``‖A − A_k‖²_F / k`` from the singular values of A."""
    return float((s[rank:] ** 2).sum() / rank)


def _spectrum(rows: Rows, rank: int) -> tuple[Vector, Vector]:
    """Singular values, descending, and right singular vectors."""
    gram = rows.gram()
    if np.isfinite(gram).all():
        squares, V = np.linalg.eigh(gram)
        s = np.sqrt(np.maximum(squares[::-1], 0.0))
        if s[rank - 1] > GRAM_SPECTRUM * s[0]:
            return s, V[:, ::-1]
    else:
        rows.column_max()  # NaN and infinity are refused here; squares too large go by R
    _, s, Vt = np.linalg.svd(rows.triangular(np.ones(rows.d)), full_matrices=False)
    return s, Vt.T


def _spectral_scores(
    rows: Rows, ridge: float | str, rank: int | None, method: str, rtol: float | None
) -> Vector:
    """Scores from singular values and left singular vectors, for few rows and for reference."""
    largest = rows.column_max()
    scaled = rank is None and ridge == 0.0 and rows.n >= rows.d
    unit = 1.0 / np.where(largest > 0, largest, 1.0) if scaled else np.ones(rows.d)
    if method == "svd":
        left, s, _ = np.linalg.svd(rows.dense() * unit, full_matrices=False)
    else:
        _, s, left_t = np.linalg.svd(wide_triangular(rows), full_matrices=False)
        left = left_t.T
    share = (s > (default_rtol(rows) if rtol is None else rtol) * s.max(initial=0.0)).astype(float)
    lam = tail_ridge(s, rank or 1) if ridge == "tail" else float(ridge)
    if rank is not None and ridge != "tail":
        share[rank:] = 0.0
    if lam > 0:
        share = share * s**2 / (s**2 + lam)
    elif share.sum() == rows.n:  # the rows are independent
        return np.ones(rows.n)
    return np.minimum(left**2 @ share, 1.0)


def wide_triangular(rows: Rows) -> Vector:
    """R (n, n) with ``RᵀR = A Aᵀ``, by QR of the transposed rows."""
    if not isinstance(rows, SparseRows):
        return triangular_of(rows.dense().T)
    columns = rows.X.tocsc()
    step = max(4 * rows.n, 64)
    pieces = (
        columns[:, j : j + step].toarray().T.astype(np.float64) for j in range(0, rows.d, step)
    )
    return stacked_triangular(pieces, rows.n)


def sketched_scores(
    rows: Rows, ridge: float, size: int, n_components: int, rng: np.random.Generator
) -> Vector:
    """Approximate scores: a CountSketch for R, a Gaussian projection for the norms."""
    rows.column_max()
    bucket = rng.integers(size, size=rows.n)
    sign = rng.choice([-1.0, 1.0], size=rows.n)
    sketch = np.zeros((size, rows.d))
    for at, block in rows.blocks(max(GRAM_BLOCK, size), np.float64):
        m = at.stop - at.start
        hashing = sp.csr_array((sign[at], (bucket[at], np.arange(m))), shape=(size, m))
        sketch += hashing @ block
    if ridge > 0:
        sketch = np.concatenate([sketch, np.sqrt(ridge) * np.eye(rows.d)])
    length = np.linalg.norm(sketch, axis=0)
    unit = np.where(length > 0, 1.0 / np.where(length > 0, length, 1.0), 0.0)
    basis = svd_basis(triangular_of(sketch * unit), default_rtol(rows))
    projection = rng.standard_normal((basis.rank, n_components)) / np.sqrt(n_components)
    B = unit[:, None] * (basis.matrix @ projection)
    scores = rows.squared_norms(Basis(B, n_components))
    # the inverse of a sketched Gram matrix is too large by m / (m - d - 1) on average
    scores *= (size - basis.rank - 1) / size
    return np.minimum(scores, 1.0, out=scores)
