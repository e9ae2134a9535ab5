"""Rows of reports -> integer counts: validity first, then the fastest exact way per field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.privacy._popcount import positional_popcount
from sampkit.privacy._protocol import Array, Counts, Oracle
from sampkit.privacy._reports import Rows, padding_is_clear, read_field
from sampkit.privacy._schema import LDPSchema

BLOCK_ROWS = 1 << 16  # few enough that a block's words stay near, and many against its histograms
JOINT_BITS = 14  # of neighbouring fields that are counted together


class Tally:
    """Counts of some reports: what partial sums, blocks and workers hand to each other.

    Attributes
    ----------
    supports : list of d int64 arrays
        C_v of every attribute.
    histograms : list of d (int64 array or None)
        Where reports say more than supports do, how often each occurred; None where nobody knows.
    n_per_attribute : int64 array (d,)
        Reports on each attribute.
    n_reports, n_rejected : int
    """

    def __init__(self, schema: LDPSchema):
        oracles = [attribute.oracle for attribute in schema.attributes]
        self.supports: list[Counts] = [np.zeros(o.k, dtype=np.int64) for o in oracles]
        self.histograms: list[Counts | None] = [
            np.zeros(o.n_reports, dtype=np.int64) if keeps_histogram(o) else None for o in oracles
        ]
        self.n_per_attribute = np.zeros(len(oracles), dtype=np.int64)
        self.n_reports = 0
        self.n_rejected = 0

    def add(self, other: Tally) -> Tally:
        """Add another tally in place."""
        for j, support in enumerate(other.supports):
            self.supports[j] = self.supports[j] + support
            mine, theirs = self.histograms[j], other.histograms[j]
            self.histograms[j] = None if mine is None or theirs is None else mine + theirs
        self.n_per_attribute = self.n_per_attribute + other.n_per_attribute
        self.n_reports += other.n_reports
        self.n_rejected += other.n_rejected
        return self


def keeps_histogram(oracle: Oracle) -> bool:
    """Whether a protocol's histogram of reports says more than its support counts."""
    return oracle.counted == "histogram" and oracle.n_reports != oracle.k


class Counter:
    """Counts rows of reports under one schema."""

    def __init__(self, schema: LDPSchema):
        self.schema = schema
        self.layout = schema.layout
        self.oracles = [attribute.oracle for attribute in schema.attributes]
        self.sampling = schema.solution == "smp"
        self.joint = [] if self.sampling else list(self._neighbours())
        # rows in which every bit pattern is a report need no look at single rows
        self.all_bits = not self.sampling and all(
            o.counted == "bits" and type(o).valid is Oracle.valid for o in self.oracles
        )

    def _neighbours(self) -> Iterator[range]:
        """Neighbouring fields whose histograms are the sums of one small histogram of all."""
        start, width = 0, 0
        for j, (oracle, more) in enumerate(zip(self.oracles, self.layout.widths, strict=True)):
            fits = oracle.counted == "histogram" and width + more <= JOINT_BITS
            if width and not fits:
                yield range(start, j)
                width = 0
            if oracle.counted == "histogram" and more <= JOINT_BITS:
                start, width = start if width else j, width + more
        if width:
            yield range(start, len(self.oracles))

    def count(self, rows: Rows, on_error: str) -> Tally:
        """Tally of the rows (n, report_nbytes); refused ones raise or are counted as rejected."""
        tally = Tally(self.schema)
        step = max(len(rows), 1) if self.all_bits else BLOCK_ROWS
        for start in range(0, len(rows), step):
            self._count_block(rows[start : start + step], tally, on_error)
        return tally

    def _count_block(self, rows: Rows, tally: Tally, on_error: str) -> None:
        counts = self._counted(rows)
        if counts is None:
            valid = self._valid(rows)
            refused = int(valid.size - np.count_nonzero(valid))
            if refused and on_error == "raise":
                raise ValueError(
                    f"{refused} of {len(rows)} reports are malformed (the first in row "
                    f"{int(np.argmin(valid))} of its block); on_error='skip' counts them as "
                    "rejected."
                )
            tally.n_rejected += refused
            rows = rows[valid]
            counts = self._counted(rows)
            assert counts is not None
        tally.n_reports += len(rows)
        for j, (raw, n) in enumerate(counts):
            oracle, histogram = self.oracles[j], tally.histograms[j]
            tally.n_per_attribute[j] += n
            if histogram is not None:
                histogram += raw
            tally.supports[j] += oracle.support(raw) if oracle.counted == "histogram" else raw

    def _counted(self, rows: Rows) -> list[tuple[Counts, int]] | None:
        """Raw counts and reports per attribute, or None if some row is malformed."""
        if self.sampling:
            return self._counted_pairs(rows)
        end = self.layout.offsets[-1] + self.layout.widths[-1]
        if not padding_is_clear(rows[:, end // 8 :], end % 8).all():
            return None
        bits = None
        if any(oracle.counted == "bits" for oracle in self.oracles):
            bits = positional_popcount(rows)
        words: dict[int, Array] = {}
        together = {
            j: histogram
            for fields in self.joint
            for j, histogram in self._split(rows, fields, words)
        }
        counts = []
        for j, (oracle, offset) in enumerate(zip(self.oracles, self.layout.offsets, strict=True)):
            if j in together:
                raw = self._proper(oracle, together[j])
            else:
                raw = self._raw(rows, oracle, offset, bits, words)
            if raw is None:
                return None
            counts.append((raw, len(rows)))
        return counts

    def _split(
        self, rows: Rows, fields: range, words: dict[int, Array]
    ) -> Iterator[tuple[int, Counts]]:
        """The histograms of neighbouring fields, summed out of the one that they have together."""
        widths = [self.layout.widths[j] for j in fields]
        symbols = _integers(rows, self.layout.offsets[fields[0]], sum(widths), words)
        joint = np.bincount(symbols, minlength=1 << sum(widths))
        for i, j in enumerate(fields):
            shape = (1 << sum(widths[:i]), 1 << widths[i], 1 << sum(widths[i + 1 :]))
            yield j, joint.reshape(shape).sum(axis=(0, 2))

    @staticmethod
    def _proper(oracle: Oracle, histogram: Counts) -> Counts | None:
        """A field's histogram, None if a value is none of its own."""
        return None if histogram[oracle.n_reports :].any() else histogram[: oracle.n_reports]

    def _counted_pairs(self, rows: Rows) -> list[tuple[Counts, int]] | None:
        pairs = rows.reshape(-1, self.layout.pair_bytes)
        index = self._index(pairs)
        if index.size and int(index.max()) >= len(self.oracles):
            return None
        by_report = index.reshape(-1, self.layout.n_pairs)
        if not (by_report[:, 1:] > by_report[:, :-1]).all():
            return None
        order = np.argsort(index, kind="stable")
        ends = np.cumsum(np.bincount(index, minlength=len(self.oracles))).tolist()
        counts = []
        for j, (start, stop) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            part = pairs[order[start:stop]]
            oracle, offset = self.oracles[j], self.layout.offsets[j]
            end = offset + self.layout.widths[j]
            if not padding_is_clear(part, end).all():
                return None
            bits = None
            if oracle.counted == "bits":
                bits = positional_popcount(part)
            raw = self._raw(part, oracle, offset, bits, {})
            if raw is None:
                return None
            counts.append((raw, stop - start))
        return counts

    def _index(self, pairs: Rows) -> npt.NDArray[np.uint16]:
        index = pairs[:, 0].astype(np.uint16)
        if self.layout.index_bits == 16:
            index = index << np.uint16(8) | pairs[:, 1]
        return index

    def _raw(
        self, rows: Rows, oracle: Oracle, offset: int, bits: Counts | None, words: dict[int, Any]
    ) -> Counts | None:
        """Counts of one field as the protocol wants them, None if a value is none of its own."""
        if oracle.counted == "histogram":
            width = oracle.widths[0]
            histogram = np.bincount(_integers(rows, offset, width, words), minlength=1 << width)
            return self._proper(oracle, histogram)
        if type(oracle).valid is not Oracle.valid or oracle.counted == "symbols":
            symbols = read_field(rows, offset, oracle)
            valid = oracle.valid(symbols)
            if valid is not None and not valid.all():
                return None
            if oracle.counted == "symbols":
                return oracle.tally(symbols)
        assert bits is not None
        return bits[offset : offset + oracle.k]

    def _valid(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Which rows are reports that a client can have sent."""
        if not self.sampling:
            end = self.layout.offsets[-1] + self.layout.widths[-1]
            valid = padding_is_clear(rows, end)
            for oracle, offset in zip(self.oracles, self.layout.offsets, strict=True):
                _require(valid, oracle.valid(read_field(rows, offset, oracle)))
            return valid
        pairs = rows.reshape(-1, self.layout.pair_bytes)
        index = self._index(pairs)
        pair_is_good = index < len(self.oracles)
        for j, (oracle, offset) in enumerate(zip(self.oracles, self.layout.offsets, strict=True)):
            at = np.flatnonzero(index == j)
            part = pairs[at]
            good = padding_is_clear(part, offset + self.layout.widths[j])
            _require(good, oracle.valid(read_field(part, offset, oracle)))
            pair_is_good[at] = good
        by_report = index.reshape(-1, self.layout.n_pairs)
        ascending = (by_report[:, 1:] > by_report[:, :-1]).all(axis=1)
        every_pair = np.asarray(pair_is_good.reshape(-1, self.layout.n_pairs).all(axis=1))
        return every_pair & ascending


def _require(valid: Any, field: Any) -> None:
    if field is not None:
        valid &= field


def _integers(rows: Rows, offset: int, width: int, words: dict[int, Any]) -> Array:
    """A field of less than 64 bits as int64 (bincount would convert anything else), word by word.

    `words` keeps the 64-bit words of the rows that have been cut out already.
    """
    first, shift = divmod(offset, 64)
    rest = 64 - shift - width
    mask = (1 << width) - 1
    if rest >= 0:
        return (_word(rows, first, words) >> rest) & mask
    high = _word(rows, first, words) << -rest
    low = (_word(rows, first + 1, words) >> (64 + rest)) & ((1 << -rest) - 1)
    return (high | low) & mask


def _word(rows: Rows, number: int, words: dict[int, Any]) -> Array:
    word = words.get(number)
    if word is None:
        piece = rows[:, 8 * number : 8 * number + 8]
        if piece.shape[1] < 8:
            padded = np.zeros((len(rows), 8), dtype=np.uint8)
            padded[:, : piece.shape[1]] = piece
            piece = padded
        word = np.ascontiguousarray(piece).view(">i8").ravel().astype(np.int64)
        words[number] = word
    return word
