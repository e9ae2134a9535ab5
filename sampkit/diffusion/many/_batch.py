"""A batch of a long run: its samples from their numbers alone, here or on a worker."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sampkit.diffusion._executor import start_factor
from sampkit.diffusion._task import Task
from sampkit.diffusion._torch import torch
from sampkit.diffusion.many._streams import NoiseStreams
from sampkit.diffusion.models import Model

__all__ = ["Batch", "Conditions", "Recipe", "batches"]

Array = npt.NDArray[Any]


class Batch(NamedTuple):
    """Samples `first` to `stop` - 1, which stand from row `place` on in their batch."""

    first: int
    stop: int
    place: int


def batches(first: int, stop: int, size: int) -> Iterator[Batch]:
    """Samples first to stop - 1, cut at the multiples of `size`."""
    for begin in range(first // size * size, stop, size):
        inside = max(begin, first)
        yield Batch(inside, min(begin + size, stop), inside - begin)


class Conditions:
    """The condition of every sample: rows of an array or a tensor, or a function of the numbers."""

    def __init__(self, cond: Any, n_samples: int, start: int):
        self.start, self.of_numbers, self.rows = start, None, None
        if callable(cond):
            self.of_numbers = cond
        elif cond is not None:
            self.rows = cond.detach() if isinstance(cond, torch.Tensor) else np.asarray(cond)
            if self.rows.ndim == 0 or len(self.rows) != n_samples:
                raise ValueError(
                    f"cond must be a function of the samples' numbers or have one row for each of "
                    f"the {n_samples} samples, got shape {tuple(self.rows.shape)}."
                )
            if isinstance(self.rows, np.ndarray) and self.rows.dtype.kind not in "biuf":
                raise ValueError(f"cond must hold numbers, got dtype {self.rows.dtype}.")
            if isinstance(self.rows, np.ndarray):  # PyTorch knows no other order of bytes
                self.rows = self.rows.astype(self.rows.dtype.newbyteorder("="), copy=False)

    def digest(self) -> str | None:
        """What tells these conditions from others; of functions no more than that they are."""
        if self.rows is None:
            return None if self.of_numbers is None else "callable"
        known = self.rows
        if isinstance(known, torch.Tensor):
            narrow = known.dtype == torch.bfloat16  # which NumPy does not know
            known = (known.view(torch.int16) if narrow else known).cpu().numpy()
        rows = np.ascontiguousarray(known)
        return hashlib.sha256(f"{rows.dtype} {rows.shape}".encode() + rows.tobytes()).hexdigest()[
            :16
        ]

    def of(self, batch: Batch) -> Any:
        """The rows of a batch; None where they are none, or made where the batch is."""
        if self.rows is None:
            return None
        return self.rows[batch.first - self.start : batch.stop - self.start]


@dataclass(frozen=True)
class Recipe:
    """All that makes samples of their numbers; sent to every worker once."""

    model: Model
    task: Task
    shape: tuple[int, ...]
    dtype: Any
    device: Any
    key: npt.NDArray[np.uint64]
    condition: Callable[[npt.NDArray[np.int64]], Any] | None
    postprocess: Callable[[Any], Any] | None
    batch_size: int
    pad: bool

    def make(self, batch: Batch, cond: Any = None) -> Array:
        """The samples of a batch, as an array.

        The network gets `batch_size` rows, every sample in its own place, whatever the batch lacks:
        the first and the last sample stand in for what is missing before and after them.
        """
        first, stop, place = batch
        numbers = np.arange(first, stop)
        if self.pad:
            begin = first - place
            numbers = np.arange(begin, begin + self.batch_size).clip(first, stop - 1)
        rows = numbers - first
        if self.condition is not None:
            cond = self.condition(numbers)
        elif isinstance(cond, torch.Tensor):
            cond = cond[torch.from_numpy(rows).to(cond.device)]
        elif cond is not None:
            cond = torch.from_numpy(cond[rows])
        if self.device is not None and isinstance(cond, torch.Tensor):
            cond = cond.to(self.device)
        streams = NoiseStreams(self.key)
        carried = torch.float64 if self.dtype == torch.float64 else torch.float32

        def drawn(draw: int) -> Any:
            noise = streams.normal(range(first, stop), draw, self.shape)
            return torch.from_numpy(noise[rows]).to(carried).to(self.device)

        with torch.no_grad():
            start = drawn(0).mul_(start_factor(self.model.schedule, float(self.task.grid[0])))
            start = start.to(self.dtype)
            made = self.task.run(
                self.model, start, cond=cond, noise=lambda i: drawn(i + 1),
                postprocess=self.postprocess,
            )  # fmt: skip
        own = slice(place, place + stop - first) if self.pad else slice(None)
        return made[own].cpu().numpy()
