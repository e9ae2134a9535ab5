"""The domain of a table: declared by its owner, or read off the data, which is a leak."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sampkit.privacy._protocol import PrivacyWarning
from sampkit.privacy._validation import shown


def table_domain(
    names: Sequence[str], levels: Callable[[str], list[Any]], categories: Any = None
) -> dict[str, Any]:
    """Attribute names and their categories, for `LDPSchema`.

    Parameters
    ----------
    names : sequence of str
        Names of the table's columns.
    levels : callable
        Column name -> its categories, asked only where nobody declares them.
    categories : dict, list or None
        As a schema's domain: by column name, or one entry for every column; None learns them.

    Warns
    -----
    PrivacyWarning
        The domain is learned: that somebody holds a rare category is itself a leak.
    """
    if len(set(names)) < len(names):
        raise ValueError(f"columns must have different names, got {shown(list(names))}.")
    if categories is None:
        warnings.warn(
            "categories=None reads the categories off the data; that somebody holds a rare one "
            "then shows. Declare them.",
            PrivacyWarning,
            stacklevel=3,
        )
        return {name: levels(name) for name in names}
    if isinstance(categories, Mapping):
        unknown = [name for name in categories if name not in names]
        if unknown:
            raise ValueError(
                f"categories name {shown(unknown[0])}, which is no column of the table."
            )
        return dict(categories)
    if isinstance(categories, (str, bytes)) or not isinstance(categories, (Sequence, np.ndarray)):
        raise ValueError(f"categories must be a dict, a list or None, got {shown(categories)}.")
    if len(categories) != len(names):
        raise ValueError(
            f"categories must have an entry for each of {len(names)} columns, got "
            f"{len(categories)}."
        )
    return dict(zip(names, categories, strict=True))


def column_levels(name: str, column: Any) -> list[Any]:
    """Categories of one column: those of its dtype, else the different values in order.

    Parameters
    ----------
    name : str
        For the error.
    column : Series or ndarray of shape (n,)
    """
    if pd.isna(np.asarray(column)).any():
        raise ValueError(
            f"attribute {name!r} has missing values (NaN or None), and no category for them: "
            "declare categories and put one in their place."
        )
    dtype = getattr(column, "dtype", None)
    if isinstance(dtype, pd.CategoricalDtype):
        return dtype.categories.tolist()
    return in_order(set(np.asarray(column).tolist()))


def in_order(values: set[Any]) -> list[Any]:
    """Sorted, by type first where types do not compare."""
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=lambda value: (type(value).__name__, repr(value)))
