"""Few items that show many categories in balance: greedy maximum entropy (GME)."""

from __future__ import annotations

from sampkit.diversity._display import EntropyPathDisplay
from sampkit.diversity._rank import greedy_max_entropy
from sampkit.diversity._sampler import GreedyMaximumEntropySampler
from sampkit.diversity._shards import greedy_max_entropy_sharded
from sampkit.diversity._swap import swap_refine

__all__ = [
    "EntropyPathDisplay",
    "GreedyMaximumEntropySampler",
    "greedy_max_entropy",
    "greedy_max_entropy_sharded",
    "swap_refine",
]
