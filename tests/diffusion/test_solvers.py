"""Solvers: rows digit by digit, laws, orders of convergence, invariants; no tensor anywhere."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sampkit.diffusion import (
    DDIM,
    DDPM,
    DEIS,
    PNDM,
    DiscreteVPSchedule,
    DPMSolver,
    FlowSchedule,
    Plan,
    Row,
    UniPC,
    VESchedule,
    VPCosineSchedule,
    VPLinearSchedule,
    ddim_row,
    gaussian_law,
    gaussian_response,
    solver_from_dict,
    time_grid,
)

HISTORY = [0.9, 0.7, 0.5, 0.3]
FULL = {"lower_order_final": False}
A_X0, A_EPS = 0.809624935392, 2.23893431404

# --- one step, 12 digits (notes on the solvers, section 7.1) --------------------------------------

LAST_ROW = [
    (DPMSolver(1), A_X0, (0.401897328638,), 0.0),
    (DPMSolver(2, weights="exact", **FULL), A_X0, (0.593962964261, -0.192065635623), 0.0),
    (DPMSolver(2, **FULL), A_X0, (0.566523495249, -0.164626166611), 0.0),
    (UniPC(2, variant="bh1", **FULL), A_X0, (0.664206558411, -0.262309229773), 0.0),
    (
        DPMSolver(3, weights="exact", **FULL),
        A_X0,
        (0.727069086239, -0.428113997076, 0.102942239475),
        0.0,
    ),
    (
        DPMSolver(3, weights="legacy", **FULL),
        A_X0,
        (0.702396567304, -0.384360129252, 0.083860890586),
        0.0,
    ),
    (
        DPMSolver(2, eta=1.0, **FULL),
        0.292769882483,
        (0.771385042711, -0.224156921342),
        0.724382139995,
    ),
    (
        DPMSolver(2, weights="exact", eta=0.5, **FULL),
        0.486861168291,
        (0.743885257983, -0.251232283495),
        0.62078482228,
    ),
    (DPMSolver(1, "eps"), A_EPS, (-1.371642751275,), 0.0),
    (DPMSolver(2, "eps", weights="exact", **FULL), A_EPS, (-1.839849743275, 0.468206991999), 0.0),
    (DPMSolver(2, "eps", **FULL), A_EPS, (-1.933498409455, 0.56185565818), 0.0),
    (
        DPMSolver(3, "eps", **FULL),
        A_EPS,
        (-2.145531238237, 1.010297881133, -0.236409394171),
        0.0,
    ),
    (DEIS(1), A_EPS, (-1.932306257395, 0.56066350612), 0.0),
    (DEIS(2), A_EPS, (-2.381790003528, 1.459630998386, -0.449483746133), 0.0),
    (DEIS(1, "rhoab"), A_EPS, (-1.54953258404, 0.177889832765), 0.0),
    (DEIS(2, "rhoab"), A_EPS, (-1.581160346112, 0.215168358427, -0.005650763591), 0.0),
    (DEIS(2, "ipndm"), A_EPS, (-2.628981939944, 1.8288570017, -0.571517813031), 0.0),
    (DEIS(2, "logrho", **FULL), A_EPS, (-2.145531238237, 1.010297881133, -0.236409394171), 0.0),
]


@pytest.mark.parametrize(("solver", "a", "weights", "noise"), LAST_ROW)
def test_last_row(solver, a, weights, noise, vp):
    row = solver.plan(vp, HISTORY).rows[-1]
    found = row.w_x0 or row.w_eps
    assert (len(row.w_x0) > 0) == (a not in (A_EPS,))
    assert_allclose([row.a, *found, row.noise], [a, *weights, noise], atol=2e-11)


def test_correctors(vp):
    second = UniPC(2).plan(vp, HISTORY).rows[1].corrector
    expected = [0.963086671086, 0.10597439435, 0.104930537106, -0.010960886674]
    assert_allclose([second.a, *second.w_x0], expected, atol=2e-12)
    for variant, weights in (
        ("bh2", (0.033707118032, 0.033707118032)),
        ("bh1", (0.067710901917, -0.000296665852)),
    ):
        first = UniPC(2, variant=variant).plan(vp, HISTORY).rows[0].corrector
        assert_allclose([first.a, *first.w_x0], [0.996579927084, *weights], atol=2e-12)


def test_a_flow():
    row = DPMSolver(2, **FULL).plan(FlowSchedule(), [0.9, 0.6, 0.3]).rows[-1]
    assert_allclose([row.a, *row.w_x0], [0.5, 0.674795081317, -0.174795081317], atol=2e-12)


# --- normal data, exactly (section 7.2) -----------------------------------------------------------

FINAL = {"lower_order_final": True}
ENDS = [
    (DDIM(), 1.473362878, 1.5878282793),
    (DPMSolver(2, **FINAL), 1.6368999364, 1.7634854068),
    (DPMSolver(2, weights="exact", **FINAL), 1.6897000147, 1.8015297514),
    (DPMSolver(3, weights="exact", **FINAL), 1.7233843572, 1.8543609485),
    (DPMSolver(3, weights="legacy", **FINAL), 1.6709483688, 1.836884696),
    (DEIS(2, "logrho", **FINAL), 1.5857903079, 1.7350542187),
    (UniPC(2), 1.6579891107, 1.7745414735),
    (UniPC(3, variant="bh1"), 1.8666436589, 1.8319275891),
    (DEIS(3), 1.6009872462, 1.7090320121),
    (DEIS(3, "rhoab"), 1.5028993752, 1.6546695623),
    (DEIS(3, "ipndm"), 1.8148572279, 1.7769105565),
]


@pytest.mark.parametrize(("solver", "five", "ten"), ENDS)
def test_the_end_of_a_normal_path(solver, five, ten, vp):
    for n, expected in ((5, five), (10, ten)):
        plan = solver.plan(vp, time_grid(vp, n))
        response = gaussian_response(plan, 1.0, 0.25)
        assert_allclose(response.gain * 1.5 + response.offset, expected, atol=2e-9)


@pytest.mark.parametrize(
    ("solver", "spread"),
    [
        (DPMSolver(1, eta=1.0), 0.33387694),
        (DDPM(), 0.33387694),
        (DPMSolver(2, eta=1.0), 0.50512558),
        (DPMSolver(2, weights="exact", eta=1.0), 0.5889086),
        (DPMSolver(1, eta=0.5), 0.35841914),
        (DPMSolver(2, eta=0.5), 0.50984981),
        (DPMSolver(2, weights="exact", eta=0.5), 0.56299658),
    ],
)
def test_the_law_of_stochastic_solvers(solver, spread, vp):
    law = gaussian_law(solver.plan(vp, time_grid(vp, 10)), 1.0, 0.25)
    assert_allclose([law.mean, law.var**0.5], [0.99994503, spread], atol=2e-8)


def test_the_law_of_many_directions(vp):
    plan = DPMSolver(2, eta=1.0).plan(vp, time_grid(vp, 10))
    mean, variance = np.array([[1.0, 0.0], [2.0, -1.0]]), np.array([[0.25, 1.0], [0.0, 3.0]])
    law = gaussian_law(plan, mean, variance)
    assert law.mean.shape == law.var.shape == (2, 2)
    for place in np.ndindex(2, 2):
        single = gaussian_law(plan, mean[place], variance[place])
        assert_allclose([law.mean[place], law.var[place]], single, rtol=1e-13)
    with pytest.raises(ValueError, match="variance finite and >= 0"):
        gaussian_law(plan, 0.0, -1.0)


def test_the_law_is_what_samples_have(vp, run):
    # 4 standard errors of 40000 draws, of mean and variance: false alarm below 2e-4
    plan = UniPC(3, corrector_skip=(1,)).plan(vp, time_grid(vp, 6))
    plan = Plan(vp, plan.grid, tuple(replace(row, noise=0.1) for row in plan.rows))
    rng = np.random.default_rng(0)
    n, (mean, variance) = 40_000, (1.0, 0.25)
    alpha, sigma = vp.alpha(1.0), vp.sigma(1.0)
    start = alpha * mean + np.sqrt(alpha**2 * variance + sigma**2) * rng.normal(size=n)

    def model(x, t):
        alpha, sigma = vp.alpha(t), vp.sigma(t)
        return mean + alpha * variance / (alpha**2 * variance + sigma**2) * (x - alpha * mean)

    ends = run(plan, start, model, rng.normal(size=(plan.n_evals, n)))
    law = gaussian_law(plan, mean, variance)
    assert abs(ends.mean() - law.mean) < 4 * np.sqrt(law.var / n)
    assert abs(ends.var() - law.var) < 4 * law.var * np.sqrt(2 / n)


# --- orders of convergence (section 7.4) ----------------------------------------------------------

ORDERS = [
    (DDIM(), "logsnr", 1.0),
    (DPMSolver(2), "logsnr", 2.0),
    (DPMSolver(2, weights="exact"), "logsnr", 2.0),
    (DPMSolver(3, weights="exact"), "logsnr", 3.0),
    (DPMSolver(3, weights="legacy"), "logsnr", 2.0),
    (DPMSolver(4, weights="exact"), "logsnr", 3.9),
    (DPMSolver(4, "eps", weights="exact"), "logsnr", 3.55),
    (DPMSolver(2, method="singlestep"), "logsnr", 2.0),
    (DPMSolver(3, method="singlestep"), "logsnr", 3.0),
    (DPMSolver(3, "eps", method="singlestep", weights="exact", inner="lam"), "logsnr", 3.0),
    (UniPC(2, **FULL), "logsnr", 3.0),
    (UniPC(3, **FULL), "logsnr", 3.9),
    (DEIS(0), "quadratic", 1.0),
    (DEIS(1), "quadratic", 1.95),
    (DEIS(2), "quadratic", 2.9),
    (DEIS(3), "quadratic", 3.65),
    (DEIS(1, "rhoab"), "karras", 1.95),
    (DEIS(2, "rhoab"), "karras", 2.9),
    (DEIS(3, "rhoab"), "karras", 3.9),
    (DEIS(kind="rhork", rk="heun2"), "karras", 2.0),
    (DEIS(kind="rhork", rk="kutta3"), "karras", 3.0),
    (DEIS(kind="rhork", rk="ral3"), "karras", 3.0),
    (DEIS(kind="rhork", rk="heun3"), "karras", 3.0),
    (DEIS(kind="rhork", rk="vdh3"), "karras", 3.0),
    (DEIS(kind="rhork", rk="ssprk3"), "karras", 3.0),
    (DEIS(kind="rhork", rk="rk4"), "karras", 4.0),
]


@pytest.fixture(scope="module")
def truth(vp, ring, run):
    start = ring.draw(24, 1.0)
    fine = DPMSolver(5, weights="exact").plan(vp, time_grid(vp, 3000, t_end=0.01))
    return start, run(fine, start, ring)


@pytest.mark.parametrize(("solver", "spacing", "order"), ORDERS)
def test_order(solver, spacing, order, vp, ring, truth, run):
    start, exact = truth
    steps = (
        80,
        161,
    )  # 3k + 2: singlestep runs end in a step of order 2, which costs none of theirs
    errors = []
    for n in steps:
        plan = solver.plan(vp, time_grid(vp, n, spacing, t_end=0.01))
        errors.append(np.sqrt(np.mean(np.square(run(plan, start, ring) - exact))))
    assert np.log(errors[0] / errors[1]) / np.log(161 / 80) == pytest.approx(order, abs=0.2)


# --- few calls on the ring (section 7.3) ----------------------------------------------------------

FEW = {
    ("logsnr", 10): (0.174, 0.052, 0.097, 0.097, 0.103, 0.050, 0.063, 0.012, 0.025, 0.094, 0.031),
    ("logsnr", 20): (0.088, 0.015, 0.024, 0.004, 0.003, 0.006, 0.002, 0.003, 0.004, 0.018, 0.007),
    ("quadratic", 5): (0.216, 0.059, 0.039, 0.043, 0.038, 0.036, 0.037, 0.096, 0.063, 0.142, 0.035),
    ("quadratic", 10): (
        (0.109, 0.036, 0.056, 0.051, 0.057, 0.039, 0.043, 0.018, 0.009, 0.033, 0.010)
    ),
    ("time", 5): (0.354, 0.324, 0.319, 0.321, 0.316, 0.314, 0.313, 0.330, 0.105, 0.221, 0.106),
}
COMPARED = (
    DDIM(),
    DPMSolver(2),
    DPMSolver(2, weights="exact"),
    DPMSolver(3, weights="legacy"),
    DPMSolver(3, weights="exact"),
    UniPC(2),
    UniPC(3),
    DEIS(2, "logrho"),
    DEIS(3),
    DEIS(3, "rhoab"),
    DEIS(3, "ipndm"),
)


@pytest.mark.parametrize(("spacing", "n"), FEW)
def test_errors_of_few_calls(spacing, n, vp, ring, run):
    # printed to 3 digits, for 512 points that are not printed: other 512 points differ by 6 %
    start = ring.draw(512, 1.0)
    exact = run(DPMSolver(3, weights="exact").plan(vp, time_grid(vp, 1000)), start, ring)
    for solver, printed in zip(COMPARED, FEW[spacing, n], strict=True):
        found = run(solver.plan(vp, time_grid(vp, n, spacing)), start, ring) - exact
        error = np.sqrt(np.square(found).sum(axis=1).mean())
        assert_allclose(error, printed, rtol=0.06, atol=6e-4, err_msg=str(solver))


# --- what every row has to keep (diffusion core, section 6) ---------------------------------------

SOLVERS = st.one_of(
    st.builds(DDIM, st.sampled_from([0.0, 0.3, 1.0])),
    st.builds(
        DPMSolver,
        st.integers(1, 3),
        st.just("x0"),
        st.just("multistep"),
        st.sampled_from(["midpoint", "exact", "legacy"]),
        st.sampled_from([0.0, 0.5, 1.0]),
        st.sampled_from(["auto", True, False]),
    ),
    st.builds(
        DPMSolver,
        st.integers(1, 3),
        st.sampled_from(["x0", "eps"]),
        st.just("singlestep"),
        st.sampled_from(["midpoint", "exact"]),
        inner=st.sampled_from(["time", "lam", "grid"]),
    ),
    st.builds(DPMSolver, st.integers(1, 3), st.just("eps")),
    st.builds(
        DEIS,
        st.integers(0, 3),
        st.sampled_from(["tab", "rhoab", "logrho", "ipndm", "rhork"]),
        st.sampled_from(["euler", "heun2", "kutta3", "rk4", "ral3", "heun3", "vdh3", "ssprk3"]),
    ),
    st.builds(
        UniPC,
        st.integers(1, 4),
        st.sampled_from(["x0", "eps"]),
        st.sampled_from(["bh1", "bh2"]),
        corrector_skip=st.sampled_from([(), (0,), (1, 2)]),
    ),
    st.builds(PNDM, st.sampled_from(["rk", "plms"]), st.sampled_from([4, 2])),
)
SCHEDULES = st.sampled_from(
    [
        VPLinearSchedule(),
        VPCosineSchedule(),
        DiscreteVPSchedule(),
        VESchedule(0.01, 20.0),
        FlowSchedule(),
        DiscreteVPSchedule(zero_terminal_snr=True),
    ]
)


def defects(plan):
    """How far rows and correctors are from keeping mean and variance, relative to their numbers."""
    s, times = plan.schedule, plan.times
    for i, row in enumerate(plan.rows):
        for update, noise, anchor in (
            (row.update, row.noise, i if row.anchor is None else row.anchor),
            (row.corrector, row.noise, i),
        ):
            if update is None:
                continue
            size = 1 + np.abs(update.w_x0).sum() + np.abs(update.w_eps).sum()
            mean = update.a * s.alpha(times[anchor]) + sum(update.w_x0)
            spread = update.a * s.sigma(times[anchor]) + sum(update.w_eps)
            yield abs(mean - s.alpha(times[i + 1])) / size
            yield abs(spread**2 + noise**2 - s.sigma(times[i + 1]) ** 2) / size**2


@settings(max_examples=300)
@given(SOLVERS, SCHEDULES, st.integers(3, 24), st.booleans(), st.randoms(use_true_random=False))
def test_rows_keep_mean_and_variance(solver, schedule, n, clean, random):
    gaps = np.cumsum([random.uniform(0.2, 1.0) for _ in range(n)])
    inner = schedule.t_max - (schedule.t_max - schedule.t_min) * gaps[:-1] / gaps[-1]
    grid = [schedule.t_max, *inner, schedule.zero_node if clean else schedule.t_min]
    in_lam = getattr(solver, "kind", "logrho") == "logrho" and not isinstance(solver, (DDIM, PNDM))
    if clean and in_lam and getattr(solver, "prediction", "eps") == "eps":
        with pytest.raises(ValueError, match="ends without noise"):
            solver.plan(schedule, grid)
        return
    plan = solver.plan(schedule, grid)
    assert max(defects(plan)) <= 1e-12
    assert json.dumps(plan.to_dict())
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    assert solver_from_dict(json.loads(json.dumps(solver.to_dict()))) == solver
    if not (clean or np.isneginf(schedule.lam(schedule.t_max))):
        assert plan.n_evals == solver.n_evals(n)


@settings(max_examples=60)
@given(solver=SOLVERS, n=st.integers(3, 12))
def test_constant_predictions_are_solved_exactly(run, solver, n):
    vp = VPLinearSchedule()
    plan = solver.plan(vp, time_grid(vp, n))
    if any(row.noise for row in plan.rows):
        return
    x, x0, eps = 0.7, -0.4, 1.3
    uses_x0, uses_eps = (any(getattr(r, w) for r in plan.rows) for w in ("w_x0", "w_eps"))
    if not uses_eps:  # delta data
        start = vp.alpha(1.0) * x0 + vp.sigma(1.0) * x
        end = vp.alpha(1e-3) * x0 + vp.sigma(1e-3) * x
        assert_allclose(run(plan, start, lambda x, t: x0), end, rtol=1e-9)
    if not uses_x0:  # a constant noise prediction
        start = vp.alpha(1.0) * x + vp.sigma(1.0) * eps
        end = vp.alpha(1e-3) * x + vp.sigma(1e-3) * eps
        found = run(plan, start, lambda x, t: (x - vp.sigma(t) * eps) / vp.alpha(t))
        assert_allclose(found, end, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("solver", [DPMSolver(2), DPMSolver(3, "eps"), UniPC(3), DEIS(2, "rhoab")])
def test_reparametrised_time_changes_nothing(solver, run, ring_on):
    # the same model in variance-exploding time: x / alpha, sigma / alpha
    vp, ve = VPLinearSchedule(), VESchedule()
    grid = time_grid(vp, 9)
    ring = ring_on(vp)
    start = ring.draw(16, 1.0)
    ends = run(solver.plan(vp, grid), start, ring)
    moved = run(
        solver.plan(VESchedule(1e-4, 200.0), ve.t_from_lam(vp.lam(grid))),
        start / vp.alpha(1.0),
        ring_on(ve),
    )
    assert_allclose(moved * vp.alpha(grid[-1]), ends, rtol=1e-9, atol=1e-9)


# --- the families' own rules ----------------------------------------------------------------------


def test_first_orders_are_one(vp):
    grid = time_grid(vp, 7, "time")
    ddim = DDIM().plan(vp, grid)
    for other in (DPMSolver(1), DPMSolver(1, method="singlestep"), UniPC(1, corrector=False)):
        for mine, theirs in zip(ddim.rows, other.plan(vp, grid).rows, strict=True):
            assert_allclose([mine.a, *mine.w_x0], [theirs.a, *theirs.w_x0], rtol=1e-12)
    ancestral, stochastic = DDPM().plan(vp, grid).rows, DPMSolver(1, eta=1).plan(vp, grid).rows
    for mine, theirs in zip(ancestral, stochastic, strict=True):
        assert_allclose([mine.a, mine.noise], [theirs.a, theirs.noise], rtol=1e-10)
    assert ddim.rows[2] == ddim_row(vp, grid[2], grid[3])


def test_large_variance(vp):
    grid = time_grid(vp, 5, "time")
    small, large = (DDPM(v).plan(vp, grid).rows for v in ("small", "large"))
    assert all(b.noise > s.noise for s, b in zip(small, large, strict=True))
    assert [row.w_x0 for row in small] == [row.w_x0 for row in large]
    assert DDPM("large").plan(vp, time_grid(vp, 5, "time", final="zero")).rows[-1].noise == 0.0


@pytest.mark.parametrize(
    ("order", "inner", "n", "lengths"),
    [
        (3, "time", 9, [3, 3, 2, 1]),
        (3, "time", 10, [3, 3, 3, 1]),
        (3, "time", 8, [3, 3, 2]),
        (3, "time", 3, [2, 1]),
        (2, "time", 6, [2, 2, 2]),
        (2, "grid", 6, [2, 2, 1, 1]),
        (2, "grid", 7, [2, 2, 2, 1]),
        (1, "lam", 4, [1, 1, 1, 1]),
    ],
)
def test_lengths_of_singlestep_steps(order, inner, n, lengths, vp):
    plan = DPMSolver(order, method="singlestep", inner=inner).plan(vp, time_grid(vp, n))
    anchors = [row.anchor for row in plan.rows]
    starts = [i for i, anchor in enumerate(anchors) if anchor is None]
    assert np.diff([*starts, n]).tolist() == lengths
    assert plan.n_evals == n


def test_a_clean_end_takes_a_last_first_order_step(vp):
    grid = time_grid(vp, 6, final="zero")
    last = DPMSolver(3).plan(vp, grid).rows[-1]
    assert (last.a, last.w_x0, last.noise) == (0.0, (1.0,), 0.0)
    split = DPMSolver(2, method="singlestep").plan(vp, grid)
    assert [row.anchor for row in split.rows] == [None, 0, None, 2, None, None]
    assert DEIS(kind="rhork", rk="rk4").plan(vp, grid).n_evals == 4 * 5 + 1


def test_no_data_at_the_start():
    schedule = DiscreteVPSchedule(zero_terminal_snr=True)
    grid = time_grid(schedule, 6, "trailing")
    for solver in (DPMSolver(3), DPMSolver(3, "eps"), UniPC(3), DEIS(3), PNDM(), DDIM()):
        rows = solver.plan(schedule, grid).rows
        assert_allclose(rows[0].a, schedule.sigma(grid[1]), rtol=1e-12)
        assert_allclose(rows[0].w_x0, [schedule.alpha(grid[1])], rtol=1e-12)
        assert rows[0].corrector is None
        assert rows[1].depth <= (1 if rows[1].anchor is None else 2)


def test_pndm_calls(vp):
    grid = time_grid(vp, 8, "time")
    rk, plms = (PNDM(warmup).plan(vp, grid) for warmup in ("rk", "plms"))
    assert (rk.n_evals, plms.n_evals) == (17, 9)
    assert PNDM(order=2).plan(vp, grid).n_evals == 9
    # the fourth step looks back on the first call of each of the three steps before
    assert [age for age, w in enumerate(rk.rows[12].w_eps) if w] == [0, 4, 8, 12]
    assert [age for age, w in enumerate(plms.rows[2].w_eps) if w] == [0, 2]
    discrete = DiscreteVPSchedule()
    times = [row.t for row in PNDM().plan(discrete, time_grid(discrete, 10, "leading")).rows[:4]]
    assert times == [900.0, 855.0, 855.0, 810.0]


def test_unic_after_another_solver(vp):
    grid = time_grid(vp, 6)
    plan = UniPC(solver=DEIS(1), prediction="eps").plan(vp, grid)
    assert [row.update for row in plan.rows] == [r.update for r in DEIS(1).plan(vp, grid).rows]
    assert [row.corrector is not None for row in plan.rows] == [True] * 5 + [False]
    with pytest.raises(ValueError, match="solver must take one call a step"):
        UniPC(solver=PNDM()).plan(vp, grid)


def test_doubled_noise_prediction(vp):
    grid = time_grid(vp, 6)
    plain = DPMSolver(2, "eps").plan(vp, grid).rows
    doubled = DPMSolver(2, "eps", sde_eps=True).plan(vp, grid).rows
    for one, two in zip(plain, doubled, strict=True):
        assert_allclose(two.w_eps, 2 * np.array(one.w_eps), rtol=1e-14)
        assert two.noise > 0


# --- plans as data --------------------------------------------------------------------------------

BAD_PLANS = [
    ([], "at least one row"),
    ([Row(0.5, 1.0)], "begin at the grid's start"),
    ([Row(1.0, 1.0, anchor=1)], r"rows\[0\].anchor must be in \[0, 0\], got 1"),
    ([Row(1.0, 1.0, w_x0=(0.1, 0.2))], r"rows\[0\] weighs more outputs"),
    ([Row(1.0, 1.0, mix=(0.5,))], r"rows\[0\].mix must sum to 1, got 0.5"),
    ([Row(1.0, 1.0, corrector=Row(1.0, 1.0).update)], "no call after it"),
]


@pytest.mark.parametrize(("rows", "message"), BAD_PLANS)
def test_bad_plans(rows, message, vp):
    with pytest.raises(ValueError, match=message):
        Plan(vp, [1.0, 0.5], rows)


def test_bad_rows():
    with pytest.raises(ValueError, match="must be finite"):
        Row(1.0, np.nan)
    with pytest.raises(ValueError, match="noise >= 0"):
        Row(1.0, 1.0, noise=-0.1)
    with pytest.raises(ValueError, match="must have schedule, grid and rows"):
        Plan.from_dict({"rows": []})


def test_a_plan_cannot_be_changed(vp):
    plan = DDIM().plan(vp, [1.0, 0.5])
    with pytest.raises(ValueError, match="read-only"):
        plan.grid[0] = 2.0
    assert plan != DDIM().plan(vp, [1.0, 0.4])
    assert plan == DDIM().plan(vp, np.array([1.0, 0.5]))


BAD = [
    (DDIM, {"eta": -0.1}, "eta must be a finite number >= 0, got -0.1"),
    (DDPM, {"variance": "big"}, "variance must be one of 'small', 'large', got 'big'"),
    (DPMSolver, {"order": 4}, r"order must be an int in \[1, 3\], got 4"),
    (DPMSolver, {"order": 6, "weights": "exact"}, r"order must be an int in \[1, 5\], got 6"),
    (DPMSolver, {"order": True}, "got True"),
    (DPMSolver, {"prediction": "v"}, "prediction must be one of 'x0', 'eps', got 'v'"),
    (DPMSolver, {"method": "onestep"}, "method must be one of"),
    (DPMSolver, {"weights": "heun"}, "weights must be one of"),
    (DPMSolver, {"inner": "rho"}, "inner must be one of"),
    (DPMSolver, {"lower_order_final": "yes"}, "lower_order_final must be one of"),
    (DPMSolver, {"eta": 1.0, "prediction": "eps"}, "eta must be 0 with prediction='eps'"),
    (DPMSolver, {"sde_eps": True}, "sde_eps must be False with prediction='x0'"),
    (DPMSolver, {"weights": "legacy", "method": "singlestep"}, "is for method='multistep'"),
    (DEIS, {"degree": 4}, r"degree must be an int in \[0, 3\], got 4"),
    (DEIS, {"kind": "ab"}, "kind must be one of"),
    (DEIS, {"rk": "rk5"}, "rk must be one of"),
    (UniPC, {"order": 0}, r"order must be an int in \[1, 4\], got 0"),
    (UniPC, {"variant": "bh3"}, "variant must be one of 'bh1', 'bh2', got 'bh3'"),
    (UniPC, {"solver": "ddim"}, "solver must be a solver or None, got 'ddim'"),
    (PNDM, {"warmup": "ab"}, "warmup must be one of"),
    (PNDM, {"order": 3}, "order must be one of 4, 2, got 3"),
]


@pytest.mark.parametrize(("kind", "parameters", "message"), BAD)
def test_bad_input(kind, parameters, message):
    with pytest.raises(ValueError, match=message):
        kind(**parameters)


def test_bad_calls(vp):
    with pytest.raises(ValueError, match="order must be at most the 2 steps"):
        DPMSolver(3, method="singlestep").plan(vp, [1.0, 0.5, 0.1])
    with pytest.raises(ValueError, match=r"name must be one of .*got 'Euler'"):
        solver_from_dict({"name": "Euler"})
    for solver in (DPMSolver(2, "eps"), UniPC(2, "eps"), DEIS(2, "logrho")):
        with pytest.raises(ValueError, match="ends without noise"):
            solver.plan(vp, [1.0, 0.5, 0.0])


def test_numbers_of_numpy_are_numbers():
    for mine, plain in (
        (DPMSolver(np.int64(2)), DPMSolver(2)),
        (DDIM(np.float32(0.5)), DDIM(0.5)),
        (DDIM(np.int64(1)), DDIM(1)),
    ):
        assert mine == plain
        assert json.loads(json.dumps(mine.to_dict())) == plain.to_dict()
