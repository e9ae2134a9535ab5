"""The evolution of solver schedules: whatever it makes is valid; PyTorch is not needed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sampkit.diffusion import (
    DiscreteVPSchedule,
    DPMSolver,
    FlowSchedule,
    SolverSchedule,
    UniPC,
    VESchedule,
    VPLinearSchedule,
    gaussian_law,
    time_grid,
)
from sampkit.diffusion.grids import check_grid
from sampkit.diffusion.search._evolution import (
    Rates,
    children,
    crossed,
    fixed_solvers,
    mutated,
    random_schedules,
)
from sampkit.diffusion.search._population import Population, Terms, joined

VP = VPLinearSchedule()
STARTS = {
    "vp": (VP, lambda n: time_grid(VP, n)),
    "vp, clean end": (VP, lambda n: time_grid(VP, n, "time", final="zero")),
    "discrete": (DiscreteVPSchedule(), lambda n: time_grid(DiscreteVPSchedule(), n, "linspace")),
    "discrete, clean end": (
        DiscreteVPSchedule(),
        lambda n: time_grid(DiscreteVPSchedule(), n, "linspace", final="zero"),
    ),
    "ve": (VESchedule(), lambda n: time_grid(VESchedule(), n, "karras")),
    "flow from pure noise": (FlowSchedule(), lambda n: np.linspace(1, 0, n + 1)),
}


def fields(population):
    names = ("grids", "orders", "points", "noise", "relaxations", "correctors")
    return {name: getattr(population, name) for name in names}


def check(population, terms, schedule):
    """Every row is a schedule that plans, whose numbers say only what has an effect."""
    held = terms.histories
    assert (population.orders >= 1).all()
    assert (population.orders <= np.minimum(held, terms.max_order)).all()
    assert ((population.points >= 1) & (population.points <= np.maximum(held - 1, 1))).all()
    assert (population.relaxations[population.orders == 1] == 0).all()
    assert not population.correctors[:, -1].any()
    assert (population.grids[:, [0, -1]] == terms.grid[[0, -1]]).all()
    again = population.settled(terms)
    for name, values in fields(population).items():
        assert_allclose(getattr(again, name), values, rtol=1e-12, atol=1e-15)
    for one in population.schedules(terms.first_output):
        check_grid(schedule, one.grid)
        plan = one.plan(schedule)
        times = plan.times
        for i, row in enumerate(plan.rows):  # the mean is kept: a alpha + sum w = alpha'
            size = 1 + np.abs(row.w_x0).sum() + np.abs(row.w_eps).sum()
            mean = row.a * schedule.alpha(times[i]) + sum(row.w_x0)
            assert abs(mean - schedule.alpha(times[i + 1])) <= 1e-9 * size


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(STARTS)),
    st.integers(1, 7),
    st.integers(1, 5),
    st.booleans(),
    st.floats(0, 1),
    st.integers(0, 2**32),
)
def test_everything_made_is_valid(start, n, max_order, search_grid, share, seed):
    schedule, grid_of = STARTS[start]
    terms = Terms.on(schedule, grid_of(n), max_order=max_order, search_grid=search_grid)
    rng = np.random.default_rng(seed)
    fixed, random = fixed_solvers(terms), random_schedules(terms, 8, rng)
    made, two = children(joined([fixed, random]), 16, Rates.at(share), terms, rng)
    wild = mutated(made, Rates(1.0, 3.0, 0.5), terms, rng)  # far beyond any rate that is used
    for population in (fixed, random, made, wild):
        check(population, terms, schedule)
    assert len(made) == len(two) == 16
    if not search_grid:
        assert (joined([random, made, wild]).grids == terms.grid).all()


def test_schedules_there_and_back():
    terms = Terms.on(VP, time_grid(VP, 5), first_output="zero")
    random = random_schedules(terms, 6, np.random.default_rng(0))
    made = random.schedules("zero")
    assert all(isinstance(each, SolverSchedule) and each.first_output == "zero" for each in made)
    for name, values in fields(Population.of(made)).items():
        assert np.array_equal(values, getattr(random, name))
    assert np.array_equal(random[2:4].orders, random.orders[2:4])


def test_settling_changes_no_sample():
    grid = time_grid(VP, 6)
    terms = Terms.on(VP, grid)
    rng = np.random.default_rng(3)
    shape = (40, 6)
    raw = Population(
        np.broadcast_to(grid, (40, 7)).copy(), rng.integers(1, 4, shape), rng.integers(1, 3, shape),
        rng.random(shape) < 0.5, 0.1 * rng.normal(size=shape), rng.random(shape) < 0.5,
    )  # fmt: skip
    for before, after in zip(raw.schedules(), raw.settled(terms).schedules(), strict=True):
        laws = [gaussian_law(each.plan(VP), 0.7, 0.3) for each in (before, after)]
        assert_allclose(laws[0], laws[1], rtol=1e-10)


def test_fixed_solvers_are_the_fixed_solvers():
    grids = np.stack([time_grid(VP, 6), time_grid(VP, 6, "time")])
    found = fixed_solvers(Terms.on(VP, grids)).schedules()
    assert len(found) == 24
    laws = np.array([gaussian_law(each.plan(VP), 0.7, 0.3) for each in found])
    full = {"weights": "exact", "lower_order_final": False}
    for grid in grids:
        for solver in (DPMSolver(1), DPMSolver(2, **full), DPMSolver(3, "eps", **full)):
            law = gaussian_law(solver.plan(VP, grid), 0.7, 0.3)
            assert np.abs(laws - np.array(law)).max(axis=1).min() < 1e-12
    # from_solver's of UniPC without its first corrector is among the neighbours of the fixed ones
    unipc = SolverSchedule.from_solver(UniPC(3, corrector_skip=(0,)), VP, grids[0])
    assert Population.of([unipc]).settled(Terms.on(VP, grids)).schedules()[0].grid == unipc.grid


def test_children_take_after_their_parents():
    terms = Terms.on(VP, time_grid(VP, 8))
    rng = np.random.default_rng(0)
    first, second = (random_schedules(terms, 200, rng) for _ in range(2))
    child = crossed(first, second, rng)
    for name, values in fields(child).items():
        from_first = values == getattr(first, name)
        assert (from_first | (values == getattr(second, name))).all()
        assert (
            0.35
            < (from_first & (values != getattr(second, name))).sum()
            / max((getattr(first, name) != getattr(second, name)).sum(), 1)
            < 0.65
        )
    whole = (child.grids == first.grids).all(axis=1) | (child.grids == second.grids).all(axis=1)
    assert whole.all()
    # nothing changes without mutation; the share of changed relaxations is the rate
    same = mutated(first, Rates(0.0, 0.1, 0.1), terms, rng)
    for name, values in fields(same).items():
        assert_allclose(values, getattr(first, name), rtol=1e-12)
    changed = mutated(first, Rates(0.2, 0.0, 0.1), terms, rng).relaxations != first.relaxations
    kept = (first.orders > 1) & (mutated(first, Rates(0, 0, 0), terms, rng).orders > 1)
    share = changed[kept].mean()  # 1200 draws at .2 and more where orders changed: s.e. .012
    assert 0.15 < share < 0.3
    _, two = children(first, 4000, Rates.at(0), terms, rng)
    assert abs(two.mean() - 0.3) < 0.03  # 4 standard errors


def test_rates_fall():
    assert_allclose(Rates.at(0), (0.3, 0.08, 0.06))
    assert_allclose(Rates.at(1), (0.05, 0.02, 0.03))
    assert_allclose(Rates.at(0.5), (0.175, 0.05, 0.045))
    assert Rates.at(7) == Rates.at(1)


def test_keys_and_features():
    terms = Terms.on(VP, time_grid(VP, 5))
    some = random_schedules(terms, 30, np.random.default_rng(0))
    assert len(set(some.keys())) == 30
    assert joined([some, some]).keys()[30:] == some.keys()
    moved = Population(**{**fields(some), "relaxations": some.relaxations + 1e-3})
    assert not set(moved.settled(terms).keys()) & set(some[some.orders.max(1) > 1].keys())
    table = some.features()
    assert table.shape == (30, 4 + 5 * 5)
    assert_allclose(table[:, :4], some.grids[:, 1:-1])
    assert_allclose(table[:, 4:9], some.orders)


def test_grids_stay_apart():
    terms = Terms.on(VP, time_grid(VP, 6, "time"))
    every = random_schedules(terms, 1, np.random.default_rng(0))
    mess = every.grids.copy()
    mess[0, 1:-1] = [5.0, 0.5, 0.5, -1.0, 0.5]
    settled = Population(**{**fields(every), "grids": mess}).settled(terms).grids[0]
    check_grid(VP, settled)
    apart = settled[:-1] - settled[-1]
    assert (apart[1:] <= 0.98 * apart[:-1] * (1 + 1e-12)).all()


@pytest.mark.parametrize("n", [1, 2])
def test_the_shortest(n):
    terms = Terms.on(VP, time_grid(VP, n))
    made, _ = children(fixed_solvers(terms), 5, Rates.at(0), terms, np.random.default_rng(0))
    check(made, terms, VP)
