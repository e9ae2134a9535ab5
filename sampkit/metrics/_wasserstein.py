"""Wasserstein distances: exact on the line, and averaged over random lines in space."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sampkit._chunks import WORK_BYTES, rows_per_chunk
from sampkit._random_state import check_generator
from sampkit.metrics._samples import FloatArray, as_values, sample_pair


class Coupling(NamedTuple):
    """The optimal plan between two sorted samples: it depends on their sizes alone."""

    first: npt.NDArray[np.intp]  # place in the first sample
    second: npt.NDArray[np.intp]  # place in the second
    mass: FloatArray  # moved between them; sums to 1


def coupling(n: int, m: int) -> Coupling:
    """Merge the breaks i / n and j / m of two quantile functions, in whole numbers."""
    breaks = np.union1d(np.arange(n + 1, dtype=np.int64) * m, np.arange(m + 1, dtype=np.int64) * n)
    left = breaks[:-1]
    return Coupling(left // m, left // n, np.diff(breaks) / (n * m))


def _check_order(p: Any) -> float:
    if not isinstance(p, Real) or isinstance(p, bool) or not 1 <= float(p) < np.inf:
        raise ValueError(f"p must be a finite number >= 1, got {p!r}.")
    return float(p)


def wasserstein_1d(a: Any, b: Any, p: float = 1) -> float:
    r"""Wasserstein distance W_p between two samples of numbers, exactly.

    .. math:: W_p = \Bigl(\int_0^1 |F_a^{-1}(q) - F_b^{-1}(q)|^p \, dq\Bigr)^{1/p}

    Parameters
    ----------
    a, b : array-like of shape (n,) and (m,)
        The samples, at least two numbers each; the sizes may differ.
    p : float, default=1
        Order, 1 <= p < inf.

    Returns
    -------
    float
        The distance, >= 0, in the unit of the data (the p-th root is taken).

    Raises
    ------
    ValueError
        A sample is not one-dimensional, shorter than two or not finite; p out of range.

    Notes
    -----
    Sorting and one pass over the at most n + m - 1 pieces on which both quantile functions are
    constant: O((n + m) log(n + m)).

    References
    ----------
    Peyré and Cuturi, "Computational optimal transport", Foundations and Trends in Machine Learning
    11 (2019), section 2.6.

    Examples
    --------
    >>> from sampkit.metrics import wasserstein_1d
    >>> round(wasserstein_1d([0, 1], [0, 0, 3]), 12)  # 5/6
    0.833333333333
    """
    order = _check_order(p)
    first, second = np.sort(as_values(a, "a")), np.sort(as_values(b, "b"))
    return float(_powers(first[:, None], second[:, None], order)[0] ** (1 / order))


def _powers(first: FloatArray, second: FloatArray, p: float) -> FloatArray:
    """W_p^p of every column of two sorted samples."""
    if len(first) == len(second):
        gaps, mass = np.abs(first - second), None
    else:
        plan = coupling(len(first), len(second))
        gaps, mass = np.abs(first[plan.first] - second[plan.second]), plan.mass
    if p == 2:
        gaps *= gaps
    elif p != 1:
        gaps **= p
    return gaps.mean(axis=0) if mass is None else mass @ gaps


def sliced_wasserstein(
    A: Any, B: Any, n_projections: int = 200, p: float = 2, random_state: Any = None
) -> float:
    """Sliced Wasserstein distance: the mean over random directions, W_p along each.

    Parameters
    ----------
    A, B : array-like, data frame or tensor of shape (n, d) or (n, ...)
        The samples, at least two rows each; the sizes may differ.
    n_projections : int, default=200
        Directions drawn uniformly from the sphere, >= 1.
    p : float, default=2
        Order, 1 <= p < inf.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of the directions.

    Returns
    -------
    float
        The p-th root of the mean of W_p^p over the directions, >= 0, in the unit of the data.

    Raises
    ------
    ValueError
        Unequal numbers of columns, fewer than two rows, values that are not finite,
        `n_projections` or `p` out of range.

    Notes
    -----
    O(n_projections n (d + log n)) time; directions are drawn and used in chunks of bounded memory,
    and the result does not depend on how many fit into one.

    References
    ----------
    Bonneel, Rabin, Peyré and Pfister, "Sliced and Radon Wasserstein barycenters of measures",
    Journal of Mathematical Imaging and Vision 51 (2015), 22-45.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.metrics import sliced_wasserstein
    >>> A = np.random.default_rng(0).normal(size=(100, 3))
    >>> round(sliced_wasserstein(A, A[::-1], random_state=0), 12)
    0.0
    >>> sliced_wasserstein(A, A + 1, random_state=0) > 0.9
    True
    """
    order = _check_order(p)
    if (
        not isinstance(n_projections, Integral)
        or isinstance(n_projections, bool)
        or n_projections < 1
    ):
        raise ValueError(f"n_projections must be an int >= 1, got {n_projections!r}.")
    first, second = sample_pair(A, B)
    rng = check_generator(random_state)
    d = first.shape[1]
    step = rows_per_chunk(8 * (d + 3 * (len(first) + len(second))), WORK_BYTES)
    powers = []
    for start in range(0, int(n_projections), step):
        directions = rng.standard_normal((min(step, int(n_projections) - start), d))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        along = [np.sort(sample @ directions.T, axis=0) for sample in (first, second)]
        powers.append(_powers(along[0], along[1], order))
    return float(np.concatenate(powers).mean() ** (1 / order))
