"""What the estimators do with a round, in every container."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.naive_bayes import MultinomialNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sampkit.subset import (
    RepeatedSubsetClassifier,
    RepeatedSubsetRegressor,
    iter_block_subsets,
    iter_random_subsets,
)


def numbered(n, d=3):
    """Rows that hold their number."""
    return np.repeat(np.arange(n, dtype=float)[:, None], d, axis=1)


def rounds_seen(model):
    return [call["X"][:, 0].astype(int) for call in model.estimator_.calls_]


def test_rounds_are_those_of_the_stream(kit):
    X, y = numbered(100), np.arange(100) % 3
    model = RepeatedSubsetClassifier(kit.Recorder(), 0.3, 7, random_state=5).fit(X, y)
    subsets = list(iter_random_subsets(100, 0.3, 7, random_state=5))
    for rows, subset, call in zip(
        rounds_seen(model), subsets, model.estimator_.calls_, strict=True
    ):  # fmt: skip
        assert np.array_equal(rows, subset)
        assert np.array_equal(call["y"], y[subset])
    assert model.n_rounds_ == 7
    assert model.n_samples_seen_ == 210
    assert model.bytes_read_ == 210 * 24


def test_classes_are_told_once(kit):
    y = np.repeat(["a", "b", "rare"], [60, 39, 1])
    model = RepeatedSubsetClassifier(kit.Recorder(), 5, 4, random_state=0).fit(numbered(100), y)
    told = [call["classes"] for call in model.estimator_.calls_]
    assert told[0].tolist() == model.classes_.tolist() == ["a", "b", "rare"]
    assert told[1:] == [None] * 3


def test_regressor_tells_no_classes(kit):
    X, y = numbered(50), np.linspace(0, 1, 50)
    model = RepeatedSubsetRegressor(kit.MeanOfTargets(), 0.5, 2, random_state=0).fit(X, y)
    assert model.predict(X[:2]) == pytest.approx([0.5, 0.5])
    assert model.score(X, y) == pytest.approx(0)


def test_stratified_and_with_replacement(kit):
    X, y = numbered(100), np.repeat([0, 1], [90, 10])
    model = RepeatedSubsetClassifier(kit.Recorder(), 0.1, 30, stratify=True, random_state=0)
    assert [int(call["y"].sum()) for call in model.fit(X, y).estimator_.calls_] == [1] * 30
    model = RepeatedSubsetClassifier(kit.Recorder(), 0.5, 2, replacement=True, random_state=0)
    first, second = rounds_seen(model.fit(X, y))
    assert np.intersect1d(first, second).size > 5


def test_blocks(kit):
    X = numbered(95)
    model = RepeatedSubsetClassifier(kit.Recorder(), 20, 9, block_rows=10, random_state=2)
    y = np.random.default_rng(0).integers(0, 2, 95)
    model.fit(X, y)
    subsets = list(iter_block_subsets(95, 20, 10, n_rounds=9, random_state=2))
    for rows, blocks, call in zip(
        rounds_seen(model), subsets, model.estimator_.calls_, strict=True
    ):  # fmt: skip
        expected = np.concatenate([np.arange(b.start, b.stop) for b in blocks])
        assert np.array_equal(np.sort(rows), expected)
        assert not np.array_equal(rows, expected)  # mixed in memory; by chance below 1e-17
        assert np.array_equal(call["y"], y[rows])
    assert model.bytes_read_ == model.n_samples_seen_ * 24


@pytest.mark.parametrize("block_rows", [None, 16])
@pytest.mark.parametrize("container", ["pandas", "csr", "mapped", "slices", "list", "polars"])
def test_every_container_trains_the_same(container, block_rows, kit, digits, tmp_path):
    X, y, X_test, _ = digits
    X, y = X[:640], y[:640]
    model = RepeatedSubsetClassifier(
        MultinomialNB(), 0.1, 12, block_rows=block_rows, random_state=0
    )  # fmt: skip
    expected = clone(model).fit(X, y).predict_log_proba(X_test)
    if container == "mapped":
        X.tofile(tmp_path / "X")
        X = np.memmap(tmp_path / "X", dtype=X.dtype, mode="r", shape=X.shape)
    elif container == "polars":
        X = pytest.importorskip("polars").DataFrame(X)
        X_test = type(X)(X_test)
    elif container == "pandas":
        X = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
        X_test = pd.DataFrame(X_test, columns=X.columns)
    else:
        kinds = {"csr": sp.csr_array, "slices": kit.OnlySlices, "list": np.ndarray.tolist}
        X = kinds[container](X)
    model.fit(X, y)
    found = model.predict_log_proba(X_test)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    assert model.bytes_read_ > 0


def test_sliceable_is_read_in_order_and_no_more_than_once(kit):
    X = kit.OnlySlices(numbered(20_000, 64))  # rows of 512 bytes, gaps of up to 128 rows are read
    y = np.random.default_rng(0).integers(0, 2, 20_000)
    model = RepeatedSubsetClassifier(SGDClassifier(), 0.002, 1, random_state=0).fit(X, y)
    assert all(
        before[1] <= after[0] for before, after in zip(X.asked, X.asked[1:], strict=False)
    )  # fmt: skip
    assert len(X.asked) > 10
    assert model.bytes_read_ == 40 * 512


def test_float32_stays_float32(digits):
    X, y, _, _ = digits
    model = RepeatedSubsetClassifier(MLPClassifier(5), 0.1, 2).fit(X.astype(np.float32), y)
    assert model.estimator_.coefs_[0].dtype == np.float32


def test_names_of_columns(digits):
    X, y, X_test, _ = digits
    frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
    model = RepeatedSubsetClassifier(SGDClassifier(), 0.1, 2).fit(frame, y)
    assert model.feature_names_in_[1] == "pixel 1"
    assert model.n_features_in_ == 64
    with pytest.warns(UserWarning, match="valid feature names"):
        model.predict(X_test)


def test_several_targets(digits):
    X, _, _, _ = digits
    Y = np.stack([X.sum(axis=1), X[:, 0]], axis=1)
    model = RepeatedSubsetRegressor(
        MLPRegressor(hidden_layer_sizes=(8,)), 0.1, 3, block_rows=4, random_state=0
    )
    assert model.fit(X, Y).predict(X).shape == Y.shape


def test_inputs_are_not_modified(kit):
    X, y, w = numbered(60), np.arange(60) % 2, np.arange(60.0)
    kept = X.copy(), y.copy(), w.copy()
    RepeatedSubsetClassifier(SGDClassifier(), 0.3, 5).fit(X, y, sample_weight=w)
    assert all(map(np.array_equal, kept, (X, y, w)))


# --- history and scores -------------------------------------------------------------------------


def test_history(digits):
    X, y, X_test, y_test = digits
    model = RepeatedSubsetClassifier(SGDClassifier(), 0.05, 20, random_state=0)
    model.fit(X, y, eval_set=(X_test, y_test))
    history = model.history_
    assert [entry["round"] for entry in history] == list(range(20))
    assert [entry["n_seen"] for entry in history] == [67 * t for t in range(1, 21)]
    assert [entry["bytes_read"] for entry in history] == [67 * 512 * t for t in range(1, 21)]
    seconds = [entry["seconds"] for entry in history]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0
    assert history[-1]["eval_score"] == model.score(X_test, y_test) > 0.85
    assert model.fit(X, y).history_[0]["eval_score"] is None


# --- seeds ----------------------------------------------------------------------------------------


def test_an_int_seeds_everything(digits):
    X, y, X_test, _ = digits
    model = RepeatedSubsetClassifier(MLPClassifier(8), 0.1, 3, random_state=0)
    a, b = (clone(model).fit(X, y).predict_proba(X_test) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert model.fit(X, y).estimator_.random_state is not None
    assert model.estimator.random_state is None


def test_the_users_own_seed_stays(kit):
    X, y = numbered(20), np.arange(20) % 2
    model = RepeatedSubsetClassifier(kit.Recorder(random_state=42), 0.5, 1, random_state=0)
    assert model.fit(X, y).estimator_.random_state == 42


# --- delegation -----------------------------------------------------------------------------------


def test_methods_are_those_of_the_estimator(digits):
    X, y, X_test, _ = digits
    line = RepeatedSubsetClassifier(SGDClassifier(), 0.1, 3, random_state=0)
    assert not hasattr(line, "predict_proba")
    assert hasattr(line, "decision_function")
    network = RepeatedSubsetClassifier(MLPClassifier(8), 0.1, 3, random_state=0).fit(X, y)
    assert not hasattr(network, "decision_function")
    inner = network.estimator_
    np.testing.assert_array_equal(network.predict_proba(X_test), inner.predict_proba(X_test))
    log = inner.predict_log_proba(X_test)
    np.testing.assert_array_equal(network.predict_log_proba(X_test), log)
    np.testing.assert_array_equal(network.predict(X_test), inner.predict(X_test))
    line.fit(X, y)
    decision = line.estimator_.decision_function(X_test)
    np.testing.assert_array_equal(line.decision_function(X_test), decision)


def test_in_a_pipeline(digits):
    X, y, X_test, y_test = digits
    model = make_pipeline(
        StandardScaler(), RepeatedSubsetClassifier(SGDClassifier(), 0.1, 20, random_state=0)
    )
    assert model.fit(X, y).score(X_test, y_test) > 0.85


# --- warnings and errors --------------------------------------------------------------------------


def test_alike_blocks_are_warned_of(digits):
    X, y, _, _ = digits
    by_class = np.argsort(y, kind="stable")
    model = RepeatedSubsetClassifier(SGDClassifier(), 0.1, 1, block_rows=8, random_state=0)
    with pytest.warns(UserWarning, match=r"blocks of 8 rows are alike.*Shuffle the file once") as w:
        model.fit(X[by_class], y[by_class])
    assert w[0].filename == __file__
    model.fit(X, y)  # shuffled: silent
    model.set_params(block_rows=4).fit(X[by_class], y[by_class])  # design effect below 4
    line = RepeatedSubsetRegressor(SGDRegressor(), 0.1, 1, block_rows=8, random_state=0)
    with pytest.warns(UserWarning, match="alike"):
        line.fit(X[by_class], y[by_class])


def test_a_batch_larger_than_the_round_is_no_warning(digits):
    X, y, _, _ = digits
    RepeatedSubsetClassifier(MLPClassifier(5, batch_size=500), 0.01, 2).fit(X, y)


X, Y = numbered(40), np.arange(40) % 2
BAD = [
    ({"estimator": DecisionTreeClassifier()}, {}, TypeError, "must have partial_fit, got Decision"),
    (
        {"estimator": MLPClassifier(solver="lbfgs")},
        {},
        TypeError,
        "got MLPClassifier, which has no",
    ),
    ({"estimator": SGDClassifier}, {}, TypeError, "the class SGDClassifier: write SGDClassifier()"),
    ({"subset_size": 0.0}, {}, ValueError, r"subset_size must be .* got 0.0"),
    ({"subset_size": 1.1}, {}, ValueError, r"subset_size must be .* got 1.1"),
    ({"subset_size": 41}, {}, ValueError, r"int in \[1, 40\] \(rows\), got 41"),
    ({"subset_size": True}, {}, ValueError, "subset_size must be .* got True"),
    ({"n_rounds": 0}, {}, ValueError, "n_rounds must be an int >= 1, got 0"),
    ({"n_rounds": None}, {}, ValueError, "n_rounds must be an int >= 1, got None"),
    ({"block_rows": 0}, {}, ValueError, "block_rows must be an int >= 1, got 0"),
    ({"block_rows": 4, "stratify": True}, {}, ValueError, "cannot be combined with block_rows"),
    ({"stratify": "yes"}, {}, ValueError, "'stratify' parameter"),
    ({"random_state": -1}, {}, ValueError, "random_state must be"),
    ({}, {"y": None}, ValueError, "requires y to be passed"),
    ({}, {"y": Y[:39]}, ValueError, "inconsistent numbers of samples"),
    ({}, {"y": np.linspace(0, 1, 40)}, ValueError, "Unknown label type"),
    ({}, {"X": X[:, 0]}, ValueError, "Expected 2D array"),
    ({}, {"X": X[:0], "y": Y[:0]}, ValueError, "0 sample"),
    ({}, {"sample_weight": np.ones(39)}, ValueError, r"shape \(40,\), got \(39,\)"),
    ({}, {"sample_weight": np.zeros(40)}, ValueError, "other than zero"),
    ({}, {"eval_set": X}, ValueError, r"eval_set must be None or a pair \(X, y\)"),
    ({}, {"eval_set": (X, Y, Y)}, ValueError, r"eval_set must be None or a pair \(X, y\)"),
]


@pytest.mark.parametrize(("options", "data", "error", "message"), BAD)
def test_bad_input(options, data, error, message):
    model = RepeatedSubsetClassifier(**({"estimator": SGDClassifier()} | options))
    with pytest.raises(error, match=message.replace("()", r"\(\)")):
        model.fit(**({"X": X, "y": Y} | data))
    assert not hasattr(model, "estimator_")


def test_an_estimator_without_weights(kit):
    model = RepeatedSubsetRegressor(kit.MeanOfTargets())
    with pytest.raises(TypeError, match="partial_fit of MeanOfTargets takes none"):
        model.fit(X, Y, sample_weight=np.ones(40))
