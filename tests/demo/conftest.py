"""Tasks that end in every way a task can end."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from sampkit.demo import Context, Picture, Row, Task, TaskResult, new_figure

NASTY = "<script>alert('&')</script>"


def draw_line():
    figure = new_figure(3, 2)
    figure.subplots().plot([0, 1], [1, 0])
    return figure


def succeed(context: Context) -> TaskResult:
    context.advance("half")
    context.advance("whole")
    return TaskResult(
        rows=(
            Row("recall", 0.5, 0.62, "higher", 0.08, error=0.02),
            Row("time", 1.2, 0.1, "lower", unit="s", compare="ratio"),
        ),
        text="First paragraph.\n\nSecond paragraph.",
        pictures=(Picture("A line.", "A falling line.", draw_line),),
        data="Invented (CC0).",
    )


def fail(context: Context) -> TaskResult:
    raise ImportError(f"needs an extra: pip install sampkit[x] {NASTY}")


def interrupt(context: Context) -> TaskResult:
    # as Ctrl-C does, also where the shell that started the suite has SIGINT ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    return TaskResult(())


def fail_to_draw(context: Context) -> TaskResult:
    def draw():
        raise RuntimeError("no ink")

    good = Picture("A line.", "A falling line.", draw_line)
    rows = (Row("recall", 0.5, 0.6, "higher"),)
    return TaskResult(rows, pictures=(good, Picture("Nothing.", "Nothing.", draw)))


def hostile(context: Context) -> TaskResult:
    return TaskResult(
        rows=(Row(NASTY, 0.5, 0.6, "higher", unit="<b>"),),
        text=NASTY,
        pictures=(Picture(NASTY, '" onerror="alert(1)', draw_line),),
        data=NASTY,
    )


RUNS = {
    "succeed": succeed,
    "fail": fail,
    "interrupt": interrupt,
    "fail_to_draw": fail_to_draw,
    "hostile": hostile,
}


@pytest.fixture
def task() -> Callable[[str], Task]:
    """A task by the name of its end."""

    def make(end: str) -> Task:
        if end == "hostile":
            return Task(end, NASTY, NASTY, hostile, code=NASTY)
        if end == "skip":
            needs = {"requires": ("json", "no_such_module"), "extra": "diffusion"}
            return Task(end, "To skip", "Does it?", fail, steps=2, **needs)
        return Task(end, f"To {end}", "Does it?", RUNS[end], steps=2, code="print(1)\n")

    return make
