"""Selections of a fixed subset, the baselines that RS2 is measured against.

Plain arrays in, row numbers or one score a row out. None of them beats a fresh random subset every
round where the budget is small; they are here so that everyone can check.

Not here, because they cost more than the training they save: GLISTER, CRAIG, GradMatch, CAL,
DeepFool, contextual diversity. For facility location and graph cut see the package apricot.

References
----------
.. [1] P. Okanovic et al., "Repeated random sampling for minimizing the time-to-accuracy of
   learning", ICLR 2024, arXiv:2305.18424.
.. [2] C. Guo, B. Zhao, Y. Bai, "DeepCore: a comprehensive library for coreset selection in deep
   learning", DEXA 2022.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from sampkit.base import check_generator
from sampkit.subset._arguments import count_of, one_of, shown
from sampkit.subset._screen import FarthestRows, ScreenedRows

__all__ = [
    "ForgettingTracker",
    "el2n_scores",
    "grand_scores",
    "herding",
    "k_center_greedy",
    "random_subset",
    "select_top",
    "uncertainty_scores",
]

Rows = npt.NDArray[np.intp]
Scores = npt.NDArray[np.float64]


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
    return check_generator(random_state).choice(n, _selected(k, n), replace=False)


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
    k = _selected(k, data.shape[0])
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
    start = _row_numbers([] if initial is None else initial, n, "initial")
    k = _selected(k, n - start.size)
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


def _least_confidence(proba: Scores) -> Scores:
    return 1 - proba.max(axis=1)


def _entropy(proba: Scores) -> Scores:
    return entr(proba).sum(axis=1)


def _margin(proba: Scores) -> Scores:
    if proba.shape[1] == 1:
        return -proba[:, 0]
    top = np.partition(proba, proba.shape[1] - 2, axis=1)[:, -2:]
    return top[:, 0] - top[:, 1]


_KINDS: dict[str, Callable[[Scores], Scores]] = {
    "margin": _margin,
    "entropy": _entropy,
    "least_confidence": _least_confidence,
}


def uncertainty_scores(proba: npt.ArrayLike, kind: str = "margin") -> Scores:
    """How unsure a model is of each row; larger is less sure.

    Parameters
    ----------
    proba : array-like of shape (n, n_classes)
        Predicted probabilities.
    kind : {"margin", "entropy", "least_confidence"}, default="margin"
        -(p_1 - p_2) of the two largest; -sum p log p in nats; 1 - p_1.

    Returns
    -------
    ndarray of shape (n,)
        Scores.

    Raises
    ------
    ValueError
        Not a table of probabilities, or an unknown kind.

    Examples
    --------
    >>> from sampkit.subset.prune import uncertainty_scores
    >>> uncertainty_scores([[0.7, 0.2, 0.1]]).round(6).tolist()
    [-0.5]
    >>> uncertainty_scores([[0.7, 0.2, 0.1]], "entropy").round(6).tolist()
    [0.801819]
    """
    one_of(kind, "kind", tuple(_KINDS))
    table = _probabilities(proba)
    if table.ndim != 2:
        raise ValueError(f"proba must have shape (n, n_classes), got {table.shape}.")
    return _KINDS[kind](table)


def el2n_scores(proba: npt.ArrayLike, y: npt.ArrayLike) -> Scores:
    """Length of the error vector, ``||p - onehot(y)||``; larger is harder.

    Parameters
    ----------
    proba : array-like of shape (n, n_classes) or (n_models, n, n_classes)
        Predicted probabilities, of one model early in training or of several; of several the mean
        of the scores is taken.
    y : array-like of int of shape (n,)
        Column of the true class.

    Returns
    -------
    ndarray of shape (n,)
        Scores.

    Raises
    ------
    ValueError
        Shapes that do not fit, classes out of range.

    References
    ----------
    .. [1] M. Paul, S. Ganguli, G. K. Dziugaite, "Deep learning on a data diet", NeurIPS 2021.

    Examples
    --------
    >>> from sampkit.subset.prune import el2n_scores
    >>> el2n_scores([[0.7, 0.2, 0.1]], [0]).round(6).tolist()
    [0.374166]
    """
    return _error_lengths(_probabilities(proba), y).mean(axis=0)


def grand_scores(proba: npt.ArrayLike, y: npt.ArrayLike, features: npt.ArrayLike) -> Scores:
    """Length of the loss gradient of the last layer, weights and bias; larger is harder.

    For a softmax layer over features h: ``||p - onehot(y)|| sqrt(||h||^2 + 1)``.

    Parameters
    ----------
    proba : array-like of shape (n, n_classes) or (n_models, n, n_classes)
        Predicted probabilities; of several models the mean of the scores is taken.
    y : array-like of int of shape (n,)
        Column of the true class.
    features : array-like of shape (n, d) or (n_models, n, d)
        Inputs of the last layer, h.

    Returns
    -------
    ndarray of shape (n,)
        Scores.

    Raises
    ------
    ValueError
        Shapes that do not fit, classes out of range.

    References
    ----------
    .. [1] M. Paul, S. Ganguli, G. K. Dziugaite, "Deep learning on a data diet", NeurIPS 2021.

    Examples
    --------
    >>> from sampkit.subset.prune import grand_scores
    >>> grand_scores([[0.7, 0.2, 0.1]], [0], [[1.0, 1.0, 1.0]]).round(6).tolist()
    [0.748331]
    """
    table, inputs = _probabilities(proba), np.asarray(features, dtype=np.float64)
    if inputs.ndim != table.ndim or inputs.shape[:-1] != table.shape[:-1]:
        raise ValueError(
            f"features must have the shape of proba but for the last axis, got {inputs.shape} "
            f"for {table.shape}."
        )
    squares = np.einsum("...j,...j->...", inputs, inputs)
    lengths = _error_lengths(table, y) * np.sqrt(np.atleast_2d(squares) + 1)
    return lengths.mean(axis=0)


class ForgettingTracker:
    """Counts how often each row was learned and forgotten again during training.

    Parameters
    ----------
    n : int >= 1
        Rows of the training set.

    Notes
    -----
    O(n) memory, O(rows) an update.

    References
    ----------
    .. [1] M. Toneva et al., "An empirical study of example forgetting during deep neural network
       learning", ICLR 2019.

    Examples
    --------
    >>> from sampkit.subset.prune import ForgettingTracker
    >>> tracker = ForgettingTracker(3)
    >>> tracker.update([0, 1, 2], [True, True, False])
    >>> tracker.update([0, 1, 2], [True, False, False])
    >>> tracker.scores()
    array([ 0.,  1., inf])
    """

    def __init__(self, n: int) -> None:
        self.n = count_of(n, "n")
        self._forgotten = np.zeros(self.n, dtype=np.int64)
        self._known = np.zeros(self.n, dtype=bool)
        self._learned = np.zeros(self.n, dtype=bool)

    def update(self, idx: npt.ArrayLike, correct: npt.ArrayLike) -> None:
        """Take note of predictions for some rows.

        Parameters
        ----------
        idx : array-like of int
            Row numbers, each at most once.
        correct : array-like of bool
            Whether each of them is predicted rightly now.

        Raises
        ------
        ValueError
            Lengths that differ, rows out of range or given twice.
        """
        rows = _row_numbers(idx, self.n, "idx")
        right = np.asarray(correct, dtype=bool)
        if right.shape != rows.shape:
            raise ValueError(f"correct must have the shape of idx, {rows.shape}, got {right.shape}")
        self._forgotten[rows] += self._known[rows] & ~right
        self._known[rows] = right
        self._learned[rows] |= right

    def scores(self) -> Scores:
        """Number of times each row was forgotten; infinite for rows that were never right.

        Returns
        -------
        ndarray of shape (n,)
            Larger is harder; rows never shown count as never right.
        """
        return np.where(self._learned, self._forgotten.astype(np.float64), np.inf)


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
    k = _selected(k, values.size)
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


def _selected(k: Any, n: int) -> int:
    size = count_of(k, "k")
    if size > n:
        raise ValueError(f"k must be an int in [1, {n}], got {size}.")
    return size


def _row_numbers(rows: Any, n: int, name: str) -> Rows:
    """Distinct row numbers in range."""
    index = np.asarray(rows)
    if index.size == 0:
        index = index.astype(np.intp)
    fits = index.ndim == 1 and index.dtype.kind in "iu"
    if not fits or (index.size and (index.min() < 0 or index.max() >= n)):
        raise ValueError(f"{name} must hold row numbers in [0, {n - 1}], got {shown(rows)}.")
    if np.unique(index).size != index.size:
        raise ValueError(f"{name} must not name a row twice, got {shown(rows)}.")
    return index.astype(np.intp, copy=False)


def _probabilities(proba: npt.ArrayLike) -> Scores:
    """A table of probabilities, or one for each of several models."""
    table = np.asarray(proba, dtype=np.float64)
    if table.ndim not in (2, 3) or not table.size:
        raise ValueError(
            f"proba must have shape (n, n_classes) or (n_models, n, n_classes), got {table.shape}."
        )
    if not (table >= 0).all() or not np.allclose(table.sum(axis=-1), 1, atol=1e-4):
        raise ValueError("proba must hold probabilities: numbers >= 0 that sum to 1 in every row.")
    return table


def _error_lengths(table: Scores, y: npt.ArrayLike) -> Scores:
    """||p - onehot(y)|| of every model and row, (n_models, n)."""
    truth, n_classes = np.asarray(y), table.shape[-1]
    if truth.shape != (table.shape[-2],) or truth.dtype.kind not in "iu":
        raise ValueError(f"y must hold {table.shape[-2]} class numbers, got {shown(y)}.")
    if truth.min() < 0 or truth.max() >= n_classes:
        raise ValueError(f"y must hold class numbers in [0, {n_classes - 1}], got {shown(y)}.")
    error = np.array(table if table.ndim == 3 else table[None])
    error[:, np.arange(truth.size), truth] -= 1
    return np.sqrt(np.einsum("mij,mij->mi", error, error))
