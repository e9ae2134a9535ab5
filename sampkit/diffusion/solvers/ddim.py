"""DDIM and DDPM: the first-order samplers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sampkit.diffusion.plan import Row, first_call
from sampkit.diffusion.schedules import NoiseSchedule
from sampkit.diffusion.solvers._solver import Nodes, Solver, check_choice, check_eta
from sampkit.diffusion.solvers._steps import Levels, point, point_at, transfer

__all__ = ["DDIM", "DDPM", "ddim_row"]

Point = tuple[float, float, float]


def noise_of(start: Levels, end: Levels, eta: float) -> float:
    """Standard deviation of the fresh noise in a step between two (alpha, sigma, ...)."""
    (alpha_s, sigma_s, *_), (alpha_t, sigma_t, *_) = start, end
    kept = (alpha_s * sigma_t / (alpha_t * sigma_s)) ** 2
    return eta * sigma_t * float(np.sqrt(max(0.0, 1 - kept)))


def old_noise(sigma: float, noise: float) -> float:
    """What is left for the predicted noise when fresh noise makes up part of sigma."""
    return float(np.sqrt(max(sigma**2 - noise**2, 0.0)))


def data_weights(start: Levels, end: Levels) -> tuple[Any, Any]:
    """Factor of the state and weight of the data prediction between two (alpha, sigma, ...)."""
    # x = alpha_t x0 + c eps with eps = (x - alpha_s x0) / sigma_s: one output a row is enough
    (alpha_s, sigma_s, *_), (alpha_t, c, *_) = start, end
    return c / sigma_s, alpha_t - c * alpha_s / sigma_s


def _row(t: float, start: Point, end: Point, eta: float) -> Row:
    noise = noise_of(start, end, eta)
    a, weight = data_weights(start, (end[0], old_noise(end[1], noise)))
    return Row(t, a, w_x0=(weight,), noise=noise)


def ddim_row(schedule: NoiseSchedule, s: float, t: float, eta: float = 0.0) -> Row:
    """The row of one DDIM step.

    Parameters
    ----------
    schedule : NoiseSchedule
        What the times mean.
    s, t : float
        Times of the call and of the state it leads to, s > t.
    eta : float, default=0
        Stochasticity: 0 is deterministic, 1 is DDPM.

    Returns
    -------
    Row

    Raises
    ------
    ValueError
        eta out of range.

    Examples
    --------
    >>> from sampkit.diffusion import VPLinearSchedule, ddim_row
    >>> row = ddim_row(VPLinearSchedule(), 0.5, 0.3)
    >>> round(row.a, 12), round(row.w_x0[0], 12)
    (0.809624935392, 0.401897328638)
    """
    check_eta(eta)
    times = np.array([s, t], dtype=np.float64)
    nodes = Nodes.of(schedule, times)
    return _row(float(s), point(nodes, 0), point_at(nodes, float(t)), float(eta))


def _rising_rows(nodes: Nodes) -> list[Row]:
    """From data to noise: noise prediction, whose weights stay small where sigma grows from 0."""
    times = [first_call(nodes.schedule, nodes.t), *nodes.t[1:-1].tolist()]
    rows = []
    for i, t in enumerate(times):
        a, weight = transfer(point(nodes, i), point(nodes, i + 1))
        rows.append(Row(t, a, w_eps=(weight,)))
    return rows


@dataclass(frozen=True)
class DDIM(Solver):
    """Denoising diffusion implicit models: first order, with as much noise as wanted.

    Parameters
    ----------
    eta : float, default=0
        Stochasticity, >= 0: 0 is deterministic, 1 is DDPM.

    Raises
    ------
    ValueError
        eta out of range.

    Notes
    -----
    With ``eta=0`` the grid may rise: the plan then runs from data to the noise they would be drawn
    from (inversion), and a run down the same grid comes back, up to an error of first order in the
    steps. A rising grid may start at the data themselves, where sigma is 0; its first call is made
    at `t_min`, the nearest time that a network knows.

    References
    ----------
    Song, Meng and Ermon, "Denoising diffusion implicit models", ICLR 2021; section 5.4 for
    inversion.

    Examples
    --------
    >>> from sampkit.diffusion import DDIM, FlowSchedule, time_grid
    >>> schedule = FlowSchedule()
    >>> [round(row.a, 3) for row in DDIM().plan(schedule, [0.8, 0.4, 0.2]).rows]
    [0.5, 0.5]
    >>> [round(row.a, 3) for row in DDIM().plan(schedule, [0.2, 0.4, 0.8]).rows]
    [0.75, 0.333]
    """

    eta: float = 0.0

    def __post_init__(self) -> None:
        check_eta(self.eta)

    @property
    def _inverts(self) -> bool:
        return self.eta == 0

    def _rows(self, nodes: Nodes) -> list[Row]:
        if nodes.rising:
            return _rising_rows(nodes)
        return [
            _row(float(nodes.t[i]), point(nodes, i), point(nodes, i + 1), float(self.eta))
            for i in range(nodes.n_steps)
        ]


@dataclass(frozen=True)
class DDPM(Solver):
    """Ancestral sampling of denoising diffusion probabilistic models.

    Parameters
    ----------
    variance : {"small", "large"}, default="small"
        Variance of the posterior, or of the forward step; the mean is the same.

    Raises
    ------
    ValueError
        Unknown variance.

    Notes
    -----
    "small" is ``DDIM(eta=1)``. "large" adds more noise than the marginal law has room for, so its
    rows do not keep ``(a sigma + w_eps)^2 + noise^2 = sigma'^2``, by design.

    References
    ----------
    Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", NeurIPS 2020, section 3.2.

    Examples
    --------
    >>> from sampkit.diffusion import DDIM, DDPM, VPLinearSchedule, time_grid
    >>> schedule = VPLinearSchedule()
    >>> grid = time_grid(schedule, 10, "time")
    >>> DDPM().plan(schedule, grid).rows == DDIM(eta=1.0).plan(schedule, grid).rows
    True
    """

    variance: str = "small"

    def __post_init__(self) -> None:
        check_choice("variance", self.variance, ("small", "large"))

    def _rows(self, nodes: Nodes) -> list[Row]:
        rows = DDIM(eta=1.0)._rows(nodes)
        if self.variance == "small":
            return rows
        shrink = nodes.alpha[:-1] / nodes.alpha[1:] * nodes.sigma[1:]
        noise = np.sqrt(np.square(nodes.sigma[:-1]) - np.square(shrink))
        # the sample itself gets no noise
        noise[-1] = noise[-1] if not nodes.ends_clean else 0.0
        return [
            Row(row.t, row.a, row.w_x0, noise=float(s)) for row, s in zip(rows, noise, strict=True)
        ]
