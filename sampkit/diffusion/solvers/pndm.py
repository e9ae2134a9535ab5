"""PNDM: linear multistep on the noise prediction, with a starter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sampkit.diffusion.plan import Row
from sampkit.diffusion.schedules import DiscreteVPSchedule
from sampkit.diffusion.solvers._solver import Nodes, Solver, check_choice
from sampkit.diffusion.solvers._steps import point, point_at, transfer
from sampkit.diffusion.solvers.deis import ADAMS, _from_nothing

__all__ = ["PNDM"]


@dataclass(frozen=True)
class PNDM(Solver):
    """Pseudo numerical methods for diffusion models.

    Parameters
    ----------
    warmup : {"rk", "plms"}, default="rk"
        How the history is filled: three steps of four calls each (F-PNDM; for ``order=2`` one step
        of two calls), or one extra call and Adams methods of growing order (PLMS).
    order : {4, 2}, default=4
        Of the Adams and Bashforth method that follows; 2 is S-PNDM.

    Raises
    ------
    ValueError
        A parameter out of range.

    References
    ----------
    Liu, Ren, Lin and Zhao, "Pseudo numerical methods for diffusion models on manifolds", ICLR 2022.

    Examples
    --------
    >>> from sampkit.diffusion import PNDM
    >>> PNDM().n_evals(10), PNDM("plms").n_evals(10)
    (19, 11)
    """

    warmup: str = "rk"
    order: int = 4

    def __post_init__(self) -> None:
        check_choice("warmup", self.warmup, ("rk", "plms"))
        check_choice("order", self.order, (4, 2))

    @property
    def _full(self) -> bool:
        return self.warmup == "rk" and self.order == 4

    def n_evals(self, n_steps: int) -> int:
        """Number of network calls on a grid of `n_steps` steps.

        Parameters
        ----------
        n_steps : int
            Steps of the grid, >= 1.

        Returns
        -------
        int
            `n_steps` + 9 for the full warm-up (four a step for fewer than three steps), otherwise
            `n_steps` + 1.
        """
        return n_steps + 3 * min(n_steps, 3) if self._full else n_steps + 1

    def _rows(self, nodes: Nodes) -> list[Row]:
        rows: list[Row] = []
        kept: list[int] = []  # calls whose outputs the Adams sums look back on
        for n in range(nodes.n_steps):
            call = len(rows)
            if n == 0 and nodes.starts_empty:
                rows.append(_from_nothing(nodes))
                continue
            kept.append(call)
            # a starter calls at the step's end, which must not be where sigma is 0
            starts = len(kept) <= (3 if self._full else 1)
            if starts and not (nodes.ends_clean and n == nodes.n_steps - 1):
                rows += _four_calls(nodes, n, call) if self._full else _two_calls(nodes, n, call)
            else:
                rows.append(_adams(nodes, n, call, kept[-self.order :]))
        return rows


def _adams(nodes: Nodes, n: int, call: int, kept: list[int]) -> Row:
    a, weight = transfer(point(nodes, n), point(nodes, n + 1))
    ages = [call - each for each in reversed(kept)]
    w_eps = np.zeros(ages[-1] + 1)
    w_eps[ages] = weight * np.array(ADAMS[len(kept) - 1])
    return Row(float(nodes.t[n]), a, w_eps=tuple(w_eps.tolist()))


def _two_calls(nodes: Nodes, n: int, call: int) -> list[Row]:
    """Heun: to the end, there again, and back with the mean of both outputs."""
    a, weight = transfer(point(nodes, n), point(nodes, n + 1))
    t, end = (float(time) for time in nodes.t[n : n + 2])
    return [
        Row(t, a, w_eps=(weight,)),
        Row(end, a, w_eps=(weight / 2, weight / 2), anchor=call),
    ]


def _four_calls(nodes: Nodes, n: int, call: int) -> list[Row]:
    """The classical Runge-Kutta method with transfers for steps."""
    t, end = (float(time) for time in nodes.t[n : n + 2])
    discrete = isinstance(nodes.schedule, DiscreteVPSchedule)
    middle = t - ((t - end) // 2 if discrete else (t - end) / 2)
    start = point(nodes, n)
    to_middle = transfer(start, point_at(nodes, middle))
    to_end = transfer(start, point(nodes, n + 1))
    return [
        Row(t, to_middle[0], w_eps=(to_middle[1],)),
        Row(middle, to_middle[0], w_eps=(to_middle[1],), anchor=call),
        Row(middle, to_end[0], w_eps=(to_end[1],), anchor=call),
        Row(end, to_end[0], w_eps=tuple(to_end[1] * w / 6 for w in (1, 2, 2, 1)), anchor=call),
    ]
