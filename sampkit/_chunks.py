"""Memory budgets, and the chunk sizes that keep within them."""

from __future__ import annotations

from collections.abc import Iterator

CACHE_BYTES = 512 * 1024  # two such blocks stay in a core's second-level cache
WORK_BYTES = 16 * 1024 * 1024  # scratch memory of one thread
CALL_BYTES = 48 * 1024 * 1024  # scratch memory of all threads of a call together


def rows_per_chunk(row_bytes: float, budget: int = WORK_BYTES) -> int:
    """How many rows of `row_bytes` bytes fit into `budget` bytes; at least one."""
    return max(int(budget // max(row_bytes, 1)), 1)


def thread_budget(n_threads: int) -> int:
    """Bytes of scratch memory for each of the threads of a call."""
    return min(WORK_BYTES, CALL_BYTES // n_threads)


def chunks(n: int, step: int) -> Iterator[slice]:
    """Slices of at most `step` that cover ``range(n)`` in order."""
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def even_step(n: int, step: int, multiple: int = 1) -> int:
    """The step, at most about `step`, that cuts `n` into equal pieces instead of leaving a stub.

    It is rounded up to a multiple of `multiple`, so that the pieces suit a vector unit.
    """
    pieces = max(-(-n // max(step, 1)), 1)
    even = max(-(-n // pieces), 1)
    return -(-even // multiple) * multiple
