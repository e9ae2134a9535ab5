"""`lp_regression` as an estimator."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from sampkit.coreset._lp_regression import LpProblem, checked_target, solve

__all__ = ["LpRegressor"]


class LpRegressor(RegressorMixin, BaseEstimator):
    """Linear regression that minimises the p-th power of the residuals, or a quantile's loss.

    Parameters
    ----------
    p : float, 1 <= p < infinity, default=1.0
        1: least absolute deviations, which outliers hardly move; 2: least squares; large p: the
        largest residuals decide.
    quantile : float in (0, 1) or None, default=None
        With p = 1: fit this conditional quantile of y instead.
    fit_intercept : bool, default=True
        Whether the model has an intercept.
    tol : float > 0, default=1e-8
        Relative gap between the loss and its certified bound at which to stop.
    max_iter : int >= 1, default=100
        Most iterations.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients.
    intercept_ : float
        Intercept; 0.0 without.
    n_iter_ : int
        Iterations.
    objective_ : float
        ``sum c |r|^p``, or the sum of the check losses.
    duality_gap_ : float
        ``(objective_ - bound) / objective_`` with a bound that no coefficients can beat; 0 where
        the fit is exact but for rounding.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X had string names.

    See Also
    --------
    lp_regression : The function.
    CoresetRegressor : Fit on few weighted rows.
    sklearn.linear_model.QuantileRegressor : Penalised quantile regression by linear programming.

    Notes
    -----
    Cost and method as in `lp_regression`.  float32 data give float32 coefficients, computed in
    float64.  ``sample_weight=k`` is the same as k copies of a row.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.coreset import LpRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 2))
    >>> y = X @ [1.0, -2.0] + 3.0 + rng.standard_cauchy(500) * 0.1
    >>> model = LpRegressor(p=1).fit(X, y)
    >>> model.coef_.round(2).tolist(), round(model.intercept_, 2)
    ([0.98, -2.0], 3.0)
    >>> upper = LpRegressor(quantile=0.9).fit(X, y)
    >>> round(float(np.mean(y <= upper.predict(X))), 2)
    0.9
    """

    coef_: npt.NDArray[Any]
    intercept_: float

    def __init__(
        self,
        p: float = 1.0,
        *,
        quantile: float | None = None,
        fit_intercept: bool = True,
        tol: float = 1e-8,
        max_iter: int = 100,
    ) -> None:
        self.p = p
        self.quantile = quantile
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights >= 0 of the losses.

        Returns
        -------
        self : LpRegressor

        Raises
        ------
        ValueError
            A parameter out of its range, or data that are not finite numbers.
        """
        problem = LpProblem.checked(self.p, self.quantile, self.tol, self.max_iter)
        X, y = validate_data(
            self, X, y, accept_sparse="csr", dtype=[np.float64, np.float32], y_numeric=True
        )
        beta, solution = solve(
            problem, X, checked_target(y), sample_weight, fit_intercept=bool(self.fit_intercept)
        )
        beta = beta.astype(X.dtype, copy=False)
        self.intercept_ = float(beta[0]) if self.fit_intercept else 0.0
        self.coef_ = beta[1:] if self.fit_intercept else beta
        self.n_iter_ = solution.n_iter
        self.objective_ = solution.objective
        missing = solution.objective - solution.dual_bound
        exact = solution.n_iter == 0 and solution.dual_bound == 0  # but for rounding
        self.duality_gap_ = 0.0 if exact or missing <= 0 else missing / solution.objective
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Predict the target of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            ``X @ coef_ + intercept_``.
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        return np.asarray(X @ self.coef_ + X.dtype.type(self.intercept_))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
