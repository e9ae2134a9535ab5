"""NumPy or CuPy, decided by the input; validation that stays on the device."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt


def namespace(X: Any) -> ModuleType:
    """The module that computes on `X`: ``cupy`` for its arrays, ``numpy`` for everything else."""
    if type(X).__module__.split(".")[0] == "cupy":
        import cupy

        return cupy
    return np


def on_host(values: Any) -> npt.NDArray[Any]:
    """`values` as a NumPy array; CuPy arrays are copied from the device."""
    return np.asarray(values) if namespace(values) is np else values.get()


def validate_device(X: Any, *, name: str = "X") -> Any:
    """Check a CuPy matrix without bringing it to the host.

    Parameters
    ----------
    X : cupy.ndarray of shape (n, d)
        float32 and float64 are kept, integers and booleans become float64.
    name : str
        What the errors call it.

    Returns
    -------
    cupy.ndarray of shape (n, d)
        `X` itself if nothing had to change.

    Raises
    ------
    ValueError
        If `X` is not a matrix of real numbers, has no row or no column, or holds NaN or infinity.
    """
    xp = namespace(X)
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got {X.ndim}D array instead: {name} must be (n, d)")
    if min(X.shape) == 0:
        raise ValueError(f"Found array with 0 rows or columns: {name} has shape {X.shape}")
    if X.dtype.kind in "biu":
        return X.astype(xp.float64)
    if X.dtype.kind != "f":
        raise ValueError(f"{name} must hold real numbers, got dtype {X.dtype}")
    if X.dtype.itemsize < 4:
        X = X.astype(xp.float32)
    # one reduction decides in the ordinary case; only a sum that overflowed asks for the full test
    if not bool(xp.isfinite(X.sum())) and not bool(xp.isfinite(X).all()):
        what = "NaN" if bool(xp.isnan(X).any()) else "infinity"
        raise ValueError(f"Input {name} contains {what}")
    return X
