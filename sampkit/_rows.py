"""Rows that are there and rows that are to come: what every container can do.

A container answers four questions of a sampler: its numbers as a matrix (`matrix`), one of its
columns (`column`), some of its rows (`take`), and its rows followed by new ones (`extended`).
Arrays are in `_containers`, data frames in `_frames`, Dask collections in `_dask`; `_door` finds
the one that fits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._array import namespace
from sampkit._constraints import ColumnRules
from sampkit._strategy import Target

Index = npt.NDArray[np.intp]
Fill = Callable[[int, int, Any], Any]
NO_ROWS: Index = np.empty(0, dtype=np.intp)


@dataclass(frozen=True)
class NewRows:
    """Rows that do not exist yet: numbers made on demand, and cells copied from given rows.

    ``fill(start, stop, out)`` makes the numeric columns of the new rows start ... stop - 1, into
    `out` where that is not None, and returns them; so nothing is held twice and a caller can ask
    for a batch at a time.
    """

    size: int
    fill: Fill
    nominal: Index = field(default_factory=lambda: NO_ROWS)  # columns whose cells are copied
    cells: Index | None = None  # (size, len(nominal)) row numbers that the cells come from
    continuous: Index | None = None  # columns that `fill` makes; None: all of them
    home: Container | None = None  # the rows in memory that `cells` counts in

    def part(self, start: int, stop: int) -> NewRows:
        """The new rows start ... stop - 1 on their own."""
        return replace(
            self,
            size=stop - start,
            fill=lambda i, j, out: self.fill(start + i, start + j, out),
            cells=None if self.cells is None else self.cells[start:stop],
        )

    def picked(self, index: Index) -> NewRows:
        """Some of the new rows, ascending `index`."""

        def fill(start: int, stop: int, out: Any) -> Any:
            wanted = index[start:stop]
            if not len(wanted):
                return self.fill(0, 0, out)
            low = int(wanted[0])
            rows = self.fill(low, int(wanted[-1]) + 1, None)
            rows = rows[namespace(rows).asarray(wanted - low)]
            if out is None:
                return rows
            out[...] = rows
            return out

        cells = None if self.cells is None else self.cells[index]
        return replace(self, size=len(index), fill=fill, cells=cells)

    def under(self, rules: ColumnRules) -> NewRows:
        """The same rows, rounded and clipped to what their columns admit."""
        if self.continuous is not None:
            rules = rules.of_columns(self.continuous)
        if rules.idle:
            return self

        def fill(start: int, stop: int, out: Any) -> Any:
            rows = self.fill(start, stop, out)
            if not sp.issparse(rows):
                rules.apply(rows)
                return rows
            return rules.applied(rows)

        return replace(self, fill=fill)

    def numbers(self) -> Any:
        """All numeric columns of all new rows."""
        return self.fill(0, self.size, None)


class Container(ABC):
    """The rows of X in the caller's own type."""

    n_rows: int
    n_columns: int
    names: Sequence[Any] | None = None
    integer: npt.NDArray[np.bool_]  # columns whose new values have to be whole numbers
    lazy: ClassVar[bool] = False  # rows are not in memory: as few as possible are computed
    spread: bool = False  # a matrix of all rows would be a copy: only rows needed are gathered

    @abstractmethod
    def matrix(self, columns: Index | None = None) -> Any:
        """Validated finite numbers: float ndarray, CSR or CuPy array of the given columns."""

    @abstractmethod
    def column(self, j: int) -> npt.NDArray[Any]:
        """One column as it is."""

    @abstractmethod
    def take(self, rows: Index, *, keep_labels: bool = True) -> Any:
        """The given rows, in the given order."""

    @abstractmethod
    def extended(self, kept: Index | None, new: NewRows) -> Any:
        """The kept rows (None: all) followed by the new ones."""

    def categorical(self) -> Index | None:
        """Columns of a categorical dtype; None where the container knows no such thing."""
        return None

    def limits(self) -> npt.NDArray[np.float64]:
        """Smallest and largest value that every column can hold, (2, d)."""
        return np.tile(value_range(np.dtype(np.float64)), (self.n_columns, 1)).T

    def gather(self, rows: Index) -> Container:
        """A container of the given rows, in memory; for lazy and spread ones."""
        raise TypeError(f"{type(self).__name__} holds its rows in memory already.")

    def check_numbers(self, columns: Index | None = None) -> None:
        """Refuse columns that are no finite numbers, one at a time."""
        for j in range(self.n_columns) if columns is None else columns.tolist():
            self.matrix(np.array([j], dtype=np.intp))

    def level_counts(self, categories: Sequence[Any], target: Target) -> list[Index]:
        """Rows of every level and class, (levels, classes) a column; only asked of a lazy one."""
        raise TypeError(f"{type(self).__name__} holds its rows in memory already.")


def value_range(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Smallest and largest float64 that a column of this dtype can hold."""
    if dtype.kind == "b":
        return 0.0, 1.0
    if dtype.kind not in "iu":
        return -np.inf, np.inf
    low, high = float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)
    # 2**63 - 1 is no float64: the next lower one is
    return low, high if int(high) <= np.iinfo(dtype).max else float(np.nextafter(high, 0.0))
