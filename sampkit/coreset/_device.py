"""Rows of a CuPy array: products stay on the device, d x d matrices and n-vectors leave it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit._array import namespace
from sampkit._chunks import chunks
from sampkit.coreset._basis import Basis
from sampkit.coreset._blocks import NOTHING, Floats, PutOn, Rows, Vector

BLOCK_CELLS = 1_000_000  # numbers of a block: one large product keeps the device busy


class DeviceRows(Rows):
    """Rows of a CuPy array that has been validated."""

    def __init__(self, X: Any, put_on: PutOn = NOTHING):
        self.X, self.intercept = X, put_on.intercept
        self.xp: Any = namespace(X)
        self.scale = None if put_on.scale is None else self.xp.asarray(put_on.scale)
        self.extra = None if put_on.extra is None else self.xp.asarray(put_on.extra)
        self.n = X.shape[0]
        self.d = X.shape[1] + put_on.width
        self.dtype = np.dtype(str(X.dtype))

    def _device_blocks(self, dtype: Any) -> Iterator[tuple[slice, Any]]:
        for at in chunks(self.n, max(BLOCK_CELLS // self.d, 1)):
            yield at, self._filled(at).astype(dtype)

    def _filled(self, at: Any) -> Any:
        block = self.X[at]
        parts = [self.xp.ones((block.shape[0], 1), dtype=block.dtype)] if self.intercept else []
        parts = [*parts, block, *([] if self.extra is None else [self.extra[at]])]
        block = self.xp.concatenate(parts, axis=1) if len(parts) > 1 else block
        return block if self.scale is None else block * self.scale[at][:, None]

    def blocks(self, step: int, dtype: Any = None) -> Iterator[tuple[slice, Floats]]:
        wanted = self.dtype if dtype is None else dtype
        for at in chunks(self.n, step):
            yield at, self.xp.asnumpy(self._filled(at)).astype(wanted, copy=False)

    def take(self, index: npt.NDArray[np.intp]) -> Floats:
        rows = self._filled(self.xp.asarray(index))
        return self.xp.asnumpy(rows).astype(np.float64, copy=False)

    def gram(self, weight: Vector | None = None, basis: Basis | None = None) -> Vector:
        total: Any = 0.0
        B = None if basis is None else self.xp.asarray(np.ascontiguousarray(basis.B))
        root = None if weight is None else self.xp.asarray(np.sqrt(weight))
        for at, block in self._device_blocks(np.float64):
            rows = block if B is None else block @ B
            rows = rows if root is None else rows * root[at][:, None]
            total = rows.T @ rows + total
        return self.xp.asnumpy(total)

    def triangular(self, column_scale: Vector, start: Floats | None = None) -> Floats:
        xp = self.xp
        R = xp.zeros((0, self.d)) if start is None else xp.asarray(start)
        scale = xp.asarray(column_scale)
        for _, block in self._device_blocks(np.float64):
            R = xp.linalg.qr(xp.concatenate([R, block * scale], axis=0), mode="r")
        return self.xp.asnumpy(R)

    def squared_norms(self, basis: Basis) -> Floats:
        out = self.xp.empty(self.n, dtype=self.dtype)
        B = self.xp.asarray(np.ascontiguousarray(basis.matrix.astype(self.dtype)))
        for at, block in self._device_blocks(self.dtype):
            product = block @ B
            out[at] = self.xp.einsum("ij,ij->i", product, product)
        return self.xp.asnumpy(out)

    def column_max(self) -> Vector:
        largest = self.xp.zeros(self.d)
        for _, block in self._device_blocks(np.float64):
            largest = self.xp.maximum(largest, self.xp.abs(block).max(axis=0))
        return self.xp.asnumpy(largest)
