"""The engine: finds the tasks, runs them one after the other, survives what goes wrong."""

from __future__ import annotations

import pkgutil
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from time import perf_counter
from typing import Literal, Protocol

from sampkit.demo import tasks as tasks_folder

from ._picture import RenderedPicture
from ._task import Context, Picture, Task, TaskResult

Status = Literal["done", "skipped", "failed", "interrupted", "not run"]
Render = Callable[[Picture], RenderedPicture]


class Listener(Protocol):
    """Whoever shows the progress."""

    def begin(self, task: Task) -> None: ...
    def advance(self, label: str) -> None: ...
    def end(self) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Parameters
    ----------
    task : Task
        The task.
    status : {"done", "skipped", "failed", "interrupted", "not run"}
        How it ended; skipped is a task whose requirements are not installed.
    seconds : float or None, default=None
        Wall-clock time, drawing included; None if it was not run or skipped.
    result : TaskResult or None, default=None
        Its figures; also there if only a picture failed.
    pictures : tuple of RenderedPicture, default=()
        The pictures as files.
    reason, trace : str, default=""
        Of a failure: one line, and the whole traceback. Of a skipped task: what to install.
    """

    task: Task
    status: Status
    seconds: float | None = None
    result: TaskResult | None = None
    pictures: tuple[RenderedPicture, ...] = ()
    reason: str = ""
    trace: str = ""


def available_families() -> tuple[str, ...]:
    """Return the families that have a task, by the names of the files in ``tasks``.

    Returns
    -------
    tuple of str
        Sorted names.

    Examples
    --------
    >>> from sampkit.demo import available_families
    >>> "over_sampling" in available_families()
    True
    """
    modules = pkgutil.iter_modules(tasks_folder.__path__)
    return tuple(sorted(module.name for module in modules if not module.name.startswith("_")))


def load_tasks(families: Iterable[str]) -> list[Task]:
    """Load the tasks of `families`, in the order of the report.

    A file that cannot be imported becomes a task that fails with that error when it is run, so
    that one broken family does not take the others with it.

    Parameters
    ----------
    families : iterable of str
        Names out of :func:`available_families`; repeated ones count once.

    Returns
    -------
    list of Task
        Sorted by ``order`` and family.

    Examples
    --------
    >>> from sampkit.demo import load_tasks
    >>> [task.family for task in load_tasks(["over_sampling"])]
    ['over_sampling']
    """
    return sorted(map(_load, set(families)), key=lambda task: (task.order, task.family))


def _load(family: str) -> Task:
    try:
        task: Task = import_module(f"{tasks_folder.__name__}.{family}").TASK
    except Exception as problem:
        error = problem  # the except clause unbinds its own name

        def fail(context: Context) -> TaskResult:
            raise error

        return Task(family, family, "This task could not be loaded.", fail)
    return task


def run_tasks(
    tasks: Sequence[Task],
    context: Context,
    *,
    render: Render | None = None,
    listener: Listener | None = None,
) -> list[Outcome]:
    """Run `tasks` in turn; neither a failure nor Ctrl-C loses what is finished.

    Parameters
    ----------
    tasks : sequence of Task
        What to run.
    context : Context
        Seed and size; its ``advance`` is called through.
    render : callable or None, default=None
        Turns a :class:`Picture` into a file, e.g. :func:`render_picture`; None draws nothing.
    listener : object with ``begin(task)``, ``advance(label)``, ``end()`` or None, default=None
        Shows the progress.

    Returns
    -------
    list of Outcome
        One per task, in order. After an interruption the rest is ``"not run"``; a task that
        requires a module that is not installed is ``"skipped"``.

    Examples
    --------
    >>> from sampkit.demo import Context, Task, run_tasks
    >>> def broken(context):
    ...     raise ValueError("no rows")
    >>> task = Task("x", "X", "Does it run?", broken)
    >>> needy = Task("y", "Y", "Does it run?", broken, requires=("nowhere",), extra="diffusion")
    >>> for outcome in run_tasks([task, needy], Context()):
    ...     print(outcome.status, "-", outcome.reason)
    failed - ValueError: no rows
    skipped - needs nowhere: pip install sampkit[diffusion]
    """
    outcomes: list[Outcome] = []
    for task in tasks:
        if outcomes and outcomes[-1].status in ("interrupted", "not run"):
            outcomes.append(Outcome(task, "not run", reason="interrupted before its turn"))
            continue
        if listener is None:
            outcomes.append(_run_one(task, context, render))
            continue
        listener.begin(task)
        heard = replace(context, advance=_both(context.advance, listener.advance))
        outcomes.append(_run_one(task, heard, render))
        listener.end()
    return outcomes


def _both(first: Callable[[str], None], second: Callable[[str], None]) -> Callable[[str], None]:
    def call(label: str) -> None:
        first(label)
        second(label)

    return call


def _run_one(task: Task, context: Context, render: Render | None) -> Outcome:
    began = perf_counter()
    result: TaskResult | None = None
    pictures: list[RenderedPicture] = []
    status: Status = "done"
    reason = trace = ""
    if task.lacks:
        return Outcome(task, "skipped", reason=task.lacks)
    try:
        result = task.run(context)
        if render is not None:
            for picture in result.pictures:
                pictures.append(render(picture))  # noqa: PERF401 - keeps those before a failure
    except KeyboardInterrupt:
        status, reason = "interrupted", "interrupted"
    except Exception as error:
        status, trace = "failed", traceback.format_exc()
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
    return Outcome(task, status, perf_counter() - began, result, tuple(pictures), reason, trace)
