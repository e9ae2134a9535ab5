"""Nystroem features on landmarks that are drawn by importance."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.metrics.pairwise import PAIRWISE_KERNEL_FUNCTIONS, pairwise_kernels
from sklearn.utils import Tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sampkit._chunks import chunks
from sampkit._random_state import check_generator
from sampkit.coreset._draw import SCHEMES, checked_order, sample_rows
from sampkit.coreset._inclusion import inclusion_probabilities
from sampkit.coreset._input import checked_choice, checked_integer, checked_number
from sampkit.coreset._recursive_ridge import recursive_ridge_scores
from sampkit.coreset._spatial_order import kd_order

__all__ = ["RidgeLeverageNystroem"]

Vector = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
WIDE = 256  # columns from which on the k-d order is made of random projections
N_PROJECTIONS = 64
LEAST_SHARE = 1e-9  # of the largest score, so that there are always enough rows to draw


class RidgeLeverageNystroem(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Approximate a kernel's feature map from landmarks drawn by ridge leverage.

    A drop-in for :class:`sklearn.kernel_approximation.Nystroem`, whose landmarks are uniform: rows
    that others do not represent are taken with higher probability, and the draw spreads in space.

    Parameters
    ----------
    kernel : str or callable, default="rbf"
        A kernel of :func:`sklearn.metrics.pairwise.pairwise_kernels`, or ``kernel(a, b)`` of two
        rows (one Python call for each pair).
    gamma : float or None, default=None
        Of the "rbf", "laplacian", "polynomial", "sigmoid" and "chi2" kernels; None takes the
        kernel's default, for most of them 1 / n_features.
    n_components : int >= 1, default=100
        Landmarks, and features.
    coef0 : float or None, default=None
        Constant of the "polynomial" and "sigmoid" kernels.
    degree : float or None, default=None
        Of the "polynomial" kernel.
    kernel_params : dict or None, default=None
        Further parameters of a callable kernel.
    scheme : {"pivotal", "systematic", "poisson", "multinomial"}, default="pivotal"
        How landmarks are drawn, see `sample_rows`; with the last two their number varies.
    order : "kd", None or array-like of shape (n_samples,), default="kd"
        The order along which they are drawn: of a k-d tree, of the rows, or a given permutation.
    accelerated : bool, default=False
        Smaller samples during the recursion: sooner, scores less exact.
    random_state : None, int, SeedSequence, Generator or RandomState
        Source of the draw.

    Attributes
    ----------
    components_ : {ndarray, sparse matrix} of shape (n_components, n_features)
        The landmarks.
    component_indices_ : ndarray of shape (n_components,)
        Their rows in the training data, sorted.
    normalization_ : ndarray of shape (n_components, n_components)
        Inverse square root of their kernel matrix.
    scores_ : ndarray of shape (n_samples,)
        Estimated ridge leverage scores, at most 1.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X had string names.

    Notes
    -----
    About 2 n n_components kernel evaluations and 2 n n_components² flops for the scores, in blocks
    of rows [1]_.

    References
    ----------
    .. [1] C. Musco and C. Musco, "Recursive sampling for the Nystrom method", NIPS 2017,
       arXiv:1605.07583.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import RidgeClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sampkit.coreset import RidgeLeverageNystroem
    >>> X, y = load_digits(return_X_y=True)
    >>> features = RidgeLeverageNystroem(gamma=1e-3, n_components=200, random_state=0)
    >>> model = make_pipeline(features, RidgeClassifier()).fit(X[::2], y[::2])
    >>> model.score(X[1::2], y[1::2]) > 0.95
    True
    """

    _parameter_constraints: dict[str, Any] = {
        "kernel": [StrOptions(set(PAIRWISE_KERNEL_FUNCTIONS)), callable],
        "kernel_params": [dict, None],
        "accelerated": ["boolean"],
    }

    components_: Any
    component_indices_: Rows

    def __init__(
        self,
        kernel: Any = "rbf",
        gamma: float | None = None,
        n_components: int = 100,
        *,
        coef0: float | None = None,
        degree: float | None = None,
        kernel_params: dict[str, Any] | None = None,
        scheme: str = "pivotal",
        order: Any = "kd",
        accelerated: bool = False,
        random_state: Any = None,
    ) -> None:
        self.kernel = kernel
        self.gamma = gamma
        self.n_components = n_components
        self.coef0 = coef0
        self.degree = degree
        self.kernel_params = kernel_params
        self.scheme = scheme
        self.order = order
        self.accelerated = accelerated
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Draw the landmarks.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : RidgeLeverageNystroem

        Raises
        ------
        ValueError
            A parameter out of its range, or X not of finite numbers.
        """
        n_wanted = self._checked()
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32])
        rng = check_generator(self.random_state)
        n = X.shape[0]
        by_order = self.order is not None and not isinstance(self.order, str)
        order = checked_order(self.order, n) if by_order else None
        if n_wanted > n:
            warnings.warn(
                f"n_components is larger than the number of rows: it was set to {n}, got "
                f"{n_wanted}.",
                stacklevel=2,
            )
        if n_wanted >= n:
            self.scores_ = np.ones(n)
            rows = np.arange(n)
        else:
            self.scores_ = self._scores(X, n_wanted, rng)
            floor = LEAST_SHARE * max(float(self.scores_.max()), np.finfo(float).tiny / LEAST_SHARE)
            q = inclusion_probabilities(np.maximum(self.scores_, floor), n_wanted)
            if isinstance(self.order, str):
                order = kd_order(_points(X, rng), q, 0.5)
            rows, _ = sample_rows(q, scheme=self.scheme, order=order, random_state=rng)
            if rows.size == 0:  # a Poisson draw may be empty
                rows = np.array([int(q.argmax())])
        self.component_indices_ = rows
        self.components_ = X[rows]
        # as scikit-learn has it: the inverse square root by singular values
        U, S, Vt = np.linalg.svd(self._kernel(self.components_, self.components_))
        self.normalization_ = (U / np.sqrt(np.maximum(S, 1e-12))) @ Vt
        return self

    def transform(self, X: Any) -> npt.NDArray[Any]:
        """Feature map of new rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            ``Z @ Z.T`` approximates the kernel matrix.
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        return np.asarray(self._kernel(X, self.components_) @ self.normalization_.T)

    def _checked(self) -> int:
        checked_choice(self.scheme, "scheme", tuple(sorted(SCHEMES)))
        if self.order is None or isinstance(self.order, str):
            checked_choice(self.order, "order", ("kd", None))
        for name in ("gamma", "coef0", "degree"):
            value = getattr(self, name)
            if value is not None:
                low = -np.inf if name == "coef0" else 0.0
                accepted = "None or a finite number" + ("" if name == "coef0" else " >= 0")
                checked_number(value, name, accepted, low)
        if not callable(self.kernel) and self.kernel_params:
            raise ValueError(
                "kernel_params must be None unless kernel is callable, got "
                f"{self.kernel_params!r} for kernel={self.kernel!r}."
            )
        if callable(self.kernel) and (self.gamma, self.coef0, self.degree) != (None, None, None):
            raise ValueError(
                "gamma, coef0 and degree must be None for a callable kernel, got "
                f"{self.gamma!r}, {self.coef0!r} and {self.degree!r}: use kernel_params."
            )
        return checked_integer(self.n_components, "n_components", 1)

    def _kernel(self, X: Any, Y: Any) -> npt.NDArray[Any]:
        given = {"gamma": self.gamma, "coef0": self.coef0, "degree": self.degree}
        params = {name: value for name, value in given.items() if value is not None}
        if callable(self.kernel):
            params = dict(self.kernel_params or {})
        return np.asarray(pairwise_kernels(X, Y, metric=self.kernel, filter_params=True, **params))

    def _scores(self, X: Any, n_landmarks: int, rng: np.random.Generator) -> Vector:
        def block(rows: Rows, columns: Rows) -> Vector:
            return self._kernel(X[rows], X[columns]).astype(np.float64, copy=False)

        diagonal = np.empty(X.shape[0])
        # no kernel tells its diagonal: small blocks on it cost little beside what follows
        for part in chunks(X.shape[0], 1 if callable(self.kernel) else 32):
            diagonal[part] = self._kernel(X[part], X[part]).diagonal()
        return recursive_ridge_scores(
            block, diagonal, n_landmarks, rng, accelerated=self.accelerated
        )

    @property
    def _n_features_out(self) -> int:
        return int(self.components_.shape[0])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _points(X: Any, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Centred rows for the k-d order, in [-1, 1]; random projections of them if X is wide."""
    if X.shape[1] > WIDE:
        points = X @ rng.standard_normal((X.shape[1], N_PROJECTIONS))
    else:
        points = X.toarray() if hasattr(X, "toarray") else np.array(X, dtype=np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    points -= low + (high - low) / 2
    scale = float(np.abs(points).max(initial=0.0))
    return np.asarray(points / (scale or 1.0), dtype=np.float32)
