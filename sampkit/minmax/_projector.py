"""Line integrals of a pixel picture: the matrix of a parallel-beam scanner."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp


def parallel_beam_matrix(
    size: int,
    n_angles: int,
    n_detectors: int,
    angles: npt.ArrayLike | None = None,
) -> sp.csr_array:
    """Projection matrix of parallel rays through a square picture, by Joseph's rule.

    Row ``angle * n_detectors + d`` holds the weights of the ray ``x cos(a) + y sin(a) = u_d`` with
    the offset ``u_d = d - (n_detectors - 1) / 2``; pixels are unit squares, row 0 of the picture is
    on top, the origin is its centre.

    Parameters
    ----------
    size : int >= 1
        Pixels along a side of the picture.
    n_angles : int >= 1
        Number of directions.
    n_detectors : int >= 1
        Number of rays in every direction, at distances of one pixel.
    angles : array-like of shape (n_angles,), default=None
        Directions in radians; None spreads them over half a turn, ``linspace(0, pi, n_angles,
        endpoint=False)``.

    Returns
    -------
    A : csr_array of shape (n_angles * n_detectors, size * size), float64
        ``A @ picture.ravel()`` is the sinogram.

    Raises
    ------
    ValueError
        If a number is out of range, or there are not ``n_angles`` finite angles.

    See Also
    --------
    reconstruct_discrete : From a sinogram back to the picture.

    Notes
    -----
    A ray steps along the axis to which it is closer and interpolates between the two pixels beside
    it (Joseph 1982), weighted by its path from one line of pixels to the next. O(n_angles *
    n_detectors * size) time and memory.

    References
    ----------
    Joseph: An improved algorithm for reprojecting rays through pixel images, IEEE Transactions on
    Medical Imaging 1(3), 1982.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.minmax import parallel_beam_matrix
    >>> A = parallel_beam_matrix(4, n_angles=2, n_detectors=4)
    >>> (A @ np.arange(16.0)).reshape(2, 4).tolist()  # sums of columns; of rows, from below
    [[24.0, 28.0, 32.0, 36.0], [54.0, 38.0, 22.0, 6.0]]
    """
    for name, value in (("size", size), ("n_angles", n_angles), ("n_detectors", n_detectors)):
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{name} must be an int >= 1, got {value!r}.")
    if angles is None:
        angles = np.linspace(0, np.pi, n_angles, endpoint=False)
    angles = np.asarray(angles, dtype=np.float64)
    if angles.shape != (n_angles,) or not np.isfinite(angles).all():
        raise ValueError(
            f"angles must be {n_angles} finite numbers (n_angles), got shape {angles.shape}."
        )
    columns, weights, lengths = [], [], []
    for angle in angles:
        column, weight, inside = _one_direction(int(size), int(n_detectors), float(angle))
        columns.append(column[inside])
        weights.append(weight[inside])
        lengths.append(np.count_nonzero(inside.reshape(n_detectors, -1), axis=1))
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    parts: Any = (np.concatenate(weights), np.concatenate(columns).astype(np.int32), indptr)
    A = sp.csr_array(parts, shape=(n_angles * n_detectors, size * size))
    A.sort_indices()
    return A


def _one_direction(
    size: int, n_detectors: int, angle: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Pixel, weight and whether it counts, of every ray and step: (n_detectors, size, 2) each."""
    cos, sin = np.cos(angle), np.sin(angle)
    cos, sin = (0.0 if abs(value) < 1e-15 else value for value in (cos, sin))
    middle, step = (size - 1) / 2, np.arange(size)
    offset = (np.arange(n_detectors) - (n_detectors - 1) / 2)[:, None]
    along_rows = abs(cos) >= abs(sin)
    if along_rows:
        position = (offset - (middle - step) * sin) / cos + middle
        path = 1 / abs(cos)
    else:
        position = middle - (offset - (step - middle) * cos) / sin
        path = 1 / abs(sin)
    before = np.floor(position)
    share = position - before
    beside = before.astype(np.int64)[..., None] + np.array([0, 1])
    weight = path * np.stack([1 - share, share], axis=-1)
    pixel = step[:, None] * size + beside if along_rows else beside * size + step[:, None]
    return pixel, weight, (beside >= 0) & (beside < size) & (weight > 0)
