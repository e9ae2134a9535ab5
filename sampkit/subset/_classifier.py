"""Classification by repeated random subsets."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _estimator_has, check_is_fitted

from sampkit.subset._estimator import RepeatedSubsetEstimator, Rows
from sampkit.subset._rounds import checked_codes

__all__ = ["RepeatedSubsetClassifier"]


class RepeatedSubsetClassifier(RepeatedSubsetEstimator, ClassifierMixin, BaseEstimator):
    """Classifier trained on a fresh random subset every round.

    The accuracy of many passes over the data at the price of a few: every round costs a share of a
    pass, and over the rounds all rows are seen.

    Parameters
    ----------
    estimator : estimator instance
        Classifier with ``partial_fit``. Cloned at ``fit``; where it has no seed it gets one.
    subset_size : float in (0, 1] or int in [1, n_samples], default=0.1
        Rows of a round: a share of all rows, or their number.
    n_rounds : int >= 1, default=50
        Rounds, each one call of ``partial_fit``.
    replacement : bool, default=False
        Whether rows may come back before all others have been trained on.
    stratify : bool, default=False
        Give every class its share of each round, exactly over the rounds: `iter_random_subsets`.
    lr_schedule : {"cosine", "linear"}, callable or None, default=None
        Factor of the estimator's own learning rate in round t = 0 ... n_rounds - 1, from
        s = t / n_rounds: "cosine" is (1 + cos(pi s)) / 2, "linear" 1 - s, a callable is called with
        s. So the rate falls over the budget that is run, not over that of a full training. Known
        for ``MLP*``, for ``SGD*`` with ``learning_rate`` "constant", "pa1" or "pa2", for
        ``Perceptron`` and ``PassiveAggressive*``.
    block_rows : int >= 1 or None, default=None
        Draw blocks of so many consecutive rows instead of rows, for data on a disk: see
        `iter_block_subsets`. Warns if rows of a block are alike.
    set_lr : callable (estimator, multiplier) or None, default=None
        Sets the rate of an estimator of another kind; called before every round with the value of
        `lr_schedule`.
    warm_start : bool, default=False
        Whether ``fit`` goes on after the last whole round, until `n_rounds` are done in all, with
        the same estimator, stream of subsets, schedule and history. What is stopped and resumed is
        the same as what was not interrupted.
    random_state : None, int, SeedSequence, Generator or RandomState, default=None
        Seed of the subsets, and of an estimator without one.

    Attributes
    ----------
    estimator_ : estimator instance
        The trained estimator.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_rounds_ : int
        Whole rounds done.
    n_samples_seen_ : int
        Rows trained on, repeated ones counted again.
    bytes_read_ : int
        Bytes of these rows. `read_cost` says what a disk reads for them.
    history_ : list of dict
        One entry a round: ``round``; ``seconds`` since the start of ``fit``, scoring not counted;
        ``n_seen`` and ``bytes_read`` so far; ``eval_score``, None without `eval_set`.
    n_features_in_ : int
        Number of features, if the estimator tells.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if they had names and the estimator tells.

    See Also
    --------
    RepeatedSubsetRegressor : The same for numbers.
    iter_random_subsets : The subsets, for any other training loop.
    TimeToAccuracyDisplay : Scores against seconds, rows and bytes.

    Notes
    -----
    Beside ``partial_fit`` a round costs O(k) for k rows to draw and gather (one copy of them), and
    a copy of the estimator to come back to if the round is interrupted.

    References
    ----------
    .. [1] P. Okanovic et al., "Repeated random sampling for minimizing the time-to-accuracy of
       learning", ICLR 2024, arXiv:2305.18424.

    Examples
    --------
    Forty rounds of 5 % are two passes over the data:

    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.neural_network import MLPClassifier
    >>> from sampkit.subset import RepeatedSubsetClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0)
    >>> network = MLPClassifier(64, solver="sgd", learning_rate_init=0.1, batch_size=16)
    >>> model = RepeatedSubsetClassifier(
    ...     network, 0.05, n_rounds=80, lr_schedule="cosine", random_state=0
    ... )
    >>> model.fit(X, y).score(X_test, y_test) > 0.9
    True
    >>> model.n_samples_seen_ / len(X)
    3.9...
    """

    def __init__(
        self,
        estimator: Any,
        subset_size: float = 0.1,
        n_rounds: int = 50,
        *,
        replacement: bool = False,
        stratify: bool = False,
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
        self.stratify = stratify
        self.lr_schedule = lr_schedule
        self.block_rows = block_rows
        self.set_lr = set_lr
        self.warm_start = warm_start
        self.random_state = random_state

    def _target(self, y: Any, resumes: bool) -> Rows:
        labels: Rows = column_or_1d(y, warn=True)
        if labels.dtype.kind == "f":
            assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        classes = np.unique(labels)
        if not resumes:
            self.classes_ = classes
        elif unknown := sorted(set(classes.tolist()) - set(self.classes_.tolist()), key=repr):
            raise ValueError(
                f"warm_start=True goes on with the classes of the first fit; y has also "
                f"{unknown[:5]}."
            )
        return labels

    def _first_call(self) -> dict[str, Any]:
        return {"classes": self.classes_}

    def _codes(self, target: Rows) -> npt.NDArray[np.intp]:
        return checked_codes(target, target.size)

    def _comparable(self, target: Rows) -> Rows:
        return np.searchsorted(self.classes_, target)

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X: Any) -> npt.NDArray[Any]:
        """Probability of each class for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            What ``estimator_.predict_proba`` returns; columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @available_if(_estimator_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> npt.NDArray[Any]:
        """Logarithm of the probability of each class for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            What ``estimator_.predict_log_proba`` returns.
        """
        check_is_fitted(self)
        return self.estimator_.predict_log_proba(X)

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X: Any) -> npt.NDArray[Any]:
        """Confidence for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
            What ``estimator_.decision_function`` returns.
        """
        check_is_fitted(self)
        return self.estimator_.decision_function(X)
