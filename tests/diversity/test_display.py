from __future__ import annotations

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sampkit.diversity import EntropyPathDisplay, GreedyMaximumEntropySampler


@pytest.fixture
def sampler():
    X = np.random.default_rng(0).integers(9, size=(50, 2))
    yield GreedyMaximumEntropySampler().fit(X)
    plt.close("all")


def test_lines_are_the_paths(sampler):
    display = EntropyPathDisplay.from_estimator(sampler)
    assert [line.get_label() for line in display.lines_] == ["x0", "x1"]
    for v, line in enumerate(display.lines_):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 51))
        np.testing.assert_array_equal(line.get_ydata(), sampler.entropy_path_[:, v])
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert f"knee: {sampler.suggest_size('knee')}" in labels
    assert f"most diverse: {sampler.suggest_size()}" in labels
    assert display.figure_ is display.ax_.figure
    assert display.ax_.get_xlabel() == "items picked"


def test_plot_draws_where_it_is_told(sampler):
    _, ax = plt.subplots()
    assert sampler.plot(ax) is ax
    assert sampler.plot(ax=ax) is ax
    assert sampler.plot() is not ax


def test_without_suggestions(sampler):
    display = EntropyPathDisplay(sampler.entropy_path_, sampler.max_entropy_, ["a", "b"]).plot()
    assert len(display.ax_.lines) == 4


def test_without_matplotlib(sampler, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install sampkit\[plot\]"):
        sampler.plot()
