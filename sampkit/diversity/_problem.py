"""A ranking task after all checks, as the engines get it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sampkit.diversity._counts import Counts, Reach, Row
from sampkit.diversity._entropy import Floats, Integers, Objective
from sampkit.diversity._pool import Pool


@dataclass(frozen=True)
class Problem:
    """Items, what is maximised, where it starts from, and who may be picked."""

    counts: Counts
    objective: Objective
    start: Integers  # pooled counts of what is selected already, all variables in one
    eligible: npt.NDArray[np.intp]  # items, ascending
    costs: Floats | None = None  # (n_items,)
    candidates: int | None = None  # items looked at in every step; None: all
    rng: np.random.Generator | None = None
    wider: Reach | None = None  # of all shards, where these items are one of them

    @property
    def reach(self) -> Reach:
        """What tables have to hold."""
        return self.counts.reach if self.wider is None else self.wider

    def pool(self) -> Pool:
        """The state before the first pick."""
        return Pool(self.objective, self.reach, self.counts.offsets, self.start)


class Engine(Protocol):
    """What finds the best item; all engines find the same."""

    pool: Pool

    def best(self) -> tuple[float, int] | None:
        """What is compared and the item: of the smallest score, the lowest position."""

    def add(self, row: Row) -> None:
        """Pool the counts of an item."""

    def drop(self, items: npt.NDArray[np.intp]) -> None:
        """These are not eligible any more."""


MakeEngine = Callable[[Problem], Engine]
