"""Long runs: samples of their numbers alone, stopped and resumed, here and on two workers."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

torch = pytest.importorskip("torch")

from sampkit.diffusion import (  # noqa: E402
    DDIM,
    Clip,
    DiffusionModel,
    DiscreteVPSchedule,
    DPMSolver,
    GaussianMixture,
    Plan,
    TimeShift,
    UniPC,
    VESchedule,
    VPLinearSchedule,
    sample,
    sample_many,
    time_grid,
)
from sampkit.diffusion.many._store import known_key  # noqa: E402
from sampkit.diffusion.many._streams import NoiseStreams  # noqa: E402

torch.set_num_threads(1)
S = VPLinearSchedule()
GRID = time_grid(S, 6)
NOISY = DPMSolver(2, eta=1.0)


def _networks():
    """Local, so that they are sent to workers by value: those cannot import this file."""

    def shrink(x, t, cond=None):
        """Works on every number alone: its rows cannot see each other."""
        mean = 0.5 if cond is None else cond.to(x.dtype)[:, None, None] / 8
        return mean + (x - mean) * t.to(x.dtype)[:, None, None] / 2

    class Network:
        """Two layers, and a file that grows by a byte whenever this is unpickled."""

        def __init__(self, seen=None):
            generator = torch.Generator().manual_seed(0)
            self.first = torch.randn(6, 32, generator=generator) / 3
            self.second = torch.randn(32, 6, generator=generator) / 6
            self.seen = seen

        def __call__(self, x, t, cond=None):
            hidden = torch.tanh(x.flatten(1) @ self.first.to(x) + t.to(x.dtype)[:, None])
            return (hidden @ self.second.to(x)).reshape(x.shape)

        def __setstate__(self, state):
            self.__dict__ = state
            if self.seen is not None:
                with open(self.seen, "a") as file:
                    file.write("u")

    return shrink, Network


shrink, Network = _networks()


def model(fn=shrink, schedule=S):
    return DiffusionModel(fn, schedule, prediction="x0")


def many(n=50, solver=NOISY, grid=GRID, fn=shrink, **options):
    options = {"shape": (2, 3), "random_state": 3, "batch_size": 16} | options
    return sample_many(model(fn), n, solver, grid, **options)


# --- noise ----------------------------------------------------------------------------------------


def test_a_draw_is_a_block_of_philox():
    streams = NoiseStreams.of(7)
    drawn = streams.normal([5, 2**40], 3, (4,))
    for row, number in zip(drawn, (5, 2**40), strict=True):
        bits = np.random.Philox(key=streams.key, counter=np.array([0, 0, 3, number], np.uint64))
        assert_array_equal(row, np.random.Generator(bits).standard_normal(4))


def test_draws_are_normal_and_all_different():
    drawn = NoiseStreams.of(0).normal(range(4000), 0, (5,))
    assert len(np.unique(drawn)) == drawn.size
    # means of 4000 numbers: 5 s.e. in five columns and all products, false alarm below 1e-4
    assert np.abs(drawn.mean(axis=0)).max() < 5 / np.sqrt(4000)
    assert np.abs(drawn.T @ drawn / 4000 - np.eye(5)).max() < 5 * np.sqrt(2 / 4000)
    other = NoiseStreams.of(0).normal(range(4000), 1, (5,))
    assert np.abs((drawn * other).mean(axis=0)).max() < 5 / np.sqrt(4000)


def test_torch_looks_at_32_bits_of_a_seed():
    # why there are no torch.Generators here: when this fails, the note in the docstring is outdated
    one, two = (torch.Generator().manual_seed(seed) for seed in (5, 5 + 2**32))
    assert torch.equal(torch.randn(4, generator=one), torch.randn(4, generator=two))


# --- the cut --------------------------------------------------------------------------------------


@given(
    batch_size=st.integers(1, 40),
    pad=st.booleans(),
    start=st.integers(0, 45),
    solver=st.sampled_from([NOISY, UniPC(3), DDIM()]),
)
@settings(max_examples=25)
def test_the_cut_changes_nothing(batch_size, pad, start, solver):
    whole = many(50, solver, batch_size=50, pad=False).samples
    part = many(50 - start, solver, batch_size=batch_size, pad=pad, start=start)
    assert part.complete
    assert_array_equal(part.samples, whole[start:])


@pytest.mark.parametrize("schedule", [S, VESchedule()])
def test_it_is_sample_with_the_streams_as_noise(schedule):
    grid = time_grid(schedule, 5)
    streams = NoiseStreams.of(3)
    begin = torch.from_numpy(streams.normal(range(9), 0, (2, 3)))
    begin = begin * (80.0 if schedule != S else 1.0)
    noises = [torch.from_numpy(streams.normal(range(9), i + 1, (2, 3))) for i in range(5)]
    expected = sample(model(schedule=schedule), begin, NOISY, grid, noise=noises)
    run = sample_many(
        model(schedule=schedule), 9, NOISY, grid,
        shape=(2, 3), random_state=3, batch_size=4, dtype=torch.float64,
    )  # fmt: skip
    assert_array_equal(run.samples, expected.numpy())


def test_a_network_is_exact_for_one_batch_size_and_rounded_for_others():
    network = Network()
    whole = many(70, fn=network, batch_size=32).samples
    for start, n in ((0, 33), (40, 1), (31, 2), (64, 6)):
        assert_array_equal(
            many(n, fn=network, batch_size=32, start=start).samples, whole[start : start + n]
        )
    assert_allclose(many(70, fn=network, batch_size=7).samples, whole, atol=1e-5)


def test_calls_at_times_of_the_samples_own(tmp_path):
    schedule = DiscreteVPSchedule()
    moved = GaussianMixture(torch.zeros(1, 64), 0.5).model(schedule)
    grid = time_grid(schedule, 5, "linspace")
    options = {"shape": (64,), "random_state": 0, "batch_size": 8}
    shift = TimeShift(window=80, cutoff=100, target="marginal", data_variance=0.5)
    path = tmp_path / "samples.npy"
    whole = sample_many(moved, 30, shift, grid, out=path, **options)
    part = sample_many(moved, 10, shift, grid, start=20, **options)
    assert_array_equal(part.samples, whole.samples[20:])
    plain = sample_many(moved, 30, DDIM(), grid, **options)
    assert not np.array_equal(plain.samples, whole.samples)
    with pytest.raises(ValueError, match="plan is"):
        sample_many(moved, 30, replace(shift, cutoff=200), grid, out=path, **options)
    with pytest.raises(ValueError, match="grid must be given for TimeShift, got None"):
        sample_many(moved, 30, shift, **options)


def test_the_network_gets_full_batches_only_if_told_to():
    sizes = []

    def fn(x, t):
        sizes.append(len(x))
        return shrink(x, t)

    many(20, DDIM(), GRID, fn)
    assert set(sizes) == {16}
    sizes.clear()
    many(20, DDIM(), GRID, fn, pad=False)
    assert sizes == [16] * 6 + [4] * 6


@pytest.mark.parametrize("pad", [True, False])
def test_conditions_go_with_the_number(pad):
    given_ = np.arange(40) % 8
    by_rows = many(30, cond=given_[10:], start=10, pad=pad).samples
    by_tensor = many(30, cond=torch.from_numpy(given_[10:]), start=10, pad=pad).samples
    by_number = many(
        30, cond=lambda numbers: torch.from_numpy(numbers % 8), start=10, pad=pad
    ).samples
    on_device = many(30, cond=given_[10:], start=10, pad=pad, device="cpu").samples
    whole = many(40, cond=given_).samples
    for found in (by_rows, by_tensor, by_number, on_device):
        assert_array_equal(found, whole[10:])
    assert not np.array_equal(whole, many(40).samples)


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_dtype_and_post_processing(name):
    found = many(20, dtype=getattr(torch, name), postprocess=Clip(-0.1, 0.1))
    assert found.samples.dtype == name
    exact = many(20, dtype=torch.float64, postprocess=Clip(-0.1, 0.1)).samples
    assert_allclose(found.samples, exact, atol={"float16": 2e-3, "float32": 1e-6}.get(name, 0))
    assert np.abs(exact).max() < 0.2


def test_random_states():
    assert_array_equal(many(random_state=5).samples, many(random_state=np.int64(5)).samples)
    assert not np.array_equal(many(random_state=5).samples, many(random_state=6).samples)
    assert not np.array_equal(many(random_state=None).samples, many(random_state=None).samples)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    many()
    assert torch.equal(before[0], torch.get_rng_state())
    assert_array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002


def test_conditions_that_numpy_does_not_know():
    numbers = np.arange(30) % 8
    plain = many(30, cond=numbers).samples
    tensor = torch.from_numpy(numbers)
    for cond in (
        tensor.bfloat16(), tensor.float().requires_grad_(), numbers.astype(">f4"),
        tensor.bfloat16()[:, None].expand(-1, 3)[:, 1],
    ):  # fmt: skip
        assert_array_equal(many(30, cond=cond).samples, plain)


# --- stop and resume ------------------------------------------------------------------------------


def after(n):
    return lambda n_done, n_samples: n_done >= n


def failing(at, error):
    """The network, until some call of it."""
    calls = 0

    def fn(x, t, cond=None):
        nonlocal calls
        calls += 1
        if calls == at:
            raise error
        return shrink(x, t, cond)

    return fn


def test_stopped_and_resumed_in_an_array():
    seen = []
    whole = many(50).samples
    part = many(50, callback=lambda *numbers: seen.append(numbers) or numbers[0] > 20)
    assert seen == [(16, 50), (32, 50)]
    assert part.n_done == 32
    assert not part.complete
    assert_array_equal(part.samples[:32], whole[:32])
    for options in ({}, {"batch_size": 5}, {"random_state": 3}):
        out = part.samples.copy()
        again = many(50, out=out, done=part.done, **options)
        assert again.samples is out
        assert again.complete
        assert_array_equal(out, whole)
    assert part.n_done == 32  # the mask that was given is the caller's


def test_stopped_and_resumed_in_a_file(tmp_path):
    path = tmp_path / "samples.npy"
    whole = many(90).samples
    assert many(90, out=path, callback=after(16)).n_done == 16
    with pytest.warns(UserWarning, match="interrupted after 48 of 90"):
        # one batch is made again to compare, then two, then the keyboard
        stopped = many(90, out=path, fn=failing(3 * 6 + 2, KeyboardInterrupt()))
    assert stopped.n_done == 48
    with pytest.raises(ZeroDivisionError):
        many(90, out=str(path), fn=failing(2 * 6 + 1, ZeroDivisionError()))
    lines = (tmp_path / "samples.npy.record").read_text().splitlines()
    assert lines[1:] == ["[0, 16]", "[16, 32]", "[32, 48]", "[48, 64]"]
    calls = []
    last = many(90, out=path, fn=lambda x, t: calls.append(len(x)) or shrink(x, t))
    assert len(calls) == 6 * 3  # the comparison and two batches
    assert last.complete
    assert_array_equal(np.load(path), whole)
    calls.clear()
    assert many(90, out=path, fn=lambda x, t: calls.append(1)).complete
    assert not calls


def test_a_file_knows_its_own_random_state(tmp_path):
    path = tmp_path / "samples.npy"
    many(50, out=path, random_state=None, callback=after(16))
    again = many(50, out=path, random_state=None)
    assert again.complete
    streams = NoiseStreams(known_key(path))
    begin, *noises = (torch.from_numpy(streams.normal(range(50), i, (2, 3))) for i in range(7))
    expected = sample(model(), begin, NOISY, GRID, noise=noises)
    assert_allclose(again.samples, expected.numpy(), atol=1e-6)


def test_what_a_crash_left_is_read(tmp_path):
    path = tmp_path / "samples.npy"
    many(50, out=path, callback=after(32))
    record = tmp_path / "samples.npy.record"
    record.write_text(record.read_text() + "[32, 4")  # the power went off here
    assert many(50, out=path, callback=after(48)).n_done == 48
    assert record.read_text().splitlines()[3:] == ["[32, 4", "[32, 48]"]
    assert many(50, out=path).complete
    assert_array_equal(np.load(path), many(50).samples)


def test_an_empty_file_or_a_record_alone_is_a_start(tmp_path):
    path = tmp_path / "samples.npy"
    assert many(50, out=path, fn=shrink, callback=after(1)).n_done == 16
    record = tmp_path / "samples.npy.record"
    record.write_text(record.read_text().splitlines()[0])  # begun, and nothing done
    path.unlink()
    assert many(50, out=path).complete


def test_a_full_disk_is_met_at_once(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match="No space"):
        many(out=tmp_path / "samples.npy")
    assert not list(tmp_path.iterdir())


def test_progress(capsys):
    many(50, progress=True)
    shown = capsys.readouterr().err
    assert "sampling" in shown
    assert "50/50" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 60}, "n_samples is 50 in samples.npy.record, got 60"),
        ({"start": 1}, "start is 0 .* got 1"),
        ({"shape": (3, 2)}, r"shape is \[2, 3\]"),
        ({"dtype": torch.float64}, "dtype is 'float32'"),
        ({"random_state": 4}, "random_state is"),
        ({"solver": DDIM()}, "plan is"),
        ({"grid": time_grid(S, 7)}, "plan is"),
        ({"cond": np.arange(50)}, "cond is None"),
        ({"postprocess": Clip(-1, 1)}, r"postprocess is None .* 'Clip\(high=1, low=-1\)'"),
        ({"fn": lambda x, t: 0 * x}, "samples of another model, condition or random_state"),
    ],
)
def test_other_settings_are_refused(tmp_path, options, message):
    path = tmp_path / "samples.npy"
    many(50, out=path, callback=after(16))
    kept = np.load(path)
    with pytest.raises(ValueError, match=message):
        many(**({"n": 50, "out": path} | options))
    assert_array_equal(np.load(path), kept)


def test_parameters_of_a_limit_and_of_a_schedule_without_plan_are_settings(tmp_path):
    path, clip = tmp_path / "clipped.npy", {"postprocess": Clip(-1, 1)}
    many(50, out=path, callback=after(16), **clip)
    with pytest.raises(ValueError, match=r"postprocess is 'Clip\(high=1, low=-1\)'"):
        many(50, out=path, postprocess=Clip(-1, 1.001))
    assert many(50, out=path, **clip).complete

    path, shift = tmp_path / "shifted.npy", TimeShift(80, 100, target="estimate")
    one, other = DiscreteVPSchedule(), DiscreteVPSchedule(beta_end=0.0201)
    grid, options = time_grid(one, 5, "linspace"), {"shape": (2, 3), "random_state": 3, "out": path}
    sample_many(model(schedule=one), 70, shift, grid, callback=after(1), **options)
    with pytest.raises(ValueError, match="plan is"):
        sample_many(model(schedule=other), 70, shift, grid, **options)
    assert sample_many(model(schedule=one), 70, shift, grid, **options).complete


def test_samples_that_diverge_are_the_same_ones_too(tmp_path):
    def diverges(x, t):
        return torch.where(x[:, :1, :1] > 1, torch.nan, shrink(x, t))

    path = tmp_path / "samples.npy"
    part = many(60, fn=diverges, out=path, callback=after(1))
    lost = np.isnan(part.samples[:16]).any(axis=(1, 2))
    assert 0 < lost.sum() < 16
    with pytest.raises(ValueError, match="samples of another model"):
        many(60, out=path)  # of another network, all finite
    assert many(60, fn=diverges, out=path).complete


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    path = tmp_path / "samples.npy"
    np.save(path, np.zeros(3))
    with pytest.raises(ValueError, match=r"without its record samples\.npy\.record"):
        many(out=path)
    path.unlink()
    many(50, out=path, callback=after(16))
    np.save(path, np.zeros(3))
    with pytest.raises(ValueError, match=r"out must hold \(50, 2, 3\) float32, got \(3,\)"):
        many(out=path)
    path.unlink()
    with pytest.raises(ValueError, match=r"samples\.npy is gone"):
        many(out=path)
    for text in ("", "[]\n", '{"a": 1}\n', "samples"):
        (tmp_path / "samples.npy.record").write_text(text)
        with pytest.raises(ValueError, match="cannot be read"):
            many(out=path)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n": 0}, ValueError, "n_samples must be an int >= 1, got 0"),
        ({"n": 2.0}, ValueError, r"n_samples must be an int >= 1, got 2\.0"),
        ({"batch_size": 0}, ValueError, "batch_size must be an int >= 1, got 0"),
        ({"batch_size": True}, ValueError, "batch_size must be an int >= 1, got True"),
        ({"start": -1}, ValueError, "start must be an int >= 0, got -1"),
        ({"shape": ()}, ValueError, r"shape must be the sizes >= 1 of one sample, got \(\)"),
        ({"shape": (2, 0)}, ValueError, r"shape must be .* got \(2, 0\)"),
        ({"shape": 3}, ValueError, "shape must be .* got 3"),
        ({"dtype": torch.bfloat16}, ValueError, "dtype must be .* got torch.bfloat16"),
        ({"random_state": -1}, ValueError, "random_state must be"),
        ({"grid": None}, ValueError, "grid must be given for DPMSolver"),
        (
            {"solver": DDIM(), "grid": GRID[::-1]},
            ValueError,
            r"grid must be strictly descending.* rises from 0\.001",
        ),
        ({"solver": NOISY.plan(S, GRID)}, ValueError, "grid must be None beside a Plan"),
        ({"cond": np.zeros(49)}, ValueError, r"one row for each of the 50 samples, got .*\(49,\)"),
        ({"cond": 3}, ValueError, r"got shape \(\)"),
        ({"cond": ["a"] * 50}, ValueError, "cond must hold numbers"),
        ({"out": [1.0]}, TypeError, "out must be None, an array or a path, got list"),
        ({"out": "samples.txt"}, ValueError, r"out must end in \.npy"),
        ({"out": "a.npy", "done": np.zeros(50, bool)}, ValueError, "done must be None beside a f"),
        ({"done": np.zeros(50, bool)}, ValueError, "done must be None without out"),
        ({"out": np.zeros((50, 2, 3))}, ValueError, r"float32, got \(50, 2, 3\) float64"),
        (
            {"out": np.zeros((50, 2, 3), np.float32), "done": np.zeros(50)},
            ValueError,
            r"done must be an array of bool of shape \(50,\), got float64",
        ),
        ({"client": "localhost:8786"}, TypeError, "client must be a distributed.Client, got str"),
    ],
)
def test_bad_input(options, error, message):
    with pytest.raises(error, match=message):
        many(**({"n": 50} | options))


def test_no_model():
    with pytest.raises(TypeError, match="model must be a DiffusionModel, got function"):
        sample_many(shrink, 3, DDIM(), GRID, shape=(1,))


# --- two workers ----------------------------------------------------------------------------------


@pytest.fixture
def client(two_workers):
    import distributed

    with distributed.Client(two_workers) as client:
        client.wait_for_workers(2)
        yield client


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cond": np.arange(50) % 8},
        {"cond": lambda numbers: torch.from_numpy(numbers % 8), "pad": False},
        {"solver": UniPC(3), "dtype": torch.float64, "batch_size": 3},
    ],
)
def test_two_workers_make_what_one_process_makes(client, options):
    one = many(50, **options)
    two = many(50, client=client, **options)
    assert two.complete
    assert_array_equal(two.samples, one.samples)


def test_a_network_on_two_workers_is_sent_to_each_once(client, tmp_path):
    seen = tmp_path / "unpickled"
    one = many(200, fn=Network(), batch_size=8)
    two = many(200, fn=Network(str(seen)), batch_size=8, client=client)
    assert_allclose(two.samples, one.samples, atol=1e-5)
    assert seen.read_text() == "uu"


def test_stopped_on_workers_and_resumed_here(client, tmp_path):
    path = tmp_path / "samples.npy"
    part = many(300, out=path, client=client, batch_size=4, callback=after(40))
    assert 40 <= part.n_done < 300
    assert many(300, out=path, client=client, batch_size=4, callback=after(100)).n_done < 300
    assert many(300, out=path, batch_size=4).complete
    assert_array_equal(np.load(path), many(300, batch_size=4).samples)


def test_an_error_on_a_worker_is_raised_and_loses_nothing(client, tmp_path):
    def fn(x, t):
        if bool((x[:, 0, 0] == trap).any()):
            raise ZeroDivisionError("in the network")
        return shrink(x, t)

    trap = float(NoiseStreams.of(3).normal([35], 0, (2, 3)).astype(np.float32)[0, 0, 0])
    path = tmp_path / "samples.npy"
    with pytest.raises(ZeroDivisionError, match="in the network"):
        many(50, fn=fn, out=path, client=client, batch_size=10)
    assert "[30, 40]" not in (tmp_path / "samples.npy.record").read_text()
    run = many(50, out=path)
    assert run.complete
    assert_array_equal(run.samples, many(50).samples)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("n_lost", [1, 2])
def test_lost_workers_cost_nothing(client, two_workers, n_lost):
    # with both of them goes the model, too
    killed = []

    def kill(n_done, n_samples):
        if not killed:
            killed.extend(worker.pid for worker in list(two_workers.workers.values())[:n_lost])
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
        return False

    one = many(200, batch_size=4)
    two = many(200, batch_size=4, client=client, callback=kill)
    assert killed
    assert two.complete
    assert_array_equal(two.samples, one.samples)
    client.wait_for_workers(2, timeout=120)  # their nannies start others


def test_plans_are_sent_as_they_are(client):
    plan = Plan.from_dict(NOISY.plan(S, GRID).to_dict())
    assert_array_equal(many(20, plan, None, client=client).samples, many(20, NOISY, GRID).samples)
