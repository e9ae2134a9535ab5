"""Adaptive steps: tolerance and error, orders, calls, known answers, what a run takes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

torch = pytest.importorskip("torch")

from sampkit.diffusion import (  # noqa: E402
    DDIM,
    CallableSchedule,
    Clip,
    DiffusionModel,
    DiscreteVPSchedule,
    DPMSolver,
    FlowSchedule,
    GaussianMixture,
    Plan,
    VESchedule,
    VPCosineSchedule,
    VPLinearSchedule,
    adaptive_sample,
    initial_noise,
    sample,
)

torch.set_num_threads(1)
VP = VPLinearSchedule()
MEAN, VARIANCE = torch.tensor([1.0, -2.0], dtype=torch.float64), 0.25
LAW = GaussianMixture(MEAN[None], VARIANCE)


def start(n=6, dtype=torch.float64, seed=0):
    return torch.randn(n, 2, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def exact(schedule, x, ends):
    """The exact flow of one normal law between two times."""
    alpha, sigma = (np.asarray(part(np.array(ends))) for part in (schedule.alpha, schedule.sigma))
    total = alpha**2 * VARIANCE + sigma**2
    ratio = float(np.sqrt(total[1] / total[0]))
    return float(alpha[1]) * MEAN + ratio * (x - float(alpha[0]) * MEAN)


def run(tolerance, schedule=VP, x=None, **parameters):
    given = {"rtol": tolerance, "atol": tolerance, "max_evals": 20_000, "return_info": True}
    x = start() if x is None else x
    return adaptive_sample(LAW.model(schedule), x, **{**given, **parameters})


@pytest.mark.parametrize("prediction", ["x0", "eps"])
@pytest.mark.parametrize("order", [2, 3])
def test_error_follows_the_tolerance_and_calls_follow_the_order(order, prediction):
    # the error in the end is within a small factor of the tolerance; the difference of both orders
    # is O(h^p) a step, p the higher one: a tenth of the tolerance takes 10^(1 / p) as many steps
    expected = exact(VP, start(), (1.0, 1e-3))
    tolerances, errors, steps = [1e-2, 1e-3, 1e-4, 1e-5], [], []
    for tolerance in tolerances:
        end, info = run(tolerance, order=order, prediction=prediction)
        errors.append(float((end - expected).abs().max()))
        steps.append(info.n_accepted)
        assert info.n_accepted > info.n_rejected
    assert (np.array(errors) < 10 * np.array(tolerances)).all()
    assert abs(np.log10(steps[-1] / steps[-2]) - 1 / order) < 0.1


@pytest.mark.parametrize(
    "schedule",
    [
        VPCosineSchedule(),
        DiscreteVPSchedule(),
        VESchedule(0.01, 10.0),
        FlowSchedule(),
        CallableSchedule(lambda t: -t, np.log, 0.01, 2.0),
    ],
)
def test_any_schedule(schedule):
    ends = (schedule.t_max, schedule.t_min)
    x = initial_noise(schedule, ends, (5, 2), torch.Generator().manual_seed(0), torch.float64)
    end, info = run(1e-5, schedule, x)
    assert_allclose(end, exact(schedule, x, ends), atol=1e-4)
    assert info.grid[0] == ends[0]
    assert info.grid[-1] == ends[1]


def test_known_answer():
    # notes on the diffusion solvers, 7.2: data N(1, .25), x = 1.5 at t = 1, to t = 1e-3
    model = GaussianMixture([[1.0]], 0.25).model(VP)
    x = torch.tensor([[1.5]], dtype=torch.float64)
    end = adaptive_sample(model, x, rtol=1e-6, atol=1e-6, max_evals=10_000)
    assert float(end) == pytest.approx(1.746794463249, abs=1e-5)


def test_few_calls():
    # the default tolerances, .05 relative: the error is of that size after at most 40 calls
    end, info = adaptive_sample(LAW.model(VP), start(), return_info=True)
    assert info.n_evals <= 40
    assert_allclose(end, exact(VP, start(), (1.0, 1e-3)), atol=0.1)


@pytest.mark.parametrize("order", [2, 3])
def test_a_step_is_the_house_s_singlestep(order):
    # a loose tolerance takes one step from end to end: equal to the first of DPMSolver's on a grid
    # that begins with its span in `order` pieces
    end, info = run(1e6, order=order, h_init=1e6, t_start=0.6, t_end=0.3)
    lam = np.linspace(VP.lam(0.6), VP.lam(0.3), order + 1)
    grid = np.array([0.6, *VP.t_from_lam(lam[1:-1]), 0.3, 0.2])
    rows = DPMSolver(order, method="singlestep", inner="lam").plan(VP, grid).rows[:order]
    expected = sample(LAW.model(VP), start(), Plan(VP, grid[:-1], rows))
    assert_allclose(end, expected, rtol=1e-12)
    assert info.n_evals == order
    assert [(s.t_from, s.t_to, s.accepted) for s in info.steps] == [(0.6, 0.3, True)]


def test_a_rejected_step_costs_a_call_less():
    _, info = run(1e-3, h_init=20.0)
    assert not info.steps[0].accepted
    assert info.n_rejected >= 1
    assert info.n_evals == 3 * info.n_accepted + 2 * info.n_rejected
    for before, after in zip(info.steps, info.steps[1:], strict=False):
        assert after.t_from == (before.t_to if before.accepted else before.t_from)
        assert before.accepted == (before.error <= 1)
        lengths = [VP.lam(s.t_to) - VP.lam(s.t_from) for s in (before, after)]
        if after.t_to != 1e-3:  # h <- .9 h E^(-1 / order), at most three times h
            wanted = min(0.9 * before.error ** (-1 / 3), 3.0)
            assert_allclose(lengths[1] / lengths[0], wanted, rtol=1e-6)


def test_the_error_is_the_largest_of_the_batch():
    x = start(2)
    errors = [run(1e-2, x=rows)[1].steps[0].error for rows in (x[:1], x[1:], x)]
    assert errors[2] == pytest.approx(max(errors[:2]), rel=1e-12)


def test_the_grid_can_be_used_again():
    _, info = run(1e-2)
    again = sample(LAW.model(VP), start(), DPMSolver(2), info.grid)
    assert_allclose(again, exact(VP, start(), (1.0, 1e-3)), atol=0.1)


# --- noise ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_noise_keeps_the_law(eta):
    # 4 standard errors of 8000 draws, false alarm below 1e-3 for the eight figures; the exact
    # network and a small tolerance leave the law itself
    n = 8_000
    x = exact_start(n)
    generator = torch.Generator().manual_seed(1)
    end = adaptive_sample(
        LAW.model(VP), x, rtol=0.05, atol=0.05, eta=eta, generator=generator, t_end=0.03
    )
    alpha, sigma = float(VP.alpha(0.03)), float(VP.sigma(0.03))
    wanted = alpha**2 * VARIANCE + sigma**2
    assert_allclose(end.mean(0), alpha * MEAN, atol=4 * np.sqrt(wanted / n) + 2e-3)
    assert_allclose(end.var(0), wanted, atol=4 * wanted * np.sqrt(2 / n) + 4e-3)


def exact_start(n):
    g = torch.Generator().manual_seed(0)
    spread = float(np.sqrt(VP.alpha(1.0) ** 2 * VARIANCE + VP.sigma(1.0) ** 2))
    return float(VP.alpha(1.0)) * MEAN + spread * torch.randn(
        n, 2, dtype=torch.float64, generator=g
    )


def test_noise_of_one_step_is_that_of_ddim():
    # eta = 1 from .6 to .3, one step: mean by the deterministic pair to the reduced noise level,
    # standard deviation of the fresh noise as in DDIM's row
    n, x = 20_000, torch.zeros(20_000, 2, dtype=torch.float64)
    end = adaptive_sample(
        LAW.model(VP), x, rtol=1e6, atol=1e6, h_init=1e6, eta=1.0, t_start=0.6, t_end=0.3,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    s = DDIM(1.0).plan(VP, [0.6, 0.3]).rows[0].noise
    assert_allclose(end.std(0), s, rtol=4 / np.sqrt(2 * n))


# --- what a run takes and leaves ------------------------------------------------------------------


def test_reruns_are_equal_and_inputs_stay():
    x, state = start(), torch.random.get_rng_state()
    before = x.clone()
    ends = [
        adaptive_sample(LAW.model(VP), x, eta=0.5, generator=torch.Generator().manual_seed(1))
        for _ in range(2)
    ]
    assert torch.equal(*ends)
    assert torch.equal(x, before)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("prediction", ["x0", "v", "score", "flow"])
def test_what_the_network_predicts_changes_nothing(prediction):
    ends = [adaptive_sample(LAW.model(VP, kind), start()) for kind in ("eps", prediction)]
    assert_allclose(*ends, rtol=1e-8)


def test_callback_progress_and_limits(capsys):
    seen = []
    end, info = run(
        1e-2, progress=True, postprocess=Clip(-1, 1),
        callback=lambda *a: seen.append((a[0], a[1], a[2], a[3])),
    )  # fmt: skip
    assert "sampling" in capsys.readouterr().err
    assert [i for i, *_ in seen] == list(range(info.n_accepted))
    assert [t for _, t, *_ in seen] == info.grid[1:].tolist()
    assert torch.equal(seen[-1][2], end)
    assert all(x0.abs().max() <= 1 for *_, x0 in seen)
    stopped, part = run(1e-2, postprocess=Clip(-1, 1), callback=lambda i, *_: i == 1)
    assert torch.equal(stopped, seen[1][2])
    assert part.n_accepted == 2


def test_conditions_dtypes_and_gradients():
    seen = set()

    def network(x, t, cond=None):
        seen.add((x.dtype, t.dtype, cond))
        return weight.to(x.dtype) * x

    weight = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    model = DiffusionModel(network, VP, "x0")
    end = adaptive_sample(model, start().half(), cond="a")
    assert end.dtype == torch.float16
    assert seen == {(torch.float16, torch.float32, "a")}
    assert adaptive_sample(model, start(dtype=torch.float32)).dtype == torch.float32
    (slope,) = torch.autograd.grad(adaptive_sample(model, start()).sum(), weight)
    assert torch.isfinite(slope)


MODEL = LAW.model(VP)
EMPTY = DiscreteVPSchedule(zero_terminal_snr=True)
BAD = [
    (lambda: adaptive_sample(MODEL, start(), order=1), "order must be one of 2, 3, got 1"),
    (lambda: adaptive_sample(MODEL, start(), rtol=0), "rtol must be a finite number > 0, got 0"),
    (
        lambda: adaptive_sample(MODEL, start(), atol=-1.0),
        "atol must be a finite number > 0, got -1",
    ),
    (lambda: adaptive_sample(MODEL, start(), h_init=np.inf), "h_init must be a finite number > 0"),
    (lambda: adaptive_sample(MODEL, start(), safety=1.0), r"safety must be in \(0, 1\), got 1.0"),
    (lambda: adaptive_sample(MODEL, start(), max_growth=1), "max_growth must be > 1, got 1"),
    (lambda: adaptive_sample(MODEL, start(), eta=1.5), r"eta must be in \[0, 1\], got 1.5"),
    (lambda: adaptive_sample(MODEL, start(), eta=-1), "eta must be a finite number >= 0, got -1"),
    (lambda: adaptive_sample(MODEL, start(), max_evals=0), "max_evals must be an int >= 1, got 0"),
    (lambda: adaptive_sample(MODEL, start(), prediction="v"), "prediction must be one of"),
    (lambda: adaptive_sample(MODEL, start(), t_start=0.1, t_end=0.5), r"t_start must be > t_end"),
    (lambda: adaptive_sample(MODEL, start(), t_start=2.0), "t_start and t_end must .* lie in"),
    (
        lambda: adaptive_sample(MODEL, start(), t_end=0.0),
        "t_end must be a time with data and noise",
    ),
    (
        lambda: adaptive_sample(LAW.model(EMPTY, "v"), start()),
        "t_start must be a time with data and noise, got 999.0",
    ),
    (
        lambda: adaptive_sample(MODEL, start(), eta=1.0, generator=[torch.Generator()]),
        "one for each of the 6 samples, got 1",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_is_no_model_and_no_state():
    with pytest.raises(TypeError, match="model must be a DiffusionModel, got function"):
        adaptive_sample(lambda x, t: x, start())
    with pytest.raises(TypeError, match="x must be a tensor, got ndarray"):
        adaptive_sample(MODEL, start().numpy())
    with pytest.raises(ValueError, match=r"x must hold states, .* got shape \(0, 2\)"):
        adaptive_sample(MODEL, start()[:0])


def test_what_does_not_end_well():
    with pytest.raises(
        RuntimeError, match=r"max_evals = 10 calls are not enough: \d+ steps led to"
    ):
        run(1e-5, max_evals=10)
    broken = DiffusionModel(lambda x, t: x / 0, VP)
    with pytest.raises(FloatingPointError, match=r"from t = 1 to .* is nan"):
        adaptive_sample(broken, start())
    with pytest.raises(TypeError, match="model must be a DiffusionModel, got str"):
        adaptive_sample("net", start())
