"""Which row is nearest, or farthest, in float64, with most of the arithmetic in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]


class ScreenedRows:
    """Rows moved to their mean and scaled, with fast products and a bound of what these lose.

    Neither changes which of several distances is the smallest. A product in float32 reads half the
    bytes; where its error leaves more than one row in question, the caller computes those few anew
    with `data`. Rows that are float32 already are used as they are, and lose nothing by it.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Finite, float32 or float64.
    """

    def __init__(self, X: Floats) -> None:
        centre = X.mean(axis=0, dtype=np.float64)
        self.data: Floats = X - centre.astype(X.dtype)
        # a power of two, so that scaling is exact; float32 neither over- nor underflows then
        self.data *= 0.5 ** np.frexp(np.abs(self.data).max())[1]
        self.squares: Floats = np.einsum("ij,ij->i", self.data, self.data)
        d, exact = X.shape[1], X.dtype == np.float32
        self._low = self.data.astype(np.float32, copy=False)
        # |fl(x . t) - x . t| <= (d + 2) u |x| |t|, u = 2^-24, rounding x and t included
        unit = 0.0 if exact else (d + 4) * 2.0**-24
        self._loss: Floats = unit * np.sqrt(self.squares) + (0.0 if exact else d * 2.0**-140)

    def products(self, target: Floats) -> tuple[Floats, Floats]:
        """``data @ target`` and the largest error of each."""
        length = float(np.sqrt(target @ target))
        products = self._low @ target.astype(np.float32)
        return products.astype(self.data.dtype, copy=False), self._loss * length

    def nearest(self, target: Floats, excluded: Floats) -> int:
        """The row nearest to a point, the lowest of equal ones; `excluded` rows do not count."""
        products, error = self.products(target)
        distance = self.squares - 2 * products
        distance[excluded] = np.inf
        rows = np.flatnonzero(distance - 2 * error <= np.min(distance + 2 * error))
        if rows.size > 1 and error.any():
            exact = self.squares[rows] - 2 * (self.data[rows] @ target)
            return int(rows[np.argmin(exact)])
        return int(rows[0])


class FarthestRows:
    """Squared distance of every row to the nearest of some picks, and which one is largest."""

    def __init__(self, rows: ScreenedRows) -> None:
        n = rows.data.shape[0]
        self.rows, self.picks = rows, np.empty(0, dtype=np.intp)
        self._nearest = np.full(n, np.inf, dtype=rows.data.dtype)
        self._error = np.zeros(n, dtype=rows.data.dtype)

    def add(self, pick: int) -> None:
        """Count a row among the picks."""
        rows = self.rows
        products, error = rows.products(rows.data[pick])
        distance = rows.squares + rows.squares[pick] - 2 * products
        np.minimum(self._nearest, distance, out=self._nearest)
        np.maximum(self._error, 2 * error, out=self._error)
        self.picks = np.append(self.picks, pick)
        self._nearest[pick] = -np.inf

    def farthest(self) -> int:
        """The row farthest from its nearest pick, the lowest of equal ones."""
        low = self._nearest - self._error
        rows = np.flatnonzero(self._nearest + self._error >= low.max())
        if rows.size > 1 and self._error.any():
            return int(rows[np.argmax(self._exact(rows))])
        return int(rows[0])

    def _exact(self, rows: Floats) -> Floats:
        """Distances in question, once more in full precision."""
        data, squares = self.rows.data, self.rows.squares
        products = data[rows] @ data[self.picks].T
        distance = squares[rows][:, None] + squares[self.picks] - 2 * products
        return distance.min(axis=1)
