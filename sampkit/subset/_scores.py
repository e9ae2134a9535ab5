"""How hard rows are for a model early in its training; larger is harder."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from sampkit.subset._arguments import count_of, one_of, row_numbers, shown

Scores = npt.NDArray[np.float64]


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
        rows = row_numbers(idx, self.n, "idx")
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
