"""Rows in proportion to their leverage."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import Interval, StrOptions

from sampkit.coreset._blocks import Rows
from sampkit.coreset._input import checked_integer, rows_of_container
from sampkit.coreset._leverage import row_scores
from sampkit.coreset._row_sampler import PARAMETERS, RowSampler
from sampkit.coreset._views import centred

Vector = npt.NDArray[np.float64]


class LeverageScoreSampler(RowSampler):
    """Rows in proportion to their leverage: for least squares, and with a ridge for low rank.

    Parameters
    ----------
    n_samples : int or float, default=0.1
        Rows drawn: a number >= 1, or a share in (0, 1] of all.
    ridge : float or "tail", default=0.0
        Ridge >= 0 of the scores. "tail", with `rank`: the ridge that keeps projection costs.
    rank : int or None, default=None
        Scores of the leading singular vectors only (with "tail": of the ridge for this rank).
    center : bool, default=False
        Subtract the column means first, for principal components; there is then no column of
        ones, whatever `fit_intercept` says.
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
        Return rows (and y, for "Xy") times ``q^(-1/p)`` and weights of one (here p = 2).
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
        Leverage scores.
    total_score_ : float
        Their sum.
    inclusion_probabilities_ : ndarray of shape (n,)
        ``min(1, c s)`` of every row, of sum `n_samples`.
    sample_indices_ : ndarray of int of shape (n_out,)
        Rows drawn, ascending.
    sample_weight_ : ndarray of shape (n_out,)
        1/q of each, for ``sample_weight`` of an estimator; ones with `rescale`.
    distortion_ : float
        With `verify` or `eps`: how far weighted norms are from those of all rows, at most.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    See Also
    --------
    leverage_scores : The scores.
    LewisWeightSampler : For ``‖Ax‖_p`` with p other than 2.

    Notes
    -----
    About ``d log d / ε²`` rows keep every ``‖Ax‖₂`` within 1 ± ε; with ``ridge="tail"`` about
    ``k log k / ε²`` rows keep the cost of every projection of rank k.

    References
    ----------
    .. [1] M. B. Cohen, C. Musco, C. Musco, "Input sparsity time low-rank approximation via ridge
       leverage score sampling", SODA 2017.
    .. [2] A. Shimizu, X. Cheng, C. Musco, J. Weare, "Improved active learning via dependent
       leverage score sampling", ICLR 2024, arXiv:2310.04966.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.coreset import LeverageScoreSampler
    >>> X = np.random.default_rng(0).standard_t(3, size=(2000, 5))
    >>> sampler = LeverageScoreSampler(n_samples=200, verify=True, random_state=0)
    >>> X_s, _ = sampler.fit_resample(X)
    >>> X_s.shape, sampler.distortion_ < 0.2
    ((200, 5), True)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **PARAMETERS,
        "ridge": [Interval(Real, 0, None, closed="left"), StrOptions({"tail"})],
        "rank": [Interval(Integral, 1, None, closed="left"), None],
        "center": ["boolean"],
    }

    def __init__(
        self,
        n_samples: int | float = 0.1,
        *,
        ridge: float | str = 0.0,
        rank: int | None = None,
        center: bool = False,
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
        self.ridge = ridge
        self.rank = rank
        self.center = center
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

    def _score_rows(self, container: Any, sample_weight: Vector | None, extra: Any) -> Rows:
        ones = self.fit_intercept or self.center
        rows = rows_of_container(
            container, sample_weight=sample_weight, fit_intercept=ones, extra=extra
        )
        return centred(rows) if self.center else rows

    def _scores(self, rows: Rows, weight: Vector | None, rng: np.random.Generator) -> Vector:
        if self.rank is not None:
            checked_integer(self.rank, "rank", 1, min(rows.n, rows.d))
        elif self.ridge == "tail":
            raise ValueError("rank must be given for ridge='tail', got None.")
        return np.asarray(row_scores(rows, ridge=self.ridge, rank=self.rank))
