"""Samples as every distance takes them: rows of float64, whatever container they came in."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._array import on_host
from sampkit._library import root_module

FloatArray = npt.NDArray[np.float64]


def as_array(values: Any, name: str) -> npt.NDArray[Any]:
    """Numbers of an array, frame, sparse matrix or tensor, on the host, all finite."""
    if root_module(values) == "torch":
        values = values.detach().cpu()
        if str(values.dtype) == "torch.bfloat16":  # which NumPy does not know
            values = values.float()
        values = values.numpy()
    elif sp.issparse(values):
        values = values.toarray()
    array = on_host(values)
    if array.dtype.kind == "O":
        with suppress(TypeError, ValueError):  # said below, as of every dtype without real numbers
            array = array.astype(np.float64)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity.")
    return array


def as_samples(values: Any, name: str) -> FloatArray:
    """A sample of shape (n, d): one row a member, whatever the shape of one."""
    array = as_array(values, name)
    if array.ndim < 2:
        raise ValueError(
            f"{name} must be of shape (n, d) or (n, ...), one row for each member of the sample, "
            f"got shape {array.shape}."
        )
    if array.shape[0] < 2 or array.size == 0:
        raise ValueError(f"{name} must have at least 2 rows and 1 column, got shape {array.shape}.")
    return array.reshape(array.shape[0], -1).astype(np.float64, copy=False)


def sample_pair(A: Any, B: Any) -> tuple[FloatArray, FloatArray]:
    """Two samples in as many dimensions."""
    first, second = as_samples(A, "A"), as_samples(B, "B")
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            "A and B must have as many columns, got "
            f"{first.shape[1]} of A and {second.shape[1]} of B."
        )
    return first, second


def as_values(values: Any, name: str) -> FloatArray:
    """A sample of numbers, of shape (n,)."""
    array = as_array(values, name)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.shape[0] < 2:
        raise ValueError(
            f"{name} must be of shape (n,) with at least 2 numbers, got shape {array.shape}."
        )
    return array.astype(np.float64, copy=False)
