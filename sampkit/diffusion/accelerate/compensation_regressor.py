"""Ratios of a dynamic compensation predicted for configurations that were never searched."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.polynomial import Legendre, Polynomial
from numpy.polynomial.legendre import legvander
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = ["CompensationRegressor"]

FloatArray = npt.NDArray[np.float64]
Domains = tuple[tuple[float, float], ...]

UNITS = np.array([50.0, 12.0])  # of calls and of guidance in the published polynomial
FREE = 2  # leading ratios that are 1, for want of a history


class CompensationRegressor(RegressorMixin, BaseEstimator):
    r"""Cascade polynomial regression of compensation ratios.

    A ratio is a polynomial in the step, whose coefficients are polynomials in the guidance, whose
    coefficients are polynomials in the number of calls:

    .. math:: \rho = \sum_c \Big(\sum_b \Big(\sum_a \varphi_{cba} N^a\Big) G^b\Big) s^c, \quad
        N = \text{nfe} / 50, \; G = \text{cfg} / 12, \; s = i / \text{nfe}

    Parameters
    ----------
    degrees : (int, int, int), default=(2, 2, 3)
        Degrees in the number of calls, the guidance and the step, each >= 0.
    alpha : float, default=0.0
        Ridge penalty, >= 0, on all coefficients of the orthogonal basis but the constant.

    Attributes
    ----------
    coef_ : ndarray of shape (degrees[2] + 1, degrees[1] + 1, degrees[0] + 1)
        Coefficients of products of Legendre polynomials in s, G and N.
    domains_ : tuple of three (lower, upper)
        Intervals of N, G and s on which those are orthogonal.
    box_ : ndarray of shape (2, 2) or None
        Smallest and largest number of calls, and guidance, of the fit; None where there was none.
    rank_ : int
        Of the system solved; below the number of coefficients the solution of least norm is taken.
    n_features_in_ : int
        3.

    See Also
    --------
    search_compensation : Where the ratios come from.

    Notes
    -----
    The model is linear in its coefficients, so one least-squares problem is all; in the Legendre
    basis it is well conditioned. O(n p^2) for p coefficients.

    It keeps scikit-learn's protocol but for `predict`, which takes a configuration, ``(nfe, cfg)``,
    and gives its ratios at all steps, not one number for each row of an X; `score` takes rows as
    `fit` does, so that searches over `degrees` and `alpha` work.

    A polynomial can be wrong between the configurations it has seen, above all where guidance is
    strong and ratios change fast. `validate` says how well it does on those left out.

    References
    ----------
    Zhao et al., "DC-Solver: improving predictor-corrector diffusion sampler via dynamic
    compensation", ECCV 2024, section 3.3.

    Examples
    --------
    >>> from sampkit.diffusion import CompensationRegressor
    >>> X = [(nfe, cfg, i) for nfe in (6, 8, 9) for cfg in (1, 3, 5) for i in range(3, nfe + 1)]
    >>> y = [1 + 0.1 * cfg * (1 - i / nfe) for nfe, cfg, i in X]
    >>> regressor = CompensationRegressor().fit(X, y)
    >>> regressor.predict(7, 2.0).round(3).tolist()
    [1.0, 1.0, 1.114, 1.086, 1.057, 1.029, 1.0]
    """

    __metadata_request__predict = {"nfe": UNUSED, "cfg": UNUSED, "extrapolate": UNUSED}

    def __init__(self, degrees: tuple[int, int, int] = (2, 2, 3), alpha: float = 0.0):
        self.degrees = degrees
        self.alpha = alpha

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> CompensationRegressor:
        """Fit the polynomial to searched ratios.

        Parameters
        ----------
        X : array-like of shape (n, 3)
            Number of calls, guidance scale and step, counted from 1, of every ratio.
        y : array-like of shape (n,)
            The ratios.

        Returns
        -------
        CompensationRegressor
            Itself.

        Raises
        ------
        ValueError
            A parameter out of range, rows of another width, a number of calls or a step that is
            none.
        """
        self._check_parameters()
        rows, ratios = self._checked(X, y, reset=True)
        box = np.array([rows[:, :2].min(axis=0), rows[:, :2].max(axis=0)])
        self.box_: FloatArray | None = box
        self.domains_: Domains = (*(_spread(*ends) for ends in (box / UNITS).T), (0.0, 1.0))
        self.coef_, self.rank_ = self._solved(rows, ratios)
        self._rows = (rows, ratios)
        return self

    def predict(self, nfe: int, cfg: float, extrapolate: bool = False) -> FloatArray:
        """Ratios of one configuration.

        Parameters
        ----------
        nfe : int
            Number of network calls, >= 1.
        cfg : float
            Guidance scale.
        extrapolate : bool, default=False
            Answer outside the fitted box, where a polynomial means little.

        Returns
        -------
        ndarray of shape (nfe,)
            For `DynamicCompensation` of order 2; the first two are 1.

        Raises
        ------
        ValueError
            No number of calls, no scale, or a configuration outside the fitted box. A regressor
            made of coefficients has no box.
        """
        check_is_fitted(self)
        if not isinstance(nfe, Integral) or isinstance(nfe, bool) or nfe < 1:
            raise ValueError(f"nfe must be an int >= 1, got {nfe!r}.")
        if not np.isfinite(cfg):
            raise ValueError(f"cfg must be a finite number, got {cfg!r}.")
        if not extrapolate and self.box_ is not None:
            for name, value, (low, high) in zip(
                ("nfe", "cfg"), (nfe, cfg), self.box_.T, strict=True
            ):
                if not low <= value <= high:
                    raise ValueError(
                        f"{name} must be in [{low:g}, {high:g}], where ratios were fitted, got "
                        f"{value:g}; extrapolate=True answers all the same."
                    )
        steps = np.arange(1, nfe + 1)
        rows = np.column_stack([np.full(nfe, nfe), np.full(nfe, float(cfg)), steps])
        ratios = self._evaluated(rows)
        ratios[:FREE] = 1
        return ratios

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike) -> float:
        """Coefficient of determination of ratios.

        Parameters
        ----------
        X : array-like of shape (n, 3)
            As in `fit`.
        y : array-like of shape (n,)
            The ratios.

        Returns
        -------
        float
            At most 1.
        """
        check_is_fitted(self)
        rows, ratios = self._checked(X, y, reset=False)
        return float(r2_score(ratios, self._evaluated(rows)))

    def validate(self) -> npt.NDArray[Any]:
        """Predict every fitted configuration from the others.

        Returns
        -------
        ndarray with fields ``nfe``, ``cfg``, ``rmse``, ``rmse_of_ones``, ``inside``
            One entry for each configuration: root mean square error of its predicted ratios; the
            same of the ratios 1, which is what they have to beat; whether it lies in the box of the
            others.

        Raises
        ------
        ValueError
            A regressor made of coefficients, or fitted to a single configuration.
        """
        check_is_fitted(self)
        if not hasattr(self, "_rows"):
            raise ValueError("a regressor made of coefficients has no ratios to validate with.")
        X, y = self._rows
        configurations, group = np.unique(X[:, :2], axis=0, return_inverse=True)
        if len(configurations) < 2:
            raise ValueError("validate needs at least two configurations, got 1.")
        report = np.empty(len(configurations), dtype=[
            ("nfe", int), ("cfg", float), ("rmse", float), ("rmse_of_ones", float),
            ("inside", bool),
        ])  # fmt: skip
        for k, (nfe, cfg) in enumerate(configurations):
            out = group.ravel() == k
            coef, _ = self._solved(X[~out], y[~out])
            apart = _values(X[out], coef, self.domains_) - y[out]
            others = np.delete(configurations, k, axis=0)
            within = (others.min(axis=0) <= (nfe, cfg)) & ((nfe, cfg) <= others.max(axis=0))
            report[k] = (
                nfe, cfg, np.sqrt(np.mean(apart**2)), np.sqrt(np.mean((y[out] - 1) ** 2)),
                within.all(),
            )  # fmt: skip
        return report

    # --- published coefficients -------------------------------------------------------------------

    @classmethod
    def from_coefficients(
        cls, coef: npt.ArrayLike, degrees: tuple[int, int, int] = (2, 2, 3)
    ) -> CompensationRegressor:
        """A regressor with given coefficients of the monomials, as publications list them.

        Parameters
        ----------
        coef : array-like of shape (degrees[2] + 1, degrees[1] + 1, degrees[0] + 1), or flat
            Powers of s rise along the first axis; those of G and N fall along the others.
        degrees : (int, int, int), default=(2, 2, 3)
            In the number of calls, the guidance and the step.

        Returns
        -------
        CompensationRegressor
            Without a box: it answers everywhere.

        Raises
        ------
        ValueError
            As many numbers as the degrees do not have, or numbers that are not finite.

        Examples
        --------
        >>> import numpy as np
        >>> from sampkit.diffusion import CompensationRegressor
        >>> coef = np.zeros((4, 3, 3))
        >>> coef[0, -1, -1] = 1
        >>> CompensationRegressor.from_coefficients(coef).predict(4, 7.5)
        array([1., 1., 1., 1.])
        """
        regressor = cls(degrees)
        regressor._check_parameters()
        shape = regressor._shape
        given = np.asarray(coef, dtype=np.float64)
        if given.size != np.prod(shape) or given.shape not in (shape, (given.size,)):
            raise ValueError(
                f"coef must be of shape {shape} or hold its {int(np.prod(shape))} numbers, got "
                f"shape {given.shape}."
            )
        if not np.isfinite(given).all():
            raise ValueError("coef must be finite.")
        regressor.box_, regressor.domains_ = None, ((0.0, 1.0),) * 3
        regressor.rank_, regressor.n_features_in_ = given.size, 3
        monomials = given.reshape(shape)[:, ::-1, ::-1]
        back = (np.linalg.inv(each) for each in _monomials_of(shape, regressor.domains_))
        regressor.coef_ = np.einsum("cba,ck,bl,am->klm", monomials, *back)
        return regressor

    def to_coefficients(self) -> FloatArray:
        """The coefficients of the monomials.

        Returns
        -------
        ndarray of shape (degrees[2] + 1, degrees[1] + 1, degrees[0] + 1)
            In the layout that `from_coefficients` reads.
        """
        check_is_fitted(self)
        there = _monomials_of(self.coef_.shape, self.domains_)
        monomials = np.einsum("klm,kc,lb,ma->cba", self.coef_, *there)
        return np.ascontiguousarray(monomials[:, ::-1, ::-1])

    # --- inside -----------------------------------------------------------------------------------

    @property
    def _shape(self) -> tuple[int, int, int]:
        calls, guidance, step = self.degrees
        return step + 1, guidance + 1, calls + 1

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[FloatArray, FloatArray]:
        rows, ratios = validate_data(self, X, y, reset=reset, dtype=np.float64, y_numeric=True)
        _check_rows(rows)
        return rows, np.asarray(ratios, dtype=np.float64)

    def _check_parameters(self) -> None:
        degrees = self.degrees
        whole = np.iterable(degrees) and all(
            isinstance(d, Integral) and not isinstance(d, bool) and d >= 0 for d in degrees
        )
        if not whole or len(tuple(degrees)) != 3:
            raise ValueError(f"degrees must be three ints >= 0, got {degrees!r}.")
        if not 0 <= self.alpha < np.inf:
            raise ValueError(f"alpha must be a finite number >= 0, got {self.alpha!r}.")

    def _solved(self, X: FloatArray, y: FloatArray) -> tuple[FloatArray, int]:
        shape = self._shape
        table = _basis(X, shape, self.domains_)
        if self.alpha:
            penalty = np.sqrt(self.alpha) * np.eye(table.shape[1])[1:]
            table, y = np.vstack([table, penalty]), np.append(y, np.zeros(len(penalty)))
        coef, _, rank, _ = np.linalg.lstsq(table, y, rcond=None)
        return np.asarray(coef.reshape(shape), dtype=np.float64), int(rank)

    def _evaluated(self, X: FloatArray) -> FloatArray:
        return _values(X, self.coef_, self.domains_)


def _values(X: FloatArray, coef: FloatArray, domains: Domains) -> FloatArray:
    return _basis(X, coef.shape, domains) @ coef.ravel()


def _basis(X: FloatArray, shape: tuple[int, ...], domains: Domains) -> FloatArray:
    """Products of Legendre polynomials in s, G and N, one row for each ratio."""
    calls, guidance, step = X.T
    columns = []
    values = (calls / UNITS[0], guidance / UNITS[1], step / calls)
    for value, (low, high), size in zip(values, domains, shape[::-1], strict=True):
        columns.append(legvander((2 * value - low - high) / (high - low), size - 1))
    table: FloatArray = np.einsum("na,nb,nc->ncba", *columns).reshape(len(X), -1)
    return table


def _monomials_of(shape: tuple[int, ...], domains: Domains) -> list[FloatArray]:
    """For s, G and N: row k holds the k-th Legendre polynomial's coefficients of the powers."""
    tables = []
    for size, domain in zip(shape, domains[::-1], strict=True):
        table = np.zeros((size, size))
        for k in range(size):
            powers = Legendre.basis(k, domain=domain).convert(kind=Polynomial).coef
            table[k, : len(powers)] = powers
        tables.append(table)
    return tables


def _spread(low: float, high: float) -> tuple[float, float]:
    """An interval, made one around a single value."""
    return (float(low), float(high)) if low < high else (float(low) - 0.5, float(high) + 0.5)


def _check_rows(X: FloatArray) -> None:
    if X.shape[1] != 3:
        raise ValueError(f"X must have 3 columns, nfe, cfg and step, got {X.shape[1]}.")
    calls, step = X[:, 0], X[:, 2]
    if (calls < 1).any() or (calls % 1).any():
        raise ValueError(f"X[:, 0] must hold numbers of calls, ints >= 1, got {calls.min():g}.")
    if (step < 1).any() or (step > calls).any() or (step % 1).any():
        raise ValueError("X[:, 2] must hold steps, ints from 1 to the number of calls.")
