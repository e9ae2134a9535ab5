"""Transforms of plans: identities, known answers, invariants."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sampkit.diffusion import (
    DDIM,
    DEIS,
    PNDM,
    DPMSolver,
    DualFast,
    DynamicCompensation,
    Plan,
    SolverSchedule,
    UniPC,
    VPLinearSchedule,
    solver_from_dict,
    time_grid,
)

VP = VPLinearSchedule()
BASES = [DDIM(), DPMSolver(2), DPMSolver(3, "eps"), DEIS(2), UniPC(2), UniPC(3, "eps")]


@pytest.mark.parametrize("solver", BASES)
def test_nothing_asked_is_nothing_changed(solver):
    grid = time_grid(VP, 6)
    base = solver.plan(VP, grid)
    assert DynamicCompensation(solver, [1] * 6).plan(VP, grid) == base
    assert DualFast(solver, c=0).plan(VP, grid) == base


def test_lagrange_numbers():  # notes on the accelerators, section 2
    grid = [0.9, 0.7, 0.5, 0.3]
    for ratio, mix in ((1.2, (1.32, -0.44, 0.12)), (0.8, (0.72, 0.36, -0.08))):
        rows = DynamicCompensation(UniPC(2), [1, 1, ratio]).plan(VP, grid).rows
        assert [row.mix for row in rows[:2]] == [None, None]
        assert_allclose(rows[2].mix, mix, atol=1e-14)


def numbers(plan):
    for i, row in enumerate(plan.rows):
        yield i, row.update
        if row.corrector is not None:
            yield i, row.corrector


@pytest.mark.parametrize("where", ["first_order", "all"])
@pytest.mark.parametrize("source", ["first", "previous"])
@pytest.mark.parametrize("solver", BASES)
def test_extrapolation_keeps_mean_and_variance(solver, source, where):
    plan = DualFast(solver, 0.3, source=source, where=where).plan(VP, time_grid(VP, 7))
    times = plan.times
    for i, update in numbers(plan):
        mean = update.a * VP.alpha(times[i]) + sum(update.w_x0)
        spread = update.a * VP.sigma(times[i]) + sum(update.w_eps)
        assert_allclose(mean, VP.alpha(times[i + 1]), rtol=1e-11)
        assert_allclose(spread, VP.sigma(times[i + 1]), rtol=1e-10)


def test_extrapolation_is_what_the_publication_says():
    # DDIM in noise prediction: eps -> (1 + c_i) eps_i - c_i eps_0 with c_i = c i / (n - 1)
    grid = time_grid(VP, 5)
    base, fast = (s.plan(VP, grid).rows for s in (DDIM(), DualFast(DDIM(), 0.2)))
    for i in range(1, 5):
        c = 0.2 * i / 4
        ratio = VP.sigma(grid[i]) / VP.alpha(grid[i])
        size = -base[i].w_x0[0] * ratio * c
        assert_allclose(fast[i].w_eps[0], size, rtol=1e-12)
        assert_allclose(fast[i].w_eps[i], -size, rtol=1e-12)
    constant = DualFast(DDIM(), 0.2, schedule="constant").plan(VP, grid).rows
    mine = DualFast(DDIM(), 0.2, schedule=lambda i, n: 1.0).plan(VP, grid).rows
    assert constant == mine


def test_a_run_by_hand(run, ring):
    grid, state, first = time_grid(VP, 6), ring.draw(8, 1.0), None
    found = run(DualFast(DDIM(), 0.2).plan(VP, grid), state, ring)
    for i in range(6):
        alpha, sigma = VP.alpha(grid[i]), VP.sigma(grid[i])
        eps = (state - alpha * ring(state, grid[i])) / sigma
        first = eps if first is None else first
        c = 0.2 * i / 5
        better = (1 + c) * eps - c * first
        x0 = (state - sigma * better) / alpha
        state = VP.alpha(grid[i + 1]) * x0 + VP.sigma(grid[i + 1]) * better
    assert_allclose(found, state, rtol=1e-8, atol=1e-9)


def test_they_compose(run, ring):
    grid = time_grid(VP, 6)
    both = DynamicCompensation(DualFast(UniPC(2)), [1, 1, 0.9, 1.1, 1, 1.2])
    plan = both.plan(VP, grid)
    assert np.isfinite(run(plan, ring.draw(4, 1.0), ring)).all()
    assert solver_from_dict(json.loads(json.dumps(both.to_dict()))) == both
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


# --- solver schedules -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "solver",
    [
        DDIM(),
        DPMSolver(1, "eps"),
        DPMSolver(2),
        DPMSolver(2, "eps"),
        DPMSolver(2, weights="exact"),
        DPMSolver(3, weights="exact"),
        DPMSolver(3),
        UniPC(2, corrector=False, variant="bh1"),
        UniPC(3, corrector_skip=(0,)),
    ],
)
@pytest.mark.parametrize("final", [None, "zero"])
def test_fixed_solvers_as_schedules(solver, final):
    in_noise = getattr(solver, "prediction", "x0") == "eps"  # and cannot end without any
    grid = time_grid(VP, 8, final=None if in_noise else final)
    found = SolverSchedule.from_solver(solver, VP, grid)
    for mine, theirs in zip(found.plan(VP).rows, solver.plan(VP, grid).rows, strict=True):
        assert_allclose(
            [mine.a, *mine.w_x0, *mine.w_eps], [theirs.a, *theirs.w_x0, *theirs.w_eps], rtol=1e-11
        )


@st.composite
def schedules(draw):
    n = draw(st.integers(2, 9))

    def each(strategy):
        return draw(st.lists(strategy, min_size=n, max_size=n))

    return SolverSchedule(
        time_grid(VP, n, draw(st.sampled_from(["time", "logsnr", "quadratic"]))),
        each(st.integers(1, 4)),
        each(st.sampled_from(["x0", "eps"])),
        each(st.integers(1, 3)),
        each(st.floats(-0.2, 0.2)),
        each(st.booleans()),
    )


@settings(max_examples=100)
@given(schedules())
def test_every_schedule_keeps_mean_and_variance(schedule):
    plan = schedule.plan(VP)
    times = plan.times
    for i, update in numbers(plan):
        size = 1 + np.abs(update.w_x0).sum() + np.abs(update.w_eps).sum()
        mean = update.a * VP.alpha(times[i]) + sum(update.w_x0)
        spread = update.a * VP.sigma(times[i]) + sum(update.w_eps)
        assert abs(mean - VP.alpha(times[i + 1])) <= 1e-12 * size
        assert abs(spread - VP.sigma(times[i + 1])) <= 1e-12 * size
    assert solver_from_dict(json.loads(json.dumps(schedule.to_dict()))) == schedule


def test_all_points_and_no_relaxation_are_exact_weights():
    grid = time_grid(VP, 6)
    n = 6
    mine = SolverSchedule(grid, [3] * n, ["x0"] * n, [2] * n, [0.0] * n, [False] * n).plan(VP)
    theirs = DPMSolver(3, weights="exact", lower_order_final=False).plan(VP, grid)
    for a, b in zip(mine.rows, theirs.rows, strict=True):
        assert_allclose(a.w_x0, b.w_x0, rtol=1e-12)


def test_files(tmp_path):
    schedule = SolverSchedule.from_solver(DPMSolver(2), VP, time_grid(VP, 5))
    schedule.to_json(tmp_path / "best.json")
    assert SolverSchedule.from_json(tmp_path / "best.json") == schedule
    (tmp_path / "other.json").write_text(json.dumps(DDIM().to_dict()))
    with pytest.raises(ValueError, match="holds no SolverSchedule"):
        SolverSchedule.from_json(tmp_path / "other.json")


GRID = time_grid(VP, 4)
GOOD = {
    "grid": GRID,
    "orders": [1] * 4,
    "predictions": ["x0"] * 4,
    "first_derivative_points": [1] * 4,
    "relaxations": [0.0] * 4,
    "correctors": [True] * 4,
}
BAD = [
    (lambda: DynamicCompensation("unipc", [1, 1]), "solver must have a method plan"),
    (lambda: DynamicCompensation(DDIM(), [1, 0.9, 1]), "first 2 ratios must be 1"),
    (lambda: DynamicCompensation(DDIM(), [1, 1, np.nan]), "ratios must be finite"),
    (lambda: DynamicCompensation(DDIM(), [1], order=0), r"order must be an int in \[1, 4\]"),
    (
        lambda: DynamicCompensation(DDIM(), [1, 1, 1]).plan(VP, GRID),
        "one number for each of the 4 calls, got 3",
    ),
    (
        lambda: DynamicCompensation(PNDM(), [1] * 13).plan(VP, GRID),
        "solver of DynamicCompensation must call once a step",
    ),
    (
        lambda: DynamicCompensation(DynamicCompensation(DDIM(), [1, 1, 2, 1]), [1, 1, 2, 1]).plan(
            VP, GRID
        ),
        "mixes outputs already",
    ),
    (lambda: DualFast(DDIM(), c=-0.1), "c must be a finite number >= 0, got -0.1"),
    (lambda: DualFast(DDIM(), schedule="cosine"), "schedule must be one of"),
    (lambda: DualFast(DDIM(), source="last"), "source must be one of"),
    (lambda: DualFast(DDIM(), where="none"), "where must be one of"),
    (
        lambda: DualFast(DPMSolver(2, method="singlestep")).plan(VP, GRID),
        "solver of DualFast must call once a step",
    ),
    (lambda: SolverSchedule(**{**GOOD, "orders": [1]}), "one entry for each of the 4 steps, got 1"),
    (lambda: SolverSchedule(**{**GOOD, "orders": [0, 1, 1, 1]}), "orders must be >= 1, got 0"),
    (
        lambda: SolverSchedule(**{**GOOD, "orders": [1, 2.7, 1, 1]}),
        "must hold ints, got 2.7",
    ),
    (lambda: SolverSchedule(**{**GOOD, "orders": 2}), "orders must be a sequence, .* got 2"),
    (lambda: SolverSchedule(**{**GOOD, "grid": "0.9"}), "grid must be a sequence, .* got '0.9'"),
    (
        lambda: SolverSchedule(**{**GOOD, "correctors": ["no"] * 4}),
        "correctors must hold bools, got 'no'",
    ),
    (
        lambda: SolverSchedule(**{**GOOD, "relaxations": [None] * 4}),
        "relaxations must hold numbers, got None",
    ),
    (lambda: SolverSchedule(**{**GOOD, "predictions": ["v"] * 4}), "must be 'x0' or 'eps'"),
    (lambda: SolverSchedule(**{**GOOD, "first_derivative_points": [0] * 4}), "must be >= 1"),
    (lambda: SolverSchedule(**{**GOOD, "relaxations": [np.inf] * 4}), "must be finite"),
    (lambda: SolverSchedule(**GOOD).plan(VP, [1.0, 0.5]), "grid must be None or the solver"),
    (lambda: SolverSchedule.from_solver(DDIM(1.0), VP, GRID), "deterministic and multistep"),
    (lambda: SolverSchedule.from_solver(DEIS(2), VP, GRID), "deterministic and multistep"),
    (lambda: SolverSchedule.from_solver(UniPC(2), VP, GRID), "cannot hold the rows"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
