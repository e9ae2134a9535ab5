"""The server: reports come in by whatever road, integer counts remain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.privacy._counting import Counter, Tally
from sampkit.privacy._counts_bytes import packed, unpacked
from sampkit.privacy._estimate import estimate_table
from sampkit.privacy._protocol import Array, Counts
from sampkit.privacy._reports import Rows
from sampkit.privacy._schema import LDPSchema
from sampkit.privacy._validation import check_choice, shown

if TYPE_CHECKING:
    import pandas as pd

JOINED_BYTES = 1 << 20  # small blobs are put together before they are counted


class LDPAggregator:
    """Sum reports into support counts, and estimate frequencies from them.

    Parameters
    ----------
    schema : LDPSchema
        The agreement with the devices.

    Attributes
    ----------
    support_counts_ : list of d ndarrays of int64
        C_v of every attribute: how many reports support each category.
    n_reports_ : int
        Reports counted.
    n_rejected_ : int
        Malformed reports skipped.

    Notes
    -----
    The state is O(sum of k_j) integers, whatever the number of reports; `merge` adds them, in any
    order, exactly.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.privacy import LDPAggregator, LDPClient, LDPSchema
    >>> schema = LDPSchema({"answer": ["yes", "no"]}, epsilon=2.0, solution="spl", protocol="grr")
    >>> X = np.repeat([["yes"], ["no"]], [700, 300], axis=0)
    >>> reports = LDPClient(schema, random_state=0).privatize_many(X)
    >>> table = LDPAggregator(schema).partial_fit(reports).estimate()
    >>> bool(table.loc[("answer", "yes"), "ci_low"] < 0.7 < table.loc[("answer", "yes"), "ci_high"])
    True
    """

    def __init__(self, schema: LDPSchema):
        if not isinstance(schema, LDPSchema):
            raise TypeError(f"schema must be an LDPSchema, got {type(schema).__name__}.")
        self.schema = schema
        self._tally = Tally(schema)
        self._counter = Counter(schema)

    @property
    def support_counts_(self) -> list[Counts]:
        """C_v of every attribute."""
        return [support.copy() for support in self._tally.supports]

    @property
    def n_reports_(self) -> int:
        """Reports counted."""
        return self._tally.n_reports

    @property
    def n_rejected_(self) -> int:
        """Malformed reports skipped."""
        return self._tally.n_rejected

    def __repr__(self) -> str:
        return f"LDPAggregator({self.schema!r}, n_reports_={self.n_reports_})"

    # --- counting ---

    def partial_fit(self, reports: Any, *, on_error: str = "raise") -> LDPAggregator:
        """Count some more reports.

        Parameters
        ----------
        reports : bytes, ndarray of uint8 of shape (n, report_nbytes), iterable of these, or dask
            One report or several end to end, or rows; or a dask array of rows or a dask bag of
            bytes, which are counted block by block where they lie.
        on_error : {'raise', 'skip'}, default='raise'
            What to do with malformed reports. A call that raises leaves all counts as they were;
            'skip' adds to `n_rejected_` and counts nothing else of them (bytes of a wrong length
            are one rejected report).

        Returns
        -------
        LDPAggregator
            Itself.

        Raises
        ------
        ValueError
            A report that no client can have sent: wrong length, an index, code or hash out of
            range, a subset of the wrong size, padding that is not zero.
        TypeError
            Something that holds no bytes.

        Notes
        -----
        Unary reports cost about five operations per 64 bits, others one table look-up per field.
        """
        check_choice("on_error", on_error, ("raise", "skip"))
        if type(reports).__module__.partition(".")[0] == "dask":
            self._tally.add(self._lazily(reports, on_error))
            return self
        fresh = Tally(self.schema)
        for rows in self._matrices(reports, on_error, fresh):
            fresh.add(self._counter.count(rows, on_error))
        self._tally.add(fresh)
        return self

    def _matrices(self, reports: Any, on_error: str, tally: Tally) -> Iterator[Rows]:
        """Whatever holds reports as rows of bytes; what cannot is refused or counted in `tally`."""
        joined: list[bytes] = []
        size = 0
        for piece in _pieces(reports):
            if isinstance(piece, np.ndarray):
                if self._fits(piece, on_error, tally):
                    yield piece
                continue
            blob = bytes(piece)
            if not blob or len(blob) % self.schema.report_nbytes:
                if on_error == "raise":
                    raise ValueError(
                        f"a blob of reports must be a multiple of {self.schema.report_nbytes} "
                        f"bytes, got {len(blob)}."
                    )
                tally.n_rejected += 1
                continue
            joined.append(blob)
            size += len(blob)
            if size >= JOINED_BYTES:
                yield self._rows(b"".join(joined))
                joined, size = [], 0
        if joined:
            yield self._rows(b"".join(joined))

    def _rows(self, blob: bytes) -> Rows:
        return np.frombuffer(blob, dtype=np.uint8).reshape(-1, self.schema.report_nbytes)

    def _fits(self, rows: Array, on_error: str, tally: Tally) -> bool:
        if rows.dtype != np.uint8 or rows.ndim != 2:
            raise TypeError(
                f"reports must be uint8 of shape (n, {self.schema.report_nbytes}), got "
                f"{rows.dtype} {rows.shape}."
            )
        if rows.shape[1] == self.schema.report_nbytes:
            return True
        if on_error == "raise":
            raise ValueError(
                f"reports must have {self.schema.report_nbytes} bytes each, got {rows.shape[1]}."
            )
        tally.n_rejected += len(rows)
        return False

    def _lazily(self, reports: Any, on_error: str) -> Tally:
        """Blocks of a dask array or partitions of a bag to tallies, summed as a tree."""
        from sampkit._dask import tree_reduce

        kind = type(reports).__name__
        if kind not in ("Array", "Bag"):
            raise TypeError(f"reports must be a dask array or bag, got a dask {kind}.")
        if kind == "Array" and (reports.ndim != 2 or reports.dtype != np.uint8):
            raise TypeError(
                f"reports must be uint8 of shape (n, {self.schema.report_nbytes}), got "
                f"{reports.dtype} {reports.shape}."
            )
        counted = tree_reduce(reports, _tally_of, Tally.add, self.schema, on_error)
        return Tally(self.schema) if counted is None else counted

    def merge(self, other: LDPAggregator) -> LDPAggregator:
        """Add the counts of another aggregator under the same schema.

        Parameters
        ----------
        other : LDPAggregator
            Under an equal schema; not changed.

        Returns
        -------
        LDPAggregator
            Itself.

        Raises
        ------
        ValueError
            Another schema's counts.
        """
        if not isinstance(other, LDPAggregator):
            raise TypeError(f"other must be an LDPAggregator, got {type(other).__name__}.")
        if other.schema.fingerprint != self.schema.fingerprint:
            raise ValueError(
                f"other counts reports of another schema: fingerprint "
                f"{other.schema.fingerprint[:12]}... instead of "
                f"{self.schema.fingerprint[:12]}... ."
            )
        self._tally.add(other._tally)
        return self

    @classmethod
    def from_counts(cls, schema: LDPSchema, counts: Iterable[Any], n: Any) -> LDPAggregator:
        """An aggregator with given counts, say of a simulation.

        Parameters
        ----------
        schema : LDPSchema
            The collection that the counts belong to.
        counts : list of d arrays of int
            Support counts C_v.
        n : int or sequence of d int
            Number of reports; for 'smp' the d numbers of reports on each attribute.

        Returns
        -------
        LDPAggregator

        Raises
        ------
        ValueError
            Wrong shapes, or counts outside [0, n].
        """
        aggregator = cls(schema)
        supports = [np.asarray(c) for c in counts]
        sizes = [(k,) for k in schema.domain_sizes]
        if [c.shape for c in supports] != sizes:
            raise ValueError(
                f"counts must have shapes {shown(sizes)}, got {shown([c.shape for c in supports])}."
            )
        d = len(sizes)
        reports = np.asarray(n)
        if reports.dtype.kind not in "iu" or reports.shape not in ((), (d,)):
            raise ValueError(f"n must be an int, for 'smp' {d} of them, got {shown(n)}.")
        if (schema.solution == "smp") != (reports.shape == (d,)):
            raise ValueError(f"n must be {'d ints' if d > 1 else 'one int'}, got {shown(n)}.")
        per_attribute = np.broadcast_to(reports, d)
        for name, c, total in zip(schema.attribute_names, supports, per_attribute, strict=True):
            if c.dtype.kind not in "iu" or (c < 0).any() or (c > total).any():
                raise ValueError(f"counts of {name!r} must be integers in [0, {total}].")
        tally = aggregator._tally
        tally.supports = [c.astype(np.int64) for c in supports]
        tally.histograms = [None] * d
        tally.n_per_attribute = per_attribute.astype(np.int64)
        smp = schema.solution == "smp"
        tally.n_reports = int(per_attribute.sum()) // schema.n_sampled if smp else int(reports)
        return aggregator

    # --- estimating ---

    def estimate(
        self,
        *,
        postprocess: str = "none",
        confidence_level: float = 0.95,
        interval: str = "wilson",
        simultaneous: bool = False,
        target: str = "population",
    ) -> pd.DataFrame:
        """Estimate all frequencies, with intervals.

        Parameters
        ----------
        postprocess : {'none', 'clip', 'normalize', 'simplex', 'mle'}, default='none'
            'none' is unbiased and may be negative; 'clip' cuts to [0, 1]; 'normalize' clips and
            divides by the sum; 'simplex' is the nearest frequency vector; 'mle' the likeliest one,
            where counts are enough for it ('grr', 'hr'). Intervals and standard errors refer to
            the unprocessed estimates.
        confidence_level : float, default=0.95
            In (0, 1).
        interval : {'wilson', 'clopper-pearson', 'normal'}, default='wilson'
            Interval of the support probability, mapped to the frequency. Wilson's covers 94 to
            96.5 % for a nominal 95 %; only where about five supporting reports are expected per
            category it moves between 93 and 97.5 % with the frequency. Clopper-Pearson's never
            covers less than nominal, and is wider.
        simultaneous : bool, default=False
            Whether all intervals together have the confidence level (Šidák).
        target : {'population', 'sample'}, default='population'
            What the interval is about: the population that users were drawn from, or these users.

        Returns
        -------
        DataFrame
            Index (attribute, category) in schema order; columns estimate, std_error, ci_low,
            ci_high. Attributes that nobody reported on have NaN.

        Raises
        ------
        ValueError
            No reports yet, or 'mle' where it takes the reports themselves (`mle_frequencies`).

        Warns
        -----
        RuntimeWarning
            'smp': nobody reported on an attribute.
        """
        return estimate_table(
            self.schema,
            self._tally,
            postprocess=postprocess,
            confidence_level=confidence_level,
            interval=interval,
            simultaneous=simultaneous,
            target=target,
        )

    # --- as bytes ---

    def to_bytes(self) -> bytes:
        """The schema and all counts, to be stored or sent.

        Returns
        -------
        bytes
        """
        return packed(self.schema, self._tally)

    @classmethod
    def from_bytes(cls, data: bytes) -> LDPAggregator:
        """The aggregator that `to_bytes` wrote.

        Parameters
        ----------
        data : bytes
            What `to_bytes` returned.

        Returns
        -------
        LDPAggregator
            With the same schema and counts.

        Raises
        ------
        ValueError
            Bytes that `to_bytes` has not written, or damaged ones.
        """
        schema, tally = unpacked(data)
        aggregator = cls(schema)
        aggregator._tally = tally
        return aggregator


def _pieces(reports: Any) -> Iterator[Any]:
    """One piece, or the pieces of an iterable, each bytes or an array."""
    if isinstance(reports, (bytes, bytearray, memoryview, np.ndarray)):
        yield reports
        return
    if isinstance(reports, str) or not isinstance(reports, Iterable):
        raise TypeError(
            f"reports must be bytes, a uint8 array or an iterable of these, got "
            f"{type(reports).__name__}."
        )
    for piece in reports:
        if not isinstance(piece, (bytes, bytearray, memoryview, np.ndarray)):
            raise TypeError(f"reports must hold bytes or uint8 arrays, got {type(piece).__name__}.")
        yield piece


def _tally_of(block: Any, schema: LDPSchema, on_error: str) -> Tally:
    """Counts of a block of rows, or of a partition that is a list of blobs."""
    reports = np.asarray(block) if hasattr(block, "shape") else list(block)
    return LDPAggregator(schema).partial_fit(reports, on_error=on_error)._tally
