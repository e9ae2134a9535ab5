"""The command line: what it accepts, prints and returns."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sampkit
from sampkit.demo import __main__ as cli
from sampkit.demo._environment import repeat_command


@pytest.fixture
def fake(task, monkeypatch, tmp_path):
    """Stand-ins for the real tasks; the working directory is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "available_families", lambda: ("fail", "interrupt", "skip", "succeed"))

    def load(families):
        # In the order given, to say what stands before an interruption.
        return [task(family) for family in families]

    monkeypatch.setattr(cli, "load_tasks", load)
    return tmp_path


def test_all_done(fake, capsys):
    assert cli.main(["demo", "succeed"]) == 0
    out = capsys.readouterr().out
    assert "+0.120 +- 0.020" in out
    assert "sampkit-report.html" in out
    page = (fake / "sampkit-report.html").read_text("utf-8")
    assert "python -m sampkit demo succeed --seed 0" in page
    assert "data:image/png" in page


@pytest.mark.parametrize("argv", ["succeed", "demo succeed", "demo --seed 1 succeed"])
def test_the_word_demo_may_be_left_out_and_options_stand_anywhere(fake, argv):
    assert cli.main([*argv.split(), "--no-report", "--quiet"]) == 0


def test_without_a_family_all_of_them_run(fake, capsys):
    assert cli.main(["--no-report"]) == cli.INTERRUPTED
    out = capsys.readouterr().out
    places = [out.index(f"{name}: To") for name in ("fail", "interrupt", "skip", "succeed")]
    assert places == sorted(places)


def test_a_failed_task_is_named_with_its_reason(fake, capsys):
    assert cli.main(["demo", "fail", "succeed"]) == cli.FAILED
    out = capsys.readouterr().out
    assert "failed: ImportError: needs an extra: pip install sampkit[x]" in out
    assert "+0.120" in out


def test_a_skipped_task_is_no_failure(fake, capsys):
    assert cli.main(["demo", "skip", "succeed"]) == 0
    shown = capsys.readouterr()
    assert "skipped: needs no_such_module: pip install sampkit[diffusion]" in shown.out
    assert "+0.120" in shown.out
    page = (fake / "sampkit-report.html").read_text("utf-8")
    assert "1 of 2 tasks finished" in page
    assert "pip install sampkit[diffusion]" in page


def test_an_interruption_prints_and_reports_what_is_finished(fake, capsys):
    assert cli.main(["demo", "succeed", "interrupt", "fail"]) == 130
    out = capsys.readouterr().out
    assert "+0.120" in out
    assert "not run: interrupted before its turn" in out
    assert "1 of 3 tasks finished" in (fake / "sampkit-report.html").read_text("utf-8")


def test_no_report(fake):
    assert cli.main(["succeed", "--no-report"]) == 0
    assert not list(fake.iterdir())


def test_quiet_prints_the_table_alone(fake, capsys):
    assert cli.main(["succeed", "--quiet"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "Report" not in shown.out
    assert "succeed: To succeed" in shown.out


def test_unknown_family(fake, capsys):
    assert cli.main(["demo", "smote", "succeed"]) == 2
    error = capsys.readouterr().err
    assert "no such family: smote" in error
    assert "fail, interrupt, skip, succeed" in error


@pytest.mark.parametrize("seed", ["-1", "1.5", "x", str(2**32)])
def test_seed_out_of_range(fake, capsys, seed):
    assert cli.main([f"--seed={seed}"]) == 2
    assert repr(seed) in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_found_out_before_the_work(fake, capsys, monkeypatch):
    (fake / "file").write_text("")
    monkeypatch.setattr(cli, "run_tasks", None)
    assert cli.main(["succeed", "--report", str(fake / "file" / "r.html")]) == 2
    assert cli.main(["succeed", "--report", str(fake)]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_asking_for_the_list_leaves_no_file(fake, capsys):
    assert cli.main(["--list"]) == 0
    assert "succeed" in capsys.readouterr().out
    assert not list(fake.iterdir())


def test_without_matplotlib_there_are_numbers_and_advice(fake, capsys, monkeypatch):
    monkeypatch.setattr(cli, "can_draw", lambda: False)
    assert cli.main(["succeed"]) == 0
    out = capsys.readouterr().out
    assert "No pictures: matplotlib is missing; pip install sampkit[demo]" in out
    assert "data:image/png" not in (fake / "sampkit-report.html").read_text("utf-8")


def test_help_names_every_option(capsys):
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for option in ("--report", "--no-report", "--seed", "--list", "--version", "--quiet"):
        assert option in text
    assert "over_sampling" in text


def test_the_command_to_repeat_is_quoted():
    assert repeat_command(["a b"], 3) == "python -m sampkit demo 'a b' --seed 3"


@pytest.mark.parametrize("module", ["sampkit", "sampkit.demo"])
def test_as_a_module(module):
    command = [sys.executable, "-m", module, "--version"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout == f"sampkit {sampkit.__version__}\n"
