"""Time-Shift: its algorithm written out, its base where nothing moves, and nothing that waits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

torch = pytest.importorskip("torch")

from sampkit.diffusion import (  # noqa: E402
    DDIM,
    DDPM,
    DEIS,
    ClassifierFreeGuidance,
    ClassifierGuidance,
    Clip,
    DiffusionModel,
    DiscreteVPSchedule,
    DynamicThreshold,
    GaussianMixture,
    TimeShift,
    VPLinearSchedule,
    sample,
    time_grid,
)

torch.set_num_threads(1)
D = 16
SCHEDULE = DiscreteVPSchedule()
GRID = time_grid(SCHEDULE, 10, "linspace")
CENTRES = np.random.default_rng(0).normal(size=(3, D))
LAW = GaussianMixture(CENTRES, [0.1, 0.2, 0.4])
VARIANCE = 0.8


def start(n=6, dtype=torch.float64, seed=0):
    return torch.randn(n, D, dtype=dtype, generator=torch.Generator().manual_seed(seed))


NOISE = [start(seed=100 + i) for i in range(10)]


def shift(**parameters):
    given = {"window": 80, "cutoff": 150, "target": "marginal", "data_variance": VARIANCE}
    return TimeShift(**{**given, **parameters})


def written_out(options, x, grid, clip=None):
    """Algorithm 2 of arXiv 2305.15583 sample by sample, and the times of all calls."""
    network = LAW.model(SCHEDULE, "x0")
    ends, called = [], []
    for b, state in enumerate(x.numpy()):
        t_s, times, history = grid[0], [], []
        for i in range(len(grid) - 1):
            here, after = grid[i], grid[i + 1]
            times.append(t_s)
            seen = network.denoise(torch.from_numpy(state[None]), float(t_s)).numpy()[0]
            eps = (state - SCHEDULE.alpha(t_s) * seen) / SCHEDULE.sigma(t_s)
            base = here if options.apply_to == "model" else t_s
            alpha, sigma = SCHEDULE.alpha(base), SCHEDULE.sigma(base)
            x0 = (state - sigma * eps) / alpha
            if clip is not None:
                x0 = np.clip(x0, *clip)
                eps = (state - alpha * x0) / sigma
            alpha_n, sigma_n = SCHEDULE.alpha(after), SCHEDULE.sigma(after)
            ratio = SCHEDULE.alpha(here) * sigma_n / (alpha_n * SCHEDULE.sigma(here))
            s = options.eta * sigma_n * np.sqrt(max(0, 1 - ratio**2))
            if options.order == 4:
                history.insert(0, eps)
                weights = [[1], [3, -1], [23, -16, 5], [55, -59, 37, -9]]
                weights = np.array(weights[min(i, 3)]) / [1, 2, 12, 24][min(i, 3)]
                eps = sum(w * e for w, e in zip(weights, history, strict=False))
                x0 = (state - sigma * eps) / alpha
            state = alpha_n * x0 + np.sqrt(sigma_n**2 - s**2) * eps + s * NOISE[i][b].numpy()
            t_s = after
            if here > options.cutoff and i < len(grid) - 2:
                near = after + np.arange(-options.window // 2, options.window // 2 + 1)
                near = near[(near >= 0) & (near <= 999)]
                spread = {
                    "sigma2": 0.0,
                    "marginal": options.data_variance,
                    "estimate": np.var(x0, ddof=1),
                }[options.target]
                expected = SCHEDULE.sigma(near) ** 2 + SCHEDULE.alpha(near) ** 2 * spread
                t_s = near[np.argmin(abs(np.var(state, ddof=1) - expected))]
        ends.append(state)
        called.append(times)
    return np.array(ends), np.array(called)


def recorded(model):
    """The model, and a list that its calls' times go to."""
    times = []

    def network(x, t, **keywords):
        times.append(t.clone())
        return model.fn(x, t, **keywords)

    return DiffusionModel(network, model.schedule, model.prediction), times


CASES = [
    {},
    {"eta": 1.0},
    {"eta": 0.4, "target": "sigma2"},
    {"target": "estimate"},
    {"apply_to": "model"},
    {"apply_to": "model", "eta": 1.0, "target": "estimate"},
    {"order": 4},
    {"order": 4, "apply_to": "model", "target": "sigma2"},
    {"cutoff": 650},
    {"window": 2},
]
ids = [" ".join(f"{k}={v}" for k, v in case.items()) or "default" for case in CASES]


@pytest.mark.parametrize("clip", [None, (-1.0, 1.0)])
@pytest.mark.parametrize("prediction", ["eps", "x0", "v", "score", "flow"])
@pytest.mark.parametrize("case", CASES, ids=ids)
def test_as_written_out(case, prediction, clip):
    options, x = shift(**case), start()
    model, times = recorded(LAW.model(SCHEDULE, prediction))
    before = x.clone()
    post = None if clip is None else Clip(*clip)
    found = sample(model, x, options, GRID, noise=NOISE, postprocess=post)
    expected, called = written_out(options, x, GRID, clip)
    assert_allclose(torch.stack(times, 1).numpy(), called)
    assert_allclose(found.numpy(), expected, rtol=1e-8, atol=1e-8)
    assert torch.equal(x, before)
    own = called == GRID[:-1]
    assert not own.all()
    assert own[:, 0].all()
    assert own[:, 1:][:, GRID[:-2] <= options.cutoff].all()
    assert (abs(called - GRID[:-1]) <= options.window / 2).all()


@pytest.mark.parametrize(
    ("options", "base"),
    [
        ({}, DDIM()),
        ({"eta": 1.0}, DDPM()),
        ({"eta": 0.3}, DDIM(0.3)),
        ({"order": 4}, DEIS(3, "ipndm")),
        ({"apply_to": "model", "target": "estimate"}, DDIM()),
    ],
)
def test_a_cutoff_at_the_start_is_the_base_to_the_bit(options, base):
    for cutoff in (999, 5000):
        given = shift(cutoff=cutoff, **options)
        assert given.base.plan(SCHEDULE, GRID) == base.plan(SCHEDULE, GRID)
        for dtype in (torch.float32, torch.float64):
            ends = [
                sample(LAW.model(SCHEDULE, "v"), start(dtype=dtype), each, GRID, noise=NOISE)
                for each in (given, base)
            ]
            assert torch.equal(*ends)


def test_calls_that_are_not_moved_make_the_base_step():
    # data of variance 1 have marginal variance 1 at all times: ties, the nearest time is the grid's
    # own, nothing moves, and the run by tables has to agree with the plan's
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-4)):
        for order in (1, 4):
            given, x = shift(data_variance=1.0, order=order), start(dtype=dtype)
            model, times = recorded(LAW.model(SCHEDULE))
            found = sample(model, x, given, GRID)
            assert_allclose(torch.stack(times, 1).numpy(), np.tile(GRID[:-1], (6, 1)))
            assert_allclose(
                found, sample(model, x, given.base, GRID), rtol=tolerance, atol=tolerance
            )


def test_one_time_for_the_batch():
    model, times = recorded(LAW.model(SCHEDULE))
    sample(model, start(), shift(pool="batch"), GRID)
    called = torch.stack(times, 1)
    assert (called == called[:1]).all()
    # by hand at the second call: the mean of the variances decides
    first = sample(LAW.model(SCHEDULE), start(), DDIM(), GRID[:2])
    near = 899 + np.arange(-40, 41)
    expected = SCHEDULE.sigma(near) ** 2 + SCHEDULE.alpha(near) ** 2 * VARIANCE
    assert called[0, 1] == near[np.argmin(abs(float(first.var(1).mean()) - expected))]


def test_times_between_training_steps():
    # a grid of any times: candidates lie whole steps from its nodes
    grid = time_grid(SCHEDULE, 7, "time") - np.array([0, *[0.4] * 6, 0])
    found = sample(LAW.model(SCHEDULE), start(), shift(eta=1.0), grid, noise=NOISE[:7])
    assert_allclose(found, written_out(shift(eta=1.0), start(), grid)[0], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("order", [1, 4])
def test_from_where_no_data_is_left_to_the_data(order):
    empty = DiscreteVPSchedule(zero_terminal_snr=True)
    grid = time_grid(empty, 10, "linspace", final="zero")
    given = shift(order=order, target="estimate", data_variance=None)
    end = sample(LAW.model(empty, "v"), start(), given, grid, check_finite=True)
    assert end.abs().max() < 5
    with pytest.raises(ValueError, match="no data is left"):
        sample(LAW.model(empty), start(), given, grid)


# --- what a run takes and leaves ------------------------------------------------------------------


@pytest.mark.parametrize("pool", ["sample", "batch"])
@pytest.mark.parametrize("case", CASES, ids=ids)
def test_nothing_waits_for_the_device(case, pool, strict):
    model = DiffusionModel(lambda x, t: x * t[:, None].to(x.dtype) * 1e-3, SCHEDULE)
    guided = ClassifierFreeGuidance(
        DiffusionModel(lambda x, t, cond: x * t[:, None] * 1e-3 + cond, SCHEDULE), 2.0,
        torch.zeros(1, D), interval=(100, 800),
    )  # fmt: skip
    x = start(dtype=torch.float32).as_subclass(strict)
    for each, cond in ((model, None), (guided, torch.ones(6, D))):
        out = sample(
            each, x, shift(**case, pool=pool), GRID, cond=cond, generator=torch.Generator(),
            postprocess=DynamicThreshold(0.9),
        )  # fmt: skip
        assert isinstance(out, strict)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_reruns_are_equal_to_the_bit_and_use_no_global_generator(case):
    state = torch.random.get_rng_state()
    ends = [
        sample(
            LAW.model(SCHEDULE), start(), shift(**case), GRID,
            generator=torch.Generator().manual_seed(3),
        )
        for _ in range(2)
    ]  # fmt: skip
    assert torch.equal(*ends)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("target", ["sigma2", "marginal", "estimate"])
def test_a_sample_does_not_depend_on_its_batch(target):
    def generators(which):
        return [torch.Generator().manual_seed(i) for i in which]

    model, given = LAW.model(SCHEDULE), shift(target=target, eta=1.0)
    whole = sample(model, start(), given, GRID, generator=generators(range(6)))
    for rows in ([4], [5, 0, 2], [1, 3]):
        part = sample(model, start()[rows], given, GRID, generator=generators(rows))
        assert_allclose(part.numpy(), whole[rows].numpy(), rtol=1e-10)


def test_callback_trajectory_and_progress(capsys):
    seen = []
    end, states = sample(
        LAW.model(SCHEDULE), start(), shift(), GRID, return_trajectory=True, progress=True,
        callback=lambda *a: seen.append((a[0], a[1], a[2].clone(), a[3].clone())),
    )  # fmt: skip
    assert "sampling" in capsys.readouterr().err
    assert len(states) == 11
    assert torch.equal(states[0], start())
    assert torch.equal(states[-1], end)
    assert [(i, t) for i, t, *_ in seen] == list(enumerate(GRID[1:]))
    assert all(torch.equal(states[i + 1], state) for i, _, state, _ in seen)
    assert_allclose(seen[0][3], LAW.model(SCHEDULE).denoise(start(), 999.0))
    assert torch.equal(end, sample(LAW.model(SCHEDULE), start(), shift(), GRID))
    stopped = sample(LAW.model(SCHEDULE), start(), shift(), GRID, callback=lambda i, *_: i == 4)
    assert torch.equal(stopped, states[5])


def test_half_precision_is_carried_in_single():
    kinds = set()

    def network(x, t):
        kinds.add((x.dtype, t.dtype))
        return x * 0.5

    model = DiffusionModel(network, SCHEDULE)
    assert sample(model, start().half(), shift(), GRID).dtype == torch.float16
    assert kinds == {(torch.float16, torch.float32)}
    kinds.clear()
    assert sample(model, start(), shift(), GRID).dtype == torch.float64
    assert kinds == {(torch.float64, torch.float64)}
    end = sample(model, start(dtype=torch.float32), shift(), GRID, dtype=torch.float64)
    assert end.dtype == torch.float64


def test_images_time_maps_and_gradients():
    seen = []

    def network(x, t):
        seen.append(t)
        return weight * x

    weight = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    model = DiffusionModel(network, SCHEDULE, time_map=lambda t: t / 1000)
    x = start().reshape(6, 1, 4, 4)
    end = sample(model, x, shift(), GRID)
    assert end.shape == x.shape
    assert max(float(t.max()) for t in seen) < 1
    (slope,) = torch.autograd.grad(end.square().sum(), weight)
    assert torch.isfinite(slope)
    flat = sample(DiffusionModel(lambda x, t: 0.3 * x, SCHEDULE), start(), shift(), GRID)
    assert torch.equal(flat.reshape(6, 1, 4, 4), end.detach())


def test_a_classifier_is_asked_at_the_moved_times():
    # guidance by the exact classifier of a mixture towards component 0, in closed form: the guided
    # network of scale 1 is the conditional model, at whatever times it is asked
    def log_prob(x, t):
        levels = [
            torch.as_tensor(part(t.numpy()))[:, None] for part in (SCHEDULE.alpha, SCHEDULE.sigma)
        ]
        joint = LAW._log_joint(x, *(level[:, :, None] for level in levels))[0]
        return joint[:, 0] - joint.logsumexp(1)

    given = shift(target="estimate")
    for prediction in ("eps", "v"):
        guided = ClassifierGuidance(LAW.model(SCHEDULE, prediction), log_prob, 1.0)
        alone = LAW.model(SCHEDULE, prediction, components=[0])
        ends = [sample(each, start(), given, GRID) for each in (guided, alone)]
        assert_allclose(ends[0], ends[1], rtol=1e-8, atol=1e-8)


def test_guidance_in_an_interval_goes_by_the_moved_times():
    # inside for one sample and outside for another at one call: equal to what each gets alone
    model = DiffusionModel(lambda x, t, cond: 0.1 * x + cond, SCHEDULE)
    cond, null = torch.ones(6, D, dtype=torch.float64), torch.zeros(1, D, dtype=torch.float64)
    seen = []

    def network(x, t, cond):
        seen.append(t[: len(t) // 2].clone() if len(t) == 12 else t.clone())
        return model.fn(x, t, cond)

    given = shift(target="sigma2")
    watched = DiffusionModel(network, SCHEDULE)
    sample(ClassifierFreeGuidance(watched, 2.0, null), start(), given, GRID, cond=cond)
    middle = float(torch.stack(seen)[4].median())
    guided = ClassifierFreeGuidance(model, 2.0, null, interval=(0, middle))
    whole = sample(guided, start(), given, GRID, cond=cond)
    alone = [
        sample(guided, start()[i : i + 1], given, GRID, cond=cond[i : i + 1]) for i in range(6)
    ]
    assert_allclose(whole, torch.cat(alone), rtol=1e-10)
    assert not torch.allclose(whole, sample(model, start(), given, GRID, cond=cond))


def test_what_is_not_finite_is_named():
    model = DiffusionModel(lambda x, t: x / 0, SCHEDULE)
    with pytest.raises(FloatingPointError, match="after step 0"):
        sample(model, start(), shift(), GRID, check_finite=True)


def test_the_published_target_is_biased_where_the_marginal_one_is_not():
    # a step from the exact marginal at 600 to 500, data of variance .4: the marginal target points
    # to about 500, sigma^2 to where noise alone has that variance, 540. 400 x 256 elements: the
    # mean of the variances has a standard error of .4 %, 4 training steps
    law = GaussianMixture(np.zeros((1, 256)), 0.4)
    x = law.sample(400, torch.Generator().manual_seed(0)).to(torch.float64)
    x = SCHEDULE.add_noise(
        x, torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(1)), 600.0
    )
    found = {}
    for target in ("sigma2", "marginal"):
        model, times = recorded(law.model(SCHEDULE))
        given = shift(window=80, cutoff=0, target=target, data_variance=0.4, pool="batch")
        sample(model, x, given, [600.0, 500.0, 400.0])
        found[target] = float(times[1][0])
    assert found["sigma2"] > 530
    assert abs(found["marginal"] - 500) < 15


# --- errors ---------------------------------------------------------------------------------------


def run(grid=GRID, schedule=SCHEDULE, x=None, **parameters):
    return sample(LAW.model(schedule), start() if x is None else x, shift(**parameters), grid)


BAD = [
    (lambda: TimeShift(81, 100), "window must be an even int >= 2, got 81"),
    (lambda: TimeShift(0, 100), "window must be an even int >= 2, got 0"),
    (lambda: TimeShift(-2, 100), "window must be an even int >= 2, got -2"),
    (lambda: TimeShift(4.0, 100), "window must be an even int >= 2, got 4.0"),
    (lambda: TimeShift(True, 100), "window must be an even int >= 2, got True"),
    (lambda: TimeShift(80, np.nan), "cutoff must be a finite number, got nan"),
    (lambda: TimeShift(80, "100"), "cutoff must be a finite number, got '100'"),
    (lambda: TimeShift(80, 100, "variance"), "target must be one of .* got 'variance'"),
    (lambda: TimeShift(80, 100, "marginal"), "data_variance must be given with target='marginal'"),
    (lambda: shift(data_variance=0.0), "data_variance must be a finite number > 0, got 0.0"),
    (lambda: shift(pool="all"), "pool must be one of .* got 'all'"),
    (lambda: shift(apply_to="network"), "apply_to must be one of .* got 'network'"),
    (lambda: shift(eta=-0.1), "eta must be a finite number >= 0, got -0.1"),
    (lambda: shift(order=2), "order must be one of 1, 4, got 2"),
    (lambda: shift(order=4, eta=1.0), "eta must be 0 with order=4, got 1.0"),
    (lambda: run(window=102), "at most the smallest spacing of the grid, 99, got 102"),
    (lambda: run(grid=time_grid(SCHEDULE, 50, "linspace")), "of the grid, 19, got 80"),
    (lambda: run([0.9, 0.1], VPLinearSchedule()), "must be a DiscreteVPSchedule"),
    (lambda: run(grid=None), "grid must be given for TimeShift, got None"),
    (lambda: run(grid=GRID[::-1]), r"only DDIM\(eta=0\) runs up a grid"),
    (lambda: run(grid=[500.0, 700.0, 0.0]), "strictly descending"),
    (lambda: run(x=torch.zeros(6, 1)), r"at least 2 elements, got shape \(6, 1\)"),
    (lambda: run(x=torch.zeros(6)), r"at least 2 elements, got shape \(6,\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
