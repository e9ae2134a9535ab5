"""What came in goes out: rows are taken from, and added to, any container in one place.

A container answers four questions of a sampler: its numbers as a matrix (`matrix`), one of its
columns (`column`), some of its rows (`take`), and its rows followed by new ones (`extended`).
Data frames are in `_frames`, Dask collections in `_dask`.
"""

from __future__ import annotations

import copy
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn import get_config
from sklearn.utils import check_array

from sampkit._array import namespace, validate_device
from sampkit._chunks import rows_per_chunk
from sampkit._constraints import ColumnRules
from sampkit._strategy import Target

Index = npt.NDArray[np.intp]
Fill = Callable[[int, int, Any], Any]

NO_ROWS: Index = np.empty(0, dtype=np.intp)


@dataclass(frozen=True)
class NewRows:
    """Rows that do not exist yet: numbers made on demand, and cells copied from given rows.

    ``fill(start, stop, out)`` makes the numeric columns of the new rows start ... stop - 1, into
    `out` where that is not None, and returns them; so nothing is held twice and a caller can ask
    for a batch at a time.
    """

    size: int
    fill: Fill
    nominal: Index = field(default_factory=lambda: NO_ROWS)  # columns whose cells are copied
    cells: Index | None = None  # (size, len(nominal)) row numbers that the cells come from
    continuous: Index | None = None  # columns that `fill` makes; None: all of them
    home: Container | None = None  # the rows in memory that `cells` counts in

    def part(self, start: int, stop: int) -> NewRows:
        """The new rows start ... stop - 1 on their own."""
        return replace(
            self,
            size=stop - start,
            fill=lambda i, j, out: self.fill(start + i, start + j, out),
            cells=None if self.cells is None else self.cells[start:stop],
        )

    def picked(self, index: Index) -> NewRows:
        """Some of the new rows, ascending `index`."""

        def fill(start: int, stop: int, out: Any) -> Any:
            wanted = index[start:stop]
            if not len(wanted):
                return self.fill(0, 0, out)
            low = int(wanted[0])
            rows = self.fill(low, int(wanted[-1]) + 1, None)
            rows = rows[namespace(rows).asarray(wanted - low)]
            if out is None:
                return rows
            out[...] = rows
            return out

        cells = None if self.cells is None else self.cells[index]
        return replace(self, size=len(index), fill=fill, cells=cells)

    def under(self, rules: ColumnRules) -> NewRows:
        """The same rows, rounded and clipped to what their columns admit."""
        if self.continuous is not None:
            rules = rules.of_columns(self.continuous)
        if rules.idle:
            return self

        def fill(start: int, stop: int, out: Any) -> Any:
            rows = self.fill(start, stop, out)
            if not sp.issparse(rows):
                rules.apply(rows)
                return rows
            return rules.applied(rows)

        return replace(self, fill=fill)

    def numbers(self) -> Any:
        """All numeric columns of all new rows."""
        return self.fill(0, self.size, None)


class Container(ABC):
    """The rows of X in the caller's own type."""

    n_rows: int
    n_columns: int
    names: Sequence[Any] | None = None
    integer: npt.NDArray[np.bool_]  # columns whose new values have to be whole numbers
    lazy: ClassVar[bool] = False

    @abstractmethod
    def matrix(self, columns: Index | None = None) -> Any:
        """Validated finite numbers: float ndarray, CSR or CuPy array of the given columns."""

    @abstractmethod
    def column(self, j: int) -> npt.NDArray[Any]:
        """One column as it is."""

    @abstractmethod
    def take(self, rows: Index, *, keep_labels: bool = True) -> Any:
        """The given rows, in the given order."""

    @abstractmethod
    def extended(self, kept: Index | None, new: NewRows) -> Any:
        """The kept rows (None: all) followed by the new ones."""

    def categorical(self) -> Index | None:
        """Columns of a categorical dtype; None where the container knows no such thing."""
        return None

    def limits(self) -> npt.NDArray[np.float64]:
        """Smallest and largest value that every column can hold, (2, d)."""
        return np.tile(value_range(np.dtype(np.float64)), (self.n_columns, 1)).T

    def gather(self, rows: Index) -> Container:
        """A container of the given rows in memory; only a lazy one has to be asked."""
        raise TypeError(f"{type(self).__name__} holds its rows in memory already.")

    def level_counts(self, categories: Sequence[Any], target: Target) -> list[Index]:
        """Rows of every level and class, (levels, classes) a column; only asked of a lazy one."""
        raise TypeError(f"{type(self).__name__} holds its rows in memory already.")


class Dense(Container):
    """NumPy arrays."""

    def __init__(self, X: npt.NDArray[Any]):
        self.X = X
        self.n_rows, self.n_columns = X.shape
        self.integer = np.full(self.n_columns, X.dtype.kind in "iub")

    def matrix(self, columns: Index | None = None) -> npt.NDArray[Any]:
        X = self.X if columns is None else self.X[:, columns]
        return as_finite_floats(X)

    def limits(self) -> npt.NDArray[np.float64]:
        return np.tile(value_range(self.X.dtype), (self.n_columns, 1)).T

    def column(self, j: int) -> npt.NDArray[Any]:
        return self.X[:, j]

    def take(self, rows: Index, *, keep_labels: bool = True) -> Any:
        return self.X[rows]

    def extended(self, kept: Index | None, new: NewRows) -> Any:
        n_kept = self.n_rows if kept is None else len(kept)
        out = np.empty((n_kept + new.size, self.n_columns), dtype=self.X.dtype)
        if kept is None:
            out[:n_kept] = self.X
        else:
            gather_rows(np, self.X, kept, out[:n_kept])
        self._write(new, out[n_kept:])
        return out

    def _write(self, new: NewRows, out: npt.NDArray[Any]) -> None:
        if self.X.dtype in (np.float32, np.float64) and not len(new.nominal):
            new.fill(0, new.size, out)
            return
        # whole numbers and mixed columns pass through a block of floats
        continuous = new.continuous if new.continuous is not None else slice(None)
        step = rows_per_chunk(8 * self.n_columns)
        for start in range(0, new.size, step):
            stop = min(start + step, new.size)
            block = new.fill(start, stop, None)
            out[start:stop, continuous] = block.astype(out.dtype, copy=False)
        for q, j in enumerate(new.nominal):
            assert new.cells is not None
            out[:, j] = self.X[new.cells[:, q], j]


class Listed(Dense):
    """Lists of rows."""

    def __init__(self, rows: Sequence[Any], X: npt.NDArray[Any]):
        super().__init__(X)
        self.rows = rows

    def take(self, rows: Index, *, keep_labels: bool = True) -> Any:
        # a row picked twice must not be one list twice
        return [copy.copy(self.rows[i]) for i in rows]

    def extended(self, kept: Index | None, new: NewRows) -> Any:
        first = range(self.n_rows) if kept is None else kept
        return self.take(np.asarray(first)) + super().extended(NO_ROWS, new).tolist()


class Foreign(Dense):
    """Arrays of another namespace (array API): computed on the host, put back on their device."""

    def __init__(self, X: Any):
        from sklearn.utils._array_api import move_to

        self.xp = X.__array_namespace__()
        self.device = X.device
        super().__init__(move_to(X, xp=np, device="cpu"))

    def take(self, rows: Index, *, keep_labels: bool = True) -> Any:
        return self.xp.asarray(super().take(rows), device=self.device)

    def extended(self, kept: Index | None, new: NewRows) -> Any:
        return self.xp.asarray(super().extended(kept, new), device=self.device)


class Sparse(Container):
    """SciPy sparse matrices and arrays; new rows are sparse, nothing is made dense."""

    def __init__(self, X: Any):
        self.format = X.format
        self.X = X.asformat("csr")
        self.n_rows, self.n_columns = X.shape
        self.integer = np.full(self.n_columns, X.dtype.kind in "iub")

    def matrix(self, columns: Index | None = None) -> Any:
        X = self.X if columns is None else self.X[:, columns]
        return check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32], input_name="X")

    def limits(self) -> npt.NDArray[np.float64]:
        return np.tile(value_range(self.X.dtype), (self.n_columns, 1)).T

    def column(self, j: int) -> npt.NDArray[Any]:
        return self.X[:, [j]].toarray().ravel()

    def take(self, rows: Index, *, keep_labels: bool = True) -> Any:
        return self.X[rows].asformat(self.format)

    def extended(self, kept: Index | None, new: NewRows) -> Any:
        rows = self._rows(new)
        rows = rows.astype(self.X.dtype, copy=False)
        rows.eliminate_zeros()
        first = self.X if kept is None else self.X[kept]
        return sp.vstack([first, rows], format=self.format, dtype=self.X.dtype)

    def _rows(self, new: NewRows) -> Any:
        if not len(new.nominal):
            return new.numbers().asformat("csr")
        assert new.cells is not None
        columns = self.X.tocsc()
        nominal = [columns[:, [j]][new.cells[:, q]] for q, j in enumerate(new.nominal)]
        continuous = NO_ROWS if new.continuous is None else new.continuous
        blocks = [new.numbers(), *nominal] if len(continuous) else nominal
        order = np.argsort(np.concatenate([continuous, new.nominal]))
        return sp.hstack(blocks, format="csc")[:, order].asformat("csr")


class Device(Container):
    """CuPy arrays: nothing but class counts leaves the device."""

    def __init__(self, X: Any):
        self.X = X
        self.xp = namespace(X)
        self.n_rows, self.n_columns = X.shape
        self.integer = np.full(self.n_columns, X.dtype.kind in "iub")

    def matrix(self, columns: Index | None = None) -> Any:
        X = self.X if columns is None else self.X[:, self.xp.asarray(columns)]
        return validate_device(X)

    def limits(self) -> npt.NDArray[np.float64]:
        return np.tile(value_range(self.X.dtype), (self.n_columns, 1)).T

    def column(self, j: int) -> npt.NDArray[Any]:
        return self.xp.asnumpy(self.X[:, j])

    def take(self, rows: Index, *, keep_labels: bool = True) -> Any:
        return self.X[self.xp.asarray(rows)]

    def extended(self, kept: Index | None, new: NewRows) -> Any:
        xp, first = self.xp, self.X if kept is None else self.take(kept)
        rows = new.numbers().astype(self.X.dtype, copy=False)
        if len(new.nominal):
            assert new.cells is not None
            nominal = xp.asarray(new.nominal)
            copied = self.X[xp.asarray(new.cells), nominal[None, :]]
            rows = xp.concatenate([xp.asarray(rows), copied], axis=1)
            continuous = NO_ROWS if new.continuous is None else new.continuous
            rows = rows[:, xp.asarray(np.argsort(np.append(continuous, new.nominal)))]
        return xp.concatenate([first, rows])


def gather_rows(xp: Any, X: Any, rows: Any, out: Any) -> None:
    """Write some rows of X, numbers that have been checked, into `out`."""
    if xp is not np:
        xp.take(X, rows, axis=0, out=out)
    elif X.flags.c_contiguous:
        np.take(X, rows, axis=0, out=out, mode="clip")  # "clip" spares NumPy a buffer
    else:  # a data frame's columns, say, of which `take` would first make a copy: all of them
        out[...] = X[rows]


def as_finite_floats(X: Any) -> npt.NDArray[Any]:
    """A two-dimensional float32 or float64 array without NaN and infinity; ValueError otherwise."""
    X = check_array(X, dtype="numeric", input_name="X")
    return X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)


def value_range(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Smallest and largest float64 that a column of this dtype can hold."""
    if dtype.kind == "b":
        return 0.0, 1.0
    if dtype.kind not in "iu":
        return -np.inf, np.inf
    low, high = float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)
    # 2**63 - 1 is no float64: the next lower one is
    return low, high if int(high) <= np.iinfo(dtype).max else float(np.nextafter(high, 0.0))


def root_module(value: Any) -> str:
    """The package that a value's type comes from; what derives from pandas counts as pandas."""
    roots = [kind.__module__.split(".")[0] for kind in type(value).__mro__]
    return "pandas" if "pandas" in roots else roots[0]


def is_foreign(X: Any) -> bool:
    """Whether X is an array of another namespace that scikit-learn was told to dispatch on."""
    if isinstance(X, np.ndarray) or not hasattr(X, "__array_namespace__"):
        return False
    return bool(get_config()["array_api_dispatch"])


def is_narwhals_frame(X: Any) -> bool:
    """Whether X is an eager data frame other than pandas that narwhals knows (polars, pyarrow)."""
    if root_module(X) not in ("polars", "pyarrow", "modin", "cudf"):
        return False
    return hasattr(X, "columns") or hasattr(X, "column_names")


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


def at_hand(y: Any) -> Any:
    """A caller's y; one of Dask with its values computed, beside the collection."""
    if root_module(y) != "dask":
        return y
    from sampkit._dask import LazyLabels

    return LazyLabels(y)


def take_labels(y: Any, rows: Index, *, keep_labels: bool) -> Any:
    """Some entries of a caller's y, or of what `at_hand` made of it, in the type it came in."""
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
    if y.ndim == 2 and y.shape[1] == 1:
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


def is_pandas(value: Any) -> bool:
    """Whether a value comes from pandas, without importing it."""
    return "pandas" in sys.modules and root_module(value) == "pandas"
