"""Time grids: where on a schedule the network is called."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from sampkit.diffusion.schedules import DiscreteVPSchedule, FlowSchedule, NoiseSchedule

__all__ = ["SPACINGS", "check_grid", "time_grid"]

FloatArray = npt.NDArray[np.float64]
Places = Callable[[int, tuple[float, float]], FloatArray]

_IN_TIME = ("time", "quadratic", "beta")
_IN_NOISE = ("logsnr", "exponential", "karras")
_INTEGER = ("linspace", "leading", "trailing")
SPACINGS = (*_IN_TIME, *_IN_NOISE, *_INTEGER)


def time_grid(
    schedule: NoiseSchedule,
    n_steps: int,
    spacing: str = "logsnr",
    *,
    t_start: float | None = None,
    t_end: float | None = None,
    rho: float = 7.0,
    final: str | None = None,
    offset: int = 0,
    beta: tuple[float, float] = (0.6, 0.6),
    reverse: bool = False,
) -> FloatArray:
    """Times of `n_steps` steps, falling from noise to data.

    Parameters
    ----------
    schedule : NoiseSchedule
        What the times mean.
    n_steps : int
        Steps, >= 1; one network call each for most solvers.
    spacing : str, default="logsnr"
        - ``"time"``, ``"quadratic"``: even in the time, in its root.
        - ``"logsnr"`` (or ``"exponential"``): even in the half log-SNR.
        - ``"karras"``: even in ``(sigma / alpha) ** (1 / rho)``.
        - ``"beta"``: quantiles of a Beta law, dense at both ends.
        - ``"linspace"``, ``"leading"``, ``"trailing"``: the integer times of diffusers, for a
          `DiscreteVPSchedule` only: call times, then the last node.
    t_start, t_end : float or None, default=None
        Ends; None: `t_max` and `t_min` of the schedule.
    rho : float, default=7
        Exponent of ``"karras"``, > 0.
    final : {None, "zero"}, default=None
        "zero": the last node is the one without noise. With ``"karras"`` it comes after `n_steps`
        nodes from t_start to t_end, otherwise it replaces the last.
    offset : int, default=0
        Added to the times of ``"leading"``.
    beta : tuple of two floats, default=(0.6, 0.6)
        Parameters of the Beta law, > 0.
    reverse : bool, default=False
        The same nodes in rising order, from data to noise: for inversion by `DDIM`.

    Returns
    -------
    ndarray of float64 of shape (n_steps + 1,)
        Strictly falling, with `reverse` strictly rising.

    Raises
    ------
    ValueError
        Unknown spacing, a parameter out of range, more integer times than there are, an end
        without data or noise where the spacing needs its log-SNR, or no node without noise.

    References
    ----------
    Lu et al., "DPM-Solver", NeurIPS 2022 (logsnr); Karras et al. 2022 (karras); Lee et al., "Beta
    sampling is all you need", 2024 (beta).

    Examples
    --------
    >>> from sampkit.diffusion import VPLinearSchedule, time_grid
    >>> time_grid(VPLinearSchedule(), 5).round(6)
    array([1.      , 0.785568, 0.49344 , 0.140636, 0.018095, 0.001   ])
    """
    if not isinstance(n_steps, Integral) or isinstance(n_steps, bool) or n_steps < 1:
        raise ValueError(f"n_steps must be an int >= 1, got {n_steps!r}.")
    n = int(n_steps)
    if final not in (None, "zero"):
        raise ValueError(f"final must be None or 'zero', got {final!r}.")
    if final == "zero" and schedule.zero_node is None:
        raise ValueError(
            f"final='zero' needs a schedule with a node without noise; {type(schedule).__name__} "
            "knows none."
        )
    start = schedule.t_max if t_start is None else float(t_start)
    end = schedule.t_min if t_end is None else float(t_end)
    if spacing in _INTEGER:
        if t_start is not None:
            raise ValueError(f"t_start must be None with spacing={spacing!r}, got {t_start!r}.")
        grid = np.append(_integer_times(schedule, n, spacing, offset), end)
    elif spacing in _IN_TIME:
        grid = _even_in_time(schedule, n, spacing, (start, end), beta)
    elif spacing in _IN_NOISE:
        nodes = n - 1 if spacing == "karras" and final == "zero" else n
        grid = _even_in_noise(schedule, nodes, spacing, (start, end), rho)
        if nodes < n:
            grid = np.append(grid, end)
    else:
        raise ValueError(f"spacing must be one of {', '.join(SPACINGS)}, got {spacing!r}.")
    if final == "zero":
        grid[-1] = schedule.zero_node
    nodes = check_grid(schedule, grid)
    return nodes[::-1].copy() if reverse else nodes


def _even_in_time(
    schedule: NoiseSchedule,
    n: int,
    spacing: str,
    ends: tuple[float, float],
    beta: tuple[float, float],
) -> FloatArray:
    # a shifted flow is even before its shift: t = k u / (1 + (k - 1) u)
    shift = schedule.shift if isinstance(schedule, FlowSchedule) else 1.0
    start, end = (t / (shift - (shift - 1) * t) for t in ends)
    share = np.arange(n + 1) / n
    if spacing == "time":
        u = start + share * (end - start)
    elif spacing == "quadratic":
        if min(ends) < 0:
            raise ValueError(f"spacing='quadratic' needs times >= 0, got ends {ends}.")
        u = np.square(np.sqrt(start) + share * (np.sqrt(end) - np.sqrt(start)))
    else:
        if len(beta) != 2 or not all(0 < value < np.inf for value in beta):
            raise ValueError(f"beta must be two numbers > 0, got {beta!r}.")
        u = end + (start - end) * betaincinv(beta[0], beta[1], 1 - share)
    grid = shift * u / (1 + (shift - 1) * u)
    grid[[0, -1]] = ends
    return grid


def _even_in_noise(
    schedule: NoiseSchedule, n: int, spacing: str, ends: tuple[float, float], rho: float
) -> FloatArray:
    if not 0 < rho < np.inf:
        raise ValueError(f"rho must be a number > 0, got {rho!r}.")
    lam = np.asarray(schedule.lam(np.array(ends)))
    if not np.isfinite(lam).all():
        raise ValueError(
            f"spacing={spacing!r} needs a finite log-SNR at both ends, got {lam[0]:.6g} at t_start "
            f"= {ends[0]!r} and {lam[1]:.6g} at t_end = {ends[1]!r}: move the end, or use 'time'."
        )
    share = np.arange(n + 1) / max(n, 1)
    if spacing == "karras":
        first, last = np.exp(-lam / rho)
        between = -rho * np.log(first + share * (last - first))
    else:
        between = lam[0] + share * (lam[1] - lam[0])
    grid = np.array(schedule.t_from_lam(between))
    grid[-1], grid[0] = ends[1], ends[0]
    return grid


def _integer_times(
    schedule: NoiseSchedule, n: int, spacing: str, offset: int
) -> npt.NDArray[np.float64]:
    if not isinstance(schedule, DiscreteVPSchedule):
        raise ValueError(
            f"spacing={spacing!r} is for a DiscreteVPSchedule, got {type(schedule).__name__}."
        )
    N = schedule.num_train_steps
    if n >= N:
        raise ValueError(f"n_steps must be < {N}, the training steps, for {spacing!r}, got {n}.")
    if spacing == "linspace":
        times = np.round(np.linspace(0, N - 1, n + 1))[1:][::-1]
    elif spacing == "leading":
        times = (np.arange(n + 1.0) * (N // (n + 1)))[1:][::-1] + offset
    else:
        times = np.round(np.arange(N, 0, -N / n))[:n] - 1
    return times.astype(np.float64)


def rises(grid: Any) -> bool:
    """Whether a grid runs from data to noise."""
    nodes = np.asarray(grid, dtype=np.float64)
    return nodes.ndim == 1 and nodes.size > 1 and bool(nodes[0] < nodes[-1])


def check_grid(schedule: NoiseSchedule, grid: Any, may_rise: bool = False) -> FloatArray:
    """A grid as float64, or an error that says what is wrong with it.

    Parameters
    ----------
    schedule : NoiseSchedule
        What the times mean.
    grid : array-like of shape (n_steps + 1,)
        Finite and strictly falling, inside [t_min, t_max]; the last node may be the one without
        noise, the first of a flow may be 1. An end outside by rounding (1e-9 of the span) passes.
    may_rise : bool, default=False
        Whether the same nodes in rising order, from data to noise, pass as well.

    Returns
    -------
    ndarray of float64 of shape (n_steps + 1,)

    Raises
    ------
    ValueError
        Anything else.
    """
    nodes = np.array(grid, dtype=np.float64)
    if may_rise and rises(nodes):
        return check_grid(schedule, nodes[::-1])[::-1].copy()
    if nodes.ndim != 1 or nodes.size < 2:
        raise ValueError(f"grid must be of shape (n_steps + 1,), n >= 1, got shape {nodes.shape}.")
    if not np.isfinite(nodes).all():
        raise ValueError("grid must be finite, got NaN or infinity.")
    if not (np.diff(nodes) < 0).all():
        place = int(np.argmax(np.diff(nodes) >= 0))
        raise ValueError(
            f"grid must be strictly descending, got {nodes[place]:.6g} before "
            f"{nodes[place + 1]:.6g} (place {place})."
        )
    slack = 1e-9 * (schedule.t_max - schedule.t_min)
    highest = 1.0 if isinstance(schedule, FlowSchedule) else schedule.t_max
    low = nodes[-2] if nodes[-1] == schedule.zero_node else nodes[-1]
    if nodes[0] > highest + slack or low < schedule.t_min - slack:
        raise ValueError(
            f"grid must lie in [{schedule.t_min:.6g}, {highest:.6g}]"
            + ("" if schedule.zero_node is None else f" (or end at {schedule.zero_node:g})")
            + f", got {nodes[0]:.6g} ... {nodes[-1]:.6g}."
        )
    if schedule.alpha(nodes[1]) == 0:
        raise ValueError(
            f"grid may have no data (alpha = 0) at its noisy end alone, got {nodes[1]:.6g} beside "
            f"{nodes[0]:.6g}: between the last two training steps there is none either."
        )
    return nodes
