"""Drawing rows with given inclusion probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._random_state import check_generator

__all__ = ["SCHEMES", "sample_rows"]

Vector = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
Drawn = tuple[Rows, Vector]  # sorted rows, and how often each was drawn


def sample_rows(
    q: npt.ArrayLike,
    *,
    scheme: str = "pivotal",
    order: npt.ArrayLike | None = None,
    random_state: Any = None,
) -> tuple[Rows, Vector]:
    """Draw rows with inclusion probabilities `q`; weights 1/q make every total unbiased.

    Parameters
    ----------
    q : array-like of shape (n,)
        Inclusion probabilities, from 0 to 1.  Rows with 0 are never drawn.
    scheme : {"pivotal", "systematic", "poisson", "multinomial"}, default="pivotal"
        - "pivotal": a tournament between neighbours of the order; fixed size, rows that are close
          in the order exclude each other [1]_, [2]_.
        - "systematic": every 1/q-th row of the order from one random start; fixed size.
        - "poisson": every row by itself, number of rows random: the scheme of most theorems.
        - "multinomial": ``round(sum(q))`` draws with replacement, repeated rows merged.
    order : array-like of shape (n,) or None, default=None
        Permutation of the rows along which "pivotal" and "systematic" go, such as that of
        `spatial_order`; None goes along the rows as they come.  The other schemes ignore it.
    random_state : None, int, SeedSequence, Generator or RandomState
        Source of the draw.

    Returns
    -------
    indices : ndarray of shape (m,)
        The rows drawn, sorted, each once.
    weights : ndarray of shape (m,)
        1/q of each; for "multinomial" the number of draws over their expected number.

    Raises
    ------
    ValueError
        `q` outside [0, 1] or not finite, an unknown scheme, an order that is no permutation.

    Notes
    -----
    O(n) time and memory; log2(n) rounds of NumPy for "pivotal".  "pivotal" and "systematic" draw
    exactly ``sum(q)`` rows when that is an integer (to 1e-9), else one of the two integers beside.

    References
    ----------
    .. [1] J.-C. Deville and Y. Tille, "Unequal probability sampling without replacement through a
       splitting method", Biometrika 85(1), 1998.
    .. [2] A. Shimizu, X. Cheng, C. Musco, J. Weare, "Improved Active Learning via Dependent
       Leverage Score Sampling", ICLR 2024, arXiv:2310.04966.

    Examples
    --------
    >>> from sampkit.coreset import sample_rows
    >>> indices, weights = sample_rows([1.0, 0.5, 0.5, 0.25, 0.75], random_state=0)
    >>> len(indices)
    3
    >>> weights[0].item()
    1.0
    """
    if not isinstance(scheme, str) or scheme not in SCHEMES:
        raise ValueError(f"scheme must be one of {sorted(SCHEMES)}, got {scheme!r}.")
    q = checked_probabilities(q)
    along = checked_order(order, q.size)
    rows, count = SCHEMES[scheme](q, along, check_generator(random_state))
    return rows, weights_of(q, rows, count)


def weights_of(q: Vector, rows: Rows, count: Vector) -> Vector:
    """Draws of each row over their expected number."""
    return np.asarray(count / q[rows], dtype=np.float64)


def checked_probabilities(q: npt.ArrayLike) -> Vector:
    """`q` as an array of probabilities."""
    array = np.asarray(q, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"q must be one-dimensional, got shape {array.shape}.")
    inside = (array >= 0) & (array <= 1)
    if not inside.all():
        raise ValueError(f"q must lie between 0 and 1, got {array[~inside][0]}.")
    return array


def checked_order(order: npt.ArrayLike | None, n: int) -> Rows | None:
    """`order` as a permutation of ``range(n)``; None stays None."""
    if order is None:
        return None
    along = np.asarray(order)
    if along.shape == (n,) and along.dtype.kind in "iu" and (n == 0 or along.max() < n):
        along = along.astype(np.intp, copy=False)
        if n == 0 or along.min() >= 0:
            seen = np.zeros(n, dtype=bool)
            seen[along] = True
            if seen.all():
                return along
    raise ValueError(
        f"order must be a permutation of 0, ..., {n - 1}, got {str(order)[:80]} of shape "
        f"{along.shape}."
    )


def rounded_total(total: float) -> float:
    """A sum of probabilities, freed from rounding where it is meant to be an integer."""
    nearest = round(total)
    return float(nearest) if abs(total - nearest) <= 1e-9 * max(total, 1.0) else total


def _undecided(q: Vector, order: Rows | None) -> Rows:
    """Rows, along the order, that are neither certain nor impossible."""
    open_rows = (q > 0) & (q < 1)
    return np.flatnonzero(open_rows) if order is None else order[open_rows[order]]


def _with_certain(q: Vector, drawn: Rows) -> Drawn:
    rows = np.sort(np.concatenate([np.flatnonzero(q == 1), drawn]))
    return rows, np.ones(rows.size)


def poisson(q: Vector, order: Rows | None, rng: np.random.Generator) -> Drawn:
    """Every row by itself."""
    rows = np.flatnonzero(rng.random(q.size) < q)
    return rows, np.ones(rows.size)


def systematic(q: Vector, order: Rows | None, rng: np.random.Generator) -> Drawn:
    """The rows at which the cumulated probability passes u, u + 1, u + 2, ..."""
    along = _undecided(q, order)
    passed = np.cumsum(q[along])
    if along.size:
        passed[-1] = rounded_total(float(passed[-1]))
    before = np.concatenate([[0.0], passed[:-1]])
    u = rng.random()
    return _with_certain(q, along[np.ceil(passed - u) > np.ceil(before - u)])


def pivotal(q: Vector, order: Rows | None, rng: np.random.Generator) -> Drawn:
    """Winners of the tournament; its last open row by its remaining probability."""
    along = _undecided(q, order)
    won, open_row, mass = tournament(along, q[along], rng)
    if open_row is not None and rng.random() < mass:
        won = np.append(won, open_row)
    return _with_certain(q, won)


def tournament(
    rows: Rows, mass: Vector, rng: np.random.Generator
) -> tuple[Rows, np.intp | None, float]:
    """Let neighbours play, level by level, until at most one row is open.

    Parameters
    ----------
    rows : ndarray of shape (n,)
        Rows along the order.
    mass : ndarray of shape (n,)
        Their probabilities, strictly between 0 and 1.
    rng : Generator
        Source of the outcomes.

    Returns
    -------
    won : ndarray
        Rows that are in.
    open_row : int or None
        The row that is still open, None where the masses sum to an integer.
    open_mass : float
        The probability that it has left.
    """
    total = rounded_total(float(mass.sum()))
    rows, mass = rows.copy(), mass.copy()
    won: list[Rows] = []
    while rows.size > 1:
        pairs = rows.size // 2
        last = slice(2 * pairs, None)  # without a neighbour: passes up as it is
        a, b = mass[: 2 * pairs : 2], mass[1 : 2 * pairs : 2]
        s = a + b
        u = rng.random(pairs)
        in_play = s <= 1
        # s <= 1: a carries on with probability a / s; s > 1: a is in with (1 - b) / (2 - s)
        chance = np.where(in_play, a, 1 - b)
        scale = np.where(in_play, s, 2 - s)
        first = u * scale < chance
        left, right = rows[: 2 * pairs : 2], rows[1 : 2 * pairs : 2]
        won.append(np.where(first, left, right)[~in_play])
        rows = np.concatenate([np.where(first == in_play, left, right), rows[last]])
        mass = np.concatenate([np.where(in_play, s, s - 1), mass[last]])
    winners = np.concatenate(won) if won else rows[:0]
    left_over = total - winners.size
    if rows.size == 0 or left_over <= 0:
        return winners, None, 0.0
    if left_over >= 1:
        return np.append(winners, rows), None, 0.0
    return winners, rows[0], left_over


def multinomial(q: Vector, order: Rows | None, rng: np.random.Generator) -> Drawn:
    """``round(sum(q))`` draws with replacement."""
    total = float(q.sum())
    n_draws = round(total)
    rows, count = drawn_with_replacement(q, n_draws, rng)
    return rows, count * (total / n_draws if n_draws else 1.0)


def drawn_with_replacement(q: Vector, n_draws: int, rng: np.random.Generator) -> Drawn:
    """Rows of `n_draws` draws in proportion to q, and how often each came."""
    passed = np.cumsum(q)
    found = np.searchsorted(passed, rng.random(n_draws) * passed[-1], side="right")
    rows, count = np.unique(found, return_counts=True)
    return rows.astype(np.intp, copy=False), count.astype(np.float64)


SCHEMES: dict[str, Callable[[Vector, Rows | None, np.random.Generator], Drawn]] = {
    "multinomial": multinomial,
    "pivotal": pivotal,
    "poisson": poisson,
    "systematic": systematic,
}
