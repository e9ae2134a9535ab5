"""The picture of a resampling shows every row once, as what it is."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from sampkit.combine import SMOTEUnder
from sampkit.over_sampling import SMOTE, SMOTENC, RandomOverSampler, ResamplingDisplay
from sampkit.under_sampling import RandomUnderSampler

matplotlib.use("Agg")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
WIDE = RNG.normal(size=(60, 5))
Y = np.repeat(["common", "rare"], [45, 15])


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def shown(display):
    return {text.get_text() for text in display.ax_.get_legend().get_texts()}


BALANCED = {
    "class common, original (45)",
    "class rare, original (15)",
    "class rare, new (30)",
}


@pytest.mark.parametrize(
    "sampler",
    [
        SMOTE(random_state=0),
        SMOTE(gap="feature", random_state=0),
        SMOTENC([0], random_state=0),
        RandomOverSampler(random_state=0),
        RandomOverSampler(shrinkage=1.0, random_state=0),
    ],
    ids=str,
)
def test_made_and_repeated_rows_are_new(sampler):
    assert shown(ResamplingDisplay.from_estimator(sampler, X, Y)) == BALANCED


def test_dropped_rows_are_shown():
    display = ResamplingDisplay.from_estimator(RandomUnderSampler(random_state=0), X, Y)
    assert shown(display) == {
        "class common, original (15)",
        "class rare, original (15)",
        "dropped (30)",
    }
    sampler = SMOTEUnder(over=200, under=300, random_state=0)
    assert shown(ResamplingDisplay.from_estimator(sampler, X, Y)) == {
        "class common, original (5)",
        "class rare, original (15)",
        "class rare, new (30)",
        "dropped (40)",
    }


def test_every_segment_runs_through_its_new_row():
    display = ResamplingDisplay.from_estimator(SMOTE(random_state=0), X, Y)
    (segments,) = display.ax_.collections[:1]
    pieces = np.array(segments.get_segments())
    starts, ends = pieces[:30], pieces[30:]
    assert_array_equal(starts[:, 1], ends[:, 0])
    assert_array_equal(starts[:, 1], display.points[60:])
    seed, neighbor, gap = (part[60:] for part in display.provenance)
    assert_array_equal(starts[:, 0], X[seed])
    assert_array_equal(ends[:, 1], X[neighbor])
    way = ends[:, 1] - starts[:, 0]
    assert_allclose(starts[:, 1], starts[:, 0] + gap[:, None] * way, atol=1e-12)


@pytest.mark.parametrize("most", [0, 1, 7])
def test_no_more_segments_than_asked_for(most):
    display = ResamplingDisplay.from_estimator(SMOTE(random_state=0), X, Y, max_segments=most)
    assert len(display.ax_.collections[0].get_segments()) == 2 * most


@pytest.mark.parametrize(
    ("features", "columns", "names"),
    [
        ((1, 4), [1, 4], ("b", "e")),
        (("e", "a"), [4, 0], ("e", "a")),
        (None, None, ("First principal component", "Second principal component")),
    ],
)
def test_two_columns_or_two_components(features, columns, names):
    frame = pd.DataFrame(WIDE, columns=list("abcde"))
    display = ResamplingDisplay.from_estimator(SMOTE(random_state=0), frame, Y, features=features)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == names
    if columns is not None:
        assert_array_equal(display.original, WIDE[:, columns])


def test_containers_look_alike():
    polars = pytest.importorskip("polars")
    points = ResamplingDisplay.from_estimator(SMOTE(random_state=0), X, Y).points
    for table in (X.tolist(), sp.csr_array(X), polars.DataFrame(X, schema=["a", "b"])):
        display = ResamplingDisplay.from_estimator(SMOTE(random_state=0), table, Y)
        assert_allclose(display.points, points, atol=1e-12)


def test_a_sampler_that_does_not_tell_where_rows_come_from():
    class Mute:
        def get_params(self, deep=False):
            return {}

        def fit_resample(self, X, y):
            return X, y

    with pytest.raises(TypeError, match=r"provenance_ or sample_indices_ .* got Mute"):
        ResamplingDisplay.from_estimator(Mute(), X, Y)


def test_draws_on_the_axes_given():
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    display = ResamplingDisplay.from_estimator(SMOTE(random_state=0), X, Y, ax=ax)
    assert (display.ax_, display.figure_) == (ax, figure)
