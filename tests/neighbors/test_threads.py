"""BLAS limits: set for the search, back as they were after it, also when searches overlap."""

from __future__ import annotations

import threading

import pytest
from threadpoolctl import threadpool_limits

from sampkit.neighbors import _threads


def in_force() -> int:
    return _threads._threads_in_force()


def test_threads_follow_the_limit_in_force():
    before = in_force()
    for limit in (3, 1):
        with threadpool_limits(limit, user_api="blas"):
            with _threads.one_blas_thread() as allowed:
                assert allowed == limit
                assert in_force() == 1
            assert in_force() == limit
    assert in_force() == before


@pytest.mark.parametrize("first_leaves", ["first", "last"])
def test_calls_that_overlap(first_leaves):
    """Were each call to restore what it found, the last one out would leave a limit of one."""
    inside, leave, left = threading.Event(), threading.Event(), threading.Event()
    with threadpool_limits(2, user_api="blas"):
        pass  # this thread may have set limits before, and must not keep others from it

    def first() -> None:
        with _threads.one_blas_thread():
            inside.set()
            leave.wait()
        left.set()

    before = in_force()
    worker = threading.Thread(target=first)
    worker.start()
    inside.wait()
    with _threads.one_blas_thread() as allowed:
        assert allowed == before
        assert in_force() == 1
        if first_leaves == "first":
            leave.set()
            left.wait()
    leave.set()
    worker.join()
    assert in_force() == before
    with _threads.one_blas_thread() as allowed:
        assert allowed == before


def test_no_threads_beside_those_of_blas(monkeypatch):
    """Another thread may control the limits: then BLAS keeps its threads, and gets no company."""
    monkeypatch.setattr(_threads, "_threads_in_force", lambda: 2)
    with _threads.one_blas_thread() as allowed:
        assert allowed == 1


def test_limits_of_one_thread_are_repeated_in_the_pool(monkeypatch):
    class Library:
        internal_api = "openblas"
        threading_layer = "openmp"

        def set_num_threads(self, n: int) -> None:
            calls.append((threading.current_thread().name, n))

    class Libraries:
        lib_controllers = (Library(),)

    calls: list[tuple[str, int]] = []
    monkeypatch.setattr(_threads, "_blas", Libraries())
    _threads.for_each(lambda piece: None, range(8), 2)
    assert {n for _, n in calls} == {1}
    assert threading.current_thread().name not in {name for name, _ in calls}


def test_errors_in_a_thread_reach_the_caller():
    def work(piece: int) -> None:
        if piece == 3:
            raise ValueError("piece 3")

    with pytest.raises(ValueError, match="piece 3"):
        _threads.for_each(work, range(6), 2)
