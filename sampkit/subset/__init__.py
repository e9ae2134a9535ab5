"""Repeated sampling of random subsets (RS2): a fresh part of the data every round.

The subsets as row numbers, as a splitter, inside meta-estimators for anything with ``partial_fit``,
as blocks of a file and as Dask partitions. `sampkit.subset.torch` holds the sampler for PyTorch,
`sampkit.subset.prune` the selections that RS2 is compared with.
"""

from __future__ import annotations

from sampkit.subset._blocks import iter_block_subsets
from sampkit.subset._classifier import RepeatedSubsetClassifier
from sampkit.subset._cost import block_correlation, read_cost
from sampkit.subset._display import TimeToAccuracyDisplay
from sampkit.subset._history import time_to_accuracy
from sampkit.subset._partitions import iter_partition_subsets
from sampkit.subset._regressor import RepeatedSubsetRegressor
from sampkit.subset._rounds import iter_random_subsets
from sampkit.subset._splitter import RepeatedRandomSubset

_SUBMODULES = ("prune", "torch")

__all__ = [
    "RepeatedRandomSubset",
    "RepeatedSubsetClassifier",
    "RepeatedSubsetRegressor",
    "TimeToAccuracyDisplay",
    "block_correlation",
    "iter_block_subsets",
    "iter_partition_subsets",
    "iter_random_subsets",
    "read_cost",
    "time_to_accuracy",
]
