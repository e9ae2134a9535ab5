"""Drawing with classes: no class goes missing, and each gets its share to within one row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sampkit.coreset._draw import (
    SCHEMES,
    Drawn,
    Rows,
    Vector,
    drawn_with_replacement,
    rounded_total,
    systematic,
    tournament,
)
from sampkit.coreset._inclusion import inclusion_probabilities

__all__ = ["LEAST_ROWS", "MIN_POISSON", "class_probabilities", "draw_within_classes"]

LEAST_ROWS = 2  # of every class that has as many
MIN_POISSON = 10.0  # a class of smaller expected size may come out empty: it plays a tournament

Codes = npt.NDArray[np.intp]


def class_probabilities(scores: Vector, n_samples: float, codes: Codes) -> Vector:
    """Inclusion probabilities under which every class expects at least min(n_class, 2) rows.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Scores of all rows.
    n_samples : float > 0
        Sum of the probabilities; where the classes' least rows are more, their number.
    codes : ndarray of shape (n,)
        Class of every row, 0, ..., n_classes - 1.

    Returns
    -------
    q : ndarray of shape (n,)

    Notes
    -----
    A class short of its least rows is raised to them, the others share what is left in proportion
    to their scores; what that leaves short is raised in turn.
    """
    q = inclusion_probabilities(scores, n_samples)
    n_classes = int(codes.max()) + 1
    size = np.bincount(codes, minlength=n_classes)
    least = np.minimum(size, LEAST_ROWS).astype(np.float64)
    raised = np.zeros(n_classes, dtype=bool)
    while True:
        expected = np.bincount(codes, weights=q, minlength=n_classes)
        short = ~raised & (expected < least * (1 - 1e-12))
        if not short.any():
            return q
        for k in np.flatnonzero(short):
            rows = np.flatnonzero(codes == k)
            s = scores[rows]
            if np.count_nonzero(s) < least[k]:  # rows without a score must help out
                s = np.where(s > 0, s, s[s > 0].min(initial=np.inf) if s.any() else 1.0)
            q[rows] = inclusion_probabilities(s, least[k])
        raised |= short
        rest = np.flatnonzero(~raised[codes])
        left = n_samples - least[raised].sum()
        if rest.size == 0:
            return q
        least_left = least[~raised].sum()
        if left > least_left and scores[rest].any():
            q[rest] = inclusion_probabilities(scores[rest], left)
        else:
            q[rest] = 0.0  # every class is at its least


def draw_within_classes(
    q: Vector, codes: Codes, scheme: str, order: Rows | None, rng: np.random.Generator
) -> Drawn:
    """Draw rows so that every class gets its expected number, rounded down or up.

    Parameters
    ----------
    q : ndarray of shape (n,)
        Inclusion probabilities.
    codes : ndarray of shape (n,)
        Class of every row.
    scheme : str
        As in `sample_rows`.  "poisson" draws classes of at least ten expected rows freely.
    order : ndarray of shape (n,) or None
        Permutation of the rows; its order inside each class counts.
    rng : Generator
        Source of the draw.

    Returns
    -------
    rows : ndarray of shape (m,)
        Sorted.
    count : ndarray of shape (m,)
        How often each was drawn; divided by q, its weight.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"scheme must be one of {sorted(SCHEMES)}, got {scheme!r}.")
    along = np.arange(q.size) if order is None else order
    by_class = along[np.argsort(codes[along], kind="stable")]
    if scheme == "systematic":  # along classes that lie together, each gets its share
        return systematic(q, by_class, rng)
    bounds = np.cumsum(np.bincount(codes))[:-1]
    groups = np.split(by_class, bounds)
    if scheme == "multinomial":
        return _with_replacement(q, groups, rng)
    won: list[Rows] = []
    open_rows: list[np.intp] = []
    open_mass: list[float] = []
    for rows in groups:
        mass = q[rows]
        if scheme == "poisson" and mass.sum() >= MIN_POISSON:
            won.append(rows[rng.random(rows.size) < mass])
            continue
        won.append(rows[mass == 1])
        undecided = rows[(mass > 0) & (mass < 1)]
        sure, open_row, left = tournament(undecided, q[undecided], rng)
        won.append(sure)
        if open_row is not None:
            open_rows.append(open_row)
            open_mass.append(left)
    won.append(_settled(np.array(open_rows, dtype=np.intp), np.array(open_mass), rng))
    drawn = np.sort(np.concatenate(won))
    return drawn, np.ones(drawn.size)


def _settled(rows: Rows, mass: Vector, rng: np.random.Generator) -> Rows:
    """Play out the open rows of the classes, one of each."""
    won, open_row, left = tournament(rows, mass, rng)
    if open_row is not None and rng.random() < left:
        won = np.append(won, open_row)
    return won


def _with_replacement(q: Vector, groups: list[Rows], rng: np.random.Generator) -> Drawn:
    """Draws with replacement inside each class, their numbers rounded by one tournament."""
    total = np.array([rounded_total(float(q[rows].sum())) for rows in groups])
    whole = np.floor(total)
    part = total - whole
    up = np.flatnonzero(part > 0)
    whole[_settled(up, part[up], rng)] += 1
    drawn = [
        drawn_with_replacement(q[rows], int(n), rng) for rows, n in zip(groups, whole, strict=True)
    ]
    found = np.concatenate([rows[i] for rows, (i, _) in zip(groups, drawn, strict=True)])
    count = np.concatenate([c for _, c in drawn])
    by_row = np.argsort(found)
    return found[by_row], count[by_row]
