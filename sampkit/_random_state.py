"""Random numbers: one generator a call, made from whatever the user gave."""

from __future__ import annotations

from typing import Any

import numpy as np


def check_generator(random_state: Any = None) -> np.random.Generator:
    """Turn any accepted ``random_state`` into a NumPy Generator.

    Parameters
    ----------
    random_state : None, int, SeedSequence, Generator or RandomState
        None draws fresh entropy. A Generator is returned as it is, a RandomState lends its bit
        generator: both move on as numbers are drawn.

    Returns
    -------
    numpy.random.Generator

    Raises
    ------
    ValueError
        Anything else, and negative integers.

    Examples
    --------
    >>> from sampkit.base import check_generator
    >>> int(check_generator(0).integers(100)) == int(check_generator(0).integers(100))
    True
    """
    return generator_of(random_state, "random_state")


def generator_of(random_state: Any, name: str) -> np.random.Generator:
    """`check_generator` for a parameter of another name."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.Generator(random_state._bit_generator)
    if random_state is None or isinstance(random_state, np.random.SeedSequence):
        return np.random.default_rng(random_state)
    if isinstance(random_state, (int, np.integer)) and random_state >= 0:
        return np.random.default_rng(int(random_state))
    raise ValueError(
        f"{name} must be None, an int >= 0, a numpy SeedSequence, Generator or RandomState, got "
        f"{str(random_state)[:100]!r}."
    )


def sub_random_state(random_state: Any, rng: np.random.Generator) -> int:
    """The ``random_state`` of a sub-estimator: the user's own int, else one int drawn from rng."""
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    return int(rng.integers(np.iinfo(np.int32).max))


def child_generators(rng: np.random.Generator, n: int) -> list[np.random.Generator]:
    """Independent generators, seeded by numbers drawn from `rng`: a RandomState cannot spawn."""
    entropy = rng.integers(2**64, size=(n, 4), dtype=np.uint64)
    return [np.random.default_rng(row) for row in entropy]
