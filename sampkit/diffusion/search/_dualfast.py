"""The strength of DualFast, chosen by how close the samples come to data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.diffusion._executor import check_states, plan_of, sample, steps
from sampkit.diffusion._torch import torch
from sampkit.diffusion.accelerate import DualFast
from sampkit.diffusion.models import Model
from sampkit.diffusion.solvers._solver import check_model
from sampkit.metrics import frechet_distance

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["tune_dualfast"]

STRENGTHS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)


def tune_dualfast(
    model: Model,
    solver: Any,
    grid: Any,
    x: Tensor,
    data: Any,
    c: Sequence[float] = STRENGTHS,
    metric: Callable[[Any, Any], float] = frechet_distance,
    *,
    cond: Any = None,
    return_scores: bool = False,
    callback: Callable[[float, float], Any] | None = None,
    progress: bool = False,
) -> Any:
    """The strength of `DualFast` whose samples come closest to data.

    Parameters
    ----------
    model : DiffusionModel or wrapper
        The network with its schedule, with the guidance it will be used with.
    solver : Solver
        The base, which calls once a step; a `DualFast` to keep its other parameters.
    grid : array-like of shape (n_steps + 1,)
        Strictly falling times.
    x : tensor of shape (B, ...)
        States at ``grid[0]``, the same for every strength; some hundred at least, for the metric's
        sake. Never modified.
    data : array-like or tensor of shape (n, ...)
        What samples should look like.
    c : sequence of float, default=(0, 0.05, ..., 0.4)
        Strengths to try, each >= 0.
    metric : callable, default=frechet_distance
        ``metric(samples, data) -> float``, smaller for closer; samples are a tensor like x.
    cond : object, default=None
        Conditions of x.
    return_scores : bool, default=False
        Return the distances as well.
    callback : callable or None, default=None
        ``callback(c, distance)`` after every strength; a true result ends the search with the best
        so far. Ctrl-C after the first does so too, with a warning.
    progress : bool, default=False
        Show a bar of tqdm.

    Returns
    -------
    c : float
        The first of those with the smallest distance.
    scores : ndarray of float64 of shape (len(c),)
        Only with `return_scores`: the distances, infinite where the samples were not finite, NaN
        for those not tried.

    Raises
    ------
    ValueError
        A strength out of range, none at all, a solver of several calls a step, an x that holds no
        states.
    TypeError
        A model or an x that is none, a metric that cannot be called.
    RuntimeError
        No strength leads to samples that are finite.

    Warns
    -----
    UserWarning
        For a base of more than first order on a model guided with a scale above 2.

    Notes
    -----
    ``len(c)`` times n_steps calls on x. A stochastic base gets the same noise for every strength.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import (
    ...     DDIM,
    ...     DiffusionModel,
    ...     VPLinearSchedule,
    ...     time_grid,
    ...     tune_dualfast,
    ... )
    >>> schedule = VPLinearSchedule()
    >>> def net(x, t):  # as if data were N(0, 1), too small near them
    ...     return (
    ...         x
    ...         * torch.sqrt(-torch.expm1(-(9.95 * t**2 + 0.1 * t)))[:, None]
    ...         * (0.9 + 0.1 * t[:, None])
    ...     )
    >>> model = DiffusionModel(net, schedule)
    >>> noise, data = torch.randn(2, 500, 2, generator=torch.Generator().manual_seed(0)).unbind()
    >>> 0 <= tune_dualfast(model, DDIM(), time_grid(schedule, 6), noise, data) <= 0.4
    True
    """
    check_states(model, x)
    if not callable(metric):
        raise TypeError(f"metric must be callable, got {type(metric).__name__}.")
    if isinstance(c, str) or not np.iterable(c):
        raise ValueError(f"c must be a sequence of strengths, got {c!r}.")
    strengths = [float(each) for each in c]
    if not strengths:
        raise ValueError("c must hold at least one strength, got none.")
    base = solver if isinstance(solver, DualFast) else DualFast(solver)
    plans = [plan_of(replace(base, c=each), model.schedule, grid) for each in strengths]
    check_model(replace(base, c=max(strengths)), model, plans[0].grid)
    scores = np.full(len(plans), np.nan)
    with torch.no_grad():
        for k in steps(len(plans), progress, "strengths", "run"):
            generator = torch.Generator(x.device).manual_seed(0)
            try:
                samples = sample(model, x, plans[k], cond=cond, generator=generator)
                finite = bool(torch.isfinite(samples).all())
                scores[k] = float(metric(samples, data)) if finite else np.inf
            except KeyboardInterrupt:
                if k == 0:
                    raise
                warnings.warn(f"interrupted after {k} of {len(plans)} strengths.", stacklevel=2)
                break
            if callback is not None and callback(strengths[k], float(scores[k])):
                break
    usable = np.where(np.isfinite(scores), scores, np.inf)
    if not np.isfinite(usable).any():
        raise RuntimeError(f"no strength of {strengths} leads to samples at a finite distance.")
    best = strengths[int(np.argmin(usable))]
    return (best, scores) if return_scores else best
