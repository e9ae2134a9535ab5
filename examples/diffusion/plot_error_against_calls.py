"""
Error against calls, every solver, three grids
==============================================

How far samples of the digits network are from where the differential equation leads, against the
number of network calls: all deterministic solvers, from the same noise, on three grids. Which grid
is good depends on the number of calls, and matters as much as the solver.
"""

import matplotlib.pyplot as plt
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

GREY, RED, BLUE, GREEN, OCHRE = "#a8a196", "#b4430f", "#1f5f99", "#3c8d5a", "#d9a441"
solvers = {
    "DDIM": (DDIM(), GREY, "o-"),
    "PNDM": (PNDM("plms"), GREY, "v--"),
    "DPM-Solver++ 2M": (DPMSolver(2, lower_order_final=True), RED, "o-"),
    "DPM-Solver++ 3M": (DPMSolver(3, lower_order_final=True), RED, "s-"),
    "DPM-Solver++ 3S": (DPMSolver(3, method="singlestep"), RED, "^--"),
    "DPM-Solver 3S (noise)": (DPMSolver(3, "eps", "singlestep"), RED, "v:"),
    "UniPC-2": (UniPC(2), BLUE, "o-"),
    "UniPC-3": (UniPC(3), BLUE, "s-"),
    "DEIS log-rho": (DEIS(2, "logrho", lower_order_final=True), GREEN, "o-"),
    "DEIS tAB3": (DEIS(3, "tab"), GREEN, "s-"),
    "DEIS rhoAB3": (DEIS(3, "rhoab"), GREEN, "^--"),
    "DEIS iPNDM": (DEIS(3, "ipndm"), OCHRE, "o-"),
    "DEIS rhoRK (Heun)": (DEIS(kind="rhork", rk="heun2"), OCHRE, "^--"),
}
grids = {
    "time": "even in the time",
    "quadratic": "even in the root of the time",
    "logsnr": "even in the log-SNR",
}
calls = (5, 6, 8, 10, 14, 20, 30, 50)

classes = torch.arange(120) % 10
noise = torch.randn(120, 64, generator=torch.Generator().manual_seed(0))
fine = sample(model, noise, DPMSolver(3), time_grid(schedule, 400, "logsnr"), cond=classes)


def error(solver, budget, spacing):
    """Calls that were made of a budget, and the mean squared difference."""
    steps = max(n for n in range(1, budget + 1) if solver.n_evals(n) <= budget)
    plan = solver.plan(schedule, time_grid(schedule, steps, spacing))
    found = sample(model, noise, plan, cond=classes)
    return plan.n_evals, float((found - fine).square().mean())


# %%
figure, axes = plt.subplots(1, 3, figsize=(13, 5), sharey=True, layout="constrained")
best = {}
for ax, (spacing, words) in zip(axes, grids.items(), strict=True):
    for name, (solver, colour, line) in solvers.items():
        points = [error(solver, budget, spacing) for budget in calls]
        ax.loglog(*zip(*points, strict=True), line, color=colour, label=name, ms=4, lw=1.4)
        for n, value in points:
            best[n] = min(best.get(n, (9e9,)), (value, name, words))
    ax.set(xlabel="network calls", title=f"Nodes {words}", ylim=(1e-6, 10))
    ax.set_xticks(calls, [str(n) for n in calls])
    ax.minorticks_off()
    ax.grid(color="#ece8e1")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("mean squared difference from 400 steps")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
plt.show()

# %%
# The best of all of them, by calls:
for n in calls:
    value, name, words = best[n]
    print(f"{n:2d} calls: {value:.1e}  {name}, nodes {words}")
