"""Compiled loops of the tree: building its nodes, and one search.

Nodes are numbered as in a heap: 1 is the root, 2 i and 2 i + 1 are the children of i, and leaf j is
``size + j``. A node holds, of the eligible items below it: the smallest ``sign * g`` and largest
``sign * size`` of every variable, the smallest linear form of ``sign * g``, the lowest position.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sampkit.diversity._entropy import TIE
from sampkit.diversity._log import ROOT_HALF, log_of_parts

NOBODY = np.iinfo(np.int64).max
DEPTH = 64

try:
    import numba
except ImportError:  # the module can be read, and its loops run slowly: `make_engine` refuses them

    def compiled(function: Any) -> Any:
        """The function as it is."""
        return function

else:

    def compiled(function: Any) -> Any:
        """Compiled on first use, and kept on disk where there is a place for it."""
        try:
            return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
        except RuntimeError:  # neither the package nor the user's cache can be written to
            return numba.njit(nogil=True, error_model="numpy")(function)


_of_parts = compiled(log_of_parts)


@compiled
def _log(x: float) -> float:
    mantissa, exponent = math.frexp(x)
    if mantissa < ROOT_HALF:
        mantissa, exponent = 2.0 * mantissa, exponent - 1
    return _of_parts(mantissa - 1.0, float(exponent))


@compiled
def _sum_anew(
    v: int, item: int, indptr: Any, indices: Any, data: Any, pooled: Any, table: Any
) -> int:
    """g_{d,v} of one item, exact."""
    g = 0
    for k in range(indptr[v, item], indptr[v, item + 1]):
        c = pooled[indices[k]]
        g += table[c + data[k]] - table[c]
    return g


@compiled
def _repair(node: int, least: Any, largest: Any, linear: Any, first: Any) -> None:
    """A node from its two children."""
    a, b = 2 * node, 2 * node + 1
    for v in range(least.shape[1]):
        least[node, v] = min(least[a, v], least[b, v])
        largest[node, v] = max(largest[a, v], largest[b, v])
    linear[node] = min(linear[a], linear[b])
    first[node] = min(first[a], first[b])


@compiled
def _empty(node: int, least: Any, largest: Any, linear: Any, first: Any) -> None:
    for v in range(least.shape[1]):
        least[node, v] = np.inf
        largest[node, v] = -np.inf
    linear[node] = np.inf
    first[node] = NOBODY


@compiled
def build(
    items: Any, alive: Any, sizes: Any, indptr: Any, indices: Any, data: Any, pooled: Any,
    table: Any, form: Any, sign: float,
) -> Any:  # fmt: skip
    """All nodes, from fresh sums."""
    n_variables, size = len(sizes), 1
    while size < len(items):
        size *= 2
    least = np.empty((2 * size, n_variables))
    largest = np.empty((2 * size, n_variables))
    linear = np.empty(2 * size)
    first = np.empty(2 * size, dtype=np.int64)
    for j in range(size):
        if j >= len(items) or not alive[items[j]]:
            _empty(size + j, least, largest, linear, first)
            continue
        linear[size + j] = 0.0
        for v in range(n_variables):
            g = sign * _sum_anew(v, items[j], indptr, indices, data, pooled, table)
            least[size + j, v] = g
            largest[size + j, v] = sign * sizes[v, items[j]]
            linear[size + j] += form[v] * g
        first[size + j] = items[j]
    for node in range(size - 1, 0, -1):
        _repair(node, least, largest, linear, first)
    return least, largest, linear, first


@compiled
def _deviation(
    v: int, g: float, t: int, sums: Any, logs: Any, origin: Any, unit: float, numbers: Any,
    flags: Any, rounds: bool,
) -> float:  # fmt: skip
    """Origin - H with the sum F + g and the total t, in the very operations of `ScanEngine`."""
    if flags[0]:
        rate = numbers[1] * (1.0 / t) if t > 0 else 0.0
        offset = numbers[0] * logs[t] + rate * (sums[v] * unit)
        term = g * (rate * unit)
    else:
        offset = numbers[0] * logs[t]
        term = _log(max(g + float(sums[v]), 1.0) * unit) * (numbers[1] if t > 0 else 0.0)
    if not rounds:
        return (origin[v] - offset) - term
    return origin[v] - np.rint((term + offset) * numbers[4]) / numbers[4]


@compiled
def _compared(
    item: int, sums: Any, totals: Any, sizes: Any, g: Any, logs: Any, origin: Any, factor: Any,
    unit: float, numbers: Any, flags: Any,
) -> float:  # fmt: skip
    """What is compared of one item."""
    value = 0.0
    for v in range(len(origin)):
        t = totals[v] + sizes[v, item]
        x = _deviation(v, float(g[v]), t, sums, logs, origin, unit, numbers, flags, flags[2] != 0)
        value += x * x * factor[v] if flags[1] else x * factor[v]
    if flags[1]:
        value = math.sqrt(value)
    return value if flags[2] else np.rint(value * TIE)


@compiled
def _bound(
    node: int, least: Any, largest: Any, linear: Any, sums: Any, totals: Any, logs: Any,
    form: Any, origin: Any, lowest: Any, factor: Any, unit: float, numbers: Any, flags: Any,
) -> float:  # fmt: skip
    """What is compared of no item below a node is smaller than this."""
    sign = numbers[2]
    value, at_corner, steepest = 0.0, 0.0, np.inf
    for v in range(len(origin)):
        t = totals[v] + int(sign * largest[node, v])
        x, slope = lowest[v], 0.0
        if t > 0:
            g = sign * least[node, v]
            x = _deviation(v, g, t, sums, logs, origin, unit, numbers, flags, False)
            if x > lowest[v]:
                slope = -numbers[1] * unit / t
            else:
                x = lowest[v]
        if flags[1]:
            slope *= 2.0 * x
            x *= x
        value += factor[v] * x
        if form[v] > 0.0:
            steepest = min(steepest, factor[v] * slope / form[v])
            at_corner += form[v] * least[node, v]
    if flags[0] and steepest < np.inf:
        value += max(0.0, steepest * (linear[node] - at_corner))
    if flags[1]:
        value = math.sqrt(value)
    value -= numbers[3]
    return value if flags[2] else np.rint(value * TIE)


@compiled
def search(
    least: Any, largest: Any, linear: Any, first: Any, items: Any, alive: Any, sizes: Any,
    indptr: Any, indices: Any, data: Any, pooled: Any, table: Any, logs: Any, sums: Any,
    totals: Any, form: Any, origin: Any, lowest: Any, factor: Any, unit: float, numbers: Any,
    flags: Any,
) -> Any:  # fmt: skip
    """The best item, and how many nodes were visited; sums that were met are made fresh."""
    size, n_variables = len(first) // 2, len(origin)
    g = np.empty(n_variables, dtype=np.int64)
    stack, bounds = np.empty(4 * DEPTH, dtype=np.int64), np.empty(4 * DEPTH)
    stack[0], bounds[0], height = 1, -np.inf, 1
    best, winner, visits = np.inf, NOBODY, 0
    while height:
        height -= 1
        node, bound = stack[height], bounds[height]
        if node < 0:
            _repair(-node, least, largest, linear, first)
            continue
        if first[node] == NOBODY or bound > best or (bound == best and first[node] > winner):
            continue
        visits += 1
        if node >= size:
            item = items[node - size]
            if not alive[item]:
                _empty(node, least, largest, linear, first)
                continue
            linear[node] = 0.0
            for v in range(n_variables):
                g[v] = _sum_anew(v, item, indptr, indices, data, pooled, table)
                least[node, v] = numbers[2] * g[v]
                linear[node] += form[v] * least[node, v]
            key = _compared(
                item, sums, totals, sizes, g, logs, origin, factor, unit, numbers, flags
            )
            if key < best or (key == best and item < winner):
                best, winner = key, item
            continue
        stack[height] = -node
        height += 1
        a, b = 2 * node, 2 * node + 1
        at_a = at_b = np.inf
        if first[a] != NOBODY:
            at_a = _bound(a, least, largest, linear, sums, totals, logs, form, origin, lowest,
                          factor, unit, numbers, flags)  # fmt: skip
        if first[b] != NOBODY:
            at_b = _bound(b, least, largest, linear, sums, totals, logs, form, origin, lowest,
                          factor, unit, numbers, flags)  # fmt: skip
        if at_b < at_a or (at_b == at_a and first[b] < first[a]):
            a, b, at_a, at_b = b, a, at_b, at_a
        stack[height], bounds[height] = b, at_b  # the better one is on top
        stack[height + 1], bounds[height + 1] = a, at_a
        height += 2
    return best, winner, visits
