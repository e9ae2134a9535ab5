"""The table of what was gained, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from ._run import Outcome
from ._task import Row

HEAD = ("", "before", "after", "change", "", "time")


def format_seconds(seconds: float | None) -> str:
    """Write a duration in the unit that reads best.

    Parameters
    ----------
    seconds : float or None
        Duration.

    Returns
    -------
    str
        A dash for None.
    """
    if seconds is None:
        return "-"
    if seconds < 0.0995:
        return f"{seconds * 1000:.1f} ms" if seconds < 0.00995 else f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"


def change_with_error(row: Row) -> str:
    """Write a row's change with its standard error, if it has one."""
    return row.change if row.error is None else f"{row.change} +- {row.error:{row.spec}}"


def format_table(outcomes: Sequence[Outcome]) -> str:
    """Write all outcomes as one table of text.

    Parameters
    ----------
    outcomes : sequence of Outcome
        What became of the tasks.

    Returns
    -------
    str
        A block per task, columns aligned over all of them; ends without a newline.

    Examples
    --------
    >>> from sampkit.demo import Outcome, Row, Task, TaskResult, format_table
    >>> result = TaskResult(rows=(Row("recall", 0.5, 0.62, "higher", 0.08, error=0.02),))
    >>> task = Task("over_sampling", "SMOTE", "Does it help?", lambda context: result)
    >>> print(format_table([Outcome(task, "done", 1.5, result)]))
                              before   after             change             time
    over_sampling: SMOTE                                                  1.50 s
      recall                   0.500   0.620  +0.120 +- 0.020   better     80 ms
    """
    lines: list[tuple[str, ...]] = [HEAD]
    for outcome in outcomes:
        lines.extend(_block(outcome))
    # A failure's reason may be long: it does not widen the columns.
    widths = [max(len(line[i]) for line in lines if len(line) == len(HEAD)) for i in range(6)]
    return "\n".join(_aligned(line, widths) for line in lines)


def _block(outcome: Outcome) -> list[tuple[str, ...]]:
    task = outcome.task
    head = (f"{task.family}: {task.title}", "", "", "", "", format_seconds(outcome.seconds))
    lines: list[tuple[str, ...]] = [head]
    lines += [
        (
            f"  {row.what}",
            row.number(row.before),
            row.number(row.after),
            change_with_error(row),
            row.verdict,
            format_seconds(row.seconds),
        )
        for row in (outcome.result.rows if outcome.result else ())
    ]
    if outcome.status != "done":
        text = (
            outcome.reason
            if outcome.reason == outcome.status
            else (f"{outcome.status}: {outcome.reason}")
        )
        lines.append((f"  {text}",))
    return lines


def _aligned(line: tuple[str, ...], widths: Sequence[int]) -> str:
    """Text to the left, numbers to the right."""
    if len(line) == 1:
        return line[0]
    cells = [
        cell.ljust(width) if column in (0, 4) else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]
    return "   ".join(cells).rstrip()
