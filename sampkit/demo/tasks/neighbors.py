"""Exact nearest neighbours: how fast, and what brute force gets wrong."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.demo import ACCENT, QUIET, Context, Picture, Row, Task, TaskResult, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CODE = """\
from sampkit.datasets import load_satimage
from sampkit.neighbors import knn

X, y = load_satimage(return_X_y=True)
distances, indices = knn(X, 5, return_distance=True)
print(indices[:3])
"""

TEXT = """\
Every sampler here stands on nearest neighbours. Before is scikit-learn's NearestNeighbors as it \
comes, after is sampkit.neighbors.knn; both search the five nearest rows of every row.

Fast searches compute |a - b|^2 as |a|^2 - 2ab + |b|^2, which loses its digits once rows lie far \
from the origin but close to each other. knn uses the same trick to find candidates, then checks \
every answer against a bound on the rounding error and repeats what does not pass. The hard case: \
the same pixels as two sites a thousand apart, each a millionth wide.

The check is not free, so the question is what the search costs in all. Times are the shortest of \
several runs in turn, on the same table cut into whole squares of nine pixels, rows of three and \
single pixels.
"""

K = 5
COLUMNS = {36: "squares", 12: "rows of three", 4: "single pixels"}
REPEATS = 2


def run(context: Context) -> TaskResult:
    """Count wrong neighbours on the easy and the hard table, then time both searches in turn."""
    from sampkit.datasets import load_satimage
    from sampkit.neighbors import knn

    satimage = load_satimage()
    X = satimage.data[:600] if context.quick else satimage.data

    def ours(rows: Any) -> Any:
        return knn(rows, K)

    searches: dict[str, Callable[[Any], Any]] = {"scikit-learn": _nearest, "sampkit": ours}
    part = X[:: max(1, len(X) // 2000)]
    wrong = {
        "two tight sites": _wrong(searches, _two_sites(part), context),
        "as given": _wrong(searches, part, context),
    }
    times = {width: _race(searches, X.reshape(-1, width), context) for width in COLUMNS}
    rows = [
        Row(
            f"wrong neighbours, {name}",
            100 * share["scikit-learn"],
            100 * share["sampkit"],
            "lower",
            spec=".1f",
            unit="%",
        )
        for name, share in wrong.items()
    ]
    rows += [
        Row(
            f"search time, {COLUMNS[width]}: {X.size // width} rows x {width} columns",
            found["scikit-learn"],
            found["sampkit"],
            "lower",
            found["sampkit"],
            spec=".2f",
            unit="s",
            compare="ratio",
        )
        for width, found in times.items()
    ]
    return TaskResult(
        tuple(rows),
        TEXT,
        (_picture(times),),
        f"Satimage, {X.shape[0]} squares of nine pixels with four values each; "
        f"{satimage.source} ({satimage.licence}).",
    )


def _nearest(X: Any) -> Any:
    """scikit-learn's answer, each row itself left out."""
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=K).fit(X).kneighbors(return_distance=False)


def _race(searches: dict[str, Callable[[Any], Any]], X: Any, context: Context) -> dict[str, float]:
    """Return each search's shortest time, runs alternating so that load hits both."""
    best = dict.fromkeys(searches, np.inf)
    for _ in range(REPEATS):
        for name, search in searches.items():
            began = perf_counter()
            search(X)
            best[name] = min(best[name], perf_counter() - began)
        context.advance(f"search in {X.shape[1]} columns")
    return best


def _two_sites(X: Any) -> Any:
    """The same pixels, a millionth as wide, every second one moved a thousand away."""
    tight = X / np.abs(X).max() * 1e-6
    tight[::2] += 1e3
    return tight


def _wrong(searches: dict[str, Callable[[Any], Any]], X: Any, context: Context) -> dict[str, float]:
    """Return the share of answers farther away than the true neighbour of their rank.

    Distances are compared, not indices, so that ties count for nobody; 500 rows are checked
    against all differences.
    """
    from scipy.spatial.distance import cdist

    rows = np.random.default_rng(context.seed).choice(len(X), min(500, len(X)), replace=False)
    distances = cdist(X[rows], X)
    distances[np.arange(rows.size), rows] = np.inf
    truth = np.sort(np.partition(distances, K, axis=1)[:, :K], axis=1)
    shares = {}
    for name, search in searches.items():
        found = np.sort(np.take_along_axis(distances, search(X)[rows], axis=1), axis=1)
        shares[name] = float(np.mean(found > truth * (1 + 1e-6)))
    context.advance("checking every answer")
    return shares


def _picture(times: dict[int, dict[str, float]]) -> Picture:
    def draw() -> Figure:
        figure = new_figure(height=3.6)
        axes = figure.subplots()
        axes.grid(visible=False, axis="y")
        for place, found in enumerate(times.values()):
            for shift, (name, colour) in enumerate((("scikit-learn", QUIET), ("sampkit", ACCENT))):
                bar = axes.barh(place + 0.38 * shift, found[name], 0.34, color=colour)
                axes.bar_label(bar, [f"{name}  {found[name]:.2f} s"], padding=5, fontsize=9)
        axes.set_yticks([0.19 + i for i in range(len(times))], [f"{d} columns" for d in times])
        axes.set(xlabel="seconds, shortest of several runs", title="All five nearest rows")
        axes.invert_yaxis()
        axes.margins(x=0.3)
        return figure

    return Picture(
        "Below sixteen columns scikit-learn chooses a tree by itself, sampkit below seven.",
        "Bar chart of search times of scikit-learn and of sampkit for three numbers of columns.",
        draw,
    )


TASK = Task(
    family="neighbors",
    title="Nearest neighbours, checked",
    question="Are the nearest neighbours that a fast search returns the nearest ones?",
    run=run,
    steps=2 + len(COLUMNS) * REPEATS,
    code=CODE,
    order=50,
)
