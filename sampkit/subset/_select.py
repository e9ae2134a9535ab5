"""Row numbers of a fixed subset: at random, by distances, by scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.base import check_generator
from sampkit.subset._arguments import count_of, row_numbers, shown
from sampkit.subset._screen import FarthestRows, ScreenedRows

Rows = npt.NDArray[np.intp]


def random_subset(n: int, k: int, random_state: Any = None) -> Rows:
    """One uniform random subset: the static baseline.

    Parameters
    ----------
    n : int >= 1
        Rows.
    k : int in [1, n]
        Rows to select.
    random_state : None, int, SeedSequence, Generator or RandomState, default=None
        Seed.

    Returns
    -------
    ndarray of shape (k,)
        Distinct row numbers in random order.

    Raises
    ------
    ValueError
        k outside [1, n].

    Examples
    --------
    >>> from sampkit.subset.prune import random_subset
    >>> random_subset(100, 3, random_state=0).shape
    (3,)
    """
    n = count_of(n, "n")
    return check_generator(random_state).choice(n, selection_size(k, n), replace=False)


def herding(X: npt.ArrayLike, k: int) -> Rows:
    """Rows whose running mean follows the mean of all: greedy mean matching.

    Step i picks the row nearest to (i + 1) mu - (sum of the rows picked), i = 0, 1, ...

    Parameters
    ----------
    X : array-like of shape (n, d)
        Features, usually of a network's last layer; float32 stays float32.
    k : int in [1, n]
        Rows to select.

    Returns
    -------
    ndarray of shape (k,)
        Row numbers in the order picked; ties go to the lowest.

    Raises
    ------
    ValueError
        k outside [1, n], X not a finite matrix.

    Notes
    -----
    One matrix-vector product a pick, O(n d k) time, in float32, with the few rows that its error
    leaves in question computed anew in float64; two copies of X in memory, one of them float32. The
    library DeepCore, and with it the repository of the RS2 paper, takes the *farthest* row instead;
    that is not herding.

    References
    ----------
    .. [1] M. Welling, "Herding dynamical weights to learn", ICML 2009.

    Examples
    --------
    >>> from sampkit.subset.prune import herding
    >>> herding([[0.0], [1.0], [2.0], [3.0], [10.0]], k=3)
    array([3, 2, 1])
    """
    data = _matrix(X)
    k = selection_size(k, data.shape[0])
    rows = ScreenedRows(data)
    # of the rows moved to their mean, (i + 1) mu is what rounding has left of it
    mean = rows.data.mean(axis=0, dtype=np.float64)
    picked, total = np.empty(k, dtype=np.intp), np.zeros_like(mean)
    for i in range(k):
        target = ((i + 1) * mean - total).astype(data.dtype)
        picked[i] = rows.nearest(target, picked[:i])
        total += rows.data[picked[i]]
    return picked


def k_center_greedy(
    X: npt.ArrayLike, k: int, initial: npt.ArrayLike | None = None, random_state: Any = None
) -> Rows:
    """Rows that cover the others: each is the farthest from all that were picked before.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Features; float32 stays float32.
    k : int >= 1
        Rows to select; at most the number of rows that are not in `initial`.
    initial : array-like of int, default=None
        Rows that count as picked already; they are not returned. None: the first pick is random.
    random_state : None, int, SeedSequence, Generator or RandomState, default=None
        Seed of the first pick.

    Returns
    -------
    ndarray of shape (k,)
        Row numbers in the order picked; ties go to the lowest.

    Raises
    ------
    ValueError
        k or `initial` out of range, X not a finite matrix.

    Notes
    -----
    One matrix-vector product a pick, O(n d k) time, in float32, with the few rows that its error
    leaves in question computed anew in float64; two copies of X in memory, one of them float32. The
    largest distance to the nearest pick is at most twice that of the best k rows.

    References
    ----------
    .. [1] T. F. Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical
       Computer Science 38 (1985).
    .. [2] O. Sener, S. Savarese, "Active learning for convolutional neural networks: a core-set
       approach", ICLR 2018.

    Examples
    --------
    >>> from sampkit.subset.prune import k_center_greedy
    >>> k_center_greedy([[0.0], [1.0], [2.0], [3.0], [10.0]], k=2, initial=[0])
    array([4, 3])
    """
    data = _matrix(X)
    n = data.shape[0]
    start = row_numbers([] if initial is None else initial, n, "initial")
    k = selection_size(k, n - start.size)
    cover = FarthestRows(ScreenedRows(data))
    for row in start.tolist():
        cover.add(row)
    picked = np.empty(k, dtype=np.intp)
    for i in range(k):
        first = i == 0 and not start.size
        at = int(check_generator(random_state).integers(n)) if first else cover.farthest()
        picked[i] = at
        cover.add(at)
    return picked


def select_top(scores: npt.ArrayLike, k: int, y: npt.ArrayLike | None = None) -> Rows:
    """Rows of the largest scores, of all or in each class.

    Parameters
    ----------
    scores : array-like of shape (n,)
        Scores; infinite ones are allowed.
    k : int in [1, n]
        Rows to select.
    y : array-like of shape (n,), default=None
        Class labels: each class gets its share of k, whole rows by largest remainder.

    Returns
    -------
    ndarray of shape (k,)
        Row numbers by falling score; ties go to the lowest.

    Raises
    ------
    ValueError
        k out of range, NaN scores, lengths that differ.

    Examples
    --------
    >>> from sampkit.subset.prune import select_top
    >>> select_top([0.1, 0.9, 0.8, 0.2], 2)
    array([1, 2])
    >>> select_top([0.1, 0.9, 0.8, 0.2], 2, y=["a", "b", "b", "a"])
    array([1, 3])
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or np.isnan(values).any():
        raise ValueError(f"scores must be one-dimensional, without NaN, got {shown(scores)}.")
    k = selection_size(k, values.size)
    order = np.argsort(-values, kind="stable")
    if y is None:
        return order[:k]
    labels = np.asarray(y)
    if labels.shape != values.shape:
        raise ValueError(f"y must have the shape of scores, {values.shape}, got {labels.shape}.")
    _, codes, sizes = np.unique(labels[order], return_inverse=True, return_counts=True)
    quota, rest = np.divmod(k * sizes, values.size)
    quota[np.argsort(-rest, kind="stable")[: k - int(quota.sum())]] += 1
    by_class = np.argsort(codes, kind="stable")
    rank = np.empty_like(by_class)
    rank[by_class] = np.arange(values.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return order[rank < quota[codes]]


def _matrix(X: npt.ArrayLike) -> npt.NDArray[Any]:
    """A finite float matrix."""
    data = np.asarray(X)
    if data.dtype not in (np.float32, np.float64):
        data = data.astype(np.float64)
    if data.ndim != 2 or not data.size or not np.isfinite(data).all():
        raise ValueError(f"X must be a finite matrix (n, d), got shape {data.shape}.")
    return data


def selection_size(k: Any, n: int) -> int:
    size = count_of(k, "k")
    if size > n:
        raise ValueError(f"k must be an int in [1, {n}], got {size}.")
    return size
