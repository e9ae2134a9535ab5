"""Candidates by blocked matrix products, checked against certain bounds."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._chunks import chunks, even_step, rows_per_chunk, thread_budget
from sampkit.neighbors._bounds import Frame
from sampkit.neighbors._exact import Answer, Index, Queries, mask_excluded, radius_of, settle
from sampkit.neighbors._radius import pairs_within, resolve, settle_equal, uncertain_groups
from sampkit.neighbors._shortlist import ROOM, Shortlist
from sampkit.neighbors._threads import for_each

SPARE = 3  # candidates beyond k: their bounds leave room for rounding
QUERY_BLOCK = 256
DATA_BLOCK = 2048  # 256 x 2048 float32 scores are 2 MB: they stay near a core
PROBE = 128  # queries that show whether float32 suffices
RESCAN_GROUP = 512
SMALL = 2**20  # scores of a problem that is one block


def search(X: npt.NDArray[Any], queries: Queries, k: int, n_threads: int) -> Answer:
    """The k nearest rows of X for every query, certain.

    The bulk of the work is one product of (q, d + 2) by (d + 2, n) in float32, never held whole,
    and about 1/4 ns per entry of it. Small problems are one block in float64, and data that defeat
    float32 are seen from a few queries.
    """
    answer = Answer.empty(len(queries), k)
    dtype: Any = np.float64
    if len(queries) * len(X) <= SMALL:
        n_threads = 1
    else:
        dtype = np.float32 if _float32_suffices(X, queries, k, n_threads) else np.float64
    scan(X, queries, answer, frame_of(X, queries.points, dtype), n_threads)
    settle_equal(X, queries, answer)
    rescan(X, queries, answer, n_threads)
    resolve(X, queries, answer, n_threads, partial(pairs_within, X))
    return answer


def _float32_suffices(X: npt.NDArray[Any], queries: Queries, k: int, n_threads: int) -> bool:
    """Whether float64 would not settle many more queries than float32 does, judged by a few.

    A column of much larger scale than the others is enough for that; ties are not.
    """
    few = np.arange(0, len(queries), max(len(queries) // PROBE, 1))
    if len(few) * 16 > len(queries):
        return True
    for dtype in (np.float32, np.float64):
        answer = Answer.empty(len(few), k)
        frame = frame_of(X, queries.points, dtype)
        scan(X, queries.subset(few), answer, frame, n_threads)
        if answer.certain.mean() >= 0.5:
            return dtype is np.float32
    return True


def frame_of(X: npt.NDArray[Any], points: npt.NDArray[Any], dtype: Any) -> Frame:
    """The frame about the mean of X that X and the points fit into."""
    centre = X.mean(axis=0, dtype=np.float64)
    reach = 0.0
    for rows in [X] if points is X else [X, points]:
        reach = max(
            reach,
            float((rows.max(axis=0) - centre).max()),
            float((centre - rows.min(axis=0)).max()),
        )
    return Frame(centre, reach, dtype)


def scan(
    X: npt.NDArray[Any], queries: Queries, answer: Answer, frame: Frame, n_threads: int
) -> None:
    """Fill the answer, certain where the bounds of `frame` allow it."""
    n, k = len(X), answer.index.shape[1]
    n_wanted = min(k + SPARE, n)
    if len(queries) * n <= SMALL:
        block, step = n, len(queries)
    else:
        block = even_step(n, max(DATA_BLOCK, 2 * n_wanted), 16)
        # a query's scores and their mask, its list, and the rows that it is compared with
        row_bytes = block * (frame.dtype.itemsize + 1) + n_wanted * (12 * ROOM + 16 * X.shape[1])
        most = min(rows_per_chunk(row_bytes, thread_budget(n_threads)), QUERY_BLOCK)
        step = even_step(len(queries), most)
    columns = np.ascontiguousarray(frame.data(X).T)
    local = threading.local()

    def work(at: slice) -> None:
        if not hasattr(local, "shortlist"):
            local.shortlist = Shortlist(step, n_wanted, block, frame.dtype)
            local.scores = np.empty(step * block, dtype=frame.dtype)
        points = queries[at]
        blocks = ((rows, columns[:, rows]) for rows in chunks(n, block))
        left, square = frame.query(points)
        local.shortlist.reset(len(points))
        gather(left, queries.exclude[at], blocks, local.scores, local.shortlist)
        index, scores, bound = local.shortlist.best()
        settle(answer, at, X, points, index, scores == -np.inf)
        floor = frame.floor(square, radius_of(answer.squared[at, -1], X.shape[1]))
        answer.certain[at] = bound < floor

    for_each(work, chunks(len(queries), step), n_threads)


def rescan(X: npt.NDArray[Any], queries: Queries, answer: Answer, n_threads: int) -> None:
    """Search again in float64 for the uncertain queries, in compact groups around their centres.

    In a group rounding hides differences of about 1e-16 of its width, however far from the rest
    it lies. Candidates need only be as near as the k-th row known already.
    """
    n, d = X.shape
    n_wanted = min(answer.index.shape[1] + SPARE, n)
    row_bytes = 16 * d + 9 * RESCAN_GROUP  # a row in the frame of a group, and its scores there
    block = even_step(n, min(DATA_BLOCK, rows_per_chunk(row_bytes, thread_budget(n_threads))))

    def work(group: Index) -> None:
        points = queries[group]
        frame = Frame(points.mean(axis=0, dtype=np.float64), 0.0, np.float64)
        left, square = frame.query(points)
        floor = frame.floor(square, radius_of(answer.squared[group, -1], d))
        blocks = ((rows, frame.data(X[rows]).T) for rows in chunks(n, block))
        shortlist = Shortlist(len(group), n_wanted, block, np.float64)
        shortlist.reset(len(group), floor)
        gather(left, queries.exclude[group], blocks, np.empty(len(group) * block), shortlist)
        index, scores, bound = shortlist.best()
        settle(answer, group, X, points, index, scores == -np.inf)
        floor = frame.floor(square, radius_of(answer.squared[group, -1], d))
        answer.certain[group] = bound < floor

    for_each(work, uncertain_groups(queries, answer, RESCAN_GROUP), n_threads)


def gather(
    left: npt.NDArray[Any],
    exclude: Index,
    blocks: Iterable[tuple[slice, npt.NDArray[Any]]],
    scratch: npt.NDArray[Any],
    shortlist: Shortlist,
) -> None:
    """Offer the products of `left` (q, d + 2) with blocks (d + 2, rows) of X to the shortlist."""
    for rows, right in blocks:
        width = right.shape[1]
        scores = scratch[: len(left) * width].reshape(len(left), width)
        np.matmul(left, right, out=scores)
        mask_excluded(scores, exclude, rows)
        shortlist.offer(scores, rows.start)
