"""Leverage of columns: which features carry the leading directions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.coreset._input import checked_integer, rows_of
from sampkit.coreset._leverage import GRAM_SPECTRUM
from sampkit.coreset._whiten import default_rtol

__all__ = ["feature_leverage_scores"]


def feature_leverage_scores(X: Any, rank: int) -> npt.NDArray[np.float64]:
    """How much of the k leading directions hangs on every column: for choosing columns.

    Parameters
    ----------
    X : {array-like, sparse matrix, data frame, dask collection} of shape (n, d)
        The rows; centre them first where principal components are meant.
    rank : int in 1..min(n, d)
        k, the number of leading right singular vectors.

    Returns
    -------
    scores : ndarray of shape (d,)
        Squared row norms of the k leading right singular vectors: from 0 to 1, their sum is k, or
        the rank of X where that is less.  The same as ``leverage_scores(X.T, rank=k)``.

    Raises
    ------
    ValueError
        X not two-dimensional, empty, with NaN or infinity; `rank` out of range.

    Notes
    -----
    n d² + O(d³) flops, d² numbers of memory: eigenvectors of the Gram matrix, or, where the k-th
    singular value is too small for that, singular vectors of a triangular factor.  Columns drawn
    with probabilities in proportion to these scores span nearly as much as the k leading
    directions.

    References
    ----------
    M. W. Mahoney and P. Drineas, "CUR matrix decompositions for improved data analysis", PNAS
    106(3), 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.coreset import feature_leverage_scores
    >>> X = np.random.default_rng(0).normal(size=(500, 4)) * [10.0, 10.0, 1.0, 0.0]
    >>> feature_leverage_scores(X, 2).round(2)
    array([1., 1., 0., 0.])
    """
    rows = rows_of(X)
    k = checked_integer(rank, "rank", 1, min(rows.n, rows.d))
    largest = rows.column_max().max()  # refuses NaN and infinity
    gram = rows.gram()
    value, vector = np.linalg.eigh(gram)
    if np.isfinite(value[-1]) and value[-k] > GRAM_SPECTRUM**2 * value[-1] > 0:
        leading = vector[:, -k:]
    else:
        unit = np.full(rows.d, 1.0 / largest if largest > 0 else 1.0)
        _, s, Vt = np.linalg.svd(rows.triangular(unit), full_matrices=False)
        leading = Vt[:k][s[:k] > default_rtol(rows) * s[0]].T
    return np.minimum(np.einsum("ij,ij->i", leading, leading), 1.0)
