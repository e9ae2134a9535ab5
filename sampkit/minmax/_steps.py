"""Distances to the neighbouring levels, on the device of the search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.minmax._levels import Levels


@dataclass(frozen=True)
class Steps:
    """How far the next level is, up and down, for a batch of states; 0 where there is none.

    Evenly spaced levels need a step and a count a variable; others a table of distances, `above`
    (rows, L) with the distance from each level to the next one, in which a state finds variable j
    in row ``first + j * stride``.
    """

    top: Any  # (states or 1, n): the last level's number; 0 where the variable may not move
    even: Any = None  # (states or 1, n)
    above: Any = None  # (rows * L,), flat
    first: Any = None  # (states or 1, n): where in `above` a variable's levels begin

    def of_block(self, xp: Any, index: Any, block: slice) -> tuple[Any, Any]:
        """Distances up and down (states, c) of the variables in `block` at `index` (states, c)."""
        top = self.top[:, block]
        if self.even is not None:
            step = self.even[:, block]
            return xp.where(index < top, step, 0), xp.where(index * top > 0, step, 0)
        start = self.first[:, block] + index
        up = self.above.take(xp.where(index < top, start, 0))
        down = self.above.take(xp.where(index > 0, start - 1, 0))
        return xp.where(index < top, up, 0), xp.where(index * top > 0, down, 0)

    def of_states(self, some: Any) -> Steps:
        """The steps of some of the states."""
        parts = (self.top, self.even, self.first)
        top, even, first = (
            part if part is None or part.shape[0] == 1 else part.take(some, axis=0)
            for part in parts
        )
        return Steps(top, even, self.above, first)


def steps_on(
    xp: Any,
    levels: Levels,
    frozen: npt.NDArray[np.bool_] | None,
    target: npt.NDArray[np.int64],
    dtype: Any,
) -> Steps:
    """Steps of states that belong to the targets `target` (states,), as arrays of `xp`."""
    counts, n = levels.counts, levels.n
    top = np.broadcast_to(counts - 1, (len(counts), n)).astype(np.int32)
    if frozen is not None:
        top = np.where(frozen, np.int32(0), top)  # of as many rows as the longer of the two

    def of_states(part: npt.NDArray[Any]) -> Any:
        return xp.asarray(part if len(part) == 1 else part[target])

    if levels.step is not None:
        even = np.broadcast_to(levels.step, (len(levels.step), n)).astype(dtype)
        return Steps(of_states(top), even=of_states(even))
    above: npt.NDArray[np.float64] = np.zeros(levels.values.shape)
    length = levels.values.shape[2]
    above[:, :, :-1] = np.nan_to_num(np.diff(levels.values, axis=2))
    rows = np.arange(counts.size, dtype=np.int64).reshape(counts.shape) * length
    first = np.broadcast_to(rows, (len(rows), n))
    return Steps(
        of_states(top), above=xp.asarray(above.ravel(), dtype=dtype), first=of_states(first)
    )
