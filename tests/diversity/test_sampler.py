"""The sampler: tables of every kind, callbacks, interruption, chunks, summaries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_digits

from sampkit.diversity import GreedyMaximumEntropySampler, greedy_max_entropy
from sampkit.testing._same import difference, snapshot

LETTERS = list("abcdefghij")


def long_table(n_rows=120, n_items=25, seed=0):
    """Items, two variables with missing values, and a column that is no variable."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "doi": [f"d{i:02d}" for i in rng.integers(n_items, size=n_rows)],
            "plant": rng.choice(LETTERS, n_rows, p=np.arange(1, 11) / 55),
            "compound": rng.integers(40, size=n_rows),
            "note": "text",
        },
        index=[f"r{i}" for i in range(n_rows)],
    )
    frame["plant"] = frame["plant"].astype(object).where(rng.random(n_rows) > 0.1, None)
    return frame


def counts_of(frame, columns, items):
    """By crosstab, with the categories that occur."""
    tables = [pd.crosstab(frame["doi"], frame[c]).reindex(items, fill_value=0) for c in columns]
    return [t.to_numpy() for t in tables]


@pytest.fixture
def frame():
    return long_table()


def test_ranking_is_that_of_the_counts(frame):
    sampler = GreedyMaximumEntropySampler(10, item="doi", on=["plant", "compound"]).fit(frame)
    items = np.sort(frame["doi"].unique())
    assert sampler.items_.tolist() == items.tolist()
    ranking, path, distance = greedy_max_entropy(counts_of(frame, ["plant", "compound"], items), 10)
    np.testing.assert_array_equal(sampler.ranking_, ranking)
    np.testing.assert_array_equal(sampler.entropy_path_, path)
    np.testing.assert_array_equal(sampler.distance_path_, distance)
    assert sampler.n_categories_.tolist() == [10, frame["compound"].nunique()]
    np.testing.assert_allclose(sampler.max_entropy_, np.log(sampler.n_categories_))
    assert sampler.variables_ == ["plant", "compound"]
    assert sampler.n_features_in_ == 4
    assert sampler.feature_names_in_.tolist() == list(frame)


def test_rows_keep_order_index_and_dtypes(frame):
    y = pd.Series(np.arange(len(frame)), index=frame.index)
    sampler = GreedyMaximumEntropySampler(4, item="doi", on="compound")
    before = snapshot(frame)
    few, y_few = sampler.fit_resample(frame, y)
    chosen = set(sampler.items_[sampler.ranking_])
    expected = frame[frame["doi"].isin(chosen)]
    pd.testing.assert_frame_equal(few, expected)
    pd.testing.assert_series_equal(y_few, y[expected.index])
    np.testing.assert_array_equal(
        sampler.sample_indices_, np.flatnonzero(frame["doi"].isin(chosen))
    )
    assert difference(before, snapshot(frame)) is None
    assert sampler.fit_resample(frame)[1] is None


def test_every_container_gives_the_same(frame):
    plain = frame[["doi", "plant", "compound"]].reset_index(drop=True)
    sampler = GreedyMaximumEntropySampler(8, item="doi")
    expected = clone(sampler).fit(plain)
    few = plain.iloc[expected.sample_indices_]
    for convert in (
        pl.from_pandas,
        pa.Table.from_pandas,
        lambda f: f.convert_dtypes(),
        lambda f: f.astype({"plant": "category", "compound": "Int16"}),
    ):
        given = convert(plain)
        found = clone(sampler)
        out, _ = found.fit_resample(given)
        assert type(out) is type(given)
        np.testing.assert_array_equal(found.ranking_, expected.ranking_)
        assert found.items_.tolist() == expected.items_.tolist()
        rows = out.to_pandas() if hasattr(out, "to_pandas") else out
        assert rows["doi"].tolist() == few["doi"].tolist()
    groups = plain["doi"]
    cells = plain[["plant", "compound"]].to_numpy(dtype=object)
    by_group = GreedyMaximumEntropySampler(8)
    for given in (cells, cells.tolist(), plain[["plant", "compound"]]):
        for labels in (groups, groups.tolist(), groups.to_numpy(), pl.Series(groups.tolist())):
            out, _ = by_group.fit_resample(given, groups=labels)
            assert type(out) is type(given)
            np.testing.assert_array_equal(by_group.ranking_, expected.ranking_)
            np.testing.assert_array_equal(by_group.sample_indices_, expected.sample_indices_)


def test_digits_as_an_array_and_as_counts():
    X, _ = load_digits(return_X_y=True)
    sampler = GreedyMaximumEntropySampler(12)
    sampler.fit(sp.csr_array(X))
    assert sampler.ranking_[:5].tolist() == [768, 988, 163, 1176, 673]
    out, _ = sampler.fit_resample(sp.csc_matrix(X))
    assert out.format == "csc"
    np.testing.assert_array_equal(out.toarray(), X[np.sort(sampler.ranking_)])
    # summed by group
    groups = np.arange(len(X)) // 3
    sampler.fit(sp.csr_array(X), groups=groups)
    summed = np.add.reduceat(X, np.arange(0, len(X), 3))
    np.testing.assert_array_equal(sampler.ranking_, greedy_max_entropy(summed, 12)[0])
    np.testing.assert_array_equal(
        sampler.sample_indices_, np.flatnonzero(np.isin(groups, sampler.ranking_))
    )
    # dense: every value is a category of its column
    sampler.fit(X[:, :2], groups=groups)
    assert sampler.variables_ == ["x0", "x1"]
    sampler.set_params(on=[1]).fit(X[:, :2])
    assert sampler.variables_ == ["x1"]


def test_duplicate_rows_count_twice_unless_binarized():
    frame = pd.DataFrame({"item": ["a", "a", "a", "b", "b"], "v": ["x", "x", "y", "x", "y"]})
    plain = GreedyMaximumEntropySampler(item="item").fit(frame)
    assert plain.items_[plain.ranking_].tolist() == ["b", "a"]
    once = GreedyMaximumEntropySampler(item="item", binarize=True).fit(frame)
    assert once.items_[once.ranking_].tolist() == ["a", "b"]
    twice = sp.csr_array(np.array([[2, 1], [1, 1]]))
    assert GreedyMaximumEntropySampler().fit(twice).ranking_.tolist() == [1, 0]
    assert GreedyMaximumEntropySampler(binarize=True).fit(twice).ranking_.tolist() == [0, 1]


def test_missing_values():
    frame = pd.DataFrame(
        {"item": list("aabbcc"), "v": ["x", None, "x", "y", np.nan, pd.NA], "w": list("ppqqpq")}
    )
    ignored = GreedyMaximumEntropySampler(item="item").fit(frame)
    assert ignored.n_categories_.tolist() == [2, 2]
    counts = [np.array([[1, 0], [1, 1], [0, 0]]), np.array([[2, 0], [0, 2], [1, 1]])]
    np.testing.assert_array_equal(ignored.ranking_, greedy_max_entropy(counts)[0])
    one_more = GreedyMaximumEntropySampler(item="item", missing="category").fit(frame)
    assert one_more.n_categories_.tolist() == [3, 2]
    counts[0] = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 2]])
    np.testing.assert_array_equal(one_more.ranking_, greedy_max_entropy(counts)[0])
    empty = frame.assign(v=["x", "", "x", "y", "", ""])
    assert GreedyMaximumEntropySampler(item="item").fit(empty).n_categories_.tolist() == [3, 2]


def test_labels_of_mixed_types_are_sorted_as_text():
    groups = np.array([10, "b", 9, "a"], dtype=object)
    sampler = GreedyMaximumEntropySampler().fit([["x"], ["y"], ["z"], ["x"]], groups=groups)
    assert sampler.items_.tolist() == [10, 9, "a", "b"]
    numbers = GreedyMaximumEntropySampler().fit([["x"], ["y"]], groups=[10, 9])
    assert numbers.items_.tolist() == [9, 10]


def test_sample_is_the_table_of_the_reference(frame):
    sampler = GreedyMaximumEntropySampler(3, item="doi", on=["compound", "plant"], decimals=5)
    table = sampler.sample(frame)
    assert list(table) == ["doi", "compound", "plant"]
    assert table["doi"].tolist() == sampler.items_[sampler.ranking_].tolist()
    np.testing.assert_array_equal(table[["compound", "plant"]], sampler.entropy_path_)
    assert list(GreedyMaximumEntropySampler(2).sample([["a"], ["b"]])) == ["item", "x0"]


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_shuffled_rows_and_relabelled_categories_change_nothing(seed):
    rng = np.random.default_rng(seed)
    frame = long_table(60, 12, seed)
    sampler = GreedyMaximumEntropySampler(item="doi", on=["plant", "compound"]).fit(frame)
    other = frame.iloc[rng.permutation(len(frame))].copy()
    names = dict(zip(LETTERS, rng.permutation(LETTERS), strict=True))
    other["plant"] = other["plant"].map(names)
    found = clone(sampler).fit(other)
    np.testing.assert_array_equal(found.ranking_, sampler.ranking_)
    np.testing.assert_array_equal(found.entropy_path_, sampler.entropy_path_)


def test_propagate_follows_the_rows(frame):
    sampler = GreedyMaximumEntropySampler(4, item="doi", on="plant")
    few, _ = sampler.fit_resample(frame)
    numbers = np.arange(len(frame))
    np.testing.assert_array_equal(sampler.propagate(numbers), numbers[sampler.sample_indices_])
    assert len(few) == len(sampler.sample_indices_)


def test_where_to_stop(frame):
    sampler = GreedyMaximumEntropySampler(item="doi", on=["plant", "compound"]).fit(frame)
    assert sampler.suggest_size() == 1 + sampler.distance_path_.argmin()
    assert 1 <= sampler.suggest_size("knee") <= sampler.suggest_size()
    assert sampler.suggest_size("patience", patience=3) <= len(sampler.ranking_)
    total = clone(sampler).set_params(selector="sum").fit(frame)
    assert total.suggest_size() == 1 + total.entropy_path_.sum(axis=1).argmax()
    assert clone(sampler).set_params(n_select=0).fit(frame).suggest_size() == 0


def test_summary(frame, kit):
    sampler = GreedyMaximumEntropySampler(6, item="doi", on=["plant", "compound"]).fit(frame)
    summary = sampler.summary()
    assert summary.index.tolist() == ["plant", "compound"]
    np.testing.assert_allclose(summary["entropy"], sampler.entropy_path_[-1])
    np.testing.assert_allclose(summary["effective"], np.exp(summary["entropy"]))
    chosen = frame[frame["doi"].isin(sampler.items_[sampler.ranking_])]
    for name in summary.index:
        row, values = summary.loc[name], chosen[name].dropna()
        assert row["covered"] == values.nunique()
        assert row["coverage"] == pytest.approx(row["covered"] / row["categories"])
        assert row["entropy_all"] == pytest.approx(kit.entropy(frame[name].value_counts()))
        corrected = row["entropy"] + (row["covered"] - 1) / (2 * len(values))
        assert row["entropy_corrected"] == pytest.approx(corrected)
        assert 0 <= row["sample_coverage"] <= 1
        assert row["evenness"] == pytest.approx(row["entropy"] / row["max_entropy"])


def test_summary_counts_what_was_given():
    """Counts are divided by their common divisor inside; totals are those of the caller."""
    counts = 3 * np.array([[1, 0, 2], [0, 1, 0], [1, 1, 0]])
    row = GreedyMaximumEntropySampler(2).fit(sp.csr_array(counts)).summary().iloc[0]
    chosen = counts[GreedyMaximumEntropySampler(2).fit(sp.csr_array(counts)).ranking_].sum(axis=0)
    extra = (np.count_nonzero(chosen) - 1) / (2 * chosen.sum())
    assert row["entropy_corrected"] - row["entropy"] == pytest.approx(extra)


def test_sample_coverage_by_hand():
    """Chao and Jost (2012): 1 - f1/n ((n-1) f1 / ((n-1) f1 + 2 f2)), n=10, f1=3, f2=2."""
    from sampkit.diversity._summary import good_turing

    assert good_turing(np.array([1, 1, 1, 2, 2, 3])) == pytest.approx(1 - 0.3 * 27 / (27 + 4))
    assert good_turing(np.array([4, 4])) == 1.0
    assert good_turing(np.array([1, 0])) == 0.0
    assert good_turing(np.array([0, 0])) == 0.0
    assert good_turing(np.array([1, 1])) == pytest.approx(1 - 1 / 3)


# --- callbacks ------------------------------------------------------------------------------------


class Watcher:
    """Notes every hook; stops, or is interrupted, after some picks."""

    def __init__(self, stop_after=None, interrupt_after=None):
        self.stop_after, self.interrupt_after = stop_after, interrupt_after
        self.picks, self.lines = [], []

    def setup(self, estimator, context):
        self.lines.append("setup")

    def teardown(self, estimator, context):
        self.lines.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.lines.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.lines.append(("end", context.task_name))
        if context.task_name != "pick":
            return False
        self.picks.append(fitted_estimator.ranking_.copy())
        if len(self.picks) == self.interrupt_after:
            raise KeyboardInterrupt
        return len(self.picks) == self.stop_after


def test_a_callback_hears_of_every_pick(frame):
    watcher = Watcher()
    sampler = GreedyMaximumEntropySampler(5, item="doi", on="plant").set_callbacks(watcher)
    sampler.fit(frame)
    assert watcher.lines[:2] == ["setup", ("begin", "fit")]
    assert watcher.lines.count(("begin", "pick")) == watcher.lines.count(("end", "pick")) == 5
    assert watcher.lines[-2:] == [("end", "fit"), "teardown"]
    for k, ranking in enumerate(watcher.picks, 1):
        np.testing.assert_array_equal(ranking, sampler.ranking_[:k])
    quiet = GreedyMaximumEntropySampler(5, item="doi", on="plant").fit(frame)
    np.testing.assert_array_equal(quiet.ranking_, sampler.ranking_)


def test_a_callback_may_ask_to_stop(frame):
    full = GreedyMaximumEntropySampler(item="doi", on="plant").fit(frame)
    sampler = GreedyMaximumEntropySampler(item="doi", on="plant").set_callbacks(Watcher(3))
    few, _ = sampler.fit_resample(frame)
    np.testing.assert_array_equal(sampler.ranking_, full.ranking_[:3])
    assert set(few["doi"]) == set(sampler.items_[sampler.ranking_])


def test_an_interruption_keeps_the_ranking_so_far(frame):
    full = GreedyMaximumEntropySampler(item="doi", on="plant").fit(frame)
    watcher = Watcher(interrupt_after=4)
    sampler = GreedyMaximumEntropySampler(item="doi", on="plant").set_callbacks(watcher)
    with pytest.raises(KeyboardInterrupt):
        sampler.fit(frame)
    assert watcher.lines[-1] == "teardown"
    np.testing.assert_array_equal(sampler.ranking_, full.ranking_[:4])
    np.testing.assert_array_equal(sampler.entropy_path_, full.entropy_path_[:4])
    assert set(frame["doi"].iloc[sampler.sample_indices_]) == set(sampler.items_[sampler.ranking_])
    assert sampler.suggest_size() <= 4


def test_interrupted_without_callbacks_as_well(frame, monkeypatch):
    from sampkit.diversity import _greedy as greedy

    full = GreedyMaximumEntropySampler(item="doi", on="plant", engine="numpy").fit(frame)
    steps, best = [], greedy.ScanEngine.best

    def interrupted(self):
        steps.append(1)
        if len(steps) == 4:
            raise KeyboardInterrupt
        return best(self)

    monkeypatch.setattr(greedy.ScanEngine, "best", interrupted)
    sampler = clone(full)
    with pytest.raises(KeyboardInterrupt):
        sampler.fit(frame)
    np.testing.assert_array_equal(sampler.ranking_, full.ranking_[:3])


def test_the_progress_bar_of_scikit_learn(frame, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    sampler = GreedyMaximumEntropySampler(5, item="doi", on="plant")
    sampler.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(frame)
    assert "GreedyMaximumEntropySampler - fit" in capsys.readouterr().out


# --- chunks ---------------------------------------------------------------------------------------


def test_one_chunk_is_a_fit(frame):
    sampler = GreedyMaximumEntropySampler(6, item="doi", on=["plant", "compound"])
    whole = clone(sampler).fit(frame)
    part = sampler.partial_fit(frame)
    np.testing.assert_array_equal(part.ranking_, whole.ranking_)
    np.testing.assert_array_equal(part.entropy_path_, whole.entropy_path_)
    assert not hasattr(part, "sample_indices_")


def test_chunks_keep_the_best_and_know_all_categories(frame):
    ordered = frame.sort_values("doi", kind="stable")
    cut = ordered["doi"].searchsorted("d12")
    first, second = ordered.iloc[:cut], ordered.iloc[cut:]
    sampler = GreedyMaximumEntropySampler(6, item="doi", on=["plant", "compound"])
    sampler.partial_fit(first)
    kept = sampler.items_[sampler.ranking_]
    sampler.partial_fit(second)
    assert sampler.n_categories_.tolist() == [10, frame["compound"].nunique()]
    pool = ordered[ordered["doi"].isin(kept) | (ordered["doi"] >= "d12")]
    items = np.sort(pool["doi"].unique())
    assert sampler.items_.tolist() == items.tolist()
    expected = greedy_max_entropy(
        counts_of(pool, ["plant", "compound"], items), 6, n_categories=sampler.n_categories_
    )
    np.testing.assert_array_equal(sampler.ranking_, expected[0])
    np.testing.assert_array_equal(sampler.entropy_path_, expected[1])
    assert len(sampler._kept.items) == 6


def test_an_item_that_recurs_gets_the_counts_of_both():
    sampler = GreedyMaximumEntropySampler(2, item="i")
    sampler.partial_fit(pd.DataFrame({"i": ["a", "b"], "v": ["x", "y"]}))
    sampler.partial_fit(pd.DataFrame({"i": ["a", "c"], "v": ["z", "x"]}))
    both = pd.DataFrame({"i": ["a", "b", "a", "c"], "v": ["x", "y", "z", "x"]})
    whole = GreedyMaximumEntropySampler(2, item="i").fit(both)
    assert sampler.items_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(sampler.ranking_, whole.ranking_)


def test_rows_as_items_are_numbered_through(kit):
    rng = np.random.default_rng(0)
    X = rng.integers(8, size=(60, 2)) + 8 * (np.arange(60) // 20)[:, None]
    sampler = GreedyMaximumEntropySampler(20)
    for part in np.split(X, 3):
        sampler.partial_fit(part)
    chosen = sampler.items_[sampler.ranking_]
    assert len(set(chosen.tolist())) == 20
    assert set(chosen // 20) == {0, 1, 2}  # every chunk had categories of its own
    expected = [kit.entropy(np.unique(X[chosen, v], return_counts=True)[1]) for v in (0, 1)]
    np.testing.assert_allclose(sampler.entropy_path_[-1], expected, atol=1e-9)


def test_counts_in_chunks():
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.2, size=(60, 30))
    sampler = GreedyMaximumEntropySampler(5)
    for part in np.split(counts, 2):
        sampler.partial_fit(sp.csr_array(part))
    assert sampler.n_categories_.tolist() == [(counts.sum(axis=0) > 0).sum()]
    chosen = sampler.items_[sampler.ranking_]
    _, path, _ = greedy_max_entropy(counts[chosen])
    np.testing.assert_allclose(path[-1], sampler.entropy_path_[-1], atol=1e-9)


def test_groups_are_routed(frame):
    from sklearn import config_context
    from sklearn.tree import DecisionTreeClassifier

    from sampkit.compose import ResampledClassifier

    X = np.stack([frame["compound"], np.arange(len(frame))], axis=1)
    y = np.arange(len(frame)) % 2
    with config_context(enable_metadata_routing=True):
        sampler = GreedyMaximumEntropySampler(5, on=[0]).set_fit_request(groups=True)
        model = ResampledClassifier(DecisionTreeClassifier(random_state=0), sampler)
        model.fit(X, y, groups=frame["doi"].to_numpy())
    assert model.sampler_.items_.tolist() == sorted(frame["doi"].unique())
    assert model.n_samples_resampled_ == len(model.sampler_.sample_indices_)
