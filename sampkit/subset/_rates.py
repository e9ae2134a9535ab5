"""How the learning rate of a round gets into an estimator."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, isfinite, pi
from numbers import Real
from typing import Any

from sampkit.subset._arguments import shown

Schedule = Callable[[float], float]
SetRate = Callable[[Any, float], None]


def cosine(s: float) -> float:
    """From 1 to 0 along half a cosine: (1 + cos(pi s)) / 2."""
    return (1 + cos(pi * s)) / 2


def linear(s: float) -> float:
    """From 1 to 0 on a straight line."""
    return 1 - s


SCHEDULES: dict[str, Schedule] = {"cosine": cosine, "linear": linear}

# Where eta0 is the rate itself, or, in the passive-aggressive rules, the bound of every step.
_EVEN = ("constant", "pa1", "pa2")


def schedule_of(lr_schedule: Any) -> Schedule | None:
    """The multiplier of the estimator's own rate as a function of s = t / n_rounds."""
    if lr_schedule is None or callable(lr_schedule):
        return lr_schedule
    if isinstance(lr_schedule, str) and lr_schedule in SCHEDULES:
        return SCHEDULES[lr_schedule]
    raise ValueError(
        f"lr_schedule must be None, one of {list(SCHEDULES)} or a callable, got "
        f"{shown(lr_schedule)}."
    )


def multiplier_at(schedule: Schedule, s: float) -> float:
    """The schedule's value, refused where it can be no rate."""
    value = schedule(s)
    if not isinstance(value, Real) or not isfinite(value) or value < 0:
        raise ValueError(f"lr_schedule must return finite numbers >= 0, got {value!r} at s={s}.")
    return float(value)


def rate_setter(estimator: Any, set_lr: SetRate | None) -> SetRate:
    """A function (fitted clone, multiplier) that sets the rate of the rounds to come.

    Parameters
    ----------
    estimator : estimator instance
        The user's own, which holds the rate that is multiplied.
    set_lr : callable or None
        The user's own way.

    Raises
    ------
    ValueError
        It is not known how to set the rate of such an estimator, or its rate follows a schedule of
        its own.
    """
    if set_lr is not None:
        if not callable(set_lr):
            raise ValueError(f"set_lr must be None or a callable, got {shown(set_lr)}.")
        return set_lr
    params = estimator.get_params(deep=False)
    name = type(estimator).__name__
    if "eta0" in params:
        own = params.get("learning_rate", "constant")
        if own not in _EVEN:
            raise ValueError(
                f"lr_schedule needs {name}(learning_rate='constant'), got learning_rate={own!r}, "
                "which has a schedule of its own."
            )
        return _by_eta0(params["eta0"])
    if "learning_rate_init" in params and hasattr(estimator, "_check_solver"):
        return _by_optimizer(params["learning_rate_init"])
    if "C" in params and hasattr(estimator, "eta0"):
        return _by_aggressiveness(params["C"])
    raise ValueError(
        f"lr_schedule does not know how to set the learning rate of {name}: give set_lr, a "
        "callable (estimator, multiplier)."
    )


def _by_eta0(own: float) -> SetRate:
    """SGDClassifier, SGDRegressor, Perceptron."""

    def set_rate(estimator: Any, multiplier: float) -> None:
        estimator.set_params(eta0=own * multiplier)

    return set_rate


def _by_aggressiveness(own: float) -> SetRate:
    """PassiveAggressive*: C is what is shown, eta0 (not a parameter) what is computed with."""

    def set_rate(estimator: Any, multiplier: float) -> None:
        estimator.set_params(C=own * multiplier)
        estimator.eta0 = own * multiplier

    return set_rate


def _by_optimizer(own: float) -> SetRate:
    """MLP*: the parameter is read once, when the first round makes the optimizer.

    Of an optimizer, SGD steps by ``learning_rate``, Adam computes its own from
    ``learning_rate_init``.
    """

    def set_rate(estimator: Any, multiplier: float) -> None:
        optimizer = getattr(estimator, "_optimizer", None)
        if optimizer is None:
            estimator.set_params(learning_rate_init=own * multiplier)
            return
        optimizer.learning_rate = optimizer.learning_rate_init = own * multiplier
        estimator.learning_rate_init = own

    return set_rate
