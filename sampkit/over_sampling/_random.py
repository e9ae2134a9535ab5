"""Random over-sampling: rows of rare classes again, with or without a little noise."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils._param_validation import Interval
from sklearn.utils.sparsefuncs import mean_variance_axis

from sampkit._array import namespace, on_host
from sampkit._rows import NewRows
from sampkit._table import Resampled, Source, Table
from sampkit.base import Provenance
from sampkit.over_sampling._allocation import check_seed_weights
from sampkit.over_sampling._engine import RANDOM_STATE, STRATEGY, SeedWeightedSampler

_BLOCK = 1024  # rows of noise that share one stream


class RandomOverSampler(SeedWeightedSampler):
    """Rows of the rare classes drawn again, with replacement.

    Parameters
    ----------
    sampling_strategy : str, float, dict or callable, default="auto"
        Which classes get how many rows, see :func:`sampkit.base.sampling_targets`.
    shrinkage : float or dict, default=None
        Smoothed bootstrap (ROSE): every drawn row gets normal noise of standard deviation
        ``shrinkage * h * sigma_j`` in column j, h = (4 / ((d + 2) n))^(1 / (d + 4)), sigma_j the
        class's standard deviation. A dict gives one value per class. None: copies, of any dtype.
    constraints : dict, default=None
        What noisy values must satisfy, as in :class:`SMOTE`.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness. Rows are drawn before the noise.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class -> number of rows added.
    sample_indices_ : ndarray of int of shape (n_out,)
        The row of the input that every output row is, or was before the noise.
    shrinkage_ : dict or None
        Class -> shrinkage, for the targeted classes.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    References
    ----------
    .. [1] G. Menardi, N. Torelli, "Training and assessing classification rules with imbalanced
       data", Data Mining and Knowledge Discovery 28, 92-122, 2014.

    Examples
    --------
    >>> from sampkit.over_sampling import RandomOverSampler
    >>> X_res, y_res = RandomOverSampler(random_state=0).fit_resample(
    ...     [["a"], ["b"], ["c"]], [0, 0, 1]
    ... )
    >>> X_res, y_res
    ([['a'], ['b'], ['c'], ['c']], [0, 0, 1, 1])
    """

    _sampling_type: ClassVar[str] = "over-sampling"
    _selects: ClassVar[bool] = True
    _adds_rows: ClassVar[bool] = True
    _gathers: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "sampling_strategy": STRATEGY,
        "shrinkage": [Interval(Real, 0, None, closed="left"), dict, None],
        "constraints": [dict, None],
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        shrinkage: Any = None,
        constraints: dict[Any, Any] | None = None,
        random_state: Any = None,
    ):
        self.sampling_strategy = sampling_strategy
        self.shrinkage = shrinkage
        self.constraints = constraints
        self.random_state = random_state

    @property
    def _any_cells(self) -> bool:  # type: ignore[override]
        """Any cell can be copied, but noise needs numbers."""
        return self.shrinkage is None

    def _check_cells(self, table: Table) -> None:
        self.shrinkage_ = self._shrinkages(table)
        if self.shrinkage_ is None:
            return
        try:
            table.check_numbers()
        except (ValueError, TypeError) as reason:
            kind = TypeError if isinstance(reason, TypeError) else ValueError
            raise kind(
                "When shrinkage is not None, X needs to contain only numerical data to later "
                f"generate a smoothed bootstrap sample. ({str(reason)[:200]})"
            ) from reason

    def _shrinkages(self, table: Table) -> dict[Any, float] | None:
        if self.shrinkage is None:
            return None
        labels = list(self.sampling_strategy_)
        if not isinstance(self.shrinkage, Mapping):
            return {label: float(self.shrinkage) for label in labels}
        missing = [label for label in labels if label not in self.shrinkage]
        if missing:
            raise ValueError(
                "`shrinkage` should contain a shrinkage factor for each class that will be "
                f"resampled. The missing classes are: {str(missing)[:150]}"
            )
        for label, factor in self.shrinkage.items():
            if not isinstance(factor, Real) or not float(factor) >= 0:
                raise ValueError(
                    f"The shrinkage factor needs to be >= 0. Got {factor!r} for class {label!r}."
                )
        return {label: float(self.shrinkage[label]) for label in labels}

    def _fit_resample(
        self, table: Table, rng: np.random.Generator, seed_weights: Any = None
    ) -> Resampled:
        weights = check_seed_weights(seed_weights, table.target, table.targets)
        drawn = [np.empty(0, dtype=np.intp)]
        for code, m in sorted(table.targets.items()):
            rows = table.target.rows(code)
            share = None if weights is None or not m else weights[rows] / weights[rows].sum()
            drawn.append(np.sort(rng.choice(rows, size=m, p=share)))
        seed = np.concatenate(drawn)
        if self.shrinkage_ is None:
            return Resampled(np.concatenate([np.arange(table.n_rows), seed]))
        wanted = [code for code, m in table.targets.items() if m]
        source = table.source(np.flatnonzero(np.isin(table.target.codes, wanted)))
        spread = self._spread(table, source, wanted)
        stream, codes = int(rng.integers(2**63)), table.target.codes[seed]
        X, xp = source.X, namespace(source.X)

        def fill(start: int, stop: int, out: Any) -> Any:
            noise = normal_rows(stream, start, stop, X.shape[1]) * spread[codes[start:stop]]
            rows = source[seed[start:stop]]
            if sp.issparse(rows):
                return type(rows)(rows.toarray() + noise.astype(X.dtype))
            rows = rows + xp.asarray(noise, dtype=X.dtype)
            if out is None:
                return rows
            out[...] = rows
            return out

        new = NewRows(len(seed), fill, home=source.container)
        return Resampled(None, new, Provenance.of_rows(seed))

    def _spread(self, table: Table, source: Source, codes: list[int]) -> npt.NDArray[np.float64]:
        """Standard deviation of the noise, (n_classes, d)."""
        n, d = table.n_rows, source.X.shape[1]
        h = (4 / ((d + 2) * n)) ** (1 / (d + 4))
        spread = np.zeros((len(table.target.classes), d))
        assert self.shrinkage_ is not None
        for code in codes:
            X = source[table.target.rows(code)]
            sigma = (
                np.sqrt(mean_variance_axis(X, axis=0)[1])
                if sp.issparse(X)
                else on_host(X.std(axis=0))
            )
            spread[code] = self.shrinkage_[table.target.labels[code]] * h * sigma
        return spread


def normal_rows(stream: int, start: int, stop: int, d: int) -> npt.NDArray[np.float64]:
    """Standard normal rows start ... stop - 1 of a table that is the same however it is read."""
    first = start // _BLOCK
    blocks = [
        np.random.default_rng([stream, block]).standard_normal((_BLOCK, d))
        for block in range(first, -(-stop // _BLOCK))
    ]
    rows = np.concatenate(blocks) if blocks else np.empty((0, d))
    return rows[start - first * _BLOCK : stop - first * _BLOCK]
