"""What the samplers read in y: numbers that are columns of the score matrix, or classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import type_of_target

from sampkit._array import on_host
from sampkit._door import labels_of
from sampkit._strategy import Target


def numeric_columns(y: Any) -> npt.NDArray[np.float64]:
    """The target as columns (n, k) of finite numbers."""
    if y is None:
        raise ValueError("target='Xy' needs y, got None.")
    values = y.toarray() if sp.issparse(y) else on_host(y)
    try:
        columns = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as reason:
        raise ValueError(
            f"target='Xy' needs numeric y, got dtype {np.asarray(values).dtype}."
        ) from reason
    columns = columns[:, None] if columns.ndim == 1 else columns
    if columns.ndim != 2 or not columns.shape[1]:
        raise ValueError(
            f"target='Xy' needs y of shape (n,) or (n, n_outputs), got {columns.shape}."
        )
    if not np.isfinite(columns).all():
        raise ValueError("target='Xy' needs finite y: Input y contains NaN or infinity.")
    return columns


def class_codes(y: Any) -> npt.NDArray[np.intp]:
    """Number of the class of every row."""
    if y is None:
        raise ValueError("stratify=True needs class labels y, got None.")
    values = on_host(y) if not hasattr(y, "to_list") else np.asarray(y)
    if getattr(values, "dtype", np.dtype(object)).kind == "f":
        assert_all_finite(values, input_name="y")
    kind = type_of_target(values)
    if kind.startswith("continuous"):
        raise ValueError(f"stratify=True needs class labels y, got {kind} numbers.")
    return Target.of(labels_of(y)).codes
