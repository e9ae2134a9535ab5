"""Searched solver schedules on the digits network: against every fixed solver, and their cost.

``python -m benchmarks diffusion_s3`` trains the network first if it is not in the cache (about a
minute) and needs some minutes; PyTorch is needed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from unittest import mock

import numpy as np

from benchmarks._measure import Case, measure

STATES = (0, 1, 2)
CALLS = {5: 0.92, 10: 0.55}  # number of calls -> largest acceptable share of the best fixed error
BUDGET, NOISES, FRESH = 400, 256, 2000
SPACINGS = ("linspace", "logsnr", "karras", "quadratic")
NETWORKS = (0, 1)
ENDS = [999.0, 0.0]


def normal(n: int, seed: int):
    """Start states of n digits."""
    import torch

    return torch.randn(n, 64, generator=torch.Generator().manual_seed(seed))


def fixed_solvers() -> dict[str, object]:
    """Multistep solvers of second and third order, and DDIM."""
    from sampkit.diffusion import DDIM, DPMSolver, UniPC

    found: dict[str, object] = {"DDIM": DDIM()}
    for order in (2, 3):
        for prediction in ("x0", "eps"):
            for low in (True, False):
                word = f"{order}, {prediction}{', low at the end' if low else ''}"
                for weights in ("midpoint", "exact"):
                    found[f"DPMSolver({word}, {weights})"] = DPMSolver(
                        order, prediction, weights=weights, lower_order_final=low
                    )
                found[f"UniPC({word})"] = UniPC(order, prediction, lower_order_final=low)
    return found


class Judge:
    """Errors on fresh noises to 999 steps of DDIM."""

    def __init__(self, digits):
        self.digits, self.x = digits, normal(FRESH, 200)
        self.fine = digits.teacher(self.x, ENDS)[-1]

    def __call__(self, solver, grid=None) -> float:
        import torch

        from sampkit.diffusion import sample

        with torch.no_grad():
            ends = sample(self.digits.model, self.x, solver, grid)
        return float((ends - self.fine).square().mean())

    def best_fixed(self, n_calls: int, spacings) -> tuple[float, str]:
        """The smallest error of a fixed solver on one of the spacings, and whose it is."""
        from sampkit.diffusion import time_grid

        every = [
            (self(solver, time_grid(self.digits.schedule, n_calls, spacing)), f"{name}, {spacing}")
            for spacing in spacings
            for name, solver in fixed_solvers().items()
        ]
        return min(every)


def quality(networks=NETWORKS, spacings=None) -> Iterator[dict[str, object]]:
    """One row for each network and number of calls; `spacings` replaces where searches start."""
    from sampkit.diffusion import DigitsDenoiser, search_solver_schedule
    from sampkit.diffusion.search import _start

    started = _start.SPACINGS if spacings is None else spacings
    for network in networks:
        digits = DigitsDenoiser.load(random_state=network)
        judge = Judge(digits)
        for n_calls, target in CALLS.items():
            before = time.process_time()
            with mock.patch.object(_start, "SPACINGS", started):
                found = [
                    search_solver_schedule(
                        digits.model,
                        n_calls,
                        normal(NOISES, 100),
                        budget=BUDGET,
                        random_state=state,
                    )
                    for state in STATES
                ]
            seconds = (time.process_time() - before) / len(STATES)
            errors = [judge(each.best) for each in found]
            on_even, name = judge.best_fixed(n_calls, SPACINGS[:1])
            anywhere, where = judge.best_fixed(n_calls, SPACINGS)
            yield {
                "network": network,
                "calls": n_calls,
                "searched, MSE of random states 0, 1, 2": " ".join(f"{e:.3g}" for e in errors),
                "best fixed on linspace": f"{on_even:.3g} ({name})",
                "median ratio": float(np.median(errors)) / on_even,
                "best fixed on any spacing": f"{anywhere:.3g} ({where})",
                "median ratio there": float(np.median(errors)) / anywhere,
                "target": target,
                "CPU s a search": seconds,
            }


def frechet() -> Iterator[dict[str, object]]:
    """Searches for nearness to the data instead of the fine run, judged by that on fresh noises."""
    import torch

    from sampkit.diffusion import (
        DigitsDenoiser,
        frechet_distance,
        sample,
        search_solver_schedule,
        time_grid,
    )

    digits = DigitsDenoiser.load()
    fresh, data = normal(FRESH, 200), digits.data_

    def distance(solver, grid=None) -> float:
        with torch.no_grad():
            return frechet_distance(sample(digits.model, fresh, solver, grid), data)

    fine = frechet_distance(digits.teacher(fresh, ENDS)[-1], data)
    for n_calls in CALLS:
        fixed = [
            (distance(solver, time_grid(digits.schedule, n_calls, spacing)), f"{name}, {spacing}")
            for spacing in SPACINGS
            for name, solver in fixed_solvers().items()
        ]
        found = search_solver_schedule(
            digits.model, n_calls, normal(NOISES, 100), budget=BUDGET, random_state=0,
            objective=lambda samples: frechet_distance(samples, data),
        )  # fmt: skip
        best = min(fixed)
        yield {
            "calls": n_calls,
            "searched": distance(found.best),
            "best fixed on any spacing": f"{best[0]:.3g} ({best[1]})",
            "999 steps of DDIM": fine,
        }


def time_cases() -> Iterator[Case]:
    """32 candidates of 5 steps: together, and planned and run one by one."""
    import torch

    from sampkit.diffusion import DigitsDenoiser, sample, time_grid
    from sampkit.diffusion.search._evolution import random_schedules
    from sampkit.diffusion.search._population import Terms
    from sampkit.diffusion.search._scoring import Scorer

    digits = DigitsDenoiser.load()
    terms = Terms.on(digits.schedule, time_grid(digits.schedule, 5, "linspace"))
    for rows in (4, 16, 32, 256):
        x = normal(rows, 0)
        scorer = Scorer(digits.model, x, terms.grid)
        made = random_schedules(terms, 32, np.random.default_rng(0)).schedules()

        def together(scorer=scorer, made=made) -> None:
            scorer(made)

        def alone(x=x, made=made, scorer=scorer) -> None:
            with torch.no_grad():
                for each in made:
                    ends = sample(digits.model, x, each)
                    float((ends - scorer.reference).square().mean())

        yield Case(f"32 candidates on {rows} noises", together, alone, "one by one", rounds=7)


def times() -> Iterator[dict[str, object]]:
    """One row for each number of noises."""
    for case in time_cases():
        row = measure(case)
        yield {
            "what": case.name,
            "ms a candidate": row["cpu_s"] * 1e3 / 32,
            "one by one, ms": row["peer_cpu_s"] * 1e3 / 32,
            "ratio": row["cpu_ratio"],
        }


TABLES = {
    "quality": (
        f"Budget {BUDGET}, {NOISES} noises in the search, errors on {FRESH} fresh ones",
        quality,
    ),
    "alone": (
        "The same, started from the grid of integer times alone",
        lambda: quality(NETWORKS[:1], ()),
    ),
    "frechet": (
        f"Frechet distance to the data as objective, network 0, {FRESH} fresh noises",
        frechet,
    ),
    "times": ("CPU time of a candidate of 5 steps", times),
}


def share_of_the_best(n_calls: int, budget: int) -> float:
    """What a small search leaves of the best fixed error, on a law with an exact network."""
    import torch

    from sampkit.diffusion import GaussianMixture, VPLinearSchedule, search_solver_schedule

    law = GaussianMixture([[-1.0, 0.0], [1.0, 0.5]], [0.05, 0.2], [1, 2])
    x = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    found = search_solver_schedule(
        law.model(VPLinearSchedule()), n_calls, x, budget=budget, predictor=None, random_state=0
    )
    fixed = found.history["score"][found.history["origin"] == "fixed"]
    return found.fresh_score / float(fixed.min())


def check_search() -> tuple[float, tuple[float, float]]:
    """Five calls."""
    return share_of_the_best(5, 120), (0.0, 0.92)


def check_schedule_of_ten() -> tuple[float, tuple[float, float]]:
    """Ten calls."""
    return share_of_the_best(10, 150), (0.0, 0.92)


def main(argv: list[str]) -> None:
    """Measure, print and keep all tables, or those named after ``--only``; the others stay."""
    import json

    import torch

    from benchmarks.__main__ import RESULTS, environment
    from benchmarks.diffusion import as_markdown

    torch.set_num_threads(1)
    chosen = argv[1:] if argv[:1] == ["--only"] else list(TABLES)
    file = RESULTS / "diffusion_s3.json"
    found = json.loads(file.read_text())["tables"] if file.exists() else {}
    for name in chosen:
        title, rows = TABLES[name]
        found[title] = list(rows())
        print(f"## {title}\n\n{as_markdown(found[title])}\n", flush=True)
    around = {**environment(), "torch": torch.__version__, "torch threads": 1}
    head = ", ".join(f"{key} {value}" for key, value in around.items())
    text = ["# diffusion_s3\n", f"Mean squared errors to 999 steps of DDIM; {head}.\n"]
    titles = [title for title, _ in TABLES.values() if title in found]
    text += [f"## {title}\n\n{as_markdown(found[title])}\n" for title in titles]
    (RESULTS / "diffusion_s3.md").write_text("\n".join(text))
    kept = {"environment": around, "tables": {title: found[title] for title in titles}}
    file.write_text(json.dumps(kept, indent=1) + "\n")
