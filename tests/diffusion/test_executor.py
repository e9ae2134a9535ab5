"""The executor: equal to NumPy's, in place, without waiting, reproducible, composable."""

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
    PNDM,
    ClassifierFreeGuidance,
    ClassifierGuidance,
    Clip,
    DiffusionModel,
    DiscreteVPSchedule,
    DPMSolver,
    DynamicThreshold,
    EDMPrecond,
    EmpiricalDenoiser,
    FlowSchedule,
    GaussianMixture,
    Plan,
    Row,
    UniPC,
    VESchedule,
    VPLinearSchedule,
    gaussian_law,
    initial_noise,
    sample,
    time_grid,
)

SOLVERS = [
    DDIM(),
    DDIM(eta=0.7),
    DPMSolver(2),
    DPMSolver(3, weights="legacy"),
    DPMSolver(3, method="singlestep"),
    DPMSolver(2, eta=1.0),
    DPMSolver(2, "eps"),
    DEIS(3),
    DEIS(kind="rhork", rk="rk4"),
    UniPC(3),
    UniPC(2, "eps", corrector_skip=(0,)),
    UniPC(solver=DEIS(2)),
    PNDM(),
    PNDM("plms"),
]
names = [f"{type(s).__name__}{i}" for i, s in enumerate(SOLVERS)]
VP = VPLinearSchedule()
LAW = GaussianMixture([[-1.0, 0.0], [1.0, 0.5]], [0.05, 0.2], [1, 2])


def start(n=6, dtype=torch.float64, seed=0):
    return torch.randn(n, 2, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def mixed(plan):
    """The same plan with some outputs mixed, as compensation does it."""
    rows = list(plan.rows)
    rows[3] = Row(**{**vars(rows[3]), "mix": (1.2, -0.3, 0.1)})
    return Plan(plan.schedule, plan.grid, tuple(rows))


@pytest.mark.parametrize("inplace", ["auto", True, False])
def test_a_network_may_write_over_its_outputs(inplace):
    memory, clean = torch.empty(6, 2, dtype=torch.float64), LAW.model(VP, "x0")
    model = DiffusionModel(lambda x, t: memory.copy_(clean.fn(x, t)), VP, "x0")
    grid = time_grid(VP, 6)
    found = sample(model, start(), DPMSolver(3), grid, inplace=inplace)
    assert torch.equal(found, sample(clean, start(), DPMSolver(3), grid, inplace=inplace))


@pytest.mark.parametrize("solver", SOLVERS, ids=names)
@pytest.mark.parametrize("mix", [False, True])
@pytest.mark.parametrize("inplace", [True, False])
def test_as_numpy_does_it(solver, mix, inplace, run):
    plan = solver.plan(VP, time_grid(VP, 8))
    plan = mixed(plan) if mix else plan
    x, model = start(), LAW.model(VP)
    noise = [start(seed=i + 1) for i in range(plan.n_evals)]
    before = x.clone()
    found = sample(model, x, plan, noise=noise, inplace=inplace)

    def denoise(state, t):
        return model.denoise(torch.from_numpy(state), t).numpy()

    expected = run(plan, x.numpy(), denoise, [z.numpy() for z in noise])
    assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-10)
    assert torch.equal(x, before)


@pytest.mark.parametrize("prediction", ["x0", "v", "score", "flow"])
@pytest.mark.parametrize(
    "schedule", [VP, FlowSchedule(), VESchedule(0.01, 10.0), DiscreteVPSchedule()]
)
def test_what_the_network_predicts_changes_nothing(prediction, schedule):
    grid = time_grid(schedule, 7)
    x = initial_noise(schedule, grid, (5, 2), torch.Generator().manual_seed(0), torch.float64)
    plan = UniPC(3).plan(schedule, grid)
    ends = [sample(LAW.model(schedule, kind), x, plan) for kind in ("eps", prediction)]
    assert_allclose(ends[0].numpy(), ends[1].numpy(), rtol=1e-10, atol=1e-10)


def test_the_exact_flow_of_one_normal_law():
    # x_t = a_t mu + sqrt((a_t^2 v + s_t^2) / (a_s^2 v + s_s^2)) (x_s - a_s mu)
    law, x = GaussianMixture([[1.0, -2.0]], 0.25), start()
    grid = time_grid(VP, 400)
    found = sample(law.model(VP), x, DPMSolver(3, weights="exact"), grid)
    total = VP.alpha(grid[[0, -1]]) ** 2 * 0.25 + VP.sigma(grid[[0, -1]]) ** 2
    mean = np.array([1.0, -2.0])
    ratio = np.sqrt(total[1] / total[0])
    expected = VP.alpha(grid[-1]) * mean + ratio * (x.numpy() - VP.alpha(1.0) * mean)
    assert_allclose(found.numpy(), expected, rtol=2e-6)


def test_samples_have_the_law_that_the_oracle_says():
    # 4 standard errors of 40000 draws, false alarm below 1e-3 over the four figures
    plan, n = DPMSolver(2, eta=1.0).plan(VP, time_grid(VP, 10)), 40_000
    model = GaussianMixture([[1.0]], 0.25).model(VP)
    generator = torch.Generator().manual_seed(0)
    spread = np.sqrt(VP.alpha(1.0) ** 2 * 0.25 + VP.sigma(1.0) ** 2)
    x = VP.alpha(1.0) + spread * torch.randn(n, 1, dtype=torch.float64, generator=generator)
    ends = sample(model, x, plan, generator=generator)
    law = gaussian_law(plan, 1.0, 0.25)
    assert abs(float(ends.mean()) - law.mean) < 4 * np.sqrt(law.var / n)
    assert abs(float(ends.var()) - law.var) < 4 * law.var * np.sqrt(2 / n)


# --- what a run takes and leaves ------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS, ids=names)
def test_nothing_waits_for_the_device(solver, strict):
    model = DiffusionModel(lambda x, t: x * t[:, None].to(x.dtype) * 0.1, VP)
    x = start(dtype=torch.float32).as_subclass(strict)
    guided = ClassifierFreeGuidance(
        DiffusionModel(lambda x, t, cond: x * 0.1 + cond, VP), 2.0, torch.zeros(1, 2)
    )
    for each, cond in ((model, None), (guided, torch.ones(6, 2))):
        out = sample(
            each, x, solver, time_grid(VP, 8), cond=cond, generator=torch.Generator(),
            postprocess=DynamicThreshold(0.9),
        )  # fmt: skip
        assert isinstance(out, strict)
    with pytest.raises(AssertionError, match="waits for the device"):
        float(out.sum())


@pytest.mark.parametrize("solver", SOLVERS, ids=names)
def test_reruns_are_equal_to_the_bit(solver):
    grid, model = time_grid(VP, 6), LAW.model(VP)
    state = torch.random.get_rng_state()
    ends = [
        sample(model, start(), solver, grid, generator=torch.Generator().manual_seed(3))
        for _ in range(2)
    ]
    assert torch.equal(*ends)
    assert torch.equal(torch.random.get_rng_state(), state)


@given(st.integers(0, 2**31), st.permutations(range(5)), st.integers(1, 4))
@settings(max_examples=20)
def test_a_sample_does_not_depend_on_its_batch(seed, order, cut):
    def generators(which):
        return [torch.Generator().manual_seed(seed + i) for i in which]

    grid, model, solver = time_grid(VP, 5), LAW.model(VP), DPMSolver(2, eta=1.0)
    x = initial_noise(VP, grid, (5, 2), generators(range(5)), torch.float64)
    whole = sample(model, x, solver, grid, generator=generators(range(100, 105)))
    parts = [order[:cut], order[cut:]]
    for part in parts:
        rows = list(part)
        mine = initial_noise(VP, grid, (len(rows), 2), generators(rows), torch.float64)
        assert torch.equal(mine, x[rows])
        out = sample(model, mine, solver, grid, generator=generators([100 + i for i in rows]))
        assert_allclose(out.numpy(), whole[rows].numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("solver", "most"),
    [(DDIM(), 2), (DPMSolver(2), 4), (DPMSolver(3), 5), (DEIS(3), 6), (UniPC(3), 6)],
)
def test_buffers(solver, most, monkeypatch):
    # K outputs in the history need at most K + 3 state-sized tensors of the executor's own
    made = []
    whole = torch.empty_like

    def counted(*arguments, **keywords):
        made.append(1)
        return whole(*arguments, **keywords)

    monkeypatch.setattr(torch, "empty_like", counted)
    model = DiffusionModel(lambda x, t: x, VP, "x0")
    sample(model, start(), solver, time_grid(VP, 30))
    assert len(made) <= most


def test_a_plan_is_compiled_once_for_each_kind_of_network():
    plan, x = UniPC(3).plan(VP, time_grid(VP, 8)), start()
    first = sample(LAW.model(VP), x, plan)
    programs = dict(plan._compiled)
    assert len(programs) == 1
    assert torch.equal(sample(LAW.model(VP), x, plan), first)
    assert plan._compiled == programs
    other = sample(LAW.model(VP, "v"), x, plan)
    clipped = sample(LAW.model(VP), x, plan, postprocess=lambda x0: x0)
    assert len(plan._compiled) == 3
    assert_allclose(other, first, rtol=1e-9)
    assert_allclose(clipped, first, rtol=1e-9)


def test_a_network_may_write_its_output_into_the_same_memory():
    memory = torch.empty(6, 2, dtype=torch.float64)
    for prediction in ("eps", "x0", "v"):
        law = LAW.model(VP, prediction)
        model = DiffusionModel(lambda x, t, law=law: memory.copy_(law.fn(x, t)), VP, prediction)
        for solver in SOLVERS:
            plan = solver.plan(VP, time_grid(VP, 8))
            noise = [start(seed=i + 1) for i in range(plan.n_evals)]
            assert torch.equal(
                sample(model, start(), plan, noise=noise), sample(law, start(), plan, noise=noise)
            )


def test_half_precision_is_carried_in_single():
    seen = []

    def network(x, t):
        seen.append((x.dtype, t.dtype))
        return x

    model = DiffusionModel(network, VP, "x0")
    x, grid = start(dtype=torch.float32), time_grid(VP, 5)
    half = sample(model, x.half(), DPMSolver(2), grid)
    assert half.dtype == torch.float16
    assert set(seen) == {(torch.float16, torch.float32)}
    seen.clear()
    assert sample(model, x.double(), DDIM(), grid).dtype == torch.float64
    assert set(seen) == {(torch.float64, torch.float64)}
    seen.clear()
    model = DiffusionModel(network, VP, "x0", model_dtype=torch.bfloat16)
    assert sample(model, x, DDIM(), grid).dtype == torch.float32
    assert seen[0][0] == torch.bfloat16
    assert sample(model, x, DDIM(), grid, dtype=torch.float64).dtype == torch.float64


def test_gradients_flow():
    weight = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    model = DiffusionModel(lambda x, t: weight * x, VP, "x0")
    x, grid = start(), time_grid(VP, 4)
    loss = sample(model, x, UniPC(2), grid).square().sum()
    (slope,) = torch.autograd.grad(loss, weight)
    values = [
        float(
            sample(DiffusionModel(lambda x, t, w=w: w * x, VP, "x0"), x, UniPC(2), grid)
            .square()
            .sum()
        )
        for w in (0.5 - 1e-6, 0.5 + 1e-6)
    ]
    assert float(slope) == pytest.approx((values[1] - values[0]) / 2e-6, rel=1e-6)
    leaf = x.clone().requires_grad_()
    sample(LAW.model(VP), leaf, DDIM(), grid).sum().backward()
    assert leaf.grad.abs().sum() > 0


def test_trajectory_and_callback():
    grid, model = time_grid(VP, 5), LAW.model(VP)
    seen = []
    end, states = sample(
        model, start(), UniPC(2), grid, return_trajectory=True,
        callback=lambda *a: seen.append((a[0], a[1], a[2].clone(), a[3].clone())),
    )  # fmt: skip
    assert len(states) == 6
    assert torch.equal(states[0], start())
    assert torch.equal(states[-1], end)
    assert [(i, t) for i, t, *_ in seen] == list(enumerate(grid[1:]))
    assert_allclose(seen[0][3], model.denoise(start(), 1.0))
    stopped = sample(model, start(), UniPC(2), grid, callback=lambda i, *_: i == 1)
    assert torch.equal(stopped, seen[1][2])


def test_progress(capsys):
    sample(LAW.model(VP), start(), DDIM(), time_grid(VP, 3), progress=True)
    assert "sampling" in capsys.readouterr().err


def test_noise_as_a_function_and_as_a_list():
    grid, solver = time_grid(VP, 4), DPMSolver(2, eta=1.0)
    given = [start(seed=i) for i in range(4)]
    ends = [
        sample(LAW.model(VP), start(seed=9), solver, grid, noise=noise)
        for noise in (given, lambda i: given[i])
    ]
    assert torch.equal(*ends)
    plain = sample(LAW.model(VP), start(seed=9), DDIM(), grid, noise=given)  # not looked at
    assert torch.equal(plain, sample(LAW.model(VP), start(seed=9), DDIM(), grid))


# --- guidance and limits --------------------------------------------------------------------------


def test_guidance_of_a_mixture_is_exact():
    # conditional and unconditional models of a mixture are known: y_u + w (y_c - y_u) by hand
    model = LAW.model(VP)
    x, t, cond = start(), 0.4, torch.tensor([0, 1, 0, 1, 1, 0])
    parts = [LAW.model(VP, components=[k]).denoise(x, t) for k in (0, 1)]
    conditional = torch.where(cond[:, None] == 0, *parts)
    for batched in (True, False):
        guided = ClassifierFreeGuidance(model, 2.5, torch.tensor([-1]), batched=batched)
        expected = model.denoise(x, t) + 2.5 * (conditional - model.denoise(x, t))
        assert_allclose(guided.denoise(x, t, cond=cond), expected, rtol=1e-9)
    assert_allclose(ClassifierFreeGuidance(model, 1.0).denoise(x, t, cond=cond), conditional)
    alone = ClassifierFreeGuidance(model, 0.0, torch.tensor([-1]))
    assert_allclose(alone.denoise(x, t, cond=cond), model.denoise(x, t))


def test_guidance_in_an_interval_and_rescaled():
    calls = []

    def network(x, t, cond=None):
        calls.append(len(x))
        return x + (0 if cond is None else cond[:, None])

    model = DiffusionModel(network, VP)
    cond = torch.ones(6, dtype=torch.float64)
    guided = ClassifierFreeGuidance(model, 3.0, 0 * cond, interval=(0.2, 0.6))
    sample(guided, start(), DDIM(), [0.9, 0.5, 0.1, 0.05], cond=cond)
    assert calls == [6, 12, 6]
    rescaled = ClassifierFreeGuidance(model, 3.0, 0 * cond, rescale=1.0)
    y = rescaled._output(start(), rescaled.call_at(0.5, start()), cond)
    expected = (start() + 1).std(1)
    assert_allclose(y.std(1), expected, rtol=1e-9)


def test_classifier_guidance_of_a_mixture():
    # the exact classifier turns the unconditional model into the conditional one
    first = LAW.model(VP, components=[0])

    def log_prob(x, t):
        joint = LAW._log_joint(x, float(VP.alpha(0.4)), float(VP.sigma(0.4)))[0]
        return joint[:, 0] - joint.logsumexp(1)

    for prediction in ("eps", "x0", "v", "score"):
        guided = ClassifierGuidance(LAW.model(VP, prediction), log_prob, 1.0)
        assert_allclose(guided.denoise(start(), 0.4), first.denoise(start(), 0.4), rtol=1e-9)
    same = ClassifierGuidance(LAW.model(VP), log_prob, 0.0)
    assert torch.equal(same.denoise(start(), 0.4), LAW.model(VP).denoise(start(), 0.4))


def test_dynamic_threshold():
    x0 = torch.tensor([[-3.0, 0.5, 1.0, 2.0, 0.1, -0.2, 0.3, 0.4]])
    expected = [-1, 0.2174, 0.4348, 0.8696, 0.0435, -0.0870, 0.1304, 0.1739]
    assert_allclose(DynamicThreshold(0.9)(x0)[0], expected, atol=5e-5)
    x0 = start(40).reshape(4, 20)
    for quantile in (0.1, 0.5, 0.95, 0.999):
        s = torch.quantile(x0.abs(), quantile, dim=1, keepdim=True).clamp_min(1.0)
        assert_allclose(DynamicThreshold(quantile)(x0), x0.clamp(-s, s) / s, rtol=1e-12)
    assert torch.equal(DynamicThreshold(0.9)(x0 * 0.01), x0 * 0.01)


@pytest.mark.parametrize("solver", [DPMSolver(2), DPMSolver(2, "eps"), UniPC(2)])
def test_limits_act_on_both_predictions(solver, run):
    model, clip = LAW.model(VP), Clip(-0.5, 0.5)
    found = sample(model, start(), solver, time_grid(VP, 6), postprocess=clip)

    def clipped(state, t):
        return clip(model.denoise(torch.from_numpy(state), t)).numpy()

    expected = run(solver.plan(VP, time_grid(VP, 6)), start().numpy(), clipped)
    assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-12)


# --- exact models ---------------------------------------------------------------------------------


def test_full_covariances_are_rotated_diagonal_ones():
    angle = 0.3
    turn = torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    means, along = LAW.means, torch.tensor([[0.1, 0.3], [0.2, 0.05]], dtype=torch.float64)
    full = torch.stack([turn @ torch.diag(v) @ turn.T for v in along])
    plain, turned = GaussianMixture(means @ turn, along), GaussianMixture(means, full)
    x = start()
    expected = plain.model(VP).denoise(x @ turn, 0.3) @ turn.T
    assert_allclose(turned.model(VP).denoise(x, 0.3), expected, rtol=1e-9)
    expected = plain.log_prob(x @ turn, 0.3, VP)
    assert_allclose(turned.log_prob(x, 0.3, VP), expected, rtol=1e-9)
    draws = turned.sample(40_000, torch.Generator().manual_seed(0))
    expected = 0.5 * full.sum(0) + 0.25 * torch.outer(means[1] - means[0], means[1] - means[0])
    assert_allclose(torch.cov(draws.T), expected, atol=0.02)


def test_the_score_is_the_slope_of_the_log_density():
    x = start().requires_grad_()
    (slope,) = torch.autograd.grad(LAW.log_prob(x, 0.3, VP).sum(), x)
    model = LAW.model(VP, "score")
    score = model._output(x, model.call_at(0.3, x))
    assert_allclose(score.detach(), slope, rtol=1e-9)


def test_the_data_themselves():
    X = start(20)
    grid = time_grid(VP, 60, final="zero")
    ends = sample(EmpiricalDenoiser(X).model(VP), start(seed=5), DPMSolver(2), grid)
    assert torch.cdist(ends, X).min(1).values.max() < 1e-6


def test_edm_preconditioning():
    def raw(x, c):
        return torch.tanh(x) * c[:, None]

    x, sigma = start(), torch.full((6,), 2.0, dtype=torch.float64)
    total = 4 + 0.25
    expected = 0.25 / total * x + 1.0 / total**0.5 * torch.tanh(x / total**0.5) * np.log(2) / 4
    assert_allclose(EDMPrecond(raw)(x, sigma), expected, rtol=1e-12)


def test_times_of_the_network():
    seen = []

    def network(x, t):
        seen.append(t)
        return x

    schedule = DiscreteVPSchedule()
    model = DiffusionModel(network, schedule, "x0", time_map=lambda t: t / 1000)
    sample(model, start(3), DDIM(), time_grid(schedule, 4, "linspace"))
    assert [t.shape for t in seen] == [(3,)] * 4
    assert_allclose([float(t[0]) for t in seen], [0.999, 0.749, 0.5, 0.25])


@pytest.mark.parametrize("t", [0.3, torch.full((6,), 0.3, dtype=torch.float64)])
def test_denoise_takes_one_time_or_many(t):
    law = LAW.model(VP, "v")
    assert_allclose(law.denoise(start(), t), LAW.model(VP).denoise(start(), 0.3), rtol=1e-9)


def test_initial_noise():
    g = torch.Generator().manual_seed(0)
    plain = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(initial_noise(VP, [1.0, 0.1], (3, 2), g), plain)
    g.manual_seed(0)
    flow = initial_noise(FlowSchedule(), [0.5, 0.1], (3, 2), g)
    assert_allclose(flow, plain * 0.5, rtol=1e-6)


# --- errors ---------------------------------------------------------------------------------------

GRID = time_grid(VP, 4)
PLAN = DDIM().plan(VP, GRID)
EMPTY = DiscreteVPSchedule(zero_terminal_snr=True)
BAD = [
    (lambda: sample(LAW.model(VP), start(), PLAN, GRID), "grid must be None beside a Plan"),
    (lambda: sample(LAW.model(FlowSchedule()), start(), PLAN), "the plan is made for VPLinear"),
    (lambda: sample(LAW.model(VP), start(), DDIM()), "grid must be given for DDIM, got None"),
    (lambda: sample(LAW.model(VP), start(), "ddim", GRID), "must be a Plan or have a method plan"),
    (lambda: sample(LAW.model(VP), start(), DDIM(), [0.5, 0.1, 0.3]), "strictly descending"),
    (
        lambda: sample(LAW.model(VP), start(), DDIM(), GRID, noise=[start()]),
        "one tensor for each of the 4 calls, got 1",
    ),
    (
        lambda: sample(LAW.model(VP), start(), DDIM(1.0), GRID, noise=lambda i: start(3)),
        r"noise of row 0 must be of shape \(6, 2\), got \(3, 2\)",
    ),
    (
        lambda: sample(LAW.model(VP), start(), DDIM(1.0), GRID, generator=[torch.Generator()]),
        "one for each of the 6 samples, got 1",
    ),
    (
        lambda: sample(DiffusionModel(lambda x, t: x[:, :1], VP), start(), DDIM(), GRID),
        r"fn must return a tensor of the shape of x, \(6, 2\), got \(6, 1\)",
    ),
    (lambda: sample(LAW.model(VP), start(), DDIM(), GRID, inplace="yes"), "inplace must be"),
    (
        lambda: sample(
            DiffusionModel(lambda x, t: x, EMPTY), start(), DDIM(), time_grid(EMPTY, 3, "trailing")
        ),
        "no data is left",
    ),
    (lambda: DiffusionModel(len, VP, "noise"), "prediction must be one of .*got 'noise'"),
    (lambda: EDMPrecond(len, 0.0), "sigma_data must be a number > 0, got 0.0"),
    (lambda: ClassifierFreeGuidance(LAW.model(VP), np.nan), "scale must be a finite number"),
    (lambda: ClassifierFreeGuidance(LAW.model(VP), 2.0, rescale=2), r"rescale must be in \[0, 1\]"),
    (lambda: ClassifierFreeGuidance(LAW.model(VP), 2.0, interval=(1, 0)), "interval must be"),
    (lambda: ClassifierGuidance(LAW.model(VP), len, np.inf), "scale must be a finite number"),
    (lambda: Clip(1, 1), "low must be < high"),
    (lambda: DynamicThreshold(1.0), r"quantile must be in \(0, 1\), got 1.0"),
    (lambda: DynamicThreshold(0.9, 0), "max_value must be a number > 0, got 0"),
    (lambda: GaussianMixture([1.0], 1.0), r"means must be of shape \(K, d\)"),
    (lambda: GaussianMixture([[1.0]], [[1.0, 2.0]]), "variances must be a number or of shape"),
    (lambda: GaussianMixture([[1.0]], -1.0), "variances >= 0"),
    (lambda: GaussianMixture([[1.0]], 1.0, [0.0]), "weights must be 1 numbers > 0"),
    (lambda: LAW.log_prob(start(), t=0.5), "t and schedule must be given together"),
    (lambda: LAW.model(VP, "noise"), "prediction must be one of"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_wrong_types():
    with pytest.raises(TypeError, match="fn must be callable, got int"):
        DiffusionModel(3, VP)
    with pytest.raises(TypeError, match="schedule must be a NoiseSchedule, got str"):
        DiffusionModel(len, "linear")
    with pytest.raises(TypeError, match="model must be a DiffusionModel, got function"):
        sample(lambda x, t: x, start(), DDIM(), GRID)
    with pytest.raises(TypeError, match="model must be a DiffusionModel, got str"):
        ClassifierFreeGuidance("net", 2.0)


def test_what_is_not_finite_is_named():
    model = DiffusionModel(lambda x, t: x / 0, VP)
    with pytest.raises(FloatingPointError, match=r"after step 0 \(t = 0\.\d+\) is not finite"):
        sample(model, start(), DDIM(), GRID, check_finite=True)
