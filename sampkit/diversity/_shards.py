"""Items that lie in several places: the same ranking, or nearly, without bringing them together.

A share keeps its items where they are; per pick it tells its best item and hears which row was
picked. Sums in fixed point are exact, so the best of all shares is the best of one machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from sampkit._library import root_module
from sampkit.diversity._arguments import (
    check_choice,
    check_reachable_order,
    check_whole,
)
from sampkit.diversity._counts import Counts, Reach, Row, check_reach, divided, read_counts
from sampkit.diversity._entropy import Floats, Integers, Objective
from sampkit.diversity._greedy import ScanEngine
from sampkit.diversity._pool import Pool
from sampkit.diversity._problem import Problem
from sampkit.diversity._rank import Ranking, number_of_picks, objective_of, paths, ranked

METHODS = ("exact", "two-round")
Best = tuple[float, int, Row]  # what is compared, the position among all items, the item's counts


@dataclass(frozen=True)
class Survey:
    """What one share tells of its counts, variable by variable."""

    n_items: int
    columns: list[Integers]
    divisors: list[int]
    largest_counts: list[int]
    largest_sizes: list[int]


@dataclass(frozen=True)
class Agreement:
    """What all shares have in common."""

    objective: Objective
    divisors: list[int]
    reach: Reach
    first: list[int]  # position of every share's first item, and the number of all
    offsets: Integers  # of the variables' categories

    @property
    def nothing(self) -> Integers:
        """Pooled counts before the first pick."""
        return np.zeros(int(self.offsets[-1]), dtype=np.int64)


class Share:
    """The items of one place; lives in a worker, or here."""

    def __init__(self, counts: Any):
        self.counts = read_counts(_at_hand(counts), divide=False, least_rows=0)

    def survey(self) -> Survey:
        """What the reduction over all shares needs."""
        matrices, sizes = self.counts.matrices, self.counts.sizes
        return Survey(
            self.counts.n_items,
            [np.asarray(m.sum(axis=0), dtype=np.int64).ravel() for m in matrices],
            [int(np.gcd.reduce(m.data)) if len(m.data) else 0 for m in matrices],
            [int(m.data.max(initial=0)) for m in matrices],
            [int(own.max(initial=0)) for own in sizes],
        )

    def begin(self, common: Agreement, number: int) -> None:
        """Set everything up, for the share of this number."""
        self.counts = divided(self.counts, common.divisors)
        self.first, n = common.first[number], self.counts.n_items
        self.problem = Problem(
            self.counts, common.objective, common.nothing, np.arange(n), wider=common.reach
        )
        self.engine = ScanEngine(self.problem) if n else None

    def advance(self, picked: tuple[int, Row] | None) -> Best | None:
        """Hear of a pick, and tell the best item left; None where there is none."""
        if self.engine is None:
            return None
        if picked is not None:
            position, row = picked
            if self.first <= position < self.first + self.counts.n_items:
                self.engine.drop(np.array([position - self.first]))
            self.engine.add(row)
        found = self.engine.best()
        if found is None:
            return None
        return found[0], self.first + found[1], self.counts.row(found[1])

    def shortlist(self, k: int) -> tuple[Integers, list[Any]]:
        """The first k of this share's own ranking: positions among all items, and their counts."""
        if not self.counts.n_items:
            return np.empty(0, dtype=np.int64), list(self.counts.matrices)
        picks = ranked(self.problem, min(k, self.counts.n_items), "numpy")
        items = np.sort(np.array([item for item, _ in picks], dtype=np.int64))
        return self.first + items, [m[items] for m in self.counts.matrices]


def greedy_max_entropy_sharded(
    shards: Sequence[Any],
    n_select: int | None = None,
    *,
    method: str = "exact",
    n_categories: Any = None,
    k_per_shard: int | None = None,
    client: Any = None,
    selector: str = "dutopia",
    order: float = 1.0,
    weights: Any = None,
    normalize: bool = False,
    decimals: int | None = None,
) -> Ranking:
    """Rank items that lie in several places: files, partitions, workers of a Dask cluster.

    Parameters
    ----------
    shards : list
        One entry for every place: what :func:`greedy_max_entropy` takes as `counts`, or a Dask
        delayed or future of it. All have the same variables and columns. Positions count through
        the shards in order.
    n_select : int >= 0 or None, default=None
        How many items to pick; None: all of them.
    method : {"exact", "two-round"}, default="exact"
        The ranking that one machine with all items would find, with one exchange of messages for
        every pick; or a ranking of every shard by itself, and one of the items that came out.
    n_categories : int or array-like of shape (N,), default=None
        Categories that exist, where that is more than the shards show together.
    k_per_shard : int >= 1 or None, default=None
        How many items a shard sends to the second round; None: `n_select`.
    client : distributed.Client, default=None
        Where shards are kept and measured, as actors; None: in this process, one after the other.
    selector : {"dutopia", "sum"}, default="dutopia"
        What is compared, as in :func:`greedy_max_entropy`.
    order : float >= 0, default=1.0
        Order of the Renyi entropy.
    weights : array-like of shape (N,), default=None
        Weights >= 0 of the variables; None: all 1.
    normalize : bool, default=False
        Divide the entropies by their maxima.
    decimals : int >= 0 or None, default=None
        Round entropies before they are compared.

    Returns
    -------
    ranking : ndarray of int64 of shape (k,)
        Positions of the items in the order of their picks.
    entropy_path : ndarray of float64 of shape (k, N)
        Entropies after every pick, in nats.
    distance_path : ndarray of float64 of shape (k,)
        Distance to utopia after every pick.

    Raises
    ------
    ValueError
        Shards of different variables or columns, no items at all, or a parameter outside its range.
    TypeError
        `client` has no ``submit``.

    Warns
    -----
    UserWarning
        `n_select` is larger than the number of items.

    See Also
    --------
    greedy_max_entropy : For items in one place.

    Notes
    -----
    Maxima of entropies must be those of all items: one reduction over the shards' column sums finds
    the numbers of categories, in both methods. A pick of the exact method costs a scan of the
    largest shard, and a message of the picked item's counts to every shard. The two-round method
    sends `k_per_shard` items a shard once; nothing guarantees how good its ranking is, its
    distances tell.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.diversity import greedy_max_entropy, greedy_max_entropy_sharded
    >>> counts = np.random.default_rng(0).integers(3, size=(30, 8))
    >>> ranking, _, _ = greedy_max_entropy_sharded([counts[:10], counts[10:]], 5)
    >>> bool((ranking == greedy_max_entropy(counts, 5)[0]).all())
    True
    """
    check_choice("method", method, METHODS)
    if k_per_shard is not None:
        check_whole("k_per_shard", k_per_shard, 1)
    given = list(shards) if not hasattr(shards, "shape") else [shards]
    if not given:
        raise ValueError("shards must hold at least one entry, got none.")
    places = _Places(given, client)
    common = _agreement(
        places.call("survey"),
        n_categories,
        {
            "selector": selector,
            "order": order,
            "weights": weights,
            "normalize": normalize,
            "decimals": decimals,
        },
    )
    picks = number_of_picks(n_select, common.first[-1])
    check_reachable_order(common.objective.order, common.reach, picks)
    places.call_each("begin", [(common, i) for i in range(len(given))])
    if picks == 0:
        return paths(common.objective, [])
    if method == "exact":
        return _exact(places, common, picks)
    return _two_rounds(places, common, picks, k_per_shard or picks)


class _Places:
    """Shares in this process, or as actors of a cluster; asked all at once."""

    def __init__(self, shards: Sequence[Any], client: Any):
        self.client = client
        if client is None:
            self.shares = [Share(shard) for shard in shards]
            return
        if not hasattr(client, "submit"):
            raise TypeError(f"client must be a distributed.Client, got {type(client).__name__}.")
        placed = [_on_cluster(client, shard) for shard in shards]
        made = [client.submit(Share, shard, actor=True, pure=False) for shard in placed]
        self.shares = [future.result() for future in made]

    def call(self, method: str, *arguments: Any) -> list[Any]:
        """The answers of all shares to the same call."""
        return self.call_each(method, [arguments] * len(self.shares))

    def call_each(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The answers of all shares, each to its own arguments."""
        answers = [
            getattr(share, method)(*own) for share, own in zip(self.shares, arguments, strict=True)
        ]
        return answers if self.client is None else [answer.result() for answer in answers]


def _on_cluster(client: Any, shard: Any) -> Any:
    """A future of a shard; what lies here is sent there once."""
    if root_module(shard) == "distributed":
        return shard
    if root_module(shard) == "dask":
        return client.compute(shard)
    return client.scatter([shard])[0]  # in a list: a list of matrices is one shard


def _at_hand(shard: Any) -> Any:
    if root_module(shard) == "distributed":
        return shard.result()
    return shard.compute() if root_module(shard) == "dask" else shard


def _agreement(surveys: list[Survey], n_categories: Any, given: dict[str, Any]) -> Agreement:
    """The reduction over all shares."""
    widths = [[len(c) for c in survey.columns] for survey in surveys]
    if any(w != widths[0] for w in widths):
        raise ValueError(f"shards must have the same columns, got {str(widths)[:200]}.")
    lengths = [survey.n_items for survey in surveys]
    if sum(lengths) == 0:
        raise ValueError("shards must hold at least one item together, got none.")
    variables = range(len(widths[0]))
    divisors = [int(np.gcd.reduce([s.divisors[v] for s in surveys])) or 1 for v in variables]
    columns = [np.sum([s.columns[v] for s in surveys], axis=0) // divisors[v] for v in variables]
    reach = Reach(
        present=tuple(int(np.count_nonzero(c)) for c in columns),
        grand_total=max(int(c.sum()) for c in columns),
        largest_column=max(int(c.max(initial=0)) for c in columns),
        largest_count=max(s.largest_counts[v] // divisors[v] for s in surveys for v in variables),
        largest_size=max(s.largest_sizes[v] // divisors[v] for s in surveys for v in variables),
    )
    check_reach(reach)
    return Agreement(
        objective_of(reach.present, n_categories, given),
        divisors,
        reach,
        np.cumsum([0, *lengths]).tolist(),
        np.cumsum([0, *widths[0]]),
    )


def _exact(places: _Places, common: Agreement, picks: int) -> Ranking:
    """Per pick: the best of the shares' best, told to all of them."""
    pool = Pool(common.objective, common.reach, common.offsets, common.nothing)
    found: list[tuple[int, Floats]] = []
    picked: tuple[int, Row] | None = None
    for _ in range(picks):
        offers = [offer for offer in places.call("advance", picked) if offer is not None]
        if not offers:
            break
        _, position, row = min(offers, key=lambda offer: offer[:2])
        pool.add(row)
        found.append((position, pool.entropies()))
        picked = (position, row)
    return paths(common.objective, found)


def _two_rounds(places: _Places, common: Agreement, picks: int, k: int) -> Ranking:
    """A ranking of every share, then one of what they sent."""
    positions, matrices = zip(*places.call("shortlist", k), strict=True)
    union = Counts(
        tuple(
            sp.csr_array(sp.vstack(parts, format="csr")) for parts in zip(*matrices, strict=True)
        ),
        tuple(common.divisors),
    )
    origin = np.concatenate(positions)
    problem = Problem(
        union, common.objective, common.nothing, np.arange(union.n_items), wider=common.reach
    )
    found = ranked(problem, min(picks, union.n_items))
    return paths(common.objective, [(int(origin[item]), entropies) for item, entropies in found])
