"""Inversion: DDIM up a grid, from data to the noise they would be drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sampkit.diffusion import (
    DDIM,
    DDPM,
    DEIS,
    PNDM,
    DiscreteVPSchedule,
    DPMSolver,
    DualFast,
    DynamicCompensation,
    FlowSchedule,
    Plan,
    SolverSchedule,
    UniPC,
    VESchedule,
    VPLinearSchedule,
    gaussian_response,
    time_grid,
)

VP = VPLinearSchedule()
SCHEDULES = [VP, DiscreteVPSchedule(), FlowSchedule(), VESchedule(0.01, 10.0)]


def exact_gain(schedule, ends, variance):
    """Factor of a centred state under the exact flow of N(0, v) between two times."""
    total = np.square(schedule.alpha(ends)) * variance + np.square(schedule.sigma(ends))
    return np.sqrt(total[1] / total[0])


@pytest.mark.parametrize("final", [None, "zero"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_up_the_grid_is_the_flow_of_a_normal_law_to_first_order(schedule, final):
    # the exact flow of one normal law is known; errors at n and 2 n steps
    errors = []
    for n in (200, 400):
        grid = time_grid(schedule, n, "quadratic", final=final, reverse=True)
        gain = gaussian_response(DDIM().plan(schedule, grid), 0.0, 0.3).gain
        errors.append(abs(gain / exact_gain(schedule, grid[[0, -1]], 0.3) - 1))
    assert errors[1] < 0.03
    assert 0.8 < np.log2(errors[0] / errors[1]) < 1.25


@pytest.mark.parametrize("final", [None, "zero"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_there_and_back(schedule, final, ring_on, run):
    # a mixture, exact network: the round trip's error falls with the steps, at order 1
    model, image = ring_on(schedule), ring_on(schedule).draw(64, schedule.t_min)
    errors = []
    for n in (100, 200):
        grid = time_grid(schedule, n, "quadratic", final=final)
        noise = run(DDIM().plan(schedule, grid[::-1]), image, model)
        back = run(DDIM().plan(schedule, grid), noise, model)
        errors.append(np.sqrt(np.square(back - image).mean()))
    assert errors[1] < 0.1
    assert 0.8 < np.log2(errors[0] / errors[1]) < 1.25


def test_one_step():
    # (alpha_t / alpha_s) x + (sigma_t - sigma_s alpha_t / alpha_s) eps, by the digits of the
    # notes on the diffusion core, section 3: t = .3 to .5
    row = DDIM().plan(VP, [0.3, 0.5]).rows[0]
    a = 0.281182880797 / 0.629550000336
    assert_allclose([row.t, row.a, *row.w_eps], [0.3, a, 0.959654202068 - a * 0.776959971348])
    assert row.w_x0 == ()


def test_rows_keep_mean_and_variance():
    for schedule in SCHEDULES:
        plan = DDIM().plan(schedule, time_grid(schedule, 9, final="zero", reverse=True))
        alpha, sigma = schedule.alpha(plan.grid), schedule.sigma(plan.grid)
        for i, row in enumerate(plan.rows):
            assert_allclose(row.a * alpha[i], alpha[i + 1], rtol=1e-12)
            assert_allclose(row.a * sigma[i] + row.w_eps[0], sigma[i + 1], rtol=1e-12)


def test_the_data_themselves_are_seen_at_the_nearest_time_of_the_model():
    schedule = DiscreteVPSchedule()
    plan = DDIM().plan(schedule, [-1, 0, 500, 999])
    assert [row.t for row in plan.rows] == [0, 0, 500]
    assert plan.rows[0].a == schedule.alpha(0)
    assert plan.rows[0].w_eps == (schedule.sigma(0),)
    assert Plan.from_dict(plan.to_dict()) == plan
    # up to where no data is left
    empty = DiscreteVPSchedule(zero_terminal_snr=True)
    assert DDIM().plan(empty, [0, 500, 999]).rows[-1].a == 0


def test_a_reversed_grid_is_the_grid_reversed():
    for spacing in ("time", "karras", "beta"):
        grid = time_grid(VP, 7, spacing, final="zero")
        assert time_grid(VP, 7, spacing, final="zero", reverse=True).tolist() == grid[::-1].tolist()


REFUSED = [
    DDIM(eta=0.5),
    DDPM(),
    DPMSolver(1),
    DPMSolver(2),
    DEIS(0),
    UniPC(1),
    UniPC(solver=DDIM()),
    PNDM(),
    DualFast(DDIM()),
    DynamicCompensation(DDIM(), [1, 1, 1]),
]


@pytest.mark.parametrize(
    "solver", REFUSED, ids=[f"{type(s).__name__}{i}" for i, s in enumerate(REFUSED)]
)
def test_only_ddim_without_noise_goes_up(solver):
    with pytest.raises(ValueError, match=r"only DDIM\(eta=0\) runs up a grid"):
        solver.plan(VP, [0.1, 0.3, 0.6, 0.9])


BAD = [
    (lambda: DDIM().plan(VP, [0.1, 0.5, 0.3, 0.9]), "strictly descending"),
    (lambda: DDIM().plan(VP, [0.5, 0.5]), "strictly descending"),
    (lambda: DDIM().plan(VP, [0.1, 1.5]), "grid must lie in"),
    (lambda: DDIM().plan(VP, [-0.1, 0.5]), "grid must lie in"),
    (lambda: SolverSchedule.from_solver(DDIM(), VP, [0.1, 0.5]), "descending"),
    (lambda: SolverSchedule([0.1, 0.5], [1], ["x0"], [1], [0.0], [False]).plan(VP), "descending"),
    (lambda: Plan(VP, [0.0, 0.5], [DDIM().plan(VP, [0.1, 0.5]).rows[0]]), "begin at the grid's"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- with PyTorch ---------------------------------------------------------------------------------


@pytest.mark.parametrize("prediction", ["eps", "x0", "v", "score", "flow"])
@pytest.mark.parametrize("final", [None, "zero"])
def test_any_network_is_inverted(prediction, final):
    torch = pytest.importorskip("torch")
    from sampkit.diffusion import GaussianMixture, sample

    torch.set_num_threads(1)
    law = GaussianMixture([[-1.0, 0.0], [1.0, 0.5]], [0.05, 0.2])
    image = law.sample(16, torch.Generator().manual_seed(0)).to(torch.float64)
    before = image.clone()
    for schedule in (VP, DiscreteVPSchedule()):
        grid = time_grid(schedule, 150, "quadratic", final=final)
        noises = [
            sample(law.model(schedule, kind), image, DDIM(), grid[::-1])
            for kind in ("eps", prediction)
        ]
        assert_allclose(noises[0].numpy(), noises[1].numpy(), rtol=1e-7, atol=1e-7)
        back = sample(law.model(schedule, prediction), noises[1], DDIM(), grid)
        assert float((back - image).abs().max()) < 0.1
        assert 0.5 < float(noises[1].std()) < 1.5
    assert torch.equal(image, before)
