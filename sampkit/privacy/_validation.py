"""Checks at the door: each error names the parameter, the value and what is accepted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt


def shown(value: Any) -> str:
    """A value as an error quotes it."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def check_epsilon(epsilon: Any, name: str = "epsilon") -> float:
    """A finite number > 0 that is no bool."""
    if isinstance(epsilon, (bool, np.bool_)) or not isinstance(epsilon, Real):
        raise ValueError(f"{name} must be a finite number > 0, got {shown(epsilon)}.")
    if not (math.isfinite(epsilon) and float(epsilon) > 0):
        raise ValueError(f"{name} must be finite and > 0, got {shown(epsilon)}.")
    return float(epsilon)


def check_integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """An integer within bounds."""
    whole = isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
    if not whole or int(value) < low or (high is not None and int(value) > high):
        bounds = f">= {low}" if high is None else f"in [{low}, {high}]"
        raise ValueError(f"{name} must be an integer {bounds}, got {shown(value)}.")
    return int(value)


def check_report_count(n: Any) -> float:
    """A number of reports, which a prediction may give as a fraction of users."""
    if isinstance(n, (bool, np.bool_)) or not isinstance(n, Real) or not 0 < float(n) < math.inf:
        raise ValueError(f"n must be a finite number > 0, got {shown(n)}.")
    return float(n)


def check_choice(name: str, value: Any, accepted: Sequence[str]) -> str:
    """One of a few names."""
    if not isinstance(value, str) or value not in accepted:
        raise ValueError(
            f"{name} must be one of {', '.join(map(repr, accepted))}, got {shown(value)}."
        )
    return value


def check_frequencies(name: str, values: Any) -> npt.NDArray[np.float64]:
    """Frequencies: finite numbers in [0, 1]."""
    f = np.asarray(values, dtype=np.float64)
    if not np.all((f >= 0) & (f <= 1)):
        raise ValueError(f"{name} must lie in [0, 1], got {shown(values)}.")
    return f


def check_distribution(name: str, values: Any, size: int, *, zeros: bool) -> list[float]:
    """A vector of probabilities that sums to 1; `zeros` says whether they may occur."""
    f = np.asarray(values, dtype=np.float64)
    if f.shape != (size,):
        raise ValueError(f"{name} must have {size} entries, got shape {f.shape}.")
    if not np.isfinite(f).all() or (f < 0).any() or (not zeros and (f == 0).any()):
        kind = "non-negative" if zeros else "strictly positive"
        raise ValueError(f"{name} must be {kind} and finite, got {shown(f.tolist())}.")
    if abs(f.sum() - 1) > 1e-6:
        raise ValueError(f"{name} must sum to 1, got a sum of {f.sum():.9g}.")
    return f.tolist()
