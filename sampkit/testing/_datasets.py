"""Strategies of plain arrays: imbalanced data sets, labels, count tables, weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit.testing._hypothesis import bounds, hypothesis_strategies, random_cells

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

Counts = Sequence[tuple[int, int]]
Dataset = tuple[npt.NDArray[Any], npt.NDArray[Any]]

COUNTS: Counts = ((14, 30), (7, 12))
DTYPES = ("float64", "float32", "int64")
QUIRKS = ("duplicates", "ties", "constant", "scales")
LABELS = ("int", "str", "bool")


def imbalanced_labels(
    *, counts: Counts = COUNTS, labels: Sequence[str] = ("int", "str")
) -> SearchStrategy[npt.NDArray[Any]]:
    """Class labels with given ranges of class sizes, in random order.

    Parameters
    ----------
    counts : sequence of (int, int), default=((14, 30), (7, 12))
        Smallest and largest number of rows of every class.
    labels : sequence of {"int", "str", "bool"}, default=("int", "str")
        What labels may look like; "bool" takes two classes.

    Returns
    -------
    SearchStrategy of ndarray of shape (n,)

    Raises
    ------
    ValueError
        A range that is none, or unknown words.
    ImportError
        hypothesis is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from hypothesis import given, settings
    >>> from sampkit.testing import imbalanced_labels
    >>> @settings(max_examples=5, derandomize=True, database=None)
    ... @given(imbalanced_labels(counts=[(5, 9), (2, 3)]))
    ... def rarest_has_at_least_two(y):
    ...     assert np.unique(y, return_counts=True)[1].min() >= 2
    >>> rarest_has_at_least_two()
    """
    st = hypothesis_strategies()
    sizes = [bounds("counts", pair, 1) for pair in counts]
    _known("labels", labels, LABELS)
    if "bool" in labels and len(sizes) != 2:
        raise ValueError(f"labels: 'bool' takes two classes, counts has {len(sizes)}.")

    @st.composite
    def draw_labels(draw: DrawFn) -> npt.NDArray[Any]:
        n_rows = [draw(st.integers(low, high)) for low, high in sizes]
        codes = np.repeat(np.arange(len(n_rows)), n_rows)
        random_cells(draw).shuffle(codes)
        kind = draw(st.sampled_from(list(labels)))
        if kind == "bool":
            return codes.astype(bool)
        return codes if kind == "int" else np.array([f"class {c}" for c in range(9)])[codes]

    return draw_labels()


def imbalanced_datasets(
    *,
    counts: Counts = COUNTS,
    n_features: tuple[int, int] = (1, 5),
    dtypes: Sequence[str] = DTYPES,
    quirks: Sequence[str] = QUIRKS,
    labels: Sequence[str] = ("int", "str"),
) -> SearchStrategy[Dataset]:
    """Numeric tables with imbalanced classes that overlap.

    Parameters
    ----------
    counts : sequence of (int, int), default=((14, 30), (7, 12))
        Smallest and largest number of rows of every class; the defaults leave enough rows for
        five neighbours.
    n_features : (int, int), default=(1, 5)
        Smallest and largest number of columns.
    dtypes : sequence of str, default=("float64", "float32", "int64")
        Dtypes that X may have: any float or integer dtype of NumPy.
    quirks : sequence of str, default=("duplicates", "ties", "constant", "scales")
        What may happen to X, each or not: rows repeated, values rounded to a coarse grid, a
        constant column, columns of scales from 1e-6 to 1e6 (floats only).
    labels : sequence of {"int", "str", "bool"}, default=("int", "str")
        What labels may look like.

    Returns
    -------
    SearchStrategy of (X, y)
        X : ndarray of shape (n, d); y : ndarray of shape (n,).

    Raises
    ------
    ValueError
        A range that is none, or unknown words.
    ImportError
        hypothesis is missing.

    Notes
    -----
    Sizes, dtypes and quirks shrink; the cells come from one seed, which keeps examples fast.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> from sampkit.over_sampling import SMOTE
    >>> from sampkit.testing import imbalanced_datasets
    >>> @settings(max_examples=5, derandomize=True, database=None)
    ... @given(imbalanced_datasets(dtypes=["float32"]))
    ... def keeps_float32(data):
    ...     X_res, y_res = SMOTE(random_state=0).fit_resample(*data)
    ...     assert X_res.dtype == "float32"
    >>> keeps_float32()
    """
    st = hypothesis_strategies()
    low, high = bounds("n_features", n_features, 1)
    _known("quirks", quirks, QUIRKS)
    for dtype in dtypes:
        if np.dtype(dtype).kind not in "iuf":
            raise ValueError(f"dtypes must be floats or integers, got {dtype!r}.")
    some_labels = imbalanced_labels(counts=counts, labels=labels)

    @st.composite
    def draw_dataset(draw: DrawFn) -> Dataset:
        y = draw(some_labels)
        d = draw(st.integers(low, high))
        dtype = np.dtype(draw(st.sampled_from(list(dtypes))))
        happens = {quirk for quirk in quirks if draw(st.booleans())}
        rng = random_cells(draw)
        code = np.unique(y, return_inverse=True)[1]
        X = rng.normal(size=(len(y), d)) + 1.5 * code[:, None]
        if dtype.kind in "iu":
            X *= 10
        if "duplicates" in happens:
            X[rng.integers(len(y), size=len(y) // 3)] = X[0]
        if "ties" in happens:
            X = np.round(X)
        if "constant" in happens:
            X[:, rng.integers(d)] = 3.0
        if "scales" in happens and dtype.kind == "f":
            X *= 10.0 ** rng.integers(-6, 7, size=d)
        if dtype.kind == "u":
            X = np.abs(X)
        return X.astype(dtype), y

    return draw_dataset()


def count_tables(
    *,
    n_items: tuple[int, int] = (1, 30),
    n_categories: tuple[int, int] = (1, 8),
    max_count: int = 20,
    density: float = 0.4,
    formats: Sequence[str] = ("dense", "csr"),
) -> SearchStrategy[Any]:
    """Count tables: non-negative whole numbers, items in rows, categories in columns.

    Parameters
    ----------
    n_items, n_categories : (int, int)
        Smallest and largest number of rows and of columns.
    max_count : int, default=20
        Largest entry, >= 1.
    density : float in (0, 1], default=0.4
        Expected share of entries that may be positive; rows and columns may be empty.
    formats : sequence of {"dense", "csr"}, default=("dense", "csr")
        Containers that are drawn from.

    Returns
    -------
    SearchStrategy of ndarray or csr_array of int64, of shape (items, categories)

    Raises
    ------
    ValueError
        A range that is none, or unknown words.
    ImportError
        hypothesis is missing.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> from sampkit.testing import count_tables
    >>> @settings(max_examples=5, derandomize=True, database=None)
    ... @given(count_tables(max_count=3))
    ... def counts_are_small(table):
    ...     assert 0 <= table.max() <= 3
    >>> counts_are_small()
    """
    st = hypothesis_strategies()
    rows, columns = bounds("n_items", n_items, 1), bounds("n_categories", n_categories, 1)
    _known("formats", formats, ("dense", "csr"))
    if not max_count >= 1:
        raise ValueError(f"max_count must be >= 1, got {max_count!r}.")
    if not 0 < density <= 1:
        raise ValueError(f"density must be in (0, 1], got {density!r}.")

    @st.composite
    def draw_counts(draw: DrawFn) -> Any:
        shape = draw(st.integers(*rows)), draw(st.integers(*columns))
        form = draw(st.sampled_from(list(formats)))
        rng = random_cells(draw)
        table = rng.integers(0, max_count + 1, size=shape) * (rng.random(shape) < density)
        return table if form == "dense" else sp.csr_array(table)

    return draw_counts()


def sample_weights(
    n: int, *, zeros: bool = True, scale: tuple[float, float] = (1e-3, 1e3)
) -> SearchStrategy[npt.NDArray[np.float64]]:
    """Non-negative weights of n rows, at least one of them positive.

    Parameters
    ----------
    n : int
        Number of rows, >= 1.
    zeros : bool, default=True
        Whether some weights may be 0.
    scale : (float, float), default=(1e-3, 1e3)
        Smallest and largest positive weight.

    Returns
    -------
    SearchStrategy of ndarray of float64 of shape (n,)
        All equal, whole numbers, or spread over the whole scale.

    Raises
    ------
    ValueError
        n < 1, or a scale that is none.
    ImportError
        hypothesis is missing.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> from sampkit.testing import sample_weights
    >>> @settings(max_examples=5, derandomize=True, database=None)
    ... @given(sample_weights(10, zeros=False))
    ... def all_are_positive(w):
    ...     assert (w > 0).all()
    >>> all_are_positive()
    """
    st = hypothesis_strategies()
    if n < 1:
        raise ValueError(f"n must be >= 1, got {n!r}.")
    low, high = (float(v) for v in scale)
    if not 0 < low <= high < np.inf:
        raise ValueError(f"scale must be (low, high) with 0 < low <= high, got {scale!r}.")

    @st.composite
    def draw_weights(draw: DrawFn) -> npt.NDArray[np.float64]:
        form = draw(st.sampled_from(["equal", "whole", "spread"]))
        rng = random_cells(draw)
        spread = np.exp(rng.uniform(np.log(low), np.log(high), size=n))
        whole = np.clip(rng.integers(1, 6, size=n).astype(np.float64), low, high)
        w = {"equal": np.full(n, whole[0]), "whole": whole, "spread": spread}[form]
        if zeros and draw(st.booleans()):
            keep = rng.random(n) < 0.5
            keep[rng.integers(n)] = True
            w = w * keep
        return np.clip(w, 0.0, high)

    return draw_weights()


def _known(name: str, given: Sequence[str], words: Sequence[str]) -> None:
    unknown = [word for word in given if word not in words]
    if unknown or isinstance(given, str):
        raise ValueError(f"{name} must be a sequence out of {list(words)}, got {str(given)[:80]}.")
