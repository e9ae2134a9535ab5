"""The server: exact sums by every road, malformed reports, a state that travels."""

from __future__ import annotations

import hashlib
import json
import struct
import tracemalloc

import dask
import dask.array as da
import dask.bag as bag
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampkit.privacy import LDPAggregator, LDPClient, LDPSchema
from sampkit.privacy._counting import BLOCK_ROWS
from sampkit.privacy._counts_bytes import MAGIC
from sampkit.privacy._reports import read_field
from sampkit.privacy.oracles.hashing import hash_one

DOMAIN = [3, 10, 5]
PLAIN = ("grr", "sue", "oue", "blh", "olh", "ss", "hr", "the")


def all_schemas(domain=tuple(DOMAIN)):
    prior = [np.full(k, 1 / k).tolist() for k in domain]
    for solution, protocol, options in [
        *((s, p, {}) for s in ("spl", "smp") for p in PLAIN),
        ("smp", "ss", {"n_sampled": 2}),
        *(("rsfd", p, {}) for p in ("grr", "sue-z", "oue-z", "sue-r", "oue-r", "adaptive")),
        ("rsfd", "matched", {"prior": prior}),
    ]:
        schema = LDPSchema(list(domain), 1.5, solution=solution, protocol=protocol, **options)
        yield pytest.param(schema, id=f"{solution}-{protocol}{len(options) or ''}")


every_schema = pytest.mark.parametrize("schema", list(all_schemas()))


def some_reports(schema, n=500, seed=0):
    rng = np.random.default_rng(seed)
    X = np.stack([rng.integers(0, k, n) for k in schema.domain_sizes], axis=1)
    return LDPClient(schema, seed).privatize_many(X)


def slow_counts(schema, reports):
    """Support counts by the definition, one report after another."""
    counts = [np.zeros(k, dtype=int) for k in schema.domain_sizes]
    d, layout = len(counts), schema.layout
    pieces = reports.reshape(-1, layout.pair_bytes)
    for row in pieces:
        members = [int(row[0])] if schema.solution == "smp" else range(d)
        for j in members:
            oracle, protocol = schema.attributes[j].oracle, schema.protocols[j]
            (symbol,) = read_field(row[None], layout.offsets[j], oracle)
            if oracle.packed:
                counts[j] += np.unpackbits(symbol, count=oracle.k)
            elif protocol == "hr":
                for v in range(oracle.k):
                    counts[j][v] += ((v + 1) & int(symbol)).bit_count() % 2 == 0
            elif protocol in ("blh", "olh"):
                seed, y = map(int, symbol)
                for v in range(oracle.k):
                    counts[j][v] += hash_one(seed, v, oracle.g) == y
            else:
                counts[j][int(symbol)] += 1
    return counts


def same(a: LDPAggregator, b: LDPAggregator) -> bool:
    return (
        a.n_reports_ == b.n_reports_
        and all(map(np.array_equal, a.support_counts_, b.support_counts_))
        and np.array_equal(a._tally.n_per_attribute, b._tally.n_per_attribute)
    )


# --- counting -----------------------------------------------------------------------------------


@every_schema
def test_counts_are_those_of_the_definition(schema):
    reports = some_reports(schema)
    aggregator = LDPAggregator(schema).partial_fit(reports)
    expected = slow_counts(schema, reports)
    assert all(map(np.array_equal, aggregator.support_counts_, expected))
    assert all(c.dtype == np.int64 for c in aggregator.support_counts_)
    assert aggregator.n_reports_ == 500
    assert aggregator.n_rejected_ == 0


@every_schema
def test_every_road_leads_to_the_same_counts(schema):
    reports = some_reports(schema)
    blob = reports.tobytes()
    size = schema.report_nbytes
    whole = LDPAggregator(schema).partial_fit(reports)
    roads = [
        blob,
        bytearray(blob),
        memoryview(blob),
        [blob[i : i + size] for i in range(0, len(blob), size)],
        (piece for piece in (blob[: 7 * size], reports[7:123], bytearray(blob[123 * size :]))),
        np.asfortranarray(reports),
        np.concatenate([reports, reports])[::2][:0],  # nothing, first
    ]
    for road in roads[:-1]:
        assert same(whole, LDPAggregator(schema).partial_fit(road))
    chunked = LDPAggregator(schema).partial_fit(roads[-1])
    for part in np.array_split(reports, 13):
        chunked.partial_fit(part)
    assert same(whole, chunked)


@pytest.mark.parametrize("blocks", [(100, 100, 300), (500,), (1, 499)])
def test_dask_arrays_are_counted_block_by_block(blocks):
    schema = LDPSchema(DOMAIN, 1.5)
    reports = some_reports(schema)
    lazy = da.from_array(reports, chunks=(blocks, 1))
    assert same(LDPAggregator(schema).partial_fit(reports), LDPAggregator(schema).partial_fit(lazy))


def test_dask_bags_are_counted_partition_by_partition():
    schema = LDPSchema(DOMAIN, 1.5)
    reports = some_reports(schema)
    expected = LDPAggregator(schema).partial_fit(reports)
    blobs = [row.tobytes() for row in reports]
    lazy = bag.from_sequence(blobs, npartitions=3)
    assert same(expected, LDPAggregator(schema).partial_fit(lazy))
    mapped = lazy.map(bytearray)  # partitions that are iterators
    assert same(expected, LDPAggregator(schema).partial_fit(mapped))
    broken = bag.from_sequence([*blobs, b""], npartitions=3)
    aggregator = LDPAggregator(schema)
    with pytest.raises(ValueError, match="multiple"):
        aggregator.partial_fit(broken)
    assert aggregator.n_reports_ == 0
    aggregator.partial_fit(broken, on_error="skip")
    assert (aggregator.n_reports_, aggregator.n_rejected_) == (500, 1)


@pytest.mark.parametrize(
    "lazy",
    [dask.delayed(b"x"), da.zeros((4, 2)), da.zeros(4, dtype=np.uint8)],
    ids=["delayed", "floats", "flat"],
)
def test_other_dask_collections_are_a_type_error(lazy):
    with pytest.raises(TypeError, match="reports must be"):
        LDPAggregator(LDPSchema(DOMAIN, 1.5)).partial_fit(lazy)


def test_dask_arrays_with_malformed_rows():
    schema = LDPSchema([3, 3], 1.0, solution="spl", protocol="grr")
    reports = some_reports(schema)
    reports[17] = 0xFF
    lazy = da.from_array(reports, chunks=(50, -1))
    aggregator = LDPAggregator(schema)
    with pytest.raises(ValueError, match="malformed"):
        aggregator.partial_fit(lazy)
    assert aggregator.n_reports_ == 0
    aggregator.partial_fit(lazy, on_error="skip")
    assert (aggregator.n_reports_, aggregator.n_rejected_) == (499, 1)


@pytest.mark.parametrize("n", [1, 15, BLOCK_ROWS, BLOCK_ROWS + 1, 100_000])
def test_block_boundaries(n):
    for protocol in ("grr", "oue-z"):
        schema = LDPSchema([3, 70], 1.0, protocol=protocol)
        reports = np.resize(some_reports(schema), (n, schema.report_nbytes))
        counted = LDPAggregator(schema).partial_fit(reports)
        repeats = np.bincount(np.arange(n) % 500, minlength=500)
        expected = [0, 0]
        for row, times in zip(some_reports(schema), repeats, strict=True):
            if times:
                one = LDPAggregator(schema).partial_fit(row[None]).support_counts_
                expected = [e + times * c for e, c in zip(expected, one, strict=True)]
        assert all(map(np.array_equal, counted.support_counts_, expected))


@given(
    sizes=st.lists(st.sampled_from([2, 3, 7, 16, 100, 300, 20000]), min_size=2, max_size=7),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_neighbours_counted_together(sizes, seed):
    """Fields of any widths, side by side: each code is counted, each impossible one refused."""
    schema = LDPSchema(sizes, 2.0, protocol="grr")
    reports = some_reports(schema, 60, seed)
    fields = list(zip(schema.layout.offsets, schema.layout.widths, strict=True))
    bits = ["".join(format(byte, "08b") for byte in row) for row in reports]
    codes = np.array([[int(text[o : o + w], 2) for o, w in fields] for text in bits])
    counts = LDPAggregator(schema).partial_fit(reports).support_counts_
    for count, column, k in zip(counts, codes.T, sizes, strict=True):
        assert np.array_equal(count, np.bincount(column, minlength=k))
    for j, ((offset, width), k) in enumerate(zip(fields, sizes, strict=True)):
        if k == 1 << width:
            continue
        text = bits[0][:offset] + format(k, f"0{width}b") + bits[0][offset + width :]
        bad = int(text, 2).to_bytes(len(text) // 8, "big")
        with pytest.raises(ValueError, match="malformed"):
            LDPAggregator(schema).partial_fit(bad)
        skipped = LDPAggregator(schema).partial_fit([bad, reports], on_error="skip")
        assert (skipped.n_reports_, skipped.n_rejected_) == (60, 1), j


@given(
    cuts=st.lists(st.integers(0, 60), max_size=4).map(sorted),
    order=st.permutations(range(5)),
    schema=st.sampled_from([parameters.values[0] for parameters in all_schemas()]),
)
def test_merge_is_addition_in_any_order(cuts, order, schema):
    reports = some_reports(schema, 60)
    parts = [LDPAggregator(schema).partial_fit(p) for p in np.split(reports, cuts)]
    merged = LDPAggregator(schema)
    for i in order:
        if i < len(parts):
            assert merged.merge(parts[i]) is merged
    assert same(merged, LDPAggregator(schema).partial_fit(reports))


def test_memory_does_not_grow_with_the_number_of_reports():
    schema = LDPSchema([10] * 10, 1.0, protocol="grr")
    aggregator = LDPAggregator(schema)
    peaks = []
    for n in (100_000, 400_000):
        reports = np.zeros((n, schema.report_nbytes), dtype=np.uint8)
        tracemalloc.start()
        aggregator.partial_fit(reports)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] + 100_000


# --- malformed reports --------------------------------------------------------------------------


def grr(*codes):
    """A report of three GRR fields of 2, 4 and 3 bits, and 7 bits of padding."""
    text = "".join(format(c, f"0{w}b") for c, w in zip(codes, (2, 4, 3), strict=True))
    return int(text.ljust(16, "0"), 2).to_bytes(2, "big")


BAD = {
    "code": (("spl", "grr", {}), grr(3, 0, 0)),
    "second code": (("spl", "grr", {}), grr(0, 10, 0)),
    "padding": (("spl", "grr", {}), b"\x00\x01"),
    "short": (("spl", "grr", {}), b"\x00"),
    "long": (("spl", "grr", {}), b"\x00\x00\x00"),
    "nothing": (("spl", "grr", {}), b""),
    "unary padding": (("spl", "oue", {}), b"\xff\xff\xff"),
    "index": (("smp", "grr", {}), b"\x03\x00"),
    "pair padding": (("smp", "grr", {}), b"\x00\x01"),
    "pair code": (("smp", "grr", {}), b"\x00\xc0"),
    "order of pairs": (("smp", "grr", {"n_sampled": 2}), b"\x01\x00\x00\x00"),
    "index twice": (("smp", "grr", {"n_sampled": 2}), b"\x01\x00\x01\x00"),
    "hash": (("smp", "olh", {}), bytes([0]) + bytes(8) + b"\xff"),
    "subset": (("smp", "ss", {}), b"\x00\xff\x00"),
}


@pytest.mark.parametrize("name", BAD)
def test_malformed_reports(name):
    (solution, protocol, options), bad = BAD[name]
    schema = LDPSchema(DOMAIN, 1.5, solution=solution, protocol=protocol, **options)
    reports = some_reports(schema, 50)
    before = LDPAggregator(schema).partial_fit(reports)
    for road in (bad, [reports.tobytes(), bad], [bad, reports]):
        with pytest.raises(ValueError, match=r"."):
            before.partial_fit(road)
        assert same(before, LDPAggregator(schema).partial_fit(reports))
        assert before.n_rejected_ == 0
    skipped = LDPAggregator(schema).partial_fit([reports, bad, reports[:7]], on_error="skip")
    expected = LDPAggregator(schema).partial_fit(np.concatenate([reports, reports[:7]]))
    assert same(skipped, expected)
    assert skipped.n_rejected_ == 1
    # in the middle of good ones
    if len(bad) == schema.report_nbytes:
        mixed = reports[:9].tobytes() + bad + reports[9:].tobytes()
        skipped = LDPAggregator(schema).partial_fit(mixed, on_error="skip")
        assert same(skipped, before)
        assert skipped.n_rejected_ == 1


def test_a_blob_of_the_wrong_length_is_one_rejected_report():
    schema = LDPSchema(DOMAIN, 1.5, solution="spl", protocol="grr")
    aggregator = LDPAggregator(schema).partial_fit(bytes(2 * 30 + 1), on_error="skip")
    assert (aggregator.n_reports_, aggregator.n_rejected_) == (0, 1)
    wide = np.zeros((4, 3), dtype=np.uint8)
    aggregator.partial_fit(wide, on_error="skip")
    assert (aggregator.n_reports_, aggregator.n_rejected_) == (0, 5)


@pytest.mark.parametrize(
    "reports",
    ["text", None, 5, [1, 2], [["a"]], np.zeros((3, 2)), np.zeros(4, np.uint8), {"a": 1}],
    ids=repr,
)
def test_what_holds_no_bytes_is_a_type_error(reports):
    schema = LDPSchema(DOMAIN, 1.5, solution="spl", protocol="grr")
    for on_error in ("raise", "skip"):
        with pytest.raises(TypeError, match="reports"):
            LDPAggregator(schema).partial_fit(reports, on_error=on_error)


@every_schema
def test_random_and_truncated_reports(schema):
    """No crash and no silent count: 10^5 blobs over all schemas, each counted or rejected."""
    rng = np.random.default_rng(1)
    size, n = schema.report_nbytes, 4600
    noise = rng.bytes(n * (size + 2))
    lengths = rng.integers(0, 2 * size + 2, n)
    lengths[: n // 2] = size
    blobs = [noise[i * (size + 2) :][: min(m, size + 2)] for i, m in enumerate(lengths)]
    aggregator = LDPAggregator(schema).partial_fit(blobs, on_error="skip")
    expected = sum(len(b) // size if b and len(b) % size == 0 else 1 for b in blobs)
    assert aggregator.n_reports_ + aggregator.n_rejected_ == expected
    per_report = schema.n_sampled if schema.solution == "smp" else len(DOMAIN)
    assert aggregator._tally.n_per_attribute.sum() == aggregator.n_reports_ * per_report
    for count, n_j in zip(
        aggregator.support_counts_, aggregator._tally.n_per_attribute, strict=True
    ):
        assert count.min() >= 0
        assert count.max() <= n_j
    # what was counted is exactly what is a report by the definition, and its counts are theirs
    good = [b for b in blobs if len(b) == size and well_formed(schema, b)]
    single = LDPAggregator(schema).partial_fit(
        [b for b in blobs if len(b) == size], on_error="skip"
    )
    assert single.n_reports_ == len(good)
    if good:
        assert same(single, LDPAggregator(schema).partial_fit(good))


def well_formed(schema, blob) -> bool:
    """Whether a client can have sent it, bit by bit."""
    pieces = [blob]
    if schema.solution == "smp":
        length = schema.report_nbytes // schema.n_sampled
        pieces = [blob[i : i + length] for i in range(0, len(blob), length)]
        index = [piece[0] for piece in pieces]
        if index != sorted(set(index)) or index[-1] >= len(DOMAIN):
            return False
    for number, piece in enumerate(pieces):
        text = "".join(format(byte, "08b") for byte in piece)
        members = range(len(DOMAIN))
        if schema.solution == "smp":
            members, text = [index[number]], text[8:]
        for j in members:
            oracle, protocol = schema.attributes[j].oracle, schema.protocols[j]
            parts = []
            for width in oracle.widths:
                parts.append(text[:width])
                text = text[width:]
            if protocol == "ss" and parts[0].count("1") != oracle.size:
                return False
            largest = {"blh": 2, "olh": getattr(oracle, "g", 0), "grr": oracle.k}
            largest["matched"] = oracle.k
            if protocol in largest and int(parts[-1], 2) >= largest[protocol]:
                return False
        if "1" in text:
            return False
    return True


def test_merge_wants_the_same_schema():
    a = LDPAggregator(LDPSchema(DOMAIN, 1.0))
    with pytest.raises(ValueError, match="fingerprint"):
        a.merge(LDPAggregator(LDPSchema(DOMAIN, 1.1)))
    with pytest.raises(TypeError, match="LDPAggregator"):
        a.merge([1])
    with pytest.raises(TypeError, match="LDPSchema"):
        LDPAggregator({"a": 3})


# --- a state that travels -----------------------------------------------------------------------


@every_schema
def test_bytes_round_trip(schema):
    aggregator = LDPAggregator(schema).partial_fit(some_reports(schema))
    aggregator.partial_fit(b"", on_error="skip")
    data = aggregator.to_bytes()
    back = LDPAggregator.from_bytes(data)
    assert same(aggregator, back)
    assert back.schema == schema
    assert back.n_rejected_ == 1
    assert back.to_bytes() == data
    assert aggregator.estimate().equals(back.merge(LDPAggregator(schema)).estimate())
    assert same(
        back.merge(aggregator), LDPAggregator(schema).partial_fit([some_reports(schema)] * 2)
    )


def test_damaged_bytes_are_refused():
    data = LDPAggregator(LDPSchema(DOMAIN, 1.0)).to_bytes()
    flipped = bytearray(data)
    flipped[-1] ^= 1
    for bad in (b"", data[:-1], data + b"x", bytes(flipped), data[10:], b"x" * 100):
        with pytest.raises(ValueError, match="damaged"):
            LDPAggregator.from_bytes(bad)


@pytest.mark.parametrize(
    "change",
    [
        {"n_reports": -1},
        {"n_reports": "1"},
        {"n_rejected": 1.5},
        {"schema": "{}"},
        {"schema": None},
        {"histograms": [True]},
        {"histograms": 3},
        {"body": b""},
        {"body": bytes(8 * 19)},
        {"body": bytes(8 * 21 + 3)},
        {"body": bytes(8 * 20) + b"\xff" * 8},
        {"head": b"[]"},
        {"head": b"{"},
        {"head": b"\xff\xfe"},
    ],
    ids=repr,
)
def test_forged_bytes_are_refused(change):
    """A right checksum over other things: what is inside is checked, too."""
    schema = LDPSchema(DOMAIN, 1.0)
    data = LDPAggregator(schema).to_bytes()
    size = len(MAGIC)
    content = data[size + 32 :]
    (end,) = struct.unpack("<I", content[:4])
    header = json.loads(content[4 : 4 + end])
    body = change.get("body", content[4 + end :])
    head = change.get("head")
    if head is None:
        head = json.dumps(header if "body" in change else header | change).encode()
    forged = struct.pack("<I", len(head)) + head + body
    assert len(content[4 + end :]) == 8 * (3 + sum(DOMAIN))
    with pytest.raises(ValueError, match=r"."):
        LDPAggregator.from_bytes(MAGIC + hashlib.sha256(forged).digest() + forged)


def test_from_counts():
    schema = LDPSchema([2, 3], 1.0, solution="spl", protocol="oue")
    aggregator = LDPAggregator.from_counts(schema, [[3, 4], [1, 2, 3]], 10)
    assert aggregator.n_reports_ == 10
    assert [c.tolist() for c in aggregator.support_counts_] == [[3, 4], [1, 2, 3]]
    several = LDPSchema([2, 3], 1.0, solution="smp", protocol="oue", n_sampled=2)
    assert LDPAggregator.from_counts(several, [[3, 4], [1, 2, 3]], [10, 10]).n_reports_ == 10
    for counts, n in [
        ([[3, 4]], 10),
        ([[3, 4], [1, 2]], 10),
        ([[3, 11], [1, 2, 3]], 10),
        ([[3, -1], [1, 2, 3]], 10),
        ([[3.5, 1], [1, 2, 3]], 10),
        ([[3, 4], [1, 2, 3]], [10, 10]),
        ([[3, 4], [1, 2, 3]], 10.0),
    ]:
        with pytest.raises(ValueError, match=r"counts|n must"):
            LDPAggregator.from_counts(schema, counts, n)


def test_counts_handed_out_are_copies():
    schema = LDPSchema([2, 3], 1.0)
    aggregator = LDPAggregator(schema).partial_fit(some_reports(schema))
    before = aggregator.support_counts_
    for count in aggregator.support_counts_:
        count[:] = 0
    assert all(map(np.array_equal, before, aggregator.support_counts_))


def test_merging_with_given_counts_forgets_histograms():
    schema = LDPSchema([6], 1.0, solution="spl", protocol="hr")
    reports = some_reports(schema)
    whole = LDPAggregator(schema).partial_fit(reports)
    assert whole.estimate(postprocess="mle")["estimate"].sum() == pytest.approx(1)
    given = LDPAggregator.from_counts(schema, whole.support_counts_, 500)
    for mixed in (given, LDPAggregator(schema).merge(given), given.partial_fit(reports)):
        with pytest.raises(ValueError, match="histogram"):
            mixed.estimate(postprocess="mle")
    assert LDPAggregator.from_bytes(given.to_bytes()).n_reports_ == 1000
