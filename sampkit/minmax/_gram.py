"""Rounding by the quadratic form of A: what is lost in one variable is made good in the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular

from sampkit._array import namespace
from sampkit._chunks import chunks, rows_per_chunk
from sampkit.minmax._levels import Levels
from sampkit.minmax._problem import COPY_BYTES

Array = npt.NDArray[Any]

_BLOCK = 128  # columns whose updates of the rest are made together


def gram_of(A: Any) -> Any:
    """A'A in float64, for an array of any namespace, without a copy of A in float64."""
    xp = namespace(A)
    m, n = A.shape
    gram = xp.zeros((n, n))
    for at in chunks(m, rows_per_chunk(8 * n, COPY_BYTES)):
        part = A[at].astype(np.float64, copy=False)
        gram += part.T @ part
    return gram


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
    exempt = None if frozen is None else np.broadcast_to(frozen, X.shape)
    return rounded_in_turn(inverse_factor(H), order, X, _nearest_of(levels), exempt)


def rounded_in_turn(
    U: Array,
    order: npt.NDArray[np.intp],
    X: Array,
    nearest: Callable[[Array, int], tuple[Array, Array]],
    exempt: npt.NDArray[np.bool_] | None = None,
) -> Array:
    """The loop of it: round, and move what comes later.

    Parameters
    ----------
    U : ndarray of shape (n, n)
        `inverse_factor` of the damped form, in the order of rounding.
    order : ndarray of shape (n,)
        Variables in that order.
    X : ndarray of shape (k, n)
        Real values.
    nearest : callable
        ``nearest(values, j)`` -> positions and values (k,) of the levels of variable j.
    exempt : ndarray of bool of shape (k, n), optional
        Entries without an error to make up for, rounded as they are.

    Returns
    -------
    ndarray of shape (k, n)
        Positions, in the dtype that `nearest` gives.
    """
    n = len(U)
    work = np.array(X.T[order], dtype=np.float64)  # row by row: one variable of all targets
    index = None
    for start in range(0, n, _BLOCK):
        block = slice(start, min(start + _BLOCK, n))
        errors = np.empty((block.stop - start, work.shape[1]))
        for at in range(start, block.stop):
            j = int(order[at])
            values = work[at]
            if exempt is not None:  # what others lost is not made good here
                values = np.where(exempt[:, j], X[:, j], values)
            position, value = nearest(values, j)
            if index is None:
                index = np.empty(X.shape[::-1], dtype=position.dtype)
            index[j] = position
            error = errors[at - start]
            np.subtract(values, value, out=error)
            error /= U[at, at]
            if exempt is not None:
                error[exempt[:, j]] = 0.0
            work[at + 1 : block.stop] -= U[at, at + 1 : block.stop, None] * error
        work[block.stop :] -= U[block, block.stop :].T @ errors
    assert index is not None
    return np.ascontiguousarray(index.T)


def _nearest_of(levels: Levels) -> Callable[[Array, int], tuple[Array, Array]]:
    """Rounding of one variable; evenly spaced levels need no comparison with each of them."""
    if levels.step is None:

        def compared(values: Array, j: int) -> tuple[Array, Array]:
            own = levels.of_variable(j)
            position = own.nearest(values[:, None])
            return position[:, 0], own.value(position)[:, 0]

        return compared
    low, last = levels.values[:, :, 0].T, (levels.counts - 1).T  # (n or 1, k or 1)
    step = levels.step.T
    width = np.where(step > 0, step, 1.0)

    def counted(values: Array, j: int) -> tuple[Array, Array]:
        j = j if len(low) > 1 else 0
        # of two that are equally near the lower one
        position = np.ceil((values - low[j]) / width[j] - 0.5)
        np.clip(position, 0, last[j if len(last) > 1 else 0], out=position)
        return position.astype(np.int64), low[j] + position * step[j if len(step) > 1 else 0]

    return counted
