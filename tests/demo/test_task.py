"""Rows put a change in words."""

from __future__ import annotations

import pytest

from sampkit.demo import Outcome, Row, Task, TaskResult, format_table
from sampkit.demo._table import format_seconds


@pytest.mark.parametrize(
    ("row", "change", "verdict"),
    [
        (Row("r", 0.5, 0.6, "higher"), "+0.100", "better"),
        (Row("r", 0.6, 0.5, "higher"), "-0.100", "worse"),
        (Row("r", 0.6, 0.5, "lower"), "-0.100", "better"),
        (Row("r", 0.5, 0.6, "higher", error=0.05), "+0.100", "unclear"),
        (Row("r", 0.5, 0.6, "higher", error=0.049), "+0.100", "better"),
        (Row("r", 0.5, 0.5, "higher"), "+0.000", "same"),
        (Row("r", 6.0, 2.0, "lower", compare="ratio"), "3.0x", "better"),
        (Row("r", 2.0, 6.0, "lower", compare="ratio"), "0.3x", "worse"),
        (Row("r", 2.0, 6.0, "higher", compare="ratio"), "3.0x", "better"),
        (Row("r", 2.0, 0.0, "lower", compare="ratio"), "-", "better"),
    ],
)
def test_change_and_verdict(row, change, verdict):
    assert (row.change, row.verdict) == (change, verdict)


def test_numbers_carry_their_unit():
    assert Row("t", 1.0, 0.1, "lower", spec=".2f", unit="s").number(0.081) == "0.08 s"
    assert Row("t", 1.0, 0.1, "lower").number(0.5) == "0.500"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.0012, "1.2 ms"),
        (0.00996, "10 ms"),
        (0.0994, "99 ms"),
        (0.0996, "0.10 s"),
        (1.5, "1.50 s"),
        (9.996, "10.0 s"),
        (61.23, "61.2 s"),
    ],
)
def test_durations_in_the_unit_that_reads_best(seconds, text):
    assert format_seconds(seconds) == text


def test_columns_of_the_table_are_aligned():
    rows = (
        Row("a", 0.5, 0.6, "higher", 0.1),
        Row("a longer name", 10.0, 200.0, "higher", 20.0, error=3.0, unit="s"),
    )
    task = Task("f", "T", "?", lambda context: TaskResult(rows))
    stopped = Outcome(task, "failed", 0.1, None, (), "a reason " * 20)
    lines = format_table([Outcome(task, "done", 1.0, TaskResult(rows)), stopped]).splitlines()
    first, second = lines[2:4]
    assert first.index("0.600") + len("0.600") == second.index("200.000 s") + len("200.000 s")
    assert first.index("better") == second.index("better")
    assert len(first) == len(second) < 120
    assert lines[-1] == f"  failed: {'a reason ' * 20}"
