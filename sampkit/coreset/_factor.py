"""A triangular factor that grows with the rows: for streams, files and several machines."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack
from sklearn.exceptions import NotFittedError

from sampkit._door import container_of
from sampkit.coreset._basis import Basis
from sampkit.coreset._blocks import SCORE_BLOCK, Rows
from sampkit.coreset._input import checked_number, rows_of_container
from sampkit.coreset._tsqr import stacked_triangular, triangular_of
from sampkit.coreset._whiten import svd_basis

Floats = npt.NDArray[Any]


class RowSpaceFactor:
    """R of the QR factorisation of rows that come in chunks, or lie on several machines.

    The d x d factor is all that leverage scores and whitened rows need; factors of parts of the
    rows are merged into that of all of them, in any order.

    Parameters
    ----------
    dtype : {numpy.float64, numpy.float32}, default=numpy.float64
        Precision of the factor.

    Attributes
    ----------
    R_ : ndarray of shape (d, d)
        Upper triangular with a non-negative diagonal; ``R_.T @ R_`` is the Gram matrix.
    rank_ : int
        Singular values of R_ (columns scaled to unit length) above max(n, d) rounding units of
        float64; in float32 above ``2 √(n / d)`` (at least 4) of its own, which updates leave.
    n_samples_seen_ : int
        Rows so far.
    n_features_in_ : int
        Columns.

    Notes
    -----
    Chunks are gathered until there are 4 d rows, then ``R <- qr([R; rows])``: about 4 n d² flops.

    References
    ----------
    .. [1] J. Demmel, L. Grigori, M. Hoemmen, J. Langou, "Communication-optimal parallel and
       sequential QR and LU factorizations", SIAM J. Sci. Comput. 34, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.coreset import RowSpaceFactor
    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> left, right = RowSpaceFactor().partial_fit(X[:40]), RowSpaceFactor().partial_fit(X[40:])
    >>> factor = left.merge(right)
    >>> factor.n_samples_seen_, factor.rank_, float(factor.leverage_scores(X).sum().round(10))
    (100, 3, 3.0)
    """

    def __init__(self, dtype: Any = np.float64):
        if np.dtype(dtype) not in (np.float64, np.float32):
            raise ValueError(f"dtype must be float64 or float32, got {dtype!r}.")
        self.dtype = np.dtype(dtype)
        self.n_samples_seen_ = 0
        self._pending: list[Floats] = []
        self._n_pending = 0
        self._R: Floats | None = None

    def partial_fit(self, X: Any, sample_weight: Any = None) -> RowSpaceFactor:
        """Add rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame, dask collection} of shape (n, d)
            The rows.
        sample_weight : array-like of shape (n,), default=None
            Observation weights c >= 0: rows count as ``√c a``.

        Returns
        -------
        self : RowSpaceFactor

        Raises
        ------
        ValueError
            X has another number of columns than before, NaN or infinity; bad weights.
        """
        rows = self._rows(X, sample_weight)
        rows.column_max()  # refuses NaN and infinity before anything has changed
        d = self.n_features_in_ = rows.d
        if hasattr(rows, "lazy_scores"):  # factors of the blocks are merged where they are
            self._add(rows.triangular(np.ones(d)))
        else:
            for _, block in rows.blocks(4 * d, self.dtype):
                self._add(np.array(block, dtype=self.dtype))
        self.n_samples_seen_ += rows.n
        return self

    def merge(self, other: RowSpaceFactor) -> RowSpaceFactor:
        """Add the rows of another factor.

        Parameters
        ----------
        other : RowSpaceFactor
            Of rows with the same columns; not changed.

        Returns
        -------
        self : RowSpaceFactor

        Raises
        ------
        ValueError
            The columns differ in number.
        """
        if not isinstance(other, RowSpaceFactor):
            raise TypeError(f"other must be a RowSpaceFactor, got {type(other).__name__}.")
        if other.n_samples_seen_:
            self._check_columns(other.n_features_in_)
            self.n_features_in_ = other.n_features_in_
            self._add(other.R_.astype(self.dtype))
            self.n_samples_seen_ += other.n_samples_seen_
        return self

    def leverage_scores(self, X: Any, ridge: float = 0.0) -> Floats:
        """``aᵀ(RᵀR + ridge I)⁺a`` for rows that have been seen, or for new ones.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n, d)
            The rows. Of a new row only the part in the row space of those seen counts.
        ridge : float, default=0.0
            Ridge >= 0.

        Returns
        -------
        scores : ndarray of shape (n,)
        """
        ridge = checked_number(ridge, "ridge", "a number >= 0", 0.0)
        return self._rows(X).squared_norms(self._basis(ridge))

    def whiten(self, X: Any) -> Floats:
        """Rows in a basis in which all rows seen together are orthonormal columns.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n, d)
            The rows.

        Returns
        -------
        Z : ndarray of shape (n, rank)
            ``Z.T @ Z = I`` over all rows seen; squared row lengths are the leverage scores.
        """
        rows, basis = self._rows(X), self._basis()
        out = np.empty((rows.n, basis.rank), dtype=rows.dtype)
        for at, block in rows.blocks(SCORE_BLOCK):
            out[at] = basis.apply(block)
        return out

    @property
    def R_(self) -> Floats:
        """Triangular factor of all rows seen."""
        self._flush()
        if self._R is None:
            raise NotFittedError(f"This {type(self).__name__} has seen no rows: call partial_fit.")
        R = np.zeros((self.n_features_in_, self.n_features_in_), dtype=self.dtype)
        R[: len(self._R)] = self._R
        return R * np.where(R.diagonal() < 0, -1.0, 1.0).astype(self.dtype)[:, None]

    @property
    def rank_(self) -> int:
        """Numerical rank of all rows seen."""
        return self._basis().rank

    def _rows(self, X: Any, sample_weight: Any = None) -> Rows:
        container = container_of(X, numeric=True)
        self._check_columns(container.n_columns)
        return rows_of_container(container, sample_weight=sample_weight)

    def _check_columns(self, d: int) -> None:
        if self.n_samples_seen_ and d != self.n_features_in_:
            raise ValueError(f"X must have the {self.n_features_in_} columns seen so far, got {d}.")

    def _add(self, block: Floats) -> None:
        self._pending.append(block)
        self._n_pending += len(block)
        if self._n_pending >= 4 * self.n_features_in_:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            rows = np.concatenate(self._pending)
            start = None if self._R is None else self._R
            self._R = stacked_triangular([rows], self.n_features_in_, start)
            self._pending, self._n_pending = [], 0

    def _basis(self, ridge: float = 0.0) -> Basis:
        R = self.R_.astype(np.float64)
        if ridge > 0:
            R = triangular_of(np.concatenate([R, np.sqrt(ridge) * np.eye(len(R))]))
        n, d = self.n_samples_seen_, len(R)
        rtol = max(n, d) * float(np.finfo(np.float64).eps)
        if self.dtype == np.float32:  # each of n / 4 d updates has rounded once more
            rounding = max(4.0, 2 * float(np.sqrt(n / d))) * float(np.finfo(np.float32).eps)
            rtol = max(rtol, rounding)
        return basis_of_triangular(R, rtol)


def basis_of_triangular(R: Floats, rtol: float) -> Basis:
    """B with ``R B`` orthonormal: the inverse of R, or by singular values where that is unsafe."""
    length = np.linalg.norm(R, axis=0)
    live = length > 0
    unit = np.where(live, 1.0 / np.where(live, length, 1.0), 0.0)
    scaled = R * unit
    if live.all():
        rcond, _ = lapack.dtrcon(scaled, uplo="U")
        if rcond > max(len(R) * rtol, 1e-12):
            inverse, _ = lapack.dtrtri(scaled)
            return Basis(np.asfortranarray(unit[:, None] * inverse), len(R), True)
    basis = svd_basis(scaled, rtol)
    return Basis(unit[:, None] * basis.matrix, basis.rank)
