"""LLL reduction of a lattice basis, in floating point."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_EXACT = 2.0**53  # largest range in which float64 holds every whole number


def lll_reduce(
    B: Any, delta: float = 0.99
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Reduce a lattice basis (Lenstra, Lenstra, Lovász).

    Parameters
    ----------
    B : array-like of shape (d, n)
        Basis vectors as columns, linearly independent.
    delta : float in (0.25, 1), default=0.99
        How strictly the vectors are ordered by length; larger is shorter and slower.

    Returns
    -------
    B_reduced : ndarray of float64 of shape (d, n)
        ``B @ U``: columns that span the same lattice and are short and nearly orthogonal.
    U : ndarray of int64 of shape (n, n)
        Unimodular.

    Raises
    ------
    ValueError
        `B` is not a finite matrix with at least as many rows as columns, its columns are linearly
        dependent to working precision, `delta` is outside (0.25, 1), or the entries of `U` would
        not fit.

    Notes
    -----
    Schnorr and Euchner's floating-point form with deep size reduction; about
    O(n^3 log cond(B)) operations for the small n (at most some hundred) it is meant for.

    References
    ----------
    A. K. Lenstra, H. W. Lenstra, L. Lovász, Math. Ann. 261 (1982); C. P. Schnorr, M. Euchner,
    Math. Programming 66 (1994).

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.minmax import lll_reduce
    >>> reduced, U = lll_reduce([[1, 100], [0, 1]])
    >>> reduced
    array([[1., 0.],
           [0., 1.]])
    """
    basis = np.array(B, dtype=np.float64)
    if basis.ndim != 2 or basis.size == 0 or basis.shape[0] < basis.shape[1]:
        raise ValueError(f"B must be of shape (d, n) with d >= n >= 1, got {basis.shape}.")
    if not np.isfinite(basis).all():
        raise ValueError("B must be finite, got NaN or infinity.")
    if not 0.25 < delta < 1:
        raise ValueError(f"delta must be in (0.25, 1), got {delta}.")
    n = basis.shape[1]
    R: npt.NDArray[np.float64] = np.asarray(np.linalg.qr(basis, mode="r"))
    diagonal = np.abs(np.diag(R))
    if diagonal.min() <= 1e-15 * diagonal.max():
        raise ValueError("B must have linearly independent columns.")
    U = np.eye(n)  # whole numbers, as long as none passes 2^53
    k = 1
    while k < n:
        _size_reduce(R, U, k)
        if R[k, k] ** 2 >= (delta - (R[k - 1, k] / R[k - 1, k - 1]) ** 2) * R[k - 1, k - 1] ** 2:
            k += 1
            continue
        _swap(R, U, k)
        k = max(k - 1, 1)
    whole = U.astype(np.int64)
    return basis @ whole, whole


def _size_reduce(R: npt.NDArray[Any], U: npt.NDArray[Any], k: int) -> None:
    """Column k minus whole multiples of the columns before it."""
    for j in range(k - 1, -1, -1):
        times = np.rint(R[j, k] / R[j, j])
        if times:
            R[: j + 1, k] -= times * R[: j + 1, j]
            U[:, k] -= times * U[:, j]
    if np.abs(U[:, k]).max() >= _EXACT:
        raise ValueError("B is too ill conditioned: the transformation does not fit into 53 bits.")


def _swap(R: npt.NDArray[Any], U: npt.NDArray[Any], k: int) -> None:
    """Exchange columns k - 1 and k; a rotation makes R triangular again."""
    R[:, [k - 1, k]] = R[:, [k, k - 1]]
    U[:, [k - 1, k]] = U[:, [k, k - 1]]
    a, b = R[k - 1, k - 1], R[k, k - 1]
    size = np.hypot(a, b)
    rotation = np.array([[a, b], [-b, a]]) / size
    R[k - 1 : k + 1, k - 1 :] = rotation @ R[k - 1 : k + 1, k - 1 :]
    R[k, k - 1] = 0.0
