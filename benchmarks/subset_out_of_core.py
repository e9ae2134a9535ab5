"""Training on a mapped file of 4 GB within 500 MB of memory, and the pages it really reads.

`python -m benchmarks subset_out_of_core` makes a sparse file in a temporary folder (it takes no
room on the disk beyond the rows that are written), trains on it in a process of its own, and keeps
the figures in `benchmarks/results/subset_out_of_core.{json,md}`. Linux only: it asks the system
which pages of the file are in its cache (``mincore``) and what the process held at most.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results" / "subset_out_of_core"
FEATURES, PAGE = 1024, 4096  # float32: a row is a page
SHARE, BLOCK, ROUNDS = 0.02, 16, 20  # blocks of 64 KiB
WRITTEN = 64  # one row in so many holds numbers, the others are holes
LIMIT_MB, TOLERANCE = 500, 0.02


def write(path: Path, n_rows: int) -> None:
    """A sparse file: two classes told apart by their first features."""
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        file.truncate(n_rows * FEATURES * 4)
        for row in range(0, n_rows, WRITTEN):
            values = rng.normal(size=FEATURES).astype(np.float32)
            values[:8] += 2 * (row // WRITTEN % 2)
            file.seek(row * FEATURES * 4)
            file.write(values.tobytes())


def labels(n_rows: int) -> Any:
    """Class of every row; of the holes at random."""
    y = np.random.default_rng(1).integers(0, 2, n_rows)
    y[::WRITTEN] = np.arange(len(y[::WRITTEN])) % 2
    return y


def cached_pages(X: Any) -> int:
    """Pages of the mapped file that are in the system's cache."""
    found = np.zeros(-(-X.nbytes // PAGE), dtype=np.uint8)
    call = ctypes.CDLL(None, use_errno=True).mincore
    address = ctypes.c_void_p(X.__array_interface__["data"][0])
    if call(address, ctypes.c_size_t(X.nbytes), found.ctypes.data_as(ctypes.c_void_p)):
        raise OSError(ctypes.get_errno(), "mincore")
    return int((found & 1).sum())


def drop_cache(path: Path) -> None:
    """Ask the system to forget the file's pages."""
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def peak_mb() -> float:
    """Largest resident memory of this process so far, mapped pages included."""
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x)
    return int(line.split()[1]) / 1024


def train(path: Path, n_rows: int, block_rows: int | None) -> dict[str, Any]:
    """Train round by round; pages read are counted after each."""
    from sklearn.linear_model import SGDClassifier

    from sampkit.subset import RepeatedSubsetClassifier, read_cost

    X = np.memmap(path, dtype=np.float32, mode="r", shape=(n_rows, FEATURES))
    y = labels(n_rows)
    model = RepeatedSubsetClassifier(
        SGDClassifier(loss="log_loss"), SHARE, 1, block_rows=block_rows, warm_start=True,
        random_state=0,
    )  # fmt: skip
    before, began = peak_mb(), time.perf_counter()
    pages = []
    for t in range(1, ROUNDS + 1):
        drop_cache(path)
        already = cached_pages(X)
        model.set_params(n_rounds=t).fit(X, y)
        pages.append(cached_pages(X) - already)
    seconds = time.perf_counter() - began
    row_bytes, size = FEATURES * 4, n_rows * FEATURES * 4
    cost = read_cost(row_bytes, SHARE, PAGE, block_rows)
    written = np.arange(0, n_rows, WRITTEN)[-1000:]
    expected = ROUNDS * cost["fraction_of_file"] * size
    return {
        "read as": "rows" if block_rows is None else f"blocks of {block_rows} rows",
        "file_mb": size / 2**20,
        "rounds": ROUNDS,
        "share": SHARE,
        "peak_mb": peak_mb(),
        "before_mb": before,
        "reported_mb": model.bytes_read_ / 2**20,
        "pages_mb": sum(pages) * PAGE / 2**20,
        "model_mb": expected / 2**20,
        "reported_over_model": model.bytes_read_ / expected,
        "pages_over_model": sum(pages) * PAGE / expected,
        "seconds": seconds,
        "accuracy": float(model.score(np.array(X[written]), y[written])),
    }


def run(gigabytes: float) -> list[dict[str, Any]]:
    """Both ways of reading, each in a fresh process."""
    n_rows = int(gigabytes * 2**30) // (FEATURES * 4) // BLOCK * BLOCK
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.f32")
        write(path, n_rows)
        print(f"{n_rows:,} rows, {path.stat().st_blocks * 512 / 2**20:.0f} MB on disk", flush=True)
        for block in (BLOCK, None):
            call = [sys.executable, "-m", "benchmarks.subset_out_of_core", "--worker", str(path)]
            call += ["--rows", str(n_rows), "--block", str(block or 0)]
            done = subprocess.run(call, check=True, capture_output=True, text=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
            print("  " + json.dumps(found[-1]), flush=True)
    return found


def markdown(found: list[dict[str, Any]]) -> str:
    heads = {
        "read as": "s", "file_mb": ".0f", "rounds": "d", "share": ".0%", "before_mb": ".0f",
        "peak_mb": ".0f", "reported_mb": ".1f", "pages_mb": ".1f", "model_mb": ".1f",
        "reported_over_model": ".4f", "pages_over_model": ".4f", "seconds": ".1f",
        "accuracy": ".3f",
    }  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "| " + " | ".join("---" for _ in heads) + " |"]
    rows = ([format(row[k], spec) for k, spec in heads.items()] for row in found)
    lines += ["| " + " | ".join(cells) + " |" for cells in rows]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Run, print and keep; or, as a worker, train once."""
    parser = argparse.ArgumentParser(prog="benchmarks subset_out_of_core", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--no-save", action="store_true", help="print only")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--block", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.worker:
        print(json.dumps(train(options.worker, options.rows, options.block or None)))
        return
    found = run(options.gigabytes)
    held = max(row["peak_mb"] for row in found)
    off = abs(found[0]["pages_over_model"] - 1)
    text = (
        "# subset_out_of_core\n\nSGDClassifier on a mapped file, one process each; megabytes of "
        "2^20 bytes. `reported` is `bytes_read_`, `pages` what the system read for it (mincore), "
        "`model` is `read_cost`.\n\n" + markdown(found) + f"\n\nPeak memory {held:.0f} MB (limit "
        f"{LIMIT_MB}); pages of block reads {100 * off:.2f} % from the model (limit "
        f"{100 * TOLERANCE:.0f} %).\n"
    )
    print(text)
    if not options.no_save:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.with_suffix(".md").write_text(text, encoding="utf-8")
        RESULTS.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
