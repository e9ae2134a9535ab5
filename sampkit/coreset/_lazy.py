"""Rows of a Dask collection: Gram matrices and factors add up a tree, scores stay per block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dask
import numpy as np
import numpy.typing as npt
from dask.delayed import delayed

from sampkit.coreset._basis import Basis
from sampkit.coreset._blocks import NOTHING, DenseRows, Floats, PutOn, Rows, Vector
from sampkit.coreset._tsqr import triangular_of


class LazyRows(Rows):
    """Rows of a Dask array or data frame; a pass over them is one task per block."""

    def __init__(self, container: Any, put_on: PutOn = NOTHING):
        self.container = container
        self.n = container.n_rows
        self.d = container.n_columns + put_on.width
        self.dtype = np.dtype(np.float32 if _all_single(container) else np.float64)
        ends = np.cumsum(container.lengths)
        self.at = [slice(int(e - m), int(e)) for e, m in zip(ends, container.lengths, strict=True)]
        wrap = delayed(_dense_rows, pure=False)
        self.parts = [
            wrap(block, self.dtype, put_on.part(at))
            for block, at in zip(container._blocks(), self.at, strict=True)
        ]

    def _tasks(self, method: str, *arguments: Any, weight: Vector | None = None) -> list[Any]:
        call = delayed(_call, pure=False)
        shared = delayed(arguments, pure=False, traverse=False)
        return [
            call(part, method, shared, None if weight is None else weight[at])
            for part, at in zip(self.parts, self.at, strict=True)
            if at.stop > at.start
        ]

    def _tree(self, tasks: list[Any], add: Callable[[Any, Any], Any]) -> Any:
        merge = delayed(add, pure=False)
        while len(tasks) > 1:
            pairs = [merge(*pair) for pair in zip(tasks[::2], tasks[1::2], strict=False)]
            tasks = pairs + tasks[2 * len(pairs) :]
        return tasks[0].compute()

    def blocks(self, step: int, dtype: Any = None) -> Iterator[tuple[slice, Floats]]:
        for part, place in zip(self.parts, self.at, strict=True):
            for at, block in part.compute().blocks(step, dtype):
                yield slice(place.start + at.start, place.start + at.stop), block

    def take(self, index: npt.NDArray[np.intp]) -> Floats:
        pick = delayed(_taken, pure=False)
        owner = np.searchsorted([at.stop for at in self.at], index, side="right")
        used = np.unique(owner)
        found = dask.compute(
            *(pick(self.parts[o], index[owner == o] - self.at[o].start) for o in used)
        )
        out = np.empty((len(index), self.d))
        for o, rows in zip(used, found, strict=True):
            out[owner == o] = rows
        return out

    def gram(self, weight: Vector | None = None, basis: Basis | None = None) -> Vector:
        return self._tree(self._tasks("weighted_gram", basis, weight=weight), _sum)

    def triangular(self, column_scale: Vector, start: Floats | None = None) -> Floats:
        R = self._tree(self._tasks("triangular", column_scale), _stacked)
        return R if start is None else _stacked(R, start)

    def squared_norms(self, basis: Basis) -> Floats:
        return np.concatenate(dask.compute(*self._tasks("squared_norms", basis)))

    def lazy_scores(self, score_block: Callable[[Any], Any]) -> Any:
        """A lazy vector of `score_block` of every block of rows, in the chunks of X."""
        import dask.array as da

        score = delayed(score_block, pure=False)
        return da.concatenate(
            [
                da.from_delayed(score(part), (at.stop - at.start,), dtype=self.dtype)
                for part, at in zip(self.parts, self.at, strict=True)
                if at.stop > at.start
            ]
        )

    def column_max(self) -> Vector:
        return self._tree(self._tasks("column_max"), np.maximum)


def _all_single(container: Any) -> bool:
    dtypes = getattr(container.X, "dtypes", None)
    kinds = [container.X.dtype] if dtypes is None else list(dtypes)
    return all(kind == np.float32 for kind in kinds)


def _dense_rows(block: Any, dtype: Any, put_on: PutOn) -> DenseRows:
    return DenseRows(np.asarray(block, dtype=dtype), put_on)


def _call(part: DenseRows, method: str, arguments: tuple[Any, ...], weight: Any) -> Any:
    if method == "weighted_gram":
        return part.gram(weight, *arguments)
    return getattr(part, method)(*arguments)


def _taken(part: DenseRows, index: Any) -> Any:
    return part.take(index)


def _sum(a: Any, b: Any) -> Any:
    return a + b


def _stacked(a: Floats, b: Floats) -> Floats:
    return triangular_of(np.concatenate([a, b]))
