"""Pages of a mapped file count as resident memory until they are given back."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

WINDOW_BYTES = 16 * 1024 * 1024  # pages are given back this many bytes at a time


class Releaser:
    """Gives the pages of rows that have been read back to the system."""

    needed = False

    def __call__(self, stop: int | None) -> None:
        """Rows before `stop` have been read (None: all of them, start again)."""


class MapReleaser(Releaser):
    """`Releaser` of the rows of an array that lies in a file mapped by NumPy.

    Only shared mappings qualify: a private one would lose what has been written to it.
    """

    needed = True

    def __init__(self, X: npt.NDArray[Any], mapping: Any):
        self.map = mapping
        start = np.frombuffer(mapping, dtype=np.uint8).__array_interface__["data"][0]
        self.first = X.__array_interface__["data"][0] - start
        self.row_bytes = X.strides[0]
        self.n_rows = len(X)
        self.given_back = 0

    def __call__(self, stop: int | None) -> None:
        at = self.n_rows if stop is None else stop
        if stop is not None and (at - self.given_back) * self.row_bytes < WINDOW_BYTES:
            return
        page = mmap.PAGESIZE
        low = (self.first + self.given_back * self.row_bytes) // page * page
        high = min(self.first + at * self.row_bytes, len(self.map)) // page * page
        if stop is None:
            high = -(-min(self.first + at * self.row_bytes, len(self.map)) // page) * page
        if high > low:
            self.map.madvise(mmap.MADV_DONTNEED, low, min(high, len(self.map)) - low)
        self.given_back = 0 if stop is None else at


def releaser(X: npt.NDArray[Any]) -> Releaser:
    """What gives back the pages of X: something only for rows of a shared file mapping."""
    base: Any = X
    while base is not None and not isinstance(base, mmap.mmap):
        if isinstance(base, np.memmap) and base.mode == "c":
            return Releaser()
        base = base.obj if isinstance(base, memoryview) else getattr(base, "base", None)
    by_rows = X.ndim == 2 and X.strides[0] >= abs(X.strides[1]) > 0
    if base is None or not by_rows or not hasattr(base, "madvise"):
        return Releaser()
    return MapReleaser(X, base)
