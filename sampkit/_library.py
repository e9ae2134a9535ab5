"""Which library a value comes from, told without importing any of them."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from sklearn import get_config


def root_module(value: Any) -> str:
    """The package that a value's type comes from; what derives from pandas counts as pandas."""
    roots = [kind.__module__.split(".")[0] for kind in type(value).__mro__]
    return "pandas" if "pandas" in roots else roots[0]


def is_pandas(value: Any) -> bool:
    """Whether a value comes from pandas, without importing it."""
    return "pandas" in sys.modules and root_module(value) == "pandas"


def is_foreign(X: Any) -> bool:
    """Whether X is an array of another namespace that scikit-learn was told to dispatch on."""
    if isinstance(X, np.ndarray) or not hasattr(X, "__array_namespace__"):
        return False
    return bool(get_config()["array_api_dispatch"])


def is_narwhals_frame(X: Any) -> bool:
    """Whether X is an eager data frame other than pandas that narwhals knows (polars, pyarrow)."""
    if root_module(X) not in ("polars", "pyarrow", "modin", "cudf"):
        return False
    # asked of the type: to ask a lazy frame for its columns is to plan its query
    return hasattr(type(X), "columns") or hasattr(type(X), "column_names")
