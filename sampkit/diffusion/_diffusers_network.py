"""Networks of diffusers as models here."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from sampkit.diffusion._diffusers import SchedulerMixin  # noqa: F401  (its lack is said first)
from sampkit.diffusion._diffusers_config import prediction_of, schedule_of
from sampkit.diffusion.models import DiffusionModel
from sampkit.diffusion.schedules import NoiseSchedule

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["from_diffusers"]


class _Network:
    """A network of diffusers, called as `DiffusionModel` calls."""

    def __init__(self, network: Any):
        self.network = network
        self.takes = inspect.signature(network.forward).parameters
        config = getattr(network, "config", {})
        self.whole_times = config.get("time_embedding_type") == "learned"

    def __call__(self, x: Tensor, t: Tensor, cond: Any = None, **keywords: Any) -> Tensor:
        times = t.round().long() if self.whole_times else t
        out = self.network(x, times, **self._keywords(cond), **keywords)
        y: Tensor = out.sample if hasattr(out, "sample") else out[0]
        return y[:, : x.shape[1]] if y.shape[1] == 2 * x.shape[1] else y

    def _keywords(self, cond: Any) -> dict[str, Any]:
        if cond is None:
            return {}
        if isinstance(cond, dict):
            return cond
        name = "encoder_hidden_states" if cond.ndim > 1 else "class_labels"
        if name not in self.takes:
            raise ValueError(
                f"cond of {cond.ndim} dimensions would be {name}, which "
                f"{type(self.network).__name__} does not take: give a dict of its keywords."
            )
        return {name: cond}


def from_diffusers(
    unet_or_pipe: Any, schedule: NoiseSchedule | None = None, prediction: str | None = None
) -> DiffusionModel:
    """A network of diffusers as a model.

    Parameters
    ----------
    unet_or_pipe : network or pipeline of diffusers
        A pipeline's `unet` or `transformer` is taken, and its scheduler's configuration read.
    schedule : NoiseSchedule or None, default=None
        None: as the pipeline's scheduler says.
    prediction : {"eps", "x0", "v", "score", "flow"} or None, default=None
        None: as the scheduler says; "eps" for a network.

    Returns
    -------
    DiffusionModel
        A condition of shape (B,) becomes `class_labels`, one of shape (B, tokens, width)
        `encoder_hidden_states`; a dict goes in by its keywords.

    Raises
    ------
    ValueError
        No schedule given with a network alone, or a scheduler of another kind than discrete
        variance-preserving ones.

    Examples
    --------
    >>> from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
    >>> from sampkit.diffusion.interop import from_diffusers
    >>> network = UNet2DModel(
    ...     block_out_channels=(8,),
    ...     norm_num_groups=2,
    ...     down_block_types=("DownBlock2D",),
    ...     up_block_types=("UpBlock2D",),
    ... )
    >>> model = from_diffusers(DDPMPipeline(network, DDPMScheduler(beta_end=0.03)))
    >>> model.prediction, model.schedule.beta_end
    ('eps', 0.03)
    """
    network, scheduler = unet_or_pipe, getattr(unet_or_pipe, "scheduler", None)
    if scheduler is not None:
        parts = (getattr(unet_or_pipe, name, None) for name in ("unet", "transformer"))
        network = next((part for part in parts if part is not None), None)
    if not hasattr(network, "forward"):
        raise ValueError(
            "unet_or_pipe must be a network, or a pipeline with a unet or a transformer, got "
            f"{type(unet_or_pipe).__name__}."
        )
    if schedule is None and scheduler is None:
        raise ValueError("schedule must be given with a network that comes without a pipeline.")
    config = {} if scheduler is None else scheduler.config
    return DiffusionModel(
        _Network(network),
        schedule_of(config) if schedule is None else schedule,
        prediction_of(config) if prediction is None else prediction,
    )
