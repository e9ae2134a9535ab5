"""The benchmark for a GPU, run in small on the CPU: its tables must be ready when a GPU is."""

from __future__ import annotations

import sys
import warnings

import pytest

torch = pytest.importorskip("torch")


@pytest.fixture
def benchmark(checkout, monkeypatch):
    # benchmarks/ lies beside the package; appended, so that sampkit stays the installed one
    monkeypatch.setattr(sys, "path", [*sys.path, str(checkout)])
    pytest.importorskip("benchmarks._diffusion_gpu")
    torch.set_num_threads(1)
    return sys.modules["benchmarks._diffusion_gpu"]


def test_without_a_gpu_it_says_why(benchmark, monkeypatch, capsys):
    import benchmarks.gpu as gpu

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    gpu.steps_of_plans()
    assert "PyTorch finds no GPU on this machine" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_every_cell_is_filled(benchmark, capsys):
    shape = (1, 1, 8, 8)
    text = benchmark.report("cpu", "a stand-in", [shape], rounds=1, runs=1)
    assert "| DDIM |" in capsys.readouterr().out
    head, _, *rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    assert [row[0] for row in rows] == [*benchmark.SOLVERS, *benchmark.NOISY]
    assert {"solver", "us / step", "host us / step", "waits / run", "peak, states"} <= set(head)
    for row in rows:
        cells = dict(zip(head, row, strict=True))
        assert float(cells["us / step"]) > 0
        assert cells["waits / run"] == "0"
        if benchmark.PEER and row[0] in benchmark.SOLVERS:
            assert float(cells["ratio"]) > 0


def test_waits_are_counted_from_the_first_call_on(benchmark, monkeypatch):
    seen = []
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", seen.append)
    stepper = benchmark.Stepper(benchmark.SOLVERS["DDIM"][0], (1, 1, 4, 4), "cpu")
    network = stepper._network

    def waiting(x, t):
        y = network(x, t)
        warnings.warn("called a synchronizing operation", stacklevel=2)
        return y

    stepper.model.fn = waiting
    assert benchmark.waits(stepper, "cuda") == benchmark.STEPS
    assert seen == ["warn", "default"]
    stepper.model.fn = network
    benchmark.check_no_waits(stepper, "cuda")
    assert seen[2:] == ["error", "default"]


def test_what_a_run_holds(benchmark):
    from benchmarks.diffusion import memory_rows

    rows = {row["solver"]: row for row in memory_rows()}
    for name, row in rows.items():
        assert row["made"] <= row["K + 3"], name
        assert row["made"] < row["alive at the peak, x and the output included"] <= row["made"] + 2
    assert rows["DDIM"]["operations / step"] == 2
