"""Codes -> reports, the same for every protocol: what a client does once labels are codes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sampkit.privacy._exact import (
    Entropy,
    bernoulli,
    uniform,
    uniform_one,
    weighted_one,
    word_stream,
)
from sampkit.privacy._lookup import chances
from sampkit.privacy._mixture import Mixture
from sampkit.privacy._noise_runs import noise_runs
from sampkit.privacy._protocol import Array
from sampkit.privacy._reports import Rows, write_field
from sampkit.privacy._schema import LDPSchema
from sampkit.privacy.oracles.unary import UnaryBits, set_bits


class Engine:
    """What a client does once labels are codes; holds no randomness."""

    def __init__(self, schema: LDPSchema):
        self.attributes = schema.attributes
        self.layout = schema.layout
        self.n_sampled = schema.n_sampled
        self.sampling = schema.sampling
        self.solution = schema.solution
        d = len(self.attributes)
        self.mixture: Mixture | None = None
        if self.solution == "rsfd" and all(a.fake != "random" for a in self.attributes):
            self.mixture = Mixture(self.attributes, self.layout)
        self.runs = () if self.solution == "smp" else noise_runs(self.attributes, self.layout)
        n_bits = 8 * self.layout.pair_bytes
        self.run_steps = [(run, n_bits - run.offset - run.width) for run in self.runs]
        self.n_words = 2 * d + 4  # enough for most reports; more are fetched when they run out
        self.steps = [
            (attribute.oracle, attribute.prior, n_bits - offset - width)
            for attribute, offset, width in zip(
                self.attributes, self.layout.offsets, self.layout.widths, strict=True
            )
        ]

    # --- many records ---

    def many(self, codes: Array, entropy: Entropy, rows: Rows) -> None:
        """Reports into zeroed rows (n, n_bytes) for codes (n, d)."""
        if self.mixture is not None:
            self.mixture.many(codes, entropy, rows)
        elif self.solution == "smp":
            self._smp(codes, entropy, rows)
        else:
            columns = list(codes.T)
            self._split(self._faked(columns, entropy) if self.solution == "rsfd" else columns,
                        entropy, rows)  # fmt: skip

    def _faked(self, columns: list[Array], entropy: Entropy) -> list[Array]:
        """RS+FD whose fakes are randomised like the truth: all but one attribute are replaced."""
        n = columns[0].size
        sampled = uniform(entropy, len(columns), n)
        mixed = []
        for j, (attribute, column) in enumerate(zip(self.attributes, columns, strict=True)):
            if attribute.prior is None:
                fakes = uniform(entropy, attribute.oracle.k, n)
            else:
                fakes = chances(attribute.prior).draw(entropy, n)
            np.copyto(fakes, column, where=sampled == j, casting="unsafe")
            mixed.append(fakes)
        return mixed

    def _split(self, columns: list[Array], entropy: Entropy, rows: Rows) -> None:
        """Every attribute through its own oracle."""
        for run in self.runs:
            run.many(rows, entropy)
        for attribute, offset, codes in zip(
            self.attributes, self.layout.offsets, columns, strict=True
        ):
            oracle = attribute.oracle
            if isinstance(oracle, UnaryBits):  # its noise is there already
                bits = bernoulli(entropy, oracle.hot, len(rows))
                set_bits(rows, np.arange(len(rows)), offset + codes.astype(np.int64), bits)
            else:
                write_field(rows, offset, oracle, oracle.randomize(codes, entropy))

    def _smp(self, codes: Array, entropy: Entropy, rows: Rows) -> None:
        pairs = rows.reshape(-1, self.layout.pair_bytes)
        chosen = self._chosen(codes.shape[1], len(rows), entropy).ravel()
        if self.layout.index_bits == 16:
            pairs[:, 0] = chosen >> 8
        pairs[:, self.layout.index_bits // 8 - 1] = chosen & 0xFF
        for j, attribute in enumerate(self.attributes):
            at = np.flatnonzero(chosen == j)
            part = pairs[at]
            symbols = attribute.oracle.randomize(codes[at // self.n_sampled, j], entropy)
            write_field(part, self.layout.offsets[j], attribute.oracle, symbols)
            pairs[at] = part

    def _chosen(self, d: int, n: int, entropy: Entropy) -> Array:
        """Sampled attributes (n, n_sampled), ascending: Floyd's algorithm, all users at once."""
        if self.sampling is not None:
            return chances(self.sampling).draw(entropy, n)[:, None]
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
        if self.mixture is not None:
            return self.mixture.one(codes, entropy)
        words = word_stream(entropy, self.n_words)
        if self.solution == "smp":
            return self._smp_one(codes, words)
        report = 0
        for run, shift in self.run_steps:
            report |= run.noise.draw_few(entropy, run.n_bytes) >> (-run.width % 8) << shift
        if self.solution == "rsfd":
            sampled = uniform_one(len(codes), words)
            codes = [
                code if j == sampled else _fake_code(oracle.k, prior, words)
                for j, (code, (oracle, prior, _)) in enumerate(zip(codes, self.steps, strict=True))
            ]
        for code, (oracle, _, shift) in zip(codes, self.steps, strict=True):
            if isinstance(oracle, UnaryBits):
                place = shift + oracle.k - 1 - code
                report = report & ~(1 << place) | (next(words) < oracle.hot) << place
            else:
                report |= oracle.randomize_one(code, words) << shift
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


def _fake_code(k: int, prior: tuple[int, ...] | None, words: Iterator[int]) -> int:
    return uniform_one(k, words) if prior is None else weighted_one(prior, words)
