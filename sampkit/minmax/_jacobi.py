"""Sparse engine for a device: many columns move at once, and what they did is judged afterwards.

The potential, the screen and the meaning of every number are those of `sampkit.minmax._sparse`.
That one walks the improving columns in turn; a device has thousands of hands and no patience for
turns. Here a random share of the columns that are nearly as good as the best one moves together. If
the potential falls by a good part of what they promised one by one, the share grows; else they were
in each other's way, the moves are taken back and the share is halved, down to the best column
alone, which cannot fail. Both forms end where no column improves.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from sampkit._array import on_host
from sampkit.minmax._device_sparse import DeviceCSC
from sampkit.minmax._sparse import RELATIVE_GAIN

FIRST_SHARE = 0.25
GREED = 0.8  # columns move that gain at least so much of what the best one gains
KEPT = 0.5  # of the gains of the single columns that moving them together must bring


class DevicePrior(Protocol):
    """A sum over groups of variables, of level indices that lie on the device."""

    def value(self, index: Any) -> Any: ...
    def changes(self, index: Any) -> tuple[Any, Any]: ...


class JacobiDescent:
    """State of the descent: level indices, residuals, and how moves change the potential.

    Parameters
    ----------
    xp : module
        Namespace of the arrays.
    A : DeviceCSC or CSC matrix of SciPy, of shape (m, n)
    residual : array of shape (m,)
        ``A x - b`` at the start; copied.
    index : integer array of shape (n,)
        Level indices at the start; copied.
    levels : array of shape (L,) or (n, L)
        Ascending values; rows of a table end in NaN where a variable has fewer.
    frozen : boolean array of shape (n,), optional
        Variables that keep their level.
    bounds : (hi, lo), arrays of shape (m,), optional
        Row k is violated by max(r_k - hi_k, -r_k - lo_k, 0); without it by ``|r_k|``.
    deadline : float
        On the clock of `perf_counter`; the descent stops there with what it has.
    rng : Generator
        Which columns move together.
    """

    def __init__(
        self,
        xp: Any,
        A: Any,
        residual: Any,
        index: Any,
        levels: Any,
        *,
        frozen: Any = None,
        bounds: tuple[Any, Any] | None = None,
        deadline: float = np.inf,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.xp, self.bounds, self.deadline = xp, bounds, deadline
        self.residual = xp.array(residual, dtype=np.float64)
        self.index = xp.array(index, dtype=np.int64)
        self._rng = np.random.default_rng(0) if rng is None else rng
        self.A = A if isinstance(A, DeviceCSC) else DeviceCSC.of(xp, A)
        self._values, self._columns = self.A.data.astype(np.float64), self.A.columns
        self._every = xp.arange(self.A.shape[1])
        table = xp.asarray(levels, dtype=np.float64)
        table = table.reshape(-1, table.shape[-1])
        none = xp.full_like(table[:, :1], np.nan)
        # NaN where there is no such level; the gap below level q is number q
        self._gaps = xp.concatenate([none, table[:, 1:] - table[:, :-1], none], axis=1)
        self._frozen = frozen
        self.n_accepted = self.n_verified = self.n_sweeps = 0

    @property
    def worst(self) -> float:
        """Largest violation."""
        return float(on_host(self._size(self.residual, slice(None)).max()))

    def _size(self, residual: Any, rows: Any) -> Any:
        xp = self.xp
        if self.bounds is None:
            return xp.abs(residual)
        hi, lo = (side[rows] for side in self.bounds)
        return xp.maximum(xp.maximum(residual - hi, -residual - lo), 0)

    def _powers(self, residual: Any, rows: Any, p: int, scale: float) -> Any:
        """``(v / scale)^p`` of some rows, by squaring."""
        z = self._size(residual, rows) * (1 / scale)
        while p > 1:
            z = z * z
            p //= 2
        return z

    def steps(self) -> tuple[Any, Any]:
        """Distance to the next level up and to the next one down (negative); NaN where none is."""
        xp = self.xp
        own = self._every * (0 if self._gaps.shape[0] == 1 else self._gaps.shape[1])
        flat = self._gaps.ravel()
        up, down = flat.take(own + self.index + 1), -flat.take(own + self.index)
        if self._frozen is None:
            return up, down
        return xp.where(self._frozen, np.nan, up), xp.where(self._frozen, np.nan, down)

    def screen(
        self, p: int, scale: float, row: Any, prior: DevicePrior | None = None
    ) -> tuple[Any, Any, Any]:
        """Best change of the potential by one level of each column, its sign, and its step.

        `row` are the present powers of all rows. O(nnz log p).
        """
        xp = self.xp
        here, present = self.residual.take(self.A.rows), row.take(self.A.rows)
        priors = prior.changes(self.index) if prior else (0.0, 0.0)
        changes = []
        for step, of_prior in zip(self.steps(), priors, strict=True):
            # a missing level must not spoil the running total of all columns
            real = ~xp.isnan(step)
            moved = here + self._values * xp.where(real, step, 0).take(self._columns)
            powers = self._powers(moved, self.A.rows, p, scale)
            finite = xp.isfinite(powers)
            overflow = self.A.over_columns(xp.where(finite, 0, 1)) > 0
            change = self.A.over_columns(xp.where(finite, powers - present, 0))
            changes.append(xp.where(real & ~overflow, change + of_prior, np.inf))
        up, down = changes
        sign = xp.where(up <= down, 1, -1)
        return xp.minimum(up, down), sign, xp.where(sign > 0, *self.steps())

    def descend(
        self,
        p: int,
        scale: float,
        prior: DevicePrior | None = None,
        *,
        on_sweep: Callable[[float], bool] | None = None,
        max_sweeps: int = 1000,
    ) -> float:
        """Sweeps until no column improves; the potential that is left.

        `on_sweep` gets the potential after every sweep, and stops the descent by returning True.
        """
        share = FIRST_SHARE
        with np.errstate(over="ignore", invalid="ignore"):
            row = self._powers(self.residual, slice(None), p, scale)
            total = self._total(row, self.index, prior)
            for _ in range(max_sweeps):
                gain, sign, step = self.screen(p, scale, row, prior)
                improving = gain < -RELATIVE_GAIN * total
                improving &= gain <= GREED * gain.min()
                count = int(on_host(improving.sum()))
                self.n_sweeps += 1
                if not count:
                    break
                moved = self._together(
                    (p, scale, prior), gain, improving, count, sign, step, total, share
                )
                if moved is None:
                    break
                row, total, share = moved
                if (on_sweep is not None and on_sweep(total)) or perf_counter() >= self.deadline:
                    break
        return total

    def _together(
        self,
        potential: tuple[int, float, DevicePrior | None],
        gain: Any,
        improving: Any,
        count: int,
        sign: Any,
        step: Any,
        total: float,
        share: float,
    ) -> tuple[Any, float, float] | None:
        """Move a share of the improving columns that lowers the potential; None if none does."""
        xp, (p, scale, prior) = self.xp, potential
        key = xp.asarray(self._rng.random(gain.shape[0]))
        best = self._every == gain.argmin()
        while True:
            alone = count == 1 or share * count < 1
            chosen = best if alone else improving & (key < share) | best
            change = xp.where(chosen, step, 0).take(self._columns) * self._values
            residual = self.residual + self.A.over_rows(change)
            index = self.index + xp.where(chosen, sign, 0)
            row = self._powers(residual, slice(None), p, scale)
            after = self._total(row, index, prior)
            self.n_verified += 1
            promised = float(on_host(xp.where(chosen, gain, 0).sum()))
            if after < total + KEPT * promised:
                self.n_accepted += int(on_host(chosen.sum()))
                self.residual, self.index = residual, index
                return row, after, min(2 * share, 1.0)
            if alone:
                return None
            share /= 2

    def _total(self, row: Any, index: Any, prior: DevicePrior | None) -> float:
        total = float(on_host(row.sum()))
        return total if prior is None else total + float(on_host(prior.value(index)))
