"""
Tell the network the time that a state looks like
=================================================

A run of ten calls makes states that differ from those a network was trained on. One way in which
they do is seen at once: their variance. Time-Shift makes each call at the training step whose
variance a state has. It gains much where noise is drawn in few calls (DDPM), provided that the
variance is compared with what it should be.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from sampkit.diffusion import (
    DDPM,
    DiffusionModel,
    DigitsDenoiser,
    TimeShift,
    frechet_distance,
    sample,
    time_grid,
)

torch.set_num_threads(1)
digits = DigitsDenoiser.load(random_state=0)
schedule, grid = digits.schedule, time_grid(digits.schedule, 10, "linspace")
noise = torch.randn(2000, 64, generator=torch.Generator().manual_seed(0))
variance = float(digits.data_.var(1).mean())

runs = {
    "DDPM": DDPM(),
    "Time-Shift, marginal": TimeShift(80, 100, "marginal", variance, eta=1.0),
    "Time-Shift, sigma2 (as published)": TimeShift(80, 100, "sigma2", eta=1.0),
}


def run(solver):
    """Samples, the mean variance of the states, and the times of all calls."""
    times = []

    def watched(x, t):
        times.append(t.clone())
        return digits.model.fn(x, t)

    model = DiffusionModel(watched, schedule)
    generator = torch.Generator().manual_seed(1)
    end, states = sample(model, noise, solver, grid, generator=generator, return_trajectory=True)
    return end, np.array([float(x.var(1).mean()) for x in states]), torch.stack(times).numpy()


found = {name: run(solver) for name, solver in runs.items()}

# %%
# Left: the variance over the 64 pixels of a state, and what it should be, with that of the data
# (0.57) in so far as it is left; the published target, the noise alone, is far below at low noise.
# Middle: how far calls are moved, mean and middle 80 % of 2000 samples; at high noise, where the
# variance hardly depends on the time, single samples go to one edge or the other. Right: what comes
# out.
expected = np.square(schedule.sigma(grid)) + np.square(schedule.alpha(grid)) * variance
colours = {name: f"C{k}" for k, name in enumerate(runs)}

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
left.plot(grid, expected, "k-", label="expected")
left.plot(grid, np.square(schedule.sigma(grid)), "k:", label="of the noise alone")
for (name, (_, variances, times)), marker in zip(found.items(), "osx", strict=True):
    left.plot(grid, variances, marker, color=colours[name], ms=6, mfc="none", label=name)
    moved = times - grid[:-1, None]
    low, high = np.quantile(moved, [0.1, 0.9], axis=1)
    middle.plot(grid[:-1], moved.mean(1), "o-", color=colours[name], markersize=4)
    middle.fill_between(grid[:-1], low, high, color=colours[name], alpha=0.15, lw=0)
left.set(xlabel="training step", title="Variance of the states")
left.legend(fontsize=8)
middle.set(xlabel="training step of the grid", title="Calls moved by, in training steps")
distances = [frechet_distance(end, digits.data_) for end, *_ in found.values()]
names = ["DDPM", "marginal", "sigma2"]
bars = right.barh(names[::-1], distances[::-1], color=[colours[name] for name in runs][::-1])
right.bar_label(bars, fmt="%.2f", padding=3)
right.set(title="Fréchet distance to the digits", xlim=(0, 1.15 * max(distances)))
plt.show()

# %%
# The first samples of each, from the same noise, in ten calls.
figure, axes = plt.subplots(len(found), 1, figsize=(9, 2.1), layout="constrained")
for ax, (name, (end, *_)) in zip(axes, found.items(), strict=True):
    images = np.pad(1 - digits.to_images(end[:24]), ((0, 0), (1, 1), (1, 1)), constant_values=1)
    ax.imshow(np.hstack(images), cmap="gray", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.set_title(name, fontsize=9, loc="left")
plt.show()
