"""Imbalanced data made to order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sampkit.base import check_generator


def make_imbalanced_blobs(
    n_samples: int = 1000,
    *,
    weights: Sequence[float] = (0.9, 0.1),
    n_features: int = 2,
    separation: float = 2.0,
    random_state: Any = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Gaussian classes of unit spread with exactly the shares asked for.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    weights : sequence of float > 0, default=(0.9, 0.1)
        Share of every class, normalised to sum 1; class c gets the label c.
    n_features : int >= 1, default=2
        Number of columns.
    separation : float >= 0, default=2.0
        Distance of every class centre from the origin, in random directions.
    random_state : None, int, SeedSequence, Generator or RandomState
        Source of the randomness.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features), float64
        Rows in random order.
    y : ndarray of shape (n_samples,), int64
        Labels 0 to ``len(weights) - 1``, each at least once.

    Raises
    ------
    ValueError
        If a parameter is out of range or a class would be empty.

    Notes
    -----
    O(n_samples * n_features) time and memory.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.datasets import make_imbalanced_blobs
    >>> X, y = make_imbalanced_blobs(200, weights=(0.8, 0.15, 0.05), random_state=0)
    >>> np.bincount(y).tolist()
    [160, 30, 10]
    """
    if n_features < 1:
        raise ValueError(f"n_features must be an int >= 1, got {n_features!r}.")
    if not 0 <= separation < np.inf:
        raise ValueError(f"separation must be a finite number >= 0, got {separation!r}.")
    counts = _class_counts(n_samples, weights)
    rng = check_generator(random_state)
    centres = rng.normal(size=(counts.size, n_features))
    centres *= separation / np.linalg.norm(centres, axis=1, keepdims=True)
    y = rng.permutation(np.repeat(np.arange(counts.size), counts))
    return rng.normal(size=(n_samples, n_features)) + centres[y], y.astype(np.int64)


def make_imbalanced_moons(
    n_samples: int = 500,
    *,
    minority: float = 0.1,
    noise: float = 0.15,
    random_state: Any = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Two interleaved half circles in the plane, the second one rare: a border to look at.

    Parameters
    ----------
    n_samples : int, default=500
        Number of rows.
    minority : float in (0, 1), default=0.1
        Share of class 1, the lower half circle.
    noise : float >= 0, default=0.15
        Standard deviation of the Gaussian noise on both coordinates; the circles' radius is 1.
    random_state : None, int, SeedSequence, Generator or RandomState
        Source of the randomness.

    Returns
    -------
    X : ndarray of shape (n_samples, 2), float64
        Points in random order.
    y : ndarray of shape (n_samples,), int64
        0 or 1.

    Raises
    ------
    ValueError
        If a parameter is out of range or a class would be empty.

    Examples
    --------
    >>> from sampkit.datasets import make_imbalanced_moons
    >>> X, y = make_imbalanced_moons(300, minority=0.1, random_state=0)
    >>> X.shape, int(y.sum())
    ((300, 2), 30)
    """
    if not 0 <= noise < np.inf:
        raise ValueError(f"noise must be a finite number >= 0, got {noise!r}.")
    counts = _class_counts(n_samples, _two_shares(minority))
    rng = check_generator(random_state)
    y = rng.permutation(np.repeat([0, 1], counts))
    angle = rng.uniform(0, np.pi, size=n_samples)
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    moons = np.where(y[:, None] == 0, upper, np.array([1.0, 0.5]) - upper)
    return moons + rng.normal(scale=noise, size=(n_samples, 2)), y.astype(np.int64)


def make_mixed_frame(
    n_samples: int = 500,
    *,
    minority: float = 0.1,
    missing: float = 0.0,
    random_state: Any = None,
) -> tuple[pd.DataFrame, pd.Series]:
    """Customers of a bank with every kind of column that pandas has, a few of them leaving.

    Parameters
    ----------
    n_samples : int, default=500
        Number of rows.
    minority : float in (0, 1), default=0.1
        Share of the class "leaves".
    missing : float in [0, 1), default=0.0
        Share of missing values in the nominal columns ``city`` and ``channel``.
    random_state : None, int, SeedSequence, Generator or RandomState
        Source of the randomness.

    Returns
    -------
    X : DataFrame of shape (n_samples, 9)
        ``income`` float64, ``score`` float32, ``visits`` int64, ``age`` nullable Int64,
        ``balance`` nullable Float64, ``member`` bool, ``grade`` ordered category and ``city``
        unordered category, each with a level that no row has, ``channel`` strings. The index
        does not start at 0.
    y : Series of shape (n_samples,)
        "stays" or "leaves", with the index of X.

    Raises
    ------
    ValueError
        If a parameter is out of range or a class would be empty.

    Examples
    --------
    >>> from sampkit.datasets import make_mixed_frame
    >>> X, y = make_mixed_frame(200, random_state=0)
    >>> X["grade"].cat.categories.tolist()
    ['low', 'middle', 'high', 'top']
    >>> y.value_counts().to_dict()
    {'stays': 180, 'leaves': 20}
    """
    if not 0 <= missing < 1:
        raise ValueError(f"missing must be in [0, 1), got {missing!r}.")
    counts = _class_counts(n_samples, _two_shares(minority))
    rng = check_generator(random_state)
    leaves = rng.permutation(np.repeat([False, True], counts))
    age = np.rint(np.clip(rng.normal(45 - 8 * leaves, 12), 18, 95)).astype(np.int64)
    grade = np.where(rng.random(n_samples) < 0.2 + 0.4 * leaves, 0, rng.integers(0, 3, n_samples))
    city = rng.integers(0, 4, n_samples)
    channel = np.where(leaves & (rng.random(n_samples) < 0.6), 2, rng.integers(0, 3, n_samples))
    grades = pd.Index(["low", "middle", "high", "top"])
    cities = pd.Index(["Bonn", "Lyon", "Pisa", "Riga", "Vigo"])
    index = pd.RangeIndex(100, 100 + n_samples)
    X = pd.DataFrame(
        {
            "income": rng.lognormal(10.3 - 0.3 * leaves, 0.4),
            "score": rng.normal(0.5 * leaves, 1.0).astype(np.float32),
            "visits": rng.poisson(6 - 3 * leaves),
            "age": pd.array(age, dtype="Int64"),
            "balance": pd.array(rng.normal(2000 - 900 * leaves, 800.0), dtype="Float64"),
            "member": rng.random(n_samples) < 0.7 - 0.4 * leaves,
            "grade": pd.Categorical.from_codes(grade, grades, ordered=True),
            "city": pd.Categorical.from_codes(_blanked(city, missing, rng), cities),
            "channel": np.array(["branch", "phone", "web", None], dtype=object)[
                _blanked(channel, missing, rng)
            ],
        },
        index=index,
    )
    return X, pd.Series(np.where(leaves, "leaves", "stays"), index=index, name="customer")


def _two_shares(minority: float) -> tuple[float, float]:
    if not 0 < minority < 1:
        raise ValueError(f"minority must be in (0, 1), got {minority!r}.")
    return 1 - minority, minority


def _class_counts(n_samples: int, weights: Sequence[float]) -> npt.NDArray[np.int64]:
    """Rows per class by largest remainders, which add up to n_samples."""
    shares = np.asarray(weights, dtype=np.float64)
    if shares.ndim != 1 or shares.size < 2 or not (np.isfinite(shares) & (shares > 0)).all():
        raise ValueError(f"weights must be at least two finite numbers > 0, got {weights!r}.")
    exact = n_samples * shares / shares.sum()
    counts = np.floor(exact + 1e-9).astype(np.int64)
    counts[np.argsort(counts - exact, kind="stable")[: n_samples - counts.sum()]] += 1
    if (counts < 1).any():
        raise ValueError(
            f"n_samples must leave every class at least one row, got {n_samples!r} for shares "
            f"{np.round(shares / shares.sum(), 4).tolist()}."
        )
    return counts


def _blanked(
    codes: npt.NDArray[np.int64], missing: float, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Codes with a random share set to -1, the code of a missing value."""
    return np.where(rng.random(codes.size) < missing, -1, codes)
