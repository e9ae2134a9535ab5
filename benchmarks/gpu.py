"""``python -m benchmarks gpu``: the min-max search and the steps of plans on this machine's GPU.

Runs the tests marked ``gpu``, then measures the fused kernels against the copy bandwidth of the
same run (roofline), the filter of pairs, the matrix products of the screen, and the quantization
of one layer: 768 outputs, 768 inputs, 131,072 calibration rows, 3 bits; the CPU of the same
machine does a few of the outputs with the same functions. Writes ``results/gpu-<device>.md``. Then
measures the step of a plan beside diffusers' schedulers (`benchmarks._diffusion_gpu`) and writes
``results/gpu-diffusion-<device>.md``. On a machine without CuPy, PyTorch or a GPU it says so,
writes nothing and ends with 0, since ``python -m benchmarks`` runs every family.
"""

from __future__ import annotations

import argparse
import functools
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sampkit._array import on_host
from sampkit.minmax import _kernels as kernels
from sampkit.minmax._batch_polish import BatchPolish
from sampkit.minmax._descend import Columns, Descent
from sampkit.minmax._gram import successive_rounding
from sampkit.minmax._levels import as_levels
from sampkit.minmax._polish import Counters, polish, steps_of
from sampkit.minmax._rows import Rows
from sampkit.minmax._steps import steps_on

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"
SCHEDULE = (4, 8, 16, 32)
BITS = 3
ON_HOST = 8  # outputs that the CPU of the same machine does
SHARED = ("layout of A", "Gram matrix")  # parts whose work does not depend on the outputs


@dataclass(frozen=True)
class Size:
    """Of the layer, and of the arrays whose copy is timed."""

    rows: int = 131_072
    inputs: int = 768
    outputs: int = 768
    copied: int = 1 << 28  # numbers of 4 bytes


def device() -> Any | None:
    """CuPy, if it finds a GPU."""
    try:
        import cupy

        return cupy if cupy.cuda.runtime.getDeviceCount() else None
    except Exception:  # no CuPy, no driver, no device: each has errors of its own
        return None


def wait(xp: Any) -> None:
    """Until all that was asked of a device is done."""
    if xp is not np:
        xp.cuda.Device().synchronize()


def seconds(xp: Any, call: Callable[[], Any], *, repeats: int = 20, rounds: int = 5) -> float:
    """Of one call: the least mean of `repeats` calls in a row."""
    call()
    best = np.inf
    for _ in range(rounds):
        wait(xp)
        begin = time.perf_counter()
        for _ in range(repeats):
            call()
        wait(xp)
        best = min(best, (time.perf_counter() - begin) / repeats)
    return best


# --- roofline -----------------------------------------------------------------------------------


def copy_bandwidth(xp: Any, size: Size) -> tuple[float, float]:
    """Bytes that a copy moves, and the seconds it takes."""
    source = xp.zeros(size.copied, dtype=np.float32)
    target = xp.empty_like(source)

    def copy() -> None:
        target[...] = source

    return 2.0 * source.nbytes, seconds(xp, copy)


def random_batch(xp: Any, size: Size) -> tuple[Any, Any, Any]:
    """Columns of A, residuals of a batch, and 1 / t of its states."""
    rng = np.random.default_rng(0)
    AT = xp.asarray(rng.standard_normal((size.inputs, size.rows), dtype=np.float32))
    R = xp.asarray(rng.standard_normal((size.outputs, size.rows), dtype=np.float32))
    return AT, R, 1 / xp.abs(R).max(axis=1)


def roofline(xp: Any, size: Size) -> list[tuple[str, ...]]:
    """Bytes per second of the memory-bound kernels, as a share of a copy's."""
    moved, took = copy_bandwidth(xp, size)
    copied = moved / took
    timed = [("copy", moved, took)]
    AT, R, invt = random_batch(xp, size)
    j = xp.asarray(np.random.default_rng(1).permutation(size.outputs) % size.inputs)
    delta = xp.full_like(invt, 0.01)

    def passes(screen_dtype: str, p: int, power_bytes: int) -> None:
        state = kernels.batch(xp, R, screen_dtype=screen_dtype)
        label = f"p={p}, powers in {screen_dtype}"
        written = 2.0 * power_bytes
        took = seconds(xp, lambda: kernels.powers(xp, state, invt, p))
        timed.append((f"powers, {label}", R.size * (4 + written), took))
        took = seconds(xp, lambda: kernels.try_move(xp, state, AT, j, delta, invt, p))
        timed.append((f"try_move, {label}", R.size * (12 + written), took))

    for p in (4, 32):
        passes("bfloat16", p, 2)
        passes("float32", p, 4)
    return [
        (
            label,
            f"{moved / 1e9:.2f}",
            f"{1e3 * took:.3f}",
            f"{moved / took / 1e9:.0f}",
            f"{moved / took / copied:.2f}",
        )
        for label, moved, took in timed
    ]


def arithmetic(xp: Any, size: Size) -> list[tuple[str, ...]]:
    """The screen's products and the filter of pairs, which are bound by arithmetic."""
    table = []

    def products(screen_dtype: str) -> None:
        AT, R, invt = random_batch(xp, size)
        state = kernels.batch(xp, R, screen_dtype=screen_dtype)
        kernels.powers(xp, state, invt, 4)
        columns, squares = (kernels.screen_matrix(xp, state, a) for a in (AT, AT * AT))
        for c in sorted({min(c, size.inputs) for c in (96, 256, size.inputs)}):
            some, squared = columns[:c], squares[:c]
            took = seconds(xp, functools.partial(kernels.screen, xp, state, some, squared))
            rate = 4.0 * size.outputs * size.rows * c / took / 1e12
            label = f"screen of {c} variables, {screen_dtype}"
            table.append((label, f"{1e3 * took:.3f}", f"{rate:.1f} Tflop/s"))

    for screen_dtype in ("bfloat16", "tf32", "float32"):
        products(screen_dtype)
    rng = np.random.default_rng(0)
    states, moves, K = 16, 2 * size.inputs + 2, 64
    sizes = np.sort(rng.random((states, K), dtype=np.float32))[:, ::-1]
    RK = xp.asarray(sizes * rng.choice(np.float32([-1, 1]), (states, K)))
    DK = xp.asarray(np.float32(0.02) * rng.standard_normal((states, moves, K), dtype=np.float32))
    t = xp.abs(RK).max(axis=1)

    def filtered() -> Any:
        return kernels.pair_filter(xp, RK, DK, t, apart=size.inputs + 1)

    found = filtered()[0].shape[0]
    took = seconds(xp, filtered, repeats=5)
    pairs = states * moves * (moves - 1) / 2
    label = f"pair_filter, {states} states, {moves} moves, {found / pairs:.1%} survive"
    table.append((label, f"{1e3 * took:.3f}", f"{pairs / took / 1e9:.1f} G pairs/s"))
    return table


# --- one layer ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """Weights (outputs, inputs), inputs of calibration (rows, inputs), levels of every output."""

    W: np.ndarray
    X: np.ndarray
    levels: Any

    @classmethod
    def of(cls, size: Size) -> Layer:
        """Correlated inputs with a few loud channels, as activations have them."""
        rng = np.random.default_rng(0)
        rank = max(size.inputs // 8, 1)
        mixing = rng.standard_normal((rank, size.inputs), dtype=np.float32) / np.sqrt(rank)
        X = rng.standard_normal((size.rows, rank), dtype=np.float32) @ mixing
        X += 0.5 * rng.standard_normal(X.shape, dtype=np.float32)
        X *= np.exp(0.5 * rng.standard_normal(size.inputs)).astype(np.float32)
        W = 0.05 * rng.standard_normal((size.outputs, size.inputs))
        low, high = W.min(axis=1), W.max(axis=1)
        grid = np.linspace(low, high, 2**BITS, axis=1)[:, None, :]
        levels = as_levels(np.broadcast_to(grid, (*W.shape, 2**BITS)), size.inputs, size.outputs)
        return cls(W, X, levels)

    def some(self, count: int) -> Layer:
        """The first outputs only."""
        return Layer(self.W[:count], self.X, self.levels.of_targets(slice(0, count)))


@dataclass
class Timed:
    """Seconds of the parts, and mean largest change of an output after each."""

    seconds: dict[str, float]
    objective: dict[str, float]
    first: dict[str, float]  # the same over the first `ON_HOST` outputs
    passes: float


def quantize(xp: Any, layer: Layer) -> Timed:
    """All outputs at once: start, descent, polish."""
    took: dict[str, float] = {}
    means: dict[str, float] = {}
    first: dict[str, float] = {}
    begin = time.perf_counter()

    def note(part: str, objective: Callable[[], Any] | None = None) -> None:
        nonlocal begin
        wait(xp)
        took[part] = time.perf_counter() - begin
        if objective is not None:
            values = on_host(objective()).astype(np.float64)
            means[part], first[part] = values.mean(), values[:ON_HOST].mean()
        begin = time.perf_counter()

    A, W = xp.asarray(layer.X), xp.asarray(layer.W, dtype=np.float32)
    k, n = layer.W.shape
    begin = time.perf_counter()
    columns = Columns.of(xp, A, np.float32)
    B = xp.matmul(W, columns.AT)
    note("layout of A")
    gram = on_host(xp.matmul(columns.AT, columns.AT.T)).astype(np.float64)
    note("Gram matrix")
    rounded = successive_rounding(gram, layer.W, layer.levels)
    rows, counters = Rows(), Counters()

    def residual_of(index: np.ndarray, states: np.ndarray) -> Any:
        x = layer.levels.of_targets(states).value(index)
        R = xp.matmul(xp.asarray(x, dtype=np.float32), columns.AT)
        R -= B.take(xp.asarray(states), axis=0)
        return R

    def residual(index: Any, states: Any) -> Any:
        return residual_of(on_host(index).astype(np.int64), on_host(states))

    everyone = np.arange(k)
    note("successive rounding", lambda: rows.objective(residual_of(rounded, everyone)))
    nearest = layer.levels.nearest(layer.W)
    note("nearest level", lambda: rows.objective(residual_of(nearest, everyone)))
    steps = steps_on(xp, layer.levels, None, everyone, np.float32)
    task = Descent(xp, columns, rows, residual)
    start = xp.asarray(rounded, dtype=np.int32)
    best, smallest = task.descend(start, steps, SCHEDULE, counters)
    note("descend", lambda: smallest)
    descended = on_host(best).astype(np.int64)
    passes = counters.rounds / -(-n // task.width)
    polished = polish_all(xp, layer, columns, counters, descended, residual_of)
    final = on_host(polished).astype(np.int64)
    note("polish", lambda: rows.objective(residual_of(final, everyone)))
    return Timed(took, means, first, passes)


def polish_all(
    xp: Any,
    layer: Layer,
    columns: Columns,
    counters: Counters,
    index: np.ndarray,
    residual_of: Callable[[np.ndarray, np.ndarray], Any],
) -> Any:
    """All outputs in step on a device, one after the other in memory."""
    everyone = np.arange(len(index))
    if xp is not np:
        return BatchPolish(xp, columns.AT, Rows(), counters).polish(
            xp.asarray(index),
            lambda at: residual_of(index[at], everyone[at]),
            lambda at: steps_on(xp, layer.levels, None, everyone[at], np.float32),
        )
    found = []
    for i in everyone:
        own = layer.levels.of_target(int(i))
        steps = functools.partial(steps_of, own.values[0], own.counts[0])
        R = residual_of(index[i : i + 1], everyone[i : i + 1])[0]
        found.append(polish(columns.AT, index[i], R, steps, Rows(), counters))
    return np.stack(found)


def layer_table(xp: Any, size: Size) -> list[tuple[str, ...]]:
    """The device on all outputs, the host on some of them."""
    layer = Layer.of(size)
    quantize(xp, layer.some(min(ON_HOST, size.outputs)))  # compiles the kernels
    on_device = quantize(xp, layer)
    few = min(ON_HOST, size.outputs)
    on_cpu = quantize(np, layer.some(few))
    share = size.outputs / few
    table = []
    for part, took in on_device.seconds.items():
        host = on_cpu.seconds[part] * (1 if part in SHARED else share)
        table.append(
            (
                part,
                f"{took:.3f}",
                f"{host:.2f}",
                f"{host / took:.0f}",
                *(
                    f"{values[part]:.5f}" if part in values else ""
                    for values in (on_device.objective, on_device.first, on_cpu.objective)
                ),
            )
        )
    passes = [f"{timed.passes:.0f}" for timed in (on_device, on_cpu)]
    return [*table, ("passes of descend over the variables", *passes, "", "", "", "")]


# --- the report -----------------------------------------------------------------------------------


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def report(xp: Any, size: Size, name: str, tests: str) -> str:
    """All tables as one page."""
    print(tests, flush=True)
    parts = [f"# The min-max search on {name}\n", f"Tests marked `gpu`: {tests}\n"]
    layer = f"{size.outputs} outputs, {size.inputs} inputs, {size.rows} rows"
    for title, head, rows in (
        (
            f"Roofline ({layer}; GB/s of the bytes that must move, share of the copy)",
            ["pass", "GB", "ms", "GB/s", "share"],
            lambda: roofline(xp, size),
        ),
        (f"Arithmetic ({layer})", ["pass", "ms", "rate"], lambda: arithmetic(xp, size)),
        (
            f"Quantization ({layer}, {BITS} bits)",
            ["part", "s", "CPU s", "CPU / GPU", "objective", f"first {ON_HOST}", "the same on CPU"],
            lambda: layer_table(xp, size),
        ),
    ):
        text = f"## {title}\n\n{markdown(head, rows())}\n"
        print(f"\n{text}", flush=True)
        parts.append(text)
    parts.append(
        f"The CPU does {ON_HOST} outputs with the same functions, its seconds are scaled to all. "
        "Objective: the largest change of an output over the rows, mean over outputs.\n"
    )
    return "\n".join(parts)


def run_tests() -> str:
    """The closing line of the tests marked ``gpu``."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", str(ROOT / "tests" / "minmax")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return lines[-1].strip("= ") if lines else f"pytest ended with {done.returncode}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and keep the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks gpu", description=__doc__)
    parser.parse_args(argv)
    xp = device()
    if xp is None:
        print("gpu: CuPy finds no GPU on this machine; the min-max search was not measured")
    else:
        name = xp.cuda.runtime.getDeviceProperties(0)["name"].decode()
        keep("gpu", name, report(xp, Size(), name, run_tests()))
    steps_of_plans()
    return 0


def steps_of_plans() -> None:
    """The part of the diffusion family."""
    from benchmarks import _diffusion_gpu

    if why := _diffusion_gpu.missing():
        print(f"gpu: {why}; the steps of plans were not measured")
        return
    import torch

    name = torch.cuda.get_device_name()
    keep("gpu-diffusion", name, _diffusion_gpu.report("cuda", name))


def keep(what: str, device: str, text: str) -> None:
    """Write a page, named after the device."""
    RESULTS.mkdir(exist_ok=True)
    slug = re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")
    (RESULTS / f"{what}-{slug}.md").write_text(text)


if __name__ == "__main__":
    raise SystemExit(main())
