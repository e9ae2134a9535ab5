"""The schedule of a model trained on discrete steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from sampkit.diffusion.schedules._schedule import Float, FloatArray, NoiseSchedule, log_alpha_of_lam


@dataclass(frozen=True)
class DiscreteVPSchedule(NoiseSchedule):
    """The schedule of a model trained on N discrete steps, between the steps log-linear in alpha.

    Times are training indices 0 ... N - 1, as floats; index -1 is the clean data.

    Parameters
    ----------
    betas : array-like of shape (N,) or None, default=None
        Noise rates of the training steps, in (0, 1); None: made from what follows.
    beta_start, beta_end : float, default=1e-4 and 0.02
        First and last rate.
    beta_schedule : {"linear", "scaled_linear", "cosine"}, default="linear"
        Between them: linear, linear in the square root, or Nichol and Dhariwal's cosine (which
        looks at neither).
    num_train_steps : int, default=1000
        N, >= 1.
    zero_terminal_snr : bool, default=False
        Shift and scale the square root of the signal so that none is left at the last index.

    Attributes
    ----------
    t_min, t_max : float
        0 and N - 1.

    Raises
    ------
    ValueError
        A parameter out of range.

    References
    ----------
    Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", NeurIPS 2020; Lin et al.,
    "Common diffusion noise schedules and sample steps are flawed", WACV 2024.

    Examples
    --------
    >>> from sampkit.diffusion import DiscreteVPSchedule
    >>> round(float(DiscreteVPSchedule().alpha(249.5)), 12)
    0.723016256617
    """

    betas: Any = None
    beta_start: float = 1e-4
    beta_end: float = 0.02
    beta_schedule: str = "linear"
    num_train_steps: int = 1000
    zero_terminal_snr: bool = False
    t_min: float = field(init=False, default=0.0)
    t_max: float = field(init=False, default=0.0)
    zero_node: ClassVar[float | None] = -1.0

    def __post_init__(self) -> None:
        if self.betas is not None:
            betas = np.asarray(self.betas, dtype=np.float64)
            if betas.ndim != 1 or betas.size == 0 or not ((betas > 0) & (betas < 1)).all():
                raise ValueError(
                    f"betas must be of shape (N,) with values in (0, 1), got shape {betas.shape}."
                )
            object.__setattr__(self, "betas", tuple(betas.tolist()))
            object.__setattr__(self, "num_train_steps", betas.size)
        if self.num_train_steps < 1:
            raise ValueError(f"num_train_steps must be >= 1, got {self.num_train_steps!r}.")
        if self.beta_schedule not in ("linear", "scaled_linear", "cosine"):
            raise ValueError(
                "beta_schedule must be 'linear', 'scaled_linear' or 'cosine', got "
                f"{self.beta_schedule!r}."
            )
        if not 0 < self.beta_start <= self.beta_end < 1:
            raise ValueError(
                "beta_start and beta_end must satisfy 0 < beta_start <= beta_end < 1, got "
                f"{self.beta_start!r} and {self.beta_end!r}."
            )
        if self.zero_terminal_snr and self.num_train_steps < 2:
            raise ValueError("zero_terminal_snr needs num_train_steps >= 2, got 1.")
        object.__setattr__(self, "t_max", float(self.num_train_steps - 1))

    def _rates(self) -> npt.NDArray[np.float64]:
        n = self.num_train_steps
        if self.betas is not None:
            return np.array(self.betas)
        if self.beta_schedule == "linear":
            return np.linspace(self.beta_start, self.beta_end, n)
        if self.beta_schedule == "scaled_linear":
            return np.square(np.linspace(np.sqrt(self.beta_start), np.sqrt(self.beta_end), n))
        signal = np.cos((np.arange(n + 1) / n + 0.008) / 1.008 * np.pi / 2) ** 2
        return np.minimum(1 - signal[1:] / signal[:-1], 0.999)

    @cached_property
    def _nodes(self) -> npt.NDArray[np.float64]:
        """Log alpha of the indices -1 ... N - 1."""
        nodes = np.concatenate([[0.0], np.cumsum(np.log1p(-self._rates())) / 2])
        if self.zero_terminal_snr:
            first, last = np.exp(nodes[1]), np.exp(nodes[-1])
            with np.errstate(divide="ignore"):
                nodes[1:] = np.log((np.exp(nodes[1:]) - last) * (first / (first - last)))
        return nodes

    def _log_alpha_at(self, t: FloatArray) -> Float:
        place = np.clip(t + 1, 0, self.num_train_steps)
        below = np.minimum(place.astype(np.intp), self.num_train_steps - 1)
        share = place - below
        low, high = self._nodes[below], self._nodes[below + 1]
        with np.errstate(invalid="ignore"):  # 0 * inf beside a node without data
            between = low + share * (high - low)
        return np.where(share == 0, low, np.where(share == 1, high, between))

    def _log_alpha_slope_at(self, t: FloatArray) -> Float:
        with np.errstate(invalid="ignore"):
            pieces = np.diff(self._nodes)
        place = np.clip(t + 1, 0, self.num_train_steps)
        last = self.num_train_steps - 1
        after = np.clip(np.floor(place).astype(np.intp), 0, last)
        before = np.clip(np.ceil(place).astype(np.intp) - 1, 0, last)
        return (pieces[before] + pieces[after]) / 2  # the same piece but at a training step

    def _time_at(self, lam: FloatArray) -> Float:
        wanted = -log_alpha_of_lam(lam)
        nodes = -self._nodes
        above = np.clip(np.searchsorted(nodes, wanted), 1, self.num_train_steps)
        low, high = nodes[above - 1], nodes[above]
        with np.errstate(invalid="ignore"):
            share = np.clip((wanted - low) / (high - low), 0.0, 1.0)
        share = np.where(wanted >= high, 1.0, np.where(np.isinf(high), 0.0, share))
        return above - 2 + share
