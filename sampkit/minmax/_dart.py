"""DART: the discrete algebraic reconstruction that the min-max method is measured against."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter

from ._sirt import masked_sirt_steps, sirt_steps

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

START_STEPS, ROUNDS, STEPS, FIXED, SIGMA = 200, 50, 20, 0.5, 1.0


def dart(
    A: sp.csc_array,
    b: Floats,
    levels: Floats,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    *,
    start: Floats | None = None,
    deadline: float = np.inf,
) -> Indices:
    """Level of every pixel by Batenburg and Sijbers 2011, section III.

    A continuous reconstruction is segmented; pixels at the border of a segment, and others with
    probability ``1 - FIXED``, stay free and are reconstructed again from what the fixed ones leave
    of the measurements, then smoothed; and again, `ROUNDS` times or until the deadline.
    """
    bounds = float(levels[0]), float(levels[-1])
    x = start
    if x is None:
        x = sirt_steps(A, b, np.zeros(A.shape[1]), START_STEPS, bounds, deadline)
    for k in range(ROUNDS):
        if perf_counter() >= deadline:
            break
        index = nearest_level(x, levels)
        free = boundary(index.reshape(shape)).ravel() | (rng.random(index.size) >= FIXED)
        x = masked_sirt_steps(A, b, np.where(free, x, levels[index]), STEPS, bounds, free)
        if k < ROUNDS - 1:
            smooth = gaussian_filter(x.reshape(shape), SIGMA).ravel()
            x = np.where(free, smooth, x)
    return nearest_level(x, levels)


def nearest_level(x: Floats, levels: Floats) -> Indices:
    """Segmentation by thresholds midway between the levels; ties go to the lower one."""
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, x, side="left").astype(np.int64)


def boundary(index: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Pixels with any neighbour, diagonal ones included, of another level."""
    return np.asarray(maximum_filter(index, 3) != minimum_filter(index, 3))
