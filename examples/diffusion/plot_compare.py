"""
Comparing solvers
=================

One call runs every solver on every grid from the same noise, on a small real network, and says
how far each is from a fine run of the same network (left) and from the digits it was trained on
(right).
"""

import matplotlib.pyplot as plt
import torch

from sampkit.diffusion import (
    DDIM,
    DEIS,
    DigitsDenoiser,
    DPMSolver,
    SolverComparisonDisplay,
    UniPC,
    compare,
)

torch.set_num_threads(1)
digits = DigitsDenoiser.load()
noise = torch.randn(400, 64, generator=torch.Generator().manual_seed(0))
classes = torch.arange(400) % 10

solvers = {
    "DDIM": DDIM(),
    "DPM-Solver++(2M)": DPMSolver(2),
    "DEIS (log rho)": DEIS(2, "logrho"),
    "UniPC-2": UniPC(2),
    "UniPC-3": UniPC(3),
}
table = compare(
    solvers,
    digits.model,
    noise,
    [5, 8, 10, 14, 20],
    spacing="time",
    cond=classes,
    data=digits.data_,
    n_teacher_steps=250,
)

figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
SolverComparisonDisplay.from_frame(table, ax=axes[0])
SolverComparisonDisplay.from_frame(table, quantity="frechet", ax=axes[1])
axes[1].get_legend().remove()
plt.show()

# %%
# The error says how well a solver follows the flow of the network; whether the flow ends at
# something like the data is another question, and the two need not rank solvers alike. The table
# itself is a data frame:
table.round({"error": 4, "frechet": 3, "ms": 1})

# %%
# DPM-Solver++ and DEIS get worse from 14 to 20 calls. Below 15 steps they take the last step at
# first order, from 15 steps on at full order, as diffusers does; on a grid even in time that step
# is long in the log-SNR. ``lower_order_final=True`` mends it.
compare(
    {"full order": DPMSolver(2), "first order": DPMSolver(2, lower_order_final=True)},
    digits.model,
    noise,
    20,
    spacing="time",
    cond=classes,
    data=digits.data_,
    n_teacher_steps=250,
).round({"error": 4, "frechet": 3, "ms": 1})

# %%
# What has a grid of its own, as a stored plan or a searched solver schedule has, takes part on
# that; and grids may be compared, too.
spacings = {"time": [5, 8, 12], "logsnr": [5, 8, 12], "quadratic": [5, 8, 12]}
SolverComparisonDisplay.from_model(
    {"DDIM": DDIM(), "UniPC-2": UniPC(2)},
    digits.model,
    noise[:200],
    spacings,
    cond=classes[:200],
    n_teacher_steps=250,
)
plt.show()
