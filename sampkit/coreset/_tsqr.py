"""Triangular factors of tall matrices, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

Floats = npt.NDArray[Any]


def triangular_of(rows: Floats) -> Floats:
    """R (min(m, d), d) of the Householder QR factorisation of `rows` (m, d)."""
    if not len(rows):
        return np.zeros((0, rows.shape[1]), dtype=rows.dtype)
    (geqrf,) = lapack.get_lapack_funcs(("geqrf",), (rows,))
    packed, _, _, info = geqrf(rows)
    if info:
        raise ValueError(f"QR factorisation failed with LAPACK info {info}.")
    return np.triu(packed[: min(rows.shape)])


def stacked_triangular(
    pieces: Iterable[Floats], n_columns: int, start: Floats | None = None
) -> Floats:
    """R of all pieces on top of one another: ``R <- qr([R; piece])``."""
    R = np.zeros((0, n_columns)) if start is None else start
    for piece in pieces:
        R = triangular_of(np.concatenate([R, piece]) if len(R) else np.asarray(piece))
    return R
