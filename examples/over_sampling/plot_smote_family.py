"""
Where each relative of SMOTE puts its rows
==========================================

Six samplers on the same two half moons, the lower one rare. Every new row (open circle) lies on
the line through a seed and one of its neighbours, and the sampler remembers which: the grey
segments are read from ``provenance_``.
"""

import matplotlib.pyplot as plt

from sampkit.datasets import make_imbalanced_moons
from sampkit.over_sampling import (
    ADASYN,
    SMOTE,
    SVMSMOTE,
    BorderlineSMOTE,
    KMeansSMOTE,
    RandomOverSampler,
    ResamplingDisplay,
    over_percent,
)

X, y = make_imbalanced_moons(n_samples=400, noise=0.2, random_state=3)
wanted = over_percent(300)

samplers = {
    "SMOTE": SMOTE(sampling_strategy=wanted, random_state=0),
    "Borderline-SMOTE: rows in danger only": BorderlineSMOTE(
        sampling_strategy=wanted, random_state=0
    ),
    "SVM-SMOTE: support vectors, safe ones outwards": SVMSMOTE(
        sampling_strategy=wanted, random_state=0
    ),
    "K-Means SMOTE: where the class is at home": KMeansSMOTE(
        sampling_strategy=wanted, kmeans_estimator=12, random_state=0
    ),
    "ADASYN: more where it is hard": ADASYN(sampling_strategy=wanted, random_state=0),
    "ROSE: copies with noise": RandomOverSampler(
        sampling_strategy=wanted, shrinkage=0.5, random_state=0
    ),
}

figure, axes = plt.subplots(2, 3, figsize=(13, 8), layout="constrained", sharex=True, sharey=True)
for ax, (title, sampler) in zip(axes.flat, samplers.items(), strict=True):
    if isinstance(sampler, RandomOverSampler):
        X_res, y_res = sampler.fit_resample(X, y)
        ax.scatter(*X[y == 0].T, s=14, color="C0", alpha=0.6, lw=0)
        ax.scatter(*X[y == 1].T, s=14, color="C1", alpha=0.6, lw=0)
        ax.scatter(*X_res[len(X) :].T, s=22, facecolors="none", edgecolors="C1", lw=0.9)
    else:
        ResamplingDisplay.from_estimator(sampler, X, y, ax=ax)
        ax.get_legend().set_visible(ax is axes.flat[0])
    ax.set(title=title, xlabel="", ylabel="")
plt.show()

# %%
# SMOTE fills the whole rare moon. Borderline-SMOTE and ADASYN work where the moons touch, which
# helps if the border is real and hurts if it is label noise. SVM-SMOTE also steps outwards from
# safe support vectors, so its rows can leave the hull of the class. K-Means SMOTE leaves out the
# clusters in which the rare class is outnumbered, and gives the sparsest of the others by far the
# most rows: here three rows far apart get nearly all of them. Look before you use it on small
# classes.
