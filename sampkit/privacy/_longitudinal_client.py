"""The device of a longitudinal collection: memoised values, fresh noise, bounded total loss."""

from __future__ import annotations

import json
from typing import Any

from sampkit.privacy._exact import entropy_of, uniform_one, word_stream
from sampkit.privacy._lookup import noise_bits
from sampkit.privacy._two_rounds import Plan, read_plan
from sampkit.privacy._validation import check_integer, shown
from sampkit.privacy.oracles.hashing import hash_one
from sampkit.privacy.oracles.unary import UnaryBits


class LongitudinalClient:
    """One device that reports a changing value again and again.

    Every distinct value is randomised once and remembered; each report adds fresh noise to what is
    remembered, so that averaging reports reveals the remembered field and not the value.

    Parameters
    ----------
    protocol : str
        As in `longitudinal_probabilities`, or 'dbitflip'.
    n_categories : int
        Number of categories k >= 2; values are codes ``0..k-1``.
    epsilon_permanent : float
        What one distinct value costs over a lifetime, > 0.
    epsilon_first : float, optional
        What a first report costs, below epsilon_permanent; 'dbitflip' has none, the others need
        it.
    state : str, optional
        `state` of the same device, to go on after a restart.
    n_buckets : int, optional
        'dbitflip': buckets b in [2, k] that values are gathered in, ``floor(v b / k)``.
    n_bits : int, default=1
        'dbitflip': buckets in [1, b] that this device answers for.
    random_state : None, int, Generator or RandomState
        None draws from the operating system, the only choice that protects anybody; the others
        are for simulation.

    Attributes
    ----------
    state : str
        JSON of what is remembered. Store it on the device, privately, after each new value: it
        holds every remembered field, and forgetting it spends budget again.
    epsilon_spent : float
        Worst-case loss so far: epsilon_permanent for every remembered field.
    secure : bool
        Whether noise comes from the operating system.

    Raises
    ------
    ValueError
        Parameters outside what is said above, or a state that is not of this device's parameters.

    Notes
    -----
    The lifetime loss is at most epsilon_permanent times k for bits and GRR, times g for 'l-olh'
    and 'l-blh', times ``min(n_bits + 1, n_buckets)`` for 'dbitflip'. A report takes O(k) time for
    bits, O(1) for the others.

    References
    ----------
    As `longitudinal_probabilities`; Ding, Kulkarni and Yekhanin, "Collecting telemetry data
    privately", NeurIPS 2017 ('dbitflip').

    Examples
    --------
    >>> from sampkit.privacy import LongitudinalClient
    >>> client = LongitudinalClient("l-osue", 10, epsilon_permanent=2.0, epsilon_first=1.0)
    >>> reports = [client.report(v) for v in (3, 3, 7, 3)]
    >>> [len(report) for report in reports], client.epsilon_spent
    ([2, 2, 2, 2], 4.0)
    """

    def __init__(
        self,
        protocol: str,
        n_categories: int,
        epsilon_permanent: float,
        epsilon_first: float | None = None,
        state: str | None = None,
        *,
        n_buckets: int | None = None,
        n_bits: int = 1,
        random_state: Any = None,
    ):
        self._plan = read_plan(
            protocol, n_categories, epsilon_permanent, epsilon_first, n_buckets, n_bits
        )
        self.secure = random_state is None
        self._entropy = entropy_of(random_state)
        if state is None:
            self._header = self._fresh_header()
            self._memo: dict[int, int] = {}
        else:
            self._header, self._memo = _remembered(self._plan, state)

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self._plan.parameters().items())
        return f"LongitudinalClient({given})"

    def report(self, v: int) -> bytes:
        """Report the present value.

        Parameters
        ----------
        v : int
            A code of ``0..k-1``.

        Returns
        -------
        bytes
            One field, most significant bit first, zero bits up to whole bytes: ceil(log2 k) bits
            for GRR, k for unary encodings, a 64-bit seed and ceil(log2 g) bits for 'l-olh' and
            'l-blh', n_bits bucket numbers of 32 bits and as many bits for 'dbitflip'.

        Raises
        ------
        ValueError
            Anything else than a code.
        """
        plan = self._plan
        key = self._key(check_integer("v", v, 0, plan.k - 1))
        words = word_stream(self._entropy, 16)
        if key not in self._memo:
            self._memo[key] = plan.rounds.first.randomize_one(key, words)
        field, second = self._memo[key], plan.rounds.second
        if isinstance(second, UnaryBits):
            field = self._noisy_bits(field, second)
        elif second is not None:
            field = second.randomize_one(field, words)
        report = self._header << plan.field_bits | field
        return (report << (-plan.n_bits_in_all % 8)).to_bytes(plan.n_bytes, "big")

    @property
    def state(self) -> str:
        """JSON of the header and of every remembered field."""
        return json.dumps(
            {
                **self._plan.parameters(),
                "header": f"{self._header:x}",
                "memo": {str(key): f"{field:x}" for key, field in self._memo.items()},
            }
        )

    @property
    def epsilon_spent(self) -> float:
        """Worst-case loss so far."""
        return len(self._memo) * self._plan.permanent

    def _fresh_header(self) -> int:
        """The seed of a hash, or the buckets that this device answers for; no value matters."""
        words = word_stream(self._entropy, 16)
        if self._plan.protocol != "dbitflip":
            return next(words) << 32 | next(words) if self._plan.header else 0
        b, chosen = self._plan.n_buckets or 0, set[int]()
        for last in range(b - self._plan.n_bits, b):  # Floyd's uniform subset
            pick = uniform_one(last + 1, words)
            chosen.add(last if pick in chosen else pick)
        header = 0
        for bucket in sorted(chosen):
            header = header << 32 | bucket
        return header

    def _key(self, v: int) -> int:
        """Which remembered field stands for the value."""
        plan = self._plan
        if plan.protocol == "dbitflip":
            buckets = plan.buckets(self._header)
            bucket = v * (plan.n_buckets or 0) // plan.k
            return buckets.index(bucket) if bucket in buckets else -1
        return hash_one(self._header, v, plan.rounds.first.k) if plan.header else v

    def _noisy_bits(self, field: int, second: UnaryBits) -> int:
        """Every bit anew: 1 with the probability that belongs to the remembered one."""
        n_bytes, padding = -(-second.k // 8), -second.k % 8
        hot, cold = (
            noise_bits(p).draw_few(self._entropy, n_bytes) >> padding
            for p in (second.hot, second.cold)
        )
        return (hot & field) | (cold & ~field)


def _remembered(plan: Plan, state: str) -> tuple[int, dict[int, int]]:
    """Header and memo out of a state; ValueError for one of other parameters or of no client."""
    try:
        kept = json.loads(state)
        header = int(kept["header"], 16)
        memo = {int(key): int(field, 16) for key, field in kept["memo"].items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(
            f"state must be a LongitudinalClient's state, got {shown(state)}."
        ) from None
    for name, value in plan.parameters().items():
        if kept.get(name) != value:
            raise ValueError(
                f"state is of another client: {name} is {shown(kept.get(name))} there, "
                f"got {shown(value)}."
            )
    low, high = (-1, plan.n_bits) if plan.protocol == "dbitflip" else (0, plan.rounds.first.k)
    field_ends = 1 << plan.field_bits if plan.rounds.first.packed else plan.rounds.first.k
    sound = 0 <= header < 1 << sum(plan.header) and all(
        low <= key < high and 0 <= field < field_ends for key, field in memo.items()
    )
    if plan.n_buckets:
        buckets = plan.buckets(header)
        sound = sound and len({*buckets}) == plan.n_bits and max(buckets) < plan.n_buckets
    if not sound:
        raise ValueError("state holds fields that no client of these parameters can have made.")
    return header, memo
