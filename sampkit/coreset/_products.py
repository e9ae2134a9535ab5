"""Many weighted Gram matrices of the same rows by one matrix product."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from sampkit._chunks import chunks, rows_per_chunk

Vector = npt.NDArray[np.float64]
KEEP_BYTES = 192 * 1024 * 1024  # products of all rows are kept up to this size
BLOCK_BYTES = 8 * 1024 * 1024  # else they are made again for every batch, in blocks of this size


class RowProducts:
    """Products ``a_kj a_kl`` (j <= l) of the entries of every row, (n, d (d + 1) / 2).

    ``weights @ products`` are the Gram matrices ``Aᵀ diag(w) A`` of a batch of weights.
    """

    def __init__(self, A: Vector):
        self.A = A
        n, d = A.shape
        self.first, self.second = np.triu_indices(d)
        self.place = np.empty((d, d), dtype=np.intp)
        self.place[self.first, self.second] = np.arange(len(self.first))
        self.place[self.second, self.first] = self.place[self.first, self.second]
        row_bytes = 8 * len(self.first)
        self.kept = self._made(slice(0, n)) if n * row_bytes <= KEEP_BYTES else None
        self.step = rows_per_chunk(row_bytes, BLOCK_BYTES)

    def _made(self, at: slice) -> Vector:
        rows = self.A[at]
        out = np.empty((len(rows), len(self.first)))
        end = 0
        for j in range(self.A.shape[1]):
            start, end = end, end + self.A.shape[1] - j
            np.multiply(rows[:, j, None], rows[:, j:], out=out[:, start:end])
        return out

    def _blocks(self) -> Iterator[tuple[slice, Vector]]:
        for at in chunks(len(self.A), self.step):
            yield at, self._made(at)

    def grams(self, weights: Vector) -> Vector:
        """``Aᵀ diag(w) A`` for every row w of `weights` (b, n); shape (b, d, d)."""
        if self.kept is not None:
            packed = weights @ self.kept
        else:
            packed = np.zeros((len(weights), len(self.first)))
            for at, products in self._blocks():
                packed += weights[:, at] @ products
        return packed[:, self.place]
