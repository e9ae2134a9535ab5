from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from sampkit._chunks import CALL_BYTES, WORK_BYTES, chunks, even_step, rows_per_chunk, thread_budget


def test_rows_per_chunk():
    assert rows_per_chunk(8, 80) == 10
    assert rows_per_chunk(8, 87) == 10
    assert rows_per_chunk(100, 80) == 1
    assert rows_per_chunk(0, 80) == 80


def test_threads_share_the_budget():
    assert thread_budget(1) == WORK_BYTES
    assert all(n * thread_budget(n) <= CALL_BYTES for n in (1, 2, 3, 16, 100))


@example(n=0, step=1, multiple=16)
@given(n=st.integers(0, 10_000), step=st.integers(1, 3000), multiple=st.sampled_from([1, 16]))
def test_chunks_cover_everything_once(n, step, multiple):
    even = even_step(n, step, multiple)
    for size in (step, even):
        pieces = list(chunks(n, size))
        assert [i for piece in pieces for i in range(n)[piece]] == list(range(n))
        assert all(piece.stop - piece.start <= size for piece in pieces)
    assert even < step + multiple
    assert even % multiple == 0 < even
    assert len(list(chunks(n, even))) <= len(list(chunks(n, step)))
