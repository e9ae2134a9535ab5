"""The continuous relaxation: values anywhere between the lowest and the highest level.

Bounds come from dual vectors by weak duality, so that no solver's tolerance enters them: for
l+ and l- >= 0 of total 1, no x of the box has a largest violation below
min_x sum l+ (A x - b - high) + l- (low - A x + b).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._array import namespace, on_host
from sampkit._chunks import chunks, rows_per_chunk
from sampkit.minmax._device_sparse import DeviceCSC, least_squares_of
from sampkit.minmax._gram import gram_of
from sampkit.minmax._levels import Levels
from sampkit.minmax._problem import COPY_BYTES, Problem

Array = npt.NDArray[Any]

_ROUNDS = 60  # of adding rows to the linear programme
_CLOSED = 1e-9  # relative gap at which rows are no longer added
_AT_ONCE = 1 << 17  # entries of A for which one large programme is faster than several small ones


@dataclass(frozen=True)
class Box:
    """One target on the host: lowest and highest value of each variable, costs of the rows."""

    A: Any  # (m, n), dense or CSR
    b: Array  # (m,)
    low: Array  # (n,)
    high: Array
    below: Array  # (m,): violation is max(r - above, below - r)
    above: Array
    free: Array | None  # (m,) column of a free intercept

    @classmethod
    def of(cls, problem: Problem, x: Array | None = None) -> Box:
        """The box of a problem with one target; frozen variables stay as they are in `x` (n,)."""
        rows = problem.rows
        zero = np.zeros(problem.m)
        low, high = problem.levels.low[0].copy(), problem.levels.high[0].copy()
        if problem.frozen is not None and x is not None:
            frozen = problem.frozen[0]
            low[frozen] = high[frozen] = x[frozen]
        A = problem.A.tocsr() if problem.sparse else on_host(problem.A)
        return cls(
            A.astype(np.float64, copy=False),
            on_host(problem.B[0]),
            low,
            high,
            zero if rows.plain else on_host(rows.low),
            zero if rows.plain else on_host(rows.high),
            None if rows.free is None else on_host(rows.free),
        )

    def dual_value(self, up: Array, down: Array) -> float:
        """Lower bound from weights `up` and `down` (m,) >= 0 of the two sides of every row."""
        total = up.sum() + down.sum()
        if not total > 0:
            return -np.inf
        up, down = up / total, down / total
        if self.free is not None:  # the two sides must pull the intercept equally hard
            right, left = float(up @ self.free), float(down @ self.free)
            if not min(right, left) > 0:
                return -np.inf
            up, down = up * min(left / right, 1), down * min(right / left, 1)
            total = up.sum() + down.sum()
            up, down = up / total, down / total
        lift = up - down
        cost = self.A.T @ lift
        constant = -float(lift @ self.b)
        constant += float(down[down > 0] @ self.below[down > 0])
        constant -= float(up[up > 0] @ self.above[up > 0])
        terms = np.minimum(cost * self.low, cost * self.high)
        # what rounding can have done to the sums is taken off
        slack = 1e-15 * (np.abs(terms).sum() + np.abs(lift) @ np.abs(self.b))
        return constant + float(terms.sum()) - slack

    def violation(self, x: Array, c: float = 0.0) -> Array:
        """Violations (m,) of a point and an intercept."""
        r = self.A @ x - self.b
        if self.free is not None:
            r += c * self.free
        return np.maximum(r - self.above, self.below - r)


def least_squares(problem: Problem) -> Any:
    """Ridge least squares (k, n), clipped to the range of the levels; one Gram matrix for all."""
    xp, levels = problem.xp, problem.levels
    low, high = xp.asarray(levels.low), xp.asarray(levels.high)
    middle = (low + high) / 2
    B, A = problem.B, problem.A
    if not problem.rows.plain:  # aim at the middle of what is allowed
        low_r, high_r = problem.rows.low, problem.rows.high
        ends = (
            xp.where(xp.isfinite(low_r), low_r, high_r),
            xp.where(xp.isfinite(high_r), high_r, low_r),
        )
        B = B + (ends[0] + ends[1]) / 2
    if problem.rows.free is not None:
        w = problem.rows.free
        B = B - (B @ w / (w @ w))[:, None] * w
        if not problem.sparse:
            A = A - w[:, None] * ((w @ A) / (w @ w))
    goal = B - (A @ xp.broadcast_to(middle, (len(B), problem.n)).T).T
    if isinstance(A, DeviceCSC):
        moved = xp.stack([least_squares_of(A, goal[i], 1e-6) for i in range(len(goal))])
    elif problem.sparse:
        from scipy.sparse.linalg import lsmr

        moved = np.stack([lsmr(A, row, damp=1e-6, maxiter=100)[0] for row in goal])
    else:
        gram = gram_of(A)
        n = problem.n
        gram[xp.arange(n), xp.arange(n)] += 1e-10 * float(xp.trace(gram)) / n + 1e-300
        moved = xp.linalg.solve(gram, _times(goal, A).T).T
    return xp.clip(middle + moved, low, high)


def _times(goal: Any, A: Any) -> Any:
    """Goal A in float64, without a copy of A."""
    if A.dtype == np.float64:
        return goal @ A
    xp = namespace(A)
    product = xp.zeros((len(goal), A.shape[1]))
    for at in chunks(A.shape[0], rows_per_chunk(8 * A.shape[1], COPY_BYTES)):
        product += goal[:, at] @ A[at].astype(np.float64)
    return product


def linear_programme(box: Box, start: Array | None = None) -> tuple[Array, float]:
    """The relaxation solved by HiGHS: a point (n,) and a lower bound.

    Rows are added as they are violated, from those that are worst at `start`: few of many rows
    decide.
    """
    m, n = box.A.shape
    middle = (box.low + box.high) / 2 if start is None else start
    violation = box.violation(middle)
    few = m if m * n <= _AT_ONCE else 4 * (n + 2)
    chosen = _worst(violation, box.free, box.A @ middle - box.b, few)
    x, bound = middle, -np.inf
    for _ in range(_ROUNDS):
        solved = _solve(box, chosen)
        if solved is None:
            break
        x, c, t, up, down = solved
        lifted = np.zeros((2, m))
        lifted[0, chosen], lifted[1, chosen] = up, down
        bound = max(bound, box.dual_value(*lifted))
        violation = box.violation(x, c)
        top = violation.max()
        if top <= t + _CLOSED * abs(top):
            break
        violation[chosen] = -np.inf
        more = np.flatnonzero(violation > t)
        if not len(more):
            break
        if len(more) > n + 1:
            more = more[np.argpartition(violation[more], -n - 1)[-n - 1 :]]
        chosen = np.concatenate([chosen, more])
    return x, bound


def _worst(violation: Array, free: Array | None, r: Array, count: int) -> Array:
    if count >= len(violation):
        return np.arange(len(violation))
    if free is None:
        return np.argpartition(violation, -count)[-count:]
    half = count // 2
    return np.unique(np.concatenate([np.argpartition(s * r, -half)[-half:] for s in (1, -1)]))


def _solve(box: Box, rows: Array) -> tuple[Array, float, float, Array, Array] | None:
    """x, intercept, t, and the duals of both sides, for some of the rows."""
    from scipy.optimize import linprog

    constraints, bounds, upper = programme(box, rows)
    n = len(box.low)
    cost = np.zeros(len(bounds))
    cost[-1] = 1
    scale = float(np.abs(constraints[:, :-1]).max()) or 1.0
    # columns are scaled to the width of the box, rows to the largest entry
    tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    lower, higher = bounds.T
    scaled = constraints.copy()
    scaled[:, :-1] /= scale
    lower, higher = (np.append(v[:-1], v[-1] / scale) for v in (lower, higher))
    limits = np.stack([lower, higher], axis=1)
    solved = linprog(cost, scaled, upper / scale, bounds=limits, method="highs", options=tight)
    if solved.x is None:
        return None
    duals = np.maximum(-np.asarray(solved.ineqlin.marginals), 0)
    sides = np.zeros((2, len(rows)))
    finite = np.isfinite(np.stack([box.above[rows], box.below[rows]]))
    sides[finite] = duals
    x = np.clip(solved.x[:n], box.low, box.high)
    c = float(solved.x[n]) if box.free is not None else 0.0
    return x, c, float(solved.x[-1]) * scale, sides[0], sides[1]


def programme(box: Box, rows: Array) -> tuple[Array, Array, Array]:
    """Min t: constraints, dense (rows of both sides, n + intercept + 1), bounds, right sides."""
    A = box.A[rows].toarray() if sp.issparse(box.A) else box.A[rows]
    if box.free is not None:
        A = np.hstack([A, box.free[rows, None]])
    parts, right = [], []
    for sign, offset in ((1, box.above[rows]), (-1, -box.below[rows])):
        use = np.isfinite(offset)
        parts.append(np.hstack([sign * A[use], -np.ones((use.sum(), 1))]))
        right.append(sign * box.b[rows][use] + offset[use])
    plain = not (box.above.any() or box.below.any())
    bounds = [np.stack([box.low, box.high], axis=1)]
    if box.free is not None:
        bounds.append(np.array([[-np.inf, np.inf]]))
    bounds.append(np.array([[0.0 if plain else -np.inf, np.inf]]))
    return np.concatenate(parts), np.concatenate(bounds), np.concatenate(right)


def quadratic_bound(box: Box, levels: Levels) -> float:
    """Max |r| >= |r|_2 / sqrt(m), and |r|_2 is at least what rounding costs; for plain rows.

    With x* the least squares solution, |A x - b|^2 = |A x* - b|^2 + |A (x - x*)|^2, and
    A'A - s^2 diag(A'A) is positive semidefinite for the smallest singular value s of A with unit
    columns. Exact for orthogonal columns of a Hadamard matrix.
    """
    A = box.A.toarray() if sp.issparse(box.A) else box.A
    m, n = A.shape
    norm = np.sqrt((A * A).sum(axis=0))
    used = norm > 0
    if m < used.sum() or not used.any():
        return 0.0
    scaled = A[:, used] / norm[used]
    Q, sizes, Vt = np.linalg.svd(scaled, full_matrices=False)
    if sizes[-1] <= 1e-12 * sizes[0]:
        return 0.0
    coordinates = Q.T @ box.b
    x = np.zeros(n)
    x[used] = (Vt.T @ (coordinates / sizes)) / norm[used]
    rest = box.b - Q @ coordinates
    off = x - levels.of_target(0).value(levels.nearest(x[None]))[0]
    squares = float(rest @ rest) + sizes[-1] ** 2 * float(((norm * off)[used] ** 2).sum())
    return float(np.sqrt(max(squares, 0.0) / m)) * (1 - 1e-13)


def mirror_ascent(box: Box, n_iter: int = 500) -> float:
    """A lower bound without a linear programme: optimistic multiplicative weights on the dual.

    The relaxation is a matrix game between rows and the corners of the box; the best dual value met
    on the way is a bound whatever the number of iterations. O(n_iter m n).
    """
    m = len(box.b)
    sides = np.isfinite(np.stack([box.above, box.below]))
    log_weight = np.where(sides, 0.0, -np.inf)
    x = (box.low + box.high) / 2
    last = np.zeros((2, m))
    best = -np.inf
    total_x = np.zeros_like(x)
    for number in range(n_iter):
        shifted = np.exp(log_weight - log_weight[sides].max())
        up, down = shifted / shifted.sum()
        best = max(best, box.dual_value(up, down))
        cost = box.A.T @ (up - down)
        x = np.where(cost > 0, box.low, box.high)
        total_x += x
        r = box.A @ x - box.b
        gain = np.where(sides, np.stack([r - box.above, box.below - r]), 0.0)
        width = max(float(np.abs(gain).max()), 1e-300)
        rate = np.sqrt(np.log(2 * m + 1) / (number + 1)) / width
        log_weight = np.where(sides, log_weight + rate * (2 * gain - last), -np.inf)
        last = gain
    return best
