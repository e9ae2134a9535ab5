"""How several attributes share one budget: SPL, SMP, RS+FD, and the budget each oracle gets."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from sampkit.privacy._accounting import losing_ratios, mixture_epsilon
from sampkit.privacy._domain import Label
from sampkit.privacy._exact import GRID, exp_down, grid_floor
from sampkit.privacy._protocol import Floats, Oracle, require_signal
from sampkit.privacy.oracles import DEPLOYABLE, PROTOCOLS
from sampkit.privacy.oracles.grr import KeptCategory

# RS+FD protocol -> the oracle of the sampled attribute, and what the others send:
# a random category as it is, or through the oracle, or the oracle's noise on no value at all.
RSFD = {
    "grr": ("grr", "category"),
    "sue-z": ("sue", "zero"),
    "sue-r": ("sue", "random"),
    "oue-z": ("oue", "zero"),
    "oue-r": ("oue", "random"),
    "matched": ("grr", "category"),
}
WITH_PRIOR = ("grr", "sue-r", "oue-r", "matched")
KNOWN = {
    "spl": (*DEPLOYABLE, "adaptive"),
    "smp": (*DEPLOYABLE, "adaptive"),
    "rsfd": (*RSFD, "adaptive"),
}


@dataclass(frozen=True)
class Attribute:
    """One attribute of a schema, resolved: all that client, server and estimator need.

    Parameters
    ----------
    name : str
    categories : tuple
    protocol : str
        The resolved name, as in `LDPSchema.protocols`.
    oracle : Oracle
    fake : str or None
        RS+FD only: 'category', 'random' or 'zero', as in the table `RSFD`.
    prior : tuple of int or None
        Numerators of the fake data's law; None is uniform.
    """

    name: str
    categories: tuple[Label, ...]
    protocol: str
    oracle: Oracle
    fake: str | None = None
    prior: tuple[int, ...] | None = None

    @property
    def probabilities(self) -> tuple[Any, Any, Any]:
        """(p, q, phi) as floats, or k of them; phi is None where there are no fake data."""
        p, q, phi = self.oracle.p, self.oracle.q, None
        law: Any = Fraction(1, self.oracle.k)
        if self.prior is not None:
            law = np.array([Fraction(n, GRID) for n in self.prior])
        if self.fake == "category":
            phi = law
        elif self.fake == "random":
            phi = q + law * (p - q)
        elif self.fake == "zero":
            phi = q
        return _floats(p), _floats(q), _floats(phi)

    def fake_law(self) -> Floats:
        """P(fake report), in the order of the columns of the oracle's channel."""
        k = self.oracle.k
        law = np.full(k, 1 / k) if self.prior is None else np.array(self.prior) / GRID
        if self.fake == "category":
            return law
        if self.fake == "random":
            return law @ self.oracle.channel()
        return self.oracle.blank()  # type: ignore[attr-defined]


def _floats(value: Any) -> Any:
    if value is None:
        return None
    return value.astype(np.float64) if isinstance(value, np.ndarray) else float(value)


# --- budgets ------------------------------------------------------------------------------------


def published_epsilon(epsilon: float, d: int) -> float:
    """``ln(d (e^epsilon - 1) + 1)``, the calibration of the RS+FD papers."""
    if epsilon < 50:
        return math.log1p(d * math.expm1(epsilon))
    return epsilon + math.log(d - (d - 1) * math.exp(-epsilon))


def rsfd_losses(
    protocols: Sequence[str],
    sizes: Sequence[int],
    epsilon_local: float,
    priors: Sequence[Any],
    n_changed: int,
) -> float:
    """`rsfd_epsilon` on what has been checked already; priors in numerators."""
    pairs = [
        losing_ratios(name, k, epsilon_local, None if law is None else [n / GRID for n in law])
        for name, k, law in zip(protocols, sizes, priors, strict=True)
    ]
    losing, smallest = np.array(pairs).T
    return mixture_epsilon(losing, smallest, epsilon_local, n_changed)


def largest_epsilon(loss: Callable[[float], float], low: float, high: float) -> float:
    """Largest float in [low, high] whose loss is at most that of `low`'s budget: bisection.

    `low` is the budget itself: no mixture loses more than its sampled oracle.
    """
    budget = low
    if loss(high) <= budget:
        return high
    while True:
        middle = 0.5 * (low + high)
        if not low < middle < high:
            return low
        if loss(middle) <= budget:
            low = middle
        else:
            high = middle


# --- resolved attributes ------------------------------------------------------------------------


def plain_attribute(
    name: str, categories: tuple[Label, ...], protocol: str, epsilon: float
) -> Attribute:
    """An attribute of SPL or SMP: its own oracle, no fake data."""
    k = len(categories)
    if protocol == "adaptive":
        protocol = _less_variance(k, epsilon)
    return Attribute(name, categories, protocol, PROTOCOLS[protocol](k, epsilon))


def _less_variance(k: int, epsilon: float) -> str:
    grr, oue = (PROTOCOLS[name](k, epsilon).variance(1, 0.0, "sample") for name in ("grr", "oue"))
    return "grr" if grr <= oue else "oue"


def rsfd_attribute(
    name: str,
    categories: tuple[Label, ...],
    protocol: str,
    epsilon_local: float,
    prior: tuple[int, ...] | None,
) -> Attribute:
    """An attribute of RS+FD or RS+RFD."""
    k = len(categories)
    oracle_name, fake = RSFD[protocol]
    if protocol == "matched":
        assert prior is not None
        oracle: Oracle = _matched(k, epsilon_local, prior)
    else:
        oracle = PROTOCOLS[oracle_name](k, epsilon_local)
    return Attribute(name, categories, protocol, oracle, fake, prior)


def _matched(k: int, epsilon_local: float, prior: tuple[int, ...]) -> KeptCategory:
    """Truth or the prior: noise and fake data are one law, so that nothing tells them apart."""
    gain = (exp_down(epsilon_local) - 1) * Fraction(min(prior), GRID)
    keep = grid_floor(gain / (1 + gain))
    require_signal(keep, 0, epsilon_local)
    return KeptCategory(k, keep, noise=prior)


def adaptive_rsfd(
    domain: dict[str, tuple[Label, ...]],
    local: Callable[[Sequence[str]], float],
    start: float,
    predicted_mse: Callable[[Sequence[Attribute]], float],
    fixed: bool,
) -> tuple[str, ...]:
    """Choose GRR or OUE-z per attribute, where the choice and the budget depend on each other.

    Parameters
    ----------
    domain : dict
        Attributes and categories.
    local : callable
        Budget of the sampled attribute for a pattern of protocols.
    start : float
        Budget that the first choice is made at: the published one.
    predicted_mse : callable
        Criterion on resolved attributes.
    fixed : bool
        Whether the budget does not depend on the pattern, so that the first choice stands.
    """
    d = len(domain)
    names, labels = list(domain), list(domain.values())

    def choice(epsilon_local: float) -> tuple[str, ...]:
        def variance(j: int, protocol: str) -> float:
            attribute = rsfd_attribute(names[j], labels[j], protocol, epsilon_local, None)
            p, q, phi = attribute.probabilities
            support = (q + (d - 1) * phi) / d
            return support * (1 - support) / (p - q) ** 2

        return tuple(
            "grr" if variance(j, "grr") <= variance(j, "oue-z") else "oue-z" for j in range(d)
        )

    pattern = choice(start)
    if fixed:
        return pattern
    visited: dict[tuple[str, ...], None] = {}
    while pattern not in visited:
        visited[pattern] = None
        pattern = choice(local(pattern))
    candidates = dict.fromkeys([*visited, ("grr",) * d, ("oue-z",) * d])

    def mse(pattern: tuple[str, ...]) -> float:
        epsilon_local = local(pattern)
        return predicted_mse(
            [
                rsfd_attribute(name, categories, protocol, epsilon_local, None)
                for (name, categories), protocol in zip(domain.items(), pattern, strict=True)
            ]
        )

    return min(candidates, key=mse)
