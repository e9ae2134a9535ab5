"""Rows in proportion to their lp sensitivities."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import Interval, StrOptions

from sampkit.coreset._blocks import Rows
from sampkit.coreset._leverage import row_scores
from sampkit.coreset._row_sampler import PARAMETERS, RowSampler
from sampkit.coreset._sensitivity import METHODS, row_sensitivities
from sampkit.coreset._split import split_counts
from sampkit.coreset._views import WeightedRows

Vector = npt.NDArray[np.float64]


class LpSensitivitySampler(RowSampler):
    """Rows in proportion to their lp sensitivities: fewest rows where few rows matter and p > 2.

    Parameters
    ----------
    p : float, default=1.0
        Power of the loss ``Σ|a·x|^p``, >= 1.
    n_samples : int or float, default=0.1
        Rows drawn: a number >= 1, or a share in (0, 1] of all.
    combine : {None, "leverage"}, default="leverage"
        "leverage": sensitivities plus leverage scores, for p > 2 those of the flattened matrix, in
        which rows are split until no sensitivity is above the average. None: plain sensitivities,
        which for p < 2 can need more rows than Lewis weights.
    method : {"auto", "exact", "compressed", "lewis"}, default="auto"
        How sensitivities are computed, see :func:`lp_sensitivities`.
    tol : float, default=0.1
        Relative gap of their bounds.
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
        Sensitivities (plus leverage scores), before `uniform_mix`.
    total_score_ : float
        Their sum.
    inclusion_probabilities_ : ndarray of shape (n,)
        ``min(1, c s)`` of every row, of sum `n_samples`.
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
    lp_sensitivities : The scores.

    Notes
    -----
    With total sensitivity 𝔖, ``ε⁻² (𝔖 + d)`` rows up to logarithms for p <= 2 and
    ``ε⁻² d^(2/p) 𝔖^(2 − 4/p)`` for p > 2 with ``combine="leverage"``.

    References
    ----------
    .. [1] D. P. Woodruff, T. Yasuda, "Sharper bounds for lp sensitivity sampling", ICML 2023,
       arXiv:2306.00732.
    .. [2] A. Munteanu, S. Omlor, "Optimal bounds for lp sensitivity sampling via l2 augmentation",
       ICML 2024, arXiv:2406.00328.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.coreset import LpSensitivitySampler
    >>> X = np.random.default_rng(0).normal(size=(600, 3))
    >>> sampler = LpSensitivitySampler(p=4, n_samples=100, random_state=0)
    >>> X_s, _ = sampler.fit_resample(X)
    >>> X_s.shape
    (100, 3)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **PARAMETERS,
        "p": [Interval(Real, 1, None, closed="left")],
        "combine": [StrOptions({"leverage"}), None],
        "method": [StrOptions(set(METHODS))],
        "tol": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        p: float = 1.0,
        n_samples: int | float = 0.1,
        *,
        combine: str | None = "leverage",
        method: str = "auto",
        tol: float = 0.1,
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
        self.combine = combine
        self.method = method
        self.tol = tol
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
        p = float(self.p)
        scores = row_sensitivities(rows, p, method=self.method, tol=self.tol, rng=rng)
        if self.combine is None:
            return scores
        if p <= 2:
            return scores + row_scores(rows)
        copies = split_counts(scores)
        return scores + row_scores(WeightedRows(rows, copies ** (1 - 2 / p)))
