"""`minmax_search` on CuPy arrays: the answer of NumPy, in arrays of the device.

CuPy is played by the stand-in of the house, with the NumPy twins or with the CUDA kernels compiled
for the host; the tests marked ``gpu`` repeat everything on a real device.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sampkit.minmax import minmax_search

LEVELS = np.linspace(-1, 1, 4)


def data(m=72, n=16, k=3, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, n))
    return A.astype(dtype), (A @ rng.uniform(-1, 1, (n, k))).astype(dtype)


def same_search(cupy, A, B, levels=LEVELS, **how):
    """The results in memory and on the device."""
    how = {"engine": "dense", "population": 4, "rng": 0, "screen_dtype": "float32"} | how
    host = minmax_search(A, B, levels, **how)
    for name in ("row_weight", "tolerance"):
        if np.ndim(how.get(name, 0)):
            how[name] = cupy.asarray(how[name])
    device = minmax_search(cupy.asarray(A), cupy.asarray(B), levels, **how)
    return host, device


def number(value):
    return value.get() if hasattr(value, "get") else value


ROW = np.linspace(0.5, 2, 72)
CASES = {
    "plain": {},
    "weights": {"row_weight": ROW},
    "tolerances": {"tolerance": 0.1 * ROW},
    "upper": {"side": "upper", "tolerance": 0.05},
    "slack": {"side": "lower", "tolerance": 5.0, "minimize_slack": True},
    "frozen": {"frozen": np.arange(16) % 4 == 0, "start": np.full((3, 16), 0.3)},
    "iterations": {"max_iter": 2},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_result_is_that_of_numpy(cupy, case, dtype):
    A, B = data(dtype=dtype)
    host, device = same_search(cupy, A, B, **CASES[case])
    # sums over rows are taken in another order: a path may part from NumPy's
    assert_allclose(number(device.objective).mean(), host.objective.mean(), rtol=0.02)
    assert device.engine == "dense"
    assert device.status == host.status
    x = number(device.x)
    if "frozen" not in CASES[case]:
        assert_array_equal(x, LEVELS[number(device.index)])
    else:
        still = CASES[case]["frozen"]
        assert_array_equal(x[:, still], 0.3)
    residual = A.astype(float) @ x.T - B
    # weights are folded into A in its precision
    close = 1e-6 if dtype == "f4" and case == "weights" else 1e-9
    assert_allclose(number(device.residual), residual, rtol=close, atol=close)
    assert_allclose(
        number(device.objective), number(device.objective_per_row).max(axis=0), rtol=1e-12
    )
    assert (number(device.lower_bound) <= number(device.objective)).all()


def test_arrays_of_the_result_stay_on_the_device(cupy):
    A, B = data()
    _, device = same_search(cupy, A, B)
    for name in ("x", "index", "objective", "objective_per_row", "residual", "l2_norm", "gap"):
        assert isinstance(getattr(device, name), cupy.ndarray), name
    _, device = same_search(cupy, A, B[:, 0])
    assert isinstance(device.objective, float)
    assert isinstance(device.gap, float)
    for name in ("x", "index", "objective_per_row", "residual"):
        assert isinstance(getattr(device, name), cupy.ndarray), name


@pytest.mark.parametrize("screen_dtype", [None, "tf32", "bfloat16"])
def test_a_coarse_screen_costs_little(cupy, screen_dtype):
    A, B = data(dtype="f4")
    host, device = same_search(cupy, A, B, screen_dtype=screen_dtype)
    assert number(device.objective).mean() < 1.05 * host.objective.mean()


def test_uneven_levels_for_each_variable(cupy):
    A, B = data()
    levels = np.sort(np.random.default_rng(1).uniform(-1, 1, (16, 5)), axis=1)
    host, device = same_search(cupy, A, B, levels)
    assert_allclose(number(device.objective).mean(), host.objective.mean(), rtol=0.02)


def test_the_same_seed_gives_the_same_answer(cupy):
    A, B = (cupy.asarray(a) for a in data(dtype="f4"))
    first, second = (minmax_search(A, B, LEVELS, population=4, rng=3).index.get() for _ in range(2))
    assert_array_equal(first, second)


def test_half_on_the_device_is_refused(cupy):
    A, B = data()
    with pytest.raises(TypeError, match="in the same place, got A on the GPU and b in m"):
        minmax_search(cupy.asarray(A), B, LEVELS)
    with pytest.raises(TypeError, match="got A in memory and b on the GPU"):
        minmax_search(A, cupy.asarray(B), LEVELS)


@pytest.mark.parametrize("engine", ["small", "sparse"])
def test_engines_of_the_host_refuse_device_arrays(cupy, engine):
    A, B = data()
    with pytest.raises(ValueError, match="engine must be 'dense' for arrays on a GPU"):
        minmax_search(cupy.asarray(A), cupy.asarray(B), LEVELS, engine=engine)


def test_bad_values_on_the_device(cupy):
    A, B = data()
    A[0, 0] = np.nan
    with pytest.raises(ValueError, match="A contains NaN"):
        minmax_search(cupy.asarray(A), cupy.asarray(B), LEVELS)
    A[0, 0], B[0, 0] = 0, np.inf
    with pytest.raises(ValueError, match="b must be finite"):
        minmax_search(cupy.asarray(A), cupy.asarray(B), LEVELS)
    with pytest.raises(TypeError, match="must be real"):
        minmax_search(cupy.asarray(A), cupy.asarray(data()[1].astype(complex)), LEVELS)
