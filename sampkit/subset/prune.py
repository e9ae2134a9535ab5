"""Selections of a fixed subset, the baselines that RS2 is measured against.

Plain arrays in, row numbers or one score a row out. None of them beats a fresh random subset every
round where the budget is small [1]_; they are here so that everyone can check. More of them are in
DeepCore [2]_.

Not here, because they cost more than the training they save: GLISTER, CRAIG, GradMatch, CAL,
DeepFool, contextual diversity. For facility location and graph cut see the package apricot.

References
----------
.. [1] P. Okanovic et al., "Repeated random sampling for minimizing the time-to-accuracy of
   learning", ICLR 2024, arXiv:2305.18424.
.. [2] C. Guo, B. Zhao, Y. Bai, "DeepCore: a comprehensive library for coreset selection in deep
   learning", DEXA 2022.
"""

from __future__ import annotations

from sampkit.subset._scores import (
    ForgettingTracker,
    el2n_scores,
    grand_scores,
    uncertainty_scores,
)
from sampkit.subset._select import herding, k_center_greedy, random_subset, select_top

__all__ = [
    "ForgettingTracker",
    "el2n_scores",
    "grand_scores",
    "herding",
    "k_center_greedy",
    "random_subset",
    "select_top",
    "uncertainty_scores",
]
