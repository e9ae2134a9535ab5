"""Arrays, lists and sparse matrices as containers: what came in goes out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils import check_array

from sampkit._array import namespace, validate_device
from sampkit._chunks import rows_per_chunk
from sampkit._rows import NO_ROWS, Container, Index, NewRows, value_range


class Dense(Container):
    """NumPy arrays."""

    def __init__(self, X: npt.NDArray[Any]):
        self.X = X
        self.n_rows, self.n_columns = X.shape
        self.integer = np.full(self.n_columns, X.dtype.kind in "iub")
        self.spread = X.dtype not in (np.float32, np.float64)

    def matrix(self, columns: Index | None = None) -> npt.NDArray[Any]:
        X = self.X if columns is None else self.X[:, columns]
        return as_finite_floats(X)

    def gather(self, rows: Index) -> Container:
        return Dense(self.X[rows])

    def check_numbers(self, columns: Index | None = None) -> None:
        if self.X.dtype.kind not in "iub":  # these are finite numbers
            super().check_numbers(columns)

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
            home = self if new.home is None else new.home
            out[:, j] = home.X[new.cells[:, q], j]  # type: ignore[attr-defined]


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
        if not self.X.has_canonical_format:  # a cell stored in parts has no square to be summed
            self.X = self.X.copy()
            self.X.sum_duplicates()
        self.n_rows, self.n_columns = X.shape
        self.integer = np.full(self.n_columns, X.dtype.kind in "iub")

    def matrix(self, columns: Index | None = None) -> Any:
        X = self.X if columns is None else self.X[:, columns]
        return check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32], input_name="X")

    def gather(self, rows: Index) -> Container:
        return Sparse(self.X[rows])

    def check_numbers(self, columns: Index | None = None) -> None:
        self.matrix(columns)

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
        home = self if new.home is None else new.home
        columns = home.X.tocsc()  # type: ignore[attr-defined]
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

    def gather(self, rows: Index) -> Container:
        return Device(self.take(rows))

    def check_numbers(self, columns: Index | None = None) -> None:
        self.matrix(columns)

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
            home = self if new.home is None else new.home
            copied = home.X[xp.asarray(new.cells), nominal[None, :]]  # type: ignore[attr-defined]
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
    if getattr(X, "dtype", None) is not None and X.dtype.kind in "mM":
        raise ValueError(f"X must hold numbers, got dtype {X.dtype}: encode times as numbers.")
    X = check_array(X, dtype="numeric", input_name="X")
    return X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)
