"""Long runs: any number of samples, each from its number alone, in batches that may be stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.diffusion._task import task_of
from sampkit.diffusion._torch import torch
from sampkit.diffusion.grids import rises
from sampkit.diffusion.many._batch import Conditions, Recipe
from sampkit.diffusion.many._run import fill
from sampkit.diffusion.many._store import known_key, store_of
from sampkit.diffusion.many._streams import NoiseStreams
from sampkit.diffusion.models import Model

__all__ = ["ManySamples", "sample_many"]

FORMAT = 1  # of the record: raised whenever the same settings give other samples


@dataclass(frozen=True, eq=False)
class ManySamples:
    """What a long run has made.

    Parameters
    ----------
    samples : ndarray or memmap of shape (n_samples, ...)
        Row j is sample ``start + j``; rows that are not done hold what was there before.
    done : ndarray of bool of shape (n_samples,)
        Which samples are done.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.diffusion import ManySamples
    >>> run = ManySamples(np.zeros((3, 2)), np.array([True, True, False]))
    >>> run.n_done, run.complete
    (2, False)
    """

    samples: npt.NDArray[Any]
    done: npt.NDArray[np.bool_]

    @property
    def n_done(self) -> int:
        """How many samples are done."""
        return int(self.done.sum())

    @property
    def complete(self) -> bool:
        """Whether all are."""
        return bool(self.done.all())


def sample_many(
    model: Model,
    n_samples: int,
    solver_or_plan: Any,
    grid: Any = None,
    *,
    shape: Sequence[int],
    cond: Any = None,
    start: int = 0,
    random_state: Any = None,
    batch_size: int = 64,
    pad: bool = True,
    postprocess: Callable[[Any], Any] | None = None,
    dtype: Any = None,
    device: Any = None,
    out: Any = None,
    done: Any = None,
    client: Any = None,
    callback: Callable[[int, int], Any] | None = None,
    progress: bool = False,
) -> ManySamples:
    """Draw any number of samples in batches, here or on Dask workers; stop and resume at will.

    Sample i is a function of (random_state, i): its start and the noise of its stochastic rows have
    streams of their own. How the samples are cut into batches, who makes a batch, and what was made
    before an interruption changes nothing.

    Parameters
    ----------
    model : DiffusionModel or wrapper
        The network with its schedule. For a `client` it has to be picklable; every worker gets it
        once.
    n_samples : int
        How many, >= 1.
    solver_or_plan : Solver, Plan or TimeShift
        What to run, as in `sample`.
    grid : array-like of shape (n_steps + 1,) or None, default=None
        Times, as in `sample`.
    shape : sequence of int
        Shape of one sample, at least one axis.
    cond : array-like or tensor of shape (n_samples, ...), callable or None, default=None
        The conditions: row j is that of sample ``start + j``. A callable gets the numbers of a
        batch's samples, an int64 array, and returns what the network takes; it is called where the
        batch is made.
    start : int, default=0
        Number of the first sample, >= 0: any part of a longer run can be made by itself.
    random_state : None, int, SeedSequence, Generator or RandomState, default=None
        Where the noise comes from. None draws fresh entropy, or goes on with that of the file.
    batch_size : int, default=64
        Samples a batch, >= 1; batches are cut at its multiples.
    pad : bool, default=True
        Call the network with `batch_size` rows always, with repeated ones where a batch is not
        full.
    postprocess : callable or None, default=None
        Applied to every data prediction.
    dtype : torch.dtype or None, default=None
        Of states and samples: float32, float64 or float16. None: PyTorch's default.
    device : torch.device, str or None, default=None
        Where the states are, and the network has to be. None: the CPU.
    out : ndarray, str, Path or None, default=None
        An array to write to, or a .npy file to make or to go on with: samples are written to it as
        a memory map, and the file ``<out>.record`` beside it keeps the settings and what is done.
        None: a new array.
    done : ndarray of bool of shape (n_samples,) or None, default=None
        Which samples an array `out` holds already.
    client : distributed.Client or None, default=None
        Batches are made by its workers; one that is lost costs its batches a second time.
    callback : callable or None, default=None
        ``callback(n_done, n_samples)`` after every batch; a true result stops the run.
    progress : bool, default=False
        Show a bar of tqdm.

    Returns
    -------
    ManySamples
        The samples, and which are done. Ctrl-C ends the run, too: with a warning, and with what was
        made until then. The same call with the same `out` goes on where it was stopped.

    Raises
    ------
    ValueError
        A parameter out of range, conditions of another length, an array that does not fit, a file
        that was begun with other settings, or whose samples are not those that the model makes.
    TypeError
        Something that is no model, `out` or client.

    See Also
    --------
    sample : One batch, of states given by the caller.

    Notes
    -----
    Bit for bit, where every operation works on its row alone. The matrix products of a network
    round differently for other numbers of rows, other numbers of threads and other processors.
    With `pad` every sample has the same place among the same number of rows whenever `batch_size`
    is the same: then also a network's samples are bit for bit those of any other run on such a
    machine, with any `n_samples`, `start` or `client`, as long as its rows do not see each other
    (as they do in batch normalisation while training, or in `TimeShift` with ``pool="batch"``).
    Another `batch_size` gives the same samples to rounding.

    Noise comes from Philox counters, (sample, draw) under one key, on the CPU, in float64: the same
    for every dtype and device. `torch.Generator` looks at 32 bits of its seed on a CPU; among a
    million samples seeded so, about a hundred pairs would be equal.

    On going on with a file, one batch that is done is made again and compared. Samples are written
    through to the disk about once a second. Memory here: a few batches, and the samples unless
    `out` is a file.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.diffusion import (
    ...     GaussianMixture,
    ...     UniPC,
    ...     VPLinearSchedule,
    ...     sample_many,
    ...     time_grid,
    ... )
    >>> schedule = VPLinearSchedule()
    >>> model = GaussianMixture([[-1.0], [1.0]], 0.01).model(schedule)
    >>> options = {"shape": (1,), "random_state": 0}
    >>> run = sample_many(model, 1000, UniPC(2), time_grid(schedule, 10), **options)
    >>> run.samples.shape, run.complete
    ((1000, 1), True)
    >>> one = sample_many(model, 1, UniPC(2), time_grid(schedule, 10), start=731, **options)
    >>> bool(one.samples[0] == run.samples[731])
    True

    Stopped by a callback, and resumed:

    >>> part = sample_many(
    ...     model,
    ...     1000,
    ...     UniPC(2),
    ...     time_grid(schedule, 10),
    ...     callback=lambda n_done, n: n_done > 500,
    ...     **options,
    ... )
    >>> part.n_done
    512
    >>> whole = sample_many(
    ...     model,
    ...     1000,
    ...     UniPC(2),
    ...     time_grid(schedule, 10),
    ...     out=part.samples,
    ...     done=part.done,
    ...     **options,
    ... )
    >>> np.array_equal(whole.samples, run.samples)
    True
    """
    if not isinstance(model, Model):
        raise TypeError(f"model must be a DiffusionModel, got {type(model).__name__}.")
    if client is not None and not hasattr(client, "scatter"):
        raise TypeError(f"client must be a distributed.Client, got {type(client).__name__}.")
    n_samples, batch_size = _whole(n_samples, "n_samples", 1), _whole(batch_size, "batch_size", 1)
    start, size = _whole(start, "start", 0), _shape(shape)
    task = task_of(solver_or_plan, model.schedule, grid)
    if rises(task.grid):
        raise ValueError(
            "grid must be strictly descending: samples are drawn from noise, got one that rises "
            f"from {task.grid[0]:.6g}."
        )
    dtype = _dtype(dtype)
    conditions = Conditions(cond, n_samples, start)
    key = known_key(out) if random_state is None else None
    key = NoiseStreams.of(random_state).key if key is None else key
    settings = {
        "sampkit": "sample_many",
        "format": FORMAT,
        "n_samples": n_samples,
        "start": start,
        "shape": list(size),
        "dtype": str(dtype).removeprefix("torch."),
        "random_state": [f"{part:016x}" for part in key],
        "plan": _digest(task.stated()),
        "cond": conditions.digest(),
        "postprocess": _name_of(postprocess),
    }
    store = store_of(out, done, settings)
    recipe = Recipe(
        model, task, size, dtype, device, key, conditions.of_numbers, postprocess, batch_size, pad
    )
    fill(store, recipe, conditions, client, callback, progress)
    return ManySamples(store.samples, store.done)


def _whole(value: Any, name: str, least: int) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be an int >= {least}, got {value!r}.")
    return int(value)


def _shape(shape: Any) -> tuple[int, ...]:
    sizes = tuple(shape) if isinstance(shape, (Sequence, np.ndarray)) else ()
    if not sizes or not all(isinstance(n, Integral) and int(n) >= 1 for n in sizes):
        raise ValueError(f"shape must be the sizes >= 1 of one sample, got {shape!r}.")
    return tuple(int(n) for n in sizes)


def _dtype(dtype: Any) -> Any:
    dtype = torch.get_default_dtype() if dtype is None else dtype
    if dtype not in (torch.float16, torch.float32, torch.float64):
        raise ValueError(f"dtype must be torch.float32, float64 or float16, got {dtype!r}.")
    return dtype


def _digest(stated: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()[:16]


def _name_of(postprocess: Any) -> str | None:
    if postprocess is None:
        return None
    name = str(getattr(postprocess, "__name__", type(postprocess).__name__))
    known = getattr(postprocess, "__dict__", {})
    plain = [f"{k}={v!r}" for k, v in sorted(known.items()) if isinstance(v, (int, float, str))]
    return f"{name}({', '.join(plain)})" if plain else name
