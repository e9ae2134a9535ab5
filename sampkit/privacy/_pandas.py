"""A data frame's frequencies in one call: the whole pipeline, device by device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampkit.privacy._aggregator import LDPAggregator
from sampkit.privacy._client import LDPClient
from sampkit.privacy._schema import LDPSchema
from sampkit.privacy._table_domain import column_levels, table_domain

if TYPE_CHECKING:
    import pandas as pd

ROWS = 1 << 17  # records whose reports exist at the same time


def estimate_frequencies(
    df: Any,
    epsilon: float,
    *,
    categories: Any = None,
    random_state: Any = None,
    confidence_level: float = 0.95,
    postprocess: str = "none",
    **schema_kw: Any,
) -> pd.DataFrame:
    """Randomise every row as its owner would, sum the reports, estimate all frequencies.

    For simulations and pilot studies, where the rows are at hand; see `LDPClient` and
    `LDPAggregator` for a collection in which they never are.

    Parameters
    ----------
    df : DataFrame or dask DataFrame of shape (n, d)
        One row per user, one column per attribute. Partitions of a dask frame are randomised and
        counted where they lie; only counts leave them.
    epsilon : float
        The budget, > 0.
    categories : dict or list, default=None
        Categories by column name (further columns are ignored), or one entry for every column, as
        in the domain of `LDPSchema`. None learns them from the data, with a warning.
    random_state : None, int, Generator or RandomState, default=None
        None is the operating system's entropy; the others are for simulation. Every partition of a
        dask frame gets a stream of its own.
    confidence_level : float, default=0.95
        In (0, 1).
    postprocess : {'none', 'clip', 'normalize', 'simplex', 'mle'}, default='none'
        As in `LDPAggregator.estimate`.
    **schema_kw
        Further parameters of `LDPSchema`: solution, protocol, privacy_unit, ... .

    Returns
    -------
    DataFrame
        Index (attribute, category) in schema order; columns estimate, std_error, ci_low, ci_high.

    Raises
    ------
    TypeError
        Not a data frame.
    ValueError
        Missing values, a value that is no declared category, and whatever `LDPSchema` refuses.

    Warns
    -----
    PrivacyWarning
        ``categories=None``.

    Notes
    -----
    O(n) times the bits of a report; besides the frame, memory is about 2^17 reports.

    Examples
    --------
    >>> import pandas as pd
    >>> from sampkit.privacy import estimate_frequencies
    >>> answers = pd.DataFrame({"smokes": ["no"] * 7000 + ["yes"] * 3000})
    >>> table = estimate_frequencies(
    ...     answers,
    ...     epsilon=1.0,
    ...     categories={"smokes": ["no", "yes"]},
    ...     solution="spl",
    ...     random_state=0,
    ... )
    >>> low, high = table.loc[("smokes", "yes"), ["ci_low", "ci_high"]]
    >>> bool(low < 0.3 < high)
    True
    """
    if not hasattr(df, "columns"):
        raise TypeError(f"df must be a data frame, got {type(df).__name__}.")
    lazy = type(df).__module__.partition(".")[0] == "dask"
    names = [str(name) for name in df.columns]
    named = (
        df if names == list(df.columns) else df.rename(columns=dict(zip(df, names, strict=True)))
    )
    levels_of, counted = (_levels_lazily, collect_lazily) if lazy else (column_levels, collect)
    domain = table_domain(names, lambda name: levels_of(name, named[name]), categories)
    return counted(LDPSchema(domain, epsilon, **schema_kw), named, random_state).estimate(
        postprocess=postprocess, confidence_level=confidence_level
    )


def collect(schema: LDPSchema, X: Any, random_state: Any = None) -> LDPAggregator:
    """Reports of all rows of a frame or array, made and counted a piece at a time.

    Parameters
    ----------
    schema : LDPSchema
    X : DataFrame or ndarray of shape (n, d)
    random_state : None, int, Generator or RandomState, default=None
    """
    client = LDPClient(schema, random_state=random_state)
    rows = X.iloc if hasattr(X, "iloc") else X
    return LDPAggregator(schema).partial_fit(
        client.privatize_many(rows[start : start + ROWS]) for start in range(0, len(X), ROWS)
    )


def collect_lazily(schema: LDPSchema, frame: Any, random_state: Any = None) -> LDPAggregator:
    """The same for a dask frame: a task randomises and counts a partition, and returns counts."""
    import pandas as pd

    from sampkit.base import check_generator

    n = frame.npartitions
    streams = [None] * n if random_state is None else check_generator(random_state).spawn(n)

    def counted(part: Any, partition_info: Any = None) -> Any:
        stream = streams[partition_info["number"]]
        return pd.Series([collect(schema, part, stream).to_bytes()], dtype=object)

    total = LDPAggregator(schema)
    meta = pd.Series(dtype=object)
    for counts in frame.map_partitions(counted, meta=meta, enforce_metadata=False).compute():
        total.merge(LDPAggregator.from_bytes(counts))
    return total


def _levels_lazily(name: str, column: Any) -> list[Any]:
    """Categories of one column of a dask frame: only its different values are brought together."""
    return column_levels(name, column.unique().compute())
