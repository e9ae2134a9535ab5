"""The domain of a schema: attributes, their categories, and codes for labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.privacy._validation import shown

Label = str | int | float | bool
TOGETHER = 64  # rows of a matrix of codes that are compared as one

Codes = npt.NDArray[np.int64]


def read_domain(domain: Any) -> dict[str, tuple[Label, ...]]:
    """Attribute names and their categories, in order, from what a user may write.

    Parameters
    ----------
    domain : dict or list
        Name -> categories, or a list of categories (attributes x0, x1, ...); categories are a
        list of str, int, float or bool, or an int k for ``0..k-1``.
    """
    if isinstance(domain, Mapping):
        entries = list(domain.items())
        wrong = [name for name, _ in entries if not isinstance(name, str)]
        if wrong:
            raise ValueError(f"domain must name its attributes by str, got {shown(wrong[0])}.")
    elif isinstance(domain, Iterable) and not isinstance(domain, (str, bytes)):
        entries = [(f"x{j}", categories) for j, categories in enumerate(domain)]
    else:
        raise ValueError(
            f"domain must be a dict of categories or a list of them, got {shown(domain)}."
        )
    if not entries:
        raise ValueError("domain must have at least one attribute, got none.")
    if len(entries) > 1 << 16:
        raise ValueError(f"domain must have at most 2**16 attributes, got {len(entries)}.")
    return {name: _categories(name, given) for name, given in entries}


def _categories(name: str, given: Any) -> tuple[Label, ...]:
    if isinstance(given, (int, np.integer)) and not isinstance(given, bool):
        labels: tuple[Label, ...] = tuple(range(int(given)))
    elif isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping)):
        labels = tuple(_label(name, value) for value in given)
    else:
        raise ValueError(
            f"domain[{name!r}] must be a list of categories or their number, got {shown(given)}."
        )
    if len(labels) < 2:
        raise ValueError(f"domain[{name!r}] must have at least 2 categories, got {len(labels)}.")
    if len(set(labels)) < len(labels):
        twice = next(label for i, label in enumerate(labels) if label in labels[:i])
        raise ValueError(f"domain[{name!r}] has the category {shown(twice)} twice.")
    return labels


def _label(name: str, value: Any) -> Label:
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, (str, int, float)) or (
        isinstance(plain, float) and not math.isfinite(plain)
    ):
        raise ValueError(
            f"domain[{name!r}]: a category must be a str, bool, int or finite float, got "
            f"{shown(value)}; declare missing values as a category of their own."
        )
    return plain


class LabelCodes:
    """Codes of one attribute's labels; an unknown label is named, and nothing else of the data."""

    def __init__(self, name: str, labels: tuple[Label, ...]):
        self.name = name
        self.labels = labels
        self.table = {label: code for code, label in enumerate(labels)}
        self.counting = is_range(labels)
        self._sorted: tuple[Any, Codes] | None = None

    def one(self, label: Any) -> int:
        """Code of one label."""
        try:
            return self.table[label]
        except (KeyError, TypeError):
            raise self._unknown(label) from None

    def many(self, column: Any) -> Codes:
        """Codes (n,) of a column: a NumPy array or a pandas Series."""
        if hasattr(column, "factorize"):  # a pandas Series, so pandas is at hand already
            code, found = column.factorize()
            if (code < 0).any():
                raise self._unknown(column[code < 0].iloc[0])
            table = np.array([self.one(label) for label in np.asarray(found).tolist()], np.int64)
            return table[code] if table.size else np.zeros(0, np.int64)
        values = np.asarray(column)
        kind = values.dtype.kind
        if self.counting and kind in "iu":
            codes = values.astype(np.int64, copy=False)
            # one comparison for both ends: as an unsigned number a negative one is very large
            outside = codes.view(np.uint64) >= len(self.labels)
            if outside.any():
                raise self._unknown(values[outside][0].item())
            return codes
        if kind in "iufb" and not any(isinstance(label, str) for label in self.labels):
            return self._searched(values, np.array(self.labels, dtype=np.float64), values)
        if kind == "U" and all(isinstance(label, str) for label in self.labels):
            return self._searched(values, np.array(self.labels, dtype=np.str_), values)
        return np.fromiter((self.one(v) for v in values.tolist()), np.int64, values.size)

    def _searched(self, values: Any, labels: Any, shown_as: Any) -> Codes:
        """Binary search, then a check that what was found is what was meant."""
        order = np.argsort(labels)
        at = np.minimum(np.searchsorted(labels[order], values), len(labels) - 1)
        codes = order[at].astype(np.int64)
        wrong = labels[codes] != values
        if wrong.any():
            raise self._unknown(shown_as[wrong][0].item())
        return codes

    def _unknown(self, label: Any) -> ValueError:
        plain = label.item() if isinstance(label, np.generic) else label
        return ValueError(
            f"attribute {self.name!r} has no category {shown(plain)}; missing and new values need "
            "a declared category."
        )


def is_range(labels: tuple[Label, ...]) -> bool:
    """Whether labels are the integers 0..k-1, so that they are their own codes."""
    return all(type(label) is int and label == code for code, label in enumerate(labels))


def codes_are_in(codes: npt.NDArray[Any], sizes: npt.NDArray[np.int64]) -> bool:
    """Whether a matrix (n, d) holds integer codes of ``0..sizes[j]-1`` in every column j."""
    if codes.dtype.kind not in "iu" or not codes.size:
        return False
    # one comparison for both ends: as an unsigned number a negative one is very large
    unsigned = np.dtype(f"u{codes.dtype.itemsize}").newbyteorder(codes.dtype.byteorder)
    largest = min(int(np.iinfo(codes.dtype).max), (1 << 63) - 1)
    top = np.minimum(sizes - 1, largest).astype(unsigned.newbyteorder("="))
    bits, whole = codes.view(unsigned), 0
    if codes.flags.c_contiguous:  # many rows as one: NumPy's loops are slow when they are short
        whole = len(codes) // TOGETHER * TOGETHER
        rows = bits[:whole].reshape(-1, TOGETHER * codes.shape[1])
        if (rows > np.tile(top, TOGETHER)).any():
            return False
    return not (bits[whole:] > top).any()
