"""Checks of arguments: each names the parameter, the value and what is accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.diversity._counts import Reach
from sampkit.diversity._entropy import LARGEST_BITS, Floats, Integers, Order


def check_choice(name: str, given: Any, accepted: Sequence[str]) -> str:
    """One of several words."""
    if not isinstance(given, str) or given not in accepted:
        words = ", ".join(map(repr, accepted))
        raise ValueError(f"{name} must be one of {words}, got {str(given)[:80]!r}.")
    return given


def check_whole(name: str, given: Any, least: int) -> int:
    """A whole number of at least `least`."""
    if not isinstance(given, Integral) or isinstance(given, bool) or given < least:
        raise ValueError(f"{name} must be an integer >= {least}, got {str(given)[:80]}.")
    return int(given)


def check_number_of_picks(n_select: Any, n_items: int) -> int:
    """`n_select`; None is everything."""
    return n_items if n_select is None else check_whole("n_select", n_select, 0)


def check_order(order: Any) -> float:
    """The order of an entropy."""
    if not isinstance(order, Real) or isinstance(order, bool) or not 0 <= float(order) < np.inf:
        raise ValueError(f"order must be a finite number >= 0, got {str(order)[:80]}.")
    return float(order)


def check_decimals(decimals: Any) -> int | None:
    """Decimals of rounded entropies."""
    return None if decimals is None else check_whole("decimals", decimals, 0)


def check_weights(weights: Any, n_variables: int) -> Floats | None:
    """Weights of the variables."""
    if weights is None:
        return None
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (n_variables,):
        raise ValueError(
            f"weights must have one entry for each of the {n_variables} variables, got shape "
            f"{given.shape}."
        )
    if not (np.isfinite(given) & (given >= 0)).all():
        raise ValueError(f"weights must be finite and >= 0, got {given.tolist()}.")
    return given


def check_n_categories(n_categories: Any, present: Sequence[int]) -> Integers:
    """Numbers of categories, at least those that have a count."""
    if n_categories is None:
        return np.asarray(present, dtype=np.int64)
    given = np.atleast_1d(np.asarray(n_categories))
    if given.shape != (len(present),) or given.dtype.kind not in "iu":
        raise ValueError(
            f"n_categories must be one integer for each of the {len(present)} variables, got "
            f"{str(n_categories)[:80]}."
        )
    if (given < present).any():
        raise ValueError(
            f"n_categories must be at least the {list(present)} categories that have a count, got "
            f"{given.tolist()}."
        )
    return given.astype(np.int64)


def check_positions(name: str, given: Any, n_items: int) -> npt.NDArray[np.intp]:
    """Distinct positions of items, ascending."""
    if given is None:
        return np.empty(0, dtype=np.intp)
    found = np.atleast_1d(np.asarray(given))
    if found.size == 0:
        return np.empty(0, dtype=np.intp)
    if found.dtype.kind not in "iu" or found.ndim != 1:
        raise ValueError(f"{name} must hold item positions (integers), got dtype {found.dtype}.")
    if found.min() < 0 or found.max() >= n_items:
        wrong = found.min() if found.min() < 0 else found.max()
        raise ValueError(f"{name} must hold positions in [0, {n_items}), got {wrong}.")
    return np.unique(found).astype(np.intp)


def check_costs(costs: Any, n_items: int) -> Floats | None:
    """Costs of the items."""
    if costs is None:
        return None
    given = np.asarray(costs, dtype=np.float64)
    if given.shape != (n_items,):
        raise ValueError(
            f"costs must have one entry for each of the {n_items} items, got shape {given.shape}."
        )
    wrong = given[~(np.isfinite(given) & (given > 0))]
    if wrong.size:
        raise ValueError(f"costs must be finite and > 0, got {wrong[0]}.")
    return given


def check_reachable_order(order: Order, reach: Reach, n_picks: int, start: int = 0) -> None:
    """Refuse powers that 64 bits cannot hold for the totals that so many picks can reach."""
    if order.q <= 1:
        return
    total = min(reach.grand_total, start + n_picks * reach.largest_size) + reach.largest_size
    capacity = order.capacity(total, total)
    if order.bits(capacity) < 0:
        raise ValueError(
            f"order must be at most {LARGEST_BITS / np.log2(capacity):.3g} for counts that can sum "
            f"to {total}, got {order.q:g}."
        )


def read_quotas(
    strata: Any, quotas: Any, n_items: int
) -> tuple[npt.NDArray[np.intp], Integers] | None:
    """The code of every item's stratum, and the most picks from every stratum."""
    if strata is None:
        if quotas is not None:
            raise ValueError(f"quotas need strata, got quotas={str(quotas)[:80]} and strata=None.")
        return None
    given = np.asarray(strata)
    if given.shape != (n_items,):
        raise ValueError(
            f"strata must have one entry for each of the {n_items} items, got shape {given.shape}."
        )
    if quotas is None:
        return None
    labels, codes = _codes(given)
    unlimited = n_items + 1
    if not isinstance(quotas, Mapping):
        each = check_whole("quotas", quotas, 0)
        return codes, np.full(len(labels), each, dtype=np.int64)
    if unknown := [k for k in quotas if k not in labels]:
        raise ValueError(
            f"quotas must name strata that occur, got {str(unknown[0])[:80]!r}; strata are "
            f"{str(list(labels))[:200]}."
        )
    left = np.full(len(labels), unlimited, dtype=np.int64)
    for label, most in quotas.items():
        left[labels[label]] = check_whole(f"quotas[{str(label)[:40]!r}]", most, 0)
    return codes, left


def _codes(given: npt.NDArray[Any]) -> tuple[dict[Any, int], npt.NDArray[np.intp]]:
    """Labels with their numbers, and the number of every entry."""
    import pandas as pd

    codes, uniques = pd.factorize(given, use_na_sentinel=True)
    if (codes < 0).any():
        raise ValueError("strata must not be missing, got NaN.")
    return {label: i for i, label in enumerate(np.asarray(uniques).tolist())}, codes.astype(np.intp)
