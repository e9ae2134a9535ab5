"""Objects of a few materials, to be looked at through projections."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.base import check_generator


def make_ellipse_phantom(
    size: int = 64, n_levels: int = 2, seed: Any = 0, n_ellipses: int = 12
) -> npt.NDArray[np.int64]:
    """Square picture of overlapping ellipses, each of one of a few materials.

    Parameters
    ----------
    size : int >= 1, default=64
        Pixels along a side; the pixels' centres lie in [-1, 1].
    n_levels : int >= 1, default=2
        Number of materials; 0 is the ground, and later ellipses cover earlier ones.
    seed : None, int, SeedSequence, Generator or RandomState, default=0
        Source of the ellipses' centres (within .6 of the middle), half axes (.08 to .35), angles
        and materials.
    n_ellipses : int >= 0, default=12
        Number of ellipses.

    Returns
    -------
    index : ndarray of shape (size, size), int64
        Material 0 to ``n_levels - 1`` of every pixel: ``levels[index]`` is the picture.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Notes
    -----
    O(n_ellipses * size^2) time.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.datasets import make_ellipse_phantom
    >>> index = make_ellipse_phantom(64, n_levels=4, seed=1)
    >>> np.linspace(0, 255, 4)[index].mean().round(2)
    np.float64(49.1)
    """
    for name, value, least in (("size", size, 1), ("n_levels", n_levels, 1),
                               ("n_ellipses", n_ellipses, 0)):  # fmt: skip
        if not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"{name} must be an int >= {least}, got {value!r}.")
    rng = check_generator(seed)
    grid = (np.arange(size) + 0.5) * 2 / size - 1
    x, y = np.meshgrid(grid, grid)
    index = np.zeros((size, size), dtype=np.int64)
    for _ in range(n_ellipses):
        centre_x, centre_y = rng.uniform(-0.6, 0.6, 2)
        a, b = rng.uniform(0.08, 0.35, 2)
        angle = rng.uniform(0, np.pi)
        level = rng.integers(0, n_levels)
        u = (x - centre_x) * np.cos(angle) + (y - centre_y) * np.sin(angle)
        v = -(x - centre_x) * np.sin(angle) + (y - centre_y) * np.cos(angle)
        index[(u / a) ** 2 + (v / b) ** 2 <= 1] = level
    return index
