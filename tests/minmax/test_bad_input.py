"""Bad calls: each is refused with the stated exception, which says what was wrong and its value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from sampkit.minmax import (
    DiscreteChebyshevRegressor,
    improving_intervals,
    lll_reduce,
    max_violation,
    minmax_exact,
    minmax_lower_bound,
    minmax_search,
    move_table,
    round_to_levels,
)

A = np.arange(12.0).reshape(4, 3)
B = np.arange(4.0)
L = [-1.0, 0.0, 1.0]
NAN, INF = np.nan, np.inf


def with_one(value, at=(1, 2)):
    out = A.copy()
    out[at] = value
    return out


def search(A=A, b=B, levels=L, **options):
    return minmax_search(A, b, levels, **options)


def exact(A=A, b=B, levels=L, **options):
    return minmax_exact(A, b, levels, **options)


def fit(**options):
    return DiscreteChebyshevRegressor(**options).fit(A, B)


Call = tuple[Callable[..., Any], dict[str, Any], type[Exception], str]

BAD: list[Call] = [
    # levels
    (search, {"levels": []}, ValueError, "levels must hold at least one"),
    (search, {"levels": 3.0}, ValueError, "levels must be a list of values, got 3.0"),
    (search, {"levels": [[NAN], [1], [2]]}, ValueError, "at least one value for every variable"),
    (search, {"levels": [0, INF]}, ValueError, "levels must be finite"),
    (search, {"levels": [0, 1, 1]}, ValueError, "strictly ascending, got 1.0 before 1.0"),
    (search, {"levels": [[0, 1], [1, 0], [0, 1]]}, ValueError, r"ascending.*variable 1"),
    (search, {"levels": [NAN, 1, 0]}, ValueError, "strictly ascending, got 1.0 before 0.0"),
    (search, {"levels": np.zeros((2, 3))}, ValueError, r"levels must be of shape.*\(2, 3\)"),
    (search, {"levels": [[0, 1], [0]]}, ValueError, r"n=3 variables"),
    (search, {"levels": np.ones((1, 1, 1, 2))}, ValueError, "levels must hold"),
    (search, {"levels": ["a", "b"]}, ValueError, "levels must be real"),
    (search, {"levels": [1j]}, ValueError, "levels must be real"),
    # data
    (search, {"A": A[0]}, ValueError, "Expected 2D array"),
    (search, {"A": A[:0]}, ValueError, "0 sample"),
    (search, {"A": A[:, :0]}, ValueError, "0 feature"),
    (search, {"A": with_one(NAN)}, ValueError, "A contains NaN"),
    (search, {"A": with_one(-INF)}, ValueError, "A contains infinity"),
    (search, {"A": sp.csr_array(with_one(NAN))}, ValueError, "A contains NaN"),
    (search, {"A": A + 1j}, TypeError, "A must be real"),
    (search, {"A": [[1j, 0], [0, 1]], "b": [0, 0]}, TypeError, "A must be real"),
    (search, {"A": sp.csr_array(A + 1j)}, TypeError, "A must be real"),
    (search, {"b": B + 1j}, TypeError, "b must be real"),
    (search, {"b": B[:3]}, ValueError, "same number of rows, got 4 and 3"),
    (search, {"b": [0, 1, NAN, 0]}, ValueError, "b must be finite"),
    (search, {"b": [0, 1, INF, 0]}, ValueError, "b must be finite"),
    (search, {"b": 1.0}, ValueError, "b must be real numbers of shape"),
    (search, {"b": np.zeros((4, 0))}, ValueError, "b must be real numbers of shape"),
    (search, {"b": ["a"] * 4}, ValueError, "b must be real numbers"),
    # rows
    (search, {"row_weight": 0.0}, ValueError, "row_weight must be > 0, got 0.0"),
    (search, {"row_weight": [1, 1, -2, 1]}, ValueError, "row_weight must be > 0, got -2.0"),
    (search, {"row_weight": [1, 1]}, ValueError, "one for each of the 4 rows"),
    (search, {"row_weight": NAN}, ValueError, "row_weight must be finite"),
    (search, {"row_weight": "a"}, ValueError, "row_weight must be a number"),
    (search, {"tolerance": -0.5}, ValueError, "tolerance must be >= 0, got -0.5"),
    (search, {"tolerance": [0, INF, 0, 0]}, ValueError, "tolerance must be finite"),
    (search, {"side": "left"}, ValueError, "side must be one of 'both', 'upper', 'lower', got 'le"),
    # start and frozen
    (search, {"start": np.zeros(2)}, ValueError, r"start must be real numbers of shape \(3,\)"),
    (search, {"start": np.zeros((2, 3))}, ValueError, r"or \(1, 3\), got float64 of shape \(2, 3"),
    (search, {"start": [0, NAN, 0]}, ValueError, "start must be finite"),
    (search, {"frozen": [True, False]}, ValueError, r"frozen must be a boolean mask of shape \(3"),
    (search, {"frozen": [0, 1, 0]}, ValueError, "frozen must be a boolean mask"),
    (search, {"frozen": [True] * 3}, ValueError, "start must be given when variables are frozen"),
    # options
    (search, {"p_schedule": ()}, ValueError, "p_schedule must hold at least one"),
    (search, {"p_schedule": (4, 6)}, ValueError, "powers of two in 2..128, got 6"),
    (search, {"p_schedule": (1,)}, ValueError, "powers of two in 2..128, got 1"),
    (search, {"p_schedule": (256,)}, ValueError, "powers of two in 2..128, got 256"),
    (search, {"p_schedule": (4.0,)}, ValueError, "powers of two in 2..128, got 4.0"),
    (search, {"time_limit": 0}, ValueError, "time_limit must be None or > 0 seconds, got 0"),
    (search, {"time_limit": -1.0}, ValueError, "time_limit must be .* got -1.0"),
    (search, {"time_limit": NAN}, ValueError, "time_limit must be .* got nan"),
    (search, {"max_iter": -1}, ValueError, "max_iter must be None or an int >= 0, got -1"),
    (search, {"max_iter": 1.5}, ValueError, "max_iter must be .* got 1.5"),
    (search, {"population": 0}, ValueError, "population must be an int >= 1, got 0"),
    (search, {"polish_rows": 0}, ValueError, "polish_rows must be an int >= 1, got 0"),
    (search, {"kick": 0}, ValueError, r"kick must be in \(0, 1\], got 0"),
    (search, {"kick": 1.5}, ValueError, r"kick must be in \(0, 1\], got 1.5"),
    (search, {"engine": "fast"}, ValueError, "engine must be one of 'auto', .* got 'fast'"),
    (search, {"screen_dtype": "int8"}, ValueError, "screen_dtype must be one of None, .*'int8'"),
    (search, {"rng": -1}, ValueError, "rng must be"),
    (search, {"rng": [1, 2]}, ValueError, "one for each of 1 targets, got 2"),
    # exact and bounds
    (exact, {"time_limit": 0}, ValueError, "time_limit must be"),
    (exact, {"b": np.zeros((4, 2))}, ValueError, "one target, got 2 columns"),
    (exact, {"frozen": [True, False, False]}, ValueError, "start must be given"),
    (exact, {"row_weight": -1}, ValueError, "row_weight must be > 0, got -1.0"),
    (exact, {"A": A + 1j}, TypeError, "A must be real"),
    (
        minmax_lower_bound,
        {"A": A, "b": B, "levels": L, "method": "sdp"},
        ValueError,
        "method must be one of 'lp', 'dual', 'l2', got 'sdp'",
    ),
    # primitives
    (max_violation, {"A": A, "x": [0, 0], "b": B}, ValueError, r"x must be .* of shape \(3,\)"),
    (max_violation, {"A": A, "x": [0, 0, NAN], "b": B}, ValueError, "x must be finite"),
    (improving_intervals, {"A": A, "r": B[:2]}, ValueError, r"r must be .* of shape \(4,\)"),
    (improving_intervals, {"A": A, "r": [0, 0, 0, NAN]}, ValueError, "r must be finite"),
    (improving_intervals, {"A": A, "r": B, "t": -1}, ValueError, "t must be >= 0, got -1"),
    (improving_intervals, {"A": A + 1j, "r": B}, TypeError, "A must be real"),
    (move_table, {"A": A, "r": B, "deltas": []}, ValueError, "deltas must be real"),
    (
        move_table,
        {"A": A, "r": B, "deltas": [[1.0]]},
        ValueError,
        r"deltas must be of shape \(D,\)",
    ),
    (move_table, {"A": A, "r": B, "deltas": [NAN]}, ValueError, "deltas must be finite"),
    (round_to_levels, {"v": [[[0.0]]], "levels": L}, ValueError, "v must be real numbers of shape"),
    (round_to_levels, {"v": [NAN], "levels": L}, ValueError, "v must be finite"),
    (round_to_levels, {"v": [1j], "levels": L}, ValueError, "v must be real"),
    (lll_reduce, {"B": A.T}, ValueError, "B must be of shape"),
    (lll_reduce, {"B": [[1.0, NAN], [0, 1]]}, ValueError, "B must be finite"),
    (
        lll_reduce,
        {"B": np.eye(2), "delta": 1.0},
        ValueError,
        r"delta must be in \(0.25, 1\), got 1",
    ),
    (lll_reduce, {"B": np.ones((2, 2))}, ValueError, "linearly independent"),
    # estimator
    (fit, {"levels": [1, 0]}, ValueError, "strictly ascending"),
    (fit, {"levels": "words"}, ValueError, "levels"),
    (fit, {"time_limit": -1}, ValueError, "time_limit"),
    (fit, {"fit_intercept": "yes"}, ValueError, "fit_intercept"),
    (fit, {"intercept_levels": [2, 1]}, ValueError, "strictly ascending"),
    (fit, {"random_state": "x"}, ValueError, "random_state"),
]


@pytest.mark.parametrize(
    ("call", "arguments", "error", "message"),
    BAD,
    ids=[f"{call.__name__}-{'-'.join(a)}-{i}" for i, (call, a, *_) in enumerate(BAD)],
)
def test_refused(call, arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        call(**arguments)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("weight", [0.0, -1.0, [1.0, 2.0]])
def test_row_weights_of_the_regressor(weight):
    with pytest.raises(ValueError, match="row_weight"):
        DiscreteChebyshevRegressor().fit(A, B, row_weight=weight)


def test_one_on_the_gpu_and_one_in_memory(fake_cupy):
    on_gpu = fake_cupy.asarray(A)
    with pytest.raises(TypeError, match="A on the GPU and b in memory"):
        minmax_search(on_gpu, B, L)
    with pytest.raises(TypeError, match="A in memory and b on the GPU"):
        minmax_search(A, fake_cupy.asarray(B), L)
    with pytest.raises(TypeError, match="same place"):
        improving_intervals(on_gpu, B)
    with pytest.raises(ValueError, match="engine must be 'dense' for arrays on a GPU"):
        minmax_search(on_gpu, fake_cupy.asarray(B), L, engine="small")
    with pytest.raises(ValueError, match="in memory"):
        minmax_exact(on_gpu, fake_cupy.asarray(B), L)


def test_lll_does_not_overflow_in_silence():
    B = np.array([[1.0, 1e17, 3e16], [0, 1.0, 1e17], [0, 0, 1.0]])
    with pytest.raises(ValueError, match="B "):
        lll_reduce(B)
