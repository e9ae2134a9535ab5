"""A fresh tenth of the data every round, against the same tenth all the time, and against all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.demo import (
    ACCENT,
    INK,
    QUIET,
    Context,
    Picture,
    Row,
    Task,
    TaskResult,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CODE = """\
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from sampkit.subset import RepeatedSubsetClassifier

X, y = load_digits(return_X_y=True)
network = MLPClassifier(64, solver="sgd", learning_rate_init=0.1, batch_size=16)
model = RepeatedSubsetClassifier(network, 0.05, n_rounds=40, lr_schedule="cosine")
print(model.fit(X[:1300] / 16, y[:1300]).score(X[1300:] / 16, y[1300:]))
"""

TEXT = """\
The same small network is trained for the same number of rounds on so many per cent of the \
training rows: rows chosen once at random, or fresh ones every round (RS2). A round costs the same \
either way, and the learning rate falls over the rounds that are run. What differs is that fresh \
rows, round after round, are all rows.

Against training on all rows RS2 buys time: the rows that are trained on, and read, count. The \
last row says how many of them each needed to reach the accuracy named.

The picture on the right is about data on a disk. A tenth of small rows, drawn one by one, touches \
almost every page of the file, so it is read whole; blocks of rows read what they train on. They \
need a file that was shuffled once.
"""

SHARES = (0.02, 0.05, 0.1, 0.3)
TARGET = 0.93


def run(context: Context) -> TaskResult:
    """Train on digits with fresh and with fixed subsets, over several seeds."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    shares, seeds = (SHARES[:2], 2) if context.quick else (SHARES, 4)
    rounds = 12 if context.quick else 40
    found: dict[str, dict[float, Any]] = {"fresh": {}, "fixed": {}}
    for share in shares:
        for kind, scores in found.items():
            scores[share] = np.array(
                [_accuracy(X, y, share, kind, rounds, context.seed + s) for s in range(seeds)]
            )
        context.advance(f"{share:.0%} of the rows")
    rows = [_gain(share, found) for share in shares]
    full, fresh = _trainings(X, y, rounds, context)
    context.advance("all rows")
    rows.append(_cost_row(full, fresh, context.quick))
    pictures = (_picture(found, float(full.history_[-1]["eval_score"])),)
    return TaskResult(
        tuple(rows),
        TEXT,
        pictures,
        "scikit-learn's digits, 1797 images of 8 x 8 pixels; Optical Recognition of Handwritten "
        "Digits, https://doi.org/10.24432/C50P49 (CC BY 4.0). 450 are held back for testing.",
    )


def _model(share: float, rounds: int, seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier

    from sampkit.subset import RepeatedSubsetClassifier

    network = MLPClassifier(64, solver="sgd", learning_rate_init=0.1, batch_size=16)
    return RepeatedSubsetClassifier(
        network, share, n_rounds=rounds, lr_schedule="cosine", random_state=seed
    )


def _parts(X: Any, y: Any, seed: int) -> Any:
    from sklearn.model_selection import train_test_split

    return train_test_split(X / 16, y, test_size=450, stratify=y, random_state=seed)


def _accuracy(X: Any, y: Any, share: float, kind: str, rounds: int, seed: int) -> float:
    """Test accuracy of one training; both kinds share split and seed."""
    from sampkit.subset.prune import random_subset

    X_train, X_test, y_train, y_test = _parts(X, y, seed)
    if kind == "fixed":
        rows = random_subset(len(X_train), round(share * len(X_train)), seed)
        X_train, y_train, share = X_train[rows], y_train[rows], 1.0
    return float(_model(share, rounds, seed).fit(X_train, y_train).score(X_test, y_test))


def _gain(share: float, found: dict[str, dict[float, Any]]) -> Row:
    fixed, fresh = found["fixed"][share], found["fresh"][share]
    error = float((fresh - fixed).std(ddof=1) / np.sqrt(fresh.size))
    what = f"accuracy, {share:.0%} of the rows a round: fresh ones for the same ones"
    return Row(what, fixed.mean(), fresh.mean(), "higher", error=error)


def _trainings(X: Any, y: Any, rounds: int, context: Context) -> tuple[Any, Any]:
    """All rows, and a tenth a round, scored after every round."""
    X_train, X_test, y_train, y_test = _parts(X, y, context.seed)
    full = _model(1.0, 5 if context.quick else 20, context.seed)
    fresh = _model(0.1, rounds, context.seed)
    test = (X_test, y_test)
    return full.fit(X_train, y_train, eval_set=test), fresh.fit(X_train, y_train, eval_set=test)


def _cost_row(full: Any, fresh: Any, quick: bool) -> Row:
    """Rows trained on until the target, or in all where a quick run does not get there."""
    from sampkit.subset import time_to_accuracy

    target = 0.8 if quick else TARGET
    needed = [time_to_accuracy(model.history_, target) for model in (full, fresh)]
    before, after = (
        float(model.n_samples_seen_ if entry is None else entry["n_seen"])
        for model, entry in zip((full, fresh), needed, strict=True)
    )
    what = f"rows trained on to reach {target:.0%}: a fresh tenth a round for all rows"
    return Row(what, before, after, "lower", spec=",.0f", compare="ratio")


def _picture(found: dict[str, dict[float, Any]], full: float) -> Picture:
    def draw() -> Figure:
        from sampkit.subset import read_cost

        figure = new_figure(width=8.6, height=3.8)
        left, right = figure.subplots(1, 2)
        left.axhline(full, color=QUIET, ls="--", lw=1)
        for kind, label, colour in (
            ("fresh", "fresh rows (RS2)", ACCENT),
            ("fixed", "the same rows", INK),
        ):
            shares = list(found[kind])
            scores = [found[kind][share] for share in shares]
            means, spread = [s.mean() for s in scores], [s.std(ddof=1) for s in scores]
            left.errorbar(shares, means, spread, marker="o", capsize=3, color=colour, label=label)
        left.set(xscale="log", xlabel="share of the rows in a round", title="Test accuracy")
        left.set_xticks(shares, [f"{share:.0%}" for share in shares])
        left.minorticks_off()
        left.legend(loc="lower right")
        wanted = np.geomspace(0.001, 1, 50)
        for label, row_bytes, block, colour in (
            ("rows of 64 bytes", 64, None, ACCENT),
            ("rows of 256 bytes", 256, None, QUIET),
            ("blocks of 64 KiB", 64, 1024, INK),
        ):
            read = [
                read_cost(row_bytes, float(r), block_rows=block)["fraction_of_file"] for r in wanted
            ]
            right.loglog(wanted, read, color=colour, label=label)
        right.set(xlabel="share of the rows that is wanted", title="Share of the file that is read")
        right.legend(loc="lower right")
        return figure

    return Picture(
        "Left: accuracy against the share of rows in a round, mean and standard deviation over "
        "seeds; the dashed line is training on all rows. Right: what a disk with pages of 4 KiB "
        "reads for a random share, by the exact model.",
        "Two line plots: accuracy of fresh and of fixed subsets against their size, and share of "
        "a file that is read against share of rows wanted.",
        draw,
    )


TASK = Task(
    family="subset",
    title="A tenth of the work",
    question="How much accuracy does a fresh random subset every round keep?",
    run=run,
    steps=5,
    code=CODE,
    order=70,
)
