"""UniPC: a predictor of any order, and a corrector that costs no call."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sampkit.diffusion.plan import Row
from sampkit.diffusion.solvers._solver import Nodes, Solver, check_choice, check_int
from sampkit.diffusion.solvers._steps import (
    RULES,
    Kernel,
    corrector_weights,
    places,
    point,
    refuse_noise_prediction_at_the_clean_end,
    step_orders,
)

__all__ = ["UniPC"]


@dataclass(frozen=True)
class UniPC(Solver):
    """Unified predictor-corrector.

    Parameters
    ----------
    order : int, default=2
        Of the predictor, 1 to 4; the corrected states have one more.
    prediction : {"x0", "eps"}, default="x0"
        Which output is interpolated.
    variant : {"bh2", "bh1"}, default="bh2"
        B(h) of the paper; it matters for the second-order predictor and the first-order corrector.
    corrector : bool, default=True
        False leaves the predictor, UniP.
    corrector_skip : tuple of int, default=()
        Rows without a corrector; ``(0,)`` is usual under strong guidance.
    lower_order_final : {True, False, "auto"}, default=True
        Whether orders fall towards the end; "auto": below 15 steps.
    solver : Solver or None, default=None
        A multistep solver in the predictor's place (UniC after any solver).

    Raises
    ------
    ValueError
        A parameter out of range, or a `solver` that takes more than one call a step.

    References
    ----------
    Zhao et al., "UniPC: a unified predictor-corrector framework for fast sampling of diffusion
    models", NeurIPS 2023.

    Examples
    --------
    >>> from sampkit.diffusion import UniPC, VPLinearSchedule
    >>> plan = UniPC(order=2).plan(VPLinearSchedule(), [0.9, 0.7, 0.5, 0.3])
    >>> [round(w, 6) for w in plan.rows[1].corrector.w_x0]
    [0.105974, 0.104931, -0.010961]
    """

    order: int = 2
    prediction: str = "x0"
    variant: str = "bh2"
    corrector: bool = True
    corrector_skip: tuple[int, ...] = ()
    lower_order_final: bool | str = True
    solver: Solver | None = None

    def __post_init__(self) -> None:
        check_int("order", self.order, 1, 4)
        check_choice("prediction", self.prediction, ("x0", "eps"))
        check_choice("variant", self.variant, ("bh1", "bh2"))
        check_choice("corrector", self.corrector, (True, False))
        check_choice("lower_order_final", self.lower_order_final, ("auto", True, False))
        object.__setattr__(self, "corrector_skip", tuple(self.corrector_skip))
        if self.solver is not None and not isinstance(self.solver, Solver):
            raise ValueError(f"solver must be a solver or None, got {self.solver!r}.")

    def _rows(self, nodes: Nodes) -> list[Row]:
        refuse_noise_prediction_at_the_clean_end(nodes, self.prediction, "UniPC")
        rows = self._predictor(nodes)
        if not self.corrector:
            return rows
        skipped = set(self.corrector_skip) | ({0} if nodes.starts_empty else set())
        for n in set(range(nodes.n_steps - 1)) - skipped:
            p = rows[n].depth
            kernel = Kernel.between(point(nodes, n), point(nodes, n + 1), self.prediction)
            r = np.concatenate([[1.0], places(nodes, n, p)])
            weights = corrector_weights(r, kernel.H, self.variant)
            rows[n] = replace(rows[n], corrector=kernel.update(weights))
        return rows

    def _predictor(self, nodes: Nodes) -> list[Row]:
        if self.solver is not None:
            rows = self.solver._rows(nodes)
            calls = {len(rows), self.solver.n_evals(nodes.n_steps)}
            if calls != {nodes.n_steps} or any(row.anchor is not None for row in rows):
                raise ValueError(f"solver must take one call a step, got {self.solver!r}.")
            return rows
        rows = []
        for n, p in enumerate(step_orders(nodes, self.order, self.lower_order_final)):
            kernel = Kernel.between(point(nodes, n), point(nodes, n + 1), self.prediction)
            weights = RULES[self.variant](places(nodes, n, p), kernel.H)
            rows.append(kernel.row(float(nodes.t[n]), weights))
        return rows
