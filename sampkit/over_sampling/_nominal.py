"""Nominal columns: codes, votes among neighbours, and the value difference metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sampkit._chunks import rows_per_chunk
from sampkit._random_state import generator_of

Codes = npt.NDArray[np.intp]


def encode(columns: Sequence[npt.NDArray[Any]]) -> tuple[Codes, list[npt.NDArray[Any]]]:
    """Codes (n, columns) and the levels of every column; NaN and None are a level of their own."""
    codes, levels = [], []
    for column in columns:
        code, level = pd.factorize(np.asarray(column), use_na_sentinel=False)
        level = np.asarray(level)
        order = _sorted_order(level)
        rank = np.empty(len(level), dtype=np.intp)
        rank[order] = np.arange(len(level))
        codes.append(rank[code])
        levels.append(level[order])
    return np.column_stack(codes).astype(np.intp, copy=False), levels


def _sorted_order(levels: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Where the levels stand when sorted, missing ones last: the same for any order of rows."""
    missing = pd.isna(levels)
    there = np.flatnonzero(~missing)
    try:
        order = np.argsort(levels[there], kind="stable")
    except TypeError:  # levels of several types
        names = [(type(level).__name__, str(level)) for level in levels[there]]
        order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.intp)
    return np.concatenate([there[order], np.flatnonzero(missing)])


def winning_votes(
    codes: Codes, voters: npt.NDArray[np.intp], rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Row numbers (m, columns) of a voter with the most frequent code; ties at random."""
    m, n_votes = voters.shape
    n_columns = codes.shape[1]
    ballot = rng.random((m, n_columns))
    out = np.empty((m, n_columns), dtype=np.intp)
    step = rows_per_chunk(n_votes * (n_votes + 32))
    for start in range(0, m, step):
        at = slice(start, min(start + step, m))
        for j in range(n_columns):
            votes = codes[voters[at], j]
            agree = (votes[:, :, None] == votes[:, None, :]).sum(axis=2)
            best = agree == agree.max(axis=1, keepdims=True)
            # levels that tie have equally many voters, so a fair voter is a fair level
            nth = np.floor(ballot[at, j] * best.sum(axis=1)).astype(np.intp)
            chosen = (np.cumsum(best, axis=1) > nth[:, None]).argmax(axis=1)
            out[at, j] = np.take_along_axis(voters[at], chosen[:, None], axis=1)[:, 0]
    return out


def nominal_vote(codes: npt.ArrayLike, neighbors: npt.ArrayLike, rng: Any) -> npt.NDArray[np.intp]:
    """Most frequent code among given rows, column by column; ties at random.

    Parameters
    ----------
    codes : array-like of int of shape (n, columns)
        Codes of the rows.
    neighbors : array-like of int of shape (m, votes)
        The rows that vote on each new row.
    rng : None, int, SeedSequence, Generator or RandomState
        Breaks ties, every tied code with the same probability; see
        :func:`sampkit.base.check_generator`.

    Returns
    -------
    ndarray of int of shape (m, columns)

    Raises
    ------
    ValueError
        Shapes that do not fit, a row number outside 0 ... n - 1, no source of randomness.

    Notes
    -----
    m * votes**2 comparisons a column, whatever the number of levels.

    References
    ----------
    .. [1] N. V. Chawla et al., "SMOTE: synthetic minority over-sampling technique", JAIR 16,
       321-357, 2002, section 6.

    Examples
    --------
    The paper's example of SMOTE-N: a row A B C D E whose neighbours are A F C G N and H B C D N.

    >>> import numpy as np
    >>> from sampkit.over_sampling import nominal_vote
    >>> rows = np.array([list(map(ord, r)) for r in ("ABCDE", "AFCGN", "HBCDN")])
    >>> bytes(nominal_vote(rows, [[0, 1, 2]], np.random.default_rng(0))[0].tolist())
    b'ABCDN'
    """
    codes = np.asarray(codes)
    voters = np.asarray(neighbors)
    if voters.size and voters.dtype.kind not in "iu":
        raise ValueError(f"neighbors must hold row numbers, got dtype {voters.dtype}.")
    voters = voters.astype(np.intp, copy=False)
    if codes.ndim != 2 or voters.ndim != 2 or voters.shape[1] == 0:
        raise ValueError(
            "codes must be (n, columns) and neighbors (m, votes) with at least one vote, got "
            f"shapes {codes.shape} and {voters.shape}."
        )
    if voters.size and not (voters.min() >= 0 and voters.max() < len(codes)):
        raise ValueError(
            f"neighbors must hold row numbers in [0, {len(codes)}), got {voters.min()} ... "
            f"{voters.max()}."
        )
    winners = winning_votes(codes, voters, generator_of(rng, "rng"))
    return np.take_along_axis(codes, winners, axis=0)


def vdm_tables(
    codes: npt.ArrayLike, y: npt.ArrayLike, n_categories: Sequence[int]
) -> list[npt.NDArray[np.float64]]:
    """Class shares of every level: the tables of the value difference metric.

    Parameters
    ----------
    codes : array-like of int of shape (n, columns)
        Codes of all rows, of all classes.
    y : array-like of shape (n,)
        Class labels.
    n_categories : sequence of int of length columns
        Number of levels of every column.

    Returns
    -------
    list of ndarray of shape (levels, classes)
        P(class | level), classes sorted; zeros for a level that no row has. The difference of two
        levels is the sum over classes of absolute differences of their rows.

    References
    ----------
    .. [1] S. Cost, S. Salzberg, "A weighted nearest neighbor algorithm for learning with symbolic
       features", Machine Learning 10, 57-78, 1993.

    Examples
    --------
    >>> from sampkit.over_sampling import vdm_tables
    >>> vdm_tables([[0], [0], [1], [1]], [0, 1, 1, 1], [2])
    [array([[0.5, 0.5],
           [0. , 1. ]])]
    """
    codes = np.asarray(codes)
    classes, label = np.unique(np.asarray(y), return_inverse=True)
    if codes.ndim != 2 or codes.shape != (len(label), len(n_categories)):
        raise ValueError(
            f"codes must be (n, columns) = ({len(label)}, {len(n_categories)}) to fit y and "
            f"n_categories, got {codes.shape}."
        )
    tables = []
    for j, levels in enumerate(n_categories):
        if len(codes) and not (codes[:, j].min() >= 0 and codes[:, j].max() < levels):
            raise ValueError(
                f"codes of column {j} must lie in [0, {levels}), got {codes[:, j].min()} ... "
                f"{codes[:, j].max()}."
            )
        cell = codes[:, j] * len(classes) + label
        counts = np.bincount(cell, minlength=levels * len(classes)).astype(np.float64)
        counts = counts.reshape(levels, len(classes))
        total = counts.sum(axis=1, keepdims=True)
        tables.append(np.divide(counts, total, out=np.zeros_like(counts), where=total > 0))
    return tables
