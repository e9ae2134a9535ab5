"""Every source hands out the same rows, and asks for no more than it says."""

from __future__ import annotations

import mmap
import os

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from sampkit.subset import _read
from sampkit.subset._read import InMemory, Mapped, OnDisk, n_bytes, release, source_of

polars = pytest.importorskip("polars")
X = np.random.default_rng(0).normal(size=(500, 7)).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    """The rows in a file, behind a header of 20 bytes."""
    file = tmp_path / "rows.f32"
    with file.open("wb") as out:
        out.write(b"header of 20 bytes..")
        X.tofile(out)
    return file


def mapped(path, mode="r"):
    return np.memmap(path, dtype=np.float32, mode=mode, offset=20, shape=X.shape)


def dense(rows):
    rows = rows.toarray() if sp.issparse(rows) else rows
    return rows.to_numpy() if hasattr(rows, "to_numpy") else np.asarray(rows)


CONTAINERS = {
    "array": lambda kit, path: X,
    "list": lambda kit, path: X.tolist(),
    "csr": lambda kit, path: sp.csr_array(X),
    "csc": lambda kit, path: sp.csc_matrix(X),
    "pandas": lambda kit, path: pd.DataFrame(X, columns=list("abcdefg")),
    "polars": lambda kit, path: polars.DataFrame(dict(zip("abcdefg", X.T, strict=True))),
    "slices": lambda kit, path: kit.OnlySlices(X),
    "mapped": lambda kit, path: mapped(path),
    "mapped, mode c": lambda kit, path: mapped(path, "c"),
    "mapped, mode r+": lambda kit, path: mapped(path, "r+"),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_rows_and_blocks_are_those_of_the_array(name, kit, path):
    source = source_of(CONTAINERS[name](kit, path))
    rng = np.random.default_rng(0)
    assert source.n_rows == 500
    for size in (1, 30, 500):
        rows = rng.permutation(500)[:size]
        found = dense(source.take(rows))
        np.testing.assert_array_equal(found.astype(np.float32), X[rows])
    blocks = [slice(3, 10), slice(10, 17), slice(490, 500)]
    order = rng.permutation(24)
    expected = np.empty((24, 7), dtype=np.float32)
    expected[order] = np.concatenate([X[block] for block in blocks])
    found = dense(source.take_blocks(blocks, order)).astype(np.float32)
    np.testing.assert_array_equal(found, expected)


def test_containers_stay_what_they_are(kit, path):
    rows = np.arange(5)
    frame = pd.DataFrame(X, columns=list("abcdefg"), index=np.arange(500) + 1000)
    taken = source_of(frame).take(rows)
    assert list(taken.index) == [1000, 1001, 1002, 1003, 1004]
    assert sp.issparse(source_of(sp.csr_array(X)).take(rows))
    assert source_of(X).take(rows).dtype == np.float32
    assert source_of(kit.OnlySlices(X)).take(rows).dtype == np.float32


@given(st.sets(st.integers(0, 499), min_size=1), st.integers(0, 9), st.integers(28, 3000))
def test_slices_are_ascending_disjoint_and_small(rows, gap_rows, slice_bytes):
    from unittest.mock import patch

    class Rows:
        shape, dtype, asked = X.shape, X.dtype, []

        def __getitem__(self, part):
            self.asked.append((part.start, part.stop))
            return X[part]

    kept = Rows()
    kept.asked = []
    index = np.random.default_rng(0).permutation(sorted(rows))
    with patch.multiple(_read, GAP_BYTES=gap_rows * 28, SLICE_BYTES=slice_bytes):
        np.testing.assert_array_equal(OnDisk(kept).take(index), X[index])
    ends = [-1]
    for start, stop in kept.asked:
        assert ends[-1] <= start < stop
        assert (stop - start) * 28 <= slice_bytes + 28
        ends.append(stop)
    # a gap wider than allowed is never read
    wanted = np.zeros(500, dtype=bool)
    wanted[index] = True
    for start, stop in kept.asked:
        steps = np.diff(np.flatnonzero(wanted[start:stop]))
        assert not steps.size or steps.max() <= max(gap_rows, 1)


def test_parts_of_a_map_are_found_in_the_file(path):
    part = mapped(path)[100:400]
    assert _read._file_offset(part) == 20 + 100 * 28
    np.testing.assert_array_equal(source_of(part).take(np.array([5, 0, 299])), part[[5, 0, 299]])
    strided = mapped(path)[::2]
    assert _read._file_offset(strided) is None
    np.testing.assert_array_equal(source_of(strided).take(np.array([7, 2])), X[[14, 4]])


def test_changes_that_no_file_has_are_seen(path):
    private = mapped(path, "c")
    private[3] = 1.0
    release(private)
    np.testing.assert_array_equal(source_of(private).take(np.array([3]))[0], np.ones(7))
    shared = mapped(path, "r+")
    shared[4] = 2.0
    np.testing.assert_array_equal(source_of(shared).take(np.array([4]))[0], np.full(7, 2.0))


def test_another_file_under_the_same_name_is_not_read(path):
    kept = mapped(path)
    assert _read._file_offset(kept) == 20
    other = path.with_suffix(".new")
    other.write_bytes(bytes(path.stat().st_size))
    os.replace(other, path)
    assert _read._file_offset(kept) is None
    np.testing.assert_array_equal(source_of(kept).take(np.array([9, 1])), X[[9, 1]])
    path.unlink()
    np.testing.assert_array_equal(source_of(kept).take(np.array([9, 1])), X[[9, 1]])


def test_a_file_that_ends_early_is_an_error(path):
    source = source_of(mapped(path))
    with source._reading() as read:
        with path.open("r+b") as file:
            file.truncate(20 + 100 * 28)
        with pytest.raises(OSError, match="ends before row 200"):
            read(slice(150, 200))


def resident_file_mb():
    with open("/proc/self/status", encoding="utf-8") as status:
        line = next((x for x in status if x.startswith("RssFile")), None)
    return None if line is None else int(line.split()[1]) / 1024


@pytest.mark.skipif(
    not os.path.exists("/proc/self/status") or not hasattr(mmap, "MADV_DONTNEED"),
    reason="Linux tells what is resident",
)
@pytest.mark.parametrize("mode", ["r", "r+"])
def test_a_round_leaves_no_pages_resident(tmp_path, mode):
    # the mechanism of benchmarks/subset_out_of_core.py at 1 / 64 of its size
    if resident_file_mb() is None:
        pytest.skip("the system does not say what is resident of files")
    path, shape = tmp_path / "sparse.f32", (16384, 1024)
    with path.open("wb") as file:
        file.truncate(shape[0] * shape[1] * 4)
    X = np.memmap(path, dtype=np.float32, mode=mode, shape=shape)
    before = resident_file_mb()
    source = source_of(X)
    assert isinstance(source, Mapped)
    rows = np.random.default_rng(0).permutation(shape[0])
    source.take(rows[:4096])
    source.take_blocks([slice(0, 8192)], np.arange(8192))
    assert resident_file_mb() - before < 8
    X[:8192].sum()  # through the map it is all resident until it is released
    assert resident_file_mb() - before > 24
    release(X)
    assert resident_file_mb() - before < 8


def test_bytes_of_rows():
    assert n_bytes(X[:5]) == 5 * 28
    csr = sp.csr_array(X[:5])
    assert n_bytes(csr) == csr.data.nbytes + csr.indices.nbytes + csr.indptr.nbytes
    assert n_bytes(pd.DataFrame({"a": [1.0, 2.0], "b": [True, False]})) == 18
    assert n_bytes(polars.DataFrame({"a": [1.0, 2.0]})) == 16


def test_in_memory_blocks_of_anything_sliceable():
    assert isinstance(source_of(X), InMemory)
    with pytest.raises(ValueError, match="two-dimensional and not empty"):
        OnDisk(np.empty((0, 3)))
