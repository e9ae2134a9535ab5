"""Classification on re-sampled rows, with or without the original class shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.metaestimators import available_if

from sampkit.compose._prior import class_shares, correct_prior
from sampkit.compose._resampled import (
    ResamplingEstimator,
    WeightedTarget,
    estimator_has,
    routing_enabled,
)

__all__ = ["ResampledClassifier"]


class ResampledClassifier(ResamplingEstimator, ClassifierMixin, BaseEstimator):
    """Classifier fitted on re-sampled rows, fit for a plain scikit-learn pipeline.

    Only ``fit`` re-samples, so that in cross-validation no synthetic or repeated row ever reaches a
    validation fold.

    Parameters
    ----------
    estimator : estimator instance
        Classifier, or a pipeline that ends in one.  Cloned at ``fit``.
    sampler : sampler instance or None, default=None
        Any object with ``fit_resample(X, y)``: of sampkit, of imbalanced-learn, or your own.
        Cloned at ``fit``.  None keeps the rows as they are.
    prior_correction : bool, default=False
        Undo in the probabilities the shift of the class shares: ``predict_proba`` returns
        p_c pi_c / pi'_c, normalised, with pi the class shares of `y` and pi' those after
        re-sampling, and ``predict``, ``predict_log_proba`` and ``score`` follow it.
        ``decision_function`` is left as it is.  Needs an estimator with ``predict_proba`` and a
        one-dimensional `y`.

    Attributes
    ----------
    estimator_ : estimator instance
        The estimator fitted on the re-sampled rows.
    sampler_ : sampler instance or None
        The sampler after ``fit_resample``.
    classes_ : ndarray of shape (n_classes,)
        The classes that the estimator saw; a cleaning sampler may have removed one of `y`.
    n_samples_resampled_ : int
        Number of rows that the estimator saw.
    prior_ratio_ : ndarray of shape (n_classes,) or None
        pi_c / pi'_c for each of `classes_`; None where nothing is corrected.
    n_features_in_ : int
        Number of features, if the estimator tells.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if they had names and the estimator tells.

    See Also
    --------
    ResampledRegressor : The same for a continuous target.
    sklearn.calibration.CalibratedClassifierCV : Calibration learned from held-out folds.

    Notes
    -----
    Costs what ``fit_resample`` and ``fit`` cost, plus one clone of each.

    A sampler with ``sample_weight_`` (a weighted selector) has its weights passed to the estimator,
    times the user's own.  Where ``sample_weight`` is passed, the class shares of the prior
    correction are shares of weight.  The correction is Bayes' rule for class densities that
    re-sampling leaves alone [1]_; what ``class_weight`` of the estimator does is not undone.

    A sampler holding a ``numpy.random.Generator`` is copied with its state by every clone, so all
    folds of a cross-validation start at the same point of the stream, as with a ``RandomState``.

    References
    ----------
    .. [1] M. Saerens, P. Latinne, C. Decaestecker, "Adjusting the outputs of a classifier to new a
       priori probabilities: a simple procedure", Neural Computation 14(1), 2002, eq. 2.4.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sampkit.compose import ResampledClassifier
    >>> from sampkit.over_sampling import SMOTE
    >>> X, y = make_classification(600, weights=[0.9], random_state=0)
    >>> model = ResampledClassifier(LogisticRegression(), sampler=SMOTE(random_state=0)).fit(X, y)
    >>> model.n_samples_resampled_
    1078

    Sampler and estimator are tuned together, in a plain pipeline:

    >>> search = GridSearchCV(
    ...     make_pipeline(StandardScaler(), model),
    ...     {
    ...         "resampledclassifier__sampler": [SMOTE(random_state=0), None],
    ...         "resampledclassifier__estimator__C": [0.1, 1.0],
    ...     },
    ...     scoring="balanced_accuracy",
    ... ).fit(X, y)
    >>> search.best_params_["resampledclassifier__sampler"]
    SMOTE(random_state=0)
    """

    _parameter_constraints: dict[str, Any] = {
        **ResamplingEstimator._parameter_constraints,
        "prior_correction": ["boolean"],
    }

    def __init__(self, estimator: Any, sampler: Any = None, prior_correction: bool = False) -> None:
        self.estimator = estimator
        self.sampler = sampler
        self.prior_correction = prior_correction

    @property
    def classes_(self) -> npt.NDArray[Any]:
        """Classes that the estimator saw, sorted."""
        return self.estimator_.classes_

    @property
    def _corrects(self) -> bool:
        """Whether the prior is corrected: as fitted, else as the parameters will have it."""
        if hasattr(self, "estimator_"):
            return self.prior_ratio_ is not None
        return self.prior_correction and self.sampler is not None

    def _callee(self, method: str) -> str:
        from_proba = self._corrects and method in ("predict", "predict_log_proba")
        return "predict_proba" if from_proba else method

    def _validate_params(self) -> None:
        super()._validate_params()
        if self.prior_correction and not hasattr(self.estimator, "predict_proba"):
            raise ValueError(
                "prior_correction=True needs an estimator with predict_proba, "
                f"got {type(self.estimator).__name__}."
            )

    def _learn_prior(self, estimator: Any, before: WeightedTarget, after: WeightedTarget) -> None:
        self.prior_ratio_ = None
        if self.prior_correction and self.sampler is not None:
            share = class_shares(before[0], estimator.classes_, before[1])
            share_res = class_shares(after[0], estimator.classes_, after[1])
            # A class without weight taught the estimator nothing: there is nothing to correct.
            self.prior_ratio_ = np.divide(
                share, share_res, out=np.ones_like(share), where=share_res > 0
            )

    @available_if(estimator_has("predict"))
    def predict(self, X: Any, **params: Any) -> npt.NDArray[Any]:
        """Predict the class of each row of `X`; nothing is re-sampled.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Rows to predict.
        **params : dict
            Handed to the method of the estimator, routed if metadata routing is enabled.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Predicted classes; the most probable ones under the corrected prior if it is corrected.
        """
        out = self._call("predict", X, **params)
        return self.classes_[self._correct(out).argmax(axis=1)] if self._corrects else out

    @available_if(estimator_has("predict_proba"))
    def predict_proba(self, X: Any, **params: Any) -> npt.NDArray[Any]:
        """Probability of each class for each row of `X`; nothing is re-sampled.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Rows to predict.
        **params : dict
            Handed to the method of the estimator, routed if metadata routing is enabled.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Probabilities, columns in the order of `classes_`.
        """
        return self._correct(self._call("predict_proba", X, **params))

    @available_if(estimator_has("predict_log_proba"))
    def predict_log_proba(self, X: Any, **params: Any) -> npt.NDArray[Any]:
        """Logarithm of the probability of each class for each row of `X`.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Rows to predict.
        **params : dict
            Handed to the method of the estimator, routed if metadata routing is enabled.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Log-probabilities, columns in the order of `classes_`.
        """
        out = self._call("predict_log_proba", X, **params)
        if not self._corrects:
            return out
        with np.errstate(divide="ignore"):  # log(0) is -inf
            return np.log(self._correct(out))

    @available_if(estimator_has("decision_function"))
    def decision_function(self, X: Any, **params: Any) -> npt.NDArray[Any]:
        """Confidence of the fitted estimator for each row of `X`, never corrected.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Rows to predict.
        **params : dict
            Handed to the method of the estimator, routed if metadata routing is enabled.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
            What ``estimator_.decision_function`` returns.
        """
        return self._call("decision_function", X, **params)

    @available_if(estimator_has("score"))
    def score(self, X: Any, y: Any, **params: Any) -> float:
        """Score of the fitted estimator on rows as they are; nothing is re-sampled.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Test rows.
        y : array-like of shape (n_samples,)
            True classes.
        **params : dict
            Handed to the method of the estimator, routed if metadata routing is enabled.

        Returns
        -------
        score : float
            What ``estimator_.score`` returns; with a corrected prior, the accuracy of ``predict``.
        """
        if not self._corrects:
            return self._call("score", X, y, **params)
        if routing_enabled():
            params = process_routing(self, "score", **params)["estimator"]["score"]
        return float(accuracy_score(y, self.predict(X), **params))

    def _correct(self, proba: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return proba if self.prior_ratio_ is None else correct_prior(proba, self.prior_ratio_)
