"""The evolution of solver schedules: NumPy and a generator of random numbers, nothing else.

Liu et al. (ICLR 2024) evolve schedules with constant rates; here rates fall over the budget, which
scatters less.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sampkit.diffusion.search._population import Population, Terms, joined

__all__ = ["Rates", "children", "crossed", "fixed_solvers", "mutated", "random_schedules"]

Generator = np.random.Generator

CROSSOVER = 0.3
ORDERS = np.array([0.25, 0.45, 0.3, 0.1, 0.1])  # how often each order is drawn, before scaling
SPREAD = 0.08  # of the nodes of random grids, relative
RELAXATION = 0.06  # standard deviation of random relaxations


class Rates(NamedTuple):
    """How much a mutation changes."""

    decision: float  # probability that a decision is drawn anew
    grid: float  # relative standard deviation of a node's change
    relaxation: float  # standard deviation of a relaxation's change

    @classmethod
    def at(cls, share: float) -> Rates:
        """Rates when a share of the budget is spent: they fall linearly."""
        first, last = np.array([0.3, 0.08, 0.06]), np.array([0.05, 0.02, 0.03])
        return cls(*(first + min(max(share, 0.0), 1.0) * (last - first)).tolist())


def fixed_solvers(terms: Terms) -> Population:
    """Orders up to the largest, each prediction, with and without corrector, on every grid."""
    n = terms.n_steps
    table = [
        (grid, order, noise, corrector)
        for grid in range(len(terms.grids))
        for order in range(1, terms.max_order + 1)
        for noise in (False, True)
        for corrector in (False, True)
    ]
    grids, *columns = (np.array(column) for column in zip(*table, strict=True))
    orders, noise, correctors = (np.repeat(column[:, None], n, axis=1) for column in columns)
    points = np.maximum(orders - 1, 1)
    every = Population(
        terms.grids[grids], orders, points, noise, np.zeros(orders.shape), correctors
    )
    return every.settled(terms)


def random_schedules(terms: Terms, n: int, rng: Generator) -> Population:
    """Any decisions, on grids around those that the search starts from."""
    shape = (n, terms.n_steps)
    around = terms.grids[rng.integers(len(terms.grids), size=n)]
    every = Population(
        _moved(around, terms, SPREAD, rng),
        _orders(terms, shape, rng),
        rng.integers(1, 3, shape),
        rng.random(shape) < 0.5,
        RELAXATION * rng.normal(size=shape),
        rng.random(shape) < 0.5,
    )
    return every.settled(terms)


def children(
    parents: Population, n: int, rates: Rates, terms: Terms, rng: Generator
) -> tuple[Population, npt.NDArray[np.bool_]]:
    """Children of random parents, and which of them have two."""
    mothers = parents[rng.integers(len(parents), size=n)]
    fathers = parents[rng.integers(len(parents), size=n)]
    two = rng.random(n) < CROSSOVER
    both = crossed(mothers, fathers, rng)
    chosen = joined([mothers, both])[np.arange(n) + n * two]
    return mutated(chosen, rates, terms, rng), two


def crossed(first: Population, second: Population, rng: Generator) -> Population:
    """Every decision from either parent; the grid as a whole from one of them."""
    shape = first.orders.shape

    def pick(name: str) -> Any:
        which = rng.random((shape[0], 1) if name == "grids" else shape) < 0.5
        return np.where(which, getattr(first, name), getattr(second, name))

    names = ("grids", "orders", "points", "noise", "relaxations", "correctors")
    return Population(*(pick(name) for name in names))


def mutated(every: Population, rates: Rates, terms: Terms, rng: Generator) -> Population:
    """Each decision drawn anew with a probability; nodes and relaxations are moved."""
    shape = every.orders.shape

    def hit() -> npt.NDArray[np.bool_]:
        return rng.random(shape) < rates.decision

    nodes = np.hstack([np.zeros((shape[0], 1), dtype=bool), hit()])
    changed = Population(
        np.where(nodes, _moved(every.grids, terms, rates.grid, rng), every.grids),
        np.where(hit(), _orders(terms, shape, rng), every.orders),
        np.where(hit(), rng.integers(1, 3, shape), every.points),
        np.where(hit(), rng.random(shape) < 0.5, every.noise),
        every.relaxations + hit() * rates.relaxation * rng.normal(size=shape),
        np.where(hit(), rng.random(shape) < 0.5, every.correctors),
    )
    return changed.settled(terms)


def _moved(
    grids: npt.NDArray[np.float64], terms: Terms, spread: float, rng: Generator
) -> npt.NDArray[np.float64]:
    """Every node at another distance from the end; the ends are put back when settled."""
    end = terms.grid[-1]
    return end + (grids - end) * (1 + spread * rng.normal(size=grids.shape))


def _orders(terms: Terms, shape: tuple[int, int], rng: Generator) -> npt.NDArray[np.int64]:
    weights = ORDERS[: terms.max_order] / ORDERS[: terms.max_order].sum()
    return rng.choice(np.arange(1, terms.max_order + 1), size=shape, p=weights)
