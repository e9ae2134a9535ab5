"""What a selection shows of every variable: coverage, balance, and what it may have missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sampkit.diversity._entropy import Floats, Integers


def summary_of(
    names: Sequence[Any], pooled: Sequence[Integers], everything: Sequence[Integers], utopia: Floats
) -> Any:
    """One row a variable, of the pooled counts of the selection and of all items."""
    import pandas as pd

    rows = [
        _row(selected, whole, float(u))
        for selected, whole, u in zip(pooled, everything, utopia, strict=True)
    ]
    return pd.DataFrame(rows, index=pd.Index(list(names), name="variable"))


def _row(selected: Integers, whole: Integers, utopia: float) -> dict[str, float]:
    h, seen, total = shannon(selected), int(np.count_nonzero(selected)), int(selected.sum())
    return {
        "categories": round(float(np.exp(utopia))),
        "covered": seen,
        "coverage": seen / max(float(np.exp(utopia)), 1.0),
        "entropy": h,
        "entropy_all": shannon(whole),
        "max_entropy": utopia,
        "evenness": h / utopia if utopia > 0 else 1.0,
        "effective": float(np.exp(h)),
        # Miller and Madow: the bias of the plug-in entropy is -(K - 1) / (2 T) to first order
        "entropy_corrected": h + (seen - 1) / (2 * total) if total else 0.0,
        "sample_coverage": good_turing(selected),
    }


def shannon(counts: Integers) -> float:
    """Entropy of counts in nats; 0 for none."""
    there = counts[counts > 0]
    if not len(there):
        return 0.0
    p = there / there.sum()
    return float(max(-np.sum(p * np.log(p)), 0.0))


def good_turing(counts: Integers) -> float:
    """Share of the population whose category has been met, after Chao and Jost (2012)."""
    n, once, twice = int(counts.sum()), int((counts == 1).sum()), int((counts == 2).sum())
    if n == 0 or once == 0:
        return float(n > 0)
    if n == 1:
        return 0.0
    if twice == 0:
        return 1 - once / n * ((n - 1) * (once - 1) / ((n - 1) * (once - 1) + 2))
    return 1 - once / n * ((n - 1) * once / ((n - 1) * once + 2 * twice))
