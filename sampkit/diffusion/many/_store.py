"""Where the samples of a long run are kept, and which of them are there already."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Store", "known_key", "store_of"]

Array = npt.NDArray[Any]

_SECONDS = 1.0  # between two writes to the disk


class Store:
    """Rows of samples in memory, and the mask of those that are done."""

    def __init__(self, samples: Array, done: npt.NDArray[np.bool_]):
        self.samples, self.done = samples, done

    def put(self, rows: slice, values: Array) -> int:
        """Take samples, except for those that are there; how many were new."""
        new = ~self.done[rows]
        self.samples[rows][new] = values[new]
        self.done[rows] = True
        return int(new.sum())

    def flush(self) -> None:
        """Have everything where it stays."""
        if isinstance(self.samples, np.memmap):
            self.samples.flush()


class _FileStore(Store):
    """Rows in a .npy file. A record beside it grows by a line for every batch.

    The record's first line holds the settings, every other one a range of rows that are done. Rows
    reach the disk before the lines that speak of them; a line cut off by a crash is not read.
    """

    def __init__(self, path: Path, settings: dict[str, Any]):
        self.record = record_of(path)
        shape, dtype = tuple(settings["shape"]), np.dtype(settings["dtype"])
        size = (settings["n_samples"], *shape)
        done = np.zeros(settings["n_samples"], dtype=bool)
        if self.record.exists():
            _read(self.record, settings, done)
        elif path.exists():
            raise ValueError(
                f"out names a file without its record {self.record.name}: what is in it is not "
                f"known. Name another file, got {str(path)!r}."
            )
        else:
            self.record.write_text(json.dumps(settings) + "\n", encoding="utf-8")
        if not path.exists():
            if done.any():
                raise ValueError(f"out has a record {self.record.name}, but {path.name} is gone.")
            _allocate(path, size, dtype)
        samples = np.lib.format.open_memmap(path, mode="r+")
        if samples.shape != size or samples.dtype != dtype:
            raise ValueError(
                f"out must hold {size} {dtype}, got {samples.shape} {samples.dtype} in {path.name}."
            )
        super().__init__(samples, done)
        self._new: list[slice] = []
        self._last = time.monotonic()

    def put(self, rows: slice, values: Array) -> int:
        n_new = super().put(rows, values)
        self._new.append(rows)
        if time.monotonic() - self._last > _SECONDS:
            self.flush()
        return n_new

    def flush(self) -> None:
        super().flush()
        lines = "".join(f"[{rows.start}, {rows.stop}]\n" for rows in self._new)
        with self.record.open("a", encoding="utf-8") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        self._new.clear()
        self._last = time.monotonic()


def record_of(path: Path) -> Path:
    """The file beside a file of samples."""
    return path.with_name(path.name + ".record")


def known_key(out: Any) -> npt.NDArray[np.uint64] | None:
    """The key of the noise of a file that was begun."""
    if not isinstance(out, (str, os.PathLike)) or not record_of(Path(out)).exists():
        return None
    known = _settings(record_of(Path(out)))
    return np.array([int(part, 16) for part in known["random_state"]], dtype=np.uint64)


def _settings(record: Path) -> dict[str, Any]:
    """The first line of a record."""
    with record.open(encoding="utf-8") as file:
        head = file.readline()
    try:
        known: dict[str, Any] = json.loads(head)
        if known["sampkit"] == "sample_many":
            return known
    except (json.JSONDecodeError, KeyError, TypeError):
        pass
    raise ValueError(f"out has a record {record.name} that cannot be read.")


def _read(record: Path, settings: dict[str, Any], done: npt.NDArray[np.bool_]) -> None:
    """Check the settings of a record against those of this call, and mark what is done."""
    known = _settings(record)
    for name, value in settings.items():
        if known.get(name) != value:
            raise ValueError(
                f"out was begun with other settings: {name} is {known.get(name)!r} in "
                f"{record.name}, got {value!r}."
            )
    lines = record.read_text(encoding="utf-8").split("\n")[1:]
    for line in lines:
        try:
            first, stop = json.loads(line)
        except (json.JSONDecodeError, TypeError, ValueError):
            continue  # the end of what a crash left
        done[first:stop] = True
    if not lines or lines[-1]:
        with record.open("a", encoding="utf-8") as file:
            file.write("\n")


def _allocate(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """An empty file of samples, its blocks reserved: a full disk is met now, not in the middle."""
    np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape).flush()
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return  # a file system that reserves nothing
        path.unlink()
        record_of(path).unlink(missing_ok=True)
        raise


def store_of(out: Any, done: Any, settings: dict[str, Any]) -> Store:
    """The store for samples of these settings.

    Parameters
    ----------
    out : None, ndarray, str or Path
        Nothing, where to write, or the .npy file to make or to go on with.
    done : None or array of bool
        What an array holds already.
    settings : dict
        What a file must have been begun with; `n_samples`, `shape` and `dtype` are among it.
    """
    n, dtype = settings["n_samples"], np.dtype(settings["dtype"])
    size = (n, *settings["shape"])
    if isinstance(out, (str, os.PathLike)):
        if done is not None:
            raise ValueError("done must be None beside a file, whose record knows it.")
        path = Path(out)
        if path.suffix != ".npy":
            raise ValueError(f"out must end in .npy, got {str(path)!r}.")
        return _FileStore(path, settings)
    if out is None:
        if done is not None:
            raise ValueError("done must be None without out: nothing is there yet.")
        return Store(np.zeros(size, dtype=dtype), np.zeros(n, dtype=bool))
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be None, an array or a path, got {type(out).__name__}.")
    if out.shape != size or out.dtype != dtype or not out.flags.writeable:
        raise ValueError(
            f"out must be a writeable array of shape {size} and {dtype}, got {out.shape} "
            f"{out.dtype}."
        )
    if done is None:
        return Store(out, np.zeros(n, dtype=bool))
    mask = np.asarray(done)
    if mask.shape != (n,) or mask.dtype != bool:
        raise ValueError(
            f"done must be an array of bool of shape ({n},), got {mask.dtype} of shape "
            f"{mask.shape}."
        )
    return Store(out, mask.copy())
