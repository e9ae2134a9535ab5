"""Rows in proportion to a root of their leverage, level by level."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import Interval

from sampkit.coreset._blocks import DenseRows, Rows
from sampkit.coreset._leverage import row_scores
from sampkit.coreset._row_sampler import PARAMETERS, Index, Problem, RowSampler, Selection

Vector = npt.NDArray[np.float64]


class RootLeverageSampler(RowSampler):
    """Rows by ``τ^(p/2)``, level by level: the quality of Lewis weights from leverage alone.

    Parameters
    ----------
    p : float, default=1.0
        Power of the loss ``Σ|a·x|^p``, in [1, 2].
    n_samples : int or float, default=0.1
        Rows drawn: a number >= 1, or a share in (0, 1] of all.
    n_levels : int, default=3
        Levels, >= 1: scores are computed again on the sample of every level but the last, sizes
        shrink by equal factors, weights multiply.
    eps : float or None, default=None
        Distortion wanted, > 0: the number of rows grows until :func:`subspace_distortion` finds no
        more. `n_samples` is then not used.
    scheme : {"pivotal", "systematic", "poisson", "multinomial"}, default="pivotal"
        How rows are drawn, see :func:`sample_rows`.
    order : "kd", array-like of shape (n,) or None, default="kd"
        Order that "pivotal" and "systematic" go along: :func:`spatial_order` of the whitened rows,
        a permutation of one's own, or the rows as they come.
    target : {"X", "Xy"}, default="X"
        "Xy": y is a column (or several) of the score matrix, so that the sample keeps the
        loss of every regression of y on X.
    fit_intercept : bool, default=True
        A column of ones is one of the score matrix.
    uniform_mix : float, default=0.0
        Draw in proportion to ``s / Σs + uniform_mix / n``.
    oversampling : float or None, default=None
        Draw by ``q = min(1, oversampling s)``, each row by itself (the form of the theorems);
        `n_samples` and `scheme` are then not used.
    rescale : bool, default=False
        Return rows (and y, for "Xy") times ``q^(-1/p)`` and weights of one.
    verify : bool, default=False
        Measure ``distortion_``.
    stratify : bool, default=False
        y holds classes, and every class of the sample gets its expected number of rows up to one,
        at least min(size, 2).
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness.

    Attributes
    ----------
    scores_ : ndarray of shape (n,)
        ``τ^(p/2)`` of all rows, at the first level.
    total_score_ : float
        Their sum.
    inclusion_probabilities_ : ndarray of shape (n,)
        Product of the probabilities of the levels.
    sample_indices_ : ndarray of int of shape (n_out,)
        Rows drawn, ascending.
    sample_weight_ : ndarray of shape (n_out,)
        1/q of each, for ``sample_weight`` of an estimator; ones with `rescale`.
    distortion_ : float
        With `verify` or `eps`: how far weighted norms are from those of all rows, at most; for
        p != 2 the largest found by a search.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    See Also
    --------
    LewisWeightSampler : What the levels approach.

    Notes
    -----
    One level needs ``ε⁻² n^(1 − p/2) d^(p/2)`` rows up to logarithms; many levels about d. The
    probabilities of a row are those along the way that was taken: 0 once it has been left out.

    References
    ----------
    .. [1] D. P. Woodruff, T. Yasuda, "Sharper bounds for lp sensitivity sampling", ICML 2023,
       arXiv:2306.00732.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.coreset import RootLeverageSampler
    >>> X = np.random.default_rng(0).standard_t(2, size=(3000, 4))
    >>> sampler = RootLeverageSampler(p=1.0, n_samples=100, random_state=0)
    >>> X_s, _ = sampler.fit_resample(X)
    >>> X_s.shape
    (100, 4)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **PARAMETERS,
        "p": [Interval(Real, 1, 2, closed="both")],
        "n_levels": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        p: float = 1.0,
        n_samples: int | float = 0.1,
        *,
        n_levels: int = 3,
        eps: float | None = None,
        scheme: str = "pivotal",
        order: Any = "kd",
        target: str = "X",
        fit_intercept: bool = True,
        uniform_mix: float = 0.0,
        oversampling: float | None = None,
        rescale: bool = False,
        verify: bool = False,
        stratify: bool = False,
        random_state: Any = None,
    ):
        self.p = p
        self.n_levels = n_levels
        self.n_samples = n_samples
        self.eps = eps
        self.scheme = scheme
        self.order = order
        self.target = target
        self.fit_intercept = fit_intercept
        self.uniform_mix = uniform_mix
        self.oversampling = oversampling
        self.rescale = rescale
        self.verify = verify
        self.stratify = stratify
        self.random_state = random_state

    def _power(self) -> float:
        return float(self.p)

    def _scores(self, rows: Rows, weight: Vector | None, rng: np.random.Generator) -> Vector:
        return np.asarray(row_scores(rows), dtype=np.float64) ** (self.p / 2)

    def _selected(
        self, problem: Problem, scores: Vector, size: float, rng: np.random.Generator
    ) -> Selection:
        n = problem.rows.n
        ratio = (size / n) ** (1.0 / self.n_levels)
        here, chosen, weight, reached = problem, np.arange(n), np.ones(n), np.ones(n)
        for level in range(1, self.n_levels + 1):
            last = level == self.n_levels
            part = super()._selected(here, scores, size if last else n * ratio**level, rng)
            q = part.q * reached[chosen]
            reached = np.zeros(n)
            reached[chosen] = q
            weight = weight[part.index] * part.weight
            chosen = chosen[part.index]
            if not last:
                here = _rest(problem, chosen, weight, float(self.p))
                scores = self._mixed(self._scores(here.rows, None, rng))
        return Selection(chosen, weight, reached)


def _rest(problem: Problem, chosen: Index, weight: Vector, p: float) -> Problem:
    """The rows chosen so far, rescaled, as a problem of their own."""
    rows = DenseRows(problem.rows.take(chosen) * weight[:, None] ** (1.0 / p))
    order = problem.order
    if order is not None:
        place = np.full(problem.rows.n, -1)
        place[chosen] = np.arange(len(chosen))
        order = place[order][place[order] >= 0]
    codes = None if problem.codes is None else problem.codes[chosen]
    return Problem(rows, codes, order)
