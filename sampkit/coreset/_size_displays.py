"""How good a sample of rows is against how many rows it has, sampler by sampler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from sampkit._random_state import check_generator, child_generators
from sampkit.coreset._distortion import distortion_of_rows
from sampkit.coreset._input import checked_integer, checked_power, rows_of
from sampkit.coreset._targets import numeric_columns

Vector = npt.NDArray[np.float64]


@dataclass
class _SizeDisplay:
    """A quantity of several draws of every size, for every sampler."""

    sizes: npt.NDArray[np.intp]
    values: dict[str, Vector]  # (n_sizes, n_draws)

    _y_label: ClassVar[str] = ""

    def plot(self, *, ax: Any = None) -> Self:
        """Draw the median of the draws of every size, and the band between the extremes.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None: a new figure.

        Returns
        -------
        self : object
            With ``ax_`` and ``figure_``.

        Raises
        ------
        ImportError
            matplotlib is missing: ``pip install sampkit[plot]``.
        """
        try:
            import matplotlib.pyplot as plt
            from matplotlib.ticker import NullLocator
        except ImportError as reason:
            raise ImportError("Plots need matplotlib: pip install sampkit[plot]") from reason

        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
        markers = "osD^vP*X"
        for k, (name, values) in enumerate(self.values.items()):
            middle = np.median(values, axis=1)
            style = {"color": f"C{k}", "marker": markers[k % len(markers)], "ms": 5, "lw": 1.5}
            ax.plot(self.sizes, middle, label=name, **style)
            low, high = values.min(axis=1), values.max(axis=1)
            ax.fill_between(self.sizes, low, high, color=f"C{k}", alpha=0.12, lw=0)
        ax.set(xscale="log", yscale="log", xlabel="Rows drawn", ylabel=self._y_label)
        ax.set_xticks(self.sizes, [str(m) for m in self.sizes], minor=False)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.grid(alpha=0.3, which="both", lw=0.5)
        ax.legend(fontsize="small", framealpha=0.9)
        self.ax_, self.figure_ = ax, ax.figure
        return self


class DistortionDisplay(_SizeDisplay):
    """How far weighted norms are from those of all rows, against the number of rows.

    Make one with :meth:`from_samplers`.

    Parameters
    ----------
    sizes : ndarray of int of shape (n_sizes,)
        Numbers of rows.
    values : dict of str to ndarray of shape (n_sizes, n_draws)
        Distortion of every draw, by the name of its sampler.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.coreset import DistortionDisplay, LeverageScoreSampler, UniformRowSampler
    >>> X = np.random.default_rng(0).standard_t(3, size=(1000, 4))
    >>> display = DistortionDisplay.from_samplers(
    ...     {"uniform": UniformRowSampler(), "leverage": LeverageScoreSampler()}, X, sizes=[50, 200]
    ... )
    >>> display.values["leverage"].shape
    (2, 5)
    """

    _y_label = "Distortion"

    @classmethod
    def from_samplers(
        cls,
        samplers: Mapping[str, Any],
        X: Any,
        y: Any = None,
        *,
        sizes: Sequence[int],
        p: float = 2.0,
        n_draws: int = 5,
        random_state: Any = 0,
        ax: Any = None,
    ) -> DistortionDisplay:
        """Draw with clones of the samplers, measure every draw, and plot.

        Parameters
        ----------
        samplers : dict of str to sampler
            Row samplers by the name that the legend shows.
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Handed to the samplers; numbers are measured along where the first sampler has
            ``target="Xy"``.
        sizes : sequence of int
            Numbers of rows, >= 1.
        p : float, default=2.0
            Norm that all draws are measured in, >= 1.
        n_draws : int, default=5
            Draws of every size.
        random_state : int, SeedSequence, Generator, RandomState or None, default=0
            Source of randomness.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None: a new figure.

        Returns
        -------
        DistortionDisplay
        """
        power = checked_power(p, low=1.0)
        first = next(iter(samplers.values()))
        extra = numeric_columns(y) if getattr(first, "target", "X") == "Xy" else None
        intercept = bool(getattr(first, "fit_intercept", True))
        rows = rows_of(X, fit_intercept=intercept, extra=extra)
        values, check = _table(samplers, sizes, n_draws), check_generator(random_state)
        for name, place, fitted in _draws(samplers, X, y, sizes, n_draws, random_state):
            index, weight = fitted.sample_indices_, fitted.sample_weight_
            values[name][place] = distortion_of_rows(rows, index, weight, power, check).distortion
        return cls(np.asarray(sizes), values).plot(ax=ax)


class CoefficientErrorDisplay(_SizeDisplay):
    """How far the coefficients of a model are from those of a fit to all rows.

    The error is that of the predictions, ``‖X(β_s − β)‖ / ‖Xβ − mean‖`` over all rows. Make one
    with :meth:`from_estimator`.

    Parameters
    ----------
    sizes : ndarray of int of shape (n_sizes,)
        Numbers of rows.
    values : dict of str to ndarray of shape (n_sizes, n_draws)
        Error of every draw, by the name of its sampler.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sampkit.coreset import CoefficientErrorDisplay, LeverageScoreSampler
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_t(3, size=(1000, 4))
    >>> y = X @ [1, 2, 3, 4] + rng.normal(size=1000)
    >>> display = CoefficientErrorDisplay.from_estimator(
    ...     LinearRegression(), {"leverage": LeverageScoreSampler()}, X, y, sizes=[50, 200]
    ... )
    >>> bool((display.values["leverage"] < 0.1).all())
    True
    """

    _y_label = "Relative error of the coefficients"

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        samplers: Mapping[str, Any],
        X: Any,
        y: Any,
        *,
        sizes: Sequence[int],
        n_draws: int = 5,
        random_state: Any = 0,
        ax: Any = None,
    ) -> CoefficientErrorDisplay:
        """Fit clones of a linear model to draws of every size, and plot their errors.

        Parameters
        ----------
        estimator : estimator with ``coef_``
            A linear model whose ``fit`` takes ``sample_weight``.
        samplers : dict of str to sampler
            Row samplers by the name that the legend shows.
        X : array-like or data frame of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,)
            The target.
        sizes : sequence of int
            Numbers of rows, >= 1.
        n_draws : int, default=5
            Draws of every size.
        random_state : int, SeedSequence, Generator, RandomState or None, default=0
            Source of randomness.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None: a new figure.

        Returns
        -------
        CoefficientErrorDisplay
        """
        full = _predictions(clone(estimator).fit(X, y), X)
        scale = np.linalg.norm(full - full.mean(axis=0))
        values = _table(samplers, sizes, n_draws)
        for name, place, fitted in _draws(samplers, X, y, sizes, n_draws, random_state):
            X_s, y_s = fitted.propagate(X), fitted.propagate(y)
            model = clone(estimator).fit(X_s, y_s, sample_weight=fitted.sample_weight_)
            values[name][place] = np.linalg.norm(_predictions(model, X) - full) / scale
        return cls(np.asarray(sizes), values).plot(ax=ax)


def _predictions(model: Any, X: Any) -> Vector:
    """What the coefficients say, before any link function."""
    decide = getattr(model, "decision_function", model.predict)
    return np.asarray(decide(X), dtype=np.float64)


def _table(samplers: Mapping[str, Any], sizes: Sequence[int], n_draws: int) -> dict[str, Vector]:
    checked_integer(n_draws, "n_draws", 1)
    for size in sizes:
        checked_integer(size, "sizes", 1)
    if not samplers:
        raise ValueError("samplers must be a dict of at least one sampler, got none.")
    return {name: np.empty((len(sizes), n_draws)) for name in samplers}


def _draws(
    samplers: Mapping[str, Any],
    X: Any,
    y: Any,
    sizes: Sequence[int],
    n_draws: int,
    random_state: Any,
) -> Iterator[tuple[str, tuple[int, int], Any]]:
    """Fitted clones of all samplers, by name and place in the table."""
    for name, sampler in samplers.items():
        generators = child_generators(check_generator(random_state), len(sizes) * n_draws)
        for k, rng in enumerate(generators):
            size = int(sizes[k // n_draws])
            fitted = clone(sampler).set_params(n_samples=size, random_state=rng)
            yield name, divmod(k, n_draws), fitted.fit(X, y)
