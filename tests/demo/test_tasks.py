"""Every real task runs, in its quick version; what it would draw can be drawn."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sampkit.demo import Context, available_families, load_tasks, render_picture, run_tasks

FAMILIES = available_families()


def test_the_families_of_today_have_a_task():
    assert {"over_sampling", "under_sampling", "combine", "compose", "neighbors"} <= set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_quick_version_runs(family):
    steps = []
    (task,) = load_tasks([family])
    context = Context(seed=0, quick=True, advance=steps.append)
    (outcome,) = run_tasks([task], context, render=render_picture)
    assert task.family == family
    if task.lacks:
        assert (outcome.status, outcome.reason) == ("skipped", task.lacks)
        pytest.skip(task.lacks)
    assert outcome.status == "done", outcome.trace
    assert 0 < len(steps) <= task.steps
    assert outcome.result.rows
    assert outcome.result.text
    assert any(licence in outcome.result.data for licence in ("CC BY", "Unicode License"))
    for picture in outcome.pictures:
        assert picture.alt
        assert len(picture.png) > 5000


@pytest.mark.parametrize("family", FAMILIES)
def test_the_code_to_copy_is_python(family):
    (task,) = load_tasks([family])
    compile(task.code, family, "exec")
    assert "from sampkit." in task.code


def test_listing_imports_no_family():
    code = (
        "import sys; from sampkit.demo import load_tasks, available_families;"
        "load_tasks(available_families());"
        "print([m for m in sys.modules"
        " if m in ('sklearn', 'matplotlib', 'torch', 'tqdm', 'scipy')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
