"""The door of the uses: a matrix and its right-hand side, sparse or dense, checked once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils import check_array


def check_system(A: Any, b: npt.ArrayLike) -> tuple[Any, npt.NDArray[np.float64]]:
    """A (m, n) as a float64 csr_array and b (m,) as float64.

    Raises
    ------
    ValueError
        NaN or infinity, shapes that do not match, no rows or columns, complex numbers.
    """
    checked = check_array(A, accept_sparse="csr", dtype=np.float64, input_name="A")
    right = check_array(b, dtype=np.float64, ensure_2d=False, input_name="b")
    if right.shape != checked.shape[:1]:
        raise ValueError(
            f"b must have one value for each of the {checked.shape[0]} rows of A, got shape "
            f"{right.shape}."
        )
    return sp.csr_array(checked), right
