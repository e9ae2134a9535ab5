"""Regression by repeated random subsets."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_array, column_or_1d

from sampkit.subset._estimator import RepeatedSubsetEstimator, Rows

__all__ = ["RepeatedSubsetRegressor"]


class RepeatedSubsetRegressor(RepeatedSubsetEstimator, RegressorMixin, BaseEstimator):
    """Regressor trained on a fresh random subset every round.

    Parameters
    ----------
    estimator : estimator instance
        Regressor with ``partial_fit``. Cloned at ``fit``; where it has no seed it gets one.
    subset_size : float in (0, 1] or int in [1, n_samples], default=0.1
        Rows of a round: a share of all rows, or their number.
    n_rounds : int >= 1, default=50
        Rounds, each one call of ``partial_fit``.
    replacement : bool, default=False
        Whether rows may come back before all others have been trained on.
    lr_schedule : {"cosine", "linear"}, callable or None, default=None
        Factor of the estimator's own learning rate in every round; see `RepeatedSubsetClassifier`.
    block_rows : int >= 1 or None, default=None
        Draw blocks of so many consecutive rows instead of rows. Warns if rows of a block are alike.
    set_lr : callable (estimator, multiplier) or None, default=None
        Sets the rate of an estimator whose rate is not known how to set.
    warm_start : bool, default=False
        Whether ``fit`` goes on after the last whole round, until `n_rounds` are done in all.
    random_state : None, int, SeedSequence, Generator or RandomState, default=None
        Seed of the subsets, and of an estimator without one.

    Attributes
    ----------
    estimator_ : estimator instance
        The trained estimator.
    n_rounds_ : int
        Whole rounds done.
    n_samples_seen_ : int
        Rows trained on, repeated ones counted again.
    bytes_read_ : int
        Bytes of these rows.
    history_ : list of dict
        One entry a round: ``round``, ``seconds``, ``n_seen``, ``bytes_read``, ``eval_score``.
    n_features_in_ : int
        Number of features, if the estimator tells.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if they had names and the estimator tells.

    See Also
    --------
    RepeatedSubsetClassifier : The same for classes; says more of every parameter.

    Notes
    -----
    `y` may have several columns where the estimator takes them.

    References
    ----------
    .. [1] P. Okanovic et al., "Repeated random sampling for minimizing the time-to-accuracy of
       learning", ICLR 2024, arXiv:2305.18424.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn.linear_model import SGDRegressor
    >>> from sampkit.subset import RepeatedSubsetRegressor
    >>> X, y = make_regression(5000, 10, noise=1.0, random_state=0)
    >>> line = SGDRegressor(learning_rate="constant", eta0=0.01)
    >>> model = RepeatedSubsetRegressor(
    ...     line, 0.05, n_rounds=40, lr_schedule="linear", random_state=0
    ... )
    >>> model.fit(X, y).score(X, y) > 0.99
    True
    """

    def __init__(
        self,
        estimator: Any,
        subset_size: float = 0.1,
        n_rounds: int = 50,
        *,
        replacement: bool = False,
        lr_schedule: Any = None,
        block_rows: int | None = None,
        set_lr: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.subset_size = subset_size
        self.n_rounds = n_rounds
        self.replacement = replacement
        self.lr_schedule = lr_schedule
        self.block_rows = block_rows
        self.set_lr = set_lr
        self.warm_start = warm_start
        self.random_state = random_state

    def _target(self, y: Any, resumes: bool) -> Rows:
        values: Rows = check_array(y, ensure_2d=False, dtype="numeric", input_name="y")
        if values.ndim == 2 and values.shape[1] > 1:
            return values  # the estimator refuses them if it cannot
        return column_or_1d(values, warn=True)

    def _comparable(self, target: Rows) -> Rows:
        """Numbers; of several columns, their projection on the one that varies most."""
        if target.ndim == 1:
            return target.astype(np.float64)
        spread: Rows = target.std(axis=0)
        return target[:, int(np.argmax(spread))].astype(np.float64)
