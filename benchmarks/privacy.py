"""Private frequencies against multi-freq-ldpy and pure-ldp, and how time and memory grow.

Peers loop over users, so they get a share of them and their seconds are scaled; ours has all. With
``pip install --no-deps multi-freq-ldpy==0.2.5 pure-ldp==1.2.0 numba llvmlite "xxhash<4" bitarray
statsmodels patsy`` both are measured; a peer that is missing leaves its columns empty. (Their local
hashing passes str to xxhash, which refuses it from version 4 on.)
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from benchmarks._measure import Case
from sampkit.privacy import LDPAggregator, LDPClient, LDPSchema, simulate_counts

USERS = int(os.environ.get("SAMPKIT_BENCH_USERS", "200000"))
SHARE = 0.02  # of the users, for peers
EPSILON = 1.0
WIDTHS = ((10, 10), (10, 100), (20, 100))  # attributes, categories


def peer_name(package: str) -> str:
    """Name and version for the table, empty without the package."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""


MULTI, PURE = peer_name("multi-freq-ldpy"), peer_name("pure-ldp")


def load(path: str, name: str) -> Any:
    """A peer's function, on first use."""
    return getattr(importlib.import_module(path), name)


@cache
def records(d: int, k: int, n: int = USERS) -> Any:
    """Uniform records, one byte per attribute."""
    return np.random.default_rng(0).integers(0, k, (n, d), dtype=np.uint8)


@cache
def schema(d: int, k: int, protocol: str, solution: str = "rsfd") -> LDPSchema:
    """What is measured; its budget does not change the time."""
    return LDPSchema([k] * d, EPSILON, protocol=protocol, solution=solution)


@cache
def reports(d: int, k: int, protocol: str, solution: str = "rsfd") -> Any:
    """Our reports, to be counted."""
    return LDPClient(schema(d, k, protocol, solution), 0).privatize_many(records(d, k))


def few(d: int, k: int) -> list[list[int]]:
    """The peer's users."""
    return records(d, k)[: int(USERS * SHARE)].tolist()


# --- multi-freq-ldpy ----------------------------------------------------------------------------


def rsfd_peer(d: int, k: int, protocol: str) -> tuple[Callable[[], Any], Callable[[], Any]] | None:
    """Its client and its aggregator for RS+FD, as calls."""
    if not MULTI:
        return None
    home = "multi_freq_ldpy.mdim_freq_est.RSpFD_solution"
    stem = {"grr": "RSpFD_GRR", "oue-z": "RSpFD_UE_zero"}[protocol]
    client, server = load(home, f"{stem}_Client"), load(home, f"{stem}_Aggregator_MI")
    domain, rows = [k] * d, few(d, k)

    def privatize() -> list[Any]:
        return [client(row, domain, d, EPSILON) for row in rows]

    made: list[Any] = []

    def aggregate() -> Any:
        if not made:
            made.extend(privatize())
        return server(made, domain, d, EPSILON)

    return privatize, aggregate


def rsfd_cases() -> Iterator[Case]:
    """Client, aggregation and simulation of RS+FD with GRR and OUE-z."""
    targets = {
        "grr": {"os": 100, "seeded": 200, "count": 40},
        "oue-z": {"os": 25, "seeded": 60, "count": 500},
    }
    for d, k in WIDTHS:
        X = records(d, k)
        for protocol, target in targets.items():
            agreed, peer = schema(d, k, protocol), rsfd_peer(d, k, protocol)
            privatize, aggregate = peer or (None, None)
            where = f"d={d} k={k} {protocol}"
            wide = protocol == "grr" or d * k >= 250  # the client's targets for bits
            common = {"peer_name": MULTI, "rounds": 3, "peer_share": SHARE}

            def client(seed: Any, X: Any = X, agreed: LDPSchema = agreed) -> Call:
                return lambda: LDPClient(agreed, seed).privatize_many(X)

            def count(d: int = d, k: int = k, protocol: str = protocol) -> Any:
                return LDPAggregator(schema(d, k, protocol)).partial_fit(reports(d, k, protocol))

            def simulate(X: Any = X, agreed: LDPSchema = agreed) -> Any:
                return simulate_counts(agreed, X, random_state=0)

            def both(privatize: Any = privatize, aggregate: Any = aggregate) -> Any:
                return privatize(), aggregate()

            yield Case(
                f"{where} client, OS entropy",
                client(None),
                privatize,
                target=target["os"] if wide else None,
                output_bytes=nbytes,
                **common,
            )
            yield Case(
                f"{where} client, Generator",
                client(0),
                privatize,
                target=target["seeded"] if wide else None,
                **common,
            )
            yield Case(f"{where} aggregate", count, aggregate, target=target["count"], **common)
            yield Case(f"{where} simulate", simulate, both if peer else None, target=1000,
                       output_bytes=nothing, **common)  # fmt: skip


Call = Callable[[], Any]


def nbytes(rows: Any) -> int:
    """Bytes of an array."""
    return int(rows.nbytes)


def nothing(_: Any) -> int:
    """A result of constant size."""
    return 0


def record_cases() -> Iterator[Case]:
    """One record at a time, as a device does."""
    for protocol in ("grr", "oue-z"):
        d, k = 10, 10
        client, rows = LDPClient(schema(d, k, protocol)), few(d, k)
        peer = rsfd_peer(d, k, protocol)
        yield Case(
            f"d={d} k={k} {protocol}, {len(rows)} single records",
            lambda client=client, rows=rows: [client.privatize(row) for row in rows],
            peer[0] if peer else None,
            MULTI,
            target=1,
            rounds=5,
        )


# --- pure-ldp, and local hashing of both --------------------------------------------------------


def pure_pair(name: str, k: int) -> tuple[Call, Call] | None:
    """Client and server of pure-ldp for one attribute, as calls."""
    if not PURE:
        return None
    home = "pure_ldp.frequency_oracles"
    options: dict[str, Any] = {"UE": {"use_oue": True}, "LH": {"use_olh": True}}.get(name, {})

    def make(part: str) -> Any:
        kind = load(home, f"{name}{part}")
        if name == "HadamardResponse" and part == "Client":
            hashes = load(home, "HadamardResponseServer")(EPSILON, k).get_hash_funcs()
            return kind(EPSILON, k, hashes)
        return kind(EPSILON, k, **options)

    values = [row[0] + 1 for row in few(1, k)]  # its values count from 1
    made: list[Any] = []

    def privatize() -> list[Any]:
        client = make("Client")
        return [client.privatise(value) for value in values]

    def aggregate() -> Any:
        if not made:
            made.extend(privatize())
        server = make("Server")
        for report in made:
            server.aggregate(report)
        return [server.estimate(v, suppress_warnings=True) for v in range(1, k + 1)]

    return privatize, aggregate


def multi_hash_pair(k: int) -> tuple[Call, Call] | None:
    """Client and aggregator of OLH in multi-freq-ldpy."""
    if not MULTI:
        return None
    home = "multi_freq_ldpy.pure_frequency_oracles.LH"
    client, server = load(home, "LH_Client"), load(home, "LH_Aggregator_MI")
    values, made = [row[0] for row in few(1, k)], []

    def privatize() -> list[Any]:
        return [client(value, k, EPSILON) for value in values]

    def aggregate() -> Any:
        if not made:
            made.extend(privatize())
        return server(made, k, EPSILON)

    return privatize, aggregate


def single_cases() -> Iterator[Case]:
    """One attribute of 100 categories (128 for Hadamard response)."""
    pairs: list[tuple[str, int, str, Callable[[], tuple[Call, Call] | None], str]] = [
        ("grr", 100, "DE", lambda: pure_pair("DE", 100), PURE),
        ("oue", 100, "UE", lambda: pure_pair("UE", 100), PURE),
        ("olh", 100, "LH", lambda: pure_pair("LH", 100), PURE),
        ("hr", 128, "HR", lambda: pure_pair("HadamardResponse", 128), PURE),
        ("olh", 100, "LH", lambda: multi_hash_pair(100), MULTI),
    ]
    for protocol, k, _, make, name in pairs:
        agreed, X, pair = schema(1, k, protocol, "spl"), records(1, k), make()
        privatize, aggregate = pair or (None, None)
        common = {"peer_name": name, "target": 1.0, "rounds": 3, "peer_share": SHARE}

        def client(agreed: LDPSchema = agreed, X: Any = X) -> Any:
            return LDPClient(agreed).privatize_many(X)

        def count(k: int = k, protocol: str = protocol) -> Any:
            agreed = schema(1, k, protocol, "spl")
            return LDPAggregator(agreed).partial_fit(reports(1, k, protocol, "spl"))

        yield Case(f"{protocol} k={k} client, OS entropy", client, privatize, **common)
        yield Case(f"{protocol} k={k} aggregate", count, aggregate, **common)


# --- growth -------------------------------------------------------------------------------------


def growth() -> dict[str, list[Case]]:
    """Time and peak memory against the number of users; 20 attributes of 100 categories."""
    d, k, piece = 20, 100, 10**6
    agreed = schema(d, k, "oue-z")
    block = records(d, k, piece)
    f = [np.full(k, 1 / k)] * d

    def simulated(n: int) -> Call:
        pieces = lambda: (block for _ in range(n // piece))  # noqa: E731
        return lambda: simulate_counts(agreed, pieces(), random_state=0)

    def drawn(n: int) -> Call:
        return lambda: simulate_counts(agreed, marginals=f, n=n, random_state=0)

    def collected(n: int, step: int = 50_000) -> Call:
        client = LDPClient(agreed)
        rows = block[:step]
        return lambda: LDPAggregator(agreed).partial_fit(
            client.privatize_many(rows) for _ in range(n // step)
        )

    def wide(sizes: int) -> Call:
        client, X = LDPClient(schema(d, sizes, "oue-z")), records(d, 10, 50_000)
        return lambda: client.privatize_many(X)

    big = {"rounds": 1, "output_bytes": nothing}
    return {
        "Simulation from records, one piece again and again (fresh pieces: privacy_scale)": [
            Case(f"n = 10^{e}", simulated(10**e), size=10.0**e, **big) for e in (6, 7, 8)
        ],
        "Simulation from marginals (constant)": [
            Case(f"n = 10^{e}", drawn(10**e), size=10.0**e, rounds=5, output_bytes=nothing)
            for e in (6, 8, 9)
        ],
        "Reports made and counted in pieces of 50 000 (time linear, memory flat)": [
            Case(f"n = {n}", collected(n), size=n, **big) for n in (10**5, 2 * 10**5, 4 * 10**5)
        ],
        "Client, 50 000 users, 20 attributes, OUE-z (linear in the categories)": [
            Case(f"k = {s}", wide(s), size=s, rounds=3) for s in (50, 100, 200)
        ],
    }


def cases() -> dict[str, list[Case]]:
    """Tables of this family."""
    share = f"{USERS} users (peers: {int(USERS * SHARE)}, scaled), epsilon {EPSILON:g}"
    return {
        f"RS+FD, {share}": list(rsfd_cases()),
        "A device, record by record": list(record_cases()),
        f"One attribute, {share}": list(single_cases()),
        **growth(),
    }
