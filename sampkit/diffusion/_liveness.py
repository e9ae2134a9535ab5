"""Which states and outputs of a plan are looked at for the last time when."""

from __future__ import annotations

from sampkit.diffusion.plan import Plan, Update

__all__ = ["Liveness"]

NEVER = -1


class Liveness:
    """Last reads of every state and output, in moments: 2 i is call i, 2 i + 1 the update after it.

    At call i the network reads state i, the corrector of the row before acts, and outputs are
    mixed.
    """

    def __init__(self, plan: Plan):
        n = len(plan.rows)
        self._states = [2 * k for k in range(n)] + [2 * n]
        self._outputs = {"x0": [NEVER] * n, "eps": [NEVER] * n}
        for i, row in enumerate(plan.rows):
            anchor = i if row.anchor is None else row.anchor
            self._states[anchor] = max(self._states[anchor], 2 * i + 1)
            self._read(row.update, i, 2 * i + 1)
            if row.corrector is not None:
                self._states[i] = max(self._states[i], 2 * i + 2)
                self._read(row.corrector, i + 1, 2 * i + 2)
        for i in range(n - 1, -1, -1):  # a mix passes on what its result is needed for
            for last in self._outputs.values():
                if last[i] == NEVER:
                    continue
                for age, weight in enumerate(plan.rows[i].mix or ()):
                    if weight and age:
                        last[i - age] = max(last[i - age], 2 * i)

    def _read(self, update: Update, newest: int, moment: int) -> None:
        for kind, weights in (("x0", update.w_x0), ("eps", update.w_eps)):
            last = self._outputs[kind]
            for age, weight in enumerate(weights):
                if weight:
                    last[newest - age] = max(last[newest - age], moment)

    def state(self, k: int) -> int:
        """The last moment at which state k is read."""
        return self._states[k]

    def output(self, kind: str, k: int) -> int:
        """The last moment at which an output is read; -1 for never."""
        return self._outputs[kind][k]

    def wants(self, kind: str, k: int) -> bool:
        """Whether an output is read at all."""
        return self._outputs[kind][k] != NEVER
