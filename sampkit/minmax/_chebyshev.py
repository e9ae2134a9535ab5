"""Real-valued start and bound: the Chebyshev fit within a box, as a linear programme."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def chebyshev_fit(
    A: Floats, b: Floats, low: float = -np.inf, high: float = np.inf
) -> tuple[Floats, float]:
    """The x in the box with the smallest ``max |A x - b|``, and a lower bound of that maximum.

    The bound comes from the dual solution by weak duality, so that the solver's tolerances do not
    enter: for any l with ``|l|_1 <= 1`` no x of the box has a maximum below
    ``-l b + sum_j min (A' l)_j v`` over low <= v <= high.
    """
    from scipy.optimize import linprog

    m, n = A.shape
    ones = np.ones((m, 1))
    solved = linprog(
        np.append(np.zeros(n), 1.0),
        A_ub=np.block([[A, -ones], [-A, -ones]]),
        b_ub=np.concatenate([b, -b]),
        bounds=[(low, high)] * n + [(0, None)],
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if solved.x is None:
        return np.clip(np.linalg.lstsq(A, b, rcond=None)[0], low, high), 0.0
    x = np.clip(solved.x[:n], low, high)
    dual = np.asarray(solved.ineqlin.marginals)
    lift = dual[m:] - dual[:m]
    lift /= max(np.abs(lift).sum(), 1e-300)
    cost = A.T @ lift
    if not np.isfinite([low, high]).all():
        # a solution outside the box of a free variable: project the dual onto A' l = 0
        lift -= A @ np.linalg.lstsq(A.T @ A, cost, rcond=None)[0]
        lift /= max(np.abs(lift).sum(), 1e-300)
        return x, max(float(-lift @ b), 0.0)
    bound = float(-lift @ b + np.minimum(cost * low, cost * high).sum())
    return x, max(bound, 0.0)
