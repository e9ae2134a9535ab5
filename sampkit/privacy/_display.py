"""Pictures of a collection: frequencies with intervals, what an attacker knows, what is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.privacy._validation import shown

if TYPE_CHECKING:
    import pandas as pd

    from sampkit.privacy._accounting import PrivacyAccountant
    from sampkit.privacy._protocol import Floats

BLUE, ORANGE, GREY = "#1f5f99", "#e07b28", "#b8bec7"
COLUMNS = ("estimate", "ci_low", "ci_high")


def plot_frequencies(table: pd.DataFrame, ax: Any = None, truth: Any = None) -> Any:
    """Draw estimated frequencies with their intervals, and the truth where it is known.

    Parameters
    ----------
    table : DataFrame
        As of `LDPAggregator.estimate` or `estimate_frequencies`: index (attribute, category),
        columns estimate, ci_low, ci_high.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None: a new figure, high enough for all categories.
    truth : Series or list of d arrays, default=None
        True frequencies: a Series with the table's index, or a vector for every attribute.

    Returns
    -------
    matplotlib.axes.Axes
        One line per category under its attribute's name.

    Raises
    ------
    ValueError
        The table has not these columns, or `truth` another number of frequencies.

    Examples
    --------
    >>> from sampkit.privacy import LDPSchema, plot_frequencies, simulate_counts
    >>> truth = [[0.6, 0.3, 0.1], [0.8, 0.2]]
    >>> schema = LDPSchema({"colour": ["red", "green", "blue"], "fits": ["yes", "no"]}, epsilon=2.0)
    >>> counts = simulate_counts(schema, marginals=truth, n=100_000, random_state=0)
    >>> ax = plot_frequencies(counts.estimate(), truth=truth)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['colour', 'red', 'green', 'blue', 'fits', 'yes', 'no']
    """
    missing = [name for name in COLUMNS if name not in getattr(table, "columns", ())]
    if missing or table.index.nlevels != 2:
        raise ValueError(
            f"table must have index (attribute, category) and columns {', '.join(COLUMNS)}; "
            f"missing: {shown(missing)}."
        )
    true = None if truth is None else _truth(table, truth)
    labels, place, headers = _lines(table)
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(6.4, 1.2 + 0.24 * len(labels)), layout="constrained")
    estimate, low, high = (table[name].to_numpy(dtype=float) for name in COLUMNS)
    ax.hlines(place, low, high, color=BLUE, lw=2, alpha=0.6, label="interval")
    ax.plot(estimate, place, "o", color=BLUE, ms=4.5, label="estimate")
    if true is not None:
        ax.plot(true, place, "|", color=ORANGE, ms=11, mew=2, label="truth")
    ax.axvline(0, color=GREY, lw=0.8, zorder=0)
    ax.set_yticks(np.arange(len(labels)), labels)
    for at, label in enumerate(ax.get_yticklabels()):  # none where axes share those of another
        label.set_fontweight("bold" if at in headers else "normal")
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="frequency", ylim=(len(labels) - 0.4, -0.6))
    ax.legend(loc="best", frameon=False)
    return ax


def plot_attack(posterior: Any, ax: Any = None) -> Any:
    """Draw how sure an attacker is which attribute of a report is not fake.

    Parameters
    ----------
    posterior : array-like of shape (n, d)
        As of `sampled_attribute_posterior`.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The distribution over reports of the probability of the best guess; its mean is how often
        that guess is right, to be compared with a blind one's 1 / d.

    Raises
    ------
    ValueError
        Not a table of probabilities.

    Examples
    --------
    >>> from sampkit.privacy import plot_attack
    >>> ax = plot_attack([[0.5, 0.25, 0.25], [0.7, 0.2, 0.1]])
    >>> ax.get_title(loc="left")
    'Right in 60.0 %, blind 33.3 %'
    """
    sure = np.asarray(posterior, dtype=float)
    if sure.ndim != 2 or not sure.size or not np.allclose(sure.sum(axis=1), 1, atol=1e-6):
        raise ValueError(f"posterior must be (n, d) with rows that sum to 1, got {sure.shape}.")
    best: Floats = sure.max(axis=1)
    blind = 1 / sure.shape[1]
    ax = _axes(ax)
    share = np.full(best.size, 100 / best.size)
    ax.hist(best, bins=np.linspace(blind, 1, 41), weights=share, color=GREY)
    ax.axvline(blind, color=BLUE, lw=2, label="blind guess")
    ax.axvline(best.mean(), color=ORANGE, lw=2, label="best guess, mean")
    ax.set(xlabel="probability of the likeliest attribute", ylabel="% of reports")
    ax.set_title(f"Right in {100 * best.mean():.1f} %, blind {100 * blind:.1f} %", loc="left")
    ax.legend(frameon=False)
    return ax


def plot_budget(accountant: PrivacyAccountant, ax: Any = None) -> Any:
    """Draw what every collection has cost, and what is left of the budget.

    Parameters
    ----------
    accountant : PrivacyAccountant
        Its log is drawn: one bar, or with unit 'attribute' a bar for every attribute.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Stacked bars of spent budget, a line at the budget.

    Examples
    --------
    >>> from sampkit.privacy import LDPSchema, PrivacyAccountant, plot_budget
    >>> accountant = PrivacyAccountant(2.0)
    >>> accountant.spend(LDPSchema([3, 4], epsilon=0.5), label="spring")
    >>> accountant.spend(LDPSchema([3, 4], epsilon=1.0), label="autumn")
    >>> ax = plot_budget(accountant)
    >>> [float(bar.get_width()) for bar in ax.patches]
    [0.5, 1.0]
    """
    log = accountant.log
    whole = accountant.unit == "tuple"
    named = [["whole record"]] * len(log) if whole else log["attributes"].tolist()
    names = list(dict.fromkeys(name for attributes in named for name in attributes))
    ax = _axes(ax, figsize=(6.4, 1.6 + 0.45 * max(len(names), 1)))
    spent = np.zeros(len(names))
    shades = np.linspace(0.9, 0.35, max(len(log), 1))
    entries = zip(log["label"], log["epsilon"].to_numpy(dtype=float), named, strict=True)
    for number, (label, epsilon, attributes) in enumerate(entries):
        at = np.flatnonzero(np.isin(names, attributes))
        style = {"color": BLUE, "alpha": shades[number], "edgecolor": "white", "height": 0.6}
        ax.barh(at, epsilon, left=spent[at], label=label or f"spending {number + 1}", **style)
        spent[at] += epsilon
    ax.axvline(accountant.epsilon, color=ORANGE, lw=2, label="budget")
    ax.set_yticks(np.arange(len(names)), names)
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="epsilon", xlim=(0, 1.05 * accountant.epsilon), ylim=(len(names) - 0.4, -0.6))
    # above the bars, which fill the axes
    ax.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)
    return ax


def _axes(ax: Any, **figure: Any) -> Any:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained", **figure)[1]


def _truth(table: pd.DataFrame, truth: Any) -> Floats:
    """True frequencies in the table's order."""
    if hasattr(truth, "reindex"):
        found = truth.reindex(table.index).to_numpy(dtype=float)
        if np.isnan(found).any():
            raise ValueError("truth must hold every (attribute, category) of the table.")
        return found
    sizes = table.groupby(level=0, sort=False).size().tolist()
    vectors = [np.asarray(vector, dtype=float) for vector in truth]
    if [vector.size for vector in vectors] != sizes:
        raise ValueError(
            f"truth must have vectors of {shown(sizes)} frequencies, got "
            f"{shown([vector.size for vector in vectors])}."
        )
    return np.concatenate(vectors)


def _lines(table: pd.DataFrame) -> tuple[list[str], list[int], list[int]]:
    """Labels from top to bottom, the lines of categories, the lines of attributes' names."""
    labels: list[str] = []
    place: list[int] = []
    headers: list[int] = []
    last: Any = object()
    for attribute, category in table.index:
        if attribute != last:
            headers.append(len(labels))
            labels.append(str(attribute))
            last = attribute
        place.append(len(labels))
        labels.append(str(category))
    return labels, place, headers
