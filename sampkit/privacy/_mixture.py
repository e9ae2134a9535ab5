"""RS+FD on the device: fake data for all attributes, and the sampled one's report in its place.

The sampled attribute and what becomes of it are one draw, whose outcomes are

=====================  ===========================================================================
the fake stays         GRR that does not keep the truth: its noise and the fake data are one law
the truth (j)          GRR keeps the truth of attribute j
noise (j)              GRR's noise is uniform, while the fake data of attribute j have a prior
a 0, a 1 (j)           the true bit of a unary encoding whose fake is noise on a zero vector
=====================  ===========================================================================

so only the reports whose outcome writes something are touched again.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sampkit.privacy._exact import GRID, Entropy, uniform, uniform_one, word_stream
from sampkit.privacy._lookup import PLACES, Lookup, chances, equal_chances
from sampkit.privacy._noise_runs import noise_runs
from sampkit.privacy._protocol import Array
from sampkit.privacy._reports import Layout, Rows, write_neighbours
from sampkit.privacy._solutions import Attribute
from sampkit.privacy.oracles.grr import KeptCategory
from sampkit.privacy.oracles.unary import UnaryBits, set_bits

JOINED = 1 << 11  # outcomes of attributes drawn together: their table stays in the cache
REJECTED = PLACES // 100  # places of a joint table that may lead to a second draw
WIDE = 1 << 14  # above so many categories a table would leave too much over


class _Group(NamedTuple):
    """Neighbouring fields whose fake categories are one draw."""

    members: tuple[int, ...]
    offset: int
    width: int
    law: Lookup | int  # an int k: uniform, too many for a table

    def drawn(self, entropy: Entropy, n: int) -> Array:
        return (
            uniform(entropy, self.law, n)
            if isinstance(self.law, int)
            else self.law.draw(entropy, n)
        )

    @property
    def top(self) -> int:
        """The largest symbol's type needs so much room."""
        return (1 << self.width) - 1


class _Outcome(NamedTuple):
    """What is written over the fake data: ``(code << shift) & mask``, or a bit; for one record."""

    field: int
    shift: int
    mask: int
    noise: int = 0  # number of categories, where uniform noise is written and not the truth
    bit: int | None = None  # of a unary field, `shift` being that of its category 0


@dataclass(frozen=True)
class _Writes:
    """Columns of the same, for many records."""

    field: npt.NDArray[np.int64]
    kind: npt.NDArray[np.uint8]  # KEEP, NOISE, or BIT + the bit


KEEP, NOISE, BIT = 0, 1, 2


class Mixture:
    """The device of RS+FD whose fake data are categories as they are, or noise on zero vectors."""

    def __init__(self, attributes: Sequence[Attribute], layout: Layout):
        self.attributes = attributes
        self.layout = layout
        self.runs = noise_runs(attributes, layout)
        self.groups = _groups(attributes, layout)
        self._place_groups()
        outcomes, weights, writes = _outcomes(attributes, layout)
        self.truth = Lookup(weights)
        self.acts = outcomes
        self.writes = _Writes(
            np.array([field for field, _ in writes]),
            np.array([kind for _, kind in writes], dtype=np.uint8),
        )
        self.offsets = np.array(layout.offsets)
        n_bits = 8 * layout.n_bytes
        self.run_steps = [(run, n_bits - run.offset - run.width) for run in self.runs]
        self.group_steps = [(g.law, n_bits - g.offset - g.width) for g in self.groups]
        self.n_words = 1 + len(self.groups) + sum(run.n_bytes for run in self.runs)
        self.form = f"<{self.n_words}H"
        self.has_noise = any(act.noise for act in outcomes)

    def _place_groups(self) -> None:
        """Rows of the matrix of fake symbols: groups of one law side by side are one draw."""
        by_law: dict[int, list[_Group]] = {}
        for group in self.groups:
            by_law.setdefault(id(group.law), []).append(group)
        self.draws = [(members[0], len(members)) for members in by_law.values()]
        ordered = [group for members in by_law.values() for group in members]
        self.row_of_group = [ordered.index(group) for group in self.groups]
        widest = max((group.width for group in self.groups), default=0)
        self.symbol_type = np.min_scalar_type((1 << widest) - 1)
        d = len(self.attributes)
        self.row_of = np.zeros(d, dtype=np.int64)
        self.shift_of = np.zeros(d, dtype=np.int64)
        self.width_of = np.zeros(d, dtype=np.int64)
        for group in self.groups:
            for j in group.members:
                self.row_of[j] = ordered.index(group)
                self.width_of[j] = self.layout.widths[j]
                end = self.layout.offsets[j] + self.layout.widths[j]
                self.shift_of[j] = group.offset + group.width - end

    # --- many records ---

    def many(self, codes: Array, entropy: Entropy, rows: Rows) -> None:
        """Reports into zeroed rows (n, n_bytes) for codes (n, d)."""
        n = len(rows)
        for run in self.runs:
            run.many(rows, entropy)
        symbols = self._fakes(n, entropy)
        outcome = self.truth.draw(entropy, n)
        at = np.flatnonzero(outcome)
        written = outcome[at] - outcome.dtype.type(1)
        field, kind = self.writes.field[written], self.writes.kind[written]
        if self.groups:
            if self.runs or self.has_noise:
                self._overwrite_some(symbols, codes, at, field, kind, entropy)
            else:
                self._overwrite(symbols, at, field, codes[at, field])
            write_neighbours(
                rows,
                [
                    (g.offset, g.width, symbols[row])
                    for g, row in zip(self.groups, self.row_of_group, strict=True)
                ],
            )
        if self.runs:
            if self.groups:
                bits = np.flatnonzero(kind >= BIT)
                at, field, kind = at[bits], field[bits], kind[bits]
            set_bits(rows, at, self.offsets[field] + codes[at, field], kind - np.uint8(BIT))

    def _fakes(self, n: int, entropy: Entropy) -> Array:
        """Symbols of all groups, (number of groups, n)."""
        if len(self.draws) == 1:
            group, m = self.draws[0]
            return group.drawn(entropy, m * n).reshape(m, n)
        symbols = np.empty((len(self.groups), n), dtype=self.symbol_type)
        row = 0
        for group, m in self.draws:
            symbols[row : row + m] = group.drawn(entropy, m * n).reshape(m, n)
            row += m
        return symbols

    def _overwrite_some(
        self, symbols: Array, codes: Array, at: Array, field: Array, kind: Array, entropy: Entropy
    ) -> None:
        kept = np.flatnonzero(kind == KEEP)
        self._overwrite(symbols, at[kept], field[kept], codes[at[kept], field[kept]])
        if self.has_noise:
            for j, attribute in enumerate(self.attributes):
                mine = np.flatnonzero((kind == NOISE) & (field == j))
                noise = uniform(entropy, attribute.oracle.k, mine.size)
                self._overwrite(symbols, at[mine], field[mine], noise)

    def _overwrite(self, symbols: Array, at: Array, field: Array, codes: Array) -> None:
        """Put categories in the place of fakes, in the symbols of their groups."""
        row, shift = self.row_of[field], self.shift_of[field]
        place = row * symbols.shape[1] + at
        flat = symbols.reshape(-1)
        mask = (np.int64(1) << self.width_of[field]) - 1 << shift
        flat[place] = flat[place] & ~mask | codes.astype(np.int64) << shift

    # --- one record, in Python's integers ---

    def one(self, codes: Sequence[int], entropy: Entropy) -> bytes:
        """The report of one record; all its 16-bit draws are fetched at once."""
        words = struct.unpack(self.form, entropy(2 * self.n_words))
        report, start = 0, 1
        for run, shift in self.run_steps:
            report |= run.one(words[start : start + run.n_bytes], entropy) << shift
            start += run.n_bytes
        for (law, shift), word in zip(self.group_steps, words[start:], strict=True):
            if isinstance(law, int):
                report |= uniform_one(law, word_stream(entropy, 2)) << shift
            else:
                report |= law.one(word, entropy) << shift
        act = self.acts[self.truth.one(words[0], entropy)]
        code = codes[act.field]
        if act.bit is not None:
            place = act.shift - code
            report = report & ~(1 << place) | act.bit << place
        else:  # the same steps whether the mask lets the truth through or not
            if act.noise:
                code = uniform_one(act.noise, word_stream(entropy, 2))
            report = report & ~act.mask | code << act.shift & act.mask
        return report.to_bytes(self.layout.n_bytes, "big")


# --- made once ----------------------------------------------------------------------------------


def _groups(attributes: Sequence[Attribute], layout: Layout) -> list[_Group]:
    """Neighbouring uniform fakes together while a table of their combinations wastes little."""
    groups: list[_Group] = []
    joined: list[int] = []

    def close() -> None:
        if joined:
            first, last = joined[0], joined[-1]
            end = layout.offsets[last] + layout.widths[last]
            law = equal_chances(tuple(attributes[j].oracle.k for j in joined))
            groups.append(
                _Group(tuple(joined), layout.offsets[first], end - layout.offsets[first], law)
            )
            joined.clear()

    combined = 1
    for j, attribute in enumerate(attributes):
        k = attribute.oracle.k
        if attribute.fake != "category" or attribute.prior is not None or k > WIDE:
            close()
            if attribute.fake == "category":
                law: Lookup | int = k if attribute.prior is None else chances(attribute.prior)
                groups.append(_Group((j,), layout.offsets[j], layout.widths[j], law))
            continue
        if not joined or combined * k > JOINED or PLACES % (combined * k) > REJECTED:
            close()
            combined = 1
        combined *= k
        joined.append(j)
    close()
    return groups


def _outcomes(
    attributes: Sequence[Attribute], layout: Layout
) -> tuple[list[_Outcome], list[int], list[tuple[int, int]]]:
    """Outcomes of sampling, their weights, and what the ones above 0 write for many records."""
    outcomes, weights, writes = [_Outcome(0, 0, 0)], [0], []
    n_bits = 8 * layout.n_bytes
    for j, (attribute, offset, width) in enumerate(
        zip(attributes, layout.offsets, layout.widths, strict=True)
    ):
        oracle, shift = attribute.oracle, n_bits - offset - width
        if isinstance(oracle, UnaryBits):
            for bit, weight in enumerate((GRID - oracle.hot, oracle.hot)):
                outcomes.append(_Outcome(j, shift + oracle.k - 1, 0, bit=bit))
                weights.append(weight)
                writes.append((j, BIT + bit))
            continue
        assert isinstance(oracle, KeptCategory)
        mask = (1 << width) - 1 << shift
        outcomes.append(_Outcome(j, shift, mask))
        weights.append(oracle.keep)
        writes.append((j, KEEP))
        if oracle.noise == attribute.prior:
            weights[0] += GRID - oracle.keep
        else:
            outcomes.append(_Outcome(j, shift, mask, noise=oracle.k))
            weights.append(GRID - oracle.keep)
            writes.append((j, NOISE))
    return outcomes, weights, writes
