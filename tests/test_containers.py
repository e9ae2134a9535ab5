"""What came in goes out: every sampler on every container that it accepts."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning
from threadpoolctl import threadpool_limits

from sampkit.combine import SMOTEENN, SMOTETomek, SMOTEUnder
from sampkit.over_sampling import (
    ADASYN,
    SMOTE,
    SMOTEN,
    SMOTENC,
    SVMSMOTE,
    BorderlineSMOTE,
    KMeansSMOTE,
    RandomOverSampler,
    interpolate,
)
from sampkit.testing import mixed_frames
from sampkit.testing._same import difference, dtype_difference, snapshot
from sampkit.under_sampling import EditedNearestNeighbours, RandomUnderSampler, TomekLinks

some = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
PICKING = [
    RandomOverSampler(random_state=0),
    RandomUnderSampler(random_state=0),
    RandomUnderSampler(replacement=True, random_state=0),
]
NUMERIC = [
    SMOTE(k_neighbors=3, random_state=0),
    SMOTE(k_neighbors=3, gap="feature", random_state=0),
    BorderlineSMOTE(k_neighbors=3, m_neighbors=5, random_state=0),
    BorderlineSMOTE(k_neighbors=3, m_neighbors=5, kind="borderline-2", random_state=0),
    SVMSMOTE(k_neighbors=3, m_neighbors=5, random_state=0),
    KMeansSMOTE(kmeans_estimator=1, random_state=0),
    ADASYN(n_neighbors=3, random_state=0),
    RandomOverSampler(shrinkage=0.5, random_state=0),
    EditedNearestNeighbours(kind_sel="mode"),
    TomekLinks(),
    SMOTEENN(smote=SMOTE(k_neighbors=3, random_state=0)),
    SMOTETomek(smote=SMOTE(k_neighbors=3, random_state=0)),
    SMOTEUnder(over=150, under=80, k_neighbors=3, random_state=0),
]
KEEP_ALL = (
    SMOTE,
    BorderlineSMOTE,
    SVMSMOTE,
    KMeansSMOTE,
    ADASYN,
    SMOTENC,
    SMOTEN,
    RandomOverSampler,
)
UNSUITED = "SVM-SMOTE is not adapted|Not any neigbours|No samples will be generated"
N = 26
LABELS = np.random.default_rng(1).permutation(np.repeat([0, 1], [18, 8]))


@pytest.fixture(autouse=True)
def _one_openmp_thread():
    """For k-means of 26 rows threads do nothing but wait for each other."""
    with threadpool_limits(1, user_api="openmp"):
        yield


def name_of(sampler):
    return str(sampler).replace("random_state=0", "")[:60]


def resample(sampler, X, y):
    """Run, with the input compared before and after; data that a method refuses are passed over."""
    before = snapshot(X), snapshot(y)
    try:
        out = sampler.fit_resample(X, y)
    except (ValueError, RuntimeError) as error:
        if any(text in str(error) for text in UNSUITED.split("|")):
            assume(False)
        raise
    assert difference(before[0], X) is None
    assert difference(before[1], y) is None
    return out


def origin_of(sampler):
    """Row that each output row comes from, and which output rows are rows of the input."""
    if hasattr(sampler, "provenance_"):
        seed, neighbor, gap = sampler.provenance_
        return seed, np.flatnonzero((seed == neighbor) & (gap == 0))
    noisy = sampler.shrinkage_ is not None if hasattr(sampler, "shrinkage_") else False
    index = sampler.sample_indices_
    return index, np.arange(N if noisy else len(index))


def assert_same_frame_rules(sampler, X, y, X_res, y_res):
    """Dtypes, names, index rule, and cells of the rows that were there before."""
    assert type(X_res) is type(X)
    assert X_res.columns.equals(X.columns)
    assert list(X_res.columns.names) == list(X.columns.names)
    for was, became in zip(X.dtypes, X_res.dtypes, strict=True):
        assert dtype_difference(was, became) is None
    seed, known = origin_of(sampler)
    if sampler._adds_rows:
        assert X_res.index.equals(pd.RangeIndex(len(X_res)))
        assert isinstance(X_res.index, pd.RangeIndex)
    else:
        assert X_res.index.equals(X.index[seed])
        assert X_res.index.name == X.index.name
    if isinstance(y_res, (pd.Series, pd.DataFrame)):
        assert y_res.index.equals(X_res.index)
    same = X.take(seed[known]).reset_index(drop=True), X_res.take(known).reset_index(drop=True)
    assert difference(*same) is None
    if isinstance(sampler, KEEP_ALL):
        assert_array_equal(known[:N], np.arange(N))
        assert_array_equal(seed[:N], np.arange(N))
    assert len(X_res) == len(y_res) == len(seed)


# --- pandas ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", PICKING, ids=name_of)
def test_any_pandas_frame_through_samplers_that_pick(sampler):
    @some
    @given(mixed_frames(N, names=["text", "numbers", "duplicates", "levels"], missing=True))
    def holds(X):
        y = pd.Series(LABELS, index=X.index, name="target")
        X_res, y_res = resample(sampler, X, y)
        assert_same_frame_rules(sampler, X, y, X_res, y_res)
        assert y_res.name == "target"
        assert y_res.dtype == y.dtype

    holds()


@pytest.mark.parametrize("sampler", NUMERIC, ids=name_of)
def test_numeric_pandas_frames_through_numeric_samplers(sampler):
    @some
    @given(mixed_frames(N, kinds="numeric", names=["text", "numbers", "duplicates", "levels"]))
    def holds(X):
        X_res, y_res = resample(sampler, X, LABELS)
        assert_same_frame_rules(sampler, X, LABELS, X_res, y_res)
        assert not X_res.isna().any(axis=None)

    holds()


@pytest.mark.parametrize("backend", ["pandas", "polars"])
def test_mixed_frames_through_smotenc(backend):
    pytest.importorskip(backend)
    numbers = mixed_frames(N, backend=backend, kinds="numeric", n_columns=(1, 3), index=False)
    words = mixed_frames(
        N, backend=backend, kinds="nominal", n_columns=(1, 3), index=False, missing=True
    )

    @some
    @given(numbers, words, st.booleans())
    def holds(left, right, nominal_first):
        if backend == "pandas":
            left.columns = [f"n{name}" for name in left.columns]
            X = pd.concat([right, left] if nominal_first else [left, right], axis=1)
            X.index = pd.Index(np.arange(N) + 100)
        else:
            left = left.rename({name: f"n{name}" for name in left.columns})
            X = right.hstack(left) if nominal_first else left.hstack(right)
        sampler = SMOTENC(list(right.columns), k_neighbors=3, random_state=0)
        X_res, y_res = resample(sampler, X, LABELS)
        if backend == "pandas":
            assert_same_frame_rules(sampler, X, LABELS, X_res, y_res)
        else:
            assert X_res.schema == X.schema
            assert X_res[:N].equals(X)
        for name in right.columns:  # a nominal cell is one that the class has
            of_class = {str(v) for v, label in zip(X[name], LABELS, strict=True) if label == 1}
            assert {str(v) for v in list(X_res[name])[N:]} <= of_class

    holds()


@pytest.mark.parametrize("backend", ["pandas", "polars"])
def test_nominal_frames_through_smoten(backend):
    pytest.importorskip(backend)

    @some
    @given(mixed_frames(N, backend=backend, kinds="any", missing=True))
    def holds(X):
        sampler = SMOTEN(k_neighbors=3, random_state=0)
        X_res, y_res = resample(sampler, X, LABELS)
        if backend == "pandas":
            assert_same_frame_rules(sampler, X, LABELS, X_res, y_res)
        else:
            assert X_res.schema == X.schema
            assert X_res[:N].equals(X)

    holds()


def test_categories_auto_are_found_by_dtype():
    X = pd.DataFrame({"a": np.linspace(0, 1, N), "b": pd.Categorical(list("xy") * (N // 2))})
    sampler = SMOTENC("auto", k_neighbors=2, random_state=0).fit(X, LABELS)
    assert_array_equal(sampler.categorical_features_, [1])


class Survey(pd.DataFrame):
    """A user's own kind of frame, as geopandas has one."""

    @property
    def _constructor(self):
        return Survey


@pytest.mark.parametrize("sampler", [SMOTE(random_state=0), *PICKING], ids=name_of)
@pytest.mark.parametrize("dtypes", [{}, {0: "float32"}, {1: "Int64"}], ids=str)
def test_kinds_of_frame_and_their_attributes_stay(sampler, dtypes):
    X = Survey(np.arange(2.0 * N).reshape(N, 2)).astype(dtypes)
    X.attrs["source"] = "field work"
    X_res, _ = resample(sampler, X, LABELS)
    assert type(X_res) is Survey
    assert X_res.attrs == X.attrs


def test_index_rule_of_the_specification():
    index = pd.RangeIndex(100, 130)
    X = pd.DataFrame({"a": np.random.default_rng(0).normal(size=30)}, index=index)
    y = pd.Series([0] * 20 + [1] * 10, index=index)
    X_res, y_res = RandomUnderSampler(random_state=0).fit_resample(X, y)
    assert set(X_res.index) < set(index)
    assert X_res.index.equals(y_res.index)
    X_res, y_res = SMOTE(random_state=0).fit_resample(X, y)
    assert X_res.index.equals(pd.RangeIndex(40))
    assert y_res.index.equals(pd.RangeIndex(40))


def test_the_index_of_y_becomes_that_of_x():
    X = pd.DataFrame({"a": np.arange(12.0)}, index=np.arange(12) + 50)
    y = pd.Series([0] * 8 + [1] * 4, index=np.arange(12) + 900, name="t")
    _, y_res = RandomUnderSampler(random_state=0).fit_resample(X, y)
    assert y_res.index.isin(X.index).all()
    assert y.index[0] == 900, "the caller's own y keeps its index"


def test_rounding_of_integer_columns_is_unbiased():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"whole": rng.integers(0, 1000, 4000), "real": rng.normal(size=4000)})
    y = np.repeat([0, 1], [3000, 1000])
    sampler = SMOTE(random_state=0)
    X_res, _ = sampler.fit_resample(X, y)
    seed, neighbor, gap = (part[4000:] for part in sampler.provenance_)
    exact = X["whole"].to_numpy()[seed] * (1 - gap) + X["whole"].to_numpy()[neighbor] * gap
    # rounding errors are uniform on (-1/2, 1/2): 0.05 is 7.7 standard errors of 2000 rows
    assert abs((X_res["whole"].to_numpy()[4000:] - exact).mean()) < 0.05
    assert np.abs(X_res["whole"].to_numpy()[4000:] - exact).max() <= 0.5 + 1e-9


def test_unsigned_columns_beyond_the_signed_range():
    """Values above 2**63 are no int64 on their way back."""
    polars = pytest.importorskip("polars")
    rng = np.random.default_rng(0)
    values = rng.integers(2**63 + 2**62, 2**64 - 1, size=N, dtype=np.uint64)
    for X in (
        pd.DataFrame({"id": pd.array(values, dtype="UInt64"), "x": 0.5}),
        pd.DataFrame({"id": values, "x": 0.5}),
        polars.DataFrame({"id": values, "x": np.full(N, 0.5)}),
    ):
        X_res, _ = NUMERIC[0].fit_resample(X, LABELS)
        assert X_res["id"].dtype == X["id"].dtype
        assert min(X_res["id"]) >= 2**63 + 2**62


def test_arrow_tables_keep_the_type_of_their_dictionaries():
    pyarrow = pytest.importorskip("pyarrow")
    words = pyarrow.array(["a", "b"] * (N // 2)).dictionary_encode()
    X = pyarrow.table({"x": np.arange(float(N)), "word": words})
    for sampler in (SMOTENC("auto", k_neighbors=3, random_state=0), *PICKING):
        X_res, _ = sampler.fit_resample(X, LABELS)
        assert X_res.schema == X.schema
        assert set(X_res["word"].to_pylist()) == {"a", "b"}


@pytest.mark.parametrize("sampler", NUMERIC, ids=str)
def test_cells_stored_in_parts(sampler):
    """CSR may hold a cell as several entries, in any order: their sum is the value."""
    rng = np.random.default_rng(0)
    columns = np.tile(np.array([3, 0, 3, 1], dtype=np.int32), N)
    values = rng.normal(size=4 * N)
    start = np.arange(0, 4 * N + 1, 4, dtype=np.int32)
    X = sp.csr_array((values.copy(), columns.copy(), start.copy()), shape=(N, 4))
    whole = sp.csr_array(X.toarray())
    assert whole.has_canonical_format
    expected, _ = clone(sampler).fit_resample(whole, LABELS)
    X_res, _ = clone(sampler).fit_resample(X, LABELS)
    assert_allclose(X_res.toarray(), expected.toarray(), atol=1e-12)
    assert_array_equal(X.data, values)
    assert_array_equal(X.indices, columns)


def test_lazy_frames_are_to_be_collected():
    polars = pytest.importorskip("polars")
    X = polars.DataFrame({"x": np.arange(float(N))}).lazy()
    for sampler in (NUMERIC[0], *PICKING):
        with pytest.raises(TypeError, match=r"X must be a frame in memory, got LazyFrame"):
            sampler.fit_resample(X, LABELS)


def test_sparse_frames_stay_sparse():
    rng = np.random.default_rng(0)
    cells = rng.random((N, 4)) * (rng.random((N, 4)) < 0.4)
    X = pd.DataFrame.sparse.from_spmatrix(sp.csr_array(cells), columns=list("abcd"))
    for sampler in (*NUMERIC[:3], *PICKING):
        X_res, _ = sampler.fit_resample(X, LABELS)
        assert list(X_res.dtypes) == list(X.dtypes)
        assert difference(X_res.iloc[:0], X.iloc[:0]) is None
    dense_res, _ = NUMERIC[0].fit_resample(X.sparse.to_dense(), LABELS)
    X_res, _ = NUMERIC[0].fit_resample(X, LABELS)
    assert_allclose(X_res.to_numpy(), dense_res.to_numpy(), rtol=1e-12, atol=1e-15)


# --- polars, pyarrow ----------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", PICKING, ids=name_of)
def test_any_polars_frame_through_samplers_that_pick(sampler):
    pytest.importorskip("polars")

    @some
    @given(mixed_frames(N, backend="polars", missing=True))
    def holds(X):
        X_res, _ = resample(sampler, X, LABELS)
        assert X_res.equals(X[sampler.sample_indices_.tolist()])
        assert X_res.schema == X.schema

    holds()


@pytest.mark.parametrize("sampler", NUMERIC, ids=name_of)
def test_numeric_polars_frames_through_numeric_samplers(sampler):
    pytest.importorskip("polars")

    @settings(some, max_examples=6)
    @given(mixed_frames(N, backend="polars", kinds="numeric"))
    def holds(X):
        X_res, _ = resample(sampler, X, LABELS)
        assert type(X_res) is type(X)
        assert X_res.schema == X.schema
        seed, known = origin_of(sampler)
        assert X_res[known.tolist()].equals(X[seed[known].tolist()])
        assert X_res.null_count().sum_horizontal().sum() == 0

    holds()


def arrow_table():
    pa = pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)
    words = pa.array(np.array(["b", "a", "c"])[rng.integers(3, size=N)])
    return pa.table(
        {
            "double": rng.normal(size=N),
            "float": pa.array(rng.normal(size=N).astype("f4")),
            "whole": pa.array(rng.integers(0, 9, N), pa.int16()),
            "truth": rng.random(N) < 0.5,
            "word": words,
            "coded": words.dictionary_encode(),
            "day": pa.array(np.datetime64("2024-01-01") + rng.integers(0, 9, N)),
        }
    )


def test_pyarrow_tables():
    X = arrow_table()
    for sampler in PICKING:
        X_res, _ = resample(sampler, X, LABELS)
        assert X_res.schema.equals(X.schema)
        assert X_res.equals(X.take(sampler.sample_indices_))
    numbers = X.select(["double", "float", "whole", "truth"])
    X_res, _ = resample(SMOTE(k_neighbors=3, random_state=0), numbers, LABELS)
    assert X_res.schema.equals(numbers.schema)
    assert X_res.slice(0, N).equals(numbers.combine_chunks())
    mixed = X.select(["double", "whole", "word"])
    X_res, _ = resample(SMOTENC(["word"], k_neighbors=3, random_state=0), mixed, LABELS)
    assert X_res.schema.equals(mixed.schema)


# --- the same numbers in every container ----------------------------------------------------------


def forms_of(X):
    names = [f"c{j}" for j in range(X.shape[1])]
    yield X.tolist(), np.array
    yield [tuple(row) for row in X.tolist()], np.array
    yield np.asfortranarray(X), np.asarray
    yield pd.DataFrame(X), np.asarray
    yield pd.DataFrame(dict(zip(names, X.T, strict=True))), np.asarray
    yield pd.DataFrame(X, dtype="Float64"), lambda f: f.to_numpy(float)
    for form in (sp.csr_array, sp.csc_array, sp.csr_matrix, sp.csc_matrix, sp.coo_array):
        yield form(X), lambda m: m.toarray()
    for library, make in (("polars", "DataFrame"), ("pyarrow", "table")):
        module = pytest.importorskip(library)
        columns = {name: np.ascontiguousarray(X[:, j]) for j, name in enumerate(names)}
        yield (
            getattr(module, make)(columns),
            lambda f: (
                np.array([c.to_numpy() for c in f.columns]).T
                if hasattr(f, "column_names")
                else f.to_numpy()
            ),
        )


@pytest.mark.parametrize("sampler", [*PICKING, *NUMERIC], ids=name_of)
def test_equal_numbers_in_every_container(sampler):
    X = np.random.default_rng(3).normal(size=(N, 3)) + 0.8 * LABELS[:, None]
    expected, labels = sampler.fit_resample(X, LABELS)
    for form, numbers in forms_of(X):
        got, y_res = resample(sampler, form, LABELS.tolist())
        assert type(got) is type(form)
        assert y_res == labels.tolist()
        assert_allclose(numbers(got), expected, rtol=1e-9, atol=1e-12, err_msg=str(type(form)))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i8", "u2", "?"])
def test_arrays_keep_their_dtype(dtype, order):
    numbers = np.random.default_rng(0).integers(0, 2 if dtype == "?" else 50, size=(N, 3))
    X = np.asarray(numbers, dtype=dtype, order=order)
    for sampler in (*PICKING, *NUMERIC):
        if dtype == "?" and isinstance(sampler, (SVMSMOTE, ADASYN)):
            continue  # with eight patterns of truth values most neighbours are ties
        X_res, _ = resample(sampler, X, LABELS)
        assert X_res.dtype == X.dtype
        seed, known = origin_of(sampler)
        assert_array_equal(X_res[known], X[seed[known]])


def test_rows_of_column_ordered_arrays_are_gathered_without_a_copy_of_the_table():
    C = np.random.default_rng(0).normal(size=(60_000, 20))
    F, seed, neighbor = np.asfortranarray(C), np.arange(50_000), np.arange(50_000) + 1
    gap = np.full(50_000, 0.25)
    tracemalloc.start()
    try:
        rows = interpolate(F, seed, neighbor, gap)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert_array_equal(rows, interpolate(C, seed, neighbor, gap))
    assert peak < rows.nbytes + 0.5 * C.nbytes


def test_a_row_of_a_list_is_never_shared():
    X = [[float(j), 1.0] for j in range(12)]
    X_res, _ = RandomOverSampler(random_state=0).fit_resample(X, [0] * 9 + [1] * 3)
    assert len({id(row) for row in (*X_res, *X)}) == len(X_res) + len(X)


def test_output_shares_no_memory_with_the_input():
    X = np.random.default_rng(0).normal(size=(N, 2))
    frame = pd.DataFrame(X.copy())
    balanced = np.arange(N) % 2
    for sampler in (RandomOverSampler(), SMOTE(), RandomUnderSampler()):
        X_res, y_res = sampler.fit_resample(X, balanced)
        assert not np.shares_memory(X_res, X)
        assert not np.shares_memory(y_res, balanced)
        frame_res, _ = sampler.fit_resample(frame, balanced)
        frame_res.iloc[0, 0] = 99.0
        assert frame.iloc[0, 0] == X[0, 0]


# --- nothing to add -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sampler",
    [
        SMOTE(),
        SMOTE(gap="feature"),
        BorderlineSMOTE(),
        ADASYN(),
        KMeansSMOTE(),
        RandomOverSampler(),
        RandomOverSampler(shrinkage=1.0),
        SMOTEN(),
        SMOTENC([0]),
        SVMSMOTE(),
        SMOTEUnder(over=0, under=None),
    ],
    ids=name_of,
)
@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame, sp.csr_array, "mixed", "polars"])
def test_equal_class_sizes_leave_everything_as_it_is(sampler, form):
    X = np.random.default_rng(0).integers(1, 5, size=(12, 3)).astype(float)
    y = np.arange(12) % 2
    if form == "mixed":
        table = pd.DataFrame(X).astype({0: "float32", 1: "Int64", 2: "int8"})
    elif form == "polars":
        table = pytest.importorskip("polars").DataFrame(X, schema=["a", "b", "c"])
    else:
        table = form(X)
    if isinstance(sampler, SMOTEN) and sp.issparse(table):
        with pytest.warns(DataConversionWarning):
            X_res, y_res = sampler.fit_resample(table, y)
    else:
        X_res, y_res = sampler.fit_resample(table, y)
    assert difference(table, X_res) is None
    assert_array_equal(y_res, y)


def test_a_dict_that_asks_for_nothing():
    X = pd.DataFrame({"a": np.arange(9.0), "b": np.arange(9)})
    X_res, y_res = SMOTE(sampling_strategy={1: 3}).fit_resample(X, [0] * 6 + [1] * 3)
    assert difference(X, X_res) is None
    assert y_res == [0] * 6 + [1] * 3


# --- y --------------------------------------------------------------------------------------------


TEXT = np.where(LABELS == 1, "rare", "common")
TARGETS = {
    "list": LABELS.tolist(),
    "list of str": TEXT.tolist(),
    "array": LABELS,
    "array of str": TEXT,
    "array of objects": TEXT.astype(object),
    "array of bool": LABELS == 1,
    "float labels": LABELS.astype(float),
    "Series of str": pd.Series(TEXT, name="t"),
    "Series of int": pd.Series(LABELS, name="t", dtype="int8"),
    "Series of bool": pd.Series(LABELS == 1, name=("a", 1)),
    "Series of category": pd.Series(TEXT, dtype=pd.CategoricalDtype(["rare", "never", "common"])),
    "Series of codes": pd.Series(LABELS, dtype="category"),
    "Series of Int64": pd.Series(LABELS, dtype="Int64"),
    "Series of boolean": pd.Series(LABELS == 1, dtype="boolean"),
    "Series of string": pd.Series(TEXT, dtype="string"),
    "Series of int64[pyarrow]": pd.Series(LABELS, dtype="int64[pyarrow]"),
    "Series of string[pyarrow]": pd.Series(TEXT, dtype="string[pyarrow]"),
    "Categorical": pd.Categorical(LABELS),
    "Index": pd.Index(LABELS, name="t"),
    "IntegerArray": pd.array(LABELS, dtype="Int64"),
    "one-hot": np.column_stack([1 - LABELS, LABELS]),
    "one-hot frame": pd.DataFrame({"common": 1 - LABELS, "rare": LABELS}),
    "one-hot CSR": sp.csr_array(np.column_stack([1 - LABELS, LABELS])),
}


@pytest.mark.parametrize("sampler", [SMOTE(random_state=0), RandomUnderSampler(random_state=0)])
@pytest.mark.parametrize("target", list(TARGETS))
def test_labels_come_back_as_they_came(target, sampler):
    X, y = np.random.default_rng(0).normal(size=(N, 2)), TARGETS[target]
    expected, _ = sampler.fit_resample(X, LABELS)
    X_res, y_res = resample(sampler, X, y)
    assert type(y_res) is type(y)
    seed, _ = origin_of(sampler)
    if isinstance(y, (pd.Series, pd.DataFrame)):
        expected_y = y.take(seed)
        if sampler._adds_rows:
            expected_y = expected_y.reset_index(drop=True)
        assert difference(expected_y, y_res) is None
    elif isinstance(y, (pd.Index, pd.api.extensions.ExtensionArray)):
        assert y_res.dtype == y.dtype
        assert list(y_res) == list(y.take(seed))
    elif sp.issparse(y):
        assert_array_equal(y_res.toarray(), y.toarray()[seed])
    else:
        assert_array_equal(y_res, np.asarray(y)[seed])
    if "str" not in target and "category" not in target:  # rare sorts after common, as 1 after 0
        assert_array_equal(X_res, expected)


def test_polars_labels():
    pl = pytest.importorskip("polars")
    X = pl.DataFrame({"a": np.random.default_rng(0).normal(size=N)})
    for y in (
        pl.Series("t", LABELS),
        pl.Series("t", TEXT),
        pl.Series("t", TEXT, dtype=pl.Categorical),
    ):
        X_res, y_res = resample(SMOTE(random_state=0), X, y)
        assert y_res.name == "t"
        assert y_res.dtype == y.dtype
        assert len(X_res) == len(y_res) == 36
        assert y_res[:N].equals(y)


@pytest.mark.parametrize("form", [np.asarray, lambda c: pd.DataFrame(c, columns=["t"])])
def test_a_column_vector_is_taken_with_scikit_learns_warning(form):
    X = np.random.default_rng(0).normal(size=(N, 2))
    column = form(LABELS.reshape(-1, 1))
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        _, y_res = SMOTE(random_state=0).fit_resample(X, column)
    if isinstance(column, pd.DataFrame):
        assert list(y_res.columns) == ["t"]
        assert_array_equal(np.bincount(y_res["t"]), [18, 18])
    else:
        assert_array_equal(np.bincount(y_res), [18, 18])


# --- cells that cannot be computed with -----------------------------------------------------------


NUMBERS = [s for s in NUMERIC if not isinstance(s, RandomOverSampler)]


@pytest.mark.parametrize("sampler", NUMBERS, ids=name_of)
@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.array([1, None] * (N // 2), dtype="Int64"), "Input X contains NaN"),
        (pd.array([1.5, None] * (N // 2), dtype="double[pyarrow]"), "Input X contains NaN"),
        (pd.array([True, None] * (N // 2), dtype="boolean"), "Input X contains NaN"),
        (np.array([1.0, np.inf] * (N // 2)), "Input X contains infinity"),
        (np.array([1, None] * (N // 2), dtype=object), "Input X contains NaN"),
        (pd.array(["1", pd.NA] * (N // 2), dtype=object), "when|'when'|NaN"),
        (pd.Series([1, pd.NA] * (N // 2), dtype=object), "Input X contains NaN"),
        (pd.Series([1, {}] * (N // 2), dtype=object), "'when' of X has dtype object"),
        (pd.date_range("2024", periods=N), "'when' of X has dtype datetime64.*leave it out"),
        (pd.to_timedelta(np.arange(N), "h"), "'when' of X has dtype timedelta64.*leave it out"),
        (pd.DatetimeIndex([pd.NaT] * N), "'when' of X has dtype datetime64"),
        (
            pd.period_range("2024", periods=N, freq="D"),
            "'when' of X has dtype period.*leave it out",
        ),
        (pd.Categorical(list("ab") * (N // 2)), r"'when' of X has dtype category.*SMOTENC\("),
        (pd.Categorical([1, 2] * (N // 2)), r"'when' of X has dtype category.*SMOTENC\("),
        (np.array(["a", "b"] * (N // 2)), r"'when' of X .*could not convert string.*SMOTENC\("),
        (np.array(["a", 1.0] * (N // 2), dtype=object), "'when' of X has dtype object"),
        (np.array([1j] * N), "Complex data not supported: column 'when'"),
    ],
    ids=lambda p: str(getattr(p, "dtype", "")),
)
def test_refused_columns_of_frames_are_named(sampler, column, message):
    X = pd.DataFrame({"a": np.arange(N, dtype=float), "when": column})
    before = snapshot(X)
    for method in ("fit", "fit_resample"):
        with pytest.raises(ValueError, match=message) as error:
            getattr(sampler, method)(X, LABELS)
        assert len(str(error.value)) < 400
    assert difference(before, X) is None


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("Date", "'when' of X has dtype Date.*leave it out"),
        ("Datetime", "'when' of X has dtype Datetime.*leave it out"),
        ("Duration", "'when' of X has dtype Duration.*leave it out"),
        ("String", r"'when' of X has dtype String.*SMOTENC\("),
        ("Categorical", r"'when' of X has dtype Categorical.*SMOTENC\("),
    ],
)
def test_refused_columns_of_polars_frames_are_named(dtype, message):
    pl = pytest.importorskip("polars")
    cells = (
        pl.Series("when", ["a", "b"] * (N // 2))
        if dtype in ("String", "Categorical")
        else pl.Series("when", np.arange(N))
    )
    X = pl.DataFrame([pl.Series("a", np.arange(float(N))), cells.cast(getattr(pl, dtype))])
    with pytest.raises(ValueError, match=message):
        SMOTE().fit_resample(X, LABELS)
    missing = pl.DataFrame({"a": [1.0, None] * (N // 2)})
    with pytest.raises(ValueError, match="Input X contains NaN"):
        SMOTE().fit_resample(missing, LABELS)


# --- memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make", [lambda A: pd.DataFrame(A), lambda A: pd.DataFrame(np.asfortranarray(A))]
)
@pytest.mark.parametrize(
    "sampler",
    [SMOTE(random_state=0), RandomUnderSampler(random_state=0), RandomOverSampler(random_state=0)],
)
def test_a_float_frame_is_copied_once(sampler, make):
    n, d = 100_000, 30
    X = make(np.random.default_rng(0).normal(size=(n, d)))
    rare = 300
    y = np.repeat([0, 1], [n - rare, rare])
    size = {0: n - 2000} if isinstance(sampler, RandomUnderSampler) else {1: 2000}
    sampler = type(sampler)(sampling_strategy=size, random_state=0)
    sampler.fit_resample(X.iloc[-1000:], y[-1000:]) if size == {1: 2000} else None  # loads modules
    tracemalloc.start()
    try:
        X_res, _ = sampler.fit_resample(X, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    output = len(X_res) * d * 8
    beside = 12 * n * 8  # y, its codes, provenance: a few numbers a row, of the row's thirty
    assert peak < output + beside, f"{(peak - output) / 1e6:.0f} MB beside {output / 1e6:.0f} MB"


@pytest.mark.parametrize("kind", ["integers", "mixed frame", "nominal column"])
def test_only_the_rows_of_the_rare_class_are_held_as_numbers(kind: str) -> None:
    """Peak beyond input at most 1.25 x output + 16 MB; a float copy of all rows would take 2 x."""
    rng = np.random.default_rng(0)
    n, d = 200_000, 30
    y = np.repeat([1, 0], [1000, n - 1000])
    whole = rng.integers(100, size=(n, d))
    X: object = whole
    sampler = SMOTE(sampling_strategy={1: 2000}, random_state=0)
    if kind != "integers":
        X = pd.DataFrame({f"c{j}": whole[:, j] * (1.0 if j % 2 else 1) for j in range(d)})
    if kind == "nominal column":
        sampler = SMOTENC(["c0"], sampling_strategy={1: 2000}, random_state=0)
    tracemalloc.start()
    try:
        sampler.fit_resample(X, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 1.25 * 8 * (n + 1000) * d + 16 * 2**20
