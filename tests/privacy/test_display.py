"""Pictures show what the tables say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sampkit.privacy import (
    LDPSchema,
    PrivacyAccountant,
    plot_attack,
    plot_budget,
    plot_frequencies,
    simulate_counts,
)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

DOMAIN = {"colour": ["red", "green", "blue"], "fits": [True, False]}
TRUTH = [np.array([0.6, 0.3, 0.1]), np.array([0.8, 0.2])]


@pytest.fixture(autouse=True)
def _closed():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture
def table():
    schema = LDPSchema(DOMAIN, 2.0, solution="smp")
    return simulate_counts(schema, marginals=TRUTH, n=10_000, random_state=0).estimate()


def test_frequencies_intervals_and_truth(table):
    ax = plot_frequencies(table, truth=TRUTH)
    drawn = {line.get_label(): line for line in ax.lines}
    np.testing.assert_array_equal(drawn["estimate"].get_xdata(), table["estimate"])
    np.testing.assert_array_equal(drawn["truth"].get_xdata(), np.concatenate(TRUTH))
    (bars,) = ax.collections
    ends = [segment[:, 0] for segment in bars.get_segments()]
    np.testing.assert_array_equal(ends, table[["ci_low", "ci_high"]])
    # one line of the picture per category, below its attribute's name
    assert drawn["estimate"].get_ydata().tolist() == [1, 2, 3, 5, 6]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["colour", "red", "green", "blue", "fits", "True", "False"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first on top


def test_truth_may_be_a_series_in_any_order_or_missing(table):
    series = pd.Series(np.concatenate(TRUTH), index=table.index)[::-1]
    drawn = {line.get_label(): line for line in plot_frequencies(table, truth=series).lines}
    np.testing.assert_array_equal(drawn["truth"].get_xdata(), np.concatenate(TRUTH))
    assert "truth" not in [line.get_label() for line in plot_frequencies(table).lines]


def test_given_axes_are_used(table):
    _, ax = matplotlib.pyplot.subplots()
    assert plot_frequencies(table, ax) is ax
    assert plot_attack(np.full((5, 2), 0.5), ax) is ax
    assert plot_budget(PrivacyAccountant(1.0), ax) is ax


def test_shared_axes(table):
    _, axes = matplotlib.pyplot.subplots(1, 2, sharey=True)
    for ax in axes:
        plot_frequencies(table, ax)
    bold = [label.get_text() for label in axes[0].get_yticklabels() if label.get_weight() == "bold"]
    assert bold == ["colour", "fits"]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda t: t.drop(columns="ci_low"), {}, r"missing: \['ci_low'\]"),
        (lambda t: t.reset_index(drop=True), {}, r"index \(attribute, category\)"),
        (lambda t: t, {"truth": TRUTH[:1]}, r"vectors of \[3, 2\] frequencies, got \[3\]"),
        (lambda t: t, {"truth": pd.Series([0.5], index=[("fits", True)])}, "hold every"),
    ],
)
def test_bad_tables_are_named(table, change, options, message):
    with pytest.raises(ValueError, match=message):
        plot_frequencies(change(table), **options)


def test_attack_says_how_often_the_best_guess_is_right():
    ax = plot_attack([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5], [1.0, 0.0]])
    assert ax.get_title(loc="left") == "Right in 75.0 %, blind 50.0 %"
    assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(100)
    with pytest.raises(ValueError, match=r"rows that sum to 1, got \(1, 2\)"):
        plot_attack([[0.9, 0.9]])


def test_budget_by_attribute():
    accountant = PrivacyAccountant(2.0, unit="attribute")
    accountant.spend(LDPSchema({"a": 2, "b": 3}, 0.5, solution="smp"), label="spring")
    accountant.spend(LDPSchema({"b": 3, "c": 4}, 1.0, solution="smp"))
    ax = plot_budget(accountant)
    bars = [(b.get_y() + b.get_height() / 2, b.get_x(), b.get_width()) for b in ax.patches]
    np.testing.assert_allclose(bars, [(0, 0, 0.5), (1, 0, 0.5), (1, 0.5, 1), (2, 0, 1)], atol=1e-9)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["budget", "spring", "spending 2"]


@pytest.mark.parametrize("unit", ["tuple", "attribute"])
def test_the_budgets_legend_hides_no_bar(unit):
    accountant = PrivacyAccountant(6.0, unit)
    for label in ("spring", "a survey with a long name", None, "winter"):
        accountant.spend(LDPSchema(DOMAIN, 1.0), label=label)
    ax = plot_budget(accountant)
    ax.figure.canvas.draw()
    legend, bars = ax.get_legend().get_window_extent(), [b.get_window_extent() for b in ax.patches]
    assert not any(legend.overlaps(bar) for bar in bars)
    assert legend.y1 <= ax.figure.bbox.y1 + 1
    assert {round(bar.height) for bar in bars} == {round(bars[0].height)}
