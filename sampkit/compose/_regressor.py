"""Regression on re-sampled rows."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator, RegressorMixin

from sampkit.compose._resampled import ResamplingEstimator

__all__ = ["ResampledRegressor"]


class ResampledRegressor(ResamplingEstimator, RegressorMixin, BaseEstimator):
    """Regressor fitted on re-sampled rows, fit for a plain scikit-learn pipeline.

    Parameters
    ----------
    estimator : estimator instance
        Regressor, or a pipeline that ends in one.  Cloned at ``fit``.
    sampler : sampler instance or None, default=None
        Any object with ``fit_resample(X, y)`` for a continuous `y`: of sampkit, of
        imbalanced-learn, or your own.  Cloned at ``fit``.  None keeps the rows as they are.

    Attributes
    ----------
    estimator_ : estimator instance
        The estimator fitted on the re-sampled rows.
    sampler_ : sampler instance or None
        The sampler after ``fit_resample``.
    n_samples_resampled_ : int
        Number of rows that the estimator saw.
    n_features_in_ : int
        Number of features, if the estimator tells.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if they had names and the estimator tells.

    See Also
    --------
    ResampledClassifier : The same for classes, with a correction of the prior.

    Notes
    -----
    Costs what ``fit_resample`` and ``fit`` cost, plus one clone of each.  A sampler with
    ``sample_weight_`` (a weighted selector) has its weights passed to the estimator, times the
    user's own.

    Examples
    --------
    Fit on every second row only:

    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sampkit.compose import ResampledRegressor
    >>> class EverySecondRow:
    ...     def fit_resample(self, X, y):
    ...         self.sample_indices_ = np.arange(0, len(X), 2)
    ...         return X[self.sample_indices_], y[self.sample_indices_]
    >>> X = np.arange(10.0).reshape(-1, 1)
    >>> model = ResampledRegressor(Ridge(alpha=0.0), sampler=EverySecondRow()).fit(X, X.ravel())
    >>> model.n_samples_resampled_
    5
    >>> model.predict([[3.0]]).round(6).tolist()
    [3.0]
    """

    def __init__(self, estimator: Any, sampler: Any = None) -> None:
        self.estimator = estimator
        self.sampler = sampler
