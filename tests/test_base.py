"""The sampler protocol: randomness, tags, provenance, and values carried along."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from numpy.testing import assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from sampkit.base import (
    BaseSampler,
    Provenance,
    Resampled,
    SamplerInputTags,
    SamplerTagsBundle,
    check_generator,
)
from sampkit.combine import SMOTETomek
from sampkit.over_sampling import SMOTE, SMOTENC, RandomOverSampler
from sampkit.testing import check_sampler, imbalanced_datasets, sample_weights
from sampkit.testing._same import difference
from sampkit.under_sampling import EditedNearestNeighbours, RandomUnderSampler

N = 24
X = np.random.default_rng(0).normal(size=(N, 3))
Y = np.repeat([0, 1], [17, 7])
WEIGHTS = np.sqrt(np.arange(1.0, N + 1))


class ImportanceSampler(BaseSampler):
    """A weighted selector, such as later families have: every third row, for three."""

    _sampling_type = "bypass"
    _selects = True

    def __init__(self, *, random_state=None):
        self.random_state = random_state

    def _targets(self, target):
        return {}

    def _fit_resample(self, table, rng):
        rows = np.arange(int(rng.integers(3)), table.n_rows, 3)
        self.sample_weight_ = np.full(len(rows), table.n_rows / len(rows))
        return Resampled(rows)


# --- randomness ---------------------------------------------------------------------------------


def test_generator_of_everything_that_is_accepted():
    generator = np.random.default_rng(3)
    assert check_generator(generator) is generator
    for same in (3, np.int64(3), np.random.SeedSequence(3)):
        assert check_generator(same).random() == np.random.default_rng(3).random()
    assert check_generator(None).random() != check_generator(None).random()


def test_random_state_is_shared_and_moves_on():
    legacy, twin = np.random.RandomState(0), np.random.RandomState(0)
    check_generator(legacy).random(5)
    assert legacy.random_sample() != twin.random_sample()


@pytest.mark.parametrize("state", [0, None, "generator", "legacy", np.random.SeedSequence(4)])
def test_samplers_take_every_source_of_randomness(state):
    sources = {"generator": np.random.default_rng, "legacy": np.random.RandomState}
    results = []
    for _ in range(2):
        source = sources[state](4) if isinstance(state, str) else state
        results.append(SMOTE(random_state=source).fit_resample(X, Y)[0])
    assert np.array_equal(*results) == (state is not None)


def test_a_generator_moves_on_between_calls():
    sampler = RandomUnderSampler(random_state=np.random.default_rng(0))
    first, second = (sampler.fit_resample(X, Y)[0] for _ in range(2))
    assert not np.array_equal(first, second)


# --- protocol -----------------------------------------------------------------------------------


def test_tags():
    tags = get_tags(SMOTE())
    assert isinstance(tags, SamplerTagsBundle)
    assert isinstance(tags.input_tags, SamplerInputTags)
    assert tags.estimator_type == "sampler"
    assert tags.target_tags.required
    assert tags.input_tags.dataframe
    assert not tags.sampler_tags.sample_indices
    assert not tags.input_tags.allow_nan
    assert not tags.input_tags.string
    picking = get_tags(RandomUnderSampler())
    assert picking.sampler_tags.sample_indices
    assert picking.input_tags.allow_nan
    assert picking.input_tags.string
    assert not get_tags(EditedNearestNeighbours()).input_tags.allow_nan
    assert get_tags(SMOTENC([0])).input_tags.string
    assert not is_classifier(SMOTE())


def test_fit_makes_no_rows_and_says_what_it_will_do():
    sampler = SMOTE().fit(pd.DataFrame(X, columns=list("abc")), Y)
    assert sampler.sampling_strategy_ == {1: 10}
    assert sampler.n_features_in_ == 3
    assert sampler.feature_names_in_.tolist() == ["a", "b", "c"]
    assert sampler.get_feature_names_out().tolist() == ["a", "b", "c"]
    assert not hasattr(sampler, "provenance_")
    with pytest.raises(NotFittedError):
        sampler.propagate(WEIGHTS)


def test_a_sampler_must_say_what_it_does():
    class Nothing(BaseSampler):
        _sampling_type = "under-sampling"
        sampling_strategy = "auto"

    with pytest.raises(NotImplementedError, match="Nothing must implement _fit_resample"):
        Nothing().fit_resample(X, Y)


def test_a_weighted_selector_keeps_the_promises():
    report = check_sampler(ImportanceSampler())
    assert {"weights", "rows_follow_origin", "propagate", "pickle"} <= set(report.passed)
    sampler = ImportanceSampler(random_state=0)
    sampler.fit_resample(X, Y)
    assert sampler.sample_weight_.sum() == pytest.approx(N)


def test_y_is_looked_at_before_lengths_are_compared():
    with pytest.raises(ValueError, match="the target y is None"):
        SMOTE().fit_resample(X[:3], None)
    with pytest.raises(ValueError, match="Unknown label type"):
        SMOTE().fit_resample(X, WEIGHTS[:5])
    with pytest.raises(ValueError, match="Multilabel and multioutput targets are not supported"):
        SMOTE().fit_resample(X, np.ones((5, 2), dtype=int))


@pytest.mark.parametrize("sampler", [SMOTE(random_state=0), RandomUnderSampler(random_state=0)])
def test_fitted_objects_hold_arrays_only(sampler):
    sampler = clone(sampler)
    sampler.fit_resample(X, Y)
    assert len(pickle.dumps(sampler)) < 5000
    loaded = pickle.loads(pickle.dumps(sampler))
    assert_array_equal(loaded.propagate(WEIGHTS), sampler.propagate(WEIGHTS))


# --- provenance -----------------------------------------------------------------------------------


def test_provenance_is_a_tuple_of_three():
    seed, neighbor, gap = Provenance(np.array([4]), np.array([7]), np.array([0.5]))
    assert (seed[0], neighbor[0], gap[0]) == (4, 7, 0.5)
    kept = Provenance.of_rows(np.array([2, 5]))
    assert_array_equal(kept.seed, kept.neighbor)
    assert not kept.gap.any()
    both = kept.joined(Provenance(seed, neighbor, gap))
    assert_array_equal(both.seed, [2, 5, 4])
    assert_array_equal(both.picked(np.array([2, 0])).neighbor, [7, 2])


@settings(max_examples=25, deadline=None)
@given(imbalanced_datasets(), sample_weights(200))
def test_propagated_weights_follow_the_rows(data, weights):
    table, y = data
    sampler = SMOTE(random_state=0)
    X_res, _ = sampler.fit_resample(table, y)
    n, w = len(table), weights[: len(table)]
    carried = sampler.propagate(w)
    seed, neighbor, _ = sampler.provenance_
    assert carried.shape == (len(X_res),)
    assert_array_equal(carried[:n], w)
    low, high = np.minimum(w[seed], w[neighbor]), np.maximum(w[seed], w[neighbor])
    slack = 4 * np.spacing(high)
    assert (carried >= low - slack).all()
    assert (carried <= high + slack).all()
    assert_array_equal(sampler.propagate(w, how="seed"), w[seed])


def test_linear_values_are_carried_as_the_rows_are():
    sampler = SMOTE(random_state=0)
    X_res, _ = sampler.fit_resample(X, Y)
    np.testing.assert_allclose(sampler.propagate(X @ [1.0, -2.0, 3.0]), X_res @ [1.0, -2.0, 3.0])
    np.testing.assert_allclose(sampler.propagate(X), X_res)


@pytest.mark.parametrize(
    "sampler",
    [
        SMOTE(random_state=0),
        SMOTE(gap="feature", random_state=0),
        SMOTETomek(random_state=0),
        RandomOverSampler(random_state=0),
        RandomUnderSampler(random_state=0),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "values",
    [
        WEIGHTS,
        WEIGHTS.astype(np.float32),
        WEIGHTS.tolist(),
        pd.Series(WEIGHTS, name="w", index=range(5, 5 + N)),
        pd.Series(WEIGHTS, dtype="Float64"),
        pd.Series(WEIGHTS, dtype="float32"),
        np.arange(N),
        list("ab" * (N // 2)),
        pd.Series(list("ab" * (N // 2)), dtype="category"),
        pd.Series([1, None] * (N // 2), dtype="Int64"),
        pd.DataFrame({"w": WEIGHTS, "k": np.arange(N, dtype="int8"), "t": list("ab" * (N // 2))}),
        np.column_stack([WEIGHTS, -WEIGHTS]),
    ],
    ids=lambda v: f"{type(v).__name__} {getattr(v, 'dtype', '')}",
)
def test_values_come_back_in_their_own_type(values, sampler):
    X_res, _ = sampler.fit_resample(X, Y)
    out = sampler.propagate(values)
    assert type(out) is type(values)
    assert len(out) == len(X_res)
    for name in ("dtype", "name", "columns", "dtypes"):
        was = getattr(values, name, None)
        assert np.all(was == getattr(out, name, None))
    if isinstance(values, pd.Series) and not sampler._adds_rows:
        assert_array_equal(out.index, values.index[sampler.sample_indices_])
    seeds = sampler.propagate(values, how="seed")
    origin = (
        sampler.provenance_.seed if hasattr(sampler, "provenance_") else sampler.sample_indices_
    )
    picked = values.iloc[origin] if hasattr(values, "iloc") else np.asarray(values)[origin]
    assert np.all(pd.isna(np.asarray(seeds)) == pd.isna(np.asarray(picked)))
    assert [str(v) for v in np.ravel(seeds)] == [str(v) for v in np.ravel(picked)]


def test_polars_values_stay_polars():
    pl = pytest.importorskip("polars")
    sampler = SMOTE(random_state=0)
    sampler.fit_resample(X, Y)
    out = sampler.propagate(pl.Series("w", WEIGHTS))
    assert out.name == "w"
    assert_array_equal(out.to_numpy(), sampler.propagate(WEIGHTS))


def test_rows_without_a_gap_take_the_value_of_their_seed():
    sampler = SMOTE(gap="feature", random_state=0)
    sampler.fit_resample(X, Y)
    assert np.isnan(sampler.provenance_.gap).any()
    assert_array_equal(sampler.propagate(WEIGHTS), WEIGHTS[sampler.provenance_.seed])


def test_missing_values_of_kept_rows_stay_missing():
    sampler = SMOTE(random_state=0)
    sampler.fit_resample(X, Y)
    holes = np.where(np.arange(N) % 5 == 0, np.nan, WEIGHTS)
    assert difference(sampler.propagate(holes)[:N], holes) is None


class EverySecondRow(BaseSampler):
    """A selector that does not look at y."""

    _selects = _any_cells = _any_target = True

    def fit_resample(self, X, y=None):
        return self._run(X, y)

    def _fit_resample(self, table, rng):
        return Resampled(np.arange(0, table.n_rows, 2))


@pytest.mark.parametrize(
    "y",
    [
        np.linspace(0, 1, N),
        np.linspace(0, 1, N).tolist(),
        np.linspace(0, 1, N)[:, None],
        np.arange(2.0 * N).reshape(N, 2),
        np.where(np.arange(N) % 3, np.nan, 1.0),
        pd.Series(np.linspace(0, 1, N), name="price", index=range(5, 5 + N)),
        pd.DataFrame({"price": np.linspace(0, 1, N), "what": list("ab" * (N // 2))}),
    ],
    ids=lambda y: f"{type(y).__name__} {getattr(y, 'shape', '')}",
)
def test_a_target_that_is_not_looked_at_is_cut_as_it_is(y):
    X_res, y_res = EverySecondRow().fit_resample(X, y)
    assert_array_equal(X_res, X[::2])
    assert difference(y_res, y.iloc[::2] if hasattr(y, "iloc") else y[::2]) is None


def test_a_target_that_is_not_looked_at_may_be_missing():
    sampler = EverySecondRow()
    X_res, y_res = sampler.fit_resample(pd.DataFrame(X))
    assert y_res is None
    assert X_res.index.tolist() == list(range(0, N, 2))
    assert not hasattr(sampler, "sampling_strategy_")
    assert not sampler.__sklearn_tags__().target_tags.required


def test_a_target_that_is_not_looked_at_is_as_long_as_x():
    with pytest.raises(ValueError, match=f"X has {N} rows, y has 3"):
        EverySecondRow().fit_resample(X, [1.0, 2.0, 3.0])
