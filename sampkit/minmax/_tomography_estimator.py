"""Discrete tomography in scikit-learn's words: the picture is the coefficient vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ._tomography import reconstruct_discrete

__all__ = ["DiscreteTomography"]


class DiscreteTomography(RegressorMixin, BaseEstimator):
    """Picture of known grey levels, estimated from projections.

    Parameters
    ----------
    levels : array-like of shape (L,)
        Grey levels of the materials, ascending.
    shape : tuple of int, default=None
        Of the picture; needed unless ``smooth=0``.
    method : {"minmax", "dart", "round"}, default="minmax"
        See `reconstruct_discrete`, also for the next ones.
    p : int, default=None
        Power of the data term, 2..128; None takes it from `noise`.
    noise : {"uniform", "gaussian"}, default="uniform"
        What the errors of the measurements look like.
    noise_amplitude : float >= 0, default=None
        Bound (uniform) or standard deviation (Gaussian) of the errors; None estimates it.
    smooth : float >= 0, default=1.0
        Weight of the prior.
    time_limit : float > 0, default=None
        Seconds for ``fit``.
    random_state : None, int, SeedSequence, Generator or RandomState, default=None
        Randomness of "dart".

    Attributes
    ----------
    image_ : ndarray of shape `shape`, or (n_features,)
        The picture.
    coef_ : ndarray of shape (n_features,)
        The same, flat.
    index_ : ndarray of int64, shape of `image_`
        Number of the level of every pixel.
    objective_ : float
        ``max |A coef_ - b|``.
    noise_amplitude_ : float
        As given or estimated; NaN for "dart" and "round".
    margin_ : ndarray, shape of `image_`, or None
        Small where the data leave a doubt about the pixel.
    history_ : list of (seconds, potential)
        Of the last stage.
    n_features_in_ : int
        Number of pixels.

    See Also
    --------
    reconstruct_discrete : The function behind it.

    Notes
    -----
    Rows are rays, so that scikit-learn's cross-validation leaves rays out: their prediction error
    is a way to choose `smooth` when no phantom is at hand.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.minmax import (
    ...     DiscreteTomography,
    ...     make_ellipse_phantom,
    ...     parallel_beam_matrix,
    ... )
    >>> picture = make_ellipse_phantom(32, n_levels=2, seed=3)
    >>> A = parallel_beam_matrix(32, n_angles=16, n_detectors=32)
    >>> model = DiscreteTomography(levels=[0, 1], shape=(32, 32)).fit(A, A @ picture.ravel())
    >>> int((model.image_ != picture).sum())
    0
    """

    def __init__(
        self,
        levels: npt.ArrayLike = (0, 1),
        shape: Sequence[int] | None = None,
        *,
        method: str = "minmax",
        p: int | None = None,
        noise: str = "uniform",
        noise_amplitude: float | None = None,
        smooth: float = 1.0,
        time_limit: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.levels = levels
        self.shape = shape
        self.method = method
        self.p = p
        self.noise = noise
        self.noise_amplitude = noise_amplitude
        self.smooth = smooth
        self.time_limit = time_limit
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Reconstruct the picture.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rays, n_pixels)
            Projection matrix.
        y : array-like of shape (n_rays,)
            Sinogram.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        A, b = validate_data(self, X, y, accept_sparse="csr", dtype=np.float64, y_numeric=True)
        result = reconstruct_discrete(
            A,
            b,
            self.levels,
            shape=None if self.shape is None else tuple(self.shape),
            method=self.method,
            p=self.p,
            noise=self.noise,
            noise_amplitude=self.noise_amplitude,
            smooth=self.smooth,
            time_limit=self.time_limit,
            rng=self.random_state,
        )
        self.image_, self.index_ = result.image, result.index
        self.coef_ = result.image.ravel()
        self.objective_ = result.objective
        self.noise_amplitude_ = result.noise_amplitude
        self.margin_, self.history_ = result.margin, result.history
        return self

    def predict(self, X: Any) -> npt.NDArray[np.float64]:
        """Projections of the picture.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rays, n_pixels)
            Projection matrix.

        Returns
        -------
        y_pred : ndarray of shape (n_rays,)
            ``X @ coef_``.
        """
        check_is_fitted(self)
        A = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        return np.asarray(A @ self.coef_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.regressor_tags.poor_score = True  # the values of the coefficients are given
        return tags
