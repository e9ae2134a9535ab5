"""The step of a plan on a GPU against diffusers' schedulers: time, synchronisations, memory.

The network returns a stored tensor, so it costs nothing. Times are those of the device between two
events, and of the host until it has handed everything over; on the CPU both are the clock's. That
nothing waits for the device is checked by PyTorch itself: from the first call of the network on,
every synchronisation raises.
"""

from __future__ import annotations

import contextlib
import functools
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.diffusion import GRID, PEER, SCHEDULE, SOLVERS, STEPS, as_markdown, theirs
from sampkit.diffusion import DPMSolver

SHAPES = ((1, 4, 64, 64), (16, 4, 64, 64), (64, 4, 128, 128))
RUNS, ROUNDS = 20, 7
NOISY = {"DPM-Solver++ 2M, stochastic": DPMSolver(2, eta=1.0)}


def missing() -> str:
    """Why nothing can be measured; empty when it can."""
    try:
        import torch
    except ImportError:
        return "PyTorch is missing (pip install sampkit[diffusion])"
    return "" if torch.cuda.is_available() else "PyTorch finds no GPU on this machine"


def normal(shape: tuple[int, ...], seed: int, device: str) -> Any:
    """A fixed tensor."""
    import torch

    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device)


class Stepper:
    """A whole run of a plan, its network a stored tensor."""

    def __init__(self, solver: Any, shape: tuple[int, ...], device: str):
        import torch

        from sampkit.diffusion import DiffusionModel

        self.stored, self.x = normal(shape, 0, device), normal(shape, 1, device)
        self.plan = solver.plan(SCHEDULE, GRID)
        self.generator = torch.Generator(device).manual_seed(0)
        self.at_first_call: Callable[[], None] | None = None
        self.model = DiffusionModel(self._network, SCHEDULE)

    def _network(self, x: Any, t: Any) -> Any:
        if self.at_first_call is not None:
            self.at_first_call()
            self.at_first_call = None
        return self.stored

    def __call__(self) -> Any:
        from sampkit.diffusion import sample

        return sample(self.model, self.x, self.plan, generator=self.generator)


def wait(device: str) -> None:
    """Until the device has done all it was asked for."""
    import torch

    if device != "cpu":
        torch.cuda.synchronize()


def seconds(call: Callable[[], Any], device: str, runs: int = RUNS) -> tuple[float, float]:
    """Of one call: on the device, and on the host until it has handed all over."""
    import torch

    wait(device)
    begin = time.perf_counter()
    if device == "cpu":
        for _ in range(runs):
            call()
        took = (time.perf_counter() - begin) / runs
        return took, took
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    for _ in range(runs):
        call()
    last.record()
    host = (time.perf_counter() - begin) / runs
    last.synchronize()
    return first.elapsed_time(last) / 1e3 / runs, host


def waits(stepper: Stepper, device: str) -> int:
    """How often the host waits for the device from the first network call on."""
    with _watched(device) as count:
        stepper.at_first_call = functools.partial(mode, "warn", device)
        stepper()
    return count()


def check_no_waits(stepper: Stepper, device: str) -> None:
    """Run with every synchronisation from the first network call on being an error."""
    stepper.at_first_call = functools.partial(mode, "error", device)
    try:
        stepper()
    finally:
        mode("default", device)


def peer_waits(peer: Callable[[], Any], device: str) -> int:
    """How often the host waits in their loop."""
    with _watched(device) as count:
        mode("warn", device)
        peer()
    return count()


def mode(name: str, device: str) -> None:
    """What PyTorch does when the host waits for the device; a CPU has nothing to wait for."""
    import torch

    if device != "cpu":
        torch.cuda.set_sync_debug_mode(name)


@contextlib.contextmanager
def _watched(device: str) -> Iterator[Callable[[], int]]:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            yield lambda: sum("synchroniz" in str(warning.message) for warning in seen)
        finally:
            mode("default", device)


def peak_states(stepper: Stepper, device: str) -> float:
    """Memory of a run in states, x and the network's output included; NaN on the CPU."""
    import torch

    if device == "cpu":
        return float("nan")
    wait(device)
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    stepper()
    wait(device)
    return (torch.cuda.max_memory_allocated() - before) / stepper.x.nbytes + 2


def peer_of(name: str, shape: tuple[int, ...], device: str) -> Callable[[], Any] | None:
    """Their run, on the same device."""
    if name not in SOLVERS:
        return None
    _, _, scheduler, options, _ = SOLVERS[name]
    return theirs(scheduler, options, shape, device=device)


def step_rows(
    shape: tuple[int, ...], device: str, rounds: int = ROUNDS, runs: int = RUNS
) -> Iterator[dict[str, Any]]:
    """All solvers at one shape."""
    import torch

    solvers = {name: entry[0] for name, entry in SOLVERS.items()} | NOISY
    for name, solver in solvers.items():
        stepper, peer = Stepper(solver, shape, device), peer_of(name, shape, device)
        ours, other = [], []
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for call in (stepper, peer):
                if call is not None:
                    call()  # loads what is loaded on first use
            for _ in range(rounds):
                if peer is not None:
                    other.append(seconds(peer, device, runs))
                ours.append(seconds(stepper, device, runs))
            check_no_waits(stepper, device)
            row = {"solver": name, **_times(ours, "")}
            if other:
                row |= _times(other, f"{PEER}, ")
                row["ratio"] = np.min(other, axis=0)[0] / np.min(ours, axis=0)[0]
        with torch.no_grad():
            if peer is not None:
                row[f"{PEER}, waits / run"] = peer_waits(peer, device)
            row["waits / run"] = waits(stepper, device)
            row["peak, states"] = peak_states(stepper, device)
        yield row


def _times(measured: list[tuple[float, float]], prefix: str) -> dict[str, float]:
    device, host = np.min(measured, axis=0) * 1e6 / STEPS
    return {f"{prefix}us / step": float(device), f"{prefix}host us / step": float(host)}


def report(
    device: str, name: str, shapes: Any = SHAPES, rounds: int = ROUNDS, runs: int = RUNS
) -> str:
    """All tables as one page, printed as they are done."""
    import torch

    head = (
        f"# Steps of plans on {name}\n\nMinima of {rounds} alternating rounds of {runs} runs in "
        f"one process, {STEPS} steps, float32, network excluded; PyTorch {torch.__version__}, "
        f"peer {PEER or 'not installed'}.\n"
    )
    parts = [head]
    for shape in shapes:
        rows = list(step_rows(shape, device, rounds, runs))
        parts.append(f"## {' x '.join(map(str, shape))}\n\n{as_markdown(rows)}\n")
        print(f"\n{parts[-1]}", flush=True)
    return "\n".join(parts)
