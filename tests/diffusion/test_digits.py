"""The digits model and the teacher it is judged by."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sampkit.diffusion import (  # noqa: E402
    DDIM,
    PNDM,
    DigitsDenoiser,
    DiscreteVPSchedule,
    DPMSolver,
    GaussianMixture,
    UniPC,
    VPLinearSchedule,
    frechet_distance,
    sample,
    teacher_trajectory,
    time_grid,
)

SMALL = {"width": 8, "n_blocks": 1, "n_iterations": 30}


def noise(n, seed=0):
    return torch.randn(n, 64, generator=torch.Generator().manual_seed(seed))


def same(a, b):
    pairs = zip(a.model.fn.parameters(), b.model.fn.parameters(), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


def test_training_repeats_itself_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    first, again = DigitsDenoiser(**SMALL).fit(), DigitsDenoiser(**SMALL).fit()
    assert torch.equal(before, torch.get_rng_state())
    assert same(first, again)
    assert not same(first, DigitsDenoiser(**SMALL, random_state=1).fit())
    assert first.n_iter_ == 30


def test_a_loaded_network_is_the_trained_one(tmp_path):
    trained = DigitsDenoiser.load(data_home=tmp_path, **SMALL)
    file = next(tmp_path.glob("digits-*.npz"))
    written = file.stat().st_mtime_ns
    loaded = DigitsDenoiser.load(data_home=tmp_path, **SMALL)
    assert file.stat().st_mtime_ns == written
    assert same(trained, loaded)
    assert same(trained, DigitsDenoiser(**SMALL).fit())
    DigitsDenoiser.load(data_home=tmp_path, **{**SMALL, "n_iterations": 2})
    assert len(list(tmp_path.glob("digits-*.npz"))) == 2


def test_a_teacher_is_computed_once(tmp_path, monkeypatch):
    digits = DigitsDenoiser.load(data_home=tmp_path, **SMALL)
    grid, x, cond = time_grid(digits.schedule, 3, "time"), noise(4), torch.arange(4)
    asked = [
        digits.teacher(x, grid, n_steps=9),
        digits.teacher(x, grid, cond, n_steps=9),
        digits.teacher(x, grid, cond, scale=2.0, n_steps=9),
    ]
    guided = teacher_trajectory(digits.guided(2.0), x, grid, 9, cond=cond)
    assert all(map(torch.equal, asked[2], guided))
    monkeypatch.setattr(
        "sampkit.diffusion.digits.teacher_trajectory", lambda *a, **k: pytest.fail("asked again")
    )
    again = DigitsDenoiser.load(data_home=tmp_path, **SMALL)
    assert all(map(torch.equal, asked[1], again.teacher(x, grid, cond, n_steps=9)))
    assert all(map(torch.equal, asked[2], again.teacher(x, grid, cond, scale=2.0, n_steps=9)))


def test_no_other_network_gets_into_the_cache(tmp_path):
    digits = DigitsDenoiser.load(data_home=tmp_path, **SMALL)
    grid, x = time_grid(digits.schedule, 3, "time"), noise(4)
    digits.set_params(random_state=1)  # and not fitted again
    digits.teacher(x, grid, n_steps=9)
    other = DigitsDenoiser.load(data_home=tmp_path, **SMALL, random_state=1)
    expected = teacher_trajectory(other.model, x, grid, 9)
    assert all(map(torch.equal, other.teacher(x, grid, n_steps=9), expected))

    before = set(tmp_path.iterdir())
    digits.set_params(n_iterations=7).fit()
    expected = teacher_trajectory(digits.model, x, grid, 9)
    assert all(map(torch.equal, digits.teacher(x, grid, n_steps=9), expected))
    assert set(tmp_path.iterdir()) == before


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        DigitsDenoiser.load(data_home=tmp_path, **SMALL)
    assert not [file for file in tmp_path.iterdir() if file.suffix != ".lock"]


def test_devices_keep_their_generators(monkeypatch):
    def seeded(*_):
        pytest.fail("a global generator was seeded")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded)
    monkeypatch.setattr(torch.cuda, "manual_seed", seeded)
    DigitsDenoiser(**{**SMALL, "n_iterations": 1}).fit()


def test_an_interruption_keeps_the_network(monkeypatch):
    from sampkit.diffusion import digits as module

    def interrupted(steps, n, progress):
        for i, network in enumerate(steps):
            if i == 5:
                raise KeyboardInterrupt
            yield network

    monkeypatch.setattr(module, "_shown", interrupted)
    digits = DigitsDenoiser(**SMALL)
    with pytest.raises(KeyboardInterrupt):
        digits.fit()
    assert digits.n_iter_ == 5
    assert digits.model.denoise(noise(2), 500.0).shape == (2, 64)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"width": 0}, "width must be an int >= 1, got 0"),
        ({"n_blocks": True}, "n_blocks must be an int >= 1, got True"),
        ({"n_iterations": 2.5}, "n_iterations must be an int >= 1, got 2.5"),
        ({"batch_size": -1}, "batch_size must be an int >= 1, got -1"),
        ({"learning_rate": 0.0}, "learning_rate must be > 0, got 0.0"),
        ({"label_dropout": 1.5}, r"label_dropout must be in \[0, 1\], got 1.5"),
        ({"ema_decay": 1.0}, r"ema_decay must be in \[0, 1\), got 1.0"),
        ({"random_state": None}, "random_state must be an int >= 0, got None"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        DigitsDenoiser(**params).fit()


def test_a_scale_needs_classes():
    digits = DigitsDenoiser(**SMALL).fit()
    with pytest.raises(ValueError, match=r"scale must be 1 without classes in cond, got 3.0"):
        digits.teacher(noise(1), [999.0, 0.0], scale=3.0)


def test_samples_look_like_digits(digits):
    """A Gaussian fit of the data with their own classes is at 0, noise beyond 60."""
    grid = time_grid(digits.schedule, 20, "time")
    x, cond = noise(500), torch.arange(500) % 10
    drawn = sample(digits.model, x, DPMSolver(2), grid, cond=cond)
    assert frechet_distance(drawn, digits.data_) < 2
    assert np.mean(digits.classify(drawn) == cond.numpy()) > 0.9
    images = digits.to_images(drawn)
    assert images.shape == (500, 8, 8)
    assert images.min() >= 0
    assert images.max() <= 1
    assert np.mean(digits.classify(digits.data_) == digits.target_.numpy()) > 0.98


class TestTeacher:
    schedule = VPLinearSchedule()
    model = GaussianMixture([[1.0, 0.0]], 0.25).model(schedule)
    x = torch.randn(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def test_is_the_exact_flow_at_every_node(self):
        grid, before = time_grid(self.schedule, 6), self.x.clone()
        states = teacher_trajectory(self.model, self.x, grid, 4000)
        assert torch.equal(before, self.x)
        assert torch.equal(states[0], self.x)
        mean = torch.tensor([1.0, 0.0], dtype=torch.float64)
        alpha, sigma = self.schedule.alpha(grid), self.schedule.sigma(grid)
        spread = np.sqrt(alpha**2 * 0.25 + sigma**2)
        for i, state in enumerate(states):
            exact = alpha[i] * mean + spread[i] / spread[0] * (self.x - alpha[0] * mean)
            assert float((state - exact).abs().max()) < 2e-3

    def test_on_its_own_nodes_it_is_ddim(self):
        grid = np.linspace(1.0, 0.001, 21)
        _, states = sample(self.model, self.x, DDIM(), grid, return_trajectory=True)
        found = teacher_trajectory(self.model, self.x, grid[::5], 20)
        for state, exact in zip(found, states[::5], strict=True):
            torch.testing.assert_close(state, exact, rtol=0, atol=1e-13)

    def test_no_gradients(self):
        start = self.x.clone().requires_grad_()
        assert not teacher_trajectory(self.model, start, [1.0, 0.5], 3)[-1].requires_grad

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"n_steps": 0}, "n_steps must be an int >= 1, got 0"),
            ({"n_steps": 1.5}, "n_steps must be an int >= 1, got 1.5"),
            ({"grid": [0.5, 1.0]}, "grid must be strictly descending"),
            ({"solver": UniPC(2)}, "one call a step and have no corrector, got UniPC"),
            ({"solver": PNDM("rk")}, "one call a step and have no corrector, got PNDM"),
            ({"solver": "ddim"}, "solver_or_plan must be a Plan"),
        ],
    )
    def test_bad_input(self, change, message):
        with pytest.raises(ValueError, match=message):
            teacher_trajectory(**{"model": self.model, "x": self.x, "grid": [1.0, 0.5], **change})

    def test_a_start_without_data_has_no_others_beside_it(self):
        schedule = DiscreteVPSchedule(zero_terminal_snr=True)
        model = GaussianMixture([[0.5]], 0.25).model(schedule, "v")
        x = torch.ones(1, 1, dtype=torch.float64)
        states = teacher_trajectory(model, x, [999, 990], 27)  # nodes at 998.67 and 998.33
        expected = teacher_trajectory(model, x, [999, 990], 9)  # and without
        assert float(states[-1]) == pytest.approx(float(expected[-1]), rel=1e-3)
