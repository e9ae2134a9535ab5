"""The loop of a search: evaluate, let the best have children, evaluate again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor

from sampkit.diffusion.accelerate import SolverSchedule
from sampkit.diffusion.search._evolution import Rates, children
from sampkit.diffusion.search._population import Population, Terms, joined

if TYPE_CHECKING:
    from sampkit.diffusion.search._scoring import Scorer

__all__ = ["Search", "evolve"]

FloatArray = npt.NDArray[np.float64]

PARENTS = 5
OFFERED = 8  # children offered to the predictor for each that is evaluated
WORST = 0.9  # quantile of the scores at which a predictor's are cut, and of errors half-way
BEYOND = 4.0  # times it, and every parent's: such an error half-way is hopeless
TRIES = 10  # generations without anything new after which nothing is left to try


class Search:
    """All candidates so far, their scores, and what is left of the budget."""

    def __init__(self, scorer: Scorer, terms: Terms, rng: np.random.Generator, budget: int):
        self.scorer, self.terms, self.rng, self.budget = scorer, terms, rng, budget
        self.seen: set[bytes] = set()
        self.rows: list[tuple[Any, ...]] = []  # generation, origin, score, half_way, stopped
        self.evaluated: list[Population] = []
        self.schedules: list[SolverSchedule] = []
        self.generation = 0

    @property
    def left(self) -> int:
        return self.budget - len(self.rows)

    @property
    def scores(self) -> FloatArray:
        return np.array([row[2] for row in self.rows])

    def new(self, offered: Population) -> npt.NDArray[np.intp]:
        """The rows that were never evaluated, without repetitions."""
        seen = set(self.seen)
        fresh = []
        for k, key in enumerate(offered.keys()):
            if key not in seen:
                fresh.append(k)
            seen.add(key)
        return np.array(fresh, dtype=np.intp)

    def evaluate(self, candidates: Population, origins: npt.NDArray[np.str_]) -> None:
        """Score one generation, within the budget."""
        candidates, origins = candidates[: self.left], origins[: self.left]
        schedules = candidates.schedules(self.terms.first_output)
        scores, half_way, stopped = self.scorer(schedules, self._limit())
        self.seen |= set(candidates.keys())
        columns = (origins.tolist(), scores.tolist(), half_way.tolist(), stopped.tolist())
        self.rows += [(self.generation, *row) for row in zip(*columns, strict=True)]
        self.evaluated.append(candidates)
        self.schedules += schedules
        self.generation += 1

    def _limit(self) -> float:
        """The error half-way of hopeless candidates: beyond most, and beyond all parents."""
        errors = np.array([row[3] for row in self.rows])
        known = errors[np.isfinite(errors)]
        if not len(known):
            return np.inf
        of_parents = errors[self._order()[:PARENTS]]
        of_parents = of_parents[np.isfinite(of_parents)]
        return BEYOND * float(np.max([np.quantile(known, WORST), *of_parents]))

    def _order(self) -> npt.NDArray[np.intp]:
        return np.argsort(self.scores, kind="stable")

    def parents(self) -> Population:
        """The best so far."""
        order = self._order()[:PARENTS]
        finite = order[np.isfinite(self.scores[order])]
        return joined(self.evaluated)[finite if len(finite) else order]

    def best(self) -> SolverSchedule:
        return self.schedules[int(self._order()[0])]

    def score(self) -> float:
        return float(self.scores.min())

    def check(self) -> None:
        if not np.isfinite(self.scores).any():
            raise RuntimeError(
                f"none of {len(self.rows)} solver schedules gives finite samples: check the "
                "network, x and the objective."
            )

    def history(self) -> Any:
        import pandas as pd

        columns = ["generation", "origin", "score", "half_way", "stopped"]
        table = pd.DataFrame(self.rows, columns=columns)
        table["best"] = table["score"].cummin()
        return table.assign(schedule=pd.Series(self.schedules, dtype=object))


def evolve(
    search: Search,
    first: tuple[Population, npt.NDArray[np.str_]],
    predictor: Any,
    callback: Callable[[int, float], Any] | None,
    size: int,
) -> None:
    """Generation after generation until the budget is spent, or nothing new is found."""
    kept = search.new(first[0])
    search.evaluate(first[0][kept], first[1][kept])
    search.check()
    while search.left > 0:
        if callback is not None and callback(len(search.rows), search.score()):
            return
        offered = _offered(search, size, 1 if predictor is None else OFFERED)
        if offered is None:
            return
        candidates, origins = offered
        if len(candidates) > size:
            chosen = np.argsort(_predicted(search, predictor, candidates), kind="stable")[:size]
            candidates, origins = candidates[chosen], origins[chosen]
        search.evaluate(candidates, origins)
    if callback is not None:
        callback(len(search.rows), search.score())


def _offered(
    search: Search, size: int, times: int
) -> tuple[Population, npt.NDArray[np.str_]] | None:
    """New children, in a few tries, `times` as many as are wanted; None where there are none."""
    rates = Rates.at(len(search.rows) / search.budget)
    wanted = size * times
    found, origins = [], []
    for _ in range(TRIES):
        made, two = children(search.parents(), wanted, rates, search.terms, search.rng)
        found.append(made)
        origins.append(np.where(two, "crossover", "mutation"))
        together = joined(found)
        new = search.new(together)
        if len(new) >= wanted:
            break
    if not len(new):
        return None
    return together[new[:wanted]], np.concatenate(origins)[new[:wanted]]


def _predicted(search: Search, predictor: Any, candidates: Population) -> FloatArray:
    """What the predictor thinks of candidates: logarithms of scores, the worst cut.

    An objective of the user's may be negative, and is taken as it is then.
    """
    scores = search.scores
    finite = scores[np.isfinite(scores)]
    goals = np.minimum(scores, np.quantile(finite, WORST))
    if (finite >= 0).all():
        goals = np.log(np.maximum(goals, np.finfo(np.float64).tiny))
    seed = int(search.rng.integers(2**31))
    if isinstance(predictor, str):
        regressor = RandomForestRegressor(100, min_samples_leaf=2, random_state=seed)
    else:
        regressor = clone(predictor)
        if regressor.get_params().get("random_state", 0) is None:
            regressor.set_params(random_state=seed)
    regressor.fit(joined(search.evaluated).features(), goals)
    return np.asarray(regressor.predict(candidates.features()), dtype=np.float64)
