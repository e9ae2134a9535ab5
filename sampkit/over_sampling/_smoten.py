"""SMOTE-N: all columns nominal, neighbours by the value difference metric."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.exceptions import DataConversionWarning
from sklearn.utils._param_validation import StrOptions

from sampkit._chunks import rows_per_chunk
from sampkit._rows import Index, NewRows
from sampkit._table import Source, Table
from sampkit.base import Provenance, SamplerTagsBundle
from sampkit.neighbors import VerifiedNeighbors, neighbors_of
from sampkit.over_sampling._engine import (
    ALLOCATION,
    NEIGHBORS,
    RANDOM_STATE,
    STRATEGY,
    Pool,
    SyntheticSampler,
)
from sampkit.over_sampling._nominal import Codes, encode, vdm_tables, winning_votes
from sampkit.over_sampling._smotenc import MixedSource, smallest


class SMOTEN(SyntheticSampler):
    """SMOTE for tables whose columns are all nominal.

    Two values are close when they go with the classes in similar shares. A new row has, in every
    column, the most frequent value among the seed and its k neighbours, ties at random.

    Parameters
    ----------
    sampling_strategy : str, float, dict or callable, default="auto"
        Which classes get how many rows, see :func:`sampkit.base.sampling_targets`.
    k_neighbors : int, "auto" or object, default=5
        Neighbours per seed, as in :class:`SMOTE`. An object is fitted on the columns 2 P(class |
        value) when there are two classes, else on the matrix of distances
        (``metric="precomputed"`` is set where it has a ``metric``).
    allocation : {"balanced", "random"}, default="balanced"
        How often each row is a seed, see :func:`allocate_seeds`.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class -> number of synthetic rows.
    categories_ : list of ndarray
        Values of every column.
    provenance_ : Provenance
        Seed and its nearest neighbour for every output row; the gap of new rows is NaN.
    nn_k_ : object
        The neighbour searcher.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    Notes
    -----
    With two classes the distance of two values is ``2 |p - p'|`` with p = P(class given value), so
    the rows lie in an ordinary space of d dimensions: no matrix of distances is made. With more
    classes distances are taken between distinct rows, block by block.

    References
    ----------
    .. [1] N. V. Chawla, K. W. Bowyer, L. O. Hall, W. P. Kegelmeyer, "SMOTE: synthetic minority
       over-sampling technique", JAIR 16, 321-357, 2002, section 6.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.over_sampling import SMOTEN
    >>> X = np.array([["a", "x"], ["a", "y"], ["b", "x"], ["b", "y"], ["b", "x"]], dtype=object)
    >>> X_res, y_res = SMOTEN(k_neighbors=1, random_state=0).fit_resample(X, [0, 0, 1, 1, 1])
    >>> X_res[5:, 0].tolist(), y_res[5:]
    (['a'], [0])
    """

    _votes: ClassVar[bool] = True
    _gathers: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "sampling_strategy": STRATEGY,
        "k_neighbors": [*NEIGHBORS, StrOptions({"auto"})],
        "allocation": ALLOCATION,
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        k_neighbors: Any = 5,
        allocation: str = "balanced",
        random_state: Any = None,
    ):
        self.sampling_strategy = sampling_strategy
        self.k_neighbors = k_neighbors
        self.allocation = allocation
        self.random_state = random_state

    def __sklearn_tags__(self) -> SamplerTagsBundle:
        """Any cell is a value."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.allow_nan = tags.input_tags.categorical = True
        return tags

    def _check_cells(self, table: Table) -> None:
        if sp.issparse(getattr(table.container, "X", None)):
            warnings.warn(
                "Passing a sparse matrix to SMOTEN is not really efficient since it is converted "
                "to a dense array internally.",
                DataConversionWarning,
                stacklevel=4,
            )

    def _source(self, table: Table, rows: Index) -> Source:
        container, lazy = table.container, table.container.lazy
        plain = Source(container.gather(rows), None, rows) if lazy else Source(container, None)
        codes, self.categories_ = encode([plain.column(j) for j in range(container.n_columns)])
        if lazy:  # the metric is about all rows, of which only counts are needed
            counts = container.level_counts(self.categories_, table.target)
            self._tables = [c / c.sum(axis=1, keepdims=True) for c in counts]
        else:
            levels = [len(c) for c in self.categories_]
            self._tables = vdm_tables(codes, table.target.codes, levels)
        return MixedSource(plain.container, codes, plain.rows, codes)

    def _nearest(self, source: Source, pool: Pool, seeds: Index, k: int) -> Index:
        assert pool.among is not None
        codes, local = source[pool.among], np.searchsorted(pool.among, seeds)
        return pool.among[vdm_neighbors(self.nn_k_, codes, self._tables, local, k)]

    def _new_rows(
        self,
        table: Table,
        source: Source,
        origin: Provenance,
        voters: list[Index],
        rng: np.random.Generator,
    ) -> NewRows:
        del self._tables
        cells, start = [np.empty((0, source.X.shape[1]), dtype=np.intp)], 0
        for neighbors in voters:
            seed = origin.seed[start : start + len(neighbors)]
            ballot = source.at(np.column_stack([seed, neighbors]))
            cells.append(winning_votes(source.X, ballot, rng))
            start += len(neighbors)
        columns = np.arange(source.X.shape[1])
        none = np.empty(0, dtype=np.intp)
        return NewRows(
            len(origin.seed),
            lambda start, stop, out: np.empty((stop - start, 0)),
            columns,
            np.concatenate(cells),
            none,
            source.container,
        )

    def _described(self, origin: Provenance) -> Provenance:
        return origin._replace(gap=np.full(len(origin.gap), np.nan))


def vdm_neighbors(
    nn: Any, codes: Codes, tables: list[npt.NDArray[np.float64]], rows: Index, k: int
) -> Index:
    """The k nearest rows in the squared value difference metric."""
    if tables[0].shape[1] == 2:
        # |p - p'| + |(1 - p) - (1 - p')| = |2 p - 2 p'|
        pairs = zip(tables, codes.T, strict=True)
        places = np.column_stack([2 * table[column, 1] for table, column in pairs])
        return neighbors_of(nn, places, rows, k)
    # only the levels that these rows have: a column of many may hold few of them
    used = [np.unique(column, return_inverse=True) for column in codes.T]
    codes = np.column_stack([code for _, code in used])
    tables = [table[levels] for table, (levels, _) in zip(tables, used, strict=True)]
    squared = [np.abs(t[:, None, :] - t[None, :, :]).sum(axis=2) ** 2 for t in tables]
    if isinstance(nn, VerifiedNeighbors):
        return _vdm_blocks(codes, squared, rows, k)
    if "metric" in nn.get_params():
        nn.set_params(metric="precomputed")
    return neighbors_of(nn, _vdm_distances(codes, codes, squared), rows, k)


def _vdm_distances(
    A: Codes, B: Codes, squared: list[npt.NDArray[np.float64]]
) -> npt.NDArray[np.float64]:
    total = np.zeros((len(A), len(B)))
    for j, table in enumerate(squared):
        total += np.take(table[A[:, j]], B[:, j], axis=1)
    return total


def _vdm_blocks(codes: Codes, squared: list[npt.NDArray[np.float64]], rows: Index, k: int) -> Index:
    """Distances between distinct rows only, a block at a time; every row then leaves itself out."""
    patterns, pattern = np.unique(codes, axis=0, return_inverse=True)
    pattern = pattern.reshape(-1)
    asked, which = np.unique(pattern[rows], return_inverse=True)
    nearest = np.empty((len(asked), k + 1), dtype=np.intp)
    step = rows_per_chunk(8 * (2 * len(patterns) + 3 * len(codes)))
    for start in range(0, len(asked), step):
        block = patterns[asked[start : start + step]]
        distance = _vdm_distances(block, patterns, squared)[:, pattern]
        nearest[start : start + step] = smallest(distance, k + 1)
    return without_self(nearest[which], rows)


def without_self(nearest: Index, rows: Index) -> Index:
    """Drop each row's own number from its neighbours, or the last where it is not among them."""
    own = nearest == rows[:, None]
    own[~own.any(axis=1), -1] = True
    return nearest[~own].reshape(len(rows), nearest.shape[1] - 1)
