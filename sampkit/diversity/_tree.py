"""The compiled engine: best-first search of a tree whose bounds come from stale sums.

The sum g_{d,v} of an item only moves away from the optimum while others are picked (f is convex or
concave), and entropies are monotone in an item's size. So the corner of the most flattering size
and the most flattering g of a group bounds all of its members, also when their g are old. A search
goes down the tree by these bounds, and only the leaves that it reaches are summed anew; nothing is
pushed to other items when one is picked.

For orders that are linear in g the bound is sharpened: with the weights w_v of a linear form and
slopes q_v of the score at the corner, the score is at least that of the corner plus
min_v(q_v / w_v) (min_d w.g_d - w.min g), since the score is convex in g.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.diversity._counts import Counts, Row
from sampkit.diversity._entropy import Floats, Integers
from sampkit.diversity._pool import Pool
from sampkit.diversity._problem import Problem
from sampkit.diversity._tree_search import NOBODY, build, search

REBUILD = 4  # visits of nodes for each item, after which the linear form is renewed


class TreeEngine:
    """A static binary tree over the items, leaf i of item ``items[i]``."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.pool: Pool = problem.pool()
        counts = problem.counts
        self.indices = np.concatenate(
            [m.indices + offset for m, offset in zip(counts.matrices, counts.offsets, strict=False)]
        ).astype(np.int64)
        self.data = np.concatenate([m.data for m in counts.matrices])
        before = np.cumsum([0, *(len(m.data) for m in counts.matrices)])
        self.indptr = np.stack(
            [m.indptr.astype(np.int64) + b for m, b in zip(counts.matrices, before, strict=False)]
        )
        objective, power = problem.objective, problem.objective.selector.power
        order = objective.order
        self.alive = np.zeros(counts.n_items, dtype=bool)
        self.alive[problem.eligible] = True
        slack = 0.0
        if objective.decimals is not None:  # rounding moves every entropy by half a unit at most
            half, factor = 0.5 * 10.0**-objective.decimals, objective.factor
            slack = half * float(np.sqrt(factor.sum()) if power == 2 else factor.sum())
        self.numbers = np.array(
            [order.total, order.slope, order.sign, slack + 1e-12, 10.0 ** (objective.decimals or 0)]
        )
        rounds = objective.decimals is not None
        self.flags = np.array([order.linear, power == 2, rounds], dtype=np.int64)
        self.origin, self.factor = objective.origin, objective.factor
        self.lowest = self.origin - objective.utopia  # no entropy is higher than log |V|
        self._arrange(problem.eligible)

    def _arrange(self, items: npt.NDArray[np.intp]) -> None:
        self.items = spatial_order(self.problem.counts, items)
        self._rebuild()

    def _rebuild(self) -> None:
        """Sums of all leaves, a linear form that suits the present state, and all nodes."""
        alive = np.count_nonzero(self.alive[self.items])
        if 2 * alive < len(self.items):
            self.items = self.items[self.alive[self.items]]
        self.form = self._linear_form()
        self.nodes = build(
            self.items,
            self.alive,
            self.problem.counts.sizes,
            self.indptr,
            self.indices,
            self.data,
            self.pool.counts,
            self.pool.fixed.table,
            self.form,
            float(self.problem.objective.order.sign),
        )
        self.visits = 0

    def _linear_form(self) -> Floats:
        """Proportional to the slopes of the score at the present state."""
        form = self.factor / np.maximum(self.pool.totals, 1)
        if self.problem.objective.selector.power == 2:
            away = self.origin - self.pool.entropies()
            form = form * np.where(away > 1e-9, away, 0.0)
        return form

    def add(self, row: Row) -> None:
        """Pool an item; sums of others are left to grow stale."""
        anew = self.pool.outgrows(row)
        self.pool.add(row)
        if anew or self.visits > REBUILD * len(self.items):
            self._rebuild()

    def drop(self, items: npt.NDArray[np.intp]) -> None:
        """Forget items: the search will find their leaves empty."""
        self.alive[items] = False

    def best(self) -> tuple[float, int] | None:
        """The eligible item of the smallest score; of equal ones that of the lowest position."""
        pool = self.pool
        logs = pool.logs.upto(max(pool.totals) + pool.reach.largest_size)
        key, item, visits = search(
            *self.nodes,
            self.items,
            self.alive,
            self.problem.counts.sizes,
            self.indptr,
            self.indices,
            self.data,
            pool.counts,
            pool.fixed.table,
            logs,
            np.array(pool.sums, dtype=np.int64),
            np.array(pool.totals, dtype=np.int64),
            self.form,
            self.origin,
            self.lowest,
            self.factor,
            pool.fixed.unit,
            self.numbers,
            self.flags,
        )
        self.visits += visits
        return None if item == NOBODY else (float(key), int(item))


def spatial_order(counts: Counts, items: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Items so that neighbours have the same sizes and categories of similar frequency.

    Sorted by sizes first; within equal sizes a recursive median split on sum_e m log(1 + df_e) of
    one variable after the other.
    """
    keys = np.stack([_rarity(m)[items] for m in counts.matrices])
    sizes = counts.sizes[:, items]
    order = np.lexsort(sizes[::-1])
    changes = (np.diff(sizes[:, order], axis=1) != 0).any(axis=0)
    segment: Integers = np.concatenate([[0], np.cumsum(changes)])[: len(order)].astype(np.int64)
    for level in range(int(np.ceil(np.log2(max(len(order), 2))))):
        start = np.flatnonzero(np.diff(segment, prepend=-1))
        if len(start) == len(order):
            break
        within = np.lexsort((keys[level % len(keys)][order], segment))
        order = order[within]  # segments stay where they are
        length = np.diff(start, append=len(order))
        rank = np.arange(len(order)) - np.repeat(start, length)
        segment = 2 * segment + (rank >= np.repeat((length + 1) // 2, length))
        segment = np.cumsum(np.diff(segment, prepend=segment[0]) != 0)
    return items[order]


def _rarity(matrix: Any) -> Floats:
    frequency = np.bincount(matrix.indices, minlength=matrix.shape[1])
    return np.asarray(matrix @ np.log1p(frequency))
