"""Fewer majority rows for a model whose cost grows faster than the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampkit.demo import ACCENT, Context, Picture, Row, Task, TaskResult, new_figure
from sampkit.demo._compare import FoldScores, cross_validated, first_rows, resampling_seconds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CODE = """\
from sklearn.svm import SVC
from sampkit.compose import ResampledClassifier
from sampkit.datasets import load_satimage
from sampkit.under_sampling import RandomUnderSampler, under_percent

X, y = load_satimage(return_X_y=True)
half = RandomUnderSampler(sampling_strategy=under_percent(50), random_state=0)
model = ResampledClassifier(SVC(), sampler=half).fit(X, y)
print(model.n_samples_resampled_, "of", len(y), "rows were enough")
"""

TEXT = """\
A support vector machine's time grows about with the square of its rows, and nine rows in ten \
belong to the class that nobody asked about. Dropping part of them at random buys time, and moves \
the boundary towards the rare class as well.

Cleaning is another thing: edited nearest neighbours takes out only those common rows that their \
neighbours contradict, Tomek links only those that are a rare row's nearest neighbour, and the \
rare row theirs. Both keep more than nine common rows in ten, so they save next to no time.
"""

LEVELS = (200, 100, 50, 25, 15)  # percent: rare rows over common rows that are kept
CHOSEN = ("random at 50%", "edited neighbours", "Tomek links")
METRICS = {"balanced accuracy": "balanced_accuracy", "rare-class recall": "recall"}


def run(context: Context) -> TaskResult:
    """Cross-validate a support vector machine at several levels of under-sampling, and cleaned."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    from sampkit.compose import ResampledClassifier
    from sampkit.datasets import load_satimage

    satimage = load_satimage()
    X, y = satimage.data, satimage.target
    if context.quick:
        X, y = first_rows(X, y, 600, context.seed)
    samplers = _samplers(context.seed)
    scores = cross_validated(
        {
            name: make_pipeline(StandardScaler(), ResampledClassifier(SVC(), sampler))
            for name, sampler in samplers.items()
        },
        X,
        y,
        scoring=METRICS,
        folds=3 if context.quick else 5,
        seed=context.seed,
        advance=context.advance,
    )
    seconds = {name: resampling_seconds(samplers[name], X, y) for name in CHOSEN}
    rows = [
        Row(
            "fit time, support vectors, random at 50%",
            scores.mean("as given", "fit_time"),
            scores.mean("random at 50%", "fit_time"),
            "lower",
            seconds["random at 50%"],
            unit="s",
            compare="ratio",
        )
    ]
    rows += [
        Row(
            f"{metric}, {name}",
            scores.mean("as given", metric),
            scores.mean(name, metric),
            "higher",
            seconds[name],
            scores.error("as given", name, metric),
        )
        for name in CHOSEN
        for metric in METRICS
    ]
    return TaskResult(
        tuple(rows),
        TEXT,
        (_picture(scores),),
        f"Satimage, {len(y)} pixels, {int(y.sum())} of the rare class; "
        f"{satimage.source} ({satimage.licence}).",
    )


def _samplers(seed: int) -> dict[str, Any]:
    from sampkit.under_sampling import (
        EditedNearestNeighbours,
        RandomUnderSampler,
        TomekLinks,
        under_percent,
    )

    return {
        "as given": None,
        **{
            f"random at {level}%": RandomUnderSampler(
                sampling_strategy=under_percent(level), random_state=seed
            )
            for level in LEVELS
        },
        "edited neighbours": EditedNearestNeighbours(),
        "Tomek links": TomekLinks(),
    }


def _picture(scores: FoldScores) -> Picture:
    def draw() -> Figure:
        figure = new_figure()
        axes = figure.subplots()
        path = [*(f"random at {level}%" for level in LEVELS), "as given"]
        times = [scores.mean(name, "fit_time") for name in path]
        gains = [scores.mean(name, "balanced accuracy") for name in path]
        axes.plot(times, gains, color=ACCENT, marker="o")
        for name, x, height in zip(path, times, gains, strict=True):
            label = name.removeprefix("random at ")
            below = name == path[0]  # the curve turns here
            offset = (7, -11 if below else 5)
            axes.annotate(label, (x, height), offset, textcoords="offset points", fontsize=9)
        axes.set(
            xlabel="fit time, seconds (re-sampling included)",
            ylabel="balanced accuracy",
            title="What each second buys",
        )
        axes.margins(x=0.15, y=0.12)
        return figure

    return Picture(
        "From the whole table (right) to two rare rows for every common one (left). The per cent "
        "is rare rows over common rows kept.",
        "Line plot of balanced accuracy against fit time for several levels of under-sampling.",
        draw,
    )


TASK = Task(
    family="under_sampling",
    title="Fewer rows for a support vector machine",
    question="How much of the common class can go before a model misses it?",
    run=run,
    steps=1 + len(LEVELS) + 2,
    code=CODE,
    order=20,
)
