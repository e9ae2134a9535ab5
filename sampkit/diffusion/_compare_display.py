"""The picture of a comparison of solvers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["SolverComparisonDisplay"]

QUANTITIES = {
    "error": "Mean squared difference from the fine run",
    "frechet": "Fréchet distance",
    "ms": "Milliseconds",
}
AXES = {"calls": "Network calls", "ms": "Milliseconds"}


class SolverComparisonDisplay:
    """A quantity of every solver against the number of network calls, or against the time.

    Use :meth:`from_frame` or :meth:`from_model`; the constructor only stores.

    Parameters
    ----------
    frame : DataFrame
        Result of :func:`compare`; ``solver``, ``grid``, ``calls`` and what is drawn are read.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Set by :meth:`plot`.
    lines_ : dict of {(solver, grid): Line2D}
        A line for every solver on every kind of grid.

    Raises
    ------
    ValueError
        A column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from sampkit.diffusion import SolverComparisonDisplay
    >>> frame = pd.DataFrame(
    ...     {
    ...         "solver": ["DDIM", "DDIM", "UniPC", "UniPC"],
    ...         "grid": ["logsnr"] * 4,
    ...         "calls": [5, 10, 5, 10],
    ...         "error": [0.2, 0.1, 0.05, 0.01],
    ...         "frechet": [0.4, 0.2, 0.2, 0.1],
    ...         "ms": [5.0, 10.0, 5.0, 10.0],
    ...     }
    ... )
    >>> display = SolverComparisonDisplay.from_frame(frame)
    >>> list(display.lines_)
    [('DDIM', 'logsnr'), ('UniPC', 'logsnr')]
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        missing = sorted({"solver", "grid", "calls", *QUANTITIES} - set(frame.columns))
        if missing:
            raise ValueError(f"frame must be a table of compare; columns missing: {missing}.")
        self.frame = frame

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        quantity: str = "error",
        against: str = "calls",
        ax: Axes | None = None,
    ) -> SolverComparisonDisplay:
        """Plot the result of :func:`compare`.

        Parameters
        ----------
        frame : DataFrame
            The table.
        quantity : {"error", "frechet", "ms"}, default="error"
            What is drawn.
        against : {"calls", "ms"}, default="calls"
            Against what.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        SolverComparisonDisplay
            The plotted display.
        """
        return cls(frame).plot(quantity=quantity, against=against, ax=ax)

    @classmethod
    def from_model(
        cls,
        solvers: Any,
        model: Any,
        x: Any,
        grids: Any,
        *,
        quantity: str = "error",
        against: str = "calls",
        ax: Axes | None = None,
        **options: Any,
    ) -> SolverComparisonDisplay:
        """Run :func:`compare` and plot what it returns.

        Parameters
        ----------
        solvers : list or dict
            What to run.
        model : DiffusionModel or wrapper
            The network.
        x : tensor of shape (B, ...)
            States at the start.
        grids : int, array, list or dict
            What to run them on.
        quantity : {"error", "frechet", "ms"}, default="error"
            What is drawn.
        against : {"calls", "ms"}, default="calls"
            Against what.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        **options : dict
            Further parameters of :func:`compare`.

        Returns
        -------
        SolverComparisonDisplay
            The plotted display; its ``frame`` holds the table.
        """
        from sampkit.diffusion._compare import compare

        frame = compare(solvers, model, x, grids, **options)
        return cls.from_frame(frame, quantity=quantity, against=against, ax=ax)

    def plot(
        self, *, quantity: str = "error", against: str = "calls", ax: Axes | None = None
    ) -> SolverComparisonDisplay:
        """Draw one line for every solver on every kind of grid.

        Parameters
        ----------
        quantity : {"error", "frechet", "ms"}, default="error"
            What is drawn; on a logarithmic axis where all of it is positive.
        against : {"calls", "ms"}, default="calls"
            Against what.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        SolverComparisonDisplay
            Itself.

        Raises
        ------
        ValueError
            An unknown quantity.
        ImportError
            matplotlib is missing: ``pip install sampkit[plot]``.
        """
        for name, value, known in (("quantity", quantity, QUANTITIES), ("against", against, AXES)):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}.")
        try:
            import matplotlib.pyplot as plt
            from matplotlib.ticker import LogFormatter, NullLocator
        except ImportError as error:
            raise ImportError("Plots need matplotlib: pip install sampkit[plot]") from error
        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 4.6), layout="constrained")
        self.ax_, self.figure_, self.lines_ = ax, ax.figure, {}
        frame = self.frame
        solvers, grids = frame["solver"].unique().tolist(), frame["grid"].unique().tolist()
        markers, styles = "osD^vP*X", ("-", "--", ":", "-.")
        for (solver, grid), part in frame.groupby(["solver", "grid"], sort=False):
            k, part = solvers.index(solver), part.sort_values(against)
            (self.lines_[solver, grid],) = ax.plot(
                part[against],
                part[quantity],
                color=f"C{k}",
                marker=markers[k % len(markers)],
                linestyle=styles[grids.index(grid) % len(styles)],
                markersize=5,
                linewidth=1.5,
                label=solver if len(grids) == 1 else f"{solver}, {grid}",
            )
        ax.set(xscale="log", xlabel=AXES[against], ylabel=QUANTITIES[quantity])
        if (frame[quantity] > 0).all():
            ax.set_yscale("log")
            ax.yaxis.set_major_formatter(LogFormatter(labelOnlyBase=False))
            ax.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1.5, 0.6)))
        if against == "calls":
            calls = np.unique(frame["calls"])
            ax.set_xticks(calls, [str(n) for n in calls])
            ax.xaxis.set_minor_locator(NullLocator())
        ax.grid(alpha=0.3, which="major", linewidth=0.5)
        ax.legend(fontsize="small", framealpha=0.9)
        return self
