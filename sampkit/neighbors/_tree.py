"""Candidates from a k-d tree, for few columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from sampkit._chunks import chunks, rows_per_chunk
from sampkit.neighbors._exact import (
    Answer,
    Floats,
    Index,
    Queries,
    radius_of,
    settle,
    squared_distances,
)
from sampkit.neighbors._radius import PART_BYTES, Pairs, resolve

FEW = 1000  # queries that are answered before other threads have started


def search(X: npt.NDArray[Any], queries: Queries, k: int, n_threads: int) -> Answer:
    """The k nearest rows of X for every query, certain.

    Building costs O(n d log n), a query O(log n) for few columns and O(n) for many. The tree
    breaks ties as it likes: queries whose k-th distance is tied ask it for the whole ball.
    """
    n, d = X.shape
    tree = cKDTree(X, balanced_tree=False)
    n_wanted = min(k + 2, n)  # the row itself, and one that shows whether the last place is tied
    answer = Answer.empty(len(queries), k)
    workers = n_threads if len(queries) > FEW else 1
    for at in chunks(len(queries), rows_per_chunk(40 * n_wanted + 24 * d)):
        points = queries[at]
        distance, index = tree.query(points, n_wanted, workers=workers)
        distance = distance.reshape(len(points), n_wanted)
        index = index.reshape(len(points), n_wanted)
        settle(answer, at, X, points, index, index == queries.exclude[at, None])
        beyond = distance[:, -1] ** 2 if n_wanted < n else np.inf
        answer.certain[at] = radius_of(answer.squared[at, -1], d) < beyond

    def within(part: Queries, radius: Floats) -> Iterator[Pairs]:
        points = part[:]
        # the root is rounded as well, and a ball that is a little too large does no harm
        r = np.sqrt(radius_of(radius, d)) * (1.0 + 1e-12)
        sizes = tree.query_ball_point(points, r, return_length=True)
        for some in _by_size(sizes, rows_per_chunk(100 + 24 * d, PART_BYTES)):
            balls = tree.query_ball_point(points[some], r[some])
            i = np.repeat(np.arange(some.start, some.stop), sizes[some])
            j = np.concatenate([np.asarray(ball, dtype=np.intp) for ball in balls])
            other = j != part.exclude[i]
            i, j = i[other], j[other]
            yield i, j, squared_distances(X, j[:, None], points[i])[:, 0]

    resolve(X, queries, answer, n_threads, within)
    return answer


def _by_size(sizes: Index, most: int) -> Iterator[slice]:
    """Slices of the queries whose balls hold about `most` rows together."""
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        taken = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, taken + most, side="right")), start + 1)
        yield slice(start, stop)
        start = stop
