"""The search for compensation ratios: exact minima, calls counted, any network and any shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

torch = pytest.importorskip("torch")

from sampkit.diffusion import (  # noqa: E402
    DDIM,
    DEIS,
    PNDM,
    ClassifierFreeGuidance,
    DiffusionModel,
    DPMSolver,
    DualFast,
    DynamicCompensation,
    GaussianMixture,
    SolverSchedule,
    UniPC,
    VPLinearSchedule,
    sample,
    search_compensation,
    teacher_trajectory,
    time_grid,
    trajectory_mse,
)
from sampkit.diffusion.search._ratios import best_of_polynomial, best_of_search  # noqa: E402

torch.set_num_threads(1)
VP = VPLinearSchedule()
LAW = GaussianMixture([[-1.0, 0.3], [0.8, -0.6], [0.2, 1.0]], [0.05, 0.1, 0.02])
MODEL = LAW.model(VP)
MULTISTEP = [DDIM(), DPMSolver(2), DPMSolver(3), DEIS(2), UniPC(2, corrector=False)]
CORRECTED = [UniPC(1), UniPC(2), UniPC(3), UniPC(2, "eps"), UniPC(3, corrector_skip=(2,))]


def start(n=10, seed=0, dtype=torch.float64):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def teacher(grid, x=None, n_steps=100):
    return teacher_trajectory(MODEL, start() if x is None else x, grid, n_steps)


class Counting(DiffusionModel):
    """The mixture as a network that counts."""

    def __init__(self, model=MODEL):
        self.n = 0
        super().__init__(self.count, model.schedule, "x0")
        self.inner = model

    def count(self, x, t):
        self.n += 1
        return self.inner.denoise(x, t)


# --- the two minimisers ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("degree", [1, 2, 3])
def test_exact_minimum_is_that_of_a_fine_grid(seed, degree):
    rng = np.random.default_rng(seed)
    bounds = (-0.5, 2.5)
    powers = rng.normal(size=(degree + 1, 5)) * (1, 1, 0.3, 0.1, 1)
    nodes = np.linspace(0.1, 1.9, degree + 1)
    vectors = np.vander(nodes, increasing=True) @ powers
    found, at_1 = best_of_polynomial(nodes, vectors @ vectors.T, bounds)
    products = powers @ powers.T
    coefficients = [np.trace(products[:, ::-1], degree - k) for k in range(2 * degree + 1)]
    fine = np.linspace(*bounds, 3_000_001)  # 1e-6 apart
    lengths = np.polyval(coefficients[::-1], fine)
    assert abs(found - fine[np.argmin(lengths)]) <= 1e-6
    assert_allclose(at_1, products.sum(), rtol=1e-12)


def test_one_is_kept_unless_another_is_better():
    flat = np.ones((3, 3))  # the vector does not depend on the ratio
    assert best_of_polynomial(np.array([0.0, 1.0, 2.0]), flat, (-0.5, 2.5))[0] == 1
    # and allowed outside the bounds: |r - 1|^2
    nodes = np.array([2.0, 3.0])
    assert best_of_polynomial(nodes, np.outer(nodes - 1, nodes - 1), (2.0, 3.0))[0] == 1


def vectors_of(function, calls):
    kept = []

    def products(ratio):
        calls.append(ratio)
        kept.append(np.asarray(function(ratio), dtype=np.float64))
        return [float(kept[-1] @ each) for each in kept]

    return products


@settings(max_examples=60)
@given(
    st.floats(-0.3, 2.3),
    st.floats(0.2, 3.0),
    st.lists(st.floats(-1, 1), min_size=3, max_size=3),
)
def test_search_finds_the_minimum_of_a_smooth_loss(centre, rate, shares):
    a, b, c = shares

    def function(ratio):  # a nonlinear curve beside a dominating straight one
        d = ratio - centre
        return [2 * d, 0.3 * a * np.sin(rate * d), 0.2 * b * (np.exp(0.5 * d) - 1), 0.3 * c]

    calls = []
    found = best_of_search(vectors_of(function, calls), (-0.5, 2.5), 1e-3, 20)
    assert abs(found - centre) <= 2e-3
    assert len(calls) <= 20


def test_search_of_a_rough_loss_ends_with_the_best_it_saw():
    rng = np.random.default_rng(0)
    calls = []
    noise = {}

    def function(ratio):
        return [ratio - 0.4, 0.3 * noise.setdefault(ratio, rng.normal())]

    found = best_of_search(vectors_of(function, calls), (-0.5, 2.5), 1e-3, 20)
    lengths = [np.square(function(ratio)).sum() for ratio in calls]
    assert len(calls) <= 20
    assert found == calls[int(np.argmin(lengths))]
    assert min(calls) >= -0.5
    assert max(calls) <= 2.5


def test_search_goes_around_what_is_not_finite():
    calls = []

    def function(ratio):
        return [ratio - 0.7, 0.1] if ratio < 0.95 else [np.nan, np.inf]

    found = best_of_search(vectors_of(function, calls), (-0.5, 2.5), 1e-3, 20)
    assert abs(found - 0.7) <= 2e-3
    assert calls[0] == 1
    with pytest.raises(RuntimeError, match="not finite"):
        best_of_search(vectors_of(lambda ratio: [np.nan], []), (-0.5, 2.5), 1e-3, 20)
    with pytest.raises(RuntimeError, match="not finite"):
        best_of_polynomial(np.array([0.0, 1.0]), np.full((2, 2), np.inf), (-0.5, 2.5))


# --- ratios of solvers ----------------------------------------------------------------------------


def errors_by_force(solver, grid, targets, ratios, i, values, order=2):
    """Losses of state i + 1 by whole runs, with the ratio of call i at each value."""
    found = []
    for value in values:
        tried = [*ratios[:i], value] + [1.0] * (len(grid) - 2 - i)
        plan = DynamicCompensation(solver, tried, order).plan(VP, grid)
        _, states = sample(MODEL, start(), plan, return_trajectory=True)
        found.append(trajectory_mse(states, targets)[i + 1])
    return np.array(found)


@pytest.mark.parametrize("solver", [DPMSolver(2), UniPC(2), DualFast(UniPC(3), 0.2)])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_each_ratio_is_that_of_brute_force(solver, order):
    grid = time_grid(VP, 5)
    targets = teacher(grid)
    found = search_compensation(
        MODEL, solver, grid, start(), target=targets, order=order, accept="always"
    )
    assert_array_equal(found.ratios[:order], 1)
    for i in range(order, 5):
        wide = np.linspace(-0.5, 2.5, 61)
        losses = errors_by_force(solver, grid, targets, found.ratios, i, wide, order)
        near = (wide[np.argmin(losses)] + np.linspace(-0.05, 0.05, 41)).clip(-0.5, 2.5)
        losses = errors_by_force(solver, grid, targets, found.ratios, i, near, order)
        assert abs(found.ratios[i] - near[np.argmin(losses)]) <= 4e-3
        assert found.losses[i] <= losses.min() * (1 + 1e-3)
        at_1 = errors_by_force(solver, grid, targets, found.ratios, i, [1.0], order)
        assert_allclose(found.base_losses[i], at_1[0], rtol=1e-9)


@pytest.mark.parametrize("solver", [*MULTISTEP, *CORRECTED, DualFast(DPMSolver(2), 0.1)])
@pytest.mark.parametrize("objective", ["corrected", "predicted"])
def test_never_worse_and_what_it_says(solver, objective):
    grid = time_grid(VP, 6, "logsnr" if getattr(solver, "prediction", "") == "eps" else "time")
    targets = teacher(grid)
    found = search_compensation(MODEL, solver, grid, start(), target=targets, objective=objective)
    assert (found.losses <= found.base_losses).all()
    for ratios, error in ((found.ratios, found.losses[-1]), (np.ones(6), found.base_error)):
        _, states = sample(
            MODEL, start(), DynamicCompensation(solver, ratios), grid, return_trajectory=True
        )
        losses = trajectory_mse(states, targets)[1:]
        assert_allclose(losses[-1], error, rtol=1e-9)
        if objective == "corrected" and ratios is found.ratios:
            assert_allclose(found.losses, losses, rtol=1e-9)
    assert found.losses[-1] <= found.base_error


def test_on_fresh_noise_it_helps():
    grid = time_grid(VP, 6, "time")
    found = search_compensation(MODEL, UniPC(2), grid, start(), n_teacher_steps=300)
    fresh = start(2000, seed=1)
    fine = teacher(grid, fresh, 300)[-1]
    ends = [
        sample(MODEL, fresh, solver, grid)
        for solver in (UniPC(2), DynamicCompensation(UniPC(2), found.ratios))
    ]
    base, compensated = (float((end - fine).square().mean()) for end in ends)
    assert compensated < 0.7 * base  # fixed seeds: .57 when written


def test_ones_are_returned_where_they_win_in_the_end():
    # targets that only a step back can serve make every early ratio bad for the end
    grid = time_grid(VP, 5)
    _, states = sample(MODEL, start(), UniPC(2), grid, return_trajectory=True)
    away = [state + 0.3 * (1 < i < 5) for i, state in enumerate(states)]
    forced = search_compensation(MODEL, UniPC(2), grid, start(), target=away, accept="always")
    assert forced.losses[-1] > 0
    assert (forced.ratios != 1).any()
    assert np.isnan(forced.base_error)
    found = search_compensation(MODEL, UniPC(2), grid, start(), target=away)
    assert_array_equal(found.ratios, 1)
    assert_array_equal(found.losses, found.base_losses)
    assert found.base_error == found.losses[-1] < forced.losses[-1]


def test_nothing_to_search():
    for n, order in ((1, 2), (2, 2), (3, 3)):
        grid = time_grid(VP, n)
        found = search_compensation(
            MODEL, UniPC(2), grid, start(), order=order, target=teacher(grid)
        )
        assert_array_equal(found.ratios, np.ones(n))
        assert found.n_model_calls == n
        assert found.base_error == found.losses[-1]


def test_a_schedule_of_steps_brings_its_grid():
    grid = time_grid(VP, 5)
    schedule = SolverSchedule.from_solver(UniPC(3, corrector_skip=(0,)), VP, grid)
    found = search_compensation(MODEL, schedule, None, start(), target=teacher(grid))
    other = search_compensation(
        MODEL, UniPC(3, corrector_skip=(0,)), grid, start(), target=teacher(grid)
    )
    assert_allclose(found.ratios, other.ratios, atol=1e-6)


def test_a_first_output_that_is_given_is_no_call():
    grid = time_grid(VP, 6)
    choices = {
        "orders": [1, 2, 2, 2, 2, 1],
        "predictions": ["x0"] * 6,
        "first_derivative_points": [1] * 6,
        "relaxations": [0.0] * 6,
        "correctors": [True] * 6,
    }
    schedule = SolverSchedule(grid, **choices, first_output=[0.1, 0.2])
    counting, targets = Counting(), teacher(grid)
    found = search_compensation(counting, schedule, grid, start(), target=targets, accept="always")
    assert found.n_model_calls == counting.n
    assert (found.ratios != 1).any()
    end = sample(MODEL, start(), DynamicCompensation(schedule, found.ratios), grid)
    assert_allclose(float((end - targets[-1]).square().mean()), found.losses[-1], rtol=1e-9)


# --- calls ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["end_to_end", "always"])
@pytest.mark.parametrize(
    ("solver", "objective", "tried"),
    [
        (DPMSolver(2), "corrected", 0),
        (UniPC(2), "predicted", 0),
        (UniPC(2), "corrected", 3),  # of 6 calls the first two are not searched, nor the last tried
    ],
)
def test_calls_are_counted(solver, objective, tried, accept):
    n, n_teacher = 6, 50
    grid = time_grid(VP, n, "quadratic")
    counting = Counting()
    found = search_compensation(
        counting, solver, grid, start(), objective=objective, accept=accept,
        n_teacher_steps=n_teacher,
    )  # fmt: skip
    assert found.n_model_calls == counting.n
    of_teacher = len(np.union1d(np.linspace(grid[0], grid[-1], n_teacher + 1), grid)) - 1
    least = of_teacher + n + (n if accept == "end_to_end" else 0)
    if not tried:
        assert found.n_model_calls == least
    else:
        assert least < found.n_model_calls <= least + 19 * tried


@pytest.mark.parametrize("solver", CORRECTED)
def test_at_most_20_calls_a_ratio(solver):
    grid = time_grid(VP, 7, "logsnr")
    counts, counting = [], Counting()

    def report(i, ratio, loss):
        counts.append(counting.n)

    search_compensation(
        counting, solver, grid, start(), target=teacher(grid), accept="always", callback=report,
        tol=1e-12,
    )  # fmt: skip
    assert len(counts) == 5
    assert np.diff([3, *counts]).max() <= 20


# --- any network ----------------------------------------------------------------------------------


def test_a_network_without_gradients_in_half_precision():
    def net(x, t):
        assert x.dtype == torch.float16
        assert not torch.is_grad_enabled()
        inner = MODEL.denoise(x.double(), t.double()).numpy()
        return torch.from_numpy(np.array(inner, dtype=np.float16))  # no graph through NumPy

    grid = time_grid(VP, 6, "time")
    exact = search_compensation(MODEL, UniPC(2), grid, start(), n_teacher_steps=100).ratios
    for x, dtype in ((start(dtype=torch.float32), torch.float16), (start().half(), None)):
        model = DiffusionModel(net, VP, "x0", model_dtype=dtype)
        found = search_compensation(model, UniPC(2), grid, x, n_teacher_steps=100)
        assert found.losses[-1] < found.base_error
        assert_allclose(found.ratios, exact, atol=0.2)


@pytest.mark.parametrize("shape", [(4,), (3, 2), (2, 3, 4, 4), (2, 1, 2, 3, 2)])
def test_any_shape(shape):
    model = DiffusionModel(lambda x, t: torch.tanh(x), VP, "x0")
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    grid = time_grid(VP, 5)
    found = search_compensation(model, UniPC(3), grid, x, n_teacher_steps=60)
    flat = search_compensation(model, UniPC(3), grid, x.reshape(shape[0], -1), n_teacher_steps=60)
    assert_allclose(found.ratios, flat.ratios, atol=1e-4)


def test_conditions_reach_the_network():
    def net(x, t, cond):
        return torch.tanh(x) * cond[:, None]

    model = ClassifierFreeGuidance(DiffusionModel(net, VP, "x0"), 3.0, torch.zeros(1))
    cond = torch.linspace(0.5, 1.5, 10)
    grid = time_grid(VP, 5)
    found = search_compensation(
        model, UniPC(2), grid, start(), cond=cond, n_teacher_steps=60, accept="always"
    )
    targets = teacher_trajectory(model, start(), grid, 60, cond=cond)
    same = search_compensation(
        model, UniPC(2), grid, start(), cond=cond, target=torch.stack(targets), accept="always"
    )
    assert_array_equal(found.ratios, same.ratios)


def test_deterministic_and_nothing_touched():
    grid = time_grid(VP, 6)
    x, targets = start(), teacher(grid)
    kept, kept_targets = x.clone(), [state.clone() for state in targets]
    before = torch.get_rng_state()
    first, second = (
        search_compensation(MODEL, UniPC(3), grid, x, target=targets) for _ in range(2)
    )
    for name in ("ratios", "losses", "base_losses", "n_model_calls", "base_error"):
        assert_array_equal(getattr(first, name), getattr(second, name))
    assert_array_equal(x, kept)
    assert all(torch.equal(*pair) for pair in zip(targets, kept_targets, strict=True))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_that_writes_over_its_output():
    memory = torch.empty(10, 2, dtype=torch.float64)
    model = DiffusionModel(lambda x, t: memory.copy_(MODEL.denoise(x, t)), VP, "x0")
    grid = time_grid(VP, 6)
    for solver in (UniPC(2), DPMSolver(2)):
        found, same = (
            search_compensation(each, solver, grid, start(), target=teacher(grid)).ratios
            for each in (model, MODEL)
        )
        assert_allclose(found, same, atol=1e-6)


def test_gradients_of_x_are_no_hindrance():
    grid = time_grid(VP, 5)
    x = start().requires_grad_()
    found = search_compensation(MODEL, UniPC(2), grid, x, n_teacher_steps=50)
    assert_array_equal(
        found.ratios,
        search_compensation(MODEL, UniPC(2), grid, start(), n_teacher_steps=50).ratios,
    )


def test_an_interruption_keeps_the_ratios_found():
    grid = time_grid(MODEL.schedule, 8)
    whole = search_compensation(MODEL, UniPC(2), grid, start(), target=teacher(grid))
    done = []

    class Interrupted(Counting):
        def count(self, x, t):
            if len(done) == 3 and self.n >= 0:
                self.n = -(10**6)  # once
                raise KeyboardInterrupt
            return super().count(x, t)

    with pytest.warns(UserWarning, match="interrupted: the ratios from call 5 on are 1"):
        found = search_compensation(
            Interrupted(), UniPC(2), grid, start(), target=teacher(grid), accept="always",
            callback=lambda i, ratio, loss: done.append(i),
        )  # fmt: skip
    assert done == [2, 3, 4]
    assert_allclose(found.ratios[:5], whole.ratios[:5], atol=1e-12)
    assert (found.ratios[5:] == 1).all()
    assert np.isfinite(found.losses).all()


def test_an_interrupted_comparison_keeps_the_ratios_found():
    grid = time_grid(MODEL.schedule, 6)
    options = {"target": teacher(grid), "accept": "always"}
    whole = search_compensation(MODEL, UniPC(2), grid, start(), **options)

    class Interrupted(Counting):
        def count(self, x, t):
            if self.n == whole.n_model_calls + 2:
                self.n += 1
                raise KeyboardInterrupt
            return super().count(x, t)

    with pytest.warns(UserWarning, match="interrupted: the ratios found were not compared"):
        found = search_compensation(Interrupted(), UniPC(2), grid, start(), target=teacher(grid))
    assert_allclose(found.ratios, whole.ratios, atol=1e-12)
    assert (found.ratios != 1).any()
    assert np.isnan(found.base_error)


def test_a_callback_sees_and_stops(capsys):
    grid, seen = time_grid(VP, 7), []

    def report(i, ratio, loss):
        seen.append((i, ratio, loss))
        return i == 3

    found = search_compensation(
        MODEL, UniPC(2), grid, start(), target=teacher(grid), callback=report, progress=True,
        accept="always",
    )  # fmt: skip
    assert [each[0] for each in seen] == [2, 3]
    assert_array_equal(found.ratios[2:4], [each[1] for each in seen])
    assert_array_equal(found.ratios[4:], 1)
    assert_array_equal(found.losses[2:4], [each[2] for each in seen])
    assert "searching" in capsys.readouterr().err


def test_no_finite_state_is_an_error():
    grid = time_grid(VP, 5)
    for solver in (UniPC(2), DPMSolver(2)):
        model = DiffusionModel(lambda x, t: x * torch.nan, VP, "x0")
        with pytest.raises(RuntimeError, match="not finite"):
            search_compensation(model, solver, grid, start(), target=teacher(grid))


GRID = time_grid(VP, 4)
BAD = [
    ({"model": MODEL.denoise}, TypeError, "model must be a DiffusionModel"),
    ({"x": np.zeros((2, 2))}, TypeError, "x must be a tensor, got ndarray"),
    ({"x": torch.zeros(0, 2)}, ValueError, "x must hold states"),
    ({"target": 3}, ValueError, "target must be a sequence of states, got 3"),
    ({"x": torch.tensor(1.0)}, ValueError, "x must hold states"),
    ({"solver": "unipc"}, ValueError, "solver must have a method plan"),
    ({"solver": PNDM()}, ValueError, "solver of search_compensation must call once a step"),
    ({"solver": DPMSolver(2, method="singlestep")}, ValueError, "must call once a step"),
    ({"solver": DDIM(1.0)}, ValueError, "solver must draw no noise"),
    (
        {"solver": DynamicCompensation(DDIM(), [1, 1, 0.9, 1])},
        ValueError,
        "mixes outputs already",
    ),
    ({"grid": [0.1, 0.5]}, ValueError, "descending"),
    ({"order": 0}, ValueError, r"order must be an int in \[1, 4\], got 0"),
    ({"order": 5}, ValueError, r"order must be an int in \[1, 4\], got 5"),
    ({"target": [torch.zeros(10, 2)] * 4}, ValueError, "each of the 5 nodes of grid, got 4"),
    ({"target": [torch.zeros(9, 2)] * 5}, ValueError, r"target\[0\] must be a tensor of the shape"),
    ({"target": [None] * 5}, ValueError, "got NoneType"),
    ({"n_teacher_steps": 0}, ValueError, "n_teacher_steps must be an int in"),
    ({"bounds": (1.0, 1.0)}, ValueError, "bounds must be two finite numbers, lower < upper"),
    ({"bounds": (0.0, np.inf)}, ValueError, "bounds must be two finite numbers"),
    ({"bounds": (0.0, 1.0, 2.0)}, ValueError, "bounds must be two finite numbers"),
    ({"tol": 0.0}, ValueError, "tol must be a number > 0, got 0.0"),
    ({"objective": "end"}, ValueError, "objective must be one of"),
    ({"accept": "never"}, ValueError, "accept must be one of"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_input(change, error, message):
    given = {"model": MODEL, "solver": UniPC(2), "grid": GRID, "x": start(), "target": None}
    given |= {"n_teacher_steps": 5} | change
    positional = [given.pop(name) for name in ("model", "solver", "grid", "x")]
    with pytest.raises(error, match=message):
        search_compensation(*positional, **given)
