"""How many rows of each class a round gets: integers, never a row away from proportion."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]

LARGEST = 2**31  # products of two numbers of rows, and sums of two of them, fit into int64


def cumulative_after(
    before: Counts, t: int, sizes: Counts, k: int, rng: np.random.Generator
) -> Counts:
    """Rows of each class used after t rounds of k, from those after t - 1 rounds.

    Every class stays within one row of t k n_j / n, and no round asks a class for a row twice.

    Parameters
    ----------
    before : ndarray of shape (n_classes,)
        s_j after t - 1 rounds.
    t : int >= 1
        Rounds, this one included.
    sizes : ndarray of shape (n_classes,)
        Class sizes n_j.
    k : int
        Rows of a round.
    rng : Generator
        Decides between classes due at the same time.

    Returns
    -------
    ndarray of shape (n_classes,)
        s_j after t rounds; 0 <= s_j - before_j <= n_j and the differences sum to k.
    """
    n = int(sizes.sum())
    if 2 * k <= n:
        return _earliest_due(before, t, sizes, k, rng)
    # The rows that stay out are the smaller half: with them a class is never asked for too many.
    out = _earliest_due((t - 1) * sizes - before, t, sizes, n - k, rng)
    return t * sizes - out


def _earliest_due(
    before: Counts, t: int, sizes: Counts, k: int, rng: np.random.Generator
) -> Counts:
    """The same for 2 k <= n.

    All classes get the floor of t k n_j / n, then the rows that are left go to classes below its
    ceiling, those whose next row is due earliest first.
    """
    if not k:
        return before
    n = int(sizes.sum())
    # t k = whole n + part: whole n_j of each class's target are integers, and cancel
    whole, part = divmod(t * k, n)
    base = whole * sizes
    low, rest = np.divmod(part * sizes, n)
    after: Counts = np.maximum(before - base, low)
    left = part - int(after.sum())
    if left:
        # a class of one row can be below the ceiling by two
        ceiling = np.minimum(low + (rest > 0), before - base + sizes)
        open_ = np.flatnonzero(after < ceiling)
        shift = whole * n % k  # deadlines less their common integer part whole n // k
        due = -(-(shift * sizes[open_] + (after[open_] + 1) * n) // (k * sizes[open_]))
        order = np.lexsort((rng.permutation(open_.size), due))
        after[open_[order[:left]]] += 1
    return base + after
