"""What a plan does to normal data, exactly: the affine oracle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sampkit.diffusion.plan import Plan, Update

__all__ = ["GaussianLaw", "GaussianResponse", "gaussian_law", "gaussian_response"]

FloatArray = npt.NDArray[np.float64]


class GaussianLaw(NamedTuple):
    """Mean and variance of what a plan ends at.

    Parameters
    ----------
    mean, var : float64 or ndarray of float64
        One value for every direction.

    Examples
    --------
    >>> from sampkit.diffusion import GaussianLaw
    >>> GaussianLaw(0.0, 1.0).var
    1.0
    """

    mean: FloatArray
    var: FloatArray


class GaussianResponse(NamedTuple):
    """The end of a plan as an affine function of its start and of the noises drawn on the way.

    Parameters
    ----------
    gain : float64 or ndarray of float64
        Factor of the start, for every direction.
    offset : float64 or ndarray of float64
        What is added.
    noise_var : float64 or ndarray of float64
        Variance that the noises add.
    wasserstein : float64 or ndarray of float64
        2-Wasserstein distance between the law the plan ends at and the true one.

    Examples
    --------
    >>> from sampkit.diffusion import DDIM, VPLinearSchedule, gaussian_response, time_grid
    >>> schedule = VPLinearSchedule()
    >>> plan = DDIM().plan(schedule, time_grid(schedule, 10))
    >>> response = gaussian_response(plan, mean=1.0, variance=0.25)
    >>> round(float(response.gain * 1.5 + response.offset), 10), float(response.noise_var)
    (1.5878282793, 0.0)
    """

    gain: FloatArray
    offset: FloatArray
    noise_var: FloatArray
    wasserstein: FloatArray


def gaussian_response(plan: Plan, mean: npt.ArrayLike, variance: npt.ArrayLike) -> GaussianResponse:
    """How a plan maps its start when the data are normal and the model is exact.

    Parameters
    ----------
    plan : Plan
        Any plan, deterministic or stochastic.
    mean, variance : float or array-like of shape (d,)
        Of the data along every eigen-direction of their covariance, variance >= 0.

    Returns
    -------
    GaussianResponse
        Gain, offset, variance of the noises, and the distance of the end's law from the truth.

    Raises
    ------
    ValueError
        A variance below 0, values that are not finite, or shapes that do not fit.

    Notes
    -----
    O(n_evals^2 depth d) time. The start has the true law at the grid's first node.

    Examples
    --------
    >>> from sampkit.diffusion import UniPC, VPLinearSchedule, gaussian_response, time_grid
    >>> schedule = VPLinearSchedule()
    >>> plan = UniPC(order=3).plan(schedule, time_grid(schedule, 50))
    >>> bool(gaussian_response(plan, 0.0, 0.25).wasserstein < 1e-3)
    True
    """
    mean, variance = np.broadcast_arrays(
        np.asarray(mean, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    )
    if not (np.isfinite(mean).all() and np.isfinite(variance).all() and (variance >= 0).all()):
        raise ValueError("mean must be finite and variance finite and >= 0.")
    table = _run(plan, mean.ravel(), variance.ravel())
    offset, gain = table[0], table[1]
    noise_var = np.square(table[2:]).sum(axis=0)
    start, end = (_marginal(plan, t, mean.ravel(), variance.ravel()) for t in plan.grid[[0, -1]])
    ends_at = (gain * start.mean + offset, gain**2 * start.var + noise_var)
    spread = np.sqrt(ends_at[1]) - np.sqrt(end.var)
    wasserstein = np.hypot(ends_at[0] - end.mean, spread)
    parts = (gain, offset, noise_var, wasserstein)
    return GaussianResponse(*(part.reshape(mean.shape)[()] for part in parts))


def gaussian_law(plan: Plan, mean: npt.ArrayLike, variance: npt.ArrayLike) -> GaussianLaw:
    """The exact law of a plan's samples when the data are normal and the model is exact.

    Parameters
    ----------
    plan : Plan
        Any plan, deterministic or stochastic.
    mean, variance : float or array-like of shape (d,)
        Of the data along every eigen-direction of their covariance, variance >= 0.

    Returns
    -------
    GaussianLaw
        Mean and variance at the end of the grid, for a start with the true law at its first node.

    Raises
    ------
    ValueError
        As `gaussian_response`.

    Notes
    -----
    A test oracle, not a way to rank solvers: on real data its order hardly agrees with that of the
    true errors among good solvers.

    Examples
    --------
    >>> from sampkit.diffusion import DPMSolver, VPLinearSchedule, gaussian_law, time_grid
    >>> schedule = VPLinearSchedule()
    >>> plan = DPMSolver(order=2, eta=1.0).plan(schedule, time_grid(schedule, 10))
    >>> law = gaussian_law(plan, 1.0, 0.25)
    >>> round(float(law.mean), 8), round(float(law.var) ** 0.5, 8)
    (0.99994503, 0.50512558)
    """
    response = gaussian_response(plan, mean, variance)
    mean, variance = np.broadcast_arrays(
        np.asarray(mean, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    )
    start = _marginal(plan, plan.grid[0], mean, variance)
    return GaussianLaw(
        response.gain * start.mean + response.offset,
        response.gain**2 * start.var + response.noise_var,
    )


def _marginal(plan: Plan, t: float, mean: FloatArray, variance: FloatArray) -> GaussianLaw:
    alpha, sigma = float(plan.schedule.alpha(t)), float(plan.schedule.sigma(t))
    return GaussianLaw(alpha * mean, alpha**2 * variance + sigma**2)


def _run(plan: Plan, mean: FloatArray, variance: FloatArray) -> FloatArray:
    """The executor's loop on affine tables instead of states."""
    rows = plan.rows
    table = np.zeros((2 + len(rows), mean.size))
    table[1] = 1.0
    states: list[FloatArray] = [table]
    x0s: list[FloatArray] = []
    eps: list[FloatArray] = []

    def updated(update: Update, anchor: int) -> FloatArray:
        total: FloatArray = update.a * states[anchor]
        for weights, outputs in ((update.w_x0, x0s), (update.w_eps, eps)):
            for age, weight in enumerate(weights):
                total = total + weight * outputs[-1 - age]
        return total

    for i, row in enumerate(rows):
        if i == 0 and plan.first_is_given:
            x0, noise = _given_first(plan, states[0], mean)
        else:
            x0, noise = _predictions(plan, row.t, states[i], mean, variance)
        x0s.append(x0)
        eps.append(noise)
        corrector = rows[i - 1].corrector if i else None
        if corrector is not None:
            states[i] = updated(corrector, i - 1)
        if row.mix is not None:
            for outputs in (x0s, eps):
                newest = np.array(row.mix)
                outputs[-1] = np.tensordot(newest, outputs[: -1 - len(newest) : -1], axes=1)
        following = updated(row.update, i if row.anchor is None else row.anchor)
        following[2 + i] += row.noise
        states.append(following)
    return states[-1]


def _given_first(plan: Plan, state: FloatArray, mean: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The first output that the plan carries, one value for every direction."""
    given = np.zeros(1) if isinstance(plan.first_output, str) else plan.first_output.ravel()
    if given.size not in (1, mean.size):
        raise ValueError(
            f"the plan's first_output must hold one value for each of the {mean.size} directions, "
            f"got {given.size}."
        )
    x0 = np.zeros_like(state)
    x0[0] = given
    alpha, sigma = plan.levels[0]
    return x0, (state - alpha * x0) / sigma


def _predictions(
    plan: Plan, t: float, state: FloatArray, mean: FloatArray, variance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Data and noise prediction of the exact model: E[x_0 | x_t] and the noise beside it."""
    alpha, sigma = float(plan.schedule.alpha(t)), float(plan.schedule.sigma(t))
    total = alpha**2 * variance + sigma**2
    centred = state.copy()
    centred[0] -= alpha * mean
    x0 = (alpha * variance / total) * centred
    x0[0] += mean
    return x0, (sigma / total) * centred
