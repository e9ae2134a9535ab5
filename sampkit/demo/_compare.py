"""Paired cross-validation: the same folds for every candidate, an error for every difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FoldScores:
    """Scores of several candidates on the same folds.

    Parameters
    ----------
    scores : dict of {candidate: dict of {metric: ndarray of shape (n_folds,)}}
        As :func:`sklearn.model_selection.cross_validate` gives them, ``fit_time`` included.
    test_share : float
        Rows of a validation fold over rows of its training set.
    """

    scores: Mapping[str, Mapping[str, Floats]]
    test_share: float

    def mean(self, candidate: str, metric: str) -> float:
        """Return the mean over folds."""
        return float(np.mean(self.scores[candidate][metric]))

    def error(self, before: str, after: str, metric: str) -> float:
        """Return the standard error of the mean difference, corrected for shared training rows."""
        gain = self.scores[after][metric] - self.scores[before][metric]
        return paired_error(gain, self.test_share)


def paired_error(differences: npt.ArrayLike, test_share: float) -> float:
    """Return the standard error of a mean of differences over cross-validation folds.

    Training sets of different folds share most of their rows, so that the plain standard error is
    too small; this is the usual correction.

    Parameters
    ----------
    differences : array-like of shape (n_folds,)
        At least two.
    test_share : float
        Rows of a validation fold over rows of its training set.

    Returns
    -------
    float
        sqrt((1/J + test_share) * s^2), s^2 the sample variance of the J differences.

    References
    ----------
    C. Nadeau, Y. Bengio, "Inference for the generalization error", Machine Learning 52, 2003.
    """
    gain = np.asarray(differences, dtype=float)
    return float(np.sqrt((1 / gain.size + test_share) * np.var(gain, ddof=1)))


def cross_validated(
    candidates: Mapping[str, Any],
    X: Any,
    y: Any,
    *,
    scoring: Mapping[str, Any],
    folds: int,
    seed: int,
    advance: Callable[[str], None],
) -> FoldScores:
    """Cross-validate every candidate on the same shuffled stratified folds.

    Parameters
    ----------
    candidates : dict of {str: estimator}
        Cloned for every fit.
    X, y : array-like
        Data.
    scoring : dict of {str: scorer or str}
        As in :func:`sklearn.model_selection.cross_validate`.
    folds : int
        Number of folds.
    seed : int
        Of the shuffling.
    advance : callable
        Told each candidate's name once it is done.

    Returns
    -------
    FoldScores
        Metric names without their ``test_``; ``fit_time`` in seconds.
    """
    from sklearn.model_selection import StratifiedKFold, cross_validate

    splits = StratifiedKFold(folds, shuffle=True, random_state=seed)
    scores = {}
    for name, candidate in candidates.items():
        found = cross_validate(
            candidate, X, y, cv=splits, scoring=dict(scoring), error_score="raise"
        )
        scores[name] = {key.removeprefix("test_"): np.asarray(found[key]) for key in found}
        advance(name)
    return FoldScores(scores, 1 / (folds - 1))


def resampling_seconds(sampler: Any, X: Any, y: Any) -> float:
    """Return the wall-clock time of one ``fit_resample``; call it when everything is warm."""
    began = perf_counter()
    sampler.fit_resample(X, y)
    return perf_counter() - began


def first_rows(X: Any, y: Any, n: int, seed: int) -> tuple[Any, Any]:
    """Return `n` rows drawn at random with the classes' shares kept, for a quick run."""
    from sklearn.model_selection import train_test_split

    X_part, _, y_part, _ = train_test_split(X, y, train_size=n, stratify=y, random_state=seed)
    return X_part, y_part
