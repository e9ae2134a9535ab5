"""The first call saved: its output is given, and all else is as if the network had said it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sampkit.diffusion import (
    DPMSolver,
    DualFast,
    DynamicCompensation,
    FlowSchedule,
    Plan,
    SolverSchedule,
    UniPC,
    VESchedule,
    VPLinearSchedule,
    gaussian_law,
    solver_from_dict,
    time_grid,
)

VP = VPLinearSchedule()
MEAN = np.array([0.3, -0.2])


def shortened(first_output, schedule=VP):
    """A schedule of mixed orders with a corrector, whose first output is given."""
    return SolverSchedule(
        time_grid(schedule, 5),
        orders=[1, 2, 3, 2, 2],
        predictions=["x0", "x0", "eps", "x0", "x0"],
        first_derivative_points=[1, 1, 2, 1, 1],
        relaxations=[0.0, 0.05, 0.0, -0.05, 0.0],
        correctors=[True, False, True, False, False],
        first_output=first_output,
    )


def told(model, t_start, mean):
    """A model that says the mean at the start, as x0."""
    return lambda x, t: 0 * x + mean if t == t_start else model(x, t)


@pytest.mark.parametrize(("first_output", "mean"), [("zero", 0.0), (MEAN, MEAN)])
def test_one_call_less_and_the_same_numbers(first_output, mean, run, ring):
    given, plain = shortened(first_output), shortened("network")
    plan = given.plan(VP)
    assert (plan.n_evals, given.n_evals(5), len(plan.rows)) == (4, 4, 5)
    assert (plain.plan(VP).n_evals, plain.n_evals(5)) == (5, 5)
    assert plan.rows == plain.plan(VP).rows
    assert plan != plain.plan(VP)
    # the affine oracle against a run by hand on one normal law
    data_mean = 0.5 if isinstance(first_output, str) else MEAN
    law = gaussian_law(plan, data_mean, 0.2)

    def exact(x, t):
        alpha, sigma = float(VP.alpha(t)), float(VP.sigma(t))
        return data_mean + 0.2 * alpha / (0.2 * alpha**2 + sigma**2) * (x - alpha * data_mean)

    t = plan.grid[0]
    spread = np.sqrt(VP.alpha(t) ** 2 * 0.2 + VP.sigma(t) ** 2)
    starts = VP.alpha(t) * data_mean + spread * np.array([[0.0, 0.0], [1.0, 1.0]])
    ends = run(plan, starts, told(exact, t, mean))
    assert_allclose(ends[0], np.broadcast_to(law.mean, 2), rtol=1e-10)
    assert_allclose(ends[1] - ends[0], np.broadcast_to(np.sqrt(law.var), 2), rtol=1e-10)


@pytest.mark.parametrize("first_output", ["network", "zero", MEAN, MEAN.reshape(1, 2).tolist()])
def test_files_and_equality(first_output, tmp_path):
    schedule = shortened(first_output)
    schedule.to_json(tmp_path / "s.json")
    again = SolverSchedule.from_json(tmp_path / "s.json")
    assert again == schedule == solver_from_dict(json.loads(json.dumps(schedule.to_dict())))
    assert hash(again) == hash(schedule)
    plan = schedule.plan(VP)
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    assert ("first_output" in plan.to_dict()) == plan.first_is_given


def test_a_plan_keeps_it_through_the_accelerators():
    plan = DualFast(shortened("zero"), 0.2).plan(VP, time_grid(VP, 5))
    assert (plan.first_output, plan.n_evals) == ("zero", 4)
    ratios = [1, 1, 1.1, 0.9, 1]
    plan = DynamicCompensation(shortened("zero"), ratios).plan(VP, time_grid(VP, 5))
    assert (plan.first_output, plan.n_evals) == ("zero", 4)


def test_a_predictor_of_another_solver_has_no_say_in_it():
    with pytest.raises(ValueError, match="solver must take one call a step"):
        UniPC(solver=shortened("zero")).plan(VP, time_grid(VP, 5))
    assert UniPC(solver=shortened("network")).plan(VP, time_grid(VP, 5)).n_evals == 5


def test_a_mean_of_other_directions_has_no_law():
    with pytest.raises(ValueError, match="one value for each of the 3 directions, got 2"):
        gaussian_law(shortened(MEAN).plan(VP), np.zeros(3), 1.0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("nought", "first_output must be 'network', 'zero' or a mean, got 'nought'"),
        (None, "first_output must hold finite numbers"),
        ([np.nan], "first_output must hold finite numbers"),
        ([], "first_output must hold finite numbers"),
        ([[1.0], [1.0, 2.0]], "first_output must be numbers"),
        (["a"], "first_output must be numbers"),
    ],
)
def test_bad_input(value, message):
    with pytest.raises(ValueError, match=message):
        shortened(value)
    with pytest.raises(ValueError, match=message):
        replace(UniPC().plan(VP, time_grid(VP, 4)), first_output=value)


# --- with a network -------------------------------------------------------------------------------


class Counted:
    """A network that counts its calls, and can be told what to say at a time."""

    def __init__(self, fn, at=None, output=None):
        self.fn, self.at, self.output, self.calls = fn, at, output, 0

    def __call__(self, x, t):
        self.calls += 1
        return self.output(x) if self.at is not None and float(t[0]) == self.at else self.fn(x, t)


@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
@pytest.mark.parametrize("schedule", [VP, VESchedule(0.01, 10.0), FlowSchedule()])
@pytest.mark.parametrize("inplace", [True, False])
@pytest.mark.parametrize(("first_output", "mean"), [("zero", 0.0), (MEAN, MEAN)])
def test_equal_to_a_network_that_says_so(prediction, schedule, inplace, first_output, mean):
    torch = pytest.importorskip("torch")
    from sampkit.diffusion import DiffusionModel, GaussianMixture, sample

    law = GaussianMixture([[-1.0, 0.0], [1.0, 0.5]], [0.05, 0.2])
    given = shortened(first_output, schedule)
    t, start = given.grid[0], torch.as_tensor(mean, dtype=torch.float64)
    alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
    exact = law.model(schedule, prediction)
    p, q = exact._shares(t, (alpha, sigma))

    def says(x):  # p x0 + q eps
        return p * start + q * (x - alpha * start) / sigma

    network, saved = Counted(exact.fn, t, says), Counted(exact.fn)
    x = torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * sigma
    before = x.clone()
    want = sample(
        DiffusionModel(network, schedule, prediction), x, replace(given, first_output="network")
    )
    model = DiffusionModel(saved, schedule, prediction)
    found, path = sample(model, x, given, return_trajectory=True, inplace=inplace)
    assert_allclose(found.numpy(), want.numpy(), rtol=1e-10, atol=1e-12)
    assert (network.calls, saved.calls, len(path)) == (5, 4, 6)
    assert torch.equal(x, before)


def test_a_start_without_data():  # where a network that predicts the noise says nothing
    torch = pytest.importorskip("torch")
    from sampkit.diffusion import GaussianMixture, sample

    schedule = FlowSchedule()
    model = GaussianMixture([[0.4, -0.1]], 0.1).model(schedule)
    grid = [1.0, 0.7, 0.4, 0.1]
    x = torch.ones(3, 2, dtype=torch.float64)
    with pytest.raises(ValueError, match="no data is left"):
        sample(model, x, UniPC(2), grid)
    plan = UniPC(2).plan(schedule, grid)
    found = sample(model, x, replace(plan, first_output=[0.4, -0.1]))
    assert torch.isfinite(found).all()
    # the mean is what an exact network would say there
    exact = GaussianMixture([[0.4, -0.1]], 0.1).model(schedule, "x0")
    assert_allclose(found.numpy(), sample(exact, x, plan).numpy(), rtol=1e-12)


def test_images_thresholds_and_shapes():
    torch = pytest.importorskip("torch")
    from sampkit.diffusion import Clip, DiffusionModel, sample

    image = torch.linspace(-1, 2, 12).reshape(3, 2, 2)
    model = DiffusionModel(lambda x, t: torch.zeros_like(x), VP, "x0")
    schedule = SolverSchedule.from_solver(DPMSolver(2), VP, time_grid(VP, 4))
    x = torch.randn(5, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    seen = []
    sample(
        model, x, replace(schedule, first_output=image), postprocess=Clip(-1, 1),
        callback=lambda i, t, state, x0: seen.append(x0.clone()),
    )  # fmt: skip
    assert_allclose(seen[0].numpy(), np.broadcast_to(image.clamp(-1, 1), (5, 3, 2, 2)))
    per_channel = replace(schedule, first_output=image[:, :1, :1])
    assert sample(model, x, per_channel).shape == x.shape
    with pytest.raises(ValueError, match=r"broadcast to the shape \(3, 2, 2\) of a sample"):
        sample(model, x, replace(schedule, first_output=[1.0, 2.0, 3.0]))


def test_pipelines_call_at_every_entry():
    pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from sampkit.diffusion.interop import PlanScheduler

    scheduler = PlanScheduler(UniPC())
    scheduler.solver = replace(
        SolverSchedule.from_solver(DPMSolver(2), scheduler.schedule, [900.0, 500.0, 0.0]),
        first_output="zero",
    )
    with pytest.raises(ValueError, match="first_output must be 'network' here"):
        scheduler.set_timesteps(2)
