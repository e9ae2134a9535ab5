"""What a residual of a row costs: two-sided, one-sided, with tolerances, up to a free intercept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sampkit._array import namespace


@dataclass(frozen=True)
class Rows:
    """Violation v = max(r - high, low - r) of rows with residual r; |r| where both bounds are None.

    With `free`, the column of a continuous intercept, r counts only up to a multiple of it:
    residuals are kept centred, `centred` gives those with the smallest maximum of |r - c free|.
    """

    low: Any = None  # (m,), -inf where only too large a residual hurts
    high: Any = None
    free: Any = None  # (m,), positive: the weights of the rows

    @property
    def plain(self) -> bool:
        """Whether the violation is |r|."""
        return self.low is None

    def violation(self, R: Any) -> Any:
        """V (..., m) of residuals (..., m)."""
        xp = namespace(R)
        return xp.abs(R) if self.plain else xp.maximum(R - self.high, self.low - R)

    def excess(self, R: Any) -> Any:
        """Signed part of the residuals (..., m) that hurts: its size is max(v, 0)."""
        if self.plain:
            return R
        xp = namespace(R)
        above, below = R - self.high, self.low - R
        return xp.where(above >= below, xp.maximum(above, 0), -xp.maximum(below, 0))

    def objective(self, R: Any) -> Any:
        """Max v over the last axis."""
        return self.violation(R).max(axis=-1)

    def at(self, rows: Any) -> Rows:
        """The costs of some rows."""
        parts = (self.low, self.high, self.free)
        return Rows(*(None if part is None else part[rows] for part in parts))

    def as_type(self, dtype: Any) -> Rows:
        """The same in another precision."""
        parts = (self.low, self.high, self.free)
        return Rows(*(None if part is None else part.astype(dtype) for part in parts))

    def scaled(self, by: float) -> Rows:
        """The costs of rows that are multiplied by a number."""
        low, high, free = (None if v is None else v * by for v in (self.low, self.high, self.free))
        return Rows(low, high, free)

    def shifted(self, by: float) -> Rows:
        """Costs v + `by`."""
        if by == 0:
            return self
        low, high = (0.0, 0.0) if self.plain else (self.low, self.high)
        return replace(self, low=low + by, high=high - by)

    def centred(self, R: Any) -> Any:
        """Residuals (..., m) minus the intercept that makes their maximum smallest."""
        return R if self.free is None else R - self.intercept(R)[..., None] * self.free

    def intercept(self, R: Any) -> Any:
        """The c (...) with the smallest max |r - c free|: two rows decide; by cutting planes."""
        xp, w = namespace(R), self.free
        points = R / w
        c = (points.max(axis=-1) + points.min(axis=-1)) / 2
        if bool((w == w[..., :1]).all()):
            return c
        for _ in range(64):
            # the worst row on either side of c, and the c at which the two are equally bad
            off = R - c[..., None] * w
            up, down = off.argmax(axis=-1)[..., None], off.argmin(axis=-1)[..., None]
            (ru, wu), (rd, wd) = (
                (xp.take_along_axis(R, at, axis=-1)[..., 0], w[at[..., 0]]) for at in (up, down)
            )
            moved = (ru + rd) / (wu + wd)
            if bool((xp.abs(moved - c) * w.max() <= 1e-15 * xp.abs(off).max(axis=-1)).all()):
                break
            c = moved
        return c
