"""What a check of a sampler works on: the sampler, a table, and one run of it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from sampkit._door import container_of, labels_of
from sampkit.testing._same import snapshot

Index = npt.NDArray[np.intp]


class NotApplicableError(Exception):
    """A check has nothing to say about this sampler; the message says why."""


@dataclass(frozen=True)
class Run:
    """A sampler after ``fit_resample``, and what it returned."""

    sampler: Any
    X: Any
    y: Any

    @property
    def origin(self) -> Index | None:
        """The row of the input that each output row is, or was made from; None: not told."""
        if hasattr(self.sampler, "provenance_"):
            return np.asarray(self.sampler.provenance_[0])
        if hasattr(self.sampler, "sample_indices_"):
            return np.asarray(self.sampler.sample_indices_)
        return None


@dataclass(frozen=True)
class Case:
    """One sampler and one table."""

    given: Any
    X: Any
    y: Any

    @property
    def name(self) -> str:
        return type(self.given).__name__

    @property
    def n_rows(self) -> int:
        return len_of(self.X)

    @property
    def has_params(self) -> bool:
        return hasattr(self.given, "get_params") and hasattr(self.given, "set_params")

    def fresh(self) -> Any:
        """An unfitted copy with a fixed seed, where the sampler takes one."""
        sampler = clone(self.given) if self.has_params else copy.deepcopy(self.given)
        if self.has_params and "random_state" in sampler.get_params(deep=False):
            sampler.set_params(random_state=0)
        return sampler

    def run(self, X: Any = None, y: Any = None) -> Run:
        """One run of a fresh copy, on this table or on another form of it."""
        sampler = self.fresh()
        X, y = (self.X, self.y) if X is None else (X, y)
        out = sampler.fit_resample(snapshot(X), snapshot(y))  # whatever it does to its input
        if not isinstance(out, tuple) or len(out) != 2:
            raise AssertionError(
                f"fit_resample of {self.name} must return a pair (X_resampled, y_resampled), got "
                f"{type(out).__name__}"
            )
        return Run(sampler, *out)

    @cached_property
    def base(self) -> Run:
        return self.run()

    @cached_property
    def labels(self) -> npt.NDArray[Any]:
        return labels_of(self.y)


def len_of(value: Any) -> int:
    """Number of rows."""
    return int(value.shape[0]) if hasattr(value, "shape") else len(value)


def rows_of(X: Any, rows: Index) -> Any:
    """Some rows of any container, in its own type."""
    if len_of(X) == 0:  # everything was cleaned away, and no container is empty
        return X
    return container_of(X, numeric=False).take(np.asarray(rows, dtype=np.intp))


def numbers_of(X: Any) -> Any:
    """A table as float64, or None where it holds anything else."""
    X = X.toarray() if hasattr(X, "toarray") else X
    try:
        return np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):
        return None
