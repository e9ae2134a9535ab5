"""Strategies of data frames: columns of every dtype, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sampkit.testing._hypothesis import bounds, hypothesis_strategies, random_cells

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

Make = Callable[[np.random.Generator, int], Any]
LEVELS = np.array(["c", "a", "b", "d"], dtype=object)  # not in sorted order, on purpose
STAMPS = np.datetime64("2024-02-28") + np.arange(40).astype("timedelta64[D]")


@dataclass(frozen=True)
class Column:
    """A kind of column: what it holds, and how its cells are made."""

    role: str  # "numeric", "nominal" or "time"
    pandas: Make
    polars: Make | None = None  # None: polars has no such dtype
    can_miss: bool = False
    needs_arrow: bool = False


def _floats(dtype: str) -> Make:
    return lambda rng, n: rng.normal(size=n).astype(dtype)


def _whole(dtype: str) -> Make:
    return lambda rng, n: rng.integers(0, 9, size=n).astype(dtype)


def _truth(rng: np.random.Generator, n: int) -> Any:
    return rng.random(n) < 0.5


def _words(rng: np.random.Generator, n: int) -> Any:
    return LEVELS[rng.integers(3, size=n)]  # the last level stays unused


def _extension(make: Make, dtype: str) -> Make:
    return lambda rng, n: pd.array(make(rng, n), dtype=dtype)


def _category(ordered: bool) -> Make:
    dtype = pd.CategoricalDtype(LEVELS.tolist(), ordered=ordered)
    return lambda rng, n: pd.Categorical(_words(rng, n), dtype=dtype)


def _sparse(rng: np.random.Generator, n: int) -> Any:
    return pd.arrays.SparseArray(rng.integers(0, 3, size=n).astype(float), fill_value=0.0)


def _stamps(rng: np.random.Generator, n: int) -> Any:
    return STAMPS[rng.integers(len(STAMPS), size=n)].astype("datetime64[ns]")


def _spans(rng: np.random.Generator, n: int) -> Any:
    return rng.integers(9, size=n).astype("timedelta64[h]").astype("timedelta64[ns]")


def _polars(make: Make, dtype: str) -> Make:
    def series(rng: np.random.Generator, n: int) -> Any:
        import polars as pl

        kinds = {"Enum": pl.Enum(LEVELS.tolist())}
        return pl.Series(make(rng, n).tolist(), dtype=kinds.get(dtype, getattr(pl, dtype)))

    return series


def _polars_times(make: Make) -> Make:
    def series(rng: np.random.Generator, n: int) -> Any:
        import polars as pl

        return pl.Series(make(rng, n))

    return series


# The whole menu: a new dtype is a new line here.
KINDS: dict[str, Column] = {
    "float64": Column("numeric", _floats("f8"), _polars(_floats("f8"), "Float64")),
    "float32": Column("numeric", _floats("f4"), _polars(_floats("f4"), "Float32")),
    "int64": Column("numeric", _whole("i8"), _polars(_whole("i8"), "Int64")),
    "int8": Column("numeric", _whole("i1"), _polars(_whole("i1"), "Int8")),
    "uint16": Column("numeric", _whole("u2"), _polars(_whole("u2"), "UInt16")),
    "bool": Column("numeric", _truth, _polars(_truth, "Boolean")),
    "Int64": Column("numeric", _extension(_whole("i8"), "Int64"), can_miss=True),
    "Float64": Column("numeric", _extension(_floats("f8"), "Float64"), can_miss=True),
    "boolean": Column("numeric", _extension(_truth, "boolean"), can_miss=True),
    "double[pyarrow]": Column(
        "numeric", _extension(_floats("f8"), "double[pyarrow]"), None, True, True
    ),
    "int64[pyarrow]": Column(
        "numeric", _extension(_whole("i8"), "int64[pyarrow]"), None, True, True
    ),
    "sparse": Column("numeric", _sparse),
    "category": Column("nominal", _category(False), _polars(_words, "Categorical"), True),
    "ordered": Column("nominal", _category(True), _polars(_words, "Enum"), True),
    "string": Column("nominal", _extension(_words, "string"), _polars(_words, "String"), True),
    "object": Column("nominal", _words, can_miss=True),
    "string[pyarrow]": Column("nominal", _extension(_words, "string[pyarrow]"), None, True, True),
    "datetime": Column("time", _stamps, _polars_times(_stamps), True),
    "timedelta": Column("time", _spans, _polars_times(_spans), True),
}
NAMES = ("text", "numbers", "duplicates", "levels")
ROW_LABELS = ("range", "shifted", "repeated", "dates")


def mixed_frames(
    n_rows: int,
    *,
    backend: str = "pandas",
    kinds: Sequence[str] | str = "any",
    n_columns: tuple[int, int] = (1, 6),
    names: Sequence[str] = ("text",),
    index: bool = True,
    missing: bool = False,
) -> SearchStrategy[Any]:
    """Data frames of pandas or polars with columns of mixed dtypes.

    Parameters
    ----------
    n_rows : int
        Number of rows, >= 1.
    backend : {"pandas", "polars"}, default="pandas"
        The library.
    kinds : "any", "numeric", "nominal", "time" or sequence of str, default="any"
        What columns may hold. Numeric: float64, float32, int64, int8, uint16, bool, nullable
        Int64, Float64 and boolean, Arrow-backed double[pyarrow] and int64[pyarrow], sparse.
        Nominal: category and ordered (both with a level that no row has, levels not in sorted
        order), string, object, string[pyarrow]. Time: datetime, timedelta. Kinds that a backend
        or the installation lacks are left out.
    n_columns : (int, int), default=(1, 6)
        Smallest and largest number of columns.
    names : sequence of str, default=("text",)
        Column names, pandas only: "text", "numbers", "duplicates" (one name for all), "levels"
        (a MultiIndex).
    index : bool, default=True
        Whether a pandas frame may have another index than 0 ... n - 1: shifted numbers, repeated
        labels, dates.
    missing : bool, default=False
        Whether cells of columns that can (nullable, nominal and time) may be missing.

    Returns
    -------
    SearchStrategy of pandas.DataFrame or polars.DataFrame

    Raises
    ------
    ValueError
        Unknown words, or no kind left.
    ImportError
        hypothesis, or the backend, is missing.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> from sampkit.testing import mixed_frames
    >>> from sampkit.under_sampling import RandomUnderSampler
    >>> @settings(max_examples=5, derandomize=True, database=None)
    ... @given(mixed_frames(9, missing=True))
    ... def dtypes_stay(frame):
    ...     X_res, y_res = RandomUnderSampler().fit_resample(frame, [0, 0, 0, 0, 0, 0, 1, 1, 1])
    ...     assert list(X_res.dtypes) == list(frame.dtypes)
    >>> dtypes_stay()
    """
    st = hypothesis_strategies()
    if n_rows < 1:
        raise ValueError(f"n_rows must be >= 1, got {n_rows!r}.")
    if backend not in ("pandas", "polars"):
        raise ValueError(f"backend must be 'pandas' or 'polars', got {backend!r}.")
    if isinstance(names, str) or not names or set(names) - set(NAMES):
        raise ValueError(f"names must be a sequence out of {list(NAMES)}, got {str(names)[:80]}.")
    low, high = bounds("n_columns", n_columns, 1)
    menu = column_kinds(kinds, backend)

    @st.composite
    def draw_frame(draw: DrawFn) -> Any:
        chosen = draw(st.lists(st.sampled_from(menu), min_size=low, max_size=high))
        holes = missing and draw(st.booleans())
        naming = draw(st.sampled_from(list(names)))
        numbering = draw(st.sampled_from(ROW_LABELS if index else ROW_LABELS[:1]))
        rng = random_cells(draw)
        if backend == "polars":
            return _polars_frame(chosen, n_rows, holes, rng)
        labels = _row_labels(numbering, n_rows)
        columns = [_series(KINDS[kind], labels, holes, rng) for kind in chosen]
        frame = pd.DataFrame(dict(enumerate(columns)))
        frame.columns = _column_names(naming, chosen)
        return frame

    return draw_frame()


def column_kinds(kinds: Sequence[str] | str, backend: str) -> list[str]:
    """Names of the kinds of column that are asked for and can be had."""
    roles = ("numeric", "nominal", "time")
    if isinstance(kinds, str):
        if kinds not in ("any", *roles):
            raise ValueError(f"kinds must be one of {['any', *roles]} or a list, got {kinds!r}.")
        wanted = [name for name, column in KINDS.items() if kinds in ("any", column.role)]
    else:
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown:
            raise ValueError(f"kinds: {str(unknown)[:80]} are not among {list(KINDS)}.")
        wanted = list(kinds)
    found = [name for name in wanted if _can_be_had(KINDS[name], backend)]
    if not found:
        raise ValueError(f"kinds: none of {str(wanted)[:120]} can be had with {backend} here.")
    return found


def _can_be_had(column: Column, backend: str) -> bool:
    if backend == "polars":
        return column.polars is not None
    if not column.needs_arrow:
        return True
    from importlib.util import find_spec

    return find_spec("pyarrow") is not None


def _series(column: Column, labels: pd.Index, holes: bool, rng: np.random.Generator) -> Any:
    """A column in its own dtype, some of its cells missing."""
    cells = column.pandas(rng, len(labels))
    series = pd.Series(cells, labels, dtype=cells.dtype)  # else pandas takes objects for text
    if holes and column.can_miss:
        series[rng.random(len(series)) < 0.3] = None
    return series


def _row_labels(kind: str, n: int) -> pd.Index:
    if kind == "range":
        return pd.RangeIndex(n)
    if kind == "dates":
        return pd.date_range("2024-01-01", periods=n, name="day")
    numbers = np.arange(n) + 100 if kind == "shifted" else np.arange(n) // 2
    return pd.Index(numbers, name=kind)


def _column_names(kind: str, chosen: list[str]) -> pd.Index:
    if kind == "numbers":
        return pd.Index(range(10, 10 + len(chosen)))
    if kind == "duplicates":
        return pd.Index(["same"] * len(chosen))
    if kind == "levels":
        return pd.MultiIndex.from_tuples(
            [("group", f"{j} {name}") for j, name in enumerate(chosen)], names=["outer", None]
        )
    return pd.Index([f"{j} {name}" for j, name in enumerate(chosen)], name="columns")


def _polars_frame(chosen: list[str], n: int, holes: bool, rng: np.random.Generator) -> Any:
    try:
        import polars as pl
    except ImportError as error:
        raise ImportError(
            "mixed_frames(backend='polars') needs polars: pip install sampkit[test]"
        ) from error
    columns = []
    for j, name in enumerate(chosen):
        make = KINDS[name].polars
        assert make is not None
        series = make(rng, n).rename(f"{j} {name}")
        if holes and KINDS[name].can_miss:
            series = series.zip_with(pl.Series(rng.random(n) < 0.7), pl.Series([None] * n))
        columns.append(series)
    return pl.DataFrame(columns)
