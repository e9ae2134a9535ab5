"""hypothesis, brought in when a strategy is asked for and not before."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["DrawFn", "SearchStrategy", "bounds", "hypothesis_strategies", "random_cells"]


def hypothesis_strategies() -> ModuleType:
    """The module ``hypothesis.strategies``; ImportError that names the extra without it."""
    try:
        from hypothesis import strategies
    except ImportError as error:
        raise ImportError(
            "The strategies of sampkit.testing need hypothesis: pip install sampkit[test]"
        ) from error
    return strategies


def random_cells(draw: DrawFn) -> np.random.Generator:
    """A generator for the cells of a table.

    Shape, dtypes and quirks are hypothesis's, so that they shrink; thousands of cells are not.
    """
    return np.random.default_rng(draw(hypothesis_strategies().integers(0, 2**32 - 1)))


def bounds(name: str, pair: Any, least: int) -> tuple[int, int]:
    """A checked pair (low, high) of whole numbers, both inclusive."""
    try:
        low, high = (int(v) for v in pair)
    except (TypeError, ValueError):
        low, high = 1, 0
    if not least <= low <= high:
        raise ValueError(
            f"{name} must be a pair (low, high) of whole numbers with {least} <= low <= high, got "
            f"{str(pair)[:80]}."
        )
    return low, high


def __getattr__(name: str) -> Any:
    if name in ("DrawFn", "SearchStrategy"):  # types, for annotations that are looked at
        return getattr(hypothesis_strategies(), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
