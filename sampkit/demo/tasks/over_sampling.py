"""SMOTE on the satellite pixels of its own paper: two models, two ways of scoring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.demo import Context, Picture, Row, Task, TaskResult, new_figure
from sampkit.demo._compare import FoldScores, cross_validated, first_rows, resampling_seconds

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

CODE = """\
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier
from sampkit.compose import ResampledClassifier
from sampkit.datasets import load_satimage
from sampkit.over_sampling import SMOTE

X, y = load_satimage(return_X_y=True)
tree = DecisionTreeClassifier(criterion="entropy", min_samples_leaf=2, random_state=0)
model = ResampledClassifier(tree, sampler=SMOTE(random_state=0))
print(cross_val_score(tree, X, y, scoring="recall").mean())
print(cross_val_score(model, X, y, scoring="recall").mean())
"""

TEXT = """\
One pixel in ten is damp grey soil. A model fitted on the table as it is can afford to overlook \
that soil; filling the class up makes overlooking it expensive. Re-sampling happens inside each \
training fold, so no synthetic row is ever scored.

Recall, precision and balanced accuracy depend on where a model puts its threshold, and what \
re-sampling moves first is that threshold. The area under the ROC curve does not depend on it. \
For the tree the curve is the paper's: mixes with under-sampling, against under-sampling alone \
(its error is over shufflings of the folds only). Plain replication of the rare rows stands beside \
SMOTE, because it is the rival to beat.
"""

OVER = 300  # percent, the level at which the paper sees its gain on this table
MISS = 10  # false alarms that a missed rare pixel costs
SHUFFLINGS = 3
SHOWN = (
    ("linear model", "rare-class recall", "SMOTE"),
    ("linear model", "balanced accuracy", "SMOTE"),
    ("linear model", "balanced accuracy", "replication"),
    ("linear model", "area under ROC", "SMOTE"),
    ("tree", "rare-class recall", "SMOTE"),
    ("tree", "precision", "SMOTE"),
    ("tree", "balanced accuracy", "SMOTE"),
    ("tree", "balanced accuracy", "replication"),
)


def run(context: Context) -> TaskResult:
    """Score tree and linear model with and without SMOTE, sweep the ROC plane, draw."""
    from sampkit.datasets import load_satimage

    satimage = load_satimage()
    X, y = satimage.data, satimage.target
    if context.quick:
        X, y = first_rows(X, y, 600, context.seed)
    scores = _score(X, y, context)
    sweeps = _sweep(X, y, context)
    samplers = _samplers(context.seed)
    seconds = {name: resampling_seconds(sampler, X, y) for name, sampler in samplers.items()}
    rows = [
        Row(
            f"{metric}, {model}, {name}",
            scores.mean(f"{model}, as given", metric),
            scores.mean(f"{model}, {name}", metric),
            "higher",
            seconds[name],
            scores.error(f"{model}, as given", f"{model}, {name}", metric),
        )
        for model, metric, name in SHOWN
    ]
    return TaskResult(
        (*rows, *_area_rows(sweeps, seconds)),
        TEXT,
        (_roc_picture(sweeps["SMOTE"][0], y), _plane_picture(X, y, context.seed)),
        f"Satimage, {len(y)} pixels of {X.shape[1]} values, {int(y.sum())} of the rare class; "
        f"{satimage.source} ({satimage.licence}).",
    )


def _samplers(seed: int) -> dict[str, Any]:
    from sampkit.over_sampling import SMOTE, RandomOverSampler

    return {"SMOTE": SMOTE(random_state=seed), "replication": RandomOverSampler(random_state=seed)}


def _models(seed: int) -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return {
        "tree": _tree(seed),
        "linear model": make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
    }


def _tree(seed: int) -> Any:
    """Stand-in for the paper's C4.5."""
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(criterion="entropy", min_samples_leaf=2, random_state=seed)


def _score(X: Any, y: Any, context: Context) -> FoldScores:
    """Cross-validate both models as given, after SMOTE and after replication."""
    from sklearn.metrics import make_scorer, precision_score

    from sampkit.compose import ResampledClassifier

    candidates = {
        f"{model}, {name}": ResampledClassifier(estimator, sampler)
        for model, estimator in _models(context.seed).items()
        for name, sampler in {"as given": None, **_samplers(context.seed)}.items()
    }
    return cross_validated(
        candidates,
        X,
        y,
        scoring={
            "rare-class recall": "recall",
            "balanced accuracy": "balanced_accuracy",
            "area under ROC": "roc_auc",
            # A model that never names the rare class has no precision to warn about.
            "precision": make_scorer(precision_score, zero_division=0.0),
        },
        folds=3 if context.quick else 5,
        seed=context.seed,
        advance=context.advance,
    )


def _sweep(X: Any, y: Any, context: Context) -> dict[str, list[pd.DataFrame]]:
    """ROC points of both over-samplers, with under-sampling, once for each shuffling."""
    from sklearn.model_selection import StratifiedKFold

    from sampkit.compose import sampling_roc
    from sampkit.over_sampling import SMOTE, RandomOverSampler

    repeats, folds = (2, 3) if context.quick else (SHUFFLINGS, 5)
    samplers = {"SMOTE": SMOTE(), "replication": RandomOverSampler()}
    sweeps: dict[str, list[pd.DataFrame]] = {name: [] for name in samplers}
    for repeat in range(repeats):
        seed = context.seed + repeat
        for name, sampler in samplers.items():
            sweeps[name].append(
                sampling_roc(
                    _tree(context.seed),
                    X,
                    y,
                    over=(0, OVER),
                    under=(25, 50, 100, 200, 500, 1000),
                    over_sampler=sampler,
                    # Rows that follow each other are neighbouring pixels.
                    cv=StratifiedKFold(folds, shuffle=True, random_state=seed),
                    random_state=seed,
                )
            )
            context.advance(f"ROC sweep, {name}")
    return sweeps


def _area_rows(sweeps: dict[str, list[pd.DataFrame]], seconds: dict[str, float]) -> list[Row]:
    """Area under the curve: under-sampling alone against over- and under-sampling."""
    from sampkit.metrics import roc_auc_points

    def areas(name: str, over: int) -> Any:
        blocks = [sweep[sweep["over"] == over] for sweep in sweeps[name]]
        return np.array([roc_auc_points(block["fpr"], block["tpr"]) for block in blocks])

    rows = []
    for name in sweeps:
        before, after = areas(name, 0), areas(name, OVER)
        rows.append(
            Row(
                f"area under ROC of mixes, tree, {name} {OVER}%",
                before.mean(),
                after.mean(),
                "higher",
                seconds[name],
                error=float(np.std(after - before, ddof=1) / np.sqrt(before.size)),
                spec=".4f",
            )
        )
    return rows


def _roc_picture(sweep: pd.DataFrame, y: Any) -> Picture:
    def draw() -> Figure:
        from sampkit.metrics import SamplingROCDisplay

        figure = new_figure(height=5.2)
        SamplingROCDisplay.from_frame(
            sweep, prevalence=float(np.mean(y)), cost_fn=MISS, ax=figure.subplots()
        )
        return figure

    return Picture(
        "Every point is a tree behind another mix of SMOTE and under-sampling. Only mixes on the "
        "dashed hull can be the best for some cost; the star is cheapest where a miss costs "
        f"{MISS} false alarms.",
        "ROC points of the decision tree for under-sampling alone and for SMOTE with "
        "under-sampling, with their convex hull.",
        draw,
    )


def _plane_picture(X: Any, y: Any, seed: int) -> Picture:
    def draw() -> Figure:
        from sampkit.over_sampling import SMOTE, ResamplingDisplay, over_percent

        figure = new_figure(height=5.2)
        sampler = SMOTE(sampling_strategy=over_percent(100), random_state=seed)
        display = ResamplingDisplay.from_estimator(
            sampler, X, y, max_segments=700, ax=figure.subplots()
        )
        rare = display.points[display.labels == 1]
        display.ax_.set(
            **{f"{axis}lim": np.percentile(rare[:, i], (1, 99)) for i, axis in enumerate("xy")}
        )
        return figure

    return Picture(
        "The region of the rare class, one synthetic row for each of its own. A synthetic row lies "
        "on the segment between a rare row and one of its five nearest rare neighbours.",
        "Scatter plot of original and synthetic pixels, the synthetic ones within the rare class.",
        draw,
    )


TASK = Task(
    family="over_sampling",
    title="SMOTE on satellite pixels",
    question="Does a model find more of a rare soil once SMOTE has filled its class up?",
    run=run,
    steps=6 + 2 * SHUFFLINGS,
    code=CODE,
    order=10,
)
