"""Simulated counts: exact laws against enumeration, equal moments with real reports, big n."""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from sampkit.privacy import LDPAggregator, LDPClient, LDPSchema, PrivacyWarning, simulate_counts
from sampkit.privacy._moments import affine_map

PRIOR = [[0.5, 0.3, 0.2], [0.1, 0.2, 0.3, 0.4]]
SCHEMAS = {
    **{
        f"{solution}-{protocol}": {"solution": solution, "protocol": protocol}
        for solution in ("spl", "smp")
        for protocol in ("grr", "sue", "oue", "blh", "olh", "ss", "hr", "the")
    },
    **{f"rsfd-{p}": {"protocol": p} for p in ("grr", "sue-z", "sue-r", "oue-z", "oue-r")},
    **{f"prior-{p}": {"protocol": p, "prior": PRIOR} for p in ("grr", "sue-r", "matched")},
    "smp-two": {"solution": "smp", "protocol": "oue", "n_sampled": 2},
    "smp-unequal": {"solution": "smp", "protocol": "grr", "sampling_probabilities": [0.3, 0.7]},
}
DOMAIN = [3, 4]
X = np.array([[0, 0], [0, 3], [1, 3], [0, 1], [2, 2], [0, 0]])


def schema_of(name, epsilon=2.0):
    return LDPSchema(DOMAIN, epsilon, **SCHEMAS[name])


def counts_of(server):
    return np.concatenate(server.support_counts_)


# --- laws ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("source", ["records", "marginals"])
def test_first_two_moments_are_those_of_reports(name, source):
    """Against the closed forms: mean 4.5 standard errors, variance in its chi-square band.

    41 tests x 7 cells x 2 statistics with 1e-5 two-sided each: false alarm < 6e-3 in all; the
    seed is fixed.
    """
    schema, repeats, rng = schema_of(name), 600, np.random.default_rng(12)
    records = np.repeat(X, 20, axis=0)
    n = len(records)
    truth = [np.bincount(column, minlength=k) for column, k in zip(records.T, DOMAIN, strict=True)]
    data = {"X": records} if source == "records" else {"marginals": truth}
    draws = []
    for _ in range(repeats):
        server = simulate_counts(schema, random_state=rng, **data)
        draws.append(np.concatenate(_scaled(schema, server)))
    f = [t / n for t in truth]
    expected = np.concatenate(f)
    variance = np.concatenate(schema.variance(n, f, "sample"))
    draws = np.array(draws)
    mean, spread = np.nanmean(draws, axis=0), np.nanvar(draws, axis=0, ddof=1)
    assert (np.abs(mean - expected) < 4.5 * np.sqrt(variance / repeats)).all()
    # near-normal sums: relative error of a variance is sqrt(2 / R); SMP's n_j adds a little to it
    assert (np.abs(spread / variance - 1) < 4.6 * np.sqrt(2 / repeats) + 0.03).all()


def _scaled(schema, server):
    """Unprocessed estimates, without the table around them."""
    tally = server._tally
    return [
        affine_map(attribute, schema.mixed).frequency(support / n)
        for attribute, support, n in zip(
            schema.attributes, tally.supports, tally.n_per_attribute, strict=True
        )
    ]


@pytest.mark.parametrize("name", [n for n in SCHEMAS if n.split("-")[1] not in ("blh", "olh")])
def test_counts_of_one_user_follow_the_channel(name):
    """Whole count vectors against the enumerated channel, chi-square with false alarm 1e-4 each.

    Hash protocols are left out: their channel is that of the hash. The seed is fixed.
    """
    schema, repeats, rng = schema_of(name), 1500, np.random.default_rng(3)
    record = [1, 2]
    row = np.ravel_multi_index(record, DOMAIN)
    law: dict[tuple[int, ...], float] = {}
    reports = _support_of_columns(schema)
    for support, probability in zip(reports, schema.channel()[row], strict=True):
        law[support] = law.get(support, 0.0) + probability
    drawn: dict[tuple[int, ...], int] = {}
    for _ in range(repeats):
        key = tuple(counts_of(simulate_counts(schema, np.array([record]), random_state=rng)))
        drawn[key] = drawn.get(key, 0) + 1
    assert drawn.keys() <= law.keys()
    keys = sorted(law, key=law.get)
    expected = np.array([law[key] * repeats for key in keys])
    seen = np.array([drawn.get(key, 0) for key in keys])
    group = (np.cumsum(expected) // 10).astype(int)  # cells of at least about ten
    expected, seen = (np.bincount(group, weights=w) for w in (expected, seen))
    kept = expected > 0
    statistic = ((seen - expected)[kept] ** 2 / expected[kept]).sum()
    assert statistic < chi2.isf(1e-4, kept.sum() - 1)


def _support_of_columns(schema):
    """Support counts of every column of the channel, in its order."""
    import itertools

    def per_report(oracle):
        k, name = oracle.k, type(oracle).__name__
        if name == "KeptCategory":
            return [tuple(row) for row in np.eye(k, dtype=int)]
        if name == "UnaryBits":
            return list(itertools.product([0, 1], repeat=k))
        if name == "Subset":
            subsets = itertools.combinations(range(k), oracle.size)
            return [tuple(int(v in s) for v in range(k)) for s in subsets]
        y = range(oracle.n_reports)
        return [tuple(1 - ((v + 1) & i).bit_count() % 2 for v in range(k)) for i in y]

    parts = [per_report(a.oracle) for a in schema.attributes]
    if schema.solution != "smp" or schema.n_sampled == 2:
        return [a + b for a, b in itertools.product(*parts)]
    first = [s + (0,) * DOMAIN[1] for s in parts[0]]
    return first + [(0,) * DOMAIN[0] + s for s in parts[1]]


@pytest.mark.parametrize("name", ["spl-ss", "spl-hr", "rsfd-oue-r", "prior-grr", "smp-olh"])
def test_moments_equal_those_of_made_reports(name):
    # 5 tests x 7 cells, difference of two means at 4.5 standard errors; seed fixed
    schema, rng = schema_of(name), np.random.default_rng(1)
    records = np.repeat(X, 10, axis=0)
    client = LDPClient(schema, random_state=rng)
    made, drawn = [], []
    for _ in range(300):
        made.append(counts_of(LDPAggregator(schema).partial_fit(client.privatize_many(records))))
        drawn.append(counts_of(simulate_counts(schema, records, random_state=rng)))
    made, drawn = np.array(made, float), np.array(drawn, float)
    error = np.sqrt((made.var(axis=0) + drawn.var(axis=0)) / 300)
    assert (np.abs(made.mean(axis=0) - drawn.mean(axis=0)) < 4.5 * error + 1e-9).all()
    ratio = made.var(axis=0) / drawn.var(axis=0)
    assert (np.abs(np.log(ratio)) < 4.5 * np.sqrt(4 / 300)).all()


# --- identities ---------------------------------------------------------------------------------


@given(
    name=st.sampled_from(sorted(SCHEMAS)),
    n=st.integers(1, 60),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_sums_that_every_draw_keeps(name, n, seed):
    schema = schema_of(name)
    records = np.random.default_rng(seed).integers(0, DOMAIN, (n, 2))
    server = simulate_counts(schema, records, random_state=seed)
    tally = server._tally
    assert server.n_reports_ == n
    shared = n * schema.n_sampled if schema.solution == "smp" else 2 * n
    assert tally.n_per_attribute.sum() == shared
    for attribute, counts, reporting in zip(
        schema.attributes, server.support_counts_, tally.n_per_attribute, strict=True
    ):
        assert ((counts >= 0) & (counts <= reporting)).all()
        if type(attribute.oracle).__name__ == "KeptCategory":
            assert counts.sum() == reporting
        if type(attribute.oracle).__name__ == "Subset":
            assert counts.sum() == reporting * attribute.oracle.size
    assert LDPAggregator.from_bytes(server.to_bytes()).support_counts_[0].tolist() == (
        server.support_counts_[0].tolist()
    )


def test_pieces_frames_and_arrays_are_the_same_collection():
    schema = LDPSchema({"a": ["x", "y"], "b": [0, 1, 2]}, 3.0, protocol="oue-z")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"b": rng.integers(3, size=900), "c": 0, "a": rng.choice(["x", "y"], 900)})
    whole = simulate_counts(schema, frame, random_state=5)
    in_pieces = simulate_counts(
        schema, (frame.iloc[i : i + 300] for i in (0, 300, 600)), random_state=5
    )
    rows = simulate_counts(schema, frame[["a", "b"]].to_numpy().tolist(), random_state=5)
    assert whole.n_reports_ == in_pieces.n_reports_ == rows.n_reports_ == 900
    np.testing.assert_array_equal(counts_of(whole), counts_of(rows))
    again = simulate_counts(schema, frame, random_state=5)
    np.testing.assert_array_equal(counts_of(whole), counts_of(again))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64])
def test_every_kind_of_codes(dtype):
    schema = LDPSchema([3, 4], 3.0, protocol="oue-z")
    servers = [
        simulate_counts(schema, X.astype(kind), random_state=0) for kind in (dtype, np.int32)
    ]
    np.testing.assert_array_equal(*map(counts_of, servers))


def test_a_billion_users_from_marginals():
    schema = LDPSchema([100] * 20, 1.0, protocol="grr")
    f = np.random.default_rng(0).dirichlet(np.ones(100), 20)
    server = simulate_counts(schema, marginals=list(f), n=10**9, random_state=1)
    found = server.estimate()["estimate"].to_numpy().reshape(20, 100)
    error = np.sqrt(np.array(schema.variance(10**9, list(f), "population")))
    # 2000 cells at 5.2 standard errors two-sided: false alarm 4e-4, seed fixed
    assert (np.abs(found - f) < 5.2 * error).all()
    counts = [np.rint(v * 2**40).astype(np.int64) for v in f]
    total = int(max(c.sum() for c in counts))
    for c in counts:
        c[0] += total - c.sum()
    assert simulate_counts(schema, marginals=counts, random_state=1).n_reports_ == total


def test_memory_does_not_grow_with_the_records():
    schema = LDPSchema([100] * 20, 1.0, protocol="oue-z")
    block = np.random.default_rng(0).integers(0, 100, (100_000, 20), dtype=np.uint8)
    peaks = []
    for times in (1, 8):
        tracemalloc.start()
        server = simulate_counts(schema, (block for _ in range(times)), random_state=0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert server.n_reports_ == times * 100_000
    assert peaks[1] < 1.2 * peaks[0] + 2**20
    assert peaks[1] < 2**25


# --- bad input ----------------------------------------------------------------------------------

SCHEMA = LDPSchema({"a": 2, "b": [5, 6, 7]}, 1.0)
CODES = LDPSchema([2, 3], 1.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: simulate_counts(SCHEMA), ("X", "marginals", "neither")),
        (lambda: simulate_counts(SCHEMA, X, marginals=[[1], [1]]), ("both",)),
        (lambda: simulate_counts(SCHEMA, [[0, 5]], n=3), ("n=3", "marginals")),
        (lambda: simulate_counts(SCHEMA, [[0, 8]]), ("'b'", "8")),
        (lambda: simulate_counts(CODES, np.array([[0, 3]])), ("'x1'", "3")),
        (lambda: simulate_counts(CODES, np.array([[-1, 2]])), ("'x0'", "-1")),
        (lambda: simulate_counts(CODES, np.array([[0, 1, 2]])), ("(n, 2)", "(1, 3)")),
        (lambda: simulate_counts(SCHEMA, pd.DataFrame({"a": [0]})), ("column", "'b'")),
        (lambda: simulate_counts(SCHEMA, marginals=[[1, 2]]), ("marginals", "2 vectors", "(2,)")),
        (lambda: simulate_counts(SCHEMA, marginals=[[1, 2], [1, 1, 2]]), ("sum", "3", "4")),
        (lambda: simulate_counts(SCHEMA, marginals=[[0, 0], [0, 0, 0]]), ("sum", "> 0")),
        (lambda: simulate_counts(SCHEMA, marginals=[[0.5, 0.5], [1, 0, 0]]), ("marginals[0]", "n")),
        (lambda: simulate_counts(SCHEMA, marginals=[[-1, 2], [1, 0, 0]]), ("marginals[0]", "-1")),
        (
            lambda: simulate_counts(SCHEMA, marginals=[[0.5, 0.6], [1, 0, 0]], n=5),
            ("marginals[0]", "sum to 1", "1.1"),
        ),
        (lambda: simulate_counts(SCHEMA, marginals=[[0.5, 0.5], [1, 0, 0]], n=0), ("n", ">= 1")),
        (lambda: simulate_counts(SCHEMA, [[0, 5]], random_state=-1), ("random_state", "-1")),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        call()
    assert all(word in str(error.value) for word in words), error.value
    assert len(str(error.value)) < 400


def test_wrong_types_are_type_errors():
    with pytest.raises(TypeError, match="LDPSchema"):
        simulate_counts([2, 3], X)
    with pytest.raises(TypeError, match="data frame"):
        simulate_counts(CODES, {"x0": [1]})


def test_published_calibration_is_simulated_as_it_is():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)
        schema = LDPSchema([2, 3], 1.0, protocol="grr", calibration="paper")
    assert simulate_counts(schema, X[:, :1].repeat(2, axis=1) % 2).n_reports_ == len(X)
