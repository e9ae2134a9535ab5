"""Drawing subsets against the usual ways, and pruning against DeepCore's formulation of it.

One BLAS thread (``OPENBLAS_NUM_THREADS=1``) makes the pruning ratios comparable. PyTorch's columns
stay empty without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from benchmarks._measure import Case
from sampkit.subset import iter_random_subsets
from sampkit.subset.prune import herding, k_center_greedy

SIZES = ((50_000, 0.10), (1_280_000, 0.10), (1_280_000, 0.01), (20_000_000, 0.01))
ITEMS, FEATURES, PICKS = 4000, 784, 200


def release_of(package: str) -> str:
    """Name and version for the table, empty without the package."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""


TORCH = release_of("torch")


# --- drawing ------------------------------------------------------------------------------------


def ours(n: int, share: float, **options: Any) -> Callable[[], Any]:
    """As many rounds as one permutation gives."""
    subsets = iter_random_subsets(n, share, random_state=0, **options)
    rounds = round(1 / share)

    def draw() -> None:
        for _ in range(rounds):
            next(subsets)

    return draw


def legacy(n: int, share: float, rounds: int) -> Callable[[], Any]:
    """What the paper's repository calls, ``np.random.choice``; the array to choose from is given"""
    rng, rows, k = np.random.RandomState(0), np.arange(n), round(share * n)

    def draw() -> None:
        for _ in range(rounds):
            rng.choice(rows, k, replace=False)

    return draw


def random_sampler(n: int, share: float, rounds: int) -> Callable[[], Any] | None:
    """PyTorch's own sampler, asked for as many rows."""
    if not TORCH:
        return None
    from torch.utils.data import RandomSampler

    sampler = RandomSampler(range(n), num_samples=round(share * n))

    def draw() -> None:
        for _ in range(rounds):
            list(sampler)

    return draw


def our_sampler(n: int, share: float, rounds: int) -> Callable[[], Any]:
    """Our sampler for PyTorch, Python ints and all."""
    from sampkit.subset.torch import RepeatedRandomSubsetSampler

    sampler = RepeatedRandomSubsetSampler(n, share)

    def draw() -> None:
        for _ in range(rounds):
            list(sampler)

    return draw


def drawing() -> Iterator[Case]:
    for n, share in SIZES:
        rounds = round(1 / share)
        few = 1 if n > 10**7 else 3  # rounds of a peer
        at = f"{rounds} rounds of {share:.0%}, n={n:,}"
        main = (n, share) == (1_280_000, 0.10)
        kinds: dict[str, tuple[dict[str, Any], float | None]] = {
            "independent": ({"replacement": True}, 50.0 if main else None),
            "without replacement": ({}, 5.0 if main else None),
            "Feistel": ({"permutation": "feistel"}, None),
        }
        for kind, (options, target) in kinds.items():
            yield Case(
                f"{kind}, {at}", ours(n, share, **options), legacy(n, share, few),
                "legacy choice", target, rounds=3, peer_share=few / rounds,
            )  # fmt: skip
            if TORCH and n < 10**7 and kind != "Feistel":
                yield Case(
                    f"{kind}, {at}", ours(n, share, **options), random_sampler(n, share, few),
                    f"RandomSampler, {TORCH}", target, rounds=3, peer_share=few / rounds,
                )  # fmt: skip
        if TORCH and main:
            yield Case(
                f"sampler for PyTorch, {at}", our_sampler(n, share, rounds),
                random_sampler(n, share, few), f"RandomSampler, {TORCH}", None,
                rounds=3, peer_share=few / rounds,
            )  # fmt: skip


# --- pruning ------------------------------------------------------------------------------------


@cache
def items() -> Any:
    """Features as wide as MNIST's."""
    return np.random.default_rng(0).normal(size=(ITEMS, FEATURES))


def distances(A: Any, B: Any) -> Any:
    """Euclidean distances by expansion, the norms of both sides computed anew."""
    squares = (A**2).sum(1)[:, None] + (B**2).sum(1)[None]
    return np.sqrt(np.maximum(squares - 2 * A @ B.T, 0))


def herding_formulation(X: Any, k: int) -> Any:
    """DeepCore's loop: the rows not selected are copied and measured anew for every pick.

    With the nearest row, as herding means it, instead of its farthest.
    """
    left, mean, chosen = np.ones(len(X), dtype=bool), X.mean(axis=0, keepdims=True), []
    numbers = np.arange(len(X))
    for i in range(k):
        target = (i + 1) * mean - X[~left].sum(axis=0)
        at = numbers[left][np.argmin(distances(target, X[left])[0])]
        left[at] = False
        chosen.append(at)
    return np.array(chosen)


def k_center_formulation(X: Any, k: int) -> Any:
    """DeepCore's loop: rows not selected are copied and measured anew, into a k x n table."""
    left, table = np.ones(len(X), dtype=bool), np.full((k, len(X)), -1.0)
    chosen = [0]
    left[0] = False
    table[0, left] = distances(X[:1], X[left])
    nearest = table[0].copy()
    for i in range(1, k):
        at = int(np.argmax(nearest))
        chosen.append(at)
        left[at] = False
        nearest[at] = -1
        table[i, left] = distances(X[[at]], X[left])
        nearest = np.minimum(nearest, table[i])
    return np.array(chosen)


def pruning() -> Iterator[Case]:
    at, X = f"{PICKS} of {ITEMS:,}, d={FEATURES}", items()
    share = 0.1
    few = round(share * PICKS)
    assert np.array_equal(herding(X, few), herding_formulation(X, few))
    picked = k_center_greedy(X, few - 1, initial=[0])
    assert np.array_equal(picked, k_center_formulation(X, few)[1:])
    yield Case(
        f"herding, {at}", lambda: herding(X, PICKS), lambda: herding_formulation(X, PICKS),
        "DeepCore's formulation", 10.0, rounds=3,
    )  # fmt: skip
    yield Case(
        f"k-center, {at}", lambda: k_center_greedy(X, PICKS, initial=[0]),
        lambda: k_center_formulation(X, PICKS), "DeepCore's formulation", 10.0, rounds=3,
    )  # fmt: skip


def cases() -> dict[str, Iterator[Case]]:
    return {"Drawing": drawing(), "Pruning": pruning()}
