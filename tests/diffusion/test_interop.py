"""Plans in diffusers: the same numbers as its schedulers, the same pictures in its pipelines."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # everything here is made on the spot
torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
torch.set_num_threads(1)

import diffusers as peer  # noqa: E402

from sampkit.diffusion import (  # noqa: E402
    DDIM,
    DDPM,
    DEIS,
    PNDM,
    DiscreteVPSchedule,
    DPMSolver,
    DynamicCompensation,
    DynamicThreshold,
    FlowSchedule,
    GaussianMixture,
    SolverSchedule,
    UniPC,
    sample,
    time_grid,
)
from sampkit.diffusion.interop import PlanScheduler, from_diffusers  # noqa: E402

# diffusers hands tensors to NumPy in an old way, and warns of algorithms that it means to drop
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

S = DiscreteVPSchedule()
ANGLES = 2 * np.pi * np.arange(6) / 6
RING = GaussianMixture(
    np.column_stack([np.cos(ANGLES), np.sin(ANGLES)]), 0.05 + 0.02 * np.arange(6)
)


def start(n=64, seed=0):
    return torch.randn(n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def in_double(scheduler):
    """Their schedule without its rounding to float32."""
    if hasattr(scheduler, "sigmas"):
        nodes = [*(float(t) for t in scheduler.timesteps), 0.0]
        if float(scheduler.sigmas[-1]) == 0:
            nodes[-1] = -1.0
        ratios = np.exp(-S.lam(np.array(nodes)))
        scheduler.sigmas = torch.from_numpy(ratios[: len(scheduler.sigmas)])
    scheduler.alphas_cumprod = torch.from_numpy(S.alpha(np.arange(1000.0)) ** 2)
    if hasattr(scheduler, "final_alpha_cumprod"):
        scheduler.final_alpha_cumprod = scheduler.alphas_cumprod[0]


def theirs(scheduler, n, model, double, noises=None):
    """Their loop on a model: its times and its end."""
    scheduler.set_timesteps(n)
    if double:
        in_double(scheduler)
    x = start()
    for i, t in enumerate(scheduler.timesteps):
        more = {} if noises is None else {"variance_noise": noises[i]}
        y = model._output(x, model.call_at(float(t), x))
        x = scheduler.step(y, t, x, **more).prev_sample
    return [float(t) for t in scheduler.timesteps], x


def apart(ours, other):
    return float((ours - other).abs().max() / other.abs().max())


# --- one row for each of theirs (notes on the solvers, section 6) ---------------------------------

MULTI, SINGLE = peer.DPMSolverMultistepScheduler, peer.DPMSolverSinglestepScheduler
PREDICTION = {"dpmsolver++": "x0", "dpmsolver": "eps"}
WEIGHTS = {"midpoint": "midpoint", "heun": "exact"}


def cases():
    for algorithm, prediction in PREDICTION.items():
        for order, kind in ((1, "midpoint"), (2, "midpoint"), (2, "heun"), (3, "midpoint")):
            for n, most in ((5, 1e-6), (10, 1e-6), (20, 1e-5 if order == 3 else 7e-6)):
                yield (
                    f"multistep-{algorithm}-{order}-{kind}-{n}",
                    MULTI,
                    {"algorithm_type": algorithm, "solver_order": order, "solver_type": kind},
                    DPMSolver(order, prediction, weights="legacy" if order == 3 else WEIGHTS[kind]),
                    n,
                    most,
                )
            for n in (5, 6, 10):
                yield (
                    f"singlestep-{algorithm}-{order}-{kind}-{n}",
                    SINGLE,
                    {
                        "algorithm_type": algorithm,
                        "solver_order": order,
                        "solver_type": kind,
                        "lower_order_final": True,
                    },
                    DPMSolver(order, prediction, "singlestep", weights=WEIGHTS[kind], inner="grid"),
                    n,
                    (2e-5 if n == 5 and order == 3 else 1e-6)
                    if prediction == "x0"
                    else (3e-6 if n == 10 else 6e-4),
                )
    for order in (1, 2, 3):
        for variant in ("bh1", "bh2"):
            for predict_x0 in (True, False):
                for n in (5, 10):
                    yield (
                        f"unipc-{order}-{variant}-{predict_x0}-{n}",
                        peer.UniPCMultistepScheduler,
                        {"solver_order": order, "solver_type": variant, "predict_x0": predict_x0},
                        UniPC(order, "x0" if predict_x0 else "eps", variant),
                        n,
                        1e-6 if predict_x0 else (3e-6 if n == 10 else 9e-5),
                    )
        for n in (5, 10):
            yield (
                f"deis-{order}-{n}",
                peer.DEISMultistepScheduler,
                {"solver_order": order},
                DEIS(order - 1, "logrho"),
                n,
                3e-6,
            )


CASES = list(cases())
SIGMA_MIN = {"final_sigmas_type": "sigma_min"}


@pytest.mark.parametrize(
    ("kind", "options", "solver", "n", "most"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_as_they_compute_it(kind, options, solver, n, most):
    # Released, they round the schedule to float32: `most` is the figure of the notes, whose start
    # was another. With their schedule in double nothing but the last digits is left; multistep
    # DPM-Solver casts its states to float32 even then.
    model = RING.model(S)
    options = options if kind is peer.DEISMultistepScheduler else {**options, **SIGMA_MIN}
    for double, limit in ((False, 3 * most), (True, 5e-7 if kind is MULTI else 1e-11)):
        times, expected = theirs(kind(**options), n, model, double)
        assert apart(sample(model, start(), solver, [*times, 0.0]), expected) <= limit


@pytest.mark.parametrize("kind", [MULTI, SINGLE, peer.UniPCMultistepScheduler])
def test_the_clean_end(kind):
    options = {"lower_order_final": True, "final_sigmas_type": "zero"}
    solver = {
        MULTI: DPMSolver(2),
        SINGLE: DPMSolver(2, method="singlestep", inner="grid"),
        peer.UniPCMultistepScheduler: UniPC(2),
    }[kind]
    times, expected = theirs(kind(**options), 10, RING.model(S), double=True)
    found = sample(RING.model(S), start(), solver, [*times, -1.0])
    assert apart(found, expected) <= (5e-7 if kind is MULTI else 1e-11)


@pytest.mark.parametrize(("skip", "warmup"), [(True, "plms"), (False, "rk")])
def test_pndm(skip, warmup):
    model = RING.model(S)
    for double, limit in ((False, 3e-6), (True, 1e-11)):
        _, expected = theirs(peer.PNDMScheduler(skip_prk_steps=skip), 10, model, double)
        found = sample(model, start(), PNDM(warmup), np.arange(900.0, -1, -100))
        assert apart(found, expected) <= limit


def test_ddim():
    model, options = RING.model(S), {"clip_sample": False, "set_alpha_to_one": False}
    for double, limit in ((False, 2e-6), (True, 1e-11)):
        _, expected = theirs(peer.DDIMScheduler(**options), 10, model, double)
        found = sample(model, start(), DDIM(), np.arange(900.0, -1, -100))
        assert apart(found, expected) <= limit


def test_lms():
    # in variance-exploding states x / alpha, which their pipelines scale for the network
    scheduler, model = peer.LMSDiscreteScheduler(), RING.model(S)
    scheduler.set_timesteps(10)
    times = [float(t) for t in scheduler.timesteps]
    alpha = S.alpha(np.array([*times, -1.0]))
    x = start() / alpha[0]
    for t in scheduler.timesteps:
        given = scheduler.scale_model_input(x, t)
        x = scheduler.step(model._output(given, model.call_at(float(t), given)), t, x).prev_sample
    found = sample(model, start(), DEIS(3, "rhoab"), [*times, -1.0])
    assert apart(found, x) <= 2e-6


# --- the same noise -------------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "kind"), [(1, "midpoint"), (2, "midpoint"), (2, "heun")])
@pytest.mark.parametrize("n", [10, 20])
def test_stochastic_multistep(order, kind, n):
    options = {"algorithm_type": "sde-dpmsolver++", "solver_order": order, "solver_type": kind}
    model, noises = RING.model(S), [start(seed=i + 1) for i in range(n)]
    solver = DPMSolver(order, weights=WEIGHTS[kind], eta=1.0)
    for double, limit in ((False, 6e-5), (True, 1e-6)):
        times, expected = theirs(MULTI(**options, **SIGMA_MIN), n, model, double, noises)
        found = sample(model, start(), solver, [*times, 0.0], noise=noises)
        assert apart(found, expected) <= limit


@pytest.mark.parametrize(("order", "kind"), [(1, "midpoint"), (2, "midpoint"), (2, "heun")])
def test_stochastic_noise_prediction(order, kind):
    options = {"algorithm_type": "sde-dpmsolver", "solver_order": order, "solver_type": kind}
    model, noises = RING.model(S), [start(seed=i + 1) for i in range(20)]
    solver = DPMSolver(order, "eps", weights=WEIGHTS[kind], sde_eps=True)
    times, expected = theirs(MULTI(**options, **SIGMA_MIN), 20, model, True, noises)
    assert apart(sample(model, start(), solver, [*times, 0.0], noise=noises), expected) <= 2e-6


def third_order_weights(algorithm):
    """Weights of the last three data predictions in step 10 of 20 of theirs, newest first."""
    scheduler = MULTI(algorithm_type=algorithm, solver_order=3, **SIGMA_MIN)
    scheduler.set_timesteps(20)
    in_double(scheduler)
    scheduler._step_index = 10
    outputs = list(torch.eye(3, dtype=torch.float64))  # the step is linear in them; oldest first
    zero = torch.zeros(3, dtype=torch.float64)
    step = scheduler.multistep_dpm_solver_third_order_update(outputs, sample=zero, noise=zero)
    return step.numpy()[::-1], [*scheduler.timesteps.tolist(), 0.0]


def test_their_third_order_without_noise():
    weights, grid = third_order_weights("dpmsolver++")
    ours = DPMSolver(3, weights="legacy").plan(S, grid).rows[10].w_x0
    np.testing.assert_allclose(weights, ours, rtol=1e-12)


def test_their_third_order_with_noise_has_a_wrong_sign():
    # With H = 2 h the second divided difference D2 weighs alpha M_2(H) / 2 =
    # alpha ((1 - exp(-H) - H) / H^2 + 1/2); theirs has - 1/2, which is alpha D2 too little.
    weights, grid = third_order_weights("sde-dpmsolver++")
    ours = DPMSolver(3, weights="legacy", eta=1.0).plan(S, grid).rows[10].w_x0
    np.testing.assert_allclose(ours, [0.273, -0.172, 0.045], atol=1e-3)
    np.testing.assert_allclose(weights, [0.115, 0.132, -0.100], atol=1e-3)
    lam = S.lam(np.array(grid[8:12]))
    r0, r1 = (lam[2] - lam[1]) / (lam[3] - lam[2]), (lam[1] - lam[0]) / (lam[3] - lam[2])
    second = np.array([1 / r0, -1 / r0 - 1 / r1, 1 / r1]) / (r0 + r1)
    np.testing.assert_allclose(weights, np.array(ours) - S.alpha(grid[11]) * second, rtol=1e-9)


@pytest.mark.parametrize("variance", ["small", "large"])
def test_ddpm(variance):
    options = {"clip_sample": False, "variance_type": f"fixed_{variance}"}
    scheduler, model = peer.DDPMScheduler(**options), RING.model(S)
    scheduler.set_timesteps(20)
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    x = start()
    for t in scheduler.timesteps:
        y = model._output(x, model.call_at(float(t), x))
        x = scheduler.step(y, t, x, generator=generators[0]).prev_sample
    grid = [*scheduler.timesteps.tolist(), -1.0]
    found = sample(model, start(), DDPM(variance), grid, generator=generators[1])
    assert apart(found, x) <= 1e-5


def test_ddim_with_noise():
    model, noises = RING.model(S), [start(seed=i + 1) for i in range(10)]
    scheduler = peer.DDIMScheduler(clip_sample=False)
    scheduler.set_timesteps(10)
    x = start()
    for i, t in enumerate(scheduler.timesteps):
        y = model._output(x, model.call_at(float(t), x))
        x = scheduler.step(y, t, x, eta=0.7, variance_noise=noises[i]).prev_sample
    grid = [*scheduler.timesteps.tolist(), -1.0]
    assert apart(sample(model, start(), DDIM(0.7), grid, noise=noises), x) <= 1e-5


# --- as a scheduler -------------------------------------------------------------------------------

SOLVERS = [
    DDIM(),
    DDIM(0.5),
    DPMSolver(2),
    DPMSolver(3, weights="legacy"),
    DPMSolver(2, "eps"),
    DPMSolver(3, method="singlestep"),
    DPMSolver(3, method="singlestep", inner="grid"),
    DPMSolver(2, eta=1.0),
    DEIS(3),
    DEIS(kind="rhork", rk="rk4"),
    UniPC(3),
    UniPC(2, corrector_skip=(0,)),
    UniPC(2, "eps", solver=DEIS(1)),
    PNDM(),
    PNDM("plms"),
    DynamicCompensation(UniPC(2), [1, 1, 1.2, 0.9, 1.1, 1, 1, 1]),
]
NAMES = [f"{type(s).__name__}{i}" for i, s in enumerate(SOLVERS)]


def loop(scheduler, model, x, times, **more):
    """What a pipeline does."""
    for t in times:
        given = scheduler.scale_model_input(x, t)
        y = model._output(given, model.call_at(float(t), given))
        before = x.clone(), y.clone()
        out = scheduler.step(y, t, x, return_dict=False, **more)[0]
        assert torch.equal(x, before[0])
        assert torch.equal(y, before[1])
        x = out
    return x


@pytest.mark.parametrize("solver", SOLVERS, ids=NAMES)
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_step_by_step_is_the_whole(solver, kind):
    model = RING.model(S, {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}[kind])
    scheduler = PlanScheduler(solver, prediction_type=kind)
    generators = [torch.Generator().manual_seed(1) for _ in range(4)]
    grid = time_grid(S, 8, "linspace")
    expected = sample(model, start(), solver, grid, generator=generators[0])
    for generator in generators[1:3]:  # a scheduler is used again
        scheduler.set_timesteps(8)
        assert len(scheduler.timesteps) == solver.n_evals(8) == len(scheduler.sigmas) - 1
        found = loop(scheduler, model, start(), scheduler.timesteps, generator=generator, eta=0.0)
        whole_times = scheduler.timesteps.dtype == torch.int64  # else float32, as networks like it
        assert apart(found, expected) <= (1e-12 if whole_times else 1e-7)


def test_what_came_back_is_left_alone():
    scheduler, model, x = PlanScheduler(UniPC(3)), RING.model(S), start()
    scheduler.set_timesteps(8)
    seen = []
    for t in scheduler.timesteps:
        x = scheduler.step(model._output(x, model.call_at(float(t), x)), t, x).prev_sample
        seen.append((x, x.clone()))
    assert all(torch.equal(one, other) for one, other in seen)
    _, states = sample(
        model, start(), UniPC(3, corrector=False), time_grid(S, 8, "linspace"),
        return_trajectory=True,
    )  # fmt: skip
    assert apart(seen[0][0], states[1]) <= 1e-12  # as predicted: no corrector has acted yet


@pytest.mark.parametrize(
    "solver",
    [DDIM(), DPMSolver(2), DPMSolver(3), UniPC(3), DPMSolver(3, method="singlestep", inner="grid")],
)
def test_a_start_in_the_middle(solver):
    scheduler, model = PlanScheduler(solver), RING.model(S)
    for say in (True, False):
        scheduler.set_timesteps(16)
        if say:
            scheduler.set_begin_index(6)
        assert (scheduler.begin_index == 6) == say
        found = loop(scheduler, model, start(), scheduler.timesteps[6:])
        assert scheduler.begin_index == 6
        assert scheduler.step_index == 16
        # 10 steps are left, and yet orders do not fall at the end: 16 were asked for
        whole = solver
        if getattr(solver, "lower_order_final", None) == "auto":
            whole = type(solver)(**{**vars(solver), "lower_order_final": False})
        expected = sample(model, start(), whole, time_grid(S, 16, "linspace")[6:])
        assert apart(found, expected) <= 1e-12


def test_as_theirs_in_the_middle():
    other = MULTI(solver_order=2, timestep_spacing="linspace", **SIGMA_MIN)
    ours = PlanScheduler.from_config(other.config, solver=DPMSolver(2))
    ends = []
    for scheduler in (other, ours):
        scheduler.set_timesteps(16)
        scheduler.set_begin_index(6)
        ends.append(loop(scheduler, RING.model(S), start(), scheduler.timesteps[6:]))
    assert apart(*ends) <= 1e-5


def test_whole_steps_of_several_calls_in_the_middle():
    solver, model = DEIS(kind="rhork", rk="heun2"), RING.model(S)
    scheduler = PlanScheduler(solver)
    scheduler.set_timesteps(8)
    found = loop(scheduler, model, start(), scheduler.timesteps[4:])
    expected = sample(model, start(), solver, time_grid(S, 8, "linspace")[2:])
    assert apart(found, expected) <= 1e-12


def test_timesteps_and_sigmas_of_ones_own():
    model, times = RING.model(S), [900, 500, 200, 40]
    scheduler = PlanScheduler(UniPC(2), final="zero")
    scheduler.set_timesteps(timesteps=times)
    assert scheduler.timesteps.tolist() == times
    assert scheduler.timesteps.dtype == torch.int64
    found = loop(scheduler, model, start(), scheduler.timesteps)
    assert apart(found, sample(model, start(), UniPC(2), [*times, -1.0])) <= 1e-12
    ratios = np.exp(-S.lam(np.array([*times, -1.0])))
    scheduler.set_timesteps(sigmas=ratios)
    np.testing.assert_allclose(scheduler.timesteps, times, rtol=1e-6)
    np.testing.assert_allclose(scheduler.sigmas, ratios, rtol=1e-6)
    own = SolverSchedule.from_solver(DPMSolver(2, weights="exact"), S, time_grid(S, 5, "logsnr"))
    scheduler = PlanScheduler(own)
    scheduler.set_timesteps(5)
    np.testing.assert_allclose(scheduler.timesteps, own.grid[:-1], rtol=1e-6)


@pytest.mark.parametrize("spacing", ["linspace", "leading", "trailing"])
@pytest.mark.parametrize("n", [5, 10, 23])
def test_their_integer_times(spacing, n):
    other = MULTI(timestep_spacing=spacing, steps_offset=1, **SIGMA_MIN)
    other.set_timesteps(n)
    ours = PlanScheduler.from_config(other.config, solver=DPMSolver(2))
    ours.set_timesteps(n)
    assert ours.timesteps.tolist() == other.timesteps.tolist()
    np.testing.assert_allclose(ours.sigmas, other.sigmas, rtol=1e-4)  # theirs are float32


def test_precision_of_the_pipeline_is_kept():
    scheduler = PlanScheduler(UniPC(2))
    scheduler.set_timesteps(4)
    x = start().to(torch.float16)
    for t in scheduler.timesteps:
        x = scheduler.step(x, t, x).prev_sample
        assert x.dtype == torch.float16


@pytest.mark.parametrize("rows", [1, 64])
def test_add_noise(rows):
    x, noise, t = start(), start(seed=1), torch.full((rows,), 300)
    expected = peer.DDPMScheduler().add_noise(x, noise, t)
    assert apart(PlanScheduler(DDIM()).add_noise(x, noise, t), expected) <= 1e-6


# --- configurations -------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS, ids=NAMES)
def test_configurations_go_round(solver, tmp_path):
    scheduler = PlanScheduler(
        solver, num_train_timesteps=500, beta_end=0.03, prediction_type="v_prediction",
        postprocess=DynamicThreshold(0.9, 2.0), steps_offset=1, timestep_spacing="leading",
    )  # fmt: skip
    scheduler.save_config(tmp_path)
    stored = json.loads((tmp_path / "scheduler_config.json").read_text())
    assert stored["solver"]["name"] == type(solver).__name__
    for again in (
        PlanScheduler.from_pretrained(tmp_path),
        PlanScheduler.from_config(scheduler.config),
    ):
        assert again.solver == solver
        assert again.schedule == scheduler.schedule
        assert vars(again.postprocess) == vars(scheduler.postprocess)
        again.set_timesteps(8)
        scheduler.set_timesteps(8)
        assert torch.equal(again.timesteps, scheduler.timesteps)
    assert len(scheduler) == 500


def test_the_configuration_of_others():
    other = peer.DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1,
        timestep_spacing="trailing", prediction_type="v_prediction", rescale_betas_zero_snr=True,
    )  # fmt: skip
    ours = PlanScheduler.from_config(other.config, solver=UniPC(2))
    expected = DiscreteVPSchedule(None, 0.00085, 0.012, "scaled_linear", zero_terminal_snr=True)
    assert ours.schedule == expected
    assert ours.config.timestep_spacing == "trailing"
    back = peer.DDIMScheduler.from_config(ours.config)
    assert back.config.beta_schedule == "scaled_linear"
    ours.set_timesteps(5)
    found = loop(ours, RING.model(expected, "v"), start(), ours.timesteps)
    grid = time_grid(expected, 5, "trailing")
    assert apart(found, sample(RING.model(expected, "v"), start(), UniPC(2), grid)) <= 1e-12
    betas = np.linspace(1e-3, 0.02, 50)
    own = PlanScheduler.from_config(peer.DDPMScheduler(trained_betas=betas).config, solver=DDIM())
    assert own.schedule == DiscreteVPSchedule(betas)


def test_a_function_cannot_be_stored(tmp_path):
    scheduler = PlanScheduler(DDIM(), postprocess=torch.tanh)
    assert PlanScheduler.from_config(scheduler.config).postprocess is torch.tanh
    with pytest.raises(ValueError, match="cannot be stored, only Clip and DynamicThreshold"):
        scheduler.save_config(tmp_path)


def run_out(scheduler):
    scheduler.set_timesteps(2)
    for t in [*scheduler.timesteps, 0]:
        scheduler.step(start(), t, start())


def ready(solver, n=4):
    scheduler = PlanScheduler(solver)
    scheduler.set_timesteps(n)
    return scheduler


BAD = [
    (lambda: PlanScheduler(DDIM()).step(start(), 3, start()), "call set_timesteps before step"),
    (lambda: PlanScheduler(DDIM()).set_begin_index(0), "call set_timesteps before step"),
    (lambda: PlanScheduler("ddim"), "solver must have the methods plan"),
    (lambda: PlanScheduler({"name": "Euler"}), "name must be one of"),
    (lambda: PlanScheduler(DDIM(), final="sigma"), "final must be 't_end' or 'zero', got 'sigma'"),
    (lambda: PlanScheduler(DDIM(), beta_schedule="sigmoid"), "beta_schedule must be one of"),
    (lambda: PlanScheduler(DDIM(), prediction_type="flow_prediction"), "prediction_type must be"),
    (lambda: PlanScheduler(DDIM(), timestep_spacing="even"), "spacing must be one of"),
    (lambda: PlanScheduler(DDIM(), postprocess="clip"), "postprocess must be callable or None"),
    (lambda: PlanScheduler(DDIM(), postprocess={"name": "Cut"}), "postprocess must be of"),
    (lambda: PlanScheduler(DDIM(), num_train_timesteps=0), "num_train_steps must be >= 1"),
    (lambda: PlanScheduler(DDIM()).set_timesteps(), "must be given, got"),
    (lambda: PlanScheduler(DDIM()).set_timesteps(4, timesteps=[5, 2]), "must be given, got"),
    (lambda: PlanScheduler(DDIM()).set_timesteps(0), "n_steps must be an int >= 1, got 0"),
    (lambda: PlanScheduler(DDIM()).set_timesteps(timesteps=[5, 7]), "strictly descending"),
    (lambda: PlanScheduler(DDIM()).set_timesteps(timesteps=3), "must be a list of times"),
    (lambda: PlanScheduler(UniPC(2, "eps"), final="zero").set_timesteps(4), "ends without noise"),
    (lambda: ready(DDIM()).set_begin_index(4), r"begin_index must be in \[0, 4\), got 4"),
    (lambda: ready(DDIM()).step(start(), 17, start()), "one of the scheduler's timesteps"),
    (lambda: ready(PNDM(), 8).set_begin_index(13), "PNDM cannot begin at entry 13"),
    (lambda: ready(DPMSolver(3, method="singlestep")).set_begin_index(1), "cannot begin at entry"),
    (lambda: ready(DDIM()).step(start(3), 999, start()), "must be of shape"),
    (lambda: run_out(PlanScheduler(DDIM())), "all 2 steps are done"),
    (lambda: from_diffusers(torch.nn.Identity()), "schedule must be given with a network"),
    (lambda: from_diffusers("pipe"), "unet_or_pipe must be a network"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- in pipelines, with tiny random networks ------------------------------------------------------

QUIET = {"output_type": "pt"}


@pytest.fixture(scope="module")
def unet():
    torch.manual_seed(0)
    return peer.UNet2DModel(
        sample_size=8, in_channels=3, out_channels=3, layers_per_block=1,
        block_out_channels=(8, 8), norm_num_groups=4, attention_head_dim=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"), num_class_embeds=None,
    ).eval()  # fmt: skip


def pictures(pipe, scheduler, **more):
    pipe.scheduler = scheduler
    pipe.set_progress_bar_config(disable=True)
    return pipe(generator=torch.Generator().manual_seed(0), num_inference_steps=10, **QUIET, **more)


def are_grey(images):
    """Whether most values are inside the range that pipelines cut at: else equality says little."""
    return float(((images > 0) & (images < 1)).mean(dtype=float)) > 0.9


# the random networks' output taken for the data, so that pictures stay in their range
SAMPLE = {"prediction_type": "sample"}


def test_ddpm_pipeline(unet):
    other = MULTI(solver_order=2, **SIGMA_MIN, **SAMPLE)
    pipe = peer.DDPMPipeline(unet, other)
    expected = pictures(pipe, other, batch_size=2).images
    ours = PlanScheduler.from_config(other.config, solver=DPMSolver(2))
    assert are_grey(expected.numpy())
    assert apart(pictures(pipe, ours, batch_size=2).images, expected) <= 2e-5
    for solver in (UniPC(3), PNDM(), DPMSolver(2, eta=1.0)):  # theirs of UniPC cannot run here
        images = pictures(pipe, PlanScheduler(solver, **SAMPLE), batch_size=2).images
        assert images.shape == (2, 3, 8, 8)
        assert bool(torch.isfinite(images).all())


def test_a_pipeline_saved_and_loaded(unet, tmp_path):
    pipe = peer.DDPMPipeline(unet, PlanScheduler(UniPC(3), **SAMPLE))
    expected = pictures(pipe, pipe.scheduler).images
    pipe.save_pretrained(tmp_path)
    scheduler = PlanScheduler.from_pretrained(tmp_path, subfolder="scheduler")
    again = peer.DDPMPipeline.from_pretrained(tmp_path, scheduler=scheduler)
    assert apart(pictures(again, scheduler).images, expected) <= 1e-5


def test_a_network_of_theirs_as_a_model(unet):
    pipe = peer.DDPMPipeline(unet, peer.DDPMScheduler(beta_end=0.03, **SAMPLE))
    model = from_diffusers(pipe)
    assert model.schedule == DiscreteVPSchedule(beta_end=0.03)
    assert model.prediction == "x0"
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    scheduler = PlanScheduler.from_config(
        pipe.scheduler.config, solver=UniPC(3), timestep_spacing="linspace"
    )
    images = pictures(pipe, scheduler, batch_size=2).images
    assert are_grey(images.numpy())
    with torch.no_grad():
        found = sample(model, x, UniPC(3), time_grid(model.schedule, 10, "linspace"))
    assert apart((found / 2 + 0.5).clamp(0, 1), images) <= 2e-5
    alone = from_diffusers(unet, FlowSchedule(), "flow")
    assert alone.prediction == "flow"


def test_classes_and_tokens_as_conditions():
    torch.manual_seed(0)
    small = {"sample_size": 8, "block_out_channels": (8,), "norm_num_groups": 4}
    blocks = {"down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",)}
    labelled = peer.UNet2DModel(**small, **blocks, num_class_embeds=5, layers_per_block=1)
    x, labels = torch.randn(2, 3, 8, 8), torch.tensor([1, 3])
    with torch.no_grad():
        model = from_diffusers(labelled, S)
        y = model._output(x, model.call_at(400.0, x), labels)
        assert apart(y, labelled(x, 400, class_labels=labels).sample) <= 1e-5
        told = peer.UNet2DConditionModel(
            **small, in_channels=4, out_channels=8, layers_per_block=1, cross_attention_dim=6,
            down_block_types=("CrossAttnDownBlock2D",), up_block_types=("CrossAttnUpBlock2D",),
            attention_head_dim=4,
        )  # fmt: skip
        x, tokens = torch.randn(2, 4, 8, 8), torch.randn(2, 3, 6)
        model = from_diffusers(told, S)
        expected = told(x, 400, encoder_hidden_states=tokens).sample[:, :4]  # variance left out
        for cond in (tokens, {"encoder_hidden_states": tokens}):
            y = model._output(x, model.call_at(400.0, x), cond)
            assert apart(y, expected) <= 1e-5
        wrong = from_diffusers(labelled, S)
        with pytest.raises(ValueError, match="would be encoder_hidden_states"):
            wrong._output(x[:, :3], wrong.call_at(4.0, x), tokens)


def test_class_conditional_pipeline():
    # guidance, a learned variance and latents, without a text encoder
    torch.manual_seed(0)
    transformer = peer.DiTTransformer2DModel(
        sample_size=4, num_layers=1, patch_size=2, attention_head_dim=4, num_attention_heads=2,
        in_channels=4, out_channels=8, num_embeds_ada_norm=1000,
    ).eval()  # fmt: skip
    vae = peer.AutoencoderKL(block_out_channels=(4,), norm_num_groups=2, latent_channels=4).eval()
    other = MULTI(solver_order=2, **SIGMA_MIN, **SAMPLE)
    pipe = peer.DiTPipeline(transformer, vae, other)
    pipe.set_progress_bar_config(disable=True)
    images = []
    for scheduler in (other, PlanScheduler.from_config(other.config, solver=DPMSolver(2))):
        pipe.scheduler = scheduler
        generator = torch.Generator().manual_seed(0)
        images.append(
            pipe([3, 7], num_inference_steps=8, output_type="np", generator=generator).images
        )
    assert are_grey(images[0])
    np.testing.assert_allclose(images[1], images[0], atol=2e-5)


@pytest.fixture(scope="module")
def latent_parts():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    unet = peer.UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, layers_per_block=1,
        block_out_channels=(8, 16), norm_num_groups=4, cross_attention_dim=16,
        attention_head_dim=4, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    vae = peer.AutoencoderKL(block_out_channels=(4, 4), norm_num_groups=2, latent_channels=4,
                             down_block_types=("DownEncoderBlock2D",) * 2,
                             up_block_types=("UpDecoderBlock2D",) * 2)  # fmt: skip
    config = transformers.CLIPTextConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        vocab_size=50, max_position_embeddings=8,
    )  # fmt: skip
    text = transformers.CLIPTextModel(config)
    tokens = torch.randint(0, 50, (2, 8), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        told, untold = text.eval()(tokens).last_hidden_state.chunk(2)
    scheduler = peer.DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1,
        clip_sample=False, set_alpha_to_one=False, **SAMPLE,
    )  # fmt: skip
    parts = {"vae": vae.eval(), "unet": unet.eval(), "text_encoder": text, "tokenizer": None}
    parts |= {"scheduler": scheduler, "safety_checker": None, "feature_extractor": None}
    return parts, {"prompt_embeds": told, "negative_prompt_embeds": untold}


def both(pipe, **more):
    """Images of theirs and of ours, at the same times."""
    other = MULTI.from_config(pipe.scheduler.config, solver_order=2, **SIGMA_MIN)
    ours = PlanScheduler.from_config(pipe.scheduler.config, solver=DPMSolver(2))
    assert ours.config.timestep_spacing == other.config.timestep_spacing
    pipe.set_progress_bar_config(disable=True)
    for scheduler in (other, ours):
        pipe.scheduler = scheduler
        yield pipe(generator=torch.Generator().manual_seed(0), output_type="np", **more).images


@pytest.mark.filterwarnings("ignore")
def test_text_conditioned_pipeline(latent_parts):
    parts, prompt = latent_parts
    pipe = peer.StableDiffusionPipeline(**parts, requires_safety_checker=False)
    theirs_, ours = both(
        pipe, **prompt, num_inference_steps=12, guidance_scale=5.0, height=16, width=16
    )
    assert are_grey(theirs_)
    np.testing.assert_allclose(ours, theirs_, atol=2e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("strength", [0.3, 0.6, 1.0])
def test_image_to_image_pipeline(latent_parts, strength):
    parts, prompt = latent_parts
    pipe = peer.StableDiffusionImg2ImgPipeline(**parts, requires_safety_checker=False)
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    theirs_, ours = both(
        pipe, **prompt, image=image, strength=strength, num_inference_steps=16, guidance_scale=5.0
    )
    assert are_grey(theirs_)
    np.testing.assert_allclose(ours, theirs_, atol=2e-5)
