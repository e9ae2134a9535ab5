"""What every noise schedule answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Float = Any  # float or ndarray of float64, as the argument was
FloatArray = npt.NDArray[np.float64]


class NoiseSchedule(ABC):
    """What every schedule answers; times and results are float64, of one shape.

    Attributes
    ----------
    t_min, t_max : float
        Times between which a model was trained; sampling runs from `t_max` down to `t_min`.
    zero_node : float or None
        The time without noise, where sigma is 0; None where there is none.

    Examples
    --------
    >>> from sampkit.diffusion import VPLinearSchedule
    >>> schedule = VPLinearSchedule()
    >>> round(float(schedule.alpha(0.3)), 12), round(float(schedule.lam(0.3)), 12)
    (0.629550000336, -0.210383553131)
    """

    t_min: float
    t_max: float
    zero_node: ClassVar[float | None] = 0.0

    def log_alpha(self, t: npt.ArrayLike) -> Float:
        """Logarithm of alpha; -inf where no data is left.

        Parameters
        ----------
        t : float or array-like
            Times.

        Returns
        -------
        float64 or ndarray of float64, as `t`
        """
        return self._log_alpha_at(_float64(t))[()]

    def t_from_lam(self, lam: npt.ArrayLike) -> Float:
        """The time of a half log-SNR, the inverse of `lam`.

        Parameters
        ----------
        lam : float or array-like
            Half log-SNR.

        Returns
        -------
        float64 or ndarray of float64, as `lam`
        """
        return self._time_at(_float64(lam))[()]

    def alpha(self, t: npt.ArrayLike) -> Float:
        """Share of the data, in [0, 1].

        Parameters
        ----------
        t : float or array-like
            Times.

        Returns
        -------
        float64 or ndarray of float64, as `t`
        """
        return np.exp(self.log_alpha(t))

    def sigma(self, t: npt.ArrayLike) -> Float:
        """Standard deviation of the noise.

        Parameters
        ----------
        t : float or array-like
            Times.

        Returns
        -------
        float64 or ndarray of float64, as `t`
        """
        return self._sigma_at(_float64(t))[()]

    def lam(self, t: npt.ArrayLike) -> Float:
        """Half log-SNR, log(alpha / sigma): +inf without noise, -inf without data.

        Parameters
        ----------
        t : float or array-like
            Times.

        Returns
        -------
        float64 or ndarray of float64, as `t`
        """
        return self._lam_at(_float64(t))[()]

    def slopes(self, t: npt.ArrayLike) -> tuple[Float, Float]:
        """Derivatives of alpha and sigma in time, what a network of the velocity predicts with.

        Parameters
        ----------
        t : float or array-like
            Times.

        Returns
        -------
        alpha_slope, sigma_slope : float64 or ndarray of float64, as `t`
            Exact, but for a schedule made of functions. Where a schedule has a kink, as a discrete
            one has at every training step, the mean of both sides; +inf where sigma leaves 0 as a
            square root does.
        """
        alpha_slope, sigma_slope = self._slopes_at(_float64(t))
        return alpha_slope[()], sigma_slope[()]

    def add_noise(self, x: Any, noise: Any, t: Any) -> Any:
        """Draw from the forward law: ``alpha x + sigma noise``.

        Parameters
        ----------
        x, noise : ndarray or tensor of shape (B, ...)
            Data and standard normal noise.
        t : float, or array or tensor of shape (B,)
            One time, or one for every row.

        Returns
        -------
        same type as x, of shape (B, ...)
        """
        times = np.asarray(t.tolist() if hasattr(t, "tolist") else t, dtype=np.float64)
        if times.ndim == 0:
            return float(self.alpha(times)) * x + float(self.sigma(times)) * noise
        if times.shape != tuple(x.shape[:1]):
            raise ValueError(
                f"t must be a number or of shape ({x.shape[0]},), as x has rows, got shape "
                f"{times.shape}."
            )
        shape = times.shape + (1,) * (len(x.shape) - 1)
        alpha, sigma = (part(times).reshape(shape) for part in (self.alpha, self.sigma))
        if hasattr(x, "new_tensor"):
            return x.new_tensor(alpha) * x + x.new_tensor(sigma) * noise
        return alpha.astype(x.dtype) * x + sigma.astype(x.dtype) * noise

    def to_dict(self) -> dict[str, Any]:
        """Name and parameters, as JSON can hold them; `schedule_from_dict` reads it back.

        Returns
        -------
        dict

        Raises
        ------
        ValueError
            The schedule is made of functions.
        """
        return {"name": type(self).__name__, **self._parameters()}

    # --- what a schedule says, of float64 arrays --------------------------------------------------

    @abstractmethod
    def _log_alpha_at(self, t: FloatArray) -> Float:
        """Logarithm of alpha."""

    @abstractmethod
    def _time_at(self, lam: FloatArray) -> Float:
        """The inverse of `_lam_at`."""

    def _sigma_at(self, t: FloatArray) -> Float:
        """Sigma; by default variance is preserved."""
        return np.sqrt(-np.expm1(2 * self._log_alpha_at(t)))

    def _lam_at(self, t: FloatArray) -> Float:
        """Half log-SNR; by default variance is preserved."""
        log_alpha = self._log_alpha_at(t)
        with np.errstate(divide="ignore"):
            return log_alpha - np.log(-np.expm1(2 * log_alpha)) / 2

    def _log_alpha_slope_at(self, t: FloatArray) -> Float:
        """Derivative of log alpha; by default from differences."""
        return self._slope_of(self._log_alpha_at, t)

    def _slopes_at(self, t: FloatArray) -> tuple[Float, Float]:
        """Derivatives of alpha and sigma; by default variance is preserved."""
        alpha, sigma = np.exp(self._log_alpha_at(t)), self._sigma_at(t)
        with np.errstate(divide="ignore", invalid="ignore"):
            alpha_slope = np.where(alpha == 0, 0.0, alpha * self._log_alpha_slope_at(t))
            # alpha^2 + sigma^2 = 1; sigma leaves 0 with a vertical slope
            sigma_slope = np.where(sigma == 0, np.inf, -alpha * alpha_slope / sigma)
        return alpha_slope, sigma_slope

    def _slope_of(self, part: Callable[[FloatArray], Float], t: FloatArray) -> Float:
        """The derivative of the parabola through three near times inside [t_min, t_max]."""
        step = 1e-5 * (self.t_max - self.t_min)
        middle = np.clip(t, self.t_min + step, self.t_max - step)
        low, here, high = part(middle - step), part(middle), part(middle + step)
        return (high - low) / (2 * step) + (t - middle) * (high - 2 * here + low) / step**2

    def _parameters(self) -> dict[str, Any]:
        """What `to_dict` keeps."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}  # type: ignore[arg-type]


def _float64(values: npt.ArrayLike) -> FloatArray:
    return np.asarray(values, dtype=np.float64)


def check_span(t_min: float, t_max: float) -> None:
    if not -np.inf < t_min < t_max < np.inf:
        raise ValueError(f"t_min < t_max must be finite numbers, got {t_min!r} and {t_max!r}.")


def log_alpha_of_lam(lam: FloatArray) -> FloatArray:
    """Variance-preserving: alpha^2 = 1 / (1 + exp(-2 lambda))."""
    return -np.logaddexp(0.0, -2 * lam) / 2
