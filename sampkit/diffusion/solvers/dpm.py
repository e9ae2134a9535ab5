"""DPM-Solver and DPM-Solver++, multistep and singlestep, deterministic and stochastic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sampkit.diffusion.coefficients import exact_weights, exp_moments
from sampkit.diffusion.plan import Row, Update
from sampkit.diffusion.solvers._solver import Nodes, Solver, check_choice, check_eta, check_int
from sampkit.diffusion.solvers._steps import (
    RULES,
    Kernel,
    places,
    point,
    point_at,
    refuse_noise_prediction_at_the_clean_end,
    step_orders,
)

__all__ = ["DPMSolver"]

Point = tuple[float, float, float]  # alpha, sigma, lambda


@dataclass(frozen=True)
class DPMSolver(Solver):
    """DPM-Solver (noise prediction) and DPM-Solver++ (data prediction).

    Parameters
    ----------
    order : int, default=2
        1 to 3; with ``weights="exact"`` and multistep up to 5.
    prediction : {"x0", "eps"}, default="x0"
        Which output is interpolated. "x0" is DPM-Solver++.
    method : {"multistep", "singlestep"}, default="multistep"
        Reuse outputs of former steps (one call a step), or call the network inside each step.
    weights : {"midpoint", "exact", "legacy"}, default="midpoint"
        "midpoint": second order as published, third order exact. "exact": integrates polynomials
        of degree order - 1 exactly. "legacy": the third-order multistep of the released code, of
        second order.
    eta : float, default=0
        Stochasticity, >= 0, with ``prediction="x0"``: 1 is SDE-DPM-Solver++.
    lower_order_final : {"auto", True, False}, default="auto"
        Whether multistep orders fall towards the end; "auto": below 15 steps.
    inner : {"time", "lam", "grid"}, default="time"
        Stages of singlestep steps: even in the time, in the half log-SNR, or on the grid's nodes.
    sde_eps : bool, default=False
        Stochastic form of noise prediction (doubled weights).

    Raises
    ------
    ValueError
        A parameter out of range, or a combination that does not exist.

    References
    ----------
    Lu et al., "DPM-Solver", NeurIPS 2022; Lu et al., "DPM-Solver++", arXiv 2211.01095.

    Examples
    --------
    >>> from sampkit.diffusion import DPMSolver, VPLinearSchedule
    >>> plan = DPMSolver(order=2).plan(VPLinearSchedule(), [0.9, 0.7, 0.5, 0.3])
    >>> [
    ...     round(w, 6)
    ...     for w in DPMSolver(lower_order_final=False)
    ...     .plan(VPLinearSchedule(), [0.9, 0.7, 0.5, 0.3])
    ...     .rows[-1]
    ...     .w_x0
    ... ]
    [0.566523, -0.164626]
    """

    order: int = 2
    prediction: str = "x0"
    method: str = "multistep"
    weights: str = "midpoint"
    eta: float = 0.0
    lower_order_final: bool | str = "auto"
    inner: str = "time"
    sde_eps: bool = False

    def __post_init__(self) -> None:
        check_choice("prediction", self.prediction, ("x0", "eps"))
        check_choice("method", self.method, ("multistep", "singlestep"))
        check_choice("weights", self.weights, ("midpoint", "exact", "legacy"))
        check_choice("lower_order_final", self.lower_order_final, ("auto", True, False))
        check_choice("inner", self.inner, ("time", "lam", "grid"))
        many = self.method == "multistep" and self.weights == "exact"
        check_int("order", self.order, 1, 5 if many else 3)
        check_eta(self.eta)
        if self.eta and self.prediction == "eps":
            raise ValueError(
                f"eta must be 0 with prediction='eps', got {self.eta!r}: sde_eps=True is the "
                "stochastic form of noise prediction."
            )
        if self.sde_eps and self.prediction != "eps":
            raise ValueError("sde_eps must be False with prediction='x0', got True: use eta=1.")
        if self.weights == "legacy" and self.method == "singlestep":
            raise ValueError("weights='legacy' is for method='multistep', got 'singlestep'.")

    def _rows(self, nodes: Nodes) -> list[Row]:
        refuse_noise_prediction_at_the_clean_end(nodes, self.prediction, "DPMSolver")
        if self.method == "singlestep":
            return self._singlestep(nodes)
        rule, rows = RULES[self.weights], []
        for n, p in enumerate(step_orders(nodes, self.order, self.lower_order_final)):
            kernel = self._kernel(point(nodes, n), point(nodes, n + 1))
            rows.append(kernel.row(float(nodes.t[n]), rule(places(nodes, n, p), kernel.H)))
        return rows

    def _kernel(self, start: Point, end: Point) -> Kernel:
        return Kernel.between(start, end, self.prediction, float(self.eta), self.sde_eps)

    # --- singlestep ------------------------------------------------------------------------------

    def _singlestep(self, nodes: Nodes) -> list[Row]:
        if self.order > nodes.n_steps:
            raise ValueError(
                f"order must be at most the {nodes.n_steps} steps of the grid with "
                f"method='singlestep', got {self.order}."
            )
        rows: list[Row] = []
        for k in self._step_lengths(nodes):
            rows += self._one_step(nodes, len(rows), k)
        return rows

    def _step_lengths(self, nodes: Nodes) -> list[int]:
        """How many calls every step takes; they sum to the steps of the grid."""
        n = nodes.n_steps
        if self.order == 1:
            lengths = [1] * n
        elif self.order == 2:
            even_on_grid = self.inner == "grid" and n % 2 == 0
            lengths = (
                [2] * (n // 2 - 1) + [1, 1] if even_on_grid else [2] * (n // 2) + [1] * (n % 2)
            )
        else:
            tail = {0: [2, 1], 1: [1], 2: [2]}[n % 3]
            lengths = [3] * (n // 3 - (n % 3 == 0)) + tail
        if nodes.ends_clean and lengths[-1] > 1:
            lengths[-1:] = [lengths[-1] - 1, 1]
        if nodes.starts_empty and lengths[0] > 1:
            lengths[:1] = [1, lengths[0] - 1]
        return lengths

    def _stages(self, nodes: Nodes, i: int, k: int) -> list[float]:
        """Times of the stages inside the step from node i to node i + k."""
        if self.inner == "grid":
            return nodes.t[i + 1 : i + k].tolist()
        share = np.arange(1, k) / k
        if self.inner == "time":
            return (nodes.t[i] + share * (nodes.t[i + k] - nodes.t[i])).tolist()
        lam = nodes.lam[i] + share * (nodes.lam[i + k] - nodes.lam[i])
        return np.asarray(nodes.schedule.t_from_lam(lam)).tolist()

    def _one_step(self, nodes: Nodes, i: int, k: int) -> list[Row]:
        """Rows of the step from node i to node i + k: call i is its first."""
        start, end = point(nodes, i), point(nodes, i + k)
        stages = self._stages(nodes, i, k)
        times = [float(nodes.t[i]), *stages]
        targets = [*(point_at(nodes, t) for t in stages), end]
        r = [(target[2] - start[2]) / (end[2] - start[2]) for target in targets[:-1]]
        rows = []
        for stage, target in enumerate(targets):
            kernel = self._kernel(start, target)
            step = self._stage_update(start, target, stage, k, r)
            anchor = i if stage else None
            rows.append(Row(times[stage], step.a, step.w_x0, step.w_eps, kernel.noise, anchor))
        return rows

    def _stage_update(
        self, start: Point, target: Point, stage: int, k: int, r: list[float]
    ) -> Update:
        """Of a step of order k from its start to its next stage or, from the last one, its end."""
        kernel = self._kernel(start, target)
        return kernel.update(self._stage_weights(stage, k, r, kernel.H)[::-1])

    def _stage_weights(self, stage: int, k: int, r: list[float], H: float) -> np.ndarray:
        """Weights of the outputs at the start and the stages so far, oldest first."""
        mass = float(exp_moments(H, 0))
        if stage == 0:
            return np.array([mass])
        first_moment = float(exp_moments(H, 1))
        halved = self.weights == "midpoint"
        if stage == 1 and k == 2:
            slope = (mass / 2 if halved else first_moment) / r[0]
            return np.array([mass - slope, slope])
        if stage == 1:
            on_grid = halved and self.inner == "grid"
            slope = r[1] / r[0] * (mass / 2 if on_grid else first_moment)
            return np.array([mass - slope, slope])
        if halved:
            slope = first_moment / r[1]
            return np.array([mass - slope, 0.0, slope])
        return exact_weights(np.array([0.0, *r]), H)
