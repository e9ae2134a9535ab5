"""The values a weight may take: evenly spaced per row or group of inputs, or a codebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]
Codes = npt.NDArray[np.uint8]

GRIDS = ("minmax", "gptq", "gptq_sym", "mse")
SHRINKS = 1 - np.arange(80) / 100
MSE_POWER = 2.4


@dataclass(frozen=True)
class Grid:
    """Values ``base + step * code`` for codes 0 to ``n_levels - 1``, or rows of a codebook.

    `base` and `step` are (k, n_groups); every group holds `group` consecutive inputs. `table`
    (k, L), ascending, stands for them if it is there.
    """

    base: Floats
    step: Floats
    group: int
    n_levels: int
    table: Floats | None = None

    def nearest(self, v: Floats, j: int) -> Codes:
        """Codes (k,) of the values nearest to v (k,) for input j."""
        if self.table is not None:
            return _nearest_in(self.table, v)
        g = j // self.group
        return self._rounded(v, self.base[:, g], self.step[:, g])

    def value(self, codes: Codes, j: int) -> Floats:
        """Values (k,) of the codes of input j."""
        if self.table is not None:
            return np.take_along_axis(self.table, codes[:, None].astype(np.intp), axis=1)[:, 0]
        g = j // self.group
        return self.base[:, g] + self.step[:, g] * codes

    def nearest_all(self, W: Floats) -> Codes:
        """Codes (k, n) of the values nearest to W (k, n)."""
        if self.table is not None:
            columns = [_nearest_in(self.table, W[:, j]) for j in range(W.shape[1])]
            return np.stack(columns, axis=1)
        base, step = (self.spread(part, W.shape[1]) for part in (self.base, self.step))
        return self._rounded(W, base, step)

    def values(self, codes: Codes) -> Floats:
        """Values (k, n) of codes (k, n)."""
        if self.table is not None:
            return np.take_along_axis(self.table, codes.astype(np.intp), axis=1)
        base, step = (self.spread(part, codes.shape[1]) for part in (self.base, self.step))
        return base + step * codes

    def spread(self, part: Floats, n: int) -> Floats:
        """One value per input, (k, n) or (k, 1), from one per group."""
        return part if part.shape[1] == 1 else np.repeat(part, self.group, axis=1)[:, :n]

    def levels(self, rows: slice, n: int) -> Floats:
        """Table (k, 1 or n, L) for the engines of some rows; one value where the step is 0."""
        if self.table is not None:
            return self.table[rows][:, None, :]
        base, step = (self.spread(part[rows], n)[:, :, None] for part in (self.base, self.step))
        table = base + step * np.arange(self.n_levels, dtype=base.dtype)
        table[..., 1:][np.broadcast_to(step == 0, table[..., 1:].shape)] = np.nan
        return table

    def _rounded(self, v: Floats, base: Floats, step: Floats) -> Codes:
        inverse = np.divide(1.0, step, out=np.zeros_like(step), where=step != 0)
        code = np.rint((v - base) * inverse)
        return np.clip(code, 0, self.n_levels - 1, out=code).astype(np.uint8)


def make_grid(
    W: Floats,
    kind: Any,
    bits: int,
    group_size: int | None = None,
    kept: npt.NDArray[np.bool_] | None = None,
) -> Grid:
    """The grid of every row (and group) of W (k, n).

    Parameters
    ----------
    W : ndarray of shape (k, n)
        Weights.
    kind : str or ndarray of shape (k, L) or (L,)
        One of `GRIDS`, or a codebook.
    bits : int
        2^bits values.
    group_size : int, optional
        Consecutive inputs with a base and step of their own.
    kept : ndarray of bool of shape (k, n), optional
        Weights that stay as they are: the grid is made for the others.

    Raises
    ------
    ValueError
        Unknown kind, or a codebook that is not ascending or of the wrong shape.
    """
    k, n = W.shape
    n_levels, group = 2**bits, group_size or n
    if not isinstance(kind, str):
        table = _codebook(kind, k, n_levels)
        zero = np.zeros((k, 1))
        return Grid(zero, zero, n, table.shape[1], table)
    if kind not in GRIDS:
        raise ValueError(f"grid must be one of {GRIDS} or a codebook, got {kind!r}.")
    parts = W.reshape(k, n // group, group)
    free = np.ones(parts.shape, dtype=bool) if kept is None else ~kept.reshape(parts.shape)
    low = np.where(free, parts, np.inf).min(axis=2)
    high = np.where(free, parts, -np.inf).max(axis=2)
    empty = low > high  # a group of nothing but outliers
    low, high = np.where(empty, 0, low), np.where(empty, 0, high)
    if kind == "minmax":
        return Grid(low, (high - low) / (n_levels - 1), group, n_levels)
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    if kind == "gptq_sym":
        high = np.maximum(-low, high)
        low = -high
    if kind == "mse":
        low, high = _shrunk(parts, free, low, high, group, n_levels)
    return _with_zero(low, high, group, n_levels, kind == "gptq_sym")


def _with_zero(low: Floats, high: Floats, group: int, n_levels: int, symmetric: bool) -> Grid:
    """Evenly spaced values one of which is exactly 0."""
    step = (high - low) / (n_levels - 1)
    inverse = np.divide(1.0, step, out=np.zeros_like(step), where=step > 0)
    zero = np.full_like(step, n_levels // 2) if symmetric else np.rint(-low * inverse)
    return Grid(-step * zero, step, group, n_levels)


def _shrunk(
    parts: Floats,
    free: npt.NDArray[np.bool_],
    low: Floats,
    high: Floats,
    group: int,
    n_levels: int,
) -> tuple[Floats, Floats]:
    """The share of the range with the smallest sum of |error|^2.4."""
    k, n_groups, _ = parts.shape
    flat = parts.reshape(k, -1)
    least = np.full((k, n_groups), np.inf)
    best_low, best_high = low.copy(), high.copy()
    for share in SHRINKS:
        grid = _with_zero(low * share, high * share, group, n_levels, False)
        error = np.abs(grid.values(grid.nearest_all(flat)) - flat).reshape(parts.shape)
        cost = np.where(free, error**MSE_POWER, 0).sum(axis=2)
        better = cost < least
        least = np.where(better, cost, least)
        best_low = np.where(better, low * share, best_low)
        best_high = np.where(better, high * share, best_high)
    return best_low, best_high


def _codebook(kind: Any, k: int, n_levels: int) -> Floats:
    table = np.asarray(kind, dtype=np.float64)
    if table.ndim == 1:
        table = np.broadcast_to(table, (k, table.size))
    if table.ndim != 2 or len(table) != k or not 1 <= table.shape[1] <= n_levels:
        raise ValueError(
            f"grid must be a codebook of shape ({k}, L) or (L,) with L <= {n_levels} values, got "
            f"shape {np.shape(kind)}."
        )
    if not np.isfinite(table).all() or (np.diff(table, axis=1) <= 0).any():
        raise ValueError("grid must be a codebook of finite values, ascending in every row.")
    return table


def _nearest_in(table: Floats, v: Floats) -> Codes:
    middle = (table[:, 1:] + table[:, :-1]) / 2
    return (v[:, None] > middle).sum(axis=1).astype(np.uint8)
