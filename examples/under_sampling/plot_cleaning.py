"""
What cleaning removes
=====================

Tomek links and edited nearest neighbours drop rows that their neighbours contradict; SMOTE
followed by either cleans old and new rows alike. Crosses are rows that were dropped.
"""

import matplotlib.pyplot as plt

from sampkit.combine import SMOTEENN, SMOTETomek
from sampkit.datasets import make_imbalanced_moons
from sampkit.over_sampling import ResamplingDisplay
from sampkit.under_sampling import EditedNearestNeighbours, TomekLinks

X, y = make_imbalanced_moons(n_samples=400, noise=0.3, random_state=3)
samplers = {
    "Tomek links: few rows": TomekLinks(),
    "Edited nearest neighbours: the contested region": EditedNearestNeighbours(),
    "SMOTE, then Tomek links": SMOTETomek(random_state=0),
    "SMOTE, then edited nearest neighbours": SMOTEENN(random_state=0),
}
figure, axes = plt.subplots(2, 2, figsize=(11, 9), layout="constrained", sharex=True, sharey=True)
for ax, (title, sampler) in zip(axes.flat, samplers.items(), strict=True):
    ResamplingDisplay.from_estimator(sampler, X, y, ax=ax, max_segments=0)
    ax.set(title=title, xlabel="", ylabel="")
plt.show()

# %%
# Neither balances: how many rows go is the choice of the border. Edited nearest neighbours clear a
# strip on either side of it, Tomek links take the pairs that touch.
