"""The greedy loop, and its public face for counts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._random_state import check_generator
from sampkit.diversity._arguments import (
    check_choice,
    check_costs,
    check_decimals,
    check_n_categories,
    check_number_of_picks,
    check_order,
    check_positions,
    check_reachable_order,
    check_weights,
    check_whole,
    read_quotas,
)
from sampkit.diversity._counts import check_reach, read_counts
from sampkit.diversity._entropy import SELECTORS, Floats, Objective
from sampkit.diversity._greedy import ScanEngine
from sampkit.diversity._problem import Engine, Problem

Ranking = tuple[npt.NDArray[np.int64], Floats, Floats]
ENGINES = ("auto", "numpy", "numba")
LONG = 2000  # picks from which on "auto" prefers the compiled engine


def greedy_max_entropy(
    counts: Any,
    n_select: int | None = None,
    *,
    selector: str = "dutopia",
    order: float = 1.0,
    weights: npt.ArrayLike | None = None,
    normalize: bool = False,
    decimals: int | None = None,
    n_categories: Any = None,
    initial: npt.ArrayLike | None = None,
    exclude: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    quotas: Mapping[Any, int] | int | None = None,
    costs: npt.ArrayLike | None = None,
    candidates: int | None = None,
    engine: str = "auto",
    random_state: Any = None,
) -> Ranking:
    """Rank items so that every prefix shows the categories of all variables in balance.

    Each pick is the item with which the pooled counts come closest to utopia, the point where every
    category of every variable is equally frequent.

    Parameters
    ----------
    counts : {ndarray, sparse matrix or array} of shape (n_items, n_categories), or a list of N
        How often every category occurs in every item, one matrix for each variable; whole numbers
        >= 0. Matrices of a list have the same number of rows.
    n_select : int >= 0 or None, default=None
        How many items to pick; None: all of them.
    selector : {"dutopia", "sum"}, default="dutopia"
        The smallest Euclidean distance of the entropies to their maxima (the logarithms of the
        numbers of categories), or the largest sum of entropies.
    order : float >= 0, default=1.0
        Order of the Renyi entropy: 1 is Shannon's, 0 the logarithm of the number of categories met,
        2 that of the inverse Simpson index.
    weights : array-like of shape (N,), default=None
        Weights >= 0 of the variables; None: all 1.
    normalize : bool, default=False
        Divide the entropies by their maxima (Pielou's evenness).
    decimals : int >= 0 or None, default=None
        Round entropies to so many decimals before they are compared; 5 is what the reference
        implementation does. None: compare scores to 1e-10.
    n_categories : int or array-like of shape (N,), default=None
        Categories that exist, where that is more than the data show; None: those with a count.
    initial : array-like of int, default=None
        Items that are selected already: they count, and are not returned.
    exclude : array-like of int, default=None
        Items that must not be picked.
    strata : array-like of shape (n_items,), default=None
        The stratum of every item.
    quotas : int or dict of {stratum: int}, default=None
        The most picks from every stratum, or from those named. All strata share one selection.
    costs : array-like of shape (n_items,), default=None
        Costs > 0; the pick has the largest gain of score per cost.
    candidates : int >= 1 or None, default=None
        Look at so many random items in every step only; None: at all of them.
    engine : {"auto", "numpy", "numba"}, default="auto"
        How the best item is found, never which. "numba" (``pip install sampkit[fast]``) pays for
        rankings of thousands of items, and is what "auto" takes for more than 2000 picks if it is
        installed. With `costs` or `candidates` it is "numpy".
    random_state : None, int, SeedSequence, Generator or RandomState, default=None
        Draws the `candidates`.

    Returns
    -------
    ranking : ndarray of int64 of shape (k,)
        Positions of the items in the order of their picks; fewer than `n_select` where no other
        item is eligible.
    entropy_path : ndarray of float64 of shape (k, N)
        Entropies of the selection after every pick, in nats, of the given order, neither weighted
        nor normalised; rounded where `decimals` is an int.
    distance_path : ndarray of float64 of shape (k,)
        Weighted distance to utopia after every pick, for either selector.

    Raises
    ------
    ValueError
        Counts that are negative or not whole or do not fit together, and any parameter outside its
        range.
    ImportError
        ``engine="numba"`` without numba.

    Warns
    -----
    UserWarning
        `n_select` is larger than the number of items.

    See Also
    --------
    GreedyMaximumEntropySampler : The same for tables.
    greedy_max_entropy_sharded : The same for items that lie in several places.

    Notes
    -----
    Equal scores go to the lowest position. Sums over categories are whole numbers (fixed point), so
    that they are exact, and ties do not depend on the engine or on the order of updates.

    A step costs O(N items) and the document frequencies of the categories of the item picked;
    memory is some 65 bytes for each count that is not 0. The "numba" engine searches a tree with
    bounds instead; a step looks at some hundreds of its nodes.

    There is no approximation guarantee: entropy of pooled counts can fall when an item is added.
    The one exception is a single variable with ``order=0``, which is maximum coverage (1 - 1/e).

    Counts of a variable are divided by their greatest common divisor, which changes no entropy.
    Orders q > 1 need q log2(T) <= 61 for the largest total T that can be reached.

    References
    ----------
    .. [1] M. Delmas, M. Wysocka, A. Freitas, "Relation extraction in underexplored biomedical
       domains: a diversity-optimised sampling and synthetic data generation approach",
       arXiv:2311.06364, 2023.

    Examples
    --------
    Four texts, two words each of five; the third brings two new ones:

    >>> from sampkit.diversity import greedy_max_entropy
    >>> counts = [[1, 1, 0, 0, 0], [1, 0, 1, 0, 0], [0, 0, 0, 1, 1], [1, 1, 0, 0, 0]]
    >>> import numpy as np
    >>> ranking, path, distance = greedy_max_entropy(np.array(counts))
    >>> ranking.tolist()
    [0, 2, 1, 3]
    >>> np.exp(path[:, 0]).round(2).tolist()  # effective number of words
    [2.0, 4.0, 4.76, 4.46]
    """
    problem, picks = enter(
        counts,
        n_select,
        engine=engine,
        selector=selector,
        order=order,
        weights=weights,
        normalize=normalize,
        decimals=decimals,
        n_categories=n_categories,
        initial=initial,
        exclude=exclude,
        costs=costs,
        candidates=candidates,
        random_state=random_state,
    )
    limits = read_quotas(strata, quotas, problem.counts.n_items)
    found = list(ranked(problem, picks, engine, limits))
    return paths(problem.objective, found)


def enter(
    counts: Any,
    n_select: Any,
    *,
    engine: Any,
    n_categories: Any = None,
    initial: Any = None,
    exclude: Any = None,
    costs: Any = None,
    candidates: Any = None,
    random_state: Any = None,
    **objective: Any,
) -> tuple[Problem, int]:
    """Check everything; the problem and the number of picks."""
    check_choice("engine", engine, ENGINES)
    if engine == "numba" and find_spec("numba") is None:
        raise ImportError("engine='numba' needs numba: pip install sampkit[fast]")
    read = read_counts(counts)
    n = read.n_items
    check_reach(read.reach)
    goal = objective_of(read.reach.present, n_categories, objective)
    selected = check_positions("initial", initial, n)
    eligible = np.setdiff1d(
        np.arange(n), np.append(selected, check_positions("exclude", exclude, n))
    )
    problem = Problem(
        read,
        goal,
        read.pooled(selected),
        eligible,
        check_costs(costs, n),
        None if candidates is None else check_whole("candidates", candidates, 1),
        check_generator(random_state),
    )
    picks = number_of_picks(n_select, n)
    start = int(problem.start.sum())
    check_reachable_order(goal.order, read.reach, picks, start)
    return problem, picks


def objective_of(present: Any, n_categories: Any, given: Mapping[str, Any]) -> Objective:
    """The objective of checked arguments."""
    check_choice("selector", given["selector"], tuple(SELECTORS))
    return Objective.of(
        check_n_categories(n_categories, present),
        selector=given["selector"],
        order=check_order(given["order"]),
        weights=check_weights(given["weights"], len(present)),
        normalize=bool(given["normalize"]),
        decimals=check_decimals(given["decimals"]),
    )


def number_of_picks(n_select: Any, n_items: int) -> int:
    """How many items to pick, at most all of them."""
    wanted = check_number_of_picks(n_select, n_items)
    if wanted > n_items:
        warnings.warn(
            f"n_select={wanted} is larger than the number of items: all {n_items} are ranked.",
            UserWarning,
            stacklevel=4,
        )
    return min(wanted, n_items)


def make_engine(problem: Problem, engine: str, n_select: int) -> Engine:
    """The engine for a name, or the one that pays."""
    if engine == "auto":
        engine = "numba" if n_select > LONG and find_spec("numba") is not None else "numpy"
    if engine == "numpy" or problem.costs is not None or problem.candidates is not None:
        return ScanEngine(problem)
    from sampkit.diversity._tree import TreeEngine

    return TreeEngine(problem)


def ranked(
    problem: Problem,
    n_select: int,
    engine: str = "auto",
    limits: tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]] | None = None,
) -> Iterator[tuple[int, Floats]]:
    """Pick after pick: the item, and the entropies with it; what was picked stays picked.

    `limits` holds the stratum code of every item and how many may still come from each.
    """
    if n_select == 0:
        return
    searcher = make_engine(problem, engine, n_select)
    left = None
    if limits is not None:
        codes, left = limits[0], limits[1].copy()
        searcher.drop(np.flatnonzero(left[codes] <= 0))
    for _ in range(n_select):
        found = searcher.best()
        if found is None:
            return
        item = found[1]
        searcher.drop(np.array([item]))
        searcher.add(problem.counts.row(item))
        if left is not None:
            left[codes[item]] -= 1
            if left[codes[item]] == 0:
                searcher.drop(np.flatnonzero(codes == codes[item]))
        yield item, searcher.pool.entropies()


def paths(objective: Objective, found: list[tuple[int, Floats]]) -> Ranking:
    """Picks as arrays: ranking, entropies and distances."""
    ranking = np.array([item for item, _ in found], dtype=np.int64)
    path = np.array([entropies for _, entropies in found])
    path = path.reshape(len(found), len(objective.utopia))
    return ranking, path, objective.distance(path)
