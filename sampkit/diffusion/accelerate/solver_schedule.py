"""A solver schedule: every step chooses its own method."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from math import factorial
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.diffusion.coefficients import exact_weights, exp_moments
from sampkit.diffusion.plan import Plan, Row, given_output
from sampkit.diffusion.schedules import NoiseSchedule
from sampkit.diffusion.solvers import DDIM, DPMSolver, UniPC
from sampkit.diffusion.solvers._solver import Nodes, Solver
from sampkit.diffusion.solvers._steps import Kernel, places, point

__all__ = ["SolverSchedule"]

FloatArray = npt.NDArray[np.float64]

_KINDS = {float: "numbers", int: "ints", str: "'x0' or 'eps'", bool: "bools"}


@dataclass(frozen=True)
class SolverSchedule(Solver):
    """The unified sampling framework: a grid, and a choice of method at every step.

    Parameters
    ----------
    grid : sequence of float of length n_steps + 1
        Strictly falling times.
    orders : sequence of int
        Order of every step, >= 1; cut to what the history holds.
    predictions : sequence of {"x0", "eps"}
        Which output every step interpolates.
    first_derivative_points : sequence of int
        How many older outputs estimate the first derivative, >= 1; without effect at order 1.
    relaxations : sequence of float
        c in the factor ``1 + c h`` of the first derivative's term, h the step's length in half
        log-SNR; without effect at order 1.
    correctors : sequence of bool
        Whether the next call's output corrects the step; without effect at the last step.
    first_output : {"network", "zero"} or array-like, default="network"
        Data prediction of the first step. "zero" (where hardly any data is left, the mean of data
        around 0) or the data's mean, of the shape of a sample, saves the call at the grid's start.

    Raises
    ------
    ValueError
        Lists of other lengths than the steps, or values out of range.

    References
    ----------
    Liu et al., "A unified sampling framework for solver searching of diffusion probabilistic
    models", ICLR 2024.

    Examples
    --------
    >>> from sampkit.diffusion import DPMSolver, SolverSchedule, VPLinearSchedule, time_grid
    >>> schedule = VPLinearSchedule()
    >>> grid = time_grid(schedule, 4)
    >>> same = SolverSchedule.from_solver(DPMSolver(3, weights="exact"), schedule, grid)
    >>> same.orders
    (1, 2, 2, 1)
    >>> same.plan(schedule).n_evals
    4
    """

    grid: tuple[float, ...]
    orders: tuple[int, ...]
    predictions: tuple[str, ...]
    first_derivative_points: tuple[int, ...]
    relaxations: tuple[float, ...]
    correctors: tuple[bool, ...]
    first_output: Any = "network"

    def __post_init__(self) -> None:
        given: dict[str, tuple[Any, ...]] = {
            "grid": _entries("grid", self.grid, Real, float),
            "orders": _entries("orders", self.orders, Integral, int),
            "predictions": _entries("predictions", self.predictions, str, str),
            "first_derivative_points": _entries(
                "first_derivative_points", self.first_derivative_points, Integral, int
            ),
            "relaxations": _entries("relaxations", self.relaxations, Real, float),
            "correctors": _entries("correctors", self.correctors, (bool, np.bool_, Integral), bool),
        }
        n = len(given["grid"]) - 1
        for name, values in given.items():
            if name != "grid" and len(values) != n:
                raise ValueError(
                    f"{name} must hold one entry for each of the {n} steps, got {len(values)}."
                )
            object.__setattr__(self, name, values)
        if any(p < 1 for p in self.orders):
            raise ValueError(f"orders must be >= 1, got {min(self.orders)}.")
        if any(q < 1 for q in self.first_derivative_points):
            raise ValueError(
                f"first_derivative_points must be >= 1, got {min(self.first_derivative_points)}."
            )
        if unknown := set(self.predictions) - {"x0", "eps"}:
            raise ValueError(f"predictions must be 'x0' or 'eps', got {sorted(unknown)}.")
        if not np.isfinite(self.relaxations).all():
            raise ValueError("relaxations must be finite.")
        first = given_output(self.first_output)  # as tuples: schedules are compared and stored
        first = first if isinstance(first, str) else _nested(first.tolist())
        object.__setattr__(self, "first_output", first)

    def n_evals(self, n_steps: int) -> int:
        """Number of network calls on a grid of `n_steps` steps.

        Parameters
        ----------
        n_steps : int
            Steps of the grid, >= 1.

        Returns
        -------
        int
            One less with a first output that is given.
        """
        return n_steps - (self.first_output != "network")

    def plan(self, schedule: NoiseSchedule, grid: npt.ArrayLike | None = None) -> Plan:
        """Work out all rows.

        Parameters
        ----------
        schedule : NoiseSchedule
            What the times mean.
        grid : array-like or None, default=None
            None, or the schedule's own grid again.

        Returns
        -------
        Plan

        Raises
        ------
        ValueError
            Another grid than its own, or one that does not fit the noise schedule.
        """
        if grid is not None and not np.array_equal(np.asarray(grid), np.array(self.grid)):
            raise ValueError("grid must be None or the solver schedule's own, got another one.")
        return replace(super().plan(schedule, self.grid), first_output=self.first_output)

    def _rows(self, nodes: Nodes) -> list[Row]:
        rows: list[Row] = []
        for n in range(nodes.n_steps):
            clean = nodes.ends_clean and n == nodes.n_steps - 1
            p = 1 if clean else min(self.orders[n], nodes.history(n))
            kernel = Kernel.between(point(nodes, n), point(nodes, n + 1), self.predictions[n])
            weights = self._weights(nodes, n, p, kernel)
            row = kernel.row(float(nodes.t[n]), weights)
            last = n == nodes.n_steps - 1
            if self.correctors[n] and not last and not (n == 0 and nodes.starts_empty):
                r = np.concatenate([[1.0], places(nodes, n, p)])
                row = replace(row, corrector=kernel.update(exact_weights(r, kernel.H)))
            rows.append(row)
        return rows

    def _weights(self, nodes: Nodes, n: int, p: int, kernel: Kernel) -> FloatArray:
        """Taylor's terms, every derivative estimated from a number of older outputs."""
        held = nodes.history(n) - 1
        q = [min(self.first_derivative_points[n], held)] + [p - 1] * (p - 2)
        weights = np.zeros(max([p, *(points + 1 for points in q)]) if p > 1 else 1)
        moments = exp_moments(kernel.H, np.arange(p)).tolist()
        weights[0] = moments[0]
        for i in range(1, p):
            points = q[i - 1]
            r = places(nodes, n, points + 1)[1:]
            # sum_k A_k (m_k - m_0) is h^i times the i-th derivative: A r^j / j! = [j = i]
            j = np.arange(1, points + 1)
            factorials = np.array([factorial(int(k)) for k in j], dtype=np.float64)
            table = r ** j[:, None] / factorials[:, None]
            a = np.linalg.solve(table, (j == i).astype(np.float64))
            relaxed = 1 + self.relaxations[n] * kernel.h if i == 1 else 1.0
            term = relaxed * moments[i] / factorial(i) * a
            weights[1 : points + 1] += term
            weights[0] -= term.sum()
        return weights

    # --- from and to ------------------------------------------------------------------------------

    def to_json(self, path: str | Path) -> None:
        """Write the schedule to a file.

        Parameters
        ----------
        path : str or path
            Where.

        Returns
        -------
        None
        """
        Path(path).write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def from_json(cls, path: str | Path) -> SolverSchedule:
        """Read a schedule that `to_json` wrote.

        Parameters
        ----------
        path : str or path
            Where.

        Returns
        -------
        SolverSchedule
        """
        state = json.loads(Path(path).read_text(encoding="utf-8"))
        if state.pop("name", None) != cls.__name__:
            raise ValueError(f"{path} holds no SolverSchedule.")
        return cls(**state)

    @classmethod
    def from_solver(
        cls, solver: Solver, schedule: NoiseSchedule, grid: npt.ArrayLike
    ) -> SolverSchedule:
        """The schedule that does what a fixed solver does.

        Parameters
        ----------
        solver : DDIM, multistep DPMSolver or UniPC
            Deterministic; a corrector of first order, as UniPC's first one, is another rule.
        schedule : NoiseSchedule
            What the times mean.
        grid : array-like of shape (n_steps + 1,)
            Strictly falling times.

        Returns
        -------
        SolverSchedule

        Raises
        ------
        ValueError
            A solver whose rows a schedule of this kind cannot hold.
        """
        plan = solver.plan(schedule, grid)
        nodes = Nodes.of(schedule, plan.grid)
        n = nodes.n_steps
        prediction = "x0" if isinstance(solver, DDIM) else getattr(solver, "prediction", None)
        known = isinstance(solver, (DDIM, DPMSolver, UniPC)) and plan.n_evals == n
        if not known or prediction is None or any(row.noise for row in plan.rows):
            raise ValueError(f"solver must be deterministic and multistep, got {solver!r}.")
        orders = [row.depth for row in plan.rows]
        relaxations = [_relaxation(solver, nodes, i, p) for i, p in enumerate(orders)]
        correctors = [row.corrector is not None for row in plan.rows]
        points = [max(p - 1, 1) for p in orders]
        found = cls(
            tuple(plan.grid.tolist()), tuple(orders), (prediction,) * n, tuple(points),
            tuple(relaxations), tuple(correctors),
        )  # fmt: skip
        mine = found.plan(schedule)
        if not _same_rows(mine, plan):
            raise ValueError(f"a SolverSchedule cannot hold the rows of {solver!r}.")
        return found


def _entries(name: str, values: Any, kind: Any, form: type) -> tuple[Any, ...]:
    """A list of one parameter in its form; what would only look like it after a cast is refused."""
    given = values.tolist() if hasattr(values, "tolist") else values
    if isinstance(given, str) or not np.iterable(given):
        raise ValueError(f"{name} must be a sequence, one entry for each step, got {values!r}.")
    entries = tuple(given)
    for entry in entries:
        if not isinstance(entry, kind):
            raise ValueError(f"{name} must hold {_KINDS[form]}, got {entry!r}.")
    return tuple(form(entry) for entry in entries)


def _nested(values: Any) -> Any:
    return tuple(_nested(each) for each in values) if isinstance(values, list) else values


def _relaxation(solver: Any, nodes: Nodes, n: int, p: int) -> float:
    """C with which the second order of a named rule is exact weights relaxed."""
    if p != 2:
        return 0.0
    kernel = Kernel.between(point(nodes, n), point(nodes, n + 1), solver.prediction)
    exact = float(exp_moments(kernel.H, 1))
    rule = getattr(solver, "variant", getattr(solver, "weights", "exact"))
    half = {
        "exact": exact,
        "midpoint": float(exp_moments(kernel.H, 0)) / 2,
        "legacy": float(exp_moments(kernel.H, 0)) / 2,
        "bh2": float(exp_moments(kernel.H, 0)) / 2,
        "bh1": kernel.H / 2,
    }[rule]
    return (half / exact - 1) / kernel.h


def _same_rows(first: Plan, second: Plan) -> bool:
    def numbers(row: Row) -> list[float]:
        corrector = row.corrector
        tail = [] if corrector is None else [corrector.a, *corrector.w_x0, *corrector.w_eps]
        return [row.a, *row.w_x0, *row.w_eps, *tail]

    pairs = zip(first.rows, second.rows, strict=True)
    return all(
        len(numbers(a)) == len(numbers(b)) and np.allclose(numbers(a), numbers(b), rtol=1e-10)
        for a, b in pairs
    )
