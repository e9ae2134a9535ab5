"""Borderline-SMOTE, SVM-SMOTE, K-Means SMOTE and ADASYN: who is a seed, and how many rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import SVC, LinearSVC

from sampkit.over_sampling import ADASYN, SMOTE, SVMSMOTE, BorderlineSMOTE, KMeansSMOTE
from sampkit.over_sampling._kmeans import largest_remainders


def foreign_counts(X, y, m):
    """Rows of another class among the m nearest, by loops."""
    counts = []
    for i, row in enumerate(X):
        distance = ((X - row) ** 2).sum(axis=1)
        distance[i] = np.inf
        counts.append((y[np.argsort(distance)[:m]] != y[i]).sum())
    return np.array(counts)


def peers_three_classes(class_sep):
    """The tables of imbalanced-learn 0.14.2's test_borderline_smote.py."""
    return make_classification(
        500, n_features=2, n_informative=2, n_redundant=0, n_repeated=0, n_clusters_per_class=1,
        n_classes=3, weights=[0.1, 0.2, 0.7], class_sep=class_sep, random_state=1,
    )  # fmt: skip


# --- Borderline -----------------------------------------------------------------------------------


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), m=st.integers(1, 12))
def test_danger_by_definition(seed, m):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2], [40, 20, 15])
    X = rng.normal(size=(75, 2)) + y[:, None]
    sampler = BorderlineSMOTE(m_neighbors=m, random_state=0)
    sampler.fit_resample(X, y)
    foreign = foreign_counts(X, y, m)
    danger = (foreign >= m / 2) & (foreign < m)
    expected = {c: np.flatnonzero(danger & (y == c)).tolist() for c in (1, 2)}
    found = {c: rows.tolist() for c, rows in sampler.in_danger_indices.items()}
    assert found == {c: rows for c, rows in expected.items() if rows}
    seeds = sampler.provenance_.seed[75:]
    assert set(seeds) == set().union(*(rows for rows in found.values()))


@pytest.mark.parametrize("kind", ["borderline-1", "borderline-2"])
def test_no_row_in_danger_leaves_the_table_as_it_is(kind):
    """imbalanced-learn 0.14.2, test_borderline_smote_no_in_danger_samples."""
    X, y = peers_three_classes(1.5)
    sampler = BorderlineSMOTE(kind=kind, m_neighbors=3, random_state=0)
    X_res, y_res = sampler.fit_resample(X, y)
    assert sampler.in_danger_indices == {}
    assert (X_res == X).all()
    assert (y_res == y).all()


def test_the_two_kinds_agree_on_danger_and_counts():
    """imbalanced-learn 0.14.2, test_borderline_smote_in_danger."""
    X, y = peers_three_classes(0.8)
    one, two = (
        BorderlineSMOTE(kind=f"borderline-{i}", m_neighbors=9, random_state=0) for i in (1, 2)
    )
    for sampler in (one, two):
        _, y_res = sampler.fit_resample(X, y)
        assert len(set(np.bincount(y_res))) == 1
    assert list(one.in_danger_indices) == list(two.in_danger_indices) == [0, 1]
    for label, rows in one.in_danger_indices.items():
        assert (two.in_danger_indices[label] == rows).all()


def test_the_second_kind_makes_rows_that_are_harder_to_tell():
    """imbalanced-learn 0.14.2, test_borderline_smote_kind: the score of a linear model falls."""
    X, y = peers_three_classes(1.0)
    scores = []
    for kind in ("borderline-1", "borderline-2"):
        sampler = BorderlineSMOTE(kind=kind, m_neighbors=9, random_state=0)
        X_res, y_res = sampler.fit_resample(X, y)
        scores.append(LogisticRegression().fit(X_res, y_res).score(X_res, y_res))
    assert scores[0] > scores[1]


# --- SVM ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("out_step", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("m", [4, 10])
def test_support_vectors_inwards_and_outwards(out_step, m, overlapping):
    """Noise gives no row; danger goes towards the neighbour, safe rows away from it."""
    X, y = overlapping
    sampler = SVMSMOTE(out_step=out_step, m_neighbors=m, random_state=0)
    sampler.fit_resample(X, y)
    seed, _, gap = (part[400:] for part in sampler.provenance_)
    foreign = foreign_counts(X, y, m)
    support = sampler.svm_estimator_.support_
    candidates = support[(y[support] == 1) & (foreign[support] < m)]
    assert set(seed) == set(candidates)
    danger = foreign[seed] >= m / 2
    assert danger.any()
    assert (gap[danger] >= 0).all()
    assert (gap[~danger] <= 0).all()
    assert (gap[~danger] >= -out_step).all()


def test_the_machine_is_the_default_or_a_clone(overlapping):
    own = SVC(gamma="scale", random_state=42)
    plain, given_one = SVMSMOTE(random_state=0), SVMSMOTE(svm_estimator=own, random_state=0)
    nn = {
        "k_neighbors": NearestNeighbors(n_neighbors=6),
        "m_neighbors": NearestNeighbors(n_neighbors=11),
    }
    given_one.set_params(**nn)
    assert (plain.fit_resample(*overlapping)[0] == given_one.fit_resample(*overlapping)[0]).all()
    assert given_one.svm_estimator_ is not own
    assert not hasattr(own, "support_")


@pytest.mark.parametrize("own", [LogisticRegression(), LinearSVC()], ids=str)
def test_a_machine_without_support_vectors(own, overlapping):
    message = "`svm_estimator` is required to exposed a `support_` fitted attribute."
    with pytest.raises(RuntimeError, match=message):
        SVMSMOTE(svm_estimator=own).fit_resample(*overlapping)


def test_all_support_vectors_noise():
    """imbalanced-learn issue 742."""
    X, y = make_classification(
        1000, n_classes=3, class_sep=0.001, weights=[0.004, 0.451, 0.545], n_informative=3,
        n_redundant=0, flip_y=0, n_features=3, n_clusters_per_class=2, random_state=10,
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"SVM-SMOTE is not adapted to your dataset.* \(class 0\)"):
        SVMSMOTE(k_neighbors=4, random_state=42).fit_resample(X, y)


# --- K-Means --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_clusters", [1, MiniBatchKMeans(n_clusters=1), KMeans(n_clusters=1)])
@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("seed", [0, 42])
def test_one_cluster_is_smote(n_clusters, k, seed, overlapping):
    """The same k and int `random_state`: the same rows, whatever the threshold."""
    one = KMeansSMOTE(
        kmeans_estimator=n_clusters, k_neighbors=k, cluster_balance_threshold=5, random_state=seed
    )
    X_one, y_one = one.fit_resample(*overlapping)
    X_res, y_res = SMOTE(k_neighbors=k, random_state=seed).fit_resample(*overlapping)
    assert (X_one == X_res).all()
    assert (y_one == y_res).all()
    assert one.nn_k_.n_neighbors == k + 1
    assert one.kmeans_estimator_.n_clusters == 1


@pytest.mark.parametrize("k", [2, NearestNeighbors(n_neighbors=3)], ids=["2", "object"])
@pytest.mark.parametrize(
    "clusterer", [None, 3, KMeans(n_clusters=3, n_init=1), MiniBatchKMeans(n_clusters=3, n_init=1)]
)
def test_clusterers(k, clusterer, twenty):
    sampler = KMeansSMOTE(
        kmeans_estimator=clusterer, k_neighbors=k, cluster_balance_threshold=0.0, random_state=42
    )
    if clusterer is None:
        assert sampler.kmeans_estimator is None
        X, y = np.tile(twenty[0], (6, 1)), np.tile(twenty[1], 6)
    else:
        X, y = twenty
    X_res, _ = sampler.fit_resample(X, y)
    assert len(X_res) == len(X) * 24 // 20
    assert sampler.nn_k_.n_neighbors == 3
    fitted = sampler.kmeans_estimator_
    assert fitted.n_clusters == (8 if clusterer is None else 3)
    if clusterer is None or isinstance(clusterer, int):
        assert isinstance(fitted, MiniBatchKMeans)
        assert fitted.random_state == 42
    else:
        assert fitted is not clusterer
        assert fitted.get_params() == clusterer.get_params()


class FixedClusters(BaseEstimator):
    """A clusterer that knows the answer: the integer part of a hundredth of the first column."""

    def fit(self, X, y=None):
        self.n_fits_ = getattr(self, "n_fits_", 0) + 1
        return self

    def predict(self, X):
        return (X[:, 0] // 100).astype(int)


def clustered():
    """Clusters 0, 1, 2 of 30, 20, 10 rare rows, the third too poor in them; 90 common rows."""
    rng = np.random.default_rng(0)
    scale = np.repeat([1.0, 3.0, 1.0], [30, 20, 10])
    X = rng.normal(size=(150, 2)) * np.append(scale, np.ones(90))[:, None]
    X[:, 0] += np.repeat([50, 150, 250], [30, 20, 100])
    return X, np.repeat([1, 0], [60, 90])


@pytest.mark.parametrize("exponent", ["auto", 0, 1.0, 2.5])
def test_rows_by_sparsity(exponent):
    """Weights (mean distance)^e / n_j, e = 0.16 (log_1.6 n_j)^1.8: written out once more."""
    X, y = clustered()
    sampler = KMeansSMOTE(
        kmeans_estimator=FixedClusters(), density_exponent=exponent, random_state=0,
        sampling_strategy={1: 160}, cluster_balance_threshold=0.5,
    )  # fmt: skip
    sampler.fit_resample(X, y)
    made = np.bincount((X[sampler.provenance_.seed[150:], 0] // 100).astype(int), minlength=3)
    sparsity = []
    for rows in (X[:30], X[30:50]):
        n = len(rows)
        mean = np.linalg.norm(rows[:, None] - rows, axis=2).sum() / (n * (n - 1))
        e = 0.16 * (np.log(n) / np.log(1.6)) ** 1.8 if exponent == "auto" else exponent
        sparsity.append(mean**e / n)
    share = 100 * np.array(sparsity) / sum(sparsity)
    assert made[2] == 0  # 10 of 100 rows are too few
    assert made.sum() == 100
    assert (np.abs(made[:2] - share) < 1).all()
    assert sampler.kmeans_estimator_.n_fits_ == 1


@pytest.mark.parametrize(
    ("threshold", "used"), [("auto", {0, 1}), (0.0, {0, 1, 2}), (0.1, {0, 1, 2}), (0.11, {0, 1})]
)
def test_threshold(threshold, used):
    """One class gets rows: "auto" is half."""
    X, y = clustered()
    sampler = KMeansSMOTE(
        kmeans_estimator=FixedClusters(), cluster_balance_threshold=threshold, random_state=0
    )
    sampler.fit_resample(X, y)
    assert set((X[sampler.provenance_.seed[150:], 0] // 100).astype(int)) <= used
    both = (X[sampler.provenance_.seed, 0] // 100) == (X[sampler.provenance_.neighbor, 0] // 100)
    assert both.all()


def test_identical_rows_share_equally():
    """All sparsities are 0."""
    X = np.repeat([[10.0, 0.0], [110.0, 0.0], [210.0, 0.0]], [10, 20, 50], axis=0)
    sampler = KMeansSMOTE(
        kmeans_estimator=FixedClusters(), sampling_strategy={1: 45}, random_state=0
    )
    sampler.fit_resample(X, np.repeat([1, 0], [30, 50]))
    made = np.bincount((X[sampler.provenance_.seed[80:], 0] // 100).astype(int))
    assert made.tolist() == [8, 7]


@pytest.mark.parametrize("parameters", [{"cluster_balance_threshold": 10}, {"k_neighbors": 200}])
def test_no_cluster_will_do(parameters):
    with pytest.raises(RuntimeError, match="No clusters found with sufficient samples of class 1"):
        KMeansSMOTE(kmeans_estimator=FixedClusters(), **parameters).fit_resample(*clustered())


@given(
    shares=st.lists(st.floats(0, 1e300), min_size=1, max_size=9),
    total=st.integers(0, 10_000),
)
def test_largest_remainders(shares, total):
    counts = largest_remainders(shares, total)
    assert counts.sum() == total
    w = np.ones(len(shares)) if not any(shares) else np.array(shares) / max(shares)
    assert (np.abs(counts - total * w / w.sum()) < 1 + 1e-6).all()


# --- ADASYN ---------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 8))
def test_rows_by_hardness(seed, k):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2], [60, 20, 15])
    X = rng.normal(size=(95, 2)) + 0.5 * y[:, None]
    sampler = ADASYN(n_neighbors=k, random_state=0)
    sampler.fit_resample(X, y)
    made = np.bincount(sampler.provenance_.seed[95:], minlength=95)
    for label, m in sampler.sampling_strategy_.items():
        r = foreign_counts(X, y, k)[y == label] / k
        expected = np.rint(r / r.sum() * m)
        # half a row may fall either way
        assert (
            np.abs(made[y == label] - expected) <= (np.abs(r / r.sum() * m % 1 - 0.5) < 1e-9)
        ).all()


def test_nothing_hard_to_learn():
    X = np.vstack([np.random.default_rng(0).normal(size=(60, 2)) + s for s in (0, 99)])
    y = np.repeat([0, 1], [60, 60])
    with pytest.raises(RuntimeError, match="Not any neigbours belong to the majority class"):
        ADASYN(sampling_strategy={1: 90}).fit_resample(X, y)


def test_too_few_rows_for_so_many_seeds(overlapping):
    with pytest.raises(ValueError, match="No samples will be generated with the provided ratio"):
        ADASYN(sampling_strategy={1: 61}).fit_resample(*overlapping)


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (BorderlineSMOTE(kind="borderline-3"), "'kind' parameter of BorderlineSMOTE"),
        (BorderlineSMOTE(m_neighbors=0), "'m_neighbors' parameter of BorderlineSMOTE"),
        (BorderlineSMOTE(m_neighbors=400), "n_neighbors = 401, .*the table has 400 rows"),
        (SVMSMOTE(out_step=1.5), "'out_step' parameter of SVMSMOTE"),
        (SVMSMOTE(svm_estimator="svc"), "'svm_estimator' parameter of SVMSMOTE"),
        (SVMSMOTE(m_neighbors=NearestNeighbors(n_neighbors=1)), "m_neighbors: .* got 1 from"),
        (KMeansSMOTE(kmeans_estimator=0), "'kmeans_estimator' parameter of KMeansSMOTE"),
        (KMeansSMOTE(cluster_balance_threshold=-1), "'cluster_balance_threshold' parameter of"),
        (KMeansSMOTE(density_exponent="e"), "'density_exponent' parameter of KMeansSMOTE"),
        (ADASYN(n_neighbors=0), "'n_neighbors' parameter of ADASYN"),
        (ADASYN(n_neighbors=400), "n_neighbors = 401, .*the table has 400 rows, n_neighbors=400"),
        (SMOTE(gap="row"), "'gap' parameter of SMOTE"),
        (SMOTE(allocation="fair"), "'allocation' parameter of SMOTE"),
    ],
    ids=str,
)
def test_parameter_errors(sampler, message, overlapping):
    with pytest.raises(ValueError, match=message):
        clone(sampler).fit_resample(*overlapping)


@pytest.mark.parametrize(
    ("sampler", "name"),
    [(ADASYN(), "n_neighbors"), (BorderlineSMOTE(), "m_neighbors"), (SVMSMOTE(), "m_neighbors")],
    ids=str,
)
def test_searchers_of_ones_own_count_the_row_itself(sampler, name, overlapping, kit):
    default = sampler.get_params()[name]
    plain, own = (clone(sampler).set_params(random_state=0) for _ in range(2))
    own.set_params(**{name: kit.RecordingNeighbors(n_neighbors=default + 1)})
    assert (plain.fit_resample(*overlapping)[0] == own.fit_resample(*overlapping)[0]).all()
    fitted = own.nn_ if name == "n_neighbors" else own.nn_m_
    assert fitted.n_neighbors == default + 1
    assert not hasattr(own.get_params()[name], "D_")
