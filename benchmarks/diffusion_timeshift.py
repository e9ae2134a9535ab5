"""Time-Shift, adaptive steps and inversion on the digits networks, and where Time-Shift fails.

Three networks of `DigitsDenoiser`, trained at the first run, about a minute each; the linear
schedule, integer times even in the training index ("linspace"). Frechet distances are those of
2000 samples from the 1797 digits, in all 64 pixels. Needs PyTorch.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import numpy as np

from sampkit.diffusion import (
    DDIM,
    DDPM,
    DEIS,
    DPMSolver,
    UniPC,
    frechet_distance,
    time_grid,
)

STATES = (0, 1, 2)
SAMPLES, FEW = 2000, 500
SHIFT: dict[str, Any] = {"window": 80, "cutoff": 100, "eta": 1.0}


@cache
def digits(state: int) -> Any:
    """A trained network, from the cache if it is there."""
    from sampkit.diffusion import DigitsDenoiser

    torch = importlib.import_module("torch")  # after ours, which says how to get it
    torch.set_num_threads(1)
    return DigitsDenoiser.load(random_state=state)


def shift(unchecked: bool = False, **parameters: Any) -> Any:
    """A Time-Shift with the variance of the digits; `unchecked` lets windows be too wide."""
    from sampkit.diffusion import TimeShift
    from sampkit.diffusion._shifted_run import ShiftedRun

    class Unchecked(TimeShift):
        def _run(self, model: Any, x: Any, grid: Any, **settings: Any) -> Any:
            return ShiftedRun(model, x, self.base.plan(model.schedule, grid), self, **settings)

    variance = float(digits(0).data_.var(1).mean())
    given = {**SHIFT, "target": "marginal", "data_variance": variance, **parameters}
    return (Unchecked if unchecked else TimeShift)(**given)


def noise(n: int, seed: int) -> Any:
    """Start states."""
    import torch

    return torch.randn(n, 64, generator=torch.Generator().manual_seed(seed))


@cache
def distance(state: int, solver: Any, calls: int, n: int = SAMPLES) -> float:
    """Frechet distance of a solver's samples from the digits."""
    import torch

    from sampkit.diffusion import sample

    held = digits(state)
    grid = time_grid(held.schedule, calls, "linspace")
    fresh = torch.Generator().manual_seed(1000 + state)
    ends = sample(held.model, noise(n, state), solver, grid, generator=fresh)
    return frechet_distance(ends, held.data_)


def against(name: str, moved: Any, base: Any, calls: int) -> dict[str, Any]:
    """Means over the networks of a moved solver and its base, and the ratio's range."""
    pairs = [[distance(state, each, calls) for each in (base, moved)] for state in STATES]
    ratios = [after / before for before, after in pairs]
    means = np.mean(pairs, axis=0)
    return {
        "solver": name,
        "calls": calls,
        "without": float(means[0]),
        "with Time-Shift": float(means[1]),
        "ratio of means": float(means[1] / means[0]),
        "ratios": f"{min(ratios):.2f} to {max(ratios):.2f}",
    }


def targets() -> list[dict[str, Any]]:
    """What the variance is compared with, in ten calls of DDPM and of DDIM."""
    rows = []
    for target in ("marginal", "sigma2", "estimate"):
        for pool in ("sample", "batch"):
            moved = shift(target=target, pool=pool)
            name = f"DDPM, window 80, {target}, pool={pool!r}"
            rows.append(against(name, moved, DDPM(), 10))
    model = shift(apply_to="model")
    rows.append(against("DDPM, window 80, marginal, apply_to='model'", model, DDPM(), 10))
    for target in ("marginal", "sigma2", "estimate"):
        moved = shift(target=target, window=20, eta=0.0)
        rows.append(against(f"DDIM, window 20, {target}", moved, DDIM(), 10))
    plain = float(np.mean([distance(state, UniPC(2), 10) for state in STATES]))
    rows.append({"solver": "UniPC-2", "calls": 10, "without": plain})
    return rows


def traps() -> list[dict[str, Any]]:
    """Windows wider than the steps, which are refused; and a high order in few calls."""
    rows = []
    for calls, window in ((10, 80), (20, 48), (20, 80), (50, 80)):
        refused = window > 999 / calls
        moved = shift(unchecked=refused, window=window)
        name = f"DDPM, window {window}" + (", refused by default" if refused else "")
        rows.append(against(name, moved, DDPM(), calls))
    for calls in (10, 20):
        moved = shift(window=20, eta=0.0, order=4, target="estimate")
        name = "order 4, window 20, estimate"
        rows.append(against(name, moved, DEIS(3, "ipndm"), calls))
    return rows


def variances() -> list[dict[str, Any]]:
    """How far the variance of a state of few elements says its time: exact states of the data."""
    import torch

    held, schedule = digits(0), digits(0).schedule
    data, rows = held.data_.double(), []
    for t in (900.0, 700.0, 500.0, 300.0):
        fresh = torch.randn(
            data.shape, dtype=data.dtype, generator=torch.Generator().manual_seed(0)
        )
        found = schedule.add_noise(data, fresh, t).var(1).numpy()
        indices = np.arange(1000.0)
        sigma2 = np.square(schedule.sigma(indices))
        marginal = sigma2 + np.square(schedule.alpha(indices)) * float(data.var(1).mean())
        row: dict[str, Any] = {"training step": t, "mean": float(found.mean())}
        row["spread over samples"] = float(found.std() / found.mean())
        row["sigma^2"] = float(schedule.sigma(t) ** 2)
        for name, expected in (("sigma2", sigma2), ("marginal", marginal)):
            row[f"{name} points to"] = float(indices[np.argmin(abs(found.mean() - expected))])
        rows.append(row)
    return rows


def adaptive() -> list[dict[str, Any]]:
    """Calls and errors of adaptive steps and of grids with as many calls."""
    import torch

    from sampkit.diffusion import adaptive_sample, sample

    rows = []
    for order, tolerance in ((3, 0.2), (3, 0.05), (3, 0.01), (2, 0.05), (2, 0.01)):
        row: dict[str, Any] = {"order": order, "rtol": tolerance}
        found: dict[str, list[float]] = {}
        for state in STATES:
            held = digits(state)
            x, ends = noise(FEW, state), [held.schedule.t_max, held.schedule.t_min]
            wanted = held.teacher(x, ends)[-1]
            end, info = adaptive_sample(
                held.model, x, order=order, rtol=tolerance, atol=tolerance * 0.156,
                return_info=True,
            )  # fmt: skip
            found.setdefault("calls", []).append(info.n_evals)
            found.setdefault("accepted", []).append(info.n_accepted)
            found.setdefault("rejected", []).append(info.n_rejected)
            found.setdefault("error", []).append(float((end - wanted).square().mean()))
            grid = time_grid(held.schedule, info.n_evals, "logsnr")
            for name, solver in (("UniPC-2", UniPC(2)), ("2M", DPMSolver(2))):
                same = sample(held.model, x, solver, grid)
                error = float((same - wanted).square().mean())
                found.setdefault(f"{name}, as many on logsnr", []).append(error)
        assert torch.isfinite(end).all()
        rows.append(row | {name: float(np.mean(values)) for name, values in found.items()})
    return rows


def round_trip(state: int, steps: int, n: int = 200, **ends: Any) -> tuple[Any, Any]:
    """Digits to noise and back: root mean square error of a pixel, and the noise."""
    from sampkit.diffusion import sample

    held = digits(state)
    image = held.data_[:n]
    grid = time_grid(held.schedule, steps, "time", **ends)
    encoded = sample(held.model, image, DDIM(), grid[::-1])
    back = sample(held.model, encoded, DDIM(), grid)
    return float((back - image).square().mean().sqrt()), encoded


def inversion() -> list[dict[str, Any]]:
    """Error of the way to the noise and back, by steps, from two places near the data."""
    rows = []
    for name, ends in (("20", {"t_end": 20}), ("the clean data", {"final": "zero"})):
        before = None
        for steps in (25, 50, 100, 200, 400):
            trips = [round_trip(state, steps, **ends) for state in STATES]
            error = float(np.mean([each for each, _ in trips]))
            row: dict[str, Any] = {"from": name, "steps": steps, "error of a pixel": error}
            row["order"] = None if before is None else float(np.log2(before / error))
            stds = [float(z.std()) for _, z in trips]
            row["standard deviation of the noise"] = f"{min(stds):.2f} to {max(stds):.2f}"
            rows.append(row)
            before = error
    return rows


def check_marginal() -> tuple[float, tuple[float, float]]:
    """Frechet distance with the marginal target over DDPM's, ten calls."""
    n = 1000
    return distance(0, shift(), 10, n) / distance(0, DDPM(), 10, n), (0.4, 0.8)


def check_published_target() -> tuple[float, tuple[float, float]]:
    """The same with the published target."""
    n = 1000
    return distance(0, shift(target="sigma2"), 10, n) / distance(0, DDPM(), 10, n), (1.1, 3.0)


def check_round_trip() -> tuple[float, tuple[float, float]]:
    """Error of a round trip of 100 steps over one of 200: first order doubles it."""
    return round_trip(0, 100, t_end=20)[0] / round_trip(0, 200, t_end=20)[0], (1.7, 2.3)


def tables() -> dict[str, list[dict[str, Any]]]:
    """Everything, by title."""
    return {
        "Time-Shift in ten calls: Frechet distance to the digits": targets(),
        "Time-Shift, traps: Frechet distance to the digits": traps(),
        "Variance over 64 pixels of noisy digits, and the step it points to": variances(),
        "Adaptive steps: mean squared difference from 999 steps of DDIM": adaptive(),
        "Inversion by DDIM and back, nodes even in time": inversion(),
    }


def main(argv: list[str]) -> None:
    """Measure, print and keep."""
    from benchmarks.diffusion import keep

    keep("diffusion_timeshift", f"Means over networks of random states {STATES}", tables())
