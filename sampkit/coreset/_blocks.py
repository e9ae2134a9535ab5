"""The rows of a score matrix, wherever they lie: what every score asks of them, block by block.

The score matrix is ``diag(scale) [1, X, extra]``: observation weights, an intercept and target
columns are put on when a block is read, so that X itself is never copied. A kind of storage answers
three questions (`Rows.gram`, `Rows.triangular`, `Rows.squared_norms`); the rest follows from them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import assert_all_finite

from sampkit._chunks import chunks
from sampkit.coreset._basis import Basis
from sampkit.coreset._mapped_file import releaser
from sampkit.coreset._tsqr import stacked_triangular

Floats = npt.NDArray[Any]
Vector = npt.NDArray[np.float64]
SCORE_BLOCK = 512  # rows of a block that is read and scored, in float64
MAPPED_ROWS = 32  # scattered rows of a mapped file that are read before its pages are given back
GRAM_BLOCK = 2048  # rows of a block that is cast, or weighted, before its products are summed


@dataclass(frozen=True)
class PutOn:
    """What is put on the rows of X when they are read."""

    scale: Vector | None = None  # (n,) factor of every row
    intercept: bool = False  # a column of ones in front
    extra: Floats | None = None  # (n, k) columns behind

    @property
    def width(self) -> int:
        return int(self.intercept) + (0 if self.extra is None else self.extra.shape[1])

    def part(self, at: slice) -> PutOn:
        """The same for some of the rows."""
        scale = None if self.scale is None else self.scale[at]
        return PutOn(scale, self.intercept, None if self.extra is None else self.extra[at])


NOTHING = PutOn()


class Rows(ABC):
    """n rows of d numbers that are read a block at a time."""

    n: int
    d: int
    dtype: np.dtype[Any]  # of the scores: float32 for float32 rows, else float64
    kept_basis: Basis | None = None  # of all rows, once `basis_of` has found it
    n_targets: int = 0  # columns, the last ones, that are targets of a model of the others

    @abstractmethod
    def blocks(self, step: int, dtype: Any = None) -> Iterator[tuple[slice, Floats]]:
        """Blocks of at most `step` rows as dense arrays; to be read at once, never written to."""

    @abstractmethod
    def take(self, index: npt.NDArray[np.intp]) -> Floats:
        """Some rows as a dense float64 array."""

    def gram(self, weight: Vector | None = None, basis: Basis | None = None) -> Vector:
        """``Bᵀ Aᵀ diag(weight) A B`` in float64."""
        width = self.d if basis is None else basis.rank
        total = np.zeros((width, width))
        for at, block in self.blocks(GRAM_BLOCK, np.float64):
            rows = block if basis is None else basis.apply(block)
            if weight is not None:
                rows = rows * np.sqrt(weight[at, None])
            total += rows.T @ rows
        return total

    def triangular(self, column_scale: Vector, start: Floats | None = None) -> Floats:
        """R of the QR factorisation of ``A diag(column_scale)``, below `start` if that is given."""
        step = max(4 * self.d, 64)
        pieces = (block * column_scale for _, block in self.blocks(step, np.float64))
        return stacked_triangular(pieces, self.d, start)

    def squared_norms(self, basis: Basis) -> Floats:
        """Squared length of every row of ``A B``, in `dtype`."""
        out = np.empty(self.n, dtype=self.dtype)
        basis = basis.astype(self.dtype)
        for at, block in self.blocks(SCORE_BLOCK * 8 // self.dtype.itemsize):
            out[at] = basis.squared_norms(block)
        return out

    def reweighted_gram(self, basis: Basis, weight_of: Callable[[slice, Vector], Vector]) -> Vector:
        """Gram matrix under weights that depend on the squared norms in `basis`, row by row."""
        norms = self.squared_norms(basis).astype(np.float64, copy=False)
        return self.gram(weight_of(slice(0, self.n), norms))

    def column_max(self) -> Vector:
        """Largest absolute value of every column; ValueError for NaN and infinity."""
        largest = np.zeros(self.d)
        for _, block in self.blocks(GRAM_BLOCK):
            assert_all_finite(block, input_name="X")
            np.maximum(largest, np.abs(block).max(axis=0), out=largest)
        return largest

    def dense(self) -> Vector:
        """All rows as one float64 array, for methods that need them at once."""
        out = np.empty((self.n, self.d))
        for at, block in self.blocks(GRAM_BLOCK):
            out[at] = block
        return out


class DenseRows(Rows):
    """Rows of a NumPy array of any strides, in memory or in a mapped file."""

    def __init__(self, X: Floats, put_on: PutOn = NOTHING):
        self.X, self.put_on = X, put_on
        self.n = len(X)
        self.d = X.shape[1] + put_on.width
        self.dtype = np.dtype(np.float32 if X.dtype == np.float32 else np.float64)
        self.release = releaser(X)

    @property
    def _plain(self) -> bool:
        return self.put_on.scale is None and not self.put_on.width

    def blocks(self, step: int, dtype: Any = None) -> Iterator[tuple[slice, Floats]]:
        wanted = np.dtype(self.dtype if dtype is None else dtype)
        as_it_is = self._plain and self.X.dtype == wanted
        buffer = None if as_it_is else np.empty((min(step, self.n), self.d), dtype=wanted)
        for at in chunks(self.n, step):
            if buffer is None:
                yield at, self.X[at]
            else:
                yield at, self._filled(buffer[: at.stop - at.start], at)
            self.release(at.stop - at.start)
        self.release(None)

    def _filled(self, out: Floats, at: Any) -> Floats:
        first = int(self.put_on.intercept)
        out[:, :first] = 1.0
        out[:, first : first + self.X.shape[1]] = self.X[at]
        if self.put_on.extra is not None:
            out[:, first + self.X.shape[1] :] = self.put_on.extra[at]
        if self.put_on.scale is not None:
            out *= self.put_on.scale[at, None]
        return out

    def take(self, index: npt.NDArray[np.intp]) -> Floats:
        out = np.empty((len(index), self.d))
        # scattered rows of a mapped file bring large pages along: they are given back often
        step = MAPPED_ROWS if self.release.needed else max(len(index), 1)
        for at in chunks(len(index), step):
            self._filled(out[at], index[at])
            self.release(None)
        return out

    def gram(self, weight: Vector | None = None, basis: Basis | None = None) -> Vector:
        contiguous = self.X.flags.c_contiguous or self.X.flags.f_contiguous
        whole = weight is None and basis is None and contiguous and not self.release.needed
        if whole and self._plain and self.X.dtype == np.float64:
            return self.X.T @ self.X  # one symmetric rank-n update
        return super().gram(weight, basis)

    def single_precision_gram(self) -> Vector:
        """Gram matrix of float32 rows, products in float32, blocks of them summed in float64."""
        total = np.zeros((self.d, self.d))
        for _, block in self.blocks(GRAM_BLOCK):
            total += block.T @ block
        return total

    def reweighted_gram(self, basis: Basis, weight_of: Callable[[slice, Vector], Vector]) -> Vector:
        total = np.zeros((self.d, self.d))
        for at, block in self.blocks(SCORE_BLOCK, np.float64):
            weight = weight_of(at, basis.squared_norms(block))
            rows = block * np.sqrt(weight)[:, None]
            total += rows.T @ rows
        return total


class MappedRows(Rows):
    """The rows ``A T`` of other rows: T a matrix, or the scale of every column."""

    def __init__(self, rows: Rows, transform: Vector):
        self.rows, self.transform = rows, transform
        self.n, self.dtype = rows.n, rows.dtype
        self.d = transform.shape[-1]

    def _mapped(self, block: Floats) -> Floats:
        return block * self.transform if self.transform.ndim == 1 else block @ self.transform

    def blocks(self, step: int, dtype: Any = None) -> Iterator[tuple[slice, Floats]]:
        wanted = np.float64 if dtype is None else dtype
        for at, block in self.rows.blocks(step, np.float64):
            yield at, self._mapped(block).astype(wanted, copy=False)

    def take(self, index: npt.NDArray[np.intp]) -> Floats:
        return self._mapped(self.rows.take(index))

    def squared_norms(self, basis: Basis) -> Floats:
        out = np.empty(self.n, dtype=self.dtype)
        for at, block in self.blocks(SCORE_BLOCK):
            out[at] = basis.squared_norms(block)
        return out
