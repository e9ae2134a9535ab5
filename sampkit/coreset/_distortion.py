"""How far a weighted sample of rows is from all of them, over every linear model at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from sklearn.utils import Bunch

from sampkit._chunks import WORK_BYTES, chunks, rows_per_chunk
from sampkit._random_state import check_generator
from sampkit.coreset._blocks import DenseRows, Rows
from sampkit.coreset._input import checked_integer, checked_power, rows_of
from sampkit.coreset._interior_point import interior_point
from sampkit.coreset._lewis import lewis_of_rows
from sampkit.coreset._lp_regression import whitened
from sampkit.coreset._powers import powered
from sampkit.coreset._whiten import basis_of, cholesky_basis

__all__ = ["distortion_of_rows", "subspace_distortion"]

Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
N_EIGEN = 8  # extreme directions of the quadratic surrogate, at each end
N_ROWS = 16  # directions of heavy rows: left out, and taken with a large weight
LOST = 1e-10  # singular values of the sample below this share: rank lost
N_VERTEX = 20  # moves from vertex to vertex for p = 1


def subspace_distortion(
    X: Any,
    indices: npt.ArrayLike,
    sample_weight: npt.ArrayLike,
    p: float = 2,
    *,
    n_starts: int = 32,
    n_refine: int = 6,
    max_iter: int = 100,
    random_state: Any = None,
) -> Bunch:
    """Extremes over all x of ``‖S X x‖_p / ‖X x‖_p``, S the weighted sample of rows.

    Parameters
    ----------
    X : {array-like, sparse matrix, data frame, dask collection} of shape (n, d)
        All rows, with the columns of ones and of y if they are part of the model.
    indices : array-like of int of shape (m,)
        Rows of the sample.
    sample_weight : array-like of shape (m,)
        Their weights >= 0; they multiply ``|a.x|^p``.
    p : float, 1 <= p < infinity, default=2
        Norm.
    n_starts : int >= 0, default=32
        Random directions that the search begins with, for p != 2.
    n_refine : int >= 1, default=6
        Best directions at each end that are refined.
    max_iter : int >= 1, default=100
        Iterations of each refinement.
    random_state : None, int, SeedSequence, Generator or RandomState
        Source of the random directions.

    Returns
    -------
    result : Bunch
        ``lower`` and ``upper``, the extremes of the ratio; ``distortion``,
        ``max(1 - lower, upper - 1)``; ``exact``; ``x_lower`` and ``x_upper`` of shape (d,), where
        they are attained.  ``lower`` is 0 where the sample has lost rank.

    Raises
    ------
    ValueError
        `p` out of range; indices that are no rows of X; weights negative, not finite or of
        another length; a count out of range; X empty or not finite.

    Notes
    -----
    For p = 2 the answer is exact: extreme eigenvalues of the sample's Gram matrix in a basis that
    whitens X, 2 n d² flops.  For other p the extremes are those of a non-convex function; the
    search finds local ones, so that ``distortion`` is a **lower bound** on the true one.  It
    starts from random directions in Lewis coordinates, extreme eigenvectors of the quadratic
    surrogate and the directions of heavy rows, and refines the best by L-BFGS; for p = 1 it then
    moves from vertex to vertex, each the solution of a linear programme, for as long as that
    gains.  About ``20 n_refine`` passes over X and one float64 copy of it.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.coreset import subspace_distortion
    >>> X = np.repeat(np.eye(2), 4, axis=0)
    >>> found = subspace_distortion(X, [0, 1, 4], [2.0, 2.0, 1.0])
    >>> round(found.lower, 12), round(found.upper, 12), found.distortion, found.exact
    (0.5, 1.0, 0.5, True)
    """
    power = checked_power(p, low=1.0)
    n_starts = checked_integer(n_starts, "n_starts", 0)
    n_refine = checked_integer(n_refine, "n_refine", 1)
    max_iter = checked_integer(max_iter, "max_iter", 1)
    rng = check_generator(random_state)
    rows = rows_of(X)
    index, weight = _checked_sample(indices, sample_weight, rows.n)
    return distortion_of_rows(
        rows, index, weight, power, rng, n_starts=n_starts, n_refine=n_refine, max_iter=max_iter
    )


def _checked_sample(indices: Any, sample_weight: Any, n: int) -> tuple[Index, Vector]:
    index = np.asarray(indices)
    if index.ndim != 1 or index.size == 0 or index.dtype.kind not in "iu":
        raise ValueError(
            f"indices must be a one-dimensional array of at least one integer, got "
            f"{str(indices)[:80]}."
        )
    if index.min() < 0 or index.max() >= n:
        raise ValueError(f"indices must lie in 0..{n - 1}, got {index.min()} to {index.max()}.")
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != index.shape:
        raise ValueError(
            f"sample_weight must have one entry for each of the {index.size} indices, got shape "
            f"{weight.shape}."
        )
    if not (np.isfinite(weight) & (weight >= 0)).all():
        bad = weight[~(np.isfinite(weight) & (weight >= 0))][0]
        raise ValueError(f"sample_weight must be finite and >= 0, got {bad}.")
    return index.astype(np.intp), weight


def distortion_of_rows(
    rows: Rows,
    index: Index,
    weight: Vector,
    p: float,
    rng: np.random.Generator,
    *,
    n_starts: int = 32,
    n_refine: int = 6,
    max_iter: int = 100,
) -> Bunch:
    """`subspace_distortion` of rows of any kind."""
    basis = basis_of(rows)
    if basis.rank == 0:
        zero = np.zeros(rows.d)
        return _result(1.0, 1.0, zero, zero, True)
    if p == 2:
        sample = basis.apply(rows.take(index)) * np.sqrt(weight)[:, None]
        value, vector = np.linalg.eigh(sample.T @ sample)
        ends = np.sqrt(np.maximum(value[[0, -1]], 0.0))
        x = basis.B @ vector
        return _result(ends[0], ends[1], x[:, 0], x[:, -1], True)
    A = whitened(rows, basis)
    lewis = lewis_of_rows(DenseRows(A), p, tol=1e-2)
    inner = cholesky_basis(lewis.quadratic_form)
    change = np.eye(A.shape[1]) if inner is None else np.asarray(inner.matrix)
    problem = _Ratio(A @ change, lewis.weights, index, weight, p)
    back = basis.B @ change
    starts = problem.starts(n_starts, rng)
    log_ratio = problem.evaluate(starts)
    by_ratio = np.argsort(log_ratio)
    upper, x_upper = _best(problem, starts[by_ratio[-n_refine:]], +1, max_iter)
    lost = problem.lost_direction()
    if lost is not None:
        return _result(0.0, upper, back @ lost, back @ x_upper, False)
    lower, x_lower = _best(problem, starts[by_ratio[:n_refine]], -1, max_iter)
    return _result(lower, upper, back @ x_lower, back @ x_upper, False)


def _result(lower: float, upper: float, x_lower: Vector, x_upper: Vector, exact: bool) -> Bunch:
    return Bunch(
        lower=float(lower),
        upper=float(upper),
        distortion=float(max(1 - lower, upper - 1)),
        exact=exact,
        x_lower=x_lower,
        x_upper=x_upper,
    )


def _best(problem: _Ratio, starts: Vector, end: int, max_iter: int) -> tuple[float, Vector]:
    """The largest (end = 1) or smallest ratio found from some directions."""
    found = [_refined(problem, x, end, max_iter) for x in starts]
    found.sort(key=lambda pair: end * pair[0], reverse=True)
    if problem.p == 1:
        found = [_along_vertices(problem, x, end) for _, x in found[:3]]
    log_ratio, x = max(found, key=lambda pair: end * pair[0])
    return float(np.exp(log_ratio / problem.p)), x


def _refined(problem: _Ratio, x: Vector, end: int, max_iter: int) -> tuple[float, Vector]:
    def objective(x: Vector) -> tuple[float, Vector]:
        at = problem.at(x)
        return -end * at.log_ratio, -end * at.gradient

    x = x / np.linalg.norm(x)
    options = {"maxiter": max_iter}
    done = minimize(objective, x, jac=True, method="L-BFGS-B", options=options)
    return problem.at(done.x).log_ratio, done.x / np.linalg.norm(done.x)


def _along_vertices(problem: _Ratio, x: Vector, end: int) -> tuple[float, Vector]:
    """Climb from vertex to vertex of a unit ball, p = 1.

    Both norms are convex and piecewise linear: the one that is to be large is replaced by its
    tangent s.x, which lies below it, and the other is minimised over s.x = 1.  The ratio cannot
    fall, and ends at a vertex.
    """
    log_ratio = problem.at(x).log_ratio
    for _ in range(N_VERTEX):
        moved = problem.lad_under_tangent(x, end)
        value = problem.at(moved).log_ratio
        if not end * (value - log_ratio) > 1e-10:
            break
        log_ratio, x = value, moved
    return log_ratio, x


class _Value(NamedTuple):
    log_ratio: float
    gradient: Vector


class _Ratio:
    """``log ‖S A x‖_p^p - log ‖A x‖_p^p`` in Lewis coordinates."""

    def __init__(self, A: Vector, lewis: Vector, index: Index, weight: Vector, p: float):
        self.A, self.lewis, self.index, self.weight, self.p = A, lewis, index, weight, p
        self.sample = A[index]

    def starts(self, n_random: int, rng: np.random.Generator) -> Vector:
        """Directions to begin with, one a row."""
        n, d = self.A.shape
        taken = np.zeros(n, dtype=bool)
        taken[self.index] = True
        left_out = np.flatnonzero(~taken)
        heavy = left_out[np.argsort(self.lewis[left_out])[-N_ROWS:]]
        drawn = np.argsort(self.weight * self.lewis[self.index])[-N_ROWS:]
        live = np.where(self.lewis > 0, self.lewis, 1.0)[self.index]
        surrogate = self.weight * live ** (1 - 2 / self.p)
        _, vectors = np.linalg.eigh((self.sample.T * surrogate) @ self.sample)
        pieces = [
            rng.standard_normal((n_random, d)),
            vectors.T[:N_EIGEN],
            vectors.T[-N_EIGEN:],
            self.A[heavy],
            self.sample[drawn],
        ]
        starts = np.concatenate(pieces)
        return starts[np.abs(starts).max(axis=1) > 0]

    def evaluate(self, directions: Vector) -> Vector:
        """Log-ratios of many directions, by gemms over blocks of rows."""
        total = np.zeros(len(directions))
        for part in chunks(len(self.A), rows_per_chunk(16 * len(directions), WORK_BYTES)):
            total += (np.abs(self.A[part] @ directions.T) ** self.p).sum(axis=0)
        kept = self.weight @ np.abs(self.sample @ directions.T) ** self.p
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(kept) - np.log(total))

    def at(self, x: Vector) -> _Value:
        """Log-ratio and its gradient in one direction."""
        kept, slope_kept = _log_norm(self.sample, self.weight, x, self.p)
        total, slope_total = _log_norm(self.A, None, x, self.p)
        return _Value(kept - total, slope_kept - slope_total)

    def lost_direction(self) -> Vector | None:
        """A direction that no row of the sample sees, if there is one."""
        seen = self.sample[self.weight > 0]
        _, s, Vt = np.linalg.svd(seen, full_matrices=True)
        if len(s) < self.A.shape[1] or s[-1] <= LOST * s[0]:
            return np.asarray(Vt[-1])
        return None

    def lad_under_tangent(self, x: Vector, end: int) -> Vector:
        """The x that minimises one l1 norm where the other's tangent at x is 1."""
        ones = np.ones(len(self.A))
        sides = (self.A, ones), (self.sample, self.weight)
        (low, low_weight), (high, high_weight) = sides if end > 0 else sides[::-1]
        s = high.T @ (high_weight * np.sign(high @ x))
        length = float(np.linalg.norm(s))
        if length == 0:
            return x
        # an orthonormal basis whose first vector is s: x = s / |s|² + N w
        Q, _ = np.linalg.qr(np.column_stack([s / length, np.eye(len(s))]))
        N = Q[:, 1 : len(s)]
        start = s / length**2
        live = low_weight > 0
        low, c = low[live], low_weight[live]
        design = low @ N
        gram = cholesky_basis((design.T * c) @ design) if N.shape[1] else None
        if gram is None:
            return start if not N.shape[1] else x
        w = interior_point(design @ gram.matrix, -(low @ start), c, None, 1e-9, 50).x
        return np.asarray(start + N @ (gram.matrix @ w))


def _log_norm(A: Vector, weight: Vector | None, x: Vector, p: float) -> tuple[float, Vector]:
    """Logarithm of ``sum c |a.x|^p`` and its gradient."""
    r = A @ x
    size = np.abs(r)
    peak = float(size.max())
    if peak == 0:
        return -np.inf, np.zeros(len(x))
    size /= peak
    slope = powered(size, p - 1)
    if weight is not None:
        slope *= weight
    total = float(slope @ size)
    gradient = A.T @ np.copysign(slope, r)
    return float(p * np.log(peak) + np.log(total)), gradient * (p / (total * peak))
