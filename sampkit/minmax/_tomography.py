"""Discrete tomography: a picture of a few known grey levels from few, noisy projections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._random_state import generator_of

from ._dart import dart, nearest_level
from ._sirt import sirt_steps
from ._smoothness import NeighbourPrior
from ._sparse import SparseDescent
from ._system import check_system

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

METHODS = ("minmax", "dart", "round")
POWER = {"uniform": 8, "gaussian": 2}
AMPLITUDE = {"uniform": 1.0, "gaussian": np.sqrt(3.0)}  # of uniform noise of the same variance
START_STEPS = 300
PURE_SCHEDULE = {"uniform": (2, 4, 8, 16, 32), "gaussian": (2,)}
CONTINUATION = (0.25, 0.5, 1.0)
NEGLIGIBLE = 1e-9  # of max|b|: noise below it is rounding


@dataclass(frozen=True)
class DiscreteReconstruction:
    """What `reconstruct_discrete` returns.

    Parameters
    ----------
    image : ndarray of shape `shape`, or (n,)
        The picture, every pixel one of the levels.
    index : ndarray of int64, the same shape
        Number of the level of every pixel.
    objective : float
        ``max |A x - b|``.
    noise_amplitude : float
        As given, or as estimated: largest error of a measurement for uniform noise, standard
        deviation for Gaussian noise; NaN where a method does not ask for it.
    history : list of (float, float)
        Seconds since the call and potential (data term plus prior), sweep by sweep of the last
        stage: it falls.
    margin : ndarray of shape `shape`, or (n,), or None
        How much the potential rises, at least, when the pixel moves by one level: small where the
        data leave a doubt. Only for ``method="minmax"``.
    seconds : float
        Time of the call.
    status : {"converged", "time_limit", "interrupted", "stopped"}
        Why it ended; "stopped" by the callback.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.minmax import parallel_beam_matrix, reconstruct_discrete
    >>> A = parallel_beam_matrix(2, n_angles=2, n_detectors=2)
    >>> result = reconstruct_discrete(A, A @ [0, 5, 5, 0], [0, 5], shape=(2, 2))
    >>> result.objective, result.status
    (0.0, 'converged')
    """

    image: Floats
    index: Indices
    objective: float
    noise_amplitude: float
    history: list[tuple[float, float]] = field(default_factory=list)
    margin: Floats | None = None
    seconds: float = 0.0
    status: str = "converged"


def reconstruct_discrete(
    A: Any,
    b: npt.ArrayLike,
    levels: npt.ArrayLike,
    *,
    shape: tuple[int, ...] | None = None,
    method: str = "minmax",
    p: int | None = None,
    noise: str = "uniform",
    noise_amplitude: float | None = None,
    smooth: float = 1.0,
    start: npt.ArrayLike | None = None,
    time_limit: float | None = None,
    rng: Any = None,
    callback: Callable[[float, float], Any] | None = None,
) -> DiscreteReconstruction:
    """Picture of known grey levels whose projections fit the measurements.

    Minimises ``sum_k (|a_k x - b_k| / e)^p + smooth * sum |q_i - q_j|`` over level indices q, the
    second sum over neighbouring pixels, by single moves from a rounded SIRT reconstruction.

    Parameters
    ----------
    A : {sparse matrix, array-like} of shape (m, n)
        Projection matrix, e.g. from `parallel_beam_matrix`; any geometry.
    b : array-like of shape (m,)
        Measurements.
    levels : array-like of shape (L,)
        Grey levels of the materials, ascending; distances need not be equal.
    shape : tuple of int, default=None
        Of the picture, ``prod(shape) == n``; any number of axes. None leaves it flat, which only
        ``smooth=0`` and ``method="round"`` allow.
    method : {"minmax", "dart", "round"}, default="minmax"
        "dart" is Batenburg and Sijbers' method (two axes), "round" the rounded start.
    p : int, default=None
        Power of two in 2..128. None takes 8 for uniform noise, 2 for Gaussian noise.
    noise : {"uniform", "gaussian"}, default="uniform"
        What the measurements' errors look like: bounded, or a bell.
    noise_amplitude : float >= 0, default=None
        Bound of uniform noise, standard deviation of Gaussian noise. None estimates it by the
        violation that is left after a descent without prior, its maximum or root mean square.
    smooth : float >= 0, default=1.0
        Weight of the prior. Results are flat between 1 and 4. With 0 the noise is fitted too, and
        the picture is worse than the rounded start.
    start : array-like of shape (n,) or `shape`, default=None
        Real-valued picture to start from; None runs 300 steps of SIRT (200 for "dart").
    time_limit : float > 0, default=None
        Seconds for the whole call; the picture reached by then is returned.
    rng : None, int, SeedSequence, Generator or RandomState
        Randomness of "dart"; the other methods draw nothing.
    callback : callable, default=None
        Called as ``callback(seconds, potential)`` after every sweep; returning True stops.

    Returns
    -------
    DiscreteReconstruction
        ``image``, ``index``, ``objective``, ``noise_amplitude``, ``history``, ``margin``,
        ``seconds``, ``status``.

    Raises
    ------
    ValueError
        Shapes that do not match, levels not ascending, a parameter out of range, a prior without a
        shape.

    See Also
    --------
    DiscreteTomography : The same as an estimator.
    sirt, sart : Reconstructions with real values.

    Notes
    -----
    A full sweep costs O(nnz) vectorised; a few dozen are needed. An interrupt from the keyboard
    returns the picture reached.

    References
    ----------
    Ahmed, Mostajabdaveh, Aref, Zhou: arXiv:2508.13437, 2025 (the min-max data term).
    Batenburg, Sijbers: DART: a practical reconstruction algorithm for discrete tomography, IEEE
    Transactions on Image Processing 20(9), 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.minmax import (
    ...     make_ellipse_phantom,
    ...     parallel_beam_matrix,
    ...     reconstruct_discrete,
    ... )
    >>> levels = np.array([0.0, 255.0])
    >>> picture = levels[make_ellipse_phantom(64, n_levels=2, seed=0)]
    >>> A = parallel_beam_matrix(64, n_angles=32, n_detectors=64)
    >>> noise = np.random.default_rng(100).uniform(-500, 500, A.shape[0])
    >>> result = reconstruct_discrete(A, A @ picture.ravel() + noise, levels, shape=(64, 64))
    >>> bool((result.image == picture).all())
    True
    """
    began = perf_counter()
    task = _Task(*check_system(A, b), _check_levels(levels), callback)
    n = task.A.shape[1]
    shape = _check_shape(shape, n, method, smooth)
    power = _check_options(method, p, noise, noise_amplitude, smooth, time_limit)
    task.began, task.deadline = began, began + (np.inf if time_limit is None else time_limit)
    x = None if start is None else _check_start(start, n)
    generator = generator_of(rng, "rng")
    amplitude = np.nan if noise_amplitude is None else float(noise_amplitude)
    index, margin = task.first(x), None
    try:
        if method == "dart":
            index = dart(task.A, task.b, task.levels, shape, generator, start=x,
                         deadline=task.deadline)  # fmt: skip
        elif method == "minmax":
            unit = AMPLITUDE[noise]
            found = task.minmax(index, shape, power, noise, amplitude * unit, smooth)
            index, amplitude, margin = found[0], found[1] / unit, found[2]
    except KeyboardInterrupt:
        task.status = "interrupted"
        index = task.index
    if task.status == "converged" and perf_counter() >= task.deadline:
        task.status = "time_limit"
    image = task.levels[index]
    return DiscreteReconstruction(
        image=image.reshape(shape),
        index=index.reshape(shape),
        objective=float(np.abs(task.A @ image - task.b).max()),
        noise_amplitude=float(amplitude),
        history=task.history,
        margin=None if margin is None else margin.reshape(shape),
        seconds=perf_counter() - began,
        status=task.status,
    )


class _Task:
    """One call: its data, its clock, and the picture reached so far."""

    began: float
    deadline: float

    def __init__(
        self, A: Any, b: Floats, levels: Floats, callback: Callable[[float, float], Any] | None
    ) -> None:
        self.A, self.b, self.levels, self.callback = sp.csc_array(A), b, levels, callback
        self.history: list[tuple[float, float]] = []
        self.status = "converged"
        self._descent: SparseDescent | None = None
        self._first = np.zeros(0, dtype=np.int64)

    @property
    def index(self) -> Indices:
        """The picture reached."""
        return self._first if self._descent is None else self._descent.index

    def first(self, x: Floats | None) -> Indices:
        """The start rounded to levels."""
        if x is None:
            bounds = float(self.levels[0]), float(self.levels[-1])
            zero = np.zeros(self.A.shape[1])
            x = sirt_steps(self.A, self.b, zero, START_STEPS, bounds, self.deadline)
        self._first = nearest_level(x, self.levels)
        return self._first

    def on_sweep(self, potential: float) -> bool:
        seconds = perf_counter() - self.began
        self.history.append((seconds, potential))
        if self.callback is not None and self.callback(seconds, potential):
            self.status = "stopped"
        return self.status == "stopped"

    def descent(self, index: Indices) -> SparseDescent:
        residual = self.A @ self.levels[index] - self.b
        return SparseDescent(self.A, residual, index, self.levels, deadline=self.deadline)

    def minmax(
        self,
        start: Indices,
        shape: tuple[int, ...],
        p: int,
        noise: str,
        amplitude: float,
        smooth: float,
    ) -> tuple[Indices, float, Floats | None]:
        """Index of every pixel, the noise amplitude e, and the pixels' margins."""
        least = NEGLIGIBLE * float(np.abs(self.b).max(initial=0.0))
        if smooth == 0:
            state = self._descent = self.descent(start)
            scale = max(state.worst, least)
            if scale > 0:
                state.descend(p, scale, on_sweep=self.on_sweep)
            if not np.isfinite(amplitude):
                amplitude = _amplitude(state.residual, noise)
            return state.index, amplitude, self._margin(p, scale, None)
        if not np.isfinite(amplitude):
            amplitude = self._pure(start, noise, least)
            if amplitude <= least or self.status == "stopped":
                self.history[:] = self.history[-1:]  # consistent without a prior
                return self.index, amplitude, None
        state = self._descent = self.descent(start)
        scale = max(amplitude, least)
        for share in CONTINUATION:
            prior = NeighbourPrior(shape, smooth * share)
            self.history.clear()
            state.descend(p, scale, prior, on_sweep=self.on_sweep)
            if self.status == "stopped":
                break
        return state.index, amplitude, self._margin(p, scale, prior)

    def _pure(self, start: Indices, noise: str, least: float) -> float:
        """Violation that is left without prior, in the measure of the noise."""
        state = self._descent = self.descent(start)
        for p in PURE_SCHEDULE[noise]:
            if (worst := state.worst) <= least or self.status == "stopped":
                break
            state.descend(p, worst, on_sweep=self.on_sweep)
        return _amplitude(state.residual, noise)

    def _margin(self, p: int, scale: float, prior: NeighbourPrior | None) -> Floats | None:
        if self._descent is None or scale == 0:
            return None
        return self._descent.changes(p, scale, prior)


def _amplitude(residual: Floats, noise: str) -> float:
    """Amplitude of uniform noise with the maximum, or with the variance, of a residual."""
    if noise == "uniform":
        return float(np.abs(residual).max())
    return float(AMPLITUDE[noise] * np.sqrt(np.mean(residual**2)))


def _check_levels(levels: npt.ArrayLike) -> Floats:
    values = np.asarray(levels, dtype=np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ValueError(f"levels must be a list of finite numbers, got {levels!r}.")
    if (np.diff(values) <= 0).any():
        raise ValueError(f"levels must be strictly ascending, got {values.tolist()[:10]}.")
    return values


def _check_shape(
    shape: tuple[int, ...] | None, n: int, method: str, smooth: float
) -> tuple[int, ...]:
    if shape is None:
        if method == "dart" or (method == "minmax" and smooth > 0):
            raise ValueError(
                f"shape must be given with method={method!r} and smooth={smooth!r}: neighbours are "
                "not known without it."
            )
        return (n,)
    sides = tuple(int(side) for side in np.atleast_1d(shape))
    if min(sides) < 1 or np.prod(sides) != n:
        raise ValueError(f"shape must have {n} pixels, one for each column of A, got {shape!r}.")
    if method == "dart" and len(sides) != 2:
        raise ValueError(f"shape must have two axes with method='dart', got {shape!r}.")
    return sides


def _check_options(
    method: str,
    p: int | None,
    noise: str,
    noise_amplitude: float | None,
    smooth: float,
    time_limit: float | None,
) -> int:
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}.")
    if noise not in POWER:
        raise ValueError(f"noise must be 'uniform' or 'gaussian', got {noise!r}.")
    if noise_amplitude is not None and not 0 <= noise_amplitude < np.inf:
        raise ValueError(f"noise_amplitude must be >= 0 or None, got {noise_amplitude!r}.")
    if not 0 <= smooth < np.inf:
        raise ValueError(f"smooth must be >= 0, got {smooth!r}.")
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"time_limit must be > 0 or None, got {time_limit!r}.")
    if p is None:
        return POWER[noise]
    if p not in (2, 4, 8, 16, 32, 64, 128):
        raise ValueError(f"p must be a power of two in 2..128, got {p!r}.")
    return int(p)


def _check_start(start: npt.ArrayLike, n: int) -> Floats:
    x = np.array(start, dtype=np.float64).ravel()
    if x.shape != (n,) or not np.isfinite(x).all():
        raise ValueError(f"start must be {n} finite numbers, got {np.shape(start)}.")
    return x
