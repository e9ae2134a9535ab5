"""Rows of X, a round at a time, from memory, from a mapped file or from anything sliceable."""

from __future__ import annotations

import mmap
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils.validation import _num_samples

from sampkit._library import is_narwhals_frame, is_pandas

Rows = npt.NDArray[np.integer[Any]]
Read = Callable[[slice], npt.NDArray[Any]]

GAP_BYTES = 64 << 10  # rows no further apart are read by one slice: a seek costs more
SLICE_BYTES = 16 << 20  # largest single slice


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
    """h5py, zarr and the like: `shape`, and slices of rows by ``X[start:stop]``, nothing more.

    A round is read in ascending order, each part once, and put in its own order in memory.
    """

    def __init__(self, X: Any) -> None:
        if len(X.shape) != 2 or 0 in X.shape:
            raise ValueError(f"X must be two-dimensional and not empty, got shape {X.shape}.")
        self.X = X
        self.dtype = np.dtype(X.dtype if hasattr(X, "dtype") else np.asarray(X[0:1]).dtype)
        self.n_rows = int(X.shape[0])
        self.row_bytes = int(X.shape[1]) * self.dtype.itemsize

    def take(self, rows: Rows) -> Any:
        out = self._empty(len(rows))
        order = np.argsort(rows, kind="stable")
        ascending = rows[order]
        with self._reading() as read:
            for start, stop in self._runs(ascending):
                run = ascending[start:stop]
                first = int(run[0])
                out[order[start:stop]] = read(slice(first, int(run[-1]) + 1))[run - first]
        return out

    def take_blocks(self, blocks: Sequence[slice], order: Rows) -> Any:
        out, at = self._empty(len(order)), 0
        step = max(SLICE_BYTES // self.row_bytes, 1)
        with self._reading() as read:
            for block in blocks:
                for start in range(block.start, block.stop, step):
                    part = read(slice(start, min(start + step, block.stop)))
                    out[order[at : at + len(part)]] = part
                    at += len(part)
        return out

    def _empty(self, n: int) -> npt.NDArray[Any]:
        return np.empty((n, self.X.shape[1]), dtype=self.dtype)

    def _runs(self, ascending: Rows) -> list[tuple[int, int]]:
        """Where to cut ascending rows: where the next one is far, or the slice would be large."""
        gap = max(GAP_BYTES // self.row_bytes, 1)
        window = ascending * self.row_bytes // SLICE_BYTES
        return _cut((np.diff(ascending) > gap) | (np.diff(window) > 0), len(ascending))

    @contextmanager
    def _reading(self) -> Iterator[Read]:
        """A function that reads consecutive rows."""
        yield lambda rows: np.asarray(self.X[rows])


class Mapped(OnDisk):
    """numpy.memmap, read from its file, not through the map.

    Touched pages of a map count as the process's memory, and the system reads far ahead of each;
    reading the file costs the bytes asked for. Where the file cannot be read as mapped (changed
    copies of pages in mode "c", a file that is gone, rows that are not contiguous), the map is
    read, and its pages are released.
    """

    X: np.memmap[Any, Any]

    @contextmanager
    def _reading(self) -> Iterator[Read]:
        start = _file_offset(self.X)
        if start is None:
            try:
                yield self._through_the_map
            finally:
                release(self.X)
            return
        with open(self.X.filename, "rb", buffering=0) as file:  # type: ignore[arg-type]
            if hasattr(os, "posix_fadvise"):  # nothing beyond what is asked for
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
            yield lambda rows: self._from_file(file, start, rows)

    def _from_file(self, file: Any, start: int, rows: slice) -> npt.NDArray[Any]:
        out = np.empty((rows.stop - rows.start, self.X.shape[1]), dtype=self.dtype)
        file.seek(start + rows.start * self.row_bytes)
        if file.readinto(out.reshape(-1).view(np.uint8).data) != out.nbytes:
            raise OSError(f"the file of X, {self.X.filename}, ends before row {rows.stop}.")
        return out

    def _through_the_map(self, rows: slice) -> npt.NDArray[Any]:
        part = np.array(self.X[rows])
        release(self.X)
        return part


def _file_offset(X: np.memmap[Any, Any]) -> int | None:
    """Where in its file a mapped array begins; None if the file does not show what the map does."""
    mapping, path = getattr(X, "_mmap", None), X.filename
    if mapping is None or path is None or X.mode == "c" or not X.flags.c_contiguous:
        return None
    # X may be a part of what was mapped, and the map begins at a whole page before its offset
    base = np.frombuffer(mapping, dtype=np.uint8).__array_interface__["data"][0]
    start = X.__array_interface__["data"][0] - base + X.offset
    start -= X.offset % mmap.ALLOCATIONGRANULARITY
    row = X.shape[1] * X.itemsize
    try:
        with open(path, "rb", buffering=0) as file:
            for i in (0, len(X) - 1):
                file.seek(start + i * row)
                if file.read(row) != X[i].tobytes():
                    return None
    except OSError:
        return None
    return int(start)


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
        return OnDisk(X)
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
