"""Configurations of diffusers' schedulers, as schedules and predictions here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sampkit.diffusion.guidance import Clip, DynamicThreshold
from sampkit.diffusion.schedules import DiscreteVPSchedule

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["prediction_of", "restored", "schedule_of", "stored"]

PREDICTIONS = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}
BETA_SCHEDULES = {
    "linear": "linear",
    "scaled_linear": "scaled_linear",
    "squaredcos_cap_v2": "cosine",
    "cosine": "cosine",
}
LIMITS = {"Clip": Clip, "DynamicThreshold": DynamicThreshold}


def stored(postprocess: Any) -> Any:
    """A limit as JSON can hold it; another callable as it is."""
    name = type(postprocess).__name__
    return {"name": name, **vars(postprocess)} if name in LIMITS else postprocess


def restored(postprocess: Any) -> Callable[[Tensor], Tensor] | None:
    """What `stored` made a dict of; a callable as it is."""
    if isinstance(postprocess, dict):
        parameters = dict(postprocess)
        name = parameters.pop("name", None)
        if name not in LIMITS:
            raise ValueError(f"postprocess must be of {sorted(LIMITS)}, got {name!r}.")
        return LIMITS[name](**parameters)
    if postprocess is not None and not callable(postprocess):
        raise ValueError(f"postprocess must be callable or None, got {postprocess!r}.")
    return postprocess


def schedule_of(config: Any) -> DiscreteVPSchedule:
    """The schedule that a scheduler's config speaks of."""
    betas = config.get("trained_betas")
    zero = bool(config.get("rescale_betas_zero_snr"))
    if betas is not None:
        return DiscreteVPSchedule(betas=betas, zero_terminal_snr=zero)
    name = config.get("beta_schedule", "linear")
    if name not in BETA_SCHEDULES:
        raise ValueError(f"beta_schedule must be one of {sorted(BETA_SCHEDULES)}, got {name!r}.")
    return DiscreteVPSchedule(
        beta_start=config.get("beta_start", 1e-4),
        beta_end=config.get("beta_end", 0.02),
        beta_schedule=BETA_SCHEDULES[name],
        num_train_steps=config.get("num_train_timesteps", 1000),
        zero_terminal_snr=zero,
    )


def prediction_of(config: Any) -> str:
    """What a scheduler's config says that the network predicts."""
    name = config.get("prediction_type", "epsilon")
    if name not in PREDICTIONS:
        raise ValueError(f"prediction_type must be one of {sorted(PREDICTIONS)}, got {name!r}.")
    return PREDICTIONS[name]
