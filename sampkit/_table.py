"""What a sampler gets, and what it decides, in row numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sampkit._array import namespace
from sampkit._constraints import ColumnRules
from sampkit._rows import NO_ROWS, Container, Index, NewRows
from sampkit._strategy import Target


class Provenance(NamedTuple):
    """Where every row of a resampled table comes from.

    For every sampler of continuous columns, ``X_res[i] == X[seed] + gap * (X[neighbor] - X[seed])``
    (up to the rounding of integer columns and ``constraints``). Rows of the input have
    ``seed = neighbor =`` their own number and ``gap = 0``.

    Parameters
    ----------
    seed : ndarray of int of shape (n_out,)
        Row of the input that the row was made from.
    neighbor : ndarray of int of shape (n_out,)
        Row of the input that it was moved towards.
    gap : ndarray of float64 of shape (n_out,)
        How far, as a share of the way; NaN where one number cannot say it.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.base import Provenance
    >>> Provenance(np.array([0]), np.array([3]), np.array([0.25])).gap
    array([0.25])
    """

    seed: npt.NDArray[np.intp]
    neighbor: npt.NDArray[np.intp]
    gap: npt.NDArray[np.float64]

    @classmethod
    def of_rows(cls, rows: Index) -> Provenance:
        """Provenance of rows taken over unchanged.

        Parameters
        ----------
        rows : ndarray of int of shape (n_out,)
            Their numbers in the input.

        Returns
        -------
        Provenance
            Seed and neighbour are the row itself, the gap is 0.
        """
        return cls(rows, rows, np.zeros(len(rows)))

    def joined(self, other: Provenance) -> Provenance:
        """The rows of two provenances, one after the other.

        Parameters
        ----------
        other : Provenance
            Of the rows that follow.

        Returns
        -------
        Provenance
            Of all rows.
        """
        return Provenance(
            np.concatenate([self.seed, other.seed]),
            np.concatenate([self.neighbor, other.neighbor]),
            np.concatenate([self.gap, other.gap]),
        )

    def picked(self, index: Index) -> Provenance:
        """Provenance of some of the rows.

        Parameters
        ----------
        index : ndarray of int of shape (n_picked,)
            Positions of the output rows wanted.

        Returns
        -------
        Provenance
            Of these rows, in this order.
        """
        return Provenance(self.seed[index], self.neighbor[index], self.gap[index])


@dataclass(frozen=True)
class Resampled:
    """What a sampler decided, in row numbers of the input.

    Parameters
    ----------
    kept : ndarray of int of shape (n_kept,) or None
        Rows taken over, in output order; None: all of them.
    new : NewRows or None, default=None
        Rows that follow.
    origin : Provenance or None, default=None
        Where the new rows come from.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.base import Resampled
    >>> Resampled(np.array([0, 2])).new is None
    True
    """

    kept: Index | None  # rows taken over, in output order; None: all of them
    new: NewRows | None = None  # rows that follow
    origin: Provenance | None = None  # of the new rows


@dataclass(frozen=True)
class Source:
    """Rows at hand, in memory: all of them, or those that a lazy container computed."""

    container: Container
    X: Any  # their numbers
    rows: Index | None = None  # their row numbers, ascending; None: all rows

    def at(self, rows: Index) -> Index:
        """Where the given rows of the input stand in X."""
        return rows if self.rows is None else np.searchsorted(self.rows, rows)

    def __getitem__(self, rows: Index) -> Any:
        return self.X[namespace(self.X).asarray(self.at(rows))]

    def column(self, j: int) -> npt.NDArray[Any]:
        """One column of the rows at hand as it is."""
        column = self.container.column(j)
        return column if self.rows is None else column[: len(self.rows)]


@dataclass(frozen=True)
class Table:
    """A checked input, as `_fit_resample` gets it."""

    container: Container
    target: Target
    targets: dict[int, int]  # class code -> rows to add or to keep
    rules: ColumnRules
    labels: Any = None  # y as it came, or `at_hand` of it

    @property
    def n_rows(self) -> int:
        return self.container.n_rows

    @cached_property
    def matrix(self) -> Any:
        """All rows as finite numbers."""
        return self.container.matrix()

    def source(self, rows: Index, columns: Index | None = None) -> Source:
        """Numbers of the given rows and columns; no others where all would be a copy."""
        if self.container.lazy or self.container.spread or columns is not None:
            if not (len(rows) or self.container.lazy):
                rows = np.zeros(1, dtype=np.intp)  # stands for none: nothing is asked of it
            local = self.container.gather(rows)
            return Source(local, local.matrix(columns), rows)
        return Source(self.container, self.matrix)

    def check_numbers(self, columns: Index | None = None) -> None:
        """Refuse columns that are no numbers; a lazy container is asked for its dtypes alone."""
        if self.container.lazy:
            self.source(NO_ROWS, columns)
        elif self.container.spread or columns is not None:
            self.container.check_numbers(columns)
        else:
            self.matrix  # noqa: B018  (validated once, and kept for the work that follows)
