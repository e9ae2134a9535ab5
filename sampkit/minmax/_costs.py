"""What a move is judged by, as sums or maxima over rows, so that a few rows bound all of them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sampkit.minmax._rows import Rows

Array = npt.NDArray[Any]


class Cost(Protocol):
    """A function of the residuals that never falls when rows are added.

    `row` and `rows` add residuals of rows of `worst` to an accumulator; `bound` reads from it what
    the cost of all rows is at least; `exact` is the cost of all rows.
    """

    limit: float

    def start(self, shape: tuple[int, ...], dtype: Any) -> Array: ...

    def row(self, total: Array, M: Array, at: int) -> None: ...

    def rows(self, total: Array, M: Array, start: int, stop: int) -> Array: ...

    def bound(self, total: Array) -> Array: ...

    def exact(self, R: Array) -> Array: ...

    def direction(self, D: Array) -> Array | None: ...


class Largest:
    """The largest violation; `worst` are rows in descending order of it."""

    def __init__(self, r: Array, rows: Rows, worst: Array):
        self._rows, self._worst = rows, rows.at(worst)
        self.limit = float(rows.objective(r))
        self._sign = np.sign(rows.excess(r)[worst[0]] if rows.plain else _side(r, rows, worst[0]))

    def start(self, shape: tuple[int, ...], dtype: Any) -> Array:
        return np.full(shape, -np.inf, dtype=dtype)

    def row(self, total: Array, M: Array, at: int) -> None:
        if self._worst.plain:
            np.maximum(total, np.abs(M, out=M), out=total)
            return
        np.maximum(total, self._worst.low[at] - M, out=total)
        np.maximum(total, np.subtract(M, self._worst.high[at], out=M), out=total)

    def rows(self, total: Array, M: Array, start: int, stop: int) -> Array:
        of_these = self._worst.at(slice(start, stop))
        return np.maximum(total, of_these.violation(M).max(axis=1))

    def bound(self, total: Array) -> Array:
        return total

    def exact(self, R: Array) -> Array:
        return self._rows.objective(R)

    def direction(self, D: Array) -> Array | None:
        """Changes of the worst row: only moves whose sum here is negative can help."""
        return self._sign * D[0]


def _side(r: Array, rows: Rows, at: int) -> float:
    return 1.0 if r[at] - rows.high[at] >= rows.low[at] - r[at] else -1.0


class LargestCentred:
    """The largest |r - c w| under the best c: intervals of c, one a row, must have a common point.

    The accumulator holds max (r/w - t/w) and max (-r/w - t/w); if their sum is negative the
    intervals meet, and the cost is at least t + sum max(w) / 2.
    """

    def __init__(self, r: Array, rows: Rows, worst: Array):
        self._rows = rows
        self.limit = float(np.abs(r).max())
        w = rows.free[worst]
        self._inverse, self._radius = 1 / w, self.limit / w
        self._half = float(rows.free.max()) / 2
        self._up, self._down = int(r[worst].argmax()), int(r[worst].argmin())

    def start(self, shape: tuple[int, ...], dtype: Any) -> Array:
        return np.full((2, *shape), -np.inf, dtype=dtype)

    def row(self, total: Array, M: Array, at: int) -> None:
        M *= self._inverse[at]
        np.maximum(total[0], M - self._radius[at], out=total[0])
        np.maximum(total[1], -M - self._radius[at], out=total[1])

    def rows(self, total: Array, M: Array, start: int, stop: int) -> Array:
        M *= self._inverse[start:stop]
        radius = self._radius[start:stop]
        pair = np.stack([(M - radius).max(axis=1), (-M - radius).max(axis=1)])
        return np.maximum(total, pair)

    def bound(self, total: Array) -> Array:
        return self.limit + self._half * (total[0] + total[1])

    def exact(self, R: Array) -> Array:
        return np.abs(self._rows.centred(R)).max(axis=1)

    def direction(self, D: Array) -> Array | None:
        """Growth of the distance between the worst rows of both signs."""
        up, down = self._up, self._down
        return D[up] * self._inverse[up] - D[down] * self._inverse[down]


class PowerSum:
    """sum (excess / t)^p for an even p."""

    def __init__(self, r: Array, rows: Rows, worst: Array, p: int):
        self._rows, self._worst, self._p = rows, rows.at(worst), p
        self._scale = 1 / max(float(rows.objective(r)), np.finfo(np.float64).tiny)
        self.limit = float(self.exact(r[None])[0])

    def start(self, shape: tuple[int, ...], dtype: Any) -> Array:
        return np.zeros(shape, dtype=dtype)

    def row(self, total: Array, M: Array, at: int) -> None:
        if not self._worst.plain:
            M = self._worst.at(at).excess(M)
        total += self._power(M)

    def rows(self, total: Array, M: Array, start: int, stop: int) -> Array:
        return total + self._power(self._worst.at(slice(start, stop)).excess(M)).sum(axis=1)

    def _power(self, E: Array) -> Array:
        z = E * self._scale
        for _ in range(self._p.bit_length() - 1):
            z *= z
        return z

    def bound(self, total: Array) -> Array:
        return total

    def exact(self, R: Array) -> Array:
        return self._power(self._rows.excess(R)).sum(axis=1)

    def direction(self, D: Array) -> Array | None:
        return None
