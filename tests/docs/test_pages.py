"""The pages a newcomer reads first do what they say."""

from __future__ import annotations

import re
import tomllib

import pytest

import sampkit


def test_readme_code_runs(checkout, capsys):
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert 0.5 < float(capsys.readouterr().out) < 1


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_to_files(checkout, page):
    text = (checkout / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or (checkout / target).exists(), target


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/install.rst"])
def test_make_targets_exist(checkout, page):
    targets = set(re.findall(r"^([a-z]+):.*##", (checkout / "Makefile").read_text(), flags=re.M))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", (checkout / page).read_text(), flags=re.M))
    assert named
    assert named <= targets


def test_readme_names_every_sampler(checkout):
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    for family in ("over_sampling", "under_sampling", "combine", "compose"):
        for name in getattr(sampkit, family).__all__:
            if isinstance(getattr(getattr(sampkit, family), name), type) and "Display" not in name:
                assert f"`{name}`" in readme, name


def test_user_guide_page_for_every_family_of_samplers(checkout):
    pages = {path.stem for path in (checkout / "docs" / "user_guide").glob("*.rst")}
    assert {"over_sampling", "compose", "index"} <= pages


def test_citation_has_the_version(checkout):
    assert f"version: {sampkit.__version__}" in (checkout / "CITATION.cff").read_text()


def test_every_requirement_is_pinned(checkout):
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], "hatchling"]
    for extra, requirements in project["optional-dependencies"].items():
        if extra != "gpu":  # not installed by make
            wanted += requirements
    names = {re.match(r"[\w-]+", requirement)[0] for requirement in wanted} - {"sampkit"}
    pinned = re.findall(r"^([\w-]+)==", (checkout / "constraints.txt").read_text(), flags=re.M)
    assert names <= set(pinned)
