"""New rows for rare classes: SMOTE, its relatives, and random over-sampling."""

from __future__ import annotations

from sampkit.over_sampling._adasyn import ADASYN
from sampkit.over_sampling._allocation import allocate_seeds, over_percent
from sampkit.over_sampling._borderline import BorderlineSMOTE
from sampkit.over_sampling._display import ResamplingDisplay
from sampkit.over_sampling._interpolate import interpolate
from sampkit.over_sampling._kmeans import KMeansSMOTE
from sampkit.over_sampling._nominal import nominal_vote, vdm_tables
from sampkit.over_sampling._random import RandomOverSampler
from sampkit.over_sampling._smote import SMOTE
from sampkit.over_sampling._smoten import SMOTEN
from sampkit.over_sampling._smotenc import SMOTENC
from sampkit.over_sampling._svm import SVMSMOTE

__all__ = [
    "ADASYN",
    "SMOTE",
    "SMOTEN",
    "SMOTENC",
    "SVMSMOTE",
    "BorderlineSMOTE",
    "KMeansSMOTE",
    "RandomOverSampler",
    "ResamplingDisplay",
    "allocate_seeds",
    "interpolate",
    "nominal_vote",
    "over_percent",
    "vdm_tables",
]
