"""The Fréchet distance between normal laws, and between samples through their first two moments."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.metrics._samples import FloatArray, as_array, as_samples, sample_pair


def gaussian_frechet(
    m1: npt.ArrayLike, C1: npt.ArrayLike, m2: npt.ArrayLike, C2: npt.ArrayLike
) -> float:
    r"""Squared 2-Wasserstein (Fréchet) distance between two normal laws.

    .. math:: |m_1 - m_2|^2 + \operatorname{tr} C_1 + \operatorname{tr} C_2
        - 2 \operatorname{tr} (C_1^{1/2} C_2 C_1^{1/2})^{1/2}

    Parameters
    ----------
    m1 : array-like of shape (d,)
        Mean of the first law.
    C1 : array-like of shape (d, d)
        Its covariance: symmetric, positive semi-definite; it may be singular.
    m2 : array-like of shape (d,)
        Mean of the second law.
    C2 : array-like of shape (d, d)
        Its covariance.

    Returns
    -------
    float
        The distance, >= 0; squared, in the square of the data's unit.

    Raises
    ------
    ValueError
        Shapes that do not fit, values that are not finite, a covariance that is not symmetric or
        has an eigenvalue clearly below 0.

    Notes
    -----
    Two symmetric eigendecompositions and the singular values of a product, O(d^3); no square root
    of a matrix that is not symmetric, whose rounding can turn complex.

    References
    ----------
    Dowson and Landau, "The Fréchet distance between multivariate normal distributions", Journal of
    Multivariate Analysis 12 (1982), 450-455.

    Examples
    --------
    >>> from sampkit.metrics import gaussian_frechet
    >>> round(gaussian_frechet([0, 0], [[1, 0], [0, 4]], [3, 4], [[4, 0], [0, 1]]), 10)
    27.0
    """
    mean1, cov1 = _moments(m1, C1, "m1", "C1")
    mean2, cov2 = _moments(m2, C2, "m2", "C2")
    if mean1.shape != mean2.shape:
        raise ValueError(f"m1 and m2 must have one length, got {mean1.size} and {mean2.size}.")
    return _distance(mean1 - mean2, _square_root(cov1, "C1"), _square_root(cov2, "C2"))


def _moments(mean: Any, cov: Any, mean_name: str, cov_name: str) -> tuple[FloatArray, FloatArray]:
    m = as_array(mean, mean_name).astype(np.float64, copy=False)
    C = as_array(cov, cov_name).astype(np.float64, copy=False)
    if m.ndim != 1 or m.size == 0:
        raise ValueError(f"{mean_name} must be of shape (d,), d >= 1, got shape {m.shape}.")
    if C.shape != (m.size, m.size):
        raise ValueError(
            f"{cov_name} must be of shape {(m.size, m.size)} beside {mean_name} of shape "
            f"{m.shape}, got shape {C.shape}."
        )
    if not np.allclose(C, C.T, rtol=1e-8, atol=1e-10 * float(np.abs(C).max(initial=0.0))):
        raise ValueError(f"{cov_name} must be symmetric.")
    return m, (C + C.T) / 2


def _square_root(C: FloatArray, name: str) -> FloatArray:
    values, vectors = np.linalg.eigh(C)
    if values[0] < -1e-8 * max(float(values[-1]), 0.0) - np.finfo(np.float64).tiny:
        raise ValueError(
            f"{name} must be positive semi-definite, got the eigenvalue {values[0]:.6g}."
        )
    return (vectors * np.sqrt(values.clip(0.0))) @ vectors.T


def _distance(shift: FloatArray, first: FloatArray, second: FloatArray) -> float:
    """The distance of laws with covariances F'F and S'S.

    The eigenvalues of C1 C2 are the squared singular values of F S', whose sum needs no root of a
    rounding error.
    """
    roots = np.linalg.svd(first @ second.T, compute_uv=False)
    traces = np.vdot(first, first) + np.vdot(second, second)
    return max(float(shift @ shift + traces - 2.0 * roots.sum()), 0.0)


def frechet_distance(
    A: Any,
    B: Any,
    features: Callable[[Any], Any] | None = None,
    n_components: int | None = None,
) -> float:
    """Fréchet distance between the normal laws fitted to two samples.

    With `features` of an Inception network this is the FID; without, it compares means and
    covariances of the rows themselves.

    Parameters
    ----------
    A, B : array-like, data frame or tensor of shape (n, d) or (n, ...)
        The samples, at least two rows each; the sizes may differ. B is the reference.
    features : callable or None, default=None
        Applied to A and to B as they are given; returns arrays of shape (n, ...).
    n_components : int or None, default=None
        Compare in that many leading principal components of B only, 1 <= n_components <=
        min(rows of B, columns).

    Returns
    -------
    float
        The distance, >= 0; squared, in the square of the unit of the data or features.

    Raises
    ------
    ValueError
        Unequal numbers of columns, fewer than two rows, values that are not finite,
        `n_components` out of range.
    TypeError
        `features` cannot be called.

    Notes
    -----
    Covariances have the divisor n - 1, and are never formed: triangular factors take their place.
    O(n d min(n, d)) time. The estimate is biased upwards by a term of order d / n: compare samples
    of equal sizes only.

    References
    ----------
    Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash
    equilibrium", NeurIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.metrics import frechet_distance
    >>> A = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
    >>> round(frechet_distance(A, A + [3.0, 4.0]), 10)
    25.0
    """
    if features is not None:
        if not callable(features):
            raise TypeError(f"features must be callable or None, got {type(features).__name__}.")
        A, B = (as_samples(features(sample), "features of a sample") for sample in (A, B))
    first, second = sample_pair(A, B)
    mean1, mean2 = first.mean(axis=0), second.mean(axis=0)
    first, second = first - mean1, second - mean2
    shift = mean1 - mean2
    if n_components is not None:
        axes = _principal_axes(second, n_components)
        first, second, shift = first @ axes, second @ axes, shift @ axes
    first /= np.sqrt(len(first) - 1)
    second /= np.sqrt(len(second) - 1)
    return _distance(shift, _factor(first), _factor(second))


def _factor(rows: FloatArray) -> FloatArray:
    """No more rows than columns with the same Gram matrix."""
    return np.asarray(np.linalg.qr(rows, mode="r")) if len(rows) > rows.shape[1] else rows


def _principal_axes(centred: FloatArray, n_components: int) -> FloatArray:
    most = min(centred.shape)
    if (
        not isinstance(n_components, Integral)
        or isinstance(n_components, bool)
        or not 1 <= n_components <= most
    ):
        raise ValueError(
            f"n_components must be an int in [1, {most}] (rows and columns of B), got "
            f"{n_components!r}."
        )
    return np.linalg.svd(centred, full_matrices=False)[2][:n_components].T
