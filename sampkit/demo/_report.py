"""The report: one HTML file that needs nothing but itself.

Every text passes :func:`html.escape` in `_tag`; pictures travel as base64, the style sheet
inline, so that the page makes no request to anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from ._environment import Environment
from ._picture import RenderedPicture
from ._run import Outcome
from ._table import format_seconds
from ._task import Row, Task, TaskResult

TITLE = "What sampling buys"
# The mark: two rows of the rare class and, on the segment between them, the synthetic one.
MARK = (
    '<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><path d="M6 25 26 7"/>'
    '<circle cx="6" cy="25" r="4"/><circle cx="26" cy="7" r="4"/>'
    '<circle class="new" cx="17" cy="15.1" r="5"/></svg>'
)


class Markup(str):
    """Text that is HTML already; any other text is escaped when it enters a tag."""

    __slots__ = ()


def _tag(name: str, *children: str, **attributes: str | None) -> Markup:
    """Return an element; `class_` stands for ``class``, ``_`` for ``-``, None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(c if isinstance(c, Markup) else escape(c) for c in children)
    return Markup(f"<{name}{written}>{inside}</{name}>")


def _join(parts: Sequence[Markup]) -> Markup:
    return Markup("".join(parts))


def build_report(outcomes: Sequence[Outcome], environment: Environment) -> str:
    """Write the page.

    Parameters
    ----------
    outcomes : sequence of Outcome
        What became of the tasks, in the order of the page.
    environment : Environment
        Circumstances of the run.

    Returns
    -------
    str
        A whole HTML document.
    """
    style = files("sampkit.demo").joinpath("report.css").read_text("utf-8")
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(TITLE)} - sampkit</title><style>{style}</style></head>"
    )
    body = _tag(
        "body",
        _header(outcomes, environment),
        _headlines(outcomes),
        _tag("main", *map(_section, outcomes)),
        _footer(environment),
    )
    return f"{head}{body}</html>\n"


def write_report(path: str | Path, outcomes: Sequence[Outcome], environment: Environment) -> Path:
    """Write the page to a file.

    Parameters
    ----------
    path : str or Path
        Where to; missing folders are made, an existing file is replaced.
    outcomes : sequence of Outcome
        What became of the tasks.
    environment : Environment
        Circumstances of the run.

    Returns
    -------
    Path
        The absolute path of the file.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    target = Path(path).expanduser().resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(build_report(outcomes, environment), encoding="utf-8")
    return target


def _header(outcomes: Sequence[Outcome], environment: Environment) -> Markup:
    done = sum(outcome.status == "done" for outcome in outcomes)
    count = (
        f"{done} task{'s' * (done != 1)}"
        if done == len(outcomes)
        else (f"{done} of {len(outcomes)} tasks finished")
    )
    facts = (
        count,
        format_seconds(environment.seconds),
        f"{environment.started:%d %B %Y, %H:%M}".lstrip("0"),
        f"sampkit {dict(environment.versions).get('sampkit', '')}",
    )
    return _tag(
        "header",
        _tag("p", Markup(MARK), "sampkit", class_="brand"),
        _tag("h1", TITLE),
        _tag("p", "Short tasks on real data: before, after, and what it cost.", class_="lead"),
        _tag("ul", *(_tag("li", fact) for fact in facts), class_="facts"),
        class_="top",
    )


def _headlines(outcomes: Sequence[Outcome]) -> Markup:
    """One card per task: its first row, or why there is none."""
    return _tag("nav", *map(_card, outcomes), class_="cards", aria_label="Headlines")


def _card(outcome: Outcome) -> Markup:
    task = outcome.task
    if outcome.status == "done" and outcome.result is not None and outcome.result.rows:
        row = outcome.result.rows[0]
        figure = _tag(
            "span",
            _tag("span", row.number(row.before), class_="from"),
            _tag("span", " → ", class_="to"),
            _tag("strong", row.number(row.after)),
            class_=f"figure {row.verdict}",
        )
        label = row.what
    else:
        figure = _tag("span", outcome.status, class_="figure stopped")
        label = outcome.reason if outcome.reason != outcome.status else task.title
    return _tag(
        "a",
        _tag("span", task.family, class_="family"),
        figure,
        _tag("span", label, class_="label"),
        href=f"#{task.family}",
    )


def _section(outcome: Outcome) -> Markup:
    task = outcome.task
    parts = [
        _tag(
            "p",
            _tag("span", task.family, class_="family"),
            _tag("span", _pretty(format_seconds(outcome.seconds)), class_="took"),
            class_="over",
        ),
        _tag("h2", task.title),
        _tag("p", task.question, class_="question"),
    ]
    if outcome.status != "done":
        parts.append(_notice(outcome))
    if outcome.result is not None:
        parts += _result(task, outcome.result, outcome.pictures)
    return _tag("section", *parts, id=task.family)


def _notice(outcome: Outcome) -> Markup:
    line = _tag("strong", outcome.status.capitalize())
    parts = [_tag("p", line, f": {outcome.reason}" if outcome.reason != outcome.status else "")]
    if outcome.trace:
        parts.append(_tag("details", _tag("summary", "Traceback"), _tag("pre", outcome.trace)))
    return _tag("div", *parts, class_="notice", role="status")


def _result(task: Task, result: TaskResult, pictures: Sequence[RenderedPicture]) -> list[Markup]:
    paragraphs = [_tag("p", text.strip()) for text in result.text.split("\n\n") if text.strip()]
    story = [_tag("div", *paragraphs, class_="text")] if paragraphs else []
    if pictures:
        story.append(_tag("div", *map(_figure, pictures), class_="figures"))
    # One picture stands beside the text, several below it.
    kind = "story beside" if len(pictures) == 1 and paragraphs else "story"
    parts = [_table(result.rows), _tag("div", *story, class_=kind)]
    if task.code:
        parts.append(_tag("details", _tag("summary", "Do it yourself"), _tag("pre", task.code)))
    if result.data:
        parts.append(_tag("p", _tag("b", "Data"), " ", result.data, class_="source"))
    return parts


def _table(rows: Sequence[Row]) -> Markup:
    names = ("", "before", "after", "change", "", "time")
    kinds = ("what", "number", "number after", "number", "scale", "number time")
    head = _tag(
        "tr",
        *(
            _tag("th", name, class_=kind, scope="col")
            for name, kind in zip(names, kinds, strict=True)
        ),
    )
    return _tag("table", _tag("thead", head), _tag("tbody", *map(_row, rows)))


def _row(row: Row) -> Markup:
    error = "" if row.error is None else f" ± {row.error:{row.spec}}"
    return _tag(
        "tr",
        _tag("th", row.what, class_="what", scope="row"),
        _number("before", row.number(row.before), "number"),
        _number("after", row.number(row.after), "number after"),
        _tag(
            "td",
            _pretty(row.change),
            _tag("span", error, class_="error") if error else "",
            _tag("span", row.verdict, class_=f"verdict {row.verdict}"),
            class_="number change",
            data_label="change",
        ),
        _tag("td", _scale(row), class_="scale"),
        _number("time", format_seconds(row.seconds), "number time"),
    )


def _number(label: str, text: str, kind: str) -> Markup:
    return _tag("td", _pretty(text), class_=kind, data_label=label)


def _pretty(number: str) -> str:
    """A true minus, a true times sign, a dash for what is not there."""
    if number == "-":
        return "–"
    return re.sub(r"(?<=\d)x$", "×", number).replace("-", "−")


def _scale(row: Row) -> Markup:
    """The step from before to after on a track that begins at zero."""
    low, high = sorted((row.before, row.after))
    if low < 0 or high <= 0:
        return Markup("")
    top = 1.0 if high <= 1 and not row.unit else high
    before, after = (f"{100 * value / top:.1f}%" for value in (row.before, row.after))
    track = f"--before:{before};--after:{after};--low:{100 * low / top:.1f}%;"
    return _tag(
        "span",
        Markup("<i></i><i></i>"),
        class_=f"track {row.verdict}",
        style=f"{track}--span:{100 * (high - low) / top:.1f}%",
        aria_hidden="true",
    )


def _figure(picture: RenderedPicture) -> Markup:
    image = (
        f'<img src="{picture.data_uri}" alt="{escape(picture.alt)}" '
        f'width="{picture.width}" height="{picture.height}">'
    )
    return _tag("figure", Markup(image), _tag("figcaption", picture.caption))


def _footer(environment: Environment) -> Markup:
    versions = _join(
        [
            _tag("div", _tag("dt", name), _tag("dd", value))
            for name, value in (*environment.versions, ("seed", str(environment.seed)))
        ]
    )
    return _tag(
        "footer",
        _tag("h2", "Run it again"),
        _tag("pre", environment.command),
        _tag("dl", versions),
        _tag(
            "p",
            "Before is without the method, after is with it. ± is a standard error of the change; "
            "a change within two of them is called unclear. Times are wall-clock times of the "
            "method itself on this machine.",
        ),
    )
