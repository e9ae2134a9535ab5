"""The benchmark for a GPU, run in small on a stand-in: its tables must be ready when a GPU is."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture
def benchmark(checkout, monkeypatch):
    # benchmarks/ lies beside the package; appended, so that sampkit stays the installed one
    monkeypatch.setattr(sys, "path", [*sys.path, str(checkout)])
    pytest.importorskip("benchmarks.gpu")
    return sys.modules["benchmarks.gpu"]


def test_without_a_gpu_it_says_so(benchmark, monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "device", lambda: None)
    assert benchmark.main([]) == 0
    assert "finds no GPU" in capsys.readouterr().out


def test_every_table_is_filled(benchmark, a_device, monkeypatch, capsys):
    xp = a_device(kernels=True, strict=False)
    monkeypatch.setattr(benchmark, "ON_HOST", 2)
    clock = benchmark.seconds
    monkeypatch.setattr(
        benchmark, "seconds", lambda xp, call, **_: clock(xp, call, repeats=1, rounds=1)
    )
    size = benchmark.Size(rows=64, inputs=10, outputs=3, copied=1000)
    text = benchmark.report(xp, size, "a stand-in", "1 passed")
    assert text.count("## ") == 3
    assert "| try_move, p=32, powers in bfloat16 |" in text
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| ")]
    cells = {row[1].strip(): [cell.strip() for cell in row[2:-1]] for row in rows}
    assert set(cells) >= {"copy", "descend", "polish", "successive rounding"}
    part, nearest = cells["descend"], cells["nearest level"]
    assert float(part[3]) < float(nearest[3])
    assert float(cells["polish"][4]) == pytest.approx(float(cells["polish"][5]), rel=0.05)
