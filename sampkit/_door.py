"""The door: a caller's X and y come in, whatever they are, and leave as they came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils import assert_all_finite, check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _num_samples

from sampkit._array import namespace
from sampkit._containers import Dense, Device, Foreign, Listed, Sparse
from sampkit._library import is_foreign, is_narwhals_frame, is_pandas, root_module
from sampkit._rows import Container, Index
from sampkit._strategy import Target


def container_of(X: Any, *, numeric: bool, y: Any = None) -> Container:
    """The container of a caller's X.

    Parameters
    ----------
    X : array-like, sparse matrix, data frame or Dask collection of shape (n_samples, n_features)
    numeric : bool
        Whether numbers are wanted (lists are then read as numbers), or any cells will do.
    y : object, optional
        Labels as `at_hand` gives them: Dask labels can spare X a count of its rows.

    Returns
    -------
    Container

    Raises
    ------
    ValueError
        X is not two-dimensional, has no rows or no columns, or is complex.
    """
    module = root_module(X)
    if module == "cupy":
        if X.ndim != 2:
            raise ValueError(f"Expected 2D array, got {X.ndim}D array instead: X.shape={X.shape}.")
        return Device(X)
    if module == "dask":
        from sampkit._dask import container_of_dask

        return container_of_dask(X, y)
    if sp.issparse(X):
        X = check_array(X, accept_sparse=True, dtype=None, ensure_all_finite=False, input_name="X")
        return Sparse(X)
    if module == "pandas" or is_narwhals_frame(X):
        from sampkit._frames import frame_of

        return frame_of(X)
    if is_foreign(X):
        return Foreign(X)
    if isinstance(X, np.ndarray):
        return Dense(_table(X))
    if isinstance(X, (list, tuple)):
        return Listed(X, _table(_listed(X, numeric)))
    return Dense(_table(X))


def _listed(rows: Sequence[Any], numeric: bool) -> npt.NDArray[Any]:
    if numeric:
        return check_array(rows, dtype=None, ensure_all_finite=False, input_name="X")
    cells = np.asarray(rows, dtype=object)
    return cells if cells.ndim == 2 else np.asarray(rows)


def _table(X: Any) -> npt.NDArray[Any]:
    return check_array(X, dtype=None, ensure_all_finite=False, input_name="X")


def labels_of(y: Any) -> npt.NDArray[Any]:
    """Class labels as a one-dimensional array; one-hot rows become the number of their column.

    Raises
    ------
    ValueError
        Continuous, multilabel or multi-output labels, NaN, or more than one dimension.
    """
    if root_module(y) == "cupy":
        y = y.get()
    elif root_module(y) in ("dask", "sampkit"):
        y = at_hand(y).values
    if root_module(y) in ("polars", "pyarrow", "modin", "cudf"):
        import narwhals.stable.v2 as nw

        native = nw.from_native(y, allow_series=True, eager_only=True)
        y = np.asarray(native.to_list()) if hasattr(native, "to_list") else native.to_numpy()
    if is_pandas(y):
        y = _pandas_labels(y)
    if not sp.issparse(y):
        y = _plain_array(y)
    if y.ndim == 2 and y.shape[1] > 1:
        return _one_hot_labels(y)
    if y.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: y has dtype {y.dtype}.")
    y = column_or_1d(y, warn=True)
    if y.dtype.kind == "f":
        assert_all_finite(y, input_name="y")
    elif y.dtype == object:
        from pandas import isna

        if isna(y).any():
            raise ValueError("Input y contains NaN.")
    try:
        check_classification_targets(y)
    except TypeError:
        Target.of(y)  # words among numbers: it says so
        raise
    return y


def _plain_array(y: Any) -> npt.NDArray[Any]:
    if not isinstance(y, np.ndarray) and hasattr(y, "__array_namespace__"):
        from sklearn.utils._array_api import move_to

        return move_to(y, xp=np, device="cpu")
    return np.asarray(y)


def _pandas_labels(y: Any) -> Any:
    dtypes = list(y.dtypes) if y.ndim == 2 else [y.dtype]
    if len(dtypes) > 1:
        return y.to_numpy()
    values = y.iloc[:, 0] if y.ndim == 2 else y
    if values.isna().any():
        raise ValueError("Input y contains NaN.")
    if not isinstance(dtypes[0], np.dtype) and getattr(dtypes[0], "kind", "O") in "iufb":
        # nullable numbers would turn into Python objects, which is no label type
        return values.to_numpy(dtype=dtypes[0].kind + str(getattr(dtypes[0], "itemsize", 8)))
    array = values.to_numpy()
    return array.reshape(-1, 1) if y.ndim == 2 else array


def _one_hot_labels(y: Any) -> npt.NDArray[Any]:
    if type_of_target(y) != "multilabel-indicator":
        raise ValueError(
            "Multilabel and multioutput targets are not supported. y has shape "
            f"{y.shape} and is no indicator of one class a row."
        )
    dense = y.toarray() if sp.issparse(y) else y
    if (dense.sum(axis=1) > 1).any():
        raise ValueError(
            "Multilabel and multioutput targets are not supported. Row "
            f"{int(np.argmax(dense.sum(axis=1) > 1))} of y belongs to more than one class."
        )
    return np.where(dense.any(axis=1), dense.argmax(axis=1), -1)


def at_hand(y: Any) -> Any:
    """A caller's y; one of Dask with its values computed, beside the collection."""
    if root_module(y) != "dask":
        return y
    from sampkit._dask import LazyLabels

    return LazyLabels(y)


def n_entries(y: Any) -> int | None:
    """How many entries a caller's y has, or what `at_hand` made of it; None for no y."""
    if y is None:
        return None
    return int(_num_samples(y.values if root_module(y) == "sampkit" else y))


def take_labels(y: Any, rows: Index, *, keep_labels: bool, flat: bool = True) -> Any:
    """Some entries of a caller's y, or of what `at_hand` made of it, in the type it came in.

    An array of one column comes back one-dimensional where `flat`, as labels do; no y stays none.
    """
    if y is None:
        return None
    module = root_module(y)
    if module == "dask" or module == "sampkit":
        return at_hand(y).take(rows, keep_labels=keep_labels)
    if module == "pandas":
        out = y.take(rows)
        if hasattr(out, "reset_index") and not keep_labels:  # an Index or array of pandas has none
            out = out.reset_index(drop=True)
        return out
    if module in ("polars", "pyarrow", "modin", "cudf"):
        import narwhals.stable.v2 as nw

        native = nw.from_native(y, allow_series=True, eager_only=True)
        return native[rows.tolist()].to_native()
    if module == "cupy":
        return y[namespace(y).asarray(rows)]
    if isinstance(y, (list, tuple)):
        return [y[i] for i in rows]
    if sp.issparse(y):
        return y.tocsr()[rows].asformat(y.format)
    if is_foreign(y):
        column = y.__array_namespace__().reshape(y, (-1, 1))
        return Foreign(column).take(rows)[:, 0]
    y = np.asarray(y)
    if flat and y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    return y[rows]


def with_values(series: Any, values: npt.NDArray[Any]) -> Any:
    """Numbers in the type, dtype, name and index of a given series; arrays stay as they are."""
    if is_pandas(series):
        new = series._constructor(values, index=series.index, name=series.name)
        return new.astype(series.dtype)
    if root_module(series) in ("polars", "pyarrow", "modin", "cudf"):
        import narwhals.stable.v2 as nw

        like = nw.from_native(series, series_only=True)
        backend = like.implementation
        return nw.new_series(like.name, values, dtype=like.dtype, backend=backend).to_native()
    return namespace(series).asarray(values)


def paired(X: Any, y: Any) -> Any:
    """Labels beside the rows that they belong to: pandas on one index, Dask in the same chunks."""
    if is_pandas(X) and is_pandas(y) and hasattr(y, "reset_index"):
        y.index = X.index
    elif root_module(X) == root_module(y) == "dask":
        from sampkit import _dask

        return _dask.paired(X, y)
    return y
