"""The one engine of the SMOTE family.

A relative of SMOTE says which rows may be seeds, among which rows their neighbours are looked for,
and how a gap is bent (`Pool`); seeds, neighbours, gaps and rows are made here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import _fit_context, clone
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from sampkit._rows import Index, NewRows
from sampkit._table import Resampled, Source, Table
from sampkit.base import BaseSampler, Provenance
from sampkit.neighbors import VerifiedNeighbors, neighbors_of
from sampkit.neighbors._searcher import neighbors_asked
from sampkit.over_sampling._allocation import allocate_seeds, check_seed_weights
from sampkit.over_sampling._interpolate import interpolate

Bend = Callable[[npt.NDArray[np.float64], Index, Index], npt.NDArray[np.float64]]

STRATEGY: list[Any] = [
    StrOptions({"auto", "all", "minority", "not minority", "not majority"}),
    dict,
    Interval(Real, 0, 1, closed="right"),
    callable,
]
NEIGHBORS: list[Any] = [
    Interval(Integral, 1, None, closed="left"),
    HasMethods(["fit", "kneighbors"]),
]
ALLOCATION: list[Any] = [StrOptions({"balanced", "random"})]
RANDOM_STATE: list[Any] = ["random_state", np.random.Generator, np.random.SeedSequence]


_NOTHING = Provenance.of_rows(np.empty(0, dtype=np.intp))
_NO_VOTERS: Index = np.empty((0, 0), dtype=np.intp)


@dataclass(frozen=True)
class Pool:
    """Where some of a class's synthetic rows come from; row numbers of the input throughout."""

    seeds: Index  # rows that may be seeds, ascending
    size: int  # rows to make
    among: Index | None  # rows in which neighbours are looked for, ascending; None: all
    counts: Index | None = None  # rows to make from each seed, where the method fixes them
    bend: Bend | None = None  # (gap, seed, neighbor) -> gap
    label: Any = None  # the class, where fitted attributes are kept by class


@dataclass(frozen=True)
class Drawn:
    """What was drawn for the new rows, in row numbers of the input."""

    origin: Provenance
    voters: Index  # (m, k) all neighbours of every row's seed; (0, 0) unless the method asks


class SeedWeightedSampler(BaseSampler):
    """A sampler whose seeds can be weighted row by row."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, seed_weights: Any = None) -> SeedWeightedSampler:
        """Check the input and work out ``sampling_strategy_``; rows are made by `fit_resample`.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,)
            Class labels.
        seed_weights : array-like of shape (n_samples,), default=None
            As in `fit_resample`; only checked here.

        Returns
        -------
        self : object
        """
        self._enter(X, y, seed_weights=seed_weights)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_resample(self, X: Any, y: Any, seed_weights: Any = None) -> tuple[Any, Any]:
        """The rows of X, followed by synthetic ones: block by block of class, classes sorted.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            The rows; never modified.
        y : array-like of shape (n_samples,)
            Class labels.
        seed_weights : array-like of shape (n_samples,), default=None
            Relative frequency, >= 0, with which each row is a seed within its class; None: all
            the same. A row of weight 0 still is a neighbour.

        Returns
        -------
        X_resampled : same type as X, of shape (n_out, n_features)
        y_resampled : same type as y, of shape (n_out,)

        Raises
        ------
        ValueError
            X has NaN or infinite values or no numbers, a class has too few rows for
            `k_neighbors`, or X, y and `seed_weights` do not fit together.
        """
        return self._run(X, y, seed_weights=seed_weights)

    def _enter(self, X: Any, y: Any, **metadata: Any) -> Table:
        table = super()._enter(X, y)
        check_seed_weights(metadata.get("seed_weights"), table.target, table.targets)
        return table


class SyntheticSampler(SeedWeightedSampler):
    """Over-sampling by new rows: what SMOTE and its relatives share.

    A subclass yields the pools of one class (`_pools`); what is not on the segment between two
    rows, as nominal cells are not, overrides `_new_rows`.
    """

    _sampling_type: ClassVar[str] = "over-sampling"
    _adds_rows: ClassVar[bool] = True
    _votes: ClassVar[bool] = False  # whether all neighbours of a seed have a say in its rows

    # --- what a relative says -------------------------------------------------------------------

    def _pools(
        self, table: Table, code: int, size: int, rng: np.random.Generator, weights: Any
    ) -> Iterator[Pool]:
        """Pools of one class that gets `size` > 0 rows."""
        rows = table.target.rows(code)
        yield Pool(rows, size, rows)

    # --- the engine -----------------------------------------------------------------------------

    def _fit_resample(
        self, table: Table, rng: np.random.Generator, seed_weights: Any = None
    ) -> Resampled:
        self._searchers()
        weights = check_seed_weights(seed_weights, table.target, table.targets)
        wanted = [(code, m) for code, m in sorted(table.targets.items()) if m]
        rows = np.flatnonzero(np.isin(table.target.codes, [code for code, _ in wanted]))
        source = self._source(table, rows)
        drawn = [Drawn(_NOTHING, _NO_VOTERS)]
        for code, size in wanted:
            where = f"class {table.target.labels[code]!r}"
            pools = self._pools(table, code, size, rng, weights)
            drawn.extend(self._draw(source, pool, where, rng, weights) for pool in pools)
        parts = zip(*(d.origin for d in drawn), strict=True)
        seed, neighbor, gap = (np.concatenate(part) for part in parts)
        origin = Provenance(seed, neighbor, gap)
        new = self._new_rows(table, source, origin, [d.voters for d in drawn[1:]], rng)
        return Resampled(None, new, self._described(origin))

    def _source(self, table: Table, rows: Index) -> Source:
        return table.source(rows) if self._gathers else Source(table.container, table.matrix)

    def _searchers(self) -> None:
        """Set the fitted neighbour searchers."""
        self.nn_k_ = searcher(self.k_neighbors)

    @property
    def _searcher(self) -> Any:
        return self.nn_k_

    def _k(self, n_rows: int, where: str) -> int:
        return resolve_k(self.k_neighbors, n_rows, where)

    def _draw(
        self, source: Source, pool: Pool, where: str, rng: np.random.Generator, weights: Any
    ) -> Drawn:
        """Seeds, neighbours and gaps of one pool: three draws, in this order."""
        n_among = source.X.shape[0] if pool.among is None else len(pool.among)
        k = self._k(n_among, where)
        seed, distinct, inverse = self._seeds(pool, where, rng, weights)
        nearest = self._nearest(source, pool, distinct, k)
        pick = rng.integers(k, size=len(seed))
        neighbor = nearest[inverse, pick]
        gap = rng.random(len(seed))
        if pool.bend is not None:
            gap = pool.bend(gap, seed, neighbor)
        # whole multiples of this make 1 - gap exact, in the precision of the rows
        unit = 2.0**-23 if source.X.dtype == np.float32 else 2.0**-52
        gap = np.trunc(gap / unit) * unit
        voters = nearest[inverse] if self._votes else _NO_VOTERS
        return Drawn(Provenance(seed, neighbor, gap), voters)

    def _seeds(
        self, pool: Pool, where: str, rng: np.random.Generator, weights: Any
    ) -> tuple[Index, Index, Index]:
        """The seed of every row, the distinct seeds, and where each stands among them."""
        if pool.counts is None:
            own = None if weights is None else weights[pool.seeds]
            if own is not None and not own.any():
                raise ValueError(
                    f"seed_weights are 0 for all {len(own)} rows of {where} that "
                    f"{type(self).__name__} can make seeds of."
                )
            local = allocate_seeds(len(pool.seeds), pool.size, rng, self._allocation, own)
        else:
            local = np.repeat(np.arange(len(pool.seeds)), pool.counts)
        distinct, inverse = np.unique(local, return_inverse=True)
        return pool.seeds[local], pool.seeds[distinct], inverse

    @property
    def _allocation(self) -> Any:
        return getattr(self, "allocation", "balanced")

    def _nearest(self, source: Source, pool: Pool, seeds: Index, k: int) -> Index:
        """The k nearest rows of every seed: row numbers of the input (len(seeds), k)."""
        if pool.among is None:
            return neighbors_of(self._searcher, source.X, seeds, k)
        local = neighbors_of(
            self._searcher, source[pool.among], np.searchsorted(pool.among, seeds), k
        )
        return pool.among[local]

    def _new_rows(
        self,
        table: Table,
        source: Source,
        origin: Provenance,
        voters: list[Index],
        rng: np.random.Generator,
    ) -> NewRows:
        seed, neighbor = source.at(origin.seed), source.at(origin.neighbor)

        def fill(start: int, stop: int, out: Any) -> Any:
            at = slice(start, stop)
            return interpolate(source.X, seed[at], neighbor[at], origin.gap[at], out=out)

        return NewRows(len(seed), fill, home=source.container)

    def _described(self, origin: Provenance) -> Provenance:
        """Provenance as it is shown."""
        return origin


def searcher(neighbors: Any) -> Any:
    """The neighbour searcher that a parameter stands for: a clone, or the verified exact one."""
    if isinstance(neighbors, str):  # "auto": at most 5 and the row itself
        return VerifiedNeighbors(n_neighbors=6)
    if isinstance(neighbors, Integral):
        return VerifiedNeighbors(n_neighbors=int(neighbors) + 1)
    return clone(neighbors)


def other_class_counts(table: Table, nn: Any, k: int, rows: Index) -> Index:
    """How many of the k nearest rows in the whole of X are of another class, for each given row."""
    nearest = neighbors_of(nn, table.matrix, rows, k)
    codes = table.target.codes
    return (codes[nearest] != codes[rows][:, None]).sum(axis=1)


def resolve_k(neighbors: Any, n_rows: int, where: str, name: str = "k_neighbors") -> int:
    """How many neighbours a row gets; ValueError when there are too few rows to choose from."""
    if isinstance(neighbors, str):  # "auto"
        k = min(5, n_rows - 1)
        if k < 1:
            raise ValueError(
                f"{name}='auto' needs at least 2 rows to interpolate between: {where} has {n_rows}."
            )
        return k
    k = neighbors_asked(neighbors, name)
    if n_rows <= k:
        raise ValueError(
            f"Expected n_neighbors <= n_samples_fit, but n_neighbors = {k + 1}, n_samples_fit = "
            f"{n_rows}: {where} has {n_rows} rows, {name}={k} needs {k + 1} or more."
        )
    return k
