"""What the meta-estimators share: partial_fit, once a round, on a fresh random subset."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, _fit_context, clone
from sklearn.utils import check_consistent_length, get_tags
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _estimator_has, check_is_fitted

from sampkit._compat import CallbackSupportMixin
from sampkit.subset._arguments import count_of, generator_at, root_of, rows_of, shown
from sampkit.subset._blocks import iter_block_subsets
from sampkit.subset._cost import block_correlation
from sampkit.subset._rates import multiplier_at, rate_setter, schedule_of
from sampkit.subset._read import Source, n_bytes, source_of
from sampkit.subset._rounds import row_rounds

Rows = npt.NDArray[Any]
Read = Iterator[tuple[Any, Rows]]

_ORDER, _INNER = 10, 11  # children of the root beside those of the rounds
_INTERRUPTED = "Training interrupted by user"
WORST_DESIGN_EFFECT = 4.0


@dataclass(frozen=True)
class Training:
    """What all rounds of a fit have in common."""

    target: Rows
    weights: dict[str, Rows]
    eval_set: tuple[Any, Any] | None
    set_rate: Callable[[Any, int], None]
    first: dict[str, Any]


class RepeatedSubsetEstimator(CallbackSupportMixin, MetaEstimatorMixin, BaseEstimator):
    """Train on a fresh random subset every round; predict with the estimator trained so."""

    _parameter_constraints: dict[str, Any] = {
        "replacement": ["boolean"],
        "stratify": ["boolean"],
        "warm_start": ["boolean"],
    }
    # sample_weight is the estimator's; an eval_set is asked for by set_fit_request(eval_set=True)
    __metadata_request__fit = {"sample_weight": UNUSED}

    estimator: Any
    subset_size: Any
    n_rounds: Any
    replacement: bool
    stratify: bool = False
    lr_schedule: Any
    block_rows: Any
    set_lr: Any
    warm_start: bool
    random_state: Any

    @_fit_context(prefer_skip_nested_validation=False)  # the sub-estimators are not validated yet
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        eval_set: tuple[Any, Any] | None = None,
    ) -> Self:
        """Train a clone of the estimator, round by round.

        Parameters
        ----------
        X : {array-like, CSR matrix, data frame, numpy.memmap, h5py/zarr-like} of shape \
                (n_samples, n_features)
            Training rows. Of what is not in memory only `shape` and slices are needed; a round's
            rows are read in ascending order.
        y : array-like of shape (n_samples,)
            Targets, in memory.
        sample_weight : array-like of shape (n_samples,), default=None
            Handed to ``partial_fit``, the rows of the round at a time; with metadata routing, if
            the estimator requests it (``set_partial_fit_request``).
        eval_set : pair (X, y), default=None
            Rows to score after every round, by ``score``.

        Returns
        -------
        self : object
            The fitted meta-estimator.

        Raises
        ------
        TypeError
            The estimator has no ``partial_fit``, or none that takes weights.
        ValueError
            A parameter out of range, or data that the estimator refuses.
        KeyboardInterrupt
            Raised on; the estimator keeps the rounds that were whole.
        """
        n_rounds = self._checked()
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        source, resumes = source_of(X), self.warm_start and hasattr(self, "estimator_")
        target = self._target(y, resumes)
        check_consistent_length(target, range(source.n_rows))
        if resumes and self._n_rows != source.n_rows:
            raise ValueError(
                f"warm_start=True goes on with the rows of the last fit: X must have "
                f"{self._n_rows} rows, got {source.n_rows}."
            )
        k = rows_of(self.subset_size, source.n_rows)
        if self.block_rows is not None:
            self._warn_of_alike_blocks(target)
        training = Training(
            target=target,
            weights=self._weights(sample_weight, source.n_rows),
            eval_set=_pair(eval_set),
            set_rate=self._rate_setter(n_rounds),
            first=self._first_call(),
        )
        if not resumes:
            self._begin(source.n_rows)
        rounds = self._rounds(source, target, k)
        root = self._init_callback_context(max_subtasks=max(n_rounds - self.n_rounds_, 0))
        root.call_on_fit_task_begin(estimator=self, X=X, y=y)
        self._run(rounds, training, n_rounds, root)
        # Nothing more than its attributes is needed to predict: callbacks may score it.
        root.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
        return self

    def _checked(self) -> int:
        """Refuse what can be refused without data; the number of rounds."""
        if isinstance(self.estimator, type):
            raise TypeError(
                f"estimator must be an instance, got the class {self.estimator.__name__}: write "
                f"{self.estimator.__name__}()."
            )
        if not hasattr(self.estimator, "partial_fit"):
            raise TypeError(
                f"estimator must have partial_fit, got {type(self.estimator).__name__}, which has "
                "none (as it is set)."
            )
        if self.block_rows is not None:
            count_of(self.block_rows, "block_rows")
            if self.stratify:
                raise ValueError("stratify=True cannot be combined with block_rows.")
        return count_of(self.n_rounds, "n_rounds")

    def _begin(self, n_rows: int) -> None:
        """Start anew: an estimator of round 0."""
        root, estimator = root_of(self.random_state), clone(self.estimator)
        _seed(estimator, generator_at(root, _INNER, 0))
        self._root, self._n_rows, self._called = root, n_rows, False
        self.estimator_ = estimator
        self.n_rounds_ = self.n_samples_seen_ = self.bytes_read_ = 0
        self.history_: list[dict[str, Any]] = []

    def _run(self, rounds: Read, training: Training, n_rounds: int, root: Any) -> None:
        """All rounds that are left, unless a callback ends it."""
        before = self.history_[-1]["seconds"] if self.history_ else 0.0
        began, scoring = perf_counter(), 0.0
        for t in range(self.n_rounds_, n_rounds):
            task = root.subcontext(task_name="round")
            task.call_on_fit_task_begin(estimator=self)
            whole = _copied(self.estimator_)
            try:
                rows, index = next(rounds)
                training.set_rate(self.estimator_, t)
                called = self._train(rows, index, training)
                paused = perf_counter()
                score = None if training.eval_set is None else self.score(*training.eval_set)
                scoring += perf_counter() - paused
                seconds = before + perf_counter() - began - scoring
                self._commit(rows, index, called, seconds, score)
            finally:
                # An interruption amid a round leaves the state after the round before it.
                if self.n_rounds_ == t and whole is not None:
                    self.estimator_ = whole
            stop = task.call_on_fit_task_end(
                estimator=self, X=rows, y=training.target[index], reconstruction_attributes={}
            )
            if stop:
                break

    def _train(self, rows: Any, index: Rows, training: Training) -> bool:
        """One round's ``partial_fit``; whether there was anything to learn from."""
        weights = {name: values[index] for name, values in training.weights.items()}
        if any(not np.any(values) for values in weights.values()):
            return False  # nothing but rows that do not count, which estimators refuse
        first = {} if self._called else training.first
        with warnings.catch_warnings():
            # MLP* end an interrupted epoch with a warning; what it has done is no whole round
            warnings.filterwarnings("error", message=_INTERRUPTED)
            warnings.filterwarnings("ignore", message="Got `batch_size` less than 1 or larger")
            try:
                self.estimator_.partial_fit(rows, training.target[index], **first, **weights)
            except UserWarning as warning:
                if _INTERRUPTED not in str(warning):
                    raise
                raise KeyboardInterrupt from warning
        return True

    def _commit(
        self, rows: Any, index: Rows, called: bool, seconds: float, score: float | None
    ) -> None:
        """Count a whole round: all at once, so that no interruption can come in between."""
        seen = self.n_samples_seen_ + len(index)
        read = self.bytes_read_ + n_bytes(rows)
        entry = {
            "round": self.n_rounds_,
            "seconds": seconds,
            "n_seen": seen,
            "bytes_read": read,
            "eval_score": score,
        }
        self.__dict__.update(
            n_rounds_=self.n_rounds_ + 1,
            n_samples_seen_=seen,
            bytes_read_=read,
            history_=[*self.history_, entry],
            _called=self._called or called,
        )

    def _rounds(self, source: Source, target: Rows, k: int) -> Read:
        """Rows and row numbers of the rounds to come."""
        if self.block_rows is not None:
            return self._block_rounds(source)
        codes = self._codes(target) if self.stratify else None
        rounds = row_rounds(
            source.n_rows, k, self._root, replacement=self.replacement, codes=codes
        )  # fmt: skip
        drawn = (rounds.round(t) for t in range(self.n_rounds_, self.n_rounds))
        return ((source.take(index), index) for index in drawn)

    def _block_rounds(self, source: Source) -> Read:
        subsets = iter_block_subsets(
            source.n_rows, self.subset_size, self.block_rows,
            replacement=self.replacement, random_state=self._root,
        )  # fmt: skip
        for t, blocks in enumerate(islice(subsets, self.n_rounds_, None), self.n_rounds_):
            rows = np.concatenate([np.arange(block.start, block.stop) for block in blocks])
            order = generator_at(self._root, _ORDER, t).permutation(rows.size)
            index = np.empty_like(rows)
            index[order] = rows
            yield source.take_blocks(blocks, order), index

    def _warn_of_alike_blocks(self, target: Rows) -> None:
        """Say so when rows of a block are too alike to stand for the file."""
        rho = block_correlation(self._comparable(target), self.block_rows)
        effect = 1 + (self.block_rows - 1) * rho
        if effect > WORST_DESIGN_EFFECT:
            warnings.warn(
                f"Targets within blocks of {self.block_rows} rows are alike (correlation "
                f"{rho:.2f}): a round's gradient varies {effect:.1f} times as much as with single "
                "rows. Shuffle the file once, or take smaller blocks.",
                UserWarning,
                stacklevel=4,
            )

    def _rate_setter(self, n_rounds: int) -> Callable[[Any, int], None]:
        """A function (estimator, round) that sets the round's learning rate."""
        schedule = schedule_of(self.lr_schedule)
        if schedule is None:
            return lambda estimator, t: None
        set_rate = rate_setter(self.estimator, self.set_lr)
        return lambda estimator, t: set_rate(estimator, multiplier_at(schedule, t / n_rounds))

    def _weights(self, sample_weight: Any, n: int) -> dict[str, Rows]:
        """Parameters of ``partial_fit`` with one value a row."""
        if sample_weight is None:
            return {}
        name = type(self.estimator).__name__
        if get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", sample_weight=sample_weight)
            params = dict(routed["estimator"]["partial_fit"])
        elif "sample_weight" not in inspect.signature(self.estimator.partial_fit).parameters:
            raise TypeError(f"sample_weight was given, but partial_fit of {name} takes none.")
        else:
            params = {"sample_weight": sample_weight}
        return {key: _per_row(value, n) for key, value in params.items()}

    # --- what a classifier and a regressor do differently -----------------------------------------

    def _target(self, y: Any, resumes: bool) -> Rows:
        """Targets as an array."""
        raise NotImplementedError

    def _first_call(self) -> dict[str, Any]:
        """What the first ``partial_fit`` is told besides rows."""
        return {}

    def _codes(self, target: Rows) -> npt.NDArray[np.intp]:
        """Class number of every row, for a stratified draw."""
        raise NotImplementedError

    def _comparable(self, target: Rows) -> Rows:
        """Targets as `block_correlation` compares them."""
        raise NotImplementedError

    # --- after the fit ----------------------------------------------------------------------------

    @available_if(_estimator_has("predict"))
    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Predict the target of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            What ``estimator_.predict`` returns.
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    @property
    def n_features_in_(self) -> int:
        """Number of features that the estimator saw."""
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self) -> npt.NDArray[Any]:
        """Names of the features that the estimator saw, if they had names."""
        return self.estimator_.feature_names_in_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def get_metadata_routing(self) -> MetadataRouter:
        """Who is asked for which metadata.

        Returns
        -------
        routing : MetadataRouter
            ``fit`` asks the estimator's ``partial_fit``, and itself for an `eval_set`.
        """
        methods = MethodMapping().add(caller="fit", callee="partial_fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=methods)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.classifier_tags = inner.classifier_tags or tags.classifier_tags
        tags.regressor_tags = inner.regressor_tags or tags.regressor_tags
        tags.target_tags, tags.input_tags = inner.target_tags, inner.input_tags
        tags.target_tags.required = True
        tags.input_tags.pairwise = False
        if tags.classifier_tags is not None:
            tags.classifier_tags.multi_label = False
            tags.target_tags.multi_output = False
        return tags


def _seed(estimator: Any, rng: np.random.Generator) -> None:
    """Give every part of the estimator that has no seed one; the user's own seeds stay."""
    params = estimator.get_params(deep=True)
    unseeded = [key for key in sorted(params) if key.rpartition("__")[2] == "random_state"]
    seeds = {key: int(rng.integers(2**31 - 1)) for key in unseeded if params[key] is None}
    if seeds:
        estimator.set_params(**seeds)


def _copied(estimator: Any) -> Any:
    """A copy to come back to; None if the estimator holds what cannot be copied."""
    try:
        return deepcopy(estimator)
    except Exception:
        return None


def _per_row(values: Any, n: int) -> Rows:
    array = np.asarray(values)
    if array.shape != (n,):
        raise ValueError(f"sample_weight must have shape ({n},), got {array.shape}.")
    if not np.any(array):
        raise ValueError("sample_weight must hold a number other than zero, got zeros only.")
    return array


def _pair(eval_set: Any) -> tuple[Any, Any] | None:
    if eval_set is None:
        return None
    if not isinstance(eval_set, (tuple, list)) or len(eval_set) != 2:
        raise ValueError(f"eval_set must be None or a pair (X, y), got {shown(eval_set)}.")
    return eval_set[0], eval_set[1]
