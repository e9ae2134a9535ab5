"""A linear layer in a few bits: codes, scales, and what they changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from ._grids import Codes, Grid
from ._packing import check_bits, pack_codes, unpack_codes

Floats = npt.NDArray[Any]


@dataclass(frozen=True)
class QuantizedLinear:
    """A linear layer in b bits, as `quantize_linear` returns it.

    Parameters
    ----------
    codes : ndarray of shape (k, n), uint8
        Number of the value of every weight.
    base, scale : ndarray of shape (k,) or (k, n_groups)
        A weight is ``base + scale * code``; zeros where there is a `table`.
    weight : ndarray of shape (k, n)
        Dequantized, in the precision of W.
    max_violation : ndarray of shape (k,), float64
        Largest change of each output on the calibration rows.
    relative_error : float
        Norm of the change of all outputs over their norm.
    bits : int
        Bits of a code.
    group_size : int
        Consecutive inputs that share base and scale.
    table : ndarray of shape (k, L) or None
        Codebook.
    outliers : csr_array of shape (k, n) or None
        Weights that were kept; their codes are 0.
    status : {"done", "time_limit", "interrupted"}
        Whether the method came to its end; if not, these are the codes reached.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.minmax import QuantizedLinear, quantize_linear
    >>> rng = np.random.default_rng(0)
    >>> q = quantize_linear(rng.normal(size=(50, 8)), rng.normal(size=(2, 8)), bits=3)
    >>> len(q.pack()), q.nbytes
    (6, 38)
    >>> bool((QuantizedLinear.unpack(q.pack(), (2, 8), 3) == q.codes).all())
    True
    """

    codes: Codes
    base: Floats
    scale: Floats
    weight: Floats
    max_violation: npt.NDArray[np.float64]
    relative_error: float
    bits: int
    group_size: int
    table: Floats | None = None
    outliers: sp.csr_array | None = None
    status: str = "done"

    @property
    def nbytes(self) -> int:
        """Bytes of packed codes, bases and scales (or the codebook), and outliers."""
        total = (self.codes.size * self.bits + 7) // 8
        if self.table is None:
            total += self.base.nbytes + self.scale.nbytes
        else:
            total += self.table.nbytes
        if self.outliers is not None:
            parts = (self.outliers.data, self.outliers.indices, self.outliers.indptr)
            total += sum(part.nbytes for part in parts)
        return total

    def pack(self) -> bytes:
        """Codes row by row, `bits` bits each, most significant first, zeros at the end.

        Returns
        -------
        bytes
            ``ceil(k * n * bits / 8)`` of them.
        """
        return pack_codes(self.codes, self.bits)

    @classmethod
    def unpack(cls, data: bytes, shape: tuple[int, int], bits: int) -> Codes:
        """Codes back from what `pack` returned.

        Parameters
        ----------
        data : bytes
            Packed codes.
        shape : tuple (k, n)
            Of the codes.
        bits : int in 1..8
            Bits of a code.

        Returns
        -------
        ndarray of shape (k, n), uint8
            The codes.

        Raises
        ------
        ValueError
            The number of bytes is not that of the shape, or bits is out of range.
        """
        return unpack_codes(data, shape, check_bits(bits))

    def dequantize(self, codes: Codes | None = None) -> Floats:
        """Weights from codes.

        Parameters
        ----------
        codes : ndarray of shape (k, n), default=None
            Codes, e.g. from `unpack`; None takes the layer's own.

        Returns
        -------
        ndarray of shape (k, n)
            Equal to `weight` for the layer's own codes.
        """
        codes = self.codes if codes is None else codes
        base, scale = (
            part.reshape(len(codes), -1).astype(np.float64) for part in (self.base, self.scale)
        )
        grid = Grid(base, scale, self.group_size, 2**self.bits, self.table)
        weight = grid.values(codes).astype(self.weight.dtype)
        if self.outliers is not None:
            kept = self.outliers.tocoo()
            weight[kept.coords] = kept.data
        return weight
