"""New rows on the segments between given rows: x_seed + gap (x_neighbor - x_seed)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._array import namespace
from sampkit._chunks import CACHE_BYTES, rows_per_chunk
from sampkit._containers import gather_rows


def interpolate(
    X: Any, seed: npt.ArrayLike, neighbor: npt.ArrayLike, gap: npt.ArrayLike, *, out: Any = None
) -> Any:
    """Rows between seeds and their neighbours.

    Parameters
    ----------
    X : {ndarray, CSR or CSC matrix or array, CuPy array} of shape (n, d)
        The rows that seeds and neighbours are taken from.
    seed, neighbor : array-like of int of shape (m,)
        Row numbers, 0 ... n - 1.
    gap : array-like of float of shape (m,) or (m, d)
        Share of the way from the seed to the neighbour, per row or per value. Taken in X's
        precision.
    out : array of shape (m, d) and of X's dtype, optional
        Where to write; dense X only.

    Returns
    -------
    array of shape (m, d)
        In X's format and dtype; integers are rounded to the nearest.

    Raises
    ------
    ValueError
        Shapes that do not fit, a row number outside 0 ... n - 1, or `out` beside sparse X.

    Notes
    -----
    3 m d flops and, beyond the result, one block of 512 kB. Sparse rows are the product of a
    matrix with two entries a row, 1 - gap and gap, so that a value shared by seed and neighbour
    stays what it is when gap is a multiple of 2**-53 (2**-24 for float32).

    References
    ----------
    .. [1] N. V. Chawla, K. W. Bowyer, L. O. Hall, W. P. Kegelmeyer, "SMOTE: synthetic minority
       over-sampling technique", JAIR 16, 321-357, 2002 (Populate).

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.over_sampling import interpolate
    >>> interpolate(np.array([[6.0, 4.0], [4.0, 3.0]]), [0, 0], [1, 1], [0.25, 0.5])
    array([[5.5 , 3.75],
           [5.  , 3.5 ]])
    """
    xp = namespace(X)
    if not (sp.issparse(X) or xp is not np):
        X = np.asarray(X)
    if X.ndim != 2:
        raise ValueError(f"X must be two-dimensional, got X.ndim={X.ndim}.")
    seed, neighbor = (
        _row_numbers(seed, "seed", X.shape[0]),
        _row_numbers(neighbor, "neighbor", X.shape[0]),
    )
    share: Any = gap if namespace(gap) is not np else np.asarray(gap, dtype=_float_of(X.dtype))
    m, d = len(seed), X.shape[1]
    if len(neighbor) != m or share.shape not in ((m,), (m, d)):
        raise ValueError(
            f"seed, neighbor and gap must have one entry (or one row of {d}) for each of the {m} "
            f"new rows, got shapes {seed.shape}, {neighbor.shape}, {share.shape}."
        )
    if sp.issparse(X):
        if out is not None:
            raise ValueError(f"out must be None where X is sparse, got {type(out).__name__}.")
        return _sparse_rows(X, seed, neighbor, share)
    if X.dtype.kind != "f":
        rows = interpolate(X.astype(np.float64), seed, neighbor, share)
        rows = xp.rint(rows, out=rows).astype(X.dtype)
        if out is None:
            return rows
        out[...] = rows
        return out
    if out is None:
        out = xp.empty((m, d), dtype=X.dtype)
    elif out.shape != (m, d) or out.dtype != X.dtype:
        raise ValueError(
            f"out must have shape {(m, d)} and dtype {X.dtype}, got {out.shape} and {out.dtype}."
        )
    share = xp.asarray(share, dtype=X.dtype)
    _dense_rows(
        xp,
        X,
        xp.asarray(seed),
        xp.asarray(neighbor),
        share if share.ndim == 2 else share[:, None],
        out,
    )
    return out


def _dense_rows(xp: Any, X: Any, seed: Any, neighbor: Any, gap: Any, out: Any) -> None:
    budget = CACHE_BYTES if xp is np else 64 * CACHE_BYTES
    step = rows_per_chunk(X.itemsize * X.shape[1], budget)
    scratch = xp.empty((min(step, len(seed)), X.shape[1]), dtype=X.dtype)
    for start in range(0, len(seed), step):
        rows = out[start : start + step]
        step_to = scratch[: len(rows)]
        gather_rows(xp, X, seed[start : start + step], rows)
        gather_rows(xp, X, neighbor[start : start + step], step_to)
        step_to -= rows
        step_to *= gap[start : start + step]
        rows += step_to


def _sparse_rows(X: Any, seed: Any, neighbor: Any, gap: Any) -> Any:
    format, X = X.format, X.tocsr()
    if X.dtype.kind != "f":
        rows = _sparse_rows(X.astype(np.float64), seed, neighbor, gap)
        rows.data = np.rint(rows.data)
        return rows.astype(X.dtype).asformat(format)
    if gap.ndim == 2:
        return _sparse_rows_by_value(X, seed, neighbor, gap).asformat(format)
    m = len(seed)
    weights = np.column_stack([1 - gap, gap]).ravel().astype(X.dtype)
    pairs = np.column_stack([seed, neighbor]).ravel()
    # 32-bit indices, as in X, keep the product from converting either factor
    index = X.indices.dtype if X.shape[0] <= np.iinfo(X.indices.dtype).max else np.int64
    start = np.arange(0, 2 * m + 1, 2, dtype=index)
    weigh = sp.csr_array((weights, pairs.astype(index), start), shape=(m, X.shape[0]))
    rows = weigh @ X
    return type(X)(rows).asformat(format)


def _sparse_rows_by_value(X: Any, seed: Any, neighbor: Any, gap: Any) -> Any:
    step = rows_per_chunk(X.dtype.itemsize * X.shape[1])
    blocks = []
    for start in range(0, max(len(seed), 1), step):
        at = slice(start, start + step)
        first = X[seed[at]]
        way = (X[neighbor[at]] - first).tocoo()
        way.data *= gap[at][way.row, way.col].astype(X.dtype)
        blocks.append(first + type(X)(way))
    return sp.vstack(blocks, format="csr")


def _float_of(dtype: Any) -> Any:
    return dtype if dtype.kind == "f" else np.float64


def _row_numbers(rows: Any, name: str, n: int) -> npt.NDArray[np.intp]:
    rows = np.asarray(rows)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise ValueError(f"{name} must be a 1-D array of row numbers, got {rows.dtype} array.")
    if rows.size and not (rows.min() >= 0 and rows.max() < n):
        raise ValueError(
            f"{name} must hold row numbers in [0, {n}), got {rows.min()} ... {rows.max()}."
        )
    return rows.astype(np.intp, copy=False)
