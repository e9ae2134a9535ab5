from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampkit.coreset._draw import SCHEMES
from sampkit.coreset._inclusion import inclusion_probabilities
from sampkit.coreset._strata import class_probabilities, draw_within_classes


@st.composite
def classed(draw):
    n = draw(st.integers(2, 80))
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    shares = rng.dirichlet(np.full(draw(st.integers(1, 5)), 0.5))
    codes = np.unique(rng.choice(shares.size, n, p=shares), return_inverse=True)[1]
    scores = rng.gamma(0.3, size=n)
    if draw(st.booleans()):
        scores[rng.random(n) < 0.3] = 0.0
    scores[0] += 1.0
    return scores, codes, draw(st.integers(1, n))


@given(classed())
def test_every_class_expects_its_least_rows(data):
    scores, codes, m = data
    q = class_probabilities(scores, m, codes)
    size = np.bincount(codes)
    least = np.minimum(size, 2)
    assert ((q >= 0) & (q <= 1)).all()
    assert (np.bincount(codes, weights=q) >= least - 1e-9).all()
    possible = max(m, least.sum())
    assert q.sum() <= possible + 1e-9
    if (scores > 0).all():
        np.testing.assert_allclose(q.sum(), possible, rtol=1e-9)


def test_large_classes_are_left_alone():
    rng = np.random.default_rng(0)
    scores, codes = rng.gamma(1, size=1000), np.arange(1000) % 2
    np.testing.assert_array_equal(
        class_probabilities(scores, 100, codes), inclusion_probabilities(scores, 100)
    )


def test_a_rare_class_is_raised_and_the_rest_shares():
    scores = np.array([1.0, 1, 1, 1, 1, 1, 1, 1e-3, 1e-3])
    codes = np.array([0] * 7 + [1] * 2)
    q = class_probabilities(scores, 5.5, codes)
    np.testing.assert_allclose(q, [0.5] * 7 + [1, 1])


@given(classed(), st.sampled_from(["pivotal", "systematic", "multinomial"]), st.integers(0, 999))
def test_every_class_gets_its_number_rounded(data, scheme, seed):
    scores, codes, m = data
    q = class_probabilities(scores, m, codes)
    rng = np.random.default_rng(seed)
    rows, count = draw_within_classes(q, codes, scheme, rng.permutation(q.size), rng)
    assert (np.diff(rows) > 0).all()
    drawn = np.bincount(codes[rows], weights=count, minlength=codes.max() + 1)
    expected = np.bincount(codes, weights=q)
    assert (drawn >= np.floor(expected + 1e-9) - 1e-9).all()
    assert (drawn <= np.ceil(expected - 1e-9) + 1e-9).all()
    total = q.sum()
    assert np.floor(total + 1e-9) - 1e-9 <= count.sum() <= np.ceil(total - 1e-9) + 1e-9


@given(classed(), st.integers(0, 999))
def test_poisson_never_misses_a_class(data, seed):
    scores, codes, m = data
    q = class_probabilities(scores, m, codes)
    rows, _ = draw_within_classes(q, codes, "poisson", None, np.random.default_rng(seed))
    expected = np.bincount(codes, weights=q)
    drawn = np.bincount(codes[rows], minlength=expected.size)
    small = expected < 10
    assert (drawn[small] >= np.floor(expected[small] + 1e-9)).all()


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_inclusion_probabilities(scheme):
    # 10000 draws of 40 rows within 5 sd: false alarm below 40 * 6e-7 = 2.4e-5
    rng = np.random.default_rng(3)
    codes = np.repeat([0, 1, 2], [25, 10, 5])
    q = class_probabilities(rng.gamma(0.5, size=40), 11, codes)
    order, n_draws = rng.permutation(40), 10_000
    count = np.zeros(40)
    square = np.zeros(40)
    for _ in range(n_draws):
        rows, times = draw_within_classes(q, codes, scheme, order, rng)
        count[rows] += times
        square[rows] += times**2
    mean = count / n_draws
    sd = np.sqrt(np.maximum(square / n_draws - mean**2, q * (1 - q)) / n_draws)
    np.testing.assert_array_less(np.abs(mean - q), 5 * sd + 1e-12)


def test_unknown_scheme():
    with pytest.raises(ValueError, match="scheme must be one of"):
        draw_within_classes(
            np.ones(2), np.zeros(2, dtype=int), "no", None, np.random.default_rng(0)
        )
