"""Audit of repeated surveys: how many people a table of background knowledge finds again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._chunks import chunks, rows_per_chunk
from sampkit.base import check_generator
from sampkit.privacy._attack import sampled_attribute_posterior
from sampkit.privacy._client import columns_of
from sampkit.privacy._domain import LabelCodes
from sampkit.privacy._frequency_oracle import FrequencyOracle
from sampkit.privacy._likelihood_ratio import support
from sampkit.privacy._protocol import Array, Floats
from sampkit.privacy._report_symbols import checked_rows, sampled_pairs
from sampkit.privacy._reports import read_field
from sampkit.privacy._schema import LDPSchema
from sampkit.privacy._solutions import Attribute
from sampkit.privacy._validation import check_integer

Codes = npt.NDArray[np.int64]


def expected_report_accuracy(protocol: str, n_categories: int, epsilon: float) -> float:
    """Tell how often an attacker guesses the value behind a single report.

    The attacker guesses a value that the report supports, at random among several, at random among
    all if there is none.

    Parameters
    ----------
    protocol : str
        'grr', 'sue', 'oue', 'the', 'blh', 'olh', 'ss' or 'hr'.
    n_categories : int
        Number of categories k >= 2.
    epsilon : float
        The budget, > 0.

    Returns
    -------
    float
        To be compared with 1 / k.

    Raises
    ------
    ValueError
        As of `FrequencyOracle`, or a protocol whose reports support no values.

    Examples
    --------
    >>> from sampkit.privacy import expected_report_accuracy
    >>> [round(expected_report_accuracy(p, 10, 1.0), 3) for p in ("grr", "oue", "ss")]
    [0.232, 0.181, 0.179]
    """
    oracle = FrequencyOracle(protocol, n_categories, epsilon)._oracle
    k, p, q = oracle.k, float(oracle.p), float(oracle.q)
    if protocol in ("grr", "ss"):  # so many values are supported always
        return p / getattr(oracle, "size", 1)
    if protocol == "hr":
        held = support(oracle, np.arange(oracle.n_reports)).dense()
        guess = held / np.maximum(held.sum(axis=1, keepdims=True), 1)
        guess[held.sum(axis=1) == 0] = 1 / k
        return float(np.mean(np.sum(oracle.channel() * guess.T, axis=1)))
    if protocol not in ("sue", "oue", "the", "blh", "olh"):
        raise ValueError(f"protocol must have reports that support values, got {protocol!r}.")
    # i others are supported beside the truth: E[1 / (i + 1)] = (1 - (1 - q)^k) / (k q)
    none = (1 - q) ** (k - 1)
    return p * (1 - (1 - q) ** k) / (k * q) + (1 - p) * none / k


def reidentification_rate(
    schema: LDPSchema,
    surveys: Sequence[Any],
    background: Any,
    *,
    top_k: int = 1,
    random_state: Any = None,
) -> float:
    """Tell how many users an attacker finds in a table, from their reports in several surveys.

    From every report the attacker guesses an attribute and its value: SMP says the attribute,
    RS+FD leaves it to the likeliest (`sampled_attribute_posterior` with the table's frequencies),
    SPL reports all of them. The rows of the table that contradict the fewest guesses are a user's
    candidates.

    Parameters
    ----------
    schema : LDPSchema
        Of all surveys.
    surveys : sequence of reports
        For every survey the reports of the same n users, as for `LDPAggregator.partial_fit`.
    background : DataFrame or array-like of shape (N, d)
        What the attacker knows; row i < n is the record of user i, N >= n.
    top_k : int, default=1
        How many candidates count as found.
    random_state : None, int, Generator or RandomState, default=None
        For guesses among several values.

    Returns
    -------
    float
        Share of users with their record among the top_k candidates, where candidates that agree
        equally well are tried in random order. To be compared with top_k / N.

    Raises
    ------
    ValueError
        Malformed reports, surveys of different lengths, a table without the users.

    Notes
    -----
    O(n N) per survey, in pieces.

    References
    ----------
    Arcolezi et al., "On the risks of collecting multidimensional data under local differential
    privacy", PVLDB 16(5), 2023, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.privacy import LDPClient, LDPSchema, reidentification_rate
    >>> schema = LDPSchema([8] * 6, epsilon=5.0, solution="smp", protocol="grr")
    >>> X = np.random.default_rng(0).integers(8, size=(200, 6))
    >>> client = LDPClient(schema, random_state=0)
    >>> surveys = [client.privatize_many(X) for _ in range(10)]
    >>> reidentification_rate(schema, surveys, X, random_state=0) > 0.5
    True
    """
    check_integer("top_k", top_k, 1)
    rng = check_generator(random_state)
    n_rows, columns = columns_of(background, schema.attribute_names)
    table = np.stack(
        [
            LabelCodes(a.name, a.categories).many(columns(j, slice(None)))
            for j, a in enumerate(schema.attributes)
        ]
    )
    guesses = [guess for reports in surveys for guess in _guesses(schema, reports, table, rng)]
    lengths = {len(value) for _, value in guesses}
    if len(lengths) != 1 or max(lengths) > n_rows:
        raise ValueError(
            f"surveys must hold one report of each of the same users, at most {n_rows} as the "
            f"background has rows, got {sorted(lengths)}."
        )
    found = 0.0
    (n,) = lengths
    for users in chunks(n, rows_per_chunk(4 * n_rows)):
        wrong: Any = sum(
            (table[attribute[users]] != value[users, None]).astype(np.int16)
            for attribute, value in guesses
        )
        mine = wrong[np.arange(len(wrong)), np.arange(n)[users]][:, None]
        better, equal = (wrong < mine).sum(axis=1), (wrong == mine).sum(axis=1)
        found += float(np.clip((top_k - better) / equal, 0, 1).sum())
    return found / n


def _guesses(
    schema: LDPSchema, reports: Any, table: Codes, rng: np.random.Generator
) -> list[tuple[Codes, Codes]]:
    """(attributes (n,), values (n,)) that an attacker reads out of one survey's reports."""
    matrices, _ = checked_rows(schema, reports)
    rows = np.concatenate(matrices)
    attributes, offsets = schema.attributes, schema.layout.offsets
    if schema.solution == "smp":
        pairs, index = sampled_pairs(schema, rows)
        values = np.empty(len(pairs), dtype=np.int64)
        for j, attribute in enumerate(attributes):
            at = np.flatnonzero(index == j)
            values[at] = _supported(
                attribute, read_field(pairs[at], offsets[j], attribute.oracle), rng
            )
        shape = (-1, schema.n_sampled)
        return list(zip(index.astype(np.int64).reshape(shape).T, values.reshape(shape).T,
                        strict=True))  # fmt: skip
    fields = [
        _supported(attribute, read_field(rows, offset, attribute.oracle), rng)
        for attribute, offset in zip(attributes, offsets, strict=True)
    ]
    if schema.solution == "spl":
        return [(np.full(len(rows), j), values) for j, values in enumerate(fields)]
    f = [
        np.bincount(column, minlength=a.oracle.k) / column.size
        for column, a in zip(table, attributes, strict=True)
    ]
    sampled = sampled_attribute_posterior(schema, rows, f).argmax(axis=1)
    return [(sampled, np.stack(fields)[sampled, np.arange(len(rows))])]


def _supported(attribute: Attribute, symbols: Array, rng: np.random.Generator) -> Codes:
    """A value that each report supports, at random among several, among all if there is none."""
    k = attribute.oracle.k
    guesses = np.empty(len(symbols), dtype=np.int64)
    for piece in chunks(len(symbols), rows_per_chunk(16 * k)):
        held: Floats = support(attribute.oracle, symbols[piece]).dense()
        held[held.sum(axis=1) == 0] = 1
        guesses[piece] = (held * (1 - rng.random(held.shape))).argmax(axis=1)
    return guesses
