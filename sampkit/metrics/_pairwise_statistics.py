"""Energy distance and maximum mean discrepancy: statistics of all pairwise distances."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from sampkit.metrics._median import median_of_pairs
from sampkit.metrics._pair_distances import FloatArray, sum_over_pairs
from sampkit.metrics._samples import sample_pair


def energy_distance(A: Any, B: Any, unbiased: bool = True) -> float:
    r"""Energy distance between two samples.

    .. math:: 2 E|a - b| - E|a - a'| - E|b - b'|

    Parameters
    ----------
    A, B : array-like, data frame or tensor of shape (n, d) or (n, ...)
        The samples, at least two rows each; the sizes may differ.
    unbiased : bool, default=True
        True leaves a row's distance to itself out of the means (U-statistic; can be below 0),
        False counts it (V-statistic; >= 0, and 0 only for equal samples).

    Returns
    -------
    float
        The distance, in the unit of the data.

    Raises
    ------
    ValueError
        Unequal numbers of columns, fewer than two rows, values that are not finite.

    Notes
    -----
    O((n + m)^2 d) time, in blocks of a few MB.

    References
    ----------
    Székely and Rizzo, "Energy statistics: a class of statistics based on distances", Journal of
    Statistical Planning and Inference 143 (2013), 1249-1272.

    Examples
    --------
    >>> from sampkit.metrics import energy_distance
    >>> A, B = [[0, 0], [1, 0], [0, 1]], [[2, 0], [0, 2]]
    >>> round(energy_distance(A, B, unbiased=False), 12)
    1.317784297655
    """
    cross, within_a, within_b = _three_means(A, B, np.sqrt, 0.0, unbiased)
    return 2 * cross - within_a - within_b


def mmd2(A: Any, B: Any, gamma: float | None = None, unbiased: bool = True) -> float:
    r"""Squared maximum mean discrepancy with the kernel :math:`\exp(-\gamma |a - b|^2)`.

    Parameters
    ----------
    A, B : array-like, data frame or tensor of shape (n, d) or (n, ...)
        The samples, at least two rows each; the sizes may differ.
    gamma : float or None, default=None
        Inverse squared width of the kernel, > 0, in one over the square of the data's unit. None:
        one over the median squared distance between the rows of both samples together.
    unbiased : bool, default=True
        True leaves a row's kernel with itself out of the means (U-statistic; can be below 0),
        False counts it (V-statistic; >= 0).

    Returns
    -------
    float
        The squared discrepancy.

    Raises
    ------
    ValueError
        Unequal numbers of columns, fewer than two rows, values that are not finite, gamma <= 0, or
        gamma None with more than half of all pairs at distance 0.

    Notes
    -----
    O((n + m)^2 d) time, in blocks of a few MB; the median is exact, in at most 64 MB more and, for
    samples of more than some 4000 rows together, two or three passes more.

    References
    ----------
    Gretton et al., "A kernel two-sample test", Journal of Machine Learning Research 13 (2012),
    723-773.

    Examples
    --------
    >>> from sampkit.metrics import mmd2
    >>> A, B = [[0, 0], [1, 0], [0, 1]], [[2, 0], [0, 2]]
    >>> round(mmd2(A, B, gamma=0.5), 12), round(mmd2(A, B, gamma=0.5, unbiased=False), 12)
    (-0.004004735294, 0.644510694084)
    """
    if gamma is None:
        median = median_of_pairs(np.concatenate(sample_pair(A, B)))
        if median <= 0:
            raise ValueError(
                "gamma=None needs a median squared distance > 0, got 0: more than half of all "
                "pairs of rows are equal. Give gamma."
            )
        gamma = 1 / median
    elif not isinstance(gamma, Real) or isinstance(gamma, bool) or not 0 < gamma < np.inf:
        raise ValueError(f"gamma must be a number > 0 or None, got {gamma!r}.")
    width = -float(gamma)

    def kernel(squares: FloatArray) -> FloatArray:
        squares *= width
        return np.exp(squares, out=squares)

    cross, within_a, within_b = _three_means(A, B, kernel, 1.0, unbiased)
    return within_a + within_b - 2 * cross


def _three_means(
    A: Any,
    B: Any,
    function: Callable[[FloatArray], FloatArray],
    at_zero: float,
    unbiased: bool,
) -> tuple[float, float, float]:
    """Means of a function of the squared distance: across, within A, within B.

    `at_zero` is its value for a row and itself, which only the V-statistic counts.
    """
    first, second = sample_pair(A, B)
    within = []
    for sample in (first, second):
        n, total = len(sample), sum_over_pairs(sample, None, function)
        within.append(total / (n * (n - 1)) if unbiased else (total + n * at_zero) / (n * n))
    cross = sum_over_pairs(first, second, function) / (len(first) * len(second))
    return cross, within[0], within[1]
