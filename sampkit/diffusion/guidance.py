"""Guidance as wrappers of a model, and limits on the data prediction."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.diffusion._torch import torch
from sampkit.diffusion.models import Call, Levels, Model, Number, levels_at

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ClassifierFreeGuidance", "ClassifierGuidance", "Clip", "DynamicThreshold"]


def _per_sample(x: Tensor) -> tuple[int, ...]:
    return (-1,) + (1,) * (x.ndim - 1)


class Wrapper(Model):
    """A model around a model, in the same parametrisation."""

    def __init__(self, model: Model):
        if not isinstance(model, Model):
            raise TypeError(f"model must be a DiffusionModel, got {type(model).__name__}.")
        self.model = model
        self.schedule = model.schedule

    @property
    def guidance(self) -> float:
        """Scale of the guidance at work, here or in the model within; 1 for none."""
        return self.model.guidance

    def _for_rows(self, choose: Callable[[Any], Any]) -> Model:
        other = copy(self)
        other.model = self.model._for_rows(choose)
        return other

    def _shares(self, t: Any, levels: Levels) -> tuple[Number, Number]:
        return self.model._shares(t, levels)

    def _model_times(self, times: Tensor) -> Tensor:
        return self.model._model_times(times)


class ClassifierFreeGuidance(Wrapper):
    """Classifier-free guidance: ``y = y_u + scale (y_c - y_u)``.

    Parameters
    ----------
    model : DiffusionModel or wrapper
        Takes a condition.
    scale : float
        1 is the conditional model (one call), 0 the unconditional one (one call), > 1 moves away
        from it.
    null_cond : object, default=None
        Condition of the unconditional call: a tensor like cond or of one row, or None for a call
        without condition.
    rescale : float, default=0
        In [0, 1]: how far the output's standard deviation, sample by sample, is brought back to the
        conditional one's.
    interval : (float, float) or None, default=None
        Times (lower, upper) between which guidance acts; outside only the conditional call.
    batched : bool, default=True
        One call on both halves instead of two calls; needs tensors for both conditions.

    Raises
    ------
    ValueError
        A parameter out of range.

    References
    ----------
    Ho and Salimans, "Classifier-free diffusion guidance", 2022; Lin et al. 2024 (rescale);
    Kynkäänniemi et al., "Applying guidance in a limited interval", NeurIPS 2024.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import ClassifierFreeGuidance, DiffusionModel, FlowSchedule
    >>> def net(x, t, cond):
    ...     return 0 * x + cond[:, None]
    >>> model = DiffusionModel(net, FlowSchedule(), prediction="x0")
    >>> guided = ClassifierFreeGuidance(model, 3.0, null_cond=torch.zeros(1))
    >>> guided.denoise(torch.ones(2, 1), 0.5, cond=torch.tensor([1.0, 2.0])).ravel()
    tensor([3., 6.])
    """

    def __init__(
        self,
        model: Model,
        scale: float,
        null_cond: Any = None,
        rescale: float = 0.0,
        interval: tuple[float, float] | None = None,
        batched: bool = True,
    ):
        super().__init__(model)
        if not np.isfinite(scale):
            raise ValueError(f"scale must be a finite number, got {scale!r}.")
        if not 0 <= rescale <= 1:
            raise ValueError(f"rescale must be in [0, 1], got {rescale!r}.")
        if interval is not None and not (len(interval) == 2 and interval[0] < interval[1]):
            raise ValueError(f"interval must be (lower, upper) times, got {interval!r}.")
        self.scale, self.rescale = float(scale), float(rescale)
        self.null_cond, self.interval, self.batched = null_cond, interval, batched

    @property
    def guidance(self) -> float:
        """Scale of the guidance."""
        return self.scale

    def _for_rows(self, choose: Callable[[Any], Any]) -> Model:
        other = copy(self)
        other.model, other.null_cond = self.model._for_rows(choose), choose(self.null_cond)
        return other

    def _output(self, x: Tensor, call: Call, cond: Any = None) -> Tensor:
        each = self.interval is not None and bool(np.isnan(call.t))  # rows have their own times
        outside = self.interval is not None and not each and not self._inside(call.t)
        if outside or self.scale == 1:
            return self.model._output(x, call, cond)
        if self.scale == 0 and not each:
            return self.model._output(x, call, self._null(x, cond))
        without, given = self._both(x, call, cond)
        y = without + self.scale * (given - without)
        if self.rescale and self.scale:
            dims = tuple(range(1, x.ndim))
            ratio = given.std(dims, keepdim=True) / y.std(dims, keepdim=True)
            y = y * (self.rescale * ratio + (1 - self.rescale))
        if each:
            return torch.where(self._inside(call.time).reshape(_per_sample(x)), y, given)
        return y

    def _inside(self, t: Any) -> Any:
        """Whether guidance acts at a time, or at each of a tensor of times."""
        assert self.interval is not None
        if not isinstance(t, torch.Tensor):
            return self.interval[0] <= t <= self.interval[1]
        low, high = t.new_tensor(self.interval)  # rounded as the times are
        return (low <= t) & (t <= high)

    def _null(self, x: Tensor, cond: Any) -> Any:
        if not isinstance(self.null_cond, torch.Tensor):
            return self.null_cond
        null = self.null_cond.to(x.device)
        return null.expand(x.shape[0], *null.shape[1:]) if null.shape[0] == 1 else null

    def _both(self, x: Tensor, call: Call, cond: Any) -> tuple[Tensor, Tensor]:
        null = self._null(x, cond)
        if not (self.batched and isinstance(null, torch.Tensor) and isinstance(cond, torch.Tensor)):
            return self.model._output(x, call, null), self.model._output(x, call, cond)
        twice = Call(call.t, call.time.repeat(2), call.model_time.repeat(2))
        halves = self.model._output(torch.cat([x, x]), twice, torch.cat([null, cond]))
        without, given = halves.chunk(2)
        return without, given


class ClassifierGuidance(Wrapper):
    """Guidance by the gradient of a classifier of noisy states.

    Parameters
    ----------
    model : DiffusionModel or wrapper
        What is guided.
    log_prob : callable
        ``log_prob(x, t)`` with t of shape (B,), times of the schedule: log-probabilities of shape
        (B,).
    scale : float
        Factor of the gradient; 0 leaves the model's output as it is.

    Raises
    ------
    ValueError
        scale not finite.

    References
    ----------
    Dhariwal and Nichol, "Diffusion models beat GANs on image synthesis", NeurIPS 2021.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import ClassifierGuidance, DiffusionModel, FlowSchedule
    >>> model = DiffusionModel(lambda x, t: 0 * x, FlowSchedule(), prediction="x0")
    >>> guided = ClassifierGuidance(model, lambda x, t: x.sum(1), 2.0)
    >>> guided.denoise(torch.ones(1, 1), 0.5)  # scale sigma^2 / alpha
    tensor([[1.]])
    """

    def __init__(self, model: Model, log_prob: Callable[[Tensor, Tensor], Tensor], scale: float):
        super().__init__(model)
        if not np.isfinite(scale):
            raise ValueError(f"scale must be a finite number, got {scale!r}.")
        self.log_prob, self.scale = log_prob, float(scale)

    @property
    def guidance(self) -> float:
        """Scale of the guidance."""
        return self.scale

    def _output(self, x: Tensor, call: Call, cond: Any = None) -> Tensor:
        y = self.model._output(x, call, cond)
        if self.scale == 0:
            return y
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            gradient = torch.autograd.grad(self.log_prob(leaf, call.time).sum(), leaf)[0]
        t = call.time if np.isnan(call.t) else call.t
        levels = levels_at(self.schedule, t, x)
        p, q = self.model._shares(t, levels)
        # x0 + w sigma^2 / alpha g and eps - w sigma g, in the network's own terms
        factor = self.scale * levels.sigma * (p * levels.sigma / levels.alpha - q)
        return y + factor * gradient


class Clip:
    """Keep the data prediction between two bounds.

    Parameters
    ----------
    low, high : float
        Bounds, low < high.

    Raises
    ------
    ValueError
        low >= high.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import Clip
    >>> Clip(-1, 1)(torch.tensor([[-3.0, 0.5]]))
    tensor([[-1.0000,  0.5000]])
    """

    def __init__(self, low: float, high: float):
        if not low < high:
            raise ValueError(f"low must be < high, got {low!r} and {high!r}.")
        self.low, self.high = low, high

    def __call__(self, x0: Tensor) -> Tensor:
        """The prediction within its bounds."""
        return x0.clamp(self.low, self.high)


class DynamicThreshold:
    """Clip every data prediction at a quantile of its own size, and scale it back.

    Parameters
    ----------
    quantile : float, default=0.995
        Of the absolute values of a sample, in (0, 1).
    max_value : float, default=1
        Range of the data, > 0: nothing happens to a sample whose quantile is below it but clipping
        there.

    Raises
    ------
    ValueError
        A parameter out of range.

    Notes
    -----
    The quantile, linear between order statistics, comes from the largest values alone.

    References
    ----------
    Saharia et al., "Photorealistic text-to-image diffusion models with deep language
    understanding", NeurIPS 2022, section 2.3.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import DynamicThreshold
    >>> x0 = torch.tensor([[-3.0, 0.5, 1.0, 2.0, 0.1, -0.2, 0.3, 0.4]])
    >>> DynamicThreshold(0.9)(x0)[0, :4]
    tensor([-1.0000,  0.2174,  0.4348,  0.8696])
    """

    def __init__(self, quantile: float = 0.995, max_value: float = 1.0):
        if not 0 < quantile < 1:
            raise ValueError(f"quantile must be in (0, 1), got {quantile!r}.")
        if not 0 < max_value < np.inf:
            raise ValueError(f"max_value must be a number > 0, got {max_value!r}.")
        self.quantile, self.max_value = float(quantile), float(max_value)

    def __call__(self, x0: Tensor) -> Tensor:
        """The prediction within the range."""
        sizes = x0.detach().abs().flatten(1)
        n = sizes.shape[1]
        place = self.quantile * (n - 1)
        below = int(place)
        largest = sizes.topk(n - below, dim=1).values  # of the ranks below, below + 1, ...
        upper = largest[:, -2] if n - below > 1 else largest[:, -1]
        s = torch.lerp(largest[:, -1], upper, place - below).clamp_min(self.max_value)
        s = s.reshape(_per_sample(x0))
        return torch.minimum(torch.maximum(x0, -s), s) * (self.max_value / s)
