"""Time grids: known answers, diffusers' integers, ends, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sampkit.diffusion import (
    DDIM,
    CallableSchedule,
    DiscreteVPSchedule,
    FlowSchedule,
    VESchedule,
    VPLinearSchedule,
    time_grid,
)
from sampkit.diffusion.grids import check_grid

INNER = {  # 12 digits from the notes on the diffusion core, section 4
    "logsnr": [0.785568074975, 0.493439534033, 0.140636413519, 0.018095399839],
    "karras": [0.879785434717, 0.710757065241, 0.432854509505, 0.07771018317],
    "quadratic": [0.6501592885, 0.3753389328, 0.1755389328, 0.0507592885],
}


@pytest.mark.parametrize("spacing", INNER)
def test_known_answers(spacing, vp):
    grid = time_grid(vp, 5, spacing)
    assert_allclose(grid[1:-1], INNER[spacing], atol=6e-11)
    assert grid[[0, -1]].tolist() == [1.0, 1e-3]


def test_even_in_time_and_in_noise(vp):
    assert_allclose(np.diff(time_grid(vp, 4, "time")), -(1 - 1e-3) / 4)
    assert_allclose(np.diff(vp.lam(time_grid(vp, 7))), (vp.lam(1e-3) - vp.lam(1.0)) / 7)
    assert (time_grid(vp, 6, "exponential") == time_grid(vp, 6)).all()


def test_beta_is_the_quantile_of_its_law(vp):
    from scipy.stats import beta

    grid = time_grid(vp, 8, "beta", beta=(0.6, 0.9))
    expected = 1e-3 + (1 - 1e-3) * beta.ppf(1 - np.arange(9) / 8, 0.6, 0.9)
    assert_allclose(grid, expected, rtol=1e-9)


def test_integers_as_diffusers_has_them():
    s = DiscreteVPSchedule()
    # DDIMScheduler / DPMSolverMultistepScheduler of diffusers 0.42 with 1000 training steps
    assert time_grid(s, 4, "linspace").tolist() == [999, 749, 500, 250, 0]
    assert time_grid(s, 4, "leading").tolist() == [800, 600, 400, 200, 0]
    assert time_grid(s, 4, "leading", offset=1).tolist() == [801, 601, 401, 201, 0]
    assert time_grid(s, 4, "trailing", final="zero").tolist() == [999, 749, 499, 249, -1]


def test_the_end_without_noise(vp):
    assert time_grid(vp, 5, final="zero")[-1] == 0.0
    grid = time_grid(VESchedule(), 5, "karras", final="zero")  # k-diffusion's get_sigmas_karras
    assert grid[[0, -2, -1]].tolist() == [80.0, 0.002, 0.0]
    roots = grid[:-1] ** (1 / 7)
    assert_allclose(np.diff(roots), roots[1] - roots[0])
    assert time_grid(VESchedule(), 1, "karras", final="zero").tolist() == [80.0, 0.0]


def test_shift_of_a_flow():
    plain, shifted = (time_grid(FlowSchedule(shift=k), 6, "time", t_start=1.0) for k in (1, 3))
    assert_allclose(shifted[0], 1.0)
    ends = FlowSchedule(shift=3.0)
    u = shifted / (3 - 2 * shifted)
    assert_allclose(np.diff(u), np.diff(u)[0])
    assert shifted[-1] == plain[-1] == ends.t_min
    assert (shifted[1:-1] > plain[1:-1]).all()


@given(
    st.integers(1, 60),
    st.sampled_from(["time", "quadratic", "beta", "logsnr", "karras"]),
    st.sampled_from([None, "zero"]),
    st.sampled_from([VPLinearSchedule(), VESchedule(), FlowSchedule(shift=2.0)]),
)
def test_every_grid_falls_from_end_to_end(n, spacing, final, schedule):
    grid = time_grid(schedule, n, spacing, final=final)
    assert grid.shape == (n + 1,)
    assert grid.dtype == np.float64
    assert (np.diff(grid) < 0).all()
    assert grid[0] == schedule.t_max
    assert grid[-1] == (schedule.t_min if final is None else 0.0)


def test_an_end_outside_by_rounding_passes(vp):
    assert check_grid(vp, [1.0 + 1e-12, 0.5, 1e-3 - 1e-12]).size == 3


NO_CLEAN_END = CallableSchedule(lambda t: -t, np.log, 0.01, 2.0)
BAD = [
    ((VPLinearSchedule(), 0), {}, "n_steps must be an int >= 1, got 0"),
    ((VPLinearSchedule(), 2.5), {}, "n_steps must be an int >= 1, got 2.5"),
    ((VPLinearSchedule(), 5, "cosine"), {}, "spacing must be one of .*got 'cosine'"),
    ((VPLinearSchedule(), 5, "linspace"), {}, "is for a DiscreteVPSchedule"),
    ((DiscreteVPSchedule(), 5, "leading"), {"t_start": 9.0}, "t_start must be None"),
    ((DiscreteVPSchedule(), 1000, "linspace"), {}, "n_steps must be < 1000"),
    ((VPLinearSchedule(), 5), {"final": "clean"}, "final must be None or 'zero', got 'clean'"),
    ((NO_CLEAN_END, 5), {"final": "zero"}, "knows none"),
    ((VPLinearSchedule(), 5, "karras"), {"rho": 0}, "rho must be a number > 0, got 0"),
    ((VPLinearSchedule(), 5, "beta"), {"beta": (0.6, 0)}, "beta must be two numbers > 0"),
    ((FlowSchedule(), 5), {"t_start": 1.0}, "needs a finite log-SNR at both ends, got -inf"),
    ((VPLinearSchedule(), 5), {"t_end": 0.0}, "needs a finite log-SNR"),
    ((VPLinearSchedule(), 5, "time"), {"t_start": 2.0}, r"grid must lie in \[0.001, 1\]"),
    ((VPLinearSchedule(), 5, "time"), {"t_start": 0.1, "t_end": 0.5}, "strictly descending"),
]


@pytest.mark.parametrize(("arguments", "keywords", "message"), BAD)
def test_bad_input(arguments, keywords, message):
    with pytest.raises(ValueError, match=message):
        time_grid(*arguments, **keywords)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ([0.5], r"shape \(n_steps \+ 1,\)"),
        ([[0.5, 0.1]], "got shape"),
        ([0.5, np.nan], "finite"),
        ([0.5, 0.5], "strictly descending, got 0.5 before 0.5"),
        ([0.5, 1e-4], r"\(or end at 0\)"),
        ([1.5, 0.5], "grid must lie in"),
    ],
)
def test_bad_grids(grid, message, vp):
    with pytest.raises(ValueError, match=message):
        check_grid(vp, grid)


def test_data_must_be_left_at_the_second_node():
    schedule = DiscreteVPSchedule(zero_terminal_snr=True)
    message = "at its noisy end alone, got 998.5 beside 999"
    with pytest.raises(ValueError, match=message):
        check_grid(schedule, [999, 998.5, 500, 0])
    with pytest.raises(ValueError, match=message):
        time_grid(schedule, 1998, "time")
    with pytest.raises(ValueError, match=message):
        DDIM().plan(schedule, [0, 500, 998.5, 999])
    assert check_grid(schedule, [999, 998, 0]).tolist() == [999, 998, 0]
