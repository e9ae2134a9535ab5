"""The paper's sweep: over-sampling by N %, under-sampling at U %, one ROC point for each mix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold, check_cv
from sklearn.utils import _safe_indexing, column_or_1d, indexable
from sklearn.utils.parallel import Parallel, delayed

from sampkit._random_state import child_generators
from sampkit.base import check_generator
from sampkit.over_sampling import SMOTE
from sampkit.over_sampling._allocation import percent_of
from sampkit.under_sampling._random import rows_left

Rows = npt.NDArray[np.intp]

UNDER_LEVELS: tuple[int, ...] = (10, 15, 25, 50, 75, 100, 125, 150, 175, 200)
UNDER_LEVELS += (300, 400, 500, 600, 700, 800, 1000, 2000)


def sampling_roc(
    estimator: Any,
    X: Any,
    y: npt.ArrayLike,
    *,
    over: Sequence[float] = (0, 100, 200),
    under: Sequence[float] = UNDER_LEVELS,
    cv: Any = 10,
    k_neighbors: Any = 5,
    over_sampler: Any = None,
    pos_label: Any = None,
    random_state: Any = None,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """ROC points of a classifier under every mix of over- and under-sampling.

    Each point is the mean false and true positive rate, over the folds, of the hard predictions
    of a classifier trained on N % synthetic rows more and, of the other class, ``100 / U`` times
    the number of original rows of the class of interest. Test folds are never re-sampled.

    Parameters
    ----------
    estimator : classifier
        With ``fit`` and ``predict``; cloned for every fit.
    X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        Rows; a frame reaches the sampler and the classifier as a frame.
    y : array-like of shape (n_samples,)
        Two classes.
    over : sequence of float >= 0, default=(0, 100, 200)
        Percent of synthetic rows to add, N. One block of the result for each, in this order.
    under : sequence of float > 0, default=the paper's 10, 15, 25, ..., 1000, 2000
        Under-sampling levels U in percent: ``round(n_min * 100 / U)`` rows of the other class
        stay, n_min counted before over-sampling. Levels that would remove nothing are skipped.
    cv : int, splitter or iterable, default=10
        An int makes that many stratified folds, shuffled by `random_state` (rows that follow each
        other are often alike); anything else as everywhere in scikit-learn.
    k_neighbors : int or object, default=5
        For the default SMOTE.
    over_sampler : sampler or None, default=None
        Anything with ``fit_resample`` and ``sampling_strategy`` that returns the rows it was
        given followed by new ones; None is ``SMOTE(k_neighbors=k_neighbors)``. A
        ``random_state`` of None is filled from this function's.
    pos_label : label or None, default=None
        The class of interest; None takes the rarest.
    random_state : None, int, SeedSequence, Generator or RandomState
        Source of the re-sampling. Give the estimator and the splitter their own.
    n_jobs : int or None, default=None
        Folds run in parallel, as in joblib; the result does not depend on it.

    Returns
    -------
    DataFrame
        One block of rows for each N: its first row is the classifier on the data as they are
        (``under`` is NaN), then U ascending. Columns: ``over``, ``under``; ``n_min``, ``n_maj``,
        the rows of the two classes in the training set after re-sampling, mean over the folds;
        ``tpr``, ``fpr``, mean over the folds; ``tpr_std``, ``fpr_std``, their standard deviation
        over the folds (divisor: the number of folds).

    Raises
    ------
    ValueError
        If y does not have two classes, a fold lacks one of them, a level is out of range, or
        ``over_sampler`` does not return the given rows first.

    Notes
    -----
    ``1 + len(over) * len(under)`` fits per fold. The over-sampler runs once per fold, at the
    largest N: a smaller N takes part of its rows, evenly over the seeds where they are used
    evenly. A sampler that does not tell its seeds runs once for each N. One random order of the
    other class serves all U. So neighbouring points differ by what was asked, not by chance.

    References
    ----------
    Chawla, Bowyer, Hall and Kegelmeyer, "SMOTE: synthetic minority over-sampling technique",
    JAIR 16 (2002), 321-357, sections 4.3 and 5.2.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sampkit.datasets import make_imbalanced_moons
    >>> from sampkit.metrics import sampling_roc
    >>> X, y = make_imbalanced_moons(400, random_state=0)
    >>> tree = DecisionTreeClassifier(min_samples_leaf=2, random_state=0)
    >>> grid = sampling_roc(tree, X, y, over=(0, 200), under=(50, 100), cv=5, random_state=0)
    >>> grid[["over", "under", "n_min", "n_maj"]]
       over  under  n_min  n_maj
    0     0    NaN   32.0  288.0
    1     0   50.0   32.0   64.0
    2     0  100.0   32.0   32.0
    3   200    NaN   32.0  288.0
    4   200   50.0   96.0   64.0
    5   200  100.0   96.0   32.0
    """
    target: npt.NDArray[Any]
    X, target = indexable(X, column_or_1d(y, warn=True))
    positive, label = _positive_rows(target, pos_label)
    n_min = int(positive.sum())
    levels = sorted(set(_checked("under", under, above_zero=True)))
    sweep = _Sweep(
        estimator=estimator,
        sampler=SMOTE(k_neighbors=k_neighbors) if over_sampler is None else over_sampler,
        label=label,
        over=_checked("over", over, above_zero=False),
        under=[u for u in levels if rows_left(n_min, u) < target.size - n_min],
    )
    rng = check_generator(random_state)
    if isinstance(cv, Integral):
        cv = StratifiedKFold(int(cv), shuffle=True, random_state=int(rng.integers(2**31)))
    folds = list(check_cv(cv, target, classifier=True).split(X, target))
    for number, rows in enumerate(folds):
        if any(len(np.unique(positive[part])) < 2 for part in rows):
            raise ValueError(
                f"cv must leave rows of both classes in every training and test fold; fold "
                f"{number} lacks one. The rarer class has {min(n_min, target.size - n_min)} rows."
            )
    generators = child_generators(rng, len(folds))
    results = Parallel(n_jobs=n_jobs)(
        delayed(sweep.fold)(X, target, positive, train, test, rng)
        for (train, test), rng in zip(folds, generators, strict=True)
    )
    return sweep.frame(np.array(results))


@dataclass(frozen=True)
class _Sweep:
    """What is the same for every fold."""

    estimator: Any
    sampler: Any
    label: Any
    over: list[float]
    under: list[float]

    def fold(
        self,
        X: Any,
        y: npt.NDArray[Any],
        positive: npt.NDArray[np.bool_],
        train: Rows,
        test: Rows,
        rng: np.random.Generator,
    ) -> list[tuple[float, float, float, float]]:
        """(n_min, n_maj, tpr, fpr) of every point of one fold, in the order of the result."""
        X_train, y_train, is_pos = _safe_indexing(X, train), y[train], positive[train]
        X_test, truth = _safe_indexing(X, test), positive[test]
        minority, majority = np.flatnonzero(is_pos), rng.permutation(np.flatnonzero(~is_pos))
        sizes = [percent_of(minority.size, n) for n in self.over]

        def point(pool: Any, rows: Rows | None, n_new: int) -> tuple[float, float, float, float]:
            labels = np.append(y_train, np.full(n_new, self.label, dtype=y.dtype))
            if rows is not None:
                pool, labels = _safe_indexing(pool, rows), labels[rows]
            found = clone(self.estimator).fit(pool, labels).predict(X_test) == self.label
            n_pos = int((labels == self.label).sum())
            return n_pos, labels.size - n_pos, found[truth].mean(), found[~truth].mean()

        raw = point(X_train, None, 0)
        points = []
        for pool, new in self._pools(X_train, y_train, minority.size, sizes, rng):
            points.append(raw)
            for u in self.under:
                kept = np.append(minority, majority[: rows_left(minority.size, u)])
                rows = np.append(np.sort(kept), np.sort(new))
                points.append(point(pool, rows, _n_rows(pool) - train.size))
        return points

    def _pools(
        self, X: Any, y: npt.NDArray[Any], n_min: int, sizes: list[int], rng: np.random.Generator
    ) -> Iterator[tuple[Any, Rows]]:
        """For every over-sampling level, rows to choose from and where its synthetic rows stand."""
        n, largest = y.size, max(sizes)
        if largest == 0:
            yield from ((X, np.empty(0, dtype=np.intp)) for _ in sizes)
            return
        pool, seed = self._oversampled(X, y, n_min + largest, rng)
        order = n + (np.arange(_n_rows(pool) - n) if seed is None else _nested_order(seed, rng))
        for size in sizes:
            if seed is None and 0 < size < largest:
                other, _ = self._oversampled(X, y, n_min + size, rng)
                yield other, np.arange(n, _n_rows(other))
            else:
                yield pool, order[:size]

    def _oversampled(
        self, X: Any, y: npt.NDArray[Any], n_wanted: int, rng: np.random.Generator
    ) -> tuple[Any, Rows | None]:
        """All rows after over-sampling and, if the sampler tells, the seed of every new one."""
        sampler = clone(self.sampler)
        params = sampler.get_params(deep=False)
        if "sampling_strategy" not in params:
            raise ValueError(
                "over_sampler must have the parameter sampling_strategy, "
                f"{type(sampler).__name__} has none."
            )
        sampler.set_params(sampling_strategy={self.label: n_wanted})
        if params.get("random_state", 0) is None:
            sampler.set_params(random_state=int(rng.integers(np.iinfo(np.int32).max)))
        pool, labels = sampler.fit_resample(X, y)
        labels = np.asarray(labels)
        if not np.array_equal(labels[: y.size], y) or (labels[y.size :] != self.label).any():
            raise ValueError(
                "over_sampler must return the rows it was given, then new rows of the class "
                f"{self.label!r}; {type(sampler).__name__} does not."
            )
        if hasattr(sampler, "provenance_"):
            return pool, sampler.provenance_.seed[y.size :]
        if hasattr(sampler, "sample_indices_"):
            return pool, sampler.sample_indices_[y.size :]
        return pool, None

    def frame(self, results: npt.NDArray[np.float64]) -> pd.DataFrame:
        """The result, from an array (folds, points, 4)."""
        mean, std = results.mean(axis=0), results.std(axis=0)
        block = [np.nan, *self.under]
        return pd.DataFrame(
            {
                "over": np.repeat(self.over, len(block)),
                "under": np.tile(block, len(self.over)),
                "n_min": mean[:, 0],
                "n_maj": mean[:, 1],
                "tpr": mean[:, 2],
                "fpr": mean[:, 3],
                "tpr_std": std[:, 2],
                "fpr_std": std[:, 3],
            }
        )


def _positive_rows(y: npt.NDArray[Any], pos_label: Any) -> tuple[npt.NDArray[np.bool_], Any]:
    """Which rows are of the class of interest, and its label as a plain Python value."""
    classes, counts = np.unique(y, return_counts=True)
    if classes.size != 2:
        raise ValueError(f"y must have two classes, got {classes.size}.")
    labels = classes.tolist()
    if pos_label is not None and pos_label not in labels:
        raise ValueError(f"pos_label must be one of {labels}, got {pos_label!r}.")
    label = labels[int(np.argmin(counts))] if pos_label is None else pos_label
    return y == label, label


def _checked(name: str, levels: Sequence[float], *, above_zero: bool) -> list[float]:
    """The levels as a list of numbers in range."""
    values = np.asarray(levels)
    low = np.nextafter(0, 1) if above_zero else 0
    if (
        values.ndim != 1
        or values.dtype.kind not in "iuf"
        or not np.isfinite(values).all()
        or (values < low).any()
        or (name == "over" and not values.size)
    ):
        limit = "> 0" if above_zero else ">= 0"
        raise ValueError(
            f"{name} must be a sequence of percentages {limit}, got {repr(levels)[:100]}."
        )
    return values.tolist()


def _n_rows(X: Any) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def _nested_order(seed: Rows, rng: np.random.Generator) -> Rows:
    """Order of synthetic rows in which every prefix is a sample of its size.

    Where seeds are used equally often, up to one, so they are in every prefix: first one row of
    each seed, then a second one. Otherwise a prefix is a random subset.
    """
    shuffle = rng.permutation(seed.size)
    _, code, counts = np.unique(seed, return_inverse=True, return_counts=True)
    if counts.size == 0 or counts.max() - counts.min() > 1:
        return shuffle
    by_seed = np.argsort(code, kind="stable")
    turn = np.empty(seed.size, dtype=np.intp)
    turn[by_seed] = np.arange(seed.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.lexsort((shuffle, turn))
