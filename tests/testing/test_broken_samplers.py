"""`check_sampler` on one sampler that keeps its promises and many that break exactly one."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing, check_random_state

from sampkit.base import Provenance, SamplerInputTags
from sampkit.testing import check_sampler
from sampkit.testing._check_sampler import CHECKS


class Honest(BaseEstimator):
    """A user's own under-sampler: as many rows of every class as of the rarest."""

    _sampling_type = "under-sampling"

    def __init__(self, random_state=None, note=()):
        self.random_state = random_state
        self.note = note

    def fit(self, X, y):
        return self

    def choose(self, y):
        classes, counts = np.unique(np.asarray(y), return_counts=True)
        size, rng = counts.min(), check_random_state(self.random_state)
        self.sampling_strategy_ = {label: int(size) for label in classes.tolist()}
        rows = [np.flatnonzero(np.asarray(y) == label) for label in classes]
        return np.sort(np.concatenate([rng.choice(r, size, replace=False) for r in rows]))

    def fit_resample(self, X, y):
        n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
        if n_rows != len(y):
            raise ValueError(f"X has {n_rows} rows, y has {len(y)}")
        self.sample_indices_ = self.choose(y)
        return self.answer(X, y, self.sample_indices_)

    def answer(self, X, y, rows):
        return _safe_indexing(X, rows), _safe_indexing(y, rows)

    def propagate(self, values):
        return np.asarray(values)[self.sample_indices_]


class Transforms(Honest):
    caught_by = "protocol"

    def transform(self, X):
        return X


class ReturnsUnequalLengths(Honest):
    caught_by = "protocol"

    def answer(self, X, y, rows):
        X_res, y_res = super().answer(X, y, rows)
        return X_res, y_res[:-1]


class ReturnsRowsOnly(Honest):
    caught_by = "protocol"

    def answer(self, X, y, rows):
        return super().answer(X, y, rows)[0]


class MutatesX(Honest):
    caught_by = "input_untouched"

    def answer(self, X, y, rows):
        out = super().answer(X, y, rows)
        X[3, 1] = 0
        return out


class MutatesY(Honest):
    caught_by = "input_untouched"

    def fit(self, X, y):
        y[:] = y[0]
        return self


class LocksX(Honest):
    caught_by = "input_untouched"

    def answer(self, X, y, rows):
        X.setflags(write=False)
        return super().answer(X, y, rows)


class WritesAndRestores(Honest):
    caught_by = "read_only_input"

    def answer(self, X, y, rows):
        X *= 2
        out = super().answer(X / 2, y, rows)
        X /= 2
        return out


class FitsNothing(Honest):
    caught_by = "fit_only"

    def fit(self, X, y):
        return None


class ReplacesParameter(Honest):
    caught_by = "params_untouched"

    def answer(self, X, y, rows):
        self.random_state = check_random_state(self.random_state)
        return super().answer(X, y, rows)


class IgnoresSeed(Honest):
    caught_by = "repeatable"

    def choose(self, y):
        self.random_state, seed = None, self.random_state
        rows = super().choose(y)
        self.random_state = seed
        return rows


class RemembersCalls(Honest):
    caught_by = "repeatable"

    def answer(self, X, y, rows):
        self.calls_ = getattr(self, "calls_", 0) + 1
        return super().answer(X, y, rows if self.calls_ == 1 else rows[1:])


class SeedsTheWorld(Honest):
    caught_by = "global_random_state"

    def answer(self, X, y, rows):
        np.random.seed(0)  # noqa: NPY002
        return super().answer(X, y, rows)


class HoldsFunction(Honest):
    caught_by = "pickle"

    def answer(self, X, y, rows):
        self.kernel_ = lambda u: u
        return super().answer(X, y, rows)


class TakesAnyLength(Honest):
    caught_by = "mismatched_lengths"

    def fit_resample(self, X, y):
        self.sample_indices_ = self.choose(y)
        return self.answer(X, y, self.sample_indices_)


class OneTooFew(Honest):
    caught_by = "exact_counts"

    def answer(self, X, y, rows):
        self.sample_indices_ = rows[1:]
        return super().answer(X, y, rows[1:])


class MakesUpLabels(Honest):
    caught_by = "known_labels"

    def answer(self, X, y, rows):
        del self.sampling_strategy_
        X_res, y_res = super().answer(X, y, rows)
        return X_res, y_res + 1


class ShuffledLabels(Honest):
    caught_by = "labels_follow_origin"

    def answer(self, X, y, rows):
        X_res, y_res = super().answer(X, y, rows)
        return X_res, y_res[::-1]


class FloatIndices(Honest):
    caught_by = "labels_follow_origin"

    def answer(self, X, y, rows):
        self.sample_indices_ = rows.astype(float)
        return super().answer(X, y, rows)


class IndicesOutOfRange(Honest):
    caught_by = "labels_follow_origin"

    def answer(self, X, y, rows):
        self.sample_indices_ = rows + 1000
        return super().answer(X, y, rows)


class WrongIndices(Honest):
    caught_by = "rows_follow_origin"

    def answer(self, X, y, rows):
        out = super().answer(X, y, rows)
        code = np.asarray(y)[rows]
        first = np.flatnonzero(code == code[0])
        self.sample_indices_ = rows.copy()
        self.sample_indices_[first] = rows[np.roll(first, 1)]  # of the right class, of other rows
        return out


class WrongGap(Honest):
    caught_by = "rows_follow_origin"

    def answer(self, X, y, rows):
        seed = self.sample_indices_
        del self.sample_indices_
        neighbor = np.roll(seed, 1)
        self.provenance_ = Provenance(seed, neighbor, np.full(len(seed), 0.5))
        return super().answer(X, y, rows)


class NegativeWeights(Honest):
    caught_by = "weights"

    def answer(self, X, y, rows):
        self.sample_weight_ = np.full(len(rows), -1.0)
        return super().answer(X, y, rows)


class TooManyWeights(Honest):
    caught_by = "weights"

    def answer(self, X, y, rows):
        self.sample_weight_ = np.ones(len(y))
        return super().answer(X, y, rows)


class PropagatesInputOrder(Honest):
    caught_by = "propagate"

    def propagate(self, values):
        return np.asarray(values)[: len(self.sample_indices_)]


class WidensFloats(Honest):
    caught_by = "container_kept"

    def answer(self, X, y, rows):
        X_res, y_res = super().answer(X, y, rows)
        return (X_res.astype(np.longdouble) if isinstance(X, np.ndarray) else X_res), y_res


class ReturnsArrays(Honest):
    caught_by = "container_list"

    def answer(self, X, y, rows):
        X_res, y_res = super().answer(X, y, rows)
        return (np.array(X_res) if isinstance(X, list) else X_res), y_res


class DropsNames(Honest):
    caught_by = "container_pandas"

    def answer(self, X, y, rows):
        X_res, y_res = super().answer(X, y, rows)
        if isinstance(X, pd.DataFrame):
            X_res.columns = range(X.shape[1])
        return X_res, y_res


class TwoIndexes(Honest):
    caught_by = "container_pandas"

    def answer(self, X, y, rows):
        X_res, y_res = super().answer(X, y, rows)
        return X_res, y_res.reset_index(drop=True) if isinstance(y, pd.Series) else y_res


class RefusesFrames(Honest):
    caught_by = "container_pandas"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = SamplerInputTags()
        return tags

    def answer(self, X, y, rows):
        if isinstance(X, pd.DataFrame):
            raise TypeError("no frames, please")
        return super().answer(X, y, rows)


class Densifies(Honest):
    caught_by = "container_csr"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def answer(self, X, y, rows):
        X_res, y_res = super().answer(X, y, rows)
        return (X_res.toarray() if hasattr(X, "toarray") else X_res), y_res


class RoundsPolars(Honest):
    caught_by = "container_polars"

    def answer(self, X, y, rows):
        X_res, y_res = super().answer(X, y, rows)
        return (X_res * 0.5 if type(X).__module__.startswith("polars") else X_res), y_res


BROKEN = [
    value
    for value in list(globals().values())
    if isinstance(value, type) and hasattr(value, "caught_by")
]


def test_a_users_own_sampler_passes():
    report = check_sampler(Honest())
    assert report.not_applicable.keys() <= {"weights", "container_csr"}
    assert check_sampler(Honest(), skip={"pickle": "no"}).not_applicable["pickle"] == "skipped: no"


@pytest.mark.parametrize("broken", BROKEN, ids=lambda cls: cls.__name__)
def test_a_broken_promise_is_named(broken):
    sampler = broken(random_state=7)
    before = pickle.dumps(sampler)
    with pytest.raises(AssertionError, match=rf"^{broken.caught_by}: .*{broken.__name__}") as error:
        check_sampler(sampler)
    assert len(str(error.value)) < 400
    assert pickle.dumps(sampler) == before, "the sampler itself was used"


def test_every_check_catches_something():
    assert {cls.caught_by for cls in BROKEN} == set(CHECKS)


def test_a_changed_index_of_a_frame_is_caught():
    class RenumbersX(Honest):
        def fit_resample(self, X, y):
            X.index = range(len(X))
            return super().fit_resample(X, y)

    frame = pd.DataFrame({"a": np.arange(9.0)}, index=list("abcdefghi"))
    with pytest.raises(AssertionError, match="input_untouched: RenumbersX changed X: index"):
        check_sampler(RenumbersX(), X=frame, y=[0] * 6 + [1] * 3)


def test_a_change_inside_a_cell_is_caught():
    class Appends(Honest):
        def fit_resample(self, X, y):
            X[0][0].append(1)
            return super().fit_resample(X, y)

    cells = [[[j], "x"] for j in range(9)]
    with pytest.raises(AssertionError, match="input_untouched: Appends changed X: entry 0"):
        check_sampler(Appends(), X=cells, y=[0] * 6 + [1] * 3)
