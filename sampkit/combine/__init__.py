"""Over-sampling and under-sampling together.

Built on `sampkit.over_sampling` and `sampkit.under_sampling`, because the methods are.
"""

from __future__ import annotations

from sampkit.combine._smote_clean import SMOTEENN, SMOTETomek
from sampkit.combine._smote_under import SMOTEUnder

__all__ = ["SMOTEENN", "SMOTETomek", "SMOTEUnder"]
