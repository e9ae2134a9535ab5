"""Linear regression with coefficients from a finite set and the smallest worst error."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from sampkit._random_state import check_generator
from sampkit.minmax._dense import Options
from sampkit.minmax._levels import Levels, as_levels
from sampkit.minmax._problem import as_problem, as_rows
from sampkit.minmax._result import MinMaxResult
from sampkit.minmax._rows import Rows
from sampkit.minmax._search import chosen_engine, search

_DENSE_ENTRIES = 1e7  # a sparse X of up to so many entries, zeros included, is made dense


class DiscreteChebyshevRegressor(RegressorMixin, BaseEstimator):
    """Linear regression with coefficients from finite sets that minimises the largest residual.

    For scorecards with whole points, fixed-point models and other linear rules whose coefficients
    cannot be any real number, where the worst error matters and not the mean one.

    Parameters
    ----------
    levels : array-like of shape (L,) or (n_features, L), or list, default=(-1, 0, 1)
        Allowed coefficients, ascending; NaN pads features that have fewer.
    fit_intercept : bool, default=True
        Add an intercept.
    intercept_levels : array-like of shape (L,) or None, default=None
        Allowed intercepts. None leaves it real: it is then the midrange of ``y - X @ coef``, and
        the search knows that it will be.
    time_limit : float or None, default=None
        Seconds to search; None makes a short, reproducible search.
    random_state : None, int, SeedSequence, Generator or RandomState, default=None
        Randomness of the search.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients, each one of its levels.
    intercept_ : float or ndarray of shape (n_targets,)
        0 without `fit_intercept`.
    max_residual_ : float or ndarray of shape (n_targets,)
        Largest ``row_weight * |y - prediction|`` of the training rows.
    lower_bound_ : float or ndarray of shape (n_targets,)
        No choice of levels has a smaller one.
    n_iter_ : int
        Rounds of the search.
    result_ : MinMaxResult
        The search: history, status, counters.
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    See Also
    --------
    minmax_search : The search, with tolerances, one-sided rows and more.

    Notes
    -----
    There is a `row_weight`, but no ``sample_weight``: a row that is there twice changes no maximum,
    so a weight cannot mean repetition. Ask for it in a pipeline by
    ``set_fit_request(row_weight=True)``.

    Examples
    --------
    >>> from sampkit.minmax import DiscreteChebyshevRegressor
    >>> X = [[0, 1], [1, 0], [2, 3], [3, 1], [4, 4]]
    >>> y = [-0.4, 2.6, 1.4, 5.7, 4.4]
    >>> model = DiscreteChebyshevRegressor(range(-3, 4), random_state=0).fit(X, y)
    >>> model.coef_
    array([ 2., -1.])
    >>> print(round(model.intercept_, 3), round(model.max_residual_, 3))
    0.55 0.15
    """

    _parameter_constraints: dict[str, Any] = {
        "levels": ["array-like", range],
        "fit_intercept": ["boolean"],
        "intercept_levels": ["array-like", range, None],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(
        self,
        levels: Any = (-1, 0, 1),
        *,
        fit_intercept: bool = True,
        intercept_levels: Any = None,
        time_limit: float | None = None,
        random_state: Any = None,
    ):
        self.levels = levels
        self.fit_intercept = fit_intercept
        self.intercept_levels = intercept_levels
        self.time_limit = time_limit
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, row_weight: Any = None) -> DiscreteChebyshevRegressor:
        """Choose the coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        row_weight : array-like of shape (n_samples,), optional
            How much the residual of each row counts, > 0.

        Returns
        -------
        self : object
        """
        rng = check_generator(self.random_state)
        X, y = validate_data(
            self, X, y, accept_sparse="csc", dtype=np.float64, y_numeric=True, multi_output=True
        )
        if sp.issparse(X) and X.shape[0] * X.shape[1] <= _DENSE_ENTRIES:
            X = X.toarray()
        m, n = X.shape
        rounded = self.fit_intercept and self.intercept_levels is not None
        levels = as_levels(self.levels, n, 1)
        if rounded:
            levels = _and_one(levels, as_levels(self.intercept_levels, 1, 1))
            ones = np.ones((m, 1))
            X = sp.hstack([X, ones], format="csc") if sp.issparse(X) else np.hstack([X, ones])
        problem = as_problem(X, y, [0.0], row_weight=row_weight)
        problem = replace(problem, levels=levels)
        if self.fit_intercept and not rounded:
            weight, _ = as_rows(m, row_weight, None, "both")
            problem = replace(problem, rows=Rows(free=np.ones(m) if weight is None else weight))
        result = search(
            problem,
            None,
            Options(),
            engine=chosen_engine("auto", problem),
            time_limit=self.time_limit,
            minimize_slack=False,
            callback=None,
            rng=rng,
        )
        self._set(result, problem, rounded=rounded)
        return self

    def predict(self, X: Any) -> Any:
        """Predict.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        return X @ self.coef_.T + self.intercept_

    def _set(self, result: MinMaxResult, problem: Any, *, rounded: bool) -> None:
        coef = np.atleast_2d(result.x)
        if rounded:
            coef, intercept = coef[:, :-1], coef[:, -1]
        elif problem.rows.free is not None:
            intercept = -problem.rows.intercept((problem.A @ coef.T).T - problem.B)
        else:
            intercept = np.zeros(problem.k)
        self.coef_ = coef[0] if problem.single else coef
        self.intercept_ = float(intercept[0]) if problem.single else intercept
        self.max_residual_, self.lower_bound_ = result.objective, result.lower_bound
        self.n_iter_ = result.n_rounds
        self.result_ = result

    def __sklearn_tags__(self) -> Tags:
        """Continuous targets, one or several; sparse rows."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.single_output = True
        tags.target_tags.multi_output = True
        return tags


def _and_one(levels: Levels, last: Levels) -> Levels:
    """The levels of all variables and those of one more."""
    n, length = levels.n, max(levels.values.shape[2], last.values.shape[2])
    values = np.full((1, n + 1, length), np.nan)
    values[:, :n, : levels.values.shape[2]] = levels.values
    values[:, n:, : last.values.shape[2]] = last.values
    return Levels(values, (~np.isnan(values)).sum(axis=2), n + 1)
