"""What reading a random part of a file costs, and what reading it in blocks costs instead."""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.subset._arguments import count_of, share_of


def read_cost(
    row_bytes: int, subset_size: float, page_bytes: int = 4096, block_rows: int | None = None
) -> dict[str, float]:
    """Share of a file's pages that a random subset touches.

    Parameters
    ----------
    row_bytes : int >= 1
        Bytes of a row.
    subset_size : float in (0, 1]
        Share of the rows, r.
    page_bytes : int >= 1, default=4096
        What is read at once: a page, the read-ahead window (often 128 KiB), a chunk of the format.
    block_rows : int >= 1 or None, default=None
        Rows that are drawn together; None: single rows.

    Returns
    -------
    dict
        ``fraction_of_file``, the expected share of all pages that is read, and ``amplification``,
        that share over r: bytes read for each byte wanted.

    Raises
    ------
    ValueError
        A parameter out of range; a number of rows instead of a share.

    Notes
    -----
    A page is read unless none of the c units (rows or blocks) on it is drawn: 1 - (1 - r)^c, the
    mean over all pages. Where unit and page divide one another, c = max(1, page / unit); else
    units lie across pages, and c takes two neighbouring values with exactly known frequencies. A
    share r of the units is taken to be drawn independently, exact up to O(1 / number of units).

    Examples
    --------
    A tenth of rows of 64 bytes is no saving at all; in blocks of 64 KiB it is:

    >>> from sampkit.subset import read_cost
    >>> {key: round(value, 3) for key, value in read_cost(64, 0.1).items()}
    {'fraction_of_file': 0.999, 'amplification': 9.988}
    >>> {key: round(value, 3) for key, value in read_cost(64, 0.1, block_rows=1024).items()}
    {'fraction_of_file': 0.1, 'amplification': 1.0}
    """
    r, unit = share_of(subset_size), count_of(row_bytes, "row_bytes")
    page = count_of(page_bytes, "page_bytes")
    if block_rows is not None:
        unit *= count_of(block_rows, "block_rows")
    # A page begins u bytes into a unit, u a multiple of gcd(page, unit) below the unit, all equally
    # often; it holds floor((u + page - 1) / unit) + 1 units.
    step = gcd(page, unit)
    whole, rest = divmod(page - 1, unit)
    offsets = unit // step
    one_more = (offsets - -(-(unit - rest) // step)) / offsets
    fraction = (1 - one_more) * _touched(r, whole + 1) + one_more * _touched(r, whole + 2)
    return {"fraction_of_file": fraction, "amplification": fraction / r}


def _touched(r: float, units: int) -> float:
    """Chance that one of so many units is drawn."""
    return 1.0 if r == 1 else float(-np.expm1(units * np.log1p(-r)))


def block_correlation(y: npt.ArrayLike, block_rows: int) -> float:
    """How alike the targets of rows are that lie in one block.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Targets in the order of the file. Floats are numbers; anything else is class labels, of
        which the indicator vectors are compared.
    block_rows : int >= 1
        Rows of a block, B.

    Returns
    -------
    float
        rho, the correlation of the targets of two rows of a block, over all pairs: 1 for a file
        sorted by class, about 0 for a shuffled one, down to -1 / (B - 1). 0 if all targets are
        equal or no block has two rows.

    Raises
    ------
    ValueError
        `y` is not one-dimensional or empty, `block_rows` < 1.

    Notes
    -----
    A mean over blocks has 1 + (B - 1) rho times the variance of a mean over as many single rows
    (the design effect of a cluster sample). O(n log n) for labels, O(n) for numbers.

    References
    ----------
    .. [1] W. G. Cochran, "Sampling techniques", 3rd ed., 1977, section 9.4.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.subset import block_correlation
    >>> block_correlation(np.repeat(["a", "b"], 50), 10)
    1.0
    >>> abs(block_correlation(np.random.default_rng(0).permutation(100) % 2, 10)) < 0.05
    True
    """
    size = count_of(block_rows, "block_rows")
    values = np.asarray(y)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"y must be one-dimensional and not empty, got shape {values.shape}.")
    block = np.arange(values.size) // size
    rows = np.bincount(block).astype(np.float64)
    pairs = float((rows * (rows - 1)).sum())
    within = _numbers_within if values.dtype.kind == "f" else _labels_within
    squares, variance = within(values, block, rows)
    if not pairs or not variance:
        return 0.0
    # sum over ordered pairs of a block = square of its sum, less the squares of its rows
    return (squares - variance * values.size) / pairs / variance


def _numbers_within(
    values: npt.NDArray[Any], block: npt.NDArray[np.intp], rows: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """Sum over blocks of the squared sum of deviations, and the variance."""
    deviation = values.astype(np.float64) - values.mean(dtype=np.float64)
    if np.ptp(values) == 0:
        return 0.0, 0.0
    sums = np.bincount(block, weights=deviation, minlength=rows.size)
    return float(sums @ sums), float(deviation @ deviation) / values.size


def _labels_within(
    values: npt.NDArray[Any], block: npt.NDArray[np.intp], rows: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """The same for indicator vectors, summed over classes, without a blocks x classes table."""
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    share = counts / values.size
    _, together = np.unique(block * counts.size + codes, return_counts=True)
    mixed = float(rows[block] @ share[codes])
    squares = float((together.astype(np.float64) ** 2).sum()) - 2 * mixed
    squares += float(rows @ rows) * float(share @ share)
    return squares, 1.0 - float(share @ share)
