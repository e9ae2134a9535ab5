from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sampkit.coreset._inclusion import inclusion_probabilities

SCORES = arrays(
    np.float64,
    st.integers(1, 40),
    elements=st.one_of(st.just(0.0), st.floats(1e-6, 1e6), st.sampled_from([1.0, 2.0, 1e300])),
).filter(lambda s: s.any())


@given(SCORES, st.floats(0.1, 40))
def test_probabilities_sum_to_the_size_and_follow_the_scores(scores, m):
    q = inclusion_probabilities(scores, m)
    positive = scores > 0
    assert ((q >= 0) & (q <= 1)).all()
    assert (q[~positive] == 0).all()
    np.testing.assert_allclose(q.sum(), min(m, positive.sum()), rtol=1e-12)
    below = positive & (q < 1)
    if below.any():
        c = q[below] / (scores[below] / scores.max())
        np.testing.assert_allclose(c, c[0], rtol=1e-9)
        # what is capped would be at least 1 under the same c
        assert (scores[q == 1] / scores.max() >= (1 - 1e-9) / c[0]).all()


@given(SCORES, st.integers(1, 40))
def test_scale_and_order_of_scores_do_not_matter(scores, m):
    q = inclusion_probabilities(scores, m)
    np.testing.assert_allclose(inclusion_probabilities(scores * 2.0**-30, m), q, rtol=1e-12)
    np.testing.assert_allclose(inclusion_probabilities(scores[::-1], m), q[::-1], rtol=1e-12)


def test_known_answers():
    # 8 saturates: the other 1 of 2 is shared 1 : 1 : 2
    assert inclusion_probabilities([8, 1, 1, 2], 2).tolist() == [1, 0.25, 0.25, 0.5]
    # after 100 saturates, 10 does as well: 1 left for two rows of equal score
    assert inclusion_probabilities([100, 10, 1, 1], 3).tolist() == [1, 1, 0.5, 0.5]
    # each of 2^-i saturates in its turn
    q = inclusion_probabilities(2.0 ** -np.arange(20), 10)
    np.testing.assert_allclose(q[:9], 1)
    np.testing.assert_allclose(q.sum(), 10)
    assert inclusion_probabilities([3, 0, 5], 2).tolist() == [1, 0, 1]
    assert inclusion_probabilities([3, 0, 5], 7).tolist() == [1, 0, 1]
    np.testing.assert_array_equal(inclusion_probabilities(np.ones(7), 3.5), np.full(7, 0.5))


@pytest.mark.parametrize(
    ("scores", "n_samples", "message"),
    [
        ([1.0, -1.0], 1, "scores must be finite and >= 0, got -1.0"),
        ([1.0, np.nan], 1, "scores must be finite and >= 0, got nan"),
        ([1.0, np.inf], 1, "scores must be finite and >= 0, got inf"),
        ([0.0, 0.0], 1, "scores must not be all zero"),
        ([], 1, "scores must be a one-dimensional array"),
        ([[1.0]], 1, "scores must be a one-dimensional array"),
        ([1.0, 2.0], 0, "n_samples must be a finite number > 0, got 0"),
        ([1.0, 2.0], -3, "n_samples must be a finite number > 0, got -3"),
        ([1.0, 2.0], np.nan, "n_samples must be a finite number > 0, got nan"),
        ([1.0, 2.0], "2", "n_samples must be a finite number > 0, got '2'"),
    ],
)
def test_bad_input(scores, n_samples, message):
    with pytest.raises(ValueError, match=message):
        inclusion_probabilities(scores, n_samples)
