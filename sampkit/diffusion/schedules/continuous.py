"""Schedules in continuous time: variance preserving, variance exploding, flow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from sampkit.diffusion.schedules._schedule import (
    Float,
    FloatArray,
    NoiseSchedule,
    check_span,
    log_alpha_of_lam,
)


@dataclass(frozen=True)
class VPLinearSchedule(NoiseSchedule):
    r"""Variance-preserving diffusion whose rate grows linearly in time.

    .. math:: \log \alpha(t) = -t^2 (\beta_1 - \beta_0) / 4 - t \beta_0 / 2

    Parameters
    ----------
    beta_min, beta_max : float, default=0.1 and 20
        Rates at t = 0 and t = 1, 0 <= beta_min <= beta_max, beta_max > 0.
    t_min, t_max : float, default=1e-3 and 1
        Times of the model, 0 <= t_min < t_max.

    Raises
    ------
    ValueError
        A parameter out of range.

    References
    ----------
    Song et al., "Score-based generative modeling through stochastic differential equations", ICLR
    2021.

    Examples
    --------
    >>> from sampkit.diffusion import VPLinearSchedule
    >>> round(float(VPLinearSchedule().sigma(0.5)), 12)
    0.959654202068
    """

    beta_min: float = 0.1
    beta_max: float = 20.0
    t_min: float = 1e-3
    t_max: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.beta_min <= self.beta_max < np.inf and self.beta_max > 0):
            raise ValueError(
                "beta_min and beta_max must satisfy 0 <= beta_min <= beta_max and beta_max > 0, "
                f"got {self.beta_min!r} and {self.beta_max!r}."
            )
        check_span(self.t_min, self.t_max)
        if self.t_min < 0:
            raise ValueError(f"t_min must be >= 0, got {self.t_min!r}.")

    def _log_alpha_at(self, t: FloatArray) -> Float:
        return -t * (t * ((self.beta_max - self.beta_min) / 4) + self.beta_min / 2)

    def _log_alpha_slope_at(self, t: FloatArray) -> Float:
        return -(t * (self.beta_max - self.beta_min) + self.beta_min) / 2

    def _time_at(self, lam: FloatArray) -> Float:
        twice = -4 * log_alpha_of_lam(lam)  # t^2 (b1 - b0) + 2 t b0
        slope, rate = self.beta_max - self.beta_min, self.beta_min
        root = np.sqrt(rate * rate + slope * twice)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(twice == 0, 0.0, twice / (root + rate))


@dataclass(frozen=True)
class VPCosineSchedule(NoiseSchedule):
    """Variance-preserving diffusion with a cosine for alpha.

    Parameters
    ----------
    s : float, default=0.008
        Offset, > 0: keeps the rate finite at t = 0.
    t_min, t_max : float, default=1e-3 and 0.9946
        Times of the model, 0 <= t_min < t_max < 1.

    Raises
    ------
    ValueError
        A parameter out of range.

    References
    ----------
    Nichol and Dhariwal, "Improved denoising diffusion probabilistic models", ICML 2021.

    Examples
    --------
    >>> from sampkit.diffusion import VPCosineSchedule
    >>> schedule = VPCosineSchedule()
    >>> round(float(schedule.t_from_lam(schedule.lam(0.4))), 12)
    0.4
    """

    s: float = 0.008
    t_min: float = 1e-3
    t_max: float = 0.9946

    def __post_init__(self) -> None:
        if not 0 < self.s < np.inf:
            raise ValueError(f"s must be a number > 0, got {self.s!r}.")
        check_span(self.t_min, self.t_max)
        if self.t_min < 0 or self.t_max >= 1:
            raise ValueError(
                f"t_min and t_max must lie in [0, 1), got {self.t_min!r} and {self.t_max!r}."
            )

    @property
    def _rate(self) -> float:
        return np.pi / 2 / (1 + self.s)

    def _log_alpha_at(self, t: FloatArray) -> Float:
        half = t * (self._rate / 2)
        start = self._rate * self.s
        # cos(b) / cos(a) - 1 = -2 sin((a + b) / 2) sin((b - a) / 2) / cos(a): exact for small t
        return np.log1p(-2 * np.sin(start + half) * np.sin(half) / np.cos(start))

    def _log_alpha_slope_at(self, t: FloatArray) -> Float:
        return -self._rate * np.tan(self._rate * (t + self.s))

    def _time_at(self, lam: FloatArray) -> Float:
        alpha = np.exp(log_alpha_of_lam(lam))
        start = self._rate * self.s
        return np.arccos(alpha * np.cos(start)) / self._rate - self.s


@dataclass(frozen=True)
class VESchedule(NoiseSchedule):
    """Variance-exploding diffusion: the data stays, the time is sigma itself.

    Parameters
    ----------
    sigma_min, sigma_max : float, default=0.002 and 80
        Noise at the ends, 0 < sigma_min < sigma_max, in the unit of the data.

    Raises
    ------
    ValueError
        A parameter out of range.

    References
    ----------
    Karras et al., "Elucidating the design space of diffusion-based generative models", NeurIPS
    2022.

    Examples
    --------
    >>> from sampkit.diffusion import VESchedule
    >>> float(VESchedule().sigma(3.0)), float(VESchedule().alpha(3.0))
    (3.0, 1.0)
    """

    sigma_min: float = 0.002
    sigma_max: float = 80.0

    def __post_init__(self) -> None:
        if not 0 < self.sigma_min < self.sigma_max < np.inf:
            raise ValueError(
                "sigma_min and sigma_max must satisfy 0 < sigma_min < sigma_max, got "
                f"{self.sigma_min!r} and {self.sigma_max!r}."
            )

    @property
    def t_min(self) -> float:  # type: ignore[override]
        """`sigma_min`."""
        return self.sigma_min

    @property
    def t_max(self) -> float:  # type: ignore[override]
        """`sigma_max`."""
        return self.sigma_max

    def _log_alpha_at(self, t: FloatArray) -> Float:
        return np.zeros_like(t)

    def _sigma_at(self, t: FloatArray) -> Float:
        return t.copy()

    def _slopes_at(self, t: FloatArray) -> tuple[Float, Float]:
        return np.zeros_like(t), np.ones_like(t)

    def _lam_at(self, t: FloatArray) -> Float:
        with np.errstate(divide="ignore"):
            return -np.log(t)

    def _time_at(self, lam: FloatArray) -> Float:
        return np.exp(-lam)


@dataclass(frozen=True)
class FlowSchedule(NoiseSchedule):
    """Rectified flow: a straight line from data to noise, alpha = 1 - t, sigma = t.

    Parameters
    ----------
    shift : float, default=1
        > 0; leaves the law alone and acts on the grids ``time``, ``quadratic`` and ``beta`` of
        `time_grid`, which it moves towards the noise for shift > 1.
    t_min, t_max : float, default=1e-3 and 0.999
        Times of the model, 0 <= t_min < t_max <= 1. A grid may start at 1, where no data is left.

    Raises
    ------
    ValueError
        A parameter out of range.

    References
    ----------
    Liu, Gong and Liu, "Flow straight and fast", ICLR 2023; Esser et al., "Scaling rectified flow
    transformers for high-resolution image synthesis", ICML 2024 (shift).

    Examples
    --------
    >>> from sampkit.diffusion import FlowSchedule
    >>> round(float(FlowSchedule().lam(0.25)), 12)  # log 3
    1.098612288668
    """

    shift: float = 1.0
    t_min: float = 1e-3
    t_max: float = 0.999

    def __post_init__(self) -> None:
        if not 0 < self.shift < np.inf:
            raise ValueError(f"shift must be a number > 0, got {self.shift!r}.")
        check_span(self.t_min, self.t_max)
        if self.t_min < 0 or self.t_max > 1:
            raise ValueError(
                f"t_min and t_max must lie in [0, 1], got {self.t_min!r} and {self.t_max!r}."
            )

    def _log_alpha_at(self, t: FloatArray) -> Float:
        with np.errstate(divide="ignore"):
            return np.log1p(-t)

    def _sigma_at(self, t: FloatArray) -> Float:
        return t.copy()

    def _slopes_at(self, t: FloatArray) -> tuple[Float, Float]:
        return -np.ones_like(t), np.ones_like(t)

    def _lam_at(self, t: FloatArray) -> Float:
        with np.errstate(divide="ignore"):
            return np.log1p(-t) - np.log(t)

    def _time_at(self, lam: FloatArray) -> Float:
        return expit(-lam)
