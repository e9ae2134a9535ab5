"""Batches of a long run on Dask workers; the only module of the family that knows Dask.

Every batch runs the same code as in one process. No more than a few batches for each thread are
handed out at a time, so neither scheduler nor workers hold what is not needed yet.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sampkit.diffusion.many._batch import Batch, Conditions, Recipe

__all__ = ["make_on"]

_PER_THREAD = 3  # batches handed out: one that runs, two that wait beside it
_POLL = 0.25  # seconds
_COUNT_EVERY = 5.0  # seconds between two looks at how many threads there are
_TRIES = 5  # of a batch whose workers died, each of several deaths


def make_on(
    client: Any,
    recipe: Recipe,
    conditions: Conditions,
    todo: Iterable[Batch],
    take: Callable[[Batch, Any], bool],
) -> None:
    """Make batches on the workers of a client until all are taken, or `take` says stop."""
    pool = _Pool(client, recipe, conditions)
    left = deque(todo)
    try:
        while left or pool.running:
            while left and len(pool.running) < pool.room():
                pool.submit(left.popleft())
            for batch, made in pool.finished():
                if take(batch, made):
                    return
    finally:
        pool.close(take)


class _Pool:
    """Batches that are out, and the recipe that the workers have."""

    def __init__(self, client: Any, recipe: Recipe, conditions: Conditions):
        self.client, self.recipe, self.conditions = client, recipe, conditions
        self.running: dict[Any, tuple[Batch, Any]] = {}  # with the recipe that they were given
        self.tries: dict[Batch, int] = {}
        self.sent: Any = None
        self._room, self._counted = 0, -float("inf")

    def room(self) -> int:
        """How many batches may be out: workers come and go."""
        now = time.monotonic()
        if now - self._counted > _COUNT_EVERY:
            threads = sum(self.client.nthreads().values())
            self._room, self._counted = max(_PER_THREAD * threads, 1), now
        return self._room

    def submit(self, batch: Batch) -> None:
        """Hand a batch out; the recipe goes to all workers before the first one."""
        while self.sent is None:
            self.client.wait_for_workers(1)
            with contextlib.suppress(TimeoutError):  # the last worker has gone in between
                self.sent = self.client.scatter(self.recipe, broadcast=True, hash=False)
        future = self.client.submit(
            Recipe.make, self.sent, batch, self.conditions.of(batch), pure=False
        )
        self.running[future] = batch, self.sent

    def finished(self) -> Iterator[tuple[Batch, Any]]:
        """What has been made since; then what was lost is handed out again."""
        from distributed import CancelledError, wait

        with contextlib.suppress(TimeoutError, CancelledError):
            wait(list(self.running), timeout=_POLL, return_when="FIRST_COMPLETED")
        ready = [future for future in self.running if future.status != "pending"]
        for future in sorted(ready, key=lambda future: future.status != "finished"):
            batch, recipe = self.running.pop(future)
            try:
                made = future.result() if future.status == "finished" else None
            except CancelledError:  # the worker that had it died
                made = None
            if made is None:
                self._again(batch, recipe, future)
            else:
                yield batch, made

    def _again(self, batch: Batch, recipe: Any, future: Any) -> None:
        """Hand a lost batch out once more; an error of the model is raised."""
        from distributed import KilledWorker

        error = future.exception() if future.status == "error" else None
        tries = self.tries[batch] = self.tries.get(batch, 0) + 1
        if error is not None and (not isinstance(error, KilledWorker) or tries >= _TRIES):
            raise error
        if error is None and tries >= _TRIES:
            raise RuntimeError(
                f"samples {batch.first} to {batch.stop - 1} were handed out {tries} times and lost "
                "every time: the cluster forgets its tasks."
            )
        if recipe is self.sent:  # it may be gone with the workers that had it
            self.sent = None
        self.submit(batch)

    def close(self, take: Callable[[Batch, Any], bool]) -> None:
        """Hand in what is finished, and call the rest back."""
        out, self.running = self.running, {}
        try:
            for future, (batch, _) in out.items():
                if future.status == "finished":
                    take(batch, future.result())
        finally:
            if out:
                self.client.cancel(list(out))
