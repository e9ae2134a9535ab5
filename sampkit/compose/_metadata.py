"""How per-row fit parameters and selector weights reach the re-sampled rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import _num_samples, has_fit_parameter

__all__ = ["carry_parameters", "combine_weights"]


def carry_parameters(sampler: Any, X: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """Replace every parameter that has one value per row of `X` by its values on the new rows.

    Parameters
    ----------
    sampler : object
        The sampler, after its ``fit_resample`` on `X`.
    X : array-like of shape (n_samples, n_features)
        The rows that the sampler was given.
    params : mapping of str to object
        Fit parameters; one whose length is n_samples counts as per-row.

    Returns
    -------
    carried : dict of str to object
        The same names.  Parameters that are not per-row are handed on as they are.

    Raises
    ------
    TypeError
        The sampler does not say where its rows come from.
    ValueError
        ``sample_weight`` has not one value per row of `X`.

    Notes
    -----
    O(rows returned) time and memory per parameter.
    """
    if not params:
        return {}
    n_samples = _num_samples(X)
    weight = params.get("sample_weight")
    if _has_rows(weight):
        # It could have the length of the *new* rows by chance and pass every later check.
        check_consistent_length(X, weight)
    return {
        name: _carry(sampler, name, value)
        if _has_rows(value) and _num_samples(value) == n_samples
        else value
        for name, value in params.items()
    }


def _has_rows(value: Any) -> bool:
    if isinstance(value, (str, bytes, Mapping, set, frozenset)):
        return False
    shape = getattr(value, "shape", None)
    return hasattr(value, "__len__") if shape is None else len(shape) > 0


def _carry(sampler: Any, name: str, value: Any) -> Any:
    if hasattr(sampler, "propagate"):
        return sampler.propagate(value)
    if hasattr(sampler, "sample_indices_"):
        return _safe_indexing(value, sampler.sample_indices_)
    raise TypeError(
        f"The fit parameter {name!r} has one value per row, but {type(sampler).__name__} has "
        "neither a method 'propagate' nor the attribute 'sample_indices_', so its values on the "
        f"resampled rows are unknown. Use a sampler that has one of them, or fit without {name!r}."
    )


def combine_weights(estimator: Any, selector_weight: Any, user_weight: Any = None) -> np.ndarray:
    """Weights for the fit on a weighted selection: the selector's, times the user's.

    Parameters
    ----------
    estimator : estimator instance
        The estimator that is to be fitted with them.
    selector_weight : array-like of shape (n_resampled,)
        ``sample_weight_`` of the selector.  Never normalised: its sum stands for the full data.
    user_weight : array-like of shape (n_resampled,), float or None, default=None
        The user's own weights on the selected rows.

    Returns
    -------
    weight : ndarray of shape (n_resampled,)

    Raises
    ------
    TypeError
        `estimator` takes no weights; a fit without them would be biased.
    """
    if not accepts_sample_weight(estimator):
        raise TypeError(
            f"The sampler returned weights, but fit of the estimator {type(estimator).__name__} "
            "takes no 'sample_weight', and without the weights the fit is biased. Use an estimator "
            "that takes it; for a Pipeline or another meta-estimator enable metadata routing and "
            "request it with set_fit_request(sample_weight=True)."
        )
    weight = np.asarray(selector_weight)
    return weight if user_weight is None else weight * np.asarray(user_weight)


def accepts_sample_weight(estimator: Any) -> bool:
    """Whether ``estimator.fit`` takes ``sample_weight`` or, with routing, passes it on."""
    if has_fit_parameter(estimator, "sample_weight"):
        return True
    return get_config()["enable_metadata_routing"] and bool(
        get_routing_for_object(estimator).consumes("fit", ["sample_weight"])
    )
