"""The small collection of the examples runs, ends by itself and finds the population's shares."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sampkit

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "privacy" / "collection"


@pytest.fixture
def environment():
    """The scripts import the package that is tested, wherever it lies."""
    home = str(Path(sampkit.__file__).resolve().parents[1])
    path = os.pathsep.join([home, os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": path, "MPLBACKEND": "Agg"}


@pytest.fixture
def survey(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import survey

    yield survey
    sys.modules.pop("survey")


def test_devices_servers_and_the_table(tmp_path, environment, survey):
    done = subprocess.run(
        [sys.executable, FOLDER / "collect.py", tmp_path],
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "4000 reports counted, 1 malformed, 1 messages refused" in done.stdout
    assert "4000 reports counted, 0 malformed, 0 messages refused" in done.stdout
    table = pd.read_csv(tmp_path / "table.csv", index_col=["attribute", "category"])
    truth = np.concatenate(list(survey.SHARES.values()))
    # the devices draw from the system's entropy: eleven z scores, P(some beyond 6) < 3e-8
    assert (abs(table["estimate"] - truth) < 6 * table["std_error"]).all()
    assert (tmp_path / "table.png").stat().st_size > 5000
    # what servers write is counts: no report, no record
    assert (tmp_path / "counts0.bin").stat().st_size < 3000


def test_a_server_without_devices_ends(tmp_path, environment, survey):
    schema = tmp_path / "schema.json"
    schema.write_text(survey.make_schema().to_json())
    code = (
        f"import sys; sys.path.insert(0, {str(FOLDER)!r}); import survey; survey.SECONDS = 0.5;"
        f"sys.argv = ['server.py', {str(schema)!r}, {str(tmp_path / 'c.bin')!r}, '1'];"
        f"import runpy; runpy.run_path({str(FOLDER / 'server.py')!r}, run_name='__main__')"
    )
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert time.perf_counter() - began < 30
    assert "0 reports counted" in done.stdout


def test_long_messages_are_refused(survey):
    class Flood:
        def settimeout(self, seconds):
            pass

        def recv(self, size):
            return bytes(size)

    with pytest.raises(ValueError, match="at most 4194304 bytes"):
        survey.receive(Flood())
