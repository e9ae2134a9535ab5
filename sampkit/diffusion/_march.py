"""The march of `adaptive_sample`: attempts, errors, steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sampkit.diffusion._executor import normal_noise
from sampkit.diffusion._program import pairs_of
from sampkit.diffusion._torch import torch
from sampkit.diffusion.models import Levels, Model
from sampkit.diffusion.plan import Update
from sampkit.diffusion.schedules import NoiseSchedule
from sampkit.diffusion.solvers import DPMSolver
from sampkit.diffusion.solvers.ddim import noise_of, old_noise

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["AdaptiveStep", "March", "Network", "Node", "Rule"]


class AdaptiveStep(NamedTuple):
    """One attempt of `adaptive_sample`.

    Parameters
    ----------
    t_from, t_to : float
        Times between which the step was tried.
    error : float
        Largest over the batch of the samples' root mean square differences between both orders, in
        units of the tolerance.
    accepted : bool
        Whether the error was at most 1.

    Examples
    --------
    >>> from sampkit.diffusion import AdaptiveStep
    >>> AdaptiveStep(1.0, 0.9, 0.5, True).accepted
    True
    """

    t_from: float
    t_to: float
    error: float
    accepted: bool


class Node(NamedTuple):
    """A time and what the schedule says of it."""

    t: float
    alpha: float
    sigma: float
    lam: float

    @classmethod
    def at(cls, schedule: NoiseSchedule, t: float) -> Node:
        return cls(t, *(float(part(t)) for part in (schedule.alpha, schedule.sigma, schedule.lam)))

    @property
    def point(self) -> tuple[float, float, float]:
        return self.alpha, self.sigma, self.lam


class Rule(NamedTuple):
    """What decides about steps."""

    rtol: float
    atol: float
    safety: float
    max_growth: float
    eta: float
    max_evals: int


class Network:
    """The network as the solver sees it: one kind of prediction."""

    def __init__(self, model: Model, cond: Any, postprocess: Any, prediction: str, dtype: Any):
        self.model, self.cond, self.postprocess = model, cond, postprocess
        self.prediction, self.n_evals = prediction, 0
        self.half = dtype if dtype in (torch.float16, torch.bfloat16) else None  # the network's

    def __call__(self, x: Tensor, node: Node) -> tuple[Tensor, Tensor]:
        """The prediction that is interpolated, and the data prediction."""
        self.n_evals += 1
        seen = x if self.half is None else x.to(self.half)
        y = self.model._output(seen, self.model.call_at(node.t, x), self.cond).to(x.dtype)
        levels = Levels(node.alpha, node.sigma)
        pairs = pairs_of(node.t, levels, self.model._shares(node.t, levels))
        x0, eps = (x * c + y * d for c, d in (pairs["x0"], pairs["eps"]))
        if self.postprocess is not None:
            x0 = self.postprocess(x0)
            eps = (x - node.alpha * x0) / node.sigma
        return (x0 if self.prediction == "x0" else eps), x0


class March:
    """One run: where it is, the length of its next step, and what it has tried."""

    def __init__(
        self,
        network: Network,
        solver: DPMSolver,
        ends: tuple[Node, Node],
        x: Tensor,
        rule: Rule,
        h: float,
    ):
        self.network, self.solver, self.rule, self.h = network, solver, rule, h
        self.here, self.end = ends
        self.x, self.before = x, x
        self.steps: list[AdaptiveStep] = []
        self.made = 0

    def step(self, generator: Any) -> Tensor:
        """Try shorter and shorter steps until one is accepted; its data prediction."""
        self._refuse_more_than(1)
        first, x0 = self.network(self.x, self.here)
        while True:
            self._refuse_more_than(self.solver.order - 1)
            following, length = self._next()
            noise = noise_of(self.here.point, following.point, self.rule.eta)
            # a step to as little noise as leaves room for the fresh one
            left = old_noise(following.sigma, noise)
            target = (following.alpha, left, float(np.log(following.alpha / left)))
            low, high = self._solutions(first, target)
            error = self._error(low, high)
            self.steps.append(AdaptiveStep(self.here.t, following.t, error, error <= 1))
            if not np.isfinite(error):
                raise FloatingPointError(
                    f"the error of the step from t = {self.here.t:.6g} to {following.t:.6g} is "
                    f"{error}."
                )
            grown = error ** (-1 / self.solver.order) if error else np.inf
            self.h = length * min(self.rule.safety * grown, self.rule.max_growth)
            if error <= 1:
                break
        if noise:
            fresh = normal_noise(tuple(high.shape), high, generator)
            high = high.add(fresh, alpha=noise)
        self.here, self.x, self.before = following, high, low
        self.made += 1
        return x0

    def _next(self) -> tuple[Node, float]:
        """Where the next attempt leads, and its length."""
        schedule, left = self.network.model.schedule, self.end.lam - self.here.lam
        if self.h >= left * (1 - 1e-9):
            return self.end, left
        t = float(schedule.t_from_lam(self.here.lam + self.h))
        return Node.at(schedule, t), self.h

    def _solutions(
        self, first: Tensor, target: tuple[float, float, float]
    ) -> tuple[Tensor, Tensor]:
        """Both orders at a point, from the same calls."""
        k, schedule, start = self.solver.order, self.network.model.schedule, self.here.point
        h = target[2] - start[2]
        # stages even in the half log-SNR, but never beyond the end
        share = np.minimum(np.arange(1, k) / k, (self.end.lam - start[2]) / h)
        times = schedule.t_from_lam(start[2] + share * h)
        stages = [Node.at(schedule, t) for t in times.tolist()]
        r = [(stage.lam - start[2]) / h for stage in stages]
        outputs = [first]
        for j, stage in enumerate(stages):
            update = self.solver._stage_update(start, stage.point, j, k, r)
            outputs.append(self.network(_updated(self.x, update, outputs), stage)[0])
        lower = self.solver._stage_update(start, target, k - 2, k - 1, r[: k - 2])
        higher = self.solver._stage_update(start, target, k - 1, k, r)
        return _updated(self.x, lower, outputs[: k - 1]), _updated(self.x, higher, outputs)

    def _error(self, low: Tensor, high: Tensor) -> float:
        """Root mean square difference of both orders in units of the tolerance, the largest."""
        sizes = torch.maximum(low.detach().abs(), self.before.detach().abs())
        tolerance = (sizes * self.rule.rtol).clamp_min(self.rule.atol)
        apart = ((high.detach() - low.detach()) / tolerance).flatten(1)
        return float(apart.square().mean(1).sqrt().max())

    def _refuse_more_than(self, calls: int) -> None:
        if self.network.n_evals + calls > self.rule.max_evals:
            raise RuntimeError(
                f"max_evals = {self.rule.max_evals} calls are not enough: {self.made} steps led to "
                f"t = {self.here.t:.6g}, of t_end = {self.end.t:.6g}; loosen rtol and atol."
            )


def _updated(x: Tensor, update: Update, outputs: list[Tensor]) -> Tensor:
    """An update of a state; outputs oldest first."""
    total = x * update.a
    for weights in (update.w_x0, update.w_eps):
        for weight, output in zip(weights, reversed(outputs), strict=False):
            total = total.add(output, alpha=weight)
    return total
