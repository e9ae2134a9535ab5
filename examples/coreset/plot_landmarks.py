"""
Landmarks for a kernel
======================

The Nystroem method describes every row by its similarity to a few landmarks. scikit-learn draws
them uniformly: most land where most rows are. Ridge leverage scores say which rows the others do
not describe yet. Left and middle: 60 landmarks each on a cluster with a sparse surrounding. Right:
the spectral error of the kernel matrix on patches of a photograph, against the number of landmarks.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.kernel_approximation import Nystroem
from sklearn.metrics.pairwise import rbf_kernel

from sampkit.coreset import RidgeLeverageNystroem

rng = np.random.default_rng(0)
X = np.concatenate([rng.normal(scale=0.25, size=(2700, 2)), rng.uniform(-3, 3, (300, 2))])
ways = {
    "uniform landmarks": (Nystroem, "0.45"),
    "ridge leverage": (RidgeLeverageNystroem, "#b4430f"),
}

figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for ax, (name, (make, color)) in zip(axes, ways.items(), strict=False):
    model = make(gamma=1.0, n_components=60, random_state=0).fit(X)
    error = np.linalg.norm(rbf_kernel(X, gamma=1.0) - model.transform(X) @ model.transform(X).T, 2)
    ax.plot(*X.T, ".", color="0.85", ms=3)
    ax.plot(*model.components_.T, "o", color=color, ms=5)
    ax.set(title=f"{name}: error {error:.3g}", aspect="equal", xticks=[], yticks=[])

# %%
photograph = load_sample_image("china.jpg").mean(axis=2) / 255
patches = extract_patches_2d(photograph, (4, 4), max_patches=6000, random_state=0).reshape(6000, 16)
some = patches[:800]
K = rbf_kernel(some, gamma=0.3)
sizes = [50, 100, 200, 400]
for name, (make, color) in ways.items():
    errors = []
    for m in sizes:
        found = []
        for seed in range(3):
            Z = make(gamma=0.3, n_components=m, random_state=seed).fit(patches).transform(some)
            found.append(np.abs(np.linalg.eigvalsh(K - Z @ Z.T)).max() / len(some))
        errors.append(np.median(found))
    axes[2].loglog(sizes, errors, "o-", color=color, label=name)
axes[2].set(title="4 x 4 patches of a photograph", xlabel="landmarks", ylabel="spectral error / n")
axes[2].set_xticks(sizes, [str(m) for m in sizes])
axes[2].minorticks_off()
axes[2].legend()
plt.show()
