"""Means of numbers: every device hides one number of [-1, 1], their average survives.

Every mechanism is an instance of one: number the cells of a symmetric range, let the value choose a
window of neighbouring cells, and report a cell of the window with probability P, else one of the
rest. Two cells and a window of one are Duchi's mechanism, many cells Wang's Piecewise; Hybrid
tosses a coin between the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.privacy._exact import (
    GRID,
    Entropy,
    bernoulli,
    entropy_of,
    exp_down,
    grid_floor,
    uniform,
)
from sampkit.privacy._protocol import require_signal
from sampkit.privacy._validation import check_choice, check_epsilon, check_report_count, shown

Floats = npt.NDArray[np.float64]

CELLS = 1 << 24  # of Piecewise: its steps are 2^-23 of the range, far below any survey's error
HYBRID_FROM = 0.61  # below this budget Duchi alone is better (Wang et al. 2019, section III-C)


@dataclass(frozen=True)
class Window:
    """Report one of `cells` cells: one of the window's with probability ``inside / 2**32``.

    The window starts at cell a of ``0..cells-window``, where ``x = 2a / (cells - window) - 1``.
    Reports are unbiased because the mean report is proportional to the window's centre.
    """

    cells: int
    window: int
    inside: int

    @property
    def contrast(self) -> float:
        """Mean report over the window's centre."""
        outside = Fraction((GRID - self.inside) * self.window, self.cells - self.window)
        return float((self.inside - outside) / GRID)

    @property
    def step(self) -> float:
        """Width of a cell, such that the mean reports are x."""
        return 2 / ((self.cells - self.window) * self.contrast)

    @property
    def ratio(self) -> Fraction:
        """Largest ratio of the probabilities of one report under two values."""
        return Fraction(
            self.inside * (self.cells - self.window), (GRID - self.inside) * self.window
        )

    def draw(self, x: Floats, entropy: Entropy) -> Floats:
        """Reports (n,) for values (n,) of [-1, 1]."""
        place = (x + 1) * ((self.cells - self.window) / 2)
        start = np.floor(place)
        # between two windows the nearer one is likelier, so that nothing is lost by the cells
        start += bernoulli(entropy, (place - start) * GRID, x.size)
        first = start.astype(np.int64)
        within = first + uniform(entropy, self.window, x.size)
        beyond = uniform(entropy, self.cells - self.window, x.size).astype(np.int64)
        beyond += np.where(beyond >= first, self.window, 0)
        cell = np.where(bernoulli(entropy, self.inside, x.size), within, beyond)
        return (cell + (1 - self.cells) / 2) * self.step

    def variance(self, x: Any) -> Any:
        """Variance of one report for the value x."""
        step, contrast, m, w = self.step, self.contrast, self.cells, self.window
        place = (x + 1) * ((m - w) / 2)
        between = place - np.floor(place)
        centre = (x / contrast) ** 2 + between * (1 - between) * step**2  # mean square
        spread = step**2 / 12
        outside = (GRID - self.inside) / GRID / (m - w)  # probability of a cell out of the window
        everywhere = outside * m * (m * m - 1) * spread
        return contrast * (centre + (w * w - 1) * spread) + everywhere - x**2

    @property
    def largest(self) -> float:
        """Largest report."""
        return self.step * (self.cells - 1) / 2


def window(cells: int, width: int, epsilon: float) -> Window:
    """The window mechanism whose reports differ by at most ``e**epsilon`` in probability."""
    e = exp_down(epsilon)
    inside = grid_floor(width * e / (width * e + cells - width))
    require_signal(inside * (cells - width), (GRID - inside) * width, epsilon)
    return Window(cells, width, inside)


def duchi(epsilon: float) -> list[tuple[float, Window]]:
    """Two reports, +-(e^epsilon + 1) / (e^epsilon - 1)."""
    return [(1.0, window(2, 1, epsilon))]


def piecewise(epsilon: float) -> list[tuple[float, Window]]:
    """A window of 1 / (e^(epsilon/2) + 1) of the range."""
    width = max(round(CELLS / (math.exp(min(epsilon, 700.0) / 2) + 1)), 1)
    return [(1.0, window(CELLS, width, epsilon))]


def hybrid(epsilon: float) -> list[tuple[float, Window]]:
    """Piecewise with probability 1 - e^(-epsilon/2), else Duchi; small budgets: Duchi."""
    if epsilon <= HYBRID_FROM:
        return duchi(epsilon)
    share = -math.expm1(-epsilon / 2)
    return [(share, piecewise(epsilon)[0][1]), (1 - share, duchi(epsilon)[0][1])]


MECHANISMS: dict[str, Callable[[float], list[tuple[float, Window]]]] = {
    "duchi": duchi,
    "piecewise": piecewise,
    "hybrid": hybrid,
}


class MeanOracle:
    """Average of numbers of [-1, 1] from reports that each hide one number.

    Parameters
    ----------
    mechanism : {"duchi", "piecewise", "hybrid"}
        Duchi's two reports are best at small budgets, Piecewise at large ones, Hybrid mixes both
        and is never worse than either.
    epsilon : float > 0
        Budget of one report.

    Attributes
    ----------
    epsilon_effective : float
        What the rounded probabilities really cost, at most `epsilon`.

    Raises
    ------
    ValueError
        For an unknown mechanism, or an epsilon that is not finite, not positive, or too small for
        probabilities over 2^32.

    Notes
    -----
    Values are first rounded at random to windows of a fixed grid (2 cells for Duchi, 2^24 for
    Piecewise), which keeps the mean exact; what follows runs on integers with probabilities over
    2^32 that are rounded to the private side. So the guarantee is exact, and reports drawn with
    ``random_state=None`` may leave the device. Time and memory are linear in the number of values.

    References
    ----------
    .. [1] Duchi, Jordan, Wainwright, "Minimax optimal procedures for locally private estimation",
       JASA 113 (2018).
    .. [2] Wang et al., "Collecting and analyzing multidimensional data with local differential
       privacy", ICDE 2019, algorithms 2 and 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.privacy import MeanOracle
    >>> oracle = MeanOracle("hybrid", epsilon=1.0)
    >>> x = np.random.default_rng(0).uniform(-1, 0.6, size=100_000)
    >>> bool(abs(oracle.estimate(oracle.privatize(x, random_state=0)) - x.mean()) < 0.02)
    True
    >>> round(oracle.variance(0.5, n=100_000), 8)
    4.289e-05
    """

    def __init__(self, mechanism: str, epsilon: float):
        self.mechanism = check_choice("mechanism", mechanism, tuple(MECHANISMS))
        self.epsilon = check_epsilon(epsilon)
        self._parts = MECHANISMS[mechanism](self.epsilon)

    def __repr__(self) -> str:
        return f"MeanOracle({self.mechanism!r}, epsilon={self.epsilon!r})"

    @property
    def epsilon_effective(self) -> float:
        """Exact loss of the rounded probabilities."""
        ratio = max(part.ratio for _, part in self._parts)
        return math.log(ratio.numerator) - math.log(ratio.denominator)

    def privatize(self, x: Any, random_state: Any = None) -> Floats:
        """Randomise numbers, each by itself.

        Parameters
        ----------
        x : array-like of float in [-1, 1]
            The true numbers.
        random_state : None, int, Generator or RandomState, default=None
            None draws from the operating system, which real reports need; anything else is for
            simulation.

        Returns
        -------
        ndarray of float64 of x's shape
            Reports; their range is ``[-C, C]`` with a C > 1 of the mechanism.

        Raises
        ------
        ValueError
            For a value out of [-1, 1], NaN included.
        """
        values = numbers("x", x, 1.0)
        entropy, flat = entropy_of(random_state), values.ravel()
        reports = self._parts[0][1].draw(flat, entropy)
        if len(self._parts) == 2:
            (share, _), (_, other) = self._parts
            chosen = bernoulli(entropy, min(round(share * GRID), GRID - 1), flat.size)
            reports = np.where(chosen, reports, other.draw(flat, entropy))
        return reports.reshape(values.shape)

    def estimate(self, reports: Any) -> float:
        """Unbiased mean of the values behind the reports.

        Parameters
        ----------
        reports : array-like of float, shape (n,)
            What `privatize` returned.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            Without reports, or for one that the mechanism cannot have made.
        """
        values = numbers("reports", reports, max(part.largest for _, part in self._parts))
        if not values.size:
            raise ValueError("reports must not be empty: there is nothing to estimate from.")
        return float(values.mean())

    def variance(self, x: Any, n: float = 1) -> Any:
        """Variance of the estimate when n users hold the value x.

        Parameters
        ----------
        x : float or array-like in [-1, 1]
            True value. For users with different values average the result over them.
        n : int or float > 0, default=1
            Number of users.

        Returns
        -------
        float or ndarray of x's shape
        """
        users, values = check_report_count(n), numbers("x", x, 1.0)
        variance = sum(share * part.variance(values) for share, part in self._parts) / users
        return float(variance) if np.ndim(variance) == 0 else variance


def numbers(name: str, values: Any, largest: float) -> Floats:
    """The values as float64; ValueError if one is outside of [-largest, largest]."""
    numeric = np.asarray(values, dtype=np.float64)
    bad = ~(np.abs(numeric) <= largest * (1 + 1e-12 * (largest > 1)))
    if bad.any():
        first = shown(float(numeric[bad][0]))
        raise ValueError(f"{name} must lie in [{-largest:.6g}, {largest:.6g}], got {first}.")
    return numeric
