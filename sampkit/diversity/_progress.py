"""Pick after pick under scikit-learn's callbacks; what has been picked outlasts an interruption."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sampkit.diversity._entropy import Floats

Picks = list[tuple[int, Floats]]


def collect(
    estimator: Any,
    picks: Iterator[tuple[int, Floats]],
    n_select: int,
    found: Picks,
    fitted: Callable[[], dict[str, Any]],
) -> None:
    """Add the picks to `found`; callbacks hear of each, and may ask to stop.

    `fitted` makes the attributes that a ranking interrupted now would leave, for callbacks that
    look at them.
    """
    root = estimator._init_callback_context(max_subtasks=n_select)
    root.call_on_fit_task_begin(estimator=estimator)
    if not getattr(root, "_callbacks", True):  # nobody listens
        for pick in picks:
            found.append(pick)  # one by one: an interrupted list() would lose them all
    else:
        for _ in range(n_select):
            task = root.subcontext(task_name="pick")
            task.call_on_fit_task_begin(estimator=estimator)
            further = next(picks, None)
            if further is not None:
                found.append(further)
            stop = task.call_on_fit_task_end(estimator=estimator, reconstruction_attributes=fitted)
            if stop or further is None:
                break
    root.call_on_fit_task_end(estimator=estimator, reconstruction_attributes=fitted)
