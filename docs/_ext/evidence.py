"""The evidence page: one row for each claim of a paper, read from ``docs/evidence/<family>.toml``.

A file holds a ``title`` and a list of tables ``[[claim]]`` with the fields of :class:`Claim`::

    title = "Over-sampling"

    [[claim]]
    id = "smote-segment"
    paper = "Chawla et al. 2002, section 4.2"
    claim = "what the paper says"
    what_was_run = "data, estimator, folds, seeds"
    figure = "+0.0074 AUC"
    error = "s.e. 0.0007"
    verdict = "reproduced"
    command = "python -m benchmarks over_sampling_paper"
    check = "benchmarks.over_sampling:check_segment"

``check`` may be left out. It names a function without arguments, cheap enough for the test-suite,
that computes the figure, or a smaller one of the same kind, and returns ``(value, (low, high))``.

Reading, validating and running the checks need the standard library only; Sphinx comes last.
"""

from __future__ import annotations

import importlib
import textwrap
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

VERDICTS = {  # verdict -> colour of its badge
    "reproduced": "success",
    "not significant": "warning",
    "refuted": "danger",
    "not reproducible on this size of machine": "secondary",
}


@dataclass(frozen=True)
class Claim:
    """One row: what a paper says, what was run here, and what came out."""

    id: str
    paper: str
    claim: str
    what_was_run: str
    figure: str
    error: str
    verdict: str
    command: str
    check: str = ""

    def run_check(self) -> tuple[float, tuple[float, float]]:
        """The figure computed again and the interval in which it has to lie."""
        module, _, function = self.check.partition(":")
        value, (low, high) = getattr(importlib.import_module(module), function)()
        return float(value), (float(low), float(high))


@dataclass(frozen=True)
class Family:
    """One data file."""

    name: str
    title: str
    claims: tuple[Claim, ...]


def read_family(path: Path) -> Family:
    """Read and validate one file.

    Raises
    ------
    ValueError
        Naming the file, the row and the field: unknown or missing field, empty text, unknown
        verdict, an id given twice, or a ``check`` that is not ``module:function``.
    """
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    if extra := set(content) - {"title", "claim"}:
        raise ValueError(f"{path.name}: unknown key {sorted(extra)}; accepted: title, claim")
    if not content.get("title") or not content.get("claim"):
        raise ValueError(f"{path.name}: needs a title and at least one [[claim]]")
    claims = tuple(_claim(row, path.name, i) for i, row in enumerate(content["claim"], 1))
    ids = [claim.id for claim in claims]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise ValueError(f"{path.name}: id {twice} is given more than once")
    return Family(path.stem, content["title"], claims)


def read_families(folder: Path) -> list[Family]:
    """All families that have a file, by name."""
    return [read_family(path) for path in sorted(folder.glob("*.toml"))]


def _claim(row: dict[str, Any], file: str, number: int) -> Claim:
    where = f"{file}, claim {number} ({row.get('id', 'without id')})"
    names = {field.name for field in fields(Claim)}
    if unknown := sorted(set(row) - names):
        raise ValueError(f"{where}: unknown field {unknown}; accepted: {sorted(names)}")
    for name in sorted(names - {"check"}):
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise ValueError(f"{where}: field {name!r} must be a text that is not empty")
    if row["verdict"] not in VERDICTS:
        raise ValueError(f"{where}: verdict {row['verdict']!r}; accepted: {list(VERDICTS)}")
    if "check" in row and row["check"].count(":") != 1:
        raise ValueError(f"{where}: check {row['check']!r} must be 'module:function'")
    return Claim(**{name: text.strip() for name, text in row.items()})


def to_rst(families: Sequence[Family]) -> list[str]:
    """One section and one table a family."""
    lines: list[str] = []
    for family in families:
        lines += [family.title, "-" * len(family.title), ""]
        lines += [
            _tally(family),
            "",
            ".. list-table::",
            "   :header-rows: 1",
            "   :class: evidence",
        ]
        lines += ["   :widths: 26 26 26 22", ""]
        lines += _row(["Claim", "What was run here", "Figure", "Verdict"])
        for claim in family.claims:
            lines += _row(_cells(claim, family.name))
        lines.append("")
    return lines


def _tally(family: Family) -> str:
    verdicts = [claim.verdict for claim in family.claims]
    counts = [f"{verdicts.count(v)} {v}" for v in VERDICTS if v in verdicts]
    return f"{len(verdicts)} claims: {', '.join(counts)}."


def _cells(claim: Claim, family: str) -> list[str]:
    anchor = f"evidence-{family}-{claim.id}".replace("_", "-")
    again = "\n\nChecked in every run of the test-suite." if claim.check else ""
    return [
        f".. _{anchor}:\n\n{claim.claim}\n\n*{claim.paper}*",
        claim.what_was_run,
        f"**{claim.figure}**\n\n{claim.error}",
        f":bdg-{VERDICTS[claim.verdict]}:`{claim.verdict}`\n\n``{claim.command}``{again}",
    ]


def _row(cells: list[str]) -> list[str]:
    lines = []
    for i, cell in enumerate(cells):
        first, *rest = textwrap.indent(cell, " " * 7).splitlines()
        lines += [f"   {'*' if i == 0 else ' '} - {first.lstrip()}", *rest]
    return lines


def _directive(folder: Callable[[Any], Path]) -> type:
    from docutils import nodes
    from docutils.parsers.rst import Directive
    from docutils.statemachine import StringList
    from sphinx.util.nodes import nested_parse_with_titles

    class Evidence(Directive):
        """Puts the tables of all families in place of itself."""

        def run(self) -> list[nodes.Node]:
            env = self.state.document.settings.env
            for path in folder(env).glob("*.toml"):
                env.note_dependency(str(path))
            content = StringList(to_rst(read_families(folder(env))), source="docs/evidence")
            section = nodes.section()
            section.document = self.state.document
            nested_parse_with_titles(self.state, content, section)
            return section.children

    return Evidence


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("evidence", _directive(lambda env: Path(env.srcdir, "evidence")))
    # A new family's file has to bring the page up to date, too.
    app.connect("env-get-outdated", lambda *_: ["evidence"])
    return {"parallel_read_safe": True, "parallel_write_safe": True}
