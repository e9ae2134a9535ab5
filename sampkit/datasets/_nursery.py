"""The Nursery table, unfolded from the decision model that it was derived from."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ._catalogue import as_loaded

# Values from the best to the worst, as the table's description lists them.
_LEVELS = {
    "parents": ["usual", "pretentious", "great_pret"],
    "has_nurs": ["proper", "less_proper", "improper", "critical", "very_crit"],
    "form": ["complete", "completed", "incomplete", "foster"],
    "children": ["1", "2", "3", "more"],
    "housing": ["convenient", "less_conv", "critical"],
    "finance": ["convenient", "inconv"],
    "social": ["nonprob", "slightly_prob", "problematic"],
    "health": ["recommended", "priority", "not_recom"],
}
_VERDICTS = ["recommend", "very_recom", "priority", "spec_prior", "not_recom"]

# The model's concepts; every number is the index of a level of the concept, 0 the best.
_EMPLOY = np.array([[0, 1, 1, 2, 3], [1, 1, 2, 3, 3], [2, 2, 3, 3, 3]])  # parents, has_nurs
_STRUCTURE = np.array([[0, 1, 2, 2], [1, 1, 2, 2], [1, 2, 2, 2], [2, 2, 2, 2]])  # form, children
_STRUCT_FINAN = np.array(  # structure, housing, finance
    [[[0, 1], [1, 1], [1, 1]], [[1, 1], [1, 1], [2, 2]], [[1, 2], [2, 2], [2, 2]]]
)
_SOC_HEALTH = np.array([[0, 1, 2], [0, 1, 2], [1, 1, 2]])  # social, health
_NURSERY = np.array(  # employ, struct_finan, soc_health
    [
        [[0, 2, 4], [1, 2, 4], [2, 2, 4]],
        [[1, 2, 4], [1, 2, 4], [2, 2, 4]],
        [[2, 2, 4], [2, 2, 4], [2, 3, 4]],
        [[2, 2, 4], [2, 3, 4], [3, 3, 4]],
    ]
)


def load_nursery(
    *, multiclass: bool = False, return_X_y: bool = False, as_frame: bool = False
) -> Any:
    """Applications for nursery schools: very recommended (328) among 12960. All columns nominal.

    Every combination of eight properties once, 3 x 5 x 4 x 4 x 3 x 2 x 3 x 3. The table was derived
    from a hierarchy of small decision tables, and is derived from them again here.

    Parameters
    ----------
    multiclass : bool, default=False
        Keep the five labels "recommend", "very_recom", "priority", "spec_prior" and "not_recom"
        instead of 1 ("very_recom") against 0.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Return a DataFrame of ordered categories, from the best to the worst, instead of arrays.

    Returns
    -------
    Bunch or tuple
        ``data`` (12960, 8), object dtype as an array, the last column changing fastest;
        ``target`` (12960,) int, or str if ``multiclass``; ``frame``, ``feature_names``,
        ``target_names``, ``categorical_features``, ``minority``, ``DESCR``, ``source``,
        ``licence`` (CC BY 4.0), ``citation``.

    Examples
    --------
    >>> from sampkit.datasets import load_nursery
    >>> nursery = load_nursery(multiclass=True, as_frame=True)
    >>> nursery.data.shape, nursery.target.value_counts().sort_index().tolist()
    ((12960, 8), [4320, 4266, 2, 4044, 328])
    """
    codes = np.indices([len(levels) for levels in _LEVELS.values()]).reshape(len(_LEVELS), -1)
    table = pd.DataFrame(
        {
            name: pd.Categorical.from_codes(code, pd.Index(levels), ordered=True)
            for code, (name, levels) in zip(codes, _LEVELS.items(), strict=True)
        }
    )
    verdict = np.array(_VERDICTS)[_verdict_codes(codes)]
    return as_loaded(
        "nursery",
        table,
        verdict if multiclass else (verdict == "very_recom").astype(np.int64),
        minority="very_recom" if multiclass else 1,
        return_X_y=return_X_y,
        as_frame=as_frame,
        target_names=list(_VERDICTS) if multiclass else ["other", "very_recom"],
    )


def _verdict_codes(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The model, from the leaves to the root."""
    parents, has_nurs, form, children, housing, finance, social, health = codes
    return _NURSERY[
        _EMPLOY[parents, has_nurs],
        _STRUCT_FINAN[_STRUCTURE[form, children], housing, finance],
        _SOC_HEALTH[social, health],
    ]
