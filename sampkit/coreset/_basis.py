"""A matrix B that makes the columns of ``A B`` orthonormal: what all scores share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas, lapack

Floats = npt.NDArray[Any]


@dataclass(frozen=True)
class Basis:
    """``B`` with ``(A B)ᵀ(A B) = I`` on the column space of A.

    Parameters
    ----------
    matrix : ndarray of shape (d, k)
        B. k is the rank of A, or d where B is triangular (columns of A that are zero then have a
        row and a column of zeros).
    rank : int
        Rank of A.
    triangular : bool
        Whether B is upper triangular, which halves the work.
    rcond : float
        Reciprocal condition of the equilibrated Gram matrix that it comes from; 0 if from R.
    """

    matrix: Floats
    rank: int
    triangular: bool = False
    rcond: float = 0.0

    @property
    def B(self) -> Floats:
        """The (d, rank) matrix; columns of zeros left out."""
        if self.rank == self.matrix.shape[1]:
            return self.matrix
        return self.matrix[:, np.flatnonzero(np.abs(self.matrix).max(axis=0))]

    def astype(self, dtype: Any) -> Basis:
        """The same in another precision, unless its numbers leave the range of that."""
        small = np.abs(self.matrix).max(initial=0.0) < 0.01 * np.finfo(dtype).max
        if self.matrix.dtype == dtype or not small:
            return self
        return Basis(self.matrix.astype(dtype), self.rank, self.triangular, self.rcond)

    def apply(self, block: Any) -> Floats:
        """``block @ B``: dense rows of shape (m, rank), for a dense or sparse block."""
        return np.asarray(block @ self.B)

    def squared_norms(self, block: Floats) -> Floats:
        """Squared length of every row of ``block @ B``."""
        if not self.triangular:
            product = block @ self.matrix
            return np.einsum("ij,ij->i", product, product)
        trmm = blas.strmm if self.matrix.dtype == np.float32 else blas.dtrmm
        # Bᵀ is lower triangular and block.T already in Fortran order: nothing is transposed
        product = trmm(1.0, self.matrix, block.T, trans_a=1, lower=0)
        return np.einsum("ij,ij->j", product, product)

    def precision(self) -> Floats:
        """``B Bᵀ``, the (pseudo-)inverse of the Gram matrix."""
        if not self.triangular:
            return self.matrix @ self.matrix.T
        upper, _ = lapack.dlauum(self.matrix)
        return np.asarray(np.triu(upper) + np.triu(upper, 1).T)
