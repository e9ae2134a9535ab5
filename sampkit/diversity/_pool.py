"""The pooled counts of a selection: sums, totals and what an item would make of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from sampkit.diversity._counts import Reach, Row
from sampkit.diversity._entropy import FixedPoint, Floats, Integers, Objective
from sampkit.diversity._log import LogTable, log


class Pool:
    """c_e of all categories, F_v and T_v; the state that every engine and shard shares."""

    def __init__(self, objective: Objective, reach: Reach, offsets: Integers, counts: Integers):
        self.objective, self.reach, self.offsets = objective, reach, offsets
        self.counts = counts.copy()  # of all variables, one after the other
        self.logs = LogTable()
        self.totals = [int(c.sum()) for c in self.of_variables()]
        self._set_table()

    def of_variables(self) -> list[Integers]:
        """Views of the counts of every variable."""
        bounds = self.offsets.tolist()
        return [self.counts[a:b] for a, b in pairwise(bounds)]

    def _set_table(self) -> None:
        reach = self.reach
        total = max(self.totals) + reach.largest_size
        highest = reach.grand_total + reach.largest_size  # an item is measured beside itself
        self.fixed = FixedPoint.of(self.objective.order, total, highest, reach.table)
        self.sums = [int(self.fixed.table[c].sum()) for c in self.of_variables()]

    def growth(self, row: Row) -> list[Integers]:
        """f(c + m) - f(c) of every category of an item."""
        table = self.fixed.table
        return [
            table[c + m] - table[c]
            for (categories, m), offset in zip(row, self.offsets.tolist(), strict=False)
            for c in [self.counts[offset + categories]]
        ]

    def outgrows(self, row: Row) -> bool:
        """Whether the table has to be made anew once this item is added."""
        total = max(t + int(m.sum()) for t, (_, m) in zip(self.totals, row, strict=True))
        return total + self.reach.largest_size > self.fixed.capacity

    def add(self, row: Row) -> None:
        """Pool the counts of an item."""
        anew, growth = self.outgrows(row), self.growth(row)
        for v, ((categories, m), grown) in enumerate(zip(row, growth, strict=True)):
            self.counts[self.offsets[v] + categories] += m
            self.sums[v] += int(grown.sum())
            self.totals[v] += int(m.sum())
        if anew:
            self._set_table()

    def remove(self, row: Row) -> None:
        """Take the counts of an item out again."""
        for v, (categories, m) in enumerate(row):
            places = self.offsets[v] + categories
            self.counts[places] -= m
            c, table = self.counts[places], self.fixed.table
            self.sums[v] -= int((table[c + m] - table[c]).sum())
            self.totals[v] -= int(m.sum())

    def coefficients(self, v: int, sizes: Integers) -> tuple[Floats, Floats]:
        """A and S with H = A + S X for items of these sizes; X is g, or log(F + g): `argument`."""
        order, total = self.objective.order, self.totals[v]
        t = sizes + total
        logs = self.logs.upto(total + self.reach.largest_size)[t]
        if order.linear:
            rate: Floats = 1.0 / (t if total else np.maximum(t, 1))
            if not total:
                rate[t == 0] = 0.0
            rate *= order.slope
            offset = order.total * logs + rate * (self.sums[v] * self.fixed.unit)
            return offset, np.multiply(rate, self.fixed.unit)
        return order.total * logs, np.where(t > 0, order.slope, 0.0)

    def argument(self, v: int, g: Any, out: Floats) -> Floats:
        """log(F + g) for orders that are not linear in the sum."""
        np.add(g, float(self.sums[v]), out=out)
        np.maximum(out, 1.0, out=out)
        out *= self.fixed.unit
        out[...] = log(out)
        return out

    def entropies(self) -> Floats:
        """H_v of the selection."""
        order, unit = self.objective.order, self.fixed.unit
        logs = self.logs.upto(max(self.totals))
        found = np.zeros(len(self.totals))
        for v, (total, summed) in enumerate(zip(self.totals, self.sums, strict=True)):
            if total:
                term = summed * unit / total if order.linear else float(log(summed * unit))
                found[v] = order.total * logs[total] + order.slope * term
        if self.objective.decimals is not None:
            found = np.round(found, self.objective.decimals)
        return np.where(self.objective.utopia > 0, np.maximum(found, 0.0), 0.0)
