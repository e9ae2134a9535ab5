"""The report is whole, harmless and needs nothing but itself."""

from __future__ import annotations

import re
from datetime import datetime
from html.parser import HTMLParser

import pytest

from sampkit.demo import Context, Environment, render_picture, run_tasks, write_report
from sampkit.demo._report import build_report

VOID = {"meta", "link", "img", "br", "path", "circle"}


class Page(HTMLParser):
    """Collects tags, texts and addresses; fails on a tag that is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def environment():
    return Environment("python -m sampkit demo --seed 3", 3, 12.3, datetime(2026, 1, 2, 3, 4))


@pytest.fixture
def report(task, environment):
    ends = ("succeed", "fail", "skip", "fail_to_draw", "hostile", "interrupt", "succeed")
    outcomes = run_tasks([task(end) for end in ends], Context(), render=render_picture)
    return build_report(outcomes, environment)


def test_it_is_well_formed_and_says_everything(report):
    page = Page(report)
    text = " ".join(page.texts)
    for said in (
        "2 of 7 tasks finished",
        "12.3 s",
        "2 January 2026",
        "python -m sampkit demo --seed 3",
        "scikit-learn",
        "To succeed",
        "Second paragraph.",
        "Invented (CC0).",
        "+0.120",
        "± 0.020",
        "12.0×",
        "no ink",
        "Skipped",
        "needs no_such_module: pip install sampkit[diffusion]",
        "Interrupted",
        "interrupted before its turn",
    ):
        assert said in text
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1
    assert any(meta.get("name") == "viewport" for meta in page.all("meta"))


def test_every_picture_is_inside_and_has_words(report):
    images = Page(report).all("img")
    assert len(images) == 3
    for image in images:
        assert image["src"].startswith("data:image/png;base64,")
        assert image["alt"]
        assert int(image["width"]) > 0


def test_nothing_is_loaded_from_elsewhere(report):
    page = Page(report)
    for tag, attributes in page.tags:
        assert tag not in {"script", "iframe", "object", "embed", "base", "form"}
        for name, value in attributes.items():
            if name in {"src", "href", "srcset", "action", "data", "poster"}:
                assert value.startswith(("data:", "#")), (tag, name, value[:80])
            assert not name.startswith("on")
    style = re.search(r"<style>(.*?)</style>", report, re.S).group(1)
    assert not re.search(r"url\(|@import|https?:", style)


def test_every_text_is_escaped(report):
    page = Page(report)
    assert "<script>" not in report
    assert any("<script>alert('&')</script>" in text for text in page.texts)
    assert {"alt": '" onerror="alert(1)'}.items() <= page.all("img")[-1].items()
    assert "b" not in {tag for tag, attributes in page.tags if attributes.get("class") == "number"}


def test_headlines_link_to_their_sections(report):
    page = Page(report)
    targets = {attributes["id"] for attributes in page.all("section")}
    assert {attributes["href"][1:] for attributes in page.all("a")} == targets


def test_light_and_dark_and_small_screens_are_thought_of(report):
    assert "prefers-color-scheme: dark" in report
    assert "max-width: 760px" in report


def test_it_is_written_where_asked_folders_made(task, environment, tmp_path):
    outcomes = run_tasks([task("succeed")], Context())
    path = write_report(tmp_path / "new" / "folder" / "r.html", outcomes, environment)
    assert path.is_absolute()
    assert path.read_text(encoding="utf-8") == build_report(outcomes, environment)
    assert "1 task<" in path.read_text(encoding="utf-8")
