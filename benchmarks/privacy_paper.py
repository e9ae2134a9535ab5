"""What the papers on RS+FD and RS+RFD claim, on their own tables: Adult and Nursery.

`python -m benchmarks privacy_paper` prints the figures. Only the tables' marginals matter; Adult's
lie beside the tests, Nursery's follow from `load_nursery`.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sampkit.datasets import load_nursery
from sampkit.privacy import (
    LDPClient,
    LDPSchema,
    PrivacyWarning,
    exact_epsilon,
    sampled_attribute_posterior,
    simulate_counts,
)

ADULT = Path(__file__).parents[1] / "tests" / "privacy" / "adult_marginals.json"
PROTOCOLS = ("grr", "sue-z", "sue-r", "oue-z", "oue-r", "adaptive")
BUDGETS = {"ln 2": math.log(2), "ln 4": math.log(4), "ln 7": math.log(7)}
Band = tuple[float, tuple[float, float]]


@cache
def marginals(name: str) -> list[Any]:
    """Counts of every attribute's categories."""
    if name == "adult":
        stored = json.loads(ADULT.read_text(encoding="utf-8"))
        return [np.array(v) for v in stored.values() if isinstance(v, list)]
    nursery = load_nursery(multiclass=True, as_frame=True)
    frame = nursery.data.assign(verdict=nursery.target.astype("category"))
    return [frame[column].value_counts(sort=False).to_numpy() for column in frame]


def schema_of(name: str, epsilon: float, solution: str, protocol: str, **more: Any) -> LDPSchema:
    """A collection of all attributes of a table; as published unless told otherwise."""
    sizes = [len(c) for c in marginals(name)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)
        options = {"calibration": "paper"} | more
        return LDPSchema(sizes, epsilon, solution=solution, protocol=protocol, **options)


def error(name: str, epsilon: float, solution: str, protocol: str, **more: Any) -> float:
    """Predicted mean squared error: mean over attributes of the mean over categories."""
    counts = marginals(name)
    n = int(counts[0].sum())
    schema = schema_of(name, epsilon, solution, protocol, **more)
    return schema.expected_mse(n, [c / n for c in counts])


def simulated(schema: LDPSchema, name: str, runs: int, postprocess: str = "none") -> Any:
    """The same of each of some simulated collections (runs,)."""
    counts = marginals(name)
    cuts = np.cumsum(schema.domain_sizes)[:-1]
    truth = [c / c.sum() for c in counts]
    rng = np.random.default_rng(0)
    found = []
    for _ in range(runs):
        table = simulate_counts(schema, marginals=counts, random_state=rng).estimate(
            postprocess=postprocess
        )
        parts = np.split(table["estimate"].to_numpy(), cuts)
        found.append(np.mean([np.mean((e - f) ** 2) for e, f in zip(parts, truth, strict=True)]))
    return np.array(found)


def attack(name: str, epsilon: float, protocol: str, users: int = 20_000, **more: Any) -> float:
    """Expected accuracy, %, of the best guess at the sampled attribute."""
    rng = np.random.default_rng(0)
    f = [c / c.sum() for c in marginals(name)]
    X = np.stack([rng.choice(len(v), size=users, p=v) for v in f], axis=1)
    schema = schema_of(name, epsilon, "rsfd", protocol, **more)
    reports = LDPClient(schema, random_state=0).privatize_many(X)
    return 100 * float(sampled_attribute_posterior(schema, reports, f).max(axis=1).mean())


# --- checks of docs/evidence/privacy.toml -------------------------------------------------------


def check_whole_record() -> Band:
    """Loss of a whole record under the published calibration, enumerated: d=2, k=2, epsilon 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)
        schema = LDPSchema([2, 2], 1.0, protocol="grr", calibration="paper")
    return exact_epsilon(schema)[2], (1.4898, 1.4899)


def check_one_attribute() -> Band:
    """Loss of one attribute, zero-vector fakes, enumerated: d=2, k=3, epsilon 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)
        schema = LDPSchema([3, 3], 1.0, protocol="oue-z", calibration="paper")
    return exact_epsilon(schema)[1], (0.9999, 1.0)


def check_variance() -> Band:
    """Simulated over predicted error of RS+FD[GRR], Nursery, ln 2; s.e. 0.02."""
    schema = schema_of("nursery", math.log(2), "rsfd", "grr")
    ratio = simulated(schema, "nursery", 100).mean() / error("nursery", math.log(2), "rsfd", "grr")
    return ratio, (0.9, 1.1)


def check_split() -> Band:
    """Smallest gain over SPL of the six protocols, both tables, ln 2 to ln 7."""
    gains = [
        error(name, e, "spl", "adaptive") / error(name, e, "rsfd", protocol)
        for name in ("adult", "nursery")
        for e in BUDGETS.values()
        for protocol in PROTOCOLS
    ]
    return min(gains), (1.05, 1.06)


def check_sampling() -> Band:
    """Error of RS+FD[ADP] over SMP[ADP], Adult, ln 2, as published."""
    e = math.log(2)
    ratio = error("adult", e, "rsfd", "adaptive") / error("adult", e, "smp", "adaptive")
    return ratio, (0.58, 0.585)


def check_equal_guarantee() -> Band:
    """The same at the exact guarantee for whole records, epsilon 1."""
    exact = error("adult", 1.0, "rsfd", "adaptive", calibration="exact")
    return exact / error("adult", 1.0, "smp", "adaptive"), (9.0, 9.1)


def adaptive_over_better(name: str, odds: int) -> float:
    """Error of the adaptive choice over the better of GRR and OUE-z for all attributes."""
    e = math.log(odds)
    better = min(error(name, e, "rsfd", protocol) for protocol in ("grr", "oue-z"))
    return error(name, e, "rsfd", "adaptive") / better


def check_adaptive() -> Band:
    """The worst of all budgets of the paper's figures, on both tables: at ln 3."""
    worst = max(adaptive_over_better(n, k) for n in ("adult", "nursery") for k in range(2, 8))
    return worst, (1.04, 1.0425)


def check_attack() -> Band:
    """Accuracy of the guess at SUE-z's sampled attribute, Nursery, epsilon 10, %."""
    return attack("nursery", 10.0, "sue-z"), (96.1, 98.7)


def check_prior() -> Band:
    """Error of RS+RFD[GRR] with the true marginals over RS+FD[GRR], Adult, ln 2."""
    prior = [c / c.sum() for c in marginals("adult")]
    e = math.log(2)
    ratio = error("adult", e, "rsfd", "grr", prior=prior) / error("adult", e, "rsfd", "grr")
    return ratio, (0.675, 0.687)


# --- the tables ---------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> None:
    """Print all figures."""
    print("what a stated epsilon of 1 costs: whole record, one attribute")
    for name in ("adult", "nursery"):
        for protocol in PROTOCOLS[:-1]:
            schema = schema_of(name, 1.0, "rsfd", protocol)
            print(f"  {name} {protocol}: {schema.epsilon_tuple:.4f} {schema.epsilon_attribute:.4f}")
    print("mean squared error, as published: predicted, simulated (100 runs, s.e.)")
    for name in ("adult", "nursery"):
        for label, e in BUDGETS.items():
            chosen = [("rsfd", p) for p in PROTOCOLS] + [("spl", "adaptive"), ("smp", "adaptive")]
            for solution, protocol in chosen:
                runs = simulated(schema_of(name, e, solution, protocol), name, 100)
                print(
                    f"  {name} {label} {solution} {protocol}: "
                    f"{error(name, e, solution, protocol):.3e} {runs.mean():.3e} "
                    f"({runs.std(ddof=1) / 10:.1e})"
                )
    print("the same, clipped and divided by the sum (100 runs, s.e.)")
    for name in ("adult", "nursery"):
        for label, e in BUDGETS.items():
            for solution in ("rsfd", "smp", "spl"):
                schema = schema_of(name, e, solution, "adaptive")
                runs = simulated(schema, name, 100, "normalize")
                print(
                    f"  {name} {label} {solution}: {runs.mean():.3e} ({runs.std(ddof=1) / 10:.1e})"
                )
    print("adaptive choice against the better of GRR and OUE-z for all, ln 2 to ln 7")
    for name in ("adult", "nursery"):
        ratios = [f"{adaptive_over_better(name, k):.3f}" for k in range(2, 8)]
        print(f"  {name}: {' '.join(ratios)}")
    print("mean squared error at the exact guarantee, epsilon 1")
    for unit in ("tuple", "attribute"):
        for solution in ("spl", "smp", "rsfd"):
            found = error(
                "adult", 1.0, solution, "adaptive", calibration="exact", privacy_unit=unit
            )
            print(f"  adult {unit} {solution}: {found:.3e}")
    print("the best guess at the sampled attribute, % (a blind one: 11.1)")
    for name in ("adult", "nursery"):
        for epsilon in (1.0, 10.0):
            right = [f"{p} {attack(name, epsilon, p):.1f}" for p in PROTOCOLS[:-1]]
            print(f"  {name} epsilon {epsilon:g}: {', '.join(right)}")
    prior = [c / c.sum() for c in marginals("adult")]
    for label, e in BUDGETS.items():
        print(
            f"  adult {label} grr: {attack('adult', e, 'grr'):.1f}, with the true marginals as "
            f"prior {attack('adult', e, 'grr', prior=prior):.1f}, matched "
            f"{attack('adult', e, 'matched', prior=prior):.1f}"
        )
        ratio = error("adult", e, "rsfd", "grr", prior=prior) / error("adult", e, "rsfd", "grr")
        print(f"  adult {label} grr: error with that prior over error without {ratio:.3f}")


if __name__ == "__main__":
    main()
