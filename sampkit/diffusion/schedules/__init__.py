r"""Noise schedules: how much of the data is left at a time, and how much noise there is.

The forward law is :math:`x_t \mid x_0 \sim N(\alpha_t x_0, \sigma_t^2 I)`. Everything else in this
family is said in the half log-signal-to-noise ratio :math:`\lambda_t = \log(\alpha_t / \sigma_t)`,
which grows along sampling while the time falls.

Numbers are float64 and come from the logarithm of alpha: ``1 - alpha**2`` would lose them.
"""

from __future__ import annotations

from typing import Any

from sampkit.diffusion.schedules._schedule import NoiseSchedule
from sampkit.diffusion.schedules.continuous import (
    FlowSchedule,
    VESchedule,
    VPCosineSchedule,
    VPLinearSchedule,
)
from sampkit.diffusion.schedules.discrete import DiscreteVPSchedule
from sampkit.diffusion.schedules.functions import CallableSchedule

__all__ = [
    "CallableSchedule",
    "DiscreteVPSchedule",
    "FlowSchedule",
    "NoiseSchedule",
    "VESchedule",
    "VPCosineSchedule",
    "VPLinearSchedule",
    "schedule_from_dict",
]

_STORED = (VPLinearSchedule, VPCosineSchedule, DiscreteVPSchedule, VESchedule, FlowSchedule)


def schedule_from_dict(state: dict[str, Any]) -> NoiseSchedule:
    """The schedule that `NoiseSchedule.to_dict` described."""
    known = {kind.__name__: kind for kind in _STORED}
    name = state.get("name")
    if name not in known:
        raise ValueError(f"schedule must be one of {sorted(known)}, got {name!r}.")
    return known[name](**{key: value for key, value in state.items() if key != "name"})
