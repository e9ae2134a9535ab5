"""The exact joint channel of a schema: every record's law over every report."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from sampkit.privacy._exact import GRID
from sampkit.privacy._protocol import Floats
from sampkit.privacy._solutions import Attribute

LARGEST = 1 << 20  # entries


def joint_channel(
    attributes: Sequence[Attribute],
    solution: str,
    sampling: tuple[int, ...] | None,
    n_sampled: int,
) -> Floats:
    """P(report | record): rows and columns in the order that `LDPSchema.channel` documents."""
    k = [attribute.oracle.k for attribute in attributes]
    columns = [attribute.oracle.n_reports for attribute in attributes]
    chosen = list(itertools.combinations(range(len(k)), n_sampled))
    if solution == "smp":
        width = sum(math.prod(columns[j] for j in subset) for subset in chosen)
    else:
        width = math.prod(columns)
    inputs = max(attribute.oracle.n_inputs for attribute in attributes)
    if max(math.prod(k), inputs) * width > LARGEST:
        raise ValueError(
            f"channel() would have {math.prod(k)} x {width} entries; at most 2**20 are made."
        )
    channels = [_record_channel(attribute) for attribute in attributes]
    if solution == "spl":
        return _outer(channels)
    if solution == "smp":
        weights = [GRID / len(k)] * len(k) if sampling is None else sampling
        return np.hstack(
            [
                _outer([c if j in subset else np.ones((len(c), 1)) for j, c in enumerate(channels)])
                * (1 / len(chosen) if n_sampled > 1 else weights[subset[0]] / GRID)
                for subset in chosen
            ]
        )
    fakes = [
        np.broadcast_to(attribute.fake_law(), channel.shape)
        for attribute, channel in zip(attributes, channels, strict=True)
    ]
    mixture = np.zeros((math.prod(k), width))
    for j in range(len(k)):
        mixture += _outer([channels[i] if i == j else fakes[i] for i in range(len(k))])
    return mixture / len(k)


def _record_channel(attribute: Attribute) -> Floats:
    """Rows are the attribute's values; a hash's channel stands for values that do not collide."""
    channel = attribute.oracle.channel()
    k = attribute.oracle.k
    return channel if len(channel) == k else channel[np.arange(k) % len(channel)]


def _outer(matrices: Sequence[Floats]) -> Floats:
    joint: Floats = np.ones((1, 1))
    for matrix in matrices:
        joint = np.kron(joint, matrix).astype(np.float64, copy=False)
    return joint
