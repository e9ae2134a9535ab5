"""A test sheet for a font: few lines of the code charts that show all sorts of characters."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.demo import ACCENT, INK, QUIET, Context, Picture, Row, Task, TaskResult, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CODE = """\
from sampkit.datasets import load_unicode_chart
from sampkit.diversity import GreedyMaximumEntropySampler

frame = load_unicode_chart().frame
gme = GreedyMaximumEntropySampler(n_select=40, item="line", on=["word", "kind"])
sheet, _ = gme.fit_resample(frame)
print(sheet.groupby("line")["character"].agg("".join))
"""

TEXT = """\
Whoever proofreads a font, or tests how a program draws text, looks at a few lines of the code \
charts, and wants to have seen every script and every kind of character. Most lines show Chinese \
characters or Korean syllables, and so do most lines of a random sample.

Greedy maximum entropy adds the line with which the first words of the names (mostly the script or \
the sort of symbol) and the kinds of characters come closest to being equally frequent, both at \
once. The path says when to stop: up to the line that is marked every addition helps, afterwards \
what is added has mostly been seen.

Lines with the most different words and kinds, taken first, are a strong and cheap rival: as good \
on the words of the first lines, but blind to what the others have shown already, and far behind \
on the kinds.
"""

SIZE = 40
VARIABLES = ("word", "kind")


def run(context: Context) -> TaskResult:
    """Rank all lines, and compare the first with random ones and with the richest."""
    from sampkit.datasets import load_unicode_chart
    from sampkit.diversity import GreedyMaximumEntropySampler

    chart = load_unicode_chart()
    frame = chart.frame
    context.advance("reading the charts")
    sampler = GreedyMaximumEntropySampler(
        150 if context.quick else 600, item="line", on=list(VARIABLES)
    )
    began = perf_counter()
    sampler.fit(frame)
    seconds = perf_counter() - began
    context.advance("ranking all lines")
    counts = _counts(frame)
    random = _random_paths(counts, sampler, 5 if context.quick else 20, context.seed)
    richest = _path(counts, _richest(counts)[: len(sampler.ranking_)])
    context.advance("random lines, and the richest")
    naive = _naive_seconds(counts, sampler.ranking_[: SIZE // 2], 100 if context.quick else 1500)
    context.advance("the same ranking item by item")
    rows = _rows(counts, sampler, random, richest, seconds)
    steps = len(sampler.ranking_)
    measured = sum(len(sampler.items_) - step for step in range(steps))
    rows.append(
        Row(
            f"time to rank {steps} lines: sums kept, not all measured anew (scaled)",
            naive * measured,
            seconds,
            "lower",
            seconds,
            spec=".2f",
            unit="s",
            compare="ratio",
        )
    )
    return TaskResult(
        tuple(rows),
        TEXT,
        (_path_picture(sampler, random, richest),),
        f"Unicode code charts, {len(frame)} characters on {len(sampler.items_)} lines; "
        f"{chart.source} ({chart.licence}).",
    )


def _counts(frame: Any) -> list[Any]:
    """Lines by categories, for both variables."""
    import pandas as pd

    lines, _ = pd.factorize(frame["line"], sort=True)
    found = []
    for name in VARIABLES:
        codes, labels = pd.factorize(frame[name])
        cell = np.bincount(lines * len(labels) + codes, minlength=(lines.max() + 1) * len(labels))
        found.append(cell.reshape(-1, len(labels)))
    return found


def _entropies(pooled: Any) -> Any:
    shares = pooled / pooled.sum(axis=1, keepdims=True)
    return -np.sum(shares * np.log(np.where(shares > 0, shares, 1.0)), axis=1)


def _path(counts: list[Any], order: Any) -> Any:
    """Entropies of the first 1, 2, ... lines of an order."""
    return np.stack([_entropies(np.cumsum(c[order], axis=0)) for c in counts], axis=1)


def _random_paths(counts: list[Any], sampler: Any, repeats: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    steps = len(sampler.ranking_)
    return np.stack(
        [_path(counts, rng.choice(len(counts[0]), steps, replace=False)) for _ in range(repeats)]
    )


def _richest(counts: list[Any]) -> Any:
    """Lines by how many different words and kinds they show."""
    shown = np.sum([(c > 0).sum(axis=1) for c in counts], axis=0)
    return np.argsort(-shown, kind="stable")


def _naive_seconds(counts: list[Any], picked: Any, repeats: int) -> float:
    """Time to measure one line with a dense sum of counts for each variable."""
    from scipy.stats import entropy

    pooled = [c[picked].sum(axis=0) for c in counts]
    began = perf_counter()
    for line in range(repeats):
        for base, c in zip(pooled, counts, strict=True):
            entropy(base + c[line])
    return (perf_counter() - began) / repeats


def _rows(counts: list[Any], sampler: Any, random: Any, richest: Any, seconds: float) -> list[Row]:
    drawn = np.exp(random[:, SIZE - 1])
    chosen = np.exp(sampler.entropy_path_[SIZE - 1])
    names = {"word": "words (scripts, sorts of symbols)", "kind": "kinds of characters"}
    rows = [
        Row(
            f"effective number of {names[name]} in {SIZE} lines, greedy for random",
            float(drawn[:, v].mean()),
            float(chosen[v]),
            "higher",
            seconds if v == 0 else None,
            float(drawn[:, v].std(ddof=1) / np.sqrt(len(drawn))),
            spec=".1f",
            compare="ratio",
        )
        for v, name in enumerate(VARIABLES)
    ]
    rows.append(
        Row(
            f"distance from perfect balance, {SIZE} lines, greedy for the richest",
            float(np.linalg.norm(sampler.max_entropy_ - richest[SIZE - 1])),
            float(sampler.distance_path_[SIZE - 1]),
            "lower",
        )
    )
    return rows


def _path_picture(sampler: Any, random: Any, richest: Any) -> Picture:
    def draw() -> Figure:
        figure = new_figure(height=5.4)
        panels = figure.subplots(2, 1, sharex=True)
        titles = ("First words of the names", "Kinds of characters")
        picks = np.arange(1, len(sampler.ranking_) + 1)
        for v, (axes, title) in enumerate(zip(panels, titles, strict=True)):
            low, high = random[:, :, v].min(axis=0), random[:, :, v].max(axis=0)
            axes.fill_between(picks, low, high, color=QUIET, alpha=0.4, linewidth=0)
            axes.plot(picks, random[:, :, v].mean(axis=0), color=QUIET, label="random lines")
            axes.plot(picks, richest[:, v], color=INK, linewidth=1.2, label="richest lines first")
            axes.plot(picks, sampler.entropy_path_[:, v], color=ACCENT, label="greedy")
            axes.axhline(sampler.max_entropy_[v], color=INK, linestyle=":", linewidth=1)
            for size, style in (
                (sampler.suggest_size("knee"), "--"),
                (sampler.suggest_size(), "-"),
            ):
                axes.axvline(size, color=ACCENT, linestyle=style, linewidth=0.8)
            axes.set(title=title, ylabel="entropy, nats", ylim=(0, 1.08 * sampler.max_entropy_[v]))
        panels[1].set_xlabel("lines of the charts")
        panels[0].legend(loc="center right")
        return figure

    return Picture(
        f"Entropies against the number of lines. Dotted: all categories equally frequent. "
        f"Vertical: the knee at {sampler.suggest_size('knee')} lines and the closest approach at "
        f"{sampler.suggest_size()}; the greedy path falls afterwards. The band holds all random "
        "samples.",
        "Two line plots of entropy against the number of lines for greedy, random and richest.",
        draw,
    )


TASK = Task(
    family="diversity",
    title="Few lines that show everything",
    question="Which lines of the code charts show all scripts and kinds of characters in balance?",
    run=run,
    steps=4,
    code=CODE,
    order=70,
)
