"""From a checked problem to incumbents: starts, bounds, and the engine that runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._array import on_host
from sampkit.minmax._dense import DenseEngine, Options, gaps, working_dtype
from sampkit.minmax._incumbent import Incumbents
from sampkit.minmax._polish import Counters
from sampkit.minmax._problem import Problem
from sampkit.minmax._relaxation import Box, least_squares, linear_programme, quadratic_bound
from sampkit.minmax._small import SmallEngine
from sampkit.minmax._sparse_engine import SparseEngine

Array = npt.NDArray[Any]

LP_COLUMNS = 512  # variables up to which the relaxation is solved as a linear programme
_LP_SECONDS = 1.5e-6  # a guess, times m n
_SVD_SECONDS = 5e-10  # the same for a singular value decomposition, times m n^2
_SHARE = 0.25  # of the time limit that bounds may take
_MOST_SECONDS = 5.0  # for all targets together, without a limit
POOL = 40  # randomised roundings among which the small engine finds new starts
_POOL_SPREAD = 0.7


@dataclass(frozen=True)
class Prepared:
    """Real values (k, n) to start near; whether the user gave them."""

    values: Array
    given: bool

    def of_targets(self, some: slice) -> Prepared:
        """Those of some targets."""
        return Prepared(self.values[some], self.given)


def prepare(
    problem: Problem, start: Array | None, options: Options, engine: str, incumbents: Incumbents
) -> tuple[Prepared, Options]:
    """Starts of all targets, their nearest levels as the first incumbents, and the precision.

    Parameters
    ----------
    problem : Problem
        With frozen variables already taken out.
    start : ndarray of shape (k, n) or None
        What the user gave.
    options : Options
    engine : {"dense", "small", "sparse"}
    incumbents : Incumbents
        Filled.

    Returns
    -------
    Prepared, Options
    """
    x = on_host(least_squares(problem)) if start is None else start
    if start is None and engine == "dense" and problem.xp is np:
        for i in range(problem.k):
            x[i] = _bounded(problem, i, x[i], incumbents, problem.k)
    index = problem.levels.nearest(x)
    residual = problem.residual(problem.levels.value(index))
    incumbents.begin(index, on_host(problem.objective(residual)), residual)
    if engine == "dense":
        options = replace(options, dtype=working_dtype(problem, incumbents.objective))
    if problem.rows.plain:
        incumbents.bound = np.maximum(incumbents.bound, -problem.shift)
    return Prepared(x, start is not None), options


def run_engine(
    problem: Problem,
    prepared: Prepared,
    rngs: Sequence[np.random.Generator],
    options: Options,
    engine: str,
    incumbents: Incumbents,
    counters: Counters,
) -> None:
    """Run an engine on all targets; what is found goes to `incumbents`, also when interrupted.

    Parameters
    ----------
    problem : Problem
        With frozen variables already taken out.
    prepared : Prepared
    rngs : sequence of Generator
        One a target.
    options : Options
    engine : {"dense", "small", "sparse"}
    incumbents, counters
        Added to.
    """
    try:
        if not incumbents.open() or incumbents.watch():
            return
        if engine == "small":
            _small(problem, prepared, rngs, options, incumbents, counters)
        elif engine == "sparse":
            SparseEngine(problem, options, incumbents, counters).run(rngs)
        else:
            dense = DenseEngine(problem, options, incumbents, counters)
            dense.begin(prepared.values, rngs)
            if options.max_iter is not None or np.isfinite(incumbents.watch.deadline):
                dense.iterate(rngs)
    except KeyboardInterrupt:
        incumbents.watch.interrupted()


def _bounded(problem: Problem, i: int, x: Array, incumbents: Incumbents, count: int = 1) -> Array:
    """Solution of the relaxation where there is time for it, else x; notes the lower bound.

    `count` targets are to be treated alike: what all of them cost together has to be affordable.
    """
    one = problem.of_targets(slice(i, i + 1))
    box = Box.of(one, one.levels.value(one.levels.nearest(x[None]))[0])
    bound = 0.0 if one.rows.plain else -np.inf
    r = box.A @ x - box.b
    bound = max(bound, box.dual_value(np.maximum(r, 0), np.maximum(-r, 0)))
    m, n = box.A.shape
    seconds = _LP_SECONDS * m * n
    trivial = one.rows.plain and np.abs(r).max() <= 1e-9 * np.abs(box.b).max()
    most = min(_SHARE * incumbents.watch.left, _MOST_SECONDS) / count
    if n <= LP_COLUMNS and seconds <= most and not trivial:
        x, better = linear_programme(box, x)
        bound = max(bound, better)
    squares = one.rows.plain and one.rows.free is None
    if squares and n <= LP_COLUMNS and _SVD_SECONDS * m * n * n <= most:
        bound = max(bound, quadratic_bound(box, one.levels))
    incumbents.bound[i] = max(incumbents.bound[i], bound - problem.shift)
    return x


def _small(
    problem: Problem,
    prepared: Prepared,
    rngs: Sequence[np.random.Generator],
    options: Options,
    incumbents: Incumbents,
    counters: Counters,
) -> None:
    """The small engine on one target after the other, each with its share of the time left."""
    watch = incumbents.watch
    for i, rng in enumerate(rngs):
        until = watch.seconds + watch.left / (problem.k - i)
        x = prepared.values[i]
        better = _bounded(problem, i, x, incumbents)
        x = x if prepared.given else better
        engine = SmallEngine(problem.of_targets(slice(i, i + 1)), counters)
        levels = problem.levels.of_target(i)
        spread = gaps(levels, levels.nearest(x[None]))[0] * _POOL_SPREAD
        moved = (
            x + np.concatenate([np.zeros((1, len(x))), rng.uniform(-1, 1, (POOL, len(x)))]) * spread
        )
        pool = [levels.nearest(row[None])[0] for row in moved]
        if problem.frozen is not None:
            frozen = problem.frozen[i % len(problem.frozen)]
            pool = [np.where(frozen, incumbents.index[i], index) for index in pool]
        incumbents.offer(i, pool[0])
        if not len(engine.free):
            continue
        limit = options.population + (options.max_iter or 0)
        timed = options.max_iter is None and np.isfinite(watch.deadline)
        for number, index in enumerate(engine.iterations(pool, rng, lambda _: watch())):
            incumbents.offer(i, index.index)
            if watch() or incumbents.done(i) or watch.seconds >= until:
                break
            if not timed and number + 1 >= limit:
                break
