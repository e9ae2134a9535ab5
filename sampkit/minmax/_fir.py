"""Fixed-point FIR filters: integer taps with the smallest worst ripple."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._random_state import child_generators, generator_of

from ._chebyshev import chebyshev_fit
from ._exact import minmax_exact
from ._fir_grid import (
    Bands,
    Desired,
    Grid,
    all_taps,
    check_bands,
    check_zeros,
    response_matrix,
)
from ._search import minmax_search

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

METHODS = ("search", "exact", "round")
GAINS = np.linspace(0.5, 1.0, 16)
DENSE_POINTS = 16384
FULL_RANGE_BITS = 16  # with more, only integers near the real-valued optimum are tried
WINDOW = 256  # on either side of it


@dataclass(frozen=True)
class FIRDesign:
    """A linear-phase filter with fixed-point taps, as `fir_minmax` returns it.

    Parameters
    ----------
    h : ndarray of shape (numtaps,), float64
        The taps, ``codes / 2^(bits - 1)``.
    codes : ndarray of shape (half,), int64
        Integers of the first half, the middle tap included where there is one.
    ripple : float
        Largest ``weight * |H - desired|`` on the design grid, relative to the gain.
    ripple_dense : float
        The same on 16,384 points inside the bands.
    ripple_per_band : ndarray of shape (n_bands,)
        Largest ``|H - desired|`` in every band, without weights.
    lower_bound : float
        No taps of this length and range have a smaller ripple on the design grid.
    gain : float
        What the desired amplitude was multiplied with; 1 unless ``scale="free"``.
    bits, numtaps : int
        As asked for.
    antisymmetric : bool
        Type III or IV.
    fs : float
        Sampling frequency.
    status : str
        "optimal" if proved, else how the search ended; "rounded" for ``method="round"``.
    seconds : float
        Time of the call.
    history : list of (float, float)
        Seconds and best ripple so far.

    Examples
    --------
    >>> from sampkit.minmax import fir_minmax
    >>> design = fir_minmax(13, [0, 0.4, 4 / 7, 1], [1, 0], bits=4, method="exact")
    >>> round(design.ripple_db, 2), round(design.ripple, 10)
    (-13.68, 0.2071036172)
    """

    h: Floats
    codes: Indices
    ripple: float
    ripple_dense: float
    ripple_per_band: Floats
    lower_bound: float
    gain: float
    bits: int
    numtaps: int
    antisymmetric: bool
    fs: float
    status: str
    seconds: float
    history: list[tuple[float, float]] = field(default_factory=list)

    @property
    def ripple_db(self) -> float:
        """``20 log10(ripple)``."""
        return float(20 * np.log10(self.ripple)) if self.ripple > 0 else -np.inf

    def amplitude(self, frequency: npt.ArrayLike) -> Floats:
        """Signed amplitude, relative to the gain.

        Parameters
        ----------
        frequency : array-like of shape (k,)
            In the units of `fs`.

        Returns
        -------
        ndarray of shape (k,)
            The frequency response without its linear phase (and without the factor i of an
            antisymmetric filter).
        """
        points = np.atleast_1d(np.asarray(frequency, dtype=np.float64)) / (self.fs / 2)
        matrix = response_matrix(points, self.numtaps, self.antisymmetric)
        return np.asarray(matrix @ self.h[: matrix.shape[1]] / self.gain)


@dataclass(frozen=True)
class _Task:
    """A design problem in half taps, for one gain after another."""

    bands: Bands
    grid: Grid
    matrix: Floats
    numtaps: int
    antisymmetric: bool
    bits: int

    @property
    def unit(self) -> float:
        return float(2.0 ** (1 - self.bits))

    @property
    def limits(self) -> tuple[float, float]:
        return -1.0, 1.0 - self.unit

    def weighted(self, gain: float) -> tuple[Floats, Floats]:
        """Matrix and right-hand side with the weights folded in."""
        weight = self.grid.weight
        return weight[:, None] * self.matrix, weight * (gain * self.grid.desired)

    def fitted(self, gain: float, free: tuple[Floats, float] | None) -> tuple[Floats, float]:
        """Real-valued taps in range and a bound; `free` are those for gain 1 without a range."""
        low, high = self.limits
        if free is not None and (gain * free[0] >= low).all() and (gain * free[0] <= high).all():
            return gain * free[0], gain * free[1]
        return chebyshev_fit(*self.weighted(gain), low, high)

    def codes(self, half: Floats) -> Indices:
        """Nearest integers in range; ties to the lower one."""
        scale = 2 ** (self.bits - 1)
        return np.clip(np.ceil(half * scale - 0.5), -scale, scale - 1).astype(np.int64)

    def levels(self, half: Floats) -> Floats:
        """Values of all taps, or of each near its real-valued optimum."""
        if self.bits <= FULL_RANGE_BITS:
            return np.arange(-(2 ** (self.bits - 1)), 2 ** (self.bits - 1)) * np.float64(self.unit)
        scale = 2 ** (self.bits - 1)
        middle = np.clip(self.codes(half), -scale + WINDOW, scale - 1 - WINDOW)
        return np.asarray(self.unit * (middle[:, None] + np.arange(-WINDOW, WINDOW + 1)))

    def errors(self, grid: Grid, matrix: Floats, half: Floats, gain: float) -> Floats:
        return np.abs(matrix @ half / gain - grid.desired)


@dataclass(frozen=True)
class _Found:
    half: Floats
    gain: float
    ripple: float
    bound: float
    status: str
    history: list[tuple[float, float]]


def fir_minmax(
    numtaps: int,
    bands: npt.ArrayLike,
    desired: Desired,
    *,
    bits: int,
    weight: npt.ArrayLike | None = None,
    fs: float = 2.0,
    grid_density: int = 16,
    antisymmetric: bool = False,
    scale: str = "unit",
    method: str = "search",
    time_limit: float = 2.0,
    rng: Any = None,
    callback: Callable[[float, float], Any] | None = None,
) -> FIRDesign:
    """Linear-phase FIR filter with b-bit integer taps and a small worst ripple.

    Parameters
    ----------
    numtaps : int >= 3
        Number of taps N; odd ones give type I (III), even ones type II (IV).
    bands : array-like of shape (2 n_bands,) or (n_bands, 2)
        Edges of the bands in ascending order, in [0, fs/2]; what lies between is free.
    desired : array-like of shape (n_bands,) or (2 n_bands,), or callable
        Amplitude of every band, or at both its edges with a line between, or a function from
        frequency to amplitude (a differentiator).
    bits : int in 2..32
        Taps are ``c / 2^(bits - 1)`` with integers c from ``-2^(bits - 1)`` to
        ``2^(bits - 1) - 1``.
    weight : array-like of shape (n_bands,), default=None
        Price > 0 of an error in every band; None takes 1.
    fs : float > 0, default=2.0
        Sampling frequency, the unit of `bands`.
    grid_density : int >= 1, default=16
        The design grid has ``(numtaps - 1) * grid_density`` points.
    antisymmetric : bool, default=False
        Type III or IV: Hilbert transformers and differentiators. `desired` is then the amplitude
        of ``sum 2 h_k sin``.
    scale : {"unit", "free"}, default="unit"
        "free" tries 16 gains in [.5, 1] of the desired amplitude, so that the taps use their whole
        range, and measures the ripple relative to the gain.
    method : {"search", "exact", "round"}, default="search"
        Heuristic search until `time_limit`, a mixed-integer programme (HiGHS; short filters), or
        the rounded real-valued optimum, which is what everybody does without this function.
    time_limit : float > 0, default=2.0
        Seconds for the whole call.
    rng : None, int, SeedSequence, Generator or RandomState
        Randomness of the search.
    callback : callable, default=None
        Called as ``callback(seconds, ripple)``; returning True stops the search.

    Returns
    -------
    FIRDesign
        ``h``, ``codes``, ``ripple``, ``ripple_db``, ``ripple_dense``, ``lower_bound``, ...

    Raises
    ------
    ValueError
        Bands not increasing or outside [0, fs/2], `desired` of another length, weights not > 0,
        bits outside 2..32, numtaps < 3, gain where the filter's type has none (type II at fs/2,
        type III at 0 and fs/2, type IV at 0), or a parameter out of range.

    Notes
    -----
    The start is the linear programme of the real-valued filter (what `scipy.signal.remez` finds),
    its optimum the lower bound. With more than 16 bits only integers within 256 of it are tried.

    References
    ----------
    Ahmed, Mostajabdaveh, Aref, Zhou: arXiv:2508.13437, 2025.
    Brisebarre, Filip, Hanrot: A lattice basis reduction approach for the design of finite
    wordlength FIR filters, IEEE Transactions on Signal Processing 66(10), 2018.

    Examples
    --------
    >>> from sampkit.minmax import fir_minmax
    >>> rounded = fir_minmax(35, [0, 0.4, 0.5, 1], [1, 0], bits=8, method="round")
    >>> found = fir_minmax(35, [0, 0.4, 0.5, 1], [1, 0], bits=8, time_limit=0.5, rng=0)
    >>> round(rounded.ripple_db, 2), round(found.ripple_db, 2)
    (-29.72, -30.45)
    >>> found.h[:3] * 128
    array([-1.,  0.,  1.])
    """
    began = perf_counter()
    _check(numtaps, bits, grid_density, scale, method, time_limit)
    checked = check_bands(bands, desired, weight, fs)
    check_zeros(checked, numtaps, antisymmetric)
    grid = checked.grid((numtaps - 1) * grid_density)
    matrix = response_matrix(grid.frequency, numtaps, antisymmetric)
    task = _Task(checked, grid, matrix, int(numtaps), bool(antisymmetric), int(bits))
    clock = _Clock(began, began + time_limit, callback)
    gains = GAINS[::-1] if scale == "free" else np.ones(1)
    generators = child_generators(generator_of(rng, "rng"), len(gains))
    # taps in [-1, 1) for a gain of at least a half are at most 2 for the gain 1
    free = chebyshev_fit(*task.weighted(1.0), -2.0, 2.0) if scale == "free" else None
    best: _Found | None = None
    for k, (gain, generator) in enumerate(zip(gains.tolist(), generators, strict=True)):
        if best is not None and (clock.stopped or clock.left() <= 0):
            break
        start = task.fitted(gain, free)
        found = _design(task, gain, start, method, clock.share(len(gains) - k), generator)
        if best is None or found.ripple < best.ripple:
            history = found.history if best is None else [*best.history, *found.history]
            best = _Found(found.half, gain, found.ripple, found.bound, found.status, history)
        if found.status == "interrupted":
            break
    assert best is not None
    if free is not None:  # which holds for every gain
        best = _Found(best.half, best.gain, best.ripple, free[1], best.status, best.history)
    return _report(task, best, perf_counter() - began)


class _Clock:
    """The time of a call, and its callback, for one search after another."""

    def __init__(
        self, began: float, deadline: float, callback: Callable[[float, float], Any] | None
    ) -> None:
        self.began, self.deadline, self.callback = began, deadline, callback
        self.stopped = False
        self.seconds = np.inf

    def left(self) -> float:
        return self.deadline - perf_counter()

    def share(self, n: int) -> _Clock:
        """An equal part of the time that is left for each of n searches."""
        self.seconds = max(self.left() / n, 1e-3)
        return self

    def report(self, gain: float) -> Callable[[float, float], bool]:
        """What the engine calls with its own seconds and objective."""

        def call(_: float, objective: float) -> bool:
            seconds = perf_counter() - self.began
            if self.callback is not None and self.callback(seconds, objective / gain):
                self.stopped = True
            return self.stopped

        return call


def _design(
    task: _Task,
    gain: float,
    start: tuple[Floats, float],
    method: str,
    clock: _Clock,
    rng: np.random.Generator,
) -> _Found:
    """Taps for one gain, from the real-valued ones and their ripple."""
    A, b = task.weighted(gain)
    offset = perf_counter() - clock.began
    x, bound = start
    history: list[tuple[float, float]] = []
    status, half = "rounded", x
    result: Any
    if method == "search":
        result = minmax_search(A, b, task.levels(x), start=x, engine="small", rng=rng,
                               time_limit=clock.seconds, callback=clock.report(gain))  # fmt: skip
        half, status = result.x, result.status
        history = [(offset + seconds, value / gain) for seconds, value in result.history]
    elif method == "exact":
        result = minmax_exact(A, b, task.levels(x), start=x, time_limit=clock.seconds)
        half, status = result.x, result.status
        if task.bits <= FULL_RANGE_BITS:
            bound = max(bound, float(result.lower_bound))
        elif status == "optimal":
            status = "optimal within the window"
    half = np.asarray(task.unit * task.codes(half))
    ripple = float((task.grid.weight * task.errors(task.grid, task.matrix, half, gain)).max())
    return _Found(half, gain, ripple, min(bound / gain, ripple), status, history)


def _report(task: _Task, found: _Found, seconds: float) -> FIRDesign:
    errors = task.errors(task.grid, task.matrix, found.half, found.gain)
    dense = task.bands.grid(DENSE_POINTS)
    dense_matrix = response_matrix(dense.frequency, task.numtaps, task.antisymmetric)
    dense_errors = task.errors(dense, dense_matrix, found.half, found.gain)
    n_bands = len(task.bands.edges)
    return FIRDesign(
        h=all_taps(found.half, task.numtaps, task.antisymmetric),
        codes=task.codes(found.half),
        ripple=found.ripple,
        ripple_dense=float((dense.weight * dense_errors).max()),
        ripple_per_band=np.array([errors[task.grid.band == k].max() for k in range(n_bands)]),
        lower_bound=min(found.bound, found.ripple),
        gain=found.gain,
        bits=task.bits,
        numtaps=task.numtaps,
        antisymmetric=task.antisymmetric,
        fs=float(task.bands.fs),
        status=found.status,
        seconds=seconds,
        history=found.history,
    )


def _check(
    numtaps: Any, bits: Any, grid_density: Any, scale: Any, method: Any, time_limit: Any
) -> None:
    for name, value, low, high in (
        ("numtaps", numtaps, 3, np.inf),
        ("bits", bits, 2, 32),
        ("grid_density", grid_density, 1, np.inf),
    ):
        if not isinstance(value, (int, np.integer)) or not low <= value <= high:
            accepted = f"in {low}..{high}" if high < np.inf else f">= {low}"
            raise ValueError(f"{name} must be an int {accepted}, got {value!r}.")
    if scale not in ("unit", "free"):
        raise ValueError(f"scale must be 'unit' or 'free', got {scale!r}.")
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}.")
    if not time_limit > 0:
        raise ValueError(f"time_limit must be > 0, got {time_limit!r}.")
