"""Counts of categories in items: read, checked, and brought to their smallest form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit.diversity._entropy import Integers

Row = tuple[tuple[npt.NDArray[Any], Integers], ...]  # of every variable: categories and counts
LARGEST_COUNT = 2**26  # of one category: the table of f has as many entries


@dataclass(frozen=True)
class Counts:
    """One CSR matrix of positive whole numbers (items, categories) for every variable."""

    matrices: tuple[Any, ...]
    divisors: tuple[int, ...]  # what the given counts were divided by: shares know no scale

    @property
    def n_items(self) -> int:
        """Rows of every matrix."""
        return int(self.matrices[0].shape[0])

    @property
    def n_variables(self) -> int:
        """How many matrices there are."""
        return len(self.matrices)

    @cached_property
    def sizes(self) -> Integers:
        """n_{v,d}, the counts of an item in a variable together: (n_variables, n_items)."""
        return np.array([sums_of_rows(m.indptr, m.data) for m in self.matrices], dtype=np.int64)

    @cached_property
    def offsets(self) -> Integers:
        """Where the categories of a variable start when all are counted through."""
        return np.cumsum([0, *(m.shape[1] for m in self.matrices)])

    def row(self, item: int) -> Row:
        """The categories of one item."""
        return tuple(
            (m.indices[a:b], m.data[a:b])
            for m in self.matrices
            for a, b in [(int(m.indptr[item]), int(m.indptr[item + 1]))]
        )

    def pooled(self, items: npt.NDArray[np.intp]) -> Integers:
        """Counts of all categories, of all variables, over some items."""
        sums = [np.asarray(m[items].sum(axis=0), dtype=np.int64).ravel() for m in self.matrices]
        return np.concatenate(sums)

    def given(self, items: npt.NDArray[np.intp]) -> list[Integers]:
        """Counts of all categories over some items, variable by variable, as they were given."""
        parts = np.split(self.pooled(items), self.offsets[1:-1])
        return [part * d for part, d in zip(parts, self.divisors, strict=True)]

    @cached_property
    def reach(self) -> Reach:
        """What tables have to hold."""
        columns = [
            np.bincount(m.indices, weights=m.data, minlength=m.shape[1]).astype(np.int64)
            for m in self.matrices
        ]
        return Reach(
            present=tuple(int(np.count_nonzero(c)) for c in columns),
            grand_total=max(int(c.sum()) for c in columns),
            largest_column=max(int(c.max(initial=0)) for c in columns),
            largest_count=max(int(m.data.max(initial=0)) for m in self.matrices),
            largest_size=int(self.sizes.max(initial=0)),
        )


@dataclass(frozen=True)
class Reach:
    """Sizes of what can be pooled."""

    present: tuple[int, ...]  # categories with a count, of every variable
    grand_total: int  # of the variable with the largest
    largest_column: int
    largest_count: int
    largest_size: int  # of one item in one variable

    @property
    def table(self) -> int:
        """The largest argument of f that can occur."""
        return self.largest_column + self.largest_count


def sums_of_rows(indptr: npt.NDArray[Any], values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Sums of the values of every row of a CSR matrix, exact for whole numbers."""
    running = np.zeros(len(values) + 1, dtype=values.dtype)
    np.cumsum(values, out=running[1:])
    return running[indptr[1:]] - running[indptr[:-1]]


def read_counts(counts: Any, *, divide: bool = True, least_rows: int = 1) -> Counts:
    """Check what a caller gave as counts.

    Raises
    ------
    ValueError
        Not two-dimensional, no rows, different numbers of rows, or entries that are negative or not
        whole.
    """
    given = list(counts) if isinstance(counts, (list, tuple)) else [counts]
    if not given:
        raise ValueError("counts must hold at least one matrix (items, categories), got none.")
    matrices = [_matrix(m, v) for v, m in enumerate(given)]
    lengths = [m.shape[0] for m in matrices]
    if len(set(lengths)) > 1:
        raise ValueError(f"counts must have as many rows in every matrix, got {lengths}.")
    if lengths[0] < least_rows:
        raise ValueError(f"counts must have at least one row (item), got {matrices[0].shape}.")
    divisors = [int(np.gcd.reduce(m.data)) or 1 if divide else 1 for m in matrices]
    return divided(Counts(tuple(matrices), (1,) * len(matrices)), divisors)


def divided(counts: Counts, divisors: list[int]) -> Counts:
    """The counts of every variable over a common divisor."""
    matrices = tuple(
        m if d == 1 else sp.csr_array((m.data // d, m.indices, m.indptr), shape=m.shape)
        for m, d in zip(counts.matrices, divisors, strict=True)
    )
    return Counts(matrices, tuple(divisors))


def check_reach(reach: Reach) -> None:
    """Refuse counts too large for a table."""
    if reach.table > LARGEST_COUNT:
        raise ValueError(
            f"counts must sum to at most {LARGEST_COUNT} in every category (after division by "
            f"their greatest common divisor), got {reach.largest_column}: scale them down."
        )


def _matrix(given: Any, v: int) -> Any:
    name = f"counts[{v}]"
    if not sp.issparse(given):
        given = np.asarray(given)
        if given.dtype == object or given.dtype.kind in "USmM":
            raise ValueError(f"{name} must hold whole numbers >= 0, got dtype {given.dtype}.")
    if given.ndim != 2:
        raise ValueError(f"{name} must be two-dimensional (items, categories), got {given.ndim}-d.")
    matrix = sp.csr_array(given)
    values = matrix.data
    if values.dtype.kind not in "iub":
        if (
            values.dtype.kind != "f"
            or not (np.isfinite(values) & (values == np.rint(values))).all()
        ):
            wrong = values[~(np.isfinite(values) & (values == np.rint(values)))][:1]
            raise ValueError(f"{name} must hold whole numbers >= 0, got {wrong.tolist()}.")
        if values.size and values.max() >= 2**53:
            raise ValueError(f"{name} must hold whole numbers below 2**53, got {values.max()}.")
    if values.size and values.dtype.kind != "b" and values.min() < 0:
        raise ValueError(f"{name} must hold whole numbers >= 0, got {values.min()}.")
    whole = values.astype(np.int64, copy=False)
    if matrix.has_canonical_format and (whole != 0).all():
        return sp.csr_array((whole, matrix.indices, matrix.indptr), shape=matrix.shape)
    # what is the caller's stays as it is
    parts = whole.copy(), matrix.indices.copy(), matrix.indptr.copy()
    matrix = sp.csr_array(parts, shape=matrix.shape)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix
