"""
Which scores, how many rows
===========================

A weighted sample of rows is good when no linear model can tell it from all rows: when the
*distortion*, the largest relative change of ``‖Xx‖_p`` over all x, is small. Below: on ordinary
rows leverage is as good as anything; two built matrices tell the scores apart; and a look at which
rows were taken.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import extract_patches_2d

from sampkit.coreset import (
    DistortionDisplay,
    LeverageDisplay,
    LeverageScoreSampler,
    LewisWeightSampler,
    UniformRowSampler,
    inclusion_probabilities,
    leverage_scores,
    lewis_weights,
    lp_sensitivities,
    sample_rows,
    subspace_distortion,
)

# %%
# On ordinary rows
# ----------------
# 4000 patches of 3 × 4 pixels. Uniform rows miss the edges of the picture for a long time. Leverage
# and Lewis weights, drawn independently, are about as good as each other, at p = 1 and at p = 4;
# along the k-d order of whitened rows the same number of rows does better still, above all at p =
# 1.
photograph = load_sample_image("china.jpg").mean(axis=2) / 255
X = extract_patches_2d(photograph, (3, 4), max_patches=4000, random_state=0).reshape(4000, -1)

figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained", sharey=True)
for ax, p in zip(axes, (1, 4), strict=True):
    samplers = {
        "uniform": UniformRowSampler(scheme="poisson"),
        "leverage": LeverageScoreSampler(scheme="poisson"),
        "Lewis": LewisWeightSampler(p=p, scheme="poisson"),
        "Lewis along the k-d order": LewisWeightSampler(p=p),
    }
    display = DistortionDisplay.from_samplers(
        samplers, X, sizes=[100, 200, 400, 800], p=p, n_draws=3, ax=ax
    )
    ax.set(title=f"p = {p}")
    middle = {name: np.median(values, axis=1).round(3) for name, values in display.values.items()}
    print(f"p = {p}:", {name: values.tolist() for name, values in middle.items()})
axes[1].set_ylabel("")
plt.show()


# %%
# Where the scores differ
# -----------------------
# Copies of an identity beside a Gaussian block. Scores of the two parts do not depend on one
# another, so what a method spends on the copies is missing in the block, where the distortion is
# measured. At p = 1 plain sensitivities starve the block, and leverage added to them repairs it; at
# p = 4 they are what is needed, and Lewis weights spend most rows on copies.
def in_the_block(p, n_identity, copies, n, d, sizes):
    """Mean distortion inside the Gaussian block for three scores."""
    block = np.random.default_rng(0).normal(size=(n, d))
    same = np.full(n_identity * copies, 1 / copies)
    sigma = np.r_[same, lp_sensitivities(block, p)]
    counts = np.ones(len(sigma))
    if p > 2:  # the leverage of rows split until no sensitivity is above the average
        counts = np.maximum(np.ceil(sigma * len(sigma) / sigma.sum()), 1)
    flat = block * counts[len(same) :, None] ** (0.5 - 1 / p)
    scores = {
        "Lewis": np.r_[same, lewis_weights(block, p)],
        "sensitivity": sigma,
        "sensitivity + leverage": sigma + np.r_[same, leverage_scores(flat)],
    }
    found = {}
    for name, score in scores.items():
        found[name] = []
        for size in sizes:
            q = inclusion_probabilities(score, size)[len(same) :]
            draws = [sample_rows(q, scheme="poisson", random_state=seed) for seed in range(3)]
            values = [
                subspace_distortion(block, *draw, p, n_starts=8, n_refine=2, random_state=0)
                for draw in draws
            ]
            found[name].append(np.mean([value.distortion for value in values]))
    return found


figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
cases = [(1, 40, 50, 1500, 40, [600, 1000, 1600]), (4, 200, 50, 3000, 12, [2000, 4000, 8000])]
for ax, case in zip(axes, cases, strict=True):
    p, n_identity, copies, n, d, sizes = case
    for k, (name, values) in enumerate(in_the_block(*case).items()):
        ax.plot(sizes, values, marker="osD"[k], color=f"C{k + 1}", label=name)
    title = f"p = {p}: {n_identity} columns × {copies} copies beside {n} × {d}"
    ax.set(xscale="log", ylim=(0, None), xlabel="Rows drawn in all", title=title)
    ax.set_xticks(sizes, [str(m) for m in sizes])
    ax.minorticks_off()
    ax.grid(alpha=0.3, which="both", lw=0.5)
    ax.legend(fontsize="small")
axes[0].set_ylabel("Distortion inside the Gaussian block")
plt.show()

# %%
# Which rows were taken
# ---------------------
# Rows from the largest score to the smallest. Uniform rows leave most of the heavy end out; by
# leverage the heaviest are always taken, at a weight of one, and each of the many light ones that
# are drawn stands for dozens (area: weight).
figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained", sharey=True)
by_leverage = LeverageScoreSampler(n_samples=500, random_state=0).fit(X)
LeverageDisplay.from_estimator(LeverageScoreSampler(n_samples=500, random_state=0), X, ax=axes[0])
uniform = UniformRowSampler(n_samples=500, random_state=0).fit(X)
LeverageDisplay(
    by_leverage.scores_,
    uniform.inclusion_probabilities_,
    uniform.sample_indices_,
    uniform.sample_weight_,
).plot(ax=axes[1])
axes[0].set(title="By leverage", ylabel="Leverage")
axes[1].set(title="Uniform", ylabel="")
plt.show()
