"""`descend` on a device that refuses every hidden wait for the host."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sampkit.minmax._descend import PASSES, Columns, Descent
from sampkit.minmax._levels import as_levels
from sampkit.minmax._polish import Counters
from sampkit.minmax._rows import Rows
from sampkit.minmax._steps import steps_on

EVEN = np.linspace(-1, 1, 4)
UNEVEN = np.array([-1, -0.4, 0.1, 1])


def data(m=90, n=23, states=6, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, n)).astype(dtype)
    W = rng.uniform(-1, 1, (states, n))
    return A, (W @ A.T).astype(dtype)


def rows_of(kind, m):
    if kind == "two-sided":
        return Rows()
    width = np.random.default_rng(1).uniform(0, 0.3, m)
    return Rows(-width, width if kind == "tolerances" else np.full(m, np.inf))


def descend(xp, A, B, grid, rows, **how):
    """Index and objective of a descent from the middle levels, and the numbers of its work."""
    states, n = len(B), A.shape[1]
    levels = as_levels(grid, n, states)
    values = xp.asarray(grid, dtype=A.dtype)
    D_A, D_B = xp.asarray(A), xp.asarray(B)
    rows = Rows(*(v if v is None else xp.asarray(v, dtype=A.dtype) for v in (rows.low, rows.high)))

    def residual(index, some):
        x = values.take(index.ravel()).reshape(index.shape)
        return xp.matmul(x, D_A.T) - D_B.take(some, axis=0)

    target = np.arange(states)
    steps = steps_on(xp, levels, None, target, A.dtype)
    screen_dtype = how.pop("screen_dtype", None)
    columns = Columns.of(xp, D_A, A.dtype, screen_dtype)
    task = Descent(xp, columns, rows, residual, screen_dtype=screen_dtype, **how)
    counters = Counters()
    start = xp.asarray(np.full((states, n), 1))
    before = getattr(xp, "transfers", 0)
    best, smallest = task.descend(start, steps, (4, 8, 32), counters)
    counters.transfers = getattr(xp, "transfers", 0) - before
    return best, smallest, counters


@pytest.mark.parametrize("grid", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("kind", ["two-sided", "tolerances", "one-sided"])
def test_the_descent_never_waits_but_once_a_pass(glass, grid, kind):
    A, B = data()
    rows = rows_of(kind, len(A))
    wanted, value, counters = descend(np, A, B, grid, rows, block=8)
    found, D_value, D_counters = descend(glass, A, B, grid, rows, block=8)
    assert D_counters.rounds == counters.rounds
    stages, passes = 3, -(-counters.rounds // (-(-A.shape[1] // 8)))
    assert 0 < D_counters.transfers <= passes + 2 * stages <= stages * (PASSES + 2)
    assert_array_equal(found.get(), wanted)
    assert_array_equal(D_value.get(), value)


@pytest.mark.parametrize("screen_dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", ["two-sided", "one-sided"])
def test_the_descent_on_the_kernels(cuda, kind, screen_dtype):
    A, B = data()
    rows = rows_of(kind, len(A))
    _, value, _ = descend(np, A, B, EVEN, rows)
    found, D_value, counters = descend(cuda, A, B, EVEN, rows, screen_dtype=screen_dtype)
    assert counters.transfers < 100
    x = EVEN[found.get()]
    residual = x @ A.T.astype(float) - B
    assert_allclose(D_value.get(), rows.objective(residual), rtol=1e-5)
    if screen_dtype == "float32":
        # sums over rows are taken in another order: a path may part from NumPy's, the end hardly
        assert_allclose(D_value.get(), value, rtol=0.02)
    assert D_value.get().mean() < 1.1 * value.mean()


def test_a_descent_gives_the_same_twice(cuda):
    A, B = data()
    first, second = (descend(cuda, A, B, EVEN, Rows())[0].get() for _ in range(2))
    assert_array_equal(first, second)
