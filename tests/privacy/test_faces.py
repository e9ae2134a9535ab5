"""The faces of pandas, dask and scikit-learn: one pipeline, one table, the same errors."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import clone, config_context
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.estimator_checks import (
    check_estimator,
    check_pipeline_consistency,
    check_transformer_data_not_an_array,
    check_transformer_general,
)

from sampkit.privacy import (
    FrequencyEstimator,
    LDPAggregator,
    LDPClient,
    LDPSchema,
    LDPTransformer,
    PrivacyWarning,
    estimate_frequencies,
)

DOMAIN = {"browser": ["ff", "chrome", "safari"], "age": [10, 20, 30, 40], "beta": [False, True]}
SHARES = {"browser": [0.6, 0.3, 0.1], "age": [0.1, 0.4, 0.3, 0.2], "beta": [0.75, 0.25]}
LEARNS = pytest.mark.filterwarnings("ignore::sampkit.privacy.PrivacyWarning")


def records(n: int = 4000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({a: rng.choice(DOMAIN[a], size=n, p=SHARES[a]) for a in DOMAIN})


# --- estimate_frequencies -----------------------------------------------------------------------


def test_one_call_is_client_and_aggregator():
    df = records()
    schema = LDPSchema(DOMAIN, 1.5, protocol="oue-z", privacy_unit="attribute")
    reports = LDPClient(schema, random_state=7).privatize_many(df)
    expected = LDPAggregator(schema).partial_fit(reports).estimate(postprocess="simplex")
    table = estimate_frequencies(
        df,
        1.5,
        categories=DOMAIN,
        random_state=7,
        postprocess="simplex",
        protocol="oue-z",
        privacy_unit="attribute",
    )
    pd.testing.assert_frame_equal(table, expected)
    assert list(table.columns[:4]) == ["estimate", "std_error", "ci_low", "ci_high"]
    assert table.index.tolist() == [(a, v) for a in DOMAIN for v in DOMAIN[a]]


def test_reports_are_made_a_piece_at_a_time(monkeypatch):
    from sampkit.privacy import _pandas

    df, schema = records(1000), LDPSchema(DOMAIN, 1.0, protocol="grr")
    whole = _pandas.collect(schema, df)
    monkeypatch.setattr(_pandas, "ROWS", 300)
    assert _pandas.collect(schema, df).n_reports_ == whole.n_reports_ == 1000


def test_further_columns_and_other_names():
    df = records().assign(note=lambda f: np.arange(len(f)))
    table = estimate_frequencies(df, 1.0, categories=DOMAIN)
    assert table.index.get_level_values(0).unique().tolist() == list(DOMAIN)
    numbered = records().set_axis([3, 1, 2], axis=1)
    table = estimate_frequencies(numbered, 1.0, categories=list(DOMAIN.values()))
    assert table.index.get_level_values(0).unique().tolist() == ["3", "1", "2"]


def test_a_learned_domain_warns_and_is_in_order():
    df = records(500).astype({"browser": pd.CategoricalDtype(["safari", "ff", "chrome", "edge"])})
    with pytest.warns(PrivacyWarning, match="reads the categories off the data"):
        table = estimate_frequencies(df, 1.0)
    assert table.loc["browser"].index.tolist() == ["safari", "ff", "chrome", "edge"]
    assert table.loc["age"].index.tolist() == [10, 20, 30, 40]
    assert table.loc["beta"].index.tolist() == [False, True]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimate_frequencies(
            df.drop(columns="browser"), 1.0, categories=[DOMAIN["age"], [False, True]]
        )


def test_polars_frames_too():
    pl = pytest.importorskip("polars")
    df = records(500)
    expected = estimate_frequencies(df, 1.0, categories=DOMAIN, random_state=1)
    same = estimate_frequencies(
        pl.DataFrame(df.to_dict("list")), 1.0, categories=DOMAIN, random_state=1
    )
    pd.testing.assert_frame_equal(same, expected)


def test_dask_partitions_send_counts_only():
    dd = pytest.importorskip("dask.dataframe")
    df = records(30_000)
    lazy = dd.from_pandas(df, npartitions=3)
    table = estimate_frequencies(lazy, 3.0, categories=DOMAIN, random_state=0, protocol="oue-z")
    again = estimate_frequencies(lazy, 3.0, categories=DOMAIN, random_state=0, protocol="oue-z")
    pd.testing.assert_frame_equal(table, again)
    truth = np.concatenate([df[a].value_counts(normalize=True).reindex(DOMAIN[a]) for a in DOMAIN])
    # nine z scores: P(some beyond 5) < 6e-6
    assert (abs(table["estimate"] - truth) < 5 * table["std_error"]).all()
    secure = estimate_frequencies(lazy, 3.0, categories=DOMAIN, protocol="oue-z")
    assert not secure.equals(table)
    with pytest.warns(PrivacyWarning):
        learned = estimate_frequencies(lazy, 3.0, random_state=0)
    assert learned.loc["age"].index.tolist() == DOMAIN["age"]


@pytest.mark.parametrize(
    ("df", "options", "error", "message"),
    [
        ([["a"]], {}, TypeError, "df must be a data frame, got list"),
        (records(9), {"categories": {"zip": ["1", "2"]}}, ValueError, "'zip', which is no column"),
        (records(9), {"categories": [["a", "b"]]}, ValueError, "each of 3 columns, got 1"),
        (records(9), {"categories": "ab"}, ValueError, "must be a dict, a list or None, got 'ab'"),
        (
            records(9),
            {"categories": {**DOMAIN, "age": [1, 2]}},
            ValueError,
            "'age' has no category",
        ),
        (records(9), {"categories": DOMAIN, "solution": "best"}, ValueError, "solution must be"),
        (records(9).assign(age=None), {}, ValueError, "'age' has missing values"),
        (records(9).set_axis(["a", "b", "a"], axis=1), {}, ValueError, "different names"),
        (records(9).assign(age=1), {}, ValueError, "at least 2 categories, got 1"),
    ],
)
@LEARNS
def test_bad_calls_are_named(df, options, error, message):
    with pytest.raises(error, match=message):
        estimate_frequencies(df, 1.0, **options)


# --- scikit-learn -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator",
    [
        LDPTransformer(),
        LDPTransformer(solution="rsfd"),
        FrequencyEstimator(),
        FrequencyEstimator(solution="rsfd", protocol="oue-z", privacy_unit="attribute"),
    ],
    ids=str,
)
# some checks fit 40 rows of 10 columns without a seed: one fit in ten leaves an attribute out
@pytest.mark.filterwarnings("ignore:nobody reported on attribute:RuntimeWarning")
@LEARNS
def test_all_checks_of_scikit_learn(estimator):
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    assert [r for r in results if r["status"] == "failed"] == []
    skipped = {r["check_name"] for r in results if r["status"] == "skipped"}
    # A tag makes scikit-learn skip these; test_checks_that_randomness_skips runs them.
    left = {"check_transformer_general", "check_transformer_data_not_an_array"}
    left |= {"check_pipeline_consistency"}
    assert skipped <= (left if isinstance(estimator, LDPTransformer) else set())


class _Seeded(LDPTransformer):
    """Says that it is deterministic, which a fixed seed makes true."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = False
        return tags


@pytest.mark.parametrize("solution", ["spl", "rsfd"])
@pytest.mark.parametrize(
    "check",
    [
        check_transformer_general,
        check_transformer_data_not_an_array,
        check_pipeline_consistency,
    ],
)
@LEARNS
def test_checks_that_randomness_skips(check, solution):
    check("_Seeded", _Seeded(solution=solution, random_state=0))


@pytest.mark.parametrize("solution", ["spl", "rsfd"])
@pytest.mark.parametrize("unit", ["tuple", "attribute"])
def test_transformed_rows_are_the_schemas_channel(solution, unit):
    domain = [[0, 1], ["a", "b", "c"]]
    X = np.tile(np.array([[1, "b"]], dtype=object), (200_000, 1))
    transformer = LDPTransformer(
        1.0, solution, categories=domain, privacy_unit=unit, random_state=3
    ).fit(X)
    out = transformer.transform(X)
    codes = 3 * out[:, 0].astype(int) + np.searchsorted(["a", "b", "c"], out[:, 1].astype(str))
    observed = np.bincount(codes, minlength=6)
    expected = len(X) * transformer.schema_.channel()[3 * 1 + 1]
    # chi-square with 5 degrees of freedom; false alarm 1e-6
    assert ((observed - expected) ** 2 / expected).sum() < 35.9


def test_what_comes_in_goes_out():
    df = records(50).astype({"browser": "category"}).set_index(np.arange(50) * 2)
    df["browser"] = df["browser"].cat.set_categories(DOMAIN["browser"])
    out = LDPTransformer(categories=DOMAIN).fit_transform(df)
    assert out.dtypes.equals(df.dtypes)
    assert out.index.equals(df.index)
    assert out.columns.equals(df.columns)
    ints = np.array([[0, 1], [1, 0]], dtype=np.int8)
    assert LDPTransformer(categories=[2, 2]).fit_transform(ints).dtype == np.int8
    # where the dtype cannot hold a category, another one does
    wide = LDPTransformer(categories=[["a", "abc"]], random_state=1).fit_transform([["a"]] * 50)
    assert set(wide[:, 0]) == {"a", "abc"}
    numbers = pd.DataFrame({"x": np.ones(50, dtype=int)})
    mixed = LDPTransformer(categories={"x": [1, 2.5]}, random_state=1).fit_transform(numbers)
    assert set(mixed["x"]) == {1, 2.5}


def test_polars_and_set_output():
    pl = pytest.importorskip("polars")
    df = pl.DataFrame(records(50).to_dict("list"))
    out = LDPTransformer(categories=DOMAIN).fit_transform(df)
    assert out.schema == df.schema
    with config_context(transform_output="pandas"):
        X = records(5).to_numpy()
        framed = LDPTransformer(categories=list(DOMAIN.values())).fit_transform(X)
    assert list(framed.columns) == ["x0", "x1", "x2"]


def test_in_a_pipeline_before_an_encoder():
    model = make_pipeline(LDPTransformer(5.0, categories=DOMAIN, random_state=0), OneHotEncoder())
    assert clone(model).fit_transform(records(500)).shape == (500, 9)


def test_frequency_estimator_is_estimate_frequencies():
    df = records()
    estimator = FrequencyEstimator(2.0, categories=DOMAIN, postprocess="simplex", random_state=5)
    estimator.fit(df)
    pd.testing.assert_frame_equal(
        estimator.table_,
        estimate_frequencies(
            df, 2.0, categories=DOMAIN, postprocess="simplex", random_state=5, solution="auto"
        ),
    )
    assert [len(f) for f in estimator.frequencies_] == [3, 4, 2]
    np.testing.assert_allclose([f.sum() for f in estimator.frequencies_], 1)
    assert estimator.schema_.solution == "smp"
    assert list(estimator.feature_names_in_) == list(DOMAIN)


@pytest.mark.parametrize("face", [LDPTransformer, FrequencyEstimator])
def test_bad_input_of_estimators(face):
    df = records(20)
    with pytest.warns(PrivacyWarning):
        face().fit(df)
    with pytest.raises(ValueError, match="every column of X, got none for 'beta'"):
        face(categories={"browser": ["ff", "x"], "age": [1, 2]}).fit(df)
    with pytest.raises(ValueError, match="n_features=1"):
        face(solution="rsfd", categories=[2]).fit([[0], [1]])
    for epsilon in (0, -1.0, np.inf, np.nan, True):
        with pytest.raises(ValueError, match="epsilon must be"):
            face(epsilon=epsilon, categories=DOMAIN).fit(df)


def test_bad_input_of_the_transformer():
    df = records(20)
    fitted = LDPTransformer(categories=DOMAIN).fit(df)
    with pytest.raises(ValueError, match="attribute 'browser' has no category 'lynx'"):
        fitted.transform(df.assign(browser="lynx"))
    with pytest.raises(ValueError, match="solution must be one of 'spl', 'rsfd', got 'smp'"):
        LDPTransformer(solution="smp", categories=DOMAIN).fit(df)
    with pytest.raises(ValueError, match="protocol must be one of 'grr', got 'oue-z'"):
        LDPTransformer(solution="rsfd", protocol="oue-z", categories=DOMAIN).fit(df)
