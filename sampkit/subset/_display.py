"""Scores of trainings side by side, against what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from sampkit.subset._arguments import one_of
from sampkit.subset._history import time_to_accuracy

COSTS = {
    "seconds": ("Seconds of training", 1.0),
    "n_seen": ("Rows trained on", 1.0),
    "bytes_read": ("Megabytes read", 1e-6),
}


@dataclass
class TimeToAccuracyDisplay:
    """Score after every round against seconds, rows and bytes.

    Make one with :meth:`from_estimators` or :meth:`from_histories`.

    Parameters
    ----------
    histories : dict of {str: list of dict}
        Label and ``history_`` of every training.
    target : float or None, default=None
        Score whose cost is marked and written into the legend.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes
        One for each cost.
    figure_ : matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sampkit.subset import RepeatedSubsetClassifier, TimeToAccuracyDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> models = {
    ...     f"{share:.0%}": RepeatedSubsetClassifier(
    ...         SGDClassifier(), share, n_rounds=4, random_state=0
    ...     ).fit(X[:1000], y[:1000], eval_set=(X[1000:], y[1000:]))
    ...     for share in (0.1, 1.0)
    ... }
    >>> display = TimeToAccuracyDisplay.from_estimators(models, target=0.8)
    >>> len(display.axes_)
    3
    """

    histories: Mapping[str, Sequence[Mapping[str, Any]]]
    target: float | None = None

    @classmethod
    def from_estimators(
        cls, estimators: Mapping[str, Any], *, target: float | None = None, **options: Any
    ) -> Self:
        """Plot the histories of fitted meta-estimators.

        Parameters
        ----------
        estimators : dict of {str: estimator}
            Fitted with `eval_set`.
        target : float or None, default=None
            Score to mark.
        **options : dict
            Handed to :meth:`plot`.

        Returns
        -------
        TimeToAccuracyDisplay
        """
        histories = {name: estimator.history_ for name, estimator in estimators.items()}
        return cls.from_histories(histories, target=target, **options)

    @classmethod
    def from_histories(
        cls,
        histories: Mapping[str, Sequence[Mapping[str, Any]]],
        *,
        target: float | None = None,
        **options: Any,
    ) -> Self:
        """Plot histories kept elsewhere.

        Parameters
        ----------
        histories : dict of {str: list of dict}
            Entries with ``eval_score`` and the costs that are drawn.
        target : float or None, default=None
            Score to mark.
        **options : dict
            Handed to :meth:`plot`.

        Returns
        -------
        TimeToAccuracyDisplay

        Raises
        ------
        ValueError
            No history, or one without scores.
        """
        if not histories:
            raise ValueError("histories must hold at least one training, got none.")
        for name, history in histories.items():
            if not history or any(entry.get("eval_score") is None for entry in history):
                raise ValueError(f"history {name!r} has rounds without a score: fit with eval_set.")
        return cls(histories, target).plot(**options)

    def plot(
        self,
        *,
        against: Iterable[str] = tuple(COSTS),
        axes: Any = None,
        log: bool = False,
        ylabel: str = "Score",
    ) -> Self:
        """Draw one panel for each cost.

        Parameters
        ----------
        against : iterable of {"seconds", "n_seen", "bytes_read"}, default=all three
            Costs, one panel each.
        axes : sequence of matplotlib.axes.Axes, default=None
            Where to draw, one for each cost; None: a new figure.
        log : bool, default=False
            Logarithmic costs.
        ylabel : str, default="Score"
            What the score is.

        Returns
        -------
        self : TimeToAccuracyDisplay

        Raises
        ------
        ValueError
            An unknown cost, or another number of axes.
        """
        costs = [against] if isinstance(against, str) else list(against)
        for cost in costs:
            one_of(cost, "against", tuple(COSTS))
        if axes is None:
            import matplotlib.pyplot as plt

            size = (4.4 * len(costs) + 0.6, 3.8)
            _, axes = plt.subplots(1, len(costs), figsize=size, sharey=True, layout="constrained")
        panels = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
        if panels.size != len(costs):
            raise ValueError(f"axes must be {len(costs)}, one for each cost, got {panels.size}.")
        for ax, cost in zip(panels, costs, strict=True):
            self._panel(ax, cost, log)
        panels[0].set_ylabel(ylabel)
        self.axes_, self.figure_ = panels, panels[0].figure
        return self

    def _panel(self, ax: Any, cost: str, log: bool) -> None:
        label, factor = COSTS[cost]
        for name, history in self.histories.items():
            x = np.array([entry[cost] for entry in history], dtype=float) * factor
            score = [entry["eval_score"] for entry in history]
            hit = None if self.target is None else time_to_accuracy(history, self.target)
            reached = "" if self.target is None else ": not reached"
            if hit is not None:
                reached = f": {_rounded(hit[cost] * factor)}"
            (line,) = ax.plot(x, score, label=f"{name}{reached}", lw=1.8)
            if hit is not None:
                ax.plot(hit[cost] * factor, hit["eval_score"], "o", color=line.get_color(), ms=6)
        title = None
        if self.target is not None:
            ax.axhline(self.target, color="0.6", lw=0.9, ls="--", zorder=0)
            title = f"to reach {self.target:g}"
        if log:
            ax.set_xscale("log")
        ax.set_xlabel(label)
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(title=title, loc="lower right", frameon=False, fontsize=9)


def _rounded(value: float) -> str:
    """Three figures at least, and no exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
