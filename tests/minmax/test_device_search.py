"""`minmax_search` on CuPy arrays: the answer of NumPy, in arrays of the device.

CuPy is played by the stand-in of the house, with the NumPy twins or with the CUDA kernels compiled
for the host; the tests marked ``gpu`` repeat everything on a real device.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from sampkit.minmax import (
    improving_intervals,
    max_violation,
    minmax_exact,
    minmax_lower_bound,
    minmax_search,
    move_table,
    round_to_levels,
)

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
    with pytest.raises(ValueError, match="engine must be 'dense' for arrays on a GPU, got"):
        minmax_search(cupy.asarray(A), cupy.asarray(B), LEVELS, engine=engine)


def test_workers_get_no_device_arrays(cupy):
    A, B = (cupy.asarray(a) for a in data())
    with pytest.raises(ValueError, match="client must be None for arrays on a GPU"):
        minmax_search(A, B, LEVELS, client=object())


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


def sparse_data(seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    A = sp.csc_array(sp.random_array((90, 40), density=0.1, rng=rng)).astype(dtype)
    return A, A @ rng.integers(0, 3, (40, 2)) * 0.5 + rng.uniform(-0.1, 0.1, (90, 2))


def on_device(cupy, A):
    """A CSC matrix of CuPy; beside the stand-in, what the search reads of one."""
    if hasattr(cupy, "show_config"):  # the real one
        from cupyx.scipy.sparse import csc_matrix

        return csc_matrix(sp.csc_matrix(A))
    parts = {name: cupy.asarray(getattr(A, name)) for name in ("data", "indices", "indptr")}
    matrix = type("csc_matrix", (), {"__module__": "cupyx.scipy.sparse._csc"})()
    vars(matrix).update(parts, shape=A.shape, tocsc=lambda: matrix)
    return matrix


SPARSE = ["plain", "weights", "tolerances", "upper", "frozen", "slack"]


@pytest.mark.parametrize(
    ("engine", "case"), [*(("auto", case) for case in SPARSE), ("dense", "weights")]
)
def test_sparse_matrices(cupy, engine, case):
    A, B = sparse_data()
    how = {
        "plain": {},
        "weights": {"row_weight": np.linspace(0.5, 2, 90)},
        "tolerances": {"tolerance": 0.05},
        "upper": {"side": "upper"},
        "frozen": {"frozen": np.arange(40) % 4 == 0, "start": np.full(40, 0.25)},
        "slack": {"tolerance": 0.3, "minimize_slack": True},
    }[case]
    how |= {"engine": engine, "rng": 0, "population": 4, "max_iter": 2}
    host = minmax_search(A, B, [0, 0.5, 1], **how)
    if "row_weight" in how:
        how["row_weight"] = cupy.asarray(how["row_weight"])
    device = minmax_search(on_device(cupy, A), cupy.asarray(B), [0, 0.5, 1], **how)
    assert device.engine == host.engine == ("sparse" if engine == "auto" else "dense")
    residual = A @ number(device.x).T - B
    assert_allclose(number(device.residual), residual, atol=1e-12)
    # other local optima than those of the walk in turns, about as good
    scale = abs(host.objective).mean()
    assert number(device.objective).mean() <= host.objective.mean() + 0.15 * scale


def test_bad_sparse_matrices(cupy):
    A, B = sparse_data()
    with pytest.raises(TypeError, match="in the same place, got A on the GPU and b in memory"):
        minmax_search(on_device(cupy, A), B, [0, 1])
    A.data[3] = np.inf
    with pytest.raises(ValueError, match="A contains infinity"):
        minmax_search(on_device(cupy, A), cupy.asarray(B), [0, 1])


def test_primitives_answer_on_the_device(cupy):
    A, B = data()
    r, x = B[:, 0], np.linspace(-1, 1, 16)
    D_A, D_r, D_x = (cupy.asarray(a) for a in (A, r, x))
    for host, device in [
        (improving_intervals(A, r), improving_intervals(D_A, D_r)),
        (round_to_levels(x, LEVELS), round_to_levels(D_x, LEVELS)),
        ((move_table(A, r, [-0.5, 0.5]),), (move_table(D_A, D_r, [-0.5, 0.5]),)),
    ]:
        for wanted, got in zip(host, device, strict=True):
            assert isinstance(got, cupy.ndarray)
            assert_allclose(got.get(), wanted, rtol=1e-12)
    assert max_violation(D_A, D_x, D_r) == pytest.approx(max_violation(A, x, r))


def test_what_needs_a_solver_on_the_host_says_so(cupy):
    A, B = (cupy.asarray(a) for a in data())
    with pytest.raises(ValueError, match="A must be in memory, got an array on a GPU"):
        minmax_exact(A, B[:, 0], LEVELS)
    with pytest.raises(ValueError, match="A must be in memory, got an array on a GPU"):
        minmax_lower_bound(A, B[:, 0], LEVELS)
