"""Targets in blocks on Dask workers; the only module of the family that knows Dask.

Every block runs the same code as a single process would, with the random streams of its targets.
Workers send what they have found as events through the scheduler, where it outlives them.
"""

from __future__ import annotations

import queue
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._chunks import chunks
from sampkit.minmax._dense import Options
from sampkit.minmax._incumbent import Incumbents, Watch
from sampkit.minmax._polish import Counters
from sampkit.minmax._problem import Problem
from sampkit.minmax._solve import Prepared, run_engine

Array = npt.NDArray[Any]

_BLOCKS_PER_THREAD = 4  # without a time limit: for balance, and for progress in small portions
_POLL = 0.1  # seconds
_GRACE = 5.0  # seconds after a stop in which blocks hand in what they have
_NEWS_EVERY = 0.25  # seconds between two messages of a worker
_RETRIES = 10  # of a block whose worker died


@dataclass(frozen=True)
class Block:
    """What a worker needs besides A."""

    targets: slice
    problem: Problem  # without A
    prepared: Prepared
    rngs: list[np.random.Generator]
    options: Options
    engine: str
    known: tuple[Array, Array, Array, Array]  # incumbents: index, objective, squares, bound
    minimize_slack: bool
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What a worker hands in."""

    index: Array
    bound: Array
    counters: Counters


def solve_on(
    client: Any,
    problem: Problem,
    prepared: Prepared,
    rngs: Sequence[np.random.Generator],
    options: Options,
    engine: str,
    incumbents: Incumbents,
    counters: Counters,
) -> None:
    """`run_engine` with the targets cut into blocks for the workers of a client."""
    from distributed import Event

    watch = incumbents.watch
    threads = max(sum(client.nthreads().values()), 1)
    timed = np.isfinite(watch.deadline)
    count = min(problem.k, threads if timed else _BLOCKS_PER_THREAD * threads)
    topic = f"sampkit-minmax-{uuid.uuid4().hex}"
    halt = Event(f"{topic}-halt", client=client)
    news: queue.SimpleQueue[Any] = queue.SimpleQueue()
    client.subscribe_topic(topic, lambda event: news.put(event[1]))
    A = client.scatter(problem.A, broadcast=True, hash=False)
    blocks = [
        _block(problem, prepared, rngs, options, engine, incumbents, at)
        for at in chunks(problem.k, -(-problem.k // count))
    ]
    waiting = {
        client.submit(
            _run, A, block, topic, pure=False, retries=_RETRIES, key=f"{topic}-{i}"
        ): block
        for i, block in enumerate(blocks)
    }
    try:
        _collect(client, waiting, news, problem, incumbents, counters)
    except KeyboardInterrupt:
        watch.interrupted()
    finally:
        if waiting:
            halt.set()
            _last_words(waiting, incumbents, counters)
            _drain(news, incumbents)
            client.cancel(list(waiting))
        client.unsubscribe_topic(topic)


def _block(
    problem: Problem,
    prepared: Prepared,
    rngs: Sequence[np.random.Generator],
    options: Options,
    engine: str,
    incumbents: Incumbents,
    at: slice,
) -> Block:
    known = (incumbents.index, incumbents.objective, incumbents.squares, incumbents.bound)
    return Block(
        at,
        replace(problem.of_targets(at), A=None),
        prepared.of_targets(at),
        list(rngs[at]),
        options,
        engine,
        tuple(part[at] for part in known),  # type: ignore[arg-type]
        incumbents.minimize_slack,
        incumbents.watch.left,
    )


def _collect(
    client: Any,
    waiting: dict[Any, Block],
    news: queue.SimpleQueue[Any],
    problem: Problem,
    incumbents: Incumbents,
    counters: Counters,
) -> None:
    """Take outcomes and news until all blocks are in, or it is time to stop."""
    from distributed import wait

    watch = incumbents.watch
    while waiting and not watch():
        _drain(news, incumbents)
        try:
            done = wait(list(waiting), timeout=_POLL, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            continue
        for future in done:
            block = waiting.pop(future)
            if future.status == "finished":
                _take(future.result(), block.targets, incumbents, counters)
                continue
            error = future.exception() if future.status == "error" else None
            if error is not None and not _lost(error):
                raise error
            # the worker died too often, or A died with it: this process still has everything
            _take(_here(problem, block, watch), block.targets, incumbents, counters)


def _lost(error: BaseException) -> bool:
    from distributed import KilledWorker

    return isinstance(error, KilledWorker)


def _here(problem: Problem, block: Block, watch: Watch) -> Outcome:
    seconds = watch.left if np.isfinite(watch.deadline) else None
    return _outcome(problem.A, block, Watch(seconds))


def _last_words(waiting: dict[Any, Block], incumbents: Incumbents, counters: Counters) -> None:
    """What blocks hand in soon after they were told to stop."""
    until = time.monotonic() + _GRACE
    while waiting and time.monotonic() < until:
        for future in [future for future in waiting if future.status != "pending"]:
            block = waiting.pop(future)
            if future.status == "finished":
                _take(future.result(), block.targets, incumbents, counters)
        time.sleep(_POLL / 10)


def _drain(news: queue.SimpleQueue[Any], incumbents: Incumbents) -> None:
    while not news.empty():
        message = news.get()
        index = np.frombuffer(message["index"], dtype="<i8").astype(np.int64)
        incumbents.offer(int(message["target"]), index)


def _take(outcome: Outcome, targets: slice, incumbents: Incumbents, counters: Counters) -> None:
    for i, index in zip(range(targets.start, targets.stop), outcome.index, strict=True):
        incumbents.offer(i, index)
    incumbents.bound[targets] = np.maximum(incumbents.bound[targets], outcome.bound)
    counters.add(outcome.counters)


# --- what workers run ---------------------------------------------------------------------------


def _run(A: Any, block: Block, topic: str) -> Outcome:
    reporter = _Reporter(block, topic)
    watch = Watch(block.seconds if np.isfinite(block.seconds) else None, reporter)
    return _outcome(A, block, watch, reporter)


class _Reporter:
    """Callback of a block's search: sends improved incumbents, asks whether to stop."""

    def __init__(self, block: Block, topic: str):
        from distributed import Event, get_worker

        self._worker, self._topic = get_worker(), topic
        self._first = block.targets.start
        self._halt = Event(f"{topic}-halt")
        self._sent = block.known[1].copy()
        self._last = 0.0
        self.incumbents: Incumbents | None = None

    def __call__(self, seconds: float, objective: float) -> bool:
        now = time.monotonic()
        if self.incumbents is None or now - self._last < _NEWS_EVERY:
            return False
        self._last = now
        for i in np.flatnonzero(self.incumbents.objective < self._sent).tolist():
            index = self.incumbents.index[i].astype("<i8").tobytes()
            self._worker.log_event(self._topic, {"target": self._first + i, "index": index})
            self._sent[i] = self.incumbents.objective[i]
        return bool(self._halt.is_set())


def _outcome(A: Any, block: Block, watch: Watch, reporter: _Reporter | None = None) -> Outcome:
    problem = replace(block.problem, A=A)
    incumbents = Incumbents(problem, watch, minimize_slack=block.minimize_slack)
    index, objective, squares, bound = (part.copy() for part in block.known)
    incumbents.index, incumbents.objective = index, objective
    incumbents.squares, incumbents.bound = squares, bound
    watch.objective = float(objective.mean())
    if reporter is not None:
        reporter.incumbents = incumbents
    counters = Counters()
    run_engine(
        problem, block.prepared, block.rngs, block.options, block.engine, incumbents, counters
    )
    return Outcome(incumbents.index, incumbents.bound, counters)
