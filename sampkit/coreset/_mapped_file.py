"""Pages of a mapped file count as resident memory until they are given back."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

WINDOW_BYTES = 16 * 1024 * 1024  # pages are given back when this many bytes have been read


class Releaser:
    """Gives pages that have been read back to the system; this one has none."""

    needed = False

    def __call__(self, n_rows: int | None) -> None:
        """Some rows have been read; None: a pass has ended."""


class MapReleaser(Releaser):
    """`Releaser` of an array that lies in a file mapped by NumPy."""

    needed = True

    def __init__(self, X: npt.NDArray[Any], mapping: Any):
        self.map = mapping
        start = np.frombuffer(mapping, dtype=np.uint8).__array_interface__["data"][0]
        low, high = (int(end) - start for end in np.lib.array_utils.byte_bounds(X))
        self.start = max(low, 0) // mmap.PAGESIZE * mmap.PAGESIZE
        self.length = min(high, len(mapping)) - self.start
        self.row_bytes = X.itemsize * X.shape[1]
        self.read = 0

    def __call__(self, n_rows: int | None) -> None:
        self.read += 0 if n_rows is None else n_rows * self.row_bytes
        if n_rows is None or self.read >= WINDOW_BYTES:
            # the whole range, which is quick: the rows of a column-major file lie everywhere in it
            self.map.madvise(mmap.MADV_DONTNEED, self.start, self.length)
            self.read = 0


def releaser(X: npt.NDArray[Any]) -> Releaser:
    """What gives back the pages of X: something only for rows of a shared file mapping.

    A private mapping would lose what has been written to it.
    """
    base: Any = X
    while base is not None and not isinstance(base, mmap.mmap):
        if isinstance(base, np.memmap) and base.mode == "c":
            return Releaser()
        base = base.obj if isinstance(base, memoryview) else getattr(base, "base", None)
    if base is None or not hasattr(base, "madvise") or not X.size:
        return Releaser()
    return MapReleaser(X, base)
