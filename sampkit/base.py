"""The sampler protocol: one door for the input, one way out, provenance of every row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, _fit_context
from sklearn.utils import InputTags, Tags, assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from sampkit._array import namespace, on_host
from sampkit._constraints import ColumnRules, column_rules
from sampkit._containers import (
    NO_ROWS,
    Container,
    Index,
    NewRows,
    at_hand,
    container_of,
    is_pandas,
    paired,
    root_module,
    take_labels,
    with_values,
)
from sampkit._strategy import Kind, Target, sampling_targets

__all__ = [
    "BaseSampler",
    "Provenance",
    "SamplerInputTags",
    "SamplerTags",
    "SamplerTagsBundle",
    "check_generator",
    "sampling_targets",
]


def check_generator(random_state: Any = None) -> np.random.Generator:
    """Turn any accepted ``random_state`` into a NumPy Generator.

    Parameters
    ----------
    random_state : None, int, SeedSequence, Generator or RandomState
        None draws fresh entropy. A Generator is returned as it is, a RandomState lends its bit
        generator: both move on as numbers are drawn.

    Returns
    -------
    numpy.random.Generator

    Raises
    ------
    ValueError
        Anything else, and negative integers.

    Examples
    --------
    >>> from sampkit.base import check_generator
    >>> int(check_generator(0).integers(100)) == int(check_generator(0).integers(100))
    True
    """
    return generator_of(random_state, "random_state")


def generator_of(random_state: Any, name: str) -> np.random.Generator:
    """`check_generator` for a parameter of another name."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.Generator(random_state._bit_generator)
    if random_state is None or isinstance(random_state, np.random.SeedSequence):
        return np.random.default_rng(random_state)
    if isinstance(random_state, (int, np.integer)) and random_state >= 0:
        return np.random.default_rng(int(random_state))
    raise ValueError(
        f"{name} must be None, an int >= 0, a numpy SeedSequence, Generator or RandomState, got "
        f"{str(random_state)[:100]!r}."
    )


def sub_random_state(random_state: Any, rng: np.random.Generator) -> int:
    """The ``random_state`` of a sub-estimator: the user's own int, else one int drawn from rng."""
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    return int(rng.integers(np.iinfo(np.int32).max))


def child_generators(rng: np.random.Generator, n: int) -> list[np.random.Generator]:
    """Independent generators, seeded by numbers drawn from `rng`: a RandomState cannot spawn."""
    entropy = rng.integers(2**64, size=(n, 4), dtype=np.uint64)
    return [np.random.default_rng(row) for row in entropy]


class Provenance(NamedTuple):
    """Where every row of a resampled table comes from.

    For every sampler of continuous columns, ``X_res[i] == X[seed] + gap * (X[neighbor] - X[seed])``
    (up to the rounding of integer columns and ``constraints``). Rows of the input have
    ``seed = neighbor =`` their own number and ``gap = 0``.

    Parameters
    ----------
    seed : ndarray of int of shape (n_out,)
        Row of the input that the row was made from.
    neighbor : ndarray of int of shape (n_out,)
        Row of the input that it was moved towards.
    gap : ndarray of float64 of shape (n_out,)
        How far, as a share of the way; NaN where one number cannot say it.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.base import Provenance
    >>> Provenance(np.array([0]), np.array([3]), np.array([0.25])).gap
    array([0.25])
    """

    seed: npt.NDArray[np.intp]
    neighbor: npt.NDArray[np.intp]
    gap: npt.NDArray[np.float64]

    @classmethod
    def of_rows(cls, rows: Index) -> Provenance:
        """Provenance of rows taken over unchanged."""
        return cls(rows, rows, np.zeros(len(rows)))

    def joined(self, other: Provenance) -> Provenance:
        """The rows of two provenances, one after the other."""
        return Provenance(
            np.concatenate([self.seed, other.seed]),
            np.concatenate([self.neighbor, other.neighbor]),
            np.concatenate([self.gap, other.gap]),
        )

    def picked(self, index: Index) -> Provenance:
        """Provenance of some of the rows."""
        return Provenance(self.seed[index], self.neighbor[index], self.gap[index])


@dataclass(slots=True)
class SamplerTags:
    """What imbalanced-learn's checks ask of a sampler.

    Parameters
    ----------
    sample_indices : bool, default=False
        Whether every output row is a row of the input, listed in ``sample_indices_``.
    """

    sample_indices: bool = False


@dataclass(slots=True)
class SamplerInputTags(InputTags):
    """scikit-learn's input tags and whether data frames are taken.

    Parameters
    ----------
    dataframe : bool, default=True
        Whether data frames are accepted.
    """

    dataframe: bool = True


@dataclass(slots=True)
class SamplerTagsBundle(Tags):
    """scikit-learn's tags and those of a sampler.

    Parameters
    ----------
    sampler_tags : SamplerTags or None, default=None
        Tags that only samplers have.
    """

    sampler_tags: SamplerTags | None = None


@dataclass(frozen=True)
class Resampled:
    """What a sampler decided, in row numbers of the input."""

    kept: Index | None  # rows taken over, in output order; None: all of them
    new: NewRows | None = None  # rows that follow
    origin: Provenance | None = None  # of the new rows


@dataclass(frozen=True)
class Source:
    """Rows at hand, in memory: all of them, or those that a lazy container computed."""

    container: Container
    X: Any  # their numbers
    rows: Index | None = None  # their row numbers, ascending; None: all rows

    def at(self, rows: Index) -> Index:
        """Where the given rows of the input stand in X."""
        return rows if self.rows is None else np.searchsorted(self.rows, rows)

    def __getitem__(self, rows: Index) -> Any:
        return self.X[namespace(self.X).asarray(self.at(rows))]

    def column(self, j: int) -> npt.NDArray[Any]:
        """One column of the rows at hand as it is."""
        column = self.container.column(j)
        return column if self.rows is None else column[: len(self.rows)]


@dataclass(frozen=True)
class Table:
    """A checked input, as `_fit_resample` gets it."""

    container: Container
    target: Target
    targets: dict[int, int]  # class code -> rows to add or to keep
    rules: ColumnRules
    labels: Any = None  # y as it came, or `at_hand` of it

    @property
    def n_rows(self) -> int:
        return self.container.n_rows

    @cached_property
    def matrix(self) -> Any:
        """All rows as finite numbers."""
        return self.container.matrix()

    def source(self, rows: Index, columns: Index | None = None) -> Source:
        """Numbers of the given rows and columns; a lazy container computes no other rows."""
        if self.container.lazy:
            local = self.container.gather(rows)
            return Source(local, local.matrix(columns), rows)
        return Source(self.container, self.matrix if columns is None else self.numbers(columns))

    @cached_property
    def _parts(self) -> dict[bytes, Any]:
        return {}

    def numbers(self, columns: Index) -> Any:
        """All rows of some columns as finite numbers."""
        key = columns.tobytes()
        if key not in self._parts:
            self._parts[key] = self.container.matrix(columns)
        return self._parts[key]

    def check_numbers(self, columns: Index | None = None) -> None:
        """Refuse columns that are no numbers; a lazy container is asked for its dtypes alone."""
        if self.container.lazy:
            self.source(NO_ROWS, columns)
        elif columns is None:
            self.matrix  # noqa: B018  (validated once, and kept for the work that follows)
        else:
            self.numbers(columns)


class BaseSampler(OneToOneFeatureMixin, BaseEstimator):
    """Base of everything that changes the number of rows.

    A subclass says what it is (`_sampling_type` and the flags below it), checks nothing itself, and
    implements ``_fit_resample(table, rng, **metadata) -> Resampled``: which rows stay and which
    come, in row numbers. Containers, labels, provenance and fitted attributes are the base's.

    See Also
    --------
    sampkit.compose.ResampledClassifier : Resample inside a plain scikit-learn pipeline.
    """

    _sampling_type: ClassVar[str] = "bypass"
    _selects: ClassVar[bool] = False  # every output row is a row of the input
    _any_cells: ClassVar[bool] = False  # rows are not computed with: cells may be anything
    _adds_rows: ClassVar[bool] = False  # output rows are numbered anew
    _gathers: ClassVar[bool] = False  # takes only some rows out of a lazy container
    _estimator_type: ClassVar[str] = "sampler"
    _parameter_constraints: ClassVar[dict[str, Any]] = {}  # what is not listed is not checked

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> BaseSampler:
        """Check the input and work out ``sampling_strategy_``; rows are made by `fit_resample`.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,)
            Class labels.

        Returns
        -------
        self : object
        """
        self._enter(X, y)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Resample the rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            The rows; never modified.
        y : array-like of shape (n_samples,)
            Class labels.

        Returns
        -------
        X_resampled : same type as X, of shape (n_out, n_features)
        y_resampled : same type as y, of shape (n_out,)
        """
        return self._run(X, y)

    def propagate(self, values: Any, how: str = "interpolate") -> Any:
        """Carry one value per input row (weights, costs, groups) to the resampled rows.

        Parameters
        ----------
        values : array-like of shape (n_samples,)
            One value per row of the X given to `fit_resample`.
        how : {"interpolate", "seed"}, default="interpolate"
            Floats are interpolated between seed and neighbour as the row itself was; "seed", other
            dtypes and rows without a gap take the seed's value. Rows of the input keep theirs.

        Returns
        -------
        same type as values, of shape (n_out,)

        Raises
        ------
        ValueError
            `values` has not one entry per row seen, or `how` is unknown.
        sklearn.exceptions.NotFittedError
            Before `fit_resample`.
        """
        check_is_fitted(self, "_n_rows_seen")
        if (given := at_hand(values)) is not values:
            return given.like(self.propagate(given.values, how))
        if how not in ("interpolate", "seed"):
            raise ValueError(f"how must be 'interpolate' or 'seed', got {how!r}.")
        length = values.shape[0] if hasattr(values, "shape") else len(values)
        if length != self._n_rows_seen:
            raise ValueError(
                f"values must have one entry for each of the {self._n_rows_seen} rows seen by "
                f"fit_resample, got {length}."
            )
        if is_pandas(values) and values.ndim == 2:  # every column in its own dtype
            out = values.apply(lambda column: self.propagate(column, how))
            return out.set_axis(values.columns, axis=1)
        if hasattr(self, "provenance_"):
            seed, neighbor, gap = self.provenance_
        else:
            seed, neighbor, gap = Provenance.of_rows(self.sample_indices_)
        out = take_labels(values, seed, keep_labels=not self._adds_rows)
        array = on_host(values)
        if how == "seed" or array.dtype.kind != "f":
            return out
        step = np.where(np.isnan(gap), 0.0, gap).astype(array.dtype)
        moved = np.flatnonzero(step)
        start, end = array[seed[moved]], array[neighbor[moved]]
        shape = (-1,) + (1,) * (array.ndim - 1)
        floats = array[seed]
        floats[moved] = start + step[moved].reshape(shape) * (end - start)
        if isinstance(values, (list, tuple)):
            return floats.tolist()
        return with_values(out, floats)

    def __sklearn_tags__(self) -> SamplerTagsBundle:
        """Tags of scikit-learn and of imbalanced-learn's checks."""
        tags = super().__sklearn_tags__()
        bundle = SamplerTagsBundle(
            **{name: getattr(tags, name) for name in Tags.__dataclass_fields__},
            sampler_tags=SamplerTags(sample_indices=self._selects),
        )
        bundle.estimator_type = "sampler"
        bundle.target_tags.required = True
        bundle.input_tags = SamplerInputTags(
            sparse=True,
            string=self._any_cells,
            allow_nan=self._any_cells,
            categorical=self._any_cells,
        )
        return bundle

    # --- the way of a value: door, decision, way out ---------------------------------------------

    def _run(self, X: Any, y: Any, **metadata: Any) -> tuple[Any, Any]:
        table = self._enter(X, y, **metadata)
        result = self._resampled(table, **metadata)
        return self._leave(table, result)

    def _enter(self, X: Any, y: Any, **metadata: Any) -> Table:
        """Check everything, before any work; metadata are checked by who takes them."""
        labels = at_hand(y)
        target = self._check_target(labels)
        container = container_of(X, numeric=not self._any_cells, y=labels)
        if container.lazy and not self._gathers:
            raise TypeError(
                f"{type(self).__name__} needs all rows of X at once, got a Dask collection "
                f"({type(X).__name__}): compute it first (X.compute()), or use SMOTE, which takes "
                "only rare rows out of it and accepts a neighbour index as k_neighbors."
            )
        validate_data(self, X=_named(X, container), skip_check_array=True)
        if len(target.codes) != container.n_rows:
            raise ValueError(
                "Found input variables with inconsistent numbers of samples: X has "
                f"{container.n_rows} rows, y has {len(target.codes)}."
            )
        table = Table(container, target, self._targets(target), self._rules(container), labels)
        self._check_cells(table)
        return table

    def _check_target(self, y: Any) -> Target:
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )
        return Target.of(labels_of(y))

    def _targets(self, target: Target) -> dict[int, int]:
        """Work out `sampling_strategy_`; returns it by class code."""
        kind: Kind = self._sampling_type  # type: ignore[assignment]
        self.sampling_strategy_ = sampling_targets(self.sampling_strategy, target, kind)
        return {target.labels.index(k): m for k, m in self.sampling_strategy_.items()}

    def _rules(self, container: Container) -> ColumnRules:
        constraints = getattr(self, "constraints", None)
        return column_rules(constraints, container.names, container.integer, container.limits())

    def _check_cells(self, table: Table) -> None:
        """Refuse cells that the sampler cannot work on: numbers, unless rows are only picked."""
        if not self._any_cells:
            table.check_numbers()

    def _resampled(self, table: Table, **metadata: Any) -> Resampled:
        rng = check_generator(getattr(self, "random_state", None))
        result = self._fit_resample(table, rng, **metadata)
        if result.new is None or result.new.size == 0:
            return result
        return Resampled(result.kept, result.new.under(table.rules), result.origin)

    def _fit_resample(self, table: Table, rng: np.random.Generator) -> Resampled:
        raise NotImplementedError(f"{type(self).__name__} must implement _fit_resample")

    def _leave(self, table: Table, result: Resampled) -> tuple[Any, Any]:
        everything = result.kept is None
        kept = np.arange(table.n_rows) if result.kept is None else result.kept
        origin = Provenance.of_rows(kept)
        if result.origin is not None:
            origin = origin.joined(result.origin)
        self._n_rows_seen = table.n_rows
        if self._selects:
            self.sample_indices_ = origin.seed
        else:
            self.provenance_ = origin
        keep_labels = not self._adds_rows
        if result.new is None:
            X_out = table.container.take(kept, keep_labels=keep_labels)
        else:
            X_out = table.container.extended(None if everything else kept, result.new)
        # a new row has the class of its seed, so y only ever needs to be taken from
        y_out = take_labels(table.labels, origin.seed, keep_labels=keep_labels)
        return X_out, paired(X_out, y_out)


def _named(X: Any, container: Container) -> Any:
    """What scikit-learn reads feature names and counts from."""
    if container.lazy:
        return container.gather(NO_ROWS).X  # type: ignore[attr-defined]
    if is_pandas(X) and not X.columns.is_unique:  # scikit-learn asks for names that are unique
        return np.broadcast_to(0.0, X.shape)
    return container.X if type(X) in (list, tuple) else X  # type: ignore[attr-defined]


def labels_of(y: Any) -> npt.NDArray[Any]:
    """Class labels as a one-dimensional array; one-hot rows become the number of their column.

    Raises
    ------
    ValueError
        Continuous, multilabel or multi-output labels, NaN, or more than one dimension.
    """
    if root_module(y) == "cupy":
        y = y.get()
    elif root_module(y) in ("dask", "sampkit"):
        y = at_hand(y).values
    if root_module(y) in ("polars", "pyarrow", "modin", "cudf"):
        import narwhals.stable.v2 as nw

        native = nw.from_native(y, allow_series=True, eager_only=True)
        y = np.asarray(native.to_list()) if hasattr(native, "to_list") else native.to_numpy()
    if is_pandas(y):
        y = _pandas_labels(y)
    if not sp.issparse(y):
        y = _plain_array(y)
    if y.ndim == 2 and y.shape[1] > 1:
        return _one_hot_labels(y)
    if y.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: y has dtype {y.dtype}.")
    y = column_or_1d(y, warn=True)
    if y.dtype.kind == "f":
        assert_all_finite(y, input_name="y")
    elif y.dtype == object:
        from pandas import isna

        if isna(y).any():
            raise ValueError("Input y contains NaN.")
    try:
        check_classification_targets(y)
    except TypeError:
        Target.of(y)  # words among numbers: it says so
        raise
    return y


def _plain_array(y: Any) -> npt.NDArray[Any]:
    if not isinstance(y, np.ndarray) and hasattr(y, "__array_namespace__"):
        from sklearn.utils._array_api import move_to

        return move_to(y, xp=np, device="cpu")
    return np.asarray(y)


def _pandas_labels(y: Any) -> Any:
    dtypes = list(y.dtypes) if y.ndim == 2 else [y.dtype]
    if len(dtypes) > 1:
        return y.to_numpy()
    values = y.iloc[:, 0] if y.ndim == 2 else y
    if values.isna().any():
        raise ValueError("Input y contains NaN.")
    if not isinstance(dtypes[0], np.dtype) and getattr(dtypes[0], "kind", "O") in "iufb":
        # nullable numbers would turn into Python objects, which is no label type
        return values.to_numpy(dtype=dtypes[0].kind + str(getattr(dtypes[0], "itemsize", 8)))
    array = values.to_numpy()
    return array.reshape(-1, 1) if y.ndim == 2 else array


def _one_hot_labels(y: Any) -> npt.NDArray[Any]:
    if type_of_target(y) != "multilabel-indicator":
        raise ValueError(
            "Multilabel and multioutput targets are not supported. y has shape "
            f"{y.shape} and is no indicator of one class a row."
        )
    dense = y.toarray() if sp.issparse(y) else y
    if (dense.sum(axis=1) > 1).any():
        raise ValueError(
            "Multilabel and multioutput targets are not supported. Row "
            f"{int(np.argmax(dense.sum(axis=1) > 1))} of y belongs to more than one class."
        )
    return np.where(dense.any(axis=1), dense.argmax(axis=1), -1)
