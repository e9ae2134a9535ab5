"""Time-Shift: the network is told the time whose noise a state looks like."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.diffusion._run import run_of
from sampkit.diffusion._shifted_run import ShiftedRun, candidates
from sampkit.diffusion.models import Model
from sampkit.diffusion.schedules import DiscreteVPSchedule
from sampkit.diffusion.solvers import DDIM, DEIS
from sampkit.diffusion.solvers._solver import Solver, check_choice, check_eta, refuse_rising

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TimeShift"]


@dataclass(frozen=True)
class TimeShift:
    """Calls moved in time to where the variance of each sample says that it is.

    A state of a coarse run does not follow the law that the network was trained on at that time; a
    time nearby fits better. After every step the variance of each new state over its elements is
    compared with the one expected at the training steps of a window, and the next call is made at
    the nearest.

    Parameters
    ----------
    window : int
        Width of the window in training steps, even, >= 2: half of it to each side. At most the
        smallest spacing of the grid.
    cutoff : float
        Calls that follow a node above this training step are moved.
    target : {"sigma2", "marginal", "estimate"}, default="sigma2"
        The variance expected: ``sigma^2`` as published, for data without any; ``sigma^2 + alpha^2
        data_variance``; or ``sigma^2 + alpha^2`` times the variance of the sample's own data
        prediction.
    data_variance : float or None, default=None
        Mean over the data of each one's variance over its elements, > 0; for ``"marginal"``.
    pool : {"sample", "batch"}, default="sample"
        A time for each sample, or one for the batch from the mean of the variances.
    apply_to : {"step", "model"}, default="step"
        What starts from the moved time: the whole step, or the noise prediction alone.
    eta : float, default=0
        Stochasticity of the first-order step, >= 0: 0 is DDIM, 1 is DDPM. The noise drawn is that
        of the grid.
    order : {1, 4}, default=1
        First order, or Adams and Bashforth's fixed weights on up to four noise predictions, as in
        PNDM.

    Raises
    ------
    ValueError
        A parameter out of range; in a run also another schedule than a `DiscreteVPSchedule`, a
        window wider than the smallest spacing of the grid, or samples of a single element.

    See Also
    --------
    sample : What runs it; there is no plan, since the numbers depend on the states.

    Notes
    -----
    Nothing in the loop waits for the device, but where a `ClassifierGuidance` asks for the levels
    of moved times. A step costs one variance and a look-up beside what it costs without, in tensors
    of its own: `inplace` of `sample` changes nothing.

    The variance of n independent elements is off by a share of ``sqrt(2 / n)``, 18 % for 64 and
    2.6 % for 3072: with few of them use ``"marginal"``, with ``pool="batch"``. Data of variance 1
    have the same marginal variance at all times: nothing is moved then. Data predictions vary less
    than data at high noise, where ``"estimate"`` is close to ``"sigma2"``.

    Where two training steps fit equally well the one nearer to the grid is taken, the earlier
    first. The publication's released code has three variants of its own, none equal to its
    algorithm, which is what is done here.

    References
    ----------
    Li et al., "Alleviating exposure bias in diffusion models through sampling with shifted time
    steps", ICLR 2024, arXiv 2305.15583, algorithm 2.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import (
    ...     DiscreteVPSchedule,
    ...     GaussianMixture,
    ...     TimeShift,
    ...     sample,
    ...     time_grid,
    ... )
    >>> schedule = DiscreteVPSchedule()
    >>> model = GaussianMixture(torch.zeros(1, 64), 0.5).model(schedule)
    >>> noise = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    >>> shift = TimeShift(window=80, cutoff=100, target="marginal", data_variance=0.5)
    >>> sample(model, noise, shift, time_grid(schedule, 10, "linspace")).shape
    torch.Size([3, 64])
    """

    window: int
    cutoff: float
    target: str = "sigma2"
    data_variance: float | None = None
    pool: str = "sample"
    apply_to: str = "step"
    eta: float = 0.0
    order: int = 1

    def __post_init__(self) -> None:
        window = self.window
        if not isinstance(window, Integral) or isinstance(window, bool) or window < 2 or window % 2:
            raise ValueError(f"window must be an even int >= 2, got {window!r}.")
        if not isinstance(self.cutoff, Real) or not np.isfinite(self.cutoff):
            raise ValueError(f"cutoff must be a finite number, got {self.cutoff!r}.")
        check_choice("target", self.target, ("sigma2", "marginal", "estimate"))
        check_choice("pool", self.pool, ("sample", "batch"))
        check_choice("apply_to", self.apply_to, ("step", "model"))
        check_choice("order", self.order, (1, 4))
        check_eta(self.eta)
        if self.eta and self.order == 4:
            raise ValueError(f"eta must be 0 with order=4, got {self.eta!r}.")
        variance = self.data_variance
        if variance is None and self.target == "marginal":
            raise ValueError("data_variance must be given with target='marginal', got None.")
        if variance is not None and not 0 < float(variance) < np.inf:
            raise ValueError(f"data_variance must be a finite number > 0, got {variance!r}.")

    @property
    def base(self) -> Solver:
        """The solver whose calls are moved: what is run where none is."""
        return DDIM(self.eta) if self.order == 1 else DEIS(degree=3, kind="ipndm")

    def n_evals(self, n_steps: int) -> int:
        """Number of network calls on a grid of `n_steps` steps.

        Parameters
        ----------
        n_steps : int
            Steps of the grid, >= 1.

        Returns
        -------
        int
        """
        return n_steps

    def _run(self, model: Model, x: Tensor, grid: Any, **settings: Any) -> Any:
        """What `sample` steps through."""
        if not isinstance(model.schedule, DiscreteVPSchedule):
            raise ValueError(
                "the model's schedule must be a DiscreteVPSchedule for TimeShift, got "
                f"{type(model.schedule).__name__}."
            )
        refuse_rising(grid, self)
        plan = self.base.plan(model.schedule, grid)
        spacing = float(-np.diff(plan.grid).max())
        if self.window > spacing:
            raise ValueError(
                f"window must be at most the smallest spacing of the grid, {spacing:g}, got "
                f"{self.window}: a moved time could pass its neighbours."
            )
        if x[0].numel() < 2:
            raise ValueError(
                f"samples of x must have at least 2 elements, got shape {tuple(x.shape)}: their "
                "variance decides the times."
            )
        if all(len(candidates(plan, self, i)) == 1 for i in range(plan.n_evals)):
            return run_of(model, x, plan, **settings)
        return ShiftedRun(model, x, plan, self, **settings)
