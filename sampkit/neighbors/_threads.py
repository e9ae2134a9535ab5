"""Work on query blocks in threads, one BLAS thread in each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")

_controller = ThreadpoolController()  # inspecting the libraries costs milliseconds: once
_lock = threading.Lock()
_calls: list[tuple[Any, int]] = []  # the limit in force, and the threads that were allowed before


@contextmanager
def one_blas_thread() -> Iterator[int]:
    """Limit BLAS to one thread; yields the number of threads that were allowed before.

    The limit belongs to the process. Calls that overlap share it: the last to leave lifts it,
    otherwise the first to leave would free the others, and the last would restore a limit of one.
    """
    with _lock:
        if not _calls:
            blas = _controller.select(user_api="blas").lib_controllers
            allowed = min((lib.num_threads or 1 for lib in blas), default=1)
            limit = _controller.limit(limits=1, user_api="blas")
        else:
            limit, allowed = _calls[-1]
        _calls.append((limit, allowed))
    try:
        yield allowed
    finally:
        with _lock:
            _calls.pop()
            if not _calls:
                limit.restore_original_limits()


def for_each(work: Callable[[T], None], pieces: Iterable[T], n_threads: int) -> None:
    """Call `work` on every piece, in `n_threads` threads; the first exception is raised."""
    todo = list(pieces)
    if n_threads == 1 or len(todo) <= 1:
        for piece in todo:
            work(piece)
        return
    with ThreadPoolExecutor(min(n_threads, len(todo))) as pool:
        for done in [pool.submit(work, piece) for piece in todo]:
            done.result()
