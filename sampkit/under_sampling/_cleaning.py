"""Cleaning: rows that their nearest neighbours contradict."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from sampkit._table import Resampled, Table
from sampkit.base import BaseSampler
from sampkit.neighbors import VerifiedNeighbors, neighbors_of
from sampkit.neighbors._searcher import neighbors_asked

STRATEGY: list[Any] = [
    StrOptions({"auto", "all", "majority", "not minority", "not majority"}),
    list,
    callable,
]


class EditedNearestNeighbours(BaseSampler):
    """Drop rows of the targeted classes whose neighbours are of another class.

    Parameters
    ----------
    sampling_strategy : str, list or callable, default="auto"
        The targeted classes, see :func:`sampkit.base.sampling_targets`; "auto" is all but the
        smallest.
    n_neighbors : int or object, default=3
        Neighbours in the whole table. An object with ``fit`` and ``kneighbors`` is cloned; its
        ``n_neighbors`` counts the row itself.
    kind_sel : {"all", "mode"}, default="all"
        A row stays when all of its neighbours share its class, or when most do (of equally
        frequent classes the first in sorted order).

    Attributes
    ----------
    sampling_strategy_ : dict
        The targeted classes.
    sample_indices_ : ndarray of int of shape (n_out,)
        The rows kept, ascending.
    nn_ : object
        The neighbour searcher.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    Notes
    -----
    One search of the targeted rows in the whole table. Labels of the index stay.

    References
    ----------
    .. [1] D. L. Wilson, "Asymptotic properties of nearest neighbor rules using edited data", IEEE
       Transactions on Systems, Man, and Cybernetics 2, 408-421, 1972.

    Examples
    --------
    >>> from sampkit.under_sampling import EditedNearestNeighbours
    >>> X = [[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [5.3]]
    >>> sampler = EditedNearestNeighbours()
    >>> X_res, y_res = sampler.fit_resample(X, [0, 0, 0, 0, 1, 1, 1])
    >>> sampler.sample_indices_.tolist()
    [0, 1, 2, 4, 5, 6]
    """

    _sampling_type: ClassVar[str] = "clean-sampling"
    _selects: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "sampling_strategy": STRATEGY,
        "n_neighbors": [
            Interval(Integral, 1, None, closed="left"),
            HasMethods(["fit", "kneighbors"]),
        ],
        "kind_sel": [StrOptions({"all", "mode"})],
    }

    def __init__(
        self, *, sampling_strategy: Any = "auto", n_neighbors: Any = 3, kind_sel: str = "all"
    ):
        self.sampling_strategy = sampling_strategy
        self.n_neighbors = n_neighbors
        self.kind_sel = kind_sel

    def _fit_resample(self, table: Table, rng: np.random.Generator) -> Resampled:
        k = neighbors_asked(self.n_neighbors, "n_neighbors")
        if isinstance(self.n_neighbors, Integral):
            self.nn_ = VerifiedNeighbors(n_neighbors=k + 1)
        else:
            self.nn_ = clone(self.n_neighbors)
        if table.n_rows <= k:
            raise ValueError(
                f"Expected n_neighbors <= n_samples_fit, but n_neighbors = {k + 1}, n_samples_fit "
                f"= {table.n_rows}: the table has too few rows for n_neighbors={k}."
            )
        codes = table.target.codes
        rows = np.flatnonzero(np.isin(codes, list(table.targets)))
        votes = codes[neighbors_of(self.nn_, table.matrix, rows, k)]
        if self.kind_sel == "all":
            agrees = (votes == codes[rows][:, None]).all(axis=1)
        else:
            agrees = row_modes(votes, len(table.target.classes)) == codes[rows]
        return Resampled(np.delete(np.arange(table.n_rows), rows[~agrees]))


def row_modes(votes: npt.NDArray[np.intp], n_classes: int) -> npt.NDArray[np.intp]:
    """Most frequent code of every row, the smallest of equally frequent ones."""
    m = len(votes)
    cell = votes + n_classes * np.arange(m)[:, None]
    counts = np.bincount(cell.ravel(), minlength=m * n_classes).reshape(m, n_classes)
    return counts.argmax(axis=1)


class TomekLinks(BaseSampler):
    """Drop rows of the targeted classes that form a Tomek link.

    Two rows of different classes are a link when each is the other's nearest neighbour.

    Parameters
    ----------
    sampling_strategy : str, list or callable, default="auto"
        The targeted classes, see :func:`sampkit.base.sampling_targets`; "auto" is all but the
        smallest.

    Attributes
    ----------
    sampling_strategy_ : dict
        The targeted classes.
    sample_indices_ : ndarray of int of shape (n_out,)
        The rows kept, ascending.
    nn_ : object
        The neighbour searcher.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    Notes
    -----
    A link has at most one end in the largest class, so only the rows of the other classes and
    those that they point at are searched. Labels of the index stay.

    References
    ----------
    .. [1] I. Tomek, "Two modifications of CNN", IEEE Transactions on Systems, Man, and
       Cybernetics 6, 769-772, 1976.

    Examples
    --------
    >>> from sampkit.under_sampling import TomekLinks
    >>> X = [[0.0], [0.2], [0.5], [1.0], [1.1], [9.0], [9.2]]
    >>> sampler = TomekLinks()
    >>> X_res, y_res = sampler.fit_resample(X, [0, 0, 0, 0, 1, 1, 1])
    >>> sampler.sample_indices_.tolist()
    [0, 1, 2, 4, 5, 6]
    """

    _sampling_type: ClassVar[str] = "clean-sampling"
    _selects: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {"sampling_strategy": STRATEGY}

    def __init__(self, *, sampling_strategy: Any = "auto"):
        self.sampling_strategy = sampling_strategy

    def _fit_resample(self, table: Table, rng: np.random.Generator) -> Resampled:
        self.nn_ = VerifiedNeighbors(n_neighbors=2)
        first, second = tomek_links(self.nn_, table.matrix, table.target.codes)
        ends = np.concatenate([first, second])
        targeted = np.isin(table.target.codes[ends], list(table.targets))
        return Resampled(np.delete(np.arange(table.n_rows), ends[targeted]))


def tomek_links(
    nn: Any, X: Any, codes: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The two ends of every pair of mutual nearest neighbours of different classes."""
    nearest = np.full(len(codes), -1, dtype=np.intp)
    asked = np.flatnonzero(codes != np.bincount(codes).argmax())
    nearest[asked] = neighbors_of(nn, X, asked, 1)[:, 0]
    foreign = asked[codes[asked] != codes[nearest[asked]]]
    partners = np.unique(nearest[foreign])
    partners = partners[nearest[partners] < 0]
    if len(partners):
        nearest[partners] = neighbors_of(nn, X, partners, 1)[:, 0]
    mutual = foreign[nearest[nearest[foreign]] == foreign]
    return mutual, nearest[mutual]
