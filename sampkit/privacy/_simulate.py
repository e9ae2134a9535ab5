"""A whole collection without its reports: support counts drawn from their law.

Counts depend on the users only through how many of them report truthfully on which value. So each
user costs one draw, the sampled attribute, and what follows are a few binomials per category:
exact in distribution, whatever the number of users.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import singledispatch
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._chunks import chunks
from sampkit.base import check_generator
from sampkit.privacy._aggregator import LDPAggregator
from sampkit.privacy._client import columns_of
from sampkit.privacy._domain import LabelCodes
from sampkit.privacy._exact import GRID
from sampkit.privacy._protocol import Counts, Floats, Oracle
from sampkit.privacy._schema import LDPSchema
from sampkit.privacy._solutions import Attribute
from sampkit.privacy._validation import check_distribution, check_integer, shown
from sampkit.privacy.oracles.grr import KeptCategory
from sampkit.privacy.oracles.hadamard import HadamardResponse
from sampkit.privacy.oracles.hashing import LocalHash
from sampkit.privacy.oracles.subset import Subset
from sampkit.privacy.oracles.unary import UnaryBits

CHUNK = 1 << 16  # users whose sampled attributes are drawn together


def simulate_counts(
    schema: LDPSchema,
    X: Any = None,
    *,
    marginals: Any = None,
    n: int | None = None,
    random_state: Any = None,
) -> LDPAggregator:
    """Simulate the reports of many users, and count them, without making them.

    Parameters
    ----------
    schema : LDPSchema
        The collection.
    X : DataFrame or array-like of shape (n, d), or iterator of these, optional
        The users' records, as for `LDPClient.privatize_many`; an iterator hands them over in
        pieces, so that they never are in memory together.
    marginals : list of d vectors, optional
        In place of records: integer counts of every attribute's categories, all of one sum (these
        users are fixed), or frequencies together with `n` (users are drawn). Every attribute's
        counts then have their exact law, but are drawn independently of the other attributes'.
    n : int, optional
        Number of users, with frequencies.
    random_state : None, int, Generator or RandomState, default=None
        Seed of the simulation.

    Returns
    -------
    LDPAggregator
        Filled as if it had counted everybody's report.

    Raises
    ------
    ValueError
        Neither or both of X and marginals; unknown categories; marginals of wrong shape, of
        different sums, or frequencies without n.

    Notes
    -----
    O(n) to count records by their sampled attribute (SPL: O(n d)), then O(k) draws per attribute
    ('ss': O(k^2 w), 'hr': O(k K)) whatever n. Hash functions are taken as ideal. Memory is
    O(sum of k_j) beyond the records.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.privacy import LDPSchema, simulate_counts
    >>> schema = LDPSchema([3, 4], epsilon=2.0, protocol="oue-z")
    >>> frequencies = [[0.6, 0.3, 0.1], [0.25, 0.25, 0.25, 0.25]]
    >>> server = simulate_counts(schema, marginals=frequencies, n=10**9, random_state=0)
    >>> server.estimate()["estimate"].round(2).tolist()
    [0.6, 0.3, 0.1, 0.25, 0.25, 0.25, 0.25]
    """
    if not isinstance(schema, LDPSchema):
        raise TypeError(f"schema must be an LDPSchema, got {type(schema).__name__}.")
    if (X is None) == (marginals is None):
        raise ValueError(
            "give either X or marginals, got " + ("neither." if X is None else "both.")
        )
    rng = check_generator(random_state)
    if marginals is None:
        if n is not None:
            raise ValueError(f"n belongs to marginals, got n={shown(n)} with X.")
        truthful, users = _truthful_records(schema, X, rng)
    else:
        truthful, users = _truthful_marginals(schema, marginals, n, rng)
    aggregator = LDPAggregator(schema)
    tally = aggregator._tally
    for j, (attribute, holders) in enumerate(zip(schema.attributes, truthful, strict=True)):
        raw = _reported(attribute, holders, users, rng)
        histogram = tally.histograms[j]
        if histogram is not None:
            histogram += raw
        tally.supports[j] += attribute.oracle.support(raw) if histogram is not None else raw
        tally.n_per_attribute[j] = holders.sum() if attribute.fake is None else users
    tally.n_reports = users
    return aggregator


# --- how many users report truthfully on which value --------------------------------------------


def _truthful_records(
    schema: LDPSchema, X: Any, rng: np.random.Generator
) -> tuple[list[Counts], int]:
    holders = [np.zeros(k, dtype=np.int64) for k in schema.domain_sizes]
    tables = [LabelCodes(a.name, a.categories) for a in schema.attributes]
    users = 0
    for piece in X if isinstance(X, Iterator) else (X,):
        n, columns = columns_of(piece, schema.attribute_names)
        users += n
        counting = isinstance(piece, np.ndarray) and piece.dtype.kind in "iu"
        direct = counting and all(table.counting for table in tables)
        for rows in chunks(n, max(CHUNK, len(tables) * max(schema.domain_sizes))):
            if direct and schema.solution != "spl" and schema.n_sampled == 1:
                _count_codes(holders, piece[rows], tables, _sampled(schema, rows, rng))
            else:
                codes = [table.many(columns(j, rows)) for j, table in enumerate(tables)]
                _count_columns(holders, codes, schema, rng)
    return holders, users


def _sampled(schema: LDPSchema, rows: slice, rng: np.random.Generator) -> npt.NDArray[Any]:
    """The one attribute that each user reports on, or the true one among fake data."""
    n, d = rows.stop - rows.start, len(schema.attributes)
    if schema.sampling is None:
        return rng.integers(d, size=n, dtype=np.uint8 if d <= 256 else np.uint16)
    ends = np.cumsum(np.array(schema.sampling[:-1], dtype=np.int64))
    return np.searchsorted(ends, rng.integers(GRID, size=n), side="right")


def _count_codes(
    holders: list[Counts],
    codes: npt.NDArray[Any],
    tables: list[LabelCodes],
    sampled: npt.NDArray[Any],
) -> None:
    """A matrix of codes: beside the draw one look-up and one place in a histogram per user."""
    n, d = codes.shape
    sizes = np.array([held.size for held in holders])
    # all entries together first: a maximum per column takes longer than everything below
    beyond = codes.max() >= sizes.min() and (codes.max(axis=0) >= sizes).any()
    if beyond or (codes.dtype.kind == "i" and codes.min() < 0):
        for table, column in zip(tables, codes.T, strict=True):
            table.many(column)  # says which attribute and which value
    place = np.arange(0, n * d, d)
    place += sampled
    code = codes.reshape(-1).take(place)
    widest = int(sizes.max())
    np.multiply(sampled, widest, out=place, dtype=np.int64)
    np.add(place, code, out=place, casting="unsafe")
    counts = np.bincount(place, minlength=d * widest).reshape(d, widest)
    for held, row in zip(holders, counts, strict=True):
        held += row[: held.size]


def _count_columns(
    holders: list[Counts], codes: Sequence[Any], schema: LDPSchema, rng: np.random.Generator
) -> None:
    """Any solution, column by column."""
    n, d = len(codes[0]), len(codes)
    if schema.solution == "spl":
        takes_part = [slice(None)] * d
    elif schema.n_sampled > 1:
        order = rng.random((n, d)).argsort(axis=1)
        takes_part = list((order < schema.n_sampled).T)
    else:
        sampled = _sampled(schema, slice(0, n), rng)
        takes_part = [sampled == j for j in range(d)]
    for held, column, part in zip(holders, codes, takes_part, strict=True):
        held += np.bincount(column[part], minlength=held.size)


def _truthful_marginals(
    schema: LDPSchema, marginals: Any, n: Any, rng: np.random.Generator
) -> tuple[list[Counts], int]:
    given = [np.asarray(vector) for vector in marginals]
    sizes = schema.domain_sizes
    if [vector.shape for vector in given] != [(k,) for k in sizes]:
        raise ValueError(
            f"marginals must be {len(sizes)} vectors of lengths {shown(sizes)}, got shapes "
            f"{shown([vector.shape for vector in given])}."
        )
    d = len(sizes)
    shares = [1 / d] * d if schema.solution == "rsfd" else schema.shares
    if n is None:
        users = _common_sum(given)
        return [
            vector.astype(np.int64) if share == 1 else rng.binomial(vector, share)
            for vector, share in zip(given, shares, strict=True)
        ], users
    users = check_integer("n", n, 1)
    holders = []
    for j, (vector, share) in enumerate(zip(given, shares, strict=True)):
        f = np.array(check_distribution(f"marginals[{j}]", vector, sizes[j], zeros=True))
        reporting = users if share == 1 else rng.binomial(users, share)
        holders.append(rng.multinomial(reporting, f / f.sum()))
    return holders, users


def _common_sum(given: Sequence[npt.NDArray[Any]]) -> int:
    """The number of users behind counts."""
    for j, vector in enumerate(given):
        if vector.dtype.kind not in "iu" or (vector < 0).any():
            raise ValueError(
                f"marginals[{j}] must be integer counts >= 0, or come with n as frequencies; got "
                f"{shown(vector.tolist())}."
            )
    sums = [int(vector.sum()) for vector in given]
    if len(set(sums)) > 1 or not sums[0]:
        raise ValueError(f"marginals must have one common sum > 0, got sums {shown(sums)}.")
    return sums[0]


# --- what they and the others report ------------------------------------------------------------


def _reported(
    attribute: Attribute, holders: Counts, users: int, rng: np.random.Generator
) -> Counts:
    """Raw counts of one attribute: truthful reports, and fake data of all other users."""
    others = users - int(holders.sum())
    prior = None if attribute.prior is None else np.array(attribute.prior) / GRID
    law: Floats = np.full(holders.size, 1 / holders.size) if prior is None else prior
    if attribute.fake == "random":
        return reports_of(attribute.oracle, holders + rng.multinomial(others, law), rng)
    if attribute.fake == "zero":  # to a bit, no value and another value are the same
        return _supported(attribute.oracle, holders, users - holders, rng)
    raw = reports_of(attribute.oracle, holders, rng)
    return raw + rng.multinomial(others, law) if attribute.fake == "category" else raw


@singledispatch
def reports_of(oracle: Oracle, holders: Counts, rng: np.random.Generator) -> Counts:
    """Raw counts of the reports of ``holders[v]`` users of each value v."""
    raise ValueError(f"{type(oracle).__name__} has no law of its counts; make reports instead.")


@reports_of.register
def _(oracle: KeptCategory, holders: Counts, rng: np.random.Generator) -> Counts:
    kept = rng.binomial(holders, oracle.keep / GRID)
    k = holders.size
    noise = np.full(k, 1 / k) if oracle.noise is None else np.array(oracle.noise) / GRID
    return kept + rng.multinomial(int((holders - kept).sum()), noise)


@reports_of.register(UnaryBits)
@reports_of.register(LocalHash)
def _(oracle: UnaryBits | LocalHash, holders: Counts, rng: np.random.Generator) -> Counts:
    return _supported(oracle, holders, holders.sum() - holders, rng)


def _supported(oracle: Oracle, holders: Counts, others: Counts, rng: np.random.Generator) -> Counts:
    """Values are supported independently: by holders with p, by everybody else with q."""
    return rng.binomial(holders, float(oracle.p)) + rng.binomial(others, float(oracle.q))


@reports_of.register
def _(oracle: HadamardResponse, holders: Counts, rng: np.random.Generator) -> Counts:
    """The histogram: of the y with the parity that was drawn, all are equally likely."""
    histogram = np.zeros(oracle.n_reports, dtype=np.int64)
    y = np.arange(oracle.n_reports)
    uniform = np.full(oracle.n_reports // 2, 2 / oracle.n_reports)
    for v, held in enumerate(holders.tolist()):
        even = int(rng.binomial(held, oracle.even / GRID))
        odd = (np.bitwise_count((v + 1) & y) & 1).astype(bool)
        histogram[~odd] += rng.multinomial(even, uniform)
        histogram[odd] += rng.multinomial(held - even, uniform)
    return histogram


@reports_of.register
def _(oracle: Subset, holders: Counts, rng: np.random.Generator) -> Counts:
    """Walk the other values in a circle from each value on; users differ by places left alone."""
    k, w = oracle.k, oracle.size
    include = rng.binomial(holders, oracle.include / GRID)
    counts = include.astype(np.int64)
    left = np.zeros((k, w + 1), dtype=np.int64)  # users of value v with s places left
    left[:, w - 1] += include
    left[:, w] += holders - include
    places = np.arange(w + 1)
    for step in range(1, k):
        # s places among the k - step values that are still to come
        taken = rng.binomial(left, np.minimum(places / (k - step), 1.0))
        counts += np.roll(taken.sum(axis=1), step)
        left -= taken
        left[:, :-1] += taken[:, 1:]
    return counts
