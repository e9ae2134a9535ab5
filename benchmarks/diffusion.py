"""Time of a sampler's step without its network, against diffusers; planning; memory.

The network returns a stored tensor, states are of 1 x 4 x 64 x 64 float32, one thread. With
``pip install diffusers==0.42.*`` its schedulers are measured beside; without it their columns stay
empty; without PyTorch only planning is measured.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from benchmarks._measure import Case
from sampkit.diffusion import (
    DDIM,
    DEIS,
    DiscreteVPSchedule,
    DPMSolver,
    UniPC,
    gaussian_response,
    time_grid,
)
from sampkit.diffusion._program import program_of

try:
    import torch
except ImportError:  # planning alone is measured then
    torch = None  # type: ignore[assignment]
else:
    from sampkit.diffusion import DiffusionModel, sample

STEPS = 20
SHAPES = ((1, 4, 64, 64), (4, 4, 64, 64), (1, 3, 256, 256))
SCHEDULE = DiscreteVPSchedule()
GRID = time_grid(SCHEDULE, STEPS, "linspace")

# name -> solver, outputs it looks at, scheduler of diffusers and its options, smallest ratio
SOLVERS: dict[str, tuple[Any, int, str, dict[str, Any], float | None]] = {
    "DDIM": (DDIM(), 1, "DDIMScheduler", {"clip_sample": False}, None),
    "DPM-Solver++ 2M": (
        DPMSolver(2), 2, "DPMSolverMultistepScheduler", {"solver_order": 2}, 6
    ),
    "DPM-Solver++ 3M": (
        DPMSolver(3, weights="legacy"), 3, "DPMSolverMultistepScheduler", {"solver_order": 3}, 8
    ),
    "DEIS-3": (
        DEIS(2, "logrho"), 3, "DEISMultistepScheduler", {"solver_order": 3}, 20
    ),
    "UniPC-3": (UniPC(3), 3, "UniPCMultistepScheduler", {"solver_order": 3}, 8),
}  # fmt: skip


def peer_name() -> str:
    """Name and version for the table, empty without the package."""
    try:
        return f"diffusers {version('diffusers')}"
    except PackageNotFoundError:
        return ""


PEER = peer_name()


def normal(shape: tuple[int, ...], seed: int) -> Any:
    """A fixed tensor."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def ours(solver: Any, shape: tuple[int, ...]) -> Callable[[], Any]:
    """A whole run of a plan."""
    stored, x = normal(shape, 0), normal(shape, 1)
    model = DiffusionModel(lambda x, t: stored, SCHEDULE)
    plan = solver.plan(SCHEDULE, GRID)
    return lambda: sample(model, x, plan)


def theirs(
    name: str, options: dict[str, Any], shape: tuple[int, ...], device: str = "cpu"
) -> Callable[[], Any] | None:
    """The same run of theirs; setting the times is their planning, and done once, too."""
    if not PEER:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = getattr(importlib.import_module("diffusers"), name)(**options)
        scheduler.set_timesteps(STEPS, device=device)
    stored, x = (normal(shape, seed).to(device) for seed in (0, 1))

    def run() -> Any:
        state = x
        for name in ("_step_index", "_begin_index", "last_sample"):
            if hasattr(scheduler, name):
                setattr(scheduler, name, None)
        if hasattr(scheduler, "model_outputs"):
            scheduler.model_outputs = [None] * len(scheduler.model_outputs)
            scheduler.lower_order_nums = 0
        for t in scheduler.timesteps:
            state = scheduler.step(stored, t, state).prev_sample
        return state

    return run


RUNS, PEER_RUNS = 60, 10  # in a measurement, so that both take tens of milliseconds


def repeated(call: Callable[[], Any] | None, runs: int) -> Callable[[], None] | None:
    """Several runs, without gradients."""
    if call is None:
        return None

    def run() -> None:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(runs):
                call()

    return run


def step_cases(shape: tuple[int, ...]) -> Iterator[Case]:
    """All solvers at one shape; the targets are for the smallest."""
    for name, (solver, _, scheduler, options, target) in SOLVERS.items():
        yield Case(
            name,
            repeated(ours(solver, shape), RUNS),  # type: ignore[arg-type]
            repeated(theirs(scheduler, options, shape), PEER_RUNS),
            PEER,
            target=target if shape == SHAPES[0] else None,
            rounds=15,
            peer_share=PEER_RUNS / RUNS,
        )


def planning_cases() -> Iterator[Case]:
    """Rows of 20 steps, and the numbers that the loop makes of them, once for a plan."""
    for name, (solver, *_) in SOLVERS.items():

        def plan(solver: Any = solver) -> Any:
            return solver.plan(SCHEDULE, GRID)

        def whole(plan: Callable[[], Any] = plan) -> Any:
            return program_of(plan(), [(0.0, 1.0)] * STEPS, False)

        yield Case(name, plan, rounds=30)
        yield Case(f"{name}, and the loop's numbers", whole, rounds=30)
    plan_3 = UniPC(3).plan(SCHEDULE, GRID)
    variances = np.ones(64)
    yield Case("UniPC-3, law of 64 directions", lambda: gaussian_response(plan_3, 0.0, variances))


def buffers() -> Iterator[tuple[str, int, int]]:
    """Solver, outputs it looks at, state-sized tensors that a run makes."""
    made = 0
    whole = torch.empty_like

    def counted(*arguments: Any, **keywords: Any) -> Any:
        nonlocal made
        made += 1
        return whole(*arguments, **keywords)

    for name, (solver, outputs, *_) in SOLVERS.items():
        made = 0
        torch.empty_like = counted
        try:
            ours(solver, (1, 1, 8, 8))()
        finally:
            torch.empty_like = whole
        yield name, outputs, made


def memory_rows() -> Iterator[dict[str, Any]]:
    """What a run makes and holds, in tensors of a state's size, and its operations a step."""
    from benchmarks._tensors import held

    for name, outputs, made in buffers():
        stored, x = normal(SHAPES[0], 0), normal(SHAPES[0], 1)
        model = DiffusionModel(lambda x, t, stored=stored: stored, SCHEDULE)
        plan = SOLVERS[name][0].plan(SCHEDULE, GRID)
        found = held(lambda model=model, x=x, plan=plan: sample(model, x, plan), x, stored)
        yield {
            "solver": name,
            "made": made,
            "K + 3": outputs + 3,
            "alive at the peak, x and the output included": found.peak,
            "operations / step": found.operations / STEPS,
        }


def tables() -> dict[str, list[dict[str, Any]]]:
    """Everything measured, in the units of its table."""
    from benchmarks._measure import measure

    found: dict[str, list[dict[str, Any]]] = {}
    for shape in SHAPES if torch is not None else ():
        rows = []
        for case in step_cases(shape):
            row = measure(case)
            per = 1e6 / (RUNS * STEPS)
            line = {"solver": case.name, "us / step": row["cpu_s"] * per}
            if "peer_cpu_s" in row:
                line |= {f"{PEER}, us / step": row["peer_cpu_s"] * per, "ratio": row["cpu_ratio"]}
                line["target"] = row["target"]
            rows.append(line)
        found[f"Step of {' x '.join(map(str, shape))}, float32, CPU time"] = rows
    found["Planning of 20 steps (target: 2 ms)"] = [
        {"what": case.name, "ms": measure(case)["cpu_s"] * 1e3} for case in planning_cases()
    ]
    if torch is not None:
        found["State-sized tensors of a run"] = list(memory_rows())
    return found


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """One table, of rows that need not have the same keys."""
    keys = list(dict.fromkeys(key for row in rows for key in row))

    def cell(value: Any) -> str:
        return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)

    lines = [keys, ["---"] * len(keys), *[[cell(row.get(key)) for key in keys] for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def keep(name: str, words: str, found: dict[str, list[dict[str, Any]]]) -> None:
    """Print tables and keep them in ``results/``, with what they depend on."""
    import json

    from benchmarks.__main__ import RESULTS, environment

    around: dict[str, Any] = environment()
    if torch is not None:
        around |= {"torch": torch.__version__, "torch threads": torch.get_num_threads()}
    head = ", ".join(f"{key} {value}" for key, value in around.items())
    text = [f"# {name}\n", f"{words}; {head}.\n"]
    for title, rows in found.items():
        text.append(f"## {title}\n\n{as_markdown(rows)}\n")
        print(text[-1], flush=True)
    (RESULTS / f"{name}.md").write_text("\n".join(text))
    kept = {"environment": around, "tables": found}
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")


def main(argv: list[str]) -> None:
    """Measure, print and keep."""
    if torch is not None:
        torch.set_num_threads(1)
    keep("diffusion", f"Minima of alternating rounds in one process; peer {PEER}", tables())
