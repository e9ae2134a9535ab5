"""Noise of a sample as a function of the seed and the sample's number alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._random_state import generator_of

__all__ = ["NoiseStreams"]


class NoiseStreams:
    """Standard normal noise with random access: any draw of any sample, in any order.

    One counter-based generator (Philox) for each draw of each sample: its key comes from the seed,
    its counter is set to (sample, draw), of which every pair has 2^128 blocks of its own. So no two
    samples share a number, which 2^32 seeds of `torch.Generator` on a CPU cannot promise: among a
    million of them a hundred pairs would be equal.
    """

    def __init__(self, key: npt.NDArray[np.uint64]):
        self.key = key

    @classmethod
    def of(cls, random_state: Any) -> NoiseStreams:
        """The streams of a random state."""
        rng = generator_of(random_state, "random_state")
        return cls(rng.integers(2**64, size=2, dtype=np.uint64))

    def normal(
        self, numbers: Sequence[int], draw: int, shape: tuple[int, ...]
    ) -> npt.NDArray[np.float64]:
        """One draw of the samples of these numbers, (len(numbers), *shape); at least one axis."""
        bits = np.random.Philox(key=self.key)
        generator, state = np.random.Generator(bits), bits.state
        counter = state["state"]["counter"]
        drawn = np.empty((len(numbers), *shape))
        for row, number in zip(drawn, numbers, strict=True):
            counter[:] = (0, 0, draw, number)
            bits.state = state
            generator.standard_normal(out=row)
        return drawn
