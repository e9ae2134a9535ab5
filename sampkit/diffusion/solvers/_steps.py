"""One step of an exponential integrator: the arithmetic that DPM-Solver, UniPC and DEIS share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.diffusion.coefficients import exact_weights, exp_moments
from sampkit.diffusion.plan import Row, Update
from sampkit.diffusion.solvers._solver import Nodes

FloatArray = npt.NDArray[np.float64]
Rule = Callable[[FloatArray, float], FloatArray]
Levels = Sequence[Any]  # alpha, sigma, and what comes after; numbers or arrays

AUTO_BELOW = 15  # steps below which orders fall towards the end, as in diffusers


def _midpoint(r: FloatArray, H: float) -> FloatArray:
    """bh2: the slope weighs half of what the kernel's mass is."""
    if len(r) != 2:
        return exact_weights(r, H)
    mass = float(exp_moments(H, 0))
    slope = mass / (2 * r[1])
    return np.array([mass - slope, slope])


def _bh1(r: FloatArray, H: float) -> FloatArray:
    if len(r) != 2:
        return exact_weights(r, H)
    slope = H / (2 * r[1])
    return np.array([float(exp_moments(H, 0)) - slope, slope])


def _legacy(r: FloatArray, H: float) -> FloatArray:
    """The released third order: its second divided difference lacks the factor 2."""
    if len(r) != 3:
        return _midpoint(r, H)
    moments = np.array(exp_moments(H, np.arange(3)))
    moments[2] /= 2
    return np.linalg.solve(r ** np.arange(3)[:, None], moments)


# Named rules: outputs at places r (the step's start first), kernel length H -> unscaled weights.
RULES: dict[str, Rule] = {
    "exact": exact_weights,
    "midpoint": _midpoint,
    "bh2": _midpoint,
    "bh1": _bh1,
    "legacy": _legacy,
}


def corrector_weights(r: FloatArray, H: float, variant: str) -> FloatArray:
    """Weights on (new, start, older ...): exact but for order 1, where B(h) says it."""
    if len(r) != 2:
        return exact_weights(r, H)
    mass = float(exp_moments(H, 0))
    new = (mass if variant == "bh2" else H) / 2
    return np.array([new, mass - new])


@dataclass(frozen=True)
class Kernel:
    """A step between two points of the schedule: factor of the state, scale, length, noise."""

    a: float
    scale: float
    H: float
    h: float
    noise: float
    prediction: str

    @classmethod
    def between(
        cls,
        start: tuple[float, float, float],
        end: tuple[float, float, float],
        prediction: str,
        eta: float = 0.0,
        doubled: bool = False,
    ) -> Kernel:
        """From (alpha, sigma, lambda) at the start to those at the end.

        `doubled` is the stochastic form of noise prediction: twice the weights.
        """
        alpha_s, sigma_s, lam_s = start
        alpha_t, sigma_t, lam_t = end
        h = lam_t - lam_s
        if prediction == "x0" or np.isinf(h):
            # an end without noise, or a start without data, admits data prediction alone
            decay = float(np.exp(-eta * h)) if eta else 1.0
            noise = sigma_t * float(np.sqrt(-np.expm1(-2 * eta * h))) if eta else 0.0
            return cls(sigma_t / sigma_s * decay, alpha_t, (1 + eta) * h, h, noise, "x0")
        noise = sigma_t * float(np.sqrt(np.expm1(2 * h))) if doubled else 0.0
        scale = 2 * sigma_t if doubled else sigma_t
        return cls(alpha_t / alpha_s, scale, -h, h, noise, "eps")

    def row(self, t: float, weights: FloatArray, anchor: int | None = None) -> Row:
        """The row of this step with weights (without scale, newest first)."""
        step = self.update(weights)
        return Row(t, step.a, step.w_x0, step.w_eps, self.noise, anchor)

    def update(self, weights: FloatArray) -> Update:
        """An update of this step with weights (without scale, newest first)."""
        scaled = tuple((self.scale * weights).tolist())
        return Update(
            self.a, **({"w_x0": scaled} if self.prediction == "x0" else {"w_eps": scaled})
        )


def point(nodes: Nodes, i: int) -> tuple[float, float, float]:
    """(alpha, sigma, lambda) of a node."""
    return float(nodes.alpha[i]), float(nodes.sigma[i]), float(nodes.lam[i])


def point_at(nodes: Nodes, t: float) -> tuple[float, float, float]:
    """(alpha, sigma, lambda) of a time."""
    s = nodes.schedule
    return float(s.alpha(t)), float(s.sigma(t)), float(s.lam(t))


def transfer(start: Levels, end: Levels) -> tuple[Any, Any]:
    """Factor of the state and weight of one noise prediction between two (alpha, sigma, ...)."""
    a = end[0] / start[0]
    return a, end[1] - a * start[1]


def falls_at_the_end(lower_order_final: bool | str, n_steps: int) -> bool:
    """Whether the last steps are of lower order: True, False, or "auto" for few steps."""
    return n_steps < AUTO_BELOW if lower_order_final == "auto" else bool(lower_order_final)


def step_orders(nodes: Nodes, order: int, lower_order_final: bool | str) -> list[int]:
    """The order of every multistep step: what the history holds, less towards the end."""
    n_steps = nodes.n_steps
    falls = falls_at_the_end(lower_order_final, n_steps)
    orders = [min(order, nodes.history(n), n_steps - n if falls else order) for n in range(n_steps)]
    if nodes.ends_clean:
        orders[-1] = 1
    return orders


def places(nodes: Nodes, n: int, p: int) -> FloatArray:
    """Places of the last p nodes in units of the step from node n; 0 is its start."""
    if p == 1:
        return np.zeros(1)
    h = nodes.lam[n + 1] - nodes.lam[n]
    return (nodes.lam[n - np.arange(p)] - nodes.lam[n]) / h


def refuse_noise_prediction_at_the_clean_end(nodes: Nodes, prediction: str, name: str) -> None:
    """Noise prediction in the half log-SNR has no meaning at its infinity."""
    if prediction == "eps" and nodes.ends_clean:
        raise ValueError(
            f"grid ends without noise, where {name} with noise prediction is undefined: end the "
            "grid before it, or use prediction='x0'."
        )
