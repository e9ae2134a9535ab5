"""A sparse matrix as arrays of a device, with the few operations that a search needs.

CuPy's own matrices are read at the door (`indptr`, `indices`, `data` of their CSC form) and not
used after it: what follows is gathers and running totals, the same for NumPy and CuPy, in a fixed
order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class DeviceCSC:
    """Entries by column, and their order by row.

    Attributes
    ----------
    xp : module
        Namespace of the arrays.
    shape : (m, n)
    data, rows, columns : arrays of shape (nnz,)
        Entries column by column.
    column_ends : array of shape (n + 1,)
        Where columns begin and end.
    by_row : array of shape (nnz,)
        The order that sorts the entries by row.
    row_ends : array of shape (m + 1,)
        Where rows begin and end in that order.
    """

    xp: Any
    shape: tuple[int, int]
    data: Any
    rows: Any
    columns: Any
    column_ends: Any
    by_row: Any
    row_ends: Any

    @classmethod
    def of(cls, xp: Any, A: Any) -> DeviceCSC:
        """From a CSC matrix of SciPy or CuPy with `indptr`, `indices`, `data` and `shape`."""
        m, n = (int(length) for length in A.shape)
        rows, ends = xp.asarray(A.indices), xp.asarray(A.indptr)
        columns = xp.searchsorted(ends, xp.arange(rows.shape[0]), side="right") - 1
        by_row = xp.argsort(rows, kind="stable")
        row_ends = xp.searchsorted(rows.take(by_row), xp.arange(m + 1))
        return cls(xp, (m, n), xp.asarray(A.data), rows, columns, ends, by_row, row_ends)

    @property
    def nnz(self) -> int:
        """Number of entries."""
        return int(self.data.shape[0])

    @property
    def dtype(self) -> Any:
        """Of the entries."""
        return self.data.dtype

    def astype(self, dtype: Any, copy: bool = True) -> DeviceCSC:
        """The same in another precision; as it is if it has that already, and no copy is wanted."""
        return self.with_data(self.data.astype(dtype, copy=copy))

    def with_data(self, data: Any) -> DeviceCSC:
        """Other entries in the same places."""
        return replace(self, data=data)

    def over_columns(self, values: Any) -> Any:
        """Sums (n,) of values of the entries over each column."""
        return self._sums(values, self.column_ends)

    def over_rows(self, values: Any) -> Any:
        """Sums (m,) of values of the entries over each row."""
        return self._sums(values.take(self.by_row), self.row_ends)

    def _sums(self, values: Any, ends: Any) -> Any:
        """Differences of running totals in float64; where there is no entry, 0."""
        xp = self.xp
        total = xp.cumsum(values, dtype=np.float64)
        at = xp.concatenate([xp.zeros_like(total, shape=(1,)), total]).take(ends)
        return at[1:] - at[:-1]

    def __matmul__(self, x: Any) -> Any:
        """A x (m,) or (m, k) in float64."""
        if x.ndim == 1:
            return self.over_rows(self.data * x.take(self.columns))
        return self.xp.stack([self @ x[:, at] for at in range(x.shape[1])], axis=1)

    def transposed(self, r: Any) -> Any:
        """A'r (n,) in float64 for r (m,)."""
        return self.over_columns(self.data * r.take(self.rows))

    def scaled(self, weight: Any) -> DeviceCSC:
        """Rows times their weights (m,)."""
        return self.with_data(self.data * weight.astype(self.dtype).take(self.rows))

    def maximum(self, value: float) -> DeviceCSC:
        """Entries at least 0; for value 0 alone, since the others are not stored."""
        assert value == 0
        return self.with_data(self.xp.maximum(self.data, 0))

    def __sub__(self, other: DeviceCSC) -> DeviceCSC:
        """Difference to a matrix with entries in the same places."""
        return self.with_data(self.data - other.data)

    def toarray(self) -> Any:
        """As a dense array (m, n)."""
        (m, n), place = self.shape, self.rows.astype(np.int64) * self.shape[1] + self.columns
        dense = self.xp.bincount(place, weights=self.data, minlength=m * n)
        return dense.astype(self.dtype).reshape(m, n)


def least_squares_of(A: DeviceCSC, goal: Any, damp: float, n_iter: int = 100) -> Any:
    """Minimiser (n,) of ``|A x - goal|^2 + damp^2 |x|^2`` by conjugate gradients (CGLS)."""
    xp = A.xp
    x = xp.zeros_like(goal, shape=(A.shape[1],))
    r, s = goal.astype(np.float64), A.transposed(goal)
    direction = s
    gamma = float((s * s).sum())
    stop = 1e-16 * gamma
    for _ in range(n_iter):
        if not gamma > stop:
            break
        q = A @ direction
        curvature = float((q * q).sum()) + damp**2 * float((direction * direction).sum())
        step = gamma / curvature
        x, r = x + step * direction, r - step * q
        s = A.transposed(r) - damp**2 * x
        before, gamma = gamma, float((s * s).sum())
        direction = s + (gamma / before) * direction
    return x
