"""Devices: the sampler against the channel, integers only, system entropy only, golden bytes."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import random
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import sampkit
from sampkit.privacy import LDPAggregator, LDPClient, LDPSchema
from sampkit.privacy._exact import GRID
from sampkit.privacy._reports import (
    read_bits,
    read_field,
    read_integers,
    write_bits,
    write_integers,
)
from sampkit.privacy.oracles.hashing import hashes

PRIOR = [[0.3, 0.7], [0.2, 0.3, 0.5]]
PLAIN = ("grr", "sue", "oue", "blh", "olh", "ss", "hr", "the")


class Case(NamedTuple):
    solution: str
    protocol: str
    options: dict

    def schema(self, domain=(2, 3), epsilon=1.5) -> LDPSchema:
        return LDPSchema(
            list(domain), epsilon, solution=self.solution, protocol=self.protocol, **self.options
        )


CASES = [
    *(Case(solution, protocol, {}) for solution in ("spl", "smp") for protocol in PLAIN),
    Case("spl", "oue", {"weights": [1, 3]}),
    Case("spl", "adaptive", {}),
    Case("smp", "grr", {"sampling_probabilities": [0.3, 0.7]}),
    Case("smp", "oue", {"n_sampled": 2}),
    *(Case("rsfd", p, {}) for p in ("grr", "sue-z", "sue-r", "oue-z", "oue-r", "adaptive")),
    *(Case("rsfd", p, {"prior": PRIOR}) for p in ("grr", "sue-r", "oue-r", "matched")),
]
NAMES = [f"{c.solution}-{c.protocol}-{'-'.join(c.options)}" for c in CASES]
# a hash protocol's report is judged through its seed, in a test of its own
VISIBLE = [case for case in CASES if case.protocol not in ("blh", "olh")]
NAMES_VISIBLE = [name for name in NAMES if not name.endswith("lh-")]


# --- reports against the exact channel ----------------------------------------------------------


def field_column(oracle, protocol, rows, offset, code):
    """Column of the oracle's channel for every row's field."""
    symbols = read_field(rows, offset, oracle)
    if protocol[:3] in ("sue", "oue", "the"):
        bits = np.unpackbits(symbols, axis=1, count=oracle.k).astype(int)
        return bits @ (1 << np.arange(oracle.k)[::-1])
    if protocol == "ss":
        bits = np.unpackbits(symbols, axis=1, count=oracle.k)
        subsets = list(itertools.combinations(range(oracle.k), oracle.size))
        return np.array([subsets.index(tuple(np.flatnonzero(row))) for row in bits])
    return symbols.astype(int)


def column_of(schema: LDPSchema, reports, codes) -> np.ndarray:
    """Column of `schema.channel()` for every report; hashes have a test of their own."""
    layout, oracles = schema.layout, [a.oracle for a in schema.attributes]

    def parts(rows):
        return [
            field_column(o, name, rows, offset, code)
            for o, name, offset, code in zip(
                oracles, schema.protocols, layout.offsets, codes, strict=True
            )
        ]

    sizes = [o.n_reports for o in oracles]
    if schema.solution == "smp" and schema.n_sampled == 1:
        column = np.empty(len(reports), dtype=int)
        for j, (oracle, name, code) in enumerate(
            zip(oracles, schema.protocols, codes, strict=True)
        ):
            at = np.flatnonzero(reports[:, 0] == j)
            column[at] = field_column(oracle, name, reports[at], layout.offsets[j], code)
            column[at] += sum(sizes[:j])
        return column
    if schema.solution == "smp":  # both of two attributes
        pairs = reports.reshape(len(reports), 2, -1)
        assert (pairs[:, :, 0] == [0, 1]).all()
        columns = [
            field_column(oracles[j], schema.protocols[j], pairs[:, j], layout.offsets[j], codes[j])
            for j in range(2)
        ]
    else:
        columns = parts(reports)
    return columns[0] * sizes[1] + columns[1]


@pytest.mark.parametrize("way", ["many", "one", "system"])
@pytest.mark.parametrize("case", VISIBLE, ids=NAMES_VISIBLE)
def test_reports_follow_the_channel(case, way):
    # 30 cases x 3 ways x 2 records at 1e-6; with system entropy a false alarm in 2e4 runs.
    schema = case.schema()
    channel = schema.channel()
    for codes in ((0, 0), (1, 2)):
        n = 3000 if way == "one" else 20000
        client = LDPClient(schema, None if way == "system" else 11)
        if way == "one":
            blob = b"".join(client.privatize(list(codes)) for _ in range(n))
            reports = np.frombuffer(blob, np.uint8).reshape(n, -1)
        else:
            reports = client.privatize_many(np.tile(codes, (n, 1)))
        observed = np.bincount(column_of(schema, reports, codes), minlength=channel.shape[1])
        expected = n * channel[codes[0] * 3 + codes[1]]
        assert goodness(observed, expected) > 1e-6


def goodness(observed, expected) -> float:
    """Chi-square p-value, cells of small expectation put together."""
    small = expected < 5
    if small.any():
        observed = np.r_[observed[~small], observed[small].sum()]
        expected = np.r_[expected[~small], expected[small].sum()]
    return stats.chisquare(observed, expected, sum_check=False).pvalue


@pytest.mark.parametrize("way", ["many", "one"])
@pytest.mark.parametrize("protocol", ["blh", "olh"])
def test_hash_reports_follow_the_channel(protocol, way):
    schema = LDPSchema([5], 1.2, solution="spl", protocol=protocol)
    oracle = schema.attributes[0].oracle
    n = 3000 if way == "one" else 20000
    client = LDPClient(schema, 5)
    if way == "one":
        blob = b"".join(client.privatize([3]) for _ in range(n))
        reports = np.frombuffer(blob, np.uint8).reshape(n, -1)
    else:
        reports = client.privatize_many(np.full((n, 1), 3))
    seed, y = read_field(reports, 0, oracle).T
    row = hashes(seed, np.full(n, 3), oracle.g).astype(int)
    observed = np.bincount(row * oracle.g + y.astype(int), minlength=oracle.g**2)
    expected = np.bincount(row, minlength=oracle.g)[:, None] * oracle.channel()
    assert goodness(observed, expected.ravel()) > 1e-6


def test_mixed_fields_at_odd_offsets():
    """Category and bit fields side by side: every attribute's marginal is the predicted one."""
    schema = LDPSchema([3, 40, 2, 30, 5], 1.0)
    assert set(schema.protocols) == {"grr", "oue-z"}
    codes, n = [2, 17, 1, 29, 0], 20000
    many = LDPClient(schema, 0).privatize_many(np.tile(codes, (n, 1)))
    client = LDPClient(schema, 1)
    blob = b"".join(client.privatize(codes) for _ in range(4000))
    for reports in (many, np.frombuffer(blob, np.uint8).reshape(4000, -1)):
        counts = LDPAggregator(schema).partial_fit(reports).support_counts_
        for c, (p, q, phi), code in zip(counts, schema.probabilities, codes, strict=True):
            delta = (q + (p - q) * (np.arange(c.size) == code) + 4 * phi) / 5
            z = (c - len(reports) * delta) / np.sqrt(len(reports) * delta * (1 - delta))
            assert np.abs(z).max() < 5.5  # 160 cells, fixed seeds; else 6e-6


@pytest.mark.parametrize("with_prior", [False, True])
def test_many_categories_and_priors_beside_few(with_prior):
    """Laws with and without a table of their own: every marginal is the predicted one."""
    sizes, codes, n = [3, 20000, 2, 300], [1, 19999, 0, 7], 40000
    rng = np.random.default_rng(3)
    prior = [rng.dirichlet(np.full(k, 3.0)) for k in sizes] if with_prior else None
    schema = LDPSchema(sizes, 6.0, protocol="grr", prior=prior)
    many = LDPClient(schema, 0).privatize_many(np.tile(codes, (n, 1)))
    client = LDPClient(schema, 1)
    blob = b"".join(client.privatize(codes) for _ in range(8000))
    for reports in (many, np.frombuffer(blob, np.uint8).reshape(8000, -1)):
        counts = LDPAggregator(schema).partial_fit(reports).support_counts_
        for c, (p, q, phi), code in zip(counts, schema.probabilities, codes, strict=True):
            delta = (q + (p - q) * (np.arange(c.size) == code) + 3 * phi) / 4
            if c.size > 1000:  # rare ones together, in a hundred heaps
                heap = np.where(np.arange(c.size) == code, 100, np.arange(c.size) % 100)
                c, delta = np.bincount(heap, c), np.bincount(heap, delta)
            z = (c - len(reports) * delta) / np.sqrt(len(reports) * delta * (1 - delta))
            assert np.abs(z).max() < 5.5  # 1600 cells, fixed seeds; else 6e-5


# --- integers only, the system's entropy only ---------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_no_float_and_no_generator_on_the_secure_path(case, monkeypatch):
    client = LDPClient(case.schema())
    assert client.secure
    X = np.array([[0, 2], [1, 1]] * 20)
    for attribute in case.schema().attributes:  # tables are made once, from the integers
        getattr(attribute.oracle, "noise", None)

    def poison(*args, **kwargs):
        raise AssertionError("a seedable generator on the secure path")

    for module, names in (
        (np.random, ("default_rng", "rand", "random", "randint", "get_state", "PCG64", "MT19937")),
        (random, ("random", "getrandbits", "randint", "randrange", "choice", "seed")),
    ):
        for name in names:
            monkeypatch.setattr(module, name, poison)
    floats = []

    def trace(frame, event, argument):
        if "/sampkit/privacy/" not in frame.f_code.co_filename.replace(os.sep, "/"):
            return None
        for name, value in (*frame.f_locals.items(), ("return", argument)):
            is_array = isinstance(value, (np.ndarray, np.generic))
            if isinstance(value, float) or (is_array and value.dtype.kind in "fc"):
                floats.append((frame.f_code.co_name, name))
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        client.privatize([0, 1])
        client.privatize_many(X)
    finally:
        sys.settrace(previous)
    assert not floats


def test_every_random_byte_is_the_systems(monkeypatch):
    taken = []

    def counted(n, urandom=os.urandom):
        taken.append(n)
        return urandom(n)

    monkeypatch.setattr(os, "urandom", counted)
    schema = LDPSchema([4, 5], 1.0, protocol="grr")
    for _ in range(20):
        LDPClient(schema).privatize([0, 0])
    assert 20 <= len(taken) <= 24  # one call each, but once in 2900 records another
    LDPClient(schema).privatize_many(np.zeros((1000, 2), dtype=int))
    assert sum(taken) > 4000
    taken.clear()
    seeded = LDPClient(schema, 0)
    seeded.privatize_many(np.zeros((1000, 2), dtype=int))
    assert not taken
    assert not seeded.secure


# 300 noisy bits or categories: no coincidence
LONG = {
    "spl-oue": LDPSchema([300, 2], 0.1, solution="spl", protocol="oue"),
    "rsfd-oue-z": LDPSchema([300, 2], 0.1, protocol="oue-z"),
    "rsfd-grr": LDPSchema([2] * 300, 0.1, protocol="grr"),
}
every_long_schema = pytest.mark.parametrize("schema", LONG.values(), ids=LONG)


def child(client, record, queue):
    one = [client.privatize(record) for _ in range(5)]
    queue.put([*one, *(row.tobytes() for row in client.privatize_many([record] * 5))])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@every_long_schema
def test_a_forked_client_repeats_nothing(schema):
    record = [0] * len(schema.domain_sizes)
    client = LDPClient(schema)
    client.privatize(record)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    children = [context.Process(target=child, args=(client, record, queue)) for _ in range(2)]
    for process in children:
        process.start()
    reports = [report for _ in children for report in queue.get()]
    for process in children:
        process.join()
    reports += [client.privatize(record) for _ in range(5)]
    assert len(set(reports)) == 25


@every_long_schema
def test_a_pickled_client_repeats_nothing_and_holds_no_stream(schema):
    record = [0] * len(schema.domain_sizes)
    client = LDPClient(schema)
    client.privatize_many([record])
    data = pickle.dumps(client)
    assert len(data) < len(schema.to_json()) + 500  # the schema, and no table
    copies = [pickle.loads(data) for _ in range(3)]
    assert all(copy.secure for copy in copies)
    assert len({copy.privatize(record) for copy in (*copies, client)}) == 4
    many = {copy.privatize_many([record]).tobytes() for copy in (*copies, client)}
    assert len(many) == 4
    assert b"random" not in data


def test_seeded_clients_repeat_everything():
    schema = LDPSchema([4, 300], 1.0, protocol="oue-z")
    X = np.tile([1, 200], (5000, 1))
    a, b = LDPClient(schema, 3), LDPClient(schema, 3)
    assert np.array_equal(a.privatize_many(X), b.privatize_many(X))
    assert a.privatize([0, 0]) == b.privatize([0, 0])
    copy = pickle.loads(pickle.dumps(a))
    assert not copy.secure
    assert copy.privatize([0, 0]) == a.privatize([0, 0])


def test_device_needs_the_standard_library_and_numpy_alone(tmp_path):
    schema = LDPSchema({"a": ["x", "y"], "b": [1, 2, 3]}, 1.0, privacy_unit="attribute")
    (tmp_path / "schema.json").write_text(schema.to_json())
    code = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {{"sklearn", "pandas", "scipy", "matplotlib", "dask", "joblib"}}:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocked())
from sampkit.privacy import LDPClient, LDPSchema
client = LDPClient(LDPSchema.from_json(open("schema.json").read()))
assert len(client.privatize({{"a": "x", "b": 3}})) == {schema.report_nbytes}
import numpy as np
X = np.array([["x", 2], ["y", 1]] * 50, dtype=object)
assert client.privatize_many(X).shape == (100, {schema.report_nbytes})
assert not {{"sklearn", "pandas", "scipy"}} & set(sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(sampkit.__path__[0]).parent)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)


# --- layout v1 ----------------------------------------------------------------------------------

GOLDEN = {  # three reports of schemas below, and their counts; never to be changed
    "spl-grr": ("66004e", "120 1001000001 12"),
    "spl-sue": ("b0243096bb8a", "203 3101120111 22"),
    "spl-oue": ("98143d84a086", "202 2210120010 31"),
    "spl-blh": (
        "ad0348563dd4cae88a13ada46f185333c6bea393ff1aadd7e036dde2a417a3d0d917253c17153f17232434f0029f35a6bd204f383f90515160e12e08e8caf4f7f162004bda21ac01021820",
        "320 0032221132 13",
    ),
    "spl-olh": (
        "ad0348563dd4cae88509d6d2378c2999d1afa8e4ffc6ab75f836dde2a417a3d0d90b929e0b8a9f8b91890d3c00a7cd69af444f383f90515160e1170474657a7bf8b10012f6886b00408604",
        "220 0011110011 03",
    ),
    "spl-ss": ("886498444512", "210 1210102110 21"),
    "spl-hr": ("3b4e11", "232 2121012212 11"),
    "spl-the": ("b0242e94b98a", "203 2211120111 21"),
    "smp-grr": ("028000800040", "011 0000000000 01"),
    "smp-sue": ("02000000a000004000", "111 0000000000 00"),
    "smp-oue": ("020000006000004000", "021 0000000000 00"),
    "smp-blh": (
        "0224694de3141aec08000036dde2a417a3d0d980004f383f90515160e180",
        "012 0000000000 11",
    ),
    "smp-olh": (
        "0224694de3141aec08200036dde2a417a3d0d9a0004f383f90515160e1e0",
        "010 0000000000 10",
    ),
    "smp-ss": ("024000002000004000", "011 0000000000 01"),
    "smp-hr": ("028000000040", "121 0000000000 10"),
    "smp-the": ("02000000a000004000", "111 0000000000 00"),
    "rsfd-grr": ("98a460", "012 0000001011 30"),
    "rsfd-sue-z": ("84080e5c8800", "200 0221001012 10"),
    "rsfd-sue-r": ("060c0e5cc800", "110 0222001012 20"),
    "rsfd-oue-z": ("400000180000", "010 0000000011 00"),
    "rsfd-oue-r": ("420400184000", "020 0001000011 10"),
    "smp-ss-several": ("010680024000002000028000004000028000", "011 0000011010 21"),
}


def golden_schemas():
    domain = {"a": 3, "b": 10, "c": 2}
    for solution, protocols in (
        ("spl", PLAIN),
        ("smp", PLAIN),
        ("rsfd", ("grr", "sue-z", "sue-r", "oue-z", "oue-r")),
    ):
        for protocol in protocols:
            yield (
                f"{solution}-{protocol}",
                LDPSchema(domain, 2.0, solution=solution, protocol=protocol),
            )
    yield "smp-ss-several", LDPSchema(domain, 2.0, solution="smp", protocol="ss", n_sampled=2)


def written_by_hand(schema, values) -> bytes:
    """A report from given field values, by string formatting alone."""
    fields = [
        "".join(
            format(part, f"0{width}b") for part, width in zip(parts, a.oracle.widths, strict=True)
        )
        for a, parts in zip(schema.attributes, values, strict=True)
    ]
    if schema.solution == "smp":
        longest = max(len(f) for f in fields)
        text = "".join(
            (format(j, "08b") + fields[j]).ljust(-(-(8 + longest) // 8) * 8, "0")
            for j in range(schema.n_sampled)
        )
    else:
        text = "".join(fields)
    text = text.ljust(-(-len(text) // 8) * 8, "0")
    return int(text, 2).to_bytes(len(text) // 8, "big")


@pytest.mark.parametrize(
    ("name", "schema"), list(golden_schemas()), ids=lambda x: x if isinstance(x, str) else ""
)
def test_fields_lie_where_layout_v1_says(name, schema):
    rng = np.random.default_rng(len(name))
    values = []
    for attribute in schema.attributes:
        parts = [int(rng.integers(0, 1 << min(w, 63))) for w in attribute.oracle.widths]
        values.append(parts)
    report = np.frombuffer(written_by_hand(schema, values), np.uint8)[None]
    assert report.shape == (1, schema.report_nbytes)
    layout = schema.layout
    for j, attribute in enumerate(
        schema.attributes[: schema.n_sampled if schema.solution == "smp" else None]
    ):
        rows = report[:, j * layout.pair_bytes :] if schema.solution == "smp" else report
        symbols = read_field(rows, layout.offsets[j], attribute.oracle)
        if attribute.oracle.packed:
            text = "".join(map(str, np.unpackbits(symbols[0], count=attribute.oracle.k)))
            assert int(text, 2) == values[j][0]
        else:
            assert np.atleast_1d(symbols[0]).tolist() == values[j]


SEEDED = {  # three reports of the same schemas, drawn from the seed 2024
    "spl-grr": "8a24a0",
    "spl-sue": "025ea38a1a90",
    "spl-oue": "4a8a7018a180",
    "spl-blh": (
        "ad0348563dd4cae89234a6f18a0d760425ae3b8d5d57d50a0036dde2a417a3d0d98a13ada46f185333a779c638f3366447204f383f90515160e197253c17153f172306bea393ff1aadd7c0"
    ),
    "spl-olh": (
        "ad0348563dd4cae8891a5378c506bb02196b8ee35755f5428036dde2a417a3d0d98509d6d2378c2999c9de718e3ccd9911c84f383f90515160e18b929e0b8a9f8b9181afa8e4ffc6ab75f4"
    ),
    "spl-ss": "2a44203c40b2",
    "spl-hr": "cd397b",
    "spl-the": "16ea694a0490",
    "smp-grr": "028000400040",
    "smp-sue": "02c00000e000004000",
    "smp-oue": "020000002000004000",
    "smp-blh": "0224694de3141aec08000036dde2a417a3d0d980004f383f90515160e180",
    "smp-olh": "0224694de3141aec08200036dde2a417a3d0d9c0004f383f90515160e1e0",
    "smp-ss": "024000008000004000",
    "smp-hr": "020000000040",
    "smp-the": "02000000600000e000",
    "rsfd-grr": "8e1c22",
    "rsfd-sue-z": "80cab100f062",
    "rsfd-sue-r": "279412ace4e8",
    "rsfd-oue-z": "004401800412",
    "rsfd-oue-r": "0a800ac844c8",
    "smp-ss-several": "011240024000002000024000004000024000",
}


def seeded_reports(schema) -> str:
    """Three seeded reports in hexadecimal."""
    X = np.array([[0, 3, 1], [2, 9, 0], [1, 5, 1]])
    return LDPClient(schema, 2024).privatize_many(X).tobytes().hex()


def counted(schema, reports: str) -> str:
    """What a server counts of them."""
    aggregator = LDPAggregator(schema).partial_fit(bytes.fromhex(reports))
    return " ".join("".join(map(str, count)) for count in aggregator.support_counts_)


@pytest.mark.parametrize(
    ("name", "schema"), list(golden_schemas()), ids=lambda x: x if isinstance(x, str) else ""
)
def test_golden_bytes(name, schema):
    """Layout v1, frozen: new servers must go on understanding old clients."""
    reports, counts = GOLDEN[name]
    assert counted(schema, reports) == counts


@pytest.mark.parametrize(
    ("name", "schema"), list(golden_schemas()), ids=lambda x: x if isinstance(x, str) else ""
)
def test_seeded_bytes(name, schema):
    """A seed gives the same reports on every machine; a change here "changes results"."""
    assert seeded_reports(schema) == SEEDED[name]


@pytest.mark.parametrize("offset", range(0, 19, 3))
@pytest.mark.parametrize("width", [1, 2, 7, 8, 9, 16, 31, 33, 63, 64])
def test_integers_survive_the_layout(offset, width):
    rng = np.random.default_rng(width)
    values = rng.integers(0, 1 << width, 50, dtype=np.uint64, endpoint=width < 64)
    values &= np.uint64((1 << width) - 1)
    rows = np.zeros((50, (offset + width + 7) // 8 + 1), dtype=np.uint8)
    write_integers(rows, offset, width, values)
    assert np.array_equal(read_integers(rows, offset, width), values)
    text = ["".join(map(str, np.unpackbits(row))) for row in rows]
    assert [int(t[offset : offset + width], 2) for t in text] == values.tolist()
    assert all("1" not in t[:offset] + t[offset + width :] for t in text)


@pytest.mark.parametrize("offset", range(0, 19, 3))
@pytest.mark.parametrize("width", [1, 7, 8, 9, 30])
def test_bits_survive_the_layout(offset, width):
    bits = np.random.default_rng(width).integers(0, 2, (20, width), dtype=np.uint8)
    rows = np.zeros((20, (offset + width + 7) // 8), dtype=np.uint8)
    write_bits(rows, offset, np.packbits(bits, axis=1))
    assert np.array_equal(np.unpackbits(rows, axis=1)[:, offset : offset + width], bits)
    assert np.array_equal(read_bits(rows, offset, width), np.packbits(bits, axis=1))


def test_report_lengths_are_constant():
    for case in CASES:
        schema = case.schema()
        client = LDPClient(schema, 0)
        lengths = {len(client.privatize(codes)) for codes in itertools.product(range(2), range(3))}
        assert lengths == {schema.report_nbytes}


def test_two_index_bytes_above_256_attributes():
    schema = LDPSchema([2] * 300, 1.0, solution="smp", protocol="grr")
    assert schema.report_nbytes == 3
    many = LDPClient(schema, 0).privatize_many(np.ones((4000, 300), dtype=int))
    index = many[:, 0].astype(int) * 256 + many[:, 1]
    assert index.max() > 256
    assert index.max() < 300
    one = LDPClient(schema, 0).privatize([1] * 300)
    assert one[0] * 256 + one[1] < 300


# --- records ------------------------------------------------------------------------------------


def decoded(reports: np.ndarray, schema: LDPSchema) -> np.ndarray:
    """Codes of reports that cannot but tell the truth."""
    return np.stack(
        [
            read_field(reports, offset, attribute.oracle).astype(int)
            for attribute, offset in zip(schema.attributes, schema.layout.offsets, strict=True)
        ],
        axis=1,
    )


@pytest.fixture
def honest() -> LDPSchema:
    """So large a budget that reports are the truth, up to 2^-32."""
    domain = {"s": ["a", "b", "c"], "n": [5, 1, 3], "f": [0.5, 1.5], "b": [True, False]}
    return LDPSchema(domain, 600.0, solution="spl", protocol="grr", privacy_unit="attribute")


def test_tables_and_records_say_the_same(honest):
    rows = [["c", 1, 0.5, False], ["a", 3, 1.5, True], ["b", 5, 1.5, False]] * 5
    expected = [[2, 1, 0, 1], [0, 2, 1, 0], [1, 0, 1, 1]] * 5
    client = LDPClient(honest)
    frame = pd.DataFrame(rows, columns=["s", "n", "f", "b"])
    for X in (
        rows,
        np.array(rows, dtype=object),
        frame,
        frame.assign(more=1)[["more", "b", "f", "n", "s"]],
        frame.astype({"s": "category", "b": object}),
        frame.iloc[::-1].iloc[::-1],
    ):
        assert decoded(client.privatize_many(X), honest).tolist() == expected
    for record in (
        rows[0],
        tuple(rows[0]),
        dict(zip("snfb", rows[0], strict=True)),
        frame.to_numpy()[0],
    ):
        report = np.frombuffer(client.privatize(record), np.uint8)[None]
        assert decoded(report, honest).tolist() == expected[:1]


def test_columns_of_strings_and_numbers():
    schema = LDPSchema(
        [["b", "a"], ["x", "yy"]], 600.0, solution="spl", protocol="grr", privacy_unit="attribute"
    )
    X = np.array([["a", "yy"], ["b", "x"]])
    assert X.dtype.kind == "U"
    assert decoded(LDPClient(schema).privatize_many(X), schema).tolist() == [[1, 1], [0, 0]]
    with pytest.raises(ValueError, match="'x1' has no category 'y'"):
        LDPClient(schema).privatize_many(np.array([["a", "y"]]))
    numbers = LDPSchema(
        [[3, 1, 2], [0.5, -1.0]], 600.0, solution="spl", protocol="grr", privacy_unit="attribute"
    )
    Y = np.array([[1, -1.0], [3, 0.5]])
    assert decoded(LDPClient(numbers).privatize_many(Y), numbers).tolist() == [[1, 1], [0, 0]]
    with pytest.raises(ValueError, match=r"'x0' has no category 2\.5"):
        LDPClient(numbers).privatize_many(np.array([[2.5, 0.5]]))
    assert LDPClient(numbers).privatize_many(Y[:0]).shape == (0, numbers.report_nbytes)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_every_type_of_integer_is_a_code(case):
    """Type, byte order and layout of a table of codes change no report, as labels do not."""
    sizes = (2, 3) if "prior" in case.options else (2, 120)
    schema = case.schema(sizes)
    X = np.random.default_rng(0).integers(0, sizes, (300, 2))
    expected = LDPClient(schema, 5).privatize_many(X)
    kinds = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4", ">u8"]
    for Y in (*(X.astype(kind) for kind in kinds), np.asfortranarray(X), X[::-1][::-1],
              X.astype(object), pd.DataFrame(X, columns=["x0", "x1"]), X.tolist()):  # fmt: skip
        assert np.array_equal(LDPClient(schema, 5).privatize_many(Y), expected)


@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i8", "u8", ">i4", "f8", "O"])
@pytest.mark.parametrize("n", [1, 63, 64, 200])
def test_codes_outside_of_the_domain_are_named(kind, n):
    schema = LDPSchema([3, 200], 1.0, protocol="oue-z")
    for row in (0, n // 2, n - 1):
        for j, code in ((0, 3), (1, 201), (0, -1), (1, -100)):
            X = np.zeros((n, 2), dtype=int)
            X[row, j] = code
            wrong = X.astype(kind)
            if wrong[row, j] != code:
                continue  # the type cannot hold it
            for Y in (wrong, np.asfortranarray(wrong)):
                with pytest.raises(ValueError, match=rf"'x{j}' has no category {code}"):
                    LDPClient(schema, 0).privatize_many(Y)


def test_grid_is_two_to_the_32():
    assert GRID == 1 << 32
