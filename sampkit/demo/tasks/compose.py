"""Re-sampling in the right place, and probabilities put right afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.demo import ACCENT, INK, QUIET, Context, Picture, Row, Task, TaskResult, new_figure
from sampkit.demo._compare import first_rows, paired_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CODE = """\
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sampkit.compose import ResampledClassifier
from sampkit.datasets import load_satimage
from sampkit.over_sampling import SMOTE

X, y = load_satimage(return_X_y=True)
model = ResampledClassifier(
    KNeighborsClassifier(30), sampler=SMOTE(random_state=0), prior_correction=True
)
print(cross_val_score(model, X, y, scoring="neg_brier_score").mean())
"""

REPEATS = 3
HELD_OUT = 1 / 3
AS_IS, CORRECTED = "SMOTE", "SMOTE, prior corrected"
TEXT = """\
The mistake: re-sample the table, then cross-validate. Synthetic rows made from a validation row \
sit in the training folds, and the score promises what the model will not keep. \
ResampledClassifier re-samples inside each training fold. Both promises are compared with what the \
same model scores on a third of the pixels that were put aside.

Balanced classes also make a model believe that the rare class is common. prior_correction undoes \
that in the probabilities, without a second fit.
"""


def run(context: Context) -> TaskResult:
    """Hold rows out; compare promises with what is kept, and probabilities with outcomes."""
    from sampkit.datasets import load_satimage

    satimage = load_satimage()
    X, y = satimage.data, satimage.target
    if context.quick:
        X, y = first_rows(X, y, 600, context.seed)
    repeats = 2 if context.quick else REPEATS
    drawn = []
    for repeat in range(repeats):
        drawn.append(_promises(X, y, context.seed + repeat))
        context.advance(f"promises, {repeat + 1}")
    promises = np.array(drawn)
    leaky, honest, kept = promises.mean(axis=0)
    reliability = _probabilities(X, y, context)
    rows = (
        Row(
            "recall promised but not kept, tree",
            abs(leaky - kept),
            abs(honest - kept),
            "lower",
            error=paired_error(promises[:, 0] - promises[:, 1], HELD_OUT / (1 - HELD_OUT)),
        ),
        _probability_row(reliability, "Brier score, 30 neighbours", _brier),
        _probability_row(reliability, "mean probability minus true share, 30 neighbours", _excess),
    )
    return TaskResult(
        rows,
        TEXT,
        (_promise_picture(leaky, honest, kept), _reliability_picture(reliability)),
        f"Satimage, {len(y)} pixels, {int(y.sum())} of the rare class; "
        f"{satimage.source} ({satimage.licence}).",
    )


def _promises(X: Any, y: Any, seed: int) -> tuple[float, float, float]:
    """Recall promised by the wrong order, by the right one, and recall on rows put aside."""
    from sklearn.metrics import recall_score
    from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
    from sklearn.tree import DecisionTreeClassifier

    from sampkit.compose import ResampledClassifier
    from sampkit.over_sampling import SMOTE

    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=HELD_OUT, stratify=y, random_state=seed
    )
    tree = DecisionTreeClassifier(criterion="entropy", min_samples_leaf=2, random_state=seed)
    sampler = SMOTE(random_state=seed)
    model = ResampledClassifier(tree, sampler)
    splits = StratifiedKFold(5, shuffle=True, random_state=seed)
    X_res, y_res = sampler.fit_resample(X_train, y_train)
    leaky = cross_val_score(tree, X_res, y_res, scoring="recall", cv=splits).mean()
    honest = cross_val_score(model, X_train, y_train, scoring="recall", cv=splits).mean()
    kept = recall_score(y_test, model.fit(X_train, y_train).predict(X_test))
    return float(leaky), float(honest), float(kept)


def _probabilities(X: Any, y: Any, context: Context) -> dict[str, tuple[Any, Any]]:
    """Outcomes and rare-class probabilities on held-out rows, with and without the correction."""
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    from sampkit.compose import ResampledClassifier
    from sampkit.over_sampling import SMOTE

    folds = StratifiedKFold(5, shuffle=True, random_state=context.seed)
    found = {}
    for name in (AS_IS, CORRECTED):
        model = ResampledClassifier(
            KNeighborsClassifier(30),
            SMOTE(random_state=context.seed),
            prior_correction=name == CORRECTED,
        )
        found[name] = (y, cross_val_predict(model, X, y, cv=folds, method="predict_proba")[:, 1])
        context.advance(f"probabilities, {name}")
    return found


def _brier(outcome: Any, probability: Any) -> Any:
    """Squared error of each probability."""
    return (probability - outcome) ** 2


def _excess(outcome: Any, probability: Any) -> Any:
    """How much each probability exceeds its outcome."""
    return probability - outcome


def _probability_row(
    reliability: dict[str, tuple[Any, Any]], what: str, measure: Callable[[Any, Any], Any]
) -> Row:
    """Means over all rows, each scored once; the rows' own spread gives the error."""
    before, after = (measure(*reliability[name]) for name in (AS_IS, CORRECTED))
    error = np.std(after - before, ddof=1) / np.sqrt(before.size)
    return Row(what, abs(before.mean()), abs(after.mean()), "lower", error=float(error), spec=".4f")


def _promise_picture(leaky: float, honest: float, kept: float) -> Picture:
    def draw() -> Figure:
        figure = new_figure()
        axes = figure.subplots()
        axes.grid(visible=False, axis="x")
        bars = axes.bar(
            ["re-sampled before\nthe split", "re-sampled inside\nthe folds"],
            [leaky, honest],
            width=0.5,
            color=[QUIET, ACCENT],
        )
        axes.bar_label(bars, fmt="%.3f", label_type="center", color="white", weight="bold")
        axes.axhline(kept, color=INK, linewidth=1.5, linestyle="--")
        axes.annotate(
            f"kept: {kept:.3f}", (0.5, kept), (0, 5), textcoords="offset points", ha="center"
        )
        axes.set(ylim=(0, 1.08), ylabel="recall of the rare class", title="Promised and kept")
        return figure

    return Picture(
        "Bars: recall that cross-validation promises. Dashed: recall on pixels put aside.",
        f"Bar chart: {leaky:.3f} promised by re-sampling first, {honest:.3f} by re-sampling "
        f"inside the folds, {kept:.3f} kept.",
        draw,
    )


def _reliability_picture(reliability: dict[str, tuple[Any, Any]]) -> Picture:
    def draw() -> Figure:
        from sklearn.calibration import calibration_curve

        figure = new_figure()
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--")
        for (name, found), colour in zip(reliability.items(), (QUIET, ACCENT), strict=True):
            share, probability = calibration_curve(*found, n_bins=10, strategy="quantile")
            axes.plot(probability, share, marker="o", color=colour, label=name)
        axes.set(
            xlabel="predicted probability of the rare class",
            ylabel="share that was of the rare class",
            title="Probabilities and outcomes",
        )
        axes.legend()
        return figure

    return Picture(
        "On the dashed line, of all pixels given 30 % three in ten are of the rare class.",
        "Reliability curves of a neighbour classifier after SMOTE, corrected and not.",
        draw,
    )


TASK = Task(
    family="compose",
    title="Scores that hold, probabilities that fit",
    question="Does the promise of cross-validation survive new data, and can its odds be trusted?",
    run=run,
    steps=REPEATS + 2,
    code=CODE,
    order=40,
)
