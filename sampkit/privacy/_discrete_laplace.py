"""Laplace noise on the integers, from integers alone: no float can tell on what it hides."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sampkit.privacy._exact import Entropy, uniform

Integers = npt.NDArray[np.int64]


def discrete_laplace(entropy: Entropy, scale: int, n: int) -> Integers:
    """Integers z (n,) with probability proportional to ``exp(-|z| / scale)``, exactly.

    Parameters
    ----------
    entropy : callable
    scale : int
        In [1, 2^32).
    n : int

    References
    ----------
    Canonne, Kamath and Steinke, "The discrete Gaussian for differential privacy", NeurIPS 2020,
    algorithm 2 (there with s = 1).
    """
    noise = np.empty(n, dtype=np.int64)
    waiting = np.arange(n)
    while waiting.size:
        # magnitude = rest + scale * whole, both parts independent: e^(-a-b) = e^-a e^-b
        rest = uniform(entropy, scale, waiting.size)
        good = np.flatnonzero(exponential_coins(entropy, rest, scale))
        magnitude = rest[good] + scale * _geometric(entropy, good.size)
        negative = uniform(entropy, 2, good.size) == 1
        kept = ~negative | (magnitude > 0)  # else 0 would be twice as likely
        noise[waiting[good[kept]]] = np.where(negative, -magnitude, magnitude)[kept]
        left = np.ones(waiting.size, dtype=bool)
        left[good[kept]] = False
        waiting = waiting[left]
    return noise


def exponential_coins(entropy: Entropy, numerators: npt.NDArray[np.uint32], scale: int) -> (
    npt.NDArray[np.bool_]
):  # fmt: skip
    """Coins that show True with probability ``exp(-numerator / scale)``, numerators <= scale.

    The number K of the first failure among coins of ``g/1, g/2, g/3, ...`` is odd with probability
    ``1 - g + g^2/2! - ...`` (algorithm 1 of the same paper).
    """
    shown = np.ones(numerators.size, dtype=bool)
    alive, number = np.arange(numerators.size), 1
    while alive.size:
        success = uniform(entropy, scale, alive.size) < numerators[alive]
        if number > 1:
            success &= uniform(entropy, number, alive.size) == 0
        alive = alive[success]
        shown[alive] ^= True
        number += 1
    return shown


def _geometric(entropy: Entropy, n: int) -> Integers:
    """How many coins of probability 1/e show True before the first that does not."""
    whole = np.zeros(n, dtype=np.int64)
    alive = np.arange(n)
    while alive.size:
        alive = alive[exponential_coins(entropy, np.ones(alive.size, np.uint32), 1)]
        whole[alive] += 1
    return whole
