"""K-Means SMOTE: SMOTE inside the clusters where the class is at home, sparse ones first."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics import pairwise_distances_chunked
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
    resolve_k,
)


class KMeansSMOTE(SyntheticSampler):
    """SMOTE within the clusters that hold enough of the class; sparse clusters get more rows.

    Parameters
    ----------
    sampling_strategy : str, float, dict or callable, default="auto"
        Which classes get how many rows, see :func:`sampkit.base.sampling_targets`.
    k_neighbors : int, "auto" or object, default=2
        Neighbours of the same class and cluster, as in :class:`SMOTE`.
    kmeans_estimator : int, estimator or None, default=None
        A clusterer (cloned), or the number of clusters of ``MiniBatchKMeans``; None: its 8.
    cluster_balance_threshold : float or "auto", default="auto"
        A cluster is used when the class makes up at least this share of it. "auto": half the
        class's share in all the rows asked for. Above 1 no cluster is.
    density_exponent : float or "auto", default="auto"
        Exponent of the mean distance in a cluster's sparsity; "auto": 0.16 (log_1.6 n_j)^1.8 for
        n_j rows of the class.
    allocation : {"balanced", "random"}, default="balanced"
        How often each row of a cluster is a seed, see :func:`allocate_seeds`.
    constraints : dict, default=None
        What new values must satisfy, as in :class:`SMOTE`.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness, also of the default clusterer.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class -> number of synthetic rows.
    kmeans_estimator_ : estimator
        The fitted clusterer.
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
    The table is clustered once. A cluster's sparsity is (mean distance between the class's
    rows)^e / n_j; its rows are its share of all sparsities, rounded by largest remainders, so
    that the total is exact. With one cluster the rows are those of SMOTE.

    References
    ----------
    .. [1] F. Last, G. Douzas, F. Bacao, "Oversampling for imbalanced learning based on k-means
       and SMOTE", arXiv:1711.00837, 2017.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sampkit.over_sampling import KMeansSMOTE
    >>> X, y = make_blobs([100, 30, 100], centers=[(-9, 0), (0, 0), (9, 0)], random_state=0)
    >>> X_res, y_res = KMeansSMOTE(sampling_strategy={1: 80}, random_state=0).fit_resample(X, y)
    >>> int((y_res == 1).sum())
    80
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "sampling_strategy": STRATEGY,
        "k_neighbors": [*NEIGHBORS, StrOptions({"auto"})],
        "kmeans_estimator": [
            HasMethods(["fit", "predict"]),
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
        "cluster_balance_threshold": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "density_exponent": [StrOptions({"auto"}), Interval(Real, None, None, closed="neither")],
        "allocation": ALLOCATION,
        "constraints": [dict, None],
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        k_neighbors: Any = 2,
        kmeans_estimator: Any = None,
        cluster_balance_threshold: Any = "auto",
        density_exponent: Any = "auto",
        allocation: str = "balanced",
        constraints: dict[Any, Any] | None = None,
        random_state: Any = None,
    ):
        self.sampling_strategy = sampling_strategy
        self.k_neighbors = k_neighbors
        self.kmeans_estimator = kmeans_estimator
        self.cluster_balance_threshold = cluster_balance_threshold
        self.density_exponent = density_exponent
        self.allocation = allocation
        self.constraints = constraints
        self.random_state = random_state

    def _fit_resample(
        self, table: Table, rng: np.random.Generator, seed_weights: Any = None
    ) -> Resampled:
        self.kmeans_estimator_ = self._clusterer(rng).fit(table.matrix)
        self._cluster = self.kmeans_estimator_.predict(table.matrix)
        try:
            return super()._fit_resample(table, rng, seed_weights=seed_weights)
        finally:
            del self._cluster

    def _clusterer(self, rng: np.random.Generator) -> Any:
        given = self.kmeans_estimator
        if given is not None and not isinstance(given, Integral):
            return clone(given)
        settings = {} if given is None else {"n_clusters": int(given)}
        return MiniBatchKMeans(random_state=sub_random_state(self.random_state, rng), **settings)

    def _pools(
        self, table: Table, code: int, size: int, rng: np.random.Generator, weights: Any
    ) -> Iterator[Pool]:
        rows = table.target.rows(code)
        homes = self._homes(table, code, size, rows)
        if weights is not None:
            homes = [home for home in homes if weights[home].any()]
        if not homes:
            raise RuntimeError(
                "No clusters found with sufficient samples of class "
                f"{table.target.labels[code]!r}. Try lowering the cluster_balance_threshold or "
                "increasing the number of clusters."
            )
        sparsity = [1.0] if len(homes) == 1 else [self._sparsity(table.matrix[h]) for h in homes]
        if weights is not None:
            sparsity = [s * weights[home].mean() for s, home in zip(sparsity, homes, strict=True)]
        for home, share in zip(homes, largest_remainders(sparsity, size), strict=True):
            if share:
                yield Pool(home, int(share), home)

    def _homes(
        self, table: Table, code: int, size: int, rows: npt.NDArray[np.intp]
    ) -> list[npt.NDArray[np.intp]]:
        """The class's rows in every cluster that is used."""
        totals = np.bincount(self._cluster)
        if getattr(self.kmeans_estimator_, "n_clusters", np.count_nonzero(totals)) == 1:
            return [rows]
        threshold = self.cluster_balance_threshold
        if isinstance(threshold, str):
            threshold = size / sum(table.targets.values()) / 2
        homes = []
        for cluster in np.flatnonzero(totals):
            home = rows[self._cluster[rows] == cluster]
            enough = len(home) > (
                1
                if isinstance(self.k_neighbors, str)
                else resolve_k(self.k_neighbors, np.iinfo(np.intp).max, "")
            )
            if enough and len(home) / totals[cluster] >= threshold:
                homes.append(home)
        return homes

    def _sparsity(self, X: Any) -> float:
        n = X.shape[0]
        blocks = pairwise_distances_chunked(X, reduce_func=lambda D, _: D.sum(axis=1))
        total = float(sum(block.sum() for block in blocks))
        exponent = self.density_exponent
        if isinstance(exponent, str):
            exponent = 0.16 * (np.log(n) / np.log(1.6)) ** 1.8
        with np.errstate(divide="ignore", over="ignore"):
            return float(np.float64(total / (n * (n - 1))) ** exponent / n)


def largest_remainders(shares: npt.ArrayLike, total: int) -> npt.NDArray[np.intp]:
    """Whole numbers in proportion to `shares` that sum to `total`; equal where all are zero."""
    w = np.asarray(shares, dtype=np.float64)
    if np.isinf(w).any():  # an infinite sparsity outweighs every finite one
        w = np.isinf(w).astype(np.float64)
    if not w.any():
        w = np.ones_like(w)
    wanted = total * (w / w.max()) / (w / w.max()).sum()
    counts = np.floor(wanted).astype(np.intp)
    order = np.argsort(counts - wanted, kind="stable")
    counts[order[: total - int(counts.sum())]] += 1
    return counts
