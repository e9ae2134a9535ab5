"""Linear-phase filters as linear requirements: half taps, frequency grid, desired amplitude."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Desired = Sequence[Any] | npt.NDArray[Any] | Callable[[Any], Any]


@dataclass(frozen=True)
class Bands:
    """What a filter should do: edges in units of fs/2 = 1, desired amplitude, weights."""

    edges: Floats  # (n_bands, 2), in [0, 1]
    ends: Floats | None  # (n_bands, 2), amplitude at the edges, linear between; None: `curve`
    curve: Callable[[Any], Any] | None  # of frequency in the user's units
    weight: Floats  # (n_bands,)
    fs: float

    def amplitude(self, frequency: Floats, band: int) -> Floats:
        """Desired amplitude at some frequencies (fs/2 = 1) of one band."""
        if self.curve is not None:
            values = np.asarray(self.curve(frequency * self.fs / 2), dtype=np.float64)
            values = np.broadcast_to(values, frequency.shape)
            if not np.isfinite(values).all():
                raise ValueError("desired must return finite numbers inside the bands.")
            return values
        assert self.ends is not None
        (low, high), (first, last) = self.edges[band], self.ends[band]
        return np.asarray(first + (last - first) * (frequency - low) / (high - low))

    def grid(self, n_points: int) -> Grid:
        """About `n_points` frequencies, shared among the bands by their widths, edges included."""
        width = np.diff(self.edges, axis=1)[:, 0]
        counts = (n_points * width / width.sum()).astype(np.int64)  # whole part
        counts[-1] = n_points - counts[:-1].sum()
        counts = np.maximum(counts, 2)
        pairs = zip(self.edges.tolist(), counts.tolist(), strict=True)
        parts = [np.linspace(low, high, count) for (low, high), count in pairs]
        return Grid(
            np.concatenate(parts),
            np.concatenate([self.amplitude(part, k) for k, part in enumerate(parts)]),
            np.repeat(self.weight, counts),
            np.repeat(np.arange(len(counts)), counts),
        )


@dataclass(frozen=True)
class Grid:
    """Points at which the response is asked for."""

    frequency: Floats  # (m,), fs/2 = 1
    desired: Floats  # (m,)
    weight: Floats  # (m,)
    band: npt.NDArray[np.int64]  # (m,)


def half_taps(numtaps: int, antisymmetric: bool) -> int:
    """Number of free taps; the middle one of an odd antisymmetric filter is 0."""
    return numtaps // 2 if antisymmetric else (numtaps + 1) // 2


def response_matrix(frequency: Floats, numtaps: int, antisymmetric: bool) -> Floats:
    """Amplitude per unit of each half tap, (m, n): types I to IV, signed.

    With the middle M = (numtaps - 1) / 2, the frequency response is ``exp(-i M w)`` times the
    amplitude, and times i for antisymmetric taps.
    """
    distance = (numtaps - 1) / 2 - np.arange(half_taps(numtaps, antisymmetric))
    phase = np.pi * frequency[:, None] * distance
    matrix = 2 * (np.sin(phase) if antisymmetric else np.cos(phase))
    if not antisymmetric and numtaps % 2:
        matrix[:, -1] = 1.0  # the middle tap is there once
    return matrix


def all_taps(half: Floats, numtaps: int, antisymmetric: bool) -> Floats:
    """The filter from its half taps."""
    h = np.zeros(numtaps)
    h[: len(half)] = half
    mirrored = half[: numtaps // 2]
    h[numtaps - len(mirrored) :] = -mirrored[::-1] if antisymmetric else mirrored[::-1]
    return h


def check_bands(bands: Any, desired: Desired, weight: Any, fs: float) -> Bands:
    """A user's bands, desired amplitudes and weights.

    Raises
    ------
    ValueError
        Bands not increasing or outside [0, fs/2], numbers of values that do not match, weights
        that are not > 0.
    """
    if not 0 < fs < np.inf:
        raise ValueError(f"fs must be > 0, got {fs!r}.")
    flat = np.asarray(bands, dtype=np.float64).ravel()
    if flat.size < 2 or flat.size % 2:
        raise ValueError(f"bands must be pairs of edges, got {flat.size} numbers.")
    ordered = (np.diff(flat)[::2] > 0).all() and (np.diff(flat)[1::2] >= 0).all()
    if not ordered or not (flat[0] >= 0 and flat[-1] <= fs / 2):
        raise ValueError(
            f"bands must increase within [0, fs/2] = [0, {fs / 2:g}], got {flat.tolist()}."
        )
    n_bands = flat.size // 2
    weights = np.ones(n_bands) if weight is None else np.asarray(weight, dtype=np.float64)
    if weights.shape != (n_bands,) or not ((weights > 0) & np.isfinite(weights)).all():
        raise ValueError(
            f"weight must be {n_bands} numbers > 0, one for each band, got {weight!r}."
        )
    edges = flat.reshape(-1, 2) / (fs / 2)
    if callable(desired):
        return Bands(edges, None, desired, weights, fs)
    values = np.asarray(desired, dtype=np.float64)
    if values.size not in (n_bands, 2 * n_bands) or not np.isfinite(values).all():
        raise ValueError(
            f"desired must be a callable or {n_bands} finite numbers (one for each band) or "
            f"{2 * n_bands} (at its edges), got {desired!r}."
        )
    pairs = values.size == 2 * n_bands
    ends = values.reshape(-1, 2) if pairs else np.column_stack([values.ravel()] * 2)
    return Bands(edges, ends, None, weights, fs)


def check_zeros(bands: Bands, numtaps: int, antisymmetric: bool) -> None:
    """Refuse gain where the type of the filter has none.

    Raises
    ------
    ValueError
        Gain at fs/2 of type II or III, or at 0 of type III or IV.
    """
    kind = (("I", "II"), ("III", "IV"))[antisymmetric][numtaps % 2 == 0]
    for edge, types, words in ((0.0, ("III", "IV"), "0"), (1.0, ("II", "III"), "fs/2")):
        for k in range(len(bands.edges)):
            at = bands.edges[k] == edge
            if kind in types and at.any():
                gain = bands.amplitude(bands.edges[k][at], k)
                if (gain != 0).any():
                    raise ValueError(
                        f"desired must be 0 at frequency {words} for a filter of type {kind} "
                        f"(numtaps={numtaps}, antisymmetric={antisymmetric}), got {gain[0]:g}."
                    )
