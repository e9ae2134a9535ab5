"""The directive ``changelog``: CHANGELOG.md on a page of the site.

The file is Markdown of the plainest kind (headings, paragraphs, one level of bullets, code in
backticks, links), so that turning it into reStructuredText takes no parser.
"""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.nodes import nested_parse_with_titles

UNDERLINES = {2: "-", 3: "~"}


def to_rst(markdown: str) -> list[str]:
    """Lines of reStructuredText; the first heading is left to the page."""
    lines: list[str] = []
    for line in markdown.splitlines():
        heading = re.fullmatch(r"(#+) (.*)", line)
        if heading is None:
            lines.append(_inline(line))
        elif (level := len(heading[1])) > 1:
            text = _inline(heading[2])
            lines += [text, UNDERLINES[level] * len(text)]
    return lines


def _inline(text: str) -> str:
    text = re.sub(r"`([^`]+)`", r"``\1``", text)
    return re.sub(r"\[([^\]]+)\]\(([^)]+)\)", r"`\1 <\2>`__", text)


class Changelog(Directive):
    """Puts the converted file in place of itself."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        env = self.state.document.settings.env
        path = Path(env.srcdir, self.arguments[0]).resolve()
        env.note_dependency(str(path))
        content = StringList(to_rst(path.read_text(encoding="utf-8")), source=str(path))
        section = nodes.section()
        section.document = self.state.document
        nested_parse_with_titles(self.state, content, section)
        return section.children


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("changelog", Changelog)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
