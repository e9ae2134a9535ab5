"""A schedule given by functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import brentq

from sampkit.diffusion.schedules._schedule import Float, FloatArray, NoiseSchedule, check_span


class CallableSchedule(NoiseSchedule):
    """A schedule of one's own, given by two functions.

    Parameters
    ----------
    log_alpha, log_sigma : callable
        Logarithms of alpha and sigma of an array of times; log alpha - log sigma must fall with
        the time.
    t_min, t_max : float
        Times of the model, t_min < t_max.

    Raises
    ------
    TypeError
        A function that cannot be called.
    ValueError
        `t_min` and `t_max` out of order, or a half log-SNR that does not fall between them.

    Notes
    -----
    Times are found from half log-SNR by Brent's method and remembered.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.diffusion import CallableSchedule
    >>> schedule = CallableSchedule(lambda t: -t, np.log, t_min=0.01, t_max=2.0)
    >>> round(float(schedule.t_from_lam(schedule.lam(0.5))), 12)
    0.5
    """

    zero_node: ClassVar[float | None] = None

    def __init__(
        self,
        log_alpha: Callable[[Any], Any],
        log_sigma: Callable[[Any], Any],
        t_min: float,
        t_max: float,
    ):
        for name, function in (("log_alpha", log_alpha), ("log_sigma", log_sigma)):
            if not callable(function):
                raise TypeError(f"{name} must be callable, got {type(function).__name__}.")
        check_span(t_min, t_max)
        self._functions = log_alpha, log_sigma
        self.t_min, self.t_max = float(t_min), float(t_max)
        self._times: dict[float, float] = {}
        if not self.lam(self.t_min) > self.lam(self.t_max):
            raise ValueError(
                "log_alpha - log_sigma must fall from t_min to t_max, got "
                f"{float(self.lam(self.t_min)):.6g} at {t_min!r} and "
                f"{float(self.lam(self.t_max)):.6g} at {t_max!r}."
            )

    def _log_alpha_at(self, t: FloatArray) -> Float:
        return np.asarray(self._functions[0](t), dtype=np.float64)

    def _sigma_at(self, t: FloatArray) -> Float:
        return np.exp(np.asarray(self._functions[1](t), dtype=np.float64))

    def _lam_at(self, t: FloatArray) -> Float:
        return self._log_alpha_at(t) - np.asarray(self._functions[1](t), dtype=np.float64)

    def _slopes_at(self, t: FloatArray) -> tuple[Float, Float]:
        def log_sigma(times: FloatArray) -> Float:
            return np.asarray(self._functions[1](times), dtype=np.float64)

        alpha, sigma = np.exp(self._log_alpha_at(t)), self._sigma_at(t)
        return alpha * self._log_alpha_slope_at(t), sigma * self._slope_of(log_sigma, t)

    def _time_at(self, lam: FloatArray) -> Float:
        return np.array([self._time_of(value) for value in lam.ravel()]).reshape(lam.shape)

    def _time_of(self, lam: float) -> float:
        if lam not in self._times:
            low, high = float(self.lam(self.t_max)), float(self.lam(self.t_min))
            slack = 1e-9 * (high - low)
            if not low - slack <= lam <= high + slack:
                raise ValueError(
                    f"lam must lie between {low:.6g} (t_max) and {high:.6g} (t_min), got {lam:.6g}."
                )
            if lam <= low or lam >= high:
                self._times[lam] = self.t_max if lam <= low else self.t_min
            else:
                found = brentq(
                    lambda t: float(self.lam(t)) - lam, self.t_min, self.t_max, xtol=1e-15,
                    rtol=8.9e-16,
                )  # fmt: skip
                self._times[lam] = float(found)
        return self._times[lam]

    def _parameters(self) -> dict[str, Any]:
        raise ValueError(
            "A CallableSchedule is made of functions, which JSON cannot hold: store its grid and "
            "rows through a DiscreteVPSchedule(betas=...), or keep the schedule in code."
        )
