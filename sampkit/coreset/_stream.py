"""Coresets of streams: merge and reduce."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError

from sampkit._door import at_hand, container_of, n_entries, take_labels
from sampkit._library import root_module
from sampkit._random_state import check_generator
from sampkit._rows import Container
from sampkit.coreset._input import checked_integer, checked_weight
from sampkit.coreset._stack import stacked

__all__ = ["CoresetStream"]

Vector = npt.NDArray[np.float64]
FINAL = 2**32 - 1  # the level that seeds of `finalize` are made for


@dataclass
class _Weighted:
    """Rows, their targets and their weights."""

    X: Any
    y: Any
    weight: Vector

    def __len__(self) -> int:
        return len(self.weight)

    def rows(self, start: int, stop: int) -> _Weighted:
        index = np.arange(start, stop)
        X = container_of(self.X, numeric=True).take(index)
        y = take_labels(self.y, index, keep_labels=True, flat=False)
        return _Weighted(X, y, self.weight[start:stop])


def _united(parts: list[_Weighted]) -> _Weighted:
    return _Weighted(
        stacked([part.X for part in parts]),
        stacked([part.y for part in parts]),
        np.concatenate([part.weight for part in parts]),
    )


class CoresetStream(BaseEstimator):
    """A coreset of rows that come in chunks, or lie on several machines.

    Every full buffer is reduced to weighted rows; two coresets of one level are united and reduced
    to one of the next, so that O(log n) of them are held.

    Parameters
    ----------
    sampler : sampler instance
        A weighted selector of rows whose ``fit_resample`` takes ``sample_weight``, such as
        `LewisWeightSampler`; cloned for every reduction.  A fraction as its `n_samples` is one of
        the buffer.
    buffer : int >= 2, default=10000
        Rows that are gathered before they are reduced; more than the sampler keeps.

    Attributes
    ----------
    n_samples_seen_ : int
        Rows so far.
    n_samples_held_ : int
        Rows in memory.
    n_features_in_ : int
        Number of columns.

    See Also
    --------
    RowSpaceFactor : Exact scores of a stream, in two passes.

    Notes
    -----
    Each of the log2(n / buffer) levels adds the error of one reduction; where the data can be read
    twice, scores from `RowSpaceFactor` lose nothing.  The result depends on the order of the rows
    and on `buffer`, but not on how they are cut into chunks; an object pickled in the middle of a
    stream goes on as the original would.

    References
    ----------
    J. L. Bentley and J. B. Saxe, "Decomposable searching problems I", J. Algorithms 1(4), 1980;
    S. Har-Peled and S. Mazumdar, "On coresets for k-means and k-median clustering", STOC 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.coreset import CoresetStream, LewisWeightSampler, subspace_distortion
    >>> X = np.random.default_rng(0).standard_t(3, size=(8000, 4))
    >>> stream = CoresetStream(LewisWeightSampler(p=1, n_samples=200, random_state=0), buffer=1000)
    >>> for chunk in np.array_split(X, 13):
    ...     stream = stream.partial_fit(chunk)
    >>> rows, _, weight = stream.finalize()
    >>> rows.shape, stream.n_samples_seen_, bool(abs(weight.sum() - 8000) < 1500)
    ((200, 4), 8000, True)
    """

    _levels: dict[int, _Weighted]
    _reductions: dict[int, int]
    _pending: list[_Weighted]
    _n_pending: int

    def __init__(self, sampler: Any, buffer: int = 10_000) -> None:
        self.sampler = sampler
        self.buffer = buffer

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Add rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame, dask collection} of shape (n, d)
            The rows; of a Dask collection one block after another is computed.
        y : array-like of shape (n,) or (n, n_outputs), default=None
            Their targets; either always or never given.
        sample_weight : array-like of shape (n,), default=None
            Observation weights >= 0.

        Returns
        -------
        self : CoresetStream

        Raises
        ------
        ValueError
            X has another number of columns than before, NaN or infinity; `y` or `sample_weight`
            of another length; `y` missing where it was given before; `buffer` too small.
        TypeError
            The sampler takes no weights.
        """
        self._check_parameters()
        if root_module(X) == "dask":
            for part, labels, weight in _blocks(X, y, sample_weight):
                self.partial_fit(part, labels, weight)
            return self
        container = container_of(X, numeric=True)
        self._check_rows(container, y)
        weight = checked_weight(sample_weight, container.n_rows)
        if weight is None:
            weight = np.ones(container.n_rows)
        container.check_numbers()
        self._start(container.n_columns, y is not None)
        self.n_samples_seen_ += len(weight)
        # `take` copies: rows that are held must not change when the caller's do
        chunk = _Weighted(X, y, weight)
        place = 0
        while place < len(weight):
            stop = min(place + self.buffer - self._n_pending, len(weight))
            self._gather(chunk.rows(place, stop))
            place = stop
        return self

    def merge(self, other: CoresetStream) -> Self:
        """Add the rows of another stream.

        Parameters
        ----------
        other : CoresetStream
            Of rows with the same columns; not changed.

        Returns
        -------
        self : CoresetStream

        Raises
        ------
        TypeError
            `other` is no CoresetStream.
        ValueError
            Columns, buffer or presence of y differ.
        """
        if not isinstance(other, CoresetStream):
            raise TypeError(f"other must be a CoresetStream, got {type(other).__name__}.")
        if not hasattr(other, "n_samples_seen_"):
            return self
        if other.buffer != self.buffer:
            raise ValueError(f"buffer of both must be equal, got {self.buffer} and {other.buffer}.")
        if hasattr(self, "n_samples_seen_"):
            self._check_same(other.n_features_in_, other._has_y)
        self._start(other.n_features_in_, other._has_y)
        self.n_samples_seen_ += other.n_samples_seen_
        for level in sorted(other._levels):
            self._carry(level, other._levels[level])
        if other._pending:
            rest = _united(other._pending)
            cut = min(self.buffer - self._n_pending, len(rest))
            for start, stop in ((0, cut), (cut, len(rest))):
                if stop > start:
                    self._gather(rest.rows(start, stop))
        return self

    def finalize(self) -> tuple[Any, Any, Vector]:
        """The coreset of all rows so far; more rows can be added afterwards.

        Returns
        -------
        X : same type as the X given, of shape (m, d)
            Rows.
        y : same type as the y given, of shape (m,)
            Their targets; None without.
        sample_weight : ndarray of shape (m,)
            Their weights, to be handed to ``fit``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before the first row.
        """
        if not hasattr(self, "n_samples_seen_"):
            raise NotFittedError(f"This {type(self).__name__} has seen no rows: call partial_fit.")
        levels = [self._levels[level] for level in sorted(self._levels, reverse=True)]
        everything = _united([*levels, *self._pending])
        if len(levels) != 1 or self._pending:
            everything = self._reduced(everything, FINAL, self.n_samples_seen_)
        return everything.X, everything.y, everything.weight

    @property
    def n_samples_held_(self) -> int:
        """Rows in memory."""
        return sum(map(len, self._levels.values())) + self._n_pending

    # --- merge and reduce -------------------------------------------------------------------------

    def _gather(self, rows: _Weighted) -> None:
        """Put rows into the buffer, which has room for them, and reduce it when it is full."""
        self._pending.append(rows)
        self._n_pending += len(rows)
        if self._n_pending == self.buffer:
            leaf = _united(self._pending)
            self._pending, self._n_pending = [], 0
            self._carry(0, self._reduced(leaf, 0, self._next(0)))

    def _carry(self, level: int, coreset: _Weighted) -> None:
        """Binary addition: two of a level make one of the next."""
        while level in self._levels:
            both = _united([self._levels.pop(level), coreset])
            level += 1
            coreset = self._reduced(both, level, self._next(level))
        self._levels[level] = coreset

    def _next(self, level: int) -> int:
        self._reductions[level] = self._reductions.get(level, 0) + 1
        return self._reductions[level]

    def _reduced(self, rows: _Weighted, level: int, number: int) -> _Weighted:
        seed = np.random.SeedSequence([self._entropy, level, number])
        sampler = clone(self.sampler).set_params(random_state=np.random.default_rng(seed))
        n_samples = sampler.get_params(deep=False).get("n_samples")
        if n_samples is not None:
            size = self._size(n_samples)
            if size >= len(rows):
                return rows
            sampler.set_params(n_samples=size)
        X, y = sampler.fit_resample(rows.X, rows.y, sample_weight=rows.weight)
        weight = sampler.sample_weight_ * rows.weight[sampler.sample_indices_]
        return _Weighted(X, y, weight)

    def _size(self, n_samples: Any) -> int:
        whole = isinstance(n_samples, Integral)
        return int(n_samples) if whole else max(1, round(float(n_samples) * self.buffer))

    # --- checks -----------------------------------------------------------------------------------

    def _start(self, n_features: int, has_y: bool) -> None:
        if hasattr(self, "n_samples_seen_"):
            return
        rng = check_generator(clone(self.sampler).get_params(deep=False).get("random_state"))
        self._entropy = int(rng.integers(2**63))
        self._levels = {}
        self._pending, self._n_pending = [], 0
        self._reductions = {}
        self._has_y = has_y
        self.n_features_in_ = n_features
        self.n_samples_seen_ = 0

    def _check_parameters(self) -> None:
        checked_integer(self.buffer, "buffer", 2)
        resample = getattr(self.sampler, "fit_resample", None)
        takes = resample and "sample_weight" in inspect.signature(resample).parameters
        if not takes or not hasattr(self.sampler, "get_params"):
            raise TypeError(
                "sampler must be a weighted selector whose fit_resample takes sample_weight, such "
                f"as LewisWeightSampler(), got {self.sampler!r}."
            )
        params = self.sampler.get_params(deep=False)
        sized = params.get("eps") is None and params.get("oversampling") is None
        if "n_samples" in params and sized and self._size(params["n_samples"]) >= self.buffer:
            raise ValueError(
                f"buffer must be larger than n_samples={params['n_samples']} of the sampler, got "
                f"{self.buffer}."
            )

    def _check_rows(self, container: Container, y: Any) -> None:
        n_labels = n_entries(y)
        if n_labels not in (None, container.n_rows):
            raise ValueError(
                f"X and y must have the same number of rows, got {container.n_rows} and {n_labels}."
            )
        if hasattr(self, "n_samples_seen_"):
            self._check_same(container.n_columns, y is not None)

    def _check_same(self, n_features: int, has_y: bool) -> None:
        if n_features != self.n_features_in_:
            raise ValueError(
                f"X must have the {self.n_features_in_} columns seen so far, got {n_features}."
            )
        if has_y != self._has_y:
            given = "given" if self._has_y else "not given"
            raise ValueError(f"y must always or never be given: it was {given} before.")


def _blocks(X: Any, y: Any, sample_weight: Any) -> Any:
    """Blocks of rows of a Dask collection, with their targets and weights, one at a time."""
    container = container_of(X, numeric=True, y=at_hand(y))
    labels = at_hand(y)
    labels = labels.values if root_module(labels) == "sampkit" else labels
    weight = checked_weight(sample_weight, container.n_rows)
    start = 0
    for block, length in zip(container._blocks(), container.lengths, strict=True):  # type: ignore[attr-defined]
        rows = np.arange(start, start + length)
        if length:
            part = block.compute()
            targets = take_labels(labels, rows, keep_labels=True, flat=False)
            yield part, targets, None if weight is None else weight[rows]
        start += length
