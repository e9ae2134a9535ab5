"""Steps as long as a tolerance allows: the one deterministic sampler here that is no plan."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sampkit.diffusion._executor import check_states
from sampkit.diffusion._march import AdaptiveStep, March, Network, Node, Rule
from sampkit.diffusion._run import dtype_of
from sampkit.diffusion.grids import check_grid
from sampkit.diffusion.models import Model
from sampkit.diffusion.schedules import NoiseSchedule
from sampkit.diffusion.solvers import DPMSolver
from sampkit.diffusion.solvers._solver import check_choice, check_eta

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["AdaptiveInfo", "AdaptiveStep", "adaptive_sample"]


@dataclass(frozen=True)
class AdaptiveInfo:
    """What `adaptive_sample` did.

    Parameters
    ----------
    steps : tuple of AdaptiveStep
        All attempts, in order.
    n_evals : int
        Network calls.

    Examples
    --------
    >>> from sampkit.diffusion import AdaptiveInfo, AdaptiveStep
    >>> steps = (AdaptiveStep(1.0, 0.5, 3.0, False), AdaptiveStep(1.0, 0.8, 0.7, True))
    >>> info = AdaptiveInfo(steps, n_evals=3)
    >>> info.n_accepted, info.n_rejected, info.grid.tolist()
    (1, 1, [1.0, 0.8])
    """

    steps: tuple[AdaptiveStep, ...]
    n_evals: int

    @property
    def n_accepted(self) -> int:
        """Number of steps made."""
        return sum(step.accepted for step in self.steps)

    @property
    def n_rejected(self) -> int:
        """Number of steps tried in vain."""
        return len(self.steps) - self.n_accepted

    @property
    def grid(self) -> npt.NDArray[np.float64]:
        """The nodes of the steps made: a grid for `sample`."""
        nodes = [step.t_to for step in self.steps if step.accepted]
        return np.array([*(step.t_from for step in self.steps[:1]), *nodes])


def adaptive_sample(
    model: Model,
    x: Tensor,
    *,
    order: int = 3,
    rtol: float = 0.05,
    atol: float = 0.0078,
    t_start: float | None = None,
    t_end: float | None = None,
    h_init: float = 0.05,
    safety: float = 0.9,
    max_growth: float = 3.0,
    prediction: str = "x0",
    eta: float = 0.0,
    max_evals: int = 1000,
    cond: Any = None,
    generator: Any = None,
    postprocess: Callable[[Tensor], Tensor] | None = None,
    callback: Callable[[int, float, Tensor, Tensor], Any] | None = None,
    progress: bool = False,
    dtype: Any = None,
    return_info: bool = False,
) -> Any:
    """Sample with steps whose length follows from the difference between two orders.

    Parameters
    ----------
    model : DiffusionModel or wrapper
        The network with its schedule.
    x : tensor of shape (B, ...)
        States at `t_start`, see `initial_noise`; never modified.
    order : {2, 3}, default=3
        DPM-Solver-12 or DPM-Solver-23: two or three calls a step, one less after a rejected one.
    rtol, atol : float, default=0.05 and 0.0078
        The tolerance of an element is ``max(atol, rtol max(|x|, |x_prev|))``; > 0. The default of
        `atol` is a step of eight-bit brightness of pictures in [-1, 1].
    t_start, t_end : float or None, default=None
        Ends; None: `t_max` and `t_min` of the schedule. Both data and noise must be left at them.
    h_init : float, default=0.05
        First step in half log-SNR, > 0.
    safety : float, default=0.9
        The next step is ``safety h error^(-1 / order)``; in (0, 1).
    max_growth : float, default=3
        But at most so many times the last one, > 1; inf as published.
    prediction : {"x0", "eps"}, default="x0"
        Which output is interpolated, as in `DPMSolver`; "eps" as published.
    eta : float, default=0
        Stochasticity in [0, 1]: after every step as much noise as `DDIM` of this eta would draw,
        after a step that goes as much further.
    max_evals : int, default=1000
        Calls at most.
    cond : object, default=None
        Condition, handed to the network.
    generator : torch.Generator, a list of B of them, or None, default=None
        Source of the noise.
    postprocess : callable or None, default=None
        Applied to every data prediction (`DynamicThreshold`, `Clip`).
    callback : callable or None, default=None
        ``callback(step, t, x, x0)`` after every step made: its number, the time it led to, the
        state there, and the data prediction it began with. A true result stops the run there.
    progress : bool, default=False
        Show a bar of tqdm, in shares of the half log-SNR.
    dtype : torch.dtype or None, default=None
        Of the states; None: that of x, float32 for half precision.
    return_info : bool, default=False
        Return what was done as well.

    Returns
    -------
    x_end : tensor of shape (B, ...)
        States at `t_end`.
    info : AdaptiveInfo
        Only with `return_info`.

    Raises
    ------
    ValueError
        A parameter out of range, or an end without data or without noise.
    TypeError
        A model or an x that is none.
    FloatingPointError
        An error estimate that is not finite.
    RuntimeError
        `max_evals` calls were not enough.

    Notes
    -----
    Without a limit of growth, as published, a step that happens to show no difference is followed
    by one many times too long: it is mostly rejected, and now and then it is not.

    One step size for the batch: the largest of the samples' errors decides, so a sample depends on
    which others it is with. Every attempt waits for the device once. With a grid known beforehand
    `UniPC` or `DPMSolver` reach the same error in fewer calls; ``info.grid`` can be one.

    References
    ----------
    Lu et al., "DPM-Solver", NeurIPS 2022, appendix on adaptive step sizes (theta = 0.9), after
    Jolicoeur-Martineau et al., "Gotta go fast when generating data with score-based models", 2021.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import GaussianMixture, VPLinearSchedule, adaptive_sample
    >>> model = GaussianMixture([[1.0]], 0.25).model(VPLinearSchedule())
    >>> x = torch.tensor([[1.5]], dtype=torch.float64)
    >>> end, info = adaptive_sample(model, x, rtol=1e-4, atol=1e-4, return_info=True)
    >>> abs(float(end) - 1.746794463249) < 1e-3  # the exact flow
    True
    >>> info.n_accepted > info.n_rejected
    True
    """
    check_states(model, x)
    _check(safety, max_growth, eta, max_evals, {"rtol": rtol, "atol": atol, "h_init": h_init})
    check_choice("order", order, (2, 3))
    march = March(
        Network(model, cond, postprocess, prediction, x.dtype),
        DPMSolver(order, prediction, method="singlestep"),
        _ends(model.schedule, t_start, t_end),
        x.to(dtype_of(x, dtype)),
        Rule(rtol, atol, safety, max_growth, float(eta), int(max_evals)),
        float(h_init),
    )
    first, whole = march.here.lam, march.end.lam - march.here.lam
    with _bar(progress) as bar:
        while march.here.t > march.end.t:
            x0 = march.step(generator)
            if bar is not None:
                bar.update(round(100 * (march.here.lam - first) / whole) - bar.n)
            if callback is not None and callback(march.made - 1, march.here.t, march.x, x0):
                break
    state = march.x.to(x.dtype if dtype is None else dtype)
    info = AdaptiveInfo(tuple(march.steps), march.network.n_evals)
    return (state, info) if return_info else state


def _ends(schedule: NoiseSchedule, t_start: float | None, t_end: float | None) -> tuple[Node, Node]:
    start = schedule.t_max if t_start is None else float(t_start)
    end = schedule.t_min if t_end is None else float(t_end)
    if not start > end:
        raise ValueError(f"t_start must be > t_end, got {start!r} and {end!r}.")
    try:
        nodes = check_grid(schedule, [start, end]).tolist()
    except ValueError as error:
        raise ValueError(f"t_start and t_end must make a grid: {error}") from error
    ends = Node.at(schedule, nodes[0]), Node.at(schedule, nodes[1])
    for name, node in zip(("t_start", "t_end"), ends, strict=True):
        if not np.isfinite(node.lam):
            raise ValueError(
                f"{name} must be a time with data and noise, got {node.t!r}, where the half "
                f"log-SNR is {node.lam}: move it."
            )
    return ends


def _check(
    safety: float, max_growth: float, eta: float, max_evals: int, positive: dict[str, Any]
) -> None:
    for name, value in positive.items():
        if isinstance(value, bool) or not 0 < value < np.inf:
            raise ValueError(f"{name} must be a finite number > 0, got {value!r}.")
    if not 0 < safety < 1:
        raise ValueError(f"safety must be in (0, 1), got {safety!r}.")
    if not max_growth > 1:
        raise ValueError(f"max_growth must be > 1, got {max_growth!r}.")
    check_eta(eta)
    if eta > 1:
        raise ValueError(f"eta must be in [0, 1], got {eta!r}.")
    if not isinstance(max_evals, Integral) or isinstance(max_evals, bool) or max_evals < 1:
        raise ValueError(f"max_evals must be an int >= 1, got {max_evals!r}.")


def _bar(progress: bool) -> Any:
    if not progress:
        return nullcontext()
    from tqdm.auto import tqdm

    return tqdm(desc="sampling", total=100, unit="%")
