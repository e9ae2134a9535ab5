"""Work on query blocks in threads, one BLAS thread in each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")

# inspecting the loaded libraries costs milliseconds: once
_blas = ThreadpoolController().select(user_api="blas")
_holding = threading.Lock()  # held by the call that set the limit
_allowed = 1  # BLAS threads before that call


@contextmanager
def one_blas_thread() -> Iterator[int]:
    """Limit BLAS to one thread; yields the number of threads to work in instead.

    For most libraries the limit belongs to the process, so of calls that overlap only the first
    sets and lifts it. If each did, the last to leave could restore the first one's limit for
    good. (The others may see it lifted while they work, which costs time but nothing else.)
    """
    global _allowed
    if not _holding.acquire(blocking=False):
        yield _allowed
        return
    try:
        before = _threads_in_force()
        with _blas.limit(limits=1, user_api="blas"):
            # where another thread controls the limits this one has no effect: BLAS goes on
            # working in threads of its own, and needs none beside them
            _allowed = before if _threads_in_force() == 1 else 1
            yield _allowed
    finally:
        _holding.release()


def _threads_in_force() -> int:
    return max((lib.num_threads or 1 for lib in _blas.lib_controllers), default=1)


def _limit_this_thread() -> None:
    """Repeat the limit for the libraries that keep one for each thread."""
    for lib in _blas.lib_controllers:
        if lib.internal_api == "mkl" or getattr(lib, "threading_layer", None) == "openmp":
            lib.set_num_threads(1)


def for_each(work: Callable[[T], Any], pieces: Iterable[T], n_threads: int) -> None:
    """Call `work` on every piece, in `n_threads` threads; the first exception is raised."""
    todo = list(pieces)
    if n_threads == 1 or len(todo) <= 1:
        for piece in todo:
            work(piece)
        return
    with ThreadPoolExecutor(min(n_threads, len(todo)), initializer=_limit_this_thread) as pool:
        for done in [pool.submit(work, piece) for piece in todo]:
            done.result()
