"""Rows of a CSR matrix: s non-zeros in a row cost s² products, not s d."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._chunks import CALL_BYTES, chunks, rows_per_chunk
from sampkit.coreset._basis import Basis
from sampkit.coreset._blocks import NOTHING, Floats, PutOn, Rows, Vector
from sampkit.coreset._pairs import pair_gram, pair_scores
from sampkit.coreset._whiten_limits import GOOD

DENSE_FROM = 0.1  # share of non-zeros from which on dense blocks are faster


def sparse_rows(X: Any, put_on: PutOn = NOTHING) -> SparseRows:
    """``diag(scale) [1, X, extra]`` as CSR rows."""
    parts = [np.ones((X.shape[0], 1))] if put_on.intercept else []
    parts = [*parts, X, *([] if put_on.extra is None else [put_on.extra])]
    dtype = np.dtype(np.float32 if X.dtype == np.float32 else np.float64)
    columns = [sp.csr_array(part) for part in parts]
    whole = columns[0] if len(columns) == 1 else sp.hstack(columns, format="csr")
    if put_on.scale is not None:
        data = whole.data * np.repeat(put_on.scale, np.diff(whole.indptr))
        whole = sp.csr_array((data, whole.indices, whole.indptr), shape=whole.shape)
    return SparseRows(whole, dtype)


class SparseRows(Rows):
    """Rows of a canonical CSR array."""

    def __init__(self, X: Any, dtype: np.dtype[Any]):
        self.X = X
        self.n, self.d = X.shape
        self.dtype = dtype
        self.as_dense = X.nnz > DENSE_FROM * self.n * self.d

    def blocks(self, step: int, dtype: Any = None) -> Iterator[tuple[slice, Floats]]:
        wanted = self.dtype if dtype is None else dtype
        for at in chunks(self.n, step):
            yield at, self.X[at].toarray().astype(wanted, copy=False)

    def take(self, index: npt.NDArray[np.intp]) -> Floats:
        return self.X[index].toarray().astype(np.float64, copy=False)

    def gram(self, weight: Vector | None = None, basis: Basis | None = None) -> Vector:
        if self.as_dense or basis is not None:
            return super().gram(weight, basis)
        data = self.X.data.astype(np.float64, copy=False)
        if weight is not None:
            data = data * np.repeat(np.sqrt(weight), np.diff(self.X.indptr))
        return pair_gram(data, self.X.indices, self.X.indptr, self.d)

    def squared_norms(self, basis: Basis) -> Floats:
        if self.as_dense:
            return super().squared_norms(basis)
        if basis.rcond >= GOOD:
            data = self.X.data.astype(np.float64, copy=False)
            scores = pair_scores(data, self.X.indices, self.X.indptr, basis.precision())
            return scores.astype(self.dtype, copy=False)
        # an explicit inverse would lose half the digits: rows in the basis itself
        out = np.empty(self.n, dtype=self.dtype)
        for at in chunks(self.n, rows_per_chunk(8 * max(basis.rank, 1), CALL_BYTES)):
            product = basis.apply(self.X[at])
            out[at] = np.einsum("ij,ij->i", product, product)
        return out

    def column_max(self) -> Vector:
        if not np.isfinite(self.X.data).all():
            return super().column_max()
        largest = np.abs(self.X).max(axis=0)
        return np.asarray(largest.toarray(), dtype=np.float64).ravel()
