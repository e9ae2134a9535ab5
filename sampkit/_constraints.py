"""What a synthetic value must satisfy: whole numbers, and bounds, column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._array import namespace


@dataclass(frozen=True)
class ColumnRules:
    """Rounding and clipping of new rows; the rows of the input are never touched."""

    integer: npt.NDArray[np.bool_]  # (d,)
    low: npt.NDArray[np.float64]  # (d,), -inf where free
    high: npt.NDArray[np.float64]  # (d,), inf where free

    def of_columns(self, columns: npt.NDArray[np.intp]) -> ColumnRules:
        return ColumnRules(self.integer[columns], self.low[columns], self.high[columns])

    @property
    def idle(self) -> bool:
        """Whether nothing is asked for, so that new rows can stay as they are."""
        return not (self.integer.any() or self._bounded.any())

    @property
    def _bounded(self) -> npt.NDArray[np.bool_]:
        return np.isfinite(self.low) | np.isfinite(self.high)

    def apply(self, rows: npt.NDArray[Any]) -> None:
        """Round and clip `rows` (m, d) in place; works on NumPy and CuPy arrays."""
        xp = namespace(rows)
        for j in np.flatnonzero(self.integer | self._bounded).tolist():
            column = rows[:, j]
            if self.integer[j]:
                xp.rint(column, out=column)
            if self._bounded[j]:
                xp.clip(column, float(self.low[j]), float(self.high[j]), out=column)

    def applied(self, rows: Any) -> Any:
        """Sparse `rows` (m, d) rounded and clipped; only columns that forbid 0 become full."""
        rows = rows.tocsr(copy=True)
        column = rows.indices
        whole = self.integer[column]
        rows.data[whole] = np.rint(rows.data[whole])
        rows.data = np.clip(rows.data, self.low[column], self.high[column]).astype(rows.dtype)
        full = np.flatnonzero((self.low > 0) | (self.high < 0))
        if len(full):
            nearest_zero = np.clip(0.0, self.low[full], self.high[full])
            row, at = np.nonzero(rows[:, full].toarray() == 0)
            filled = sp.coo_array((nearest_zero[at], (row, full[at])), shape=rows.shape)
            rows = type(rows)(rows + filled.astype(rows.dtype))
        return rows


def column_rules(
    constraints: Mapping[Any, Any] | None,
    names: Sequence[Any] | None,
    integer: npt.NDArray[np.bool_],
    limits: npt.NDArray[np.float64],
) -> ColumnRules:
    """Read a user's ``constraints`` beside the input's own integer columns.

    Parameters
    ----------
    constraints : dict or None
        Column (number or name) -> ``"integer"``, ``"non-negative"``, a pair ``(low, high)`` with
        None for a free side, or a list of these.
    names : sequence or None
        Column names, when the input has some.
    integer : ndarray of bool of shape (n_features,)
        Columns that are whole numbers by their dtype.
    limits : ndarray of shape (2, n_features)
        Smallest and largest value that the columns can hold.

    Returns
    -------
    ColumnRules
    """
    rules = ColumnRules(integer.copy(), *limits.copy())
    for column, asked in (constraints or {}).items():
        j = column_number(column, names, len(integer), "constraints")
        # a pair of numbers is one rule, any other list is several
        several = isinstance(asked, list) and not _is_pair(asked)
        for rule in asked if several else [asked]:
            if isinstance(rule, str) and rule == "integer":
                rules.integer[j] = True
            elif isinstance(rule, str) and rule == "non-negative":
                rules.low[j] = max(rules.low[j], 0.0)
            elif _is_pair(rule):
                low, high = rule
                rules.low[j] = max(rules.low[j], -np.inf if low is None else float(low))
                rules.high[j] = min(rules.high[j], np.inf if high is None else float(high))
            else:
                raise ValueError(
                    f"constraints[{column!r}] must be 'integer', 'non-negative', a pair (low, "
                    f"high) or a list of these, got {str(rule)[:80]!r}."
                )
        if not rules.low[j] <= rules.high[j]:
            raise ValueError(
                f"constraints[{column!r}] leaves no value: low={rules.low[j]}, "
                f"high={rules.high[j]}."
            )
        if rules.integer[j]:  # rounding comes first, so the bounds have to be whole as well
            rules.low[j], rules.high[j] = np.ceil(rules.low[j]), np.floor(rules.high[j])
            if not rules.low[j] <= rules.high[j]:
                raise ValueError(f"constraints[{column!r}] leaves no whole number.")
    return rules


def _is_pair(rule: Any) -> bool:
    return (
        isinstance(rule, (tuple, list))
        and len(rule) == 2
        and all(v is None or (isinstance(v, Real) and not isinstance(v, bool)) for v in rule)
        and not any(v is not None and np.isnan(float(v)) for v in rule)
    )


def column_number(column: Any, names: Sequence[Any] | None, n_columns: int, parameter: str) -> int:
    """Position of a column given by name or number; ValueError when there is none."""
    if names is not None and column in list(names):
        return list(names).index(column)
    if isinstance(column, Integral) and not isinstance(column, bool):
        if -n_columns <= int(column) < n_columns:
            return int(column) % n_columns
        raise ValueError(
            f"{parameter}: column {column} does not exist, all features must be in "
            f"[0, {n_columns})."
        )
    raise ValueError(
        f"{parameter}: there is no column {str(column)[:80]!r}; the columns are "
        f"{str(list(names) if names is not None else list(range(n_columns)))[:200]}."
    )
