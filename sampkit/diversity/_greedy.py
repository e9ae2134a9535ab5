"""The NumPy engine: every step measures all items, from sums that every pick keeps up to date.

With g_{d,v} = sum_e [f(c_e + m_{d,e}) - f(c_e)] the entropy after item d is a function of two
numbers, so a step is a few passes over g. A pick changes g of those items only that share a
category with it; an inverted index knows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.diversity._counts import Row, sums_of_rows
from sampkit.diversity._entropy import Floats
from sampkit.diversity._problem import Problem

EXACT = 2**53  # whole numbers below are float64
CLASS_SIZE = 2048  # items of equal sizes, on average, from which on they are measured together
COMPACT = 8  # arrays are compacted when one item in so many has gone

Slots = npt.NDArray[np.intp]


class Postings:
    """Which slots hold a category of one variable, and how often."""

    def __init__(self, matrix: Any):
        by_category = matrix.tocsc()
        self.start = by_category.indptr.astype(np.intp)
        self.slots = by_category.indices.astype(np.intp)
        self.counts = by_category.data
        others = np.flatnonzero(self.counts != 1)
        self.mixed = np.zeros(matrix.shape[1], dtype=bool)  # some count is not 1
        self.mixed[np.searchsorted(self.start, others, side="right") - 1] = True

    def compact(self, kept: npt.NDArray[np.bool_], new_slot: Slots) -> None:
        """Leave out slots."""
        stays = kept[self.slots]
        self.start = np.concatenate([[0], np.cumsum(stays)])[self.start]
        self.slots, self.counts = new_slot[self.slots[stays]], self.counts[stays]


class ScanEngine:
    """Items in slots, sorted by their sizes, then by position."""

    def __init__(self, problem: Problem):
        self.problem, self.objective = problem, problem.objective
        self.pool = problem.pool()
        sizes = problem.counts.sizes[:, problem.eligible]
        order = np.lexsort(sizes[::-1])  # stable: positions ascend within a class
        self.items = problem.eligible[order]
        sizes = sizes[:, order]
        first = np.ones(len(order), dtype=bool)
        first[1:] = (sizes[:, 1:] != sizes[:, :-1]).any(axis=0)
        self.classes = np.ascontiguousarray(sizes[:, first])  # (n_variables, n_classes)
        self.class_of = np.cumsum(first) - 1
        self.slot_of = np.full(problem.counts.n_items, -1, dtype=np.intp)
        rows = self._rows()
        self.postings = [Postings(m) for m in rows]
        self.kept = np.ones(len(order), dtype=bool)
        self.gone: Slots = np.empty(0, dtype=np.intp)
        self.costs = None if problem.costs is None else problem.costs[self.items]
        self._settle()
        self._sum_up(rows)

    # --- what is kept up to date ------------------------------------------------------------------

    def _settle(self) -> None:
        """Everything that depends on how many slots there are."""
        n = len(self.items)
        self.slot_of[:] = -1
        self.slot_of[self.items] = np.arange(n)
        self.value, self._work = np.empty(n), np.empty(n)
        n_classes = self.classes.shape[1]
        self.by_class = n >= CLASS_SIZE * n_classes
        if self.by_class:
            bounds = np.searchsorted(self.class_of, np.arange(n_classes + 1)).tolist()
            self.bounds = list(pairwise(bounds))

    def _rows(self) -> list[Any]:
        """The counts of all slots; made when they are needed, since they are a copy."""
        matrices = self.problem.counts.matrices
        whole = len(self.items) == self.problem.counts.n_items
        if whole and (np.diff(self.items) == 1).all():
            return list(matrices)
        return [m[self.items] for m in matrices]

    def _sum_up(self, rows: list[Any]) -> None:
        """The g of all slots, from the start."""
        table = self.pool.fixed.table
        bound = self.problem.reach.largest_size * self.pool.fixed.steepest
        dtype = np.float64 if bound < EXACT else np.int64
        self.sums = []
        for m, c in zip(rows, self.pool.of_variables(), strict=True):
            pooled = c[m.indices]
            g = sums_of_rows(m.indptr, table[pooled + m.data] - table[pooled])
            self.sums.append(g.astype(dtype))

    def add(self, row: Row) -> None:
        """Pool an item."""
        if self.pool.outgrows(row):
            self.pool.add(row)
            self._sum_up(self._rows())
            return
        self._push(row, 1)
        self.pool.add(row)

    def remove(self, row: Row) -> None:
        """Take an item out of the pool, the exact inverse of `add`."""
        self.pool.remove(row)
        self._push(row, -1)

    def _push(self, row: Row, sign: int) -> None:
        """Tell the sums that share a category: [f(c + m + m') - f(c + m')] - [f(c + m) - f(c)]."""
        table = self.pool.fixed.table
        pooled = self.pool.of_variables()
        for g, postings, c, (categories, m) in zip(
            self.sums, self.postings, pooled, row, strict=True
        ):
            start, end = postings.start[categories], postings.start[categories + 1]
            others = end - start > 1
            single = np.flatnonzero(end - start == 1)
            others[single] = self.kept[postings.slots[start[single]]]
            some = np.flatnonzero(others)
            categories, m = categories[some], m[some]
            c = c[categories]
            own = table[c + m] - table[c]
            at_one = sign * (table[c + m + 1] - table[c + 1] - own)
            mixed = postings.mixed[categories]
            bounds = zip(start[some].tolist(), end[some].tolist(), strict=True)
            for i, ((a, b), change) in enumerate(zip(bounds, at_one.tolist(), strict=True)):
                slots = postings.slots[a:b]
                if mixed[i]:
                    theirs = postings.counts[a:b] + c[i]
                    g[slots] += sign * (table[theirs + m[i]] - table[theirs] - own[i])
                elif change:
                    g[slots] += change

    def drop(self, items: npt.NDArray[np.intp]) -> None:
        """Forget items; compact the arrays once enough of them have gone."""
        slots = self.slot_of[items]
        slots = slots[slots >= 0]
        slots = slots[self.kept[slots]]
        self.kept[slots] = False
        self.gone = np.concatenate([self.gone, slots])
        if COMPACT * len(self.gone) > len(self.items):
            self._compact()

    def _compact(self) -> None:
        kept = self.kept
        new_slot = np.cumsum(kept) - 1
        for postings in self.postings:
            postings.compact(kept, new_slot)
        self.sums = [g[kept] for g in self.sums]
        self.items, self.class_of = self.items[kept], self.class_of[kept]
        if self.costs is not None:
            self.costs = self.costs[kept]
        self.kept, self.gone = np.ones(len(self.items), dtype=bool), self.gone[:0]
        self._settle()

    # --- one step ---------------------------------------------------------------------------------

    def best(self) -> tuple[float, int] | None:
        """The eligible item of the smallest score; of equal ones that of the lowest position."""
        if len(self.gone) == len(self.items):
            return None
        slots = self._drawn()
        value = self._measure(slots)
        objective, power = self.objective, self.objective.selector.power
        if self.costs is not None:
            before = objective.score(self.pool.entropies())
            costs = self.costs if slots is None else self.costs[slots]
            value = (objective.root(value) - before) / costs
            power = 1
        if slots is None:
            value[self.gone] = np.inf
        ties = np.flatnonzero(value <= objective.highest_tie(value.min(), power))
        keys = value[ties]
        keys = objective.rounded(np.sqrt(keys) if power == 2 else keys)
        winners = ties[keys == keys.min()]
        items = self.items[winners] if slots is None else self.items[slots[winners]]
        return float(keys.min()), int(items.min())

    def _drawn(self) -> Slots | None:
        """Random candidates, drawn by position; None: everybody."""
        m = self.problem.candidates
        if m is None or m >= len(self.items) - len(self.gone):
            return None
        assert self.problem.rng is not None
        remaining = np.sort(self.items[self.kept])
        return self.slot_of[
            remaining[self.problem.rng.choice(len(remaining), m, replace=False, shuffle=False)]
        ]

    def _measure(self, slots: Slots | None) -> Floats:
        """Sum over variables of factor * (origin - H)**power, without the root."""
        factor, n = self.objective.factor, len(self.items) if slots is None else len(slots)
        value, work = self.value[:n], self._work[:n]
        value[:] = 0.0
        first = True
        for v, g in enumerate(self.sums):
            if factor[v] == 0:
                continue
            out = value if first else work
            a, s = self.pool.coefficients(v, self.classes[v])
            for part, offset, slope in self._parts(a, s, slots):
                x = g[part] if slots is None else g[slots]
                self._deviations(v, x, offset, slope, out[part])
            if self.objective.selector.power == 2:
                out *= out
            if factor[v] != 1:
                out *= factor[v]
            if not first:
                value += work
            first = False
        return value

    def _parts(self, a: Floats, s: Floats, slots: Slots | None) -> Iterator[Any]:
        """Coefficients class by class, as scalars, or gathered for all slots at once."""
        if slots is not None:
            classes = self.class_of[slots]
            yield slice(None), a.take(classes), s.take(classes)
        elif self.by_class:
            for i, (start, end) in enumerate(self.bounds):
                if start < end:
                    yield slice(start, end), a[i], s[i]
        else:
            yield slice(None), a.take(self.class_of), s.take(self.class_of)

    def _deviations(self, v: int, g: Any, a: Any, s: Any, out: Floats) -> None:
        """Origin - H of some items, with H = A + S X."""
        if self.objective.order.linear:
            np.multiply(g, s, out=out)
        else:
            self.pool.argument(v, g, out)
            out *= s
        origin = self.objective.origin[v]
        if self.objective.decimals is None:
            np.subtract(origin - a, out, out=out)
        else:
            out += a
            np.round(out, self.objective.decimals, out=out)
            np.subtract(origin, out, out=out)
