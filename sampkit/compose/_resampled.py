"""What the meta-estimators share: re-sample the training rows, and only those, then fit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

import numpy.typing as npt
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, _fit_context, clone
from sklearn.utils import check_consistent_length, get_tags
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples, check_is_fitted

from sampkit._compat import CallbackSupportMixin
from sampkit.compose._metadata import carry_parameters, combine_weights

WeightedTarget = tuple[Any, Any]

__all__ = ["ResamplingEstimator", "estimator_has", "routing_enabled"]


def estimator_has(method: str) -> Callable[[Any], bool]:
    """Condition for `available_if`: the estimator, fitted if it is, has `method`."""

    def check(self: Any) -> bool:
        getattr(self._delegate, self._callee(method))  # its AttributeError is the explanation
        return True

    return check


def _listening(task: Any, sampler: Any) -> AbstractContextManager[None]:
    """Nest the tasks of a sampler that reports any (few do) below `task`."""
    if hasattr(sampler, "set_callbacks"):
        return task.propagate_callback_context(sampler)
    return nullcontext()


def routing_enabled() -> bool:
    return bool(get_config()["enable_metadata_routing"])


class ResamplingEstimator(CallbackSupportMixin, MetaEstimatorMixin, BaseEstimator):
    """Fit on re-sampled rows; predict, and score, on rows as they come."""

    _parameter_constraints: dict[str, Any] = {
        "estimator": [HasMethods(["fit", "predict"])],
        "sampler": [HasMethods("fit_resample"), None],
    }
    _delegated = ("predict", "predict_proba", "predict_log_proba", "decision_function", "score")

    estimator: Any
    sampler: Any

    @_fit_context(prefer_skip_nested_validation=False)  # the sub-estimators are not validated yet
    def fit(self, X: Any, y: Any, **fit_params: Any) -> Self:
        """Re-sample `X` and `y`, then fit a clone of the estimator on the result.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Training rows, in any container that the sampler and the estimator take.
        y : array-like of shape (n_samples,)
            Targets.
        **fit_params : dict
            Without metadata routing, handed to ``estimator.fit`` under the names given
            (``logisticregression__sample_weight`` reaches a step of a pipeline).  With routing,
            handed to those who request them: the estimator's ``fit``, and the sampler, whose
            request for ``fit`` holds for ``fit_resample``.  What goes to the estimator with one
            value per row is carried over to the re-sampled rows first.

        Returns
        -------
        self : object
            The fitted meta-estimator.

        Raises
        ------
        ValueError
            `y` is None, or the sampler or the estimator refuses the data.
        TypeError
            A per-row parameter cannot be carried over because the sampler does not tell where its
            rows come from; or the sampler returns weights and the estimator takes none.
        """
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        if isinstance(self.sampler, type):
            raise TypeError(
                f"sampler must be an instance, got the class {self.sampler.__name__}: write "
                f"{self.sampler.__name__}()."
            )
        check_consistent_length(X, y)  # not every sampler does
        estimator, sampler = self._parts(X, y)
        for_estimator, for_sampler = self._route_fit(fit_params)
        root = self._init_callback_context(max_subtasks=2)
        root.call_on_fit_task_begin(estimator=self, X=X, y=y)

        # safe=False: a user's own class with nothing but fit_resample is copied.
        self.sampler_ = clone(sampler, safe=False)
        task = root.subcontext(task_name="resample")
        with _listening(task, self.sampler_):
            task.call_on_fit_task_begin(estimator=self, X=X, y=y)
            X_res, y_res, params = self._resample(X, y, estimator, for_estimator, for_sampler)
            task.call_on_fit_task_end(estimator=self, X=X_res, y=y_res)

        estimator = clone(estimator)
        task = root.subcontext(task_name="fit")
        with task.propagate_callback_context(estimator):
            task.call_on_fit_task_begin(estimator=self, X=X_res, y=y_res)
            estimator.fit(X_res, y_res, **params)
            task.call_on_fit_task_end(estimator=self, X=X_res, y=y_res)

        self._learn_prior(
            estimator, (y, for_estimator.get("sample_weight")), (y_res, params.get("sample_weight"))
        )
        self.n_samples_resampled_ = _num_samples(X_res)
        self.estimator_ = estimator
        # Nothing more than its attributes is needed to predict: callbacks may score it.
        root.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
        return self

    def _parts(self, X: Any = None, y: Any = None) -> tuple[Any, Any]:
        """Hook: the estimator and the sampler that are cloned for these data, or for any."""
        return self.estimator, self.sampler

    def _sampler_params(
        self, for_estimator: dict[str, Any], for_sampler: dict[str, Any]
    ) -> dict[str, Any]:
        """Hook: what the sampler is given beside X and y."""
        return for_sampler

    def _route_fit(self, fit_params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        if not routing_enabled():
            return fit_params, {}
        routed = process_routing(self, "fit", **fit_params)
        for_sampler = {} if self._parts()[1] is None else routed["sampler"]["fit"]
        return routed["estimator"]["fit"], for_sampler

    def _resample(
        self,
        X: Any,
        y: Any,
        estimator: Any,
        for_estimator: dict[str, Any],
        for_sampler: dict[str, Any],
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Rows and fit parameters as the estimator is to see them."""
        if self.sampler_ is None:
            return X, y, for_estimator
        given = self._sampler_params(for_estimator, for_sampler)
        X_res, y_res = self.sampler_.fit_resample(X, y, **given)
        params = carry_parameters(self.sampler_, X, for_estimator)
        weight = getattr(self.sampler_, "sample_weight_", None)
        if weight is not None:
            user = params.get("sample_weight")
            params["sample_weight"] = combine_weights(estimator, weight, user)
        return X_res, y_res, params

    def _learn_prior(self, estimator: Any, before: WeightedTarget, after: WeightedTarget) -> None:
        """For classes: their shares before and after re-sampling."""

    @property
    def _delegate(self) -> Any:
        return getattr(self, "estimator_", self._parts()[0])

    def _callee(self, method: str) -> str:
        """The estimator's method behind the meta-estimator's `method`."""
        return method

    def _call(self, method: str, *data: Any, **params: Any) -> Any:
        check_is_fitted(self)
        callee = self._callee(method)
        if routing_enabled():
            params = process_routing(self, method, **params)["estimator"][callee]
        return getattr(self.estimator_, callee)(*data, **params)

    @available_if(estimator_has("predict"))
    def predict(self, X: Any, **params: Any) -> npt.NDArray[Any]:
        """Predict the target of each row of `X`; nothing is re-sampled.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Rows to predict.
        **params : dict
            Handed to the method of the estimator, routed if metadata routing is enabled.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Predicted targets.
        """
        return self._call("predict", X, **params)

    @available_if(estimator_has("score"))
    def score(self, X: Any, y: Any, **params: Any) -> float:
        """Score of the fitted estimator on rows as they are; nothing is re-sampled.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Test rows.
        y : array-like of shape (n_samples,)
            True targets.
        **params : dict
            Handed to the method of the estimator, routed if metadata routing is enabled.

        Returns
        -------
        score : float
            What ``estimator_.score`` returns.
        """
        return self._call("score", X, y, **params)

    @property
    def n_features_in_(self) -> int:
        """Number of features that the estimator saw."""
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self) -> npt.NDArray[Any]:
        """Names of the features that the estimator saw, if they had names."""
        return self.estimator_.feature_names_in_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def get_metadata_routing(self) -> MetadataRouter:
        """Who is asked for which metadata.

        Returns
        -------
        routing : MetadataRouter
            ``fit`` asks the estimator and the sampler, the other methods the estimator alone.
        """
        methods = MethodMapping().add(caller="fit", callee="fit")
        for method in self._delegated:
            methods.add(caller=method, callee=self._callee(method))
        estimator, sampler = self._parts()
        router = MetadataRouter(owner=self).add(estimator=estimator, method_mapping=methods)
        if sampler is not None:
            # fit_resample is no method that scikit-learn routes to: its request is that of fit.
            fit = MethodMapping().add(caller="fit", callee="fit")
            router.add(sampler=sampler, method_mapping=fit)
        return router

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        estimator, sampler = self._parts()
        inner = get_tags(estimator)
        tags.classifier_tags = inner.classifier_tags or tags.classifier_tags
        tags.regressor_tags = inner.regressor_tags or tags.regressor_tags
        tags.target_tags, tags.input_tags = inner.target_tags, inner.input_tags
        tags.target_tags.required = True
        tags.non_deterministic = inner.non_deterministic
        if sampler is not None:
            # A class with nothing but fit_resample has no tags: it promises nothing.
            known = hasattr(sampler, "__sklearn_tags__")
            accepts = get_tags(sampler).input_tags if known else None
            for name in ("sparse", "allow_nan"):
                both = getattr(tags.input_tags, name) and getattr(accepts, name, False)
                setattr(tags.input_tags, name, both)
            tags.input_tags.pairwise = False
            tags.target_tags.multi_output = False
            if tags.classifier_tags is not None:
                tags.classifier_tags.multi_label = False
        return tags
