"""Discrete values such that the worst linear requirement is violated as little as possible.

How the rooms fit together, from the ground up::

    _problem    what a problem is: data, levels, weights; violation of rows; rounding to levels
    _kernels    the three fused kernels of the dense engine, for NumPy and CuPy
    _descend    dense engine: potential |r|^p, a batch of states     _polish   the best move
    _small      small dense engine: lattice moves, iterated           _sparse   sparse engine
    _search     `minmax_search`: starts, engines, time                _exact    HiGHS, lower bounds

Names are loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME: dict[str, str] = {
    "DiscreteChebyshevRegressor": "_regressor",
    "DiscreteReconstruction": "_tomography",
    "DiscreteTomography": "_tomography_estimator",
    "FIRDesign": "_fir",
    "MinMaxResult": "_result",
    "QuantizedLinear": "quantize._layer",
    "QuantizedLinearClassifier": "quantize._estimators",
    "QuantizedLinearRegressor": "quantize._estimators",
    "fir_minmax": "_fir",
    "improving_intervals": "_primitives",
    "lll_reduce": "_lattice",
    "make_ellipse_phantom": "_phantom",
    "max_violation": "_primitives",
    "minmax_exact": "_exact",
    "minmax_lower_bound": "_exact",
    "minmax_search": "_search",
    "move_table": "_primitives",
    "parallel_beam_matrix": "_projector",
    "quantize_linear": "quantize._linear",
    "quantize_module": "quantize._module",
    "reconstruct_discrete": "_tomography",
    "round_to_levels": "_levels",
    "sart": "_sirt",
    "sirt": "_sirt",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
