"""The best ratio of a compensation: exact where its loss is a polynomial, else by trying.

Both minimise the squared length of a vector that depends on one number, and know it by inner
products alone: with vectors at m ratios, the polynomial through them has a squared length of degree
2 m - 2 whose coefficients are made of the m x m products.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

__all__ = ["best_of_polynomial", "best_of_search"]

FloatArray = npt.NDArray[np.float64]
Bounds = tuple[float, float]
Products = Callable[[float], Any]

SECOND = 0.9  # tried after 1
INTERPOLATED = 4  # vectors at most
PATIENCE = 8  # interpolations before Brent's method has its turn
REACH = 4.0  # how far beyond the vectors' spread one is believed


def best_of_polynomial(
    ratios: FloatArray, products: FloatArray, bounds: Bounds
) -> tuple[float, float]:
    """The ratio at which a polynomial vector is shortest, and its squared length at 1.

    Parameters
    ----------
    ratios : ndarray of shape (m,)
        Where the vectors are known.
    products : ndarray of shape (m, m)
        Their inner products; the vector is a polynomial of degree m - 1 in the ratio.
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
    tried, lengths = _turns(ratios, products, bounds, (1.0,))
    return float(tried[np.argmin(lengths)]), float(lengths[0])


def best_of_search(products: Products, bounds: Bounds, tol: float, max_calls: int) -> float:
    """The best of the ratios tried: where the polynomial through a few vectors is shortest.

    A vector carries more than its length: three of them tell the minimum of a smooth loss about as
    well as Brent's method does after ten. Where that does not settle, Brent's method follows,
    between the neighbours of the best so far.

    Parameters
    ----------
    products : callable
        Of a ratio: inner products of the vector there with those of all earlier calls, in order,
        and last its own squared length; not finite where there is none.
    bounds : (float, float)
        Where the ratio may lie; 1 is allowed in any case, and taken unless another is better.
    tol : float
        Accuracy of the ratio.
    max_calls : int
        Of `products`.

    Returns
    -------
    float

    Raises
    ------
    RuntimeError
        No vector is finite.
    """
    ratios: list[float] = []
    table = np.full((max_calls, max_calls), np.inf)

    def tried(ratio: float) -> float:
        k = len(ratios)
        ratios.append(float(ratio))
        table[k, : k + 1] = table[: k + 1, k] = products(float(ratio))
        if not np.isfinite(table[k, k]):
            table[k, k] = np.inf
        return float(table[k, k])

    tried(1.0)
    following: float | None = _inside(SECOND, bounds)
    while following is not None and len(ratios) < min(PATIENCE, max_calls):
        tried(following)
        following = _proposal(np.array(ratios), table, bounds, tol)
    if following is not None and len(ratios) < max_calls:
        low, high = _neighbours(np.array(ratios), table, bounds)
        with np.errstate(all="ignore"):  # infinite lengths
            minimize_scalar(
                tried, bounds=(low, high), method="bounded",
                options={"xatol": tol, "maxiter": max_calls - len(ratios)},
            )  # fmt: skip
    lengths = table.diagonal()[: len(ratios)]
    best = int(np.argmin(lengths))
    if not np.isfinite(lengths[best]):
        raise RuntimeError("whatever the ratio, the states are not finite.")
    return ratios[best]


def _inside(ratio: float, bounds: Bounds) -> float:
    low, high = bounds
    return ratio if low <= ratio <= high else (low + high) / 2


def _proposal(ratios: FloatArray, table: FloatArray, bounds: Bounds, tol: float) -> float | None:
    """Where to look next; None once that is where the best one lies."""
    lengths = table.diagonal()[: len(ratios)]
    known = np.flatnonzero(np.isfinite(lengths))
    if len(known) < 2:
        return float(np.mean(bounds)) if len(ratios) == 2 else float(ratios[-1] / 2 + 0.5)
    best = known[np.argmin(lengths[known])]
    near = known[np.argsort(np.abs(ratios[known] - ratios[best]), kind="stable")[:INTERPOLATED]]
    reach = REACH * float(np.ptp(ratios[near]))
    low, high = max(bounds[0], ratios[best] - reach), min(bounds[1], ratios[best] + reach)
    if not low < high:  # 1 itself, far outside the bounds
        return None
    turns, found = _turns(ratios[near], table[np.ix_(near, near)], (low, high), ())
    following = float(turns[np.argmin(found)])
    return None if np.abs(ratios - following).min() <= tol else following


def _neighbours(ratios: FloatArray, table: FloatArray, bounds: Bounds) -> Bounds:
    """An interval around the best ratio, up to the ones tried beside it."""
    lengths = table.diagonal()[: len(ratios)]
    best = float(ratios[np.argmin(lengths)])
    inside = np.array([*ratios, *bounds])
    low, high = inside[inside < best], inside[inside > best]
    if not (np.isfinite(lengths).any() and bounds[0] < best < bounds[1]):
        return bounds
    return float(low.max()), float(high.min())


def _turns(
    ratios: FloatArray, products: FloatArray, bounds: Bounds, others: tuple[float, ...]
) -> tuple[FloatArray, FloatArray]:
    """Ends and stationary points, after some others, and the polynomial's squared length there."""
    middle, half = (bounds[0] + bounds[1]) / 2, (bounds[1] - bounds[0]) / 2
    m = len(ratios)
    places = np.vander((ratios - middle) / half, m, increasing=True)
    powers = np.linalg.solve(places, np.linalg.solve(places, products).T)  # of the vector's powers
    length = np.zeros(2 * m - 1)
    for i in range(m):
        length[i : i + m] += powers[i]
    slope = length[1:] * np.arange(1, 2 * m - 1)
    turns = np.roots(slope[::-1]).real.clip(-1, 1) if slope.any() else np.empty(0)
    tried = np.concatenate([(np.array(others) - middle) / half, [-1.0, 1.0], turns])
    lengths = np.polyval(length[::-1], tried)
    return np.concatenate([others, bounds, middle + half * turns]), lengths
