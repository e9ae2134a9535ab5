"""What a meta-estimator costs beside resampling and fitting by hand."""

from __future__ import annotations

from typing import Any

from sklearn.linear_model import LogisticRegression

from benchmarks._measure import Case
from benchmarks.over_sampling import rows
from sampkit.compose import ResampledClassifier
from sampkit.over_sampling import RandomOverSampler


def cases() -> dict[str, list[Case]]:
    """Tables of this family: the difference of the two times is the overhead."""
    X, y = rows(100, 400, 5)

    def wrapped() -> Any:
        return ResampledClassifier(LogisticRegression(), RandomOverSampler(random_state=0)).fit(
            X, y
        )

    def by_hand() -> Any:
        return LogisticRegression().fit(*RandomOverSampler(random_state=0).fit_resample(X, y))

    case = Case("ResampledClassifier, 500 x 5", wrapped, by_hand, "by hand", rounds=50)
    return {"Overhead (allowed: 5 ms)": [case]}
