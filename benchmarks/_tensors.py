"""Tensors that a run holds: how many live at a time, and how many operations make them."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Held(NamedTuple):
    """Of one call."""

    peak: int  # largest number of memory blocks of a state's size at a time
    operations: int  # that wrote or made one


class _Watch(TorchDispatchMode):
    """Sees every operation, and when what it made is let go of."""

    def __init__(self, size: int):
        super().__init__()
        self.size, self.operations, self.peak = size, 0, 0
        self.live: Counter[int] = Counter()  # tensors of each block of memory
        self.known: set[int] = set()

    def note(self, tensor: torch.Tensor) -> None:
        """One more tensor, until it is gone."""
        block, me = tensor.untyped_storage().data_ptr(), id(tensor)
        if me in self.known or tensor.untyped_storage().nbytes() < self.size:
            return
        self.known.add(me)
        self.live[block] += 1
        weakref.finalize(tensor, self._gone, block, me)
        self.peak = max(self.peak, sum(count > 0 for count in self.live.values()))

    def _gone(self, block: int, me: int) -> None:
        self.live[block] -= 1
        self.known.discard(me)

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):  # type: ignore[no-untyped-def]
        made = function(*args, **(kwargs or {}))
        for each in made if isinstance(made, (tuple, list)) else (made,):
            if isinstance(each, torch.Tensor) and each.nbytes >= self.size:
                view = "view" in function.name() or "alias" in function.name()
                self.operations += not (view or "empty" in function.name())
                self.note(each)
        return made


def held(call: Callable[[], Any], *before: torch.Tensor) -> Held:
    """What a call holds, the tensors that were there before and are like states included."""
    watch = _Watch(min(tensor.nbytes for tensor in before))
    for tensor in before:
        watch.note(tensor)
    with watch, torch.no_grad():
        call()
    return Held(watch.peak, watch.operations)
