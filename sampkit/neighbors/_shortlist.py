"""The best scores of every query, gathered from a sequence of score blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.neighbors._exact import Index

GROUPS = 64  # groups of scores in the first block whose best ones set the first threshold
ROOM = 12  # a list holds this many times what is wanted

Scores = npt.NDArray[Any]


class Shortlist:
    """Running lists of the `n_wanted` highest scores for each of `n_queries` queries.

    A score enters a list when it reaches the list's threshold, the `n_wanted`-th best score known
    when the list was last cut; the lists are cut after blocks 2, 6, 18, ... and when one is full.
    So each block costs one comparison, and few scores are ever moved.

    Parameters
    ----------
    n_queries, n_wanted : int
        Number of lists, and of entries asked for in each.
    block_size : int
        Most scores of a query in one block.
    dtype : dtype
        Of the scores.
    """

    def __init__(self, n_queries: int, n_wanted: int, block_size: int, dtype: Any):
        self.n_wanted = n_wanted
        self.room = min(ROOM * n_wanted, n_wanted + block_size)
        self._all_scores = np.empty((n_queries, self.room), dtype=dtype)
        self._all_index = np.empty((n_queries, self.room), dtype=np.intp)
        self._mask = np.empty(n_queries * block_size, dtype=np.bool_)

    def reset(self, n_queries: int, threshold: Scores | None = None) -> None:
        """Begin with empty lists for the next `n_queries` queries.

        Without a `threshold` for each the first block sets it, and must have `n_wanted` scores.
        """
        self._scores = self._all_scores[:n_queries]
        self._index = self._all_index[:n_queries]
        self._scores.fill(-np.inf)
        self._index.fill(0)
        self._fill = np.zeros(n_queries, dtype=np.intp)
        self._used = 0  # most entries of any list
        self._cut_off = np.zeros(n_queries, dtype=np.bool_)  # entries were cut: ties may be lost
        self._overflow = np.zeros(n_queries, dtype=np.bool_)  # ties were lost for want of room
        self._threshold = threshold
        self._blocks = 0
        self._next_cut = 2

    def offer(self, scores: Scores, start: int) -> None:
        """Take in the contiguous block of scores (n_queries, w) of the rows from `start` on."""
        if self._threshold is None:
            best = _best_of_groups(scores, max(GROUPS, 8 * self.n_wanted))
            self._threshold = _nth_best(best, self.n_wanted)
        hits, rows, counts = self._reaching(scores, self._threshold)
        full = np.flatnonzero(self._fill + counts > self.room)
        if len(full):
            self._cut()
            if scores.shape[1] > self.n_wanted:
                own = _nth_best(scores[full], self.n_wanted)
                self._threshold[full] = np.maximum(self._threshold[full], own)
            hits, rows, counts = self._reaching(scores, self._threshold)
        self._append(scores, hits, rows, counts, start)
        self._blocks += 1
        if self._blocks == self._next_cut or self._overflow.any():
            self._cut()
            self._next_cut = max(self._next_cut, 3 * self._blocks)

    def best(self) -> tuple[Index, Scores, Scores]:
        """Row numbers and scores (n_queries, n_wanted) in no order, and a bound for each query.

        Every other score is at most the bound: +inf where more scores tied than a list can hold.
        Places that no score took are -inf.
        """
        self._cut()
        assert self._threshold is not None
        below = np.nextafter(self._threshold, self._threshold.dtype.type(-np.inf))
        bound = np.where(self._cut_off, self._threshold, below)
        bound[self._overflow] = np.inf
        c = self.n_wanted
        return self._index[:, :c], self._scores[:, :c], bound

    def _reaching(self, scores: Scores, threshold: Scores) -> tuple[Index, Index, Index]:
        mask = self._mask[: scores.size].reshape(scores.shape)
        np.greater_equal(scores, threshold[:, None], out=mask)
        hits = np.flatnonzero(mask)
        rows = hits // scores.shape[1]
        return hits, rows, np.bincount(rows, minlength=len(scores))

    def _append(self, scores: Scores, hits: Index, rows: Index, counts: Index, start: int) -> None:
        before = np.cumsum(counts) - counts
        place = np.arange(len(hits)) + (self._fill - before)[rows]
        self._fill += counts
        if self._fill.max() > self.room:
            self._overflow |= self._fill > self.room
            np.minimum(self._fill, self.room, out=self._fill)
            fits = place < self.room
            hits, rows, place = hits[fits], rows[fits], place[fits]
        self._used = max(self._used, int(self._fill.max()))
        place += rows * self.room
        self._scores.reshape(-1)[place] = scores.reshape(-1)[hits]
        self._index.reshape(-1)[place] = hits - rows * scores.shape[1] + start

    def _cut(self) -> None:
        """Keep the best of each list and raise the thresholds to the worst of them."""
        c, used = self.n_wanted, self._used
        if used < c:
            return
        assert self._threshold is not None
        scores, index = self._scores[:, :used], self._index[:, :used]
        if used > c:
            keep = np.argpartition(scores, used - c, axis=1)[:, used - c :]
            kept = np.take_along_axis(scores, keep, axis=1)
            index[:, :c] = np.take_along_axis(index, keep, axis=1)
            scores[:, :c] = kept
            scores[:, c:] = -np.inf
            self._cut_off |= self._fill > c
            self._fill[:] = c
            self._used = c
        np.maximum(self._threshold, scores[:, :c].min(axis=1), out=self._threshold)
        if self._overflow.any():  # these are uncertain: more ties would be of no use
            lost = self._overflow
            self._threshold[lost] = np.nextafter(
                self._threshold[lost], self._threshold.dtype.type(np.inf)
            )


def _best_of_groups(scores: Scores, n_groups: int) -> Scores:
    """Best score of each of `n_groups` groups: n of these are reached by n scores at least.

    Few groups hold two of the n best, so the n-th best of these is close to that of all scores,
    and is found in one pass of maxima and a partition of a short row.
    """
    folds = scores.shape[1] // n_groups
    if folds < 2:
        return scores
    best = np.maximum(scores[:, :n_groups], scores[:, n_groups : 2 * n_groups])
    for i in range(2, folds):
        np.maximum(best, scores[:, i * n_groups : (i + 1) * n_groups], out=best)
    return best


def _nth_best(scores: Scores, n: int) -> Scores:
    at = scores.shape[1] - n
    return np.partition(scores, at, axis=1)[:, at]
