"""A short real task of every family, its table and its report: ``python -m sampkit``."""

from __future__ import annotations

from ._environment import Environment
from ._picture import ACCENT, INK, QUIET, RenderedPicture, new_figure, render_picture
from ._report import write_report
from ._run import Outcome, available_families, load_tasks, run_tasks
from ._table import format_table
from ._task import Context, Picture, Row, Task, TaskResult

__all__ = [
    "ACCENT",
    "INK",
    "QUIET",
    "Context",
    "Environment",
    "Outcome",
    "Picture",
    "RenderedPicture",
    "Row",
    "Task",
    "TaskResult",
    "available_families",
    "format_table",
    "load_tasks",
    "new_figure",
    "render_picture",
    "run_tasks",
    "write_report",
]
