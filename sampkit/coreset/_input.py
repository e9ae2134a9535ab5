"""The door of the score functions: any container becomes rows that are read in blocks."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._array import on_host
from sampkit._containers import Dense, Device, Sparse
from sampkit._door import container_of
from sampkit._rows import Container
from sampkit.coreset._blocks import DenseRows, PutOn, Rows
from sampkit.coreset._sparse import sparse_rows

Vector = npt.NDArray[np.float64]


def rows_of(
    X: Any,
    *,
    sample_weight: Any = None,
    p: float = 2.0,
    fit_intercept: bool = False,
    extra: Vector | None = None,
) -> Rows:
    """Rows ``c_i^(1/p) [1, x_i, extra_i]`` of a caller's X.

    Raises
    ------
    ValueError
        X is not two-dimensional or empty; `sample_weight` has the wrong length, negative or
        non-finite entries. NaN and infinity in X are found where the rows are first summed.
    """
    container = container_of(X, numeric=True)
    return rows_of_container(
        container, sample_weight=sample_weight, p=p, fit_intercept=fit_intercept, extra=extra
    )


def rows_of_container(
    container: Container,
    *,
    sample_weight: Any = None,
    p: float = 2.0,
    fit_intercept: bool = False,
    extra: Vector | None = None,
) -> Rows:
    """`rows_of` for a container."""
    weight = checked_weight(sample_weight, container.n_rows)
    scale = None if weight is None else weight ** (1.0 / p)
    put_on = PutOn(scale, fit_intercept, extra)
    if container.lazy:
        from sampkit.coreset._lazy import LazyRows

        return LazyRows(container, put_on)
    if isinstance(container, Device):
        from sampkit.coreset._device import DeviceRows

        return DeviceRows(container.matrix(), put_on)
    if isinstance(container, Sparse):
        return sparse_rows(container.matrix(), put_on)
    if isinstance(container, Dense) and container.X.dtype.kind in "fiub":
        return DenseRows(container.X, put_on)  # cast, and checked, block by block
    matrix = container.matrix()
    kind = DenseRows if isinstance(matrix, np.ndarray) else sparse_rows
    return kind(matrix, put_on)  # a frame of sparse columns gives CSR


def checked_weight(sample_weight: Any, n: int) -> Vector | None:
    """Observation weights as float64; ValueError unless n finite numbers >= 0."""
    if sample_weight is None:
        return None
    values = getattr(sample_weight, "compute", lambda: sample_weight)()
    weight = np.asarray(on_host(values), dtype=np.float64)
    if weight.shape != (n,):
        raise ValueError(
            f"sample_weight must have one entry for each of the {n} rows of X, got shape "
            f"{weight.shape}."
        )
    if not np.isfinite(weight).all():
        raise ValueError(
            f"sample_weight must be finite, got {weight[~np.isfinite(weight)][0]} at row "
            f"{int(np.flatnonzero(~np.isfinite(weight))[0])}."
        )
    if (weight < 0).any():
        row = int(np.argmax(weight < 0))
        raise ValueError(f"sample_weight must be >= 0, got {weight[row]} at row {row}.")
    return weight


def checked_number(value: Any, name: str, accepted: str, low: float, high: float = np.inf) -> float:
    """A finite number with ``low <= value <= high``; ValueError with the words of `accepted`."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not real or not np.isfinite(float(value)) or not low <= float(value) <= high:
        raise ValueError(f"{name} must be {accepted}, got {value!r}.")
    return float(value)


def checked_power(p: Any, *, low: float, open_below: bool = False) -> float:
    """The p of an lp norm; ValueError when it is not a finite number in range."""
    accepted = f"a finite number {'>' if open_below else '>='} {low:g}"
    number = checked_number(p, "p", accepted, low)
    if open_below and number <= low:
        raise ValueError(f"p must be {accepted}, got {p!r}.")
    return number


def checked_integer(value: Any, name: str, low: int, high: int | None = None) -> int:
    """An int in ``low..high``; ValueError naming the range."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        accepted = f"an int >= {low}" if high is None else f"an int in {low}..{high}"
        raise ValueError(f"{name} must be {accepted}, got {value!r}.")
    return int(value)


def checked_choice(value: Any, name: str, choices: tuple[Any, ...]) -> Any:
    """One of the given values; ValueError that lists them."""
    if not any(value is c or (isinstance(value, str) and value == c) for c in choices):
        listed = ", ".join(map(repr, choices))
        raise ValueError(f"{name} must be one of {listed}, got {value!r}.")
    return value
