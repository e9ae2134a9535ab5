"""Where to stop: sizes read off the path of distances."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from sampkit.diversity._arguments import check_choice, check_whole
from sampkit.diversity._entropy import Floats


def suggested_size(
    distance: Floats, method: str = "max", *, patience: int = 50, threshold: float = 0.0
) -> int:
    """A number of picks for a path of values that are to be small; 0 for an empty path.

    Parameters
    ----------
    distance : ndarray of shape (k,)
        After every pick.
    method : {"max", "knee", "patience"}
        The smallest value; the point farthest below the chord to it; or the first size from which
        on `patience` picks improve the best value by less than `threshold`.
    """
    rule = METHODS[check_choice("method", method, tuple(METHODS))]
    check_whole("patience", patience, 1)
    if len(distance) == 0:
        return 0
    return rule(distance, patience, threshold)


def check_tolerance(tol: Any) -> float:
    """A number >= 0."""
    if not isinstance(tol, Real) or isinstance(tol, bool) or not float(tol) >= 0:
        raise ValueError(f"tol must be a number >= 0, got {str(tol)[:80]}.")
    return float(tol)


def _smallest(distance: Floats, patience: int, threshold: float) -> int:
    return 1 + int(np.argmin(distance))


def _knee(distance: Floats, patience: int, threshold: float) -> int:
    last = _smallest(distance, patience, threshold)
    if last == 1:
        return 1
    share = (distance[0] - distance[:last]) / (distance[0] - distance[last - 1])
    return 1 + int(np.argmax(share - np.arange(last) / (last - 1)))


def _patience(distance: Floats, patience: int, threshold: float) -> int:
    best = np.minimum.accumulate(distance)
    gains = best[:-patience] - best[patience:]
    slow = np.flatnonzero(gains < threshold)
    return 1 + int(slow[0]) if len(slow) else len(distance)


METHODS: dict[str, Callable[[Floats, int, float], int]] = {
    "max": _smallest,
    "knee": _knee,
    "patience": _patience,
}
