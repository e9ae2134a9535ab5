"""diffusers, or an error that says how to get it; the only place that says so."""

from __future__ import annotations

from typing import Any

import sampkit.diffusion._torch  # noqa: F401  (its lack is said first)

try:
    from diffusers import ConfigMixin as _ConfigMixin
    from diffusers import SchedulerMixin as _SchedulerMixin
    from diffusers.schedulers.scheduling_utils import (
        KarrasDiffusionSchedulers as _Exchangeable,
    )
    from diffusers.schedulers.scheduling_utils import SchedulerOutput as _SchedulerOutput
except ImportError as error:
    raise ImportError(
        "sampkit.diffusion.interop puts plans into diffusers and needs it beside PyTorch: "
        "pip install sampkit[diffusers] (pip install sampkit[diffusion] brings PyTorch alone)."
    ) from error

ConfigMixin: Any = _ConfigMixin
SchedulerMixin: Any = _SchedulerMixin
SchedulerOutput: Any = _SchedulerOutput

EXCHANGEABLE: list[str] = [each.name for each in _Exchangeable]  # schedulers of pipelines' choice

__all__ = ["EXCHANGEABLE", "ConfigMixin", "SchedulerMixin", "SchedulerOutput"]
