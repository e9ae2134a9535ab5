"""The path of a ranking: entropies of all variables against the number of picks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sampkit.diversity._entropy import Floats


@dataclass
class EntropyPathDisplay:
    """Entropies after every pick, their maxima, and where the ranking suggests to stop.

    Make one with :meth:`from_estimator`.

    Parameters
    ----------
    entropy_path : ndarray of shape (k, n_variables)
        Entropies after every pick, in nats.
    max_entropy : ndarray of shape (n_variables,)
        Their maxima, log of the number of categories.
    names : sequence of str
        Names of the variables.
    sizes : dict of {str: int}, default={}
        Suggested numbers of picks by their label; each becomes a vertical line.

    Attributes
    ----------
    lines_ : list of matplotlib.lines.Line2D
        One path for each variable.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.diversity import EntropyPathDisplay, GreedyMaximumEntropySampler
    >>> X = np.random.default_rng(0).integers(6, size=(40, 2))
    >>> sampler = GreedyMaximumEntropySampler().fit(X)
    >>> display = EntropyPathDisplay.from_estimator(sampler)
    >>> len(display.lines_)
    2
    """

    entropy_path: Floats
    max_entropy: Floats
    names: Sequence[str]
    sizes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def from_estimator(cls, sampler: Any, *, ax: Any = None) -> EntropyPathDisplay:
        """Draw the path of a fitted sampler.

        Parameters
        ----------
        sampler : GreedyMaximumEntropySampler
            Fitted.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None: a new figure.

        Returns
        -------
        EntropyPathDisplay
            Drawn, with its knee and the size of the smallest distance.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            The sampler has no ranking yet.
        """
        check_is_fitted(sampler, "ranking_")
        sizes = {
            "knee": sampler.suggest_size("knee"),
            "most diverse": sampler.suggest_size("max"),
        }
        names = [str(name) for name in sampler.variables_]
        display = cls(sampler.entropy_path_, sampler.max_entropy_, names, sizes)
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> EntropyPathDisplay:
        """Draw the path.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None: a new figure.

        Returns
        -------
        EntropyPathDisplay
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
        picks = np.arange(1, len(self.entropy_path) + 1)
        self.lines_ = []
        for v, name in enumerate(self.names):
            (line,) = ax.plot(picks, self.entropy_path[:, v], label=name, linewidth=2)
            ax.axhline(self.max_entropy[v], color=line.get_color(), linestyle=":", linewidth=1)
            self.lines_.append(line)
        styles = ("--", "-", "-.")
        for i, (label, size) in enumerate(self.sizes.items()):
            if size > 0:
                ax.axvline(
                    size,
                    color="0.45",
                    linestyle=styles[i % len(styles)],
                    linewidth=1,
                    label=f"{label}: {size}",
                )
        ax.set(xlabel="items picked", ylabel="entropy, nats")
        ax.set_xlim(left=0)
        ax.legend(loc="lower right")
        self.ax_, self.figure_ = ax, ax.figure
        return self
