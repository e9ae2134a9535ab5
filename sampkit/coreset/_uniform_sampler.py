"""Uniform rows, with everything else that the row samplers do."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.coreset._blocks import Rows
from sampkit.coreset._row_sampler import RowSampler
from sampkit.coreset._whiten import basis_of

Vector = npt.NDArray[np.float64]


class UniformRowSampler(RowSampler):
    """Every row alike: what the other row samplers have to beat.

    Parameters
    ----------
    n_samples : int or float, default=0.1
        Rows drawn: a number >= 1, or a share in (0, 1] of all.
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
        1, or the observation weight, of every row.
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
    LeverageScoreSampler : Rows in proportion to their leverage.

    Notes
    -----
    All scores are 1 (with observation weights: the weights). Along the k-d order of whitened rows
    even uniform rows are spread over all directions. Distortion is measured at p = 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.coreset import UniformRowSampler
    >>> X = np.random.default_rng(0).normal(size=(1000, 3))
    >>> sampler = UniformRowSampler(n_samples=50, random_state=0)
    >>> X_s, _ = sampler.fit_resample(X)
    >>> X_s.shape, float(sampler.sample_weight_.sum())
    ((50, 3), 1000.0)
    """

    def __init__(
        self,
        n_samples: int | float = 0.1,
        *,
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

    def _scores(self, rows: Rows, weight: Vector | None, rng: np.random.Generator) -> Vector:
        if isinstance(self.order, str) or self.verify or self.eps is not None:
            basis_of(rows)  # needed later; refuses NaN and infinity
        else:
            rows.column_max()
        return np.ones(rows.n) if weight is None else weight
