"""Plans side by side get what each gets alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

torch = pytest.importorskip("torch")

from sampkit.diffusion import (  # noqa: E402
    DDIM,
    DEIS,
    ClassifierFreeGuidance,
    DiffusionModel,
    DPMSolver,
    DualFast,
    DynamicCompensation,
    FlowSchedule,
    GaussianMixture,
    SolverSchedule,
    UniPC,
    VESchedule,
    VPLinearSchedule,
    sample,
    time_grid,
)
from sampkit.diffusion._stacked import repeated, sample_stacked  # noqa: E402

VP = VPLinearSchedule()
LAW = GaussianMixture([[-1.0, 0.0], [1.0, 0.5]], [0.05, 0.2], [1, 2])


def start(n=6, dtype=torch.float64, seed=0):
    return torch.randn(n, 2, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def alone(model, x, plans, **keywords):
    return np.stack([sample(model, x, plan, **keywords).numpy() for plan in plans])


@st.composite
def schedules(draw, schedule=VP, n=5):
    def each(strategy):
        return draw(st.lists(strategy, min_size=n, max_size=n))

    grid = time_grid(schedule, n)
    inner = np.sort(grid[1:-1] * (1 + np.array(each(st.floats(-0.04, 0.04)))[1:]))[::-1]
    return SolverSchedule(
        [grid[0], *inner, grid[-1]],
        each(st.integers(1, 4)),
        each(st.sampled_from(["x0", "eps"])),
        each(st.integers(1, 3)),
        each(st.floats(-0.2, 0.2)),
        each(st.booleans()),
    )


@settings(max_examples=12, deadline=None)
@given(st.lists(schedules(), min_size=1, max_size=5), st.sampled_from(["eps", "x0", "v", "score"]))
def test_random_schedules(candidates, prediction):
    model, x = LAW.model(VP, prediction), start()
    before = x.clone()
    plans = [candidate.plan(VP) for candidate in candidates]
    want = alone(model, x, plans)
    assert_allclose(sample_stacked(model, x, plans).numpy(), want, rtol=1e-11, atol=1e-12)
    with torch.no_grad():  # in buffers of its own
        assert_allclose(sample_stacked(model, x, plans).numpy(), want, rtol=1e-11, atol=1e-12)
    assert torch.equal(x, before)


@pytest.mark.parametrize("schedule", [VP, VESchedule(0.01, 10.0), FlowSchedule()])
@pytest.mark.parametrize("final", [None, "zero"])
@pytest.mark.parametrize("first_output", ["network", "zero"])
def test_solvers_of_all_kinds(schedule, final, first_output):
    grid = time_grid(schedule, 6, final=final)
    solvers = [
        DDIM(), DPMSolver(2), DPMSolver(3), UniPC(3), UniPC(2, variant="bh1"), DEIS(3),
        DualFast(UniPC(2)), DynamicCompensation(UniPC(2), [1, 1, 1.2, 0.8, 1, 1.1]),
    ]  # fmt: skip
    plans = [solver.plan(schedule, grid) for solver in solvers]
    if first_output == "zero":
        plans = [type(p)(p.schedule, p.grid, p.rows, first_output="zero") for p in plans]
    model, x = LAW.model(schedule), start() * float(schedule.sigma(grid[0]))
    with torch.no_grad():
        found = sample_stacked(model, x, plans)
    assert_allclose(found.numpy(), alone(model, x, plans), rtol=1e-10, atol=1e-11)


def test_one_call_for_all_and_none_at_a_start_that_is_known():
    calls = []

    def network(x, t):
        calls.append((len(x), len(set(t.tolist()))))
        return exact.fn(x, t)

    exact, x = LAW.model(VP), start()
    model = DiffusionModel(network, VP)
    grids = [time_grid(VP, 4), time_grid(VP, 4, "quadratic"), time_grid(VP, 4, "karras")]
    plans = [UniPC(2).plan(VP, grid) for grid in grids]
    want = sample_stacked(model, x, plans)
    assert calls == [(18, 1), *[(18, 3)] * 3]
    calls.clear()
    first = exact.fn(x, torch.ones(6, dtype=torch.float64))
    assert torch.equal(sample_stacked(model, x, plans, first=first), want)
    assert calls == [(18, 3)] * 3


def test_going_on_with_some():
    rng = np.random.default_rng(0)
    grids = [np.sort(np.r_[1.0, rng.uniform(0.1, 0.9, 4), 0.01])[::-1] for _ in range(7)]
    solvers = [UniPC(3), DPMSolver(3), DDIM(), UniPC(2), DPMSolver(2, "eps"), UniPC(2), DDIM()]
    plans = [solver.plan(VP, grid) for solver, grid in zip(solvers, grids, strict=True)]
    model, x = LAW.model(VP), start()

    def select(i, states):
        assert states.shape == (7 if i <= 1 else 3, 6, 2)
        return torch.tensor([0, 3, 4]) if i == 1 else None

    with torch.no_grad():
        found = sample_stacked(model, x, plans, select=select)
    want = alone(model, x, [plans[0], plans[3], plans[4]])
    assert_allclose(found.numpy(), want, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_dtypes(dtype):
    model, x = LAW.model(VP), start(dtype=dtype)
    plans = [s.plan(VP, time_grid(VP, 5)) for s in (UniPC(2), DPMSolver(3), DDIM())]
    with torch.no_grad():
        found = sample_stacked(model, x, plans)
    assert found.dtype == dtype
    want = np.stack([sample(model, x, plan).float().numpy() for plan in plans])
    tolerance = 2e-5 if dtype == torch.float32 else 0.05
    assert_allclose(found.float().numpy(), want, rtol=tolerance, atol=tolerance)


def test_gradients_flow():
    model, x = LAW.model(VP), start().requires_grad_()
    plans = [s.plan(VP, time_grid(VP, 4)) for s in (UniPC(2), DDIM())]
    (found,) = torch.autograd.grad(sample_stacked(model, x, plans).sum(), x)
    (want,) = torch.autograd.grad(sum(sample(model, x, plan).sum() for plan in plans), x)
    assert_allclose(found.numpy(), want.numpy(), rtol=1e-10)


@pytest.mark.parametrize("null", [torch.tensor([-1]), torch.full((6,), -1)])
@pytest.mark.parametrize("scale", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("interval", [None, (0.2, 0.7)])
@pytest.mark.parametrize("rescale", [0.0, 0.5])
def test_guided(null, scale, interval, rescale):
    cond = torch.tensor([0, 1, 0, 1, 1, -1])
    model = ClassifierFreeGuidance(LAW.model(VP), scale, null, rescale, interval)
    grids = [time_grid(VP, 6), time_grid(VP, 6, "time"), time_grid(VP, 6, "quadratic")]
    plans = [UniPC(2).plan(VP, grid) for grid in grids]
    x = start()
    with torch.no_grad():
        found = sample_stacked(model, x, plans, cond=cond)
    assert_allclose(found.numpy(), alone(model, x, plans, cond=cond), rtol=1e-11, atol=1e-12)


def test_an_interval_holds_row_by_row():
    model = ClassifierFreeGuidance(LAW.model(VP), 2.0, torch.tensor([-1]), interval=(0.2, 0.7))
    x, cond = start(), torch.tensor([0, 1, 0, 1, 1, 0])
    times = [0.1, 0.2, 0.3, 0.7, 0.71, 0.9]
    found = model.denoise(x, torch.tensor(times, dtype=torch.float64), cond)
    for k, t in enumerate(times):
        want = model.denoise(x[k : k + 1], t, cond[k : k + 1])
        assert_allclose(found[k : k + 1].numpy(), want.numpy(), rtol=1e-12)


def test_conditions_are_repeated():
    cond = {"a": torch.arange(3), "b": [torch.ones(3, 2), "word"], "c": torch.ones(2), "d": None}
    found = repeated(cond, 3, 2)
    assert found["a"].tolist() == [0, 1, 2, 0, 1, 2]
    assert (found["b"][0].shape, found["b"][1]) == ((6, 2), "word")
    assert (found["c"].shape, found["d"]) == ((2,), None)


@pytest.mark.parametrize(
    ("solvers", "steps", "message"),
    [
        ((DDIM(), DDIM()), (4, 5), "equally many calls"),
        ((DDIM(1.0), DDIM()), (4, 4), "must be deterministic"),
        ((DPMSolver(2, method="singlestep"), DPMSolver(2)), (4, 4), "from the same states"),
    ],
)
def test_what_cannot_run_together(solvers, steps, message):
    plans = [s.plan(VP, time_grid(VP, n)) for s, n in zip(solvers, steps, strict=True)]
    with pytest.raises(ValueError, match=message):
        sample_stacked(LAW.model(VP), start(), plans)


def test_nothing_waits_for_the_device(strict):
    model = DiffusionModel(lambda x, t: x * t[:, None].to(x.dtype) * 0.1, VP)
    x = start(dtype=torch.float32).as_subclass(strict)
    guided = ClassifierFreeGuidance(
        DiffusionModel(lambda x, t, cond: x * 0.1 + cond, VP),
        2.0,
        torch.zeros(1, 2),
        interval=(0.2, 0.7),
    )
    grids = [time_grid(VP, 6), time_grid(VP, 6, "time"), time_grid(VP, 6, "quadratic")]
    solvers = (UniPC(3), DPMSolver(2, "eps"), DDIM())
    plans = [solver.plan(VP, grid) for solver, grid in zip(solvers, grids, strict=True)]
    for each, cond in ((model, None), (guided, torch.ones(6, 2))):
        with torch.no_grad():
            out = sample_stacked(each, x, plans, cond=cond)
        assert isinstance(out, strict)
    with pytest.raises(AssertionError, match="waits for the device"):
        float(out.sum())
