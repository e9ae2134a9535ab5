"""Models whose predictions are known exactly: normal mixtures, and the data themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.diffusion._torch import torch
from sampkit.diffusion.models import PREDICTIONS, DiffusionModel, levels_at
from sampkit.diffusion.schedules import NoiseSchedule

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["EmpiricalDenoiser", "GaussianMixture"]


class GaussianMixture:
    """A mixture of normal laws, with the exact network of its diffusion.

    Parameters
    ----------
    means : array-like or tensor of shape (K, d)
        Means of the components.
    variances : float, or array-like of shape (K,), (K, d) or (K, d, d)
        One for all; one each; along the axes; or full covariances. Non-negative.
    weights : array-like of shape (K,) or None, default=None
        Positive; scaled to sum to 1. None: equal.

    Raises
    ------
    ValueError
        Shapes that do not fit, or values out of range.

    Notes
    -----
    A prediction costs O(B K d), with full covariances O(B K d^2). Full covariances are decomposed
    once, at construction.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import GaussianMixture, VPLinearSchedule
    >>> law = GaussianMixture([[-1.0], [1.0]], 0.01)
    >>> model = law.model(VPLinearSchedule(), prediction="x0")
    >>> model.denoise(torch.tensor([[0.9]]), 0.01).round(decimals=2)
    tensor([[0.9200]])
    """

    def __init__(self, means: Any, variances: Any, weights: Any = None):
        self.means = torch.as_tensor(means, dtype=torch.float64)
        if self.means.ndim != 2 or self.means.numel() == 0:
            raise ValueError(f"means must be of shape (K, d), got {tuple(self.means.shape)}.")
        n, d = self.means.shape
        given = torch.as_tensor(variances, dtype=torch.float64)
        self.rotations: Tensor | None = None  # columns are eigenvectors, where covariances are full
        if tuple(given.shape) == (n, d, d):
            values, self.rotations = torch.linalg.eigh(given)
            self.variances = values.clamp_min(0.0)
        elif tuple(given.shape) in ((), (n,), (n, d)):
            shape = given if given.ndim == 2 else given.reshape(-1, 1)
            self.variances = shape.expand(n, d)
        else:
            raise ValueError(
                f"variances must be a number or of shape ({n},), ({n}, {d}) or ({n}, {d}, {d}), "
                f"got {tuple(given.shape)}."
            )
        if not bool((self.variances >= 0).all()) or not bool(torch.isfinite(self.means).all()):
            raise ValueError("means must be finite and variances >= 0.")
        given = torch.ones(n) if weights is None else torch.as_tensor(weights)
        if tuple(given.shape) != (n,) or not bool((given > 0).all()):
            raise ValueError(f"weights must be {n} numbers > 0, got shape {tuple(given.shape)}.")
        self.weights = (given / given.sum()).to(torch.float64)

    def model(
        self,
        schedule: NoiseSchedule,
        prediction: str = "eps",
        components: Sequence[int] | None = None,
    ) -> DiffusionModel:
        """The exact network of this law, or of some of its components.

        Parameters
        ----------
        schedule : NoiseSchedule
            Of the diffusion.
        prediction : {"eps", "x0", "v", "score", "flow"}, default="eps"
            What the network predicts.
        components : sequence of int or None, default=None
            The exact conditional model of these components; None: all.

        Returns
        -------
        DiffusionModel
            Its network takes ``cond`` too: an integer tensor (B,) of components, -1 for all.
        """
        if prediction not in PREDICTIONS:
            raise ValueError(f"prediction must be one of {PREDICTIONS}, got {prediction!r}.")
        kept = torch.ones(len(self.weights), dtype=torch.bool)
        if components is not None:
            kept[:] = False
            kept[list(components)] = True

        def network(x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
            x0, eps = self._predictions(x, t, schedule, kept, cond)
            levels = levels_at(schedule, t, x0)
            p, q = model._shares(t, levels)
            return p * x0 + q * eps

        model = DiffusionModel(network, schedule, prediction)
        return model

    def sample(self, n: int, generator: Any = None) -> Tensor:
        """Draw from the law.

        Parameters
        ----------
        n : int
            Rows.
        generator : torch.Generator or None, default=None
            Source of randomness.

        Returns
        -------
        tensor of float64 of shape (n, d)
        """
        which = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.means.shape[1], dtype=torch.float64, generator=generator)
        spread = self.variances[which].sqrt() * noise
        if self.rotations is not None:
            spread = torch.einsum("nij,nj->ni", self.rotations[which], spread)
        return self.means[which] + spread

    def log_prob(
        self, x: Tensor, t: float | None = None, schedule: NoiseSchedule | None = None
    ) -> Tensor:
        """Log-density of the law, or of its noisy version at a time.

        Parameters
        ----------
        x : tensor of shape (B, d)
            Where.
        t : float, tensor of shape (B,) or None, default=None
            Time; None: without noise.
        schedule : NoiseSchedule or None, default=None
            What the time means; needed with `t`.

        Returns
        -------
        tensor of shape (B,)
        """
        if (t is None) != (schedule is None):
            raise ValueError("t and schedule must be given together.")
        if t is None or schedule is None:
            alpha, sigma = 1.0, 0.0
        else:
            alpha, sigma = levels_at(schedule, t, x.unsqueeze(-1))
        return self._log_joint(x, alpha, sigma)[0].logsumexp(1)

    # --- the law at a noise level ----------------------------------------------------------------

    def _log_joint(self, x: Tensor, alpha: Any, sigma: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Log w_k N(x; ...), deviations in eigen-directions, and variances there, (B, K, d)."""
        means, variances, weights = (
            part.to(x) for part in (self.means, self.variances, self.weights)
        )
        apart = x[:, None, :] - alpha * means
        if self.rotations is not None:
            apart = torch.einsum("kij,bki->bkj", self.rotations.to(x), apart)
        total = alpha**2 * variances + sigma**2 + torch.zeros_like(apart)
        logs = -(apart**2 / total + total.log() + float(np.log(2 * np.pi))).sum(2) / 2
        return weights.log() + logs, apart, total

    def _predictions(
        self, x: Tensor, t: Tensor, schedule: NoiseSchedule, kept: Tensor, cond: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        shape = x.shape
        x = x.flatten(1)
        alpha, sigma = levels_at(schedule, t, x.unsqueeze(-1))
        logs, apart, total = self._log_joint(x, alpha, sigma)
        allowed = kept.to(x.device)[None, :]
        if cond is not None:
            mine = torch.arange(len(kept), device=x.device)[None, :] == cond[:, None]
            allowed = allowed & (mine | (cond[:, None] < 0))
        shares = logs.masked_fill(~allowed, -torch.inf).softmax(1)[:, :, None]
        inner = alpha * self.variances.to(x) / total * apart
        noise = sigma / total * apart
        if self.rotations is not None:
            inner, noise = (
                torch.einsum("kij,bkj->bki", self.rotations.to(x), part) for part in (inner, noise)
            )
        # each from its own form: neither is a difference of large numbers
        x0 = (shares * (self.means.to(x) + inner)).sum(1)
        eps = (shares * noise).sum(1)
        return x0.reshape(shape), eps.reshape(shape)


class EmpiricalDenoiser(GaussianMixture):
    """The exact network of a data set: what a perfectly over-fitted model predicts.

    Parameters
    ----------
    X : array-like or tensor of shape (n, d)
        The data.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import EmpiricalDenoiser, FlowSchedule
    >>> model = EmpiricalDenoiser([[0.0], [4.0]]).model(FlowSchedule())
    >>> model.denoise(torch.tensor([[3.9]]), 0.01)
    tensor([[4.]])
    """

    def __init__(self, X: Any):
        super().__init__(X, 0.0)
