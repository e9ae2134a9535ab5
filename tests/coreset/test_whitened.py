"""The side of the fit on which rows lie, and what turning them to one side gains."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LinearRegression

from sampkit.coreset import LewisWeightSampler, lp_regression
from sampkit.coreset._input import rows_of
from sampkit.coreset._whitened import _sides, whitened_rows


def gradient_errors(X, y, p, target, seeds):
    """Squared errors of the gradient of ``Σ|r|^p`` at its minimum, estimated from 150 rows."""
    sampler = LewisWeightSampler(p, 150, target=target, fit_intercept=False)
    r = y - X @ lp_regression(X, y, p).x
    gradient = (np.sign(r) * np.abs(r) ** (p - 1))[:, None] * X
    found = []
    for seed in range(seeds):
        sampler.set_params(random_state=seed).fit(X, y)
        estimate = sampler.sample_weight_ @ gradient[sampler.sample_indices_]
        found.append(np.sum((estimate - gradient.sum(axis=0)) ** 2))
    return np.array(found)


def test_neighbours_on_one_side_of_the_fit_pull_it_the_same_way(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 4))
    y = X @ [1.0, 2.0, 0.0, -1.0] + rng.standard_normal(3000)
    with_sides = gradient_errors(X, y, 1.0, "Xy", 120)
    monkeypatch.setattr("sampkit.coreset._whitened._sides", lambda rows, points: True)
    by_largest_entry = gradient_errors(X, y, 1.0, "Xy", 120)
    # a ratio of 0.57 was found; errors vary by 0.8 of their mean, ratios of means by 0.06
    assert with_sides.mean() < 0.85 * by_largest_entry.mean()


def test_sides_are_those_of_least_squares():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((200, 4)) * 10.0 ** np.arange(-3, 5, 2)
    X = np.column_stack([X, X[:, 0] + X[:, 1]])  # without a full rank
    y = X[:, 1] + rng.standard_normal(200)
    rows = rows_of(X, fit_intercept=True, extra=y[:, None])
    assert _sides(rows, whitened_rows(rows, np.arange(200))) is True
    rows.n_targets = 1
    side = _sides(rows, whitened_rows(rows, np.arange(200)))
    residual = y - LinearRegression().fit(X, y).predict(X)
    np.testing.assert_allclose(
        side / np.abs(side).max(), residual / np.abs(residual).max(), atol=1e-4
    )
