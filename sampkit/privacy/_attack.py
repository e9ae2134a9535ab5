"""What an attacker learns: which attribute a report really is about, and whose reports they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sampkit.privacy._likelihood_ratio import likelihood_ratio
from sampkit.privacy._protocol import Floats
from sampkit.privacy._report_symbols import checked_rows, record_symbols
from sampkit.privacy._schema import LDPSchema
from sampkit.privacy._validation import check_distribution


def sampled_attribute_posterior(schema: LDPSchema, reports: Any, frequencies: Any) -> Floats:
    """Tell how likely each attribute of an RS+FD report is the one that is not fake.

    The Bayes-optimal attack in closed form: no classifier that an attacker trains does better.
    The mean over reports of the largest entry of a row is the attacker's expected accuracy, to be
    compared with 1 / d.

    Parameters
    ----------
    schema : LDPSchema
        Of solution 'rsfd'.
    reports : bytes, ndarray of uint8 of shape (n, report_nbytes), or iterable of these
        As for `LDPAggregator.partial_fit`.
    frequencies : list of d arrays
        The categories' frequencies as the attacker believes them, each summing to 1. Only these
        marginals matter: fake data do not depend on the record.

    Returns
    -------
    ndarray of shape (n, d)
        Rows sum to 1.

    Raises
    ------
    ValueError
        Another solution ('smp' sends the attribute in the open, 'spl' reports all of them), a
        malformed report, or frequencies that are none.

    Notes
    -----
    ``posterior(j | y)`` is proportional to ``sum_v f_j(v) P(y_j | v) / P(y_j | fake)``; time is
    linear in the bytes of the reports.

    References
    ----------
    Arcolezi et al., "On the risks of collecting multidimensional data under local differential
    privacy", PVLDB 16(5), 2023, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.privacy import LDPClient, LDPSchema, sampled_attribute_posterior
    >>> schema = LDPSchema([4, 4, 4], epsilon=4.0, protocol="sue-z")
    >>> X = np.random.default_rng(0).integers(4, size=(2000, 3))
    >>> reports = LDPClient(schema, random_state=0).privatize_many(X)
    >>> posterior = sampled_attribute_posterior(schema, reports, [[0.25] * 4] * 3)
    >>> round(float(posterior.max(axis=1).mean()), 1)  # of 1 / 3 without any attack
    0.7
    """
    matrices, _ = checked_rows(schema, reports)
    if schema.solution != "rsfd":
        raise ValueError(
            f"schema must have solution 'rsfd', got {schema.solution!r}: there nothing is hidden "
            "about which attributes are reported."
        )
    given = list(frequencies)
    if len(given) != len(schema.attributes):
        raise ValueError(
            f"frequencies must have {len(schema.attributes)} vectors, got {len(given)}."
        )
    f = [
        np.array(check_distribution(f"frequencies[{j}]", vector, k, zeros=True))
        for j, (vector, k) in enumerate(zip(given, schema.domain_sizes, strict=True))
    ]
    return np.concatenate(
        [np.zeros((0, len(f)))] + [_posterior(schema, symbols, f) for symbols in
                                   record_symbols(schema, matrices)]
    )  # fmt: skip


def _posterior(schema: LDPSchema, symbols: Sequence[Any], f: Sequence[Floats]) -> Floats:
    ratios = np.stack(
        [
            likelihood_ratio(attribute, s).dot(f_j)
            for attribute, s, f_j in zip(schema.attributes, symbols, f, strict=True)
        ],
        axis=1,
    )
    return ratios / ratios.sum(axis=1, keepdims=True)
