"""Counts as bytes: the schema, the numbers, and a checksum that tells damage."""

from __future__ import annotations

import hashlib
import json
import struct
from itertools import pairwise

import numpy as np

from sampkit.privacy._counting import Tally
from sampkit.privacy._schema import LDPSchema
from sampkit.privacy._validation import check_integer, shown

MAGIC = b"sampkit.privacy.counts.1\n"


def packed(schema: LDPSchema, tally: Tally) -> bytes:
    """Write counts."""
    header = {
        "schema": schema.to_json(),
        "n_reports": tally.n_reports,
        "n_rejected": tally.n_rejected,
        "histograms": [h is not None for h in tally.histograms],
    }
    arrays = [tally.n_per_attribute, *tally.supports]
    arrays += [h for h in tally.histograms if h is not None]
    head = json.dumps(header).encode()
    body = b"".join(a.astype("<i8").tobytes() for a in arrays)
    content = struct.pack("<I", len(head)) + head + body
    return MAGIC + hashlib.sha256(content).digest() + content


def unpacked(data: bytes) -> tuple[LDPSchema, Tally]:
    """Read counts; ValueError for anything that `packed` has not written."""
    start = len(MAGIC) + 32
    content = data[start:]
    whole = data[: len(MAGIC)] == MAGIC and len(content) > 4
    if not whole or hashlib.sha256(content).digest() != data[len(MAGIC) : start]:
        raise ValueError("data are no aggregator's bytes, or damaged ones.")
    try:
        return _read(content)
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"data are no aggregator's bytes: {shown(str(error))}.") from None


def _read(content: bytes) -> tuple[LDPSchema, Tally]:
    """The checksum tells damage, not malice: what it covers is checked all the same."""
    (size,) = struct.unpack("<I", content[:4])
    header, body = json.loads(content[4 : 4 + size]), content[4 + size :]
    schema = LDPSchema.from_json(header["schema"])
    tally = Tally(schema)
    tally.histograms = [
        h if known else None
        for h, known in zip(tally.histograms, header["histograms"], strict=True)
    ]
    present = [h for h in tally.histograms if h is not None]
    sizes = [len(a) for a in (tally.n_per_attribute, *tally.supports, *present)]
    if len(body) != 8 * sum(sizes):
        raise ValueError(f"data must hold {sum(sizes)} counts, got {len(body)} bytes of them.")
    numbers = np.frombuffer(body, dtype="<i8").astype(np.int64)
    if numbers.min() < 0:
        raise ValueError(f"counts must be >= 0, got {numbers.min()}.")
    ends = np.cumsum([0, *sizes]).tolist()
    rest = iter([numbers[low:high] for low, high in pairwise(ends)])
    tally.n_per_attribute = next(rest)
    tally.supports = [next(rest) for _ in tally.supports]
    tally.histograms = [None if h is None else next(rest) for h in tally.histograms]
    tally.n_reports = check_integer("n_reports", header["n_reports"], 0)
    tally.n_rejected = check_integer("n_rejected", header["n_rejected"], 0)
    return schema, tally
