r"""Scores from one matrix product that bound distances with certainty.

With rows :math:`b` of X and a query :math:`a`, both relative to a common centre,

.. math:: |a - b|^2 = |a|^2 - 2 s, \qquad s = a \cdot b - |b|^2 / 2 .

Rounding the entries to a unit roundoff u and multiplying in any order errs by at most
:math:`\gamma (|a||b| + |b|^2)`, :math:`\gamma = (d+8)u / (1 - (d+8)u)` (Higham, "Accuracy and
Stability of Numerical Algorithms", section 3.1). Two more columns add this error to the product:

.. math:: [a,\ 1,\ \gamma|a|] \cdot [b,\ -\tfrac12 (1 - 2\gamma) |b|^2,\ |b|] \ \ge\ s ,

so a row whose score is below :math:`(|a|^2 - r^2)/2` is farther away than r. Spread over the
two sides this needs no pass of its own over the block of scores.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._array import namespace
from sampkit._chunks import CACHE_BYTES, WORK_BYTES, chunks, rows_per_chunk
from sampkit.neighbors._exact import UNIT, Floats

Matrix = npt.NDArray[Any]


def error_factor(d: int, dtype: Any) -> float:
    """Gamma above."""
    nu = (d + 8) * float(np.finfo(dtype).eps) / 2
    return nu / (1.0 - nu)


class Frame:
    """Centre and scale in which scores are computed.

    Parameters
    ----------
    centre : ndarray of shape (d,)
        Subtracted from every row; bounds are the tighter, the closer it is to the queries.
    reach : float
        Largest absolute coordinate after centring. A power of two brings it to at most 1, so
        that nothing overflows in float32.
    dtype : dtype
        float32 or float64, that of the product.
    """

    def __init__(self, centre: Floats, reach: float, dtype: Any):
        self.centre = centre
        self.scale = 2.0 ** -np.frexp(reach)[1] if reach > 0 else 1.0
        self.dtype = np.dtype(dtype)
        self.gamma = error_factor(len(centre), dtype)

    def _local(self, rows: Matrix) -> tuple[Matrix, Matrix]:
        xp = namespace(rows)
        local = xp.subtract(rows, xp.asarray(self.centre), dtype=np.float64)
        if self.scale != 1.0:
            local *= self.scale
        return local, xp.einsum("ij,ij->i", local, local)

    def data(self, rows: Matrix) -> Matrix:
        """The side of X (n, d + 2)."""
        xp = namespace(rows)
        n, d = rows.shape
        # products that underflow lose at most the smallest normal number each
        lost = (d + 8) * float(np.finfo(self.dtype).tiny)
        out = xp.empty((n, d + 2), dtype=self.dtype)
        budget = CACHE_BYTES if xp is np else WORK_BYTES
        for at in chunks(n, rows_per_chunk(8 * d, budget)):
            local, square = self._local(rows[at])
            out[at, :d] = local
            offset = ((self.gamma - 0.5) * square + lost).astype(self.dtype)
            out[at, d] = xp.nextafter(offset, xp.full_like(offset, np.inf))
            out[at, d + 1] = xp.sqrt(square) * (1.0 + self.gamma)
        return out

    def query(self, rows: Matrix) -> tuple[Matrix, Matrix]:
        """The side of the queries (q, d + 2), and their squared norms."""
        xp = namespace(rows)
        local, square = self._local(rows)
        d = local.shape[1]
        out = xp.empty((len(local), d + 2), dtype=self.dtype)
        out[:, :d] = local
        out[:, d] = 1.0
        out[:, d + 1] = xp.sqrt(square) * (self.gamma * (1.0 + self.gamma))
        return out, square

    def floor(self, square: Matrix, radius: Matrix) -> Matrix:
        """Scores below this belong to rows beyond `radius` (squared, in the units of X)."""
        xp = namespace(square)
        slack = 4 * (len(self.centre) + 8) * UNIT
        least = (square * (1.0 - slack) - radius * self.scale**2 * (1.0 + slack)) / 2
        least = least.astype(self.dtype)
        return xp.nextafter(least, xp.full_like(least, -np.inf))
