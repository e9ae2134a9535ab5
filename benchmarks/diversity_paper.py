"""What the paper and the implementation of GME claim, on the Unicode charts and synthetic tables.

`python -m benchmarks diversity_paper` prints the figures. The paper's own table (LOTUS) is not
shipped; its printed path is checked, and the claims are run on data that are at hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from benchmarks.diversity import literature
from sampkit.datasets import load_unicode_chart
from sampkit.diversity import (
    GreedyMaximumEntropySampler,
    greedy_max_entropy,
    greedy_max_entropy_sharded,
    swap_refine,
)

Band = tuple[float, tuple[float, float]]
SIZE = 50  # picks, where one number of them is compared


@cache
def chart() -> tuple[Any, list[np.ndarray]]:
    """The ranking of all lines of the Unicode charts, and their counts."""
    frame = load_unicode_chart().frame
    sampler = GreedyMaximumEntropySampler(1500, item="line", on=["word", "kind"]).fit(frame)
    lines = np.searchsorted(sampler.items_.astype(str), frame["line"].to_numpy(dtype=str))
    counts = []
    for name in ("word", "kind"):
        codes = frame[name].astype("category").cat.codes.to_numpy()
        table = np.zeros((len(sampler.items_), codes.max() + 1), dtype=np.int64)
        np.add.at(table, (lines, codes), 1)
        counts.append(table)
    return sampler, counts


def entropies(counts: Sequence[Any], items: Any) -> np.ndarray:
    """Of a subset, by definition."""
    found = []
    for c in counts:
        pooled = np.asarray(c[items].sum(axis=0)).ravel()
        p = pooled[pooled > 0] / pooled.sum()
        found.append(-(p * np.log(p)).sum())
    return np.array(found)


def distance(counts: Sequence[Any], items: Any) -> float:
    """To utopia, of a subset."""
    utopia = np.log([np.count_nonzero(np.asarray(c.sum(axis=0))) for c in counts])
    return float(np.linalg.norm(utopia - entropies(counts, items)))


def random_distances(counts: Sequence[Any], size: int, repeats: int = 200) -> np.ndarray:
    """Of random subsets."""
    rng = np.random.default_rng(0)
    n = counts[0].shape[0]
    return np.array([distance(counts, rng.choice(n, size, replace=False)) for _ in range(repeats)])


def richest(counts: Sequence[Any], size: int) -> np.ndarray:
    """Items with the most different categories."""
    shown = np.sum([np.asarray((c > 0).sum(axis=1)).ravel() for c in counts], axis=0)
    return np.argsort(-shown, kind="stable")[:size]


def check_random() -> Band:
    """Smallest distance of 200 random subsets of 50 lines over that of the greedy ones."""
    sampler, counts = chart()
    return random_distances(counts, SIZE).min() / sampler.distance_path_[SIZE - 1], (3.0, 8.0)


def check_stop() -> Band:
    """Where the distance to utopia is smallest."""
    return float(chart()[0].suggest_size()), (117, 117)


def check_fall() -> Band:
    """Entropy of words at the best size, less that of all lines."""
    sampler, counts = chart()
    best = sampler.entropy_path_[sampler.suggest_size() - 1, 0]
    everything = entropies(counts, np.arange(len(counts[0])))[0]
    return best - everything, (4.3, 4.4)


def check_candidates() -> Band:
    """Chance in per cent that 25,000 of 130,000 candidates hold one of the 20 best."""
    return chance(20), (98.595, 98.605)


def chance(best: int, n: int = 130_000, m: int = 25_000) -> float:
    """One minus the hypergeometric probability of none, in per cent."""
    log_choose = [
        math.lgamma(x + 1) - math.lgamma(m + 1) - math.lgamma(x - m + 1) for x in (n - best, n)
    ]
    return 100 * (1 - math.exp(log_choose[0] - log_choose[1]))


def check_balance() -> Band:
    """Words that 117 lines cover under order 0 (coverage alone), less those under order 1."""
    return coverage(0.0)[0] - coverage(1.0)[0], (40, 140)


@cache
def coverage(order: float, size: int = 117) -> tuple[int, np.ndarray]:
    """Words covered by the first lines of a ranking, and the evenness of words and kinds."""
    _, counts = chart()
    items = greedy_max_entropy(counts, size, order=order)[0]
    covered = int((counts[0][items].sum(axis=0) > 0).sum())
    return covered, entropies(counts, items) / np.log([c.shape[1] for c in counts])


def check_rounding() -> Band:
    """First pick at which entropies rounded to five decimals lead to another item."""
    counts = literature(400)
    exact, rounded = (greedy_max_entropy(counts, decimals=d)[0] for d in (None, 5))
    return float(1 + np.argmax(exact != rounded)), (20, 200)


def main(argv: Sequence[str] | None = None) -> None:
    """Print all figures."""
    sampler, counts = chart()
    print(f"Unicode charts: {len(counts[0])} lines, utopia {sampler.max_entropy_}")
    for size in (20, SIZE, 117, 500):
        random = random_distances(counts, size)
        print(
            f"  {size} lines: greedy {sampler.distance_path_[size - 1]:.4f}, random "
            f"{random.mean():.4f} +- {random.std(ddof=1):.4f} (best of 200 {random.min():.4f}), "
            f"richest first {distance(counts, richest(counts, size)):.4f}"
        )
    size = sampler.suggest_size()
    print(f"  smallest distance at {size}, knee at {sampler.suggest_size('knee')}")
    print(f"  entropies there {sampler.entropy_path_[size - 1]}, of all lines "
          f"{entropies(counts, np.arange(len(counts[0])))}")  # fmt: skip
    for order in (0.0, 0.5, 1.0, 2.0):
        print(f"  order {order:g}: words covered and evenness in 117 lines {coverage(order)}")
    _, _, closer = swap_refine(counts, sampler.ranking_[:SIZE])
    print(f"  {SIZE} lines after exchanges: {closer[-1]:.4f}")
    print(f"rounding to 5 decimals: another item from pick {check_rounding()[0]:.0f} of 400 on")
    print("candidates, 25,000 of 130,000: one of the best 10, 20, 50 among them "
          f"{[round(chance(n), 2) for n in (10, 20, 50)]} %")  # fmt: skip
    table = literature(20_000)
    print(f"20,000 items, 500 picks: full greedy {greedy_max_entropy(table, 500)[2][-1]:.4f}")
    for m in (20, 100, 1000, 4000):
        found = greedy_max_entropy(table, 500, candidates=m, random_state=0)
        print(f"  candidates {m}: {found[2][-1]:.4f}")
    for n_shards in (4, 16, 64):
        shards = [[c[a] for c in table] for a in np.array_split(np.arange(20_000), n_shards)]
        for name, k in (("N", None), ("2 N / shards", 1000 // n_shards)):
            found = greedy_max_entropy_sharded(shards, 500, method="two-round", k_per_shard=k)
            print(f"  two rounds, {n_shards} shards, k = {name}: {found[2][-1]:.4f}")
    random = random_distances(table, 500, 20)
    print(f"  random: {random.min():.4f} ... {random.max():.4f}")
    print(f"  richest first: {distance(table, richest(table, 500)):.4f}")
