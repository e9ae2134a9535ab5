"""Deep comparison: whether a table is, cell by cell and label by label, what it was."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._library import is_narwhals_frame, is_pandas, root_module

FLAGS = ("writeable", "c_contiguous", "f_contiguous", "owndata")


def snapshot(value: Any) -> Any:
    """A copy that shares nothing with `value`, down to the objects in its cells."""
    if isinstance(value, np.ndarray):
        return copy.deepcopy(value)  # unlike a pickle it keeps the order of the axes
    try:
        return pickle.loads(pickle.dumps(value))
    except (pickle.PicklingError, TypeError, AttributeError):
        return copy.deepcopy(value)


def flags(value: Any) -> dict[str, Any]:
    """Properties beside the content that a caller can rely on."""
    if isinstance(value, np.ndarray):
        return {name: getattr(value.flags, name) for name in FLAGS}
    if sp.issparse(value):
        return {name: getattr(value, name, None) for name in ("format", "nnz")}
    return {}


def difference(a: Any, b: Any) -> str | None:
    """What tells two values apart, in words; None when nothing does. NaN equals NaN."""
    if type(a) is not type(b):
        return f"type {type(a).__name__} became {type(b).__name__}"
    if isinstance(a, np.ndarray):
        return _arrays(a, b)
    if sp.issparse(a):
        return _sparse(a, b)
    if is_pandas(a) and hasattr(a, "index"):
        return _pandas(a, b)
    if isinstance(a, (list, tuple)):
        return _lists(a, b)
    if is_narwhals_frame(a) or root_module(a) in ("polars", "pyarrow", "pandas"):
        return None if a.equals(b) and _schema(a) == _schema(b) else "cells, names or dtypes differ"
    return None if _equal_cells(a, b) else f"{str(a)[:60]} became {str(b)[:60]}"


def _arrays(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> str | None:
    if a.dtype != b.dtype:
        return f"dtype {a.dtype} became {b.dtype}"
    if a.shape != b.shape:
        return f"shape {a.shape} became {b.shape}"
    if a.dtype == object:
        cells = zip(a.ravel(), b.ravel(), strict=True)
        changed = np.array([not _equal_cells(x, y) for x, y in cells], dtype=bool)
    elif a.tobytes() == b.tobytes():
        return None
    else:
        changed = ((a != b) & ~((a != a) & (b != b))).ravel()
    if not changed.any():
        return None
    at = np.unravel_index(int(np.argmax(changed)), a.shape)
    where = ", ".join(str(int(i)) for i in at)
    return f"{int(changed.sum())} values differ, first at [{where}]: {a[at]!r} became {b[at]!r}"


def _sparse(a: Any, b: Any) -> str | None:
    if (a.format, a.shape) != (b.format, b.shape):
        return f"{a.format} of shape {a.shape} became {b.format} of shape {b.shape}"
    for name in ("data", "indices", "indptr", "row", "col", "offsets"):
        if hasattr(a, name) and isinstance(getattr(a, name), np.ndarray):
            found = _arrays(getattr(a, name), getattr(b, name))
            if found:
                return f"{name}: {found}"
    return None


def _pandas(a: Any, b: Any) -> str | None:
    if a.shape != b.shape:
        return f"shape {a.shape} became {b.shape}"
    if not a.index.equals(b.index) or list(a.index.names) != list(b.index.names):
        return f"index {list(a.index[:4])} ... became {list(b.index[:4])} ..."
    if a.ndim == 1:
        if a.name != b.name:
            return f"name {a.name!r} became {b.name!r}"
        return _pandas_columns(a, b)
    if not a.columns.equals(b.columns) or list(a.columns.names) != list(b.columns.names):
        return f"columns {str(list(a.columns))[:80]} became {str(list(b.columns))[:80]}"
    for j in range(a.shape[1]):
        found = _pandas_columns(a.iloc[:, j], b.iloc[:, j])
        if found:
            return f"column {a.columns[j]!r}: {found}"
    return None


def _pandas_columns(a: Any, b: Any) -> str | None:
    found = dtype_difference(a.dtype, b.dtype)
    if found:
        return found
    if a.array.equals(b.array) if not isinstance(a.dtype, np.dtype) else False:
        return None
    return _arrays(a.astype(object).to_numpy(), b.astype(object).to_numpy())


def dtype_difference(a: Any, b: Any) -> str | None:
    """Whether two pandas dtypes differ; unlike ``==``, the order of categories counts."""
    levels_a, levels_b = (
        list(d.categories) if hasattr(d, "categories") and d.categories is not None else None
        for d in (a, b)
    )
    if a != b or levels_a != levels_b:
        return f"dtype {str(a)[:60]} {levels_a or ''} became {str(b)[:60]} {levels_b or ''}"
    return None


def _lists(a: Any, b: Any) -> str | None:
    if len(a) != len(b):
        return f"length {len(a)} became {len(b)}"
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        found = difference(x, y)
        if found:
            return f"entry {i}: {found}"
    return None


def _schema(value: Any) -> Any:
    return getattr(value, "schema", None) or getattr(value, "dtype", None)


def _equal_cells(x: Any, y: Any) -> bool:
    if x is y:
        return True
    try:
        return bool(x == y) or bool(x != x and y != y)
    except (TypeError, ValueError):
        return str(x) == str(y)
