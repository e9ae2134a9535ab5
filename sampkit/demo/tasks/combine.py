"""Over- and under-sampling together, tuned to what a mistake costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.demo import INK, Context, Picture, Row, Task, TaskResult, new_figure
from sampkit.demo._compare import first_rows, paired_error, resampling_seconds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CODE = """\
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier
from sampkit.combine import SMOTEUnder
from sampkit.compose import ResampledClassifier
from sampkit.datasets import load_satimage

X, y = load_satimage(return_X_y=True)
model = ResampledClassifier(DecisionTreeClassifier(min_samples_leaf=2), sampler=SMOTEUnder())
grid = {"sampler__over": [0, 100, 300], "sampler__under": [25, 100, 200]}
search = GridSearchCV(model, grid, scoring="balanced_accuracy", cv=3).fit(X, y)
print(search.best_params_)
"""

MISS = 10  # false alarms that a missed rare pixel costs
FOLDS = 5
TUNED = "SMOTE and under-sampling, tuned"
OVER = (0, 100, 300)
UNDER = (25, 50, 100)
TEXT = f"""\
Here a missed pixel costs as much as {MISS} false alarms. SMOTEUnder, the method that the SMOTE \
paper evaluates, has two dials: how many synthetic rows, and how many common rows remain. A grid \
search inside each training fold turns both; the cost is then counted on pixels that neither \
search nor tree have seen.

The others have no dial: SMOTE alone balances the classes, SMOTE with edited neighbours or with \
Tomek links cleans the balanced table afterwards.
"""


def run(context: Context) -> TaskResult:
    """Nested cross-validation of the tuned mix, beside three fixed ones."""
    from sampkit.datasets import load_satimage

    satimage = load_satimage()
    X, y = satimage.data, satimage.target
    if context.quick:
        X, y = first_rows(X, y, 600, context.seed)
    folds = 2 if context.quick else FOLDS
    candidates = _candidates(context)
    samplers = _samplers(context.seed)
    costs, grid = _costs(candidates, X, y, folds, context)
    rows = tuple(
        Row(
            f"cost for 1000 pixels, {name}",
            costs["as given"].mean(),
            costs[name].mean(),
            "lower",
            resampling_seconds(samplers[name], X, y),
            paired_error(costs[name] - costs["as given"], 1 / (folds - 1)),
            spec=".0f",
        )
        for name in candidates
        if name != "as given"
    )
    return TaskResult(
        rows,
        TEXT,
        (_picture(grid),),
        f"Satimage, {len(y)} pixels, {int(y.sum())} of the rare class; "
        f"{satimage.source} ({satimage.licence}).",
    )


def _samplers(seed: int) -> dict[str, Any]:
    from sampkit.combine import SMOTEENN, SMOTETomek, SMOTEUnder
    from sampkit.over_sampling import SMOTE

    return {
        TUNED: SMOTEUnder(random_state=seed),
        "SMOTE alone": SMOTE(random_state=seed),
        "SMOTE, then edited neighbours": SMOTEENN(random_state=seed),
        "SMOTE, then Tomek links": SMOTETomek(random_state=seed),
    }


def _candidates(context: Context) -> dict[str, Any]:
    from sklearn.metrics import make_scorer
    from sklearn.model_selection import GridSearchCV
    from sklearn.tree import DecisionTreeClassifier

    from sampkit.compose import ResampledClassifier

    tree = DecisionTreeClassifier(
        criterion="entropy", min_samples_leaf=2, random_state=context.seed
    )
    models: dict[str, Any] = {
        name: ResampledClassifier(tree, sampler)
        for name, sampler in _samplers(context.seed).items()
    }
    over, under = ((0, 100), (50, 100)) if context.quick else (OVER, UNDER)
    models[TUNED] = GridSearchCV(
        models[TUNED],
        {"sampler__over": over, "sampler__under": under},
        scoring=make_scorer(cost_per_1000, greater_is_better=False),
        cv=3,
    )
    return {"as given": tree, **models}


def cost_per_1000(y_true: Any, y_pred: Any) -> float:
    """Return misses times their cost plus false alarms, for 1000 rows."""
    missed = np.count_nonzero((y_true == 1) & (y_pred != 1))
    alarmed = np.count_nonzero((y_true != 1) & (y_pred == 1))
    return 1000.0 * (MISS * missed + alarmed) / len(y_true)


def _costs(
    candidates: dict[str, Any], X: Any, y: Any, folds: int, context: Context
) -> tuple[dict[str, Any], Any]:
    """Return the cost of each candidate on each fold, and the search's mean costs."""
    from sklearn.base import clone
    from sklearn.model_selection import StratifiedKFold

    splits = StratifiedKFold(folds, shuffle=True, random_state=context.seed)
    costs: dict[str, Any] = {name: np.empty(folds) for name in candidates}
    grids = []
    for fold, (train, test) in enumerate(splits.split(X, y)):
        for name, candidate in candidates.items():
            model = clone(candidate).fit(X[train], y[train])
            costs[name][fold] = cost_per_1000(y[test], model.predict(X[test]))
            if name == TUNED:
                grids.append(-model.cv_results_["mean_test_score"])
        context.advance(f"fold {fold + 1}")
    shape = [len(values) for values in candidates[TUNED].param_grid.values()]
    return costs, np.mean(grids, axis=0).reshape(shape)


def _picture(grid: Any) -> Picture:
    def draw() -> Figure:
        figure = new_figure()
        axes = figure.subplots()
        axes.grid(visible=False)
        axes.imshow(grid, cmap="Oranges", aspect="auto")
        middle = (grid.min() + grid.max()) / 2
        for (i, j), cost in np.ndenumerate(grid):
            best = cost == grid.min()
            axes.text(
                j,
                i,
                f"{cost:.0f}",
                ha="center",
                va="center",
                color="white" if cost > middle else INK,
                weight="bold" if best else "normal",
                fontsize=13 if best else 11,
            )
        axes.set_xticks(range(grid.shape[1]), [f"{level} %" for level in UNDER[: grid.shape[1]]])
        axes.set_yticks(range(grid.shape[0]), [f"{level} %" for level in OVER[: grid.shape[0]]])
        axes.set(
            xlabel="under-sampling: rare rows over common rows kept",
            ylabel="SMOTE: synthetic rows over rare rows",
            title="Cost for 1000 pixels, in the search",
        )
        return figure

    return Picture(
        "The two dials. Mean cost over the inner folds of the search; the cheapest mix in bold.",
        "Table of costs over levels of SMOTE and of under-sampling, shaded from cheap to dear.",
        draw,
    )


TASK = Task(
    family="combine",
    title="The mix that is cheapest",
    question="Which mix of synthetic rows and dropped rows makes the fewest costly mistakes?",
    run=run,
    steps=FOLDS,
    code=CODE,
    order=30,
)
