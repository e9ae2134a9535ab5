"""Rows split into equal copies: every lp norm stays, every sensitivity falls."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]


def split_counts(scores: Vector) -> Vector:
    """Copies ``max(1, ⌈s n / Σs⌉)`` of every row that leave no score above the average."""
    total = scores.sum()
    if total <= 0:
        return np.ones(len(scores))
    return np.maximum(np.ceil(scores * (len(scores) / total)), 1.0)


def split_rows(X: npt.NDArray[Any], counts: npt.NDArray[Any], p: float) -> npt.NDArray[Any]:
    """``counts[i]`` copies of row i times ``counts[i]^(-1/p)``, in the place of row i."""
    scaled = X / np.asarray(counts, dtype=np.float64)[:, None] ** (1.0 / p)
    return np.repeat(scaled, np.asarray(counts, dtype=np.intp), axis=0)
