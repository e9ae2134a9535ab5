"""The evidence files: valid, and true where a cheap check can say so."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Checks name `benchmarks.<family>:<function>`; appended, so that sampkit stays the installed one.
sys.path.append(str(ROOT))


def _load():
    spec = importlib.util.spec_from_file_location("evidence", ROOT / "docs/_ext/evidence.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["evidence"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


evidence = _load()
FAMILIES = evidence.read_families(ROOT / "docs" / "evidence")
CHECKED = [
    pytest.param(claim, id=f"{family.name}-{claim.id}")
    for family in FAMILIES
    for claim in family.claims
    if claim.check
]
ROW = {
    "id": "a",
    "paper": "Somebody 2000",
    "claim": "better",
    "what_was_run": "ten folds",
    "figure": "+0.1",
    "error": "s.e. 0.02",
    "verdict": "reproduced",
    "command": "python -m benchmarks family",
}


def test_there_is_evidence():
    assert FAMILIES


@pytest.mark.parametrize("claim", CHECKED)
def test_check_gives_the_figure(claim):
    try:
        value, (low, high) = claim.run_check()
    except ImportError as error:
        # the message is lost where the collection of examples has left a module half loaded
        told = "pip install sampkit[" in str(error)
        if not told and importlib.util.find_spec("torch") is not None:
            raise
        pytest.skip(str(error))  # an extra that this environment does without
    assert low <= value <= high


def test_commands_name_a_benchmark_or_test_that_exists():
    for family in FAMILIES:
        for claim in family.claims:
            words = claim.command.split()
            if words[:3] == ["python", "-m", "benchmarks"]:
                assert (ROOT / "benchmarks" / f"{words[3]}.py").is_file(), claim.id
            if words[:1] == ["pytest"]:
                assert (ROOT / words[1].partition("::")[0]).exists(), claim.id


def test_page_has_every_claim_with_its_verdict():
    page = "\n".join(evidence.to_rst(FAMILIES))
    for family in FAMILIES:
        assert f"\n{family.title}\n" in f"\n{page}"
    assert page.count(":bdg-") == sum(len(family.claims) for family in FAMILIES)


def _write(folder: Path, *rows: dict, title: str = "Family") -> Path:
    lines = [f'title = "{title}"'] if title else []
    for row in rows:
        lines += ["[[claim]]", *(f'{key} = "{value}"' for key, value in row.items())]
    path = folder / "family.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_valid_row_is_read(tmp_path):
    family = evidence.read_family(_write(tmp_path, ROW, ROW | {"id": "b", "check": "math:pi"}))
    assert family.name == "family"
    assert [claim.check for claim in family.claims] == ["", "math:pi"]


@pytest.mark.parametrize(
    ("rows", "title", "message"),
    [
        ([ROW | {"verdict": "promising"}], "T", "verdict 'promising'; accepted"),
        ([{key: ROW[key] for key in ROW if key != "error"}], "T", "field 'error'"),
        ([ROW | {"figure": " "}], "T", "field 'figure'"),
        ([ROW | {"colour": "red"}], "T", r"unknown field \['colour'\]"),
        ([ROW | {"check": "benchmarks.family"}], "T", "must be 'module:function'"),
        ([ROW, ROW], "T", r"id \['a'\] is given more than once"),
        ([ROW], "", "needs a title"),
        ([], "T", "at least one"),
    ],
)
def test_invalid_file_is_refused(tmp_path, rows, title, message):
    with pytest.raises(ValueError, match=message):
        evidence.read_family(_write(tmp_path, *rows, title=title))
