"""What Dask cannot do here is refused at `fit`, with what to do instead."""

from __future__ import annotations

import dask.array as da
import dask.bag
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from sampkit.combine import SMOTEENN, SMOTETomek
from sampkit.over_sampling import (
    ADASYN,
    SMOTE,
    SMOTENC,
    SVMSMOTE,
    BorderlineSMOTE,
    KMeansSMOTE,
    RandomOverSampler,
)
from sampkit.under_sampling import EditedNearestNeighbours, RandomUnderSampler, TomekLinks

Y = np.repeat([0, 1], [300, 100])


def words():
    return pd.DataFrame({"size": np.arange(400.0), "word": ["x"] * 400})


@pytest.mark.parametrize(
    "sampler",
    [
        BorderlineSMOTE(),
        ADASYN(),
        SVMSMOTE(),
        KMeansSMOTE(),
        SMOTEENN(),
        SMOTETomek(),
        EditedNearestNeighbours(),
        TomekLinks(),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
@pytest.mark.parametrize("frame", [False, True])
def test_searches_of_the_whole_table(sampler, frame):
    X = da.ones((400, 3), chunks=100)
    X = dd.from_dask_array(X, columns=list("abc")) if frame else X
    with pytest.raises(TypeError, match=rf"{type(sampler).__name__}.*X\.compute\(\)"):
        sampler.fit(X, Y)


X = da.ones((400, 3), chunks=100)
MASKED = X[da.from_array(np.ones(400, dtype=bool), chunks=100)]
BAD = [
    (SMOTE(), MASKED, Y, ValueError, r"X.*compute_chunk_sizes"),
    (SMOTE(), X, MASKED[:, 0], ValueError, r"y.*compute_chunk_sizes"),
    (SMOTE(), X[:, 0], Y, ValueError, "Expected 2D array, got 1D"),
    (SMOTE(), X[:300], Y, ValueError, "inconsistent numbers of samples"),
    (SMOTE(), X[:, :0], Y, ValueError, "0 sample"),
    (SMOTE(), X, Y[:300], ValueError, "inconsistent numbers of samples"),
    (SMOTE(), X.astype(str), Y, ValueError, "string"),
    (SMOTE(), X.astype(complex), Y, ValueError, "[Cc]omplex"),
    (SMOTE(), dd.from_pandas(words(), npartitions=2), Y, ValueError, "'word'"),
    (SMOTE(), dd.from_pandas(words(), npartitions=2)["size"], Y, ValueError, "1D"),
    (SMOTE(), dd.from_pandas(words(), npartitions=2)[["size"]], Y[1:], ValueError, "inconsistent"),
    (SMOTENC(["size"]), dd.from_pandas(words(), npartitions=2), Y, ValueError, "'word'"),
    (SMOTENC(["none"]), dd.from_pandas(words(), npartitions=2), Y, ValueError, "'none'"),
    (SMOTENC("auto"), X, Y, ValueError, "DataFrame"),
    (
        RandomOverSampler(shrinkage=1),
        dd.from_pandas(words(), npartitions=2),
        Y,
        ValueError,
        "only numerical",
    ),
    (SMOTE(), X.map_blocks(sp.csr_array, meta=sp.csr_array((0, 0))), Y, TypeError, "NumPy arrays"),
    (SMOTE(), dask.bag.from_sequence([1]), Y, TypeError, "dask.array or a dask.dataframe"),
    (SMOTE(), X, dask.bag.from_sequence([1]), TypeError, "dask.array or a dask.dataframe"),
    (SMOTE(constraints={9: "integer"}), X, Y, ValueError, "constraints"),
]


@pytest.mark.parametrize(("sampler", "X", "y", "error", "message"), BAD)
def test_bad_input_is_refused_by_fit(sampler, X, y, error, message):
    with pytest.raises(error, match=message) as raised:
        sampler.fit(X, y)
    assert len(str(raised.value)) < 400


def test_missing_values_among_the_gathered_rows():
    bad = np.ones((400, 2))
    bad[350, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        SMOTE().fit_resample(da.from_array(bad, chunks=100), Y)


def test_too_few_rare_rows_are_named_as_for_numpy():
    y = np.repeat([0, 1], [397, 3])
    with pytest.raises(ValueError, match="class 1 has 3 rows"):
        SMOTE().fit_resample(X, y)


def test_partitions_that_only_seem_alike(tools):
    frame, y = words()[["size"]], pd.Series(Y)
    lazy = tools.partitioned(frame, (100, 300)), tools.partitioned(y, (300, 100))
    with pytest.raises(ValueError, match="partitioned alike"):
        SMOTE().fit_resample(*lazy)
    X_out, _ = RandomUnderSampler(random_state=0).fit_resample(*lazy)
    with pytest.raises(ValueError, match="partitioned alike"):
        X_out.compute()
