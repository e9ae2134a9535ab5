"""The picture of a sampling sweep: ROC points, their hull, the cheapest operating point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ._roc import cheapest_corner, roc_convex_hull

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class SamplingROCDisplay:
    """ROC points of a sampling sweep, one curve per over-sampling level, with their convex hull.

    Use :meth:`from_frame` or :meth:`from_estimator`; the constructor only stores.

    Parameters
    ----------
    frame : DataFrame
        Result of :func:`sampkit.metrics.sampling_roc`; the columns ``over``, ``under``, ``fpr``
        and ``tpr`` are read.
    prevalence : float in [0, 1] or None, default=None
        Share of positives where the classifier will be used. With it the cheapest operating
        point and the line of equal cost through it are drawn.
    cost_fp, cost_fn : float >= 0, default=1
        Cost of a false alarm and of a missed positive.

    Attributes
    ----------
    hull : ROCHull
        Convex hull of all points; its indices are row positions of ``frame``.
    ax_, figure_ : matplotlib Axes and Figure
        Set by :meth:`plot`.
    lines_ : dict of {over: Line2D}
        The curve of each over-sampling level.
    hull_line_ : Line2D
        The hull.
    optimal_ : Line2D or None
        The cheapest operating point, if ``prevalence`` was given.

    Examples
    --------
    >>> import pandas as pd
    >>> from sampkit.metrics import SamplingROCDisplay
    >>> frame = pd.DataFrame(
    ...     {
    ...         "over": [0, 0, 100, 100],
    ...         "under": [None, 50, None, 50],
    ...         "fpr": [0.05, 0.2, 0.05, 0.15],
    ...         "tpr": [0.4, 0.7, 0.4, 0.8],
    ...     }
    ... )
    >>> display = SamplingROCDisplay.from_frame(frame, prevalence=0.1, cost_fn=20)
    >>> display.hull.indices.tolist()
    [-1, 0, 3, -1]
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        *,
        prevalence: float | None = None,
        cost_fp: float = 1,
        cost_fn: float = 1,
    ) -> None:
        missing = [c for c in ("over", "under", "fpr", "tpr") if c not in frame.columns]
        if missing:
            raise ValueError(
                f"frame must have the columns over, under, fpr and tpr, missing: {missing}."
            )
        self.frame = frame
        self.prevalence = prevalence
        self.cost_fp = cost_fp
        self.cost_fn = cost_fn
        self.hull = roc_convex_hull(frame["fpr"], frame["tpr"])

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        prevalence: float | None = None,
        cost_fp: float = 1,
        cost_fn: float = 1,
        ax: Axes | None = None,
    ) -> SamplingROCDisplay:
        """Plot the result of :func:`sampkit.metrics.sampling_roc`.

        Parameters
        ----------
        frame : DataFrame
            With the columns ``over``, ``under``, ``fpr`` and ``tpr``.
        prevalence : float in [0, 1] or None, default=None
            Share of positives in use; None draws no operating point.
        cost_fp, cost_fn : float >= 0, default=1
            Cost of a false alarm and of a missed positive.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        SamplingROCDisplay
            The plotted display.
        """
        display = cls(frame, prevalence=prevalence, cost_fp=cost_fp, cost_fn=cost_fn)
        return display.plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: npt.ArrayLike,
        *,
        prevalence: float | None = None,
        cost_fp: float = 1,
        cost_fn: float = 1,
        ax: Axes | None = None,
        **sweep: Any,
    ) -> SamplingROCDisplay:
        """Run :func:`sampkit.metrics.sampling_roc` and plot what it returns.

        Parameters
        ----------
        estimator : classifier
            Unfitted; cloned for every fit.
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,)
            Two classes.
        prevalence : float in [0, 1] or None, default=None
            Share of positives in use; None draws no operating point.
        cost_fp, cost_fn : float >= 0, default=1
            Cost of a false alarm and of a missed positive.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        **sweep : dict
            Further parameters of :func:`sampkit.metrics.sampling_roc`.

        Returns
        -------
        SamplingROCDisplay
            The plotted display; its ``frame`` holds the points.
        """
        from sampkit.compose import sampling_roc

        return cls.from_frame(
            sampling_roc(estimator, X, y, **sweep),
            prevalence=prevalence,
            cost_fp=cost_fp,
            cost_fn=cost_fn,
            ax=ax,
        )

    def plot(self, ax: Axes | None = None) -> SamplingROCDisplay:
        """Draw points, hull and, with a prevalence, the operating point.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        SamplingROCDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError(
                "SamplingROCDisplay needs matplotlib: pip install sampkit[plot]"
            ) from error
        if ax is None:
            _, ax = plt.subplots(figsize=(6, 5.5), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        self._draw_curves(plt.get_cmap("viridis"))
        (self.hull_line_,) = ax.plot(
            self.hull.fpr,
            self.hull.tpr,
            color="0.25",
            linewidth=1.2,
            linestyle="--",
            zorder=1,
            label=f"convex hull (area {self.hull.auc:.3f})",
        )
        self._draw_optimum()
        ax.set(
            xlim=(-0.02, 1.02),
            ylim=(-0.02, 1.02),
            aspect="equal",
            xlabel="False positive rate (mean over folds)",
            ylabel="True positive rate (mean over folds)",
        )
        ax.legend(loc="lower right", frameon=False)
        return self

    def _draw_curves(self, cmap: Any) -> None:
        """One line per over-sampling level; the point without re-sampling is a hollow square."""
        self.lines_: dict[Any, Any] = {}
        levels = self.frame["over"].unique()
        shades = np.linspace(0.05, 0.85, len(levels))
        for level, shade in zip(levels, shades, strict=True):
            block = self.frame[self.frame["over"] == level].sort_values(["fpr", "tpr"])
            (self.lines_[level],) = self.ax_.plot(
                block["fpr"],
                block["tpr"],
                color=cmap(shade),
                marker="o",
                markersize=4,
                linewidth=1,
                label=f"over-sampling {level:g} %",
            )
        raw = self.frame[self.frame["under"].isna()].drop_duplicates(["fpr", "tpr"])
        self.ax_.plot(
            raw["fpr"],
            raw["tpr"],
            linestyle="none",
            marker="s",
            markersize=8,
            markerfacecolor="none",
            markeredgecolor="0.2",
            label="as given",
        )

    def _draw_optimum(self) -> None:
        """The cheapest corner of the hull and the line of equal expected cost through it."""
        self.optimal_ = None
        if self.prevalence is None:
            return
        corner, hull, cost = cheapest_corner(
            self.frame["fpr"], self.frame["tpr"], self.prevalence, self.cost_fp, self.cost_fn
        )
        x, y = float(hull.fpr[corner]), float(hull.tpr[corner])
        (self.optimal_,) = self.ax_.plot(
            [x],
            [y],
            linestyle="none",
            marker="*",
            markersize=15,
            color="tab:red",
            zorder=4,
            label=f"cheapest (cost {cost:.3g})",
        )
        rise, run = (1 - self.prevalence) * self.cost_fp, self.prevalence * self.cost_fn
        if rise or run:
            # A second point, not a slope: the line is vertical when missing costs nothing.
            self.ax_.axline((x, y), (x + run, y + rise), color="tab:red", linewidth=1, alpha=0.6)
