"""The best single or pair move, found exactly: most moves die on a few of the worst rows.

Shared by the dense engine, whose moves are one level up or down, and the small one, which adds
vectors of a reduced lattice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._chunks import chunks
from sampkit.minmax._costs import Cost, Largest, LargestCentred
from sampkit.minmax._rows import Rows

Array = npt.NDArray[Any]

_DENSE_ROWS = 4  # rows that are added for whole tables of pairs, before survivors are listed
_TABLE = 1 << 17  # pairs in such a table
_VERIFY = 64  # survivors that are verified together
_FIRST = 16  # and of the first ones, which often hold the best
IMPROVED = 1 - 1e-7  # a new cost counts if it is below this share of the old one


@dataclass
class Counters:
    """What a search did."""

    rounds: int = 0
    accepted: int = 0
    verified: int = 0
    pruned: int = 0

    def add(self, other: Counters) -> None:
        self.rounds += other.rounds
        self.accepted += other.accepted
        self.verified += other.verified
        self.pruned += other.pruned


@dataclass
class Moves:
    """Signed moves: number s changes the index by ``sign[s] * vectors[source[s]]``.

    It changes the residual by ``scale[s] * responses[source[s]]``. The last move does nothing, so
    that single moves are pairs with it.
    """

    responses: Array  # (g, m)
    vectors: Array  # (g, n) integers
    source: Array  # (s,)
    sign: Array  # (s,) integers
    scale: Array  # (s,) of the dtype of responses
    twice: bool  # whether a move may be made two times at once

    def change(self, i: Array, j: Array) -> Array:
        """Residual changes (c, m) of pairs."""
        change = self.responses[self.source[i]] * self.scale[i][:, None]
        change += self.responses[self.source[j]] * self.scale[j][:, None]
        return change

    def step(self, i: Array, j: Array) -> Array:
        """Index changes (c, n) of pairs."""
        one = self.vectors[self.source[i]] * self.sign[i][:, None]
        return one + self.vectors[self.source[j]] * self.sign[j][:, None]


def unit_moves(AT: Array, up: Array, down: Array) -> Moves:
    """One level up or down in every variable that can.

    Parameters
    ----------
    AT : ndarray of shape (n, m)
        Columns of A.
    up, down : ndarray of shape (n,)
        Distances to the next levels, 0 where there is none.
    """
    rising, falling = np.flatnonzero(up), np.flatnonzero(down)
    source = np.concatenate([rising, falling, [0]])
    sign = np.repeat([1, -1, 0], [len(rising), len(falling), 1])
    scale = np.concatenate([up[rising], -down[falling], [0]]).astype(AT.dtype)
    return Moves(AT, np.empty((0, 0), dtype=np.int64), source, sign, scale, twice=False)


@dataclass
class Found:
    """The best move: a pair of `Moves`, and the residual after it."""

    i: int
    j: int
    cost: float
    residual: Array = field(repr=False)


def worst_rows(r: Array, rows: Rows, count: int) -> Array:
    """At most `count` rows in descending order of violation; both signs for a free intercept."""
    violation = rows.violation(r)
    if count >= len(r):
        return np.argsort(-violation, kind="stable")
    if rows.free is not None:
        both = [np.argpartition(s * r, -(count // 2))[-(count // 2) :] for s in (1, -1)]
        worst = np.unique(np.concatenate(both))
    else:
        worst = np.argpartition(violation, -count)[-count:]
    return worst[np.argsort(-violation[worst], kind="stable")]


def largest_cost(r: Array, rows: Rows, worst: Array) -> Cost:
    """The objective as a cost."""
    return Largest(r, rows, worst) if rows.free is None else LargestCentred(r, rows, worst)


@np.errstate(over="ignore")  # an infinite potential is a rejected move
def best_move(
    r: Array,
    moves: Moves,
    worst: Array,
    cost: Cost,
    counters: Counters,
    *,
    allowed: Callable[[Array, Array], Array] | None = None,
    cap: int | None = None,
    first: bool = False,
) -> Found | None:
    """The single or pair move with the smallest cost, if it is smaller than the present one.

    Parameters
    ----------
    r : ndarray of shape (m,)
        Residuals.
    moves : Moves
    worst : ndarray of int
        The rows on which moves are tried first, worst first.
    cost : Cost
        Of which ``limit`` is the present value.
    counters : Counters
        Added to.
    allowed : callable, optional
        Which of the pairs (i, j) stay within the levels.
    cap : int, optional
        At most so many moves are verified; without it the answer is exact.
    first : bool
        Be content with the best of the first chunk that holds an improvement.

    Returns
    -------
    Found or None
    """
    i, j, bound = _survivors(r, moves, worst, cost, counters)
    if allowed is not None and len(i):
        keep = allowed(i, j)
        i, j, bound = i[keep], j[keep], bound[keep]
    order = np.argsort(bound, kind="stable")
    if cap is not None:
        order = order[:cap]
    best: Found | None = None
    goal, ties = cost.limit * IMPROVED, np.inf
    for part in _parts(len(order)):
        some = order[part]
        if not len(some):
            break
        if bound[some[0]] > goal or (best is not None and bound[some[0]] >= best.cost):
            break
        new = moves.change(i[some], j[some])
        new += r
        value = cost.exact(new)
        counters.verified += len(some)
        at = int(value.argmin())
        if value[at] < goal or (best is not None and value[at] == goal):
            equal = np.flatnonzero(value == value[at])
            squares = np.einsum("ij,ij->i", new[equal], new[equal])
            if value[at] < goal or squares.min() < ties:
                at = int(equal[squares.argmin()])
                goal, ties = float(value[at]), float(squares.min())
                best = Found(int(i[some[at]]), int(j[some[at]]), goal, new[at])
        if first and best is not None:
            break
    return best


def _parts(n: int) -> Iterator[slice]:
    yield slice(0, _FIRST)
    for at in chunks(max(n - _FIRST, 0), _VERIFY):
        yield slice(at.start + _FIRST, at.stop + _FIRST)


def _survivors(
    r: Array, moves: Moves, worst: Array, cost: Cost, counters: Counters
) -> tuple[Array, Array, Array]:
    """Pairs (i, j) that the rows `worst` leave alive, and lower bounds of their costs."""
    D = moves.responses[:, worst].T[:, moves.source] * moves.scale  # (K, s)
    base = r[worst]
    s, nothing = D.shape[1], D.shape[1] - 1
    key = cost.direction(D)
    order = np.arange(s) if key is None else np.argsort(key, kind="stable")
    if key is not None:
        D, key = D[:, order], key[order]
    DT = np.ascontiguousarray(D.T)
    dense = min(_DENSE_ROWS, len(worst))
    parts = []
    low = 0
    while low < s:
        # in ascending order of the key, only i and j with key_i + key_j < 0 can help
        high = s if key is None else int(np.searchsorted(key, -key[low], side="left"))
        if high <= low:
            break
        size = max(_TABLE // (high - low), 1)
        mine, theirs = slice(low, min(low + size, high)), slice(low, high)
        shape = (mine.stop - mine.start, theirs.stop - theirs.start)
        total = cost.start(shape, D.dtype)
        for at in range(dense):
            cost.row(total, D[at, mine, None] + (D[at, theirs] + base[at]), at)
        alive = cost.bound(total) < cost.limit
        i, j = np.nonzero(np.triu(alive, 0 if moves.twice else 1))
        total = total[..., i, j]
        i, j = i + low, j + low
        start = dense
        while start < len(worst) and len(i):
            stop = min(3 * start, len(worst))
            M = DT[i, start:stop] + DT[j, start:stop]
            M += base[start:stop]
            total = cost.rows(total, M, start, stop)
            keep = np.flatnonzero(cost.bound(total) < cost.limit)
            i, j, total = i[keep], j[keep], total[..., keep]
            start = stop
        parts.append((i, j, cost.bound(total)))
        low = mine.stop
    counters.pruned += s * (s - 1) // 2
    if not parts:
        none = np.empty(0, dtype=np.int64)
        return none, none, np.empty(0)
    i, j, bound = (np.concatenate(part) for part in zip(*parts, strict=True))
    i, j = order[i], order[j]
    if moves.twice:  # not nothing twice
        keep = (i != nothing) | (j != nothing)
        i, j, bound = i[keep], j[keep], bound[keep]
    else:  # one variable cannot take two steps, nor one up and one down
        keep = (moves.source[i] != moves.source[j]) | (i == nothing) | (j == nothing)
        i, j, bound = i[keep], j[keep], bound[keep]
    counters.pruned -= len(i)
    return i, j, bound


def polish(
    AT: Array,
    index: Array,
    residual: Array,
    steps: Callable[[Array], tuple[Array, Array]],
    rows: Rows,
    counters: Counters,
    *,
    count: int = 64,
    cap: int = 2000,
    stop: Callable[[], bool] = lambda: False,
) -> Array:
    """Steepest descent on the objective over single levels and pairs of them.

    Parameters
    ----------
    AT : array of shape (n, m)
        Columns of A.
    index : ndarray of int64 of shape (n,)
        Where to start, on the host.
    residual : array of shape (m,)
        There.
    steps : callable
        Distances to the next levels up and down (n,), 0 where a variable cannot move.
    rows : Rows
    counters : Counters
        Added to.
    count : int
        Worst rows on which moves are tried first.
    cap : int
        Moves that are verified at most in one step.
    stop : callable
        Asked before every step.

    Returns
    -------
    ndarray of int64 of shape (n,)
    """
    index = index.copy()
    while not stop():
        worst = worst_rows(residual, rows, count)
        cost = largest_cost(residual, rows, worst)
        if not cost.limit > 0:
            break
        moves = unit_moves(AT, *steps(index))
        found = best_move(residual, moves, worst, cost, counters, cap=cap)
        if found is None:
            break
        for move in (found.i, found.j):
            index[int(moves.source[move])] += int(moves.sign[move])
        residual = rows.centred(found.residual)
        counters.accepted += 1
    return index


def steps_of(values: Array, counts: Array, index: Array) -> tuple[Array, Array]:
    """Distances (n,) from levels number `index` to the next ones up and down, 0 where none is.

    `values` (n or 1, L) and `counts` (n or 1,) are those of one target.
    """
    variable = np.arange(len(index)) if len(values) > 1 else 0
    counts = np.broadcast_to(counts, index.shape)
    here = values[variable, index]
    above = values[variable, np.minimum(index + 1, counts - 1)]
    below = values[variable, np.maximum(index - 1, 0)]
    return above - here, here - below
