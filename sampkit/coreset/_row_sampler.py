"""The one engine of the row samplers: a subclass says what a row's score is, nothing else."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from sampkit._containers import Dense
from sampkit._library import root_module
from sampkit._random_state import child_generators
from sampkit._table import Resampled, Table
from sampkit.base import BaseSampler
from sampkit.coreset._blocks import Rows
from sampkit.coreset._distortion import distortion_of_rows
from sampkit.coreset._draw import SCHEMES, checked_order, sample_rows, weights_of
from sampkit.coreset._inclusion import inclusion_probabilities
from sampkit.coreset._input import checked_weight, rows_of_container
from sampkit.coreset._rescale import rescaled
from sampkit.coreset._strata import class_probabilities, draw_within_classes
from sampkit.coreset._targets import class_codes, numeric_columns
from sampkit.coreset._whiten import basis_of
from sampkit.coreset._whitened import row_order

Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
MAX_ROUNDS = 6  # of sizing by eps
GROWTH = 4.0  # of the size in one round, at most

PARAMETERS: dict[str, list[Any]] = {
    "n_samples": [
        Interval(Integral, 1, None, closed="left"),
        Interval(Real, 0, 1, closed="right"),
    ],
    "eps": [Interval(Real, 0, None, closed="neither"), None],
    "scheme": [StrOptions(set(SCHEMES))],
    "order": [StrOptions({"kd"}), "array-like", None],
    "target": [StrOptions({"X", "Xy"})],
    "fit_intercept": ["boolean"],
    "uniform_mix": [Interval(Real, 0, None, closed="left")],
    "oversampling": [Interval(Real, 0, None, closed="neither"), None],
    "rescale": ["boolean"],
    "verify": ["boolean"],
    "stratify": ["boolean"],
    "random_state": ["random_state", np.random.Generator, np.random.SeedSequence],
}


@dataclass(frozen=True)
class Selection:
    """Rows drawn, their weights 1/q, and the probabilities of all rows."""

    index: Index
    weight: Vector
    q: Vector


@dataclass(frozen=True)
class Problem:
    """What a draw is made from."""

    rows: Rows  # the score matrix
    codes: Index | None  # classes, when every class is to be drawn from
    order: Index | None  # the user's own order


class RowSampler(BaseSampler):
    """Base of the samplers that draw weighted rows in proportion to scores."""

    _sampling_type: ClassVar[str] = "bypass"
    _selects: ClassVar[bool] = True
    _gathers: ClassVar[bool] = True
    _any_target: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, Any]] = PARAMETERS
    __metadata_request__fit = {"sample_weight": True}

    n_samples: int | float
    eps: float | None
    scheme: str
    order: Any
    target: str
    fit_intercept: bool
    uniform_mix: float
    oversampling: float | None
    rescale: bool
    verify: bool
    stratify: bool | str
    random_state: Any

    # --- what a subclass says ---------------------------------------------------------------------

    def _power(self) -> float:
        """The p of the loss that the rows are to stand for."""
        return 2.0

    def _score_rows(self, container: Any, sample_weight: Vector | None, extra: Any) -> Rows:
        """The matrix whose rows are scored."""
        return rows_of_container(
            container,
            sample_weight=sample_weight,
            p=self._power(),
            fit_intercept=self.fit_intercept,
            extra=extra,
        )

    def _scores(self, rows: Rows, weight: Vector | None, rng: np.random.Generator) -> Vector:
        """Scores of all rows; `weight` are the observation weights, which `rows` have already."""
        raise NotImplementedError(f"{type(self).__name__} must implement _scores")

    def _stratifies(self) -> bool:
        """Whether every class of y is to be drawn from."""
        return bool(self.stratify)

    # --- the sampler protocol ---------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> RowSampler:
        """Score the rows and draw; `fit_resample` also cuts X and y to the rows drawn.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Anything; numbers for ``target="Xy"``, classes for ``stratify=True``.
        sample_weight : array-like of shape (n_samples,), default=None
            Observation weights c >= 0 of the loss; they enter the scores. ``sample_weight_`` is
            1/q alone; multiply it by ``propagate(sample_weight)``.

        Returns
        -------
        self : object
        """
        table = self._enter(X, y, sample_weight=sample_weight)
        self._resampled(table, sample_weight=sample_weight)
        self._n_rows_seen = table.n_rows
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_resample(self, X: Any, y: Any = None, sample_weight: Any = None) -> tuple[Any, Any]:
        """Score the rows, draw, and return the rows drawn.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            The rows; never modified.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Anything; numbers for ``target="Xy"``, classes for ``stratify=True``.
        sample_weight : array-like of shape (n_samples,), default=None
            Observation weights c >= 0 of the loss; they enter the scores. ``sample_weight_`` is
            1/q alone; multiply it by ``propagate(sample_weight)``.

        Returns
        -------
        X_resampled : same type as X, of shape (n_out, n_features)
            The rows drawn, in the order of X.
        y_resampled : same type as y, of shape (n_out,)
            Their entries of y; None without y.
        """
        return self._run(X, y, sample_weight=sample_weight)

    def _check_cells(self, table: Table) -> None:
        container = table.container
        if not (isinstance(container, Dense) and container.X.dtype.kind in "fiub"):
            table.check_numbers()  # for plain floats the scores find what is not finite

    def _fit_resample(
        self, table: Table, rng: np.random.Generator, sample_weight: Any = None
    ) -> Resampled:
        weight = checked_weight(sample_weight, table.n_rows)
        if weight is not None and not weight.any():
            raise ValueError("sample_weight must not be zero for all rows, got only zeros.")
        problem = self._problem(table, weight)
        score_rng, draw_rng, check_rng = child_generators(rng, 3)
        scores = self._scores(problem.rows, weight, score_rng)
        self.scores_ = scores.astype(np.float64, copy=False)
        self.total_score_ = float(self.scores_.sum())
        if self.eps is None:
            size = self._size(table.n_rows)
            self._warn_if_few(problem.rows, size)
            found = self._selected(problem, self._mixed(self.scores_), size, draw_rng)
        else:
            found = self._sized_by_eps(problem, draw_rng, check_rng)
        self.inclusion_probabilities_ = found.q
        self.sample_indices_, self._row_weight = found.index, found.weight
        self.sample_weight_ = np.ones(len(found.index)) if self.rescale else found.weight
        if self.verify and self.eps is None:
            self.distortion_ = self._distortion(problem, found, check_rng)
        elif self.eps is None and hasattr(self, "distortion_"):
            del self.distortion_
        return Resampled(found.index)

    def _leave(self, table: Table, result: Resampled) -> tuple[Any, Any]:
        X_out, y_out = super()._leave(table, result)
        if self.rescale:
            factor = self._row_weight ** (1.0 / self._power())
            X_out = rescaled(X_out, factor)
            y_out = rescaled(y_out, factor) if self.target == "Xy" else y_out
        return X_out, y_out

    # --- the engine -------------------------------------------------------------------------------

    def _problem(self, table: Table, weight: Vector | None) -> Problem:
        lazy = root_module(table.labels) == "sampkit"
        labels = table.labels.values if lazy else table.labels
        extra = numeric_columns(labels) if self.target == "Xy" else None
        codes = class_codes(labels) if self._stratifies() else None
        order = None
        if self.order is not None and not isinstance(self.order, str):
            order = checked_order(self.order, table.n_rows)
        rows = self._score_rows(table.container, weight, extra)
        rows.n_targets = 0 if extra is None else extra.shape[1]
        return Problem(rows, codes, order)

    def _size(self, n: int) -> int:
        if isinstance(self.n_samples, Integral):
            return min(int(self.n_samples), n)
        return max(1, round(self.n_samples * n))

    def _mixed(self, scores: Vector) -> Vector:
        if not self.uniform_mix:
            return scores
        total = scores.sum()
        return scores / (total if total > 0 else 1.0) + self.uniform_mix / len(scores)

    def _warn_if_few(self, rows: Rows, size: int) -> None:
        if self.oversampling is not None or size >= rows.d:
            return
        rank = basis_of(rows).rank
        if size < rank:
            warnings.warn(
                f"n_samples={size} is less than the rank {rank} of the score matrix: some "
                "directions will be lost.",
                UserWarning,
                stacklevel=2,
            )

    def _selected(
        self, problem: Problem, scores: Vector, size: float, rng: np.random.Generator
    ) -> Selection:
        """Draw about `size` rows in proportion to scores."""
        if self.oversampling is not None:
            q = np.minimum(1.0, self.oversampling * scores)
        elif problem.codes is None:
            q = inclusion_probabilities(scores, size)
        else:
            q = class_probabilities(scores, size, problem.codes)
        scheme = self.scheme if self.oversampling is None else "poisson"
        along = problem.order
        if isinstance(self.order, str) and scheme in ("pivotal", "systematic"):
            along = row_order(problem.rows, q, problem.codes)
        if problem.codes is None:
            index, weight = sample_rows(q, scheme=scheme, order=along, random_state=rng)
        else:
            index, count = draw_within_classes(q, problem.codes, scheme, along, rng)
            weight = weights_of(q, index, count)
        return Selection(index, weight, q)

    def _sized_by_eps(
        self, problem: Problem, rng: np.random.Generator, check_rng: np.random.Generator
    ) -> Selection:
        """Grow the sample until its distortion is at most eps."""
        assert self.eps is not None
        n, rank = problem.rows.n, basis_of(problem.rows).rank
        p = self._power()
        constant = 1.7 - 0.65 * min(max(p - 1.0, 0.0), 1.0)
        size = np.ceil(rank * (constant / self.eps) ** 2)
        size = max(size / (1 + size / n), 1.0)
        for _ in range(MAX_ROUNDS):
            whole = min(int(np.ceil(size)), n)
            found = self._selected(problem, self._mixed(self.scores_), whole, rng)
            self.distortion_ = self._distortion(problem, found, check_rng)
            if self.distortion_ <= self.eps:
                return found
            if whole == n or self.oversampling is not None:
                break
            size = whole * min(GROWTH, max((self.distortion_ / self.eps) ** 2, 1.05))
        warnings.warn(
            f"eps={self.eps:g} has not been reached: the distortion of {len(found.index)} rows is "
            f"{self.distortion_:.3g}.",
            UserWarning,
            stacklevel=2,
        )
        return found

    def _distortion(self, problem: Problem, found: Selection, rng: np.random.Generator) -> float:
        if not len(found.index):
            return 1.0
        measured = distortion_of_rows(problem.rows, found.index, found.weight, self._power(), rng)
        return float(measured.distortion)
