from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_digits, load_sample_image
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from sampkit.coreset import RidgeLeverageNystroem
from sampkit.coreset._recursive_ridge import _ridge, _scores, recursive_ridge_scores


@pytest.fixture(scope="module")
def patches():
    image = load_sample_image("china.jpg").mean(axis=2) / 255
    return extract_patches_2d(image, (4, 4), max_patches=10_000, random_state=0).reshape(10_000, -1)


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


def test_scores_from_all_rows_are_exact():
    # sampled rows = all rows: K - K (K + λ)^-1 K = λ K (K + λ)^-1
    X = np.random.default_rng(0).standard_normal((60, 2))
    K = rbf_kernel(X)
    rows = np.arange(60)
    got = _scores(lambda a, b: K[np.ix_(a, b)], K.diagonal(), rows, rows, np.ones(60), 5)
    ridge = (np.trace(K) - np.linalg.eigvalsh(K)[-5:].sum()) / 5
    assert _ridge(K, 5) == pytest.approx(ridge)
    want = np.diag(K @ np.linalg.inv(K + ridge * np.eye(60)))
    np.testing.assert_allclose(got, want, rtol=1e-8)


@pytest.mark.parametrize("accelerated", [False, True])
def test_recursive_scores_follow_the_exact_ones(accelerated):
    # a dense cluster and a few scattered rows
    rng = np.random.default_rng(1)
    X = np.concatenate([rng.standard_normal((1900, 2)) * 0.05, rng.uniform(-3, 3, (100, 2))])
    K = rbf_kernel(X, gamma=2.0)
    got = recursive_ridge_scores(
        lambda a, b: K[np.ix_(a, b)], K.diagonal(), 120, rng, accelerated=accelerated
    )
    assert ((got >= 0) & (got <= 1)).all()
    assert got[1900:].mean() > 20 * got[:1900].mean()


def test_error_is_less_than_half_of_uniform_landmarks(patches):
    some = np.random.default_rng(1).permutation(len(patches))[:800]
    K = rbf_kernel(patches[some], gamma=0.3)
    common = {"gamma": 0.3, "n_components": 400}

    def error(make, **params):
        found = []
        for seed in range(2):
            Z = make(**common, **params, random_state=seed).fit(patches).transform(patches[some])
            found.append(np.linalg.norm(K - Z @ Z.T, 2))
        return np.mean(found)

    uniform = error(Nystroem)
    assert error(RidgeLeverageNystroem) < 0.5 * uniform
    assert error(RidgeLeverageNystroem, scheme="poisson", order=None) < 0.5 * uniform


def gaussian(a, b, scale):
    return float(np.exp(-scale * ((a - b) ** 2).sum()))


@pytest.mark.parametrize(
    ("kernel", "params"),
    [
        ("rbf", {"gamma": 1e-3}),
        ("polynomial", {"gamma": 1e-3, "degree": 2, "coef0": 1.0}),
        ("linear", {}),
        ("cosine", {}),
        ("chi2", {"gamma": 1e-2}),
        (gaussian, {"kernel_params": {"scale": 1e-3}}),
    ],
)
def test_all_rows_reproduce_the_kernel(kernel, params, digits):
    X = digits[0][:60]
    model = RidgeLeverageNystroem(kernel, n_components=60, **params).fit(X)
    Z = model.transform(X)
    np.testing.assert_array_equal(model.component_indices_, np.arange(60))
    want = Nystroem(kernel=kernel, n_components=60, **params)._get_kernel_params()
    from sklearn.metrics.pairwise import pairwise_kernels

    K = pairwise_kernels(X, metric=kernel, filter_params=True, **want)
    np.testing.assert_allclose(Z @ Z.T, K, rtol=1e-5, atol=1e-5 * K.max())


@pytest.mark.parametrize("kernel", ["rbf", "linear", "laplacian", "sigmoid", "additive_chi2"])
def test_kernels_and_attributes(kernel, digits):
    X = digits[0][:300]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = RidgeLeverageNystroem(kernel, n_components=40, random_state=0).fit(X)
    rows = model.component_indices_
    assert (np.diff(rows) > 0).all()
    assert rows.size == 40
    np.testing.assert_array_equal(model.components_, X[rows])
    assert model.normalization_.shape == (40, 40)
    assert model.transform(X).shape == (300, 40)
    assert np.isfinite(model.transform(X)).all()
    assert model.get_feature_names_out()[1] == "ridgeleveragenystroem1"


def test_same_features_as_scikit_learn_on_the_same_landmarks(digits):
    X = digits[0]
    ours = RidgeLeverageNystroem(gamma=1e-3, n_components=50, random_state=0).fit(X)
    theirs = Nystroem(gamma=1e-3, n_components=50).fit(ours.components_)
    order = np.argsort(theirs.component_indices_)
    Z, W = ours.transform(X), theirs.transform(X)
    np.testing.assert_allclose(Z @ Z.T, W @ W.T, atol=1e-10)
    assert order.size == 50


def test_containers_and_seeds(digits):
    X = digits[0]
    make = lambda seed=3: RidgeLeverageNystroem(gamma=1e-3, n_components=30, random_state=seed)  # noqa: E731
    want = make().fit(X)
    for other in (pd.DataFrame(X), sp.csr_array(X)):
        got = make().fit(other)
        np.testing.assert_array_equal(got.component_indices_, want.component_indices_)
        np.testing.assert_allclose(got.transform(other), want.transform(X), atol=1e-8)
    assert make().fit(X.astype(np.float32)).transform(X.astype(np.float32)).dtype == np.float32
    assert (make(4).fit(X).component_indices_ != want.component_indices_).any()
    frame = make().set_output(transform="pandas").fit_transform(pd.DataFrame(X, index=X[:, 0]))
    assert list(frame.index) == list(X[:, 0])
    wide = sp.random_array((200, 1000), density=0.02, random_state=np.random.default_rng(0))
    assert make().fit(sp.csr_array(wide)).components_.shape == (30, 1000)


@pytest.mark.parametrize("scheme", ["pivotal", "systematic", "poisson", "multinomial"])
@pytest.mark.parametrize("order", ["kd", None, "given"])
def test_schemes_and_orders(scheme, order, digits):
    X = digits[0][:200]
    order = np.arange(200)[::-1] if order == "given" else order
    model = RidgeLeverageNystroem(n_components=20, scheme=scheme, order=order, random_state=0)
    size = model.fit(X).component_indices_.size
    assert size == 20 if scheme in ("pivotal", "systematic") else 0 < size < 60


def test_degenerate_kernels_still_give_landmarks():
    for X in (np.zeros((50, 3)), np.repeat(np.eye(3), 20, axis=0)):
        model = RidgeLeverageNystroem("linear", n_components=10, random_state=0).fit(X)
        assert model.component_indices_.size == 10
        assert np.isfinite(model.transform(X)).all()
    one = RidgeLeverageNystroem(n_components=1, random_state=0).fit(np.eye(8))
    assert one.components_.shape == (1, 8)


def test_more_landmarks_than_rows_warn():
    with pytest.warns(UserWarning, match="n_components is larger than the number of rows: it was"):
        model = RidgeLeverageNystroem(n_components=9).fit(np.eye(4))
    assert model.components_.shape == (4, 4)


def test_grid_search_in_a_pipeline(digits):
    X, y = digits
    pipe = make_pipeline(
        RidgeLeverageNystroem(n_components=60, random_state=0), LogisticRegression()
    )
    grid = {"ridgeleveragenystroem__gamma": [1e-3, 1.0]}
    search = GridSearchCV(pipe, grid, cv=2).fit(X[:600], y[:600])
    assert search.best_params_["ridgeleveragenystroem__gamma"] == 1e-3


@pytest.mark.filterwarnings("ignore:n_components is larger:UserWarning")
def test_estimator_checks():
    results = check_estimator(RidgeLeverageNystroem(), on_fail=None, on_skip=None)
    assert [r for r in results if r["status"] != "passed"] == []


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"kernel": "precomputed"}, "The 'kernel' parameter of RidgeLeverageNystroem must be"),
        ({"kernel_params": 3}, "The 'kernel_params' parameter"),
        ({"kernel_params": {"a": 1}}, "kernel_params must be None unless kernel is callable"),
        ({"kernel": min, "gamma": 1.0}, "gamma, coef0 and degree must be None for a callable"),
        ({"gamma": -1.0}, "gamma must be None or a finite number >= 0, got -1.0"),
        ({"degree": -1.0}, "degree must be None or a finite number >= 0, got -1.0"),
        ({"coef0": np.nan}, "coef0 must be None or a finite number, got nan"),
        ({"n_components": 0}, "n_components must be an int >= 1, got 0"),
        ({"n_components": 2.5}, "n_components must be an int >= 1, got 2.5"),
        ({"scheme": "srs"}, "scheme must be one of .*, got 'srs'"),
        ({"order": "hilbert"}, "order must be one of 'kd', None, got 'hilbert'"),
        ({"order": [0, 0, 1]}, "order must be a permutation of 0, ..., 2"),
        ({"accelerated": "yes"}, "The 'accelerated' parameter"),
        ({"random_state": -1}, "random_state must be"),
    ],
)
def test_bad_input(params, message):
    with pytest.raises(ValueError, match=message):
        RidgeLeverageNystroem(**{"n_components": 2, **params}).fit(np.eye(3))
