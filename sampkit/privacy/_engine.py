"""Codes -> reports, the same for every protocol: what a client does once labels are codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np

from sampkit.privacy._exact import (
    BernoulliBytes,
    Entropy,
    bernoulli,
    uniform,
    uniform_one,
    weighted,
    weighted_one,
    word_stream,
)
from sampkit.privacy._protocol import Array, Oracle
from sampkit.privacy._reports import Rows, write_bits, write_field
from sampkit.privacy._schema import LDPSchema
from sampkit.privacy._solutions import Attribute
from sampkit.privacy.oracles.unary import UnaryBits, set_bits


@dataclass(frozen=True)
class _Run:
    """Neighbouring unary fields with one noise table, drawn as one string of bits."""

    offset: int
    width: int
    noise: BernoulliBytes

    def many(self, rows: Rows, entropy: Entropy) -> None:
        n_bytes = -(-self.width // 8)
        bits = self.noise.draw(entropy, len(rows) * n_bytes).reshape(-1, n_bytes)
        if self.width % 8:
            bits[:, -1] &= np.uint8(0xFF << (8 - self.width % 8) & 0xFF)
        if self.offset == 0 and n_bytes == rows.shape[1]:
            rows[:] = bits
        else:
            write_bits(rows, self.offset, bits)

    def one(self, entropy: Entropy) -> int:
        drawn = self.noise.draw_few(entropy, -(-self.width // 8))
        return int.from_bytes(drawn, "big") >> (-self.width % 8)


class _Step(NamedTuple):
    """What a single record needs to know of a field, looked up once."""

    number: int
    oracle: Oracle
    prior: tuple[int, ...] | None
    verbatim: bool  # whether a fake category is the report as it is
    shift: int  # of the field in the report


class Engine:
    """What a client does once labels are codes; holds no randomness."""

    def __init__(self, schema: LDPSchema):
        self.attributes = schema.attributes
        self.layout = schema.layout
        self.n_sampled = schema.n_sampled
        self.sampling = schema.sampling
        self.solution = schema.solution
        d = len(self.attributes)
        unary = [isinstance(a.oracle, UnaryBits) for a in self.attributes]
        self.runs = tuple(self._runs()) if self.solution != "smp" else ()
        # RS+FD: fields without a true bit unless they are the sampled one are handled together
        self.zero = np.array([a.fake == "zero" for a in self.attributes])
        self.others = [j for j in range(d) if not (self.zero[j] and unary[j])]
        self.offsets = np.array(self.layout.offsets)
        self.hot = np.array([getattr(a.oracle, "hot", 0) for a in self.attributes], dtype=np.uint32)
        n_bits = 8 * self.layout.pair_bytes
        self.n_words = 2 * d + 4  # enough for most reports; more are fetched when they run out
        self.run_steps = [(run, n_bits - run.offset - run.width) for run in self.runs]
        all_steps = [
            _Step(
                j,
                attribute.oracle,
                attribute.prior,
                attribute.fake == "category",
                n_bits - offset - width,
            )
            for j, (attribute, offset, width) in enumerate(
                zip(self.attributes, self.layout.offsets, self.layout.widths, strict=True)
            )
        ]
        self.steps = [all_steps[j] for j in self.others]
        self.steps_if_sampled = {j: [all_steps[j], *self.steps] for j in range(d) if self.zero[j]}

    def _runs(self) -> Iterator[_Run]:
        fields = zip(self.attributes, self.layout.offsets, strict=True)
        for cold, group in groupby(
            fields, key=lambda field: getattr(field[0].oracle, "cold", None)
        ):
            if cold is not None:
                members = list(group)
                oracle = members[0][0].oracle
                assert isinstance(oracle, UnaryBits)
                width = sum(attribute.oracle.k for attribute, _ in members)
                yield _Run(members[0][1], width, oracle.noise)

    # --- many records ---

    def many(self, codes: list[Array], entropy: Entropy, rows: Rows) -> None:
        """Reports into zeroed rows (n, n_bytes) for d columns of codes."""
        if self.solution == "smp":
            self._smp(codes, entropy, rows)
            return
        for run in self.runs:
            run.many(rows, entropy)
        if self.solution == "spl":
            for j in self.others:
                self._field(rows, j, codes[j], entropy)
            return
        sampled = uniform(entropy, len(codes), len(rows))
        if self.zero.any():
            self._true_bits(rows, codes, sampled, entropy)
        for j in self.others:
            self._mixed_field(rows, j, codes[j], np.flatnonzero(sampled == j), entropy)

    def _field(self, rows: Rows, j: int, codes: Array, entropy: Entropy) -> None:
        """One field for everybody; of a unary one the noise is there already."""
        oracle, offset = self.attributes[j].oracle, self.layout.offsets[j]
        if isinstance(oracle, UnaryBits):
            bits = bernoulli(entropy, oracle.hot, len(rows))
            set_bits(rows, np.arange(len(rows)), offset + codes, bits)
        else:
            write_field(rows, offset, oracle, oracle.randomize(codes, entropy))

    def _mixed_field(
        self, rows: Rows, j: int, codes: Array, sampled: Array, entropy: Entropy
    ) -> None:
        """One field of RS+FD: fake data, but the truth's report where j was sampled."""
        attribute = self.attributes[j]
        fakes = _fake_codes(attribute, len(rows), entropy)
        if attribute.fake == "category":
            fakes[sampled] = attribute.oracle.randomize(codes[sampled], entropy)
            write_field(rows, self.layout.offsets[j], attribute.oracle, fakes)
        else:
            fakes[sampled] = codes[sampled]
            self._field(rows, j, fakes.astype(np.int64), entropy)

    def _true_bits(self, rows: Rows, codes: list[Array], sampled: Array, entropy: Entropy) -> None:
        """The one true bit of every report whose sampled field has zeros for its fake."""
        at = np.flatnonzero(self.zero[sampled])
        field = sampled[at].astype(np.int64)
        position = np.empty(at.size, dtype=np.int64)
        order = np.argsort(field, kind="stable")
        ends = np.cumsum(np.bincount(field, minlength=len(codes)))
        for j, (start, stop) in enumerate(zip((0, *ends[:-1]), ends, strict=True)):
            mine = order[start:stop]
            position[mine] = self.layout.offsets[j] + codes[j][at[mine]]
        set_bits(rows, at, position, bernoulli(entropy, self.hot[field], at.size))

    def _smp(self, codes: list[Array], entropy: Entropy, rows: Rows) -> None:
        pairs = rows.reshape(-1, self.layout.pair_bytes)
        chosen = self._chosen(len(codes), len(rows), entropy).ravel()
        if self.layout.index_bits == 16:
            pairs[:, 0] = chosen >> 8
        pairs[:, self.layout.index_bits // 8 - 1] = chosen & 0xFF
        for j, attribute in enumerate(self.attributes):
            at = np.flatnonzero(chosen == j)
            part = pairs[at]
            symbols = attribute.oracle.randomize(codes[j][at // self.n_sampled], entropy)
            write_field(part, self.layout.offsets[j], attribute.oracle, symbols)
            pairs[at] = part

    def _chosen(self, d: int, n: int, entropy: Entropy) -> Array:
        """Sampled attributes (n, n_sampled), ascending: Floyd's algorithm, all users at once."""
        if self.sampling is not None:
            return weighted(entropy, self.sampling, n)[:, None]
        chosen = np.empty((n, self.n_sampled), dtype=np.uint32)
        for i, last in enumerate(range(d - self.n_sampled, d)):
            pick = uniform(entropy, last + 1, n)
            pick[(chosen[:, :i] == pick[:, None]).any(axis=1)] = last
            chosen[:, i] = pick
        chosen.sort(axis=1)
        return chosen

    # --- one record, in Python's integers ---

    def one(self, codes: list[int], entropy: Entropy) -> bytes:
        """The report of one record."""
        words = word_stream(entropy, self.n_words)
        if self.solution == "smp":
            return self._smp_one(codes, words)
        report = 0
        for run, shift in self.run_steps:
            report |= run.one(entropy) << shift
        sampled, steps = -1, self.steps
        if self.solution == "rsfd":
            sampled = uniform_one(len(codes), words)
            steps = self.steps_if_sampled.get(sampled, steps)
        for step in steps:
            code, oracle = codes[step.number], step.oracle
            if sampled not in (-1, step.number):
                code = _fake_code(oracle.k, step.prior, words)
                if step.verbatim:
                    report |= code << step.shift
                    continue
            if isinstance(oracle, UnaryBits):
                place = step.shift + oracle.k - 1 - code
                report = report & ~(1 << place) | (next(words) < oracle.hot) << place
            else:
                report |= oracle.randomize_one(code, words) << step.shift
        return report.to_bytes(self.layout.n_bytes, "big")

    def _smp_one(self, codes: list[int], words: Iterator[int]) -> bytes:
        d, layout = len(codes), self.layout
        if self.sampling is not None:
            chosen = [weighted_one(self.sampling, words)]
        else:
            chosen = []
            for last in range(d - self.n_sampled, d):
                pick = uniform_one(last + 1, words)
                chosen.append(last if pick in chosen else pick)
        n_bits = 8 * layout.pair_bytes
        pairs = []
        for j in sorted(chosen):
            field = self.attributes[j].oracle.randomize_one(codes[j], words)
            pair = j << (n_bits - layout.index_bits)
            pair |= field << (n_bits - layout.index_bits - layout.widths[j])
            pairs.append(pair.to_bytes(layout.pair_bytes, "big"))
        return b"".join(pairs)


def _fake_codes(attribute: Attribute, n: int, entropy: Entropy) -> Array:
    if attribute.prior is None:
        return uniform(entropy, attribute.oracle.k, n)
    return weighted(entropy, attribute.prior, n)


def _fake_code(k: int, prior: tuple[int, ...] | None, words: Iterator[int]) -> int:
    return uniform_one(k, words) if prior is None else weighted_one(prior, words)
