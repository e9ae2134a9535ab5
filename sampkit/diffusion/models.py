"""Networks as samplers see them: whatever they predict, turned into data and noise predictions.

A network's output is ``y = p x0 + q eps`` with numbers p and q that its parametrisation and the
time give. With ``x = alpha x0 + sigma eps`` that is a linear system of two equations, solved once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sampkit.diffusion._torch import torch
from sampkit.diffusion.schedules import NoiseSchedule

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Call", "DiffusionModel", "EDMPrecond", "Model"]

Number = Any  # a Python float, or a tensor of shape (B, 1, ...) in `Model.denoise`

PREDICTIONS = ("eps", "x0", "v", "score", "flow")


class Call(NamedTuple):
    """When a network is called: as a number, and as tensors of shape (B,) on the state's device.

    The number is NaN where rows have times of their own.
    """

    t: float
    time: Tensor  # of the schedule
    model_time: Tensor  # as the network wants it


class Levels(NamedTuple):
    """Signal and noise at a time."""

    alpha: Number
    sigma: Number


class Model(ABC):
    """What the executor asks: an output, and what it is made of."""

    schedule: NoiseSchedule

    @property
    def guidance(self) -> float:
        """Scale of the guidance at work; 1 for none."""
        return 1.0

    @abstractmethod
    def _output(self, x: Tensor, call: Call, cond: Any = None) -> Tensor:
        """The network's output at a state."""

    @abstractmethod
    def _shares(self, t: Any, levels: Levels) -> tuple[Number, Number]:
        """P and q of ``output = p x0 + q eps``."""

    @abstractmethod
    def _model_times(self, times: Tensor) -> Tensor:
        """Times of the schedule as the network wants them."""

    def _for_rows(self, choose: Callable[[Any], Any]) -> Model:
        """The same model for other rows, which `choose` takes out of a condition."""
        return self

    def call_at(self, t: Any, x: Tensor) -> Call:
        """One call for every row of `x`, at a number or at a tensor (B,) of times."""
        wide = torch.float64 if x.dtype == torch.float64 else torch.float32
        times = torch.as_tensor(t, dtype=torch.float64, device=x.device).expand(x.shape[0])
        first = float(t) if not isinstance(t, torch.Tensor) or t.ndim == 0 else float("nan")
        return Call(first, times.to(wide), self._model_times(times).to(wide))

    def denoise(self, x: Tensor, t: Any, cond: Any = None) -> Tensor:
        """Data prediction at a time, differentiable.

        Parameters
        ----------
        x : tensor of shape (B, ...)
            States.
        t : float or tensor of shape (B,)
            Times of the schedule.
        cond : object, default=None
            Condition, handed to the network by keyword.

        Returns
        -------
        tensor of shape (B, ...)
        """
        levels = levels_at(self.schedule, t, x)
        p, q = self._shares(t, levels)
        y = self._output(x, self.call_at(t, x), cond)
        return (q * x - levels.sigma * y) / (levels.alpha * q - levels.sigma * p)


def levels_at(schedule: NoiseSchedule, t: Any, x: Tensor) -> Levels:
    """Alpha and sigma as floats for one time, as tensors that broadcast against x for many."""
    if not isinstance(t, torch.Tensor) or t.ndim == 0:
        return Levels(float(schedule.alpha(float(t))), float(schedule.sigma(float(t))))
    times = np.array(t.tolist())
    shape = (-1,) + (1,) * (x.ndim - 1)
    return Levels(
        *(x.new_tensor(part(times)).reshape(shape) for part in (schedule.alpha, schedule.sigma))
    )


class DiffusionModel(Model):
    """A network, its noise schedule, and what it predicts.

    Parameters
    ----------
    fn : callable
        Called as ``fn(x, t)``, or ``fn(x, t, cond=cond)`` when a condition was given; t of shape
        (B,), float64 for float64 states and else float32. Returns a tensor like x, which is never
        written to.
    schedule : NoiseSchedule
        The schedule that the network was trained on.
    prediction : {"eps", "x0", "v", "score", "flow"}, default="eps"
        What it predicts: the noise; the data; ``alpha eps - sigma x0``; the score of the noisy law,
        ``-eps / sigma``; the velocity ``dx/dt`` of the path, ``eps - x0`` for a `FlowSchedule`.
    time_map : callable or None, default=None
        From times of the schedule, a float64 tensor, to what the network wants.
    model_dtype : torch.dtype or None, default=None
        x is cast to it for the call alone.

    Attributes
    ----------
    fn, schedule, prediction
        As given.

    Raises
    ------
    ValueError
        Unknown prediction.
    TypeError
        `fn` cannot be called, or `schedule` is none.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import DiffusionModel, VPLinearSchedule
    >>> model = DiffusionModel(lambda x, t: x, VPLinearSchedule(), prediction="x0")
    >>> model.denoise(torch.ones(2, 3), 0.5).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        fn: Callable[..., Tensor],
        schedule: NoiseSchedule,
        prediction: str = "eps",
        *,
        time_map: Callable[[Tensor], Tensor] | None = None,
        model_dtype: torch.dtype | None = None,
    ):
        if not callable(fn):
            raise TypeError(f"fn must be callable, got {type(fn).__name__}.")
        if not isinstance(schedule, NoiseSchedule):
            raise TypeError(f"schedule must be a NoiseSchedule, got {type(schedule).__name__}.")
        if prediction not in PREDICTIONS:
            raise ValueError(
                f"prediction must be one of {', '.join(map(repr, PREDICTIONS))}, got "
                f"{prediction!r}."
            )
        self.fn, self.schedule, self.prediction = fn, schedule, prediction
        self.time_map, self.model_dtype = time_map, model_dtype

    def _model_times(self, times: Tensor) -> Tensor:
        """Times of the schedule as the network wants them."""
        return times if self.time_map is None else self.time_map(times)

    def _shares(self, t: Any, levels: Levels) -> tuple[Number, Number]:
        """P and q of ``output = p x0 + q eps``."""
        alpha, sigma = levels
        if self.prediction == "eps":
            return 0.0, 1.0
        if self.prediction == "x0":
            return 1.0, 0.0
        if self.prediction == "v":
            return -sigma, alpha
        if self.prediction == "score":
            return 0.0, -1 / sigma
        return _velocities(self.schedule, t, alpha)  # dx/dt = alpha' x0 + sigma' eps

    def _output(self, x: Tensor, call: Call, cond: Any = None) -> Tensor:
        """The network's output at a state, of the dtype of the state."""
        given = x if self.model_dtype is None else x.to(self.model_dtype)
        keywords = {} if cond is None else {"cond": cond}
        y = self.fn(given, call.model_time, **keywords)
        if y.shape != x.shape:
            raise ValueError(
                f"fn must return a tensor of the shape of x, {tuple(x.shape)}, got "
                f"{tuple(y.shape)}."
            )
        return y if y.dtype == x.dtype else y.to(x.dtype)


def _velocities(schedule: NoiseSchedule, t: Any, alpha: Number) -> tuple[Number, Number]:
    """Derivatives of alpha and sigma, as numbers or as tensors like `alpha`."""
    if not isinstance(t, torch.Tensor) or t.ndim == 0:
        at, st = schedule.slopes(float(t))
        return float(at), float(st)
    slopes = schedule.slopes(np.array(t.tolist()))
    return tuple(alpha.new_tensor(slope).reshape(alpha.shape) for slope in slopes)


class EDMPrecond:
    """The preconditioned denoiser of EDM around a raw network, as ``fn`` that predicts x0.

    Parameters
    ----------
    F : callable
        The network, called as ``F(c_in x, c_noise)`` (and ``cond=``), c_noise = log(sigma) / 4.
    sigma_data : float, default=0.5
        Standard deviation of the data, > 0.

    Raises
    ------
    ValueError
        sigma_data out of range.

    References
    ----------
    Karras et al., "Elucidating the design space of diffusion-based generative models", NeurIPS
    2022, section 5.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import DiffusionModel, EDMPrecond, VESchedule
    >>> denoiser = EDMPrecond(lambda x, c: torch.zeros_like(x))
    >>> model = DiffusionModel(denoiser, VESchedule(), prediction="x0")
    >>> model.denoise(torch.ones(1, 1), 0.5)  # c_skip alone
    tensor([[0.5000]])
    """

    def __init__(self, F: Callable[..., Tensor], sigma_data: float = 0.5):
        if not 0 < sigma_data < np.inf:
            raise ValueError(f"sigma_data must be a number > 0, got {sigma_data!r}.")
        self.F, self.sigma_data = F, float(sigma_data)

    def __call__(self, x: Tensor, sigma: Tensor, **keywords: Any) -> Tensor:
        """Data prediction at noise `sigma` of shape (B,)."""
        s = sigma.reshape((-1,) + (1,) * (x.ndim - 1)).to(x.dtype)
        total = s**2 + self.sigma_data**2
        raw = self.F(x / total.sqrt(), sigma.log() / 4, **keywords)
        return self.sigma_data**2 / total * x + s * self.sigma_data / total.sqrt() * raw
