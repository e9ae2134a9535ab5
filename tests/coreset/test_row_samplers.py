"""The five samplers: what they draw, how often, from what, and what they refuse."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sampkit.compose import ResampledClassifier, ResampledRegressor
from sampkit.coreset import (
    LeverageScoreSampler,
    LewisWeightSampler,
    LpSensitivitySampler,
    RootLeverageSampler,
    UniformRowSampler,
    leverage_scores,
    lewis_weights,
    lp_sensitivities,
    subspace_distortion,
)

SAMPLERS = {
    "uniform": UniformRowSampler(),
    "leverage": LeverageScoreSampler(),
    "tail": LeverageScoreSampler(ridge="tail", rank=2, center=True),
    "lewis-1": LewisWeightSampler(p=1.0),
    "lewis-3": LewisWeightSampler(p=3.0, combine="leverage"),
    "sensitivity-1": LpSensitivitySampler(p=1.0),
    "sensitivity-4": LpSensitivitySampler(p=4.0),
    "root": RootLeverageSampler(p=1.0),
    "root-one-level": RootLeverageSampler(p=1.5, n_levels=1),
}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_t(3, size=(400, 4))
    return X, X @ [1.0, -2.0, 0.5, 0.0] + rng.normal(size=400), rng.integers(0, 3, size=400)


@pytest.fixture(params=SAMPLERS.values(), ids=SAMPLERS.keys())
def sampler(request):
    return clone(request.param).set_params(n_samples=60, random_state=0)


def test_rows_weights_and_attributes(sampler, data):
    X, y, _ = data
    X_s, y_s = sampler.fit_resample(X, y)
    rows, q = sampler.sample_indices_, sampler.inclusion_probabilities_
    assert len(rows) == 60
    assert (np.diff(rows) > 0).all()
    assert_array_equal(X_s, X[rows])
    assert_array_equal(y_s, y[rows])
    assert_allclose(sampler.sample_weight_, 1 / q[rows], rtol=1e-12)
    assert (sampler.sample_weight_ >= 1).all()
    assert sampler.scores_.shape == q.shape == (400,)
    assert_allclose(sampler.total_score_, sampler.scores_.sum())
    if not isinstance(sampler, RootLeverageSampler):
        assert_allclose(q.sum(), 60, rtol=1e-9)
    fitted = clone(sampler).fit(X, y)
    assert_array_equal(fitted.sample_indices_, rows)
    assert_array_equal(fitted.propagate(y), y_s)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).sample_weight_, sampler.sample_weight_)
    assert not hasattr(sampler, "distortion_")


def test_scores_are_those_of_the_functions(data):
    X, y, _ = data
    ones, both = np.c_[np.ones(400), X], np.c_[np.ones(400), X, y]
    weight = np.random.default_rng(1).integers(1, 4, size=400)

    def scores(sampler, **kw):
        return sampler.fit(X, y, **kw).scores_

    assert_allclose(scores(UniformRowSampler()), 1)
    assert_allclose(scores(UniformRowSampler(), sample_weight=weight), weight)
    assert_allclose(scores(LeverageScoreSampler()), leverage_scores(ones))
    assert_allclose(scores(LeverageScoreSampler(fit_intercept=False)), leverage_scores(X))
    assert_allclose(scores(LeverageScoreSampler(target="Xy")), leverage_scores(both))
    assert_allclose(
        scores(LeverageScoreSampler(), sample_weight=weight),
        leverage_scores(ones, sample_weight=weight),
    )
    assert_allclose(
        scores(LeverageScoreSampler(ridge="tail", rank=2, center=True)),
        leverage_scores(X - X.mean(axis=0), ridge="tail", rank=2),
    )
    assert_allclose(
        scores(LeverageScoreSampler(center=True), sample_weight=weight),
        leverage_scores(X - np.average(X, axis=0, weights=weight), sample_weight=weight),
        rtol=1e-6,
    )
    assert_allclose(
        scores(LewisWeightSampler(p=3, combine="leverage", tol=1e-8), sample_weight=weight),
        lewis_weights(ones, 3, sample_weight=weight, tol=1e-8)
        # the lp rows c^(1/3) a, whose leverage is that of weights c^(2/3)
        + leverage_scores(ones, sample_weight=weight ** (2 / 3)),
        rtol=1e-6,
    )
    sigma = lp_sensitivities(ones, 4, tol=1e-6)
    plain = LpSensitivitySampler(p=4, combine=None, tol=1e-6)
    assert_allclose(scores(plain), sigma, rtol=1e-6)
    copies = np.maximum(np.ceil(sigma * 400 / sigma.sum()), 1)
    assert_allclose(
        scores(clone(plain).set_params(combine="leverage")),
        sigma + leverage_scores(ones * copies[:, None] ** 0.25),
        rtol=1e-5,
    )
    assert_allclose(
        scores(LpSensitivitySampler(p=1, tol=1e-6)),
        lp_sensitivities(ones, 1, tol=1e-6) + leverage_scores(ones),
        rtol=1e-5,
    )
    assert_allclose(scores(RootLeverageSampler(p=1.5)), leverage_scores(ones) ** 0.75)


def test_sizes(data):
    X, _, _ = data
    for size, m in [(7, 7), (0.1, 40), (1.0, 400), (1000, 400), (0.0001, 1)]:
        sampler = LeverageScoreSampler(n_samples=size, random_state=0)
        if m < 5:
            with pytest.warns(UserWarning, match="n_samples=1 is less than the rank 5"):
                sampler.fit(X)
        else:
            sampler.fit(X)
        assert len(sampler.sample_indices_) == m
    everything = LeverageScoreSampler(n_samples=1.0).fit(X)
    assert_array_equal(everything.sample_weight_, 1)
    with pytest.warns(UserWarning, match="n_samples=5 is less than the rank 6"):
        LeverageScoreSampler(n_samples=5, target="Xy").fit(X, np.arange(400.0) ** 2)


@pytest.mark.parametrize("scheme", ["pivotal", "poisson", "multinomial"])
def test_inclusion_probabilities_and_totals(scheme):
    """600 draws: every row, and a total, within 5 sd; 41 comparisons, false alarm about 2e-5.

    `sample_rows` itself is drawn from more often, in the tests of its own.
    """
    rng = np.random.default_rng(0)
    X = rng.standard_t(2, size=(40, 2))
    values = rng.random(40)
    generator = np.random.default_rng(1)
    counts, totals = np.zeros(40), []
    sampler = LewisWeightSampler(n_samples=12, scheme=scheme, random_state=generator)
    for _ in range(600):
        sampler.fit(X)
        counts[sampler.sample_indices_] += 1
        totals.append(sampler.sample_weight_ @ sampler.propagate(values))
        if scheme in ("pivotal", "systematic"):
            assert len(sampler.sample_indices_) == 12
    q = sampler.inclusion_probabilities_
    if scheme != "multinomial":  # there q is the expected number of draws
        deviation = np.sqrt(np.maximum(q * (1 - q), 1e-12) / 600)
        assert (np.abs(counts / 600 - q) <= 5 * deviation + 1e-12).all()
    error = np.std(totals, ddof=1) / np.sqrt(600)
    assert abs(np.mean(totals) - values.sum()) <= 5 * error


def test_recursion_is_unbiased():
    """600 draws through three levels; the total within 5 sd: false alarm 6e-7."""
    rng = np.random.default_rng(0)
    X, values = rng.standard_t(2, size=(60, 2)), rng.random(60)
    generator = np.random.default_rng(1)
    totals = []
    sampler = RootLeverageSampler(n_samples=10, random_state=generator)
    for _ in range(600):
        sampler.fit(X)
        totals.append(sampler.sample_weight_ @ sampler.propagate(values))
        assert len(sampler.sample_indices_) == 10
    error = np.std(totals, ddof=1) / np.sqrt(600)
    assert abs(np.mean(totals) - values.sum()) <= 5 * error


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(20, 120),
    share=st.floats(0.1, 1.0),
    scheme=st.sampled_from(["pivotal", "systematic"]),
    order=st.sampled_from(["kd", None]),
    mix=st.sampled_from([0.0, 1.0]),
)
def test_size_order_and_weights_whatever_the_data(seed, n, share, scheme, order, mix):
    X = np.random.default_rng(seed).standard_t(2, size=(n, 2))
    m = max(round(share * n), 3)
    sampler = LewisWeightSampler(
        n_samples=m, scheme=scheme, order=order, uniform_mix=mix, random_state=seed
    ).fit(X)
    assert len(sampler.sample_indices_) == m
    assert (np.diff(sampler.sample_indices_) > 0).all()
    assert (sampler.sample_weight_ >= 1).all()
    assert_allclose(sampler.inclusion_probabilities_.sum(), m, rtol=1e-9)


def test_chunks_and_containers_change_nothing(sampler, data):
    X, y, _ = data
    sampler.set_params(target="Xy")
    sampler.fit_resample(X, y)
    rows = sampler.sample_indices_
    index = np.arange(400) * 3
    frame = pd.DataFrame(X, columns=list("abcd"), index=index).astype({"a": np.float64})
    X_s, y_s = sampler.fit_resample(frame, pd.Series(y, index=index, name="y"))
    assert_array_equal(sampler.sample_indices_, rows)
    assert_array_equal(X_s.index, index[rows])
    assert_array_equal(y_s.index, X_s.index)
    assert_array_equal(sampler.feature_names_in_, list("abcd"))
    for kind in (sp.csr_matrix, sp.csc_array, np.asfortranarray, np.ndarray.tolist):
        X_s, _ = sampler.fit_resample(kind(X), y)
        assert type(X_s) is type(kind(X))
        assert_array_equal(X_s.toarray() if sp.issparse(X_s) else np.asarray(X_s), X[rows])
    polars = pytest.importorskip("polars")
    X_s, y_s = sampler.fit_resample(polars.DataFrame(X), polars.Series("y", y))
    assert isinstance(X_s, polars.DataFrame)
    assert isinstance(y_s, polars.Series)
    assert_array_equal(X_s.to_numpy(), X[rows])
    single, _ = sampler.fit_resample(X.astype(np.float32), y)
    assert single.dtype == np.float32


def test_dask_rows_stay_lazy(sampler, data):
    da = pytest.importorskip("dask.array")
    X, y, _ = data
    # one order for both: float32 whitening decides ties of the k-d order
    sampler.set_params(order=None, target="Xy")
    sampler.fit_resample(X, y)
    rows = sampler.sample_indices_
    lazy = da.from_array(X, chunks=(90, 4))
    X_s, y_s = sampler.fit_resample(lazy, da.from_array(y, chunks=90))
    assert isinstance(X_s, da.Array)
    assert isinstance(y_s, da.Array)
    assert_array_equal(sampler.sample_indices_, rows)
    assert_array_equal(X_s.compute(scheduler="sync"), X[rows])
    sampler.set_params(order="kd", n_samples=100)
    assert len(sampler.fit(lazy, y).sample_indices_) == 100


def test_cupy(fake_cupy, data):
    X, y, _ = data
    for sampler in (UniformRowSampler(), LeverageScoreSampler(), LewisWeightSampler()):
        sampler.set_params(n_samples=50, random_state=0)
        sampler.fit(X)
        rows = sampler.sample_indices_
        X_s, y_s = sampler.fit_resample(fake_cupy.asarray(X), fake_cupy.asarray(y))
        assert isinstance(X_s, fake_cupy.ndarray)
        assert_array_equal(sampler.sample_indices_, rows)
        assert_array_equal(y_s.get(), y[rows])


@pytest.mark.parametrize("scheme", ["pivotal", "systematic", "poisson", "multinomial"])
@pytest.mark.parametrize("name", ["leverage", "lewis-1", "root"])
def test_every_class_gets_its_share(name, scheme, data):
    X, _, c = data
    c = c.copy()
    c[:3] = 7  # a class of three rows
    c[X[:, 0] > 3] = 0
    for m in (20, 100):
        sampler = clone(SAMPLERS[name]).set_params(
            n_samples=m, stratify=True, scheme=scheme, random_state=0
        )
        _, c_s = sampler.fit_resample(X, np.array(list("abcdefgh"))[c])
        got = np.array([(c_s == k).sum() for k in "abch"])
        size = np.array([(c == k).sum() for k in (0, 1, 2, 7)])
        expected = np.bincount(c, sampler.inclusion_probabilities_)[[0, 1, 2, 7]]
        if name != "root":
            assert (expected >= np.minimum(size, 2) - 1e-9).all()
        if scheme in ("pivotal", "systematic") and name != "root":
            assert (got >= np.floor(expected - 1e-9)).all()
            assert (got <= np.ceil(expected + 1e-9)).all()
            assert got.sum() == m
        assert (got > 0).all()


def test_rescaled_rows_carry_the_weights(data):
    X, y, _ = data
    for p, sampler in [(2, LeverageScoreSampler()), (1, LewisWeightSampler()),
                       (3, LewisWeightSampler(p=3))]:  # fmt: skip
        sampler.set_params(n_samples=80, target="Xy", random_state=0)
        plain = clone(sampler).fit(X, y)
        rows, factor = plain.sample_indices_, plain.sample_weight_ ** (1 / p)
        sampler.set_params(rescale=True)
        X_s, y_s = sampler.fit_resample(X, y)
        assert_array_equal(sampler.sample_weight_, 1)
        assert_allclose(X_s, X[rows] * factor[:, None])
        assert_allclose(y_s, y[rows] * factor)
        frame = pd.DataFrame(X, columns=list("abcd")).astype({"a": np.float32})
        X_s, y_s = sampler.fit_resample(frame, pd.Series(y))
        assert X_s.dtypes.iloc[0] == np.float32
        assert_allclose(X_s, X[rows] * factor[:, None], rtol=1e-6)
        assert_allclose(y_s, y[rows] * factor, rtol=1e-6)
        X_s, _ = sampler.fit_resample(sp.csr_matrix(X), y)
        assert type(X_s) is sp.csr_matrix
        assert_allclose(X_s.toarray(), X[rows] * factor[:, None])
        X_s, _ = sampler.fit_resample(X.tolist(), y.tolist())
        assert_allclose(X_s, X[rows] * factor[:, None])
        polars = pytest.importorskip("polars")
        X_s, _ = sampler.fit_resample(polars.DataFrame(X), polars.Series(y))
        assert_allclose(X_s.to_numpy(), X[rows] * factor[:, None])
        da = pytest.importorskip("dask.array")
        sampler.set_params(order=None)
        X_s, _ = sampler.fit_resample(da.from_array(X, chunks=(100, 4)), y)
        assert X_s.compute(scheduler="sync").shape == (80, 4)
    whole = np.rint(10 * X).astype(int)
    X_s, _ = LeverageScoreSampler(n_samples=50, rescale=True, random_state=0).fit_resample(whole)
    assert X_s.dtype == np.float64
    dd = pytest.importorskip("dask.dataframe")
    lazy = dd.from_pandas(pd.DataFrame(X, columns=list("abcd")), npartitions=3)
    sampler = LeverageScoreSampler(rescale=True, order=None)
    with pytest.raises(TypeError, match=r"rescale must be False for a dask\.dataframe"):
        sampler.fit_resample(lazy)


def test_verify_and_eps(data):
    X, _, _ = data
    ones = np.c_[np.ones(400), X]
    sampler = LeverageScoreSampler(n_samples=100, verify=True, random_state=0).fit(X)
    measured = subspace_distortion(ones, sampler.sample_indices_, sampler.sample_weight_)
    assert_allclose(sampler.distortion_, measured.distortion, rtol=1e-8)
    for name in ("uniform", "leverage", "lewis-1", "lewis-3", "root"):
        sampler = clone(SAMPLERS[name]).set_params(eps=0.3, random_state=0).fit(X)
        assert sampler.distortion_ <= 0.3
        assert len(sampler.sample_indices_) < 400
    sampler = LeverageScoreSampler(eps=1e-9, random_state=0).fit(X)
    assert len(sampler.sample_indices_) == 400
    assert sampler.distortion_ < 1e-9
    with pytest.warns(UserWarning, match="eps=0.001 has not been reached"):
        LeverageScoreSampler(eps=1e-3, oversampling=1.0, random_state=0).fit(X)


def test_oversampling_is_the_form_of_the_theorems(data):
    X, _, _ = data
    sampler = LeverageScoreSampler(oversampling=20.0, random_state=0).fit(X)
    q = np.minimum(1, 20 * leverage_scores(X, fit_intercept=True))
    assert_allclose(sampler.inclusion_probabilities_, q)
    assert abs(len(sampler.sample_indices_) - q.sum()) < 6 * np.sqrt((q * (1 - q)).sum())


def test_own_orders(data):
    X, _, _ = data
    order = np.argsort(X[:, 0])
    sampler = UniformRowSampler(n_samples=40, scheme="systematic", order=order, random_state=0)
    rank = np.argsort(order)
    steps = np.diff(np.sort(rank[sampler.fit(X).sample_indices_]))
    assert set(steps) == {10}  # every tenth row along the order
    root = RootLeverageSampler(n_samples=40, order=order, random_state=0).fit(X)
    assert len(root.sample_indices_) == 40


def test_the_order_is_worth_rows(data):
    """Mean distortion of 20 draws: along the k-d order lower than as the rows come."""
    X = np.random.default_rng(0).normal(size=(3000, 5))
    mean = {}
    for order in ("kd", None):
        sampler = LeverageScoreSampler(n_samples=150, order=order, verify=True)
        mean[order] = np.mean(
            [sampler.set_params(random_state=seed).fit(X).distortion_ for seed in range(20)]
        )
    assert mean["kd"] < 0.8 * mean[None]


def test_a_rare_column_is_never_lost():
    """30 of 20000 rows have it; its leverage is 1 in all: 20 of 20 draws contain it."""
    rng = np.random.default_rng(0)
    X = sp.csr_array(np.c_[rng.normal(size=(20_000, 4)), np.arange(20_000) < 30])
    found = [
        LeverageScoreSampler(n_samples=120, random_state=seed).fit_resample(X)[0][:, [4]].nnz
        for seed in range(20)
    ]
    assert min(found) > 0


# --- with estimators ------------------------------------------------------------------------------


def test_in_pipelines_searches_and_with_weights(data):
    X, y, c = data
    model = make_pipeline(
        StandardScaler(), ResampledRegressor(Ridge(), LewisWeightSampler(random_state=0))
    )
    grid = {
        "resampledregressor__sampler__n_samples": [40, 0.5],
        "resampledregressor__estimator__alpha": [0.1, 10.0],
    }
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.5
    full = LinearRegression().fit(X, y)
    everything = ResampledRegressor(LinearRegression(), LeverageScoreSampler(n_samples=1.0))
    assert_array_equal(everything.fit(X, y).estimator_.coef_, full.coef_)
    sampler = LeverageScoreSampler(n_samples=80, target="Xy", random_state=0)
    by_hand = clone(sampler)
    X_s, y_s = by_hand.fit_resample(X, y)
    expected = LinearRegression().fit(X_s, y_s, sample_weight=by_hand.sample_weight_).coef_
    found = ResampledRegressor(LinearRegression(), sampler).fit(X, y).estimator_.coef_
    assert_array_equal(found, expected)
    classes = ResampledClassifier(LogisticRegression(), UniformRowSampler(stratify=True))
    assert set(classes.fit(X, c).predict(X)) <= {0, 1, 2}


def test_weights_are_routed_and_refused_where_they_would_be_dropped(data):
    X, y, _ = data
    weight = np.random.default_rng(1).integers(1, 4, size=400).astype(float)
    with config_context(enable_metadata_routing=True):
        estimator = LinearRegression().set_fit_request(sample_weight=True)
        model = ResampledRegressor(estimator, LeverageScoreSampler(n_samples=80, random_state=0))
        model.fit(X, y, sample_weight=weight)
        sampler = model.sampler_
        assert_allclose(
            sampler.scores_, leverage_scores(X, sample_weight=weight, fit_intercept=True)
        )
        rows = sampler.sample_indices_
        by_hand = LinearRegression().fit(
            X[rows], y[rows], sample_weight=sampler.sample_weight_ * weight[rows]
        )
        assert_array_equal(model.estimator_.coef_, by_hand.coef_)
    with pytest.raises(TypeError, match="KNeighborsRegressor takes no 'sample_weight'"):
        ResampledRegressor(KNeighborsRegressor(), LeverageScoreSampler()).fit(X, y)


def test_repeated_rows_are_weights(data):
    X, _, _ = data
    counts = np.random.default_rng(1).integers(1, 4, size=400)
    for name in ("uniform", "leverage", "lewis-1", "sensitivity-4"):
        weighted = clone(SAMPLERS[name]).fit(X, sample_weight=counts)
        repeated = clone(SAMPLERS[name]).fit(np.repeat(X, counts, axis=0))
        if name != "sensitivity-4":  # flattening rounds copies up, and sees other rows
            assert_allclose(weighted.total_score_, repeated.total_score_, rtol=2e-2)


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cls", "parameters", "arguments", "message"),
    [
        (UniformRowSampler, {"n_samples": 0}, {}, "'n_samples' parameter .* Got 0"),
        (UniformRowSampler, {"n_samples": 1.5}, {}, "'n_samples' parameter .* Got 1.5"),
        (UniformRowSampler, {"n_samples": 0.0}, {}, "'n_samples' parameter .* Got 0.0"),
        (UniformRowSampler, {"n_samples": -3}, {}, "'n_samples' parameter"),
        (LeverageScoreSampler, {"eps": 0}, {}, "'eps' parameter .* Got 0"),
        (LeverageScoreSampler, {"eps": -0.1}, {}, "'eps' parameter"),
        (LeverageScoreSampler, {"scheme": "best"}, {}, "'scheme' parameter .* Got 'best'"),
        (LeverageScoreSampler, {"order": "lexical"}, {}, "'order' parameter .* Got 'lexical'"),
        (LeverageScoreSampler, {"order": [0, 1]}, {}, "order must be a permutation"),
        (LeverageScoreSampler, {"order": np.zeros(9, int)}, {}, "order must be a permutation"),
        (LeverageScoreSampler, {"target": "y"}, {}, "'target' parameter .* Got 'y'"),
        (LeverageScoreSampler, {"target": "Xy"}, {"y": None}, "target='Xy' needs y, got None"),
        (LeverageScoreSampler, {"target": "Xy"}, {"y": list("abcdefghi")}, "needs numeric y"),
        (LeverageScoreSampler, {"target": "Xy"}, {"y": [np.nan] * 9}, "y contains NaN"),
        (LeverageScoreSampler, {"target": "Xy"}, {"y": np.ones((9, 1, 1))}, "needs y of shape"),
        (LeverageScoreSampler, {"stratify": True}, {"y": None}, "stratify=True needs class labels"),
        (LeverageScoreSampler, {"stratify": True}, {}, "stratify=True needs class .* continuous"),
        (LeverageScoreSampler, {"ridge": -1}, {}, "'ridge' parameter .* Got -1"),
        (LeverageScoreSampler, {"ridge": "tail"}, {}, "rank must be given for ridge='tail'"),
        (LeverageScoreSampler, {"rank": 0}, {}, "'rank' parameter .* Got 0"),
        (LeverageScoreSampler, {"rank": 4}, {}, r"rank must be an int in 1..3, got 4"),
        (LeverageScoreSampler, {"uniform_mix": -1}, {}, "'uniform_mix' parameter"),
        (LeverageScoreSampler, {"oversampling": 0}, {}, "'oversampling' parameter"),
        (LeverageScoreSampler, {"random_state": "x"}, {}, "'random_state' parameter"),
        (LewisWeightSampler, {"p": 0.5}, {}, "'p' parameter .* Got 0.5"),
        (LewisWeightSampler, {"p": np.inf}, {}, "p must be finite|'p' parameter"),
        (LewisWeightSampler, {"combine": "both"}, {}, "'combine' parameter .* Got 'both'"),
        (LewisWeightSampler, {"tol": 0}, {}, "'tol' parameter .* Got 0"),
        (LpSensitivitySampler, {"method": "exactly"}, {}, "'method' parameter"),
        (LpSensitivitySampler, {"combine": "lewis"}, {}, "'combine' parameter"),
        (RootLeverageSampler, {"p": 3}, {}, "'p' parameter .* Got 3"),
        (RootLeverageSampler, {"n_levels": 0}, {}, "'n_levels' parameter .* Got 0"),
        (UniformRowSampler, {}, {"X": np.full((9, 2), np.nan)}, "NaN"),
        (UniformRowSampler, {"order": None}, {"X": np.full((9, 2), np.inf)}, "infinity"),
        (LewisWeightSampler, {}, {"X": np.full((9, 2), np.nan)}, "NaN"),
        (LewisWeightSampler, {}, {"X": np.ones(9)}, "Expected 2D array"),
        (LewisWeightSampler, {}, {"X": np.ones((0, 2)), "y": []}, "0 sample"),
        (LewisWeightSampler, {}, {"X": np.ones((8, 2))}, "inconsistent numbers of samples"),
        (LewisWeightSampler, {}, {"sample_weight": [1.0]}, "sample_weight must have one entry"),
        (LewisWeightSampler, {}, {"sample_weight": -np.ones(9)}, "sample_weight must be >= 0"),
        (LewisWeightSampler, {}, {"sample_weight": [np.nan] * 9}, "sample_weight must be finite"),
        (LewisWeightSampler, {}, {"sample_weight": np.zeros(9)}, "must not be zero for all rows"),
        (LeverageScoreSampler, {"fit_intercept": False}, {"X": np.zeros((9, 2))}, "all zero"),
    ],
)  # fmt: skip
def test_bad_input(cls, parameters, arguments, message):
    X = np.random.default_rng(0).normal(size=(9, 2))
    y = np.linspace(0, 1, 9)
    given = {"X": X, "y": y, **arguments}
    for method in ("fit", "fit_resample"):
        with pytest.raises(ValueError, match=message):
            getattr(cls(**{"n_samples": 5, **parameters}), method)(**given)


def test_nothing_is_modified(sampler, data):
    X, y, _ = data
    before = X.copy(), y.copy()
    X.flags.writeable = y.flags.writeable = False
    sampler.set_params(target="Xy", rescale=True).fit_resample(X, y)
    X.flags.writeable = y.flags.writeable = True
    assert_array_equal(X, before[0])
    assert_array_equal(y, before[1])
