"""The SMOTE paper's own method: N % synthetic rows, then under-sampling at U %."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from sampkit._strategy import Target
from sampkit._table import Resampled, Table
from sampkit.over_sampling import SMOTE
from sampkit.over_sampling._allocation import percent_of
from sampkit.over_sampling._engine import RANDOM_STATE, SeedWeightedSampler
from sampkit.under_sampling._random import random_subset, rows_left


class SMOTEUnder(SeedWeightedSampler):
    """SMOTE at N % and random under-sampling at U %, both counted on the rare class as given.

    Parameters
    ----------
    over : float, default=100
        Synthetic rows as a percentage of the rare class, >= 0: floor(n_min over / 100) are made.
    under : float or None, default=100
        Percentage > 0; every other class keeps round(n_min 100 / under) rows, at most its own.
        n_min is the number of rare rows *before* over-sampling, so that one value of `under`
        means one number of rows whatever `over` is. None keeps all.
    k_neighbors : int, "auto" or object, default=5
        Neighbours per seed, as in :class:`sampkit.over_sampling.SMOTE`.
    minority : label, default=None
        The rare class; None: the one with the fewest rows.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness.

    Attributes
    ----------
    minority_ : label
        The rare class.
    provenance_ : Provenance
        Seed, neighbour and gap of every output row.
    nn_k_ : object
        The neighbour searcher.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    Notes
    -----
    The surviving rows of the input come first, in its order, then the synthetic ones. A pipeline
    of SMOTE and RandomUnderSampler cannot say this, because the second no longer knows n_min.

    References
    ----------
    .. [1] N. V. Chawla, K. W. Bowyer, L. O. Hall, W. P. Kegelmeyer, "SMOTE: synthetic minority
       over-sampling technique", JAIR 16, 321-357, 2002, section 4.3.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.combine import SMOTEUnder
    >>> X, y = np.random.default_rng(0).normal(size=(250, 4)), np.repeat([0, 1], [200, 50])
    >>> X_res, y_res = SMOTEUnder(over=200, under=200, random_state=0).fit_resample(X, y)
    >>> np.bincount(y_res).tolist()
    [25, 150]
    """

    _adds_rows: ClassVar[bool] = True
    _gathers: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "over": [Interval(Real, 0, None, closed="left")],
        "under": [Interval(Real, 0, None, closed="neither"), None],
        "k_neighbors": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
            HasMethods(["fit", "kneighbors"]),
        ],
        "minority": "no_validation",
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        *,
        over: float = 100,
        under: float | None = 100,
        k_neighbors: Any = 5,
        minority: Any = None,
        random_state: Any = None,
    ):
        self.over = over
        self.under = under
        self.k_neighbors = k_neighbors
        self.minority = minority
        self.random_state = random_state

    def _targets(self, target: Target) -> dict[int, int]:
        if len(target.classes) < 2:
            raise ValueError("The target 'y' needs to have more than 1 class. Got 1 class instead")
        rare = target.rarest if self.minority is None else target.code_of(self.minority)
        self.minority_ = target.labels[rare]
        return {rare: percent_of(int(target.counts[rare]), self.over)}

    def _fit_resample(
        self, table: Table, rng: np.random.Generator, seed_weights: Any = None
    ) -> Resampled:
        smote = SMOTE(k_neighbors=self.k_neighbors)
        made = smote._fit_resample(table, rng, seed_weights=seed_weights)
        self.nn_k_ = smote.nn_k_
        if self.under is None:
            return made
        (rare,) = table.targets
        left = rows_left(int(table.target.counts[rare]), self.under)
        keep = {
            code: min(left, int(count))
            for code, count in enumerate(table.target.counts)
            if code != rare
        }
        return replace(made, kept=random_subset(table.target, keep, rng))
