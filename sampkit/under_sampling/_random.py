"""Random under-sampling, and the paper's percentages of it."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import Interval, StrOptions

from sampkit._strategy import Target
from sampkit._table import Resampled, Table
from sampkit.base import BaseSampler

STRATEGY: list[Any] = [
    StrOptions({"auto", "all", "majority", "not minority", "not majority"}),
    dict,
    Interval(Real, 0, 1, closed="right"),
    callable,
]


class RandomUnderSampler(BaseSampler):
    """A random subset of the rows of the common classes.

    Parameters
    ----------
    sampling_strategy : str, float, dict or callable, default="auto"
        Which classes keep how many rows, see :func:`sampkit.base.sampling_targets`. "auto" brings
        every class to the size of the smallest; ``under_percent(U)`` follows the paper.
    replacement : bool, default=False
        Draw with replacement.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class -> number of rows kept, the targeted classes only.
    sample_indices_ : ndarray of int of shape (n_out,)
        The rows kept, ascending.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    Notes
    -----
    Rows are only picked, so cells may be strings, dates or missing. Labels of the index stay.

    Examples
    --------
    >>> from sampkit.under_sampling import RandomUnderSampler
    >>> sampler = RandomUnderSampler(random_state=0)
    >>> X_res, y_res = sampler.fit_resample([[0], [1], [2], [3]], ["a", "a", "a", "b"])
    >>> y_res, sampler.sampling_strategy_
    (['a', 'b'], {'a': 1})
    """

    _sampling_type: ClassVar[str] = "under-sampling"
    _selects: ClassVar[bool] = True
    _any_cells: ClassVar[bool] = True
    _gathers: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "sampling_strategy": STRATEGY,
        "replacement": ["boolean"],
        "random_state": ["random_state", np.random.Generator, np.random.SeedSequence],
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        replacement: bool = False,
        random_state: Any = None,
    ):
        self.sampling_strategy = sampling_strategy
        self.replacement = replacement
        self.random_state = random_state

    def _fit_resample(self, table: Table, rng: np.random.Generator) -> Resampled:
        return Resampled(random_subset(table.target, table.targets, rng, self.replacement))


def random_subset(
    target: Target, keep: dict[int, int], rng: np.random.Generator, replacement: bool = False
) -> npt.NDArray[np.intp]:
    """Row numbers, ascending: `keep[code]` random rows of these classes and all of the others."""
    chosen = [np.flatnonzero(~np.isin(target.codes, list(keep)))]
    for code, m in sorted(keep.items()):
        rows = target.rows(code)
        chosen.append(rows[rng.choice(len(rows), m, replace=replacement, shuffle=False)])
    return np.sort(np.concatenate(chosen))


@dataclass(frozen=True)
class UnderPercent:
    """Callable strategy of `under_percent`; a class of its own so that it can be pickled."""

    U: float

    def __call__(self, y: npt.ArrayLike) -> dict[Any, int]:
        """Rows of every class but the rarest after sampling."""
        target = Target.of(np.asarray(y))
        left = rows_left(int(target.counts[target.rarest]), self.U)
        return {
            label: min(left, int(count))
            for code, (label, count) in enumerate(zip(target.labels, target.counts, strict=True))
            if code != target.rarest
        }


def rows_left(n_min: int, percent: float) -> int:
    """Rows of another class after under-sampling at `percent` of the rarest: n_min 100 / U."""
    return round(min(n_min * 100 / percent, float(np.iinfo(np.intp).max)))


def under_percent(U: float) -> UnderPercent:
    """Sampling strategy of the paper: the rarest class is U % of what every other class keeps.

    Parameters
    ----------
    U : float
        Percentage, > 0: 100 leaves as many rows as the rarest class has, 200 half as many.

    Returns
    -------
    callable
        For ``sampling_strategy``: maps y to {class: round(n_min 100 / U), at most its own count}.

    Raises
    ------
    ValueError
        U is not a positive number.

    Examples
    --------
    >>> from sampkit.under_sampling import under_percent
    >>> under_percent(200)([0] * 200 + [1] * 50)
    {0: 25}
    """
    if not isinstance(U, Real) or isinstance(U, bool) or not 0 < U < np.inf:
        raise ValueError(f"U must be a number > 0 (percent), got {U!r}.")
    return UnderPercent(float(U))
