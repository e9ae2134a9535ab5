"""
A picture of four materials from 32 projections
===============================================

Few directions and noise on every measurement: a reconstruction with real values is blurred, and
rounding it to the four grey levels that are possible leaves speckles.
:func:`~sampkit.minmax.reconstruct_discrete` moves pixels between levels such that the worst
measurements fit, under a prior that neighbours rarely differ.
"""

import matplotlib.pyplot as plt
import numpy as np

from sampkit.minmax import make_ellipse_phantom, parallel_beam_matrix, reconstruct_discrete, sirt

size, n_angles, amplitude = 64, 32, 500
levels = np.linspace(0, 255, 4)
picture = levels[make_ellipse_phantom(size, n_levels=4, seed=1)]
A = parallel_beam_matrix(size, n_angles, size)
noise = np.random.default_rng(101).uniform(-amplitude, amplitude, A.shape[0])
b = A @ picture.ravel() + noise

results = {"SIRT, real values": sirt(A, b, 300, bounds=(0, 255)).reshape(size, size)}
for name, options in {
    "SIRT, rounded": {"method": "round"},
    "DART": {"method": "dart", "rng": 0},
    "min-max without prior": {"smooth": 0},
    "min-max with prior": {},
}.items():
    results[name] = reconstruct_discrete(A, b, levels, shape=(size, size), **options).image

# %%
# The number is the mean error of a pixel on the scale 0 to 255. Without the prior the noise is
# fitted and the picture becomes worse than the rounded one, although its measurements fit better.
figure, axes = plt.subplots(2, 3, figsize=(10, 7), layout="constrained")
for ax, (name, image) in zip(axes.flat, {"truth": picture, **results}.items(), strict=True):
    ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    error = np.abs(image - picture).mean()
    ax.set_title(name if name == "truth" else f"{name}: {error:.2f}", fontsize=10)
    ax.set_axis_off()
plt.show()

# %%
# Where is the result in doubt? ``margin`` is the least rise of the potential when a pixel takes a
# neighbouring level. It is small on borders, and that is where the wrong pixels are.
result = reconstruct_discrete(A, b, levels, shape=(size, size))
wrong = result.image != picture
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
shown = left.imshow(np.log10(np.maximum(result.margin, 1e-2)), cmap="magma")
figure.colorbar(shown, ax=left, label="log10 of the margin")
left.set_axis_off()
left.scatter(*np.nonzero(wrong)[::-1], s=14, facecolor="none", edgecolor="#7fd1ff", lw=0.8)
left.set_title(f"Margin; circles: the {wrong.sum()} wrong pixels", fontsize=10)
bins = np.geomspace(1e-2, result.margin.max(), 30)
right.hist(
    [np.maximum(result.margin[~wrong], 1e-2), np.maximum(result.margin[wrong], 1e-2)],
    bins=bins, stacked=True, color=["#a8a196", "#b4430f"], label=["right", "wrong"], log=True,
)  # fmt: skip
right.set(xscale="log", xlabel="margin", ylabel="pixels")
right.legend()
plt.show()
