"""Fake categories of many records: neighbours drawn together, then the truth written over some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sampkit.privacy._exact import Entropy, uniform
from sampkit.privacy._lookup import PLACES, Lookup, chances, equal_chances
from sampkit.privacy._protocol import Array
from sampkit.privacy._reports import Layout, Rows, write_neighbours
from sampkit.privacy._solutions import Attribute

JOINED = 1 << 11  # outcomes of attributes drawn together: their table stays in the cache
REJECTED = PLACES // 100  # places of a joint table that may lead to a second draw
WIDE = 1 << 14  # above so many categories a table would leave too much over


class FakeGroup(NamedTuple):
    """Neighbouring fields whose fake categories are one draw."""

    members: tuple[int, ...]
    offset: int
    width: int
    law: Lookup | int  # an int k: uniform, too many categories for a table

    def drawn(self, entropy: Entropy, n: int) -> Array:
        """The fields of n records, side by side in one integer each."""
        if isinstance(self.law, int):
            return uniform(entropy, self.law, n)
        return self.law.draw(entropy, n)


def fake_groups(attributes: Sequence[Attribute], layout: Layout) -> Iterator[FakeGroup]:
    """Neighbouring uniform fakes together while a table of their combinations wastes little."""
    joined: list[int] = []
    combined = 1

    def closed() -> Iterator[FakeGroup]:
        if joined:
            law = equal_chances(tuple(attributes[j].oracle.k for j in joined))
            width = sum(layout.widths[j] for j in joined)
            yield FakeGroup(tuple(joined), layout.offsets[joined[0]], width, law)
            joined.clear()

    for j, attribute in enumerate(attributes):
        k = attribute.oracle.k
        if attribute.fake != "category" or attribute.prior is not None or k > WIDE:
            yield from closed()
            if attribute.fake == "category":
                law: Lookup | int = k if attribute.prior is None else chances(attribute.prior)
                yield FakeGroup((j,), layout.offsets[j], layout.widths[j], law)
            continue
        combined *= k
        if joined and (combined > JOINED or PLACES % combined > REJECTED):
            yield from closed()
        if not joined:
            combined = k
        joined.append(j)
    yield from closed()


class FakeCategories:
    """The matrix of fake symbols of many records: a row per group, a column per record.

    Parameters
    ----------
    groups : sequence of FakeGroup
        Not empty.
    layout : Layout
    """

    def __init__(self, groups: Sequence[FakeGroup], layout: Layout):
        by_law: dict[object, list[FakeGroup]] = {}  # groups of one law are one draw
        for group in groups:
            key = ("uniform", group.law) if isinstance(group.law, int) else id(group.law)
            by_law.setdefault(key, []).append(group)
        self.draws = [(members[0], len(members)) for members in by_law.values()]
        ordered = [group for members in by_law.values() for group in members]
        row_at = {group.offset: row for row, group in enumerate(ordered)}
        self.fields = [(g.offset, g.width, row_at[g.offset]) for g in groups]
        self.symbol_type = np.min_scalar_type((1 << max(group.width for group in groups)) - 1)
        d = len(layout.widths)
        self.row = np.zeros(d, dtype=np.int64)
        self.shift = np.zeros(d, dtype=np.int64)
        self.mask = np.zeros(d, dtype=np.int64)
        for group in groups:
            end = group.offset + group.width
            for j in group.members:
                self.row[j] = row_at[group.offset]
                self.shift[j] = end - layout.offsets[j] - layout.widths[j]
                self.mask[j] = ((1 << layout.widths[j]) - 1) << self.shift[j]

    def draw(self, entropy: Entropy, n: int) -> Array:
        """Symbols (number of groups, n)."""
        if len(self.draws) == 1:
            group, m = self.draws[0]
            return group.drawn(entropy, m * n).reshape(m, n)
        symbols = np.empty((len(self.fields), n), dtype=self.symbol_type)
        row = 0
        for group, m in self.draws:
            symbols[row : row + m] = group.drawn(entropy, m * n).reshape(m, n)
            row += m
        return symbols

    def overwrite(
        self, symbols: Array, at: npt.NDArray[np.intp], field: npt.NDArray[np.int64], codes: Array
    ) -> None:
        """Put categories of some attributes in the place of the fakes of some records."""
        place = self.row[field] * symbols.shape[1] + at
        flat = symbols.reshape(-1)
        flat[place] = flat[place] & ~self.mask[field] | codes.astype(np.int64) << self.shift[field]

    def write(self, rows: Rows, symbols: Array) -> None:
        """All fields into reports."""
        write_neighbours(
            rows, [(offset, width, symbols[row]) for offset, width, row in self.fields]
        )
