"""SMOTE-NC: numeric columns interpolated, nominal columns by the vote of the neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.spatial.distance import cdist
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.sparsefuncs import mean_variance_axis

from sampkit._array import namespace, on_host
from sampkit._chunks import rows_per_chunk
from sampkit._constraints import column_number
from sampkit._rows import Container, Index, NewRows
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
from sampkit.over_sampling._nominal import Codes, encode, winning_votes

_MAX_LEVELS = 500  # beyond, comparing codes is cheaper than a product with so many columns


@dataclass(frozen=True)
class MixedSource(Source):
    """Rows at hand: X holds the numeric columns, `codes` the nominal ones."""

    codes: Codes | None = None


class SMOTENC(SyntheticSampler):
    """SMOTE for numeric and nominal columns together.

    Numbers are interpolated as by :class:`SMOTE`. A nominal cell is the most frequent value among
    all k neighbours of the seed, ties at random. A differing nominal column counts in the distance
    as much as the median standard deviation of the numeric columns within the class.

    Parameters
    ----------
    categorical_features : "auto", array-like of int, str or bool
        The nominal columns: numbers, names, a mask over all columns, or "auto" for the columns of
        a data frame that have a categorical dtype.
    sampling_strategy : str, float, dict or callable, default="auto"
        Which classes get how many rows, see :func:`sampkit.base.sampling_targets`.
    k_neighbors : int, "auto" or object, default=5
        Neighbours per seed, as in :class:`SMOTE`. An object is fitted on the numeric columns and
        the one-hot codes, scaled so that Euclidean distances are those of the paper.
    allocation : {"balanced", "random"}, default="balanced"
        How often each row is a seed, see :func:`allocate_seeds`.
    constraints : dict, default=None
        What new values of numeric columns must satisfy, as in :class:`SMOTE`.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class -> number of synthetic rows.
    categorical_features_, continuous_features_ : ndarray of int
        Numbers of the nominal and of the numeric columns.
    categories_ : list of ndarray
        Values of every nominal column (for Dask: those of the rows that were gathered).
    median_std_ : dict
        Class -> median of the standard deviations of the numeric columns, for classes that got
        rows.
    provenance_ : Provenance
        Seed, neighbour and gap of every output row; the gap holds for the numeric columns.
    nn_k_ : object
        The neighbour searcher.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    Notes
    -----
    NaN and None in a nominal column are a value of their own. The vote compares codes, m k**2 a
    column, and needs no one-hot table of the new rows.

    References
    ----------
    .. [1] N. V. Chawla, K. W. Bowyer, L. O. Hall, W. P. Kegelmeyer, "SMOTE: synthetic minority
       over-sampling technique", JAIR 16, 321-357, 2002, section 6.1.

    Examples
    --------
    >>> import pandas as pd
    >>> from sampkit.over_sampling import SMOTENC
    >>> X = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "colour": list("abcaab")})
    >>> sampler = SMOTENC(["colour"], k_neighbors=1, random_state=0)
    >>> X_res, y_res = sampler.fit_resample(X, [0, 0, 0, 0, 1, 1])
    >>> X_res.shape, sampler.median_std_
    ((8, 2), {1: 0.5})
    """

    _votes: ClassVar[bool] = True
    _gathers: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "categorical_features": ["array-like", StrOptions({"auto"})],
        "sampling_strategy": STRATEGY,
        "k_neighbors": [*NEIGHBORS, StrOptions({"auto"})],
        "allocation": ALLOCATION,
        "constraints": [dict, None],
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        categorical_features: Any,
        *,
        sampling_strategy: Any = "auto",
        k_neighbors: Any = 5,
        allocation: str = "balanced",
        constraints: dict[Any, Any] | None = None,
        random_state: Any = None,
    ):
        self.categorical_features = categorical_features
        self.sampling_strategy = sampling_strategy
        self.k_neighbors = k_neighbors
        self.allocation = allocation
        self.constraints = constraints
        self.random_state = random_state

    def __sklearn_tags__(self) -> SamplerTagsBundle:
        """Strings are values of nominal columns; so is NaN, but not in the numeric ones."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.categorical = True
        return tags

    def _check_cells(self, table: Table) -> None:
        self._split_columns(table.container)
        table.check_numbers(self.continuous_features_)

    def _split_columns(self, container: Container) -> None:
        d = container.n_columns
        nominal = nominal_columns(self.categorical_features, container)
        if len(nominal) in (0, d):
            have, lack = "categorical", "numerical"
            if not len(nominal):
                have, lack = lack, have
            raise ValueError(
                f"SMOTE-NC is not designed to work only with {have} features. It requires some "
                f"{lack} features. (n_features={d}, categorical_features="
                f"{str(self.categorical_features)[:100]})"
            )
        self.categorical_features_ = nominal
        self.continuous_features_ = np.setdiff1d(np.arange(d), nominal)

    def _source(self, table: Table, rows: Index) -> Source:
        plain = table.source(rows, self.continuous_features_)
        # the values of all rows are described, unless they would have to be computed for it
        home, at = (plain, slice(None)) if table.container.lazy else (table.container, rows)
        each = [encode([home.column(j)]) for j in self.categorical_features_]
        codes = np.column_stack([code[at] for code, _ in each])
        self.categories_ = [levels for _, (levels,) in each]
        self.median_std_: dict[Any, float] = {}
        return MixedSource(plain.container, plain.X, plain.rows, codes)

    def _pools(
        self, table: Table, code: int, size: int, rng: np.random.Generator, weights: Any
    ) -> Iterator[Pool]:
        rows = table.target.rows(code)
        yield Pool(rows, size, rows, label=table.target.labels[code])

    def _nearest(self, source: Source, pool: Pool, seeds: Index, k: int) -> Index:
        assert isinstance(source, MixedSource)
        assert pool.among is not None
        numbers, codes = source[pool.among], source.codes[source.at(pool.among)]  # type: ignore[index]
        if namespace(numbers) is not np:  # nominal columns are compared in main memory
            numbers = on_host(numbers)
        med = median_std(numbers)
        self.median_std_[pool.label] = med
        local = np.searchsorted(pool.among, seeds)
        return pool.among[mixed_neighbors(self.nn_k_, numbers, codes, med, local, k)]

    def _new_rows(
        self,
        table: Table,
        source: Source,
        origin: Provenance,
        voters: list[Index],
        rng: np.random.Generator,
    ) -> NewRows:
        assert isinstance(source, MixedSource)
        numbers = super()._new_rows(table, source, origin, voters, rng)
        cells = [winning_votes(source.codes, source.at(v), rng) for v in voters]  # type: ignore[arg-type]
        nominal = self.categorical_features_
        return NewRows(
            numbers.size,
            numbers.fill,
            nominal,
            np.concatenate([np.empty((0, len(nominal)), dtype=np.intp), *cells]),
            self.continuous_features_,
            source.container,
        )


def nominal_columns(features: Any, container: Container) -> Index:
    """Numbers, ascending, of the columns that ``categorical_features`` names."""
    if isinstance(features, str):  # "auto"
        found = container.categorical()
        if found is None:
            raise ValueError(
                "When `categorical_features='auto'`, the input data should be a pandas.DataFrame "
                "(or another data frame with a categorical dtype). Name the nominal columns "
                "instead."
            )
        return found
    d = container.n_columns
    chosen: Sequence[Any] = list(features)
    if len(chosen) and all(isinstance(c, (bool, np.bool_)) for c in chosen):
        if len(chosen) != d:
            raise ValueError(
                f"categorical_features as a mask must have one entry for each of the {d} columns, "
                f"got {len(chosen)}."
            )
        return np.flatnonzero(chosen)
    for c in chosen:
        if isinstance(c, Integral) and not 0 <= int(c) < d:
            raise ValueError(
                f"categorical_features: all features must be in [0, {d}), got {c} in "
                f"{str(chosen)[:100]}."
            )
    numbers = [column_number(c, container.names, d, "categorical_features") for c in chosen]
    return np.unique(np.asarray(numbers, dtype=np.intp))


def median_std(numbers: Any) -> float:
    """Median over columns of the population standard deviation."""
    if sp.issparse(numbers):
        variance = mean_variance_axis(numbers, axis=0)[1]
        return float(np.median(np.sqrt(variance)))
    return float(np.median(numbers.std(axis=0, dtype=np.float64)))


def mixed_neighbors(nn: Any, numbers: Any, codes: Codes, med: float, rows: Index, k: int) -> Index:
    """The k nearest by squared difference plus med**2 for every nominal column that differs."""
    distinct = [np.unique(column, return_inverse=True) for column in codes.T]
    n_levels = sum(len(levels) for levels, _ in distinct)
    if not sp.issparse(numbers) and isinstance(nn, VerifiedNeighbors) and n_levels > _MAX_LEVELS:
        return _by_comparison(numbers, codes, med, rows, k)
    start = np.concatenate([[0], np.cumsum([len(levels) for levels, _ in distinct])[:-1]])
    n = len(codes)
    hot = np.column_stack([inverse for _, inverse in distinct]) + start
    value = np.full(hot.size, med / np.sqrt(2), dtype=numbers.dtype)
    one_hot = sp.csr_array((value, hot.ravel(), np.arange(0, hot.size + 1, hot.shape[1])))
    one_hot.resize((n, n_levels))
    D = (
        sp.hstack([sp.csr_array(numbers), one_hot], format="csr")
        if sp.issparse(numbers)
        else np.hstack([numbers, one_hot.toarray()])
    )
    return neighbors_of(nn, D, rows, k)


def _by_comparison(numbers: Any, codes: Codes, med: float, rows: Index, k: int) -> Index:
    n = len(codes)
    small = codes.astype(np.min_scalar_type(int(codes.max(initial=0))))
    out = np.empty((len(rows), k), dtype=np.intp)
    step = rows_per_chunk(n * (8 + 8 + codes.shape[1]))
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        distance = cdist(numbers[block], numbers, "sqeuclidean")
        for column in small.T:
            distance += med**2 * (column[block, None] != column)
        distance[np.arange(len(block)), block] = np.inf
        out[start : start + step] = smallest(distance, k)
    return out


def smallest(distance: npt.NDArray[np.float64], k: int) -> Index:
    """Columns of the k smallest entries of every row, in order; of equal ones the first."""
    bound = np.partition(distance, k - 1, axis=1)[:, k - 1]
    row, column = np.nonzero(distance <= bound[:, None])
    order = np.lexsort((column, distance[row, column], row))
    row, column = row[order], column[order]
    first = np.searchsorted(row, np.arange(len(distance)))
    return column[first[:, None] + np.arange(k)]
