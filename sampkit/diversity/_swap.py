"""After the greedy ranking: exchange picks for unused items while the score falls."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.diversity._arguments import check_positions, check_whole
from sampkit.diversity._counts import Row
from sampkit.diversity._entropy import Floats
from sampkit.diversity._greedy import ScanEngine
from sampkit.diversity._problem import Problem
from sampkit.diversity._rank import Ranking, enter, paths

GAIN = 1e-10  # the least by which a score has to fall: less is rounding


def swap_refine(
    counts: Any,
    ranking: npt.ArrayLike,
    *,
    selector: str = "dutopia",
    order: float = 1.0,
    weights: npt.ArrayLike | None = None,
    normalize: bool = False,
    n_categories: Any = None,
    initial: npt.ArrayLike | None = None,
    exclude: npt.ArrayLike | None = None,
    max_passes: int = 10,
) -> Ranking:
    """Exchange items of a selection for better ones that were not picked.

    Every pick in turn, the last first, is taken out, and the best item of all takes its place;
    until a pass over all picks changes nothing. The result is a set that no single exchange
    improves. It is no ranking any more: its prefixes are not those of the greedy one.

    Parameters
    ----------
    counts : {ndarray, sparse matrix or array} of shape (n_items, n_categories), or a list of N
        As in :func:`greedy_max_entropy`.
    ranking : array-like of int of shape (k,)
        Positions of the items selected.
    selector : {"dutopia", "sum"}, default="dutopia"
        What is compared, as in :func:`greedy_max_entropy`.
    order : float >= 0, default=1.0
        Order of the Renyi entropy.
    weights : array-like of shape (N,), default=None
        Weights >= 0 of the variables; None: all 1.
    normalize : bool, default=False
        Divide the entropies by their maxima.
    n_categories : int or array-like of shape (N,), default=None
        Categories that exist, where that is more than the data show.
    initial : array-like of int, default=None
        Items that were selected before: they count, and stay.
    exclude : array-like of int, default=None
        Items that must not come in.
    max_passes : int >= 1, default=10
        Passes over all picks at the most.

    Returns
    -------
    ranking : ndarray of int64 of shape (k,)
        The new selection; who came in stands where the other one left.
    entropy_path : ndarray of float64 of shape (k, N)
        Entropies of its prefixes.
    distance_path : ndarray of float64 of shape (k,)
        Their distances to utopia; the last one is never larger than it was (of "sum": the sum of
        entropies never smaller).

    Raises
    ------
    ValueError
        A position that does not exist or occurs twice, or a parameter outside its range.

    Notes
    -----
    A pass costs k scans of all items. Sums in fixed point make taking out the exact inverse of
    putting in.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.diversity import greedy_max_entropy, swap_refine
    >>> counts = np.random.default_rng(1).poisson(0.3, size=(60, 25))
    >>> ranking, _, distance = greedy_max_entropy(counts, 6)
    >>> refined, _, closer = swap_refine(counts, ranking)
    >>> bool(closer[-1] <= distance[-1])
    True
    """
    check_whole("max_passes", max_passes, 1)
    problem, _ = enter(
        counts,
        None,
        engine="numpy",
        selector=selector,
        order=order,
        weights=weights,
        normalize=normalize,
        decimals=None,
        n_categories=n_categories,
        initial=initial,
        exclude=exclude,
    )
    chosen = np.atleast_1d(np.asarray(ranking))
    distinct = check_positions("ranking", chosen, problem.counts.n_items)
    if len(distinct) < len(chosen):
        raise ValueError("ranking must hold every position once, got one twice.")
    if len(stray := np.setdiff1d(distinct, problem.eligible)):
        raise ValueError(f"ranking must hold no item of initial or exclude, got {stray[0]}.")
    refined = _Exchange(problem, chosen.astype(np.int64)).run(max_passes)
    return _prefixes(problem, refined)


class _Exchange:
    """A scan in which the selected items stay in place, only out of the race."""

    def __init__(self, problem: Problem, chosen: npt.NDArray[np.int64]):
        self.problem, self.chosen = problem, chosen
        self.engine = ScanEngine(problem)
        for item in chosen.tolist():
            self.engine.add(problem.counts.row(item))

    def run(self, max_passes: int) -> npt.NDArray[np.int64]:
        """Pass after pass over the picks, the last one first."""
        for _ in range(max_passes if len(self.chosen) else 0):
            if not sum(self._improved(place) for place in reversed(range(len(self.chosen)))):
                break
        return self.chosen

    def _improved(self, place: int) -> bool:
        engine, item = self.engine, int(self.chosen[place])
        before = engine.objective.score(engine.pool.entropies())
        row = self.problem.counts.row(item)
        engine.remove(row)
        engine.gone = engine.slot_of[self.chosen]
        found = engine.best()
        if found is not None:
            other = self.problem.counts.row(found[1])
            engine.add(other)
            if engine.objective.score(engine.pool.entropies()) < before - GAIN:
                self.chosen[place] = found[1]
                return True
            engine.remove(other)
        engine.add(row)
        return False


def _prefixes(problem: Problem, items: npt.NDArray[np.int64]) -> Ranking:
    pool = problem.pool()
    found: list[tuple[int, Floats]] = []
    for item in items.tolist():
        row: Row = problem.counts.row(item)
        pool.add(row)
        found.append((item, pool.entropies()))
    return paths(problem.objective, found)
