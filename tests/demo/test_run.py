"""The engine finishes what can be finished."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from sampkit.demo import Context, available_families, load_tasks, render_picture, run_tasks
from sampkit.demo import tasks as tasks_folder
from sampkit.demo._compare import paired_error
from sampkit.demo._progress import Progress


def test_a_failure_does_not_stop_the_others(task):
    outcomes = run_tasks([task("fail"), task("succeed")], Context())
    assert [outcome.status for outcome in outcomes] == ["failed", "done"]
    assert outcomes[0].reason.startswith("ImportError: needs an extra: pip install sampkit[x]")
    assert "Traceback" in outcomes[0].trace
    assert outcomes[1].result.rows[0].what == "recall"
    assert outcomes[1].pictures == ()


def test_a_task_whose_requirement_is_missing_is_skipped_and_says_how_to_get_it(task):
    outcomes = run_tasks([task("skip"), task("succeed")], Context())
    assert [outcome.status for outcome in outcomes] == ["skipped", "done"]
    assert outcomes[0].reason == "needs no_such_module: pip install sampkit[diffusion]"
    assert (outcomes[0].result, outcomes[0].trace, outcomes[0].seconds) == (None, "", None)


class Refusing:
    """An import hook that refuses PyTorch by raising, as some do."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ImportError("No module named 'torch'")


@pytest.mark.parametrize("how", ["emptied", "refused"])
def test_the_diffusion_task_without_pytorch(how, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "torch"]:
        monkeypatch.delitem(sys.modules, name)
    if how == "emptied":
        monkeypatch.setitem(sys.modules, "torch", None)
    else:
        monkeypatch.setattr(sys, "meta_path", [Refusing(), *sys.meta_path])
    (outcome,) = run_tasks(load_tasks(["diffusion"]), Context(quick=True))
    assert outcome.status == "skipped", outcome.trace
    assert outcome.reason == "needs torch: pip install sampkit[diffusion]"


def test_an_interruption_keeps_what_is_finished(task):
    tasks = [task(end) for end in ("succeed", "interrupt", "succeed", "succeed")]
    outcomes = run_tasks(tasks, Context())
    assert [o.status for o in outcomes] == ["done", "interrupted", "not run", "not run"]


def test_figures_survive_a_picture_that_cannot_be_drawn(task):
    (outcome,) = run_tasks([task("fail_to_draw")], Context(), render=render_picture)
    assert (outcome.status, outcome.reason) == ("failed", "RuntimeError: no ink")
    assert outcome.result is not None
    assert len(outcome.pictures) == 1


def test_pictures_are_png_of_the_stated_size(task):
    (outcome,) = run_tasks([task("succeed")], Context(), render=render_picture)
    (picture,) = outcome.pictures
    assert picture.png.startswith(b"\x89PNG")
    assert (picture.width, picture.height) == (300, 200)
    assert picture.data_uri.startswith("data:image/png;base64,")


def test_a_listener_and_the_callers_own_advance_hear_every_step(task):
    heard, own = [], []

    class Listener:
        def begin(self, task):
            heard.append(task.family)

        def advance(self, label):
            heard.append(label)

        def end(self):
            heard.append("end")

    run_tasks([task("succeed")], Context(advance=own.append), listener=Listener())
    assert heard == ["succeed", "half", "whole", "end"]
    assert own == ["half", "whole"]


def test_families_are_the_files_of_the_folder(tmp_path, monkeypatch):
    (tmp_path / "brand_new.py").write_text(
        "from sampkit.demo import Row, Task, TaskResult\n"
        "TASK = Task('brand_new', 'New', 'Is it found?',\n"
        "            lambda context: TaskResult((Row('x', 1, 2, 'higher'),)), order=1)\n"
    )
    (tmp_path / "broken.py").write_text("import no_such_module_at_all\n")
    (tmp_path / "_private.py").write_text("raise RuntimeError\n")
    monkeypatch.setattr(tasks_folder, "__path__", [*tasks_folder.__path__, str(tmp_path)])
    families = available_families()
    assert {"brand_new", "broken", "over_sampling"} <= set(families)
    assert "_private" not in families
    tasks = load_tasks(["broken", "brand_new", "brand_new"])
    assert [task.family for task in tasks] == ["brand_new", "broken"]
    outcomes = run_tasks(tasks, Context())
    assert [outcome.status for outcome in outcomes] == ["done", "failed"]
    assert "no_such_module_at_all" in outcomes[1].reason
    for family in ("brand_new", "broken"):
        sys.modules.pop(f"{tasks_folder.__name__}.{family}", None)


def test_a_file_without_a_task_fails_alone(monkeypatch):
    name = f"{tasks_folder.__name__}.empty"
    monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    (outcome,) = run_tasks(load_tasks(["empty"]), Context())
    assert outcome.status == "failed"
    assert "TASK" in outcome.reason


def test_progress_counts_declared_steps_whatever_the_task_does(task, capsys):
    tasks = [task("succeed"), task("fail")]
    progress = Progress(tasks)
    for each in tasks:
        progress.begin(each)
        progress.advance("one")
        progress.end()
    assert progress._bar.n == progress._bar.total == 4
    progress.begin(tasks[0])
    for _ in range(5):
        progress.advance("more than it said")
    assert progress._bar.n == 6
    progress.close()


def test_progress_without_tqdm_says_how_to_get_it(task, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    progress = Progress([task("succeed")])
    run_tasks([task("succeed")], Context(), listener=progress)
    progress.close()
    shown = capsys.readouterr().err
    assert "pip install sampkit[demo]" in shown
    assert "succeed: To succeed" in shown


def test_error_of_a_paired_difference():
    # By hand: variance of 0.1, 0.2, 0.3 is 0.01; (1/3 + 1/2) * 0.01 = 0.0083333.
    assert paired_error([0.1, 0.2, 0.3], 0.5) == pytest.approx(np.sqrt(0.01 * 5 / 6))
