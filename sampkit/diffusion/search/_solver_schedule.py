"""The search for a solver schedule: its parameters, and a second opinion on fresh noises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit._random_state import generator_of
from sampkit.diffusion._executor import initial_noise
from sampkit.diffusion._stacked import rows_of
from sampkit.diffusion._torch import torch
from sampkit.diffusion.accelerate import SolverSchedule
from sampkit.diffusion.models import Model
from sampkit.diffusion.search._loop import Search, evolve
from sampkit.diffusion.search._population import Terms
from sampkit.diffusion.search._result import SearchResult
from sampkit.diffusion.search._scoring import Scorer
from sampkit.diffusion.search._start import first_generation, terms_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["search_solver_schedule"]

FRESH_ROWS = 256


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
    >>> found = search_solver_schedule(model, 4, x, budget=60, predictor=None, random_state=0)
    >>> fixed = found.history["score"][found.history["origin"] == "fixed"]
    >>> bool(found.score < fixed.min())
    True
    >>> sample(model, x, found.best).shape
    torch.Size([64, 1])
    """
    _check(model, n_steps, x, objective, budget, population, predictor, max_order, callback)
    terms = terms_of(model.schedule, int(n_steps), initial, search_grid, int(max_order))
    rng = generator_of(random_state, "random_state")
    scorer = Scorer(model, x, terms.grid, cond=cond, objective=objective)
    search = Search(scorer, terms, rng, int(budget))
    try:
        first = first_generation(terms, initial, int(population), rng)
        evolve(search, first, predictor, callback, int(population))
    except KeyboardInterrupt:
        if not search.rows:
            raise
    best, score, calls = search.best(), search.score(), float(scorer.calls)
    fresh = float("nan")
    try:

        def again_and_again(given: Any) -> Any:
            return rows_of(given, x.shape[0], torch.arange(FRESH_ROWS) % x.shape[0])

        again = Scorer(
            model._for_rows(again_and_again),
            _noise(terms, x, model, rng),
            terms.grid,
            cond=again_and_again(cond),
            objective=objective,
        )
        fresh = float(again([best]).scores[0])
        calls += again.calls * FRESH_ROWS / x.shape[0]
    except KeyboardInterrupt:
        pass
    return SearchResult(best, score, fresh, search.history(), round(calls))


def _noise(terms: Terms, x: Tensor, model: Model, rng: np.random.Generator) -> Tensor:
    """Fresh starts like x."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    shape = (FRESH_ROWS, *x.shape[1:])
    return initial_noise(model.schedule, terms.grid, shape, generator, wide).to(x)


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
