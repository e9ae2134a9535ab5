"""What a problem is: data with the weights folded in, levels, what a violation costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils import check_array

from sampkit._array import namespace, on_host, validate_device
from sampkit._chunks import chunks, rows_per_chunk
from sampkit.minmax._device_sparse import DeviceCSC
from sampkit.minmax._levels import Levels, as_levels
from sampkit.minmax._rows import Rows

COPY_BYTES = 4 * 1024 * 1024  # of A in float64, at a time
SIDES = ("both", "upper", "lower")


@dataclass(frozen=True)
class Problem:
    """k problems min_x max v(A x - b) that share A; row weights are folded into A, b and rows."""

    A: Any  # (m, n), dense of the user's namespace, SciPy's CSC or the device's
    B: Any  # (k, m) float64, one target a row
    levels: Levels
    rows: Rows
    frozen: npt.NDArray[np.bool_] | None = None  # (k or 1, n), their levels taken out of B
    single: bool = True  # whether the user's b had one dimension
    shift: float = 0.0  # what was added to the violation of every row
    weight: Any = None  # (m,), as it was folded in

    @property
    def m(self) -> int:
        """Rows."""
        return int(self.A.shape[0])

    @property
    def n(self) -> int:
        """Variables."""
        return int(self.A.shape[1])

    @property
    def k(self) -> int:
        """Targets."""
        return int(self.B.shape[0])

    @property
    def sparse(self) -> bool:
        """Whether A is a sparse matrix."""
        return bool(sp.issparse(self.A)) or isinstance(self.A, DeviceCSC)

    @property
    def xp(self) -> Any:
        """NumPy or CuPy."""
        return namespace(self.B)

    @cached_property
    def largest(self) -> float:
        """Max |A|."""
        if self.sparse:
            return float(abs(self.A.data).max()) if self.A.nnz else 0.0
        return max(float(self.A.max()), -float(self.A.min()))

    def of_targets(self, some: Any) -> Problem:
        """The same for some of the targets."""
        frozen = self.frozen
        if frozen is not None and len(frozen) > 1:
            frozen = frozen[some]
        here = some if isinstance(some, slice) else self.xp.asarray(some)
        return replace(self, B=self.B[here], levels=self.levels.of_targets(some), frozen=frozen)

    def residual(self, x: Any) -> Any:
        """A x - b (k, m) in float64 for x (k, n); centred where the intercept is free."""
        xp = self.xp
        x = xp.asarray(x, dtype=np.float64)
        if self.sparse:
            product = (self.A.astype(np.float64) @ x.T).T
        elif self.A.dtype == np.float64:
            product = x @ self.A.T
        else:
            product = xp.empty((len(x), self.m))
            for at in chunks(self.m, rows_per_chunk(8 * self.n, COPY_BYTES)):
                product[:, at] = x @ self.A[at].astype(np.float64).T
        return self.rows.centred(product - self.B)

    def objective(self, residual: Any) -> Any:
        """Largest violation (k,) of residuals (k, m), as the user counts it."""
        return self.rows.objective(residual) - self.shift

    def with_shift(self, by: float) -> Problem:
        """The same choice to make, with `by` added to the violation of every row."""
        return replace(self, rows=self.rows.shifted(by), shift=self.shift + by)

    def slack_bound(self) -> float:
        """A number below every violation that any choice can reach, from the range of each row."""
        if self.rows.plain:
            return 0.0
        low, high = (self.xp.asarray(v) for v in (self.levels.low, self.levels.high))
        positive = self.A.maximum(0) if self.sparse else self.xp.maximum(self.A, 0)
        negative = self.A - positive
        smallest = (positive @ low.T + negative @ high.T).T - self.B
        largest = (positive @ high.T + negative @ low.T).T - self.B
        # every row has to leave its best case at least this far
        best = self.xp.maximum(smallest - self.rows.high, self.rows.low - largest)
        return float(self.xp.maximum(best, (self.rows.low - self.rows.high) / 2).max(axis=1).min())


def as_problem(
    A: Any,
    b: Any,
    levels: Any,
    *,
    row_weight: Any = None,
    tolerance: Any = None,
    side: str = "both",
    frozen: Any = None,
) -> Problem:
    """Check a user's data; see `minmax_search` for what they are and what is raised."""
    A = checked_matrix(A)
    B, single = _targets(A, b)
    xp, (m, n) = namespace(B), A.shape
    checked = as_levels(levels, n, len(B))
    weight, rows = as_rows(m, row_weight, tolerance, side, xp)
    if weight is not None:
        A, B = folded(A, weight), B * weight
    if frozen is not None:
        frozen = np.asarray(on_host(frozen))
        if frozen.shape not in ((n,), (len(B), n)) or frozen.dtype != bool:
            raise ValueError(
                f"frozen must be a boolean mask of shape ({n},) or ({len(B)}, {n}), got "
                f"{frozen.dtype} of shape {frozen.shape}."
            )
        frozen = np.atleast_2d(frozen) if frozen.any() else None
    return Problem(A, B, checked, rows, frozen, single, weight=weight)


def checked_matrix(A: Any) -> Any:
    """A as a dense float matrix of its namespace, or CSC.

    Raises
    ------
    TypeError
        A is complex.
    ValueError
        A is not a matrix of finite real numbers, or has no row or no column.
    """
    kind = getattr(getattr(A, "dtype", None), "kind", None)
    if kind == "c" or (isinstance(A, (list, tuple)) and np.asarray(A).dtype.kind == "c"):
        raise TypeError("A must be real, got complex numbers.")
    if type(A).__module__.startswith("cupyx."):
        A = A.tocsc()
        xp = namespace(A.data)
        entries = validate_device(A.data.reshape(1, -1), name="A") if A.data.size else A.data
        return DeviceCSC.of(xp, A).with_data(entries.ravel())
    if namespace(A) is not np:
        return validate_device(A, name="A")
    dtypes = [np.float64, np.float32]
    A = check_array(A, accept_sparse="csc", dtype=dtypes, input_name="A")
    return sp.csc_array(A) if sp.issparse(A) else A


def _targets(A: Any, b: Any) -> tuple[Any, bool]:
    xp = A.xp if isinstance(A, DeviceCSC) else namespace(A)
    if namespace(b) is not xp:
        where = {np: "in memory"}
        raise TypeError(
            f"A and b must be in the same place, got A {where.get(xp, 'on the GPU')} and b "
            f"{where.get(namespace(b), 'on the GPU')}."
        )
    if xp is np:
        b = np.asarray(b)
    if b.dtype.kind == "c":
        raise TypeError("b must be real, got complex numbers.")
    if b.dtype.kind not in "biuf" or b.ndim not in (1, 2) or b.size == 0:
        raise ValueError(
            f"b must be real numbers of shape (m,) or (m, k), got {b.dtype} of shape {b.shape}."
        )
    if len(b) != A.shape[0]:
        raise ValueError(
            f"A and b must have the same number of rows, got {A.shape[0]} and {len(b)}."
        )
    if not bool(xp.isfinite(b).all()):
        raise ValueError("b must be finite, got NaN or infinity.")
    single = b.ndim == 1
    B = xp.ascontiguousarray((b[:, None] if single else b).T, dtype=np.float64)
    return B, single


def as_rows(
    m: int, row_weight: Any, tolerance: Any, side: str, xp: Any = np
) -> tuple[Any | None, Rows]:
    """Weights (m,), or None for equal ones, and the cost of weighted residuals."""
    if side not in SIDES:
        raise ValueError(f"side must be one of {', '.join(map(repr, SIDES))}, got {side!r}.")
    weight = _per_row(row_weight, m, "row_weight", xp)
    if weight is not None and not bool((weight > 0).all()):
        raise ValueError(f"row_weight must be > 0, got {float(weight.min())}.")
    width = _per_row(tolerance, m, "tolerance", xp)
    if width is not None and not bool((width >= 0).all()):
        raise ValueError(f"tolerance must be >= 0, got {float(width.min())}.")
    if side == "both" and (width is None or not bool(width.any())):
        return weight, Rows()
    width = xp.zeros(m) if width is None else width
    width = width if weight is None else width * weight
    low = xp.full(m, -np.inf) if side == "upper" else -width
    high = xp.full(m, np.inf) if side == "lower" else width
    return weight, Rows(low, high)


def _per_row(value: Any, m: int, name: str, xp: Any) -> Any | None:
    if value is None:
        return None
    array = xp.asarray(value)
    if array.dtype.kind not in "biuf" or array.shape not in ((), (m,)):
        raise ValueError(
            f"{name} must be a number or one for each of the {m} rows, got {array.dtype} of shape "
            f"{array.shape}."
        )
    if not bool(xp.isfinite(array).all()):
        raise ValueError(f"{name} must be finite, got NaN or infinity.")
    return xp.broadcast_to(array.astype(np.float64), (m,))


def folded(A: Any, weight: Any) -> Any:
    """Rows of A times their weights."""
    if sp.issparse(A):
        return sp.csc_array(sp.diags_array(weight.astype(A.dtype)) @ A)
    if isinstance(A, DeviceCSC):
        return A.scaled(weight)
    return A * weight.astype(A.dtype)[:, None]


def as_start(start: Any, problem: Problem) -> npt.NDArray[np.float64] | None:
    """A user's start as (k, n) on the host.

    Raises
    ------
    ValueError
        Another shape than (n,) or (k, n), or not finite; none given though variables are frozen.
    """
    if start is None:
        if problem.frozen is not None:
            raise ValueError("start must be given when variables are frozen, got None.")
        return None
    x = on_host(start)
    allowed = [(problem.n,), (problem.k, problem.n)]
    if x.dtype.kind not in "biuf" or x.shape not in allowed:
        raise ValueError(
            f"start must be real numbers of shape {allowed[0]} or {allowed[1]}, got {x.dtype} of "
            f"shape {x.shape}."
        )
    if not np.isfinite(x).all():
        raise ValueError("start must be finite, got NaN or infinity.")
    return np.array(np.broadcast_to(x, allowed[1]), dtype=np.float64)


def fixed(problem: Problem, start: npt.NDArray[np.float64] | None) -> Problem:
    """Frozen variables taken at their nearest level, the rest of their value taken out of b.

    A frozen value need not be a level; what is left to an engine is never to move the variable.
    """
    if problem.frozen is None or start is None:
        return problem
    rest = start - problem.levels.value(problem.levels.nearest(start))
    rest = problem.xp.asarray(np.where(problem.frozen, rest, 0.0))
    return replace(problem, B=problem.B - (problem.A @ rest.T).T)
