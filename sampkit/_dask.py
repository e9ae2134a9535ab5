"""Dask collections: a method gathers the rows that it computes with, the others stay lazy.

Rows are always picked by number, never by a mask, so the lengths of all chunks stay known.
Synthetic rows are made by tasks, too: all of them share one copy of the rows that were gathered.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import dask
import dask.array as da
import numpy as np
import numpy.typing as npt
import pandas as pd
from dask.delayed import Delayed, delayed

from sampkit._chunks import chunks
from sampkit._containers import Dense
from sampkit._frames import PandasFrame
from sampkit._rows import NO_ROWS, Container, Index, NewRows
from sampkit._strategy import Target


def container_of_dask(X: Any, y: Any = None) -> LazyContainer:
    """The container of a Dask array or data frame.

    Parameters
    ----------
    X : dask.array.Array or dask.dataframe.DataFrame of shape (n_samples, n_features)
        Of NumPy or pandas blocks.
    y : LazyLabels or object, optional
        The labels; those that are partitioned like a data frame X tell how long its partitions are.

    Raises
    ------
    TypeError
        Any other collection, or blocks that are neither NumPy nor pandas.
    ValueError
        X is not two-dimensional, has no rows or columns, or has chunks of unknown sizes.
    """
    if getattr(X, "ndim", None) == 1:
        raise ValueError("Expected 2D array, got 1D array instead: X is one-dimensional.")
    if isinstance(X, da.Array):
        _check_blocks(X, np.ndarray, "NumPy arrays")
        _check_chunks(X, "X")
        return LazyArray(X)
    if not _is_frame(X):
        raise TypeError(f"X must be a dask.array or a dask.dataframe, got {type(X).__name__}.")
    _check_blocks(X, pd.DataFrame, "pandas data frames")
    return LazyFrame(X, y.lengths if isinstance(y, LazyLabels) and y.partitioned_like(X) else None)


class LazyContainer(Container):
    """What Dask arrays and data frames share."""

    lazy: ClassVar[bool] = True
    X: Any

    @cached_property
    @abstractmethod
    def sample(self) -> Container:
        """One made-up row of the right dtypes: nothing is computed to know them."""

    @cached_property
    @abstractmethod
    def lengths(self) -> tuple[int, ...]:
        """Rows of every block."""

    @abstractmethod
    def _blocks(self) -> list[Delayed]:
        """The blocks of rows."""

    @abstractmethod
    def _computed(self, rows: Index) -> Container: ...

    def limits(self) -> npt.NDArray[np.float64]:
        return self.sample.limits()

    def gather(self, rows: Index) -> Container:
        """The given rows, ascending, in memory; for no rows a made-up one."""
        return self._computed(rows) if len(rows) else self.sample

    def matrix(self, columns: Index | None = None) -> Any:
        raise TypeError(
            f"All rows of X are needed at once, and it is a Dask collection "
            f"({type(self.X).__name__}): compute it first (X.compute())."
        )

    def column(self, j: int) -> npt.NDArray[Any]:
        raise TypeError(
            f"Column {j} of a Dask collection is not in memory: compute it first (X.compute())."
        )

    def level_counts(
        self, categories: Sequence[npt.NDArray[Any]], target: Target
    ) -> list[npt.NDArray[np.intp]]:
        """Rows of every level and class, (levels, classes) a column, counted block by block."""
        ends = np.cumsum(self.lengths)
        count = delayed(_level_counts, pure=False)
        levels, n_classes = delayed(list(categories), traverse=False), len(target.classes)
        counts = dask.compute(
            *(
                count(block, target.codes[end - length : end], levels, n_classes)
                for block, length, end in zip(self._blocks(), self.lengths, ends, strict=True)
                if length
            )
        )
        return [sum(tables[1:], tables[0]) for tables in zip(*counts, strict=True)]

    def _new_blocks(self, new: NewRows) -> list[tuple[Delayed, int, int]]:
        """New rows as (block, start, stop), blocks no larger than those of X."""
        if not new.size:
            return []
        recipe = delayed(new, pure=False, traverse=False)
        make = delayed(_new_rows, pure=False)
        pieces = chunks(new.size, max(self.lengths))
        return [(make(recipe, at.start, at.stop), at.start, at.stop) for at in pieces]


class LazyArray(LazyContainer):
    """dask.array of NumPy blocks."""

    def __init__(self, X: Any):
        self.X = X
        self.n_rows, self.n_columns = X.shape
        if 0 in X.shape:
            raise ValueError(f"Found array with 0 sample(s) or feature(s) (shape={X.shape}).")
        self.integer = np.full(self.n_columns, X.dtype.kind in "iub")

    @cached_property
    def sample(self) -> Container:
        return Dense(np.ones((1, self.n_columns), dtype=self.X.dtype))

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        return self.X.chunks[0]

    def _blocks(self) -> list[Delayed]:
        return self.X.rechunk({1: -1}).to_delayed().ravel().tolist()

    def _computed(self, rows: Index) -> Container:
        return Dense(self.X[rows].compute())

    def take(self, rows: Index, *, keep_labels: bool = True) -> Any:
        return _entries(self.X, rows)

    def extended(self, kept: Index | None, new: NewRows) -> Any:
        parts = [self.X if kept is None else self.X[kept]]
        for block, start, stop in self._new_blocks(new):
            shape = (stop - start, self.n_columns)
            rows = da.from_delayed(block, shape, meta=self.X._meta)
            parts.append(rows.rechunk({1: self.X.chunks[1]}))
        filled = [part for part in parts if len(part)]
        return da.concatenate(filled) if filled else parts[0]


class LazyFrame(LazyContainer):
    """dask.dataframe of pandas partitions."""

    names: list[Any]

    def __init__(self, X: Any, lengths: tuple[int, ...] | None):
        self.X = X
        if not len(X.columns):
            raise ValueError("Found array with 0 feature(s): X has no columns.")
        if lengths is not None:
            self.lengths = lengths
        self.names, self.n_columns = self.sample.names, self.sample.n_columns  # type: ignore[assignment]
        self.integer = self.sample.integer

    @cached_property
    def sample(self) -> Container:
        row = self.X._meta_nonempty.iloc[:1].copy()
        objects = [d == np.dtype(object) for d in row.dtypes]
        for j in np.flatnonzero(objects):  # they may hold numbers as well as strings
            row.isetitem(j, np.ones(1, dtype=object))
        return PandasFrame(row)

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        return _partition_lengths(self.X)

    @property
    def n_rows(self) -> int:  # type: ignore[override]
        if not sum(self.lengths):
            raise ValueError("Found array with 0 sample(s): X has no rows.")
        return sum(self.lengths)

    @cached_property
    def _partitions(self) -> Partitions:
        return Partitions(self.X, self.lengths)

    def _blocks(self) -> list[Delayed]:
        return self._partitions.blocks

    def categorical(self) -> Index | None:
        return self.sample.categorical()

    def _computed(self, rows: Index) -> Container:
        return PandasFrame(self._partitions.computed(rows))

    def take(self, rows: Index, *, keep_labels: bool = True) -> Any:
        return self._partitions.taken(rows, keep_labels=keep_labels)

    def extended(self, kept: Index | None, new: NewRows) -> Any:
        rows = np.arange(self.n_rows) if kept is None else kept
        pieces = [(block, stop - start) for block, start, stop in self._new_blocks(new)]
        return self._partitions.taken(rows, keep_labels=False, and_then=pieces)


class Partitions:
    """The partitions of a Dask data frame or series, picked from by row number."""

    def __init__(self, frame: Any, lengths: Sequence[int]):
        self.frame = frame
        self.lengths = lengths
        self.starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.intp)])

    @cached_property
    def blocks(self) -> list[Delayed]:
        return _partitions_of(self.frame)

    def computed(self, rows: Index) -> Any:
        """The given rows in memory; partitions without any of them are left alone."""
        from dask.dataframe.dispatch import concat

        picks = dask.compute(*(self._pick(p, local) for p, local in self._runs(rows)))
        return concat(list(picks)).reset_index(drop=True)

    def taken(
        self,
        rows: Index,
        *,
        keep_labels: bool,
        and_then: Sequence[tuple[Delayed, int]] = (),
    ) -> Any:
        """A collection of the given rows: one partition for each run of rows of one partition.

        `and_then` are partitions, with their lengths, that follow; rows are then numbered anew.
        """
        runs = self._runs(rows)
        pieces = [(self._pick(p, local), len(local)) for p, local in runs] + list(and_then)
        meta = self.frame._meta
        if not pieces:
            return _frame_of([delayed(meta.iloc[:0], traverse=False)], meta, None)
        if keep_labels:
            return _frame_of([block for block, _ in pieces], meta, self._divisions(runs))
        starts = np.cumsum([0, *(length for _, length in pieces)]).tolist()
        renumber = delayed(_renumbered, pure=False)
        blocks = [renumber(block, start) for (block, _), start in zip(pieces, starts, strict=False)]
        divisions = (*starts[:-1], starts[-1] - 1)
        return _frame_of(blocks, meta.reset_index(drop=True), divisions)

    def _runs(self, rows: Index) -> list[tuple[int, Index]]:
        """(partition, rows within it) for each run of rows that lie in one partition."""
        partition = np.searchsorted(self.starts, rows, side="right") - 1
        local = rows - self.starts[partition]
        cuts = np.flatnonzero(np.diff(partition)) + 1
        runs = zip(np.split(partition, cuts), np.split(local, cuts), strict=True)
        return [(int(p[0]), at) for p, at in runs if len(at)]

    def _pick(self, partition: int, local: Index) -> Delayed:
        length = int(self.lengths[partition])
        whole = len(local) == length and np.array_equal(local, np.arange(length))
        pick = delayed(_picked, pure=False)
        return pick(self.blocks[partition], length, None if whole else local)

    def _divisions(self, runs: Sequence[tuple[int, Index]]) -> tuple[Any, ...] | None:
        known, numbers = self.frame.divisions, [p for p, _ in runs]
        if not self.frame.known_divisions or (np.diff(numbers) <= 0).any():
            return None
        return (*(known[p] for p in numbers), known[numbers[-1] + 1])


class LazyLabels:
    """A Dask y: computed once, because its classes decide everything, and taken from lazily."""

    def __init__(self, y: Any):
        self.y = y
        self.lengths: tuple[int, ...]
        if isinstance(y, da.Array):
            _check_chunks(y, "y")
            self.values, self.lengths = y.compute(), y.chunks[0]
        elif _is_frame(y):
            from dask.dataframe.dispatch import concat

            parts = dask.compute(*_partitions_of(y))
            self.values, self.lengths = concat(list(parts)), tuple(map(len, parts))
        else:
            raise TypeError(
                f"y must be a dask.array or a dask.dataframe series, got {type(y).__name__}."
            )

    def partitioned_like(self, X: Any) -> bool:
        """Whether the partitions of a data frame X can be taken to be as long as those of y."""
        if isinstance(self.y, da.Array) or self.y.npartitions != X.npartitions:
            return False
        known = self.y.known_divisions and X.known_divisions
        return not known or self.y.divisions == X.divisions

    def take(self, rows: Index, *, keep_labels: bool) -> Any:
        """Some entries, in a collection of the same type."""
        if isinstance(self.y, da.Array):
            return _entries(self.y[:, 0] if self.y.shape[1:] == (1,) else self.y, rows)
        return Partitions(self.y, self.lengths).taken(rows, keep_labels=keep_labels)

    def like(self, values: Any) -> Any:
        """Values in memory as a collection of the same type, in pieces of about the same size."""
        if isinstance(self.y, da.Array):
            return da.from_array(values, chunks=(max(self.lengths), *values.shape[1:]))
        import dask.dataframe as dd

        with dask.config.set({"dataframe.convert-string": False}):
            return dd.from_pandas(values, chunksize=max(self.lengths), sort=False)


def paired(X: Any, y: Any) -> Any:
    """Labels in chunks or partitions like those of X, where both are arrays or both are frames."""
    if isinstance(X, da.Array) and isinstance(y, da.Array):
        return y.rechunk({0: X.chunks[0]})
    frames = _is_frame(X) and _is_frame(y)
    if frames and X.known_divisions and y.known_divisions and X.divisions != y.divisions:
        return y.repartition(divisions=X.divisions)
    return y


def _is_frame(value: Any) -> bool:
    """Whether a Dask collection is a data frame or a series."""
    return hasattr(value, "divisions") and hasattr(value, "to_delayed")


def _check_blocks(X: Any, wanted: type, what: str) -> None:
    if not isinstance(X._meta, wanted):
        raise TypeError(
            f"X must be made of {what}, got blocks of {type(X._meta).__module__}."
            f"{type(X._meta).__name__}."
        )


def _check_chunks(X: Any, name: str) -> None:
    if np.isnan(X.shape).any():
        raise ValueError(
            f"{name} has chunks of unknown sizes, shape={X.shape}; call "
            f"{name}.compute_chunk_sizes() first."
        )


def _entries(X: Any, rows: Index) -> Any:
    """``X[rows]``, with the chunks of X as they are where all of them come first."""
    n = len(X)
    if len(rows) > n and np.array_equal(rows[:n], np.arange(n)):
        return da.concatenate([X, X[rows[n:]]])
    return X if np.array_equal(rows, np.arange(n)) else X[rows]


def _partitions_of(frame: Any) -> list[Delayed]:
    """The partitions, with only the columns read that they need.

    Dask's whole optimizer would also read several files as one partition, and not the same ones for
    X as for y, which has fewer columns.
    """
    return frame.simplify().to_delayed(optimize_graph=False)


def _partition_lengths(frame: Any) -> tuple[int, ...]:
    blocks = _partitions_of(frame.iloc[:, :1])
    return tuple(dask.compute(*map(delayed(len, pure=False), blocks)))


def _frame_of(blocks: list[Delayed], meta: Any, divisions: tuple[Any, ...] | None) -> Any:
    import dask.dataframe as dd

    # dtypes are those that came in: columns of objects are not to be turned into strings here
    with dask.config.set({"dataframe.convert-string": False}):
        return dd.from_delayed(blocks, meta=meta, divisions=divisions, verify_meta=False)


def tree_reduce(X: Any, of_rows: Any, add: Any, *arguments: Any) -> Any:
    """``of_rows(block, *arguments)`` of all blocks of rows of an array, added two by two.

    Of a bag it is the partitions that are blocks. None without blocks.
    """
    result = delayed(of_rows, pure=False)
    whole = X.rechunk({1: -1}) if hasattr(X, "rechunk") else X
    blocks = np.ravel(whole.to_delayed()).tolist()
    parts = [result(block, *arguments) for block in blocks]
    merge = delayed(add, pure=False)
    while len(parts) > 1:
        pairs = [merge(*pair) for pair in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[2 * len(pairs) :]
    return parts[0].compute() if parts else None


# --- what tasks run -----------------------------------------------------------------------------


def _picked(block: Any, length: int, rows: Index | None) -> Any:
    if len(block) != length:
        raise ValueError(
            f"A partition of X has {len(block)} rows where y has {length}: X and y must be "
            "partitioned alike, or y be in memory (y.compute())."
        )
    return block if rows is None else block.take(rows)


def _renumbered(block: Any, start: int) -> Any:
    return block.set_axis(pd.RangeIndex(start, start + len(block)))


def _new_rows(new: NewRows, start: int, stop: int) -> Any:
    assert new.home is not None
    return new.home.extended(NO_ROWS, new.part(start, stop))


def _level_counts(
    block: Any, codes: Index, levels: Sequence[npt.NDArray[Any]], n_classes: int
) -> list[npt.NDArray[np.intp]]:
    _picked(block, len(codes), None)
    rows: Container = PandasFrame(block) if isinstance(block, pd.DataFrame) else Dense(block)
    return [_cross_table(rows.column(j), codes, at, n_classes) for j, at in enumerate(levels)]


def _cross_table(
    column: npt.NDArray[Any], codes: Index, levels: npt.NDArray[Any], n_classes: int
) -> npt.NDArray[np.intp]:
    code, seen = pd.factorize(column, use_na_sentinel=False)
    place = {_level(value): i for i, value in enumerate(levels)}
    level = np.array([place.get(_level(value), len(levels)) for value in seen], dtype=np.intp)
    counts = np.bincount(level[code] * n_classes + codes, minlength=(len(levels) + 1) * n_classes)
    return counts.reshape(-1, n_classes)[:-1]


def _level(value: Any) -> Any:
    """A key under which NaN, None and NA are one level."""
    return None if pd.isna(value) else value
