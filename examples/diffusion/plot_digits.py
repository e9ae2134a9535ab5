"""
The same noise, five to twenty calls
====================================

A network of handwritten digits, small enough to be trained on the spot and kept for the next time
(:class:`~sampkit.diffusion.DigitsDenoiser`), is asked for one digit of each class. Every solver
starts from the same noise, so what differs between the pictures is what the solver does with 5, 8,
10 or 20 network calls. Last column: the teacher, 999 steps of DDIM.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from sampkit.diffusion import (
    DDIM,
    DEIS,
    PNDM,
    DigitsDenoiser,
    DPMSolver,
    UniPC,
    sample,
    time_grid,
)

torch.set_num_threads(1)
digits = DigitsDenoiser.load(random_state=0)
model, schedule = digits.model, digits.schedule

EVEN, ROOT = "time", "quadratic"
solvers = {
    "DDIM": (DDIM(), EVEN),
    "PNDM": (PNDM("plms"), EVEN),
    "DPM-Solver-3 (noise)": (DPMSolver(3, "eps", "singlestep"), EVEN),
    "DPM-Solver++ 3S": (DPMSolver(3, method="singlestep"), EVEN),
    "DPM-Solver++ 2M": (DPMSolver(2, lower_order_final=True), EVEN),
    "DPM-Solver++ 3M": (DPMSolver(3, lower_order_final=True), EVEN),
    "DEIS tAB3": (DEIS(3, "tab"), ROOT),
    "DEIS log-rho": (DEIS(2, "logrho", lower_order_final=True), EVEN),
    "UniPC-2": (UniPC(2), EVEN),
    "UniPC-3": (UniPC(3), EVEN),
}
calls = (5, 8, 10, 20)
classes = torch.arange(200) % 10
noise = torch.randn(200, 64, generator=torch.Generator().manual_seed(1))
fine = digits.teacher(noise, [schedule.t_max, schedule.t_min], classes)[-1]


def run(solver, spacing, budget):
    """Samples of a number of calls; some solvers make more than one a step."""
    steps = max(n for n in range(1, budget + 1) if solver.n_evals(n) <= budget)
    return sample(model, noise, solver, time_grid(schedule, steps, spacing), cond=classes)


def mosaic(states):
    """The first ten samples, digits 0 to 9, as one picture of two rows."""
    images = np.pad(1 - digits.to_images(states[:10]), ((0, 0), (1, 0), (1, 0)), constant_values=1)
    return np.vstack([np.hstack(images[:5]), np.hstack(images[5:])])


# %%
# Under each cell the mean squared difference from the teacher, over 200 samples of pixels from -1
# to 1; the smallest of each column is marked. The nodes are even in the time; those of tAB, as
# published, even in its square root. Which grid is best for how many calls:
# :ref:`sphx_glr_auto_examples_diffusion_plot_error_against_calls.py`.
found = {name: [run(*setting, n) for n in calls] for name, setting in solvers.items()}
errors = {name: [float((x - fine).square().mean()) for x in row] for name, row in found.items()}
best = np.min(list(errors.values()), axis=0)

figure, axes = plt.subplots(len(solvers), len(calls) + 1, figsize=(11, 9.6), layout="constrained")
for row, (name, states) in zip(axes, found.items(), strict=True):
    for cell, x, error, least in zip(row, states, errors[name], best, strict=False):
        cell.imshow(mosaic(x), cmap="gray", vmin=0, vmax=1)
        weight, colour = ("bold", "#b4430f") if error == least else ("normal", "#1c1b19")
        words = f"{error:.4f}" if error < 1 else f"{error:.2g}".replace("e+0", "e")
        cell.set_xlabel(words, fontsize=9, labelpad=2, weight=weight, color=colour)
    row[-1].imshow(mosaic(fine), cmap="gray", vmin=0, vmax=1)
    row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
for cell, n_calls in zip(axes[0], calls, strict=False):
    cell.set_title(f"{n_calls} calls", fontsize=11)
axes[0, -1].set_title("teacher", fontsize=11)
for cell in axes.flat:
    cell.set(xticks=[], yticks=[])
    cell.spines[:].set_visible(False)
plt.show()
