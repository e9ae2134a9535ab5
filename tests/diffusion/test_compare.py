"""Solvers side by side: every figure of the table by another way, and its picture."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from sampkit.diffusion import (  # noqa: E402
    DDIM,
    Clip,
    DiffusionModel,
    DiscreteVPSchedule,
    DPMSolver,
    DualFast,
    EmpiricalDenoiser,
    GaussianMixture,
    SolverComparisonDisplay,
    SolverSchedule,
    TimeShift,
    UniPC,
    VPLinearSchedule,
    compare,
    frechet_distance,
    sample,
    teacher_trajectory,
    time_grid,
)

torch.set_num_threads(1)
S = VPLinearSchedule()
LAW = GaussianMixture([[-1.0, 0.0], [1.0, 0.5]], 0.1)
MODEL = LAW.model(S)
X = torch.randn(64, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
FINE = sample(MODEL, X, DPMSolver(3), time_grid(S, 100))
COLUMNS = ["solver", "grid", "steps", "calls", "error", "frechet", "ms"]


def table(solvers=None, grids=(5, 8), **options):
    solvers = [DDIM(), UniPC(3)] if solvers is None else solvers
    return compare(solvers, MODEL, X, grids, **({"teacher": FINE} | options))


def test_every_figure_by_another_way():
    found = table()
    assert list(found.columns) == COLUMNS
    assert found["solver"].tolist() == ["DDIM", "DDIM", "UniPC(order=3)", "UniPC(order=3)"]
    assert found["grid"].unique().tolist() == ["logsnr"]
    assert found["calls"].tolist() == found["steps"].tolist() == [5, 8, 5, 8]
    for row, solver in zip(found.itertuples(), [DDIM(), DDIM(), UniPC(3), UniPC(3)], strict=True):
        end = sample(MODEL, X, solver, time_grid(S, row.steps))
        assert row.error == pytest.approx(float((end - FINE).square().mean()), rel=1e-12)
        assert row.frechet == pytest.approx(frechet_distance(end, FINE), rel=1e-9)
        assert row.ms > 0


def test_data_and_features():
    data = LAW.sample(300, torch.Generator().manual_seed(1))
    found = table([DDIM()], 5, data=data)
    end = sample(MODEL, X, DDIM(), time_grid(S, 5))
    assert found["frechet"][0] == pytest.approx(frechet_distance(end, data))

    def features(rows):
        return rows[:, :1] ** 2

    found = table([DDIM()], 5, data=data, features=features)
    assert found["frechet"][0] == pytest.approx(frechet_distance(end, data, features))


def test_the_teacher_is_run_once_for_every_end():
    calls = []

    def fn(x, t):
        calls.append(1)
        return MODEL.fn(x, t)

    model = DiffusionModel(fn, S)
    found = compare([DDIM(), UniPC()], model, X, {"a": 4, "b": time_grid(S, 4, final="zero")},
                    n_teacher_steps=50)  # fmt: skip
    assert len(calls) == 2 * 50 + 4 * 4
    for row in found.itertuples():
        grid = time_grid(S, 4, final="zero" if row.grid == "b" else None)
        fine = teacher_trajectory(model, X, grid[[0, -1]], 50)[-1]
        end = sample(model, X, {"DDIM": DDIM(), "UniPC": UniPC()}[row.solver], grid)
        assert row.error == pytest.approx(float((end - fine).square().mean()), rel=1e-12)


def test_the_teacher_is_post_processed_and_conditioned_too():
    clean = EmpiricalDenoiser([[3.0, 0.0], [-3.0, 0.0]]).model(S)
    cond = torch.zeros(64, dtype=torch.long)
    found = compare(
        [DDIM()], clean, X, 30, cond=cond, postprocess=Clip(-1, 1), n_teacher_steps=30,
        final="zero", spacing="time",
    )  # fmt: skip
    assert found["error"][0] < 1e-12
    assert found["grid"][0] == "time"


@pytest.mark.parametrize(
    ("grids", "labels", "steps"),
    [
        (6, ["logsnr"], [6]),
        ([6, 9], ["logsnr"] * 2, [6, 9]),
        (np.array([6, 9]), ["logsnr"] * 2, [6, 9]),
        ([1.0, 0.4, 0.001], ["given"], [2]),
        (time_grid(S, 7), ["given"], [7]),
        ([6, time_grid(S, 7, "time")], ["logsnr", "given"], [6, 7]),
        ([[1.0, 0.001], [1.0, 0.4, 0.001]], ["given"] * 2, [1, 2]),
        (
            {"time": [4, 5], "few": 3, "mine": [1.0, 0.4, 0.001]},
            ["time", "time", "few", "mine"],
            [4, 5, 3, 2],
        ),
    ],
)
def test_ways_to_give_grids(grids, labels, steps):
    found = table({"a": DDIM()}, grids)
    assert found["solver"].unique().tolist() == ["a"]
    assert found["grid"].tolist() == labels
    assert found["steps"].tolist() == steps
    for row in found.itertuples():
        if row.grid in ("time", "few", "logsnr"):
            grid = time_grid(S, row.steps, "time" if row.grid == "time" else "logsnr")
            end = sample(MODEL, X, DDIM(), grid)
            assert row.error == pytest.approx(float((end - FINE).square().mean()))


def test_what_has_a_grid_of_its_own_runs_on_that():
    own = SolverSchedule.from_solver(DPMSolver(2), S, time_grid(S, 5))
    plan = DDIM().plan(S, time_grid(S, 6))
    found = table({"searched": own, "plan": plan, "DDIM": DDIM()}, [3, 4])
    assert found["grid"].tolist() == ["own", "own", "logsnr", "logsnr"]
    assert found["calls"].tolist() == [5, 6, 3, 4]
    end = sample(MODEL, X, plan)
    assert found["error"][1] == pytest.approx(float((end - FINE).square().mean()))


def test_what_has_a_run_of_its_own():
    schedule = DiscreteVPSchedule()
    model = GaussianMixture(torch.zeros(1, 64), 0.5).model(schedule)
    x = torch.randn(9, 64, generator=torch.Generator().manual_seed(0))
    shift = TimeShift(window=80, cutoff=100, target="marginal", data_variance=0.5)
    found = compare({"moved": shift}, model, x, {"linspace": [4, 5]}, teacher=x)
    assert found["calls"].tolist() == [4, 5]
    for row in found.itertuples():
        end = sample(model, x, shift, time_grid(schedule, row.steps, "linspace"))
        assert row.error == pytest.approx(float((end - x).square().mean()))


def test_names_say_what_differs():
    found = table([DDIM(eta=0.5), DualFast(UniPC(3), c=0.3), DPMSolver(3, prediction="eps")], 5)
    assert found["solver"].tolist() == [
        "DDIM(eta=0.5)",
        "DualFast(solver=UniPC(order=3), c=0.3)",
        "DPMSolver(order=3, prediction='eps')",
    ]


def test_stochastic_solvers_are_repeated_and_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    one, two = (table([DDIM(eta=1.0)], 5, n_repeats=n) for n in (1, 2))
    assert one["error"][0] == two["error"][0]
    assert one["error"][0] != table([DDIM(eta=1.0)], 5, random_state=1)["error"][0]
    assert torch.equal(before, torch.get_rng_state())


def test_the_input_is_left_alone():
    kept = X.clone()
    table(n_repeats=2)
    assert torch.equal(X, kept)


def test_a_run_that_diverges_is_a_row_and_no_end():
    def fn(x, t):  # too steep for a few steps
        return MODEL.fn(x, t) * torch.where(t > 0.9, 1.0, torch.inf)[:, None]

    found = compare([DDIM()], DiffusionModel(fn, S), X, [3, 1], teacher=FINE)
    assert found[["error", "frechet"]].to_numpy()[0].tolist() == [np.inf, np.inf]
    assert np.isfinite(found[["error", "frechet"]].to_numpy()[1]).all()
    with pytest.raises(ValueError, match=r"fine run from x .* not finite at t = 0\.001: check"):
        compare([DDIM()], DiffusionModel(fn, S), X, 3, n_teacher_steps=9)
    with pytest.raises(ValueError, match="teacher must be finite"):
        table(teacher=FINE * torch.nan)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    found = compare([DDIM()], MODEL, X.to(dtype), 5, teacher=FINE)
    end = sample(MODEL, X.to(dtype), DDIM(), time_grid(S, 5)).double()
    assert found["error"][0] == pytest.approx(float((end - FINE.to(dtype)).square().mean()))
    assert found["frechet"][0] == pytest.approx(frechet_distance(end, FINE.to(dtype).double()))


def test_interrupted_by_the_keyboard():
    calls = 0

    def fn(x, t):
        nonlocal calls
        calls += 1
        if calls > 7:
            raise KeyboardInterrupt
        return MODEL.fn(x, t)

    with pytest.warns(UserWarning, match="interrupted after 1 of 2 rows"):
        found = compare([DDIM(), UniPC()], DiffusionModel(fn, S), X, 5, teacher=FINE)
    assert found["solver"].tolist() == ["DDIM"]


def test_progress(capsys):
    table(progress=True)
    assert "4/4" in capsys.readouterr().err


def test_all_plans_are_made_before_the_first_call():
    def fn(x, t):
        raise AssertionError("the network was called")

    with pytest.raises(ValueError, match=r"wrong on logsnr of 5 steps: .* must return a Plan"):
        compare({"DDIM": DDIM(), "wrong": Wrong()}, DiffusionModel(fn, S), X, 5)


class Wrong:
    def plan(self, schedule, grid):
        return None


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"solvers": []}, ValueError, "solvers must name at least one, got none"),
        ({"solvers": [DDIM(), DDIM()]}, ValueError, "solvers holds DDIM more than once"),
        ({"solvers": [3]}, ValueError, "solver_or_plan must be a Plan or have a method plan"),
        ({"grids": []}, ValueError, "grids must hold at least one, got none"),
        ({"grids": {}}, ValueError, "grids must hold at least one"),
        ({"grids": None}, ValueError, "grids must be a number of steps, times, .* got None"),
        ({"grids": 5.5}, ValueError, "grids must be a number of steps, times, .* got 5.5"),
        ({"grids": {"time": "a"}}, ValueError, "grids must be a number of steps, .* got 'a'"),
        ({"teacher": X.numpy()}, ValueError, "teacher must be a tensor like x, got ndarray"),
        ({"grids": 0}, ValueError, "n_steps must be an int >= 1, got 0"),
        ({"grids": [5, [0.9, 0.001]]}, ValueError, "start at one time, .* got 0.9 and 1"),
        ({"grids": [[0.1, 0.5]]}, ValueError, "strictly"),
        ({"spacing": "even"}, ValueError, "spacing must be one of"),
        ({"teacher": X[:3]}, ValueError, r"teacher must be .* \(64, 2\), got \(3, 2\)"),
        ({"teacher": None, "n_teacher_steps": 0}, ValueError, "n_steps must be an int >= 1, got 0"),
        ({"n_repeats": 0}, ValueError, "n_repeats must be an int >= 1, got 0"),
        ({"random_state": "a"}, ValueError, "random_state must be"),
        ({"data": np.zeros((5, 3))}, ValueError, "columns"),
    ],
)
def test_bad_input(options, error, message):
    with pytest.raises(error, match=message):
        table(**options)


@pytest.mark.parametrize("x", [X[:1], X[:, 0], X.numpy(), 3])
def test_bad_states(x):
    with pytest.raises(ValueError, match="x must be a tensor of shape"):
        compare(DDIM(), MODEL, x, 5)


def test_no_model():
    with pytest.raises(TypeError, match="model must be a DiffusionModel, got function"):
        compare(DDIM(), lambda x, t: x, X, 5)


# --- the picture ----------------------------------------------------------------------------------


@pytest.fixture
def plt():
    plt = pytest.importorskip("matplotlib.pyplot")
    yield plt
    plt.close("all")


def test_a_line_for_every_solver_and_kind_of_grid(plt):
    frame = table(grids={"time": [8, 5], "logsnr": [5, 8]})
    display = SolverComparisonDisplay.from_frame(frame)
    assert len(display.lines_) == 4
    line = display.lines_["DDIM", "time"]
    assert line.get_xdata().tolist() == [5, 8]
    drawn = frame.query("solver == 'DDIM' and grid == 'time'").sort_values("calls")
    assert line.get_ydata().tolist() == drawn["error"].tolist()
    assert display.ax_.get_yscale() == "log"
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts[:2] == ["DDIM, time", "DDIM, logsnr"]
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == ["5", "8"]


@pytest.mark.parametrize("quantity", ["error", "frechet", "ms"])
@pytest.mark.parametrize("against", ["calls", "ms"])
def test_every_quantity(plt, quantity, against):
    _, ax = plt.subplots()
    display = SolverComparisonDisplay.from_model(
        [DDIM()], MODEL, X, [4, 6], teacher=FINE, quantity=quantity, against=against, ax=ax
    )
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    line = display.lines_["DDIM", "logsnr"]
    frame = display.frame.sort_values(against)
    assert line.get_xdata().tolist() == frame[against].tolist()
    assert line.get_ydata().tolist() == frame[quantity].tolist()


def test_a_distance_of_zero_is_drawn_on_a_plain_axis(plt):
    frame = table([DDIM()])
    frame.loc[0, "frechet"] = 0.0
    assert SolverComparisonDisplay(frame).plot(quantity="frechet").ax_.get_yscale() == "linear"


def test_bad_tables_and_quantities(plt):
    with pytest.raises(ValueError, match=r"columns missing: \['error', 'frechet', 'ms'\]"):
        SolverComparisonDisplay(pd.DataFrame({"solver": [], "grid": [], "calls": []}))
    display = SolverComparisonDisplay(table([DDIM()], 3))
    with pytest.raises(ValueError, match="quantity must be one of error, frechet, ms, got 'mse'"):
        display.plot(quantity="mse")
    with pytest.raises(ValueError, match="against must be one of calls, ms, got 'steps'"):
        display.plot(against="steps")
