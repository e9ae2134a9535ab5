"""Codes of b bits each, packed without gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint8]


def pack_codes(codes: Codes, bits: int) -> bytes:
    """Row-major codes of `bits` bits each, most significant bit first, zeros at the end."""
    every = np.unpackbits(codes.reshape(-1, 1), axis=1)[:, 8 - bits :]
    return np.packbits(every.ravel()).tobytes()


def unpack_codes(data: bytes, shape: tuple[int, int], bits: int) -> Codes:
    """The codes (k, n) back.

    Raises
    ------
    ValueError
        As many bytes as the shape asks for are not there.
    """
    count = int(np.prod(shape))
    expected = (count * bits + 7) // 8
    if len(data) != expected:
        raise ValueError(
            f"data must hold {expected} bytes for shape {tuple(shape)} at {bits} bits, got "
            f"{len(data)}."
        )
    every = np.unpackbits(np.frombuffer(data, dtype=np.uint8), count=count * bits)
    padded = np.zeros((count, 8), dtype=np.uint8)
    padded[:, 8 - bits :] = every.reshape(count, bits)
    return np.packbits(padded, axis=1).reshape(shape)


def check_bits(bits: Any) -> int:
    """Number of bits of a code, 1 to 8."""
    if not isinstance(bits, (int, np.integer)) or not 1 <= bits <= 8:
        raise ValueError(f"bits must be an int in 1..8, got {bits!r}.")
    return int(bits)
