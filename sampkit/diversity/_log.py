"""A natural logarithm with the same bits on every machine and in every engine.

NumPy's own differs in the last bit between processors, and from a compiled one. A last bit decides
who wins a tie, so the engines share this one: additions, multiplications and one division, each of
them rounded as IEEE 754 prescribes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

ROOT_HALF = 0.7071067811865476
LN2_HIGH = 6.93147180369123816490e-01  # its last 32 bits are zero: multiples are exact
LN2_LOW = 1.90821492927058770002e-10


def log_of_parts(f: Any, exponent: Any) -> Any:
    """log((1 + f) 2**exponent) for sqrt(1/2) - 1 <= f < sqrt(2) - 1, within one unit of last place.

    The minimax polynomial in s^2, s = f / (2 + f), is that of fdlibm's ``e_log``.
    """
    s = f / (f + 2.0)
    z = s * s
    r = z * 1.479819860511658591e-01 + 1.531383769920937332e-01
    r = z * r + 1.818357216161805012e-01
    r = z * r + 2.222219843214978396e-01
    r = z * r + 2.857142874366239149e-01
    r = z * r + 3.999999999940941908e-01
    r = z * r + 6.666666666666735130e-01
    half = f * f * 0.5
    low = s * (half + z * r) + exponent * LN2_LOW
    return exponent * LN2_HIGH - ((half - low) - f)


def log(x: Any) -> npt.NDArray[np.float64]:
    """Natural logarithm of positive numbers."""
    mantissa, exponent = np.frexp(np.asarray(x, dtype=np.float64))
    small = mantissa < ROOT_HALF
    f = np.where(small, 2.0 * mantissa, mantissa) - 1.0
    return np.asarray(log_of_parts(f, (exponent - small).astype(np.float64)))


class LogTable:
    """log t of whole numbers t, made as far as it is asked for; log 0 stands as 0."""

    def __init__(self) -> None:
        self._values = np.zeros(1)

    def upto(self, largest: int) -> npt.NDArray[np.float64]:
        """A table that holds `largest`, at least."""
        if largest >= len(self._values):
            numbers = np.arange(1, max(2 * largest, 1024) + 1)
            self._values = np.concatenate([np.zeros(1), log(numbers)])
        return self._values
