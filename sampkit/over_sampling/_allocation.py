"""Who is a seed, and how often: the shares of the synthetic rows."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sampkit._array import on_host
from sampkit._random_state import generator_of
from sampkit._strategy import Target

Allocation = Literal["balanced", "random"]


def allocate_seeds(
    n: int,
    m: int,
    rng: Any,
    allocation: Allocation = "balanced",
    weights: npt.ArrayLike | None = None,
) -> npt.NDArray[np.intp]:
    """Choose the seed of every synthetic row.

    Parameters
    ----------
    n : int
        Number of candidate seeds, >= 1.
    m : int
        Number of synthetic rows, >= 0.
    rng : None, int, SeedSequence, Generator or RandomState
        Source of randomness, see :func:`sampkit.base.check_generator`.
    allocation : {"balanced", "random"}, default="balanced"
        "balanced" uses every candidate m // n times and a random subset once more, as the paper
        does; "random" draws with replacement.
    weights : array-like of shape (n,), optional
        Relative frequency of every candidate, >= 0. "balanced" then gives candidate i either
        floor or ceil of its share m w_i / sum(w), m in all and without bias; "random" draws with
        these probabilities.

    Returns
    -------
    ndarray of int of shape (m,)
        Candidate numbers, ascending.

    Raises
    ------
    ValueError
        n < 1, m < 0, unknown allocation, no source of randomness, or weights that are negative
        or sum to 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.over_sampling import allocate_seeds
    >>> rng = np.random.default_rng(0)
    >>> sorted(np.bincount(allocate_seeds(10, 25, rng, "balanced")).tolist())
    [2, 2, 2, 2, 2, 3, 3, 3, 3, 3]
    """
    for name, value, low in (("n", n, 1), ("m", m, 0)):
        if not isinstance(value, Integral) or value < low:
            raise ValueError(f"{name} must be an integer >= {low}, got {value!r}.")
    rng = generator_of(rng, "rng")
    if allocation not in ("balanced", "random"):
        raise ValueError(f"allocation must be 'balanced' or 'random', got {allocation!r}.")
    shares = None if weights is None else _shares(weights, n)
    if allocation == "random":
        if shares is None:
            return np.sort(rng.integers(n, size=m))
        return np.repeat(np.arange(n), rng.multinomial(m, shares))
    if shares is None:
        counts = np.full(n, m // n)
        counts[rng.choice(n, m % n, replace=False, shuffle=False)] += 1
    else:
        counts = _systematic_counts(m * shares, m, rng)
    return np.repeat(np.arange(n), counts)


def _shares(weights: npt.ArrayLike, n: int) -> npt.NDArray[np.float64]:
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != (n,) or not np.isfinite(w).all() or (w < 0).any() or not w.any():
        raise ValueError(
            f"weights must be {n} finite numbers >= 0 with a positive sum, got shape {w.shape}, "
            f"smallest {w.min() if w.size else None}, sum {w.sum()}."
        )
    w = w / w.max()  # so that the sum of huge weights stays finite
    return w / w.sum()


def _systematic_counts(
    wanted: npt.NDArray[np.float64], m: int, rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Whole numbers within 1 of `wanted`, with the sum m, each right on average."""
    order = rng.permutation(len(wanted))
    # one random offset for the comb; the last edge is m exactly, whatever the rounding of the sum
    edges = np.floor(np.cumsum(wanted[order]) + rng.random())
    edges[-1] = m
    counts = np.diff(np.minimum(edges, m), prepend=0.0)
    out = np.empty(len(wanted), dtype=np.intp)
    out[order] = counts.astype(np.intp)
    return out


def check_seed_weights(weights: Any, target: Target, targets: dict[int, int]) -> Any:
    """``seed_weights`` as floats, the largest of every class 1, or None; ValueError if wrong.

    Only shares within a class count, and these sum without overflow whatever the scale.
    """
    if weights is None:
        return None
    try:
        w = np.asarray(on_host(weights), dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"seed_weights must be numbers, got {str(weights)[:80]}.") from None
    if w.shape != target.codes.shape:
        raise ValueError(
            f"seed_weights must have one entry for each of the {len(target.codes)} rows, got "
            f"shape {w.shape}."
        )
    if not np.isfinite(w).all() or (w < 0).any():
        raise ValueError(
            f"seed_weights must be finite and >= 0, got {w.min()} ... {w.max()} "
            f"({int((~np.isfinite(w)).sum())} not finite)."
        )
    largest = np.zeros(len(target.classes))
    np.maximum.at(largest, target.codes, w)
    for code, m in targets.items():
        if m and not largest[code] > 0:
            raise ValueError(
                f"seed_weights must be positive for at least one row of class "
                f"{target.labels[code]!r}, which gets {m} rows; their sum is 0."
            )
    return w / np.where(largest > 0, largest, 1.0)[target.codes]


@dataclass(frozen=True)
class OverPercent:
    """Callable strategy of `over_percent`; a class of its own so that it can be pickled."""

    N: float

    def __call__(self, y: npt.ArrayLike) -> dict[Any, int]:
        """Rows of the rarest class after sampling."""
        target = Target.of(np.asarray(y))
        n_min = int(target.counts[target.rarest])
        return {target.labels[target.rarest]: n_min + percent_of(n_min, self.N)}


def percent_of(n: int, percent: float) -> int:
    """floor(n * percent / 100), safe against a product a hair below a whole number."""
    return int(np.floor(n * percent / 100 + 1e-9))


def over_percent(N: float) -> OverPercent:
    """Sampling strategy of the paper: add N % synthetic rows to the rarest class.

    Parameters
    ----------
    N : float
        Percentage of the rarest class's rows to add, >= 0; 200 triples the class.

    Returns
    -------
    callable
        For ``sampling_strategy``: maps y to {rarest class: n_min + floor(n_min N / 100)}.

    Raises
    ------
    ValueError
        N is negative or no number.

    Examples
    --------
    >>> from sampkit.over_sampling import over_percent
    >>> over_percent(200)([0] * 9 + [1] * 3)
    {1: 9}
    """
    if not isinstance(N, Real) or isinstance(N, bool) or not 0 <= N < np.inf:
        raise ValueError(f"N must be a number >= 0 (percent), got {N!r}.")
    return OverPercent(float(N))
