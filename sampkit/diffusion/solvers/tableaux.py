"""Explicit Runge-Kutta methods as data."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["TABLEAUX", "Tableau"]


class Tableau(NamedTuple):
    """Butcher's tableau of an explicit method: places, stages after the first, and the end."""

    c: tuple[float, ...]
    A: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]


TABLEAUX: dict[str, Tableau] = {
    "euler": Tableau((0,), (), (1,)),
    "heun2": Tableau((0, 1), ((1,),), (1 / 2, 1 / 2)),
    "kutta3": Tableau((0, 1 / 2, 1), ((1 / 2,), (-1, 2)), (1 / 6, 4 / 6, 1 / 6)),
    "ral3": Tableau((0, 1 / 2, 3 / 4), ((1 / 2,), (0, 3 / 4)), (2 / 9, 3 / 9, 4 / 9)),
    "heun3": Tableau((0, 1 / 3, 2 / 3), ((1 / 3,), (0, 2 / 3)), (1 / 4, 0, 3 / 4)),
    "vdh3": Tableau((0, 8 / 15, 2 / 3), ((8 / 15,), (1 / 4, 5 / 12)), (1 / 4, 0, 3 / 4)),
    "ssprk3": Tableau((0, 1, 1 / 2), ((1,), (1 / 4, 1 / 4)), (1 / 6, 1 / 6, 4 / 6)),
    "rk4": Tableau(
        (0, 1 / 2, 1 / 2, 1), ((1 / 2,), (0, 1 / 2), (0, 0, 1)), (1 / 6, 2 / 6, 2 / 6, 1 / 6)
    ),
}
