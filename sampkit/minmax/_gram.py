"""Rounding by the quadratic form of A: what is lost in one variable is made good in the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular

from sampkit.minmax._levels import Levels

Array = npt.NDArray[Any]

_BLOCK = 128  # columns whose updates of the rest are made together


def inverse_factor(H: Array) -> Array:
    """Upper U with U'U the inverse of H: a factorisation of H reversed, a triangular inverse."""
    lower = cholesky(H[::-1, ::-1], lower=True)
    inverse = solve_triangular(lower, np.eye(len(H)), lower=True)
    return np.ascontiguousarray(inverse[::-1, ::-1])


def successive_rounding(
    gram: Array,
    X: Array,
    levels: Levels,
    *,
    damp: float = 0.01,
    by_size: bool = True,
    frozen: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.int64]:
    """Round one variable after the other, each time moving the rest to make up for it (GPTQ).

    Equal to Babai's nearest plane on the lattice of the damped form.

    Parameters
    ----------
    gram : ndarray of shape (n, n)
        A'A.
    X : ndarray of shape (k, n)
        Real values, where the form is smallest.
    levels : Levels
    damp : float
        Share of the mean diagonal that is added to the diagonal.
    by_size : bool
        Begin with the variables of the largest diagonal instead of the first one.
    frozen : ndarray of bool of shape (k or 1, n), optional
        Variables that stay at their nearest level, without error to make up for.

    Returns
    -------
    ndarray of int64 of shape (k, n)
        Positions of the levels.

    Notes
    -----
    O(n^3 + k n^2). Frantar, Ashkboos, Hoefler, Alistarh: GPTQ, ICLR 2023, algorithm 1.
    """
    n = len(gram)
    diagonal = np.diag(gram)
    dead = diagonal <= 0
    order = np.argsort(-diagonal, kind="stable") if by_size else np.arange(n)
    H = gram[np.ix_(order, order)].astype(np.float64)
    H[np.arange(n), np.arange(n)] += np.where(dead[order], 1.0, 0.0) + damp * diagonal.mean()
    U = inverse_factor(H)
    W = X[:, order].astype(np.float64)
    index = np.empty(W.shape, dtype=np.int64)
    for start in range(0, n, _BLOCK):
        block = slice(start, min(start + _BLOCK, n))
        errors = np.empty((len(W), block.stop - start))
        for at in range(start, block.stop):
            j = int(order[at])
            own = levels.of_variable(j)
            index[:, at] = own.nearest(W[:, at : at + 1])[:, 0]
            error = (W[:, at] - own.value(index[:, at : at + 1])[:, 0]) / U[at, at]
            if frozen is not None:
                error = np.where(frozen[:, j], 0.0, error)
            errors[:, at - start] = error
            W[:, at : block.stop] -= error[:, None] * U[at, at : block.stop]
        W[:, block.stop :] -= errors @ U[block, block.stop :]
    out = np.empty_like(index)
    out[:, order] = index
    return out
