"""
Correcting a solver for one network
===================================

A solver knows the schedule and not the network it runs on. `DC-Solver` finds one number for each
call, the ratio by which an output is moved in time before it is used again, such that a run of a
few calls stays close to one of a thousand; `DualFast` extrapolates away from a prediction made at
higher noise, and corrects the network rather than the solver. Here both are tried on a small
network trained on scikit-learn's digits.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from sampkit.diffusion import (
    DDIM,
    DigitsDenoiser,
    DPMSolver,
    DualFast,
    DynamicCompensation,
    UniPC,
    frechet_distance,
    sample,
    search_compensation,
    time_grid,
    tune_dualfast,
)

torch.set_num_threads(1)
digits = DigitsDenoiser.load()


def noise(n, seed):
    return torch.randn(n, 64, generator=torch.Generator().manual_seed(seed))


# %%
# Ratios
# ------
# Ten noises are searched on and five hundred others judge: mean squared difference from 999 steps
# of DDIM with the same start. Nothing is differentiated; a ratio takes about four network calls.
fine = digits.teacher(noise(500, 1), [999.0, 0.0])[-1]
calls, found, errors = (4, 5, 6, 8, 10), {}, {"UniPC-2": [], "with searched ratios": []}
for n in calls:
    grid = time_grid(digits.schedule, n, "linspace")
    target = digits.teacher(noise(10, 0), grid)
    found[n] = search_compensation(digits.model, UniPC(2), grid, noise(10, 0), target=target)
    solvers = UniPC(2), DynamicCompensation(UniPC(2), found[n].ratios)
    for name, solver in zip(errors, solvers, strict=True):
        end = sample(digits.model, noise(500, 1), solver, grid)
        errors[name].append(float((end - fine).square().mean()))

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for n in (5, 8, 10):
    left.plot(np.arange(1, n + 1) / n, found[n].ratios, "o-", markersize=4, label=f"{n} calls")
left.axhline(1, color="0.6", linewidth=0.8)
left.set(xlabel="call / number of calls", ylabel="ratio", title="Searched ratios (1: as it is)")
left.legend()
for (name, values), style in zip(errors.items(), ("o--", "o-"), strict=True):
    right.loglog(calls, values, style, markersize=4, label=name)
right.set(xlabel="network calls", ylabel="mean squared error", title="Error on fresh noise")
right.set_xticks(calls, [str(n) for n in calls])
right.set_yticks([0.005, 0.01, 0.02, 0.04], ["0.005", "0.01", "0.02", "0.04"])
right.minorticks_off()
right.legend()
plt.show()
for n in calls:
    print(f"{n:2d} calls: {found[n].n_model_calls:3d} network calls of search and comparison")

# %%
# What it changes
# ---------------
# Four calls from the same noise, the digits 0 to 9 asked for. The last row is the run of 999 steps
# that the others try to be; rows two and three differ in two numbers. DualFast has another aim: to
# look like the data.
grid, start, cond = time_grid(digits.schedule, 4, "linspace"), noise(10, 1), torch.arange(10)
asked = {"cond": cond, "target": digits.teacher(noise(10, 0), grid, cond)}
ratios = search_compensation(digits.model, UniPC(2), grid, noise(10, 0), **asked).ratios
rows = {
    "DDIM": DDIM(),
    "UniPC-2": UniPC(2),
    "UniPC-2, compensated": DynamicCompensation(UniPC(2), ratios),
    "DDIM, DualFast c = 0.4": DualFast(DDIM(), 0.4),
}
wanted = digits.teacher(start, grid, cond)[-1]
pictures = {
    name: sample(digits.model, start, solver, grid, cond=cond) for name, solver in rows.items()
}
pictures["999 steps of DDIM"] = wanted

figure, axes = plt.subplots(len(pictures), 1, figsize=(10, 4.4), layout="constrained")
for ax, (name, x) in zip(axes, pictures.items(), strict=True):
    spaced = np.pad(digits.to_images(x), ((0, 0), (0, 0), (1, 1)))
    ax.imshow(np.hstack(list(spaced)), cmap="gray_r", vmin=0, vmax=1)
    error = f"error {float((x - wanted).square().mean()):.3f}" if x is not wanted else ""
    ax.set_ylabel(f"{name}\n{error}", rotation=0, ha="right", va="center", fontsize=9)
    ax.set(xticks=[], yticks=[])
plt.show()

# %%
# DualFast is to be judged by how far samples are from data. Its strength is one number, and a
# larger one is not always better.
grid = time_grid(digits.schedule, 5, "linspace")
strengths = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.6])
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, solver in {"DDIM": DDIM(), "DPM-Solver++(2M)": DPMSolver(2), "UniPC-2": UniPC(2)}.items():
    _, distances = tune_dualfast(
        digits.model, solver, grid, noise(500, 3), digits.data_, strengths, return_scores=True
    )
    ax.plot(strengths, distances, "o-", markersize=4, label=name)
ax.axhline(
    frechet_distance(fine, digits.data_), color="0.6", linewidth=0.8, label="999 steps of DDIM"
)
ax.set(xlabel="c", ylabel="Fréchet distance to the digits", title="DualFast at five calls")
ax.set_ylim(bottom=0)
ax.legend()
plt.show()
