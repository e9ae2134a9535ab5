"""A schema as JSON values and back; whoever reads one back checks what it claims."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.privacy._domain import is_range, read_domain
from sampkit.privacy._exact import GRID
from sampkit.privacy._protocol import Oracle, require_signal
from sampkit.privacy._solutions import KNOWN, RSFD, Attribute
from sampkit.privacy._validation import check_choice, check_epsilon, check_integer, shown
from sampkit.privacy.oracles import DEPLOYABLE, PROTOCOLS

if TYPE_CHECKING:
    from sampkit.privacy._schema import LDPSchema

LAYOUT_VERSION = 1
_SLACK = 1e-9  # between a budget and a loss, both computed in floats


def state_of(schema: LDPSchema) -> dict[str, Any]:
    """Everything that a schema has resolved, in JSON's own types."""
    local = schema.epsilon_local
    return {
        "layout": LAYOUT_VERSION,
        "epsilon": schema.epsilon,
        "epsilon_local": local.tolist() if isinstance(local, np.ndarray) else local,
        "solution": schema.solution,
        "privacy_unit": schema.privacy_unit,
        "calibration": schema.calibration,
        "n_sampled": schema.n_sampled,
        "sampling": schema.sampling and list(schema.sampling),
        "attributes": [_attribute_state(attribute) for attribute in schema.attributes],
    }


def _attribute_state(attribute: Attribute) -> dict[str, Any]:
    labels, oracle = attribute.categories, attribute.oracle
    return {
        "name": attribute.name,
        "categories": len(labels) if is_range(labels) else list(labels),
        "protocol": attribute.protocol,
        "integers": {
            field.name: getattr(oracle, field.name)
            for field in fields(oracle)
            if field.name not in ("k", "noise")
        },
        "prior": attribute.prior and list(attribute.prior),
    }


def restored(text: str) -> dict[str, Any]:
    """The attributes of the schema that a text describes; ValueError if none does."""
    try:
        state = json.loads(text)
        return _checked(state)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"text is no schema's JSON: {shown(str(error))}.") from None


def _checked(state: dict[str, Any]) -> dict[str, Any]:
    if state["layout"] != LAYOUT_VERSION:
        raise ValueError(f"report layout must be {LAYOUT_VERSION}, got {shown(state['layout'])}.")
    solution = check_choice("solution", state["solution"], tuple(KNOWN))
    entries = state["attributes"]
    domain = read_domain({entry["name"]: entry["categories"] for entry in entries})
    d = check_integer("number of attributes", len(domain), 2 if solution == "rsfd" else 1)
    if d != len(entries):
        raise ValueError("attributes must have different names.")
    local = state["epsilon_local"]
    budgets = [check_epsilon(e, "epsilon_local") for e in np.broadcast_to(local, d).tolist()]
    sampling = state["sampling"] and _numerators(state["sampling"], d)
    if solution != "smp" and (sampling or state["n_sampled"] != 1):
        raise ValueError("sampling and n_sampled belong to solution 'smp'.")
    restored = {
        "epsilon": check_epsilon(state["epsilon"]),
        "epsilon_local": np.array(local) if isinstance(local, list) else budgets[0],
        "solution": solution,
        "privacy_unit": check_choice("privacy_unit", state["privacy_unit"], ("tuple", "attribute")),
        "calibration": check_choice("calibration", state["calibration"], ("exact", "paper")),
        "n_sampled": check_integer("n_sampled", state["n_sampled"], 1, d),
        "sampling": sampling or None,
        "attributes": tuple(
            _attribute(entry, categories, solution, budget)
            for entry, categories, budget in zip(entries, domain.values(), budgets, strict=True)
        ),
    }
    _check_budget(restored, budgets)
    return restored


def _check_budget(state: dict[str, Any], budgets: list[float]) -> None:
    """A text cannot promise one epsilon and hand out the probabilities of another."""
    if state["calibration"] == "paper":
        return
    whole = state["privacy_unit"] == "tuple"
    cost = max(budgets)
    if whole and state["solution"] == "spl":
        cost = math.fsum(budgets)
    elif whole and state["solution"] == "smp":
        cost = budgets[0] * state["n_sampled"]
    elif not whole and state["solution"] == "rsfd":
        from sampkit.privacy._solutions import rsfd_losses

        attributes = state["attributes"]
        cost = rsfd_losses(
            [a.protocol for a in attributes],
            [a.oracle.k for a in attributes],
            budgets[0],
            [a.prior for a in attributes],
            1,
        )
    if cost > state["epsilon"] * (1 + _SLACK):
        raise ValueError(
            f"epsilon_local costs {cost:.9g}, more than the stated epsilon {state['epsilon']!r}."
        )


def _attribute(
    entry: dict[str, Any], categories: tuple[Any, ...], solution: str, budget: float
) -> Attribute:
    protocol = check_choice("protocol", entry["protocol"], KNOWN[solution][:-1])
    name, fake = RSFD[protocol] if solution == "rsfd" else (protocol, None)
    assert name in DEPLOYABLE
    k = len(categories)
    prior = entry["prior"] and _numerators(entry["prior"], k)
    if prior and (fake is None or fake == "zero"):
        raise ValueError(f"protocol {protocol!r} takes no prior.")
    integers = dict(entry["integers"])
    if protocol == "matched":
        integers["noise"] = prior
    oracle: Oracle = PROTOCOLS[name].oracle(k, **integers)
    for field, value in entry["integers"].items():
        check_integer(field, value, 1, GRID - 1)
    require_signal(np.min(oracle.p - oracle.q), 0, budget)
    if oracle.epsilon_effective > budget * (1 + _SLACK) + _SLACK:
        raise ValueError(
            f"attribute {entry['name']!r} costs {oracle.epsilon_effective:.9g}, more than its "
            f"epsilon_local {budget!r}."
        )
    return Attribute(entry["name"], categories, protocol, oracle, fake, prior or None)


def _numerators(values: Any, size: int) -> tuple[int, ...]:
    numerators = tuple(check_integer("numerator", value, 1, GRID - 1) for value in values)
    if len(numerators) != size or sum(numerators) != GRID:
        raise ValueError(f"numerators must be {size} integers that sum to 2**32.")
    return numerators
