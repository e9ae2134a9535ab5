"""From what a user asks of a schema to what it is: budgets, protocols, numerators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sampkit.privacy._domain import Label
from sampkit.privacy._exact import grid_weights
from sampkit.privacy._moments import mean_squared_error
from sampkit.privacy._protocol import Floats
from sampkit.privacy._solutions import (
    KNOWN,
    WITH_PRIOR,
    Attribute,
    adaptive_rsfd,
    largest_epsilon,
    plain_attribute,
    published_epsilon,
    rsfd_attribute,
    rsfd_losses,
)
from sampkit.privacy._validation import check_choice, check_distribution, check_integer, shown

Domain = dict[str, tuple[Label, ...]]


@dataclass(frozen=True)
class Resolution:
    """What a schema takes over.

    Parameters
    ----------
    solution, calibration : str
    epsilon_local : float or ndarray of shape (d,)
    attributes : tuple of Attribute
    sampling : tuple of int or None
        Numerators of SMP's sampling probabilities; None is uniform.
    n_sampled : int
    """

    solution: str
    calibration: str
    epsilon_local: Any
    attributes: tuple[Attribute, ...]
    sampling: tuple[int, ...] | None = None
    n_sampled: int = 1


def resolved(
    domain: Domain,
    epsilon: float,
    solution: str,
    protocol: str,
    privacy_unit: str,
    calibration: str,
    options: dict[str, Any],
) -> Resolution:
    """Resolve one solution, options checked by `check_options`."""
    if solution == "spl":
        return _split(domain, epsilon, protocol, privacy_unit, options["weights"])
    if solution == "smp":
        return _sampled(domain, epsilon, protocol, privacy_unit, options)
    return _faked(domain, epsilon, protocol, privacy_unit, calibration, options["prior"])


def _split(
    domain: Domain, epsilon: float, protocol: str, privacy_unit: str, weights: Any
) -> Resolution:
    d = len(domain)
    local: Any = epsilon / d if privacy_unit == "tuple" else epsilon
    if weights is not None:
        local = epsilon * _shares(weights, d)
    return Resolution("spl", "exact", local, _plain(domain, protocol, local))


def _sampled(
    domain: Domain, epsilon: float, protocol: str, privacy_unit: str, options: dict[str, Any]
) -> Resolution:
    d, n_sampled, sampling = len(domain), 1, None
    if options["n_sampled"] is not None:
        n_sampled = check_integer("n_sampled", options["n_sampled"], 1, d)
    if options["sampling_probabilities"] is not None:
        sampling = grid_weights(
            check_distribution(
                "sampling_probabilities", options["sampling_probabilities"], d, zeros=False
            )
        )
    local = epsilon / n_sampled if privacy_unit == "tuple" else epsilon
    return Resolution("smp", "exact", local, _plain(domain, protocol, local), sampling, n_sampled)


def _plain(domain: Domain, protocol: str, local: Any) -> tuple[Attribute, ...]:
    budgets = np.broadcast_to(local, len(domain)).tolist()
    return tuple(
        plain_attribute(name, categories, protocol, budget)
        for (name, categories), budget in zip(domain.items(), budgets, strict=True)
    )


def _faked(
    domain: Domain,
    epsilon: float,
    protocol: str,
    privacy_unit: str,
    calibration: str,
    prior: Any,
) -> Resolution:
    d = len(domain)
    sizes = [len(categories) for categories in domain.values()]
    priors = _read_prior(prior, domain)
    paper = published_epsilon(epsilon, d)
    depends = calibration == "exact" and privacy_unit == "attribute"

    def local(pattern: Sequence[str]) -> float:
        if depends:
            return largest_epsilon(
                lambda e: rsfd_losses(pattern, sizes, e, priors, 1), epsilon, paper
            )
        return paper if calibration == "paper" else epsilon

    pattern: tuple[str, ...] = (protocol,) * d
    if protocol == "adaptive":
        pattern = adaptive_rsfd(
            domain,
            local,
            start=paper if depends else local(()),
            predicted_mse=lambda attributes: mean_squared_error(attributes, 1, [1.0] * d),
            fixed=not depends,
        )
    budget = local(pattern)
    attributes = tuple(
        rsfd_attribute(name, categories, chosen, budget, law)
        for (name, categories), chosen, law in zip(domain.items(), pattern, priors, strict=True)
    )
    return Resolution("rsfd", calibration, budget, attributes)


# --- what may be combined with what -------------------------------------------------------------

_OPTION_OF = {
    "prior": "rsfd",
    "weights": "spl",
    "sampling_probabilities": "smp",
    "n_sampled": "smp",
}


def check_options(
    domain: Domain, solution: str, protocol: str, unit: str, options: dict[str, Any]
) -> None:
    accepted = KNOWN.get(solution) or tuple(dict.fromkeys(sum(KNOWN.values(), ())))
    check_choice("protocol", protocol, accepted)
    if solution == "rsfd" and len(domain) < 2:
        raise ValueError(
            f"solution 'rsfd' needs a domain of at least 2 attributes, got {len(domain)}."
        )
    for name, of in _OPTION_OF.items():
        if options[name] is not None and solution not in (of, "auto"):
            raise ValueError(
                f"{name} belongs to solution {of!r}, got {name}={shown(options[name])} with "
                f"solution {solution!r}."
            )
    if options["prior"] is not None and protocol not in WITH_PRIOR:
        raise ValueError(
            f"prior is for the protocols {', '.join(map(repr, WITH_PRIOR))}, got protocol "
            f"{protocol!r}."
        )
    if options["prior"] is None and protocol == "matched":
        raise ValueError("protocol 'matched' needs a prior, got prior=None.")
    if options["weights"] is not None and unit != "tuple":
        raise ValueError(f"weights need privacy_unit='tuple', got {unit!r}.")
    if options["sampling_probabilities"] is not None and options["n_sampled"] is not None:
        raise ValueError(
            f"sampling_probabilities need n_sampled=1, got n_sampled={shown(options['n_sampled'])}."
        )


def _shares(weights: Any, d: int) -> Floats:
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != (d,) or not (np.isfinite(w) & (w > 0)).all():
        raise ValueError(f"weights must be {d} finite numbers > 0, got {shown(weights)}.")
    return w / w.sum()


def _read_prior(prior: Any, domain: Domain) -> list[tuple[int, ...] | None]:
    if prior is None:
        return [None] * len(domain)
    laws = list(prior)
    if len(laws) != len(domain):
        raise ValueError(f"prior must have {len(domain)} vectors, got {len(laws)}.")
    return [
        grid_weights(check_distribution(f"prior[{j}]", law, len(categories), zeros=False))
        for j, (law, categories) in enumerate(zip(laws, domain.values(), strict=True))
    ]
