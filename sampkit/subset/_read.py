"""Rows of X, a round at a time, from memory, from a mapped file or from anything sliceable."""

from __future__ import annotations

import mmap
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils.validation import _num_samples

from sampkit._library import is_narwhals_frame, is_pandas

Rows = npt.NDArray[np.integer[Any]]

SPAN_BYTES = 64 << 20  # of a mapped file, between two releases of its pages
GAP_BYTES = 64 << 10  # rows no further apart are read by one slice: a seek costs more
SLICE_BYTES = 16 << 20  # largest single slice of a sliceable


class Source(ABC):
    """The rows of X, wherever they are."""

    n_rows: int

    @abstractmethod
    def take(self, rows: Rows) -> Any:
        """The given rows, in the given order."""

    def take_blocks(self, blocks: Sequence[slice], order: Rows) -> Any:
        """All rows of the blocks; row i of them (counted block after block) comes order[i]-th."""
        rows = np.concatenate([np.arange(block.start, block.stop) for block in blocks])
        placed = np.empty_like(rows)
        placed[order] = rows
        return self.take(placed)


class InMemory(Source):
    """Arrays, CSR matrices and data frames."""

    def __init__(self, X: Any) -> None:
        self.X, self.n_rows = X, _num_samples(X)

    def take(self, rows: Rows) -> Any:
        indexable = isinstance(self.X, np.ndarray) or sp.issparse(self.X)
        return self.X[rows] if indexable else _safe_indexing(self.X, rows)


class OnDisk(Source):
    """What is read in ascending order, and put in the round's order in memory."""

    X: Any
    dtype: np.dtype[Any]

    def __init__(self, X: Any, dtype: Any) -> None:
        if len(X.shape) != 2 or 0 in X.shape:
            raise ValueError(f"X must be two-dimensional and not empty, got shape {X.shape}.")
        self.X, self.dtype = X, np.dtype(dtype)
        self.n_rows = int(X.shape[0])
        self.row_bytes = int(X.shape[1]) * self.dtype.itemsize

    def take(self, rows: Rows) -> Any:
        out = self._empty(len(rows))
        order = np.argsort(rows, kind="stable")
        ascending = rows[order]
        for start, stop in self._pieces(ascending):
            self._fill(out, order[start:stop], ascending[start:stop])
        return out

    def take_blocks(self, blocks: Sequence[slice], order: Rows) -> Any:
        out, at = self._empty(len(order)), 0
        step = max(SLICE_BYTES // self.row_bytes, 1)
        for block in blocks:
            for start in range(block.start, block.stop, step):
                rows = slice(start, min(start + step, block.stop))
                size = rows.stop - rows.start
                out[order[at : at + size]] = self._slice(rows)
                at += size
        self._done()
        return out

    def _empty(self, n: int) -> npt.NDArray[Any]:
        return np.empty((n, self.X.shape[1]), dtype=self.dtype)

    @abstractmethod
    def _pieces(self, ascending: Rows) -> list[tuple[int, int]]:
        """Where to cut ascending rows so that each piece is read at once."""

    @abstractmethod
    def _fill(self, out: npt.NDArray[Any], places: Rows, rows: Rows) -> None:
        """Write ascending rows of one piece to their places."""

    @abstractmethod
    def _slice(self, rows: slice) -> npt.NDArray[Any]:
        """Consecutive rows."""

    def _done(self) -> None:
        """Called when a round has been read."""


class Mapped(OnDisk):
    """numpy.memmap. Pages of the file count as the process's memory until they are released."""

    def __init__(self, X: np.memmap[Any, Any]) -> None:
        super().__init__(X, X.dtype)
        self._touched = 0

    def _pieces(self, ascending: Rows) -> list[tuple[int, int]]:
        return _cut(np.diff(ascending * self.row_bytes // SPAN_BYTES) > 0, len(ascending))

    def _fill(self, out: npt.NDArray[Any], places: Rows, rows: Rows) -> None:
        out[places] = self.X[rows]
        self._done()

    def _slice(self, rows: slice) -> npt.NDArray[Any]:
        if self._touched > SPAN_BYTES:
            self._done()
        self._touched += (rows.stop - rows.start) * self.row_bytes
        return self.X[rows]

    def _done(self) -> None:
        self._touched = 0
        release(self.X)


class Sliceable(OnDisk):
    """h5py, zarr and the like: `shape`, and slices of rows by ``X[start:stop]``, nothing more."""

    def __init__(self, X: Any) -> None:
        super().__init__(X, X.dtype if hasattr(X, "dtype") else np.asarray(X[0:1]).dtype)

    def _pieces(self, ascending: Rows) -> list[tuple[int, int]]:
        gap = max(GAP_BYTES // self.row_bytes, 1)
        window = ascending * self.row_bytes // SLICE_BYTES
        return _cut((np.diff(ascending) > gap) | (np.diff(window) > 0), len(ascending))

    def _fill(self, out: npt.NDArray[Any], places: Rows, rows: Rows) -> None:
        first = int(rows[0])
        out[places] = self._slice(slice(first, int(rows[-1]) + 1))[rows - first]

    def _slice(self, rows: slice) -> npt.NDArray[Any]:
        return np.asarray(self.X[rows])


def _cut(after: npt.NDArray[np.bool_], n: int) -> list[tuple[int, int]]:
    """Pieces of ``range(n)`` that end after the marked positions."""
    ends = [*(np.flatnonzero(after) + 1).tolist(), n]
    return list(zip([0, *ends[:-1]], ends, strict=True))


def release(X: np.memmap[Any, Any]) -> None:
    """Give the mapped pages of X back; they come again from the file when they are touched.

    Not for mode "c", where pages hold changes that no file has, nor where the system has no
    ``madvise``.
    """
    mapping = getattr(X, "_mmap", None)
    if mapping is not None and X.mode != "c" and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)


def source_of(X: Any) -> Source:
    """Where the rows of X are.

    Raises
    ------
    ValueError
        X is not two-dimensional, empty or complex.
    """
    if isinstance(X, np.memmap) and X.ndim == 2 and X.dtype.kind in "biuf":
        return Mapped(X)
    if is_pandas(X) or is_narwhals_frame(X):
        return InMemory(X)
    known = isinstance(X, (np.ndarray, list, tuple)) or sp.issparse(X)
    if not known and hasattr(X, "shape") and hasattr(X, "__getitem__"):
        return Sliceable(X)
    return InMemory(
        check_array(X, accept_sparse="csr", dtype=None, ensure_all_finite=False, input_name="X")
    )


def n_bytes(rows: Any) -> int:
    """Bytes that rows hold; of a frame's texts, only the references."""
    if sp.issparse(rows):
        return int(rows.data.nbytes + rows.indices.nbytes + rows.indptr.nbytes)
    if is_pandas(rows):
        return int(rows.memory_usage(index=False).sum())
    if is_narwhals_frame(rows):
        import narwhals.stable.v2 as nw

        return int(nw.from_native(rows, eager_only=True).estimated_size())
    return int(rows.nbytes)
