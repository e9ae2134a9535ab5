"""A few hundred weighted rows that stand for a whole photograph's worth of them."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.demo import ACCENT, INK, QUIET, Context, Picture, Row, Task, TaskResult, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CODE = """\
import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import extract_patches_2d
from sampkit.coreset import CoresetRegressor, LewisWeightSampler, LpRegressor

photograph = load_sample_image("china.jpg").mean(axis=2)
patches = extract_patches_2d(photograph, (5, 5)).reshape(-1, 25)
X, y = np.delete(patches, 12, axis=1), patches[:, 12]  # a pixel from the 24 around it
sampler = LewisWeightSampler(p=3, n_samples=500, target="Xy", random_state=0)
model = CoresetRegressor(LpRegressor(p=3), sampler).fit(X, y)
print(model.score(X, y), model.coreset_indices_, model.coreset_weight_)
"""

TEXT = """\
Every pixel of a photograph is predicted from its 24 neighbours. Most patches are sky and wall and \
say the same thing again and again; what decides a linear model are the rare ones along edges. \
Lewis weights find them; the draw spreads along a k-d tree of all directions, and each row that is \
drawn has the weight 1/probability, so that any linear model's loss on the sample is its loss on \
the whole.

The excess is what a model fitted on the sample loses on all rows against the best fit, for the \
sum of cubed errors; the distortion is how far the loss of the worst of all linear models is off. \
For absolute errors the gain is smaller, on an even table there may be none, and a single fit in \
memory needs no coreset at all: rows are worth choosing where the fit is repeated, slow, or \
decided by few of them.
"""

ROWS = 500
POWER = 3.0


def run(context: Context) -> TaskResult:
    """Regress pixels on their neighbours from few rows."""
    from sampkit.coreset import lewis_weights

    X, y = _pixels(8000 if context.quick else 60_000, context.seed)
    score = np.column_stack([np.ones(len(y)), X, y])
    began = process_time()
    w = lewis_weights(score, POWER, tol=1e-2)
    scoring = process_time() - began
    ways = {"uniform": np.ones(len(y)), "Lewis": w}
    sizes = (200, ROWS) if context.quick else (150, 250, ROWS, 1000, 2000)
    draws = 2 if context.quick else 7
    excess, samples = _excess(X, y, score, ways, sizes, draws, context)
    context.advance("fits on samples")
    distortion = {name: _distortion(score, *samples[name]) for name in ways}
    context.advance("distortion")
    before, after = excess["uniform"][ROWS], excess["Lewis"][ROWS]
    rows = (
        Row(f"excess of cubed errors, {ROWS} of {len(y):,} rows", float(np.mean(before)),
            float(np.mean(after)), "lower", scoring,
            float(np.hypot(np.std(before, ddof=1), np.std(after, ddof=1)) / np.sqrt(draws)),
            spec=".4f", compare="ratio"),
        Row(f"distortion over all linear models, {ROWS} rows", distortion["uniform"],
            distortion["Lewis"], "lower", scoring, spec=".3f", compare="ratio"),
        _quantile_row(X, y, context),
        _landmark_row(X, context),
    )  # fmt: skip
    return TaskResult(
        rows,
        TEXT,
        (_excess_picture(excess, sizes), _photograph_picture(context)),
        f"{len(y):,} patches of 5 x 5 pixels of china.jpg, a photograph that comes with "
        "scikit-learn (CC BY 2.0).",
    )


def _pixels(n: int, seed: int) -> tuple[Any, Any]:
    """Pixels (y) and the 24 around each (X), grey values from 0 to 1."""
    from sklearn.datasets import load_sample_image
    from sklearn.feature_extraction.image import extract_patches_2d

    grey = load_sample_image("china.jpg").mean(axis=2) / 255
    patches = extract_patches_2d(grey, (5, 5), max_patches=n, random_state=seed).reshape(n, 25)
    return np.delete(patches, 12, axis=1), patches[:, 12]


def _excess(
    X: Any, y: Any, score: Any, ways: dict[str, Any], sizes: Any, draws: int, context: Context
) -> tuple[dict[str, dict[int, list[float]]], dict[str, Any]]:
    """Relative excess loss of fits on samples, and one sample of each way."""
    from sampkit.coreset import (
        LpRegressor,
        RowSpaceFactor,
        inclusion_probabilities,
        sample_rows,
        spatial_order,
    )

    white = RowSpaceFactor().partial_fit(score).whiten(score)
    least = LpRegressor(POWER).fit(X, y).objective_
    found: dict[str, dict[int, list[float]]] = {name: {} for name in ways}
    samples = {}
    for name, scores in ways.items():
        for m in sizes:
            q = inclusion_probabilities(scores, m)
            informed = name != "uniform"
            order = spatial_order(white, q) if informed else None
            scheme = "pivotal" if informed else "poisson"
            found[name][m] = []
            for k in range(draws):
                index, weight = sample_rows(
                    q, scheme=scheme, order=order, random_state=context.seed + k
                )
                model = LpRegressor(POWER).fit(X[index], y[index], sample_weight=weight)
                loss = (np.abs(y - model.predict(X)) ** POWER).sum()
                found[name][m].append(float(loss / least - 1))
            if m == ROWS:
                samples[name] = (index, weight)
    return found, samples


def _distortion(score: Any, index: Any, weight: Any) -> float:
    from sampkit.coreset import subspace_distortion

    return float(subspace_distortion(score, index, weight, POWER, random_state=0).distortion)


def _quantile_row(X: Any, y: Any, context: Context) -> Row:
    """A median regression, by linear programme and by interior point."""
    from sklearn.linear_model import QuantileRegressor

    from sampkit.coreset import LpRegressor

    n = 1000 if context.quick else 4000
    began = process_time()
    QuantileRegressor(quantile=0.5, alpha=0).fit(X[:n], y[:n])
    programme = process_time() - began
    began = process_time()
    LpRegressor().fit(X[:n], y[:n])
    point = process_time() - began
    context.advance("median regression")
    return Row(f"CPU time of a median regression on {n} rows, all of them", 1e3 * programme,
               1e3 * point, "lower", point, spec=".1f", unit="ms", compare="ratio")  # fmt: skip


def _landmark_row(X: Any, context: Context) -> Row:
    """Kernel features on uniform landmarks and on landmarks by ridge leverage."""
    from sklearn.kernel_approximation import Nystroem
    from sklearn.metrics.pairwise import rbf_kernel

    from sampkit.coreset import RidgeLeverageNystroem

    m = 50 if context.quick else 300
    rows, some = X[: 20 * m], X[-600:]
    K = rbf_kernel(some, gamma=0.3)
    error: dict[str, list[float]] = {"before": [], "after": []}
    began = process_time()
    for seed in range(2 if context.quick else 3):
        for name, make in (("before", Nystroem), ("after", RidgeLeverageNystroem)):
            Z = make(gamma=0.3, n_components=m, random_state=seed).fit(rows).transform(some)
            error[name].append(float(np.abs(np.linalg.eigvalsh(K - Z @ Z.T)).max()))
    seconds = (process_time() - began) / len(error["after"])
    context.advance("kernel landmarks")
    return Row(f"spectral error of a kernel on {m} landmarks", float(np.mean(error["before"])),
               float(np.mean(error["after"])), "lower", seconds,
               float(np.hypot(np.std(error["before"], ddof=1), np.std(error["after"], ddof=1))
                     / np.sqrt(len(error["after"]))), spec=".4f", compare="ratio")  # fmt: skip


def _excess_picture(excess: dict[str, dict[int, list[float]]], sizes: Any) -> Picture:
    def draw() -> Figure:
        figure = new_figure(height=3.6)
        axes = figure.subplots()
        for name, colour in (("uniform", QUIET), ("Lewis", ACCENT)):
            values = np.array([excess[name][m] for m in sizes])
            axes.fill_between(
                sizes, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.2, lw=0
            )
            label = "uniform rows" if name == "uniform" else "Lewis weights, k-d order"
            axes.plot(sizes, values.mean(axis=1), "o-", color=colour, ms=4, label=label)
        axes.set(xscale="log", yscale="log", xlabel="rows", ylabel="excess loss on all rows")
        axes.set_xticks(sizes, [str(m) for m in sizes])
        axes.minorticks_off()
        axes.legend()
        return figure

    return Picture(
        "How much worse than the best fit on all rows a fit on few is, cubed errors; mean, and "
        "range over repeated draws.",
        "Line plot of excess loss against number of rows for uniform and Lewis samples.",
        draw,
    )


def _photograph_picture(context: Context) -> Picture:
    def draw() -> Figure:
        from sklearn.datasets import load_sample_image
        from sklearn.feature_extraction.image import extract_patches_2d

        from sampkit.coreset import LewisWeightSampler

        grey = load_sample_image("china.jpg").mean(axis=2)[::2, ::2] / 255
        patches = extract_patches_2d(grey, (5, 5)).reshape(-1, 25)
        sampler = LewisWeightSampler(POWER, 300, target="Xy", random_state=context.seed).fit(
            np.delete(patches, 12, axis=1), patches[:, 12]
        )
        row, column = np.divmod(sampler.sample_indices_, grey.shape[1] - 4)
        figure = new_figure(height=4.4)
        axes = figure.subplots()
        axes.imshow(grey, cmap="gray", alpha=0.65, vmin=0, vmax=1)
        axes.scatter(column + 2, row + 2, s=12, color=ACCENT, edgecolor=INK, linewidth=0.3)
        axes.set_axis_off()
        axes.grid(False)
        axes.set_title("The 300 patches that stand for all of them")
        return figure

    return Picture(
        "Where the rows of the coreset lie, on the photograph at half its size: along edges and in "
        "fine structure; the sky is spoken for by a few heavy ones.",
        "A photograph of a Chinese building with dots on edges and ornaments.",
        draw,
    )


TASK = Task(
    family="coreset",
    title="The rows that decide",
    question="How few rows tell the same story as sixty thousand?",
    run=run,
    steps=4,
    code=CODE,
    order=55,
)
