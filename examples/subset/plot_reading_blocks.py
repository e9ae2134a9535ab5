"""
What a disk makes of a random tenth
===================================

Small rows lie many to a page, so that a random tenth of them touches nearly all of the file. Blocks
of consecutive rows read what they train on, and nothing else. They cost something else: rows that
lie together are often alike, until the file is shuffled, once.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sampkit.subset import RepeatedSubsetClassifier, block_correlation, read_cost

# %%
# Pages read for each way of drawing
# ----------------------------------
shares = np.geomspace(0.001, 1, 60)
ways = {
    "single rows of 64 bytes": (64, None, "#b4430f"),
    "single rows of 256 bytes": (256, None, "#d98c5f"),
    "single rows of 4 KiB": (4096, None, "#4a7284"),
    "blocks of 64 KiB": (64, 1024, "#1c1b19"),
}
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for name, (row_bytes, block_rows, colour) in ways.items():
    read = [
        read_cost(row_bytes, float(r), block_rows=block_rows)["fraction_of_file"] for r in shares
    ]
    style = "--" if block_rows else "-"
    left.loglog(shares, read, style, color=colour, lw=2, label=name)
left.set(
    xlabel="Share of the rows that is wanted",
    ylabel="Share of the file that is read",
    title="Pages of 4 KiB",
)
left.legend(frameon=False)

# %%
# What blocks cost, and what shuffling gives back
# -----------------------------------------------
# Forty rounds of a tenth, single rows or blocks, on a file sorted by class and on the same file
# shuffled. The estimator warns where blocks are alike; here that is the point.
X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, test_size=0.25, stratify=y, random_state=0)
orders = {
    "shuffled once": np.random.default_rng(0).permutation(len(y)),
    "sorted by class": np.argsort(y, kind="stable"),
}
blocks = (1, 4, 16, 32, 64)
for (name, order), colour in zip(orders.items(), ("#1c1b19", "#b4430f"), strict=True):
    accuracy = []
    for block_rows in blocks:
        runs = []
        for seed in range(3):
            network = MLPClassifier(64, solver="sgd", batch_size=16, learning_rate_init=0.1)
            model = RepeatedSubsetClassifier(
                network, 0.1, 40, lr_schedule="cosine", block_rows=block_rows, random_state=seed
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(X[order], y[order])
            runs.append(model.score(X_test, y_test))
        accuracy.append(np.mean(runs))
    rho = block_correlation(y[order], 32)
    right.plot(blocks, accuracy, "o-", color=colour, label=f"{name} (correlation {rho:.2f})")
right.set(
    xlabel="Rows of a block",
    ylabel="Test accuracy",
    xscale="log",
    title="Digits, 40 rounds of 10 %, mean of three seeds",
)
right.set_xticks(blocks, [str(b) for b in blocks])
right.minorticks_off()
right.legend(frameon=False, loc="lower left")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()
