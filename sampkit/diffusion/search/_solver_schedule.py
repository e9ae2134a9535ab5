"""The search for a solver schedule: evaluate, let the best have children, evaluate again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor

from sampkit._random_state import generator_of
from sampkit.diffusion._executor import initial_noise
from sampkit.diffusion._stacked import rows_of
from sampkit.diffusion._torch import torch
from sampkit.diffusion.accelerate import SolverSchedule
from sampkit.diffusion.grids import check_grid, time_grid
from sampkit.diffusion.models import Model
from sampkit.diffusion.schedules import DiscreteVPSchedule, NoiseSchedule, VESchedule
from sampkit.diffusion.search._evolution import Rates, children, fixed_solvers, random_schedules
from sampkit.diffusion.search._population import Population, Terms, joined
from sampkit.diffusion.search._result import SearchResult
from sampkit.diffusion.search._scoring import Scorer

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["search_solver_schedule"]

FloatArray = npt.NDArray[np.float64]

SPACINGS = ("logsnr", "karras", "time")
SAME = 0.01  # of the grid's length: how far apart grids are that are worth trying both
PARENTS = 5
OFFERED = 8  # children offered to the predictor for each that is evaluated
WORST = 0.9  # quantile of the scores at which a predictor's are cut, and of errors half-way
BEYOND = 4.0  # times it, and every parent's: such an error half-way is hopeless
FRESH_ROWS = 256
TRIES = 10  # generations without anything new after which nothing is left to try


def search_solver_schedule(
    model: Model,
    n_steps: int,
    x: Tensor,
    *,
    cond: Any = None,
    objective: str | Callable[[Tensor], Any] = "trajectory",
    budget: int = 400,
    population: int = 32,
    initial: Sequence[SolverSchedule] | None = None,
    predictor: Any = "forest",
    search_grid: bool = True,
    max_order: int = 3,
    random_state: Any = None,
    callback: Callable[[int, float], Any] | None = None,
) -> SearchResult:
    """Find the solver schedule that serves one network best in a given number of steps.

    Parameters
    ----------
    model : DiffusionModel or wrapper
        The network; under guidance the guided model.
    n_steps : int
        Steps of the schedule, >= 1.
    x : tensor of shape (B, ...)
        Noises that candidates are compared on, as `initial_noise` draws them; 256 are enough.
    cond : object, default=None
        Condition of these rows; tensors in it of B rows are repeated for candidates that run
        together.
    objective : "trajectory" or callable, default="trajectory"
        What is made small: the mean squared difference from a fine run from the same noise; or a
        function of samples of shape (B, ...), for instance their distance from data, which also
        rewards what mends the network's own error.
    budget : int, default=400
        Candidates to evaluate, >= 1.
    population : int, default=32
        Candidates of a generation, >= 1.
    initial : sequence of SolverSchedule or None, default=None
        Evaluated first. All candidates have the ends of their grids and their first output. None:
        from `t_max` to `t_min`, all outputs from the network.
    predictor : "forest", regressor of scikit-learn or None, default="forest"
        Fitted on the logarithms of the scores so far, it chooses the most promising of eight times
        as many children. None: all are evaluated.
    search_grid : bool, default=True
        Whether the nodes between the ends are searched, too; the search starts from several
        spacings then. Otherwise the grid is that of the first of `initial`, or the usual one
        (integer times of a discrete schedule, Karras' of a `VESchedule`, else even in time).
    max_order : int, default=3
        Largest order of a step, in [1, 5].
    random_state : None, int, SeedSequence, Generator or RandomState, default=None
        Source of randomness; the same one gives the same result on the same machine.
    callback : callable or None, default=None
        ``callback(n, score)`` after every generation, with the number of candidates evaluated and
        the best score. A true result stops the search.

    Returns
    -------
    SearchResult
        Best schedule, its scores on the noises of the search and on 256 fresh ones, and all
        candidates. An interruption by the keyboard or by the callback returns what was found.

    Raises
    ------
    ValueError
        A parameter out of range, or initial schedules of other lengths, ends or first outputs.
    RuntimeError
        No candidate gives finite samples.

    Notes
    -----
    The evolution of the publication's released code: crossover with probability .3, every decision
    mutated with a probability; with five parents and rates of change that fall over the budget,
    since with constant ones single searches scatter more. It starts from all fixed solvers on grids
    of several spacings: from one alone it hardly ever finds another. A run whose error half-way is
    four times that of 90 % of all candidates, and of every parent, is stopped there (smaller ones
    say little about the end). Statistics inside the network are not searched.

    Cost: about ``budget (n_steps - 1) B`` rows of the network, in few wide calls, one call at the
    start that all share, and 200 of the fine run (999 where a schedule has no finite log-SNR at an
    end of the grid) for the search and for the fresh noises each.

    References
    ----------
    Liu et al., "A unified sampling framework for solver searching of diffusion probabilistic
    models", ICLR 2024, arXiv 2312.07243.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import GaussianMixture, VPLinearSchedule, sample
    >>> from sampkit.diffusion import search_solver_schedule
    >>> model = GaussianMixture([[-1.0], [1.0]], 0.1).model(VPLinearSchedule())
    >>> x = torch.randn(64, 1, generator=torch.Generator().manual_seed(0))
    >>> found = search_solver_schedule(model, 4, x, budget=60, random_state=0)
    >>> fixed = found.history["score"][found.history["origin"] == "fixed"]
    >>> found.score < fixed.min()
    True
    >>> sample(model, x, found.best).shape
    torch.Size([64, 1])
    """
    _check(model, n_steps, x, objective, budget, population, predictor, max_order, callback)
    terms = _terms(model.schedule, int(n_steps), initial, search_grid, int(max_order))
    rng = generator_of(random_state, "random_state")
    search = _Search(
        Scorer(model, x, terms.grid, cond=cond, objective=objective), terms, rng, int(budget)
    )
    try:
        _evolve(search, _first(terms, initial, int(population), rng), predictor, callback,
                int(population))  # fmt: skip
    except KeyboardInterrupt:
        if not search.rows:
            raise
    fresh: FloatArray = np.array([np.nan])
    best = search.best()
    calls = search.scorer.calls
    try:
        rows = torch.arange(FRESH_ROWS) % x.shape[0]
        again = Scorer(
            model, _noise(model.schedule, terms, x, rng), terms.grid,
            cond=rows_of(cond, x.shape[0], rows), objective=objective,
        )  # fmt: skip
        fresh = again([best]).scores
        calls += again.calls * FRESH_ROWS / x.shape[0]
    except KeyboardInterrupt:
        pass
    return SearchResult(best, search.score(), float(fresh[0]), search.history(), round(calls))


# --- the loop -------------------------------------------------------------------------------------


class _Search:
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


def _evolve(
    search: _Search,
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
    search: _Search, size: int, times: int
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


def _predicted(search: _Search, predictor: Any, candidates: Population) -> FloatArray:
    """What the predictor thinks of candidates: logarithms of scores, the worst cut."""
    scores = search.scores
    finite = scores[np.isfinite(scores)]
    worst = np.quantile(finite, WORST)
    goals = np.log(np.maximum(np.minimum(scores, worst), np.finfo(np.float64).tiny))
    seed = int(search.rng.integers(2**31))
    if isinstance(predictor, str):
        regressor = RandomForestRegressor(100, min_samples_leaf=2, random_state=seed)
    else:
        regressor = clone(predictor)
        if regressor.get_params().get("random_state", 0) is None:
            regressor.set_params(random_state=seed)
    regressor.fit(joined(search.evaluated).features(), goals)
    return np.asarray(regressor.predict(candidates.features()), dtype=np.float64)


# --- the start ------------------------------------------------------------------------------------


def _first(
    terms: Terms, initial: Sequence[SolverSchedule] | None, size: int, rng: np.random.Generator
) -> tuple[Population, npt.NDArray[np.str_]]:
    """The initial set: what was given, all fixed solvers, and random schedules."""
    parts = [("fixed", fixed_solvers(terms))]
    if initial is not None:
        parts.insert(0, ("initial", Population.of(initial).settled(terms)))
    missing = max(size - sum(len(part) for _, part in parts), size // 4)
    parts.append(("random", random_schedules(terms, missing, rng)))
    origins = np.concatenate([np.full(len(part), name) for name, part in parts])
    return joined([part for _, part in parts]), origins


def _terms(
    schedule: NoiseSchedule,
    n_steps: int,
    initial: Sequence[SolverSchedule] | None,
    search_grid: bool,
    max_order: int,
) -> Terms:
    """What all candidates share; refuses initial schedules that do not share it."""
    if initial is None:
        spacing = {DiscreteVPSchedule: "linspace", VESchedule: "karras"}
        grid = time_grid(schedule, n_steps, spacing.get(type(schedule), "time"))
        grids = _grids(schedule, grid) if search_grid else [grid]
        return Terms.on(schedule, grids, max_order=max_order, search_grid=search_grid)
    given = list(initial)
    if not given or not all(isinstance(each, SolverSchedule) for each in given):
        raise ValueError(f"initial must hold SolverSchedules, got {str(initial)[:60]}.")
    if wrong := [len(each.grid) - 1 for each in given if len(each.grid) != n_steps + 1]:
        raise ValueError(f"initial must hold schedules of {n_steps} steps, got one of {wrong[0]}.")
    grid = check_grid(schedule, given[0].grid)
    for each in given[1:]:
        if (each.grid[0], each.grid[-1]) != (grid[0], grid[-1]):
            raise ValueError(
                f"initial schedules must share the ends {grid[0]:g} and {grid[-1]:g} of their "
                f"grids, got {each.grid[0]:g} and {each.grid[-1]:g}."
            )
        if each.first_output != given[0].first_output:
            raise ValueError("initial schedules must share their first_output.")
        if not search_grid and each.grid != given[0].grid:
            raise ValueError("initial schedules must share one grid with search_grid=False.")
    largest = max(max(each.orders) for each in given)
    if largest > max_order:
        raise ValueError(f"initial must hold orders <= max_order = {max_order}, got {largest}.")
    grids = _grids(schedule, grid) if search_grid else [grid]
    return Terms.on(
        schedule, grids, max_order=max_order, search_grid=search_grid,
        first_output=given[0].first_output,
    )  # fmt: skip


def _grids(schedule: NoiseSchedule, grid: FloatArray) -> list[FloatArray]:
    """The grid, and others between its ends: which spacing serves a network is not known."""
    clean = float(schedule.sigma(grid[-1])) == 0
    start, end = float(grid[0]), float(schedule.t_min if clean else grid[-1])
    n_steps = len(grid) - 1 - clean
    grids = [grid]
    if n_steps < 1 or not np.isfinite(schedule.lam(np.array([start, end]))).all():
        return grids
    for spacing in SPACINGS:
        nodes = time_grid(schedule, n_steps, spacing, t_start=start, t_end=end)
        nodes = np.append(nodes, grid[-1]) if clean else nodes
        if all(np.abs(nodes - each).max() > SAME * (start - end) for each in grids):
            grids.append(nodes)
    return grids


def _noise(schedule: NoiseSchedule, terms: Terms, x: Tensor, rng: np.random.Generator) -> Tensor:
    """Fresh starts like x."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    shape = (FRESH_ROWS, *x.shape[1:])
    return initial_noise(schedule, terms.grid, shape, generator, wide).to(x)


def _check(
    model: Any, n_steps: Any, x: Any, objective: Any, budget: Any, population: Any,
    predictor: Any, max_order: Any, callback: Any,
) -> None:  # fmt: skip
    if not isinstance(model, Model):
        raise TypeError(f"model must be a DiffusionModel, got {type(model).__name__}.")
    for name, value, highest in (
        ("n_steps", n_steps, np.inf), ("budget", budget, np.inf),
        ("population", population, np.inf), ("max_order", max_order, 5),
    ):  # fmt: skip
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not whole or not 1 <= int(value) <= highest:
            upper = "" if highest == np.inf else f" and <= {highest}"
            raise ValueError(f"{name} must be an int >= 1{upper}, got {value!r}.")
    if not isinstance(x, torch.Tensor) or x.ndim < 1 or not x.is_floating_point() or not len(x):
        raise ValueError(f"x must be a tensor of shape (B, ...) of floats, got {str(x)[:60]}.")
    if not bool(torch.isfinite(x).all()):
        raise ValueError("x must be finite, got NaN or infinity.")
    if not callable(objective) and objective != "trajectory":
        raise ValueError(f"objective must be 'trajectory' or callable, got {objective!r}.")
    regressor = hasattr(predictor, "fit") and hasattr(predictor, "predict")
    if predictor is not None and not regressor and predictor != "forest":
        raise ValueError(f"predictor must be 'forest', a regressor or None, got {predictor!r}.")
    if callback is not None and not callable(callback):
        raise ValueError(f"callback must be callable or None, got {callback!r}.")
