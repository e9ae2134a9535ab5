"""How far two trajectories of a sampler run apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from sampkit.metrics._samples import FloatArray, as_array


def trajectory_mse(states: Any, reference: Any) -> FloatArray:
    """Mean squared difference of two trajectories, state by state.

    Parameters
    ----------
    states, reference : sequences of n_states arrays or tensors of one shape each
        The trajectories, as ``sample(..., return_trajectory=True)`` gives them.

    Returns
    -------
    ndarray of float64 of shape (n_states,)
        Mean over all elements of the squared difference, for every pair of states.

    Raises
    ------
    ValueError
        Trajectories of different lengths or of none, states of different shapes, values that are
        not finite.

    Examples
    --------
    >>> from sampkit.metrics import trajectory_mse
    >>> trajectory_mse([[0.0, 0.0], [1.0, 1.0]], [[0.0, 0.0], [1.0, 3.0]])
    array([0., 2.])
    """
    n_states = len(states)
    if n_states == 0 or n_states != len(reference):
        raise ValueError(
            "states and reference must be as long, and not empty, got lengths "
            f"{n_states} and {len(reference)}."
        )
    return np.array(
        [_mean_square(i, *pair) for i, pair in enumerate(zip(states, reference, strict=True))]
    )


def _mean_square(i: int, state: Any, wanted: Any) -> float:
    first, second = as_array(state, f"states[{i}]"), as_array(wanted, f"reference[{i}]")
    if first.shape != second.shape or first.size == 0:
        raise ValueError(
            f"states[{i}] and reference[{i}] must be of one shape, and not empty, got "
            f"{first.shape} and {second.shape}."
        )
    return float(np.mean(np.square(np.subtract(first, second, dtype=np.float64))))
