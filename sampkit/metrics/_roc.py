"""Areas, convex hull and cost-optimal point of a set of ROC points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

_ULP = float(np.finfo(np.float64).eps)


class ROCHull(NamedTuple):
    """Upper convex hull of ROC points, from :func:`roc_convex_hull`.

    Parameters
    ----------
    fpr : ndarray of float64 of shape (n_hull,)
        False positive rates of the corners, ascending.
    tpr : ndarray of float64 of shape (n_hull,)
        True positive rates of the corners.
    indices : ndarray of int of shape (n_hull,)
        Position of every corner in the input; -1 for the added anchors (0, 0) and (1, 1).
    auc : float
        Area under the hull.

    Examples
    --------
    >>> from sampkit.metrics import roc_convex_hull
    >>> hull = roc_convex_hull([0.2, 0.6], [0.7, 0.6])
    >>> hull.indices.tolist(), round(hull.auc, 3)
    ([-1, 0, -1], 0.75)
    """

    fpr: FloatArray
    tpr: FloatArray
    indices: IntArray
    auc: float


def roc_convex_hull(fpr: npt.ArrayLike, tpr: npt.ArrayLike, *, anchor: bool = True) -> ROCHull:
    """Upper convex hull of ROC points: the only ones that are optimal for some cost.

    Parameters
    ----------
    fpr, tpr : array-like of shape (n_points,), in [0, 1]
        False and true positive rates, in any order.
    anchor : bool, default=True
        Add the trivial classifiers (0, 0), "never", and (1, 1), "always". Without them the hull
        runs from the smallest to the largest false positive rate given.

    Returns
    -------
    ROCHull
        Named tuple ``(fpr, tpr, indices, auc)``.

    Raises
    ------
    ValueError
        If the rates are not one-dimensional, of equal length, at least one, finite and in [0, 1].

    Notes
    -----
    Andrew's monotone chain: O(n log n) time, O(n) memory. Points on a straight edge between two
    others are left out; of equal points the first counts, the anchors last. "Straight" allows for
    the rounding of the given rates.

    References
    ----------
    Provost and Fawcett, "Robust classification for imprecise environments", Machine Learning 42
    (2001), 203-231.

    Examples
    --------
    >>> from sampkit.metrics import roc_convex_hull
    >>> hull = roc_convex_hull([0.1, 0.2, 0.3, 0.6, 0.5], [0.5, 0.6, 0.85, 0.8, 0.9])
    >>> hull.indices.tolist()
    [-1, 0, 2, 4, -1]
    >>> round(hull.auc, 4)
    0.81
    """
    x, y = _check_rates(fpr, tpr)
    index = np.arange(x.size)
    if anchor:
        x, y = np.append(x, (0.0, 1.0)), np.append(y, (0.0, 1.0))
        index = np.append(index, (-1, -1))
    else:
        # Lower points above the leftmost rate belong to the vertical side, not to the upper hull.
        leftmost = x == x.min()
        top = ~leftmost | (y == y[leftmost].max())
        x, y, index = x[top], y[top], index[top]
    order = np.lexsort((y, x))
    order = order[_may_be_corner(y[order])]
    corners = order[_upper_chain(x[order].tolist(), y[order].tolist())]
    x, y = x[corners], y[corners]
    return ROCHull(x, y, index[corners].astype(np.intp), float(np.trapezoid(y, x)))


def roc_auc_points(fpr: npt.ArrayLike, tpr: npt.ArrayLike, *, anchor: bool = True) -> float:
    """Area under the curve through ROC points, by the trapezoid rule.

    Parameters
    ----------
    fpr, tpr : array-like of shape (n_points,), in [0, 1]
        False and true positive rates, in any order; sorted by (fpr, tpr) here.
    anchor : bool, default=True
        Add (0, 0) as well as (1, 1), which is always added. Curves that begin at different false
        positive rates are comparable only with it.

    Returns
    -------
    float
        The area, in [0, 1].

    Raises
    ------
    ValueError
        If the rates are not one-dimensional, of equal length, at least one, finite and in [0, 1].

    Notes
    -----
    O(n log n) time.

    References
    ----------
    Chawla, Bowyer, Hall and Kegelmeyer, "SMOTE", JAIR 16 (2002), 321-357, section 5.2.

    Examples
    --------
    >>> from sampkit.metrics import roc_auc_points
    >>> auc = roc_auc_points([0.1, 0.2, 0.3, 0.6, 0.5], [0.5, 0.6, 0.85, 0.8, 0.9])
    >>> round(auc, 4)
    0.7725
    """
    x, y = _check_rates(fpr, tpr)
    ends = (0.0, 1.0) if anchor else (1.0,)
    x, y = np.append(x, ends), np.append(y, ends)
    order = np.lexsort((y, x))
    return float(np.trapezoid(y[order], x[order]))


def optimal_operating_point(
    fpr: npt.ArrayLike,
    tpr: npt.ArrayLike,
    *,
    prevalence: float,
    cost_fp: float = 1,
    cost_fn: float = 1,
) -> tuple[int, float]:
    """ROC point with the smallest expected cost per case.

    Parameters
    ----------
    fpr, tpr : array-like of shape (n_points,), in [0, 1]
        False and true positive rates, in any order.
    prevalence : float in [0, 1]
        Share of positives where the classifier will be used.
    cost_fp, cost_fn : float >= 0, default=1
        Cost of a false alarm and of a missed positive.

    Returns
    -------
    index : int
        Position in the input; -1 if a trivial classifier, (0, 0) or (1, 1), is best.
    cost : float
        ``prevalence * cost_fn * (1 - tpr) + (1 - prevalence) * cost_fp * fpr`` there.

    Raises
    ------
    ValueError
        If a rate, the prevalence or a cost is outside its range.

    Notes
    -----
    The minimum is over the anchored hull, O(n log n); of equally cheap corners the one with the
    lowest false positive rate is given.

    Examples
    --------
    >>> from sampkit.metrics import optimal_operating_point
    >>> fpr, tpr = [0.1, 0.2, 0.3, 0.6, 0.5], [0.5, 0.6, 0.85, 0.8, 0.9]
    >>> optimal_operating_point(fpr, tpr, prevalence=0.1)
    (-1, 0.1)
    >>> index, cost = optimal_operating_point(fpr, tpr, prevalence=0.1, cost_fn=20)
    >>> index, round(cost, 4)
    (2, 0.57)
    """
    best, hull, cost = cheapest_corner(fpr, tpr, prevalence, cost_fp, cost_fn)
    return int(hull.indices[best]), cost


def cheapest_corner(
    fpr: npt.ArrayLike, tpr: npt.ArrayLike, prevalence: float, cost_fp: float, cost_fn: float
) -> tuple[int, ROCHull, float]:
    """Corner of the anchored hull with the smallest expected cost, the hull, and that cost."""
    if not 0 <= prevalence <= 1:
        raise ValueError(f"prevalence must be in [0, 1], got {prevalence!r}.")
    for name, cost in (("cost_fp", cost_fp), ("cost_fn", cost_fn)):
        if not 0 <= cost < np.inf:
            raise ValueError(f"{name} must be a finite number >= 0, got {cost!r}.")
    hull = roc_convex_hull(fpr, tpr)
    expected = prevalence * cost_fn * (1 - hull.tpr) + (1 - prevalence) * cost_fp * hull.fpr
    best = int(np.argmin(expected))
    return best, hull, float(expected[best])


def _check_rates(fpr: npt.ArrayLike, tpr: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Both rates as float64 arrays, or a ValueError that names the one at fault."""
    rates = {"fpr": np.asarray(fpr, dtype=np.float64), "tpr": np.asarray(tpr, dtype=np.float64)}
    for name, rate in rates.items():
        if rate.ndim != 1 or rate.size == 0:
            raise ValueError(
                f"{name} must be one-dimensional with at least one value, got shape {rate.shape}."
            )
        outside = ~((rate >= 0) & (rate <= 1))
        if outside.any():
            at = int(np.argmax(outside))
            raise ValueError(f"{name} must be in [0, 1], got {rate[at]} at position {at}.")
    x, y = rates.values()
    if x.size != y.size:
        raise ValueError(f"fpr and tpr must have equal lengths, got {x.size} and {y.size}.")
    return x, y


def _may_be_corner(y: FloatArray) -> npt.NDArray[np.bool_]:
    """Which of points sorted by (x, y) top all to their left or reach all to their right.

    No other can be on the upper hull; what remains rises and then falls.
    """
    before = np.maximum.accumulate(np.append(-np.inf, y[:-1]))
    after = np.maximum.accumulate(y[::-1])[::-1]
    return (y > before) | (y >= after)


def _upper_chain(x: list[float], y: list[float]) -> list[int]:
    """Positions of the upper hull of points sorted by (x, y); of equal points the first stays."""
    chain: list[int] = []
    for c in range(len(x)):
        if chain and x[c] == x[chain[-1]] and y[c] == y[chain[-1]]:
            continue
        while len(chain) > 1 and not _turns_right(x, y, chain[-2], chain[-1], c):
            chain.pop()
        chain.append(c)
    return chain


def _turns_right(x: list[float], y: list[float], a: int, b: int, c: int) -> bool:
    """Whether the way over a, b, c turns right at b by more than the rounding of the rates."""
    dx, dy, ex, ey = x[b] - x[a], y[b] - y[a], x[c] - x[b], y[c] - y[b]
    width, height = dx + ex, abs(dy) + abs(ey)
    if not (width and height):
        return False
    # Scaled to a box of size 1, so that no product underflows.
    dx, ex, dy, ey = dx / width, ex / width, dy / height, ey / height
    slack = (dx * (y[b] + y[c]) + ex * (y[a] + y[b])) / height
    slack += (abs(ey) * (x[a] + x[b]) + abs(dy) * (x[b] + x[c])) / width
    return dx * ey - dy * ex < -_ULP * slack
