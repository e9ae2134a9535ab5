"""The strength of DualFast: the best of those tried, and a warning where it harms."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal

torch = pytest.importorskip("torch")

from sampkit.diffusion import (  # noqa: E402
    DDIM,
    PNDM,
    ClassifierFreeGuidance,
    ClassifierGuidance,
    DiffusionModel,
    DPMSolver,
    DualFast,
    DynamicCompensation,
    UniPC,
    VPLinearSchedule,
    energy_distance,
    frechet_distance,
    sample,
    search_compensation,
    time_grid,
    tune_dualfast,
)

torch.set_num_threads(1)
VP = VPLinearSchedule()
GRID = time_grid(VP, 6)
NOISE, DATA = torch.randn(2, 400, 2, generator=torch.Generator().manual_seed(0)).unbind()


def short(x, t):
    """As if data were N(0, 1), with predictions that are too small near them."""
    sigma = torch.sqrt(-torch.expm1(-(9.95 * t**2 + 0.1 * t)))
    return x * (sigma * (0.8 + 0.2 * t))[:, None]


MODEL = DiffusionModel(short, VP)


@pytest.mark.parametrize("solver", [DDIM(), DPMSolver(2), DualFast(DDIM(), source="previous")])
@pytest.mark.parametrize("metric", [frechet_distance, energy_distance])
def test_it_is_the_best_of_those_tried(solver, metric):
    strengths = (0.4, 0.0, 0.1, 0.2)
    best, scores = tune_dualfast(
        MODEL, solver, GRID, NOISE, DATA, strengths, metric, return_scores=True
    )
    source = getattr(solver, "source", "first")
    base = getattr(solver, "solver", solver)
    by_hand = [
        metric(sample(MODEL, NOISE, DualFast(base, c, source=source), GRID), DATA)
        for c in strengths
    ]
    assert_array_equal(scores, by_hand)
    assert best == strengths[int(np.argmin(by_hand))]
    assert best == tune_dualfast(MODEL, solver, GRID, NOISE, DATA, strengths, metric)


def test_what_is_tried_unless_said():
    _, scores = tune_dualfast(MODEL, DDIM(), GRID, NOISE, DATA, return_scores=True)
    assert len(scores) == 9


def test_the_first_of_equals():
    assert tune_dualfast(MODEL, DDIM(), GRID, NOISE, DATA, metric=lambda a, b: 1.0) == 0


def test_noise_is_the_same_for_all():
    seen = []

    def metric(samples, data):
        seen.append(samples.clone())
        return 0.0

    before = torch.get_rng_state()
    kept = NOISE.clone()
    tune_dualfast(MODEL, DDIM(1.0), GRID, NOISE, DATA, (0.0, 0.0), metric)
    assert torch.equal(*seen)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(NOISE, kept)


def test_samples_that_are_not_finite_lose():
    def net(x, t):  # an extrapolated step falls out of where it is known
        y = short(x, t)
        return torch.where(x.abs() > 6, torch.nan, y)

    model = DiffusionModel(net, VP)
    best, scores = tune_dualfast(model, DDIM(), GRID, NOISE, DATA, (60.0, 0.1), return_scores=True)
    assert best == 0.1
    assert np.isinf(scores[0])
    with pytest.raises(RuntimeError, match="no strength"):
        tune_dualfast(model, DDIM(), GRID, NOISE, DATA, (60.0,))


def test_a_callback_sees_and_stops(capsys):
    seen = []

    def report(c, distance):
        seen.append((c, distance))
        return len(seen) == 2

    best, scores = tune_dualfast(
        MODEL, DDIM(), GRID, NOISE, DATA, return_scores=True, callback=report, progress=True
    )
    assert [c for c, _ in seen] == [0.0, 0.05]
    assert_array_equal(scores[:2], [distance for _, distance in seen])
    assert np.isnan(scores[2:]).all()
    assert best in (0.0, 0.05)
    assert "strengths" in capsys.readouterr().err


def test_an_interruption_keeps_the_strengths_tried():
    scores = tune_dualfast(MODEL, DDIM(), GRID, NOISE, DATA, (0.0, 0.4, 0.1), return_scores=True)[1]
    best, *rest = (0.0, 0.4)[np.argmin(scores[:2])], scores[0], scores[1], np.nan
    calls = 0

    def interrupted(x, t):
        nonlocal calls
        calls += 1
        if calls == 2 * 6 + 3:
            raise KeyboardInterrupt
        return short(x, t)

    model = DiffusionModel(interrupted, VP)
    with pytest.warns(UserWarning, match="interrupted after 2 of 3 strengths"):
        found = tune_dualfast(model, DDIM(), GRID, NOISE, DATA, (0.0, 0.4, 0.1), return_scores=True)
    assert found[0] == best
    assert_array_equal(found[1], rest)


def conditional(x, t, cond=None):
    return short(x, t)


def guided(scale):
    return ClassifierFreeGuidance(DiffusionModel(conditional, VP), scale, torch.zeros(1))


COND = torch.zeros(400)


@pytest.mark.parametrize(
    ("solver", "scale", "warned"),
    [
        (DualFast(DPMSolver(2)), 3.0, True),
        (DualFast(UniPC(1)), 3.0, True),  # its corrector makes it of second order
        (DynamicCompensation(DualFast(DPMSolver(2)), [1] * 6), 3.0, True),
        (DualFast(DPMSolver(2)), 2.0, False),
        (DualFast(DDIM()), 7.5, False),
        (DualFast(DPMSolver(2), c=0.0), 7.5, False),
        (DPMSolver(2), 7.5, False),
    ],
)
def test_high_orders_under_guidance_are_warned_of(solver, scale, warned):
    def caught(call):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            call()
        return [str(each.message) for each in found if "more guidance" in str(each.message)]

    found = caught(lambda: sample(guided(scale), NOISE, solver, GRID, cond=COND))
    assert len(found) == warned
    if warned:
        assert f"scale {scale:g}" in found[0]
    if isinstance(solver, DualFast):
        assert len(caught(lambda: search_compensation(
            guided(scale), solver, GRID, NOISE[:4], cond=COND[:4], n_teacher_steps=5
        ))) == warned  # fmt: skip


def test_tuning_warns_once():
    with pytest.warns(UserWarning, match="more guidance") as found:
        tune_dualfast(guided(3.0), DPMSolver(2), GRID, NOISE, DATA, cond=COND)
    assert len(found) == 1


def test_guidance_is_known_through_wrappers():
    assert MODEL.guidance == 1
    assert guided(3.0).guidance == 3
    classifier = ClassifierGuidance(MODEL, lambda x, t: x.sum(1), 4.0)
    assert classifier.guidance == 4


GIVEN = {"model": MODEL, "solver": DDIM(), "grid": GRID, "x": NOISE, "data": DATA, "c": (0.1,)}
BAD = [
    ({"model": short}, TypeError, "model must be a DiffusionModel, got function"),
    ({"x": NOISE.numpy()}, TypeError, "x must be a tensor, got ndarray"),
    ({"x": NOISE[:0]}, ValueError, "x must hold states"),
    ({"metric": "frechet"}, TypeError, "metric must be callable, got str"),
    ({"c": 0.2}, ValueError, "c must be a sequence of strengths, got 0.2"),
    ({"c": ()}, ValueError, "c must hold at least one strength"),
    ({"c": (0.1, -0.1)}, ValueError, "c must be a finite number >= 0, got -0.1"),
    ({"solver": "ddim"}, ValueError, "solver must have a method plan"),
    ({"solver": PNDM()}, ValueError, "must call once a step"),
    ({"grid": None}, ValueError, "grid must be given"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_input(change, error, message):
    with pytest.raises(error, match=message):
        tune_dualfast(**(GIVEN | change))
