"""The three fused passes of the search, for NumPy and CuPy from one call.

On NumPy (and on any array that merely looks like it) the functions below do the work; on CuPy the
CUDA kernels of `sampkit.minmax._cuda` do, with the same arguments, the same meaning of every one of
them, and float operations in the same order up to sums over rows. Loops above this file need no
other access to the residuals than these functions, `screen` and `Batch`; a round is::

    G, H = screen(xp, state, AT.take(J, axis=0))  # choose j and delta of every state, 0 = none
    phi_new, top = try_move(xp, state, AT, j, delta, invt, p)
    tried = delta != 0
    accepted = tried & (phi_new < phi * (1 - 1e-5))
    state = state.accept(xp, accepted)
    powers(xp, state, invt, p, todo=tried & ~accepted)  # what the trial has overwritten

with ``phi = powers(xp, state, invt, p)`` and 1 / t of the states fixed for a pass: powers of both
sides of a comparison must be scaled alike.

Nothing here reads a value of an array on the host, except where the arrays are NumPy's own, so a
loop built on it runs on a device without waiting for it. `pair_filter` is the exception: how many
pairs survive is a fact that the host needs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sampkit._chunks import chunks, rows_per_chunk
from sampkit.minmax import _cuda

BLOCK_BYTES = 128 * 1024  # of one array; the six that a block touches stay in second-level cache
MAX_BYTES = 256_000_000  # in memory, for the states that are in work together
FULL_ROWS = 4  # worst rows that `pair_filter` looks at for all pairs before it lists any

SCREEN_DTYPES = (None, "float32", "tf32", "bfloat16")

Bounds = tuple[Any, Any] | None

# A potential may overflow to infinity, which rejects the move; moves that do not exist are NaN.
quiet = np.errstate(over="ignore", under="ignore", invalid="ignore")


@dataclass(frozen=True)
class Batch:
    """The residuals of a batch of states, and beside each the room for a tried move.

    Attributes
    ----------
    R : array of shape (2, states, m)
        ``R[at[b], b]`` is the residual of state b; its other half takes what `try_move` tries.
    at : integer array of shape (states,)
        Which half is current. Accepting a move flips it (`accept`), rejecting does nothing.
    z1, w : arrays of shape (states, m)
        ``z |z|^(p-2)`` and ``|z|^(p-2)`` of the scaled excess z, as the last call wrote them.
    tf32 : bool
        Whether the screen reads its float32 factors with a mantissa of 10 bits only.
    """

    R: Any
    at: Any
    z1: Any
    w: Any
    tf32: bool = False

    @property
    def n_states(self) -> int:
        """States in the batch."""
        return self.R.shape[1]

    def accept(self, xp: Any, accepted: Any) -> Batch:
        """The batch after the moves of the states in the mask `accepted` are made."""
        return replace(self, at=xp.where(accepted, 1 - self.at, self.at))

    def residuals(self, xp: Any) -> Any:
        """The current residuals, (states, m); a copy."""
        return _flat(self).take(_rows(xp, self), axis=0)

    def select(self, xp: Any, states: Any) -> Batch:
        """The batch of some states only (an integer array), for when the others have finished."""
        R = xp.empty_like(self.R, shape=(2, len(states), self.R.shape[2]))
        R[0] = _flat(self).take(_rows(xp, self).take(states), axis=0)
        at = xp.zeros_like(self.at, shape=(len(states),))
        z1, w = (array.take(states, axis=0) for array in (self.z1, self.w))
        return replace(self, R=R, at=at, z1=z1, w=w)


def batch(xp: Any, residuals: Any, *, screen_dtype: Any = None) -> Batch:
    """Room for the search around `residuals` (states, m).

    Parameters
    ----------
    xp : module
        ``numpy`` or ``cupy``.
    residuals : array of shape (states, m)
        float32 or float64; it is copied.
    screen_dtype : {None, "float32", "tf32", "bfloat16"}
        How exact the factors of the screen's matrix products are for float32 residuals on a
        device; sums are float32 always. None is "bfloat16", which halves the bytes of the powers.
        The screen only proposes moves. Elsewhere every choice means the dtype of the residuals.
    """
    R = xp.empty_like(residuals, order="C", shape=(2, *residuals.shape))
    R[0] = residuals
    powers_dtype = residuals.dtype
    reducible = has_kernels(xp) and powers_dtype == np.float32
    if reducible and screen_dtype in (None, "bfloat16"):
        powers_dtype = np.uint16  # not every CuPy has bfloat16: the upper half of a float32
    z1 = xp.empty_like(residuals, dtype=powers_dtype, order="C")
    at = xp.zeros_like(residuals, dtype=np.int32, shape=residuals.shape[:1])
    return Batch(R, at, z1, xp.empty_like(z1), reducible and screen_dtype == "tf32")


def has_kernels(xp: Any) -> bool:
    """Whether the CUDA kernels do the work for arrays of the namespace `xp`."""
    return hasattr(xp, "RawModule")


def memory_budget(xp: Any) -> int:
    """Bytes for the states that are in work together: on a device, half of what is free."""
    if not has_kernels(xp):
        return MAX_BYTES
    return max(int(xp.cuda.runtime.memGetInfo()[0]) // 2, MAX_BYTES)


@quiet
def powers(
    xp: Any, state: Batch, invt: Any, p: int, *, todo: Any = None, bounds: Bounds = None
) -> Any:
    """Write the powers of the current residuals into ``state.z1`` and ``state.w``.

    With the excess v (the residual itself, or what of it is beyond `bounds`) and z = v / t, those
    are ``w = |z|^(p-2)`` and ``z1 = w z``, so that the potential is the sum of z1 z, its gradient
    in r is p z1 / t and its second derivative p (p-1) w / t^2.

    Parameters
    ----------
    xp : module
        ``numpy`` or ``cupy``.
    state : Batch
        Its `z1` and `w` are written.
    invt : array of shape (states,)
        1 / t, in the dtype of the residuals.
    p : int
        A power of two, at least 2.
    todo : boolean array of shape (states,), optional
        States to do; the powers of the others stay as they are.
    bounds : (hi, lo), arrays of shape (m,), optional
        Row k is violated by max(r_k - hi_k, -r_k - lo_k); infinity is allowed, for one-sided rows.
        Without it the violation is ``|r|``.

    Returns
    -------
    array of shape (states,)
        The potential of every state that is to be done; of the others, anything.
    """
    if has_kernels(xp):
        return _cuda.powers(xp, state, invt, p, todo=todo, bounds=bounds)
    phi = xp.zeros_like(invt)
    source = _rows(xp, state)
    for which in _blocks(xp, state, todo):
        r = _flat(state).take(source[which], axis=0)
        z = r if bounds is None else _excess(xp, r, bounds)
        z = xp.multiply(z, invt[which, None], out=z)
        phi[which] = _write_powers(xp, state, which, z, p)
    return phi


@quiet
def try_move(
    xp: Any,
    state: Batch,
    AT: Any,
    j: Any,
    delta: Any,
    invt: Any,
    p: int,
    *,
    bounds: Bounds = None,
) -> tuple[Any, Any]:
    """Change variable ``j[b]`` of every state b by ``delta[b]``, on trial.

    The residuals after the move go into the half of ``state.R`` that is not current, their powers
    into ``state.z1`` and ``state.w``. Nothing is done for a state whose delta is 0. After a
    rejection `powers` (with `todo`) brings back the powers of the current residuals.

    Parameters
    ----------
    xp : module
        ``numpy`` or ``cupy``.
    state : Batch
        Read and written as said above.
    AT : array of shape (n, m)
        Row j is column j of A, contiguous; the dtype of the residuals.
    j : integer array of shape (states,)
        One variable for each state.
    delta : array of shape (states,)
        By how much it changes; 0 for no move.
    invt, p, bounds
        As for `powers`.

    Returns
    -------
    phi : array of shape (states,)
        Potential after the move (of a state without a move, anything).
    top : array of shape (states,)
        Largest violation after the move; below zero where `bounds` leave room in every row. (Of a
        state without a move, anything.)
    """
    if has_kernels(xp):
        return _cuda.try_move(xp, state, AT, j, delta, invt, p, bounds=bounds)
    phi, top = xp.zeros_like(invt), xp.zeros_like(invt)
    source = _rows(xp, state)
    target = _rows(xp, state, other=True)
    for which in _blocks(xp, state, delta != 0):
        r = AT.take(j[which], axis=0)
        r = xp.multiply(r, delta[which, None], out=r)
        r = xp.add(r, _flat(state).take(source[which], axis=0), out=r)
        _flat(state)[target[which]] = r
        if bounds is None:
            top[which] = xp.maximum(r.max(axis=1), -r.min(axis=1))
        else:
            hi, lo = bounds
            top[which] = xp.maximum((r - hi).max(axis=1), -(r + lo).min(axis=1))
            r = _excess(xp, r, bounds)
        z = xp.multiply(r, invt[which, None], out=r)
        phi[which] = _write_powers(xp, state, which, z, p)
    return phi, top


@quiet
def screen(xp: Any, state: Batch, AT_J: Any, squared_J: Any = None) -> tuple[Any, Any]:
    """First and second order of the potential in the variables of a block.

    Parameters
    ----------
    xp : module
        ``numpy`` or ``cupy``.
    state : Batch
        With its powers written.
    AT_J : array of shape (c, m)
        Rows of AT, in the dtype that `screen_matrix` gives.
    squared_J : array of shape (c, m), optional
        The same rows of AT * AT; computed if not given.

    Returns
    -------
    G, H : arrays of shape (states, c)
        ``z1 @ AT_J.T`` and ``w @ squared_J.T``: p G delta / t and p (p-1) / 2 H (delta / t)^2 are
        the first two terms of the change of the potential when variable j changes by delta.
    """
    if state.z1.dtype == np.uint16 or state.tf32:
        return _cuda.screen(xp, state, AT_J, squared_J)
    if squared_J is None:
        squared_J = AT_J * AT_J
    return xp.matmul(state.z1, AT_J.T), xp.matmul(state.w, squared_J.T)


def screen_matrix(xp: Any, state: Batch, AT: Any) -> Any:
    """`AT`, or its copy in the dtype of the powers, for `screen`."""
    if state.z1.dtype == np.uint16:
        return _cuda.to_bfloat16(xp, AT)
    return AT


def pair_filter(
    xp: Any, RK: Any, DK: Any, t: Any, *, apart: int = 0, bounds: Bounds = None
) -> tuple[Any, Any, Any, Any]:
    """Pairs of moves that may bring every one of K rows below t, for a batch of states.

    Move i of a state adds ``DK[state, i]`` to its K residuals. The largest violation over K rows
    bounds the one over all rows from below, so a pair that is not returned cannot improve.

    Parameters
    ----------
    xp : module
        ``numpy`` or ``cupy``.
    RK : array of shape (states, K)
        Residuals of the rows, the worst first: they kill most pairs.
    DK : array of shape (states, n, K)
        What each move adds; NaN or infinity stands for a move that does not exist.
    t : array of shape (states,)
        What has to be undercut.
    apart : int
        Pairs of moves whose numbers differ by so much exclude each other; 0 for none.
    bounds : (hi, lo), arrays of shape (states, K), optional
        Of these rows, as for `powers`.

    Returns
    -------
    state, i, j : integer arrays of shape (n_survivors,)
        The pairs with i < j, state by state, by increasing bound; of equal bounds the lower i, then
        the lower j first.
    bound : array of shape (n_survivors,)
        Largest violation over the K rows, below t.
    """
    n = DK.shape[1]
    if has_kernels(xp):
        code, bound = _cuda.pair_filter(xp, RK, DK, t, apart=apart, bounds=bounds)
    else:
        code, bound = _surviving_pairs(xp, RK, DK, t, apart, bounds)
    if not code.shape[0]:
        return code, code, code, bound
    state = code // (n * n)
    order = xp.lexsort(xp.stack([key.astype(np.float64) for key in (code, bound, state)]))
    code = code.take(order)
    return code // (n * n), code // n % n, code % n, bound.take(order)


@quiet
def _surviving_pairs(
    xp: Any, RK: Any, DK: Any, t: Any, apart: int, bounds: Bounds
) -> tuple[Any, Any]:
    """Codes (state n + i) n + j and bounds of the survivors, in the order of their codes."""
    states, n, K = DK.shape
    full = min(FULL_ROWS, K)
    base = DK + RK[:, None, :]
    number = xp.arange(n)
    codes, found = [], []
    for s in range(states):
        ours = None if bounds is None else tuple(side[s] for side in bounds)
        for rows in chunks(n, rows_per_chunk(n * base.dtype.itemsize, BLOCK_BYTES)):
            bound = _violation(xp, base[s, rows, 0][:, None] + DK[s, :, 0], 0, ours)
            for k in range(1, full):
                v = _violation(xp, base[s, rows, k][:, None] + DK[s, :, k], k, ours)
                bound = xp.maximum(bound, v, out=bound)
            gap = number - xp.arange(rows.start, rows.stop)[:, None]
            at = xp.flatnonzero((bound < t[s]) & (gap > 0) & (gap != apart))
            bound = bound.ravel().take(at)
            i, j = at // n + rows.start, at % n
            for k in range(full, K):
                v = _violation(xp, base[s, :, k].take(i) + DK[s, :, k].take(j), k, ours)
                bound = xp.maximum(bound, v, out=bound)
                if k % 4 == 0 or k == K - 1:  # to list survivors anew costs as much as two rows
                    left = xp.flatnonzero(bound < t[s])
                    i, j, bound = i.take(left), j.take(left), bound.take(left)
            codes.append((i + s * n) * n + j)
            found.append(bound)
    return xp.concatenate(codes), xp.concatenate(found)


@quiet
def try_pairs(
    xp: Any, R: Any, AT: Any, state: Any, pair: Any, step: Any, *, bounds: Bounds = None
) -> tuple[Any, Any]:
    """Largest violation and sum of squares of the residuals after two steps at once.

    Parameters
    ----------
    xp : module
        ``numpy`` or ``cupy``.
    R : array of shape (states, m)
        Residuals.
    AT : array of shape (n, m)
        Row j is column j of A.
    state : integer array of shape (c,)
        Which state each of c pairs is tried on; negative for none.
    pair : integer array of shape (2, c)
        The two variables.
    step : array of shape (2, c)
        By how much they change.
    bounds : (hi, lo), arrays of shape (m,), optional
        As for `powers`.

    Returns
    -------
    top, squares : arrays of shape (c,)
        Of a pair without a state, anything.
    """
    if has_kernels(xp):
        return _cuda.try_pairs(xp, R, AT, state, pair, step, bounds=bounds)
    top = xp.empty_like(R, shape=state.shape)
    squares = xp.empty_like(top)
    size = len(state) if xp is not np else rows_per_chunk(R[:1].nbytes, BLOCK_BYTES)
    for some in chunks(len(state), max(size, 1)):
        r = AT.take(pair[0, some], axis=0) * step[0, some, None]
        r += AT.take(pair[1, some], axis=0) * step[1, some, None]
        r += R.take(xp.maximum(state[some], 0), axis=0)
        squares[some] = xp.einsum("ij,ij->i", r, r)
        if bounds is None:
            top[some] = xp.maximum(r.max(axis=1), -r.min(axis=1))
        else:
            hi, lo = bounds
            top[some] = xp.maximum((r - hi).max(axis=1), -(r + lo).min(axis=1))
    return top, squares


def _violation(xp: Any, r: Any, k: int, bounds: Bounds) -> Any:
    if bounds is None:
        return xp.abs(r, out=r)
    hi, lo = bounds
    return xp.maximum(r - hi[k], -r - lo[k])


def _excess(xp: Any, r: Any, bounds: Any) -> Any:
    """What of r is beyond its bounds, with the sign of the side that is violated more."""
    hi, lo = bounds
    above, below = r - hi, -r - lo
    return xp.where(above >= below, xp.maximum(above, 0), -xp.maximum(below, 0))


def _write_powers(xp: Any, state: Batch, which: Any, z: Any, p: int) -> Any:
    """The powers of the scaled excess of some states into their places; their potentials."""
    w = _even_power(xp, z, p - 2)
    state.w[which] = w
    z1 = xp.multiply(w, z, out=w)
    state.z1[which] = z1
    return xp.einsum("ij,ij->i", z1, z)


def _even_power(xp: Any, z: Any, exponent: int) -> Any:
    """|z|^exponent for exponent = 2 + 4 + ... + p/2 by squaring, in the kernels' order."""
    if exponent == 0:
        return xp.ones_like(z)
    square = xp.multiply(z, z)
    result = square
    exponent -= 2
    step = 4
    while exponent > 0:
        # not in place: the first result is the square itself
        square = xp.multiply(square, square)
        result = xp.multiply(result, square)
        exponent -= step
        step *= 2
    return result


def _flat(state: Batch) -> Any:
    return state.R.reshape(-1, state.R.shape[2])


def _rows(xp: Any, state: Batch, *, other: bool = False) -> Any:
    """Rows of the flat buffer that hold the current (or the other) half of every state."""
    half = 1 - state.at if other else state.at
    return half * state.n_states + xp.arange(state.n_states)


def _blocks(xp: Any, state: Batch, todo: Any) -> Any:
    """Index arrays or slices of states, few enough at a time that their rows stay in cache."""
    n, m = state.z1.shape
    if xp is not np:  # a device wants all at once, and its mask stays unread
        return [slice(0, n)]
    step = rows_per_chunk(m * state.R.dtype.itemsize, BLOCK_BYTES)
    if todo is None or todo.all():
        return list(chunks(n, step))
    states = np.flatnonzero(todo)
    return [states[at] for at in chunks(len(states), step)]
