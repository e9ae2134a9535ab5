"""What a sampler did, seen from above: rows, new rows, and the segments that they lie on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.decomposition import PCA

from sampkit._constraints import column_number
from sampkit._door import labels_of
from sampkit.base import Provenance


@dataclass
class ResamplingDisplay:
    """Two-dimensional view of original and synthetic rows with their seed-neighbour segments.

    Make one with :meth:`from_estimator`.

    Parameters
    ----------
    points : ndarray of shape (n_out, 2)
        Where every output row is drawn.
    labels : ndarray of shape (n_out,)
        Its class.
    provenance : Provenance
        Where it comes from; a row's first appearance as its own seed, with gap 0, is original.
    original : ndarray of shape (n, 2)
        Where every row of the input is drawn, also those that were dropped.
    axis_names : tuple of str
        Names of the two axes.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> from sampkit.datasets import make_imbalanced_moons
    >>> from sampkit.over_sampling import SMOTE, ResamplingDisplay
    >>> X, y = make_imbalanced_moons(random_state=0)
    >>> display = ResamplingDisplay.from_estimator(SMOTE(random_state=0), X, y)
    >>> display.ax_.get_legend() is not None
    True
    """

    points: npt.NDArray[np.float64]
    labels: npt.NDArray[Any]
    provenance: Provenance
    original: npt.NDArray[np.float64]
    axis_names: tuple[str, str]

    @classmethod
    def from_estimator(
        cls,
        sampler: Any,
        X: Any,
        y: Any,
        *,
        features: tuple[int | str, int | str] | None = None,
        max_segments: int = 200,
        ax: Any = None,
    ) -> ResamplingDisplay:
        """Resample X and y with a clone of `sampler` and plot the outcome.

        Parameters
        ----------
        sampler : sampler
            A sampler of sampkit (with ``provenance_`` or ``sample_indices_``) for numeric tables.
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,)
            Class labels.
        features : pair of int or str, default=None
            The two columns to draw, by number or name; None: both where there are two, else the
            first two principal components of X.
        max_segments : int, default=200
            Seed-neighbour segments drawn at the most.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None: a new figure.

        Returns
        -------
        ResamplingDisplay
        """
        fitted = clone(sampler)
        X_out, y_out = fitted.fit_resample(X, y)
        if hasattr(fitted, "provenance_"):
            provenance = fitted.provenance_
        elif hasattr(fitted, "sample_indices_"):
            provenance = Provenance.of_rows(fitted.sample_indices_)
        else:
            raise TypeError(
                f"sampler must have provenance_ or sample_indices_ after fit_resample, got "
                f"{type(sampler).__name__}."
            )
        before, after = _numbers(X), _numbers(X_out)
        found = getattr(fitted, "feature_names_in_", None)
        names = None if found is None else found.tolist()
        if features is None and before.shape[1] > 2:
            view = PCA(n_components=2, random_state=0).fit(before)
            before, after = view.transform(before), view.transform(after)
            axes = ("First principal component", "Second principal component")
        else:
            d = before.shape[1]
            wanted = (0, d - 1) if features is None else features
            i, j = (column_number(column, names, d, "features") for column in wanted)
            before, after = before[:, [i, j]], after[:, [i, j]]
            axes = (_axis_name(names, i), _axis_name(names, j))
        display = cls(after, labels_of(y_out), provenance, before, axes)
        return display.plot(ax=ax, max_segments=max_segments)

    def plot(self, *, ax: Any = None, max_segments: int = 200) -> ResamplingDisplay:
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None: a new figure.
        max_segments : int, default=200
            Seed-neighbour segments drawn at the most.

        Returns
        -------
        ResamplingDisplay
            This object.

        Raises
        ------
        ImportError
            matplotlib is missing: ``pip install sampkit[plot]``.
        """
        try:
            import matplotlib.pyplot as plt
            from matplotlib.collections import LineCollection
        except ImportError as reason:
            raise ImportError("Plots need matplotlib: pip install sampkit[plot]") from reason

        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
        seed, neighbor, _ = self.provenance
        new = self._is_new()
        drawn = np.flatnonzero(new & (seed != neighbor))
        drawn = drawn[:: max(len(drawn) // max(max_segments, 1), 1)][:max_segments]
        ends = np.stack([self.points[drawn], self.original[neighbor[drawn]]], axis=1)
        starts = np.stack([self.original[seed[drawn]], self.points[drawn]], axis=1)
        ax.add_collection(LineCollection([*starts, *ends], colors="0.75", linewidths=0.6, zorder=1))
        classes, counts = np.unique(self.labels, return_counts=True)
        for code in np.argsort(-counts, kind="stable"):  # rare classes on top
            mine, colour = self.labels == classes[code], f"C{code}"
            old = {"s": 14, "color": colour, "alpha": 0.6, "lw": 0, "zorder": 2}
            made = {"s": 22, "facecolors": "none", "edgecolors": colour, "lw": 0.9, "zorder": 3}
            _scatter(ax, self.points[mine & ~new], f"class {classes[code]}, original", **old)
            _scatter(ax, self.points[mine & new], f"class {classes[code]}, new", **made)
        dropped = np.setdiff1d(np.arange(len(self.original)), seed[~new])
        gone = {"s": 14, "marker": "x", "color": "0.55", "lw": 0.7, "zorder": 0}
        _scatter(ax, self.original[dropped], "dropped", **gone)
        ax.set(xlabel=self.axis_names[0], ylabel=self.axis_names[1])
        ax.legend(fontsize="small", framealpha=0.9)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _is_new(self) -> npt.NDArray[np.bool_]:
        """Rows that were made, or drawn again; the input's own gap is 0, and they come once."""
        seed, neighbor, gap = self.provenance
        again = np.ones(len(seed), dtype=bool)
        again[np.unique(seed, return_index=True)[1]] = False
        return again | np.isnan(gap) | (gap != 0) | (seed != neighbor)


def _scatter(ax: Any, points: npt.NDArray[np.float64], label: str, **style: Any) -> None:
    if len(points):
        ax.scatter(points[:, 0], points[:, 1], label=f"{label} ({len(points)})", **style)


def _axis_name(names: Any, column: int) -> str:
    return f"Column {column}" if names is None else str(names[column])


def _numbers(X: Any) -> npt.NDArray[np.float64]:
    if sp.issparse(X):
        return X.toarray().astype(np.float64)
    return np.asarray(X, dtype=np.float64)
