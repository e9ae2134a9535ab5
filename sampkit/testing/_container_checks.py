"""Checks of containers: what went in comes out, with the same numbers in it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.utils import get_tags

from sampkit._door import labels_of
from sampkit._library import is_pandas
from sampkit.testing._case import Case, NotApplicableError, Run, numbers_of
from sampkit.testing._same import dtype_difference

CLOSE = 1e-6  # sparse rows are summed in another order


def check_container_kept(case: Case) -> None:
    """X and y come back in the type that they came in, dtypes included."""
    _kept(case, case.base, case.X, case.y)


def check_container_list(case: Case) -> None:
    """Lists."""
    X, y = _numbers(case)
    _another_form(case, X.tolist(), None if y is None else y.tolist(), promised=False)


def check_container_pandas(case: Case) -> None:
    """Data frame and Series: dtypes, names, and one index for both."""
    X, y = _numbers(case)
    index = pd.Index(np.arange(len(X)) + 100)
    frame = pd.DataFrame(X, columns=[f"column {j}" for j in range(X.shape[1])], index=index)
    series = None if y is None else pd.Series(y, index=index, name="target")
    run = _another_form(case, frame, series, promised=_tag(case, "dataframe"))
    if series is None:
        return
    if not run.X.index.equals(run.y.index):
        raise AssertionError(
            f"{case.name}: X has the index {str(list(run.X.index))[:60]}, y has "
            f"{str(list(run.y.index))[:60]}"
        )
    labels, origin = run.X.index, run.origin
    renumbered = labels.equals(pd.RangeIndex(len(labels)))
    if not renumbered and (origin is None or not labels.equals(index[origin])):
        raise AssertionError(
            f"{case.name}: the index {str(list(labels))[:60]} is neither that of the rows nor "
            "0 ... n - 1"
        )


def check_container_csr(case: Case) -> None:
    """CSR matrices and arrays; nothing becomes dense."""
    X, y = _numbers(case)
    if _tag(case, "sparse") is False:
        raise NotApplicableError(f"{case.name} says that it takes no sparse X")
    for form in (sp.csr_array, sp.csr_matrix):
        _another_form(case, form(X), y, promised=_tag(case, "sparse"))


def check_container_polars(case: Case) -> None:
    """Polars frames."""
    X, y = _numbers(case)
    try:
        import polars as pl
    except ImportError:
        raise NotApplicableError("polars is not installed") from None
    frame = pl.DataFrame({f"column {j}": X[:, j] for j in range(X.shape[1])})
    _another_form(case, frame, y, promised=False)


def _numbers(case: Case) -> tuple[Any, Any]:
    if not isinstance(case.X, np.ndarray) or case.X.dtype.kind not in "iuf":
        raise NotApplicableError("the X to check on is no array of numbers")
    return case.X, case.y if case.y is None else np.asarray(case.y)


def _tag(case: Case, name: str) -> bool | None:
    """An input tag; None where the sampler has none and so promises nothing."""
    if not hasattr(case.given, "__sklearn_tags__"):
        return None
    return getattr(get_tags(case.given).input_tags, name, None)


def _another_form(case: Case, X: Any, y: Any, *, promised: bool | None) -> Run:
    """A run on the table in another container, which has to give the same numbers."""
    form = type(X).__name__
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run = case.run(X, y)
    except Exception as error:
        text = f"{case.name} refuses {form}: {type(error).__name__}: {str(error)[:120]}"
        if promised:
            raise AssertionError(f"{text}; its tags say that it takes it") from error
        raise NotApplicableError(text) from None
    _kept(case, run, X, y)
    base, got = numbers_of(case.base.X), numbers_of(run.X)
    if len(base) == len(got) == 0:
        return run
    if base.shape != got.shape or not np.allclose(base, got, rtol=CLOSE, atol=CLOSE):
        raise AssertionError(f"{case.name} gives other rows for {form} than for an array")
    if y is not None and labels_of(case.base.y).tolist() != labels_of(run.y).tolist():
        raise AssertionError(f"{case.name} gives other labels for {form} than for an array")
    return run


def _kept(case: Case, run: Run, X: Any, y: Any) -> None:
    for name, given, got in (("X", X, run.X), ("y", y, run.y)):
        found = _form_difference(given, got)
        if found:
            raise AssertionError(f"{case.name}: {name} comes back in another form: {found}")


def _form_difference(a: Any, b: Any) -> str | None:
    if type(a) is not type(b):
        return f"type {type(a).__name__} became {type(b).__name__}"
    if is_pandas(a):
        return _pandas_form_difference(a, b)
    if sp.issparse(a):
        return None if a.format == b.format else f"format {a.format} became {b.format}"
    for name in ("dtype", "schema"):
        was, became = getattr(a, name, None), getattr(b, name, None)
        texts = [getattr(d, "kind", None) for d in (was, became)] == ["U", "U"]  # of any width
        if was != became and not texts:
            return f"{name} {was} became {became}"
    return None


def _pandas_form_difference(a: Any, b: Any) -> str | None:
    if a.ndim == 1:
        if a.name != b.name:
            return f"name {a.name!r} became {b.name!r}"
        return dtype_difference(a.dtype, b.dtype)
    if not a.columns.equals(b.columns) or list(a.columns.names) != list(b.columns.names):
        return f"columns {str(list(a.columns))[:60]} became {str(list(b.columns))[:60]}"
    for name, was, became in zip(a.columns, a.dtypes, b.dtypes, strict=True):
        found = dtype_difference(was, became)
        if found:
            return f"column {name!r}: {found}"
    return None


CONTAINER_CHECKS: dict[str, Callable[[Case], Any]] = {
    "container_kept": check_container_kept,
    "container_list": check_container_list,
    "container_pandas": check_container_pandas,
    "container_csr": check_container_csr,
    "container_polars": check_container_polars,
}
