"""Progress on the terminal: a tqdm bar, or a line per task where tqdm is missing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from ._task import Task


class Progress:
    """A :class:`sampkit.demo._run.Listener` over all steps of all tasks.

    Parameters
    ----------
    tasks : sequence of Task
        What will be run.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._bar = _make_bar(sum(task.steps for task in tasks))
        self._left = 0
        self._family = ""

    def begin(self, task: Task) -> None:
        """A task begins."""
        self._left, self._family = task.steps, task.family
        if self._bar is None:
            print(f"{task.family}: {task.title} ...", file=sys.stderr)
        else:
            self._bar.set_description_str(task.family)

    def advance(self, label: str) -> None:
        """A step of the task is done."""
        step = min(1, self._left)
        self._left -= step
        if self._bar is not None:
            self._bar.set_description_str(f"{self._family}: {label}", refresh=False)
            self._bar.update(step)

    def end(self) -> None:
        """The task is over, also if it stopped early."""
        if self._bar is not None:
            self._bar.update(self._left)

    def close(self) -> None:
        """Take the bar off the screen."""
        if self._bar is not None:
            self._bar.close()


def _make_bar(total: int) -> Any:
    try:
        from tqdm import tqdm
    except ImportError:
        print("No progress bar: tqdm is missing; pip install sampkit[demo]", file=sys.stderr)
        return None
    layout = "{percentage:3.0f}% |{bar:24}| {elapsed}  {desc}"
    return tqdm(total=total, bar_format=layout, leave=False, dynamic_ncols=True)
