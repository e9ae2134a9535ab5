"""Powers of sizes, without the slow general function where the exponent allows it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["powered"]

Vector = npt.NDArray[np.float64]
MOST_FACTORS = 12  # above, repeated squaring gains nothing


def powered(size: Vector, exponent: float) -> Vector:
    """``size ** exponent`` as a new array, size >= 0; 0 ** 0 is 0, as the slope of |x| at 0 is."""
    if exponent == 0:
        return (size > 0).astype(np.float64)
    whole = int(2 * exponent) // 2 if exponent > 0 else -(int(-2 * exponent) // 2)
    half = exponent - whole
    if abs(half) not in (0.0, 0.5) or abs(whole) > MOST_FACTORS:
        return np.asarray(size**exponent)
    out = np.sqrt(size) if half else np.ones_like(size)
    square = size
    left = abs(whole)
    while left:
        if left & 1:
            out = out * square
        left >>= 1
        if left:
            square = square * square
    return np.asarray(out if exponent > 0 else 1.0 / out)
