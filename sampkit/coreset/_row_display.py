"""Which rows were taken: scores from the largest to the smallest, and the draw among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

Vector = npt.NDArray[np.float64]


@dataclass
class LeverageDisplay:
    """Inclusion probabilities of all rows in the order of their scores, and the rows drawn.

    Make one with :meth:`from_estimator`.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Score of every row.
    inclusion_probabilities : ndarray of shape (n,)
        Probability of every row.
    indices : ndarray of int of shape (m,)
        Rows drawn.
    sample_weight : ndarray of shape (m,)
        Their weights.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.coreset import LeverageDisplay, LeverageScoreSampler
    >>> X = np.random.default_rng(0).standard_t(2, size=(500, 3))
    >>> display = LeverageDisplay.from_estimator(LeverageScoreSampler(random_state=0), X)
    >>> display.ax_.get_xlabel()
    'Rows, largest score first'
    """

    scores: Vector
    inclusion_probabilities: Vector
    indices: npt.NDArray[np.intp]
    sample_weight: Vector

    @classmethod
    def from_estimator(
        cls, sampler: Any, X: Any, y: Any = None, *, ax: Any = None
    ) -> LeverageDisplay:
        """Draw with a clone of a row sampler and plot which rows it took.

        Parameters
        ----------
        sampler : row sampler
            One of this family.
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,), default=None
            Handed to the sampler.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None: a new figure.

        Returns
        -------
        LeverageDisplay
        """
        fitted = clone(sampler).fit(X, y)
        return cls(
            fitted.scores_,
            fitted.inclusion_probabilities_,
            fitted.sample_indices_,
            fitted.sample_weight_,
        ).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> LeverageDisplay:
        """Draw scores, and the rows taken as dots whose areas are their weights.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None: a new figure.

        Returns
        -------
        LeverageDisplay
            This object.

        Raises
        ------
        ImportError
            matplotlib is missing: ``pip install sampkit[plot]``.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as reason:
            raise ImportError("Plots need matplotlib: pip install sampkit[plot]") from reason

        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
        order = np.argsort(-self.scores, kind="stable")
        rank = np.empty(len(order), dtype=np.intp)
        rank[order] = np.arange(1, len(order) + 1)
        ax.plot(np.arange(1, len(order) + 1), self.scores[order], color="0.6", lw=1.2, zorder=1)
        weight = self.sample_weight
        size = 10 + 60 * weight / weight.max() if len(weight) else 10
        ax.scatter(
            rank[self.indices], self.scores[self.indices], s=size, alpha=0.45, lw=0, zorder=2,
            label=f"{len(weight)} of {len(order)} rows taken; area: weight, up to "
            f"{weight.max(initial=0):.3g}",
        )  # fmt: skip
        certain = int((self.inclusion_probabilities >= 1).sum())
        if 0 < certain < len(order):
            ax.axvline(certain + 0.5, color="C3", lw=1, ls="--", label=f"{certain} always taken")
        positive = self.scores[self.scores > 0]
        ax.set(xscale="log", xlabel="Rows, largest score first", ylabel="Score")
        if len(positive) and positive.max() > 20 * np.median(positive):
            ax.set_yscale("log")
        ax.grid(alpha=0.3, lw=0.5)
        ax.legend(fontsize="small", framealpha=0.9, loc="best")
        self.ax_, self.figure_ = ax, ax.figure
        return self
