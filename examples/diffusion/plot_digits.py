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
    DPMSolver,
    DigitsDenoiser,
    UniPC,
    sample,
    teacher_trajectory,
    time_grid,
)

torch.set_num_threads(1)
digits = DigitsDenoiser.load(random_state=0)
model, schedule = digits.model, digits.schedule

solvers = {
    "DDIM": DDIM(),
    "DPM-Solver-3\nsinglestep": DPMSolver(3, prediction="eps", method="singlestep"),
    "DPM-Solver++ 2M": DPMSolver(2),
    "DPM-Solver++ 3M": DPMSolver(3),
    "DEIS tAB3": DEIS(3, "tab"),
    "UniPC-2": UniPC(2),
    "UniPC-3": UniPC(3, variant="bh1"),
}
calls = (5, 8, 10, 20)
classes = torch.arange(200) % 10
noise = torch.randn(200, 64, generator=torch.Generator().manual_seed(1))
ends = [schedule.t_max, schedule.t_min]
fine = teacher_trajectory(model, noise, ends, cond=classes)[-1]


def mosaic(states):
    """The first ten samples, digits 0 to 9, as one picture of two rows, a pixel of white between."""
    images = np.pad(1 - digits.to_images(states[:10]), ((0, 0), (1, 0), (1, 0)), constant_values=1)
    return np.vstack([np.hstack(images[:5]), np.hstack(images[5:])])


# %%
# Under each cell the mean squared difference from the teacher, over 200 samples. Pixels run from -1
# to 1.
figure, axes = plt.subplots(
    len(solvers), len(calls) + 1, figsize=(11, 0.4 + 1.02 * len(solvers)), layout="constrained"
)
for row, (name, solver) in zip(axes, solvers.items(), strict=True):
    for cell, n_calls in zip(row, calls, strict=False):
        found = sample(model, noise, solver, time_grid(schedule, n_calls, "time"), cond=classes)
        cell.imshow(mosaic(found), cmap="gray", vmin=0, vmax=1)
        cell.set_xlabel(f"{float((found - fine).square().mean()):.4f}", fontsize=9, labelpad=2)
    row[-1].imshow(mosaic(fine), cmap="gray", vmin=0, vmax=1)
    row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
for cell, n_calls in zip(axes[0], calls, strict=False):
    cell.set_title(f"{n_calls} calls", fontsize=11)
axes[0, -1].set_title("teacher", fontsize=11, color="#b4430f")
for cell in axes.flat:
    cell.set(xticks=[], yticks=[])
    cell.spines[:].set_visible(False)
plt.show()
