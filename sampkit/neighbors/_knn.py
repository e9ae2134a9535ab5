"""The public door of the neighbour search: checks, and the choice of the engine."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._array import namespace
from sampkit.neighbors import _gemm, _sparse, _tree
from sampkit.neighbors._arguments import (
    check_columns,
    check_enough,
    rows_to_exclude,
    rows_to_search_from,
    safe_exponent,
    shape_of,
)
from sampkit.neighbors._exact import Answer, Queries
from sampkit.neighbors._threads import one_blas_thread

TREE_COLUMNS = 6  # up to here a k-d tree is faster than matrix products


def knn(
    X: Any,
    k: int,
    *,
    query: Any = None,
    exclude: Any = None,
    return_distance: bool = False,
    method: Literal["auto", "tree", "gemm"] = "auto",
) -> Any:
    """The k nearest rows of X by Euclidean distance, exactly, whatever the data.

    Distances are compared as they come out of the differences of rows, in float64; of rows
    equally far the one with the lower number comes first. The answer does not depend on the
    method, on the number of threads or on the size of the blocks.

    Parameters
    ----------
    X : array-like, CSR/CSC matrix or array, or CuPy array, of shape (n, d)
        Rows to search, finite. float32 and float64 are searched as they are, other numbers as
        float64.
    k : int
        Neighbours of each query, at least 1.
    query : None, array of int of shape (q,), or matrix of shape (q, d), default=None
        None: all rows of X. A 1-D array: the rows of X with these numbers. In both cases a row
        is left out of its own neighbours by its number, so that its duplicates may be among them.
        A matrix: points, dense, sparse or on the device as X is.
    exclude : array of int of shape (q,), default=None
        For points only: the row of X that each of them must not get, -1 for none.
    return_distance : bool, default=False
        Return the distances as well.
    method : {"auto", "tree", "gemm"}, default="auto"
        Candidates from a k-d tree or from blocked matrix products. "auto" is "tree" for dense X
        of at most 6 columns in main memory, else "gemm".

    Returns
    -------
    distances : ndarray of float64, shape (q, k)
        Ascending; only with `return_distance`.
    indices : ndarray of intp, shape (q, k)
        Row numbers of X, nearest first. A CuPy array if X is one.

    Raises
    ------
    ValueError
        If `k` is not a whole number >= 1, fewer than k rows are left for a query, X or the
        points are not finite or not matrices of equally many columns, a row number is out of
        range, or `method` is unknown or not to be had for this X.

    Notes
    -----
    Time: O(q n d) for "gemm", at the speed of float32 matrix products; for "tree" about
    O((n + q) log n) with few columns. Memory beyond X and the answer: X once more in float32
    ("gemm"), and blocks of at most 48 MB. Queries are worked on in as many threads as BLAS may
    use, each with one BLAS thread; the limit on BLAS is the process's while the search runs.

    "gemm" selects k + 3 candidates by float32 products that bound each distance from below,
    ranks them by differences, and accepts the k best where no other row can be nearer. Queries
    for which that is not certain (ties, clusters that are tiny against their distance, columns
    of very different scale) are searched again in float64 around their own centre, and what
    rounding still hides is compared by differences.

    References
    ----------
    .. [1] N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., SIAM 2002,
       section 3.1 (the bound on the rounding of inner products).

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.neighbors import knn
    >>> X = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> knn(X, 2)
    array([[1, 2],
           [0, 2],
           [0, 1],
           [0, 1]])
    >>> knn(X, 1, query=[3], return_distance=True)
    (array([[2.]]), array([[0]]))
    """
    if not isinstance(k, Integral) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k must be a whole number >= 1, got {k!r}")
    if method not in ("auto", "tree", "gemm"):
        raise ValueError(f"method must be 'auto', 'tree' or 'gemm', got {method!r}")
    if namespace(X) is not np:
        from sampkit.neighbors import _device

        return _device.knn(X, int(k), query, exclude, return_distance, method)
    X = _matrix(X, "X")
    queries = _queries(X, query, exclude)
    check_enough(X.shape[0], int(k), queries.exclude)
    if method == "tree" and sp.issparse(X):
        raise ValueError("method 'tree' needs dense X, got a sparse matrix; use 'auto' or 'gemm'")
    X, queries, exponent = _moderate(X, queries)
    answer = _search(X, queries, int(k), method)
    if return_distance:
        return np.ldexp(np.sqrt(answer.squared), exponent), answer.index
    return answer.index


def _search(X: Any, queries: Queries, k: int, method: str) -> Answer:
    if len(queries) == 0:
        return Answer.empty(0, k)
    with one_blas_thread() as n_threads:
        if sp.issparse(X):
            return _sparse.search(X, queries, k, n_threads)
        if method == "tree" or (method == "auto" and X.shape[1] <= TREE_COLUMNS):
            return _tree.search(X, queries, k, n_threads)
        return _gemm.search(X, queries, k, n_threads)


def _matrix(X: Any, name: str) -> Any:
    """Finite floats, C-contiguous or canonical CSR; copied only where that needs a change."""
    if sp.issparse(X):
        rows = X.tocsr()
        values = _floats(rows.data, name).astype(np.float64, copy=False)
        X = sp.csr_array((values, rows.indices, rows.indptr), shape=rows.shape)
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
    else:
        values = X = _floats(np.asarray(X), name)
    if X.ndim != 2:
        raise ValueError(f"{name} must be a matrix (rows, columns), got shape {X.shape}")
    if min(X.shape) == 0:
        raise ValueError(f"{name} must have at least one row and one column, got shape {X.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        total = values.sum()
    if not np.isfinite(total) and not np.isfinite(values).all():
        what = "NaN" if np.isnan(values).any() else "infinity"
        raise ValueError(f"{name} must be finite, but Input {name} contains {what}")
    return X if sp.issparse(X) else np.ascontiguousarray(X)


def _floats(values: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    if values.dtype in (np.float32, np.float64):
        return values
    if values.dtype.kind not in "biufO":
        raise ValueError(f"{name} must hold real numbers, got dtype {values.dtype}")
    return values.astype(np.float64)


def _queries(X: Any, query: Any, exclude: Any) -> Queries:
    n, d = X.shape
    shape = shape_of(query)
    if query is None or (len(shape) == 1 and not sp.issparse(query)):
        rows = rows_to_search_from(query, exclude, n)
        return Queries(X, None if query is None else rows, rows)
    if sp.issparse(query) and not sp.issparse(X):
        raise ValueError("query must be dense, as X is, got a sparse matrix")
    if len(shape) == 2 and shape[0] == 0:
        check_columns(shape[1], d)
        return Queries(np.empty((0, d)), None, rows_to_exclude(exclude, 0, n))
    if namespace(query) is not np:
        raise ValueError("query must be in main memory, as X is, got an array on a device")
    points = _matrix(query, "query")
    check_columns(points.shape[1], d)
    if sp.issparse(X) and not sp.issparse(points):
        points = sp.csr_array(points.astype(np.float64))
    return Queries(points, None, rows_to_exclude(exclude, points.shape[0], n))


def _moderate(X: Any, queries: Queries) -> tuple[Any, Queries, int]:
    """X and queries divided by a power of two that keeps squares in range, and its exponent."""
    exponent = safe_exponent(max(_largest(X), _largest(queries.points)))
    if exponent == 0:
        return X, queries, exponent
    scaled = _scaled(X, -exponent)
    points = scaled if queries.points is X else _scaled(queries.points, -exponent)
    return scaled, Queries(points, queries.rows, queries.exclude), exponent


def _scaled(X: Any, exponent: int) -> Any:
    if sp.issparse(X):
        return sp.csr_array((np.ldexp(X.data, exponent), X.indices, X.indptr), shape=X.shape)
    return np.ldexp(X, exponent, dtype=np.float64)


def _largest(X: Any) -> float:
    values = X.data if sp.issparse(X) else X
    return max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
