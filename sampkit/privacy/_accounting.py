"""What a report really costs: closed forms, enumeration, and a ledger of budgets."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.privacy._exact import LARGEST_EPSILON
from sampkit.privacy._protocol import Floats
from sampkit.privacy._validation import (
    check_choice,
    check_distribution,
    check_epsilon,
    check_integer,
    shown,
)

if TYPE_CHECKING:
    import pandas as pd

    from sampkit.privacy._schema import LDPSchema

RSFD_PROTOCOLS = ("grr", "sue-z", "sue-r", "oue-z", "oue-r", "matched")


# --- RS+FD in closed form -----------------------------------------------------------------------


def losing_ratios(
    protocol: str, k: int, epsilon: float, prior: Sequence[float] | None
) -> tuple[float, float]:
    """Return a and m of one attribute under RS+FD.

    With r(y | x) = P(y | sampled, x) / P(y | fake), m is the smallest r, and a is r of the losing
    input at the output where the winning one has e^epsilon times as much.
    """
    odds = math.exp(min(epsilon, LARGEST_EPSILON))
    rarest, commonest = (1 / k, 1 / k) if prior is None else (min(prior), max(prior))
    if protocol == "grr":
        other = 1 / (odds + k - 1)
        return other / rarest, other / commonest
    if protocol == "oue-z":
        return (odds + 1) / (2 * odds), (odds + 1) / (2 * odds)
    if protocol == "sue-z":
        return 1 / math.sqrt(odds), 1 / math.sqrt(odds)
    if protocol == "matched":
        lost = 1 / (1 + (odds - 1) * rarest)
        return lost, lost
    return 1 / (1 + (odds - 1) * rarest), 1 / (odds - (odds - 1) * rarest)


def mixture_epsilon(losing: Floats, smallest: Floats, epsilon: float, n_changed: int) -> float:
    """Exact loss when `n_changed` of d attributes change: the best set, by Dinkelbach's method."""
    d = len(losing)
    if n_changed == d:
        return epsilon  # whatever the fake data are
    rest = smallest.sum()
    ratio = 0.0
    while True:
        # the share of the changed ones grows as long as a better set exists for its present value
        chosen = np.argsort(losing + ratio * smallest)[d - n_changed :]
        better = losing[chosen].sum() / (rest - smallest[chosen].sum())
        if better <= ratio * (1 + 1e-15):
            break
        ratio = better
    gained = math.expm1(min(epsilon, LARGEST_EPSILON))
    return min(math.log1p(gained * ratio / (1 + ratio)), epsilon)


def rsfd_epsilon(
    domain_sizes: Sequence[int],
    epsilon_local: float,
    protocols: str | Sequence[str],
    prior: Any = None,
    n_changed: int = 1,
) -> float:
    """Exact privacy loss of RS+FD or RS+RFD between records that differ in some attributes.

    Parameters
    ----------
    domain_sizes : sequence of int of length d
        Numbers of categories, each >= 2; d >= 2.
    epsilon_local : float
        The budget that the sampled attribute is randomised with.
    protocols : str or d str
        'grr', 'sue-z', 'sue-r', 'oue-z', 'oue-r' or 'matched', for all attributes or for each.
    prior : list of d sequences, optional
        Law of the fake data, strictly positive, each summing to 1 (None in place of one: uniform).
        It matters to 'grr', 'sue-r', 'oue-r' and 'matched'.
    n_changed : int, default=1
        Number of attributes that differ, 1..d.

    Returns
    -------
    float
        The loss, before probabilities are rounded to 2^-32. For ``n_changed=d`` it is
        `epsilon_local` exactly: a whole record is protected no better than its one sampled value.

    Notes
    -----
    With a and m of every attribute, ``max ln((E sum_J a + sum_rest m) / (sum_J a + sum_rest m))``
    over sets J of n_changed attributes; O(d log d) for each of a few Dinkelbach steps. The closed
    form equals enumeration.

    Examples
    --------
    >>> import math
    >>> from sampkit.privacy import rsfd_epsilon
    >>> published = math.log(2 * (math.e - 1) + 1)  # what epsilon = 1 becomes for two attributes
    >>> round(rsfd_epsilon([2, 100], published, "grr"), 6), round(published, 6)
    (1.249707, 1.48988)
    """
    sizes = [check_integer("domain_sizes", k, 2) for k in domain_sizes]
    if len(sizes) < 2:
        raise ValueError(f"domain_sizes must have at least 2 entries, got {len(sizes)}.")
    epsilon = check_epsilon(epsilon_local, "epsilon_local")
    names = [protocols] * len(sizes) if isinstance(protocols, str) else list(protocols)
    laws = [None] * len(sizes) if prior is None else list(prior)
    for what, given in (("protocols", names), ("prior", laws)):
        if len(given) != len(sizes):
            raise ValueError(f"{what} must have {len(sizes)} entries, got {len(given)}.")
    for name in names:
        check_choice("protocols", name, RSFD_PROTOCOLS)
    laws = [
        None if law is None else check_distribution(f"prior[{j}]", law, k, zeros=False)
        for j, (law, k) in enumerate(zip(laws, sizes, strict=True))
    ]
    pairs = [
        losing_ratios(name, k, epsilon, law)
        for name, k, law in zip(names, sizes, laws, strict=True)
    ]
    losing, smallest = np.array(pairs).T
    t = check_integer("n_changed", n_changed, 1, len(sizes))
    return mixture_epsilon(losing, smallest, epsilon, t)


# --- enumeration --------------------------------------------------------------------------------


def exact_epsilon(schema: LDPSchema) -> dict[int, float]:
    """Audit a schema by enumerating its channel: the loss for records that differ in t attributes.

    Parameters
    ----------
    schema : LDPSchema
        With a small domain: its `channel` may have at most 2^20 entries.

    Returns
    -------
    dict of int to float
        For t = 1..d the largest ``|ln P(y | x) / P(y | x')|`` over reports y and pairs of records
        that differ in exactly t attributes, from the rounded probabilities that clients use.

    Notes
    -----
    O(R^2 m) for R records and m reports.

    Examples
    --------
    >>> from sampkit.privacy import LDPSchema, exact_epsilon
    >>> schema = LDPSchema([2, 3], epsilon=1.0, protocol="oue-z")
    >>> {t: round(loss, 6) for t, loss in exact_epsilon(schema).items()}
    {1: 0.620115, 2: 1.0}
    """
    channel = np.unique(np.log(schema.channel()), axis=1)
    records = np.stack(
        np.meshgrid(*(np.arange(k) for k in schema.domain_sizes), indexing="ij"), axis=-1
    ).reshape(-1, len(schema.domain_sizes))
    worst = np.zeros(records.shape[1] + 1)
    step = max((1 << 22) // channel.size, 1)
    for start in range(0, len(records), step):
        rows = slice(start, start + step)
        loss = (channel[rows, None, :] - channel[None, :, :]).max(axis=2)
        differing = (records[rows, None, :] != records[None, :, :]).sum(axis=2)
        np.maximum.at(worst, differing, loss)
    return {t: float(worst[t]) for t in range(1, worst.size)}


# --- the ledger ---------------------------------------------------------------------------------


class BudgetExceededError(ValueError):
    """A collection would cost more than is left; nothing was booked.

    Examples
    --------
    >>> from sampkit.privacy import BudgetExceededError, LDPSchema, PrivacyAccountant
    >>> accountant = PrivacyAccountant(epsilon=1.5)
    >>> schema = LDPSchema([3, 4], epsilon=1.0)
    >>> accountant.spend(schema)
    >>> try:
    ...     accountant.spend(schema)
    ... except BudgetExceededError:
    ...     print(accountant.remaining)
    0.5
    """


class PrivacyAccountant:
    """Keep the sum of what a person's data have been asked for within a budget.

    Losses add up (sequential composition). Ask before a report is made; sending a memoised report
    again costs nothing.

    Parameters
    ----------
    epsilon : float
        The budget, > 0.
    unit : {'tuple', 'attribute'}, default='tuple'
        One budget for the whole record, or one for every attribute.

    Attributes
    ----------
    remaining : float or dict of str to float
        What is left; with unit 'attribute' for every attribute seen so far.
    log : DataFrame
        One row per spending: label, epsilon, attributes, fingerprint of the schema.

    Examples
    --------
    >>> from sampkit.privacy import LDPSchema, PrivacyAccountant
    >>> accountant = PrivacyAccountant(2.0)
    >>> schema = LDPSchema({"answer": ["yes", "no"]}, epsilon=1.5, solution="spl", protocol="grr")
    >>> accountant.spend(schema, label="spring survey")
    >>> accountant.remaining
    0.5
    >>> accountant.spend(schema)
    Traceback (most recent call last):
        ...
    sampkit.privacy._accounting.BudgetExceededError: epsilon 1.5 is more than the 0.5 that is left.
    """

    def __init__(self, epsilon: float, unit: str = "tuple"):
        self.epsilon = check_epsilon(epsilon)
        self.unit = check_choice("unit", unit, ("tuple", "attribute"))
        self._log: list[dict[str, Any]] = []

    def _spent(self, attribute: str | None = None) -> float:
        return math.fsum(
            entry["epsilon"]
            for entry in self._log
            if attribute is None or attribute in entry["attributes"]
        )

    @property
    def remaining(self) -> float | dict[str, float]:
        """What is left of the budget, or of every attribute's."""
        if self.unit == "tuple":
            return max(self.epsilon - self._spent(), 0.0)
        names = dict.fromkeys(name for entry in self._log for name in entry["attributes"])
        return {name: max(self.epsilon - self._spent(name), 0.0) for name in names}

    @property
    def log(self) -> pd.DataFrame:
        """One row per spending."""
        import pandas as pd

        columns = ["label", "epsilon", "attributes", "fingerprint"]
        log = {name: [entry[name] for entry in self._log] for name in columns}
        kinds = {"epsilon": float}
        return pd.DataFrame(
            {name: pd.Series(log[name], dtype=kinds.get(name, object)) for name in columns}
        )

    def spend(self, schema: LDPSchema, label: str | None = None) -> None:
        """Book one report under a schema.

        Parameters
        ----------
        schema : LDPSchema
            Its `epsilon_tuple` is booked; with unit 'attribute' its `epsilon_attribute`, on every
            attribute that it names.
        label : str, optional
            What to call it in the log.

        Raises
        ------
        BudgetExceededError
            More than is left, by more than 1e-12 of the budget; nothing is booked then.
        """
        names = list(schema.attribute_names)
        by_record = self.unit == "tuple"
        cost = schema.epsilon_tuple if by_record else schema.epsilon_attribute
        for name in [None] if by_record else names:
            spent = self._spent(name)
            if math.fsum([spent, cost]) > self.epsilon * (1 + 1e-12):
                where = "" if name is None else f" of attribute {name!r}"
                raise BudgetExceededError(
                    f"epsilon {cost:.6g} is more than the {max(self.epsilon - spent, 0.0):.6g} "
                    f"that is left{where}."
                )
        self._log.append(
            {
                "label": label,
                "epsilon": float(cost),
                "attributes": names,
                "fingerprint": schema.fingerprint,
            }
        )

    def to_json(self) -> str:
        """The budget and every spending, as JSON.

        Returns
        -------
        str
            For `from_json`.
        """
        return json.dumps({"epsilon": self.epsilon, "unit": self.unit, "log": self._log})

    @classmethod
    def from_json(cls, text: str) -> PrivacyAccountant:
        """The accountant that `to_json` described.

        Parameters
        ----------
        text : str
            What `to_json` returned.

        Returns
        -------
        PrivacyAccountant
            With the same budget and log.

        Raises
        ------
        ValueError
            Text that `to_json` has not written.
        """
        try:
            state = json.loads(text)
            accountant = cls(state["epsilon"], state["unit"])
            for entry in state["log"]:
                check_epsilon(entry["epsilon"])
                accountant._log.append(
                    {
                        "label": entry["label"],
                        "epsilon": float(entry["epsilon"]),
                        "attributes": [str(name) for name in entry["attributes"]],
                        "fingerprint": str(entry["fingerprint"]),
                    }
                )
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"text is no accountant's JSON: {shown(str(error))}.") from None
        return accountant
