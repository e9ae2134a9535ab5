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
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sampkit.privacy._exact import GRID, Entropy, uniform, uniform_one, word_stream
from sampkit.privacy._fake_categories import FakeCategories, fake_groups
from sampkit.privacy._lookup import Lookup
from sampkit.privacy._noise_runs import noise_runs
from sampkit.privacy._protocol import Array
from sampkit.privacy._reports import Layout, Rows
from sampkit.privacy._solutions import Attribute
from sampkit.privacy.oracles.grr import KeptCategory
from sampkit.privacy.oracles.unary import UnaryBits, set_bits

KEEP, NOISE, BIT = 0, 1, 2  # what an outcome writes; BIT + 1 is a 1


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


class Mixture:
    """The device of RS+FD whose fake data are categories as they are, or noise on zero vectors."""

    def __init__(self, attributes: Sequence[Attribute], layout: Layout):
        self.attributes = attributes
        self.layout = layout
        self.runs = noise_runs(attributes, layout)
        self.groups = tuple(fake_groups(attributes, layout))
        self.fakes = FakeCategories(self.groups, layout) if self.groups else None
        self.acts, weights, writes = _outcomes(attributes, layout)
        self.truth = Lookup(weights)
        self.has_noise = any(act.noise for act in self.acts)
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

    # --- many records ---

    def many(self, codes: Array, entropy: Entropy, rows: Rows) -> None:
        """Reports into zeroed rows (n, n_bytes) for codes (n, d)."""
        for run in self.runs:
            run.many(rows, entropy)
        symbols = None if self.fakes is None else self.fakes.draw(entropy, len(rows))
        outcome = self.truth.draw(entropy, len(rows))
        at = np.flatnonzero(outcome)  # where it is not that the fake stays
        written = outcome[at] - outcome.dtype.type(1)
        field, kind = self.writes.field[written], self.writes.kind[written]
        if self.fakes is not None and symbols is not None:
            kept: Any = slice(None)
            if self.runs or self.has_noise:
                kept = np.flatnonzero(kind == KEEP)
            true = codes[at[kept], field[kept]]
            self.fakes.overwrite(symbols, at[kept], field[kept], true)
            if self.has_noise:
                noisy = np.flatnonzero(kind == NOISE)
                noise = self._noise(field[noisy], entropy)
                self.fakes.overwrite(symbols, at[noisy], field[noisy], noise)
            self.fakes.write(rows, symbols)
        if self.runs:
            bits = np.flatnonzero(kind >= BIT) if self.groups else slice(None)
            at, field, kind = at[bits], field[bits], kind[bits]
            place = self.offsets[field] + codes[at, field].astype(np.int64)
            set_bits(rows, at, place, kind - np.uint8(BIT))

    def _noise(self, field: Array, entropy: Entropy) -> Array:
        """A uniform category of every record's attribute."""
        drawn = np.empty(field.size, dtype=np.uint32)
        order = np.argsort(field, kind="stable")
        ends = np.cumsum(np.bincount(field, minlength=len(self.attributes))).tolist()
        for attribute, (start, end) in zip(self.attributes, pairwise([0, *ends]), strict=True):
            drawn[order[start:end]] = uniform(entropy, attribute.oracle.k, end - start)
        return drawn

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
