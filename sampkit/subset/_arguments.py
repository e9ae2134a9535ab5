"""What every entrance of the family checks: how many rows, how many rounds, which seed."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._random_state import check_generator

Index = npt.NDArray[np.integer[Any]]


def rows_of(subset_size: Any, n: int) -> int:
    """Rows of a round, k: ``max(1, round(r n))`` for a float r in (0, 1], an int is k itself."""
    if isinstance(subset_size, Real) and not isinstance(subset_size, (bool, np.bool_)):
        if isinstance(subset_size, Integral):
            if 1 <= int(subset_size) <= n:
                return int(subset_size)
        elif 0 < float(subset_size) <= 1:
            return max(1, round(float(subset_size) * n))
    raise ValueError(
        f"subset_size must be a float in (0, 1] (a share) or an int in [1, {n}] (rows), got "
        f"{shown(subset_size)}."
    )


def share_of(subset_size: Any) -> float:
    """`subset_size` where the number of rows is not known: a share only."""
    whole = isinstance(subset_size, (Integral, np.bool_))
    if not whole and isinstance(subset_size, Real) and 0 < float(subset_size) <= 1:
        return float(subset_size)
    raise ValueError(f"subset_size must be a float in (0, 1], got {shown(subset_size)}.")


def count_of(value: Any, name: str, low: int = 1) -> int:
    """An int >= `low`; numbers of rows, rounds, blocks and pages are such."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral) or value < low:
        raise ValueError(f"{name} must be an int >= {low}, got {shown(value)}.")
    return int(value)


def rounds_of(n_rounds: Any) -> int | None:
    """A number of rounds, or None for rounds without end."""
    return None if n_rounds is None else count_of(n_rounds, "n_rounds")


def codes_of(stratify: Any, n: int) -> npt.NDArray[np.intp]:
    """Class number of every row."""
    labels = np.asarray(stratify)
    if labels.ndim != 1 or labels.shape[0] != n:
        raise ValueError(f"stratify must hold one label a row, shape ({n},), got {labels.shape}.")
    return np.unique(labels, return_inverse=True)[1].astype(np.intp, copy=False)


def root_of(random_state: Any) -> np.random.SeedSequence:
    """The root from which the generators of all rounds are spawned.

    An int gives the same root every time; a Generator or RandomState moves on by four draws.
    """
    if isinstance(random_state, np.random.SeedSequence):
        return random_state
    if isinstance(random_state, (np.random.Generator, np.random.RandomState)):
        words = check_generator(random_state).integers(2**64, size=4, dtype=np.uint64)
        return np.random.SeedSequence(words.tolist())
    check_generator(random_state)  # refuses what is no seed, in the house's words
    return np.random.SeedSequence(None if random_state is None else int(random_state))


def child_of(root: np.random.SeedSequence, *key: int) -> np.random.SeedSequence:
    """The root's descendant under a key, whatever was spawned before: round t from t alone."""
    return np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, *key))


def generator_at(root: np.random.SeedSequence, *key: int) -> np.random.Generator:
    """A generator of its own for every key."""
    return np.random.default_rng(child_of(root, *key))


def one_of(value: Any, name: str, accepted: Sequence[str]) -> None:
    """Refuse a word that is not in the list."""
    if value not in accepted:
        raise ValueError(f"{name} must be one of {list(accepted)}, got {shown(value)}.")


def shown(value: Any) -> str:
    """A value as an error shows it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def row_numbers(rows: Any, n: int, name: str) -> npt.NDArray[np.intp]:
    """Distinct row numbers in range."""
    index = np.asarray(rows)
    if index.size == 0:
        index = index.astype(np.intp)
    fits = index.ndim == 1 and index.dtype.kind in "iu"
    if not fits or (index.size and (index.min() < 0 or index.max() >= n)):
        raise ValueError(f"{name} must hold row numbers in [0, {n - 1}], got {shown(rows)}.")
    if np.unique(index).size != index.size:
        raise ValueError(f"{name} must not name a row twice, got {shown(rows)}.")
    return index.astype(np.intp, copy=False)
