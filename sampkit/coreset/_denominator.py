"""Certified lp sensitivities of any rows against one matrix, batch by batch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning

from sampkit._chunks import chunks
from sampkit.coreset._batch_interior_point import interior_point_bounds
from sampkit.coreset._batch_newton import newton_bounds
from sampkit.coreset._blocks import DenseRows, Rows
from sampkit.coreset._lewis import lewis_of_rows
from sampkit.coreset._products import RowProducts
from sampkit.coreset._whiten import row_space_basis

__all__ = ["Denominator"]

Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
BATCH_BYTES = 4 * 1024 * 1024  # of the residuals of a batch


class Denominator:
    """``‖Ax‖_p^p`` in a basis in which the columns of A are orthonormal, ready for many rows."""

    def __init__(self, A: Vector, p: float):
        self.p = p
        self.basis = row_space_basis(DenseRows(A))
        whitened = np.ascontiguousarray(A @ self.basis.B)
        # once more: to be orthonormal to the last digit is what certified bounds stand on
        again = row_space_basis(DenseRows(whitened)) if self.basis.rank else self.basis
        self.B = self.basis.B @ again.B if self.basis.rank else self.basis.B
        whitened = whitened @ again.B if self.basis.rank else whitened
        self.A = whitened[np.abs(whitened).max(axis=1, initial=0.0) > 0]
        if self.basis.rank:
            found = lewis_of_rows(DenseRows(self.A), p, tol=1e-2)
            self.lewis = np.maximum(found.weights, np.finfo(float).tiny)
            self.form = found.quadratic_form

    @cached_property
    def products(self) -> RowProducts:
        return RowProducts(self.A)

    def bounds(
        self,
        rows: Rows,
        wanted: Index,
        tol: float,
        max_iter: int,
        watch: Callable[[int, int], Any] | None = None,
    ) -> tuple[Vector, Vector]:
        """Lower and upper bounds on the sensitivities of some rows of a matrix.

        Where `watch` is given it hears how many rows of how many are done after every batch; when
        it says True, or at Ctrl-C, the bounds of all further rows are 0 and 1.
        """
        low, high = np.zeros(len(wanted)), np.zeros(len(wanted))
        if not self.basis.rank:
            return low, high
        n_missed, worst = 0, 0.0
        step = int(np.clip(BATCH_BYTES // (8 * len(self.A)), 16, 512))
        done = 0
        try:
            for at in chunks(len(wanted), step):
                low[at], high[at], gaps = self._batch(rows, wanted[at], tol, max_iter)
                n_missed += int((gaps > tol * (1 + 1e-6)).sum())
                worst = max(worst, float(gaps.max(initial=0.0)))
                done = min(at.stop, len(wanted))
                if watch is not None and watch(done, len(wanted)):
                    break
        except KeyboardInterrupt:
            if watch is None or not done:
                raise
        if done < len(wanted):
            low[done:], high[done:] = 0.0, 1.0
            warnings.warn(
                f"Stopped after {done} of {len(wanted)} sensitivities; nothing is known of the "
                "others.",
                ConvergenceWarning,
                stacklevel=4,
            )
        if n_missed:
            warnings.warn(
                f"{n_missed} of {len(wanted)} sensitivities for p={self.p:g} have bounds farther "
                f"apart than tol={tol:g} after max_iter={max_iter} iterations (at most "
                f"{worst:.1e}): raise max_iter or tol.",
                ConvergenceWarning,
                stacklevel=4,
            )
        return low, high

    def _batch(
        self, rows: Rows, wanted: Index, tol: float, max_iter: int
    ) -> tuple[Vector, Vector, Vector]:
        """Both bounds of a batch of rows, and the relative gaps of those that are not zero."""
        low, high = np.zeros(len(wanted)), np.zeros(len(wanted))
        targets = rows.take(wanted) @ self.B
        length = np.linalg.norm(targets, axis=1)
        live = np.flatnonzero(length > 0)
        if not len(live):
            return low, high, length[live]
        found = self._solved(targets[live] / length[live, None], tol, max_iter)
        scale = self.p * np.log(length[live])
        low[live], high[live] = (np.minimum(np.exp(bound + scale), 1.0) for bound in found)
        return low, high, np.exp(np.minimum(found[1] - found[0], 700.0)) - 1.0

    def _solved(self, targets: Vector, tol: float, max_iter: int) -> tuple[Vector, Vector]:
        direction = np.linalg.solve(self.form, targets.T).T
        start = direction / np.einsum("ij,ij->i", targets, direction)[:, None]
        if self.p == 1.0:
            return interior_point_bounds(
                self.A, self.products, targets, start, self.lewis, tol, max_iter
            )
        return newton_bounds(self.A, self.products, targets, start, self.p, tol, max_iter)
