"""Checks of the rows: how many, of which class, and where they come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import get_tags

from sampkit._door import labels_of
from sampkit.testing._case import Case, NotApplicableError, len_of, numbers_of, rows_of
from sampkit.testing._same import difference

CLOSE = 1e-5  # relative to the largest value: single precision, after one interpolation


def check_exact_counts(case: Case) -> None:
    """The class sizes are those that ``sampling_strategy_`` and the kind of sampler promise."""
    promised = getattr(case.base.sampler, "sampling_strategy_", None)
    kind = getattr(case.given, "_sampling_type", None)
    if promised is None or case.y is None:
        raise NotApplicableError(f"{case.name} sets no sampling_strategy_")
    if kind not in ("over-sampling", "under-sampling", "clean-sampling"):
        raise NotApplicableError(f"{case.name} does not say, as _sampling_type, what counts mean")
    before, after = _counts(case.labels), _counts(labels_of(case.base.y))
    for label, n in before.items():
        got = after.get(label, 0)
        want = n
        if label in promised and kind == "over-sampling":
            want = n + promised[label]
        elif label in promised:
            want = promised[label]
        if kind == "clean-sampling" and label in promised:
            if got > n:
                raise AssertionError(f"{case.name} returned {got} rows of class {label!r}, of {n}")
        elif got != want:
            raise AssertionError(
                f"{case.name} returned {got} rows of class {label!r} instead of {want} "
                f"({kind}, sampling_strategy_={str(promised)[:80]})"
            )


def check_known_labels(case: Case) -> None:
    """No label comes out that did not go in."""
    if case.y is None:
        raise NotApplicableError("there is no y")
    new = set(_counts(labels_of(case.base.y))) - set(_counts(case.labels))
    if new:
        raise AssertionError(f"{case.name} made up the labels {str(sorted(new, key=str))[:80]}")


def check_labels_follow_origin(case: Case) -> None:
    """An output row has the label of the row of the input that it comes from."""
    origin = _checked_origin(case)
    if case.y is None:
        raise NotApplicableError("there is no y")
    expected, got = case.labels[origin], labels_of(case.base.y)
    wrong = np.flatnonzero(expected != got)
    if len(wrong):
        i = int(wrong[0])
        raise AssertionError(
            f"{case.name}: row {i} of the output has label {got[i]}, the row it comes from, "
            f"{origin[i]}, has {expected[i]}"
        )


def check_rows_follow_origin(case: Case) -> None:
    """Rows are those of ``sample_indices_``, or lie where ``provenance_`` puts them."""
    origin = _checked_origin(case)
    run = case.base
    if not hasattr(run.sampler, "provenance_"):
        if getattr(run.sampler, "shrinkage_", None) is not None:
            raise NotApplicableError(f"{case.name} adds noise to the rows (shrinkage_)")
        _rows_are(case, np.arange(len(origin)), origin, "sample_indices_")
        return
    seed, neighbor, gap = (np.asarray(part) for part in run.sampler.provenance_)
    kept = np.flatnonzero((seed == neighbor) & (gap == 0))
    _rows_are(case, kept, seed[kept], "provenance_")
    _rows_are_between(case, seed, neighbor, gap)


def check_weights(case: Case) -> None:
    """``sample_weight_`` is one positive number per output row, beside ``sample_indices_``."""
    sampler = case.base.sampler
    if not hasattr(sampler, "sample_weight_"):
        raise NotApplicableError(f"{case.name} sets no sample_weight_")
    w = np.asarray(sampler.sample_weight_)
    n_out = len_of(case.base.X)
    if w.shape != (n_out,) or w.dtype.kind not in "iuf":
        raise AssertionError(
            f"{case.name}: sample_weight_ must be {n_out} numbers, got {w.dtype} of shape {w.shape}"
        )
    if not (np.isfinite(w) & (w > 0)).all():
        raise AssertionError(f"{case.name}: sample_weight_ must be positive, got {w.min()}")
    if not hasattr(sampler, "sample_indices_"):
        raise AssertionError(f"{case.name} sets sample_weight_ without sample_indices_")


def check_propagate(case: Case) -> None:
    """Values are carried to the output: bit by bit where rows are, within their range elsewhere."""
    sampler = case.base.sampler
    if not hasattr(sampler, "propagate"):
        raise NotApplicableError(f"{case.name} has no propagate")
    origin, n = _checked_origin(case), case.n_rows
    values = np.sqrt(np.arange(1.0, n + 1))
    carried = np.asarray(sampler.propagate(values))
    if carried.shape != origin.shape:
        raise AssertionError(
            f"{case.name}.propagate returned {carried.shape} values for {len(origin)} rows"
        )
    low = high = values[origin]
    if hasattr(sampler, "provenance_"):
        _, neighbor, gap = (np.asarray(part) for part in sampler.provenance_)
        step = np.where(np.isnan(gap), 0.0, gap) * (values[neighbor] - values[origin])
        low = high = values[origin] + step
    moved = np.abs(carried - low) > CLOSE * values.max() * (low != values[origin])
    if moved.any():
        i = int(np.argmax(moved))
        raise AssertionError(
            f"{case.name}.propagate gives {carried[i]!r} for row {i}, which provenance puts at "
            f"{high[i]!r}"
        )
    codes = np.arange(n)
    if difference(np.asarray(sampler.propagate(codes)), codes[origin]):
        raise AssertionError(f"{case.name}.propagate of whole numbers is not that of the origin")


def _checked_origin(case: Case) -> npt.NDArray[np.intp]:
    """Row numbers that the output rows come from, after a look at their form."""
    sampler, n, n_out = case.base.sampler, case.n_rows, len_of(case.base.X)
    declared = getattr(get_tags(sampler), "sampler_tags", None) if case.has_params else None
    if declared is not None and declared.sample_indices != hasattr(sampler, "sample_indices_"):
        raise AssertionError(
            f"{case.name}: the tag sample_indices is {declared.sample_indices}, the attribute "
            f"sample_indices_ is {'there' if not declared.sample_indices else 'missing'}"
        )
    if case.base.origin is None:
        raise NotApplicableError(f"{case.name} sets neither provenance_ nor sample_indices_")
    columns = {"sample_indices_": case.base.origin}
    if hasattr(sampler, "provenance_"):
        seed, neighbor, gap = (np.asarray(part) for part in sampler.provenance_)
        columns = {"provenance_.seed": seed, "provenance_.neighbor": neighbor}
        if gap.shape != (n_out,) or gap.dtype.kind != "f":
            raise AssertionError(
                f"{case.name}: provenance_.gap must be {n_out} floats, got {gap.dtype} of shape "
                f"{gap.shape}"
            )
    for name, rows in columns.items():
        if rows.shape != (n_out,) or rows.dtype.kind not in "iu":
            raise AssertionError(
                f"{case.name}: {name} must be {n_out} row numbers, got {rows.dtype} of shape "
                f"{rows.shape}"
            )
        if n_out and not (rows.min() >= 0 and rows.max() < n):
            raise AssertionError(
                f"{case.name}: {name} must lie in [0, {n}), got {rows.min()} ... {rows.max()}"
            )
    return case.base.origin


def _rows_are(case: Case, out: npt.NDArray[np.intp], of: npt.NDArray[np.intp], name: str) -> None:
    if not len(out):
        return
    got, expected = rows_of(case.base.X, out), rows_of(case.X, of)
    if hasattr(got, "iloc"):  # labels are another check's
        got, expected = (frame.reset_index(drop=True) for frame in (got, expected))
    found = difference(expected, got)
    if found:
        raise AssertionError(f"{case.name}: the rows are not those of {name}: {found}")


def _rows_are_between(case: Case, seed: Any, neighbor: Any, gap: Any) -> None:
    """The equation of `Provenance`, on numeric columns and rows with a gap."""
    sampler = case.base.sampler
    if getattr(sampler, "constraints", None):
        return
    columns = getattr(sampler, "continuous_features_", slice(None))
    X, got = _some_columns(case.X, columns), _some_columns(case.base.X, columns)
    told = np.flatnonzero(np.isfinite(gap))
    if X is None or got is None or not len(told):
        return
    place = X[seed[told]] + gap[told, None] * (X[neighbor[told]] - X[seed[told]])
    whole = np.equal(X, np.rint(X)).all(axis=0)  # columns that may have been rounded
    scale = np.abs(X).max(axis=0, initial=0.0)
    off = np.abs(got[told] - place) > CLOSE * scale + 0.5 * whole
    if off.any():
        i = int(np.argmax(off.any(axis=1)))
        raise AssertionError(
            f"{case.name}: row {told[i]} is {str(got[told[i]])[:60]}, provenance_ puts it at "
            f"{str(place[i])[:60]}"
        )


def _some_columns(X: Any, columns: Any) -> Any:
    if hasattr(X, "iloc"):
        return numbers_of(X.iloc[:, columns])
    if isinstance(X, np.ndarray):
        return numbers_of(X[:, columns])
    whole = numbers_of(X)
    return None if whole is None else whole[:, columns]


def _counts(y: npt.NDArray[Any]) -> dict[Any, int]:
    labels, counts = np.unique(y, return_counts=True)
    return dict(zip(labels.tolist(), counts.tolist(), strict=True))


ROW_CHECKS: dict[str, Callable[[Case], Any]] = {
    "exact_counts": check_exact_counts,
    "known_labels": check_known_labels,
    "labels_follow_origin": check_labels_follow_origin,
    "rows_follow_origin": check_rows_follow_origin,
    "weights": check_weights,
    "propagate": check_propagate,
}
