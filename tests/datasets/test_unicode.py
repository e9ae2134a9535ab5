from __future__ import annotations

import pandas as pd
import pytest

from sampkit.datasets import load_unicode_chart


@pytest.fixture(scope="module")
def chart():
    return load_unicode_chart()


def test_all_characters_of_the_version(chart):
    """Unicode 3.1 had 94,140 characters beside controls, and 3.2 added 1,016."""
    assert len(chart.frame) == 94_140 + 1_016
    assert chart.frame["character"].is_unique
    assert list(chart.frame) == ["line", "character", "word", "kind"]
    assert chart.frame.notna().all().all()


def test_known_counts(chart):
    frame = chart.frame
    assert frame["line"].nunique() == 6028
    assert frame["word"].nunique() == 580
    assert frame["kind"].nunique() == 26
    counts = frame["word"].value_counts()
    assert counts[["CJK", "HANGUL", "BRAILLE"]].tolist() == [71_213, 11_508, 256]
    assert frame["line"].value_counts().max() == 16


def test_lines_are_sorted_and_hold_their_characters(chart):
    frame = chart.frame
    assert frame["line"].is_monotonic_increasing
    greek = frame[frame["line"] == "U+003B0"]
    assert "".join(greek["character"]) == "ΰαβγδεζηθικλμνξο"
    assert set(greek["word"]) == {"GREEK"}
    start = frame["line"].str[2:].map(lambda digits: int(digits, 16))
    offset = frame["character"].map(ord) - start
    assert offset.between(0, 15).all()


def test_a_new_table_every_time(chart):
    other = load_unicode_chart()
    pd.testing.assert_frame_equal(other.frame, chart.frame)
    other.frame["word"] = "x"
    assert (chart.frame["word"] != "x").all()
    assert "Unicode License" in chart.DESCR
