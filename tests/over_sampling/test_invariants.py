"""What holds for every sampler of numeric rows, on tables with ties, duplicates and odd scales."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from sklearn.base import clone

from sampkit.over_sampling import ADASYN, SMOTE, SVMSMOTE, BorderlineSMOTE, KMeansSMOTE
from sampkit.testing import imbalanced_datasets

few = settings(max_examples=25, suppress_health_check=[HealthCheck.filter_too_much])
plain = imbalanced_datasets(dtypes=["float64"], quirks=())
three_classes = imbalanced_datasets(counts=[(12, 20), (8, 11), (8, 11)], quirks=())


NOT_FOR_THIS_TABLE = (
    "SVM-SMOTE is not adapted to your dataset",
    "No clusters found with sufficient samples",
    "Not any neigbours belong to the majority class",
    "No samples will be generated",
)


def resample(sampler, X, y, **params):
    """Fitted clone and its output; tables that a method says it is not for are no examples."""
    sampler = clone(sampler).set_params(random_state=0, **params)
    try:
        return sampler, *sampler.fit_resample(X, y)
    except (ValueError, RuntimeError) as error:
        if any(text in str(error) for text in NOT_FOR_THIS_TABLE):
            reject()
        raise


def values(X, index):
    return X[index].astype(np.float64)


def pool_of(sampler, X, y, seed):
    """Rows that a seed's neighbours are looked for in."""
    if isinstance(sampler, BorderlineSMOTE) and sampler.kind == "borderline-2":
        return np.arange(len(y))
    pool = np.flatnonzero(y == y[seed])
    if isinstance(sampler, KMeansSMOTE):
        floats = X if X.dtype.kind == "f" else X.astype(np.float64)
        cluster = sampler.kmeans_estimator_.predict(floats)
        pool = pool[cluster[pool] == cluster[seed]]
    return pool


def n_neighbors(sampler):
    """Neighbours to draw from, the class being larger than any k asked for."""
    asked = getattr(sampler, "k_neighbors", getattr(sampler, "n_neighbors", None))
    return 5 if asked == "auto" else asked


@few
@given(data=imbalanced_datasets())
def test_old_rows_stay_and_counts_are_those_asked_for(generator, data):
    X, y = data
    sampler, X_res, y_res = resample(generator, X, y)
    assert X_res.dtype == X.dtype
    assert X_res[: len(y)].tobytes() == X.tobytes()
    assert (y_res[: len(y)] == y).all()
    for label, wanted in sampler.sampling_strategy_.items():
        made = (y_res == label).sum() - (y == label).sum()
        if isinstance(sampler, ADASYN):
            assert abs(made - wanted) <= (y == label).sum() / 2
        elif isinstance(sampler, BorderlineSMOTE) and label not in sampler.in_danger_indices:
            assert made == 0
        else:
            assert made == wanted


@few
@given(data=imbalanced_datasets())
def test_provenance_reproduces_every_row(generator, data):
    X, y = data
    sampler, X_res, _y_res = resample(generator, X, y)
    seed, neighbor, gap = sampler.provenance_
    n = len(y)
    assert len(seed) == len(neighbor) == len(gap) == len(X_res)
    assert (seed[:n] == np.arange(n)).all()
    assert (neighbor[:n] == np.arange(n)).all()
    assert (gap[:n] == 0).all()
    a, b, out = values(X, seed), values(X, neighbor), X_res.astype(np.float64)
    exact = a + gap[:, None] * (b - a)
    if X.dtype.kind == "f":
        largest = np.maximum(np.maximum(np.abs(a), np.abs(b)), np.abs(exact)).astype(X.dtype)
        tolerance = 4 * np.spacing(largest).astype(np.float64)
        within = gap >= 0
        low, high = np.minimum(a, b) - tolerance, np.maximum(a, b) + tolerance
        assert (np.abs(out - exact) <= tolerance).all()
        assert ((low <= out) & (out <= high))[within].all()
    else:
        assert (out == np.rint(exact)).all()


@few
@given(data=imbalanced_datasets())
def test_classes_and_gaps(generator, data):
    X, y = data
    sampler, _, y_res = resample(generator, X, y)
    seed, neighbor, gap = (part[len(y) :] for part in sampler.provenance_)
    assert (y[seed] == y_res[len(y) :]).all()
    foreign = y[neighbor] != y[seed]
    kind = getattr(sampler, "kind", None)
    assert (gap < 1).all()
    assert (gap >= (-sampler.out_step if isinstance(sampler, SVMSMOTE) else 0)).all()
    assert kind == "borderline-2" or not foreign.any()
    assert (gap[foreign] < 0.5).all()
    # classes sorted, seeds ascending within each block
    blocks = np.unique(y, return_inverse=True)[1][seed]
    assert (np.diff(blocks) >= 0).all()
    if not isinstance(sampler, KMeansSMOTE):
        assert (np.diff(seed)[np.diff(blocks) == 0] >= 0).all()


@few
@given(data=imbalanced_datasets())
def test_neighbours_are_among_the_k_nearest_by_brute_force(generator, data):
    X, y = data
    sampler, _, _ = resample(generator, X, y)
    seed, neighbor, _ = (part[len(y) :] for part in sampler.provenance_)
    assert (seed != neighbor).all()  # trap 8: not even among duplicates
    rows = X.astype(np.float64)
    for s in np.unique(seed):
        pool = np.setdiff1d(pool_of(sampler, X, y, s), [s])
        distance = ((rows[pool] - rows[s]) ** 2).sum(axis=1)
        bound = np.sort(distance)[n_neighbors(sampler) - 1]
        chosen = neighbor[seed == s]
        assert np.isin(chosen, pool).all()
        assert (((rows[chosen] - rows[s]) ** 2).sum(axis=1) <= bound * (1 + 1e-9)).all()


@few
@given(data=three_classes)
def test_balanced_counts_differ_by_one_at_most(data):
    X, y = data
    for sampler in (SMOTE(), BorderlineSMOTE(), SVMSMOTE(k_neighbors=3)):
        sampler, _, _y_res = resample(sampler, X, y)
        seeds = sampler.provenance_.seed[len(y) :]
        for label in sampler.sampling_strategy_:
            candidates = np.flatnonzero(y == label)
            if isinstance(sampler, BorderlineSMOTE):
                candidates = sampler.in_danger_indices.get(label, [])
            elif isinstance(sampler, SVMSMOTE):
                candidates = np.unique(seeds[y[seeds] == label])
            counts = np.bincount(seeds, minlength=len(y))[candidates]
            assert not len(counts) or np.ptp(counts) <= 1


@few
@given(data=plain, order=st.randoms(use_true_random=False))
def test_permuting_columns_permutes_the_rows(generator, data, order):
    X, y = data
    columns = list(range(X.shape[1]))
    order.shuffle(columns)
    sampler, X_res, _ = resample(generator, X, y)
    again, X_permuted, _ = resample(generator, X[:, columns], y)
    assert (again.provenance_.seed == sampler.provenance_.seed).all()
    assert (again.provenance_.neighbor == sampler.provenance_.neighbor).all()
    assert (X_permuted == X_res[:, columns]).all()


@few
@given(data=plain, shift=st.integers(-64, 64))
def test_shifting_the_table_shifts_the_rows(generator, data, shift):
    """Multiples of 2^-20 and a whole shift, so that distances are the same to the last bit."""
    X, y = data
    X = np.rint(X * 2**20) / 2**20
    sampler, X_res, _ = resample(generator, X, y)
    again, X_shifted, _ = resample(generator, X + shift, y)
    assert (again.provenance_.neighbor == sampler.provenance_.neighbor).all()
    np.testing.assert_allclose(X_shifted, X_res + shift, rtol=0, atol=1e-12 * (abs(shift) + 50))


@few
@given(data=imbalanced_datasets(), seed=st.integers(0, 2**32 - 1))
def test_equal_seeds_give_equal_rows_and_others_others(data, seed):
    X, y = data
    states = (seed, np.random.default_rng(seed))
    first, second = (SMOTE(random_state=state).fit_resample(X, y) for state in states)
    assert first[0].tobytes() == second[0].tobytes()
    sampler = SMOTE(random_state=np.random.default_rng(seed))
    gaps = [sampler.fit(X, y).fit_resample(X, y) and sampler.provenance_.gap for _ in range(2)]
    assert (gaps[0][len(y) :] != gaps[1][len(y) :]).any()  # a generator moves on


@few
@given(data=three_classes)
def test_classes_already_large_enough_get_nothing(data):
    X, y = data
    labels, counts = np.unique(y, return_counts=True)
    strategy = dict(zip(labels.tolist(), counts.tolist(), strict=True))
    sampler, X_res, y_res = resample(SMOTE(), X, y, sampling_strategy=strategy, k_neighbors=1000)
    assert set(sampler.sampling_strategy_.values()) == {0}
    assert X_res.tobytes() == X.tobytes()
    assert (y_res == y).all()


@pytest.mark.parametrize("sampler", [SMOTE(), SMOTE(k_neighbors=3), ADASYN()], ids=str)
def test_too_few_rows_are_named_when_rows_are_made(sampler):
    """The class, its rows and k; `fit` makes no rows, and classes that get none may be small."""
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = np.repeat(["a", "b", "c"], [38, 20, 2])
    k = n_neighbors(sampler)
    message = f"Expected n_neighbors <= n_samples_fit, but n_neighbors = {k + 1}, .*class 'c' has 2"
    with pytest.raises(ValueError, match=message):
        sampler.fit(X, y).fit_resample(X, y)
    only_b = clone(sampler).set_params(sampling_strategy={"b": 30}, random_state=0)
    assert abs((only_b.fit_resample(X, y)[1] == "b").sum() - 30) <= 10


def test_auto_takes_the_neighbours_that_there_are():
    X = np.random.default_rng(0).normal(size=(43, 2))
    sampler = SMOTE(k_neighbors="auto", random_state=0)
    sampler.fit_resample(X, np.repeat([0, 1], [40, 3]))
    seed, neighbor, _ = sampler.provenance_
    pairs = set(zip(seed[43:].tolist(), neighbor[43:].tolist(), strict=True))
    assert pairs == {(a, b) for a in (40, 41, 42) for b in (40, 41, 42) if a != b}
    with pytest.raises(ValueError, match=r"k_neighbors='auto' needs .* class 1 has 1"):
        sampler.fit_resample(X, np.repeat([0, 1], [42, 1]))
