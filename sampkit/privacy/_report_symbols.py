"""Reports back into symbols, attribute by attribute, in pieces that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sampkit._chunks import chunks, rows_per_chunk
from sampkit.privacy._aggregator import LDPAggregator
from sampkit.privacy._protocol import Array
from sampkit.privacy._reports import Rows, read_field
from sampkit.privacy._schema import LDPSchema

SYMBOL_BYTES = 16  # of a field per report, at most, and its share of the sums


def checked_rows(schema: LDPSchema, reports: Any) -> tuple[list[Rows], LDPAggregator]:
    """Valid reports as matrices of bytes, and their counts.

    Parameters
    ----------
    schema : LDPSchema
    reports : bytes, ndarray of uint8 of shape (n, report_nbytes), or iterable of these
        An array stays where it is, in memory or mapped from a file.
    """
    if not isinstance(schema, LDPSchema):
        raise TypeError(f"schema must be an LDPSchema, got {type(schema).__name__}.")
    if isinstance(reports, (np.ndarray, bytes, bytearray, memoryview)):
        pieces: list[Any] = [reports]
    else:
        pieces = list(reports)
    blobs = [piece for piece in pieces if not isinstance(piece, np.ndarray)]
    if blobs and len(blobs) == len(pieces):  # single reports are one matrix together
        pieces = [b"".join(blobs)]
    server = LDPAggregator(schema).partial_fit(pieces)
    n_bytes = schema.report_nbytes
    return [
        piece
        if isinstance(piece, np.ndarray)
        else np.frombuffer(piece, dtype=np.uint8).reshape(-1, n_bytes)
        for piece in pieces
    ], server


def record_symbols(schema: LDPSchema, matrices: list[Rows]) -> Iterator[list[Array]]:
    """Symbols of all attributes, for pieces of whole reports (SPL and RS+FD)."""
    step = rows_per_chunk(schema.report_nbytes + SYMBOL_BYTES * len(schema.attributes))
    for rows in matrices:
        for piece in chunks(len(rows), step):
            part = np.asarray(rows[piece])
            yield [
                read_field(part, offset, attribute.oracle)
                for attribute, offset in zip(schema.attributes, schema.layout.offsets, strict=True)
            ]


def attribute_symbols(schema: LDPSchema, matrices: list[Rows], j: int) -> Iterator[Array]:
    """Symbols of one attribute from those who report on it (SPL and SMP), piece by piece."""
    attribute, offset = schema.attributes[j], schema.layout.offsets[j]
    for rows in matrices:
        for piece in chunks(len(rows), rows_per_chunk(schema.report_nbytes + SYMBOL_BYTES)):
            part = np.asarray(rows[piece])
            if schema.solution == "smp":
                pairs, index = sampled_pairs(schema, part)
                part = pairs[index == j]
            yield read_field(part, offset, attribute.oracle)


def sampled_pairs(schema: LDPSchema, rows: Rows) -> tuple[Rows, Array]:
    """SMP: pairs of index and field, n_sampled after one another per report, and their indices."""
    pairs = rows.reshape(-1, schema.layout.pair_bytes)
    index = pairs[:, 0].astype(np.uint16)
    if schema.layout.index_bits == 16:
        index = index << np.uint16(8) | pairs[:, 1]
    return pairs, index
