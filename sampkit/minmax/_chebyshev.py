"""Real-valued start and bound: the Chebyshev fit within a box."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sampkit.minmax._relaxation import Box, linear_programme

Floats = npt.NDArray[np.float64]


def chebyshev_fit(A: Floats, b: Floats, low: float, high: float) -> tuple[Floats, float]:
    """The x in the box with the smallest ``max |A x - b|``, and a lower bound of that maximum."""
    m, n = A.shape
    zero = np.zeros(m)
    box = Box(A, b, np.full(n, low), np.full(n, high), zero, zero, None)
    x, bound = linear_programme(box)
    return x, max(bound, 0.0)
