"""Frequencies that are frequencies: projection, and maximum likelihood from counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.privacy._protocol import Floats
from sampkit.privacy._validation import check_integer, shown


def project_simplex(f: npt.ArrayLike) -> Floats:
    """Find the frequency vector nearest to a vector, in the Euclidean distance.

    Parameters
    ----------
    f : array-like of shape (k,)
        Finite numbers.

    Returns
    -------
    ndarray of shape (k,)
        Non-negative, with sum 1.

    Notes
    -----
    Sort, find the threshold, subtract it: O(k log k).

    References
    ----------
    Held, Wolfe and Crowder, "Validation of subgradient optimization", 1974.

    Examples
    --------
    >>> from sampkit.privacy import project_simplex
    >>> project_simplex([0.7, 0.5, -0.1])
    array([0.6, 0.4, 0. ])
    """
    v = np.asarray(f, dtype=np.float64)
    if v.ndim != 1 or v.size == 0 or not np.isfinite(v).all():
        raise ValueError(f"f must be a vector of finite numbers, got {shown(f)}.")
    falling = np.sort(v)[::-1]
    threshold = (np.cumsum(falling) - 1) / np.arange(1, v.size + 1)
    last = np.flatnonzero(falling > threshold)[-1]
    return np.maximum(v - threshold[last], 0)


def symmetric_channel_mle(counts: npt.ArrayLike, p: float, q: float) -> Floats:
    """Find the likeliest frequencies behind reports of a symmetric channel, in closed form.

    Parameters
    ----------
    counts : array-like of shape (k,)
        How often each category was reported; not all 0.
    p, q : float
        Probability of the true category, and of each other one; ``p > q``, both in [0, 1].

    Returns
    -------
    ndarray of shape (k,)
        Non-negative, with sum 1; the fixed point of the iterative Bayesian update.

    Notes
    -----
    The smallest counts get 0 as long as the others' solution would leave them negative:
    O(k log k).

    Examples
    --------
    >>> from sampkit.privacy import symmetric_channel_mle
    >>> symmetric_channel_mle([50, 30, 20], p=0.6, q=0.2).round(3)
    array([0.75, 0.25, 0.  ])
    """
    c = np.asarray(counts, dtype=np.float64)
    if c.ndim != 1 or not np.isfinite(c).all() or (c < 0).any() or not c.sum() > 0:
        raise ValueError(f"counts must be non-negative numbers, not all 0, got {shown(counts)}.")
    if not 0 <= q < p <= 1:
        raise ValueError(f"p and q must satisfy 0 <= q < p <= 1, got p={p!r}, q={q!r}.")
    share = c / c.sum()
    order = np.argsort(share, kind="stable")
    zeros, rest = 0, 1.0
    while zeros < c.size - 1 and q * rest >= (1 - zeros * q) * share[order[zeros]]:
        rest -= share[order[zeros]]
        zeros += 1
    frequencies = np.zeros(c.size)
    kept = order[zeros:]
    frequencies[kept] = ((1 - zeros * q) * share[kept] - rest * q) / (rest * (p - q))
    return frequencies / frequencies.sum()


def iterative_bayesian_update(
    channel: npt.ArrayLike,
    report_counts: npt.ArrayLike,
    n_iter: int = 10000,
    tol: float = 1e-12,
) -> Floats:
    """Find the likeliest frequencies behind a histogram of reports, by expectation-maximisation.

    Parameters
    ----------
    channel : array-like of shape (k, m)
        P(report | value); rows sum to 1.
    report_counts : array-like of shape (m,)
        How often each report occurred; not all 0.
    n_iter : int, default=10000
        Largest number of steps.
    tol : float, default=1e-12
        Stop when no frequency changes by more.

    Returns
    -------
    ndarray of shape (k,)
        Non-negative, with sum 1.

    Notes
    -----
    ``f <- f * (A (o / (A' f)))``: O(k m) per step.

    References
    ----------
    Agrawal and Aggarwal, "On the design and quantification of privacy preserving data mining
    algorithms", PODS 2001.

    Examples
    --------
    >>> from sampkit.privacy import iterative_bayesian_update
    >>> iterative_bayesian_update([[0.75, 0.25], [0.25, 0.75]], [60, 40]).round(6)
    array([0.7, 0.3])
    """
    A = np.asarray(channel, dtype=np.float64)
    o = np.asarray(report_counts, dtype=np.float64)
    if A.ndim != 2 or not np.isfinite(A).all() or (A < 0).any():
        raise ValueError(f"channel must be a matrix of probabilities, got shape {A.shape}.")
    if not np.allclose(A.sum(axis=1), 1, rtol=0, atol=1e-6):
        raise ValueError("channel must have rows that sum to 1.")
    if o.shape != (A.shape[1],) or not np.isfinite(o).all() or (o < 0).any() or not o.sum() > 0:
        raise ValueError(
            f"report_counts must be {A.shape[1]} non-negative numbers, not all 0, got "
            f"{shown(report_counts)}."
        )
    o = o / o.sum()
    seen = o > 0
    A, o = A[:, seen], o[seen]
    f: Any = np.full(len(A), 1 / len(A))
    for _ in range(check_integer("n_iter", n_iter, 1)):
        mixture = f @ A
        if not (mixture > 0).all():
            raise ValueError("report_counts has a report that the channel never produces.")
        better = f * (A @ (o / mixture))
        better /= better.sum()
        change = np.abs(better - f).max()
        f = better
        if change <= tol:
            break
    return f
