"""SVM-SMOTE: the support vectors of a class are its seeds."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone
from sklearn.svm import SVC
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from sampkit._random_state import sub_random_state
from sampkit._table import Resampled, Table
from sampkit.over_sampling._engine import (
    ALLOCATION,
    NEIGHBORS,
    RANDOM_STATE,
    STRATEGY,
    Pool,
    SyntheticSampler,
    other_class_counts,
    resolve_k,
    searcher,
)


class SVMSMOTE(SyntheticSampler):
    """SMOTE from support vectors: inwards where the class is safe, between where it is not.

    Support vectors whose neighbours are all of other classes are noise and left out. From those
    in danger (at least half foreign neighbours) new rows are interpolated; from the safe ones
    they are extrapolated, away from the neighbour, to widen the class.

    Parameters
    ----------
    sampling_strategy : str, float, dict or callable, default="auto"
        Which classes get how many rows, see :func:`sampkit.base.sampling_targets`.
    k_neighbors : int, "auto" or object, default=5
        Neighbours of the same class that give the direction, as in :class:`SMOTE`.
    m_neighbors : int or object, default=10
        Neighbours in the whole table that decide between noise, danger and safe.
    svm_estimator : estimator, default=None
        Classifier with a fitted attribute ``support_``; None: ``SVC(gamma="scale")``. Cloned.
    out_step : float, default=0.5
        Largest step of the extrapolation, as a share of the way to the neighbour, in [0, 1].
    allocation : {"balanced", "random"}, default="balanced"
        How often each support vector is a seed, see :func:`allocate_seeds`.
    constraints : dict, default=None
        What new values must satisfy, as in :class:`SMOTE`; extrapolation can leave the range of
        the data.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class -> number of synthetic rows.
    svm_estimator_ : estimator
        The fitted support vector machine.
    provenance_ : Provenance
        Seed, neighbour and gap of every output row; the gap is negative for extrapolation.
    nn_k_, nn_m_ : object
        The neighbour searchers.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    Notes
    -----
    The machine is fitted once, which is the larger part of the time: between n**2 and n**3.

    References
    ----------
    .. [1] H. M. Nguyen, E. W. Cooper, K. Kamei, "Borderline over-sampling for imbalanced data
       classification", IWCIA 2009, 24-29.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sampkit.over_sampling import SVMSMOTE
    >>> X, y = make_classification(300, weights=[0.9], random_state=0)
    >>> X_res, y_res = SVMSMOTE(random_state=0).fit_resample(X, y)
    >>> int((y_res == 1).sum()) == int((y_res == 0).sum())
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "sampling_strategy": STRATEGY,
        "k_neighbors": [*NEIGHBORS, StrOptions({"auto"})],
        "m_neighbors": NEIGHBORS,
        "svm_estimator": [HasMethods(["fit", "predict"]), None],
        "out_step": [Interval(Real, 0, 1, closed="both")],
        "allocation": ALLOCATION,
        "constraints": [dict, None],
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        k_neighbors: Any = 5,
        m_neighbors: Any = 10,
        svm_estimator: Any = None,
        out_step: float = 0.5,
        allocation: str = "balanced",
        constraints: dict[Any, Any] | None = None,
        random_state: Any = None,
    ):
        self.sampling_strategy = sampling_strategy
        self.k_neighbors = k_neighbors
        self.m_neighbors = m_neighbors
        self.svm_estimator = svm_estimator
        self.out_step = out_step
        self.allocation = allocation
        self.constraints = constraints
        self.random_state = random_state

    def _searchers(self) -> None:
        super()._searchers()
        self.nn_m_ = searcher(self.m_neighbors)

    def _fit_resample(
        self, table: Table, rng: np.random.Generator, seed_weights: Any = None
    ) -> Resampled:
        svm = self._machine(rng)
        self.svm_estimator_ = svm.fit(table.matrix, table.target.classes[table.target.codes])
        if not hasattr(self.svm_estimator_, "support_"):
            raise RuntimeError(
                "`svm_estimator` is required to exposed a `support_` fitted attribute. Such "
                "estimator belongs to the familly of Support Vector Machine. Got "
                f"{type(svm).__name__}."
            )
        return super()._fit_resample(table, rng, seed_weights=seed_weights)

    def _machine(self, rng: np.random.Generator) -> Any:
        if self.svm_estimator is not None:
            return clone(self.svm_estimator)
        # without a seed of its own it moves NumPy's global stream, though it needs no chance
        return SVC(gamma="scale", random_state=sub_random_state(self.random_state, rng))

    def _pools(
        self, table: Table, code: int, size: int, rng: np.random.Generator, weights: Any
    ) -> Iterator[Pool]:
        support = np.sort(self.svm_estimator_.support_)
        support = support[table.target.codes[support] == code]
        m = resolve_k(self.m_neighbors, table.n_rows, "the table", "m_neighbors")
        foreign = other_class_counts(table, self.nn_m_, m, support)
        support, foreign = support[foreign < m], foreign[foreign < m]
        if not len(support):
            raise ValueError(
                "All support vectors are considered as noise. SVM-SMOTE is not adapted to your "
                f"dataset. Try another SMOTE variant. (class {table.target.labels[code]!r})"
            )
        safe = support[foreign < m / 2]
        yield Pool(
            support,
            size,
            table.target.rows(code),
            bend=lambda gap, seed, nn: np.where(np.isin(seed, safe), -self.out_step * gap, gap),
        )
