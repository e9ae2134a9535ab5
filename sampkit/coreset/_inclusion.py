"""Scores become inclusion probabilities: in proportion, capped at one, of a given sum."""

from __future__ import annotations

from numbers import Real

import numpy as np
import numpy.typing as npt

__all__ = ["inclusion_probabilities"]

Vector = npt.NDArray[np.float64]


def inclusion_probabilities(scores: npt.ArrayLike, n_samples: float) -> Vector:
    """Probabilities in proportion to scores, at most one, that sum to a number of rows.

    ``q_i = min(1, c s_i)`` with the c for which the q sum to `n_samples`.

    Parameters
    ----------
    scores : array-like of shape (n,)
        Importance of every row, >= 0, not all zero; only their proportions count.
    n_samples : float > 0
        Expected number of rows drawn.  Where no more than that many scores are positive, every one
        of their rows gets probability 1.

    Returns
    -------
    q : ndarray of shape (n,), float64
        Zero where the score is zero.

    Raises
    ------
    ValueError
        Scores that are negative, not finite, all zero or not one-dimensional; ``n_samples <= 0``.

    Notes
    -----
    The j largest scores saturate, with the smallest j for which ``c = (m - j) / sum of the rest``
    leaves the next one at most 1.  Only the m largest scores are sorted: O(n + m log m) time.

    Examples
    --------
    >>> from sampkit.coreset import inclusion_probabilities
    >>> inclusion_probabilities([8.0, 1.0, 1.0, 2.0], 2).tolist()
    [1.0, 0.25, 0.25, 0.5]
    """
    s = np.asarray(scores, dtype=np.float64)
    if s.ndim != 1 or s.size == 0:
        raise ValueError(
            f"scores must be a one-dimensional array of at least one row, got shape {s.shape}."
        )
    if not isinstance(n_samples, Real) or isinstance(n_samples, bool) or not 0 < n_samples < np.inf:
        raise ValueError(f"n_samples must be a finite number > 0, got {n_samples!r}.")
    if not (np.isfinite(s).all() and s.min() >= 0):
        bad = s[~(np.isfinite(s) & (s >= 0))][0]
        raise ValueError(f"scores must be finite and >= 0, got {bad}.")
    largest = s.max()
    if largest == 0:
        raise ValueError("scores must not be all zero.")
    s = s / largest  # sums of huge or tiny scores stay in range
    m = float(n_samples)
    positive = s > 0
    if m >= np.count_nonzero(positive):
        return positive.astype(np.float64)
    return _capped(s, m)


def _capped(s: Vector, m: float) -> Vector:
    """``min(1, c s)`` of sum m < number of positive scores, scores scaled to a maximum of 1."""
    n_top = min(int(m) + 1, s.size)  # no more than m rows can saturate
    split = np.partition(s, s.size - n_top)
    top = np.sort(split[s.size - n_top :])[::-1]
    # rest[j]: sum of all but the j largest, added from the small end
    rest = split[: s.size - n_top].sum() + np.cumsum(top[::-1])[::-1]
    c = (m - np.arange(n_top)) / rest
    j = int(np.argmax(c * top <= 1.0))
    q = np.minimum(c[j] * s, 1.0)
    if j:
        q[s >= top[j - 1]] = 1.0  # not 1 - 1e-16; ties of a saturated score saturate as well
    return q
