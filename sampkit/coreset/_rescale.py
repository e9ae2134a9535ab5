"""Rows times factors, in the container that they came in."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._array import namespace
from sampkit._library import is_narwhals_frame, is_pandas, root_module


def rescaled(rows: Any, factor: npt.NDArray[np.float64]) -> Any:
    """Every row (or entry) times its factor; whole numbers become floats, float32 stays."""
    if rows is None:
        return None
    if is_pandas(rows):
        return rows.mul(factor, axis=0).astype(_float_dtypes(rows))
    if sp.issparse(rows):
        scaled = sp.diags_array(factor.astype(_float(rows.dtype))) @ rows
        kind = type(rows)
        return kind(scaled.asformat(rows.format))
    if is_narwhals_frame(rows) or root_module(rows) in ("polars", "pyarrow"):
        return _with_narwhals(rows, factor)
    if root_module(rows) == "dask":
        return _of_dask(rows, factor)
    if isinstance(rows, (list, tuple)):
        return rescaled(np.asarray(rows), factor).tolist()
    xp = namespace(rows)
    shape = (-1,) + (1,) * (rows.ndim - 1)
    return rows * xp.asarray(factor.astype(_float(rows.dtype))).reshape(*shape)


def _float(dtype: Any) -> np.dtype[Any]:
    return np.dtype(np.float32 if dtype == np.float32 else np.float64)


def _float_dtypes(rows: Any) -> Any:
    """float32 columns keep their dtype; the others are what multiplication makes of them."""
    if rows.ndim == 1:
        return np.float32 if rows.dtype == np.float32 else rows.mul(1.0).dtype
    kinds = rows.iloc[:1].mul(1.0, axis=0).dtypes
    return {
        name: np.float32 if before == np.float32 else after
        for name, before, after in zip(rows.columns, rows.dtypes, kinds, strict=True)
    }


def _with_narwhals(rows: Any, factor: npt.NDArray[np.float64]) -> Any:
    import narwhals.stable.v2 as nw

    native = nw.from_native(rows, allow_series=True, eager_only=True)
    backend = native.implementation

    def scaled(series: Any) -> Any:
        weight = nw.new_series("factor", factor, dtype=nw.Float64(), backend=backend)
        product = series.cast(nw.Float64()) * weight
        return product.cast(nw.Float32()) if series.dtype == nw.Float32() else product

    if isinstance(native, nw.Series):
        return scaled(native).alias(native.name).to_native()
    columns = [scaled(native[name]).alias(name) for name in native.columns]
    return native.with_columns(*columns).to_native()


def _of_dask(rows: Any, factor: npt.NDArray[np.float64]) -> Any:
    import dask.array as da

    if isinstance(rows, da.Array):
        column = da.from_array(factor.astype(_float(rows.dtype)), chunks=(rows.chunks[0],))
        return rows * column.reshape((-1,) + (1,) * (rows.ndim - 1))
    raise TypeError(
        "rescale must be False for a dask.dataframe, got True: multiply the rows by "
        "sample_weight_ ** (1 / p) after computing them."
    )
