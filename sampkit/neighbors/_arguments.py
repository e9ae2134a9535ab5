"""Checks of the arguments that the searches in main memory and on a device share."""

from __future__ import annotations

from typing import Any

import numpy as np

from sampkit._array import on_host
from sampkit.neighbors._exact import Index

SAFE = 2.0**200  # squares of numbers up to here, summed, neither overflow nor vanish


def shape_of(values: Any) -> tuple[int, ...]:
    """The shape of an array of any kind, a frame or a list."""
    return tuple(values.shape) if hasattr(values, "shape") else np.shape(values)


def row_numbers(rows: Any, name: str, least: int, n: int) -> Index:
    """Row numbers as a 1-D intp array on the host; ValueError unless all lie in [least, n)."""
    rows = on_host(rows)
    if rows.shape == (0,):
        return np.empty(0, dtype=np.intp)
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be a 1-D array of row numbers, got {rows.dtype} of shape {rows.shape}"
        )
    for worst in (rows.min(), rows.max()):
        if not least <= worst < n:
            raise ValueError(f"{name} must hold row numbers in [{least}, {n}), got {worst}")
    return rows.astype(np.intp, copy=False)


def rows_to_search_from(query: Any, exclude: Any, n: int) -> Index:
    """The rows of X that a `query` of None or row numbers stands for."""
    if exclude is not None:
        raise ValueError("exclude goes with a matrix of points; rows of X exclude themselves")
    return np.arange(n) if query is None else row_numbers(query, "query", 0, n)


def rows_to_exclude(exclude: Any, n_points: int, n: int) -> Index:
    """`exclude` for points, -1 where nothing is excluded."""
    if exclude is None:
        return np.full(n_points, -1)
    exclude = row_numbers(exclude, "exclude", -1, n)
    if len(exclude) != n_points:
        raise ValueError(
            f"exclude must hold one row number per point, got {len(exclude)} for {n_points}"
        )
    return exclude


def check_columns(n_columns: int, d: int) -> None:
    """ValueError unless points have the columns of X."""
    if n_columns != d:
        raise ValueError(f"query must have the {d} columns of X, got {n_columns}")


def check_enough(n: int, k: int, exclude: Index) -> None:
    """ValueError unless k rows of X are left for every query."""
    left = n - bool((exclude >= 0).any())
    if k > left:
        raise ValueError(
            f"Expected n_neighbors <= n_samples_fit, but k = {k} neighbours were asked for and "
            f"only {left} of the {n} rows of X are left to choose from"
        )


def safe_exponent(largest: float) -> int:
    """The power of two by which numbers up to `largest` are divided before they are squared.

    0 unless their squares, summed, could overflow or vanish.
    """
    if 1.0 / SAFE <= largest <= SAFE or largest == 0.0:
        return 0
    return int(np.frexp(largest)[1])
