"""Data frames in, the same data frames out: pandas by itself, polars and pyarrow by narwhals.

Columns are gathered and appended one by one in their own dtype; a mixed frame never passes
through one array of objects.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._chunks import rows_per_chunk
from sampkit._containers import Dense, as_finite_floats
from sampkit._library import is_pandas
from sampkit._rows import Container, Index, NewRows, value_range


def frame_of(X: Any) -> Container:
    """The container of a pandas, polars or pyarrow table."""
    if not is_pandas(X):
        return NarwhalsFrame(X)
    if X.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got 1D array instead: X is a pandas Series of {len(X)} values."
        )
    return PandasFrame(X)


class Frame(Container):
    """What the data-frame libraries share: numbers are stacked column by column."""

    names: list[Any]
    spread = True

    def gather(self, rows: Index) -> Container:
        return type(self)(self.take(rows))  # type: ignore[call-arg]

    def matrix(self, columns: Index | None = None) -> Any:
        wanted = range(self.n_columns) if columns is None else columns.tolist()
        single = all(self._is_float32(j) for j in wanted)
        out = np.empty((self.n_rows, len(wanted)), dtype=np.float32 if single else np.float64)
        for q, j in enumerate(wanted):
            out[:, q] = self._floats(j)
        return as_finite_floats(out)

    def _new_columns(self, new: NewRows) -> dict[int, Any]:
        """The new rows, column by column: numbers cast back, cells copied."""
        continuous = new.continuous
        if continuous is None:
            continuous = np.arange(self.n_columns)
        columns: dict[int, Any] = {}
        if len(continuous):
            numbers = self._numbers_by_column(new, len(continuous))
            for q, j in enumerate(continuous.tolist()):
                columns[j] = self._cast(numbers[q], j)
        for q, j in enumerate(new.nominal.tolist()):
            assert new.cells is not None
            home = self if new.home is None else new.home
            columns[j] = home._cells(j, new.cells[:, q])  # type: ignore[attr-defined]
        return columns

    @staticmethod
    def _numbers_by_column(new: NewRows, n_columns: int) -> npt.NDArray[Any]:
        step = rows_per_chunk(8 * n_columns)
        first = new.fill(0, min(step, new.size), None)
        if sp.issparse(first):
            return new.numbers().toarray().T
        out = np.empty((n_columns, new.size), dtype=first.dtype)
        out[:, : len(first)] = first.T
        for start in range(len(first), new.size, step):
            stop = min(start + step, new.size)
            out[:, start:stop] = new.fill(start, stop, None).T
        return out

    @abstractmethod
    def _is_float32(self, j: int) -> bool: ...

    @abstractmethod
    def _floats(self, j: int) -> npt.NDArray[Any]: ...

    @abstractmethod
    def _cast(self, values: npt.NDArray[Any], j: int) -> Any: ...

    @abstractmethod
    def _cells(self, j: int, rows: Index) -> Any: ...

    def _not_numbers(self, j: int, dtype: Any) -> ValueError:
        name, text = self.names[j], str(dtype)
        is_time = text.lower().startswith(("date", "time", "duration", "period", "interval"))
        hint = "leave it out" if is_time else "name it in SMOTENC(categorical_features=...)"
        return ValueError(
            f"Column {str(name)[:80]!r} of X has dtype {text[:80]}, which holds no numbers "
            f"(could not convert string to float); {hint} or encode it as numbers."
        )


class PandasFrame(Frame):
    """pandas data frames, of plain, nullable, Arrow-backed, sparse and categorical columns."""

    def __init__(self, X: Any):
        import pandas as pd

        self.pd = pd
        self.X = X
        self.n_rows, self.n_columns = X.shape
        if 0 in X.shape:
            what, size = ("sample", 0) if not self.n_rows else ("feature", 0)
            raise ValueError(
                f"Found array with {size} {what}(s) (shape={X.shape}) while a minimum of 1 is "
                "required."
            )
        self.names = list(X.columns)
        self.dtypes = list(X.dtypes)
        self.integer = np.array([getattr(d, "kind", "O") in "iub" for d in self.dtypes])
        self.all_sparse = all(isinstance(d, pd.SparseDtype) for d in self.dtypes)
        self.spread = not (self._one_float_dtype or self.all_sparse)

    @property
    def _one_float_dtype(self) -> bool:
        first = self.dtypes[0]
        return first in (np.float32, np.float64) and all(d == first for d in self.dtypes)

    def matrix(self, columns: Index | None = None) -> Any:
        if self.all_sparse and all(d.fill_value == 0 and d.kind in "iufb" for d in self.dtypes):
            X = self.X if columns is None else self.X.iloc[:, columns]
            floats = sp.csr_array(X.sparse.to_coo(), dtype=np.float64)
            if not np.isfinite(floats.data).all():
                raise ValueError("Input X contains NaN or infinity.")
            return floats
        if columns is None and self._one_float_dtype:
            return as_finite_floats(self.X.to_numpy())
        return super().matrix(columns)

    def column(self, j: int) -> npt.NDArray[Any]:
        column = self.X.iloc[:, j]
        return column.astype(object).to_numpy()

    def limits(self) -> npt.NDArray[np.float64]:
        # nullable, Arrow-backed and sparse dtypes are described by those of their values
        values = (getattr(d, "subtype", d) for d in self.dtypes)
        plain = (
            np.dtype(f"{d.kind}{d.itemsize}") if whole else np.dtype(np.float64)
            for d, whole in zip(values, self.integer, strict=True)
        )
        return np.array([value_range(d) for d in plain]).T

    def categorical(self) -> Index:
        dtypes = (isinstance(d, self.pd.CategoricalDtype) for d in self.dtypes)
        return np.flatnonzero(list(dtypes))

    def take(self, rows: Index, *, keep_labels: bool = True) -> Any:
        out = self.X.take(rows)
        if not keep_labels:
            out.index = self.pd.RangeIndex(len(out))
        return out

    def extended(self, kept: Index | None, new: NewRows) -> Any:
        if self._one_float_dtype and not len(new.nominal):
            rows = Dense(self.X.to_numpy()).extended(kept, new)
            frame = self.X._constructor(rows, columns=self.X.columns, copy=False)
            return frame.__finalize__(self.X)
        first = self.X if kept is None else self.X.take(kept)
        if not new.size:
            return first.reset_index(drop=True)
        columns = self._new_columns(new)
        rows = self.X._constructor({j: columns[j] for j in range(self.n_columns)}, copy=False)
        rows.columns = self.X.columns
        if len(first):
            rows = self.pd.concat([first, rows], ignore_index=True)
        return rows.__finalize__(self.X)

    def _is_float32(self, j: int) -> bool:
        return bool(self.dtypes[j] == np.float32)

    def _floats(self, j: int) -> npt.NDArray[Any]:
        dtype, column = self.dtypes[j], self.X.iloc[:, j]
        kind = getattr(dtype, "kind", "O")
        if kind == "c":
            raise ValueError(f"Complex data not supported: column {self.names[j]!r} of X.")
        if kind in "iufb":
            if isinstance(dtype, np.dtype):
                return column.to_numpy()
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        if dtype == np.dtype(object):
            try:
                return column.to_numpy(dtype=np.float64, na_value=np.nan)
            except (TypeError, ValueError):
                raise self._not_numbers(j, dtype) from None
        raise self._not_numbers(j, dtype)

    def _cast(self, values: npt.NDArray[Any], j: int) -> Any:
        dtype = self.dtypes[j]
        if isinstance(dtype, np.dtype):
            return values.astype(dtype, copy=False)
        if isinstance(dtype, self.pd.SparseDtype):
            return self.pd.arrays.SparseArray(values.astype(dtype.subtype), dtype=dtype)
        if dtype.kind in "iu":
            values = values.astype(np.int64 if dtype.kind == "i" else np.uint64)
        elif dtype.kind == "b":
            values = values.astype(bool)
        return self.pd.array(values, dtype=dtype)

    def _cells(self, j: int, rows: Index) -> Any:
        # a Series, since a frame made of an array of objects would look for strings in it
        return self.X.iloc[:, j].take(rows).reset_index(drop=True)


class NarwhalsFrame(Frame):
    """Eager frames of polars and pyarrow."""

    def __init__(self, X: Any):
        import narwhals.stable.v2 as nw

        if not hasattr(X, "shape"):
            raise TypeError(f"X must be a frame in memory, got {type(X).__name__}: X.collect().")
        self.nw = nw
        self.X = nw.from_native(X, eager_only=True)
        self.n_rows, self.n_columns = self.X.shape
        if 0 in (self.n_rows, self.n_columns):
            raise ValueError(f"Found array with 0 sample(s) or feature(s) (shape={self.X.shape}).")
        self.schema = self.X.schema
        self.names = self.X.columns
        self.dtypes = list(self.schema.values())
        self.integer = np.array([d.is_integer() or d == nw.Boolean for d in self.dtypes])

    def column(self, j: int) -> npt.NDArray[Any]:
        return np.array(self.X.get_column(self.names[j]).to_list(), dtype=object)

    def limits(self) -> npt.NDArray[np.float64]:
        names = (
            {"Boolean": "bool", "Int128": "int64", "UInt128": "uint64"}.get(str(d), str(d).lower())
            if whole
            else "float64"
            for d, whole in zip(self.dtypes, self.integer, strict=True)
        )
        return np.array([value_range(np.dtype(name)) for name in names]).T

    def categorical(self) -> Index:
        kinds = (self.nw.Categorical, self.nw.Enum)
        return np.flatnonzero([any(d == kind for kind in kinds) for d in self.dtypes])

    def take(self, rows: Index, *, keep_labels: bool = True) -> Any:
        return self.X[rows.tolist()].to_native()

    def extended(self, kept: Index | None, new: NewRows) -> Any:
        first = self.X if kept is None else self.X[kept.tolist()]
        if not new.size:
            return first.to_native()
        columns = self._new_columns(new)
        rows = self.nw.from_dict(
            {name: columns[j].to_native() for j, name in enumerate(self.names)},
            schema=self.schema,
            backend=self.X.implementation,
        )
        if rows.implementation.is_pyarrow():  # narwhals knows no types of a dictionary's codes
            typed = rows.to_native().cast(self.X.to_native().schema)
            rows = self.nw.from_native(typed, eager_only=True)
        if not len(first):
            return rows.to_native()
        return self.nw.concat([first, rows], how="vertical").to_native()

    def _is_float32(self, j: int) -> bool:
        return self.dtypes[j] == self.nw.Float32

    def _floats(self, j: int) -> npt.NDArray[Any]:
        dtype, column = self.dtypes[j], self.X.get_column(self.names[j])
        if not (dtype.is_numeric() or dtype == self.nw.Boolean):
            raise self._not_numbers(j, dtype)
        return column.cast(self.nw.Float64).to_numpy()

    def _cast(self, values: npt.NDArray[Any], j: int) -> Any:
        dtype = self.dtypes[j]
        if dtype.is_integer():
            values = values.astype(np.uint64 if dtype.is_unsigned_integer() else np.int64)
        elif dtype == self.nw.Boolean:
            values = values.astype(bool)
        return self.nw.new_series(self.names[j], values, dtype=dtype, backend=self.X.implementation)

    def _cells(self, j: int, rows: Index) -> Any:
        return self.X.get_column(self.names[j])[rows.tolist()]
