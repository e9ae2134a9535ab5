"""Class shares before and after re-sampling, and the correction of probabilities by them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import column_or_1d

__all__ = ["class_shares", "correct_prior"]


def class_shares(
    y: Any, classes: npt.NDArray[Any], weight: npt.ArrayLike | None = None
) -> npt.NDArray[np.float64]:
    """Share of the rows, or of their weight, that each class holds.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels.
    classes : ndarray of shape (n_classes,)
        The classes to be looked at; rows of others count in the whole only.
    weight : array-like of shape (n_samples,), float or None, default=None
        Row weights, >= 0 and not all 0.

    Returns
    -------
    shares : ndarray of shape (n_classes,)

    Examples
    --------
    >>> class_shares(["a", "b", "a", "a"], np.array(["a", "b"])).tolist()
    [0.75, 0.25]
    """
    labels = column_or_1d(y)
    w = np.broadcast_to(np.asarray(1.0 if weight is None else weight, float), labels.shape)
    return np.array([w[labels == label].sum() for label in classes]) / w.sum()


def correct_prior(
    proba: npt.NDArray[np.floating[Any]], ratio: npt.NDArray[np.float64]
) -> npt.NDArray[np.floating[Any]]:
    """Probabilities under the original class shares.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        Probabilities of a model that was fitted on re-sampled rows.
    ratio : ndarray of shape (n_classes,)
        Share of each class before re-sampling over its share after.

    Returns
    -------
    proba : ndarray of shape (n_samples, n_classes)
        ``proba * ratio``, rows normalised; the dtype of `proba`.

    Notes
    -----
    Bayes' rule with the class densities unchanged: p'(c|x) is proportional to pi'_c f_c(x), so
    p(c|x) is proportional to p'(c|x) pi_c / pi'_c (Saerens, Latinne & Decaestecker 2002, eq. 2.4).

    Examples
    --------
    A model trained on equal shares, used where one row in ten is positive:

    >>> correct_prior(np.array([[0.5, 0.5]]), np.array([0.9, 0.1]) / 0.5).round(12).tolist()
    [[0.9, 0.1]]
    """
    corrected = proba * ratio.astype(proba.dtype)
    corrected /= corrected.sum(axis=1, keepdims=True)
    return corrected
