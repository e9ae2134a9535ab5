"""A NumPy executor and an exact model: plans are tested without PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

from sampkit.diffusion import VPLinearSchedule


def run_plan(plan, x, model, noise=None):
    """Run a plan on an array; `model(x, t)` gives the data prediction."""
    states, x0s, eps = [np.asarray(x, dtype=np.float64)], [], []

    def updated(update, anchor):
        total = update.a * states[anchor]
        for weights, outputs in ((update.w_x0, x0s), (update.w_eps, eps)):
            for age, weight in enumerate(weights):
                total = total + weight * outputs[-1 - age]
        return total

    for i, row in enumerate(plan.rows):
        x0 = model(states[i], row.t)
        alpha, sigma = plan.schedule.alpha(row.t), plan.schedule.sigma(row.t)
        x0s.append(x0)
        eps.append((states[i] - alpha * x0) / sigma)
        if i and plan.rows[i - 1].corrector is not None:
            states[i] = updated(plan.rows[i - 1].corrector, i - 1)
        if row.mix is not None:
            for outputs in (x0s, eps):
                outputs[-1] = sum(w * outputs[-1 - age] for age, w in enumerate(row.mix))
        state = updated(row.update, i if row.anchor is None else row.anchor)
        if row.noise:
            state = state + row.noise * noise[i]
        states.append(state)
    return states[-1]


class Ring:
    """Six normal laws on the unit circle, variances .05 + .02 k, equal weights."""

    angles = 2 * np.pi * np.arange(6) / 6
    means = np.column_stack([np.cos(angles), np.sin(angles)])
    variances = 0.05 + 0.02 * np.arange(6)

    def __init__(self, schedule):
        self.schedule = schedule

    def __call__(self, x, t):
        alpha, sigma = float(self.schedule.alpha(t)), float(self.schedule.sigma(t))
        total = alpha**2 * self.variances + sigma**2
        apart = x[:, None, :] - alpha * self.means
        logs = -np.square(apart).sum(axis=2) / (2 * total) - np.log(total)
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        inner = self.means + (alpha * self.variances / total)[:, None] * apart
        return (shares[:, :, None] * inner).sum(axis=1)

    def draw(self, n, t, seed=0):
        rng = np.random.default_rng(seed)
        which = rng.integers(6, size=n)
        spread = np.sqrt(self.variances[which])[:, None]
        clean = self.means[which] + spread * rng.normal(size=(n, 2))
        return self.schedule.alpha(t) * clean + self.schedule.sigma(t) * rng.normal(size=(n, 2))


@pytest.fixture(scope="session")
def vp():
    return VPLinearSchedule()


@pytest.fixture(scope="session")
def ring(vp):
    return Ring(vp)


@pytest.fixture(scope="session")
def run():
    return run_plan


@pytest.fixture(scope="session")
def ring_on():
    return Ring


@pytest.fixture(scope="session")
def strict():
    """A kind of tensor that nobody may wait for."""
    torch = pytest.importorskip("torch")

    class Strict(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, arguments=(), keywords=None):
            name = getattr(function, "__name__", "")
            if name in ("item", "tolist", "cpu", "numpy", "__bool__", "__float__", "__int__"):
                raise AssertionError(f"{name} waits for the device")
            return super().__torch_function__(function, types, arguments, keywords or {})

    return Strict


@pytest.fixture(scope="session")
def digits():
    """The small real network, trained once on a machine."""
    torch = pytest.importorskip("torch")
    from sampkit.diffusion import DigitsDenoiser

    torch.set_num_threads(1)
    return DigitsDenoiser.load()
