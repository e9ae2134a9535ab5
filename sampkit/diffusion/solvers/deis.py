"""DEIS: exponential integrators that interpolate the noise prediction in a variable of choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sampkit.diffusion.coefficients import (
    exact_weights,
    lagrange_basis,
    lagrange_slopes,
)
from sampkit.diffusion.plan import Row
from sampkit.diffusion.solvers._solver import Nodes, Solver, check_choice, check_int
from sampkit.diffusion.solvers._steps import (
    Kernel,
    places,
    point,
    refuse_noise_prediction_at_the_clean_end,
    step_orders,
)
from sampkit.diffusion.solvers.tableaux import TABLEAUX, Tableau

__all__ = ["DEIS"]

FloatArray = npt.NDArray[np.float64]

# Adams and Bashforth's weights for even steps, newest first.
ADAMS = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)


def _in_time(nodes: Nodes, n: int, p: int) -> FloatArray:
    r"""tAB: :math:`\int \ell_j \, d\rho`, by parts, so that no derivative of rho is needed."""
    t, rho = nodes.t, nodes.rho
    history = t[n - np.arange(p)]
    ends = lagrange_basis(history, t[[n + 1, n]]) @ np.array([rho[n + 1], -rho[n]])
    points, masses = np.polynomial.legendre.leggauss(40)
    half = (t[n + 1] - t[n]) / 2
    times = t[n] + half * (points + 1)
    inside = nodes.schedule.sigma(times) / nodes.schedule.alpha(times)
    return ends - half * (lagrange_slopes(history, times) @ (masses * inside))


def _in_rho(nodes: Nodes, n: int, p: int) -> FloatArray:
    """rhoAB: polynomials in rho, integrated exactly."""
    rho = nodes.rho
    length = rho[n + 1] - rho[n]
    q = (rho[n - np.arange(p)] - rho[n]) / length
    powers = np.arange(p)
    return length * np.linalg.solve(q ** powers[:, None], 1 / (powers + 1))


def _fixed(nodes: Nodes, n: int, p: int) -> FloatArray:
    """iPNDM: Adams and Bashforth's weights, as if the steps were even."""
    return (nodes.rho[n + 1] - nodes.rho[n]) * np.array(ADAMS[p - 1])


# Kinds that interpolate: weights of the last p outputs in d(x / alpha) = eps d rho.
INTERPOLATED: dict[str, Callable[[Nodes, int, int], FloatArray]] = {
    "tab": _in_time,
    "rhoab": _in_rho,
    "ipndm": _fixed,
}


@dataclass(frozen=True)
class DEIS(Solver):
    """Diffusion exponential integrator sampler.

    Parameters
    ----------
    degree : int, default=3
        Degree of the interpolating polynomial, 0 to 3 (4 with ``"logrho"``); one less than
        diffusers' ``solver_order``.
    kind : {"tab", "rhoab", "logrho", "ipndm", "rhork"}, default="tab"
        Variable of interpolation: the time, rho = sigma / alpha, or its logarithm; fixed Adams
        weights; or a Runge-Kutta method in rho, which calls inside the steps.
    rk : str, default="heun2"
        The method of ``"rhork"``: "euler", "heun2", "heun3", "kutta3", "ral3", "vdh3", "ssprk3" or
        "rk4".
    lower_order_final : {"auto", True, False}, default="auto"
        Whether orders of ``"logrho"`` fall towards the end; "auto": below 15 steps.

    Raises
    ------
    ValueError
        A parameter out of range.

    References
    ----------
    Zhang and Chen, "Fast sampling of diffusion models with exponential integrator", ICLR 2023.

    Examples
    --------
    >>> from sampkit.diffusion import DEIS, VPLinearSchedule
    >>> plan = DEIS(degree=1).plan(VPLinearSchedule(), [0.7, 0.5, 0.3])
    >>> [round(w, 6) for w in plan.rows[-1].w_eps]
    [-1.932306, 0.560664]
    """

    degree: int = 3
    kind: str = "tab"
    rk: str = "heun2"
    lower_order_final: bool | str = "auto"

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, (*INTERPOLATED, "logrho", "rhork"))
        check_int("degree", self.degree, 0, 4 if self.kind == "logrho" else 3)
        check_choice("rk", self.rk, tuple(TABLEAUX))
        check_choice("lower_order_final", self.lower_order_final, ("auto", True, False))

    def n_evals(self, n_steps: int) -> int:
        """Number of network calls on a grid of `n_steps` steps.

        Parameters
        ----------
        n_steps : int
            Steps of the grid, >= 1.

        Returns
        -------
        int
            For ``"rhork"`` stages times steps; fewer on a grid that ends without noise, whose last
            step takes one call.
        """
        return n_steps * (len(TABLEAUX[self.rk].c) if self.kind == "rhork" else 1)

    def _rows(self, nodes: Nodes) -> list[Row]:
        if self.kind == "rhork":
            return _runge_kutta(nodes, TABLEAUX[self.rk])
        if self.kind == "logrho":
            return self._in_log_rho(nodes)
        weigh, rows = INTERPOLATED[self.kind], []
        for n in range(nodes.n_steps):
            t = float(nodes.t[n])
            if n == 0 and nodes.starts_empty:
                rows.append(_from_nothing(nodes))
                continue
            p = min(self.degree + 1, nodes.history(n))
            alpha_t = nodes.alpha[n + 1]
            w_eps = tuple((alpha_t * weigh(nodes, n, p)).tolist())
            rows.append(Row(t, float(alpha_t / nodes.alpha[n]), w_eps=w_eps))
        return rows

    def _in_log_rho(self, nodes: Nodes) -> list[Row]:
        refuse_noise_prediction_at_the_clean_end(nodes, "eps", "DEIS(kind='logrho')")
        rows = []
        for n, p in enumerate(step_orders(nodes, self.degree + 1, self.lower_order_final)):
            kernel = Kernel.between(point(nodes, n), point(nodes, n + 1), "eps")
            weights = exact_weights(places(nodes, n, p), kernel.H)
            rows.append(kernel.row(float(nodes.t[n]), weights))
        return rows


def _from_nothing(nodes: Nodes) -> Row:
    """The first step of a grid that starts without data: only data prediction can make it."""
    a = float(nodes.sigma[1] / nodes.sigma[0])
    return Row(float(nodes.t[0]), a, w_x0=(float(nodes.alpha[1]),))


def _runge_kutta(nodes: Nodes, tableau: Tableau) -> list[Row]:
    """Classical Runge-Kutta on d(x / alpha) = eps d rho."""
    rows: list[Row] = []
    for n in range(nodes.n_steps):
        if n == 0 and nodes.starts_empty:
            rows.append(_from_nothing(nodes))
        elif n == nodes.n_steps - 1 and nodes.ends_clean:  # no stage may sit where sigma is 0
            rows += _runge_kutta_step(nodes, n, TABLEAUX["euler"], len(rows))
        else:
            rows += _runge_kutta_step(nodes, n, tableau, len(rows))
    return rows


def _runge_kutta_step(nodes: Nodes, n: int, tableau: Tableau, call: int) -> list[Row]:
    start, length = nodes.rho[n], nodes.rho[n + 1] - nodes.rho[n]
    times, alphas = [], []
    for c in tableau.c:
        if c in (0, 1):
            times.append(float(nodes.t[n + int(c)]))
            alphas.append(float(nodes.alpha[n + int(c)]))
        else:
            time = float(nodes.schedule.t_from_lam(-np.log(start + c * length)))
            times.append(time)
            alphas.append(float(nodes.schedule.alpha(time)))
    rows = []
    for stage, weights in enumerate((*tableau.A, tableau.b)):
        last = stage == len(tableau.A)
        alpha = float(nodes.alpha[n + 1]) if last else alphas[stage + 1]
        w_eps = tuple(float(alpha * length * weight) for weight in reversed(weights))
        a = alpha / float(nodes.alpha[n])
        rows.append(Row(times[stage], a, w_eps=w_eps, anchor=call if stage else None))
    return rows
