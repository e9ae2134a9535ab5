"""DC-Solver's search as published: AdamW on each ratio, back-propagated through the network.

Two forms of the same search, written from the publication. `as_published` does at every evaluation
what the released programs do: it works the coefficients out in tensors, and gradients flow into the
network's weights, too, which those programs load and do not freeze. `lean` takes the coefficients
from a plan and freezes the weights, so that what is left is the network, the gradient in its input
and the optimiser. Both: K = 2, rate .1, 40 iterations, ratios from 1, mean squared distance of the
corrected state (of the predicted one at the end) to the teacher.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from sampkit.diffusion import Plan, UniPC
from sampkit.diffusion._torch import torch

ITERATIONS, RATE, DEGREE = 40, 0.1, 2


class Levels:
    """Alpha and sigma of a discrete schedule as tensors, by interpolation in float32."""

    def __init__(self, schedule: Any):
        times = np.arange(-1, 1000)
        self.times = torch.tensor(times, dtype=torch.float32)
        self.logs = torch.tensor(schedule.log_alpha(times), dtype=torch.float32)

    def log_alpha(self, t: torch.Tensor) -> torch.Tensor:
        place = torch.searchsorted(self.times, t.contiguous()).clamp(1, len(self.times) - 1)
        low, high = self.times[place - 1], self.times[place]
        share = (t - low) / (high - low)
        return self.logs[place - 1] * (1 - share) + self.logs[place] * share

    def sigma(self, t: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(1 - torch.exp(2 * self.log_alpha(t)))

    def lam(self, t: torch.Tensor) -> torch.Tensor:
        return self.log_alpha(t) - torch.log(self.sigma(t))


def compensated(
    outputs: list[torch.Tensor], times: list[torch.Tensor], ratio: torch.Tensor
) -> torch.Tensor:
    """The newest output moved in time; outputs and times oldest first."""
    at = ratio * times[-1] + (1 - ratio) * times[-2]
    total = torch.zeros_like(outputs[-1])
    for i in range(DEGREE + 1):
        term = outputs[-1 - i]
        for j in range(DEGREE + 1):
            if i != j:
                term = term * ((at - times[-1 - j]) / (times[-1 - i] - times[-1 - j]))[0]
        total = total + term
    return total


class Published:
    """UniPC (data prediction, bh2) whose every step begins with the schedule."""

    def __init__(self, model: Any, grid: Any, order: int, cond: Any = None):
        self.model, self.levels, self.order, self.cond = model, Levels(model.schedule), order, cond
        self.grid = torch.tensor(np.asarray(grid), dtype=torch.float32)

    def denoise(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        eps = self.model._output(x, self.model.call_at(float(t[0]), x), self.cond)
        alpha, sigma = torch.exp(self.levels.log_alpha(t)), self.levels.sigma(t)
        return (x - sigma[:, None] * eps) / alpha[:, None]

    def step(
        self, x: torch.Tensor, outputs: list[torch.Tensor], *, times: list[torch.Tensor],
        t: torch.Tensor, order: int, correct: bool,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:  # fmt: skip
        """One predictor and its corrector, which calls the network."""
        lam_s, lam_t = self.levels.lam(times[-1]), self.levels.lam(t)
        sigma_s, sigma_t = self.levels.sigma(times[-1]), self.levels.sigma(t)
        alpha_t = torch.exp(self.levels.log_alpha(t))
        h = lam_t - lam_s
        places, slopes = [], []
        for i in range(1, order):
            place = ((self.levels.lam(times[-1 - i]) - lam_s) / h)[0]
            places.append(place)
            slopes.append((outputs[-1 - i] - outputs[-1]) / place)
        r = torch.stack([*places, torch.tensor(1.0)])
        hh = -h[0]
        size = torch.expm1(hh)
        phi, factorial, rows, right = size / hh - 1, 1, [], []
        for i in range(1, order + 1):
            rows.append(r ** (i - 1))
            right.append(phi * factorial / size)
            factorial *= i + 1
            phi = phi / hh - 1 / factorial
        R, b = torch.stack(rows), torch.stack(right)
        scale = (alpha_t * size)[:, None]
        base = (sigma_t / sigma_s)[:, None] * x - scale * outputs[-1]
        D = torch.stack(slopes) if slopes else None
        predicted = base
        if D is not None:
            half = torch.tensor([0.5])
            rho = half if order == 2 else torch.linalg.solve(R[:-1, :-1], b[:-1])
            predicted = base - scale * torch.einsum("k,kbd->bd", rho, D)
        if not correct:
            return predicted, None
        rho = torch.tensor([0.5]) if order == 1 else torch.linalg.solve(R, b)
        new = self.denoise(predicted, t)
        total = rho[-1] * (new - outputs[-1])
        if D is not None:
            total = total + torch.einsum("k,kbd->bd", rho[:-1], D)
        return base - scale * total, new

    def search(self, x: torch.Tensor, targets: list[torch.Tensor]) -> list[float]:
        """The ratios, one step after another."""
        n = len(self.grid) - 1
        nodes = [t.expand(x.shape[0]) for t in self.grid]
        outputs, ratios = [self.denoise(x, nodes[0])], []
        for i in range(n):
            order, correct = min(self.order, i + 1, n - i), i + 1 < n
            step = partial(
                self.step, x, times=nodes[: i + 1], t=nodes[i + 1], order=order, correct=correct
            )
            loss_of = partial(distance, step, outputs, nodes[: i + 1], targets[i + 1])
            ratios.append(descended(loss_of) if i >= DEGREE else 1.0)
            if ratios[-1] != 1:
                outputs[-1] = compensated(outputs, nodes[: i + 1], torch.tensor(ratios[-1]))
            x, new = step(outputs)
            if new is not None:
                outputs.append(new)
        return ratios


def distance(
    step: Any, outputs: list[torch.Tensor], times: list[torch.Tensor], target: torch.Tensor,
    ratio: torch.Tensor,
) -> torch.Tensor:  # fmt: skip
    moved = [*outputs[:-1], compensated(outputs, times, ratio)]
    return torch.nn.functional.mse_loss(step(moved)[0], target)


def descended(loss_of: Any) -> float:
    """40 iterations of AdamW from 1."""
    ratio = torch.nn.Parameter(torch.tensor([1.0]))
    optimizer = torch.optim.AdamW([ratio], lr=RATE)
    with torch.enable_grad():
        for _ in range(ITERATIONS):
            optimizer.zero_grad()
            loss = loss_of(ratio)
            loss.backward()
            optimizer.step()
    return float(ratio.detach())


def as_published(
    model: Any, solver: UniPC, grid: Any, x: torch.Tensor, targets: Any, weights: Any,
    cond: Any = None,
) -> list[float]:  # fmt: skip
    """Ratios for a UniPC in data prediction, of a network with these weights."""
    with torch.no_grad():
        searched = Published(model, grid, solver.order, cond)
    weights = list(weights)
    for each in weights:
        each.requires_grad_(True)
    try:
        with torch.no_grad():
            return searched.search(x, targets)
    finally:
        for each in weights:
            each.requires_grad_(False)
            each.grad = None


class Lean:
    """Any plan in data prediction, its numbers taken as they are."""

    def __init__(self, model: Any, plan: Plan, cond: Any):
        self.model, self.plan, self.cond = model, plan, cond

    def denoise(self, state: torch.Tensor, i: int) -> torch.Tensor:
        call = self.model.call_at(self.plan.rows[i].t, state)
        alpha, sigma = self.plan.levels[i]
        return (state - sigma * self.model._output(state, call, self.cond)) / alpha

    def step(
        self, i: int, x: torch.Tensor, outputs: list[torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        row = self.plan.rows[i]
        following = summed(row.update, x, outputs)
        if i + 1 == self.plan.n_evals:
            return following, None
        new = self.denoise(following, i + 1)
        if row.corrector is None:
            return following, new
        return summed(row.corrector, x, [*outputs, new]), new


def summed(update: Any, state: torch.Tensor, outputs: list[torch.Tensor]) -> torch.Tensor:
    total = update.a * state
    for weight, output in zip(update.w_x0, outputs[::-1], strict=False):
        total = total + weight * output
    return total


def lean(
    model: Any, solver: Any, grid: Any, x: torch.Tensor, targets: Any, cond: Any = None
) -> list[float]:
    """Ratios of a multistep solver in data prediction."""
    plan = solver.plan(model.schedule, grid)
    run, nodes = Lean(model, plan, cond), [torch.tensor([t]) for t in plan.times]
    ratios: list[float] = []
    with torch.no_grad():
        outputs = [run.denoise(x, 0)]
    for i in range(plan.n_evals):
        step, times = partial(run.step, i, x), nodes[: i + 1]
        loss_of = partial(distance, step, outputs, times, targets[i + 1])
        ratios.append(descended(loss_of) if i >= DEGREE else 1.0)
        with torch.no_grad():
            if ratios[-1] != 1:
                outputs[-1] = compensated(outputs, times, torch.tensor(ratios[-1]))
            x, new = step(outputs)
        if new is not None:
            outputs.append(new)
    return ratios
