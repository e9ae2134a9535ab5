"""Small counts, and the greedy ranking written down from its definition."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


def entropy(counts, order=1.0):
    """Renyi entropy in nats, from shares."""
    counts = np.asarray(counts, dtype=float)
    if counts.sum() == 0:
        return 0.0
    p = counts[counts > 0] / counts.sum()
    if order == 1:
        return float(-np.sum(p * np.log(p)))
    return float(np.log(np.sum(p**order)) / (1 - order))


def score(entropies, utopia, selector, weights, scale):
    if selector == "sum":
        return -np.sum(weights * entropies / scale)
    return np.sqrt(np.sum(weights * ((utopia - entropies) / scale) ** 2))


def brute_force(
    counts, n_select=None, *, selector="dutopia", order=1.0, weights=None, normalize=False,
    decimals=None, initial=(), exclude=(), strata=None, quotas=None, costs=None,
):  # fmt: skip
    """Every item's entropies from a dense sum of counts, in every step."""
    counts = [np.asarray(c, dtype=np.int64) for c in counts]
    n, n_variables = len(counts[0]), len(counts)
    present = np.array([(c.sum(axis=0) > 0).sum() for c in counts])
    utopia = np.log(np.maximum(present, 1))
    weights = np.ones(n_variables) if weights is None else np.asarray(weights, dtype=float)
    scale = np.where(utopia > 0, utopia, 1.0) if normalize else np.ones(n_variables)
    pooled = [c[list(initial)].sum(axis=0) for c in counts]
    left = [d for d in range(n) if d not in set(initial) | set(exclude)]
    taken = {}
    ranking, path = [], []

    def entropies(pools):
        found = np.array([entropy(p, order) for p in pools])
        return found if decimals is None else np.round(found, decimals)

    for _ in range(n if n_select is None else n_select):
        open_ = [d for d in left if quotas is None or taken.get(strata[d], 0) < quotas]
        if not open_:
            break
        values = []
        before = score(entropies(pooled), utopia, selector, weights, scale)
        for d in open_:
            after = entropies([p + c[d] for p, c in zip(pooled, counts, strict=True)])
            value = score(after, utopia, selector, weights, scale)
            if costs is not None:
                value = (value - before) / costs[d]
            values.append(value if decimals is not None else np.rint(value * 1e10))
        best = open_[int(np.argmin(values))]
        left.remove(best)
        if strata is not None:
            taken[strata[best]] = taken.get(strata[best], 0) + 1
        pooled = [p + c[best] for p, c in zip(pooled, counts, strict=True)]
        ranking.append(best)
        path.append(entropies(pooled))
    return np.array(ranking, dtype=np.int64), np.array(path).reshape(-1, n_variables)


@st.composite
def count_lists(draw, max_items=14, max_variables=3, max_count=3, min_items=1):
    """One to three small matrices; zero rows, zero columns and ties are common."""
    n = draw(st.integers(min_items, max_items))
    variables = draw(st.integers(1, max_variables))
    cells = st.one_of(st.just(0), st.just(0), st.integers(0, max_count))
    shapes = [(n, draw(st.integers(1, 6))) for _ in range(variables)]
    return [draw(hnp.arrays(np.int64, shape, elements=cells)) for shape in shapes]


def random_counts(n=200, categories=(40, 90), rate=3, seed=0):
    """Counts of Zipf-like categories with repeats, sparse."""
    rng = np.random.default_rng(seed)
    found = []
    for k in categories:
        p = 1 / np.arange(1, k + 1)
        sizes = 1 + rng.poisson(rate, size=n)
        e = rng.choice(k, size=sizes.sum(), p=p / p.sum())
        where = (np.repeat(np.arange(n), sizes), e)
        found.append(sp.csr_array((np.ones(len(e), dtype=np.int64), where), shape=(n, k)))
        found[-1].sum_duplicates()
    return found


@pytest.fixture(scope="session")
def kit():
    """Names of this file for test modules, which cannot import one another."""
    return SimpleNamespace(
        brute_force=brute_force, entropy=entropy, count_lists=count_lists,
        random_counts=random_counts, quiet=quiet,
    )  # fmt: skip


def quiet(call, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*args, **options)
