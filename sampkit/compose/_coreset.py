"""Fits on few weighted rows: the re-sampling meta-estimators with a coreset as their sampler."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import _num_features, _num_samples

from sampkit.compose._classifier import ResampledClassifier
from sampkit.compose._regressor import ResampledRegressor
from sampkit.compose._resampled import ResamplingEstimator
from sampkit.coreset import LeverageScoreSampler

__all__ = ["CoresetClassifier", "CoresetRegressor"]

ROWS_PER_COLUMN = 20  # of the score matrix, for the sampler that is taken where none is given
LEAST_SHARE = 0.01


class _OnCoreset(ResamplingEstimator):
    """What both share: defaults that are never written into the parameters, weights to scores."""

    _parameter_constraints: dict[str, Any] = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "sampler": [HasMethods("fit_resample"), None],
    }

    @property
    def coreset_indices_(self) -> npt.NDArray[np.intp]:
        """Rows that the estimator was fitted on."""
        return self.sampler_.sample_indices_

    @property
    def coreset_weight_(self) -> npt.NDArray[np.float64]:
        """Weight of each, without the user's own."""
        return self.sampler_.sample_weight_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if tags.regressor_tags is not None:  # rows are cut, whatever the width of y
            inner = get_tags(self._parts()[0])
            tags.target_tags.multi_output = inner.target_tags.multi_output
        return tags

    def _sampler_params(
        self, for_estimator: dict[str, Any], for_sampler: dict[str, Any]
    ) -> dict[str, Any]:
        weight = for_estimator.get("sample_weight")
        if weight is None or not _takes_weight(self.sampler_):
            return for_sampler
        return {"sample_weight": weight, **for_sampler}


def _takes_weight(sampler: Any) -> bool:
    return "sample_weight" in inspect.signature(sampler.fit_resample).parameters


def _default_sampler(X: Any, y: Any, target: str) -> LeverageScoreSampler:
    """Leverage scores, rows enough for the columns; without data, of no particular size."""
    if X is None:
        return LeverageScoreSampler(target=target)
    n = _num_samples(X)
    columns = 1 + _n_columns(X)
    if target == "Xy":
        columns += _n_columns(y)
    size = max(min(n, max(ROWS_PER_COLUMN * columns, int(np.ceil(LEAST_SHARE * n)))), 1)
    return LeverageScoreSampler(n_samples=size, target=target, random_state=0)


def _n_columns(table: Any) -> int:
    try:
        return int(_num_features(table))
    except (TypeError, IndexError):  # of one dimension, or empty
        return 1


class CoresetRegressor(_OnCoreset, ResampledRegressor):
    """Regressor fitted on few weighted rows that stand for all of them.

    Parameters
    ----------
    estimator : estimator instance or None, default=None
        Regressor whose ``fit`` takes ``sample_weight``, or, with metadata routing, a pipeline that
        hands it on.  Cloned at ``fit``.  None: ``LinearRegression()``.
    sampler : sampler instance or None, default=None
        A weighted selector of rows, such as `LewisWeightSampler`.  Cloned at ``fit``.  None:
        ``LeverageScoreSampler`` with ``target="Xy"``, 20 rows a column and at least 1 % of all,
        ``random_state=0``.

    Attributes
    ----------
    estimator_ : estimator instance
        The estimator fitted on the coreset.
    sampler_ : sampler instance
        The sampler after ``fit_resample``.
    coreset_indices_ : ndarray of shape (m,)
        Rows that the estimator was fitted on.
    coreset_weight_ : ndarray of shape (m,)
        Their weights 1/q, without the user's own; their sum is about the number of rows, so that
        penalties tuned on all rows (`alpha` of Lasso, `C` of LogisticRegression) stay right.
    n_samples_resampled_ : int
        m.
    n_features_in_ : int
        Number of features, if the estimator tells.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if they had names and the estimator tells.

    See Also
    --------
    sampkit.compose.ResampledRegressor : The same mechanism with any sampler.

    Notes
    -----
    A user's ``sample_weight`` enters the scores as well as the fit.  With ``target="Xy"`` of the
    sampler the loss of every coefficient vector is kept; with ``"X"`` only the minimiser is good,
    and y of the other rows is never looked at.  In cross-validation each training fold draws its
    own rows: do not draw from all rows before splitting, scores may know y.

    References
    ----------
    D. P. Woodruff and T. Yasuda, "Sharper Bounds for lp Sensitivity Sampling", ICML 2023,
    arXiv:2306.00732.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.coreset import CoresetRegressor, LewisWeightSampler, LpRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(20_000, 5))
    >>> y = X @ np.arange(5.0) + rng.standard_t(3, size=20_000)
    >>> sampler = LewisWeightSampler(p=1.5, n_samples=500, target="Xy", random_state=0)
    >>> model = CoresetRegressor(LpRegressor(p=1.5), sampler).fit(X, y)
    >>> model.coreset_indices_.size, model.estimator_.coef_.round(1).tolist()
    (500, [0.1, 0.9, 2.0, 3.0, 4.0])
    """

    def __init__(self, estimator: Any = None, sampler: Any = None) -> None:
        self.estimator = estimator
        self.sampler = sampler

    def _parts(self, X: Any = None, y: Any = None) -> tuple[Any, Any]:
        estimator = LinearRegression() if self.estimator is None else self.estimator
        sampler = _default_sampler(X, y, "Xy") if self.sampler is None else self.sampler
        return estimator, sampler


class CoresetClassifier(_OnCoreset, ResampledClassifier):
    """Classifier fitted on few weighted rows that stand for all of them.

    Parameters
    ----------
    estimator : estimator instance or None, default=None
        Classifier whose ``fit`` takes ``sample_weight``, or, with metadata routing, a pipeline
        that hands it on.  Cloned at ``fit``.  None: ``LogisticRegression()``.
    sampler : sampler instance or None, default=None
        A weighted selector of rows, such as `GLMSampler`.  Cloned at ``fit``; the clone's
        ``stratify`` is set to True where it has that parameter, so that no class is ever absent.
        None: ``LeverageScoreSampler`` with 20 rows a column and at least 1 % of all,
        ``random_state=0``.

    Attributes
    ----------
    estimator_ : estimator instance
        The estimator fitted on the coreset.
    sampler_ : sampler instance
        The sampler after ``fit_resample``.
    classes_ : ndarray of shape (n_classes,)
        The classes.
    coreset_indices_ : ndarray of shape (m,)
        Rows that the estimator was fitted on.
    coreset_weight_ : ndarray of shape (m,)
        Their weights 1/q, without the user's own: they keep the shares of the classes, so that
        there is no prior to correct, and the meaning of penalties.
    n_samples_resampled_ : int
        m.
    n_features_in_ : int
        Number of features, if the estimator tells.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if they had names and the estimator tells.

    See Also
    --------
    sampkit.compose.ResampledClassifier : The same mechanism with any sampler.

    Notes
    -----
    A user's ``sample_weight`` enters the scores as well as the fit.  In cross-validation each
    training fold draws its own rows.

    References
    ----------
    A. Munteanu and S. Omlor, "Optimal bounds for lp sensitivity sampling via l2 augmentation",
    ICML 2024, arXiv:2406.00328.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sampkit.coreset import CoresetClassifier, GLMSampler
    >>> X, y = make_classification(20_000, weights=[0.95], random_state=0)
    >>> sampler = GLMSampler("logistic", n_samples=2000, random_state=0)
    >>> model = CoresetClassifier(LogisticRegression(), sampler).fit(X, y)
    >>> full = LogisticRegression().fit(X, y)
    >>> abs(model.score(X, y) - full.score(X, y)) < 0.01
    True
    """

    _parameter_constraints: dict[str, Any] = _OnCoreset._parameter_constraints
    prior_correction = False  # no parameter here: weights 1/q keep the priors

    def __init__(self, estimator: Any = None, sampler: Any = None) -> None:
        self.estimator = estimator
        self.sampler = sampler

    def _parts(self, X: Any = None, y: Any = None) -> tuple[Any, Any]:
        estimator = LogisticRegression() if self.estimator is None else self.estimator
        if self.sampler is None:
            return estimator, _default_sampler(X, y, "X").set_params(stratify=True)
        if not hasattr(self.sampler, "get_params"):
            return estimator, self.sampler
        if "stratify" in self.sampler.get_params(deep=False):
            return estimator, clone(self.sampler).set_params(stratify=True)
        return estimator, self.sampler
