"""Calibration rows that do not fit into memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sampkit.minmax import quantize_linear

X = load_digits().data[:1200] / 16
W = np.random.default_rng(0).standard_normal((8, 64)) * 0.1


def in_blocks(kind):
    blocks = [X[a : a + 100] for a in range(0, 1200, 100)]
    return {"list": blocks, "callable": lambda: iter(blocks), "generator": (b for b in blocks)}[
        kind
    ]


@pytest.mark.parametrize("kind", ["list", "callable", "generator"])
@pytest.mark.parametrize("method", ["rtn", "gptq", "l2"])
def test_blocks_give_what_one_array_gives(kind, method):
    whole = quantize_linear(X, W, bits=3, method=method)
    parts = quantize_linear(in_blocks(kind), W, bits=3, method=method)
    assert (parts.codes == whole.codes).all()
    np.testing.assert_allclose(parts.max_violation, whole.max_violation)
    assert parts.relative_error == pytest.approx(whole.relative_error)


@pytest.mark.parametrize("kind", ["list", "callable", "generator"])
def test_a_part_of_the_rows_is_nearly_as_good(kind):
    whole = quantize_linear(X, W, bits=3, p=8)
    l2 = quantize_linear(X, W, bits=3, method="l2")
    part = quantize_linear(in_blocks(kind), W, bits=3, p=8, max_rows=300, rng=0)
    assert part.max_violation == pytest.approx(np.abs(X @ (part.weight - W).T).max(axis=0))
    assert part.max_violation.mean() < l2.max_violation.mean()
    assert part.max_violation.mean() < 1.15 * whole.max_violation.mean()
    again = quantize_linear(in_blocks(kind), W, bits=3, p=8, max_rows=300, rng=0)
    assert (again.codes == part.codes).all()


def test_violated_rows_come_in_once_more():
    # a few rows far out, which a random part would miss, have the largest leverage
    rng = np.random.default_rng(0)
    far = np.vstack([X, 5 * rng.normal(size=(5, 64))])
    part = quantize_linear(far, W, bits=4, p=None, max_rows=100, rng=0)
    l2 = quantize_linear(far, W, bits=4, method="l2")
    assert part.max_violation.mean() < 0.8 * l2.max_violation.mean()


def test_targets_come_with_the_blocks():
    target = X @ W.T + 0.05 * X[:, :8]
    whole = quantize_linear(X, W, bits=4, method="l2", target=target)
    pairs = [(X[a : a + 400], target[a : a + 400]) for a in range(0, 1200, 400)]
    parts = quantize_linear(pairs, W, bits=4, method="l2")
    assert (parts.codes == whole.codes).all()
    np.testing.assert_allclose(parts.max_violation, whole.max_violation)
    once = quantize_linear(iter(pairs), W, bits=4, p=8, max_rows=500, rng=0)
    assert once.max_violation.mean() < 1.2 * parts.max_violation.mean()


def test_memory_does_not_grow_with_the_rows():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(4, 64))

    def blocks(count):
        return lambda: (np.random.default_rng(i).normal(size=(500, 64)) for i in range(count))

    peaks = []
    for count in (4, 40):
        tracemalloc.start()
        quantize_linear(blocks(count), weights, bits=3, max_rows=500, rng=0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] + 1e6


def test_peak_memory_of_one_array():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(8000, 64)).astype(np.float32)
    weights = rng.normal(size=(64, 64)).astype(np.float32)
    quantize_linear(rows[:100], weights, bits=3)  # loads what is loaded on first use
    tracemalloc.start()
    quantize_linear(rows, weights, bits=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 3 * (rows.nbytes + len(weights) * len(rows) * 4)
