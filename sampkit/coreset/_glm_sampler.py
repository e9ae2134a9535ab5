"""Rows that stand for all of them in logistic, probit and Poisson regression."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack
from sklearn.utils._param_validation import Interval, StrOptions

from sampkit._chunks import CALL_BYTES, rows_per_chunk
from sampkit._library import root_module
from sampkit._table import Table
from sampkit._tags import SamplerTagsBundle
from sampkit.coreset._blocks import Rows
from sampkit.coreset._glm_families import FAMILIES, fit_glm
from sampkit.coreset._input import rows_of_container
from sampkit.coreset._leverage import row_scores
from sampkit.coreset._lewis import lewis_of_rows
from sampkit.coreset._row_sampler import PARAMETERS, Problem, RowSampler, Selection
from sampkit.coreset._targets import class_codes, numeric_columns
from sampkit.coreset._whiten import basis_of

__all__ = ["GLMSampler"]

Vector = npt.NDArray[np.float64]
LEWIS_TOL = 1e-2
SAFE_SHARE = 0.1  # of "lewis" scores in those of the second step
SCORES = ("lewis", "sqrt_leverage", "lewis+leverage", "optimal")


@dataclass(frozen=True)
class GLMProblem(Problem):
    """A draw for a loss of the response."""

    plain: Rows | None = None  # [1, X] without observation weights
    response: Vector | None = None
    weight: Vector | None = None


class GLMSampler(RowSampler):
    """Weighted rows for generalised linear models: classification by logistic or probit, counts.

    The logistic loss lies between a multiple of max(0, -margin), which l1 Lewis weights see, and a
    constant, which a uniform share sees.

    Parameters
    ----------
    family : {"logistic", "poisson", "probit"}, default="logistic"
        The model.
    n_samples : int or float, default=0.1
        Rows drawn: a number >= 1, or a share in (0, 1] of all.
    scores : {"lewis", "sqrt_leverage", "lewis+leverage", "optimal"}, default="lewis"
        l1 Lewis weights; square roots of leverage scores; Lewis weights and leverage, each
        normalised [1]_; or two steps: a pilot fit on "lewis" rows, then rows in proportion to the
        length of their gradient through the inverse Hessian, and the union of both [2]_: better
        from about 150 rows a column on.
    pilot_fraction : float in (0, 1), default=1/3
        Share of the rows that the pilot of "optimal" gets.
    C : float > 0, default=1e4
        Inverse penalty of the pilot fit, on coefficients of whitened columns.
    uniform_mix : float >= 0, default=1.0
        Draw in proportion to ``s / sum(s) + uniform_mix / n``.
    eps : float or None, default=None
        Distortion of the l1 norm wanted, > 0; `n_samples` is then not used.
    scheme : {"pivotal", "systematic", "poisson", "multinomial"}, default="pivotal"
        How rows are drawn, see :func:`sample_rows`.
    order : "kd", array-like of shape (n,) or None, default="kd"
        Order that "pivotal" and "systematic" go along; inside each class if stratified.
    fit_intercept : bool, default=True
        A column of ones is one of the score matrix.
    oversampling : float or None, default=None
        Draw by ``q = min(1, oversampling s)``, each row by itself; not with "optimal".
    verify : bool, default=False
        Measure ``distortion_`` of the l1 norm.
    stratify : bool or "auto", default="auto"
        Every class of y gets its expected number of rows up to one, at least min(size, 2).
        "auto": for "logistic" and "probit".  Without it the order mixes rows whose gradients have
        opposite signs.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness.

    Attributes
    ----------
    scores_ : ndarray of shape (n,)
        Scores of all rows before `uniform_mix`; with "optimal" those that the pilot is drawn by.
    total_score_ : float
        Their sum.
    inclusion_probabilities_ : ndarray of shape (n,)
        Probability of every row; with "optimal" its expected number of draws.
    sample_indices_ : ndarray of int of shape (n_out,)
        Rows drawn, ascending; with "optimal" a row drawn in both steps is there once.
    sample_weight_ : ndarray of shape (n_out,)
        One over the expected number of draws, times the draws.
    pilot_coef_ : ndarray of shape (d,)
        With "optimal": coefficients of the pilot fit, that of the intercept first.
    distortion_ : float
        With `verify` or `eps`.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    See Also
    --------
    CoresetClassifier : Draw, fit and predict.

    Notes
    -----
    The number of rows that a guarantee needs grows with how far from separable the data are [1]_;
    for exponential losses ("poisson") no small sample is good for all coefficients, which is
    warned of.  The score matrix is ``[1, X]``; the loss is not homogeneous, so that there is no
    `rescale`.  Weights of "optimal" are unbiased up to columns / pilot rows, because the pilot's
    own rows steer the second step.  "optimal" looks at y: draw inside each training fold, never
    before a split.

    References
    ----------
    .. [1] A. Munteanu and S. Omlor, "Optimal bounds for lp sensitivity sampling via l2
       augmentation", ICML 2024, arXiv:2406.00328.
    .. [2] H. Wang, R. Zhu, P. Ma, "Optimal subsampling for large sample logistic regression",
       JASA 113, 2018.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sampkit.coreset import GLMSampler
    >>> X, y = make_classification(20_000, weights=[0.95], random_state=0)
    >>> sampler = GLMSampler(n_samples=1500, random_state=0)
    >>> X_s, y_s = sampler.fit_resample(X, y)
    >>> model = LogisticRegression().fit(X_s, y_s, sample_weight=sampler.sample_weight_)
    >>> X_s.shape, model.score(X, y) > 0.95
    ((1500, 20), True)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{name: rule for name, rule in PARAMETERS.items() if name not in ("target", "rescale")},
        "family": [StrOptions(set(FAMILIES))],
        "scores": [StrOptions(set(SCORES))],
        "pilot_fraction": [Interval(Real, 0, 1, closed="neither")],
        "C": [Interval(Real, 0, None, closed="neither")],
        "stratify": ["boolean", StrOptions({"auto"})],
    }
    target = "X"  # the loss is one of [1, X] and a label, which is no column of it
    rescale = False  # nor is it homogeneous

    def __init__(
        self,
        family: str = "logistic",
        n_samples: int | float = 0.1,
        *,
        scores: str = "lewis",
        pilot_fraction: float = 1 / 3,
        C: float = 1e4,
        uniform_mix: float = 1.0,
        eps: float | None = None,
        scheme: str = "pivotal",
        order: Any = "kd",
        fit_intercept: bool = True,
        oversampling: float | None = None,
        verify: bool = False,
        stratify: bool | str = "auto",
        random_state: Any = None,
    ):
        self.family = family
        self.n_samples = n_samples
        self.scores = scores
        self.pilot_fraction = pilot_fraction
        self.C = C
        self.uniform_mix = uniform_mix
        self.eps = eps
        self.scheme = scheme
        self.order = order
        self.fit_intercept = fit_intercept
        self.oversampling = oversampling
        self.verify = verify
        self.stratify = stratify
        self.random_state = random_state

    def __sklearn_tags__(self) -> SamplerTagsBundle:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def _power(self) -> float:
        return 1.0

    def _stratifies(self) -> bool:
        auto = isinstance(self.stratify, str)
        return FAMILIES[self.family].classes if auto else bool(self.stratify)

    def _problem(self, table: Table, weight: Vector | None) -> GLMProblem:
        if table.labels is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )
        if self.oversampling is not None and self.scores == "optimal":
            raise ValueError(
                f"oversampling must be None for scores='optimal', got {self.oversampling!r}."
            )
        problem = super()._problem(table, weight)
        response = self._response(table.labels)
        if self.family == "poisson":
            warnings.warn(
                "family='poisson' has an exponential loss, for which no small sample is good for "
                "all coefficients: check the fit on all rows.",
                UserWarning,
                stacklevel=2,
            )
        plain = problem.rows
        if weight is not None:
            plain = rows_of_container(table.container, fit_intercept=self.fit_intercept)
        return GLMProblem(problem.rows, problem.codes, problem.order, plain, response, weight)

    def _response(self, labels: Any) -> Vector | None:
        """Y as the loss reads it; None where the scores never look at it."""
        if root_module(labels) == "sampkit":  # a Dask collection's, at hand
            labels = labels.values
        if not FAMILIES[self.family].classes:
            y = numeric_columns(labels)
            if y.shape[1] != 1 or y.min() < 0:
                raise ValueError(
                    f"y must be one column of counts >= 0 for family='poisson', got "
                    f"{y.shape[1]} columns with minimum {y.min():g}."
                )
            return y[:, 0]
        codes = class_codes(labels)
        n_classes = int(codes.max()) + 1
        if self.family == "probit" or self.scores == "optimal":
            if n_classes > 2:
                raise ValueError(
                    f"y must hold two classes for family={self.family!r} and "
                    f"scores={self.scores!r}, got {n_classes}."
                )
            return codes.astype(np.float64)
        return None

    def _scores(self, rows: Rows, weight: Vector | None, rng: np.random.Generator) -> Vector:
        if self.scores == "sqrt_leverage":
            return np.sqrt(row_scores(rows).astype(np.float64, copy=False))
        lewis = lewis_of_rows(rows, 1.0, tol=LEWIS_TOL).weights
        return lewis + row_scores(rows) if self.scores == "lewis+leverage" else lewis

    def _mixed(self, scores: Vector) -> Vector:
        parts = 2 if self.scores == "lewis+leverage" else 1  # each of them normalised
        total = scores.sum()
        return scores * (parts / (total if total > 0 else 1.0)) + self.uniform_mix / len(scores)

    def _selected(
        self, problem: Problem, scores: Vector, size: float, rng: np.random.Generator
    ) -> Selection:
        n = problem.rows.n
        if self.scores != "optimal" or size >= n or size < 2:
            return super()._selected(problem, scores, size, rng)
        assert isinstance(problem, GLMProblem)
        n_pilot = min(max(round(size * self.pilot_fraction), 1), int(size) - 1)
        pilot = super()._selected(problem, scores, n_pilot, rng)
        gradients = self._gradient_lengths(problem, pilot)
        if gradients.sum() > 0:
            safe = scores / scores.sum()
            scores = gradients / gradients.sum() + SAFE_SHARE * safe
        rest = super()._selected(problem, scores, size - n_pilot, rng)
        expected = pilot.q + rest.q
        count = np.zeros(n)
        for part in (pilot, rest):
            count[part.index] += part.weight * part.q[part.index]  # 1, or draws of a multinomial
        index = np.flatnonzero(count)
        return Selection(index, count[index] / expected[index], expected)

    def _gradient_lengths(self, problem: GLMProblem, pilot: Selection) -> Vector:
        """``|slope of the loss| · ‖H⁻¹a‖`` of every row, at the pilot's fit.

        In whitened coordinates, so that no column's unit matters.
        """
        family, rows, y = FAMILIES[self.family], problem.plain, problem.response
        assert rows is not None
        assert y is not None
        basis = basis_of(rows)
        unit = np.sqrt(rows.n)  # whitened columns of variance one
        A = basis.apply(rows.take(pilot.index)) * unit
        c = np.ones(rows.n) if problem.weight is None else problem.weight
        coef, factor = fit_glm(
            family, A, y[pilot.index], pilot.weight * c[pilot.index], float(self.C)
        )
        self.pilot_coef_ = basis.B @ (unit * coef)
        inverse, _ = lapack.dpotri(factor, lower=0)
        inverse = np.triu(inverse) + np.triu(inverse, 1).T
        out = np.empty(rows.n)
        for at, block in rows.blocks(rows_per_chunk(24 * rows.d, CALL_BYTES // 6), np.float64):
            white = basis.apply(block) * unit
            length = np.linalg.norm(white @ inverse, axis=1)
            out[at] = c[at] * np.abs(family.slope(white @ coef, y[at])) * length
        return out
