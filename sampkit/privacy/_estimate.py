"""Counts -> a table of frequencies: moments, intervals, and what to do with negative ones."""

from __future__ import annotations

import warnings
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sampkit.privacy._exact import GRID
from sampkit.privacy._likelihood import (
    iterative_bayesian_update,
    project_simplex,
    symmetric_channel_mle,
)
from sampkit.privacy._moments import AffineMap, affine_map
from sampkit.privacy._protocol import Counts, Floats
from sampkit.privacy._solutions import Attribute
from sampkit.privacy._validation import check_choice, shown

if TYPE_CHECKING:
    import pandas as pd

    from sampkit.privacy._counting import Tally
    from sampkit.privacy._schema import LDPSchema

POSTPROCESS = ("none", "clip", "normalize", "simplex", "mle")
INTERVALS = ("wilson", "clopper-pearson", "normal")


class Interval(NamedTuple):
    """How intervals are made, and about what."""

    kind: str
    level: float  # of each single one
    target: str


def estimate_table(
    schema: LDPSchema,
    tally: Tally,
    *,
    postprocess: str = "none",
    confidence_level: float = 0.95,
    interval: str = "wilson",
    simultaneous: bool = False,
    target: str = "population",
) -> pd.DataFrame:
    """The table that `LDPAggregator.estimate` documents."""
    import pandas as pd

    check_choice("postprocess", postprocess, POSTPROCESS)
    check_choice("interval", interval, INTERVALS)
    check_choice("target", target, ("population", "sample"))
    if isinstance(confidence_level, bool) or not 0 < confidence_level < 1:
        raise ValueError(f"confidence_level must be in (0, 1), got {shown(confidence_level)}.")
    if tally.n_reports == 0:
        raise ValueError("there are no reports to estimate from: call partial_fit first.")
    level = confidence_level ** (1 / sum(schema.domain_sizes)) if simultaneous else confidence_level
    about = Interval(interval, level, target)
    blocks = []
    for j, attribute in enumerate(schema.attributes):
        n = int(tally.n_per_attribute[j])
        if n == 0:
            warnings.warn(
                f"nobody reported on attribute {attribute.name!r}: its rows are NaN.",
                RuntimeWarning,
                stacklevel=3,
            )
            blocks.append(np.full((attribute.oracle.k, 4), np.nan))
            continue
        columns = moments(
            affine_map(attribute, schema.mixed), tally.supports[j], n, tally.n_reports, about
        )
        columns[:, 0] = processed(
            columns[:, 0], postprocess, attribute, schema.mixed, tally.supports[j],
            tally.histograms[j],
        )  # fmt: skip
        blocks.append(columns)
    index = pd.MultiIndex.from_tuples(
        [(a.name, category) for a in schema.attributes for category in a.categories],
        names=["attribute", "category"],
    )
    names = ["estimate", "std_error", "ci_low", "ci_high"]
    return pd.DataFrame(np.vstack(blocks), index=index, columns=names)


def moments(to: AffineMap, counts: Counts, n: int, n_total: int, about: Interval) -> Floats:
    """Columns estimate, std_error, ci_low, ci_high (k, 4) of one attribute.

    Parameters
    ----------
    to : AffineMap
        From support to frequency.
    counts : ndarray of shape (k,)
        Support counts.
    n : int
        Reports on this attribute.
    n_total : int
        Reports at all, whose users the target 'sample' is about.
    about : Interval
    """
    u = counts / n
    z = NormalDist().inv_cdf(0.5 + about.level / 2)
    effective: Any = float(n)
    if about.target == "sample":
        effective = n / _noise_share(to, u, n, n_total, z)
    low, high = _support_interval(u, effective, z, about)
    error = to.slope * np.sqrt(np.clip(u * (1 - u), 0, None) / effective)
    return np.stack([to.frequency(u), error, to.frequency(low), to.frequency(high)], axis=1)


def _noise_share(to: AffineMap, u: Floats, n: int, n_total: int, z: float) -> Floats:
    """rho^2: the part of the variance that is noise, and not the draw of the users."""
    centre = (u + z * z / (2 * n)) / (1 + z * z / n)
    f = np.clip(to.frequency(centre), 0, 1)
    variance = to.slope**2 * centre * (1 - centre) / n
    return np.maximum(1 - f * (1 - f) / (n_total * variance), 1e-12)


def _support_interval(u: Floats, n: Any, z: float, about: Interval) -> tuple[Floats, Floats]:
    """Interval of a binomial probability whose share is u among n."""
    if about.kind == "clopper-pearson":
        from scipy.special import betaincinv

        tail, ones = (1 - about.level) / 2, u * n
        zeros = n - ones
        with np.errstate(invalid="ignore"):
            low = np.where(u > 0, betaincinv(np.maximum(ones, 1e-300), zeros + 1, tail), 0.0)
            high = np.where(u < 1, betaincinv(ones + 1, np.maximum(zeros, 1e-300), 1 - tail), 1.0)
        return low, high
    if about.kind == "normal":
        half = z * np.sqrt(u * (1 - u) / n)
        return u - half, u + half
    shrink = 1 + z * z / n
    centre = (u + z * z / (2 * n)) / shrink
    half = z / shrink * np.sqrt(u * (1 - u) / n + z * z / (4 * n * n))
    return centre - half, centre + half


# --- post-processing ----------------------------------------------------------------------------


def processed(
    estimate: Floats,
    postprocess: str,
    attribute: Attribute,
    mixed: int,
    counts: Counts,
    histogram: Counts | None,
) -> Floats:
    """Frequencies of one attribute after post-processing."""
    if postprocess == "none":
        return estimate
    if postprocess == "clip":
        return np.clip(estimate, 0, 1)
    if postprocess == "normalize":
        positive = np.clip(estimate, 0, None)
        total = positive.sum()
        return positive / total if total > 0 else np.full(estimate.size, 1 / estimate.size)
    if postprocess == "simplex":
        return project_simplex(estimate)
    return _likeliest(attribute, mixed, counts, histogram)


def _likeliest(
    attribute: Attribute, mixed: int, counts: Counts, histogram: Counts | None
) -> Floats:
    oracle = attribute.oracle
    if oracle.counted != "histogram":
        raise ValueError(
            f"postprocess='mle' needs the reports themselves where protocol is "
            f"{attribute.protocol!r} (attribute {attribute.name!r}): use mle_frequencies."
        )
    if oracle.n_reports != oracle.k:
        if histogram is None:
            raise ValueError(
                f"postprocess='mle' needs the histogram of reports on {attribute.name!r}, which "
                "support counts alone do not tell: use mle_frequencies."
            )
        return iterative_bayesian_update(oracle.channel(), histogram)
    if attribute.prior is None:
        to = affine_map(attribute, mixed)
        p, q = to.support(1.0)[0], to.support(0.0)[0]
        return symmetric_channel_mle(counts, p, q)
    prior = np.array(attribute.prior) / GRID
    channel = (oracle.channel() + (mixed - 1) * prior) / mixed
    return iterative_bayesian_update(channel, counts)
