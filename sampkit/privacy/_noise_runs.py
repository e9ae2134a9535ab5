"""Unary fields side by side: their noise is one string of bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from sampkit.privacy._exact import Entropy
from sampkit.privacy._lookup import NoiseBits
from sampkit.privacy._reports import Layout, Rows, write_bits
from sampkit.privacy._solutions import Attribute
from sampkit.privacy.oracles.unary import UnaryBits


@dataclass(frozen=True)
class NoiseRun:
    """Neighbouring unary fields whose noise has one probability, drawn as one string of bits."""

    offset: int
    width: int
    noise: NoiseBits

    @property
    def n_bytes(self) -> int:
        """Bytes of noise per record."""
        return -(-self.width // 8)

    def many(self, rows: Rows, entropy: Entropy) -> None:
        """Write the noise of many records into zeroed rows."""
        bits = self.noise.draw(entropy, len(rows) * self.n_bytes).reshape(-1, self.n_bytes)
        if self.width % 8:
            bits[:, -1] &= np.uint8(0xFF << (8 - self.width % 8) & 0xFF)
        if self.offset == 0 and self.n_bytes == rows.shape[1]:
            rows[:] = bits
        else:
            write_bits(rows, self.offset, bits)

    def one(self, places: Sequence[int], entropy: Entropy) -> int:
        """The noise of one record from n_bytes 16-bit draws."""
        return self.noise.few(places, entropy) >> (-self.width % 8)


def noise_runs(attributes: Sequence[Attribute], layout: Layout) -> tuple[NoiseRun, ...]:
    """The runs of a report's unary fields."""
    runs = []
    fields = zip(attributes, layout.offsets, strict=True)
    for cold, group in groupby(fields, key=lambda field: getattr(field[0].oracle, "cold", None)):
        if cold is not None:
            members = list(group)
            oracle = members[0][0].oracle
            assert isinstance(oracle, UnaryBits)
            width = sum(attribute.oracle.k for attribute, _ in members)
            runs.append(NoiseRun(members[0][1], width, oracle.noise))
    return tuple(runs)
