"""Candidates for sparse rows: products of sparse blocks, with the same thresholds and checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._chunks import chunks, even_step, rows_per_chunk, thread_budget
from sampkit.neighbors._bounds import error_factor
from sampkit.neighbors._exact import (
    UNIT,
    Answer,
    Floats,
    Queries,
    mask_excluded,
    radius_of,
    settle,
    squared_distances,
    squared_norms,
)
from sampkit.neighbors._gemm import SPARE
from sampkit.neighbors._radius import Pairs, resolve
from sampkit.neighbors._shortlist import Shortlist
from sampkit.neighbors._threads import for_each


def search(X: Any, queries: Queries, k: int, n_threads: int) -> Answer:
    """The k nearest rows of the float64 CSR matrix X for every query, certain.

    Costs the sparse products of all pairs; a block of them is dense, X never is.
    """
    n = X.shape[0]
    n_wanted = min(k + SPARE, n)
    step = even_step(len(queries), rows_per_chunk(40 * n, thread_budget(n_threads)))
    scores_of = SparseScores(X)
    answer = Answer.empty(len(queries), k)

    def work(at: slice) -> None:
        points, exclude = queries[at], queries.exclude[at]
        scores = scores_of(points)
        mask_excluded(scores, exclude, slice(0, n))
        shortlist = Shortlist(len(scores), n_wanted, n, np.float64)
        shortlist.reset(len(scores))
        shortlist.offer(scores, 0)
        index, best, bound = shortlist.best()
        settle(answer, at, X, points, index, best == -np.inf)
        answer.certain[at] = bound < scores_of.floor(points, answer.squared[at, -1])

    def within(part: Queries, radius: Floats) -> Iterator[Pairs]:
        for at in chunks(len(part), step):
            points = part[at]
            scores = scores_of(points)
            mask_excluded(scores, part.exclude[at], slice(0, n))
            hits = np.flatnonzero(scores >= scores_of.floor(points, radius[at])[:, None])
            for some in chunks(len(hits), 65536):
                i, j = np.divmod(hits[some], n)
                yield i + at.start, j, squared_distances(X, j[:, None], points[i])[:, 0]

    for_each(work, chunks(len(queries), step), n_threads)
    resolve(X, queries, answer, n_threads, within)
    return answer


class SparseScores:
    """Blocks of ``a.b - |b|^2/2`` against all rows of X, as upper bounds (see `_bounds`).

    Nothing is centred, which would fill the matrix; sums run over stored entries alone. Rounding
    errs by at most gamma (|a||b| + |b|^2), which is no more than gamma (|a|^2 + 3 |b|^2) / 2: one
    part for each row of X, and one for each query, which `floor` takes off.
    """

    def __init__(self, X: Any):
        self.transposed = X.T.tocsr()
        self.most = int(np.diff(X.indptr).max(initial=0))
        self.gamma = error_factor(self.most, np.float64)
        lost = (self.most + 8) * float(np.finfo(np.float64).tiny)  # by products that underflow
        self.offset = (1.5 * self.gamma - 0.5) * squared_norms(X) + lost

    def __call__(self, points: Any) -> npt.NDArray[np.float64]:
        """Scores (q, n) of the rows of `points`."""
        scores = (points @ self.transposed).toarray()
        scores += self.offset
        return scores

    def floor(self, points: Any, squared: Floats) -> Floats:
        """Scores below this belong to rows beyond the distances `squared`."""
        most = int(np.diff(points.indptr).max(initial=0))
        slack = self.gamma + 4 * (most + 8) * UNIT
        radius = radius_of(squared, self.most + most)
        return (squared_norms(points) * (1.0 - slack) - radius * (1.0 + slack)) / 2
