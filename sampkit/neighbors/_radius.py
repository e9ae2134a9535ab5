"""The last word: everything within a known radius, by bounds around compact groups of queries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._chunks import WORK_BYTES, chunks, rows_per_chunk
from sampkit.neighbors._bounds import Frame
from sampkit.neighbors._exact import (
    Answer,
    Floats,
    Index,
    Queries,
    mask_excluded,
    radius_of,
    row_hashes,
    squared_distances,
)
from sampkit.neighbors._threads import for_each

GROUP = 128
DATA_BLOCK = 2048
PART_BYTES = WORK_BYTES // 4
MOST_THREADS = 4  # their scratch memory is not divided further

Pairs = tuple[Index, Index, Floats]  # query, row of X, squared distance
Within = Callable[[Queries, Floats], Iterator[Pairs]]


def resolve(X: Any, queries: Queries, answer: Answer, n_threads: int, within: Within) -> None:
    """Make every uncertain answer certain, in place.

    The distance to the k-th row found so far bounds the k-th nearest from above, so the answer
    lies among the rows that `within` finds up to there. Whatever the data, ties at that distance
    included, the result is exact.

    Parameters
    ----------
    X : ndarray or CSR of shape (n, d)
    queries : Queries
    answer : Answer
    n_threads : int
    within : callable
        ``within(queries, radius)`` yields pairs that hold every row whose squared distance from
        its query is at most `radius`. The queries come in compact groups.
    """
    settle_equal(X, queries, answer)

    def work(group: Index) -> None:
        farthest = answer.squared[group, -1]
        found = within(queries.subset(group), farthest)
        k = answer.index.shape[1]
        answer.index[group], answer.squared[group] = nearest_pairs(found, farthest, k)
        answer.certain[group] = True

    for_each(work, uncertain_groups(queries, answer, GROUP), min(n_threads, MOST_THREADS))


def pairs_within(X: npt.NDArray[Any], queries: Queries, radius: Floats) -> Iterator[Pairs]:
    """Pairs of a query and a row of X, at least all those within `radius` (squared).

    Bounds are computed in float64 about the queries' own centre: in a compact group rounding
    hides differences of about 1e-16 of the group's width, and no more than these are left to be
    found by differences.
    """
    points = queries[:]
    d = X.shape[1]
    frame = Frame(points.mean(axis=0, dtype=np.float64), 0.0, np.float64)
    left, square = frame.query(points)
    floor = frame.floor(square, radius_of(radius, d))[:, None]
    for rows in chunks(len(X), min(DATA_BLOCK, rows_per_chunk(16 * d, PART_BYTES))):
        scores = left @ frame.data(X[rows]).T
        mask_excluded(scores, queries.exclude, rows)
        hits = np.flatnonzero(scores >= floor)
        for at in chunks(len(hits), rows_per_chunk(24 * d, PART_BYTES)):
            i, j = np.divmod(hits[at], scores.shape[1])
            j += rows.start
            yield i, j, squared_distances(X, j[:, None], points[i])[:, 0]


def nearest_pairs(pairs: Iterator[Pairs], farthest: Floats, k: int) -> tuple[Index, Floats]:
    """The k nearest rows of each query, from pairs that hold at least k within `farthest`."""
    best: list[Pairs] = []
    held = 0
    for query, row, squared in pairs:
        near = squared <= farthest[query] * (1.0 + 1e-9)  # k are left, however sums round
        best.append((query[near], row[near], squared[near]))
        held += len(best[-1][0])
        if held > 4 * k * len(farthest):  # ties without end: keep what can still matter
            best = [_k_per_query(best, k)]
            held = len(best[0][0])
    _, row, squared = _k_per_query(best, k)
    return row.reshape(-1, k), squared.reshape(-1, k)


def _k_per_query(pairs: list[Pairs], k: int) -> Pairs:
    query, row, squared = (np.concatenate(part) for part in zip(*pairs, strict=True))
    order = np.lexsort((row, squared, query))
    query = query[order]
    place = np.arange(len(query)) - np.searchsorted(query, query)
    keep = place < k
    return query[keep], row[order[keep]], squared[order[keep]]


def uncertain_groups(queries: Queries, answer: Answer, size: int) -> list[Index]:
    """Numbers of the uncertain queries in groups of at most `size`, compact if they are dense."""
    todo = np.flatnonzero(~answer.certain)
    if len(todo) == 0:
        return []
    if sp.issparse(queries.points):
        return [todo[at] for at in chunks(len(todo), size)]
    return _halved(queries[todo], todo, size)


def _halved(points: npt.NDArray[Any], numbers: Index, size: int) -> list[Index]:
    """Groups by halving along the widest coordinate."""
    if len(numbers) <= size:
        return [numbers]
    widest = np.argmax(points.max(axis=0) - points.min(axis=0))
    half = len(numbers) // 2
    order = np.argpartition(points[:, widest], half)
    low, high = order[:half], order[half:]
    return _halved(points[low], numbers[low], size) + _halved(points[high], numbers[high], size)


def settle_equal(X: Any, queries: Queries, answer: Answer) -> None:
    """Answer uncertain queries that at least k rows of X equal: the first of these rows.

    Equal rows are brought together by a hash, so a table with few different rows does not cost
    all its ties. Rows of one hash are compared; where they differ the query stays uncertain.
    """
    equal = np.flatnonzero(~answer.certain & (answer.squared[:, -1] == 0.0))
    if len(equal) == 0:
        return
    k = answer.index.shape[1]
    hashes = row_hashes(X)
    order = np.argsort(hashes, kind="stable")
    hashes = hashes[order]
    for at in chunks(len(equal), rows_per_chunk(40 * (k + 1) + 16 * X.shape[1])):
        part = queries.subset(equal[at])
        points = part[:]
        first = np.searchsorted(hashes, row_hashes(points))
        place = first[:, None] + np.arange(k + 1)
        rows = order[np.minimum(place, X.shape[0] - 1)]
        # stable: places past the end and the row itself go last, the others stay in order
        barred = (place >= X.shape[0]) | (rows == part.exclude[:, None])
        last = np.argsort(barred, axis=1, kind="stable")[:, :k]
        rows = np.take_along_axis(rows, last, axis=1)
        same = ~np.take_along_axis(barred, last, axis=1).any(axis=1)
        same &= (squared_distances(X, rows, points) == 0.0).all(axis=1)
        done = equal[at][same]
        answer.index[done] = rows[same]
        answer.squared[done] = 0.0
        answer.certain[done] = True
