"""The search for solver schedules: the same whatever runs together, better than what is fixed."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from numpy.testing import assert_allclose

torch = pytest.importorskip("torch")

from sklearn.ensemble import ExtraTreesRegressor  # noqa: E402
from sklearn.linear_model import Ridge  # noqa: E402

from sampkit.diffusion import (  # noqa: E402
    DDIM,
    ClassifierFreeGuidance,
    ClassifierGuidance,
    DiffusionModel,
    DiscreteVPSchedule,
    DPMSolver,
    FlowSchedule,
    GaussianMixture,
    SearchResult,
    SolverSchedule,
    UniPC,
    VESchedule,
    VPLinearSchedule,
    initial_noise,
    sample,
    search_solver_schedule,
    teacher_trajectory,
    time_grid,
)
from sampkit.diffusion.search import _loop  # noqa: E402
from sampkit.diffusion.search._evolution import Rates, random_schedules  # noqa: E402
from sampkit.diffusion.search._population import Terms  # noqa: E402
from sampkit.diffusion.search._scoring import Scorer  # noqa: E402

VP = VPLinearSchedule()
LAW = GaussianMixture([[-1.0, 0.0], [1.0, 0.5]], [0.05, 0.2], [1, 2])
MODEL = LAW.model(VP)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def start(n=24, seed=0, dtype=torch.float64):
    return torch.randn(n, 2, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def search(**changed):
    given = {"budget": 70, "population": 16, "predictor": None, "random_state": 0} | changed
    model, n_steps, x = (given.pop(k, v) for k, v in (("model", MODEL), ("n", 4), ("x", start())))
    return search_solver_schedule(model, n_steps, x, **given)


@lru_cache
def fine_end(n, seed):
    return sample(MODEL, start(n, seed), DPMSolver(3), time_grid(VP, 400))


def error(solver, grid=None, n=24, seed=0):
    x = start(n, seed)
    return float((sample(MODEL, x, solver, grid) - fine_end(n, seed)).square().mean())


def candidates(n_steps=5, many=12, seed=0, **rest):
    terms = Terms.on(VP, time_grid(VP, n_steps), **rest)
    made = random_schedules(terms, many, np.random.default_rng(seed))
    return terms, made.schedules(terms.first_output)


# --- scores ---------------------------------------------------------------------------------------


def test_a_score_is_the_error_to_the_fine_run():
    terms, some = candidates()
    x = start()
    found = Scorer(MODEL, x, terms.grid)(some).scores
    assert_allclose(found, [error(each) for each in some], rtol=2e-3)  # teachers differ
    teacher = teacher_trajectory(MODEL, x, terms.grid[[0, -1]], 999)[-1]
    mine = Scorer(MODEL, x, terms.grid).reference
    assert float((mine - teacher).square().mean()) < 1e-2 * found.min()


@pytest.mark.parametrize("first_output", ["network", "zero"])
@pytest.mark.parametrize("objective", ["trajectory", lambda x: x.square().mean()])
def test_together_or_one_by_one(first_output, objective):
    terms, some = candidates(first_output=first_output)
    scores = [
        Scorer(MODEL, start(), terms.grid, objective=objective, candidates=n)(some)
        for n in (1, 5, 12)
    ]
    for other in scores[1:]:
        assert_allclose(scores[0].scores, other.scores, rtol=1e-10)
        assert_allclose(scores[0].half_way, other.half_way, rtol=1e-10)
    assert np.isfinite(scores[0].half_way).any() == (objective == "trajectory")


def test_fixed_solvers_score_as_they_do():
    grid = time_grid(VP, 5)
    for solver in (DDIM(), DPMSolver(2), DPMSolver(3), UniPC(2, corrector_skip=(0,))):
        schedule = SolverSchedule.from_solver(solver, VP, grid)
        found = Scorer(MODEL, start(), grid)([schedule]).scores[0]
        assert_allclose(found, error(solver, grid), rtol=2e-3)


@pytest.mark.parametrize("n_steps", [2, 5, 6])
def test_errors_half_way(n_steps):
    terms, some = candidates(n_steps)
    x = start()
    found = Scorer(MODEL, x, terms.grid)(some).half_way
    half = n_steps // 2
    assert np.isfinite(found).sum() >= 6
    for k in np.flatnonzero(np.isfinite(found))[:6]:
        t = some[k].grid[half]
        states = []
        sample(MODEL, x, some[k], callback=lambda i, t, x, x0, s=states: s.append(x.clone()))
        fine = sample(MODEL, x, DPMSolver(3), time_grid(VP, 100, t_end=t))
        want = float((states[half - 1] - fine).square().mean())
        want /= float(VP.alpha(t) ** 2 + VP.sigma(t) ** 2)
        assert_allclose(found[k], want, rtol=0.02, atol=1e-6)


def test_the_limit_stops_those_beyond_it_and_no_others():
    terms, some = candidates()
    free = Scorer(MODEL, start(), terms.grid)(some)
    limit = np.nanmedian(free.half_way)
    for together in (1, 5, 12):
        scorer = Scorer(MODEL, start(), terms.grid, candidates=together)
        found = scorer(some, limit)
        assert (found.stopped == (free.half_way > limit)).all() or together < 12
        assert found.stopped[free.half_way > limit].all() or together < 12
        kept = ~found.stopped
        assert_allclose(found.scores[kept], free.scores[kept], rtol=1e-10)
        assert np.isinf(found.scores[found.stopped]).all()
        assert_allclose(found.half_way, free.half_way, rtol=1e-10)


def test_network_calls_are_counted_and_the_first_is_shared():
    rows = []

    def network(x, t):
        rows.append(len(x))
        return MODEL.fn(x, t)

    model, (terms, some) = DiffusionModel(network, VP), candidates(5, 10)
    scorer = Scorer(model, start(), terms.grid)
    fine = len(rows)
    assert scorer.calls == fine
    scorer(some)
    assert scorer.calls == sum(rows) / 24 == fine + 1 + 4 * 10
    assert len(rows) == fine + 1 + 4
    rows.clear()
    found = search(model=model)
    assert sum(rows) == pytest.approx(24 * found.n_model_calls, abs=24)


def test_guidance_and_conditions():
    guided = ClassifierFreeGuidance(MODEL, 2.0, torch.full((24,), -1), interval=(0.1, 0.8))
    cond = torch.arange(24) % 2
    terms, some = candidates()
    found = Scorer(guided, start(), terms.grid, cond=cond)(some).scores
    fine = sample(guided, start(), DPMSolver(2), time_grid(VP, 200), cond=cond)
    for score, each in zip(found, some, strict=True):
        ends = sample(guided, start(), each, cond=cond)
        assert_allclose(score, float((ends - fine).square().mean()), rtol=0.02)
    guided.null_cond = torch.tensor([-1])
    assert np.isfinite(search(model=guided, cond=cond, budget=20).fresh_score)


@pytest.mark.parametrize("n", [10, 300])  # 256 fresh rows are no multiple, and fewer
def test_a_null_condition_for_every_row_goes_along(n):
    def net(x, t, cond):
        return 0.5 * x + 0.01 * cond["class"].to(x)[:, None]

    model, found = DiffusionModel(net, VP), []
    for null in (torch.zeros(n), torch.zeros(1).expand(n)):
        guided = ClassifierFreeGuidance(model, 2.0, {"class": null})
        cond = {"class": torch.arange(float(n))}
        found.append(search(model=guided, x=start(n), cond=cond, budget=20).fresh_score)
    tensors = DiffusionModel(lambda x, t, cond: net(x, t, {"class": cond}), VP)
    for null in (torch.zeros(n), torch.zeros(1)):
        guided = ClassifierFreeGuidance(tensors, 2.0, null)
        wrapped = ClassifierGuidance(guided, lambda x, t: x.sum(1), 0.0)
        cond = torch.arange(float(n))
        found.append(search(model=wrapped, x=start(n), cond=cond, budget=20).fresh_score)
        assert guided.null_cond is null
    assert_allclose(found, found[0], rtol=1e-9)


def test_a_network_may_write_over_its_outputs():
    memory = {}

    def fn(x, t):
        held = memory.setdefault(tuple(x.shape), torch.empty_like(x))
        return held.copy_(MODEL.fn(x, t))

    some = random_schedules(Terms.on(VP, time_grid(VP, 4)), 3, np.random.default_rng(0)).schedules()
    expected = Scorer(MODEL, start(), time_grid(VP, 4), candidates=1)(some).scores
    again = Scorer(DiffusionModel(fn, VP), start(), time_grid(VP, 4), candidates=1)(some).scores
    assert_allclose(again, expected, rtol=1e-12)


# --- the search -----------------------------------------------------------------------------------


@pytest.mark.parametrize("predictor", ["forest", None, Ridge(), ExtraTreesRegressor(10)])
def test_better_than_what_is_fixed_and_the_same_again(predictor):
    found, again = (search(predictor=predictor, budget=80) for _ in range(2))
    assert found.best == again.best
    assert (found.score, found.fresh_score) == (again.score, again.fresh_score)
    assert found.history.equals(again.history)
    grids = [time_grid(VP, 4, spacing) for spacing in ("logsnr", "time", "karras")]
    solvers = (DDIM(), DPMSolver(2), DPMSolver(3), UniPC(2))
    fixed = [error(solver, grid, 500, 5) for grid in grids for solver in solvers]
    assert error(found.best, None, 500, 5) < 0.8 * min(fixed)


def test_history():
    found = search(budget=60)
    table = found.history
    assert list(table.columns) == [
        "generation", "origin", "score", "half_way", "stopped", "best", "schedule"
    ]  # fmt: skip
    assert len(table) == 60
    assert (table["best"] == table["score"].cummin()).all()
    assert found.score == table["score"].min() == table["best"].iloc[-1]
    assert found.best == table["schedule"][table["score"].idxmin()]
    assert set(table["origin"]) == {"fixed", "random", "mutation", "crossover"}
    assert set(table["origin"][table["generation"] == 0]) == {"fixed", "random"}
    assert table["generation"].is_monotonic_increasing
    assert (table["generation"].value_counts()[1:] <= 16).all()
    assert len(set(table["schedule"])) == 60  # no candidate twice
    # at the end a score is what the schedule gives
    assert_allclose(found.score, error(found.best), rtol=0.01)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_predictor_learns_logarithms_or_what_may_be_negative(sign):
    goals = []

    class Recording(Ridge):
        def fit(self, X, y):
            goals.append(y)
            return super().fit(X, y)

    found = search(
        predictor=Recording(), objective=lambda x: sign * float(x.square().mean()), budget=60
    )
    scores = found.history["score"].to_numpy()[: len(goals[0])]
    cut = np.minimum(scores, np.quantile(scores[np.isfinite(scores)], 0.9))
    assert_allclose(goals[0], np.log(cut) if sign > 0 else cut, rtol=1e-12)


@pytest.mark.parametrize("budget", [1, 7, 41, 50])
@pytest.mark.parametrize("predictor", [None, "forest"])
def test_budget(budget, predictor):
    seen = []
    found = search(
        budget=budget, predictor=predictor, callback=lambda n, score: seen.append((n, score))
    )
    assert len(found.history) == budget == seen[-1][0]
    assert seen[-1][1] == found.score
    assert [n for n, _ in seen] == sorted(n for n, _ in seen)


def test_stopping_hopeless_runs_leaves_the_winner(monkeypatch):
    # relaxations that change by 30 instead of .06 make many children hopeless
    wild = Rates(0.3, 0.08, 30.0)
    monkeypatch.setattr(_loop.Rates, "at", lambda share: wild)
    found = search(n=7, budget=150)
    stopped = found.history["stopped"]
    assert stopped.sum() >= 10
    assert not stopped[found.history["generation"] == 0].any()
    assert np.isinf(found.history["score"][stopped]).all()
    monkeypatch.setattr(_loop.Search, "_limit", lambda self: np.inf)
    free = search(n=7, budget=150)
    assert not free.history["stopped"].any()
    assert (found.best, found.score) == (free.best, pytest.approx(free.score, rel=1e-9))
    assert free.history["score"][stopped].min() > 2 * free.score
    assert found.n_model_calls == free.n_model_calls - 4 * stopped.sum()


def test_initial_schedules_come_first_and_set_the_ends():
    grid = time_grid(VP, 4, t_start=0.9, t_end=0.01)
    given = [
        replace(SolverSchedule.from_solver(solver, VP, grid), first_output=[0.3, 0.2])
        for solver in (DDIM(), DPMSolver(2))
    ]
    found = search(initial=given)
    table = found.history
    assert table["origin"].tolist()[:2] == ["initial"] * 2
    assert table["schedule"][0].grid == given[0].grid
    for each in table["schedule"]:
        assert (each.grid[0], each.grid[-1]) == (0.9, 0.01)
        assert each.first_output == (0.3, 0.2)
    assert found.best.plan(VP).n_evals == 3
    fixed = search(initial=given, search_grid=False)
    assert {each.grid for each in fixed.history["schedule"]} == {given[0].grid}
    assert search(initial=given, budget=1).best == table["schedule"][0]


@pytest.mark.parametrize("max_order", [1, 2, 4])
def test_largest_order(max_order):
    found = search(max_order=max_order, n=5)
    assert max(max(each.orders) for each in found.history["schedule"]) == max_order


@pytest.mark.parametrize(
    ("schedule", "grid"),
    [
        (VESchedule(0.01, 10.0), None),
        (FlowSchedule(), None),
        (DiscreteVPSchedule(), None),
        (FlowSchedule(), [1.0, 0.7, 0.4, 0.0]),  # from pure noise to clean data
        (VP, time_grid(VP, 3, "time", final="zero")),
    ],
)
def test_other_schedules(schedule, grid):
    model = LAW.model(schedule, "x0" if grid is not None and grid[0] == 1.0 else "eps")
    initial = None
    if grid is not None:
        initial = [SolverSchedule(grid, [1] * 3, ["x0"] * 3, [1] * 3, [0.0] * 3, [False] * 3)]
    nodes = time_grid(schedule, 3, "time") if grid is None else grid
    x = initial_noise(schedule, nodes, (16, 2), torch.Generator().manual_seed(0), torch.float64)
    found = search_solver_schedule(
        model, 3, x, budget=60, population=16, predictor=None, initial=initial, random_state=0
    )
    fixed = found.history["score"][found.history["origin"] == "fixed"]
    assert found.score < fixed.min()
    assert np.isfinite(found.fresh_score)


def test_another_state_another_search():
    assert search(budget=60).history["schedule"].tolist() != (
        search(budget=60, random_state=1).history["schedule"].tolist()
    )


def test_objective_of_ones_own():
    target = torch.tensor([0.4, 0.3], dtype=torch.float64)

    def far(samples):
        assert samples.shape[1:] == (2,)
        return (samples.mean(0) - target).square().sum()

    found = search(objective=far)
    assert found.score == pytest.approx(float(far(sample(MODEL, start(), found.best))), rel=1e-9)
    assert found.history["half_way"].isna().all()


@pytest.mark.parametrize("how", ["callback", "keyboard"])
def test_interrupted_it_keeps_what_it_has(how):
    calls = []

    def stop(n, score):
        calls.append(n)
        if len(calls) == 2:
            if how == "keyboard":
                raise KeyboardInterrupt
            return True
        return False

    found = search(callback=stop, budget=400)
    assert len(found.history) == calls[-1] < 400
    assert np.isfinite(found.fresh_score)
    whole = search(budget=400, callback=lambda n, score: n >= calls[-1])
    assert whole.best == found.best


def test_interrupted_before_anything_is_known():
    def interrupt(x, t):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(model=DiffusionModel(interrupt, VP))


def test_nothing_finite():
    with pytest.raises(RuntimeError, match="gives finite samples"):
        search(model=DiffusionModel(lambda x, t: x * np.nan, VP))
    # some candidates may fail
    values = iter([np.nan, np.inf, *[1.0] * 100])
    assert search(objective=lambda x: next(values), budget=30).score == 1.0


def test_nothing_new_ends_it():
    found = search_solver_schedule(MODEL, 1, start(), budget=50, predictor=None, random_state=0)
    assert len(found.history) < 5
    assert found.best.orders == (1,)


def test_x_and_the_global_generators_are_left_alone():
    x = start(dtype=torch.float32)
    before, state = x.clone(), torch.get_rng_state()
    found = search(x=x, predictor="forest", budget=60)
    assert torch.equal(x, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert sample(MODEL, x, found.best).dtype == torch.float32


def test_plot():
    pytest.importorskip("matplotlib")
    import matplotlib.pyplot as plt

    ax = search(budget=60).plot()
    assert (ax.get_yscale(), len(ax.get_lines())) == ("log", 4)
    assert search(budget=5).plot(ax) is ax
    plt.close("all")


def test_files(tmp_path):
    found = search(budget=30)
    assert isinstance(found, SearchResult)
    found.best.to_json(tmp_path / "best.json")
    assert SolverSchedule.from_json(tmp_path / "best.json") == found.best


GRID = time_grid(VP, 4)
OTHER_ENDS = SolverSchedule.from_solver(DDIM(), VP, time_grid(VP, 4, t_end=0.1))
OWN = SolverSchedule.from_solver(DDIM(), VP, GRID)
SHORT = SolverSchedule.from_solver(DDIM(), VP, time_grid(VP, 3))
BAD = [
    ({"model": MODEL.fn}, TypeError, "model must be a DiffusionModel"),
    ({"n": 0}, ValueError, "n_steps must be an int >= 1, got 0"),
    ({"n": 2.5}, ValueError, "n_steps must be an int >= 1, got 2.5"),
    ({"budget": 0}, ValueError, "budget must be an int >= 1, got 0"),
    ({"budget": True}, ValueError, "budget must be an int >= 1, got True"),
    ({"population": -3}, ValueError, "population must be an int >= 1, got -3"),
    ({"max_order": 6}, ValueError, "max_order must be an int >= 1 and <= 5, got 6"),
    ({"x": np.zeros((3, 2))}, ValueError, "x must be a tensor"),
    ({"x": torch.zeros(0, 2)}, ValueError, "x must be a tensor"),
    ({"x": torch.zeros(3, 2, dtype=torch.int64)}, ValueError, "x must be a tensor"),
    ({"x": torch.full((3, 2), torch.nan)}, ValueError, "x must be finite"),
    ({"objective": "fid"}, ValueError, "objective must be 'trajectory' or callable, got 'fid'"),
    ({"predictor": "tree"}, ValueError, "predictor must be 'forest', a regressor or None"),
    ({"callback": 3}, ValueError, "callback must be callable or None, got 3"),
    ({"random_state": "a"}, ValueError, "random_state must be"),
    ({"initial": []}, ValueError, "initial must hold SolverSchedules"),
    ({"initial": [DDIM()]}, ValueError, "initial must hold SolverSchedules"),
    ({"initial": [SHORT]}, ValueError, "initial must hold schedules of 4 steps, got one of 3"),
    ({"initial": [OWN, OTHER_ENDS]}, ValueError, "initial schedules must share the ends"),
    (
        {"initial": [OWN, replace(OWN, first_output="zero")]},
        ValueError,
        "must share their first_output",
    ),
    (
        {"initial": [OWN, SolverSchedule.from_solver(DDIM(), VP, time_grid(VP, 4, "time"))],
         "search_grid": False},
        ValueError,
        "share one grid with search_grid=False",
    ),
    (
        {"initial": [replace(OWN, orders=(1, 2, 3, 1))], "max_order": 2},
        ValueError,
        "orders <= max_order = 2, got 3",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "kind", "message"), BAD)
def test_bad_input(changed, kind, message):
    with pytest.raises(kind, match=message):
        search(**changed)
