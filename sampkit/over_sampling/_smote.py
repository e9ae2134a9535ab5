"""SMOTE: synthetic rows between a row of a rare class and one of its neighbours in that class."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions

from sampkit._door import paired, take_labels
from sampkit._rows import NO_ROWS, Index, NewRows
from sampkit._table import Source, Table
from sampkit.base import Provenance
from sampkit.over_sampling._engine import (
    ALLOCATION,
    NEIGHBORS,
    RANDOM_STATE,
    STRATEGY,
    SyntheticSampler,
)
from sampkit.over_sampling._interpolate import interpolate


class SMOTE(SyntheticSampler):
    """Synthetic minority over-sampling: new rows between a row and one of its k nearest.

    Every new row is ``x + gap * (x_neighbor - x)`` with a seed x, one of its k nearest rows of the
    same class, and a gap drawn from U(0, 1).

    Parameters
    ----------
    sampling_strategy : str, float, dict or callable, default="auto"
        Which classes get how many rows, see :func:`sampkit.base.sampling_targets`. "auto" brings
        every class to the size of the largest; ``over_percent(N)`` adds N % to the rarest.
    k_neighbors : int, "auto" or object, default=5
        Neighbours per seed. "auto" takes min(5, rows of the class - 1). An object with ``fit`` and
        ``kneighbors`` is cloned and asked instead of the exact search (its ``n_neighbors`` counts
        the row itself): the plug for approximate indexes.
    gap : {"sample", "feature"}, default="sample"
        One gap per new row (a point on the segment, the paper's prose), or one per value (a point
        in the box that the two rows span, the paper's pseudo-code).
    allocation : {"balanced", "random"}, default="balanced"
        "balanced" makes every row a seed equally often, as the paper does; "random" draws seeds
        with replacement, as imbalanced-learn does.
    constraints : dict, default=None
        What new values of a column (name or number) must satisfy: "integer", "non-negative", a
        pair (low, high) with None for a free side, or a list of these. Values are rounded and
        clipped; rows of the input are not touched.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness; an int gives the same rows at every call.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class -> number of synthetic rows.
    provenance_ : Provenance
        Seed, neighbour and gap of every output row, in row numbers of the input.
    nn_k_ : object
        The neighbour searcher.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    See Also
    --------
    SMOTENC : Numeric and nominal columns together.
    sampkit.combine.SMOTEUnder : SMOTE and under-sampling at the paper's percentages.

    Notes
    -----
    The search costs about 2 n_c s d flops for n_c rows of the class and s distinct seeds (only
    rows that are seeds are searched), the rest 3 m d for m new rows. Memory beyond the output:
    the search's blocks. Classes are treated separately, from one stream of random numbers.

    References
    ----------
    .. [1] N. V. Chawla, K. W. Bowyer, L. O. Hall, W. P. Kegelmeyer, "SMOTE: synthetic minority
       over-sampling technique", JAIR 16, 321-357, 2002.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sampkit.over_sampling import SMOTE
    >>> X, y = make_classification(200, weights=[0.9], random_state=0)
    >>> sampler = SMOTE(random_state=0)
    >>> X_res, y_res = sampler.fit_resample(X, y)
    >>> X_res.shape, sampler.sampling_strategy_
    ((360, 20), {1: 160})
    >>> seed, neighbor, gap = sampler.provenance_
    >>> bool(abs(X_res - (X[seed] + gap[:, None] * (X[neighbor] - X[seed]))).max() < 1e-12)
    True
    """

    _gathers: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "sampling_strategy": STRATEGY,
        "k_neighbors": [*NEIGHBORS, StrOptions({"auto"})],
        "gap": [StrOptions({"sample", "feature"})],
        "allocation": ALLOCATION,
        "constraints": [dict, None],
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        k_neighbors: Any = 5,
        gap: str = "sample",
        allocation: str = "balanced",
        constraints: dict[Any, Any] | None = None,
        random_state: Any = None,
    ):
        self.sampling_strategy = sampling_strategy
        self.k_neighbors = k_neighbors
        self.gap = gap
        self.allocation = allocation
        self.constraints = constraints
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def iter_synthetic(
        self, X: Any, y: Any, *, batch: int, seed_weights: Any = None
    ) -> Iterator[tuple[Any, Any]]:
        """Synthetic rows, at most `batch` at a time, for tables that do not fit twice.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            As in `fit_resample`.
        y : array-like of shape (n_samples,)
            As in `fit_resample`.
        batch : int
            Rows per batch, >= 1.
        seed_weights : array-like of shape (n_samples,), default=None
            As in `fit_resample`.

        Returns
        -------
        iterator of (X_new, y_new)
            Rows in the type of X, of shape (<= batch, n_features), and their labels in that of y.
            Joined, they are the synthetic part of `fit_resample` for the same int `random_state`.

        Raises
        ------
        ValueError
            As `fit_resample`, at the call and not at the first batch; `batch` < 1.

        Examples
        --------
        >>> import numpy as np
        >>> from sampkit.over_sampling import SMOTE
        >>> X, y = np.random.default_rng(0).normal(size=(60, 3)), np.repeat([0, 1], [40, 20])
        >>> batches = SMOTE(random_state=0).iter_synthetic(X, y, batch=8)
        >>> [len(X_new) for X_new, y_new in batches]
        [8, 8, 4]
        """
        if not isinstance(batch, Integral) or isinstance(batch, bool) or batch < 1:
            raise ValueError(f"batch must be an integer >= 1, got {batch!r}.")
        table = self._enter(X, y, seed_weights=seed_weights)
        result = self._resampled(table, seed_weights=seed_weights)
        assert result.new is not None
        assert result.origin is not None
        new, seed = result.new, result.origin.seed

        def batches() -> Iterator[tuple[Any, Any]]:
            for start in range(0, new.size, batch):
                stop = min(start + batch, new.size)
                rows = table.container.extended(NO_ROWS, new.part(start, stop))
                labels = take_labels(table.labels, seed[start:stop], keep_labels=False)
                yield rows, paired(rows, labels)

        return batches()

    def _new_rows(
        self,
        table: Table,
        source: Source,
        origin: Provenance,
        voters: list[Index],
        rng: np.random.Generator,
    ) -> NewRows:
        if self.gap == "sample":
            return super()._new_rows(table, source, origin, voters, rng)
        seed, neighbor = source.at(origin.seed), source.at(origin.neighbor)
        stream, d = int(rng.integers(2**63)), source.X.shape[1]

        def fill(start: int, stop: int, out: Any) -> Any:
            # one draw per value: the stream is wound forward to the row, whatever was read before
            gaps = np.random.Generator(np.random.PCG64(stream).advance(start * d))
            gap = gaps.random((stop - start, d))
            return interpolate(source.X, seed[start:stop], neighbor[start:stop], gap, out=out)

        return NewRows(len(seed), fill, home=source.container)

    def _described(self, origin: Provenance) -> Provenance:
        if self.gap == "sample":
            return origin
        return origin._replace(gap=np.full(len(origin.gap), np.nan))
