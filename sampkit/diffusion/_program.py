"""A plan and a network's parametrisation as the few numbers that the loop needs.

An output ``c x + d y`` is kept as ``x + (d / c) y``, one operation, and its factor c goes into the
weights; an output that only its own row reads is not kept at all. Everything is worked out before
the loop, which is left with tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sampkit.diffusion._liveness import Liveness
from sampkit.diffusion.plan import Plan, Update

__all__ = ["Kept", "Mix", "Step", "Sum", "program_of"]

Terms = tuple[tuple[int, float], ...]  # (place of an output, weight)
Pair = tuple[float, float]

KINDS = ("x0", "eps")


class Kept(NamedTuple):
    """An output to keep: ``x + ratio y``, or y itself where ratio is None."""

    place: int
    ratio: float | None


class Sum(NamedTuple):
    """``a`` times a state, plus ``of_y`` times the network's output, plus weighted outputs."""

    base: int
    last_use: bool
    a: float
    of_y: float | None  # None: no such term
    terms: Terms


class Mix(NamedTuple):
    """An output replaced by ``a`` times itself plus weighted older ones."""

    place: int
    a: float
    terms: Terms

    def reweighted(self, old: Sequence[float], new: Sequence[float]) -> Mix:
        """The mix of other weights, newest first; none of those it was made of may be 0."""
        ages = range(1, len(old))
        terms = zip(self.terms, ages, strict=True)
        return Mix(
            self.place,
            new[0],
            tuple((place, value / old[age] * new[age]) for (place, value), age in terms),
        )


class Step(NamedTuple):
    """One call and what follows."""

    x0: Pair  # data prediction c x + d y
    kept: tuple[Kept, ...]
    corrector: Sum | None
    mixes: tuple[Mix, ...]
    update: Sum
    noise: float
    spent_at_call: tuple[int, ...]  # places of outputs that nothing reads later
    spent_at_update: tuple[int, ...]
    drops_state: bool  # whether only the network reads this call's state


def _place(kind: str, k: int) -> int:
    return 2 * k + KINDS.index(kind)


def pairs_of(t: float, levels: Sequence[Any], shares: Sequence[Any]) -> dict[str, Any]:
    """C and d of ``prediction = c x + d y`` for both predictions, at a time.

    The output is ``y = p x0 + q eps`` with shares p and q, the state ``alpha x0 + sigma eps``; all
    of them numbers or arrays.
    """
    (alpha, sigma), (p, q) = levels, shares
    det = alpha * q - sigma * p
    if np.any(det == 0):
        raise ValueError(
            f"at t = {t:.6g} no data is left (alpha = 0), where noise prediction says nothing: "
            "start later, or use a model that predicts x0, v or the flow."
        )
    return {"x0": (q / det, -sigma / det), "eps": (-p / det, alpha / det)}


class _Compiler:
    def __init__(self, plan: Plan, shares: Sequence[Pair], postprocess: bool):
        self.plan, self.postprocess, self.live = plan, postprocess, Liveness(plan)
        self.levels, self.shares = plan.levels, shares
        self.factors: dict[int, float] = {}  # of the kept outputs

    def steps(self) -> tuple[Step, ...]:
        """All steps, in order: factors of older outputs are known when they are read."""
        spent: dict[int, list[int]] = {}
        steps = []
        for i, row in enumerate(self.plan.rows):
            pairs = self._pairs(i)
            kept, pairs_now = self._keep(i, pairs)
            for each in kept:
                last = self.live.output(KINDS[each.place % 2], i)
                spent.setdefault(last, []).append(each.place)
            corrector = self.plan.rows[i - 1].corrector if i else None
            anchor = i if row.anchor is None else row.anchor
            step = Step(
                x0=pairs["x0"],
                kept=kept,
                corrector=None if corrector is None else self._sum(corrector, i - 1, i, 2 * i, {}),
                mixes=self._mixes(i, kept),
                update=self._sum(row.update, anchor, i, 2 * i + 1, pairs_now),
                noise=row.noise,
                spent_at_call=tuple(spent.get(2 * i, ())),
                spent_at_update=tuple(spent.get(2 * i + 1, ())),
                drops_state=self.live.state(i) == 2 * i,
            )
            steps.append(step)
        return tuple(steps)

    def _pairs(self, i: int) -> dict[str, Pair]:
        """C and d of both predictions at call i."""
        return pairs_of(self.plan.rows[i].t, self.levels[i], self.shares[i])

    def _keep(self, i: int, pairs: dict[str, Pair]) -> tuple[tuple[Kept, ...], dict[str, Pair]]:
        """What is kept of call i, and what its own row alone reads."""
        kept, now = [], {}
        row = self.plan.rows[i]
        same_state = (row.anchor is None or row.anchor == i) and not (
            i and self.plan.rows[i - 1].corrector is not None
        )
        for kind in KINDS:
            if not self.live.wants(kind, i):
                continue
            c, d = pairs[kind]
            at_once = row.mix is None and self._read_once(kind, i)
            if at_once and not self.postprocess and (c == 0 or same_state):
                now[kind] = (c, d)
                continue
            place = _place(kind, i)
            if self.postprocess:  # the data prediction as it is; eps = (x - alpha x0) / sigma
                alpha, sigma = self.levels[i]
                self.factors[place] = 1.0 if kind == "x0" else 1 / sigma
                kept.append(Kept(place, None if kind == "x0" else -alpha))
            else:
                alone = abs(c) < 1e-30 * abs(d)
                self.factors[place] = d if alone else c
                kept.append(Kept(place, None if alone else d / c))
        return tuple(kept), now

    def _read_once(self, kind: str, i: int) -> bool:
        """Whether the update of row i is the only reader of an output of call i."""
        corrector = self.plan.rows[i - 1].corrector if i else None
        weights = () if corrector is None else getattr(corrector, f"w_{kind}")
        return self.live.output(kind, i) == 2 * i + 1 and not (weights and weights[0])

    def _mixes(self, i: int, kept: tuple[Kept, ...]) -> tuple[Mix, ...]:
        weights = self.plan.rows[i].mix
        if weights is None:
            return ()
        mixes = []
        for place, _ in kept:
            older = tuple(
                (place - 2 * age, weight * self.factors[place - 2 * age] / self.factors[place])
                for age, weight in enumerate(weights)
                if age and weight
            )
            mixes.append(Mix(place, weights[0], older))
        return tuple(mixes)

    def _sum(
        self, update: Update, base: int, newest: int, moment: int, now: dict[str, Pair]
    ) -> Sum:
        a, of_y, terms = update.a, 0.0, []
        for kind, weights in (("x0", update.w_x0), ("eps", update.w_eps)):
            for age, weight in enumerate(weights):
                if not weight:
                    continue
                if age == 0 and kind in now:
                    c, d = now[kind]
                    a, of_y = a + weight * c, of_y + weight * d
                else:
                    place = _place(kind, newest - age)
                    terms.append((place, weight * self.factors[place]))
        return Sum(base, self.live.state(base) <= moment, a, of_y or None, tuple(terms))


def program_of(plan: Plan, shares: Sequence[Pair], postprocess: bool) -> tuple[Step, ...]:
    """The steps of a plan.

    Parameters
    ----------
    plan : Plan
        What to run.
    shares : sequence of (p, q)
        For each call: the network's output is ``p x0 + q eps``.
    postprocess : bool
        Whether the data prediction is changed before it is used.

    Returns
    -------
    tuple of Step
        One for each call; remembered by the plan.

    Raises
    ------
    ValueError
        A call where no data is left, with a network that predicts the noise.
    """
    key = (tuple(shares), postprocess)
    steps: tuple[Step, ...] | None = plan._compiled.get(key)
    if steps is None:
        steps = plan._compiled[key] = _Compiler(plan, shares, postprocess).steps()
    return steps
