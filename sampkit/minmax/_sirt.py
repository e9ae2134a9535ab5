"""Algebraic reconstruction with real values: SIRT and SART, the starts and baselines."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from ._system import check_system

Floats = npt.NDArray[np.float64]
Bounds = tuple[float, float]


def sirt(
    A: Any,
    b: npt.ArrayLike,
    n_iter: int = 300,
    bounds: Bounds | None = None,
    x0: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
) -> Floats:
    """Simultaneous iterative reconstruction: a weighted least-squares solution of ``A x = b``.

    Parameters
    ----------
    A : {sparse matrix, array-like} of shape (m, n)
        System matrix.
    b : array-like of shape (m,)
        Measurements.
    n_iter : int >= 0, default=300
        Number of steps ``x <- clip(x + C A' R (b - A x))``, with the inverse sums of the absolute
        values in every row (R) and column (C).
    bounds : (low, high), default=None
        Values are clipped to these after every step; None leaves them free.
    x0 : array-like of shape (n,), default=None
        Start; None starts from 0.
    mask : array-like of bool of shape (n,), default=None
        Variables that may move. The others keep the value of `x0`, and their share of the
        measurements is subtracted first.

    Returns
    -------
    x : ndarray of shape (n,), float64
        The last iterate.

    Raises
    ------
    ValueError
        Shapes that do not match, NaN or infinity, bounds that are not in order.

    Notes
    -----
    Two products with A a step, O(n_iter * nnz) in all.

    References
    ----------
    Gilbert: Iterative methods for the three-dimensional reconstruction of an object from
    projections, Journal of Theoretical Biology 36, 1972.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.minmax import sirt
    >>> sirt([[1.0, 1.0], [1.0, 0.0]], [3.0, 1.0], n_iter=100).round(6).tolist()
    [1.0, 2.0]
    """
    A, b = check_system(A, b)
    x = _start(x0, A.shape[1])
    n_iter, bounds = _check_n_iter(n_iter), _check_bounds(bounds)
    columns = sp.csc_array(A)
    if mask is None:
        return sirt_steps(columns, b, x, n_iter, bounds)
    free = np.asarray(mask)
    if free.shape != x.shape or free.dtype != bool:
        raise ValueError(
            f"mask must be boolean of shape {x.shape}, got {free.dtype} of shape {free.shape}."
        )
    return masked_sirt_steps(columns, b, x, n_iter, bounds, free)


def sart(
    A: Any,
    b: npt.ArrayLike,
    n_iter: int = 10,
    *,
    block_size: int,
    bounds: Bounds | None = None,
    x0: npt.ArrayLike | None = None,
) -> Floats:
    """Simultaneous algebraic reconstruction: a step of SIRT for each block of rows in turn.

    Parameters
    ----------
    A : {sparse matrix, array-like} of shape (m, n)
        System matrix.
    b : array-like of shape (m,)
        Measurements.
    n_iter : int >= 0, default=10
        Number of passes over all rows.
    block_size : int >= 1
        Rows of a block: the number of detectors, if every block is to be one direction.
    bounds : (low, high), default=None
        Values are clipped to these after every block; None leaves them free.
    x0 : array-like of shape (n,), default=None
        Start; None starts from 0.

    Returns
    -------
    x : ndarray of shape (n,), float64
        The last iterate.

    Raises
    ------
    ValueError
        Shapes that do not match, NaN or infinity, a parameter out of range.

    Notes
    -----
    O(n_iter * nnz). A pass comes closer than a step of SIRT and costs the same; with noise the
    iterates keep moving.

    References
    ----------
    Andersen, Kak: Simultaneous algebraic reconstruction technique (SART), Ultrasonic Imaging 6,
    1984.

    Examples
    --------
    >>> from sampkit.minmax import sart
    >>> sart([[1.0, 1.0], [1.0, 0.0]], [3.0, 1.0], n_iter=50, block_size=1).round(6).tolist()
    [1.0, 2.0]
    """
    A, b = check_system(A, b)
    if not isinstance(block_size, (int, np.integer)) or block_size < 1:
        raise ValueError(f"block_size must be an int >= 1, got {block_size!r}.")
    x = _start(x0, A.shape[1])
    n_iter, bounds = _check_n_iter(n_iter), _check_bounds(bounds)
    rows = sp.csr_array(A)
    cuts = range(0, rows.shape[0], int(block_size))
    blocks = [sp.csc_array(rows[k : k + block_size]) for k in cuts]
    parts = [b[k : k + block_size] for k in cuts]
    for _ in range(n_iter):
        for block, part in zip(blocks, parts, strict=True):
            x = sirt_steps(block, part, x, 1, bounds)
    return x


def sirt_steps(
    A: sp.csc_array,
    b: Floats,
    x: Floats,
    n_iter: int,
    bounds: Bounds | None,
    deadline: float = np.inf,
) -> Floats:
    """`n_iter` steps of SIRT from x, which is not changed; fewer if the deadline comes first."""
    size = abs(A)
    row_weight, column_weight = (_inverse(size.sum(axis=axis)) for axis in (1, 0))
    transposed = A.T.tocsr()  # a view: what is a column of A is a row of it
    x = x.copy()
    for _ in range(n_iter):
        if perf_counter() >= deadline:
            break
        x += column_weight * (transposed @ (row_weight * (b - A @ x)))
        if bounds is not None:
            np.clip(x, *bounds, out=x)
    return x


def masked_sirt_steps(
    A: sp.csc_array,
    b: Floats,
    x: Floats,
    n_iter: int,
    bounds: Bounds | None,
    free: npt.NDArray[np.bool_],
) -> Floats:
    """The same where only some variables move; weights are those of the system that is left."""
    moving = np.flatnonzero(free)
    fixed = np.where(free, 0.0, x)
    result = x.copy()
    result[moving] = sirt_steps(A[:, moving], b - A @ fixed, x[moving], n_iter, bounds)
    return result


def _inverse(sums: Floats) -> Floats:
    return np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0)


def _start(x0: npt.ArrayLike | None, n: int) -> Floats:
    if x0 is None:
        return np.zeros(n)
    x = np.array(x0, dtype=np.float64)
    if x.shape != (n,) or not np.isfinite(x).all():
        raise ValueError(f"x0 must be {n} finite numbers, got shape {x.shape}.")
    return x


def _check_n_iter(n_iter: Any) -> int:
    if not isinstance(n_iter, (int, np.integer)) or n_iter < 0:
        raise ValueError(f"n_iter must be an int >= 0, got {n_iter!r}.")
    return int(n_iter)


def _check_bounds(bounds: Bounds | None) -> Bounds | None:
    if bounds is None:
        return None
    low, high = bounds
    if not low <= high:
        raise ValueError(f"bounds must be (low, high) with low <= high, got {bounds!r}.")
    return float(low), float(high)
