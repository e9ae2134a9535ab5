"""ADASYN: rows that are hard to learn get more synthetic rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from sampkit._table import Table
from sampkit.over_sampling._engine import (
    NEIGHBORS,
    RANDOM_STATE,
    STRATEGY,
    Pool,
    SyntheticSampler,
    other_class_counts,
    resolve_k,
    searcher,
)


class ADASYN(SyntheticSampler):
    """Adaptive synthetic sampling: more rows from seeds with more neighbours of other classes.

    Parameters
    ----------
    sampling_strategy : str, float, dict or callable, default="auto"
        Which classes get how many rows, see :func:`sampkit.base.sampling_targets`; the numbers are
        met up to rounding.
    n_neighbors : int or object, default=5
        Neighbours in the whole table that measure how hard a row is, and neighbours in the class
        to interpolate towards. Objects as in :class:`SMOTE`.
    constraints : dict, default=None
        What new values must satisfy, as in :class:`SMOTE`.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class -> number of synthetic rows asked for.
    provenance_ : Provenance
        Seed, neighbour and gap of every output row.
    nn_ : object
        The neighbour searcher.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    Notes
    -----
    Row i of the class, with share r_i of foreign neighbours, is the seed of rint(r_i / sum(r) m)
    rows; the total differs from m by at most half a row per seed. ``seed_weights`` multiply r.

    References
    ----------
    .. [1] H. He, Y. Bai, E. A. Garcia, S. Li, "ADASYN: adaptive synthetic sampling approach for
       imbalanced learning", IJCNN 2008, 1322-1328.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sampkit.over_sampling import ADASYN
    >>> X, y = make_classification(300, weights=[0.8], class_sep=0.5, random_state=0)
    >>> sampler = ADASYN(random_state=0)
    >>> X_res, y_res = sampler.fit_resample(X, y)
    >>> abs(int((y_res == 1).sum()) - int((y_res == 0).sum())) <= int((y == 1).sum()) / 2
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "sampling_strategy": STRATEGY,
        "n_neighbors": NEIGHBORS,
        "constraints": [dict, None],
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        n_neighbors: Any = 5,
        constraints: dict[Any, Any] | None = None,
        random_state: Any = None,
    ):
        self.sampling_strategy = sampling_strategy
        self.n_neighbors = n_neighbors
        self.constraints = constraints
        self.random_state = random_state

    def _searchers(self) -> None:
        self.nn_ = searcher(self.n_neighbors)

    @property
    def _searcher(self) -> Any:
        return self.nn_

    def _k(self, n_rows: int, where: str) -> int:
        return resolve_k(self.n_neighbors, n_rows, where, "n_neighbors")

    def _pools(
        self, table: Table, code: int, size: int, rng: np.random.Generator, weights: Any
    ) -> Iterator[Pool]:
        rows = table.target.rows(code)
        k = self._k(table.n_rows, "the table")
        hardness = other_class_counts(table, self.nn_, k, rows) / k
        if weights is not None:
            hardness = hardness * (weights[rows] / weights[rows].max())
        if not hardness.any():
            raise RuntimeError(
                "Not any neigbours belong to the majority class. This case will induce a NaN case "
                "with a division by zero. ADASYN is not suited for this specific dataset. Use "
                f"SMOTE instead. (class {table.target.labels[code]!r})"
            )
        counts = np.rint(hardness / hardness.sum() * size).astype(np.intp)
        if not counts.any():
            raise ValueError(
                "No samples will be generated with the provided ratio settings. (class "
                f"{table.target.labels[code]!r}: {size} rows over {len(rows)} seeds)"
            )
        yield Pool(rows, int(counts.sum()), rows, counts=counts)
