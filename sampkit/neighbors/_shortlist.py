"""The best scores of every query, gathered from a sequence of score blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.neighbors._exact import Index

SAMPLE = 384  # scores of the first block that set the first threshold
ROOM = 12  # a list holds this many times what is wanted


class Shortlist:
    """Running lists of the `n_wanted` highest scores for each of `n_queries` queries.

    A score enters a list when it reaches the list's threshold, the `n_wanted`-th best score known
    when the list was last cut; the lists are cut after blocks 1, 2, 4, 8, ... and when one is
    full. So each block costs one comparison, and few scores are ever moved.

    Parameters
    ----------
    n_queries, n_wanted : int
        Number of lists, and of entries asked for in each.
    block_size : int
        Most scores of a query in one block; the first block must have at least `n_wanted`.
    dtype : dtype
        Of the scores.
    """

    def __init__(self, n_queries: int, n_wanted: int, block_size: int, dtype: Any):
        self.n_wanted = n_wanted
        self.room = min(ROOM * n_wanted, n_wanted + block_size)
        self._scores = np.empty((n_queries, self.room), dtype=dtype)
        self._index = np.empty((n_queries, self.room), dtype=np.intp)
        self._mask = np.empty(n_queries * block_size, dtype=np.bool_)

    def reset(self, n_queries: int) -> None:
        """Begin with empty lists for the next `n_queries` queries."""
        self.n_queries = n_queries
        self._scores[:] = -np.inf
        self._fill = np.zeros(n_queries, dtype=np.intp)
        self._used = 0
        self._overflow = np.zeros(n_queries, dtype=np.bool_)
        self._blocks = 0

    def offer(self, scores: npt.NDArray[Any], start: int) -> None:
        """Take in the contiguous block of scores (n_queries, w) of the rows from `start` on."""
        if self._blocks == 0:
            sample = scores[:, : max(SAMPLE, 4 * self.n_wanted)]
            self._threshold = _nth_best(sample, self.n_wanted)
        hits, rows, counts = self._reaching(scores)
        if (self._fill + counts).max(initial=0) > self.room:
            self._cut()
            hits, rows, counts = self._reaching(scores)
            if (self._fill + counts).max() > self.room:
                np.maximum(self._threshold, _nth_best(scores, self.n_wanted), out=self._threshold)
                hits, rows, counts = self._reaching(scores)
        self._append(scores, hits, rows, counts, start)
        self._blocks += 1
        if self._blocks & (self._blocks - 1) == 0:
            self._cut()

    def best(self) -> tuple[Index, npt.NDArray[Any]]:
        """Row numbers (n_queries, n_wanted) in no order, and what bounds every other score.

        The bound is +inf where more scores tied than a list could hold.
        """
        self._cut()
        bound = np.where(self._overflow, self._scores.dtype.type(np.inf), self._threshold)
        return self._index[: self.n_queries, : self.n_wanted], bound

    def _reaching(self, scores: npt.NDArray[Any]) -> tuple[Index, Index, Index]:
        mask = self._mask[: scores.size].reshape(scores.shape)
        np.greater_equal(scores, self._threshold[:, None], out=mask)
        hits = np.flatnonzero(mask)
        rows = hits // scores.shape[1]
        return hits, rows, np.bincount(rows, minlength=self.n_queries)

    def _append(
        self, scores: npt.NDArray[Any], hits: Index, rows: Index, counts: Index, start: int
    ) -> None:
        first = np.cumsum(counts) - counts
        place = np.arange(len(hits)) + (self._fill - first)[rows]
        self._fill += counts
        if self._fill.max(initial=0) > self.room:
            self._overflow |= self._fill > self.room
            np.minimum(self._fill, self.room, out=self._fill)
            fits = place < self.room
            hits, rows, place = hits[fits], rows[fits], place[fits]
        self._used = max(self._used, int(self._fill.max(initial=0)))
        place += rows * self.room
        self._scores.reshape(-1)[place] = scores.reshape(-1)[hits]
        self._index.reshape(-1)[place] = hits - rows * scores.shape[1] + start

    def _cut(self) -> None:
        """Keep the best of each list and raise the thresholds to the worst of them."""
        c, used = self.n_wanted, self._used
        if used == 0:
            return
        scores = self._scores[: self.n_queries, :used]
        index = self._index[: self.n_queries, :used]
        if used > c:
            keep = np.argpartition(scores, used - c, axis=1)[:, used - c :]
            kept = np.take_along_axis(scores, keep, axis=1)
            index[:, :c] = np.take_along_axis(index, keep, axis=1)
            scores[:, :c] = kept
            scores[:, c:] = -np.inf
            np.minimum(self._fill, c, out=self._fill)
            self._used = c
        self._threshold = scores[:, :c].min(axis=1)


def _nth_best(scores: npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    at = scores.shape[1] - n
    return np.partition(scores, at, axis=1)[:, at]
