"""Post-training quantization of a linear layer, with the worst output in view."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils import check_array

from sampkit._random_state import generator_of

from ._calibration import DTYPES, Calibration
from ._gram import Gram, coordinate_descent, gptq, nearest
from ._grids import Codes, Grid, make_grid
from ._layer import QuantizedLinear
from ._packing import check_bits

Floats = npt.NDArray[Any]

METHODS = ("minmax", "l2", "gptq", "rtn")
POWERS = (2, 4, 8, 16, 32, 64, 128)


def quantize_linear(
    X: Any,
    W: npt.ArrayLike,
    *,
    bits: int = 4,
    grid: Any = "minmax",
    method: str = "minmax",
    p: int | None = 4,
    group_size: int | None = None,
    act_order: bool = True,
    damp: float = 0.01,
    outlier_fraction: float = 0.0,
    target: npt.ArrayLike | None = None,
    max_rows: int = 16384,
    time_limit: float | None = None,
    rng: Any = None,
) -> QuantizedLinear:
    """Weights of a linear layer in b bits, such that no output changes much on calibration rows.

    Parameters
    ----------
    X : array-like of shape (m, n), or blocks of rows
        Inputs of the layer. Blocks are an iterable of arrays (or of pairs with their targets), or a
        callable that returns one; of them only a Gram matrix and `max_rows` rows are held.
    W : array-like of shape (k, n)
        Weights, a row for each output.
    bits : int in 1..8, default=4
        A weight takes one of 2^bits values.
    grid : {"minmax", "gptq", "gptq_sym", "mse"} or array of shape (k, L) or (L,), default="minmax"
        Evenly spaced values of every row: between its smallest and largest weight; the same
        containing 0; symmetric around 0; with the range shrunk to the smallest sum of
        ``|error|^2.4``. Or a codebook, ascending.
    method : {"minmax", "l2", "gptq", "rtn"}, default="minmax"
        Round to nearest ("rtn"); successive rounding with error feedback ("gptq"); that and
        coordinate descent on the squared error ("l2"); that and descent on ``sum |r|^p``.
    p : int or None, default=4
        Where "minmax" stops: powers 4, 8, ... up to p. None goes on to 32, then descends on the
        maximum itself, and with a `time_limit` searches.
    group_size : int, default=None
        Consecutive inputs with base and scale of their own; divides n.
    act_order : bool, default=True
        GPTQ rounds the inputs with the largest activations first.
    damp : float >= 0, default=0.01
        Share of its mean added to the diagonal of the Gram matrix.
    outlier_fraction : float in [0, 1), default=0.0
        Share of the layer's weights, the largest, that stay as they are.
    target : array-like of shape (m, k), default=None
        What the outputs should be; None takes ``X @ W.T``.
    max_rows : int >= 2, default=16384
        With more rows, "minmax" works on so many: half with the largest leverage, half at random,
        and then once more with those that are violated most.
    time_limit : float > 0, default=None
        Seconds for the whole call.
    rng : None, int, SeedSequence, Generator or RandomState
        Randomness of the rows chosen and of the search.

    Returns
    -------
    QuantizedLinear
        ``codes``, ``base``, ``scale``, ``weight``, ``max_violation``, ``relative_error``,
        ``nbytes``, ``pack()``.

    Raises
    ------
    ValueError
        bits outside 1..8, numbers of columns that differ, no row, group_size that does not divide
        n, outlier_fraction outside [0, 1), or another parameter out of range.

    Notes
    -----
    O(m n^2 + k n^2) for the Gram methods, O(rounds k m) on top for "minmax". An interrupt from the
    keyboard ends the descent, not the call: the codes reached are returned. A minimum of the
    maximum over few rows over-fits them: with less than some fifty calibration rows per input leave
    p at 4.

    References
    ----------
    Frantar, Ashkboos, Hoefler, Alistarh: GPTQ, ICLR 2023, arXiv:2210.17323.
    Ahmed, Mostajabdaveh, Aref, Zhou: arXiv:2508.13437, 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sampkit.minmax import quantize_linear
    >>> X = load_digits().data[:1200] / 16
    >>> W = np.random.default_rng(0).standard_normal((16, 64)) * 0.1
    >>> for method in ("rtn", "gptq"):
    ...     print(quantize_linear(X, W, bits=3, method=method).max_violation.mean().round(4))
    0.1825
    0.1065
    """
    began = perf_counter()
    weights: Floats = check_array(W, dtype=DTYPES, input_name="W")
    _check(
        bits, method, p, group_size, weights.shape[1], damp, outlier_fraction, max_rows, time_limit
    )
    kept = _outliers(weights, outlier_fraction)
    exact = weights.astype(np.float64)
    values = make_grid(exact, grid, bits, group_size, kept)
    values = _in_precision(values, weights.dtype)
    with Calibration(X, target, weights.shape[1], weights.shape[0]) as rows:
        task = _Task(rows, exact, values, kept, generator_of(rng, "rng"))
        if time_limit is not None:
            task.deadline = began + time_limit
        codes = task.codes(method, p, act_order, damp, int(max_rows))
        return _result(task, codes, weights, bits)


class _Task:
    """One call: data, grid and clock."""

    def __init__(
        self,
        rows: Calibration,
        W: Floats,
        grid: Grid,
        kept: npt.NDArray[np.bool_] | None,
        rng: np.random.Generator,
    ) -> None:
        self.rows, self.W, self.grid, self.kept, self.rng = rows, W, grid, kept, rng
        self.deadline = np.inf
        self.status = "done"

    def late(self) -> bool:
        if perf_counter() < self.deadline:
            return False
        self.status = "time_limit"
        return True

    def error(self, codes: Codes) -> Floats:
        """What the weights change."""
        error = self.grid.values(codes) - self.W
        return error if self.kept is None else np.where(self.kept, 0.0, error)

    def codes(
        self, method: str, p: int | None, act_order: bool, damp: float, max_rows: int
    ) -> Codes:
        start = nearest(self.W, self.grid, self.kept)
        if method == "rtn":
            return start
        gram, aim = self.rows.gram(self.W, damp)
        codes = gptq(aim, self.grid, gram, act_order, self.kept)
        if method == "gptq":
            return codes
        codes = coordinate_descent(aim, codes, self.grid, gram, self.kept)
        if method == "l2" or p == 2 or self.late():
            return codes
        try:
            return self._minmax_codes(codes, start, gram, p, max_rows)
        except KeyboardInterrupt:
            self.status = "interrupted"
            return codes

    def _minmax_codes(
        self, codes: Codes, start: Codes, gram: Gram, p: int | None, max_rows: int
    ) -> Codes:
        """Descent on all rows, or on some and then once more with those that were violated."""
        X, T = self.rows.rows(gram, max_rows, self.rng)
        # a descent that ends at a small p forgets where it came from
        codes = self._minmax(X, T, [codes, start] if p is None else [codes], p)
        if self.rows.array is not None and len(self.rows.array) <= max_rows:
            return codes
        return self._verified(X, T, codes, p, max_rows)

    def _minmax(self, X: Floats, T: Floats | None, starts: list[Codes], p: int | None) -> Codes:
        from ._minmax import RowProblem

        D = None if T is None else T - X @ self.W.T.astype(X.dtype)
        problem = RowProblem(X, D, self.W, self.grid, self.kept)
        codes = problem.descend(starts, p, self.late)
        if p is None:
            codes = problem.polish(codes, self.late)
            if np.isfinite(self.deadline) and not self.late():
                codes = self._searched(X, T, codes)
        return codes

    def _searched(self, X: Floats, T: Floats | None, codes: Codes) -> Codes:
        """Go on with the search for as long as there is time."""
        from sampkit.minmax._search import minmax_search

        k, n = self.W.shape
        start = self.W + self.error(codes)
        B = X @ self.W.T.astype(X.dtype) if T is None else T
        result = minmax_search(
            X,
            B,
            self.grid.levels(slice(0, k), n),
            start=start,
            frozen=self.kept,
            engine="dense",
            time_limit=max(self.deadline - perf_counter(), 1e-3),
            rng=self.rng,
        )
        before = np.abs(X @ self.error(codes).T - (0 if T is None else B - X @ self.W.T)).max(
            axis=0
        )
        better = np.atleast_1d(result.objective) < before
        return np.where(better[:, None], np.atleast_2d(result.index), codes).astype(np.uint8)

    def _verified(
        self, X: Floats, T: Floats | None, codes: Codes, p: int | None, max_rows: int
    ) -> Codes:
        """Once more with the rows that are violated beyond those that were looked at."""
        from ._calibration import residual

        D = None if T is None else T - X @ self.W.T.astype(X.dtype)
        limit = np.abs(residual(X, D, self.error(codes))).max(axis=0)
        (more, more_T), worst = self.rows.worst_beyond(self.error(codes), self.W, limit, max_rows)
        if not len(more) or self.late():
            return codes
        X = np.concatenate([X, more])
        T = None if T is None or more_T is None else np.concatenate([T, more_T])
        again = self._minmax(X, T, [codes], p)
        worst_again = self.rows.errors(self.error(again), self.W)[0]
        return np.where((worst_again < worst)[:, None], again, codes)


def _result(task: _Task, codes: Codes, W: Floats, bits: int) -> QuantizedLinear:
    grid, outliers = task.grid, None
    weight = grid.values(codes).astype(W.dtype)
    if task.kept is not None:
        weight = np.where(task.kept, W, weight)
        outliers = sp.csr_array(sp.coo_array((W[task.kept], np.nonzero(task.kept)), shape=W.shape))
    error = weight.astype(np.float64) - task.W
    violation, relative = task.rows.errors(error, task.W)
    one_group = grid.base.shape[1] == 1
    base, scale = (part.astype(W.dtype) for part in (grid.base, grid.step))
    return QuantizedLinear(
        codes=codes,
        base=base[:, 0] if one_group else base,
        scale=scale[:, 0] if one_group else scale,
        weight=weight,
        max_violation=violation.astype(np.float64),
        relative_error=relative,
        bits=int(bits),
        group_size=grid.group,
        table=None if grid.table is None else grid.table.astype(W.dtype),
        outliers=outliers,
        status=task.status,
    )


def _in_precision(grid: Grid, dtype: Any) -> Grid:
    """The grid as it will be stored, so that what is optimised is what is used."""
    base, step = (part.astype(dtype).astype(np.float64) for part in (grid.base, grid.step))
    table = None if grid.table is None else grid.table.astype(dtype).astype(np.float64)
    return Grid(base, step, grid.group, grid.n_levels, table)


def _outliers(W: Floats, fraction: float) -> npt.NDArray[np.bool_] | None:
    count = int(np.floor(fraction * W.size))
    if not count:
        return None
    kept = np.zeros(W.size, dtype=bool)
    kept[np.argpartition(np.abs(W), W.size - count, axis=None)[W.size - count :]] = True
    return kept.reshape(W.shape)


def _check(
    bits: Any,
    method: Any,
    p: Any,
    group_size: Any,
    n: int,
    damp: Any,
    outlier_fraction: Any,
    max_rows: Any,
    time_limit: Any,
) -> None:
    check_bits(bits)
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}.")
    if p is not None and p not in POWERS:
        raise ValueError(f"p must be None or a power of two in 2..128, got {p!r}.")
    whole = group_size is None or (isinstance(group_size, (int, np.integer)) and group_size >= 1)
    if not whole or (group_size is not None and n % group_size):
        raise ValueError(f"group_size must divide the {n} columns of W, got {group_size!r}.")
    if not 0 <= damp < np.inf:
        raise ValueError(f"damp must be >= 0, got {damp!r}.")
    if not 0 <= outlier_fraction < 1:
        raise ValueError(f"outlier_fraction must be in [0, 1), got {outlier_fraction!r}.")
    if not isinstance(max_rows, (int, np.integer)) or max_rows < 2:
        raise ValueError(f"max_rows must be an int >= 2, got {max_rows!r}.")
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"time_limit must be > 0 or None, got {time_limit!r}.")
