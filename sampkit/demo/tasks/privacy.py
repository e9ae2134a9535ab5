"""A histogram of every attribute from users who never tell the truth as it is."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.demo import ACCENT, INK, QUIET, Context, Picture, Row, Task, TaskResult, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CODE = """\
from sampkit.datasets import load_nursery
from sampkit.privacy import estimate_frequencies

X, y = load_nursery(return_X_y=True, as_frame=True)
domain = {name: list(X[name].cat.categories) for name in X}
print(estimate_frequencies(X, epsilon=1.0, categories=domain, solution="auto"))
"""

TEXT = """\
Every application is randomised as if on a device of its own; the server sums reports and sees \
nothing else. A loss of epsilon means that no report is more than e^epsilon times as probable from \
one input as from another. Errors are mean squared errors of all categories' frequencies over \
repeated collections, and what is compared has the same exact guarantee.

For whole records the split budget is the price of asking everything; sampling one attribute and \
saying which is the cheapest. RS+FD hides which attribute it sampled, and pays for that.

RS+FD as it was published promises epsilon by a larger local budget. That promise does not hold \
for whole records: the row with the unit epsilon says what one report really tells. Here the \
larger budget is not taken, unless calibration="paper" asks for it.
"""

EPSILON = 1.0
SOLUTIONS = {"SPL": "spl", "RS+FD": "rsfd", "SMP": "smp"}


def run(context: Context) -> TaskResult:
    """Collect Nursery's nine attributes at equal guarantees, many times."""
    from sampkit.datasets import load_nursery
    from sampkit.privacy import LDPSchema

    nursery = load_nursery(multiclass=True, as_frame=True)
    frame = nursery.data.assign(verdict=nursery.target.astype("category"))
    domain = {name: list(frame[name].cat.categories) for name in frame}
    counts = [frame[name].value_counts().reindex(domain[name]).to_numpy() for name in domain]
    repeats = 10 if context.quick else 60
    errors = {}
    for unit in ("tuple", "attribute"):
        for name, solution in SOLUTIONS.items():
            schema = LDPSchema(domain, EPSILON, solution=solution, privacy_unit=unit)
            errors[unit, name] = _errors(schema, counts, repeats, context.seed)
        context.advance(f"collections, unit {unit}")
    rows = [
        _error_row("error, whole record protected: one attribute instead of all", errors, "tuple",
                   "SPL", "SMP"),
        _error_row("error, whole record protected: said which instead of hidden", errors, "tuple",
                   "RS+FD", "SMP"),
        _error_row("error, one attribute protected: all of them instead of one", errors,
                   "attribute", "RS+FD", "SPL"),
    ]  # fmt: skip
    rows.append(
        Row("what RS+FD's epsilon 1 really costs a record", _published(domain), EPSILON, "lower",
            spec=".2f", unit="epsilon")
    )  # fmt: skip
    schema = LDPSchema(domain, EPSILON, solution="smp")
    rows.append(_simulation_row(schema, frame, counts, context))
    return TaskResult(
        tuple(rows),
        TEXT,
        (_error_picture(domain, counts), _table_picture(domain, counts, context.seed)),
        f"Nursery, {len(frame)} applications, eight properties and the verdict; {nursery.source} "
        f"({nursery.licence}).",
    )


def _errors(schema: Any, counts: list[Any], repeats: int, seed: int) -> Any:
    """Mean squared error of each of many simulated collections."""
    from sampkit.privacy import simulate_counts

    rng = np.random.default_rng(seed)
    truth = [c / c.sum() for c in counts]
    found = []
    for _ in range(repeats):
        table = simulate_counts(schema, marginals=counts, random_state=rng).estimate()
        estimates = np.split(table["estimate"].to_numpy(), np.cumsum(schema.domain_sizes)[:-1])
        found.append(
            np.mean([np.mean((e - f) ** 2) for e, f in zip(estimates, truth, strict=True)])
        )
    return np.array(found)


def _error_row(what: str, errors: dict[Any, Any], unit: str, before: str, after: str) -> Row:
    a, b = errors[unit, before], errors[unit, after]
    return Row(
        f"{what} ({after} for {before})",
        a.mean(),
        b.mean(),
        "lower",
        error=float(np.hypot(a.std(ddof=1), b.std(ddof=1)) / np.sqrt(a.size)),
        spec=".2e",
        compare="ratio",
    )


def _published(domain: Any) -> float:
    """Loss of a whole record under the published calibration."""
    import warnings

    from sampkit.privacy import LDPSchema, PrivacyWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)
        return LDPSchema(domain, EPSILON, calibration="paper").epsilon_tuple


def _simulation_row(schema: Any, frame: Any, counts: list[Any], context: Context) -> Row:
    """Reports made and counted, against counts drawn from their law."""
    import pandas as pd

    from sampkit.privacy import LDPAggregator, LDPClient, simulate_counts

    times = 2 if context.quick else 40
    users = pd.concat([frame] * times, ignore_index=True)
    marginals = [times * c for c in counts]
    began = perf_counter()
    client = LDPClient(schema)
    LDPAggregator(schema).partial_fit(client.privatize_many(users)).estimate()
    made = perf_counter() - began
    began = perf_counter()
    simulate_counts(schema, marginals=marginals, random_state=context.seed).estimate()
    drawn = perf_counter() - began
    context.advance("a collection with and without reports")
    return Row(f"time to plan for {len(users):,} users: counts drawn, no reports", 1e3 * made,
               1e3 * drawn, "lower", drawn, spec=".1f", unit="ms", compare="ratio")  # fmt: skip


def _error_picture(domain: Any, counts: list[Any]) -> Picture:
    def draw() -> Figure:
        from sampkit.privacy import LDPSchema

        figure = new_figure(height=3.8)
        truth, n = [c / c.sum() for c in counts], int(counts[0].sum())
        budgets = np.geomspace(0.25, 4, 9)
        colours = dict(zip(SOLUTIONS, (QUIET, INK, ACCENT), strict=True))
        panels = figure.subplots(1, 2, sharey=True)
        titles = ("Whole records protected", "Single attributes protected")
        for axes, unit, title in zip(panels, ("tuple", "attribute"), titles, strict=True):
            for name, solution in SOLUTIONS.items():
                mse = [
                    LDPSchema(
                        domain, float(budget), solution=solution, privacy_unit=unit
                    ).expected_mse(n, truth)
                    for budget in budgets
                ]
                axes.loglog(budgets, mse, color=colours[name], label=name)
            axes.set(title=title, xlabel="epsilon, exact")
            axes.set_xticks([0.25, 0.5, 1, 2, 4], ["0.25", "0.5", "1", "2", "4"])
            axes.minorticks_off()
        panels[0].set_ylabel("mean squared error")
        panels[0].legend(loc="lower left")
        return figure

    return Picture(
        "What a guarantee costs, predicted without looking at data. Which solution is best depends "
        "on what has to be protected.",
        "Two line plots of mean squared error against epsilon for SPL, RS+FD and SMP.",
        draw,
    )


def _table_picture(domain: Any, counts: list[Any], seed: int) -> Picture:
    shown = [name for name in domain if name in ("has_nurs", "finance", "verdict")]

    def draw() -> Figure:
        from sampkit.privacy import LDPSchema, plot_frequencies, simulate_counts

        figure = new_figure(height=4.2)
        axes = figure.subplots()
        schema = LDPSchema(domain, EPSILON, solution="smp")
        table = simulate_counts(schema, marginals=counts, random_state=seed).estimate()
        places = [list(domain).index(name) for name in shown]
        plot_frequencies(
            table.loc[shown], axes, truth=[counts[j] / counts[j].sum() for j in places]
        )
        axes.set_title("One collection, epsilon 1 for a whole record")
        return figure

    return Picture(
        "Estimates with 95 % intervals; of 12960 applications about 1440 report on each attribute. "
        "An estimate below zero is no mistake: it is unbiased.",
        "Dot plot of estimated frequencies with intervals and the true frequencies.",
        draw,
    )


TASK = Task(
    family="privacy",
    title="A histogram without answers",
    question="What does it cost to protect every user, and is it as much as promised?",
    run=run,
    steps=3,
    code=CODE,
    order=60,
)
