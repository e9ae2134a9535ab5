"""Time to accuracy, read off and drawn."""

from __future__ import annotations

import pytest

from sampkit.subset import TimeToAccuracyDisplay, time_to_accuracy

plt = pytest.importorskip("matplotlib.pyplot")


def history(scores, cost=1.0):
    return [
        {"round": t, "seconds": cost * t, "n_seen": 10 * t, "bytes_read": 10**6 * t,
         "eval_score": score}
        for t, score in enumerate(scores, 1)
    ]  # fmt: skip


FAST, SLOW = history([0.5, 0.9, 0.8, 0.95]), history([0.5, 0.6, 0.7, 0.8], 3.0)


@pytest.fixture(autouse=True)
def no_figure_stays():
    yield
    plt.close("all")


@pytest.mark.parametrize(("target", "round_"), [(0.1, 1), (0.9, 2), (0.91, 4), (0.95, 4)])
def test_first_round_as_good(target, round_):
    assert time_to_accuracy(FAST, target)["round"] == round_


def test_never_reached():
    assert time_to_accuracy(FAST, 0.96) is None
    assert time_to_accuracy([], 0.5) is None
    assert time_to_accuracy(iter(FAST), 0.9) is FAST[1]
    with pytest.raises(ValueError, match="no scores: give fit an eval_set"):
        time_to_accuracy([{"eval_score": None}], 0.5)


def test_three_panels_and_the_target():
    display = TimeToAccuracyDisplay.from_histories({"fast": FAST, "slow": SLOW}, target=0.85)
    labels = [ax.get_xlabel() for ax in display.axes_]
    assert labels == ["Seconds of training", "Rows trained on", "Megabytes read"]
    texts = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert texts == ["fast: 2", "slow: not reached"]
    fast, hit, slow, target = display.axes_[0].lines
    assert fast.get_xydata().tolist() == [[1, 0.5], [2, 0.9], [3, 0.8], [4, 0.95]]
    assert hit.get_xydata().tolist() == [[2, 0.9]]
    assert slow.get_xdata().tolist() == [3, 6, 9, 12]
    assert set(target.get_ydata()) == {0.85}


def test_given_axes_and_one_cost():
    _, ax = plt.subplots()
    display = TimeToAccuracyDisplay({"fast": FAST}).plot(against="n_seen", axes=ax, log=True)
    assert display.axes_[0] is ax
    assert display.figure_ is ax.figure
    assert ax.get_xscale() == "log"
    assert ax.lines[0].get_xdata().tolist() == [10, 20, 30, 40]


@pytest.mark.parametrize(
    ("histories", "options", "message"),
    [
        ({}, {}, "at least one training, got none"),
        ({"a": []}, {}, "history 'a' has rounds without a score"),
        ({"a": [{"eval_score": None}]}, {}, "history 'a' has rounds without a score"),
        ({"a": FAST}, {"against": "hours"}, r"against must be one of \['seconds'.*got 'hours'"),
        ({"a": FAST}, {"axes": [1]}, "axes must be 3, one for each cost, got 1"),
    ],
)
def test_bad_input(histories, options, message):
    with pytest.raises(ValueError, match=message):
        TimeToAccuracyDisplay.from_histories(histories, **options)
