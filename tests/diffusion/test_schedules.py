"""Schedules: known answers, inverses, the ends, their dictionaries."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sampkit.diffusion import (
    CallableSchedule,
    DiscreteVPSchedule,
    FlowSchedule,
    VESchedule,
    VPCosineSchedule,
    VPLinearSchedule,
)
from sampkit.diffusion.schedules import schedule_from_dict

ALL = [
    VPLinearSchedule(),
    VPLinearSchedule(beta_min=5.0, beta_max=5.0),
    VPLinearSchedule(beta_min=0.0),
    VPCosineSchedule(),
    DiscreteVPSchedule(),
    DiscreteVPSchedule(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"),
    DiscreteVPSchedule(beta_schedule="cosine"),
    DiscreteVPSchedule(betas=[0.1, 0.2, 0.3]),
    VESchedule(),
    FlowSchedule(),
    FlowSchedule(shift=3.0),
    CallableSchedule(lambda t: -t, np.log, 0.01, 2.0),
]
names = [f"{type(s).__name__}{i}" for i, s in enumerate(ALL)]


@pytest.mark.parametrize(
    ("t", "alpha", "sigma", "lam"),
    [  # 12 digits from the notes on the diffusion core, section 3
        (0.3, 0.629550000336, 0.776959971348, -0.210383553131),
        (0.5, 0.281182880797, 0.959654202068, -1.227567734411),
        (0.9, 0.016996463262, 0.999855549685, -4.074605539251),
    ],
)
def test_linear(t, alpha, sigma, lam):
    schedule = VPLinearSchedule()
    found = [schedule.alpha(t), schedule.sigma(t), schedule.lam(t)]
    assert_allclose(found, [alpha, sigma, lam], atol=6e-13)


def test_discrete():  # same source
    schedule = DiscreteVPSchedule()
    found = schedule.alpha([0, 500, 999, 249.5])
    expected = [0.99994999875, 0.278920523384, 0.00635281808757, 0.723016256617]
    assert_allclose(found, expected, rtol=3e-12)
    assert_allclose(schedule.lam([0, 999]), [4.605120183488, -5.058836591651], atol=1e-12)
    assert schedule.alpha(-1) == 1.0
    assert schedule.sigma(-1) == 0.0
    assert np.isposinf(schedule.lam(-1))
    assert_allclose(schedule.alpha(0) ** 2, 1 - 1e-4, rtol=1e-14)


def test_flow():
    assert_allclose(FlowSchedule().lam(0.25), np.log(3), rtol=1e-15)
    assert FlowSchedule().alpha(1.0) == 0.0
    assert np.isneginf(FlowSchedule().lam(1.0))


@pytest.mark.parametrize("schedule", ALL, ids=names)
def test_inverse(schedule):
    t = np.linspace(schedule.t_min, schedule.t_max, 301)
    lam = schedule.lam(t)
    assert (np.diff(lam) < 0).all()
    assert_allclose(schedule.t_from_lam(lam), t, rtol=1e-11, atol=1e-12)
    assert schedule.lam(schedule.t_from_lam(lam[7])) == pytest.approx(lam[7], rel=1e-11)


@pytest.mark.parametrize("schedule", ALL, ids=names)
def test_shapes_follow_the_argument(schedule):
    t = np.full((2, 3), schedule.t_max)
    for part in (schedule.log_alpha, schedule.alpha, schedule.sigma, schedule.lam):
        assert part(t).shape == (2, 3)
        assert np.ndim(part(schedule.t_max)) == 0
        assert part(t).dtype == np.float64
        assert part(t[0, 0].item()) == part(t)[1, 2]


@pytest.mark.parametrize("schedule", ALL, ids=names)
def test_lam_is_the_log_of_the_ratio(schedule):
    t = np.linspace(schedule.t_min, schedule.t_max, 50)
    assert_allclose(np.exp(schedule.lam(t)), schedule.alpha(t) / schedule.sigma(t), rtol=1e-10)


@pytest.mark.parametrize("schedule", ALL[:8], ids=names[:8])
def test_variance_is_preserved(schedule):
    t = np.linspace(schedule.t_min, schedule.t_max, 50)
    assert_allclose(schedule.alpha(t) ** 2 + schedule.sigma(t) ** 2, 1.0, rtol=1e-13)


@given(st.floats(1e-9, 1e-3))
def test_small_times_keep_their_digits(t):
    # sigma^2 = -expm1(2 log alpha) = beta_0 t + O(t^2): 1 - alpha^2 would have lost half the digits
    schedule = VPLinearSchedule()
    assert schedule.sigma(t) ** 2 == pytest.approx(0.1 * t + 9.945 * t * t, rel=1e-3 * t + 1e-5)
    assert schedule.t_from_lam(schedule.lam(t)) == pytest.approx(t, rel=1e-9)


def test_zero_terminal_snr():
    schedule = DiscreteVPSchedule(zero_terminal_snr=True)
    assert schedule.alpha(999) == 0.0
    assert np.isneginf(schedule.lam(999))
    assert schedule.t_from_lam(-np.inf) == 999
    assert schedule.alpha(0) == pytest.approx(DiscreteVPSchedule().alpha(0), rel=1e-14)
    plain = DiscreteVPSchedule().alpha(np.arange(1000))
    shifted = (plain - plain[-1]) * plain[0] / (plain[0] - plain[-1])
    assert_allclose(schedule.alpha(np.arange(1000)), shifted, atol=1e-15)


@pytest.mark.parametrize("schedule", ALL, ids=names)
def test_the_node_without_noise(schedule):
    if schedule.zero_node is not None:
        assert schedule.sigma(schedule.zero_node) == 0
        assert np.isposinf(schedule.lam(schedule.zero_node))


@pytest.mark.parametrize("schedule", ALL[:-1], ids=names[:-1])
def test_json(schedule):
    assert schedule_from_dict(json.loads(json.dumps(schedule.to_dict()))) == schedule


def test_functions_do_not_fit_into_json():
    with pytest.raises(ValueError, match="made of functions"):
        ALL[-1].to_dict()
    with pytest.raises(ValueError, match=r"schedule must be one of .*got 'Linear'"):
        schedule_from_dict({"name": "Linear"})


def test_add_noise():
    schedule, rng = VPLinearSchedule(), np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 4, 3)).astype(np.float32)
    whole = schedule.add_noise(x, noise, 0.3)
    assert whole.dtype == np.float32
    assert_allclose(whole, 0.629550000336 * x + 0.776959971348 * noise, rtol=1e-6)
    rows = schedule.add_noise(x, noise, np.array([0.3, 0.5, 0.9, 0.3]))
    assert rows.dtype == np.float32
    assert_allclose(rows[[0, 3]], whole[[0, 3]], rtol=1e-6)
    with pytest.raises(ValueError, match=r"t must be a number or of shape \(4,\)"):
        schedule.add_noise(x, noise, [0.1, 0.2])


def test_add_noise_to_tensors():
    torch = pytest.importorskip("torch")
    schedule = FlowSchedule()
    x, noise = torch.ones(2, 3), torch.zeros(2, 3)
    out = schedule.add_noise(x, noise, torch.tensor([0.25, 0.5]))
    assert out.dtype == torch.float32
    assert out[:, 0].tolist() == [0.75, 0.5]


BAD = [
    (VPLinearSchedule, {"beta_min": -0.1}, "0 <= beta_min <= beta_max"),
    (VPLinearSchedule, {"t_min": 2.0}, "t_min < t_max must be finite"),
    (VPLinearSchedule, {"t_min": -0.5}, "t_min must be >= 0, got -0.5"),
    (VPCosineSchedule, {"s": 0.0}, "s must be a number > 0, got 0.0"),
    (VPCosineSchedule, {"t_max": 1.0}, r"lie in \[0, 1\)"),
    (DiscreteVPSchedule, {"betas": [0.1, 1.0]}, r"values in \(0, 1\)"),
    (DiscreteVPSchedule, {"betas": [[0.1]]}, r"got shape \(1, 1\)"),
    (DiscreteVPSchedule, {"num_train_steps": 0}, "num_train_steps must be >= 1, got 0"),
    (DiscreteVPSchedule, {"beta_schedule": "square"}, "got 'square'"),
    (DiscreteVPSchedule, {"beta_start": 0.1}, "0 < beta_start <= beta_end < 1"),
    (DiscreteVPSchedule, {"betas": [0.1], "zero_terminal_snr": True}, "num_train_steps >= 2"),
    (VESchedule, {"sigma_min": 0.0}, "0 < sigma_min < sigma_max"),
    (FlowSchedule, {"shift": 0}, "shift must be a number > 0, got 0"),
    (FlowSchedule, {"t_max": 1.5}, r"lie in \[0, 1\]"),
]


@pytest.mark.parametrize(("kind", "parameters", "message"), BAD)
def test_bad_input(kind, parameters, message):
    with pytest.raises(ValueError, match=message):
        kind(**parameters)


def test_bad_functions():
    with pytest.raises(TypeError, match="log_sigma must be callable, got float"):
        CallableSchedule(np.negative, 0.5, 0.1, 1.0)
    with pytest.raises(ValueError, match="must fall from t_min to t_max"):
        CallableSchedule(lambda t: t, lambda t: -t, 0.1, 1.0)
    with pytest.raises(ValueError, match="lam must lie between"):
        ALL[-1].t_from_lam(50.0)


# --- slopes ---------------------------------------------------------------------------------------

SMOOTH = {  # log alpha and sigma, of longdouble arrays
    "VPLinearSchedule": lambda t: -(t**2) * np.longdouble(19.9) / 4 - t * np.longdouble(0.1) / 2,
    "VPCosineSchedule": lambda t: np.log(
        np.cos(LONG_PI / 2 * (t + np.longdouble(0.008)) / np.longdouble(1.008))
        / np.cos(LONG_PI / 2 * np.longdouble(0.008) / np.longdouble(1.008))
    ),
}
LONG_PI = 4 * np.arctan(np.longdouble(1))


@pytest.mark.parametrize(
    "schedule", [VPLinearSchedule(beta_min=0.1, beta_max=20.0), VPCosineSchedule()]
)
def test_slopes_against_differences_of_higher_precision(schedule):
    # central differences in 80-bit floats, step 1e-6: error about 1e-12 of truncation, 1e-13 of
    # rounding; the literals 19.9, 0.1, 0.008 differ from the schedule's by 1e-17
    log_alpha = SMOOTH[type(schedule).__name__]
    t, step = np.linspace(0.02, 0.95, 21).astype(np.longdouble), np.longdouble(1e-6)
    parts = (lambda s: np.exp(log_alpha(s)), lambda s: np.sqrt(-np.expm1(2 * log_alpha(s))))
    expected = [(part(t + step) - part(t - step)) / (2 * step) for part in parts]
    for found, wanted in zip(schedule.slopes(t.astype(np.float64)), expected, strict=True):
        assert_allclose(found, wanted.astype(np.float64), rtol=1e-9)


@given(st.floats(0.0, 998.0))
def test_slopes_of_a_discrete_schedule(t):
    # log alpha is linear between the steps: alpha' = alpha (difference of the nodes), and at a step
    # the mean of both sides, which a central difference would give
    schedule = DiscreteVPSchedule()
    t = (t + 1) - 1  # as the schedule counts, so that a time a hair above a step is at it
    below = np.floor(t)
    pieces = [schedule.log_alpha(below + k + 1) - schedule.log_alpha(below + k) for k in (-1, 0)]
    piece = np.mean(pieces) if t == below else pieces[1]
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    found = schedule.slopes(t)
    assert_allclose(found, [alpha * piece, -(alpha**2) * piece / sigma], rtol=1e-9)


def test_slopes_at_the_ends():
    schedule = DiscreteVPSchedule()
    piece = schedule.log_alpha(999) - schedule.log_alpha(998)
    assert_allclose(schedule.slopes(999)[0], schedule.alpha(999) * piece, rtol=1e-12)
    assert schedule.slopes(-1)[1] == np.inf
    empty = DiscreteVPSchedule(zero_terminal_snr=True)
    assert [float(slope) for slope in empty.slopes(999)] == [0, 0]
    assert [float(slope) for slope in VESchedule().slopes(3.0)] == [0, 1]
    assert [slope.tolist() for slope in FlowSchedule().slopes([0.0, 1.0])] == [[-1, -1], [1, 1]]


def test_slopes_of_functions():
    # sin and exp have known slopes; the ends are reached without a look outside
    def sigma(t):
        assert np.all((t >= 0.1) & (t <= 2.0))
        return np.log(np.sinh(t))

    schedule = CallableSchedule(lambda t: -(t**2), sigma, 0.1, 2.0)
    t = np.linspace(0.1, 2.0, 9)
    alpha_slope, sigma_slope = schedule.slopes(t)
    assert_allclose(alpha_slope, -2 * t * np.exp(-(t**2)), rtol=1e-8)
    assert_allclose(sigma_slope, np.cosh(t), rtol=1e-7)


@pytest.mark.parametrize("schedule", ALL, ids=names)
def test_slopes_are_those_of_the_schedule(schedule):
    t = schedule.t_min + np.array([0.31, 0.62, 0.873]) * (schedule.t_max - schedule.t_min)
    step = 1e-6 * (schedule.t_max - schedule.t_min)
    for found, part in zip(schedule.slopes(t), (schedule.alpha, schedule.sigma), strict=True):
        assert found.shape == t.shape
        assert_allclose(found, (part(t + step) - part(t - step)) / (2 * step), rtol=1e-6, atol=1e-9)
