"""Cleaning against imbalanced-learn: ``fit_resample`` end to end, default threads."""

from __future__ import annotations

import imblearn.under_sampling as peer

import sampkit.under_sampling as ours
from benchmarks._measure import Case
from benchmarks.over_sampling import PEER, nbytes, rows


def cases() -> dict[str, list[Case]]:
    """Tables of this family."""
    X, y = rows(2000, 20_000, 20)
    speed = []
    for name, target in (("EditedNearestNeighbours", 1.6), ("TomekLinks", 1.6)):
        mine, theirs = getattr(ours, name)(), getattr(peer, name)()
        speed.append(
            Case(
                f"{name} 2000/20000 x 20",
                lambda mine=mine: mine.fit_resample(X, y),  # type: ignore[misc]
                lambda theirs=theirs: theirs.fit_resample(X, y),  # type: ignore[misc]
                PEER,
                target,
                output_bytes=nbytes,
            )
        )
    return {"Speed and memory": speed}
