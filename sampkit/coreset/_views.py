"""Rows with factors of their own, and centred rows, of rows that lie anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.coreset._basis import Basis
from sampkit.coreset._blocks import Floats, MappedRows, Rows, Vector


class WeightedRows(Rows):
    """The rows ``√weight_i a_i`` of other rows."""

    def __init__(self, rows: Rows, weight: Vector):
        self.rows, self.weight = rows, weight
        self.n, self.d, self.dtype = rows.n, rows.d, rows.dtype

    def blocks(self, step: int, dtype: Any = None) -> Iterator[tuple[slice, Floats]]:
        for at, block in self.rows.blocks(step, dtype):
            yield at, block * np.sqrt(self.weight[at, None]).astype(block.dtype)

    def take(self, index: npt.NDArray[np.intp]) -> Floats:
        return self.rows.take(index) * np.sqrt(self.weight[index, None])

    def gram(self, weight: Vector | None = None, basis: Basis | None = None) -> Vector:
        return self.rows.gram(self.weight if weight is None else weight * self.weight, basis)

    def squared_norms(self, basis: Basis) -> Floats:
        return np.asarray(self.rows.squared_norms(basis) * self.weight)


def centred(rows_with_ones: Rows) -> MappedRows:
    """``X − mean`` from the rows ``[1, X]``, weighted or not."""
    gram = rows_with_ones.gram()
    mean = gram[0, 1:] / gram[0, 0] if gram[0, 0] > 0 else np.zeros(rows_with_ones.d - 1)
    return MappedRows(rows_with_ones, np.concatenate([-mean[None, :], np.eye(len(mean))]))
