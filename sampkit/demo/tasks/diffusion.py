"""Digits in five network calls: DDIM, DPM-Solver++ and a searched schedule."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.demo import ACCENT, INK, Context, Picture, Row, Task, TaskResult, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CODE = """\
import torch
from sampkit.diffusion import DPMSolver, DigitsDenoiser, sample, search_solver_schedule, time_grid

digits = DigitsDenoiser.load(progress=True)  # trained once, a minute; then kept
seen, fresh = torch.randn(2, 256, 64)
best = search_solver_schedule(digits.model, 5, seen, budget=400, random_state=0).best
fine = digits.teacher(fresh, [999, 0])[-1]   # 999 calls
usual = sample(digits.model, fresh, DPMSolver(order=2), time_grid(digits.schedule, 5, "time"))
found = sample(digits.model, fresh, best)
print((usual - fine).square().mean(), (found - fine).square().mean())
"""

TEXT = """\
A diffusion network turns noise into pictures by being called again and again; with 999 calls of \
DDIM the result is what the network knows. How near do five calls come? A solver is a table of \
numbers made before the first call, so all of them cost the same here: five calls.

DDIM is of first order. DPM-Solver++ (2M) fits a line through what the network said last and what \
it said before. The searched schedule chooses times, order and kind of every one of the five steps \
for this network, by trying some hundreds of them on a few noises; all figures are of other \
noises. Every solver starts from the same noise.

The Fréchet distance compares means and covariances with those of the real digits. The network \
itself is not perfect: its 999 calls are at {teacher:.2f}. It is a small one that was trained a \
moment ago; the one of DigitsDenoiser.load() takes a minute and is better.
"""

CALLS = 5
STEPS = 17  # of the progress bar: thirteen generations of the search, and four
NAMES = ("DDIM", "DPM-Solver++", "searched")


def run(context: Context) -> TaskResult:
    """Train a small network, search a schedule for it, compare on other noises."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a network is not worth more
    try:
        return _run(context)
    finally:
        torch.set_num_threads(threads)


def _run(context: Context) -> TaskResult:
    from sampkit.diffusion import DDIM, DPMSolver, time_grid

    context.advance("training a small network of digits")
    digits = _network(context)
    context.advance("searching a schedule of five calls")
    began = perf_counter()
    searched = _search(digits, context)
    seconds = perf_counter() - began
    context.advance("drawing digits")
    grid = time_grid(digits.schedule, CALLS, "time")
    plans = {
        "DDIM": DDIM().plan(digits.schedule, grid),
        "DPM-Solver++": DPMSolver(order=2).plan(digits.schedule, grid),
        "searched": searched.plan(digits.schedule),
    }
    drawn = _draw(digits, plans, 60 if context.quick else 500, _seeds(context)[1])
    context.advance("digits compared")
    rows, teacher = _rows(digits, drawn, seconds)
    data = (
        "1797 handwritten digits of 8 x 8 pixels: Alpaydin and Kaynak, UCI machine learning "
        "repository, as scikit-learn carries them (CC BY 4.0)."
    )
    return TaskResult(rows, TEXT.format(teacher=teacher), (_picture(digits, drawn),), data)


def _network(context: Context) -> Any:
    """Seconds instead of the minute of the network that is kept."""
    from sampkit.diffusion import DigitsDenoiser

    size = (
        {"width": 48, "n_blocks": 1, "n_iterations": 300, "batch_size": 64}
        if context.quick
        else {"width": 128, "n_blocks": 2, "n_iterations": 4000, "batch_size": 128}
    )
    return DigitsDenoiser(**size, ema_decay=0.995, random_state=context.seed).fit()


def _search(digits: Any, context: Context) -> Any:
    from sampkit.diffusion import search_solver_schedule

    x, classes = _noise(16 if context.quick else 128, _seeds(context)[0])
    budget = 24 if context.quick else 400

    def tell(n: int, score: float) -> None:
        context.advance(f"{n} of {budget} schedules tried")

    return search_solver_schedule(
        digits.model, CALLS, x, cond=classes, budget=budget, random_state=context.seed,
        callback=tell,
    ).best  # fmt: skip


def _seeds(context: Context) -> tuple[int, int]:
    """Of the noises that are searched on, and of those that are looked at."""
    first, second = np.random.SeedSequence(context.seed).generate_state(2)
    return int(first), int(second)


def _noise(n: int, seed: int) -> tuple[Any, Any]:
    """Start states, and the digits asked for: 0 to 9 in turn."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 64, generator=generator), torch.arange(n) % 10


def _draw(digits: Any, plans: dict[str, Any], n: int, seed: int) -> dict[str, Any]:
    """Samples by name, the teacher's among them, all from the same noise."""
    from sampkit.diffusion import sample

    x, classes = _noise(n, seed)
    ends = [digits.schedule.t_max, digits.schedule.t_min]
    drawn = {name: sample(digits.model, x, plan, cond=classes) for name, plan in plans.items()}
    return drawn | {"999 calls": digits.teacher(x, ends, classes)[-1]}


def _rows(digits: Any, drawn: dict[str, Any], seconds: float) -> tuple[tuple[Row, ...], float]:
    from sampkit.metrics import frechet_distance

    fine = drawn["999 calls"]
    misses = {name: (drawn[name] - fine).square().mean(dim=1).numpy() for name in NAMES}
    apart = {name: frechet_distance(states, digits.data_) for name, states in drawn.items()}
    groups = {
        name: np.array([frechet_distance(part, digits.data_) for part in drawn[name].chunk(5)])
        for name in NAMES
    }

    def error_row(what: str, before: str, after: str, seconds: float | None = None) -> Row:
        gain = misses[after] - misses[before]
        error = float(gain.std(ddof=1) / np.sqrt(gain.size))
        from_, to = float(misses[before].mean()), float(misses[after].mean())
        return Row(what, from_, to, "lower", seconds, error, spec=".4f")

    def distance_row(what: str, before: str, after: str) -> Row:
        gain = groups[after] - groups[before]
        error = float(gain.std(ddof=1) / np.sqrt(gain.size))
        return Row(what, apart[before], apart[after], "lower", error=error, spec=".2f")

    rows = (
        error_row("mean squared error of digits in 5 calls, searched instead of DDIM",
                  "DDIM", "searched", seconds),
        error_row("the same, DPM-Solver++ instead of DDIM", "DDIM", "DPM-Solver++"),
        error_row("the same, searched instead of DPM-Solver++", "DPM-Solver++", "searched"),
        distance_row("Frechet distance to real digits, DPM-Solver++ instead of DDIM",
                     "DDIM", "DPM-Solver++"),
        distance_row("the same, searched instead of DPM-Solver++", "DPM-Solver++", "searched"),
    )  # fmt: skip
    return rows, apart["999 calls"]


def _picture(digits: Any, drawn: dict[str, Any]) -> Picture:
    fine = drawn["999 calls"]

    def draw() -> Figure:
        figure = new_figure(height=2.5)
        panels = figure.subplots(len(drawn), 1)
        for axes, (name, states) in zip(panels, drawn.items(), strict=True):
            images = 1 - digits.to_images(states[:10])
            strip = np.hstack(list(np.pad(images, ((0, 0), (0, 0), (1, 1)), constant_values=1)))
            axes.imshow(strip, cmap="gray", vmin=0, vmax=1)
            error = "" if states is fine else f"\n{float((states - fine).square().mean()):.4f}"
            colour = ACCENT if name == "searched" else INK
            axes.set_ylabel(f"{name}{error}", rotation=0, ha="right", va="center", color=colour)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        return figure

    return Picture(
        "One digit of each class from the same noise, in five calls of the network; the numbers "
        "are mean squared errors. Below, what 999 calls make of that noise.",
        "Four strips of ten small grey digits: DDIM, DPM-Solver++, searched schedule, 999 calls.",
        draw,
    )


TASK = Task(
    family="diffusion",
    title="Digits in five calls",
    question="How near do five calls of a diffusion network come to a thousand?",
    run=run,
    steps=STEPS,
    code=CODE,
    order=80,
    requires=("torch",),
    extra="diffusion",
)
