"""Local differential privacy: every device randomises its own record, the server only counts.

How the rooms fit together, from the ground up::

    _exact      integer probabilities over 2^32, entropy, uniform integers, Bernoulli bytes
    _protocol   what a protocol is: an `Oracle` (frozen integers: its probabilities, its report, how
                it randomises a value, which values a report supports) and a `Protocol` (a name,
                and how a budget becomes an oracle)
    oracles/    one small file per protocol; `oracles.PROTOCOLS` is the table of all of them
    _solutions  how many attributes share a budget: SPL, SMP, RS+FD, and their calibration
    _resolve    what a user asks of a schema -> budgets, protocols, numerators
    _schema     `LDPSchema`: what devices and server agree on; a tuple of `Attribute`
                (name, categories, oracle, fake data), as JSON
    _reports    layout v1: fields of bits <-> rows of bytes
    _engine     codes -> reports       _client      records -> codes -> bytes
    _counting   reports -> counts      _aggregator  bytes from anywhere -> counts, merged exactly
    _estimate   counts -> frequencies with intervals (an affine map and its variance)
    _accounting what it costs: closed forms, enumeration, the accountant

Nothing on the way from a schema's JSON to the bytes of a report imports more than the standard
library and NumPy; names below are loaded on first use to keep it so.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "BudgetExceededError": "_accounting",
    "FrequencyEstimator": "_sklearn",
    "FrequencyOracle": "_frequency_oracle",
    "LDPAggregator": "_aggregator",
    "LDPClient": "_client",
    "LDPSchema": "_schema",
    "LDPTransformer": "_sklearn",
    "LongitudinalAggregator": "_longitudinal",
    "LongitudinalClient": "_longitudinal_client",
    "MeanOracle": "_means",
    "PrivacyAccountant": "_accounting",
    "PrivacyWarning": "_protocol",
    "compare_solutions": "_compare",
    "estimate_frequencies": "_pandas",
    "exact_epsilon": "_accounting",
    "expected_report_accuracy": "_reidentification",
    "iterative_bayesian_update": "_likelihood",
    "longitudinal_probabilities": "_longitudinal",
    "mle_frequencies": "_joint_likelihood",
    "plot_attack": "_display",
    "plot_budget": "_display",
    "plot_frequencies": "_display",
    "project_simplex": "_likelihood",
    "reidentification_rate": "_reidentification",
    "rsfd_epsilon": "_accounting",
    "sampled_attribute_posterior": "_attack",
    "simulate_counts": "_simulate",
    "symmetric_channel_mle": "_likelihood",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
