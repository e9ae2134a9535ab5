"""The same search on a GPU: blocks, bounds and ranking stay on the device.

Only functions that NumPy and CuPy share are used, on arrays of the namespace of X. Lists with
thresholds would wait for the host at every block, so each block is partitioned instead.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from sampkit._array import namespace, validate_device
from sampkit._chunks import chunks, rows_per_chunk
from sampkit.neighbors._arguments import (
    check_columns,
    check_enough,
    rows_to_exclude,
    rows_to_search_from,
    safe_exponent,
    shape_of,
)
from sampkit.neighbors._bounds import Frame
from sampkit.neighbors._exact import Index, radius_of
from sampkit.neighbors._gemm import SPARE

DATA_BLOCK = 32768
BLOCK_BYTES = 512 * 1024 * 1024  # device memory for the scores and their partition


def knn(X: Any, k: int, query: Any, exclude: Any, return_distance: bool, method: str) -> Any:
    """`sampkit.neighbors.knn` for a CuPy array; `k` and `method` are checked."""
    if method == "tree":
        raise ValueError("method 'tree' works in main memory, got a CuPy array; use 'gemm'")
    xp = namespace(X)
    X = validate_device(X)
    points, barred = _queries(xp, X, query, exclude)
    check_enough(len(X), k, barred)
    exponent = safe_exponent(max(float(abs(rows).max()) for rows in (X, points) if len(rows)))
    if exponent:
        X, points = (xp.ldexp(rows, xp.asarray(-exponent)) for rows in (X, points))
    index = xp.empty((len(points), k), dtype=xp.intp)
    squared = xp.empty((len(points), k), dtype=xp.float64)
    if len(points):
        _search(xp, X, points, xp.asarray(barred), index, squared)
    if return_distance:
        return xp.ldexp(xp.sqrt(squared), xp.asarray(exponent)), index
    return index


def _search(xp: Any, X: Any, points: Any, barred: Any, index: Any, squared: Any) -> None:
    """Fill in the answers: in float32, the uncertain ones in float64, the rest by differences."""
    # with TF32 products keep 11 bits, and the bounds of float32 do not hold
    single = os.environ.get("CUPY_TF32", "0") == "0"
    todo = xp.arange(len(points))
    k = index.shape[1]
    for dtype in [xp.float32, xp.float64] if single else [xp.float64]:
        if len(todo) == 0:
            return
        frame = _frame(X, points, dtype)
        columns = frame.data(X)
        certain = xp.zeros(len(todo), dtype=bool)
        row_bytes = 32 * min(len(X), DATA_BLOCK) + 24 * (k + SPARE) * X.shape[1]
        for at in chunks(len(todo), rows_per_chunk(row_bytes, BLOCK_BYTES)):
            mine = todo[at]
            left, square = frame.query(points[mine])
            near, bound = _candidates(xp, left, columns, barred[mine], k)
            e = squared_differences(xp, X, near, points[mine])
            e[near == barred[mine][:, None]] = np.inf
            index[mine], squared[mine] = _first_k(xp, near, e, k)
            certain[at] = bound < frame.floor(square, radius_of(squared[mine, -1], X.shape[1]))
        todo = todo[~certain]
    every = xp.arange(len(X))[None, :]
    for at in chunks(len(todo), rows_per_chunk(32 * X.size, BLOCK_BYTES)):
        mine = todo[at]
        near = xp.broadcast_to(every, (len(mine), len(X)))
        e = squared_differences(xp, X, near, points[mine])
        e[near == barred[mine][:, None]] = np.inf
        order = xp.argsort(e, axis=1, kind="stable")[:, :k]  # of equals the lower number first
        index[mine] = order
        squared[mine] = xp.take_along_axis(e, order, axis=1)


def _candidates(xp: Any, left: Any, columns: Any, barred: Any, k: int) -> tuple[Any, Any]:
    """The k + 3 best scores of every query, and a bound on every other score."""
    best = rows = None
    wanted = min(k + SPARE, len(columns))
    for block in chunks(len(columns), max(DATA_BLOCK, wanted)):
        scores = left @ columns[block].T
        number = xp.arange(block.start, block.stop)
        scores[number[None, :] == barred[:, None]] = -np.inf
        number = xp.broadcast_to(number[None, :], scores.shape)
        if best is not None:
            scores = xp.concatenate([best, scores], axis=1)
            number = xp.concatenate([rows, number], axis=1)
        at = scores.shape[1] - wanted
        top = xp.argpartition(scores, at, axis=1)[:, at:]
        best = xp.take_along_axis(scores, top, axis=1)
        rows = xp.take_along_axis(number, top, axis=1)
    assert best is not None
    return rows, best.min(axis=1)


def _first_k(xp: Any, index: Any, squared: Any, k: int) -> tuple[Any, Any]:
    by_number = xp.argsort(index, axis=1, kind="stable")
    index = xp.take_along_axis(index, by_number, axis=1)
    squared = xp.take_along_axis(squared, by_number, axis=1)
    order = xp.argsort(squared, axis=1, kind="stable")[:, :k]
    return xp.take_along_axis(index, order, axis=1), xp.take_along_axis(squared, order, axis=1)


def squared_differences(xp: Any, X: Any, index: Any, points: Any) -> Any:
    """Squared distances (q, c) of ``points[i]`` to ``X[index[i]]``, by differences in float64."""
    gaps = xp.subtract(X[index], points[:, None, :], dtype=xp.float64)
    return xp.einsum("ijk,ijk->ij", gaps, gaps)


def _frame(X: Any, points: Any, dtype: Any) -> Frame:
    centre = X.mean(axis=0, dtype=np.float64)
    reach = max(float(abs(rows - centre).max()) for rows in (X, points))
    return Frame(centre, reach, dtype)


def _queries(xp: Any, X: Any, query: Any, exclude: Any) -> tuple[Any, Index]:
    """The points to search for, and for each the row that it must not get."""
    n, d = X.shape
    shape = shape_of(query)
    if query is None or len(shape) == 1:
        rows = rows_to_search_from(query, exclude, n)
        return (X if query is None else X[xp.asarray(rows)]), rows
    if namespace(query) is not xp:
        raise ValueError(f"query must be on the device, as X is, got {type(query).__name__}")
    if len(shape) == 2:
        check_columns(shape[1], d)
    points = query if shape[0] == 0 else validate_device(query, name="query")
    return points, rows_to_exclude(exclude, len(points), n)
