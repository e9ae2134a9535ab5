"""The table of protocols: a new one is a new file here and its name in the list below."""

from __future__ import annotations

from sampkit.privacy._protocol import Protocol
from sampkit.privacy.oracles import (
    block_hadamard,
    grr,
    hadamard,
    hashing,
    laplace,
    subset,
    the,
    unary,
)

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for module in (grr, unary, hashing, subset, hadamard, block_hadamard, the, laplace)
    for protocol in module.PROTOCOLS
}
DEPLOYABLE = tuple(name for name, protocol in PROTOCOLS.items() if protocol.deployable)

__all__ = ["DEPLOYABLE", "PROTOCOLS"]
