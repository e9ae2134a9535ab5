"""What papers and released code say of diffusion samplers, against exact laws; NumPy alone.

On normal data with an exact network every plan is an affine map that is known, and so is the flow
it approximates: orders of convergence need no network and no samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sampkit.diffusion import DPMSolver, UniPC, VPLinearSchedule, gaussian_response, time_grid

SCHEDULE = VPLinearSchedule()
VARIANCES, START, END = np.array([0.02, 0.05, 0.1, 0.25, 0.5, 2.0]), 1.5, 0.01
STEPS = (40, 80, 160, 320)


def error(solver: Any, n_steps: int) -> float:
    """Root mean square distance of paths' ends from the exact flows of N(0, v)."""
    grid = time_grid(SCHEDULE, n_steps, t_end=END)
    response = gaussian_response(solver.plan(SCHEDULE, grid), 0.0, VARIANCES)
    alpha, sigma = SCHEDULE.alpha(grid[[0, -1]]), SCHEDULE.sigma(grid[[0, -1]])
    spread = np.sqrt(alpha[:, None] ** 2 * VARIANCES + sigma[:, None] ** 2)
    return float(START * np.sqrt(np.square(response.gain - spread[1] / spread[0]).mean()))


def order(solver: Any, n_steps: int = 320) -> float:
    """Observed order of convergence between n and 2 n steps."""
    return float(np.log2(error(solver, n_steps) / error(solver, 2 * n_steps)))


FULL: dict[str, Any] = {"lower_order_final": False}
SOLVERS = {
    "2M": DPMSolver(2, **FULL),
    "3M as released": DPMSolver(3, weights="legacy", **FULL),
    "3M exact": DPMSolver(3, weights="exact", **FULL),
    "UniPC-2": UniPC(2, **FULL),
    "UniPC-3": UniPC(3, **FULL),
}


def check_legacy_order() -> tuple[float, tuple[float, float]]:
    """The third-order multistep as released."""
    return order(SOLVERS["3M as released"]), (1.9, 2.1)


def check_exact_order() -> tuple[float, tuple[float, float]]:
    """With the factor 2 of the second divided difference."""
    return order(SOLVERS["3M exact"]), (2.8, 3.2)


def main(argv: list[str]) -> None:
    """Print errors and orders."""
    print("| solver | " + " | ".join(f"{n} steps" for n in STEPS) + " | order |")
    print("| --- | " + " | ".join("---" for _ in STEPS) + " | --- |")
    for name, solver in SOLVERS.items():
        errors = " | ".join(f"{error(solver, n):.3g}" for n in STEPS)
        print(f"| {name} | {errors} | {order(solver):.2f} |")
