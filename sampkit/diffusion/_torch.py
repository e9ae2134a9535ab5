"""PyTorch, or an error that says how to get it; the only place that says so."""

from __future__ import annotations

try:
    import torch
except ImportError as error:
    raise ImportError(
        "This part of sampkit.diffusion runs networks and needs PyTorch: "
        "pip install sampkit[diffusion]. (Schedules, grids, solvers and plans do without.)"
    ) from error

__all__ = ["torch"]
