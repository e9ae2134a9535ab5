"""Published sampling methods as dependable scikit-learn-compatible tools.

The families are submodules, loaded on first use, so that ``import sampkit`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0.dev0"

_SUBMODULES = (
    "base",
    "combine",
    "compose",
    "coreset",
    "datasets",
    "demo",
    "diffusion",
    "diversity",
    "metrics",
    "minmax",
    "neighbors",
    "over_sampling",
    "privacy",
    "subset",
    "testing",
    "under_sampling",
)

__all__ = ["__version__", *_SUBMODULES]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
