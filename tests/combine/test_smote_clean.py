"""SMOTEENN and SMOTETomek: one after the other, and where the survivors come from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors

from sampkit.combine import SMOTEENN, SMOTETomek
from sampkit.over_sampling import ADASYN, SMOTE, SMOTEN, SMOTENC, BorderlineSMOTE
from sampkit.testing import imbalanced_datasets
from sampkit.under_sampling import EditedNearestNeighbours, RandomUnderSampler, TomekLinks

CLEANERS = {
    SMOTEENN: ("enn", EditedNearestNeighbours(sampling_strategy="all")),
    SMOTETomek: ("tomek", TomekLinks(sampling_strategy="all")),
}
both = pytest.mark.parametrize("cls", CLEANERS)


def one_after_the_other(smote, cleaner, X, y):
    X_over, y_over = smote.fit_resample(X, y)
    cleaner = clone(cleaner)
    X_res, y_res = cleaner.fit_resample(X_over, y_over)
    return X_res, y_res, cleaner.sample_indices_


@both
@settings(max_examples=25)
@given(data=imbalanced_datasets())
def test_smote_then_cleaning_of_all_classes(cls, data):
    """Survivors and their provenance are those of the two steps done by hand; a step may leave
    nothing of a class."""
    X, y = data
    smote = SMOTE(random_state=3)
    X_res, y_res, kept = one_after_the_other(smote, CLEANERS[cls][1], X, y)
    sampler = cls(random_state=3)
    X_both, y_both = sampler.fit_resample(X, y)
    assert X_both.tobytes() == X_res.tobytes()
    assert (y_both == y_res).all()
    for part, whole in zip(sampler.provenance_, smote.provenance_, strict=True):
        assert (part == whole[kept]).all()


@both
@pytest.mark.parametrize(
    "smote",
    [
        SMOTE(random_state=1, k_neighbors=2, gap="feature"),
        SMOTE(random_state=1, constraints={0: (-0.2, 0.2)}),
        SMOTE(random_state=1, sampling_strategy={1: 60}),
        BorderlineSMOTE(random_state=1),
        ADASYN(random_state=1),
    ],
    ids=str,
)
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, pd.DataFrame])
def test_a_sampler_of_ones_own_is_used_as_it_is(cls, smote, form, overlapping):
    """Its strategy, its random state and its constraints hold."""
    X, y = form(overlapping[0]), overlapping[1]
    name, cleaner = CLEANERS[cls]
    expected, y_expected, _ = one_after_the_other(clone(smote), cleaner, X, y)
    sampler = cls(smote=smote, random_state=99, **{name: cleaner})
    X_res, y_res = sampler.fit_resample(X, y)
    assert type(X_res) is type(expected)
    found, wanted = (T.toarray() if sp.issparse(T) else np.asarray(T) for T in (X_res, expected))
    assert (found == wanted).all()
    assert (y_res == y_expected).all()
    assert sampler.smote is smote
    assert sampler.smote_ is not smote
    assert not hasattr(smote, "sampling_strategy_")


@both
def test_whole_columns_are_whole_when_they_are_cleaned(cls, overlapping):
    X, y = pd.DataFrame(np.rint(3 * overlapping[0])).astype({0: int, 1: "Int32"}), overlapping[1]
    expected, _, kept = one_after_the_other(SMOTE(random_state=0), CLEANERS[cls][1], X, y)
    sampler = cls(random_state=0)
    X_res, _ = sampler.fit_resample(X, y)
    pd.testing.assert_frame_equal(X_res, expected.reset_index(drop=True))
    assert (sampler.provenance_.seed < len(y)).all()
    assert len(sampler.provenance_.seed) == len(kept)


@both
def test_parameters_reach_the_default_smote(cls, overlapping):
    sampler = cls(sampling_strategy={1: 90}, random_state=5)
    sampler.fit_resample(*overlapping)
    assert sampler.sampling_strategy_ == {1: 50}
    assert sampler.smote_.sampling_strategy == {1: 90}
    assert sampler.smote_.random_state == 5
    assert getattr(sampler, f"{CLEANERS[cls][0]}_").sampling_strategy == "all"


def test_the_cleaner_may_find_neighbours_its_own_way(overlapping):
    nn = NearestNeighbors(n_neighbors=4)
    enn = EditedNearestNeighbours(sampling_strategy="all", n_neighbors=nn)
    own, plain = (
        SMOTEENN(enn=e, random_state=0).fit_resample(*overlapping)[0] for e in (enn, None)
    )
    assert (own == plain).all()


def test_a_cleaner_of_one_class_leaves_the_others(overlapping):
    X, y = overlapping
    sampler = SMOTETomek(tomek=TomekLinks(sampling_strategy="majority"), random_state=0)
    _, y_res = sampler.fit_resample(X, y)
    # equal sizes after SMOTE: the first class counts as the largest
    assert (y_res == 1).sum() == 200
    assert (y_res == 0).sum() < 200


@both
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"smote": SMOTENC([0])}, "smote must make rows of numbers only, got SMOTENC"),
        ({"smote": SMOTEN()}, "smote must make rows of numbers only, got SMOTEN"),
        ({"smote": SMOTE(k_neighbors=-3)}, "'k_neighbors' parameter of SMOTE must be"),
        ({"smote": SMOTE(k_neighbors="five")}, "'k_neighbors' parameter of SMOTE must be"),
        ({"smote": RandomUnderSampler()}, "'smote' parameter of SMOTE.* must be"),
        ({"smote": SMOTE(sampling_strategy={7: 10})}, "7 is/are not present"),
        ({"smote": SMOTE(k_neighbors=50)}, "Expected n_neighbors <= n_samples_fit"),
    ],
    ids=str,
)
def test_errors(cls, parameters, message, overlapping):
    with pytest.raises(ValueError, match=message):
        cls(**parameters).fit_resample(*overlapping)


@pytest.mark.parametrize(("cls", "name"), [(SMOTEENN, "enn"), (SMOTETomek, "tomek")])
def test_a_cleaner_has_to_resample(cls, name, overlapping):
    with pytest.raises(ValueError, match=f"'{name}' parameter of {cls.__name__} must be"):
        cls(**{name: "all"}).fit_resample(*overlapping)
