"""Draws docs/_static/landing.png, the one picture of the landing page and the README.

python docs/landing_picture.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from sklearn.tree import DecisionTreeClassifier

from sampkit.datasets import load_satimage, make_imbalanced_moons
from sampkit.metrics import SamplingROCDisplay
from sampkit.over_sampling import SMOTE

TARGET = Path(__file__).parent / "_static" / "landing.png"
GREY, BLUE, ORANGE = "#b8bec7", "#1f5f99", "#e07b28"


def rows_and_segments(before: Axes, after: Axes) -> None:
    """A rare class, and the rows that SMOTE puts between its members."""
    X, y = make_imbalanced_moons(random_state=3)
    smote = SMOTE(random_state=0)
    X_new, _ = smote.fit_resample(X, y)
    seed, neighbor, _ = (part[len(X) :] for part in smote.provenance_)
    rare = y == min(set(y), key=list(y).count)
    for ax in (before, after):
        ax.scatter(*X[~rare].T, s=9, color=GREY, lw=0)
        ax.set(xticks=[], yticks=[])
    after.add_collection(
        LineCollection(list(zip(X[seed], X[neighbor], strict=True)), color="0.7", lw=0.5)
    )
    after.scatter(*X_new[len(X) :].T, s=9, facecolor="white", edgecolor=ORANGE, lw=0.8, zorder=2)
    for ax in (before, after):
        ax.scatter(*X[rare].T, s=26, color=BLUE, edgecolor="white", lw=0.5, zorder=3)
    before.set_title(f"{rare.sum()} rare rows among {len(X)}")
    after.set_title(f"{len(X_new) - len(X)} new rows, each between two of them")


def mixes(ax: Axes) -> None:
    """ROC points of the paper's sweep on Satimage, with their hull."""
    X, y = load_satimage(return_X_y=True)
    tree = DecisionTreeClassifier(criterion="entropy", min_samples_leaf=2, random_state=0)
    SamplingROCDisplay.from_estimator(tree, X, y, over=(0, 200), cv=5, random_state=0, ax=ax)
    ax.set_title("Satimage: every mix, and the hull")
    ax.legend(loc="lower right", fontsize="x-small")


if __name__ == "__main__":
    figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained", dpi=110)
    rows_and_segments(*axes[:2])
    mixes(axes[2])
    figure.savefig(TARGET)
