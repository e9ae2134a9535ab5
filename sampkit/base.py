"""The sampler protocol: one door for the input, one way out, provenance of every row."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from sampkit._array import on_host
from sampkit._constraints import ColumnRules, column_rules
from sampkit._door import (
    at_hand,
    container_of,
    labels_of,
    n_entries,
    paired,
    take_labels,
    with_values,
)
from sampkit._library import is_pandas
from sampkit._random_state import check_generator
from sampkit._rows import NO_ROWS, Container
from sampkit._strategy import Kind, Target, sampling_targets
from sampkit._table import Provenance, Resampled, Table
from sampkit._tags import SamplerInputTags, SamplerTags, SamplerTagsBundle

__all__ = [
    "BaseSampler",
    "Provenance",
    "Resampled",
    "SamplerInputTags",
    "SamplerTags",
    "SamplerTagsBundle",
    "check_generator",
    "sampling_targets",
]


class BaseSampler(OneToOneFeatureMixin, BaseEstimator):
    """Base of everything that changes the number of rows.

    A subclass says what it is (`_sampling_type` and the flags below it), checks nothing itself, and
    implements ``_fit_resample(table, rng, **metadata) -> Resampled``: which rows stay and which
    come, in row numbers. Containers, labels, provenance and fitted attributes are the base's.

    See Also
    --------
    sampkit.compose.ResampledClassifier : Resample inside a plain scikit-learn pipeline.

    Examples
    --------
    A sampler of one's own that keeps every second row:

    >>> import numpy as np
    >>> from sampkit.base import BaseSampler, Resampled
    >>> class EverySecondRow(BaseSampler):
    ...     _sampling_type = "under-sampling"
    ...     _selects = _any_cells = True
    ...
    ...     def __init__(self, sampling_strategy="auto"):
    ...         self.sampling_strategy = sampling_strategy
    ...
    ...     def _fit_resample(self, table, rng):
    ...         return Resampled(np.arange(0, table.n_rows, 2))
    >>> EverySecondRow().fit_resample([["a"], ["b"], ["c"], ["d"]], [0, 0, 0, 1])
    ([['a'], ['c']], [0, 0])
    """

    _sampling_type: ClassVar[str] = "bypass"
    _selects: ClassVar[bool] = False  # every output row is a row of the input
    _any_cells: ClassVar[bool] = False  # rows are not computed with: cells may be anything
    _adds_rows: ClassVar[bool] = False  # output rows are numbered anew
    _gathers: ClassVar[bool] = False  # takes only some rows out of a lazy container
    _any_target: ClassVar[bool] = False  # y need not be there, nor hold classes: it is only cut
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
            The rows after sampling.
        y_resampled : same type as y, of shape (n_out,)
            Their labels.
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
        if not hasattr(values, "__len__") or getattr(values, "shape", None) == ():
            raise ValueError(f"values must have one entry per row, got {str(values)[:80]}.")
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
        bundle.target_tags.required = not self._any_target
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
        n_labels = n_entries(labels) if self._any_target else len(target.codes)
        if n_labels not in (None, container.n_rows):
            raise ValueError(
                "Found input variables with inconsistent numbers of samples: X has "
                f"{container.n_rows} rows, y has {n_labels}."
            )
        table = Table(container, target, self._targets(target), self._rules(container), labels)
        self._check_cells(table)
        return table

    def _check_target(self, y: Any) -> Target:
        if self._any_target:
            return Target.absent()
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )
        return Target.of(labels_of(y))

    def _targets(self, target: Target) -> dict[int, int]:
        """Work out `sampling_strategy_`; returns it by class code."""
        if self._any_target:
            return {}
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
        y_out = take_labels(
            table.labels, origin.seed, keep_labels=keep_labels, flat=not self._any_target
        )
        return X_out, paired(X_out, y_out)


def _named(X: Any, container: Container) -> Any:
    """What scikit-learn reads feature names and counts from."""
    if container.lazy:
        return container.gather(NO_ROWS).X  # type: ignore[attr-defined]
    if is_pandas(X) and not X.columns.is_unique:  # scikit-learn asks for names that are unique
        return np.broadcast_to(0.0, X.shape)
    return container.X if type(X) in (list, tuple) else X  # type: ignore[attr-defined]
