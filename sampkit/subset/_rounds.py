"""Random subsets round by round; round t is a function of the seed and t."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sampkit.subset._arguments import (
    child_of,
    codes_of,
    count_of,
    generator_at,
    one_of,
    root_of,
    rounds_of,
    rows_of,
)
from sampkit.subset._permutations import PERMUTATIONS, Computed, Permutations, Rows
from sampkit.subset._quotas import LARGEST, Counts, cumulative_after
from sampkit.subset._streams import CUTS, CarryStream, Crossing, CutStream, even_crossing

REMAINDERS = ("carry", *CUTS)
# what the children of the root are for
_PERMUTATION, _ROUND, _QUOTA, _CLASS = range(4)


class Rounds(Protocol):
    """The rows of any round."""

    def round(self, t: int) -> Rows:
        """Rows of round t, distinct, in random order; not to be written to."""
        ...


def row_rounds(
    n: int,
    k: int,
    root: np.random.SeedSequence,
    *,
    replacement: bool = False,
    codes: npt.NDArray[np.intp] | None = None,
    remainder: str = "carry",
    permutation: str = "shuffle",
) -> Rounds:
    """The rounds that the parameters, checked before, ask for."""
    if codes is not None:
        return StratifiedRounds(codes, k, root, replacement, permutation)
    if replacement:
        return IndependentRounds(n, k, root, permutation)
    permutations = PERMUTATIONS[permutation](n, child_of(root, _PERMUTATION))
    if remainder != "carry":
        return CutStream(permutations, CUTS[remainder](n, k))
    return CarriedRounds(permutations, k)


class IndependentRounds:
    """Simple random samples that know nothing of each other."""

    def __init__(self, n: int, k: int, root: np.random.SeedSequence, permutation: str) -> None:
        self.n, self.k, self.root = n, k, root
        computed = permutation == "feistel"
        self._computed = Computed(n, child_of(root, _PERMUTATION)) if computed else None

    def round(self, t: int) -> Rows:
        if self._computed is not None:
            return self._computed.part(t, 0, self.k)
        return generator_at(self.root, _ROUND, t).choice(self.n, self.k, replace=False)


class CarriedRounds:
    """Slices of k rows of the carry stream."""

    def __init__(self, permutations: Permutations, k: int) -> None:
        self.k = k
        self._stream = CarryStream(permutations, even_crossing(permutations.n, k))

    def round(self, t: int) -> Rows:
        return self._stream.take(t * self.k, (t + 1) * self.k)


class StratifiedRounds:
    """Class quotas in integers, every class drawn from a stream of its own.

    A later round costs the quotas of those before it, O(classes) each; a step back starts anew.
    """

    def __init__(
        self,
        codes: npt.NDArray[np.intp],
        k: int,
        root: np.random.SeedSequence,
        replacement: bool,
        permutation: str,
    ) -> None:
        self.k, self.root, self.replacement = k, root, replacement
        self.sizes: Counts = np.bincount(codes).astype(np.int64)
        self._rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(self.sizes)[:-1])
        self._permutation = permutation
        self._reset()

    def _reset(self) -> None:
        self._next, self._used = 0, np.zeros_like(self.sizes)
        self._crossings: list[dict[int, Crossing]] = [{} for _ in self.sizes]
        make = PERMUTATIONS[self._permutation]
        self._streams = [
            CarryStream(make(int(size), child_of(self.root, _CLASS, j)), crossings.get)
            for j, (size, crossings) in enumerate(zip(self.sizes, self._crossings, strict=True))
        ]

    def round(self, t: int) -> Rows:
        if t < self._next:
            self._reset()
        while True:
            start, stop = self._advance()
            if self._next > t:
                break
        rng = generator_at(self.root, _ROUND, t)
        present = np.flatnonzero(stop > start).tolist()
        rows = [self._of_class(j, int(start[j]), int(stop[j]), rng) for j in present]
        return rng.permutation(np.concatenate(rows))

    def _of_class(self, j: int, start: int, stop: int, rng: np.random.Generator) -> Rows:
        if self.replacement:
            chosen = rng.choice(int(self.sizes[j]), stop - start, replace=False)
        else:
            chosen = self._streams[j].take(start, stop)
        return self._rows[j][chosen]

    def _advance(self) -> tuple[Counts, Counts]:
        """Pass one round: where it starts and stops in the stream of every class."""
        start = self._used
        rng = generator_at(self.root, _QUOTA, self._next)
        stop = cumulative_after(start, self._next + 1, self.sizes, self.k, rng)
        epoch = start // self.sizes + 1
        crossed = (stop > epoch * self.sizes) & (start % self.sizes > 0)
        for j in np.flatnonzero(crossed).tolist():
            self._note_crossing(j, int(epoch[j]), int(start[j]), int(stop[j]))
        self._next, self._used = self._next + 1, stop
        return start, stop

    def _note_crossing(self, j: int, epoch: int, start: int, stop: int) -> None:
        """Remember where class j entered an epoch, and the entries before that still matter."""
        crossings, size = self._crossings[j], int(self.sizes[j])
        n_tail = epoch * size - start
        before = crossings.get(epoch - 1)
        if before is None or size - n_tail >= before[1]:
            crossings.clear()
            if before is not None:
                crossings[epoch - 1] = before
        crossings[epoch] = (n_tail, stop - start)


def iter_random_subsets(
    n_samples: int,
    subset_size: float = 0.1,
    n_rounds: int | None = None,
    *,
    replacement: bool = False,
    stratify: npt.ArrayLike | None = None,
    remainder: str = "carry",
    shuffle: bool = True,
    permutation: str = "shuffle",
    dtype: npt.DTypeLike = np.int64,
    random_state: Any = None,
) -> Iterator[npt.NDArray[Any]]:
    """Row numbers of one fresh random subset after another, for any training loop.

    Parameters
    ----------
    n_samples : int >= 1
        Rows to draw from, n.
    subset_size : float in (0, 1] or int in [1, n_samples], default=0.1
        Rows of a round: a float r asks for k = max(1, round(r n)), an int is k itself (1 is one
        row, 1.0 all rows).
    n_rounds : int >= 1 or None, default=None
        Rounds; None goes on without end.
    replacement : bool, default=False
        Whether rows may come back before all others have been seen. False takes consecutive pieces
        of one random permutation after another; True draws every round independently. Within a
        round rows are distinct either way.
    stratify : array-like of shape (n_samples,) or None, default=None
        Class labels. After any number of rounds every class has been drawn in proportion to its
        size, to within less than one row, and every round has exactly k rows.
    remainder : {"carry", "drop", "short", "reference"}, default="carry"
        What happens to fewer than k rows at the end of a permutation. "carry": the round is
        completed from the next permutation by rows it does not hold yet; every row has then been
        drawn floor(X k / n) or ceil(X k / n) times after X rounds. "drop" leaves them out, "short"
        makes a short round of them, "reference" does what the paper's repository does (k - 1 rows,
        some of them a second time; for comparisons only). No matter where `replacement` is True.
    shuffle : bool, default=True
        False sorts the rows of a round, for sequential reads.
    permutation : {"shuffle", "feistel"}, default="shuffle"
        "shuffle" stores one uniform permutation, 4 bytes a row (8 from 2^32 rows). "feistel"
        computes a pseudo-random one where it is needed: nothing of size n is stored. For tens of
        thousands of rows and more; on a handful its permutations are not uniform.
    dtype : dtype, default=int64
        Integer type of the result.
    random_state : None, int, SeedSequence, Generator or RandomState, default=None
        Seed. An int gives the same stream every time.

    Returns
    -------
    iterator of ndarray of shape (k,)
        Distinct row numbers of each round, an array of its own.

    Raises
    ------
    ValueError
        A parameter out of range, labels of another length, `stratify` with another remainder than
        "carry" (class quotas leave no rest to drop), or a dtype that cannot count the rows.

    See Also
    --------
    iter_block_subsets : The same with blocks of consecutive rows, for data on a disk.
    RepeatedSubsetClassifier : Training with it.

    Notes
    -----
    Time a round: O(k), plus O(n) once every n / k rounds for a new permutation ("feistel": O(k)
    always); `stratify` adds O(classes). Memory: 4 n bytes ("feistel": O(k)).

    References
    ----------
    .. [1] P. Okanovic et al., "Repeated random sampling for minimizing the time-to-accuracy of
       learning", ICLR 2024, arXiv:2305.18424.

    Examples
    --------
    >>> from sampkit.subset import iter_random_subsets
    >>> for rows in iter_random_subsets(6, 2, n_rounds=3, random_state=0):
    ...     print(rows)
    [0 1]
    [5 2]
    [3 4]
    """
    n = count_of(n_samples, "n_samples")
    k, n_rounds = rows_of(subset_size, n), rounds_of(n_rounds)
    one_of(remainder, "remainder", REMAINDERS)
    one_of(permutation, "permutation", tuple(PERMUTATIONS))
    codes = None if stratify is None else checked_codes(stratify, n)
    if codes is not None and remainder != "carry":
        raise ValueError(f"stratify needs remainder='carry', got remainder={remainder!r}.")
    kind = np.dtype(dtype)
    if kind.kind not in "iu" or n - 1 > np.iinfo(kind).max:
        raise ValueError(f"dtype must be an integer type that holds {n - 1}, got {kind}.")
    rounds = row_rounds(
        n, k, root_of(random_state), replacement=replacement, codes=codes, remainder=remainder,
        permutation=permutation,
    )  # fmt: skip
    return _subsets(rounds, n_rounds, shuffle, kind)


def checked_codes(stratify: Any, n: int) -> npt.NDArray[np.intp]:
    """Class numbers, of as many rows as the quotas' integers allow."""
    if n > LARGEST:
        raise ValueError(f"stratify needs n_samples <= 2**31, got {n}.")
    return codes_of(stratify, n)


def _subsets(
    rounds: Rounds, n_rounds: int | None, shuffle: bool, dtype: np.dtype[Any]
) -> Iterator[npt.NDArray[Any]]:
    for t in count() if n_rounds is None else range(n_rounds):
        rows = rounds.round(t).astype(dtype)
        if not shuffle:
            rows.sort()
        yield rows
