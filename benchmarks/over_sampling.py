"""The SMOTE family against imbalanced-learn: ``fit_resample`` end to end, default threads."""

from __future__ import annotations

from typing import Any

import imblearn
import imblearn.over_sampling as peer
import numpy as np
import scipy.sparse as sp

import sampkit.over_sampling as ours
from benchmarks._measure import Case

PEER = f"imbalanced-learn {imblearn.__version__}"


def rows(n_min: int, n_maj: int, d: int, dtype: Any = np.float64) -> tuple[Any, Any]:
    """Gaussian rows, the worst case of a neighbour search: no structure to use."""
    X = np.random.default_rng(0).normal(size=(n_min + n_maj, d)).astype(dtype)
    return X, np.repeat([1, 0], [n_min, n_maj])


def nbytes(result: tuple[Any, Any]) -> int:
    """Bytes of what `fit_resample` returned."""
    X, y = result
    held = (X.data, X.indices, X.indptr) if sp.issparse(X) else (X,)
    return sum(part.nbytes for part in held) + y.nbytes


def pair(
    name: str,
    sampler: str,
    X: Any,
    y: Any,
    *args: Any,
    target: float,
    rounds: int = 5,
    **params: Any,
) -> Case:
    """One sampler of both libraries with the same parameters on the same rows."""
    mine = getattr(ours, sampler)(*args, random_state=0, **params)
    theirs = getattr(peer, sampler)(*args, random_state=0, **params)
    return Case(
        name,
        lambda: mine.fit_resample(X, y),
        lambda: theirs.fit_resample(X, y),
        PEER,
        target,
        rounds,
        nbytes,
    )


def mixed_rows() -> tuple[Any, Any]:
    """2000 / 18 000 rows of 10 numeric columns and 4 nominal ones of 30 levels."""
    X, y = rows(2000, 18_000, 10)
    levels = np.random.default_rng(1).integers(30, size=(len(X), 4))
    return np.hstack([X, levels]), y


def nominal_rows() -> tuple[Any, Any]:
    """2000 / 10 000 rows of 8 nominal columns of 8 levels."""
    levels = np.random.default_rng(1).integers(8, size=(12_000, 8))
    return levels.astype(object), np.repeat([1, 0], [2000, 10_000])


def sparse_rows() -> tuple[Any, Any]:
    """12 000 x 8000 with 0.4 % of the cells filled."""
    X = sp.random(12_000, 8000, density=0.004, format="csr", random_state=0)
    return sp.csr_matrix(X), np.repeat([1, 0], [2000, 10_000])


def cases() -> dict[str, list[Case]]:
    """Tables of this family."""
    wide, wide32 = rows(2000, 20_000, 500), rows(2000, 20_000, 500, np.float32)
    middle, few = rows(2000, 20_000, 20), rows(20_000, 40_000, 30)
    speed = [
        pair("SMOTE 20000/40000 x 30", "SMOTE", *few, target=1.7),
        pair("SMOTE 20000/40000 x 10", "SMOTE", *rows(20_000, 40_000, 10), target=4),
        pair("SMOTE 20000/40000 x 5", "SMOTE", *rows(20_000, 40_000, 5), target=1.4),
        pair("SMOTE 2000/20000 x 500", "SMOTE", *wide, target=3),
        pair("SMOTE 2000/20000 x 500 float32", "SMOTE", *wide32, target=3.5),
        pair("SMOTE 20000->24000 x 30", "SMOTE", *few, target=6, sampling_strategy={1: 24_000}),
        pair("SMOTE 400/4000 x 12", "SMOTE", *rows(400, 4000, 12), target=1, rounds=15),
        pair("SMOTE sparse 12000 x 8000", "SMOTE", *sparse_rows(), target=1.1),
        pair("SMOTENC 2000/18000, 4 x 30 levels", "SMOTENC", *mixed_rows(), [10, 11, 12, 13],
             target=7),
        pair("SMOTEN 2000/10000 x 8", "SMOTEN", *nominal_rows(), target=10, rounds=3),
        pair("BorderlineSMOTE 2000/20000 x 20", "BorderlineSMOTE", *middle, target=2),
        pair("ADASYN 2000/20000 x 20", "ADASYN", *middle, target=2),
    ]  # fmt: skip
    return {"Speed and memory": speed, **growth()}


def growth() -> dict[str, list[Case]]:
    """How the time of SMOTE grows with the class, the columns and the majority."""
    smote = ours.SMOTE(random_state=0)
    fixed = ours.SMOTE(sampling_strategy={1: 3000}, random_state=0)

    def case(name: str, size: int, sampler: Any, X: Any, y: Any) -> Case:
        return Case(name, lambda: sampler.fit_resample(X, y), size=size, rounds=3)

    sizes, columns = (5000, 10_000, 20_000), (50, 100, 200)
    majorities = (20_000, 40_000, 80_000)
    return {
        "Growth with the class (search: quadratic)": [
            case(f"n_c = {n}, d = 30", n, smote, *rows(n, 2 * n, 30)) for n in sizes
        ],
        "Growth with the columns (linear)": [
            case(f"n_c = 4000, d = {d}", d, smote, *rows(4000, 8000, d)) for d in columns
        ],
        "Growth with the majority, 1000 rows made (the copy only)": [
            case(f"n_maj = {n}, d = 30", n, fixed, *rows(2000, n, 30)) for n in majorities
        ],
    }
