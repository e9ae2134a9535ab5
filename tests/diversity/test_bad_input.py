"""Bad calls: one line each, with the exception and the words that name parameter and value."""

from __future__ import annotations

import sys

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError

from sampkit.diversity import (
    EntropyPathDisplay,
    GreedyMaximumEntropySampler,
    greedy_max_entropy,
    greedy_max_entropy_sharded,
    swap_refine,
)

C = np.array([[1, 0, 2], [0, 1, 0], [3, 0, 0], [0, 2, 1]])
D = np.array([[1, 0], [0, 1], [1, 0], [0, 1]])
FRAME = pd.DataFrame({"doi": list("aabb"), "v": list("xyxz")})

COUNTS = {
    "none": ([], "counts must hold at least one matrix"),
    "no rows": (np.empty((0, 3), dtype=int), r"counts must have at least one row .* got \(0, 3\)"),
    "one dimension": (np.array([1, 2]), r"counts\[0\] must be two-dimensional .* got 1-d"),
    "negative": ([C, -D], r"counts\[1\] must hold whole numbers >= 0, got -1"),
    "negative, sparse": (sp.csr_array(-C), r"counts\[0\] must hold whole numbers >= 0, got -3"),
    "halves": (C / 2, r"counts\[0\] must hold whole numbers >= 0, got \[0.5\]"),
    "NaN": (np.where(C == 3, np.nan, C), r"counts\[0\] must hold whole numbers >= 0, got \[nan\]"),
    "infinite": (np.where(C == 3, np.inf, C), r"counts\[0\] must hold .* got \[inf\]"),
    "complex": (C * 1j, r"counts\[0\] must hold whole numbers"),
    "words": (np.array([["a"]]), r"counts\[0\] must hold whole numbers >= 0, got dtype <U1"),
    "rows differ": ([C, D[:3]], r"as many rows in every matrix, got \[4, 3\]"),
    "too large": ([[1], [2**40]], r"counts\[0\] must be two-dimensional"),
    "sums too large": (np.array([[1], [2**40]]), "counts must sum to at most 67108864 in every"),
    "no whole floats": (np.array([[1.0], [1e300]]), r"counts\[0\] must hold .* below 2\*\*53"),
}
FUNCTION = {
    "selector": ({"selector": "utopia"}, "selector must be one of 'dutopia', 'sum', got 'utopia'"),
    "engine": ({"engine": "fast"}, "engine must be one of 'auto', .* got 'fast'"),
    "n_select negative": ({"n_select": -1}, "n_select must be an integer >= 0, got -1"),
    "n_select fraction": ({"n_select": 2.5}, "n_select must be an integer >= 0, got 2.5"),
    "n_select bool": ({"n_select": True}, "n_select must be an integer >= 0, got True"),
    "order": ({"order": -0.5}, "order must be a finite number >= 0, got -0.5"),
    "order infinite": ({"order": np.inf}, "order must be a finite number >= 0, got inf"),
    "order word": ({"order": "two"}, "order must be a finite number >= 0, got two"),
    "order too high": ({"order": 40}, "order must be at most .* sum to .* got 40"),
    "weights length": ({"weights": [1, 2]}, r"weights must have one entry .* 1 var.* \(2,\)"),
    "weights negative": ({"weights": [-1]}, r"weights must be finite and >= 0, got \[-1.0\]"),
    "weights NaN": ({"weights": [np.nan]}, r"weights must be finite and >= 0, got \[nan\]"),
    "decimals": ({"decimals": -1}, "decimals must be an integer >= 0, got -1"),
    "decimals fraction": ({"decimals": 2.5}, "decimals must be an integer >= 0, got 2.5"),
    "n_categories few": ({"n_categories": 2}, r"n_categories must be at least the \[3\] .* \[2\]"),
    "n_categories length": ({"n_categories": [3, 3]}, "n_categories must be one integer for each"),
    "n_categories fraction": ({"n_categories": 3.5}, "n_categories must be one integer .* got 3.5"),
    "initial": ({"initial": [4]}, r"initial must hold positions in \[0, 4\), got 4"),
    "initial negative": ({"initial": [-1]}, r"initial must hold positions in \[0, 4\), got -1"),
    "initial fractions": ({"initial": [0.5]}, "initial must hold item positions .* float64"),
    "exclude": ({"exclude": [9]}, r"exclude must hold positions in \[0, 4\), got 9"),
    "exclude mask": ({"exclude": [True, False]}, "exclude must hold item positions .* bool"),
    "quotas alone": ({"quotas": 2}, "quotas need strata, got quotas=2 and strata=None"),
    "quotas negative": (
        {"strata": [0, 0, 1, 1], "quotas": -2},
        "quotas must be an integer >= 0, got -2",
    ),
    "quotas unknown": (
        {"strata": [0, 0, 1, 1], "quotas": {5: 1}},
        r"quotas must name strata that occur, got '5'; strata are \[0, 1\]",
    ),
    "quotas fraction": (
        {"strata": [0, 0, 1, 1], "quotas": {1: 0.5}},
        r"quotas\['1'\] must be an integer >= 0, got 0.5",
    ),
    "strata length": ({"strata": [0, 1]}, r"strata must have one entry .* 4 items, got .*\(2,\)"),
    "strata missing": (
        {"strata": np.array(["a", None, "a", "a"], dtype=object), "quotas": 1},
        "strata must not be missing, got NaN",
    ),
    "costs": ({"costs": [1, 1, 0, 1]}, "costs must be finite and > 0, got 0.0"),
    "costs length": ({"costs": [1, 1]}, r"costs must have one entry .* 4 items, got .*\(2,\)"),
    "costs NaN": ({"costs": [1, np.nan, 1, 1]}, "costs must be finite and > 0, got nan"),
    "candidates": ({"candidates": 0}, "candidates must be an integer >= 1, got 0"),
    "candidates fraction": ({"candidates": 1.5}, "candidates must be an integer >= 1, got 1.5"),
    "random_state": ({"random_state": "seed"}, "random_state must be .* got 'seed'"),
}
SHARDED = {
    "method": (([C],), {"method": "fast"}, "method must be one of 'exact', .* got 'fast'"),
    "none": (([],), {}, "shards must hold at least one entry"),
    "no items": (([C[:0], C[:0]],), {}, "shards must hold at least one item together"),
    "columns differ": (([C, D],), {}, r"shards must have the same columns, got \[\[3\], \[2\]\]"),
    "variables differ": (([[C, D], C],), {}, r"the same columns, got \[\[3, 2\], \[3\]\]"),
    "k_per_shard": (([C],), {"k_per_shard": 0}, "k_per_shard must be an integer >= 1, got 0"),
    "n_select": (([C], -1), {}, "n_select must be an integer >= 0, got -1"),
    "selector": (([C],), {"selector": "max"}, "selector must be one of .* got 'max'"),
    "weights": (([C],), {"weights": [1, 1]}, "weights must have one entry"),
    "order": (([C],), {"order": 50.0}, "order must be at most .* got 50"),
    "n_categories": (([C],), {"n_categories": 1}, "n_categories must be at least"),
}
SAMPLER = {
    "n_select": ({"n_select": -1}, "'n_select' parameter .* Got -1"),
    "n_select fraction": ({"n_select": 1.5}, "'n_select' parameter .* Got 1.5"),
    "selector": ({"selector": "best"}, "'selector' parameter .* Got 'best'"),
    "missing": ({"missing": "drop"}, "'missing' parameter .* Got 'drop'"),
    "order": ({"order": -1}, "'order' parameter .* Got -1"),
    "candidates": ({"candidates": 0}, "'candidates' parameter .* Got 0"),
    "engine": ({"engine": "gpu"}, "'engine' parameter .* Got 'gpu'"),
    "decimals": ({"decimals": -2}, "'decimals' parameter .* Got -2"),
    "binarize": ({"binarize": "yes"}, "'binarize' parameter .* Got 'yes'"),
    "weights": ({"weights": [1.0, 2.0]}, r"weights must have one entry .* got shape \(2,\)"),
    "weights negative": ({"weights": [-1.0]}, "weights must be finite and >= 0"),
    "on: none": ({"on": []}, r"on must name at least one column, got \[\]"),
}


@pytest.mark.parametrize(("counts", "message"), COUNTS.values(), ids=COUNTS)
def test_counts(counts, message):
    with pytest.raises(ValueError, match=message):
        greedy_max_entropy(counts)


@pytest.mark.parametrize(("options", "message"), FUNCTION.values(), ids=FUNCTION)
def test_function(options, message):
    before = C.copy()
    with pytest.raises(ValueError, match=message) as raised:
        greedy_max_entropy(C, **options)
    assert len(str(raised.value)) < 400
    np.testing.assert_array_equal(C, before)


@pytest.mark.parametrize(("args", "options", "message"), SHARDED.values(), ids=SHARDED)
def test_sharded(args, options, message):
    with pytest.raises(ValueError, match=message):
        greedy_max_entropy_sharded(*args, **options)


def test_sharded_client():
    with pytest.raises(TypeError, match=r"client must be a distributed.Client, got str"):
        greedy_max_entropy_sharded([C], client="localhost")


@pytest.mark.parametrize(("options", "message"), SAMPLER.values(), ids=SAMPLER)
def test_sampler(options, message):
    with pytest.raises(ValueError, match=message):
        GreedyMaximumEntropySampler(**({"item": "doi"} | options)).fit(FRAME)


@pytest.mark.parametrize("options", [{"item": "pmid"}, {"item": "doi", "on": ["v", "w"]}])
def test_no_such_column(options):
    with pytest.raises(KeyError, match="is not a column of X; columns are"):
        GreedyMaximumEntropySampler(**options).fit(FRAME)


def test_tables():
    gme = GreedyMaximumEntropySampler(item="doi")
    lacking = FRAME.assign(doi=["a", None, "b", "b"])
    with pytest.raises(ValueError, match=r"item column 'doi' must not hold missing .* row 1"):
        gme.fit(lacking)
    with pytest.raises(ValueError, match=r"column 'v' of X must not hold missing .* row 2"):
        GreedyMaximumEntropySampler(item="doi", missing="error").fit(
            FRAME.assign(v=["x", "y", None, "z"])
        )
    with pytest.raises(ValueError, match="0 sample"):
        gme.fit(FRAME.iloc[:0])
    with pytest.raises(ValueError, match=r"got both \(item='doi'\)"):
        gme.fit(FRAME, groups=[0, 0, 1, 1])
    with pytest.raises(ValueError, match="item names a column of a data frame, got item='doi'"):
        gme.fit(FRAME.to_numpy())
    with pytest.raises(ValueError, match="X has 4 rows, y has 3"):
        gme.fit(FRAME, [0, 1, 1])


def test_arrays():
    X = FRAME.to_numpy()
    gme = GreedyMaximumEntropySampler()
    with pytest.raises(ValueError, match=r"groups must have one entry .* 4 rows, got 3"):
        gme.fit(X, groups=[0, 1, 1])
    with pytest.raises(ValueError, match="groups must not hold missing values, got NaN in row 3"):
        gme.fit(X, groups=[0.0, 1.0, 1.0, np.nan])
    with pytest.raises(ValueError, match=r"groups must be one-dimensional, got shape \(4, 2\)"):
        gme.fit(X, groups=X)
    for wrong in (2, -3, "v", 0.5):
        with pytest.raises(ValueError, match=r"on must hold column numbers in \[0, 2\)"):
            GreedyMaximumEntropySampler(on=[wrong]).fit(X)
    with pytest.raises(ValueError, match="on must be None for a sparse matrix"):
        GreedyMaximumEntropySampler(on=[0]).fit(sp.csr_array(C))
    with pytest.raises(ValueError, match="must hold whole numbers"):
        gme.fit(sp.csr_array(C * 0.3))


def test_dask_is_for_the_sharded_function():
    with pytest.raises(TypeError, match="use greedy_max_entropy_sharded"):
        GreedyMaximumEntropySampler().fit(da.ones((4, 2)))


def test_chunks_have_the_same_columns():
    gme = GreedyMaximumEntropySampler(2, item="doi").partial_fit(FRAME)
    with pytest.raises(ValueError, match="feature names should match"):
        gme.partial_fit(FRAME.rename(columns={"v": "w"}))


def test_suggest_size():
    with pytest.raises(NotFittedError):
        GreedyMaximumEntropySampler().suggest_size()
    gme = GreedyMaximumEntropySampler(item="doi").fit(FRAME)
    for options, message in (
        ({"method": "elbow"}, "method must be one of 'max', 'knee', 'patience', got 'elbow'"),
        ({"method": "patience", "patience": 0}, "patience must be an integer >= 1, got 0"),
        ({"tol": -1.0}, "tol must be a number >= 0, got -1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            gme.suggest_size(**options)


@pytest.mark.parametrize("method", ["plot", "summary"])
def test_before_fit(method):
    with pytest.raises(NotFittedError):
        getattr(GreedyMaximumEntropySampler(), method)()
    with pytest.raises(NotFittedError):
        EntropyPathDisplay.from_estimator(GreedyMaximumEntropySampler())


def test_swap_refine():
    for ranking, options, message in (
        ([0, 0], {}, "ranking must hold every position once"),
        ([7], {}, r"ranking must hold positions in \[0, 4\), got 7"),
        ([0], {"exclude": [0]}, "no item of initial or exclude, got 0"),
        ([0], {"max_passes": 0}, "max_passes must be an integer >= 1, got 0"),
        ([0], {"selector": "x"}, "selector must be one of"),
    ):
        with pytest.raises(ValueError, match=message):
            swap_refine(C, ranking, **options)


def test_without_numba(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match=r"needs numba: pip install sampkit\[fast\]"):
        greedy_max_entropy(C, engine="numba")
    assert len(greedy_max_entropy(C)[0]) == 4
