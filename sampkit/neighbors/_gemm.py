"""Candidates by blocked matrix products, checked against certain bounds."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._chunks import chunks, even_step, rows_per_chunk
from sampkit.neighbors._bounds import Frame
from sampkit.neighbors._exact import Answer, Queries, mask_excluded, radius_of, settle
from sampkit.neighbors._radius import pairs_within, resolve
from sampkit.neighbors._shortlist import ROOM, Shortlist
from sampkit.neighbors._threads import for_each

SPARE = 3  # candidates beyond k: their bounds leave room for rounding
QUERY_BLOCK = 256
DATA_BLOCK = 2048  # 256 x 2048 float32 scores are 2 MB: they stay in a core's cache
BLOCK_BYTES = 2 * 1024 * 1024
SMALL = 2**20  # scores of a problem that is one block


def search(X: npt.NDArray[Any], queries: Queries, k: int, n_threads: int) -> Answer:
    """The k nearest rows of X for every query, certain.

    The bulk of the work is one product of (q, d + 2) by (d + 2, n) in float32, never held whole,
    and about 1/4 ns per entry of it. Small problems are one block in float64.
    """
    answer = Answer.empty(len(queries), k)
    if len(queries) * len(X) <= SMALL:
        scan(X, queries, answer, frame_of(X, queries.points, np.float64), 1)
    else:
        scan(X, queries, answer, frame_of(X, queries.points, np.float32), n_threads)
    resolve(X, queries, answer, n_threads, partial(pairs_within, X))
    return answer


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
        row_bytes = block * frame.dtype.itemsize + n_wanted * ROOM * 12
        most = min(rows_per_chunk(row_bytes, 2 * BLOCK_BYTES), QUERY_BLOCK)
        step = even_step(len(queries), most)
    columns = np.ascontiguousarray(frame.data(X).T)
    local = threading.local()

    def work(at: slice) -> None:
        if not hasattr(local, "shortlist"):
            local.shortlist = Shortlist(step, n_wanted, block, frame.dtype)
            local.scores = np.empty(step * block, dtype=frame.dtype)
        points, exclude = queries[at], queries.exclude[at]
        left, square = frame.query(points)
        local.shortlist.reset(len(points))
        for rows in chunks(n, block):
            width = rows.stop - rows.start
            scores = local.scores[: len(points) * width].reshape(len(points), width)
            np.matmul(left, columns[:, rows], out=scores)
            mask_excluded(scores, exclude, rows)
            local.shortlist.offer(scores, rows.start)
        index, bound = local.shortlist.best()
        settle(answer, at, X, points, exclude, index)
        floor = frame.floor(square, radius_of(answer.squared[at, -1], X.shape[1]))
        answer.certain[at] = bound < floor

    for_each(work, chunks(len(queries), step), n_threads)
