"""The picture shows the frame's points, their hull and the cheapest point."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sampkit.metrics import SamplingROCDisplay, roc_convex_hull

matplotlib.use("Agg")


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "over": [0, 0, 0, 100, 100, 100],
            "under": [np.nan, 50, 100, np.nan, 50, 100],
            "fpr": [0.05, 0.2, 0.4, 0.05, 0.15, 0.5],
            "tpr": [0.4, 0.7, 0.85, 0.4, 0.75, 0.95],
        }
    )


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def test_curves_and_hull_hold_the_frame(frame):
    display = SamplingROCDisplay.from_frame(frame)
    assert list(display.lines_) == [0, 100]
    assert_array_equal(display.lines_[100].get_xdata(), [0.05, 0.15, 0.5])
    hull = roc_convex_hull(frame["fpr"], frame["tpr"])
    assert_array_equal(display.hull_line_.get_ydata(), hull.tpr)
    assert display.optimal_ is None


def test_optimum_and_line_of_equal_cost(frame):
    display = SamplingROCDisplay.from_frame(frame, prevalence=0.1, cost_fn=12)
    x, y = display.optimal_.get_data()
    assert (x[0], y[0]) == (0.15, 0.75)
    line = display.ax_.lines[-1]
    (x0, y0), (x1, y1) = line.get_xy1(), line.get_xy2()
    assert (y1 - y0) / (x1 - x0) == pytest.approx(0.9 / 1.2)


@pytest.mark.parametrize(("prevalence", "corner"), [(0.0, (0, 0)), (1.0, (1, 1))])
def test_extreme_prevalence_is_drawn(frame, prevalence, corner):
    display = SamplingROCDisplay.from_frame(frame, prevalence=prevalence)
    assert tuple(np.ravel(display.optimal_.get_data())) == corner
    display.figure_.canvas.draw()


def test_draws_into_the_given_axes(frame):
    import matplotlib.pyplot as plt

    _, ax = plt.subplots()
    display = SamplingROCDisplay(frame)
    assert display.plot(ax=ax) is display
    assert display.ax_ is ax


def test_missing_columns_are_named(frame):
    with pytest.raises(ValueError, match=r"missing: \['under'\]"):
        SamplingROCDisplay(frame.drop(columns="under"))
