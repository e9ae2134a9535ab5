"""
Coefficient error against rows
==============================

How many weighted rows does a regression need? A million rows would show the same; here every pixel
of a photograph is predicted from the 24 around it, 60000 patches in all. Sky and wall repeat
themselves; edges are rare, and they decide the coefficients.

Excess is what the fitted coefficients lose on *all* rows against the best ones. Left p = 1, least
absolute deviations: leverage and Lewis weights do equally well, a factor of two below uniform rows.
Right p = 3, where large residuals decide: a factor of four, and the k-d order adds to it.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import extract_patches_2d

from sampkit.coreset import (
    LpRegressor,
    RowSpaceFactor,
    inclusion_probabilities,
    leverage_scores,
    lewis_weights,
    sample_rows,
    spatial_order,
)

n = 60_000
photograph = load_sample_image("china.jpg").mean(axis=2) / 255
patches = extract_patches_2d(photograph, (5, 5), max_patches=n, random_state=0).reshape(n, 25)
X, y = np.delete(patches, 12, axis=1), patches[:, 12]

# The score matrix holds the intercept and y: then every residual of every model is a combination
# of its columns, and its norm is kept.
scored = np.column_stack([np.ones(n), X, y])
white = RowSpaceFactor().partial_fit(scored).whiten(scored)
# Neighbours of the k-d order stand in for each other; on one side of the fit they pull it one way.
residual = y - LpRegressor(2).fit(X, y).predict(X)


def excess(p, scores, m, spread, draws=7):
    """Excess loss of fits on repeated samples of m rows."""
    q = inclusion_probabilities(scores, m)
    how = {"scheme": "poisson"}
    if spread:
        how = {"order": spatial_order(white, q, fold_signs=residual)}
    for seed in range(draws):
        rows, weight = sample_rows(q, random_state=seed, **how)
        model = LpRegressor(p).fit(X[rows], y[rows], sample_weight=weight)
        yield (np.abs(y - model.predict(X)) ** p).sum() / least[p] - 1


# %%
sizes = [150, 250, 500, 1000, 2000]
least = {p: LpRegressor(p).fit(X, y).objective_ for p in (1, 3)}
figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for ax, p in zip(axes, (1, 3), strict=True):
    lewis = lewis_weights(scored, p, tol=1e-2)
    ways = {
        "uniform rows": (np.ones(n), False, "0.65"),
        "leverage": (leverage_scores(scored), False, "#1f5f99"),
        "Lewis weights": (lewis, False, "#d9a441"),
        "Lewis weights, k-d order": (lewis, True, "#b4430f"),
    }
    for name, (scores, spread, color) in ways.items():
        found = np.array([list(excess(p, scores, m, spread)) for m in sizes])
        ax.loglog(sizes, np.median(found, axis=1), "o-", color=color, label=name, ms=4)
    ax.set(title=f"p = {p}", xlabel="rows")
    ax.set_xticks(sizes, [str(m) for m in sizes])
    ax.minorticks_off()
axes[0].set_ylabel("median excess loss on all rows")
axes[1].legend()
plt.show()

# %%
# In scikit-learn's manner it is one object, fit for a pipeline and a grid search:
from sampkit.coreset import CoresetRegressor, LewisWeightSampler

sampler = LewisWeightSampler(p=3, n_samples=1000, target="Xy", random_state=0)
model = CoresetRegressor(LpRegressor(p=3), sampler).fit(X, y)
full = LpRegressor(3).fit(X, y)
print(f"R2 on all rows: fitted on 1000 {model.score(X, y):.4f}, on all {full.score(X, y):.4f}")
