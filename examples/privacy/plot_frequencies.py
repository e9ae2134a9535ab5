"""
Frequencies with intervals, and how many users they take
========================================================

One collection of Nursery's verdict and housing under epsilon 1 for a whole record, and what ten and
a hundred times the users would change. An estimate below zero is no mistake: estimates are
unbiased, and their intervals hold the truth 95 times in 100.
"""

import matplotlib.pyplot as plt

from sampkit.datasets import load_nursery
from sampkit.privacy import LDPSchema, plot_frequencies, simulate_counts

nursery = load_nursery(multiclass=True, as_frame=True)
frame = nursery.data[["housing"]].assign(verdict=nursery.target.astype("category"))
domain = {name: list(frame[name].cat.categories) for name in frame}
counts = [frame[name].value_counts().reindex(domain[name]).to_numpy() for name in domain]
truth = [c / len(frame) for c in counts]

schema = LDPSchema(domain, epsilon=1.0, solution="auto")
print("solution:", schema.solution, "- whole record:", schema.epsilon_tuple)

# %%
figure, axes = plt.subplots(1, 3, figsize=(13, 4), sharex=True, sharey=True, layout="constrained")
for ax, times in zip(axes, (1, 10, 100), strict=True):
    marginals = [times * c for c in counts]
    table = simulate_counts(schema, marginals=marginals, random_state=1).estimate()
    plot_frequencies(table, ax, truth=truth)
    ax.set_title(f"{times * len(frame):,} users")
    if times > 1:
        ax.get_legend().remove()
plt.show()

# %%
# The nearest distribution to the unbiased estimate, for those who need one that sums to 1:
few = simulate_counts(schema, marginals=counts, random_state=1)
table = few.estimate().assign(
    simplex=few.estimate(postprocess="simplex")["estimate"],
    truth=[f for vector in truth for f in vector],
)
table.round(3)
