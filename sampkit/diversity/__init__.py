"""Few items that show many categories in balance: greedy maximum entropy (GME)."""

from __future__ import annotations

from sampkit.diversity._rank import greedy_max_entropy

__all__ = ["greedy_max_entropy"]
