"""
A schedule searched for one network
===================================

Solvers are made for every network; a model that runs millions of times with one setting can afford
to look for its own. The search chooses, at every step, where the next call lies, which prediction
is interpolated, at which order, and whether the next output corrects the step. It takes some
seconds for the network of small digits, and the result is a plan like any other.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from sampkit.diffusion import (
    DDIM,
    DigitsDenoiser,
    DPMSolver,
    UniPC,
    sample,
    search_solver_schedule,
    time_grid,
)

torch.set_num_threads(1)
digits = DigitsDenoiser.load()
model, schedule = digits.model, digits.schedule


def noise(n, seed):
    return torch.randn(n, 64, generator=torch.Generator().manual_seed(seed))


# %%
# Searches at five and at eight calls, on 128 noises each. They start from every fixed solver on
# grids of several spacings.
calls = [5, 8]
found = {
    n: search_solver_schedule(model, n, noise(128, 0), budget=300, random_state=0) for n in calls
}
for n, result in found.items():
    print(f"{n} calls: error {result.score:.5f}, on fresh noise {result.fresh_score:.5f}")

# %%
# Errors on other noises, against a fine run, and against fixed solvers on the spacing that serves
# each of them best.
x = noise(256, 1)
fine = sample(model, x, DPMSolver(2), time_grid(schedule, 200))
solvers = {
    "DDIM": DDIM(),
    "DPM-Solver++(2M)": DPMSolver(2),
    "UniPC-2": UniPC(2),
    "DPM-Solver(2), noise": DPMSolver(2, "eps", weights="exact", lower_order_final=False),
    "DPM-Solver(3), noise": DPMSolver(3, "eps", lower_order_final=False),
}
spacings = ("linspace", "logsnr", "karras", "quadratic")


def error(solver, grid=None):
    return float((sample(model, x, solver, grid) - fine).square().mean())


fixed_calls = [4, 5, 6, 8, 10]
errors = {
    name: [min(error(solver, time_grid(schedule, n, s)) for s in spacings) for n in fixed_calls]
    for name, solver in solvers.items()
}
searched = [error(found[n].best) for n in calls]

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4.2), layout="constrained")
found[8].plot(left)
left.set_title("The search at eight calls")
for name, values in errors.items():
    middle.semilogy(fixed_calls, values, "o-", markersize=4, label=name)
middle.semilogy(calls, searched, "k*", markersize=11, label="searched")
middle.set(xlabel="network calls", ylabel="mean squared error", title="Error on new noise")
middle.set_xticks(fixed_calls)
middle.legend(fontsize=8)

# What was found: nodes of the grid, and the order of the step that begins there.
grids = {
    "integer times": time_grid(schedule, 8, "linspace"),
    "even in log-SNR": time_grid(schedule, 8, "logsnr"),
    "searched": np.array(found[8].best.grid),
}
for height, grid in enumerate(grids.values()):
    right.plot(schedule.lam(grid), np.full(9, height), "o-", color="k" if height == 2 else "0.6")
best = found[8].best
for lam, order, prediction, corrected in zip(
    schedule.lam(np.array(best.grid[:-1])), best.orders, best.predictions, best.correctors,
    strict=True,
):  # fmt: skip
    color = "C3" if prediction == "eps" else "C0"
    text = f"{order}{'c' if corrected else ''}"
    right.annotate(text, (lam, 2), (0, 9), textcoords="offset points", ha="center", color=color)
right.set_yticks(range(3), grids)
right.set(xlabel="half log-SNR", ylim=(-0.5, 3.1), title="What was found at eight calls")
words = "order of the step; blue: data prediction,\nred: noise prediction; c: corrected"
right.text(0.03, 0.97, words, transform=right.transAxes, va="top", fontsize=8)
plt.show()

# %%
# The ten noises on which the best fixed solver, on its best spacing, errs most in five calls. The
# search made a mean small: it may leave a sample worse than before.
name = min(errors, key=lambda name: errors[name][1])
spacing = min(spacings, key=lambda s: error(solvers[name], time_grid(schedule, 5, s)))
rows = {
    "fine run": fine,
    name: sample(model, x, solvers[name], time_grid(schedule, 5, spacing)),
    "searched": sample(model, x, found[5].best),
}
apart = (rows[name] - fine).square().mean(1)
shown = apart.argsort(descending=True)[:10]
figure, axes = plt.subplots(3, len(shown), figsize=(9, 3.1), layout="constrained")
for (title, states), line in zip(rows.items(), axes, strict=True):
    for ax, image in zip(line, digits.to_images(states[shown]), strict=True):
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=8)
plt.show()

# %%
# The schedule is a file to keep beside the network's weights: ``found[5].best.to_json(path)``.
print(found[5].best)
