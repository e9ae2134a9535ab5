"""Two ways to the best ratio of a compensation: exact where its loss is a polynomial, else by trying."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from numpy.polynomial import Polynomial
from scipy.optimize import minimize_scalar

__all__ = ["best_of_polynomial", "best_of_search"]

FloatArray = npt.NDArray[np.float64]
Bounds = tuple[float, float]


def best_of_polynomial(nodes: FloatArray, products: FloatArray, bounds: Bounds) -> tuple[float, float]:
    """The ratio at which a polynomial vector is shortest, and its squared length at 1.

    Parameters
    ----------
    nodes : ndarray of shape (m,)
        Ratios.
    products : ndarray of shape (m, m)
        Inner products of the vectors there; each is a polynomial of degree m - 1 in the ratio.
    bounds : (float, float)
        Where the ratio may lie; 1 is allowed in any case, and taken unless another is better.

    Returns
    -------
    ratio, length_at_1 : float

    Raises
    ------
    RuntimeError
        Products that are not finite.
    """
    if not np.isfinite(products).all():
        raise RuntimeError("whatever the ratio, the states are not finite.")
    basis = []
    for k, node in enumerate(nodes):
        others = np.delete(nodes, k)
        line = Polynomial.fromroots(others, domain=bounds, window=(-1, 1))
        basis.append(line / float(np.prod(node - others)))
    length = sum(
        (products[k, j] * basis[k] * basis[j] for k in range(len(nodes)) for j in range(len(nodes))),
        Polynomial([0.0], domain=bounds, window=(-1, 1)),
    )
    slope = length.deriv()
    slope = slope.trim(1e-15 * float(np.abs(slope.coef).max(initial=0.0)))
    turns = slope.roots().real.clip(*bounds) if slope.degree() else np.empty(0)
    tried = np.array([1.0, *bounds, *turns])
    lengths = length(tried)
    return float(tried[np.argmin(lengths)]), float(lengths[0])


def best_of_search(
    loss: Callable[[float], float], bounds: Bounds, tol: float, max_calls: int
) -> float:
    """The ratio with the smallest loss of those that Brent's bounded search tries, and 1.

    Parameters
    ----------
    loss : callable
        Of a ratio; infinite where there is none.
    bounds : (float, float)
        Where the ratio may lie; 1 is allowed in any case, and taken unless another is better.
    tol : float
        Accuracy of the ratio.
    max_calls : int
        Of `loss`, >= 2.

    Returns
    -------
    float

    Raises
    ------
    RuntimeError
        All losses are infinite.
    """
    tried = {1.0: loss(1.0)}

    def remembered(ratio: float) -> float:
        value = float(ratio)
        tried[value] = loss(value)
        return tried[value]

    with np.errstate(all="ignore"):  # infinite losses
        minimize_scalar(
            remembered, bounds=bounds, method="bounded",
            options={"xatol": tol, "maxiter": max_calls - 1},
        )  # fmt: skip
    ratio = min(tried, key=lambda each: tried[each])
    if not np.isfinite(tried[ratio]):
        raise RuntimeError("whatever the ratio, the states are not finite.")
    return ratio
