"""
Which solver, how many calls?
=============================

Six normal laws on a ring have a diffusion model that is known exactly, so every difference from a
run of 2000 steps is the solver's own. Left: the error of each solver against the number of network
calls. Right: what DDIM and DEIS make of the same noise in eight calls.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from sampkit.diffusion import (
    DDIM,
    DEIS,
    DPMSolver,
    GaussianMixture,
    UniPC,
    VPLinearSchedule,
    initial_noise,
    sample,
    time_grid,
)

torch.set_num_threads(1)
angles = 2 * np.pi * np.arange(6) / 6
ring = GaussianMixture(np.column_stack([np.cos(angles), np.sin(angles)]), 0.01)
schedule = VPLinearSchedule()
model = ring.model(schedule)
noise = initial_noise(schedule, [1.0], (400, 2), torch.Generator().manual_seed(0), torch.float64)
fine = sample(model, noise, DPMSolver(3, weights="exact"), time_grid(schedule, 2000))

solvers = {
    "DDIM": DDIM(),
    "DPM-Solver++(2M)": DPMSolver(2),
    "DPM-Solver++(3M)": DPMSolver(3),
    "DEIS (log rho)": DEIS(2, "logrho"),
    "UniPC-2": UniPC(2),
    "UniPC-3": UniPC(3),
}
calls = [5, 8, 12, 20, 35, 60]

# %%
# Plans are numbers, so a grid of solvers and calls is a matter of seconds.
errors = {
    name: [
        float((sample(model, noise, solver, time_grid(schedule, n)) - fine).square().mean().sqrt())
        for n in calls
    ]
    for name, solver in solvers.items()
}

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
for name, values in errors.items():
    left.loglog(calls, values, "o-", label=name, markersize=4)
left.set(xlabel="network calls", ylabel="root mean square error", title="Error against calls")
left.set_xticks(calls, [str(n) for n in calls])
left.minorticks_off()
left.legend(fontsize=8)
for ax, name in ((middle, "DDIM"), (right, "DEIS (log rho)")):
    found = sample(model, noise, solvers[name], time_grid(schedule, 8))
    ax.scatter(*fine.T, s=14, color="0.8", label="2000 steps")
    ax.scatter(*found.T, s=5, color="C3", label="8 calls")
    ax.set(title=f"{name}, eight calls", aspect="equal", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6))
    ax.legend(loc="center", fontsize=8)
plt.show()

# %%
# A plan is data: its rows can be looked at, stored as JSON beside a checkpoint, and read back.
plan = UniPC(3).plan(schedule, time_grid(schedule, 5))
for row in plan.rows:
    print(f"t = {row.t:.4f}   a = {row.a:.4f}   data weights", [round(w, 4) for w in row.w_x0])
