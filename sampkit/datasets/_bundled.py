"""Real imbalanced tables that ship with the package."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any

import numpy as np
import pandas as pd

from ._catalogue import as_loaded

_SOILS = {
    1: "red soil",
    2: "cotton crop",
    3: "grey soil",
    4: "damp grey soil",
    5: "soil with vegetation stubble",
    7: "very damp grey soil",
}
_CAR_LEVELS = {
    "buying": ["low", "med", "high", "vhigh"],
    "maint": ["low", "med", "high", "vhigh"],
    "doors": ["2", "3", "4", "5more"],
    "persons": ["2", "4", "more"],
    "lug_boot": ["small", "med", "big"],
    "safety": ["low", "med", "high"],
}


def load_satimage(
    *, multiclass: bool = False, return_X_y: bool = False, as_frame: bool = False
) -> Any:
    """Landsat pixels: damp grey soil (626) against five other grounds (5809). Continuous.

    The Satimage table of the SMOTE paper. Rows that follow each other are neighbouring pixels:
    shuffle the folds.

    Parameters
    ----------
    multiclass : bool, default=False
        Keep the six labels 1, 2, 3, 4, 5, 7 instead of 1 (label 4) against 0 (the rest).
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Return a DataFrame and a Series instead of arrays.

    Returns
    -------
    Bunch or tuple
        ``data`` (6435, 36) float64 in 0..255, ``target`` (6435,) int, ``frame``,
        ``feature_names``, ``target_names``, ``categorical_features``, ``minority`` (its label),
        ``DESCR``, ``source``, ``licence`` (CC BY 4.0), ``citation``.

    Examples
    --------
    >>> from sampkit.datasets import load_satimage
    >>> satimage = load_satimage()
    >>> satimage.data.shape, int((satimage.target == satimage.minority).sum())
    ((6435, 36), 626)
    """
    with as_file(files(__package__) / "data" / "satimage.npz") as path, np.load(path) as stored:
        pixels, label = stored["pixels"], stored["label"].astype(np.int64)
    names = [f"pixel{p}_band{b}" for p in range(1, 10) for b in range(1, 5)]
    return as_loaded(
        "satimage",
        pd.DataFrame(pixels.astype(np.float64), columns=names),
        label if multiclass else (label == 4).astype(np.int64),
        minority=4 if multiclass else 1,
        return_X_y=return_X_y,
        as_frame=as_frame,
        target_names=list(_SOILS.values()) if multiclass else ["other", _SOILS[4]],
    )


def load_abalone(*, min_rings: int = 16, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Shells with many rings (261 of 4177 by default). One nominal column: a table for SMOTE-NC.

    Parameters
    ----------
    min_rings : int in [2, 29], default=16
        A shell is of the class of interest, 1, from this number of rings on.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Return a DataFrame, with ``sex`` as an unordered category, instead of arrays.

    Returns
    -------
    Bunch or tuple
        ``data`` (4177, 8), object dtype as an array; ``target`` (4177,) int; ``rings`` (4177,)
        int; ``frame``, ``feature_names``, ``target_names``, ``categorical_features``,
        ``minority``, ``DESCR``, ``source``, ``licence`` (CC BY 4.0), ``citation``.

    Raises
    ------
    ValueError
        If ``min_rings`` leaves a class empty.

    Examples
    --------
    >>> from sampkit.datasets import load_abalone
    >>> X, y = load_abalone(return_X_y=True, as_frame=True)
    >>> X.dtypes["sex"].name, int(y.sum())
    ('category', 261)
    """
    table = _read_csv("abalone.csv.gz")
    rings = table.pop("rings").to_numpy(copy=True)
    if not rings.min() < min_rings <= rings.max():
        raise ValueError(
            f"min_rings must be in [{rings.min() + 1}, {rings.max()}], got {min_rings!r}."
        )
    table["sex"] = table["sex"].astype("category")
    return as_loaded(
        "abalone",
        table,
        (rings >= min_rings).astype(np.int64),
        minority=1,
        return_X_y=return_X_y,
        as_frame=as_frame,
        target_names=[f"under {min_rings} rings", f"{min_rings} rings or more"],
        rings=rings,
    )


def load_car(*, multiclass: bool = False, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Cars judged very good (65) among 1728. All columns nominal: a table for SMOTE-N.

    Parameters
    ----------
    multiclass : bool, default=False
        Keep the four labels "unacc", "acc", "good", "vgood" instead of 1 ("vgood") against 0.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Return a DataFrame of ordered categories instead of arrays.

    Returns
    -------
    Bunch or tuple
        ``data`` (1728, 6), object dtype as an array; ``target`` (1728,) int, or str if
        ``multiclass``; ``frame``, ``feature_names``, ``target_names``, ``categorical_features``,
        ``minority``, ``DESCR``, ``source``, ``licence`` (CC BY 4.0), ``citation``.

    Examples
    --------
    >>> from sampkit.datasets import load_car
    >>> car = load_car(as_frame=True)
    >>> car.data["safety"].cat.categories.tolist(), int(car.target.sum())
    (['low', 'med', 'high'], 65)
    """
    table = _read_csv("car.csv.gz", dtype=str)
    verdict = table.pop("acceptability").to_numpy(dtype="U5")
    for column, levels in _CAR_LEVELS.items():
        table[column] = pd.Categorical(table[column], categories=levels, ordered=True)
    return as_loaded(
        "car",
        table,
        verdict if multiclass else (verdict == "vgood").astype(np.int64),
        minority="vgood" if multiclass else 1,
        return_X_y=return_X_y,
        as_frame=as_frame,
        target_names=["unacc", "acc", "good", "vgood"] if multiclass else ["other", "vgood"],
    )


def _read_csv(name: str, dtype: Any = None) -> pd.DataFrame:
    with as_file(files(__package__) / "data" / name) as path:
        return pd.read_csv(path, dtype=dtype)
