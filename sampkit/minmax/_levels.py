"""The finite sets that values are picked from, one for every variable (and target)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._array import namespace, on_host

_FEW = 1024  # levels that are compared one by one, for all variables at once


@dataclass(frozen=True)
class Levels:
    """Ascending values for every variable; axes of length 1 are shared.

    `values` (k or 1, n or 1, L) is padded with NaN at the upper end, `counts` (k or 1, n or 1) says
    how many are real.
    """

    values: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    n: int

    @cached_property
    def step(self) -> npt.NDArray[np.float64] | None:
        """Distance (k or 1, n or 1) of evenly spaced levels, None if any variable's are uneven.

        A variable with one level has step 0.
        """
        steps = np.diff(self.values, axis=2)
        if not steps.shape[2]:
            return np.zeros(self.counts.shape)
        first = np.where(self.counts > 1, steps[:, :, 0], 0.0)
        last = np.take_along_axis(self.values, self.counts[:, :, None] - 1, axis=2)[:, :, 0]
        mean = (last - self.values[:, :, 0]) / np.maximum(self.counts - 1, 1)
        size = np.nanmax(np.abs(self.values), axis=2)
        even = (
            np.abs(steps - first[:, :, None]) <= 1e-12 * size[:, :, None] + 1e-9 * mean[..., None]
        )
        return mean if bool((even | np.isnan(steps)).all()) else None

    @property
    def low(self) -> npt.NDArray[np.float64]:
        """Smallest value, (k or 1, n)."""
        return np.broadcast_to(self.values[:, :, 0], (len(self.values), self.n))

    @property
    def high(self) -> npt.NDArray[np.float64]:
        """Largest value, (k or 1, n)."""
        last = np.take_along_axis(self.values, self.counts[:, :, None] - 1, axis=2)[:, :, 0]
        return np.broadcast_to(last, (len(self.values), self.n))

    def of_target(self, i: int) -> Levels:
        """The levels of one target."""
        return self.of_targets(slice(i, i + 1))

    def of_targets(self, some: Any) -> Levels:
        """The levels of some targets."""
        if len(self.values) == 1:
            return self
        return Levels(self.values[some], self.counts[some], self.n)

    def of_variable(self, j: int) -> Levels:
        """The levels of one variable."""
        if self.values.shape[1] == 1:
            return Levels(self.values, self.counts, 1)
        return Levels(self.values[:, j : j + 1], self.counts[:, j : j + 1], 1)

    def value(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Values (k, n) at the positions `index` (k, n)."""
        target, variable = np.ogrid[: index.shape[0], : index.shape[1]]
        return self.values[
            target if len(self.values) > 1 else 0,
            variable if self.values.shape[1] > 1 else 0,
            index,
        ]

    def nearest(self, v: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Positions (k, n) of the levels nearest to `v` (k, n); the lower one of two."""
        middle = self.values[:, :, :-1] + np.diff(self.values, axis=2) / 2
        middle = np.where(np.isnan(middle), np.inf, middle)
        if middle.shape[:2] == (1, 1):
            return np.searchsorted(middle[0, 0], v, side="left").astype(np.int64)
        if middle.shape[2] <= _FEW:
            index = np.zeros(v.shape, dtype=np.int64)
            for at in range(middle.shape[2]):
                index += v > middle[:, :, at]
            return index
        rows = np.broadcast_to(middle, (*v.shape, middle.shape[2])).reshape(v.size, -1)
        flat = zip(rows, v.ravel(), strict=True)
        found = [int(np.searchsorted(row, value, side="left")) for row, value in flat]
        return np.array(found, dtype=np.int64).reshape(v.shape)


def as_levels(levels: Any, n: int, k: int) -> Levels:
    """Check a user's levels.

    Parameters
    ----------
    levels : array-like of shape (L,), (n, L) or (k, n, L), or list of n array-likes
        Ascending values; NaN pads variables that have fewer.
    n, k : int
        Numbers of variables and of targets.

    Returns
    -------
    Levels

    Raises
    ------
    ValueError
        Levels that are empty, not finite, not strictly ascending, or of another shape.
    """
    values = _padded(levels)
    if values.ndim > 3 or values.size == 0:
        raise ValueError(
            f"levels must hold at least one value and be of shape (L,), (n, L) or (k, n, L), got "
            f"shape {values.shape}."
        )
    values = values.reshape((1,) * (3 - values.ndim) + values.shape)
    if values.shape[0] not in (1, k) or values.shape[1] not in (1, n):
        raise ValueError(
            f"levels must be of shape (L,), (n, L) or (k, n, L) for n={n} variables and k={k} "
            f"targets, got shape {np.shape(levels) if not _ragged(levels) else (len(levels),)}."
        )
    missing = np.isnan(values)
    counts = (~missing).sum(axis=2)
    if not counts.all():
        raise ValueError("levels must hold at least one value for every variable, got none.")
    if np.isinf(values).any():
        raise ValueError("levels must be finite, got an infinite one.")
    if missing.any():  # NaN may stand anywhere; it is moved to the end
        order = np.argsort(missing, axis=2, kind="stable")
        values = np.take_along_axis(values, order, axis=2)
    bad = np.argwhere(np.diff(values, axis=2) <= 0)
    if len(bad):
        i, j, at = bad[0].tolist()
        raise ValueError(
            f"levels must be strictly ascending, got {values[i, j, at]} before "
            f"{values[i, j, at + 1]} (variable {j})."
        )
    return Levels(values[:, :, : int(counts.max())], counts.astype(np.int64), n)


def _ragged(levels: Any) -> bool:
    return (
        isinstance(levels, (list, tuple))
        and len({np.shape(of_one) for of_one in levels}) > 1
        and all(np.ndim(of_one) == 1 for of_one in levels)
    )


def _padded(levels: Any) -> npt.NDArray[np.float64]:
    if _ragged(levels):
        longest = max(len(of_one) for of_one in levels)
        values = np.full((len(levels), longest), np.nan)
        for row, of_one in zip(values, levels, strict=True):
            row[: len(of_one)] = of_one
        return values
    if isinstance(levels, range):
        levels = list(levels)
    array = on_host(levels)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"levels must be real numbers, got dtype {array.dtype}.")
    if array.ndim == 0:
        raise ValueError(f"levels must be a list of values, got {levels!r}.")
    return array.astype(np.float64)


def round_to_levels(v: Any, levels: Any) -> tuple[Any, Any]:
    """Round values to the nearest level.

    Parameters
    ----------
    v : array-like of shape (n,) or (k, n)
        Values.
    levels : array-like of shape (L,), (n, L) or (k, n, L), or list of n array-likes
        Ascending values, NaN pads variables that have fewer.

    Returns
    -------
    index : ndarray of int64, of the shape of v
        Position of the nearest level, of the lower one if two are equally near.
    value : ndarray of float64, of the shape of v
        The levels themselves.

    Raises
    ------
    ValueError
        `levels` as in `minmax_search`; `v` not of one or two dimensions, or not finite.

    Examples
    --------
    >>> from sampkit.minmax import round_to_levels
    >>> index, value = round_to_levels([0.2, 0.5, 7.0], [0, 1, 4])
    >>> index
    array([0, 0, 2])
    >>> value
    array([0., 0., 4.])
    """
    xp = namespace(v)
    host = on_host(v)
    if host.dtype.kind not in "biuf" or host.ndim not in (1, 2):
        raise ValueError(
            f"v must be real numbers of shape (n,) or (k, n), got {host.dtype} of shape "
            f"{host.shape}."
        )
    if not np.isfinite(host).all():
        raise ValueError("v must be finite, got NaN or infinity.")
    table = np.atleast_2d(host)
    checked = as_levels(levels, table.shape[1], table.shape[0])
    index = checked.nearest(table)
    value = checked.value(index)
    return xp.asarray(index.reshape(host.shape)), xp.asarray(value.reshape(host.shape))
