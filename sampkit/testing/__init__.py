"""Tools to test samplers: hypothesis strategies of hard tables, and the protocol's invariants.

The suite of this package runs on them. hypothesis (``pip install sampkit[test]``) is imported when
a strategy is made; `check_sampler` needs nothing but the package.
"""

from __future__ import annotations

from sampkit.testing._check_sampler import SamplerReport, check_sampler
from sampkit.testing._datasets import (
    count_tables,
    imbalanced_datasets,
    imbalanced_labels,
    sample_weights,
)
from sampkit.testing._frames import mixed_frames

__all__ = [
    "SamplerReport",
    "check_sampler",
    "count_tables",
    "imbalanced_datasets",
    "imbalanced_labels",
    "mixed_frames",
    "sample_weights",
]
