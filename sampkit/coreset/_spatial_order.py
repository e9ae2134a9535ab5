"""A one-dimensional order of rows in which neighbours look alike to every linear model."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._chunks import WORK_BYTES, chunks, rows_per_chunk
from sampkit.coreset._input import rows_of

__all__ = ["kd_order", "spatial_order"]

Vector = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]


def spatial_order(
    X: Any,
    q: npt.ArrayLike | None = None,
    *,
    mass: float = 0.5,
    fold_signs: bool | npt.ArrayLike = True,
) -> Rows:
    """Order rows along the leaves of a k-d tree of their directions.

    Neighbours in this order are nearly the same row to every loss ``|a.x|^p``; a draw that spreads
    along it (`sample_rows` with "pivotal" or "systematic") spreads over all directions.

    Parameters
    ----------
    X : {array-like, sparse matrix, data frame, dask collection} of shape (n, d)
        Rows, used as given: pass whitened rows (`RowSpaceFactor.whiten`), on which Euclidean
        distance is what all linear models see.
    q : array-like of shape (n,) or None, default=None
        Mass of each row, >= 0, such as its inclusion probability: cells are split at half their
        mass, and rows without mass come last.  None gives every row a mass of 1, so that cells
        are split down to single rows.
    mass : float > 0, default=0.5
        A cell of no more mass is not split further.
    fold_signs : bool or array-like of shape (n,), default=True
        Turn rows, as ``|a.x|`` does not see their sign: so that the entry of largest size is
        positive, or where the number given for the row is negative. Residuals of a model make
        neighbours of rows with like gradients.

    Returns
    -------
    order : ndarray of shape (n,)
        Permutation of 0, ..., n - 1.

    Raises
    ------
    ValueError
        X not two-dimensional or not finite; `q` of wrong length, negative or not finite;
        ``mass <= 0``; `fold_signs` of wrong length or NaN.

    Notes
    -----
    Rows are scaled to unit length.  Each cell is split along the coordinate with the largest
    mass-weighted variance.  All cells of a level are split at once: O(n (d + log n)) time a level,
    log2(sum(q) / mass) levels, one float32 copy of X.

    References
    ----------
    A. Shimizu, X. Cheng, C. Musco, J. Weare, "Improved Active Learning via Dependent Leverage
    Score Sampling", ICLR 2024, arXiv:2310.04966.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.coreset import spatial_order
    >>> spatial_order(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.1], [0.1, -1.0]])).tolist()
    [3, 1, 2, 0]
    """
    if not (isinstance(mass, (int, float, np.number)) and 0 < mass < np.inf):
        raise ValueError(f"mass must be a finite number > 0, got {mass!r}.")
    directions = _directions(X, _sides(fold_signs))
    weight = _masses(q, directions.shape[0])
    return kd_order(directions, weight, float(mass))


def kd_order(points: npt.NDArray[np.float32], weight: Vector, mass: float) -> Rows:
    """`spatial_order` of points with coordinates from -1 to 1, used as they are."""
    has_mass = weight > 0
    order = np.flatnonzero(has_mass)
    if order.size > 1:
        _split_all(points, weight, order, mass)
    return np.concatenate([order, np.flatnonzero(~has_mass)])


def _masses(q: npt.ArrayLike | None, n: int) -> Vector:
    if q is None:
        return np.ones(n)
    weight = np.asarray(q, dtype=np.float64)
    if weight.shape != (n,):
        raise ValueError(
            f"q must have one entry for each of the {n} rows, got shape {weight.shape}."
        )
    if not (np.isfinite(weight) & (weight >= 0)).all():
        bad = weight[~(np.isfinite(weight) & (weight >= 0))][0]
        raise ValueError(f"q must be finite and >= 0, got {bad}.")
    return weight


def _sides(fold_signs: bool | npt.ArrayLike) -> bool | npt.NDArray[Any]:
    if isinstance(fold_signs, (bool, np.bool_)):
        return bool(fold_signs)
    side = np.asarray(fold_signs)
    if side.ndim != 1 or side.dtype.kind not in "biuf" or np.isnan(side).any():
        raise ValueError(
            f"fold_signs must be True, False or one number per row, got {str(fold_signs)[:80]}."
        )
    return side


def _directions(X: Any, side: bool | npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Unit rows in single precision: enough to compare directions by."""
    rows = rows_of(X)
    if not isinstance(side, bool) and len(side) != rows.n:
        raise ValueError(
            f"fold_signs must have one entry for each of the {rows.n} rows, got {len(side)}."
        )
    out = np.empty((rows.n, rows.d), dtype=np.float32)
    for part, block in rows.blocks(rows_per_chunk(8 * rows.d, WORK_BYTES // 4), np.float64):
        low, high = block.min(axis=1), block.max(axis=1)
        size = np.maximum(high, -low)
        if not np.isfinite(size).all():
            raise ValueError("X must be finite, got NaN or infinity.")
        block = block / np.where(size > 0, size, 1.0)[:, None]  # no overflow in the squares
        length = np.sqrt(np.einsum("ij,ij->i", block, block))
        scale = 1.0 / np.where(length > 0, length, 1.0)
        if side is not False:
            scale[-low > high if side is True else side[part] < 0] *= -1.0
        np.multiply(block, scale[:, None], out=out[part], casting="same_kind")
    return out


class _Cells(NamedTuple):
    """Cells that are still to be split: neighbouring stretches of the active positions."""

    position: Rows  # of the order, cell after cell
    size: Rows  # rows of each cell


def _split_all(points: npt.NDArray[np.float32], weight: Vector, order: Rows, mass: float) -> None:
    """Sort `order` in place, level by level."""
    cells = _Cells(np.arange(order.size), np.array([order.size]))
    while True:
        start = np.cumsum(cells.size) - cells.size
        rows = order[cells.position]
        held = np.add.reduceat(weight[rows], start)
        to_split = (cells.size > 1) & (held > mass)
        if not to_split.all():
            keep = np.repeat(to_split, cells.size)
            cells = _Cells(cells.position[keep], cells.size[to_split])
            rows, held = rows[keep], held[to_split]
            start = np.cumsum(cells.size) - cells.size
        if not cells.size.size:
            return
        axis = _widest(points, weight, rows, cells.size)
        cell_of = np.repeat(np.arange(cells.size.size), cells.size)
        rows = rows[_sorted_in_cells(points[rows, axis[cell_of]], cell_of)]
        order[cells.position] = rows
        first = _first_half(weight[rows], cells.size, start, held)
        cells = _Cells(cells.position, np.column_stack([first, cells.size - first]).ravel())


def _widest(points: npt.NDArray[np.float32], weight: Vector, rows: Rows, size: Rows) -> Rows:
    """The coordinate of largest weighted variance in each cell.

    Sums over cells are products with a sparse indicator, made block by block: a block of rows,
    and its squares, stay in cache.
    """
    d = points.shape[1]
    end = np.cumsum(size)
    mean, square = np.zeros((size.size, d)), np.zeros((size.size, d))
    held = np.zeros(size.size)
    for part in chunks(rows.size, rows_per_chunk(8 * d, 2**20)):
        stop = min(part.stop, rows.size)
        low = int(np.searchsorted(end, part.start, side="right"))
        high = int(np.searchsorted(end, stop, side="left")) + 1
        block_rows = rows[part]
        block = points.take(block_rows, axis=0).astype(np.float64)
        w = weight[block_rows]
        bounds = np.concatenate([[part.start], np.minimum(end[low:high], stop)]) - part.start
        member = sp.csr_array((w, np.arange(w.size), bounds), shape=(high - low, w.size))
        mean[low:high] += member @ block
        np.multiply(block, block, out=block)
        square[low:high] += member @ block
        held[low:high] += member.sum(axis=1)
    return np.asarray((square * held[:, None] - mean * mean).argmax(axis=1))


def _sorted_in_cells(value: npt.NDArray[np.float32], cell_of: Rows) -> Rows:
    """Positions sorted by cell, then value in [-1, 1], then position.

    The three are packed into one integer, so that a plain sort (vectorised, and the same on every
    machine) does what a stable argsort of floats would do in several times the time.
    """
    n = value.size
    position_bits = max((n - 1).bit_length(), 1)
    cell_bits = int(cell_of[-1]).bit_length()
    value_bits = min(63 - position_bits - cell_bits, 30)
    step = 2.0 ** (value_bits - 1) - 1
    key = (np.clip(value.astype(np.float64) + 1.0, 0.0, 2.0) * step).astype(np.uint64)
    key |= cell_of.astype(np.uint64) << np.uint64(value_bits)
    key <<= np.uint64(position_bits)
    key |= np.arange(n, dtype=np.uint64)
    key.sort()
    return (key & np.uint64(2**position_bits - 1)).astype(np.intp)


def _first_half(weight: Vector, size: Rows, start: Rows, held: Vector) -> Rows:
    """How many rows of each cell, as sorted, make up half of its mass; at least one, not all."""
    passed = np.cumsum(weight)
    before = np.where(start > 0, passed[start - 1], 0.0)
    middle = passed - 0.5 * weight  # a row belongs to the half that holds its middle
    # rows that are surely kept weigh 1 each: middles often meet the half, whatever the rounding
    half = before + 0.5 * held + 1e-12 * passed[-1]
    split = np.searchsorted(middle, half, side="right") - start
    return np.clip(split, 1, size - 1)
