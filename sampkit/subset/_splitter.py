"""Rounds as a scikit-learn splitter."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import indexable
from sklearn.utils.validation import _num_samples

from sampkit.subset._arguments import count_of, root_of, rows_of, shown
from sampkit.subset._rounds import checked_codes, row_rounds
from sampkit.subset._units import unit_rounds

Rows = npt.NDArray[np.intp]


class RepeatedRandomSubset(BaseCrossValidator):
    """Splitter whose training sets are fresh random subsets, round after round.

    Parameters
    ----------
    n_rounds : int >= 1, default=10
        Subsets.
    subset_size : float in (0, 1] or int >= 1, default=0.1
        Rows of a subset: a share of all rows, or their number.
    replacement : bool, default=False
        Whether rows may come back before all others have been in a subset.
    stratify : bool, default=False
        Keep the shares of the classes of `y`, in integers: see `iter_random_subsets`.
    random_state : None, int, SeedSequence, Generator or RandomState, default=None
        Seed; with an int every call of `split` gives the same subsets.

    See Also
    --------
    iter_random_subsets : The row numbers alone, without end if wanted.
    sklearn.model_selection.ShuffleSplit : Independent subsets, and of the rest a second one.

    Notes
    -----
    With `groups` all rows of a group go together: groups are taken in random order until the subset
    has the rows asked for, or more by less than one group.

    References
    ----------
    .. [1] P. Okanovic et al., "Repeated random sampling for minimizing the time-to-accuracy of
       learning", ICLR 2024, arXiv:2305.18424.

    Examples
    --------
    How much do scores of a model trained on a tenth vary, tested on the rest?

    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sampkit.subset import RepeatedRandomSubset
    >>> X, y = load_digits(return_X_y=True)
    >>> splitter = RepeatedRandomSubset(5, 0.1, stratify=True, random_state=0)
    >>> cross_val_score(GaussianNB(), X, y, cv=splitter).shape
    (5,)
    >>> [len(subset) for subset in splitter.subsets(X, y)]
    [180, 180, 180, 180, 180]
    """

    __metadata_request__split = {"groups": True}  # taken where they are given

    def __init__(
        self,
        n_rounds: int = 10,
        subset_size: float = 0.1,
        *,
        replacement: bool = False,
        stratify: bool = False,
        random_state: Any = None,
    ) -> None:
        self.n_rounds = n_rounds
        self.subset_size = subset_size
        self.replacement = replacement
        self.stratify = stratify
        self.random_state = random_state

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:
        """Subset and complement of every round.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Only its number of rows matters.
        y : array-like of shape (n_samples,), default=None
            Classes, needed for ``stratify=True``.
        groups : array-like of shape (n_samples,), default=None
            Group of every row.

        Yields
        ------
        subset : ndarray
            Rows of the subset, in random order.
        complement : ndarray
            All other rows, ascending.
        """
        n = _num_samples(X)
        for subset in self.subsets(X, y, groups):
            outside = np.ones(n, dtype=bool)
            outside[subset] = False
            yield subset, np.flatnonzero(outside)

    def subsets(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Rows]:
        """Subset of every round.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Only its number of rows matters.
        y : array-like of shape (n_samples,), default=None
            Classes, needed for ``stratify=True``.
        groups : array-like of shape (n_samples,), default=None
            Group of every row.

        Returns
        -------
        iterator of ndarray
            Rows of each subset, in random order.

        Raises
        ------
        ValueError
            Parameters out of range, ``stratify=True`` without `y` or together with `groups`,
            lengths that differ.
        """
        n_rounds = count_of(self.n_rounds, "n_rounds")
        X, y, groups = indexable(X, y, groups)
        n = _num_samples(X)
        k, root = rows_of(self.subset_size, n), root_of(self.random_state)
        if self.stratify and y is None:
            raise ValueError("stratify=True needs y, got y=None.")
        if groups is None:
            codes = checked_codes(y, n) if self.stratify else None
            rounds = row_rounds(n, k, root, replacement=self.replacement, codes=codes)
            return (rounds.round(t).astype(np.intp) for t in range(n_rounds))
        if self.stratify:
            raise ValueError("stratify=True cannot be combined with groups; give one of them.")
        return islice(_grouped(np.asarray(groups), k, root, self.replacement), n_rounds)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of rounds.

        Parameters
        ----------
        X, y, groups : object
            Ignored.

        Returns
        -------
        int
            ``n_rounds``.
        """
        return count_of(self.n_rounds, "n_rounds")


def _grouped(
    groups: npt.NDArray[Any], k: int, root: np.random.SeedSequence, replacement: bool
) -> Iterator[Rows]:
    """Rows of whole groups, round by round."""
    if groups.ndim != 1:
        raise ValueError(f"groups must hold one group a row, got shape {shown(groups.shape)}.")
    _, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(sizes)[:-1])
    for units in unit_rounds(sizes, k, root, replacement):
        yield np.concatenate([rows[unit] for unit in units.tolist()])
