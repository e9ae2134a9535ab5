"""The loop of a long run: batches that are missing, until they are there or somebody says stop."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.diffusion.many._batch import Batch, Conditions, Recipe, batches
from sampkit.diffusion.many._store import Store

__all__ = ["fill"]

Take = Callable[[Batch, npt.NDArray[Any]], bool]

_APART = 0.05  # root mean square difference, relative, up to which samples are the same ones


def fill(
    store: Store,
    recipe: Recipe,
    conditions: Conditions,
    client: Any,
    callback: Callable[[int, int], Any] | None,
    progress: bool,
) -> None:
    """Make what a store lacks."""
    n, start = len(store.done), conditions.start
    n_done = int(store.done.sum())

    def rows(batch: Batch) -> slice:
        return slice(batch.first - start, batch.stop - start)

    def run(todo: Iterable[Batch], take: Take) -> None:
        if client is not None:
            from sampkit.diffusion.many._cluster import make_on

            make_on(client, recipe, conditions, todo, take)
            return
        for batch in todo:
            if take(batch, recipe.make(batch, conditions.of(batch))):
                return

    cut = list(batches(start, start + n, recipe.batch_size))
    todo = [batch for batch in cut if not store.done[rows(batch)].all()]
    known = next((batch for batch in cut if store.done[rows(batch)].any()), None)
    if not todo:
        return
    with _bar(progress, n, n_done) as advance:

        def take(batch: Batch, made: npt.NDArray[Any]) -> bool:
            nonlocal n_done
            n_new = store.put(rows(batch), made)
            n_done += n_new
            advance(n_new)
            return callback is not None and bool(callback(n_done, n))

        def compare(batch: Batch, made: npt.NDArray[Any]) -> bool:
            there = store.done[rows(batch)]
            _check_same(store.samples[rows(batch)][there], made[there])
            return False

        try:
            if known is not None:
                run([known], compare)
            run(todo, take)
        except KeyboardInterrupt:
            warnings.warn(
                f"sampling was interrupted after {n_done} of {n} samples; the same call with the "
                "same out goes on from there.",
                stacklevel=3,
            )
        finally:
            store.flush()


def _check_same(there: npt.NDArray[Any], made: npt.NDArray[Any]) -> None:
    there, made = there.astype(np.float64), made.astype(np.float64)
    # what diverges does so again: it has to be where it was, and no more can be said of it
    if np.array_equal(np.isfinite(there), np.isfinite(made)):
        there, made = there[np.isfinite(there)], made[np.isfinite(made)]
        if not there.size:
            return
    size, apart = (float(np.sqrt(np.square(part).mean())) for part in (there, there - made))
    if not apart <= _APART * size:
        raise ValueError(
            "out holds samples of another model, condition or random_state: made again, they "
            f"differ by {apart:.3g} (root mean square) where they are {size:.3g}."
        )


@contextmanager
def _bar(progress: bool, n: int, n_done: int) -> Iterator[Callable[[int], Any]]:
    """A bar of tqdm, or nothing; what is handed out moves it on."""
    if not progress:
        yield lambda n_new: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=n, initial=n_done, desc="sampling", unit="sample") as bar:
        yield bar.update
