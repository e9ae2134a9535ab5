"""Handed on from `sampkit.datasets`, where the generators are."""

from __future__ import annotations

from sampkit.datasets import make_ellipse_phantom

__all__ = ["make_ellipse_phantom"]
