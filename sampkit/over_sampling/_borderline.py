"""Borderline-SMOTE: only rows that the other classes press hard are seeds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import StrOptions

from sampkit._table import Table
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


class BorderlineSMOTE(SyntheticSampler):
    """SMOTE from the rows in danger: at least half, but not all, of their neighbours are foreign.

    Parameters
    ----------
    sampling_strategy : str, float, dict or callable, default="auto"
        Which classes get how many rows, see :func:`sampkit.base.sampling_targets`.
    k_neighbors : int, "auto" or object, default=5
        Neighbours to interpolate towards, as in :class:`SMOTE`.
    m_neighbors : int or object, default=10
        Neighbours in the whole table that decide whether a row is in danger.
    kind : {"borderline-1", "borderline-2"}, default="borderline-1"
        "borderline-1" moves towards neighbours of the same class; "borderline-2" towards neighbours
        of any class, at most half the way where the class differs.
    allocation : {"balanced", "random"}, default="balanced"
        How often each row in danger is a seed, see :func:`allocate_seeds`.
    constraints : dict, default=None
        What new values must satisfy, as in :class:`SMOTE`.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class -> number of synthetic rows asked for.
    in_danger_indices : dict
        Class -> row numbers in danger, ascending. A class without any is not listed and stays
        as it is.
    provenance_ : Provenance
        Seed, neighbour and gap of every output row.
    nn_k_, nn_m_ : object
        The neighbour searchers.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    Notes
    -----
    One search of the targeted classes' rows in the whole table, 2 n_c n d flops, then SMOTE's.

    References
    ----------
    .. [1] H. Han, W.-Y. Wang, B.-H. Mao, "Borderline-SMOTE: a new over-sampling method in
       imbalanced data sets learning", ICIC 2005, 878-887.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sampkit.over_sampling import BorderlineSMOTE
    >>> X, y = make_classification(300, weights=[0.8], class_sep=0.5, random_state=0)
    >>> sampler = BorderlineSMOTE(random_state=0)
    >>> X_res, y_res = sampler.fit_resample(X, y)
    >>> int((y_res == 1).sum()) == int((y_res == 0).sum())
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "sampling_strategy": STRATEGY,
        "k_neighbors": [*NEIGHBORS, StrOptions({"auto"})],
        "m_neighbors": NEIGHBORS,
        "kind": [StrOptions({"borderline-1", "borderline-2"})],
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
        kind: str = "borderline-1",
        allocation: str = "balanced",
        constraints: dict[Any, Any] | None = None,
        random_state: Any = None,
    ):
        self.sampling_strategy = sampling_strategy
        self.k_neighbors = k_neighbors
        self.m_neighbors = m_neighbors
        self.kind = kind
        self.allocation = allocation
        self.constraints = constraints
        self.random_state = random_state

    def _searchers(self) -> None:
        super()._searchers()
        self.nn_m_ = searcher(self.m_neighbors)
        self.in_danger_indices: dict[Any, Any] = {}

    def _pools(
        self, table: Table, code: int, size: int, rng: np.random.Generator, weights: Any
    ) -> Iterator[Pool]:
        rows, codes = table.target.rows(code), table.target.codes
        m = resolve_k(self.m_neighbors, table.n_rows, "the table", "m_neighbors")
        foreign = other_class_counts(table, self.nn_m_, m, rows)
        danger = rows[(foreign >= m / 2) & (foreign < m)]
        if not len(danger):
            return
        self.in_danger_indices[table.target.labels[code]] = danger
        if self.kind == "borderline-1":
            yield Pool(danger, size, rows)
        else:
            yield Pool(
                danger,
                size,
                None,
                bend=lambda gap, seed, nn: np.where(codes[nn] == code, gap, gap / 2),
            )
