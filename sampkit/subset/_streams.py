"""Rounds cut from permutation after permutation: what happens where one of them ends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sampkit.subset._permutations import Permutations, Rows

Crossing = tuple[int, int]
Pieces = tuple[int, list[tuple[int, int]]]


class CarryStream:
    """Every row once an epoch; a round over the end of an epoch keeps its rows distinct.

    Position p of the stream lies in epoch p // n. The round that crosses from epoch e - 1 to e
    takes the tail of the former and then, of e's permutation, the first rows that are not in the
    tail; the rows passed over stay where they are, in order. That changes e's permutation in its
    first q positions only, q the rows of the crossing round: these are made from the permutation
    and the tail when they are asked for, so that no earlier round has to be drawn first.

    Parameters
    ----------
    permutations : Permutations
        One an epoch.
    crossing : callable
        Epoch e >= 1 -> (rows of the tail, rows of the round) of the round that crosses into e, or
        None where a round ends with the epoch.
    """

    def __init__(
        self, permutations: Permutations, crossing: Callable[[int], Crossing | None]
    ) -> None:
        self.permutations, self.crossing = permutations, crossing
        self._made: dict[int, tuple[Rows, Rows]] = {}

    def take(self, start: int, stop: int) -> Rows:
        """Rows of the round that holds positions start ... stop - 1; not to be written to."""
        n = self.permutations.n
        epoch, offset = divmod(start, n)
        if stop <= (epoch + 1) * n:
            return self._part(epoch, offset, offset + stop - start)
        tail, head = self._boundary(epoch + 1)
        return np.concatenate([tail, head[: stop - start - len(tail)]])

    def _part(self, epoch: int, start: int, stop: int) -> Rows:
        """Positions of an epoch, after its first ones have been put in their order."""
        found = self.crossing(epoch) if epoch else None
        changed = 0 if found is None else found[1]
        if start >= changed:
            return self.permutations.part(epoch, start, stop)
        head = self._boundary(epoch)[1]
        if stop <= changed:
            return head[start:stop]
        rest = self.permutations.part(epoch, changed, stop)
        return np.concatenate([head[start:], rest])

    def _boundary(self, epoch: int) -> tuple[Rows, Rows]:
        """Tail before `epoch` and the first rows of `epoch`, as many as the crossing round has."""
        if epoch not in self._made:
            first = epoch
            while first - 1 not in self._made and self._tail_was_changed(first):
                first -= 1
            for e in range(first, epoch + 1):
                self._made[e] = self._make(e)
                self._made.pop(e - 2, None)
            self._made = {e: made for e, made in self._made.items() if epoch - 2 < e <= epoch}
        return self._made[epoch]

    def _tail_was_changed(self, epoch: int) -> bool:
        """Whether the tail before `epoch` reaches into what the crossing before it changed."""
        found, before = self.crossing(epoch), self.crossing(epoch - 1) if epoch > 1 else None
        return found is not None and before is not None and (
            self.permutations.n - found[0] < before[1]
        )  # fmt: skip

    def _make(self, epoch: int) -> tuple[Rows, Rows]:
        found = self.crossing(epoch)
        assert found is not None
        n, (n_tail, q) = self.permutations.n, found
        tail = self._part(epoch - 1, n - n_tail, n).copy()
        raw = self.permutations.part(epoch, 0, q)
        taken = np.zeros(q, dtype=bool)
        taken[np.flatnonzero(~np.isin(raw, tail))[: q - n_tail]] = True
        return tail, np.concatenate([raw[taken], raw[~taken]])


def even_crossing(n: int, k: int) -> Callable[[int], Crossing | None]:
    """Where rounds of k rows cross the ends of epochs of n rows."""

    def crossing(epoch: int) -> Crossing | None:
        n_tail = epoch * n % k
        return (n_tail, k) if n_tail else None

    return crossing


class CutStream:
    """Rounds that are pieces of one permutation each; `cut` says of which, and where."""

    def __init__(self, permutations: Permutations, cut: Callable[[int], Pieces]) -> None:
        self.permutations, self.cut = permutations, cut

    def round(self, t: int) -> Rows:
        """Rows of round t; not to be written to."""
        epoch, pieces = self.cut(t)
        return np.concatenate([self.permutations.part(epoch, *piece) for piece in pieces])


def _drop(n: int, k: int) -> Callable[[int], Pieces]:
    """Whole rounds only: the rest of a permutation is left out."""

    def cut(t: int) -> Pieces:
        epoch, i = divmod(t, n // k)
        return epoch, [(i * k, (i + 1) * k)]

    return cut


def _short(n: int, k: int) -> Callable[[int], Pieces]:
    """The rest of a permutation is a round of its own."""

    def cut(t: int) -> Pieces:
        epoch, i = divmod(t, -(-n // k))
        return epoch, [(i * k, min((i + 1) * k, n))]

    return cut


def _reference(n: int, k: int) -> Callable[[int], Pieces]:
    """The paper's repository: the last slice wraps to the head of its own permutation, k - 1 rows.

    Each round: start = end, end = (end + k) mod (n + 1); a new permutation after a wrap.
    """

    def cut(t: int) -> Pieces:
        epoch, i = divmod(t, n // k + 1)
        if i < n // k:
            return epoch, [(i * k, (i + 1) * k)]
        return epoch, [(i * k, n), (0, (i + 1) * k % (n + 1))]

    return cut


CUTS: dict[str, Callable[[int, int], Callable[[int], Pieces]]] = {
    "drop": _drop,
    "short": _short,
    "reference": _reference,
}
