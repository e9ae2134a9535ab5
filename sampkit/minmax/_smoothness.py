"""The prior of an object made of few pieces: levels of neighbouring pixels differ rarely."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sampkit._array import namespace, on_host

Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class NeighbourPrior:
    """``weight * sum |q_i - q_j|`` over neighbours in a grid, on level indices.

    Parameters
    ----------
    shape : tuple of int
        Of the picture, any number of axes; neighbours share a face.
    weight : float >= 0
        Price of a difference of one level.
    """

    def __init__(self, shape: tuple[int, ...], weight: float) -> None:
        self.shape, self.weight = shape, weight
        number = np.arange(int(np.prod(shape))).reshape(shape)
        lists: list[list[int]] = [[] for _ in range(number.size)]
        for axis, length in enumerate(shape):
            low = np.take(number, range(length - 1), axis).ravel().tolist()
            high = np.take(number, range(1, length), axis).ravel().tolist()
            for i, j in zip(low, high, strict=True):
                lists[i].append(j)
                lists[j].append(i)
        self.neighbours = [tuple(row) for row in lists]

    def value(self, index: Indices) -> float:
        """The prior of a whole picture."""
        xp, grid = namespace(index), index.reshape(self.shape)
        jumps = (xp.abs(xp.diff(grid, axis=axis)).sum() for axis in range(grid.ndim))
        return self.weight * float(on_host(sum(jumps)))

    def changes(self, index: Indices) -> tuple[Floats, Floats]:
        """What one level up and one level down changes, for every pixel."""
        xp, grid = namespace(index), index.reshape(self.shape)
        up, down = xp.zeros(self.shape), xp.zeros(self.shape)
        for axis in range(grid.ndim):
            jump = xp.moveaxis(xp.diff(grid, axis=axis), axis, 0)
            u, d = xp.moveaxis(up, axis, 0), xp.moveaxis(down, axis, 0)
            # a pixel moves away from a neighbour that is not beyond it, else towards it
            u[:-1] += xp.where(jump > 0, -1, 1)
            u[1:] += xp.where(jump < 0, -1, 1)
            d[:-1] += xp.where(jump < 0, -1, 1)
            d[1:] += xp.where(jump > 0, -1, 1)
        return self.weight * up.ravel(), self.weight * down.ravel()

    def change(self, index: list[int], j: int, step: int) -> float:
        """The same for one pixel j and a step of +1 or -1; `index` is a list here."""
        here = index[j]
        moved = here + step
        total = 0
        for i in self.neighbours[j]:
            there = index[i]
            total += abs(moved - there) - abs(here - there)
        return self.weight * total
