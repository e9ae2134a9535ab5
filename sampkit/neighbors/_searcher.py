"""Neighbour searchers as the samplers hold them: the verified one, or any that the user gives."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sampkit._array import namespace, on_host
from sampkit.neighbors._exact import Index
from sampkit.neighbors._knn import knn


class VerifiedNeighbors(BaseEstimator):
    """Exact nearest neighbours in the form of a scikit-learn neighbour searcher.

    It is what the samplers use unless they are given another searcher, and the pattern for one:
    an object with ``fit(D)``, ``kneighbors(Q, return_distance=False)`` and `n_neighbors`.

    Parameters
    ----------
    n_neighbors : int, default=6
        Neighbours to return when `kneighbors` is not told; for the rows of D themselves this
        counts the row itself.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen by `fit`.
    n_samples_fit_ : int
        Number of rows seen by `fit`.

    See Also
    --------
    knn : The function behind it.

    Notes
    -----
    `fit` keeps a reference to D and computes nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.neighbors import VerifiedNeighbors
    >>> D = np.array([[0.0], [1.0], [3.0], [7.0]])
    >>> VerifiedNeighbors(n_neighbors=2).fit(D).kneighbors([[2.5]], return_distance=False)
    array([[2, 1]])
    """

    def __init__(self, n_neighbors: int = 6):
        self.n_neighbors = n_neighbors

    def fit(self, D: Any, y: Any = None) -> VerifiedNeighbors:
        """Remember the rows to search.

        Parameters
        ----------
        D : array-like, sparse matrix or CuPy array of shape (n, d)
            The rows to search.
        y : object, default=None
            Ignored; scikit-learn's convention.

        Returns
        -------
        VerifiedNeighbors
            The searcher itself.
        """
        D = D if hasattr(D, "shape") else np.asarray(D)
        if len(D.shape) != 2:
            raise ValueError(f"D must be a matrix (n, d), got shape {tuple(D.shape)}")
        self.n_samples_fit_, self.n_features_in_ = D.shape
        self._rows = D
        return self

    def kneighbors(
        self, Q: Any = None, n_neighbors: int | None = None, return_distance: bool = True
    ) -> Any:
        """The nearest rows of D.

        Parameters
        ----------
        Q : array-like, sparse matrix or CuPy array of shape (q, d), default=None
            Points to find neighbours for. None: the rows of D, none its own neighbour.
        n_neighbors : int, default=None
            None: the constructor's.
        return_distance : bool, default=True
            Whether to return the distances as well.

        Returns
        -------
        ndarray of float64, shape (q, n_neighbors)
            Distances, ascending; only with `return_distance`.
        ndarray of int, shape (q, n_neighbors)
            Row numbers of D.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            As `knn`.
        """
        check_is_fitted(self)
        k = self.n_neighbors if n_neighbors is None else n_neighbors
        if Q is not None and not hasattr(Q, "shape"):
            Q = np.asarray(Q)
        if Q is not None and len(Q.shape) != 2:
            raise ValueError(f"Q must be a matrix (q, d), got shape {tuple(Q.shape)}")
        return knn(self._rows, k, query=Q, return_distance=return_distance)


def neighbors_asked(neighbors: Any, name: str) -> int:
    """How many neighbours a sampler's parameter asks for: a number, or an object's less the row."""
    if isinstance(neighbors, Integral):
        return int(neighbors)
    counted = getattr(neighbors, "n_neighbors", None)
    if not isinstance(counted, Integral) or counted < 2:
        raise ValueError(
            f"{name}: the object's n_neighbors counts the row itself and must be an integer >= 2, "
            f"got {str(counted)[:80]} from {type(neighbors).__name__}."
        )
    return int(counted) - 1


def neighbors_of(searcher: Any, D: Any, rows: Any, k: int, *, fit: bool = True) -> Index:
    """The k nearest rows of D for some of its rows, none its own neighbour.

    Parameters
    ----------
    searcher : None, VerifiedNeighbors or object with fit and kneighbors
        None and `VerifiedNeighbors` search exactly with `knn` and stay unfitted. Another object
        is fitted to D and asked for ``kneighbors(D[rows], return_distance=False)``; the row
        itself is taken out by its number, and where it is absent the last neighbour goes.
    D : array-like, sparse matrix or CuPy array of shape (n, d)
        The rows to search.
    rows : array of int, shape (q,)
        Numbers of the rows to find neighbours for.
    k : int
        Neighbours of each.
    fit : bool, default=True
        False for an object that was fitted to D before.

    Returns
    -------
    ndarray of intp, shape (q, k)
        Row numbers of D, nearest first, in main memory.

    Raises
    ------
    ValueError
        As `knn`; or if the object finds fewer than k other rows, or names a row that D lacks.

    Notes
    -----
    Cost: that of `knn` with q queries, or the object's own.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.neighbors import neighbors_of
    >>> from sklearn.neighbors import NearestNeighbors
    >>> D = np.array([[0.0], [1.0], [3.0], [7.0]])
    >>> neighbors_of(NearestNeighbors(n_neighbors=3), D, [0, 3], 2)
    array([[1, 2],
           [2, 1]])
    """
    if searcher is None or isinstance(searcher, VerifiedNeighbors):
        return on_host(knn(D, k, query=rows))
    if fit:
        searcher.fit(D)
    rows = on_host(rows)
    found = searcher.kneighbors(D[namespace(D).asarray(rows)], return_distance=False)
    return _others(searcher, on_host(found), rows, D.shape[0], k)


def _others(searcher: Any, found: Index, rows: Index, n: int, k: int) -> Index:
    """The first k found rows that are not the query itself."""
    name = type(searcher).__name__
    if found.ndim != 2 or len(found) != len(rows) or found.dtype.kind not in "iu":
        raise ValueError(
            f"{name}.kneighbors must return row numbers of shape ({len(rows)}, n_neighbors), "
            f"got {found.dtype} of shape {found.shape}"
        )
    if found.size and not 0 <= found.min() <= found.max() < n:
        raise ValueError(
            f"{name}.kneighbors must return row numbers in [0, {n}), got values from "
            f"{found.min()} to {found.max()}"
        )
    itself = found == rows[:, None]
    others = found.shape[1] - itself.sum(axis=1).max(initial=0)
    if others < k:
        raise ValueError(
            f"{name} found only {others} other rows for some row, k = {k} are needed: "
            f"its n_neighbors must be at least {k + 1}, the row itself counted"
        )
    # stable: the row itself goes last, the others keep their order
    order = np.argsort(itself, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(found, order, axis=1).astype(np.intp, copy=False)
