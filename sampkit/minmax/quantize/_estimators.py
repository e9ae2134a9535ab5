"""scikit-learn's linear models with coefficients of a few bits, and a bound on the change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from ._linear import quantize_linear

__all__ = ["QuantizedLinearClassifier", "QuantizedLinearRegressor"]

Floats = npt.NDArray[Any]


def _estimator_has(name: str) -> Callable[[Any], bool]:
    def check(self: Any) -> bool:
        getattr(getattr(self, "estimator_", self.estimator), name)  # its AttributeError explains
        return True

    return check


class _QuantizedLinear(MetaEstimatorMixin, BaseEstimator):
    """Fit a linear model, quantize its coefficients on the training rows, refit the intercept."""

    def __init__(
        self,
        estimator: Any,
        bits: int = 4,
        *,
        grid: Any = "minmax",
        method: str = "minmax",
        p: int | None = 4,
        group_size: int | None = None,
        act_order: bool = True,
        damp: float = 0.01,
        outlier_fraction: float = 0.0,
        time_limit: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.bits = bits
        self.grid = grid
        self.method = method
        self.p = p
        self.group_size = group_size
        self.act_order = act_order
        self.damp = damp
        self.outlier_fraction = outlier_fraction
        self.time_limit = time_limit
        self.random_state = random_state

    def _fit(self, X: Any, y: Any, fit_params: dict[str, Any]) -> Floats:
        """Fit, quantize and refit; the scores of the full-precision model (m, k)."""
        if get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params)["estimator"]["fit"]
        model = clone(self.estimator).fit(X, y, **fit_params)
        coef = np.asarray(model.coef_)
        W = np.atleast_2d(coef)
        scores = X @ W.T
        quantized = quantize_linear(
            X,
            W,
            bits=self.bits,
            grid=self.grid,
            method=self.method,
            p=self.p,
            group_size=self.group_size,
            act_order=self.act_order,
            damp=self.damp,
            outlier_fraction=self.outlier_fraction,
            time_limit=self.time_limit,
            rng=self.random_state,
        )
        change = X @ quantized.weight.T - scores
        intercept = np.asarray(getattr(model, "intercept_", 0.0))
        if getattr(model, "fit_intercept", True):
            middle = (change.max(axis=0) + change.min(axis=0)) / 2
            shift = middle if self.p is None else change.mean(axis=0)
            change -= shift
            moved = intercept - shift.astype(change.dtype)
            model.intercept_ = moved if intercept.ndim else moved.reshape(())[()]
        try:
            model.coef_ = quantized.weight.reshape(coef.shape)
        except AttributeError:
            raise TypeError(
                f"estimator must let its coef_ be set, {type(model).__name__} does not."
            ) from None
        self.estimator_, self.quantized_ = model, quantized
        self.max_violation_ = np.abs(change).max(axis=0)
        return np.asarray(scores + intercept)

    @property
    def coef_(self) -> Floats:
        """The dequantized coefficients."""
        return np.asarray(self.estimator_.coef_)

    @property
    def intercept_(self) -> Any:
        """The intercept that goes with them."""
        return self.estimator_.intercept_

    def predict(self, X: Any) -> Floats:
        """Predict with the quantized coefficients.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions.
        """
        rows = self._rows(X)
        return np.asarray(self.estimator_.predict(rows))

    def _rows(self, X: Any) -> Floats:
        check_is_fitted(self)
        return validate_data(self, X, dtype=[np.float64, np.float32], reset=False)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def get_metadata_routing(self) -> MetadataRouter:
        """Who is asked for which metadata.

        Returns
        -------
        routing : MetadataRouter
            ``fit`` asks the estimator.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.classifier_tags = inner.classifier_tags or tags.classifier_tags
        tags.regressor_tags = inner.regressor_tags or tags.regressor_tags
        tags.target_tags = inner.target_tags
        tags.target_tags.required = True
        tags.input_tags.positive_only = inner.input_tags.positive_only
        return tags


class QuantizedLinearRegressor(RegressorMixin, _QuantizedLinear):
    """Linear regressor whose coefficients take one of 2^bits values.

    Parameters
    ----------
    estimator : estimator instance
        Linear regressor with a settable ``coef_``, e.g. `Ridge`. Cloned at ``fit``.
    bits : int in 1..8, default=4
        Bits of a coefficient.
    grid : str or array, default="minmax"
        See `quantize_linear`, also for the next ones.
    method : {"minmax", "l2", "gptq", "rtn"}, default="minmax"
        How coefficients are rounded.
    p : int or None, default=4
        Where "minmax" stops; None goes on to the maximum itself, and puts the intercept at the
        midrange of what changed instead of its mean.
    group_size : int, default=None
        Consecutive features with a scale of their own.
    act_order : bool, default=True
        Round the features with the largest values first.
    damp : float, default=0.01
        Damping of the Gram matrix.
    outlier_fraction : float in [0, 1), default=0.0
        Share of the coefficients, the largest, that stay as they are.
    time_limit : float > 0, default=None
        Seconds for the quantization.
    random_state : None, int, SeedSequence, Generator or RandomState, default=None
        Randomness of the search.

    Attributes
    ----------
    estimator_ : estimator instance
        The fitted estimator with quantized coefficients.
    quantized_ : QuantizedLinear
        Codes, scales, ``pack()``.
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        The coefficients used.
    intercept_ : float or ndarray
        Refitted.
    max_violation_ : ndarray of shape (n_outputs,)
        Largest change of the linear predictor on a training row: a guarantee.
    n_features_in_ : int
        Number of features.

    See Also
    --------
    quantize_linear : What happens to the coefficients.

    Notes
    -----
    What is bounded is the linear predictor ``X coef + intercept``; a model with a link function
    predicts its inverse image.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sampkit.minmax import QuantizedLinearRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = QuantizedLinearRegressor(Ridge(alpha=0.1), bits=4).fit(X, y)
    >>> change = model.predict(X) - Ridge(alpha=0.1).fit(X, y).predict(X)
    >>> bool(np.abs(change).max() <= model.max_violation_[0] * (1 + 1e-9))
    True
    """

    def fit(self, X: Any, y: Any, **fit_params: Any) -> Self:
        """Fit the estimator and quantize its coefficients.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, also those on which the quantization is calibrated.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        **fit_params : dict
            Handed to ``estimator.fit``; routed if metadata routing is enabled.

        Returns
        -------
        self : object
            The fitted meta-estimator.

        Raises
        ------
        TypeError
            The estimator has no settable ``coef_``.
        ValueError
            A parameter of `quantize_linear` is out of range.
        """
        X, y = validate_data(
            self, X, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True
        )
        self._fit(X, y, fit_params)
        return self


class QuantizedLinearClassifier(ClassifierMixin, _QuantizedLinear):
    """Linear classifier whose coefficients take one of 2^bits values.

    Parameters
    ----------
    estimator : estimator instance
        Linear classifier with a settable ``coef_``, e.g. `LogisticRegression`. Cloned at ``fit``.
    bits : int in 1..8, default=4
        Bits of a coefficient.
    grid : str or array, default="minmax"
        See `quantize_linear`, also for the next ones.
    method : {"minmax", "l2", "gptq", "rtn"}, default="minmax"
        How coefficients are rounded.
    p : int or None, default=4
        Where "minmax" stops; None goes on to the maximum itself, and puts the intercept at the
        midrange of what changed instead of its mean.
    group_size : int, default=None
        Consecutive features with a scale of their own.
    act_order : bool, default=True
        Round the features with the largest values first.
    damp : float, default=0.01
        Damping of the Gram matrix.
    outlier_fraction : float in [0, 1), default=0.0
        Share of the coefficients, the largest, that stay as they are.
    time_limit : float > 0, default=None
        Seconds for the quantization.
    random_state : None, int, SeedSequence, Generator or RandomState, default=None
        Randomness of the search.

    Attributes
    ----------
    estimator_ : estimator instance
        The fitted estimator with quantized coefficients.
    quantized_ : QuantizedLinear
        Codes, scales, ``pack()``.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    coef_ : ndarray of shape (1 or n_classes, n_features)
        The coefficients used.
    intercept_ : ndarray of shape (1 or n_classes,)
        Refitted.
    max_violation_ : ndarray of shape (1 or n_classes,)
        Largest change of a score on a training row.
    label_flip_bound_ : float
        Share of training rows whose label the quantization may have changed: those where the two
        best scores are closer than twice the largest change. Of two classes with one score, those
        where it is smaller than its change.
    n_features_in_ : int
        Number of features.

    See Also
    --------
    quantize_linear : What happens to the coefficients.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sampkit.minmax import QuantizedLinearClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> full = LogisticRegression(C=0.01).fit(X / 16, y)
    >>> model = QuantizedLinearClassifier(LogisticRegression(C=0.01), bits=4).fit(X / 16, y)
    >>> flipped = np.mean(model.predict(X / 16) != full.predict(X / 16))
    >>> bool(flipped <= model.label_flip_bound_)
    True
    """

    def fit(self, X: Any, y: Any, **fit_params: Any) -> Self:
        """Fit the estimator and quantize its coefficients.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, also those on which the quantization is calibrated.
        y : array-like of shape (n_samples,)
            Labels.
        **fit_params : dict
            Handed to ``estimator.fit``; routed if metadata routing is enabled.

        Returns
        -------
        self : object
            The fitted meta-estimator.

        Raises
        ------
        TypeError
            The estimator has no settable ``coef_``.
        ValueError
            A parameter of `quantize_linear` is out of range.
        """
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        scores = self._fit(X, y, fit_params)
        if scores.shape[1] == 1:  # the other class has the negative score, half of each counts
            margin = 2 * np.abs(scores[:, 0])
        else:
            ranked = np.partition(scores, -2, axis=1)
            margin = ranked[:, -1] - ranked[:, -2]
        self.label_flip_bound_ = float(np.mean(margin <= 2 * self.max_violation_.max()))
        return self

    @property
    def classes_(self) -> Floats:
        """Labels."""
        return np.asarray(self.estimator_.classes_)

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X: Any) -> Floats:
        """Scores with the quantized coefficients.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Scores.
        """
        rows = self._rows(X)
        return np.asarray(self.estimator_.decision_function(rows))

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X: Any) -> Floats:
        """Probabilities with the quantized coefficients.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Of the estimator.
        """
        rows = self._rows(X)
        return np.asarray(self.estimator_.predict_proba(rows))
