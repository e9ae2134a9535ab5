"""The read-cost model against counted pages, the block correlation against all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampkit.subset import block_correlation, iter_block_subsets, iter_random_subsets, read_cost


@pytest.mark.parametrize(
    ("row", "share", "page", "fraction"),
    [
        # measured on a mapped file (the spec's table)
        (64, 0.01, 4096, 0.477),
        (64, 0.10, 4096, 0.999),
        (256, 0.01, 4096, 0.149),
        (256, 0.10, 4096, 0.813),
        (64, 0.01, 131072, 1.0),
        (256, 0.01, 131072, 0.994),
    ],
)
def test_measured_fractions(row, share, page, fraction):
    assert read_cost(row, share, page)["fraction_of_file"] == pytest.approx(fraction, abs=0.003)


@pytest.mark.parametrize(
    ("page", "rows", "amplification"),
    [(4096, 1024, 1.0), (131072, 1024, 1.99), (131072, 2048, 1.0), (131072, 4096, 1.0)],
)
def test_blocks_of_64_kib(page, rows, amplification):
    cost = read_cost(64, 0.01, page, block_rows=rows)
    assert cost["amplification"] == pytest.approx(amplification, abs=1e-9)
    assert cost["fraction_of_file"] == pytest.approx(0.01 * amplification)


@given(
    st.integers(1, 300), st.integers(1, 300), st.floats(0.001, 0.999), st.integers(1, 4)
)  # fmt: skip
def test_mean_over_all_pages_of_a_period(row, page, share, block):
    unit = row * block
    period = np.lcm(unit, page)
    first = np.arange(0, period, page) // unit
    last = (np.arange(page, period + 1, page) - 1) // unit
    expected = np.mean(1 - (1 - share) ** (last - first + 1))
    found = read_cost(row, share, page, block_rows=block)
    assert found["fraction_of_file"] == pytest.approx(expected, rel=1e-9)
    assert found["amplification"] == pytest.approx(expected / share, rel=1e-9)


def pages_of(spans, row_bytes, page):
    """Pages that ranges of rows lie on."""
    touched = [
        np.arange(start * row_bytes // page, (stop * row_bytes - 1) // page + 1)
        for start, stop in spans
    ]
    return np.unique(np.concatenate(touched)).size


@pytest.mark.parametrize(("row_bytes", "share"), [(64, 0.01), (256, 0.01), (1000, 0.05)])
def test_rows_touch_the_pages_that_the_model_says(row_bytes, share):
    n, page = 200_000, 4096
    (rows,) = iter_random_subsets(n, share, 1, shuffle=False, random_state=0)
    touched = pages_of(((row, row + 1) for row in rows.tolist()), row_bytes, page)
    expected = read_cost(row_bytes, share, page)["fraction_of_file"] * n * row_bytes / page
    # fewer than n r independent events: five standard deviations, at most
    assert abs(touched - expected) < 5 * np.sqrt(expected)


def test_blocks_touch_the_pages_that_the_model_says_within_2_percent():
    n, row_bytes, block = 1 << 20, 64, 1024
    pages, rows = 0, 0
    for blocks in iter_block_subsets(n, 0.1, block, n_rounds=5, random_state=0):
        spans = [(piece.start, piece.stop) for piece in blocks]
        pages += pages_of(spans, row_bytes, 4096)
        rows += sum(stop - start for start, stop in spans)
    cost = read_cost(row_bytes, 0.1, block_rows=block)
    assert pages * 4096 == pytest.approx(5 * cost["fraction_of_file"] * n * row_bytes, rel=0.02)
    assert pages * 4096 == rows * row_bytes


def test_all_rows_are_the_whole_file():
    assert read_cost(64, 1.0) == {"fraction_of_file": 1.0, "amplification": 1.0}


# --- block correlation --------------------------------------------------------------------------


def all_pairs(y, block):
    """Correlation over all ordered pairs of rows of a block."""
    same, size = np.arange(len(y)) // block, len(y)
    pairs = (same[:, None] == same[None]) & ~np.eye(size, dtype=bool)
    if not pairs.any() or len(set(y.tolist())) == 1:
        return 0.0
    if y.dtype.kind == "f":
        z = (y - y.mean())[:, None]
    else:
        z = (y[:, None] == np.unique(y)) - np.mean(y[:, None] == np.unique(y), axis=0)
    products = z @ z.T
    return products[pairs].mean() / products.diagonal().mean()


@settings(max_examples=60)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(1, 12), st.booleans())
def test_correlation_is_that_over_all_pairs(values, block, numbers):
    y = np.array(values, dtype=float if numbers else int)
    assert block_correlation(y, block) == pytest.approx(all_pairs(y, block), abs=1e-9)


def test_labels_may_be_texts_and_equal_targets_are_no_warning():
    words = np.repeat(["no", "yes"], 50)
    assert block_correlation(words, 10) == pytest.approx(1.0)
    assert block_correlation(words, 1) == 0.0
    assert block_correlation(np.full(30, 2.5), 5) == 0.0
    assert block_correlation(np.zeros(30, dtype=int), 5) == 0.0


def test_correlation_says_the_variance_of_block_means():
    rng = np.random.default_rng(0)
    y = np.repeat(rng.normal(size=400), 8) + rng.normal(size=3200)  # rho = 1/2
    rho = block_correlation(y, 8)
    assert rho == pytest.approx(0.5, abs=0.05)
    means = y.reshape(-1, 8).mean(axis=1)
    assert means.var() == pytest.approx(y.var() / 8 * (1 + 7 * rho))


def test_shuffled_file_is_uncorrelated():
    y = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 200))
    assert abs(block_correlation(y, 20)) < 0.02
