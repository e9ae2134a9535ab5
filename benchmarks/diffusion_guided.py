"""Guidance, limits and few calls on the digits network: what is lost, and what repairs it.

Everything is compared with 999 steps of DDIM from the same noise. Guided runs use a scale of 7.5
and even times, as the published comparison of noise and data prediction does; networks of several
random states, trained once and kept.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import numpy as np

from sampkit.diffusion import DDIM, DEIS, DPMSolver, UniPC, frechet_distance, time_grid

STATES = (0, 1, 2)
GUIDED_CALLS, PLAIN_CALLS, LIMIT_CALLS = (6, 12, 20), (5, 8, 10), 15
GRID_CALLS = (5, 8, 10, 20)
SCALE = 7.5
MANY = 300  # samples behind an error; distances between laws take twice as many

# From 15 steps on the default keeps the full order to the end, as diffusers does: on even times,
# whose last step is long in the log-SNR, that is worse.
TWO = DPMSolver(2, lower_order_final=True)
GUIDED: dict[str, Any] = {
    "DDIM": DDIM(),
    "DPM-Solver-3, singlestep, noise": DPMSolver(3, prediction="eps", method="singlestep"),
    "the same, data": DPMSolver(3, method="singlestep"),
    "DPM-Solver++ 2M": TWO,
    "DPM-Solver++ 3M as released": DPMSolver(3, weights="legacy", lower_order_final=True),
    "UniPC-2": UniPC(2),
}
PLAIN: dict[str, Any] = {
    "DDIM": DDIM(),
    "DPM-Solver++ 2M": TWO,
    "UniPC-2": UniPC(2),
    "UniPC-3, bh1": UniPC(3, variant="bh1"),
    "DEIS log-rho, degree 2": DEIS(2, "logrho", lower_order_final=True),
    "DEIS tAB, degree 3": DEIS(3, "tab"),
    "UniPC-3, noise": UniPC(3, prediction="eps"),
}


@cache
def digits(state: int) -> Any:
    """A trained network, from the cache if it is there."""
    from sampkit.diffusion import DigitsDenoiser

    torch = importlib.import_module("torch")  # after ours, which says how to get it
    torch.set_num_threads(1)
    return DigitsDenoiser.load(random_state=state)


def start(n: int, seed: int = 0) -> tuple[Any, Any]:
    """Noise and classes, every class equally often."""
    import torch

    noise = torch.randn(n, 64, generator=torch.Generator().manual_seed(seed))
    return noise, torch.arange(n) % 10


@cache
def teacher(state: int, scale: float | None, n: int, limited: bool = False) -> Any:
    """The ends of 999 steps of DDIM; without a scale neither guidance nor classes."""
    from sampkit.diffusion import DynamicThreshold

    held = digits(state)
    if limited:
        return run(state, DDIM(), 999, scale, n, DynamicThreshold())
    _, x, cond = chosen(state, scale, n)
    ends = [held.schedule.t_max, held.schedule.t_min]
    return held.teacher(x, ends, cond, scale=1.0 if scale is None else scale)[-1]


def chosen(state: int, scale: float | None, n: int) -> tuple[Any, Any, Any]:
    """Model, noise and condition of a setting."""
    x, classes = start(n)
    if scale is None:
        return digits(state).model, x, None
    return digits(state).guided(scale), x, classes


def run(
    state: int,
    solver: Any,
    calls: int,
    scale: float | None,
    n: int,
    limit: Any = None,
    spacing: str = "time",
) -> Any:
    """Samples of a solver."""
    from sampkit.diffusion import sample

    model, x, cond = chosen(state, scale, n)
    grid = time_grid(model.schedule, calls, spacing)
    return sample(model, x, solver, grid, cond=cond, postprocess=limit)


def error(
    state: int,
    solver: Any,
    calls: int,
    scale: float | None = SCALE,
    n: int = MANY,
    limited: bool = False,
) -> float:
    """Mean squared difference from the teacher; with limits that one has them, too."""
    from sampkit.diffusion import DynamicThreshold

    ends = run(state, solver, calls, scale, n, DynamicThreshold() if limited else None)
    return float((ends - teacher(state, scale, n, limited)).square().mean())


def errors(
    solvers: dict[str, Any], calls: tuple[int, ...], scale: float | None, limited: bool = False
) -> list[dict]:
    """A table: medians over the networks, and the range."""
    rows = []
    for name, solver in solvers.items():
        row: dict[str, Any] = {"solver": name}
        for n_calls in calls:
            found = [error(state, solver, n_calls, scale, limited=limited) for state in STATES]
            row[f"{n_calls} calls"] = float(np.median(found))
            row[f"range ({n_calls})"] = f"{min(found):.3g} to {max(found):.3g}"
        rows.append(row)
    return rows


def by_grid() -> list[dict]:
    """Errors without guidance on three grids: medians over the networks."""
    rows = []
    for name in ("DDIM", "DPM-Solver++ 2M", "UniPC-2", "DEIS log-rho, degree 2"):
        for spacing in ("time", "quadratic", "logsnr"):
            row: dict[str, Any] = {"solver": name, "nodes even in": spacing}
            for calls in GRID_CALLS:
                errors = []
                for state in STATES:
                    ends = run(state, PLAIN[name], calls, None, MANY, spacing=spacing)
                    errors.append(float((ends - teacher(state, None, MANY)).square().mean()))
                row[f"{calls} calls"] = float(np.median(errors))
            rows.append(row)
    return rows


def quality(state: int, samples: Any, classes: Any) -> dict[str, float]:
    """How far samples are from the data, how large they get, how many are what was asked for."""
    held = digits(state)
    return {
        "Frechet distance": frechet_distance(samples, held.data_),
        "largest abs x": float(samples.abs().max()),
        "class accuracy": float(np.mean(held.classify(samples) == classes.numpy())),
    }


def limits(n: int = 2 * MANY) -> list[dict]:
    """Thresholding, and its absence, at two scales; the teacher has none."""
    from sampkit.diffusion import Clip, DynamicThreshold

    _, classes = start(n)
    rows = []
    for scale in (3.0, SCALE):
        runs = {"999 steps of DDIM, none": None, f"2M, {LIMIT_CALLS} calls, none": None}
        runs |= {
            f"2M, {LIMIT_CALLS} calls, Clip(-1, 1)": Clip(-1.0, 1.0),
            f"2M, {LIMIT_CALLS} calls, DynamicThreshold()": DynamicThreshold(),
        }
        for name, limit in runs.items():
            found = []
            for state in STATES:
                ends = (
                    teacher(state, scale, n)
                    if name.startswith("999")
                    else run(state, TWO, LIMIT_CALLS, scale, n, limit)
                )
                found.append(quality(state, ends, classes))
            means = {key: float(np.median([each[key] for each in found])) for key in found[0]}
            rows.append({"scale": scale, "run, limit": name, **means})
    return rows


def check_noise_prediction() -> tuple[float, tuple[float, float]]:
    """Error of third-order singlestep noise prediction over DDIM's: guidance makes it worse."""
    eps = GUIDED["DPM-Solver-3, singlestep, noise"]
    return error(0, eps, 12, n=100) / error(0, DDIM(), 12, n=100), (1.0, np.inf)


def check_data_prediction() -> tuple[float, tuple[float, float]]:
    """Error of the multistep data prediction over DDIM's at the same scale."""
    return error(0, TWO, 12, n=100) / error(0, DDIM(), 12, n=100), (0.0, 0.7)


def check_thresholding() -> tuple[float, tuple[float, float]]:
    """Frechet distance with dynamic thresholding over that without."""
    from sampkit.diffusion import DynamicThreshold

    _, classes = start(300)
    with_limit, without = (
        quality(0, run(0, TWO, LIMIT_CALLS, SCALE, 300, limit), classes)
        for limit in (DynamicThreshold(), None)
    )
    return with_limit["Frechet distance"] / without["Frechet distance"], (0.0, 0.2)


def check_few_calls() -> tuple[float, tuple[float, float]]:
    """Error of UniPC-2 over DDIM's in eight calls without guidance."""
    return error(0, UniPC(2), 8, None, 200) / error(0, DDIM(), 8, None, 200), (0.0, 0.5)


def tables() -> dict[str, list[dict[str, Any]]]:
    """Everything, by title."""
    against = "mean squared difference from 999 steps of DDIM"
    return {
        f"Guided, scale {SCALE}: {against}": errors(GUIDED, GUIDED_CALLS, SCALE),
        f"Guided, scale {SCALE}, every run and the teacher with DynamicThreshold()": errors(
            GUIDED, GUIDED_CALLS, SCALE, limited=True
        ),
        f"Thresholding, {LIMIT_CALLS} calls": limits(),
        f"Unguided: {against}": errors(PLAIN, PLAIN_CALLS, None),
        f"Unguided, by grid: {against}": by_grid(),
    }


def main(argv: list[str]) -> None:
    """Measure, print and keep."""
    from benchmarks.diffusion import keep

    keep("diffusion_guided", f"Medians over networks of random states {STATES}", tables())
