"""The device: a record goes in, a randomised report comes out, and no float is met on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sampkit.privacy._domain import LabelCodes, codes_are_in
from sampkit.privacy._engine import Engine
from sampkit.privacy._exact import entropy_of
from sampkit.privacy._protocol import Array
from sampkit.privacy._reports import Rows
from sampkit.privacy._schema import LDPSchema
from sampkit.privacy._validation import shown

REPORT_BYTES = 1 << 18  # reports made together, so that they and their noise stay in the cache
REPORT_ROWS = 1 << 14
RECORD_ROWS = 1 << 17  # records whose labels are looked up together


class LDPClient:
    """Randomise records into reports.

    Parameters
    ----------
    schema : LDPSchema
        The agreement with the server.
    random_state : None, int, Generator or RandomState, default=None
        None draws from the operating system's entropy, the only choice that protects anybody.
        The others are for simulation and tests.

    Attributes
    ----------
    secure : bool
        Whether reports are made from the operating system's entropy.

    Notes
    -----
    All arithmetic is on integers, so that reports have exactly the probabilities of
    ``schema.channel()``. Pickling or forking a secure client repeats no noise: it holds no stream.

    Examples
    --------
    >>> from sampkit.privacy import LDPClient, LDPSchema
    >>> schema = LDPSchema({"browser": ["ff", "chrome"], "age": ["<18", ">=18"]}, epsilon=1.0)
    >>> report = LDPClient(schema).privatize({"browser": "ff", "age": ">=18"})
    >>> len(report) == schema.report_nbytes
    True
    """

    def __init__(self, schema: LDPSchema, random_state: Any = None):
        if not isinstance(schema, LDPSchema):
            raise TypeError(f"schema must be an LDPSchema, got {type(schema).__name__}.")
        self.schema = schema
        self.secure = random_state is None
        self._entropy = entropy_of(random_state)
        self._codes = [LabelCodes(a.name, a.categories) for a in schema.attributes]
        self._tables = [(codes.name, codes.table) for codes in self._codes]
        self._counting = all(codes.counting for codes in self._codes)
        self._sizes = np.array(schema.domain_sizes)
        self._code_type = np.min_scalar_type(int(self._sizes.max()) - 1)
        self._engine = Engine(schema)

    def __reduce__(self) -> Any:
        return LDPClient, (self.schema, getattr(self._entropy, "generator", None))

    def __repr__(self) -> str:
        return f"LDPClient({self.schema!r}, secure={self.secure})"

    def privatize(self, record: Mapping[str, Any] | Sequence[Any]) -> bytes:
        """Randomise one record.

        Parameters
        ----------
        record : dict or sequence
            A category for every attribute, by name or in schema order; further keys are ignored.

        Returns
        -------
        bytes
            A report of ``schema.report_nbytes`` bytes.

        Raises
        ------
        TypeError
            Neither a dict nor a sequence.
        ValueError
            An attribute is missing, or a category unknown; the message holds that value alone.
        """
        return self._engine.one(self._one(record), self._entropy)

    def _one(self, record: Any) -> list[int]:
        """Codes of a record: the quick way, and the thorough one for whatever it stumbles over."""
        if isinstance(record, (dict, Mapping)):  # the former is quicker to tell
            try:
                return [table[record[name]] for name, table in self._tables]
            except (KeyError, TypeError):
                for codes in self._codes:
                    if codes.name not in record:
                        raise ValueError(f"the record has no attribute {codes.name!r}.") from None
                return [codes.one(record[codes.name]) for codes in self._codes]
        if isinstance(record, (str, bytes, bytearray)) or not isinstance(
            record, (list, tuple, Sequence, np.ndarray)
        ):
            raise TypeError(
                f"a record must be a dict or a sequence of categories, got {type(record).__name__}."
            )
        if len(record) != len(self._codes):
            raise ValueError(
                f"a record must have {len(self._codes)} categories, got {len(record)}."
            )
        try:
            return [table[v] for (_, table), v in zip(self._tables, record, strict=True)]
        except (KeyError, TypeError):
            return [codes.one(v) for codes, v in zip(self._codes, record, strict=True)]

    def privatize_many(self, X: Any) -> Rows:
        """Randomise many records.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n, d)
            Category labels; columns of a data frame are matched by name.

        Returns
        -------
        ndarray of uint8 of shape (n, report_nbytes)
            One report per row.

        Raises
        ------
        TypeError
            Not a table.
        ValueError
            A column is missing, or a category unknown.

        Notes
        -----
        O(n) times the bits of a report; beyond the result, memory does not grow with n.
        """
        n, columns = columns_of(X, self.schema.attribute_names)
        reports = np.zeros((n, self.schema.report_nbytes), dtype=np.uint8)
        step = max(min(REPORT_BYTES // self.schema.report_nbytes, REPORT_ROWS), 64)
        for start in range(0, n, RECORD_ROWS):
            stop = min(start + RECORD_ROWS, n)
            codes = self._matrix(X, columns, slice(start, stop))
            for at in range(start, stop, step):
                end = min(at + step, stop)
                self._engine.many(codes[at - start : end - start], self._entropy, reports[at:end])
        return reports

    def _matrix(self, X: Any, columns: Any, rows: slice) -> Array:
        """Codes (n, d) of some records: what counts from 0 already stays where it is."""
        if isinstance(X, np.ndarray) and self._counting and codes_are_in(X[rows], self._sizes):
            # sums of uint64 and int64 would be floats
            wide = X.dtype.itemsize == 8 or not X.dtype.isnative
            return X[rows].astype(np.int64, copy=False) if wide else X[rows]
        codes = np.empty((len(self._codes), rows.stop - rows.start), dtype=self._code_type)
        for j, table in enumerate(self._codes):
            codes[j] = table.many(columns(j, rows))
        return codes.T


def columns_of(X: Any, names: Sequence[str]) -> tuple[int, Any]:
    """The number of records, and a function that cuts a piece out of column j."""
    if hasattr(X, "columns") and hasattr(X, "__getitem__"):
        present = set(X.columns)
        for name in names:
            if name not in present:
                raise ValueError(f"X has no column {name!r}.")
        return len(X), lambda j, rows: _piece(X[names[j]], rows)
    if isinstance(X, (str, bytes, Mapping)) or not isinstance(X, (Sequence, np.ndarray)):
        raise TypeError(f"X must be a data frame or a 2-d array, got {type(X).__name__}.")
    table = X if isinstance(X, np.ndarray) else _table(X)
    if table.ndim != 2 or table.shape[1] != len(names):
        raise ValueError(f"X must have shape (n, {len(names)}), got {table.shape}.")
    return len(table), lambda j, rows: table[rows, j]


def _piece(column: Any, rows: slice) -> Any:
    return column.iloc[rows] if hasattr(column, "iloc") else column[rows]


def _table(rows: Sequence[Any]) -> Array:
    """A list of records as an array of objects: NumPy would turn mixed labels into strings."""
    for row in rows:
        if isinstance(row, (str, bytes)) or not isinstance(row, (Sequence, np.ndarray)):
            raise TypeError(f"X must hold sequences of categories, got {type(row).__name__}.")
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise ValueError(f"X must be records of equal length, got lengths {shown(lengths)}.")
    table = np.empty((len(rows), *lengths) if lengths else (0, 0), dtype=object)
    for i, row in enumerate(rows):
        table[i] = list(row)
    return table
