"""DC-Solver and DualFast on three small networks: what a search costs, and what it gains.

`python -m benchmarks diffusion_dc` prints the tables and keeps them in
`benchmarks/results/diffusion_dc.{md,json}`. Networks: `DigitsDenoiser.load(random_state=0, 1, 2)`,
trained at the first run, about a minute each. Grids: `time_grid(schedule, n, "linspace")`, even in
the training index, rounded, down to index 0. Errors: mean squared difference per pixel from 999
steps of DDIM with the same start, on noises that no search has seen. Needs PyTorch.
"""

from __future__ import annotations

import argparse
import json
import platform
import warnings
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

import sampkit
from benchmarks._dc_reference import as_published, lean
from benchmarks._measure import cpu_and_wall
from sampkit.diffusion import (
    DDIM,
    CompensationRegressor,
    DiffusionModel,
    DigitsDenoiser,
    DPMSolver,
    DualFast,
    DynamicCompensation,
    UniPC,
    frechet_distance,
    sample,
    search_compensation,
    time_grid,
    tune_dualfast,
)
from sampkit.diffusion._torch import torch

RESULTS = Path(__file__).parent / "results" / "diffusion_dc"
SEEDS = (0, 1, 2)
N_SEARCH, N_TEST, N_DISTANCE = 10, 1000, 2000
ROUNDS = 5
SOLVERS = {"UniPC-2": UniPC(2), "UniPC-3": UniPC(3), "2M": DPMSolver(2)}
Row = dict[str, Any]
Band = tuple[float, tuple[float, float]]


@cache
def network(seed: int) -> DigitsDenoiser:
    """A trained network."""
    return DigitsDenoiser.load(random_state=seed)


def noise(n: int, seed: int) -> torch.Tensor:
    """Start states."""
    return torch.randn(n, 64, generator=torch.Generator().manual_seed(seed))


def classes(n: int) -> torch.Tensor:
    """Every digit in turn."""
    return torch.arange(n) % 10


class Setting:
    """A network with its guidance on a grid, with noises to search on and others to test with."""

    def __init__(
        self, seed: int, n_steps: int, scale: float = 1.0, n_test: int = N_TEST,
        n_teacher: int = 999,
    ):  # fmt: skip
        self.digits = network(seed)
        self.grid = time_grid(self.digits.schedule, n_steps, "linspace")
        self.model: Any = self.digits.model if scale == 1 else self.digits.guided(scale)
        self.x, self.fresh = noise(N_SEARCH, 100 + seed), noise(n_test, 1 + seed)
        self.cond, self.fresh_cond = (
            (None, None) if scale == 1 else (classes(N_SEARCH), classes(n_test))
        )
        asked: dict[str, Any] = {"scale": scale, "n_steps": n_teacher}
        self.target = self.digits.teacher(self.x, self.grid, self.cond, **asked)
        self.end = self.digits.teacher(self.fresh, self.grid, self.fresh_cond, **asked)[-1]

    def error(self, solver: Any) -> float:
        """On the fresh noises."""
        found = sample(self.model, self.fresh, solver, self.grid, cond=self.fresh_cond)
        return float((found - self.end).square().mean())

    def search(self, solver: Any, **options: Any) -> Any:
        """Ratios from the noises kept for that."""
        return search_compensation(
            self.model, solver, self.grid, self.x, cond=self.cond, target=self.target, **options
        )

    def compensated(self, solver: Any) -> float:
        """Error with searched ratios."""
        return self.error(DynamicCompensation(solver, self.search(solver).ratios))


# --- the tables -----------------------------------------------------------------------------------


def times() -> list[Row]:
    """CPU seconds of the search, its teacher excluded, and what the ratios are worth."""
    rows = []
    for n in (5, 8):
        for name in ("UniPC-2", "UniPC-3"):
            solver, of_seed = SOLVERS[name], []
            for seed in SEEDS:
                s = Setting(seed, n)
                given = (s.model, solver, s.grid, s.x, s.target)
                calls = {
                    "search": lambda s=s, solver=solver: s.search(solver, accept="always").ratios,
                    "checked": lambda s=s, solver=solver: s.search(solver).ratios,
                    "published": lambda given=given, s=s: as_published(
                        *given, s.digits.model.fn.parameters()
                    ),
                    "lean": lambda given=given: lean(*given),
                }
                row: Row = {"n_calls": s.search(solver, accept="always").n_model_calls}
                row |= {f"{key} s": seconds for key, seconds in alternating(calls).items()}
                row["error base"] = s.error(solver)
                for key in ("search", "published"):
                    row[f"error {key}"] = s.error(DynamicCompensation(solver, calls[key]()))
                of_seed.append(row)
            rows.append({"calls": n, "solver": name} | means(of_seed))
            told(rows[-1])
    return rows


def alternating(calls: dict[str, Any]) -> dict[str, float]:
    """Smallest CPU seconds of each, in turns, of blocks of a tenth of a second at least."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    blocks = {name: 1 + int(0.1 / cpu_and_wall(call)[0]) for name, call in calls.items()}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            n = blocks[name]
            seconds = cpu_and_wall(lambda call=call, n=n: [call() for _ in range(n)])[0]
            taken[name].append(seconds / n)
    return {name: min(each) for name, each in taken.items()}


def wide() -> list[Row]:
    """The same times where the network is what costs: untrained, 2048 wide."""
    rows = []
    for n in (5, 8):
        s = Setting(0, n)
        net = torch.nn.Sequential(
            torch.nn.Linear(64, 2048), torch.nn.SiLU(), torch.nn.Linear(2048, 2048),
            torch.nn.SiLU(), torch.nn.Linear(2048, 64),
        ).requires_grad_(False)  # fmt: skip
        model = DiffusionModel(lambda x, t, net=net: x + 0.1 * net(x), s.digits.schedule)
        given = (model, UniPC(2), s.grid, s.x)
        calls = {
            "search": lambda given=given, s=s: search_compensation(
                *given, target=s.target, accept="always"
            ),
            "published": lambda given=given, s=s, net=net: as_published(
                *given, s.target, net.parameters()
            ),
            "lean": lambda given=given, s=s: lean(*given, s.target),
        }
        rows.append({"calls": n} | {f"{key} s": v for key, v in alternating(calls).items()})
        told(rows[-1])
    return rows


def gains(scale: float = 1.0, n_test: int = N_TEST, calls: Sequence[int] = (5, 8, 10)) -> list[Row]:
    """Error and Frechet distance of solvers with and without compensation."""
    rows = []
    for n in calls:
        for name, solver in SOLVERS.items():
            of_seed = []
            for seed in SEEDS:
                s = Setting(seed, n, scale, n_test)
                of_seed.append({"base": s.error(solver), "compensated": s.compensated(solver)})
                of_seed[-1]["ratio"] = of_seed[-1]["compensated"] / of_seed[-1]["base"]
            ratios = [each["ratio"] for each in of_seed]
            rows.append({"calls": n, "solver": name} | means(of_seed) | {"ratios": ratios})
            told(rows[-1])
    return rows


def distances() -> list[Row]:
    """Frechet distance to the data with DualFast as it comes and tuned on other noises."""
    rows = []
    for n in (5, 8):
        for name, solver in {"DDIM": DDIM(), **SOLVERS}.items():
            of_seed = []
            for seed in SEEDS:
                digits = network(seed)
                grid, x = time_grid(digits.schedule, n, "linspace"), noise(N_DISTANCE, 50 + seed)
                c = tune_dualfast(
                    digits.model, solver, grid, noise(N_SEARCH * 100, 500 + seed), digits.data_
                )
                base, plain, tuned = (
                    frechet_distance(sample(digits.model, x, each, grid), digits.data_)
                    for each in (solver, DualFast(solver), DualFast(solver, c))
                )
                of_seed.append({
                    "base": base, "c = 0.2": plain, "tuned": tuned, "c tuned": c,
                    "ratio c = 0.2": plain / base, "ratio tuned": tuned / base,
                })  # fmt: skip
            rows.append({"calls": n, "solver": name} | means(of_seed))
            told(rows[-1])
    return rows


def fast_and_error() -> list[Row]:
    """What DualFast does to the error, and under guidance."""
    rows = []
    for n, scale in ((5, 1.0), (8, 1.0), (5, 7.5), (8, 7.5)):
        s = Setting(0, n, scale, 500)
        for name, solver in {"DDIM": DDIM(), "2M": DPMSolver(2)}.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fast = s.error(DualFast(solver, 0.2, schedule="constant"))
            base = s.error(solver)
            rows.append({"calls": n, "guidance": scale, "solver": name, "base": base,
                         "c = 0.2, constant": fast, "ratio": fast / base})  # fmt: skip
            told(rows[-1])
    return rows


def regression() -> list[Row]:
    """Ratios of UniPC-2 predicted for configurations that were not searched, network 0."""
    X, y = [], []
    for nfe in (5, 6, 8, 10, 12):
        for cfg in (1.0, 2.0, 3.0, 4.5, 6.0):
            ratios = Setting(0, nfe, cfg, 1).search(UniPC(2), accept="always").ratios
            X += [(nfe, cfg, i + 1) for i in range(2, nfe)]
            y += ratios[2:].tolist()
    regressor = CompensationRegressor().fit(X, y)
    rows = []
    for nfe, cfg in ((7, 2.5), (11, 2.5), (9, 5.0), (7, 5.0)):
        s = Setting(0, nfe, cfg, 500)
        predicted = DynamicCompensation(UniPC(2), regressor.predict(nfe, cfg))
        rows.append({
            "calls": nfe, "guidance": cfg, "base": s.error(UniPC(2)),
            "searched": s.compensated(UniPC(2)), "predicted": s.error(predicted),
        })  # fmt: skip
        told(rows[-1])
    return rows


# --- cheap figures for the evidence page ----------------------------------------------------------


def check_gain() -> Band:
    """Error with and without ratios at 8 calls, one network, 100 steps of teacher."""
    s = Setting(0, 8, n_test=200, n_teacher=100)
    return s.compensated(UniPC(2)) / s.error(UniPC(2)), (0.3, 0.8)


def check_same_minimum() -> Band:
    """Largest difference from ratios by gradients, of two searches at 5 calls."""
    s = Setting(0, 5, n_test=1, n_teacher=100)
    found = s.search(UniPC(2), accept="always").ratios
    return float(np.abs(found - lean(s.model, UniPC(2), s.grid, s.x, s.target)).max()), (0, 0.05)


def check_dualfast() -> Band:
    """Frechet distances with and without DualFast, 2M at 8 calls, one network."""
    digits = network(0)
    grid, x = time_grid(digits.schedule, 8, "linspace"), noise(1000, 50)
    base, fast = (
        frechet_distance(sample(digits.model, x, each, grid), digits.data_)
        for each in (DPMSolver(2), DualFast(DPMSolver(2)))
    )
    return fast / base, (0.5, 0.9)


# --- printing -------------------------------------------------------------------------------------


def means(rows: list[Row]) -> Row:
    """Over seeds."""
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def told(row: Row) -> None:
    print("  ", {key: cell(value) for key, value in row.items()}, flush=True)


def cell(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(f"{each:.2f}" for each in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def markdown(rows: list[Row]) -> str:
    keys = list(rows[0])
    lines = ["| " + " | ".join(keys) + " |", "|" + " --- |" * len(keys)]
    lines += ["| " + " | ".join(cell(row[key]) for key in keys) + " |" for row in rows]
    return "\n".join(lines)


TABLES: dict[str, tuple[str, Any]] = {
    "times": (f"Search for {N_SEARCH} noises, CPU seconds without the teacher", times),
    "wide": ("The same on a costly network, untrained, UniPC-2", wide),
    "gains": (f"Error on {N_TEST} fresh noises, compensated and not", gains),
    "guided": ("The same, guidance 3, 500 noises", partial(gains, 3.0, 500, (5, 8))),
    "strong": ("The same, guidance 7.5, 500 noises", partial(gains, 7.5, 500, (5,))),
    "distances": (
        f"Frechet distance of {N_DISTANCE} samples to the data with DualFast", distances,
    ),
    "error": ("Error with DualFast, network 0", fast_and_error),
    "regression": (
        "UniPC-2 with ratios from a regression on 25 other configurations, network 0", regression,
    ),
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Run, print and keep."""
    parser = argparse.ArgumentParser(prog="benchmarks diffusion_dc", description=__doc__)
    parser.add_argument("--no-save", action="store_true", help="print only")
    parser.add_argument("--only", nargs="+", choices=TABLES, help="renew these tables only")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    kept = RESULTS.with_suffix(".json")
    tables: dict[str, list[Row]] = {}
    for key, (title, made) in TABLES.items():
        if options.only and key not in options.only:
            continue
        print(f"\n## {title}", flush=True)
        tables[title] = made()
        for row in tables[title]:
            for peer in ("published", "lean"):
                if f"{peer} s" in row:
                    row[f"{peer} / search"] = row[f"{peer} s"] / row["search s"]
        print(markdown(tables[title]), flush=True)
    about = (
        f"Means over networks {SEEDS}. Alternating in one process, minima of {ROUNDS} rounds, one "
        'thread. "search" is `search_compensation(accept="always")`, which does what the published '
        'search does; "checked" the default, which compares with all ones in the end; "published" '
        "AdamW, its coefficients worked out in tensors at every evaluation, with gradients in the "
        'network\'s weights, as the released programs run; "lean" the same with the coefficients '
        "of a plan and the weights frozen. sampkit "
        f"{sampkit.__version__}, PyTorch {torch.__version__}, NumPy {np.__version__}, Python "
        f"{platform.python_version()}."
    )
    if options.only and kept.exists():
        tables = json.loads(kept.read_text(encoding="utf-8"))["tables"] | tables
    parts = ["# diffusion_dc", about]
    for title, _ in TABLES.values():
        if title in tables:
            parts += [f"## {title}", markdown(tables[title])]
    if not options.no_save:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.with_suffix(".md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
        text = json.dumps({"about": about, "tables": tables}, indent=1)
        kept.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
