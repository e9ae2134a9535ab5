"""Calibration rows: one array, or blocks of rows that are read as often as needed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_array

from sampkit._chunks import chunks, rows_per_chunk

from ._gram import Gram

Floats = npt.NDArray[Any]
Block = tuple[Floats, Floats | None]
DTYPES = [np.float64, np.float32]


class Calibration:
    """Rows X (m, n) and, if asked for, what the layer should give for them, T (m, k).

    Parameters
    ----------
    X : array-like of shape (m, n), or blocks
        Blocks are an iterable of arrays (m_i, n), of pairs (array, target (m_i, k)), or a callable
        that returns such an iterable. A one-shot iterator is written to a temporary file as it is
        read for the first time.
    target : ndarray of shape (m, k), optional
        With an array X only.
    n, k : int
        Columns that X has to have, and targets.
    """

    def __init__(self, X: Any, target: Any, n: int, k: int) -> None:
        self.n, self.k = n, k
        self.array: Floats | None = None
        self.target: Floats | None = None
        self._source: Callable[[], Iterator[Any]] | None = None
        self._spool: _Spool | None = None
        if not _are_blocks(X):
            self.array = self._checked(X)
            if target is not None:
                self.target = self._checked_target(target, len(self.array))
        elif target is not None:
            raise ValueError("target must be given with the blocks, as pairs (X, target).")
        elif callable(X):
            self._source = X
        elif iter(X) is X:
            self._spool = _Spool(X)
            self._source = self._spool.read
        else:
            self._source = lambda: iter(X)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._spool is not None:
            self._spool.file.close()

    def blocks(self) -> Iterator[Block]:
        """All rows, checked, a block at a time."""
        if self.array is not None:
            for rows in chunks(len(self.array), rows_per_chunk(8 * (self.n + self.k))):
                yield self.array[rows], None if self.target is None else self.target[rows]
            return
        assert self._source is not None
        seen = False
        for block in self._source():
            X, T = block if isinstance(block, tuple) else (block, None)
            X = self._checked(X)
            seen = True
            yield X, None if T is None else self._checked_target(T, len(X))
        if not seen:
            raise ValueError("X must have at least one row, got no block.")

    def gram(self, W: Floats, damp: float) -> tuple[Gram, Floats]:
        """Damped Gram matrix, and the real weights whose outputs are nearest to the targets."""
        XtX = np.zeros((self.n, self.n))
        XtD = np.zeros((self.n, self.k))
        targeted = False
        for X, T in self.blocks():
            XtX += X.T @ X
            if T is not None:
                targeted = True
                XtD += X.T @ (T - X @ W.T.astype(X.dtype))
        gram = Gram.of(XtX, damp)
        if not targeted:
            return gram, W
        return gram, W + np.linalg.solve(gram.matrix, XtD).T

    def rows(self, gram: Gram | None, max_rows: int, rng: np.random.Generator) -> Block:
        """All rows, or `max_rows` of them: half with the largest leverage, half at random."""
        if self.array is not None and len(self.array) <= max_rows:
            return self.array, self.target
        assert gram is not None
        root = gram.leverage_root.T
        kept = _Kept(max_rows // 2)
        rest = _Kept(max_rows - max_rows // 2)
        for X, T in self.blocks():
            leverage = ((X @ root.astype(X.dtype)) ** 2).sum(axis=1)
            rejected = kept.add(leverage, X, T)
            rest.add(rng.random(len(rejected[0])), *rejected[1:])
        return _joined([kept, rest])

    def worst_beyond(
        self, error: Floats, W: Floats, limit: Floats, max_rows: int
    ) -> tuple[Block, Floats]:
        """Rows that violate more than `limit` (k,), the worst first; and every target's maximum."""
        kept, worst = _Kept(max_rows), np.zeros(self.k)
        for X, T in self.blocks():
            size = np.abs(residual(X, self._lack(X, T, W), error))
            np.maximum(worst, size.max(axis=0, initial=0), out=worst)
            beyond = (size - limit * (1 + 1e-6)).max(axis=1, initial=-np.inf)
            bad = beyond > 0
            kept.add(beyond[bad], X[bad], None if T is None else T[bad])
        return _joined([kept]), worst

    def _lack(self, X: Floats, T: Floats | None, W: Floats) -> Floats | None:
        """What the outputs of the real weights lack to the targets."""
        return None if T is None else T - X @ W.T.astype(X.dtype)

    def errors(self, error: Floats, W: Floats) -> tuple[Floats, float]:
        """Every target's largest |X e - d| and the relative error of all outputs."""
        worst, squares, size = np.zeros(self.k), 0.0, 0.0
        for X, T in self.blocks():
            R = residual(X, self._lack(X, T, W), error)
            np.maximum(worst, np.abs(R).max(axis=0, initial=0), out=worst)
            squares += float(np.sum(R * R, dtype=np.float64))
            outputs = X @ W.T.astype(X.dtype) if T is None else T
            size += float(np.sum(outputs * outputs, dtype=np.float64))
        return worst, float(np.sqrt(squares / size)) if size else 0.0

    def _checked(self, X: Any) -> Floats:
        X = check_array(X, dtype=DTYPES, input_name="X", ensure_min_samples=0)
        if X.shape[1] != self.n:
            raise ValueError(
                f"X must have as many columns as W, {self.n}, got {X.shape[1]} of shape {X.shape}."
            )
        if self._source is None and not len(X):
            raise ValueError("X must have at least one row, got none.")
        return X

    def _checked_target(self, target: Any, m: int) -> Floats:
        T = check_array(target, dtype=DTYPES, input_name="target", ensure_min_samples=0)
        if T.shape != (m, self.k):
            raise ValueError(f"target must be of shape ({m}, {self.k}), got {T.shape}.")
        return T


def residual(X: Floats, D: Floats | None, error: Floats) -> Floats:
    """``X e' - D`` (m, k) for weight errors e (k, n), in the precision of X."""
    R = X @ error.T.astype(X.dtype, copy=False)
    if D is not None:
        R -= D
    return np.asarray(R)


def _are_blocks(X: Any) -> bool:
    if callable(X):
        return True
    if hasattr(X, "shape") or hasattr(X, "__array__") or hasattr(X, "columns"):
        return False
    if isinstance(X, (list, tuple)):
        first = X[0] if X else None
        first = first[0] if isinstance(first, tuple) and first else first
        return getattr(first, "ndim", 0) == 2
    return hasattr(X, "__iter__")


class _Spool:
    """A one-shot iterator that can be read again: from a file, once it has been read."""

    def __init__(self, blocks: Iterator[Any]) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the calibration
        self._blocks, self._count, self._complete = blocks, 0, False

    def read(self) -> Iterator[Any]:
        """All blocks."""
        if self._complete:
            self.file.seek(0)
            for _ in range(self._count):
                X, T = np.load(self.file), np.load(self.file)
                yield X if T.ndim < 2 else (X, T)
            return
        for block in self._blocks:
            X, T = block if isinstance(block, tuple) else (block, None)
            np.save(self.file, np.asarray(X))
            np.save(self.file, np.empty(0) if T is None else np.asarray(T))
            self._count += 1
            yield block
        self._complete = True


class _Kept:
    """The rows with the largest keys of a stream."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.key: Floats = np.empty(0)
        self.X: Floats | None = None
        self.T: Floats | None = None

    def add(self, key: Floats, X: Floats, T: Floats | None) -> tuple[Floats, Floats, Floats | None]:
        """Take rows in; those that have no place come back."""
        if self.X is not None:
            key, X = np.concatenate([self.key, key]), np.concatenate([self.X, X])
            T = None if T is None or self.T is None else np.concatenate([self.T, T])
        order = np.argsort(-key, kind="stable")
        best, rest = np.sort(order[: self.most]), np.sort(order[self.most :])
        self.key, self.X = key[best], X[best]
        self.T = None if T is None else T[best]
        return key[rest], X[rest], None if T is None else T[rest]


def _joined(parts: list[_Kept]) -> Block:
    filled = [part for part in parts if part.X is not None and len(part.X)]
    if not filled:
        return np.empty((0, 0)), None
    X = np.concatenate([part.X for part in filled if part.X is not None])
    if filled[0].T is None:
        return X, None
    return X, np.concatenate([part.T for part in filled if part.T is not None])
